//! Carries out the steps of a plan. Beside it write `secrets.rs` (for its steps), `policies.rs` (their status) and the registry
//! (its password, its address).

use std::ops::RangeInclusive;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{Namespace, ObjectReference, Secret};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions};
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Api, Client, Resource};
use serde_json::{Value, json};

use super::lenient::Lenient;
use super::patching::{apply_params, has_code, merge_params};
use super::secret_writes;
use super::shared::Shared;
use crate::argo::Application;
use crate::flux::{FluxKind, Live, Manifest, ObjectKey};
use crate::metrics::Outcome;
use crate::mirror::{compare, ownership};
use crate::names;
use crate::plan::Step;

/// How many of Helm's records are deleted at once.
const RECORDS_AT_ONCE: usize = 16;

/// Why a plan was not carried out to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExecuteError {
    /// The Application changed since it was read: the next event decides anew.
    #[error("the Application has changed")]
    Stale,
    /// Something generated is still there, though the caches do not know it.
    #[error("something generated is still there")]
    NotGone,
    /// The API server did not do it.
    #[error("{step} of {object}")]
    Api {
        /// The kind of step.
        step: &'static str,
        /// Its object.
        object: String,
        /// The answer.
        source: Box<kube::Error>,
    },
}

impl ExecuteError {
    /// The API server's words, when it refused for good (as opposed to: could not).
    pub(super) fn refusal(&self) -> Option<String> {
        let Self::Api { step, object, source } = self else { return None };
        match source.as_ref() {
            kube::Error::Api(status) if is_final(status) || secret_writes::is_foreign(step, status) => {
                Some(format!("{object}: {}", status.message))
            }
            _ => None,
        }
    }
}

/// A server-side apply of a field that the schema does not know is refused with code 500 (apimachinery
/// `pkg/util/managedfields/internal/structuredmerge.go`).
fn is_final(status: &kube::core::Status) -> bool {
    [400, 403, 404, 413, 422].contains(&status.code)
        || (status.code == 500 && status.message.starts_with("failed to create typed patch object"))
}

/// Carries out one step for `app`.
pub(super) async fn execute(shared: &Shared, app: &Application, step: &Step) -> Result<(), ExecuteError> {
    let result = match step {
        Step::CreateNamespace { name, labels, annotations, manager }
        | Step::ApplyNamespace { name, labels, annotations, manager } => {
            let metadata = json!({"name": name, "labels": labels, "annotations": annotations});
            apply_namespace(shared, name, &metadata, manager)
                .await
                .map_err(|source| api_error(step, format!("Namespace {name}"), source))
        }
        Step::ApplyObject(manifest) => {
            apply(shared, manifest).await.map_err(|source| api_error(step, manifest.key.to_string(), source))
        }
        Step::TryObject(manifest) => attempt(shared, manifest)
            .await
            .map_err(|source| api_error(step, manifest.key.to_string(), source)),
        Step::PatchObject { key, patch } => {
            patch_object(shared, key, patch).await.map_err(|source| api_error(step, key.to_string(), source))
        }
        Step::DeleteObject { key, uid } => {
            delete(shared, key, uid).await.map_err(|source| api_error(step, key.to_string(), source))
        }
        Step::ApplySecret { manifest, over } => secret_writes::apply(shared, manifest, over.as_ref())
            .await
            .map_err(|source| api_error(step, secret_writes::shown(shared, &manifest.name), source)),
        Step::DeleteSecret { name, uid } => secret_writes::delete(shared, name, uid)
            .await
            .map_err(|source| api_error(step, secret_writes::shown(shared, name), source)),
        Step::DeleteReleaseRecords { namespace, release, versions } => {
            delete_records(&shared.client, namespace, release, versions.clone())
                .await
                .map_err(|(record, source)| api_error(step, record, source))
        }
        Step::ConfirmGone { labels } => confirm_gone(shared, app, labels).await,
        Step::PatchApplication(patch) => patch_application(shared, app, patch).await,
        Step::EmitEvent { is_warning, reason, message } => {
            emit(shared, app, *is_warning, reason, message).await;
            Ok(())
        }
        Step::WriteCache(entry) => {
            shared.redis.write(&app.identity(), entry).await;
            Ok(())
        }
        Step::DropCache => {
            shared.redis.drop_entry(&app.identity()).await;
            Ok(())
        }
        Step::Requeue(_) => Ok(()),
    };
    if step.is_write() {
        shared.metrics.wrote(step.name(), outcome(&result));
    }
    result
}

fn outcome(result: &Result<(), ExecuteError>) -> Outcome {
    match result {
        Ok(()) => Outcome::Ok,
        Err(ExecuteError::Stale) => Outcome::Conflict,
        Err(_) => Outcome::Error,
    }
}

fn api_error(step: &Step, object: String, source: kube::Error) -> ExecuteError {
    ExecuteError::Api { step: step.name(), object, source: Box::new(source) }
}

