//! The time between winning an election and losing or giving up the lease.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::election::{Election, Failure};

/// Why this replica leads no more. The process must end: another one may lead from now on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Another replica has it.
    #[error("the lease was taken by {0}")]
    Taken(String),
    /// Somebody deleted it.
    #[error("the lease was deleted")]
    Deleted,
    /// No renewal went through in time; the last obstacle.
    #[error("the lease could not be renewed in time: {0}")]
    NotRenewed(String),
    /// The renewing task is gone, which only a defect explains.
    #[error("nobody renews the lease any more")]
    Abandoned,
}

/// This replica leads while this value lives and [`lost`](Self::lost) is pending. Dropped without
/// [`release`](Self::release), the lease is left to run out.
#[derive(Debug)]
pub struct Leadership {
    lost: watch::Receiver<Option<Lost>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Leadership {
    /// Renews `lease`, which was written on a decision of the moment `since`.
    pub(super) fn keep(election: Election, lease: Lease, since: Instant) -> Self {
        let (sender, lost) = watch::channel(None);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            if let Err(why) = renew(&election, lease, since, stopped).await {
                tracing::error!(lease = %election, %why, "leading no more");
                sender.send_replace(Some(why));
            }
        });
        Self { lost, stop: Some(stop), task }
    }

    /// Ends when this replica leads no more, with the reason. To be polled until then: there is no other sign.
    pub fn lost(&self) -> impl Future<Output = Lost> + Send + use<> {
        let mut lost = self.lost.clone();
        async move {
            match lost.wait_for(Option::is_some).await.map(|why| why.clone()) {
                Ok(Some(why)) => why,
                Ok(None) | Err(_) => Lost::Abandoned,
            }
        }
    }

    /// Gives the lease back, so that the next replica takes it at once. To be called after the last write of this one.
    pub async fn release(mut self) {
        if let Some(stop) = self.stop.take() {
            // The task has ended by itself if the lease was lost.
            let _ = stop.send(());
        }
        let _ = (&mut self.task).await;
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Renews until told to stop (and then releases), or until the lease is lost.
async fn renew(
    election: &Election,
    mut lease: Lease,
    mut since: Instant,
    mut stopped: oneshot::Receiver<()>,
) -> Result<(), Lost> {
    loop {
        // Counted from before the last renewal's request, the earliest moment others may count from.
        let due = since + election.renew_every();
        tokio::select! {
            told = &mut stopped => {
                if told.is_ok() {
                    release(election, lease).await;
                }
                return Ok(());
            }
            () = tokio::time::sleep_until(due.into()) => {}
        }
        let deadline = since + election.renew_within();
        (lease, since) = renew_once(election, lease, deadline).await?;
    }
}

/// One renewal, tried until it goes through or the deadline has passed.
async fn renew_once(
    election: &Election,
    mut lease: Lease,
    deadline: Instant,
) -> Result<(Lease, Instant), Lost> {
    let mut obstacle = "no answer in time".to_owned();
    loop {
        let since = Instant::now();
        if since >= deadline {
            return Err(Lost::NotRenewed(obstacle));
        }
        let attempt = async {
            let written = election.write(election.held(lease.clone())).await;
            match written {
                Err(failure) if failure.is_conflict() => election.get().await.map(Attempt::Changed),
                written => written.map(Attempt::Renewed),
            }
        };
        match tokio::time::timeout_at(deadline.into(), attempt)
            .await
            .unwrap_or_else(|late| Err(Failure::from(late)))
        {
            Ok(Attempt::Renewed(renewed)) => return Ok((renewed, since)),
            // Also what is left of a renewal whose answer got lost: still ours, at a newer resource version.
            Ok(Attempt::Changed(Some(changed))) if is_held_by(&changed, &election.identity) => {
                lease = changed;
                continue;
            }
            Ok(Attempt::Changed(Some(changed))) => return Err(Lost::Taken(holder(&changed).to_owned())),
            Ok(Attempt::Changed(None)) => return Err(Lost::Deleted),
            Err(Failure::Api(kube::Error::Api(status))) if status.code == 404 => return Err(Lost::Deleted),
            Err(failure) => obstacle = failure.to_string(),
        }
        tracing::warn!(lease = %election, obstacle, "cannot renew the lease");
        tokio::time::sleep_until((Instant::now() + election.poll() / 2).min(deadline).into()).await;
    }
}

/// What one try to renew brought.
enum Attempt {
    /// The lease as it stands now.
    Renewed(Lease),
    /// Somebody wrote it since: what it is now, if it still is.
    Changed(Option<Lease>),
}

fn holder(lease: &Lease) -> &str {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default()
}

fn is_held_by(lease: &Lease, identity: &str) -> bool {
    holder(lease) == identity
}

/// Nobody's lease, of the shortest duration there is (as client-go releases it); if that fails it runs out.
async fn release(election: &Election, mut lease: Lease) {
    if let Some(spec) = &mut lease.spec {
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
    }
    match election.write(lease).await {
        Ok(_) => tracing::info!(lease = %election, "released the lease"),
        Err(failure) => {
            let left = Duration::as_secs(&election.duration);
            tracing::warn!(lease = %election, %failure, "cannot release the lease, it runs out in {left} s");
        }
    }
}
