//! What a look costs at which nothing has changed; to be read, not judged.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::writer::fingerprint;
use crate::digest;
use crate::mirror::fixtures::{app, helm_chart, helm_release, helm_repository};
use crate::mirror::{Node, Observed};
use crate::plan::{Step, plan};

/// How often each part is done.
const TIMES: u32 = 200;

/// A delivered chart of that many objects.
fn delivered(objects: usize) -> Observed {
    let entries: Vec<Value> =
        (0..objects).map(|index| json!({"id": format!("apps_map-{index}__ConfigMap"), "v": "v1"})).collect();
    let release = helm_release().ready("6.3.5").with(json!({"status": {"inventory": {"entries": entries}}}));
    let app = app("demo").chart("6.3.5").automated().delivered("6.3.5");
    let mut observed = app.beside([helm_repository().fetched("i"), helm_chart().fetched("6.3.5"), release]);
    for index in 0..objects {
        let metadata = json!({"name": format!("map-{index}"), "namespace": "apps", "uid": format!("u-{index}"),
            "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"});
        let object = serde_json::from_value(json!({"metadata": metadata})).unwrap();
        let node = Node::of("", "v1", "ConfigMap", &object);
        observed.live_objects.nodes.insert(node.key.clone(), Arc::new(node));
    }
    observed
}

fn time(mut work: impl FnMut()) -> Duration {
    let begun = Instant::now();
    (0..TIMES).for_each(|_| work());
    begun.elapsed() / TIMES
}

#[test]
#[ignore = "a measurement: cargo test --release --lib -- --ignored --nocapture a_look_at_which_nothing_has_changed"]
fn a_look_at_which_nothing_has_changed() {
    for objects in [20, 200] {
        let observed = delivered(objects);
        let steps = plan(&observed).steps;
        let entry = steps.iter().find_map(|step| match step {
            Step::WriteCache(entry) => Some(entry),
            _ => None,
        });
        let entry = entry.unwrap();
        let whole = time(|| drop(black_box(plan(&observed))));
        let text = time(|| {
            let texts =
                [&entry.tree, &entry.managed_resources].map(|value| serde_json::to_vec(value).unwrap());
            black_box(digest::sha256([texts[0].as_slice(), texts[1].as_slice()]));
        });
        let hash = time(|| {
            black_box(fingerprint(entry));
        });
        eprintln!(
            "{objects} objects: plan {whole:?}; JSON and SHA-256 of what is shown {text:?}, its hash {hash:?}"
        );
    }
}