fn api(shared: &Shared, key: &ObjectKey) -> Api<DynamicObject> {
    Api::namespaced_with(shared.client.clone(), &key.namespace, &key.kind.api_resource())
}

/// Server-side apply, which creates what is not there.
async fn apply_namespace(
    shared: &Shared,
    name: &str,
    metadata: &Value,
    manager: &str,
) -> Result<(), kube::Error> {
    let api = Api::<Namespace>::all(shared.client.clone());
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
    api.patch(name, &PatchParams::apply(manager).force(), &Patch::Apply(namespace)).await.map(drop)
}

/// Server-side apply as a dry run: admission and validation, and nothing else.
async fn attempt(shared: &Shared, manifest: &Manifest) -> Result<(), kube::Error> {
    let api = api(shared, &manifest.key);
    let applied = Patch::Apply(manifest.to_value());
    api.patch(&manifest.key.name, &apply_params().dry_run(), &applied).await.map(drop)
}

async fn apply(shared: &Shared, manifest: &Manifest) -> Result<(), kube::Error> {
    let params = apply_params();
    let api = api(shared, &manifest.key);
    let mut applied = api.patch(&manifest.key.name, &params, &Patch::Apply(manifest.to_value())).await?;
    // Server-side apply leaves alone what others have added; an edit has to go as a whole.
    let live = Live { kind: manifest.key.kind, object: &applied };
    if let Some(patch) = compare::clean_up(manifest, live.spec()) {
        applied = api.patch(&manifest.key.name, &merge_params(), &Patch::Merge(patch)).await?;
    }
    remember(shared, &manifest.key, applied);
    Ok(())
}

fn remember(shared: &Shared, key: &ObjectKey, mut object: DynamicObject) {
    object.metadata.managed_fields = None;
    shared.cache.wrote_object(key, object);
}

