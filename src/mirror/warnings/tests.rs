use std::sync::Arc;

use super::*;
use crate::mirror::Observed;
use crate::mirror::fixtures::{Object, app, chart_source, git_source, helm_release, kustomization};
use crate::project::RenderedObject;
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

fn config_map(namespace: &str, name: &str) -> RenderedObject {
    let (kind, version, is_namespaced) = ("ConfigMap".to_owned(), "v1".to_owned(), Some(true));
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    RenderedObject { group: String::new(), version, kind, namespace, name, is_namespaced }
}

#[test]
fn an_object_of_several_sources_is_told_with_how_often_they_hold_it() {
    let mut observed = observed([
        (delivering(kustomization(), &["apps_web__ConfigMap"]), "demo"),
        (delivering(helm_release(), &["apps_shared__ConfigMap"]), "demo-2"),
    ]);
    assert_eq!(names(&observed), ("demo".to_owned(), "demo-2".to_owned()));
    assert_eq!(found(&View::of(&observed)), []);
    let shared = config_map("", "shared");
    observed.context.objects = [
        (0, Ok(vec![shared.clone(), config_map("apps", "web"), shared.clone()])),
        (1, Ok(vec![config_map("apps", "shared")])),
    ]
    .into();
    let message = "Resource /ConfigMap/apps/shared appeared 3 times among application resources.";
    assert_eq!(found(&View::of(&observed)), [(REPEATED_RESOURCE, message.to_owned())]);
    let warnings = vec![(REPEATED_RESOURCE, repeated_message("/ConfigMap/apps/shared", 2))];
    let rendered =
        RenderedSource { warnings, objects: vec![shared.clone(), shared].into(), ..Default::default() };
    observed.context.rendered.insert(0, rendered);
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
