//! Secrets of Argo CD's namespace: what Argo CD knows of repositories, and what the bridge made of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures::stream::{BoxStream, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::{self, ObjectRef, Store, store::Writer};
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::{Api, Client, ResourceExt};

use super::cache::{lock, reference};
use super::delays::Delays;
use super::missed;
use super::watches::Watches;
use crate::argo::Application;
use crate::credentials::{LiveSecret, Repositories, SecretData};
use crate::names;

/// ConfigMaps of Argo CD that say whom to trust (argo-cd `common/common.go`).
pub(crate) const KNOWN_HOSTS: &str = "argocd-ssh-known-hosts-cm";
pub(crate) const CERTIFICATES: &str = "argocd-tls-certs-cm";
/// How long an answer may lie over a watched Secret.
const OVERLAY_LIFE: Duration = Duration::from_secs(30);

/// What the watches fill.
pub(super) struct Secrets {
    argo: Store<Secret>,
    own: Store<Secret>,
    trust: [Store<ConfigMap>; 2],
    repositories: RwLock<Arc<Repositories>>,
    /// What was written, until the watch has caught up.
    written: Mutex<HashMap<String, (Secret, Instant)>>,
}

/// Wakes Applications.
pub(super) type Woken = BoxStream<'static, ObjectRef<Application>>;

impl Secrets {
    /// What Argo CD knows of repositories.
    pub(super) fn repositories(&self) -> Arc<Repositories> {
        Arc::clone(&self.repositories.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Secrets that the bridge made for that Application, in the order of their names.
    pub(super) fn owned(&self, identity: &str) -> Vec<Arc<LiveSecret>> {
        let is_owned = |secret: &Secret| owner(secret) == Some(identity);
        let mut found: BTreeMap<String, LiveSecret> = BTreeMap::new();
        for secret in self.own.state() {
            if is_owned(&secret) {
                found.insert(secret.name_any(), live(&secret));
            }
        }
        let mut written = lock(&self.written);
        written.retain(|_, (_, at)| at.elapsed() < OVERLAY_LIFE);
        for (secret, _) in written.values().filter(|(secret, _)| is_owned(secret)) {
            let newer = live(secret);
            let number = |secret: &LiveSecret| secret.resource_version.parse::<u64>().unwrap_or(0);
            if found.get(&newer.name).is_none_or(|watched| number(watched) < number(&newer)) {
                found.insert(newer.name.clone(), newer);
            }
        }
        found.into_values().map(Arc::new).collect()
    }

    pub(super) fn wrote(&self, secret: Secret) {
        lock(&self.written).insert(secret.name_any(), (secret, Instant::now()));
    }

    pub(super) fn forget(&self, name: &str) {
        lock(&self.written).remove(name);
    }

    /// Reads everything anew. Whoever sees a difference is to be woken.
    fn refresh(&self, applications: &Store<Application>) -> Vec<ObjectRef<Application>> {
        let map = |index: usize| -> BTreeMap<String, String> {
            let map = self.trust[index].state().first().and_then(|map| map.data.clone());
            map.unwrap_or_default()
        };
        let known_hosts = map(0).remove("ssh_known_hosts").unwrap_or_default();
        let secrets = self.argo.state();
        let new = Arc::new(Repositories::new(secrets.iter().map(|secret| live(secret)), known_hosts, map(1)));
        let mut repositories = self.repositories.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *repositories, Arc::clone(&new));
        drop(repositories);
        if old == new {
            return Vec::new();
        }
        let sees = |app: &Arc<Application>| {
            let urls = app.sources();
            urls.iter().any(|source| old.differs_for(&new, &source.repo_url, app.project()))
        };
        let bridged = applications.state().into_iter().filter(|app| app.is_bridged()).filter(sees);
        bridged.filter_map(|app| reference(&app.identity())).collect()
    }
}

fn owner(secret: &Secret) -> Option<&str> {
    let is_generated =
        secret.metadata.labels.as_ref().and_then(|labels| labels.get(names::LABEL_GENERATED)).is_some();
    let annotations = secret.metadata.annotations.as_ref().filter(|_| is_generated)?;
    annotations.get(names::ANNOTATION_APPLICATION).map(String::as_str)
}

/// What pure code knows of a Secret.
pub(crate) fn live(secret: &Secret) -> LiveSecret {
    let data = secret.data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone()));
    LiveSecret {
        name: secret.name_any(),
        uid: secret.metadata.uid.clone().unwrap_or_default(),
        resource_version: secret.metadata.resource_version.clone().unwrap_or_default(),
        labels: secret.metadata.labels.clone().unwrap_or_default(),
        annotations: secret.metadata.annotations.clone().unwrap_or_default(),
        is_deleting: secret.metadata.deletion_timestamp.is_some(),
        data: data.collect::<SecretData>(),
    }
}

