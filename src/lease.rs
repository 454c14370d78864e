//! Leader election by a `Lease`: at most one replica works at a time.
//!
//! Times written by other machines are never compared with this one's clock: a lease has run out when it stood still
//! for its duration *as seen from here* (as client-go `tools/leaderelection` does it). Who cannot renew in time stops
//! before anybody else may start, and does so for good: the process ends and another one takes its place.

mod election;
mod hold;

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::LeaseSpec;
use kube::{Api, Client};

use election::{Election, Failure};

pub use election::LeaseError;
pub use hold::{Leadership, Lost};

/// How long a lease holds without a renewal, unless somebody knows better (client-go's own default).
pub const DEFAULT_DURATION: Duration = Duration::from_secs(15);

/// A name that no other replica has: the Pod's, or for a process outside of one, the machine's with the process id.
pub fn identity(pod_name: Option<&str>) -> String {
    if let Some(pod) = pod_name.filter(|name| !name.is_empty()) {
        return pod.to_owned();
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}_{}", host.trim(), std::process::id())
}

/// Waits until `identity` holds the lease, and keeps renewing it from then on.
///
/// `duration` is rounded up to whole seconds. Refusals that may pass (no connection, overload) are logged and tried
/// again for as long as it takes; dropping the future gives up.
pub async fn acquire(
    client: Client,
    namespace: &str,
    name: &str,
    identity: &str,
    duration: Duration,
) -> Result<Leadership, LeaseError> {
    let election = Election {
        api: Api::namespaced(client, namespace),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        identity: identity.to_owned(),
        duration: whole_seconds(duration),
    };
    let mut observed: Option<(LeaseSpec, Instant)> = None;
    loop {
        let now = Instant::now();
        match election.attempt(&mut observed, now).await {
            Ok(Some(lease)) => {
                tracing::info!(lease = %election, identity, "leading");
                return Ok(Leadership::keep(election, lease, now));
            }
            Ok(None) => {}
            Err(Failure::Api(source)) if is_final(&source) => return Err(election.refused(source)),
            Err(failure) => tracing::warn!(lease = %election, %failure, "cannot take part in the election"),
        }
        tokio::time::sleep(election.poll()).await;
    }
}

/// Lease objects count in whole seconds, and none at all would be a lease that has always run out.
fn whole_seconds(duration: Duration) -> Duration {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    Duration::from_secs(seconds.clamp(1, i32::MAX.unsigned_abs().into()))
}

/// Trying again would bring the same answer. A conflict is no such answer: the next look at the lease decides.
fn is_final(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 400 | 401 | 403 | 404 | 422))
}

#[cfg(test)]
mod tests;
