//! What ended while a watch was away: kube tells a list that begins anew, and nothing of what is not in it any more.

use std::collections::HashSet;
use std::hash::Hash;

use futures::stream::{self, Stream, StreamExt};
use kube::Resource;
use kube::runtime::reflector::{Lookup, Store};
use kube::runtime::watcher::{self, Event};

type Key = (Option<String>, String);

/// Tells the end of each object that `known` holds and a new list does not, before the list is at its end. To stand before
/// what fills `known`.
pub(super) fn told<K>(
    events: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static,
    known: Store<K>,
) -> impl Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static
where
    K: Resource + Lookup + Clone + Send + Sync + 'static,
    <K as Lookup>::DynamicType: Eq + Hash + Clone + Send + Sync,
{
    let mut listed = HashSet::new();
    events.flat_map(move |event| {
        let mut ended = Vec::new();
        match &event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => drop(listed.insert(key(object))),
            Ok(Event::InitDone) => {
                let listed = std::mem::take(&mut listed);
                let gone = known.state().into_iter().filter(|object| !listed.contains(&key(&**object)));
                ended.extend(gone.map(|object| Ok(Event::Delete((*object).clone()))));
            }
            _ => {}
        }
        stream::iter(ended.into_iter().chain([event]))
    })
}

fn key<K: Resource>(object: &K) -> Key {
    let meta = object.meta();
    (meta.namespace.clone(), meta.name.clone().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt;
    use kube::runtime::WatchStreamExt;
    use kube::runtime::reflector;

    use super::*;

    fn map(name: &str) -> ConfigMap {
        let mut map = ConfigMap::default();
        map.metadata.namespace = Some("a".into());
        map.metadata.name = Some(name.into());
        map
    }

    async fn words(events: Vec<Event<ConfigMap>>) -> (Vec<String>, Vec<String>) {
        let (store, writer) = reflector::store();
        let events = told(stream::iter(events.into_iter().map(Ok)), store.clone()).reflect(writer);
        let word = |event: Result<Event<ConfigMap>, watcher::Error>| match event.unwrap() {
            Event::Init => "init".to_owned(),
            Event::InitApply(map) => format!("init {}", map.name_any()),
            Event::InitDone => "done".to_owned(),
            Event::Apply(map) => format!("apply {}", map.name_any()),
            Event::Delete(map) => format!("delete {}", map.name_any()),
        };
        let told = events.map(word).collect().await;
        (told, store.state().iter().map(|map| map.name_any()).collect())
    }

    #[tokio::test]
    async fn what_a_new_list_lacks_has_ended() {
        let events = vec![
            Event::Init,
            Event::InitApply(map("one")),
            Event::InitApply(map("two")),
            Event::InitDone,
            Event::Apply(map("three")),
            Event::Delete(map("two")),
            // An attempt that came to nothing.
            Event::Init,
            Event::InitApply(map("one")),
            Event::Init,
            Event::InitApply(map("three")),
            Event::InitApply(map("four")),
            Event::InitDone,
        ];
        let (told, mut left) = words(events).await;
        let first = ["init", "init one", "init two", "done", "apply three", "delete two"];
        let again = ["init", "init one", "init", "init three", "init four", "delete one", "done"];
        assert_eq!(told, [&first[..], &again[..]].concat());
        left.sort_unstable();
        assert_eq!(left, ["four", "three"]);
    }
}