/// What is watched, by the words that readiness and metrics have for it.
pub(super) const WATCHED: [&str; 4] =
    ["Secret (repositories)", "Secret (generated)", "ConfigMap (known hosts)", "ConfigMap (certificates)"];

/// Sets up the watches; they run as soon as the stream is polled.
pub(super) fn start(
    watches: &Arc<Watches>,
    client: &Client,
    namespace: &str,
    applications: &Store<Application>,
) -> (Arc<Secrets>, Woken) {
    let api = Api::<Secret>::namespaced(client.clone(), namespace);
    let (argo, argo_writer) = reflector::store();
    let (own, own_writer) = reflector::store();
    let (known_hosts, known_hosts_writer) = reflector::store();
    let (certificates, certificates_writer) = reflector::store();
    let trust = [known_hosts, certificates];
    let (repositories, written) = (RwLock::default(), Mutex::default());
    let secrets = Arc::new(Secrets { argo, own, trust, repositories, written });
    let types = format!("{} in (repository,repo-creds)", names::LABEL_ARGO_SECRET_TYPE);
    let repositories = watch(api.clone(), Config::default().labels(&types), argo_writer);
    let maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let map = |name: &str, writer| {
        watch(maps.clone(), Config::default().fields(&format!("metadata.name={name}")), writer)
    };
    let inputs: [Inputs; 3] = [
        told(watches, WATCHED[0], repositories, &secrets, applications),
        told(watches, WATCHED[2], map(KNOWN_HOSTS, known_hosts_writer), &secrets, applications),
        told(watches, WATCHED[3], map(CERTIFICATES, certificates_writer), &secrets, applications),
    ];
    let label = format!("{}=true", names::LABEL_GENERATED);
    let generated = watch(api, Config::default().labels(&label), own_writer);
    let (notes, kept) = (Arc::clone(watches), Arc::clone(&secrets));
    let generated = generated.inspect(move |event| notes.note(WATCHED[1], event)).filter_map(move |event| {
        if let Ok(Event::Delete(secret)) = &event {
            kept.forget(&secret.name_any());
        }
        let found = match event {
            Ok(Event::InitApply(secret) | Event::Apply(secret) | Event::Delete(secret)) => {
                owner(&secret).and_then(reference)
            }
            _ => None,
        };
        std::future::ready(found)
    });
    (secrets, futures::stream::select(futures::stream::select_all(inputs), generated).boxed())
}

type Inputs = BoxStream<'static, ObjectRef<Application>>;

fn watch<K>(
    api: Api<K>,
    config: Config,
    writer: Writer<K>,
) -> BoxStream<'static, Result<Event<K>, watcher::Error>>
where
    K: kube::Resource<DynamicType = ()>
        + Clone
        + serde::de::DeserializeOwned
        + std::fmt::Debug
        + Send
        + Sync
        + 'static,
{
    let all =
        watcher(api, config).backoff(Delays::default()).modify(|object| object.managed_fields_mut().clear());
    missed::told(all, writer.as_reader()).reflect(writer).boxed()
}

/// Every event has all inputs read anew, before anybody hears that they are there.
fn told<K: Send + 'static>(
    watches: &Arc<Watches>,
    what: &'static str,
    events: BoxStream<'static, Result<Event<K>, watcher::Error>>,
    secrets: &Arc<Secrets>,
    applications: &Store<Application>,
) -> Inputs {
    let (watches, secrets, applications) = (Arc::clone(watches), Arc::clone(secrets), applications.clone());
    let woken = events.map(move |event| {
        let woken = match &event {
            Ok(Event::Apply(_) | Event::Delete(_) | Event::InitDone) => secrets.refresh(&applications),
            _ => Vec::new(),
        };
        watches.note(what, &event);
        futures::stream::iter(woken)
    });
    woken.flatten().boxed()
}
