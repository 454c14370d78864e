use super::*;
use kube::core::DynamicObject;
use rstest::rstest;
use serde_json::{Value, json};

fn seen(api: [&str; 2], name: &str, change: &Value) -> Seen {
    let uid = format!("uid-{name}");
    let mut object =
        json!({"metadata": {"name": name, "namespace": "apps", "uid": uid, "resourceVersion": "5"}});
    crate::mirror::patch::merge(&mut object, change);
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    let generation = object.metadata.generation;
    Seen { node: Arc::new(Node::of(api[0], "v1", api[1], &object)), generation, is_all_content: false }
}

fn below(kind: &str, name: &str) -> Value {
    json!({"metadata": {"ownerReferences": [
        {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": format!("uid-{name}")}
    ]}})
}

const DEPLOYMENT: [&str; 2] = ["apps", "Deployment"];
const REPLICA_SET: [&str; 2] = ["apps", "ReplicaSet"];
const SET: [&str; 2] = ["apps", "StatefulSet"];
const POD: [&str; 2] = ["", "Pod"];
const CLAIM: [&str; 2] = ["", "PersistentVolumeClaim"];

fn insert(store: &mut Store, seen: Seen) -> bool {
    let kind = kind_of(&seen.node.key);
    store.insert(&kind, seen)
}

/// A Deployment of Application `a/web` with a Pod, a `StatefulSet` of `a/db` with a claim, and somebody else's Pod.
fn store() -> Store {
    let mut store = Store::default();
    let web = seen(DEPLOYMENT, "web", &json!({}));
    let templates = json!({"spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}});
    let db = seen(SET, "db", &templates);
    store.want(&"a/web".into(), Arc::new(BTreeSet::from([web.node.key.clone()])));
    store.want(&"a/db".into(), Arc::new(BTreeSet::from([db.node.key.clone()])));
    let all = [
        web,
        seen(REPLICA_SET, "web-1", &below("Deployment", "web")),
        seen(POD, "web-1-a", &below("ReplicaSet", "web-1")),
        db,
        seen(CLAIM, "data-db-0", &json!({})),
        seen(POD, "stranger", &json!({})),
    ];
    for seen in all {
        assert!(insert(&mut store, seen));
    }
    store
}

fn names(tree: &BTreeMap<NodeKey, Arc<Node>>) -> Vec<&str> {
    tree.keys().map(|key| key.name.as_str()).collect()
}

#[test]
fn a_tree_reaches_down_and_not_aside() {
    let store = store();
    assert_eq!(names(&store.tree("a/web")), ["web-1-a", "web", "web-1"]);
    assert_eq!(names(&store.tree("a/db")), ["data-db-0", "db"]);
    assert_eq!(store.len(), 6);
}

#[rstest]
#[case::itself(DEPLOYMENT, "web", json!({}), &["a/web"])]
#[case::two_levels_below(POD, "web-1-a", below("ReplicaSet", "web-1"), &["a/web"])]
#[case::claim(CLAIM, "data-db-0", json!({}), &["a/db"])]
#[case::not_a_claim(CLAIM, "data-db-x", json!({}), &[])]
#[case::stranger(POD, "stranger", json!({}), &[])]
fn an_event_concerns_whose_tree_it_is_in(
    #[case] api: [&str; 2],
    #[case] name: &str,
    #[case] change: Value,
    #[case] expected: &[&str],
) {
    let concerned = store().concerned(&seen(api, name, &change).node);
    assert_eq!(concerned.iter().map(|identity| &**identity).collect::<Vec<_>>(), expected);
}

#[rstest]
#[case::the_same(json!({}), false)]
#[case::a_heartbeat(json!({"metadata": {"resourceVersion": "6"}}), false)]
#[case::another_spec(json!({"metadata": {"resourceVersion": "6", "generation": 2}}), true)]
#[case::deletion(json!({"metadata": {"resourceVersion": "6", "deletionTimestamp": "2026-01-01T00:00:00Z"}}), true)]
#[case::an_older_one(json!({"metadata": {"resourceVersion": "4", "generation": 2}}), false)]
#[case::made_anew(json!({"metadata": {"resourceVersion": "4", "uid": "other"}}), true)]
fn only_what_there_is_to_see_is_news(#[case] change: Value, #[case] expected: bool) {
    assert_eq!(insert(&mut store(), seen(DEPLOYMENT, "web", &change)), expected);
}

#[test]
fn every_write_of_contents_is_news() {
    let content = |version: &str| Seen {
        is_all_content: true,
        ..seen(["", "ConfigMap"], "settings", &json!({"metadata": {"resourceVersion": version}}))
    };
    let mut store = Store::default();
    assert!(insert(&mut store, content("5")));
    assert!(!insert(&mut store, content("5")));
    assert!(insert(&mut store, content("6")));
}

#[test]
fn nothing_is_left_behind() {
    let mut store = store();
    let kinds = [DEPLOYMENT, REPLICA_SET, SET, POD, CLAIM].map(|[group, kind]| GroupKind::new(group, kind));
    let replica_set = seen(REPLICA_SET, "web-1", &json!({})).node;
    assert!(store.remove(&kinds[1], &replica_set.key, "another").is_none());
    assert!(store.remove(&kinds[1], &replica_set.key, &replica_set.uid).is_some());
    assert_eq!(names(&store.tree("a/web")), ["web"]);
    for kind in &kinds {
        store.drop_all(kind, "apps");
    }
    for identity in ["a/web", "a/db"] {
        store.want(&identity.into(), Arc::default());
    }
    let left =
        (store.nodes.len(), store.children.len(), store.roots.len(), store.wanted_by.len(), store.len());
    assert_eq!(left, (0, 0, 0, 0, 0));
}
