use std::sync::Arc;

use super::*;
use crate::mirror::Observed;
use crate::mirror::fixtures::{Object, app, chart_source, git_source, helm_release, kustomization};
use crate::translate::RenderedSource;
use serde_json::json;

fn delivering(object: Object, ids: &[&str]) -> Object {
    let entries: Vec<_> = ids.iter().map(|id| json!({"id": id, "v": "v1"})).collect();
    object.ready("1").with(json!({"status": {"inventory": {"entries": entries}}}))
}

fn observed(objects: [(Object, &'static str); 2]) -> Observed {
    let sources = [git_source("demo", "web"), chart_source("6.3.5")];
    let mut observed = app("demo").sources(&sources).observed();
    for (object, name) in objects {
        let (key, live) = object.named(name, &observed.translation.objects);
        observed.objects.insert(key, Arc::new(live));
    }
    observed
}

fn names(observed: &Observed) -> (String, String) {
    let name = |index: usize| observed.translation.routes[index].workload.clone().unwrap().name;
    (name(0), name(1))
}

#[test]
fn sources_that_deliver_one_object_are_told() {
    let shared = "apps_shared__ConfigMap";
    let observed = observed([
        (delivering(kustomization(), &[shared, "apps_web__ConfigMap"]), "demo"),
        (delivering(helm_release(), &[shared]), "demo-2"),
    ]);
    assert_eq!(names(&observed), ("demo".to_owned(), "demo-2".to_owned()));
    let message = "Resource /ConfigMap/apps/shared appeared 2 times among application resources.";
    assert_eq!(found(&View::of(&observed)), [(REPEATED_RESOURCE, message.to_owned())]);
}

#[test]
fn a_chart_with_a_kind_that_is_excluded_is_told() {
    let lease = "apps_lock_coordination.k8s.io_Lease";
    let observed = observed([
        (delivering(kustomization(), &[]), "demo"),
        (delivering(helm_release(), &[lease]), "demo-2"),
    ]);
    let message = "Resource coordination.k8s.io/Lease lock is excluded in the settings, and Flux delivers it all the \
                   same: a chart is installed whole";
    assert_eq!(found(&View::of(&observed)), [(EXCLUDED_RESOURCE, message.to_owned())]);
}

#[test]
fn what_rendering_found_is_told_once() {
    let mut observed = app("demo").plugin().observed();
    let warning = (EXCLUDED_RESOURCE, excluded_message("", "Event", "e"));
    let rendered = RenderedSource { warnings: vec![warning.clone(), warning.clone()], ..Default::default() };
    observed.context.rendered.insert(0, rendered);
    assert_eq!(found(&View::of(&observed)), [warning]);
}
