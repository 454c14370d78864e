//! One candidate and one Lease.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Api;
use kube::api::PostParams;

/// Why this replica cannot take part in the election.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Refused for a reason that trying again does not change: no right to it, no such namespace, an invalid name.
    #[error("cannot use lease {namespace}/{name}")]
    Refused {
        /// Namespace of the lease.
        namespace: String,
        /// Its name.
        name: String,
        /// The API server's answer.
        source: Box<kube::Error>,
    },
}

/// What to do about a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody holds it, or nobody does any more: take it.
    Acquire,
    /// It is ours: keep it.
    Renew,
    /// Another one holds it; without a sign of life it runs out then.
    Wait(Instant),
}

/// Judges a lease that has looked the same since `observed_since`, for the replica `me`.
pub(super) fn evaluate(spec: &LeaseSpec, me: &str, observed_since: Instant, now: Instant) -> Verdict {
    let holder = spec.holder_identity.as_deref().unwrap_or_default();
    if holder.is_empty() {
        return Verdict::Acquire;
    }
    if holder == me {
        return Verdict::Renew;
    }
    // The holder's own promise counts, not what this replica would have promised. None was made where it is missing.
    let seconds = u64::try_from(spec.lease_duration_seconds.unwrap_or_default()).unwrap_or_default();
    let end = observed_since + Duration::from_secs(seconds);
    if end <= now { Verdict::Acquire } else { Verdict::Wait(end) }
}

/// Why one request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Api(#[from] kube::Error),
    #[error("no answer in time")]
    Timeout(#[from] tokio::time::error::Elapsed),
}

impl Failure {
    /// Somebody wrote between our reading and our writing.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Api(kube::Error::Api(status)) if status.code == 409)
    }
}

/// A conflict means that somebody else was faster, which is nobody's failure.
pub(crate) fn unless_conflict(written: Result<Lease, Failure>) -> Result<Option<Lease>, Failure> {
    match written {
        Err(failure) if failure.is_conflict() => Ok(None),
        written => written.map(Some),
    }
}

/// One candidate's view of one lease.
pub(crate) struct Election {
    pub(super) api: Api<Lease>,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) identity: String,
    pub(super) duration: Duration,
}

impl std::fmt::Display for Election {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl Election {
    /// How often a standby looks, so that it finds a released lease soon (every 2 s of a lease of 15 s).
    pub(super) fn poll(&self) -> Duration {
        self.duration * 2 / 15
    }

    /// How often the leader renews.
    pub(super) fn renew_every(&self) -> Duration {
        self.duration / 3
    }

    /// How long one request may take, since kube's own retries go on for minutes: a leader has time for two of them.
    fn answer_within(&self) -> Duration {
        self.duration / 6
    }

    /// When a leader that cannot renew gives up: what is left is for the work under way to end.
    pub(super) fn renew_within(&self) -> Duration {
        self.duration * 2 / 3
    }

    pub(super) fn refused(&self, source: kube::Error) -> LeaseError {
        LeaseError::Refused {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            source: Box::new(source),
        }
    }

    /// Looks at the lease once and takes it if it is there to be taken.
    pub(super) async fn attempt(
        &self,
        observed: &mut Option<(LeaseSpec, Instant)>,
        now: Instant,
    ) -> Result<Option<Lease>, Failure> {
        let Some(lease) = self.get().await? else {
            return unless_conflict(self.create().await);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let since = match observed {
            Some((seen, since)) if *seen == spec => *since,
            _ => now,
        };
        let verdict = evaluate(&spec, &self.identity, since, now);
        *observed = Some((spec, since));
        match verdict {
            Verdict::Wait(_) => Ok(None),
            Verdict::Acquire | Verdict::Renew => unless_conflict(self.write(self.held(lease)).await),
        }
    }

    /// The lease as its holder writes it: renewed now, and acquired now if it was somebody else's.
    pub(super) fn held(&self, mut lease: Lease) -> Lease {
        let now = MicroTime(k8s_openapi::jiff::Timestamp::now());
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            // The first holder of a lease is no transition.
            let before = spec.holder_identity.replace(self.identity.clone());
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0) + i32::from(before.is_some()));
            spec.acquire_time = Some(now.clone());
        }
        spec.renew_time = Some(now);
        spec.lease_duration_seconds = i32::try_from(self.duration.as_secs()).ok();
        lease
    }

    pub(super) async fn get(&self) -> Result<Option<Lease>, Failure> {
        Ok(tokio::time::timeout(self.answer_within(), self.api.get_opt(&self.name)).await??)
    }

    async fn create(&self) -> Result<Lease, Failure> {
        let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
        let lease = self.held(Lease { metadata, spec: None });
        let parameters = PostParams::default();
        Ok(tokio::time::timeout(self.answer_within(), self.api.create(&parameters, &lease)).await??)
    }

    /// Replaces the lease if it still is what was read: the resource version in it decides.
    pub(super) async fn write(&self, lease: Lease) -> Result<Lease, Failure> {
        let parameters = PostParams::default();
        let request = self.api.replace(&self.name, &parameters, &lease);
        Ok(tokio::time::timeout(self.answer_within(), request).await??)
    }
}
