//! Looks at what was delivered, once a delivery, for the images and addresses of the Application's summary.

use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::Shared;
use crate::argo::status::Summary;
use crate::mirror::inventory::Entry;
use crate::mirror::{Delivered, Observed, View, WorkloadState, summary};

/// How many objects of one Application are asked for at once.
const CONCURRENCY: usize = 4;
/// How long all of them may take: a summary holds nothing up.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait before asking again for what was not to be had, and how often to do so.
const DELAY: Duration = Duration::from_secs(60);
const MAX_LOOKS: u32 = 10;

/// What the last look found.
#[derive(Clone, Debug)]
pub(super) struct Looked {
    delivered: Delivered,
    summary: Option<Summary>,
    at: Instant,
    /// How many looks at this delivery there have been.
    looks: u32,
    /// Nothing is missing.
    is_settled: bool,
}

impl Looked {
    /// How long to wait before the next look at the same delivery; `None`: there is none.
    fn wait(&self) -> Option<Duration> {
        let is_due = !self.is_settled && self.looks < MAX_LOOKS;
        is_due.then(|| DELAY.saturating_sub(self.at.elapsed()))
    }
}

/// Images and addresses of what is delivered, as far as they are known, and when to look again though nothing happens.
pub(super) async fn look(shared: &Shared, observed: &Observed) -> (Option<Summary>, Option<Duration>) {
    let identity = observed.app.identity();
    let last = shared.memory.looked(&identity);
    let found = last.as_ref().and_then(|last| last.summary.clone());
    // While Flux is at work, what it says of its deliveries is about to change.
    let Some(delivered) = delivered(shared, observed) else { return (found, None) };
    let same = last.filter(|last| last.delivered == delivered);
    let wait = same.as_ref().map(Looked::wait);
    if let Some(wait) = wait.filter(|wait| wait.is_none_or(|wait| !wait.is_zero())) {
        return (found, wait);
    }
    tracing::debug!(
        application = identity,
        objects = delivered.objects.len(),
        "looking at what was delivered"
    );
    let answers = tokio::time::timeout(PATIENCE, ask(&shared.client, &delivered)).await.ok().flatten();
    let is_settled = answers.as_ref().is_some_and(|objects| !objects.iter().any(summary::awaits_address));
    let summary = answers
        .map(|objects| Summary { is_app_of_apps: delivered.has_applications, ..summary::of(&objects) });
    let summary = summary.or(found);
    let looks = same.map_or(0, |same| same.looks) + 1;
    let looked = Looked { delivered, summary: summary.clone(), at: Instant::now(), looks, is_settled };
    let wait = looked.wait();
    shared.memory.look(&identity, looked);
    (summary, wait)
}

/// What is delivered, once it is.
fn delivered(shared: &Shared, observed: &Observed) -> Option<Delivered> {
    let view = View::of(observed);
    let is_delivered = matches!(view.workload, WorkloadState::Ready(_)) && !observed.app.is_deleting();
    let workload = view.parts.workload.filter(|_| is_delivered)?;
    Some(Delivered::by(workload, |key| shared.cache.object(key)))
}

/// The live objects; those that are gone or may not be read are left out. `None`: the API server did not answer for all.
async fn ask(client: &Client, delivered: &Delivered) -> Option<Vec<Value>> {
    let requests =
        delivered.objects.iter().map(|entry| get(client.clone(), entry.clone())).collect::<Vec<_>>();
    let answers: Vec<_> = futures::stream::iter(requests).buffer_unordered(CONCURRENCY).collect().await;
    let answers: Option<Vec<_>> = answers.into_iter().collect();
    answers.map(|objects| objects.into_iter().flatten().collect())
}

/// One live object: `None` when the API server did not answer, `Some(None)` when there is nothing to be had.
async fn get(client: Client, entry: Entry) -> Option<Option<Value>> {
    // Inventories keep the version that a manifest was written in, which the API server may have left behind.
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(&entry.group, "v1", &entry.kind));
    let api = Api::<DynamicObject>::namespaced_with(client, &entry.namespace, &resource);
    let error = match api.get(&entry.name).await {
        Ok(object) => {
            let metadata = json!({"annotations": object.metadata.annotations});
            let mut value = object.data;
            (value["kind"], value["metadata"]) = (json!(entry.kind), metadata);
            return Some(Some(value));
        }
        Err(error) => error,
    };
    let Entry { kind, namespace, name, .. } = &entry;
    tracing::debug!(kind, namespace, name, %error, "left out of the summary");
    matches!(error, kube::Error::Api(status) if [403, 404].contains(&status.code)).then_some(None)
}