/// An object that is gone needs no patch: the next look decides anew.
async fn patch_object(shared: &Shared, key: &ObjectKey, patch: &Value) -> Result<(), kube::Error> {
    match api(shared, key).patch(&key.name, &merge_params(), &Patch::Merge(patch)).await {
        Ok(patched) => {
            remember(shared, key, patched);
            Ok(())
        }
        Err(error) if has_code(&error, 404) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Another object of the same name (409) stays, one that is gone (404) is.
async fn delete(shared: &Shared, key: &ObjectKey, uid: &str) -> Result<(), kube::Error> {
    let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    match api(shared, key).delete(&key.name, &params).await {
        Ok(_) => Ok(()),
        Err(error) if has_code(&error, 404) || has_code(&error, 409) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Names alone: the bridge may not read Secrets, and needs not. Several at once, since hundreds of answers one after the other
/// outlast a reconcile; the newest first, which are the likeliest to be there. An error names its record.
async fn delete_records(
    client: &Client,
    namespace: &str,
    release: &str,
    versions: RangeInclusive<i64>,
) -> Result<(), (String, kube::Error)> {
    let api = Api::<PartialObjectMeta<Secret>>::namespaced(client.clone(), namespace);
    let delete = async |version: i64| {
        let name = format!("sh.helm.release.v1.{release}.v{version}");
        match api.delete(&name, &DeleteParams::default()).await {
            Err(error) if !has_code(&error, 404) => Err((format!("Secret {namespace}/{name}"), error)),
            _ => Ok(()),
        }
    };
    let all = futures::stream::iter(versions.rev().map(delete)).buffer_unordered(RECORDS_AT_ONCE);
    all.try_for_each(|()| std::future::ready(Ok(()))).await
}

async fn confirm_gone(
    shared: &Shared,
    app: &Application,
    labels: &std::collections::BTreeMap<String, String>,
) -> Result<(), ExecuteError> {
    let selector: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let params = ListParams::default().labels(&selector.join(","));
    let absent = shared.cache.absent_kinds();
    for kind in
        FluxKind::ALL.into_iter().filter(|kind| *kind != FluxKind::HelmChart && !absent.contains(kind))
    {
        let api = Api::<DynamicObject>::all_with(shared.client.clone(), &kind.api_resource());
        let found = api.list(&params).await.map_err(|source| ExecuteError::Api {
            step: "ConfirmGone",
            object: kind.kind().to_owned(),
            source: Box::new(source),
        })?;
        for object in found.items {
            let live = Live { kind, object: &object };
            if ownership::owns(app, &shared.options.control_namespace, live) {
                let key = live.key();
                remember(shared, &key, object);
                return Err(ExecuteError::NotGone);
            }
        }
    }
    if secret_writes::is_left(shared, &params, &app.identity()).await.map_err(|source| ExecuteError::Api {
        step: "ConfirmGone",
        object: "Secret".to_owned(),
        source: Box::new(source),
    })? {
        return Err(ExecuteError::NotGone);
    }
    Ok(())
}

async fn patch_application(shared: &Shared, app: &Application, patch: &Value) -> Result<(), ExecuteError> {
    let api = Api::<Lenient<Application>>::namespaced(shared.client.clone(), app.namespace());
    match api.patch(app.name(), &merge_params(), &Patch::Merge(patch)).await {
        Ok(Lenient(mut patched)) => {
            patched.metadata.managed_fields = None;
            shared.cache.wrote_application(patched);
            Ok(())
        }
        Err(error) if has_code(&error, 409) => Err(ExecuteError::Stale),
        Err(error) if has_code(&error, 404) => Ok(()),
        Err(source) => Err(ExecuteError::Api {
            step: "PatchApplication",
            object: format!("Application {}", app.identity()),
            source: Box::new(source),
        }),
    }
}

/// An event is a courtesy: one that cannot be written is logged, and nothing else depends on it.
async fn emit(shared: &Shared, app: &Application, is_warning: bool, reason: &str, message: &str) {
    let event = Event {
        type_: if is_warning { EventType::Warning } else { EventType::Normal },
        reason: reason.to_owned(),
        note: Some(note(message)),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    let regarding: ObjectReference = app.object_ref(&());
    // One of its own each time: a recorder counts events of one reason as a series, and goes on showing the first one's words.
    let reporter = Reporter { controller: names::MANAGED_BY.into(), instance: None };
    if let Err(error) = Recorder::new(shared.client.clone(), reporter).publish(&event, &regarding).await {
        tracing::warn!(application = app.identity(), %error, "cannot write an event");
    }
}

/// As much of a message as the API server takes: 1024 bytes (events.k8s.io/v1, `note`).
fn note(message: &str) -> String {
    let end = (0..=message.len().min(1024)).rev().find(|end| message.is_char_boundary(*end));
    message[..end.unwrap_or_default()].to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use axum::Router;
    use axum::extract::Path;
    use axum::http::StatusCode;
    use axum::routing::delete;

    use super::*;
    use crate::controller::cache::lock;
    use crate::testing;

    #[derive(Default)]
    struct Records {
        there: Mutex<BTreeSet<String>>,
        refused: Option<&'static str>,
        asked: AtomicUsize,
        under_way: AtomicUsize,
        at_once: AtomicUsize,
    }

    impl Records {
        /// An API server that holds these records and takes its time for each.
        async fn served(self) -> (Client, &'static Self) {
            let records: &'static Self = Box::leak(Box::new(self));
            let answer = async |Path(name): Path<String>| {
                records.asked.fetch_add(1, Ordering::Relaxed);
                let under_way = records.under_way.fetch_add(1, Ordering::Relaxed) + 1;
                records.at_once.fetch_max(under_way, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
                records.under_way.fetch_sub(1, Ordering::Relaxed);
                let is_refused = records.refused == Some(name.as_str());
                let code = match lock(&records.there).remove(&name) {
                    _ if is_refused => StatusCode::FORBIDDEN,
                    true => StatusCode::OK,
                    false => StatusCode::NOT_FOUND,
                };
                (code, json!({"status": "Failure", "code": code.as_u16(), "message": "no"}).to_string())
            };
            let routes = Router::new().route("/api/v1/namespaces/apps/secrets/{name}", delete(answer));
            (testing::api_server(routes).await, records)
        }
    }

    fn record(version: i64) -> String {
        format!("sh.helm.release.v1.web.v{version}")
    }

    #[tokio::test]
    async fn hundreds_of_records_are_deleted_several_at_once() {
        let there = [17, 300, 505].map(record).into_iter().chain(["other".to_owned()]).collect();
        let (client, records) = Records { there: Mutex::new(there), ..Records::default() }.served().await;
        delete_records(&client, "apps", "web", 1..=505).await.unwrap();
        assert_eq!(*lock(&records.there), BTreeSet::from(["other".to_owned()]));
        assert_eq!(records.asked.load(Ordering::Relaxed), 505);
        let at_once = records.at_once.load(Ordering::Relaxed);
        assert!((2..=RECORDS_AT_ONCE).contains(&at_once), "{at_once} at once");
    }

    #[tokio::test]
    async fn a_refusal_names_the_record_and_ends_it() {
        let refused = Some("sh.helm.release.v1.web.v500");
        let (client, records) = Records { refused, ..Records::default() }.served().await;
        let (what, error) = delete_records(&client, "apps", "web", 1..=505).await.unwrap_err();
        assert_eq!(what, "Secret apps/sh.helm.release.v1.web.v500");
        assert!(has_code(&error, 403));
        assert!(records.asked.load(Ordering::Relaxed) < 100, "nothing else is tried");
    }

    #[test]
    fn a_note_is_cut_between_letters() {
        assert_eq!(note("short"), "short");
        assert_eq!(note(&"x".repeat(2000)).len(), 1024);
        assert_eq!(note(&format!("x{}", "ß".repeat(1000))).len(), 1023);
    }
}
