//! Whether a project permits what a source would deliver (argo-cd `controller/sync.go`, `validateSyncPermissions`).

use super::app_project::AppProject;
use super::verdict::this_cluster;

/// One object that a source would deliver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenderedObject {
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace, as the manifest says it.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Whether objects of the kind are in namespaces; `None` when the API server does not know the kind.
    pub is_namespaced: Option<bool>,
}

/// What the source would deliver, as far as that had to be found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rendered {
    /// The project permits every object, or nothing is about to be delivered.
    #[default]
    Unneeded,
    /// These objects.
    Objects(Vec<RenderedObject>),
}

/// An object that the project refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The object.
    pub object: RenderedObject,
    /// Stock Argo CD's sentence.
    pub message: String,
}

/// What of `rendered` the project refuses.
pub fn refusals(project: &AppProject, rendered: &Rendered, destination_namespace: &str) -> Vec<Refused> {
    let Rendered::Objects(objects) = rendered else { return Vec::new() };
    let refused = |object: &RenderedObject| {
        let message = refusal(project, object, destination_namespace)?;
        Some(Refused { object: object.clone(), message })
    };
    objects.iter().filter_map(refused).collect()
}

/// The sentence for a generated Flux object of that kind. It is the means and not what is delivered, so that it need not
/// be permitted; a project that denies the kind by name denies the means.
pub fn refusal_of_means(project: &AppProject, group: &str, kind: &str) -> Option<String> {
    project.denies_kind(group, kind).then(|| not_permitted(project, group, kind))
}

fn not_permitted(project: &AppProject, group: &str, kind: &str) -> String {
    format!("resource {group}:{kind} is not permitted in project {}", project.name())
}

fn refusal(project: &AppProject, object: &RenderedObject, destination_namespace: &str) -> Option<String> {
    let RenderedObject { group, kind, name, .. } = object;
    let Some(is_namespaced) = object.is_namespaced else {
        return Some(format!(
            "failed to get API resource info for {group}/{kind}: unable to verify permissions"
        ));
    };
    if !project.permits_kind(group, kind, name, is_namespaced) {
        return Some(not_permitted(project, group, kind));
    }
    let namespace = if object.namespace.is_empty() { destination_namespace } else { &object.namespace };
    (is_namespaced && !project.permits_destination(&this_cluster(), namespace))
        .then(|| format!("namespace {namespace} is not permitted in project '{}'", project.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn project() -> AppProject {
        serde_json::from_value(json!({
            "metadata": {"name": "team"},
            "spec": {
                "destinations": [{"server": "*", "namespace": "apps"}],
                "namespaceResourceBlacklist": [{"group": "apps", "kind": "StatefulSet"}],
            },
        }))
        .unwrap()
    }

    #[rstest]
    #[case::permitted("apps", "Deployment", "", Some(true), None)]
    #[case::kind(
        "apps",
        "StatefulSet",
        "",
        Some(true),
        Some("resource apps:StatefulSet is not permitted in project team")
    )]
    #[case::core(
        "",
        "Namespace",
        "",
        Some(false),
        Some("resource :Namespace is not permitted in project team")
    )]
    #[case::namespace(
        "apps",
        "Deployment",
        "other",
        Some(true),
        Some("namespace other is not permitted in project 'team'")
    )]
    #[case::unknown(
        "x.org",
        "Thing",
        "",
        None,
        Some("failed to get API resource info for x.org/Thing: unable to verify permissions")
    )]
    fn stocks_own_words(
        #[case] group: &str,
        #[case] kind: &str,
        #[case] namespace: &str,
        #[case] is_namespaced: Option<bool>,
        #[case] expected: Option<&str>,
    ) {
        let object = RenderedObject {
            group: group.into(),
            version: "v1".into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: "x".into(),
            is_namespaced,
        };
        let rendered = Rendered::Objects(vec![object]);
        let found = refusals(&project(), &rendered, "apps");
        assert_eq!(found.first().map(|refused| refused.message.as_str()), expected);
    }
}
