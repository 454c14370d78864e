//! Walks `testdata/`: one folder per case, `application.yaml` and the live objects (`live.yaml`, Flux objects among
//! them; `known.yaml` says what may not be read, `project.yaml` what the project does not permit) on one side, `tree.json` on the other.
//!
//! `UPDATE_GOLDENS=1` writes the right side anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kube::core::DynamicObject;
use serde::Deserialize;
use serde_json::Value;

use super::Tree;
use crate::flux::{FluxKind, ObjectKey};
use crate::mirror::fixtures::{self, App};
use crate::mirror::live::Node;
use crate::mirror::{Observed, View};
use crate::yaml;

/// `known.yaml`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Known {
    /// Group and kind of what may not be read.
    unreadable: Vec<(String, String)>,
    /// Not everything has been listed.
    is_incomplete: bool,
}

fn read(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    yaml::parse_all(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn put(observed: &mut Observed, value: &Value) {
    let object: DynamicObject = serde_json::from_value(value.clone()).unwrap();
    let api_version = value["apiVersion"].as_str().unwrap();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let kind = value["kind"].as_str().unwrap();
    if let Some(known) = FluxKind::parse(kind).filter(|known| known.group() == group) {
        let name = object.metadata.name.clone().unwrap();
        let key = ObjectKey::new(known, object.metadata.namespace.as_deref().unwrap(), &name);
        observed.objects.insert(key, Arc::new(object));
    } else {
        let node = Node::of(group, version, kind, &object);
        observed.live_objects.nodes.insert(node.key.clone(), Arc::new(node));
    }
}

fn observed(case: &Path) -> Observed {
    let app = read(&case.join("application.yaml")).remove(0);
    let known = read(&case.join("known.yaml")).pop().unwrap_or_default();
    let known: Known =
        if known.is_null() { Known::default() } else { serde_json::from_value(known).unwrap() };
    let mut observed = App(app).observed();
    observed.live_objects.is_complete = !known.is_incomplete;
    if let Some(spec) = read(&case.join("project.yaml")).pop() {
        observed.project = Some(Arc::new(fixtures::project("default", &spec)));
    }
    observed.live_objects.unreadable = known.unreadable.into_iter().collect();
    for object in read(&case.join("live.yaml")) {
        put(&mut observed, &object);
    }
    observed
}

#[test]
fn every_case_has_the_tree_that_its_folder_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mirror/tree/testdata");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 5, "only {} cases", cases.len());
    let mut wrong = String::new();
    for case in cases {
        let observed = observed(&case);
        let tree = Tree::of(&View::of(&observed)).to_json();
        let actual = format!("{}\n", serde_json::to_string_pretty(&tree).unwrap());
        let path = case.join("tree.json");
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            fs::write(&path, actual).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != actual {
            wrong = format!("{wrong}\n=== {}\n{actual}", path.display());
        }
    }
    assert!(wrong.is_empty(), "UPDATE_GOLDENS=1 takes over what differs:{wrong}");
}
