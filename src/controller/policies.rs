//! What the bridge says of policies: how many Applications each governs, and what it refused. Written where it changed.

use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::filled::filled;
use super::shared::Shared;
use crate::argo::Application;
use crate::merge::deep_merge;
use crate::names;
use crate::panics::{self, Panic};
use crate::policy::{Census, FluxDeliveryPolicy, FluxDeliveryPolicyStatus, desired};

/// Looks at Applications within this time are counted together.
const SETTLE: Duration = Duration::from_secs(1);

/// Counts until `stop`, each time that there is news of policies.
pub(super) fn start(shared: &Arc<Shared>, stop: CancellationToken) {
    let (news, shared) = (Arc::clone(&shared.policy_news), Arc::downgrade(shared));
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = news.notified() => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(SETTLE) => {}
                () = stop.cancelled() => return,
            }
            match panics::caught(tell(&shared)).await {
                Ok(None) => return,
                Ok(Some(())) => {}
                Err(panic) => note(&shared, &panic),
            }
        }
    });
}

fn note(shared: &Weak<Shared>, panic: &Panic) {
    if let Some(shared) = shared.upgrade() {
        shared.metrics.panicked("policies");
    }
    tracing::error!(place = panic.place, "a mistake of the bridge's about policies: please report it");
}

/// Writes every status that changed; `None` when the controller is gone.
async fn tell(shared: &Weak<Shared>) -> Option<()> {
    let shared = shared.upgrade()?;
    filled(&shared).await;
    let policies = shared.cache.policies();
    if policies.is_empty() {
        return Some(());
    }
    let applications = shared.cache.applications().state_filter(Application::is_bridged);
    let mut census = Census::default();
    for app in &applications {
        // Right after a start, nobody knows yet what is refused; the next look wakes this again.
        let Some(refused) = shared.memory.refused_by_policy(&app.identity()) else { return Some(()) };
        census.add(app, &policies, &refused);
    }
    for policy in policies {
        let status = desired(&policy, &census, Timestamp::now());
        if policy.status.as_ref() != Some(&status) {
            write(&shared.client, &policy, &status).await;
        }
    }
    Some(())
}

/// A status is a courtesy: one that cannot be written is logged, and nothing else depends on it.
async fn write(client: &Client, policy: &FluxDeliveryPolicy, status: &FluxDeliveryPolicyStatus) {
    let namespace = policy.metadata.namespace.as_deref().unwrap_or_default();
    let name = policy.metadata.name.as_deref().unwrap_or_default();
    let mut patch = json!({ "status": status });
    // An empty list, too: nothing is left out in a merge patch.
    deep_merge(&mut patch, json!({"status": {"refusals": status.refusals}}));
    let params = PatchParams { field_manager: Some(names::FIELD_MANAGER.into()), ..PatchParams::default() };
    let api = Api::<FluxDeliveryPolicy>::namespaced(client.clone(), namespace);
    match api.patch_status(name, &params, &Patch::Merge(patch)).await {
        Ok(_) => {}
        Err(kube::Error::Api(answer)) if answer.is_not_found() => {}
        Err(error) => tracing::warn!(policy = name, %error, "cannot write the status of a policy"),
    }
}
