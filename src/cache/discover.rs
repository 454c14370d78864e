//! Argo CD's settings of Redis, read from its own `ConfigMap` and Secret, once or for as long as the program runs.

use std::collections::BTreeMap;

use futures::stream::{self, Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use tokio::sync::watch;

use super::settings::{
    CONFIG_MAP, CREDENTIALS, Found, Overrides, PARAMETERS, Password, SECRET, Settings, resolve,
};
use crate::watch_error;

/// Reads both, once. What is not there is as good as empty.
///
/// # Errors
/// The API server does not answer, or does not allow it.
pub async fn read(client: &Client, namespace: &str) -> Result<Found, kube::Error> {
    let map = Api::<ConfigMap>::namespaced(client.clone(), namespace).get_opt(CONFIG_MAP).await?;
    let secret = Api::<Secret>::namespaced(client.clone(), namespace).get_opt(SECRET).await?;
    Ok(Found {
        parameters: map.as_ref().map(parameters).unwrap_or_default(),
        credentials: secret.as_ref().map(credentials).unwrap_or_default(),
    })
}

fn parameters(map: &ConfigMap) -> BTreeMap<String, String> {
    let data = map.data.iter().flatten();
    data.filter(|(key, _)| PARAMETERS.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Trimmed as Argo CD trims the files (argo-cd `util/cache/cache.go`, `readAuthDetailsFromFile`).
fn credentials(secret: &Secret) -> BTreeMap<String, Password> {
    let data = secret.data.iter().flatten();
    data.filter(|(key, _)| CREDENTIALS.contains(&key.as_str()))
        .filter_map(|(key, value)| {
            let text = std::str::from_utf8(&value.0).ok()?.trim();
            Some((key.clone(), Password(text.to_owned())))
        })
        .collect()
}

/// Keeps the settings that count in `sender`, for ever; `None` while there are none.
pub(super) async fn keep(
    client: &Client,
    namespace: &str,
    overrides: &Overrides,
    sender: &watch::Sender<Option<Settings>>,
) {
    let mut found = std::pin::pin!(follow(client, namespace));
    while let Some(found) = found.next().await {
        let settled = settle(overrides, &found);
        sender.send_if_modified(|known| {
            let is_news = *known != settled;
            *known = settled;
            is_news
        });
    }
}

/// The settings that count; those that cannot be used are told.
fn settle(overrides: &Overrides, found: &Found) -> Option<Settings> {
    match resolve(overrides, found) {
        Ok(None) => {
            tracing::info!("told to do without Argo CD's Redis: Argo CD shows no resource tree");
            None
        }
        Ok(settings) => settings,
        Err(error) => {
            tracing::warn!(%error, "Argo CD's Redis cannot be found: Argo CD shows no resource tree");
            None
        }
    }
}

enum News {
    Parameters(BTreeMap<String, String>),
    Credentials(BTreeMap<String, Password>),
}

/// What is found, anew with every change, beginning when both have been looked for. What may not be read counts as
/// empty: flags and environment variables can stand in for all of it.
fn follow(client: &Client, namespace: &str) -> impl Stream<Item = Found> + Send + use<> {
    let maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    let parameters = follow_one(maps, "ConfigMap", CONFIG_MAP, parameters).map(News::Parameters);
    let credentials = follow_one(secrets, "Secret", SECRET, credentials).map(News::Credentials);
    stream::select(parameters, credentials)
        .scan((None, None), |state, news| {
            match news {
                News::Parameters(parameters) => state.0 = Some(parameters),
                News::Credentials(credentials) => state.1 = Some(credentials),
            }
            let found = state.0.clone().zip(state.1.clone());
            std::future::ready(Some(found.map(|(parameters, credentials)| Found { parameters, credentials })))
        })
        .filter_map(std::future::ready)
}

/// RBAC lets a list and a watch by name pass when the name is the field selector.
fn follow_one<K, T>(
    api: Api<K>,
    kind: &'static str,
    name: &'static str,
    read: fn(&K) -> T,
) -> impl Stream<Item = T> + Send
where
    K: kube::Resource<DynamicType = ()>
        + serde::de::DeserializeOwned
        + Clone
        + std::fmt::Debug
        + Send
        + 'static,
    T: Default + Send + 'static,
{
    let events = watcher(api, watcher::Config::default().fields(&format!("metadata.name={name}")));
    // Between the beginning of a list and its end: what the list held so far.
    let mut listed = None;
    let (mut is_known, mut is_denied) = (false, false);
    events.default_backoff().filter_map(move |event| {
        std::future::ready(match event {
            Ok(Event::Init) => {
                listed = None;
                None
            }
            Ok(Event::InitApply(object)) => {
                listed = Some(read(&object));
                None
            }
            Ok(Event::InitDone) => {
                is_known = true;
                Some(listed.take().unwrap_or_default())
            }
            Ok(Event::Apply(object)) => Some(read(&object)),
            Ok(Event::Delete(_)) => Some(T::default()),
            // What was read before still counts: a refusal may pass, and the watch then goes on without reading it anew.
            Err(error) if !is_known && watch_error::is_forbidden(&error) => {
                let is_news = !std::mem::replace(&mut is_denied, true);
                if is_news {
                    tracing::warn!(kind, name, %error, "may not be read, so that Redis is found by flags alone");
                }
                is_news.then(T::default)
            }
            Err(error) => {
                tracing::debug!(kind, name, %error, "watch failed and will be started again");
                None
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use axum::Router;
    use serde_json::json;

    use super::*;
    use crate::testing;

    /// The watch goes on after it, without reading anything anew.
    #[tokio::test]
    async fn a_refusal_that_passes_takes_nothing_away() {
        let list = |kind: &str, name: &str, data: serde_json::Value| {
            let metadata = json!({"name": name, "namespace": "argocd", "resourceVersion": "1"});
            let items = json!([{"metadata": metadata, "data": data}]);
            json!({"kind": kind, "metadata": {"resourceVersion": "1"}, "items": items}).to_string()
        };
        let parameters = json!({"redis.server": "elsewhere:6379"});
        let (maps, watches) = testing::refusing_once(list("ConfigMapList", CONFIG_MAP, parameters));
        let (secrets, _) = testing::refusing_once(list("SecretList", SECRET, json!({})));
        let routes = Router::new()
            .route("/api/v1/namespaces/argocd/configmaps", maps)
            .route("/api/v1/namespaces/argocd/secrets", secrets);
        let client = testing::api_server(routes).await;
        let mut found = std::pin::pin!(follow(&client, "argocd"));
        let follows = async {
            while let Some(found) = found.next().await {
                assert_eq!(found.parameters["redis.server"], "elsewhere:6379");
            }
        };
        let counted = async {
            while watches.load(Ordering::Relaxed) < 3 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = follows => panic!("nothing is followed any more"),
            counted = tokio::time::timeout(Duration::from_secs(10), counted) => counted.expect("it is tried again"),
        }
    }
}
