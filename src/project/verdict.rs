//! What an Application may not do, in stock Argo CD's words (argo-cd `util/argo/argo.go`, `ValidatePermissions`;
//! `controller/appcontroller.go`, `refreshAppConditions`).

use super::app_project::AppProject;
use crate::argo::application::Application;
use crate::argo::source::Destination;
use crate::names;

/// The Application asks for what it may not.
pub const INVALID_SPEC_ERROR: &str = "InvalidSpecError";
/// Something else is wrong with it.
pub const UNKNOWN_ERROR: &str = "UnknownError";

/// A condition of the Application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Type of the condition.
    pub kind: &'static str,
    /// Stock Argo CD's sentence.
    pub message: String,
}

impl Violation {
    fn invalid(message: String) -> Self {
        Self { kind: INVALID_SPEC_ERROR, message }
    }
}

/// What `app` may not do in its project; `None`: there is no such project.
pub fn violations(
    app: &Application,
    project: Option<&AppProject>,
    control_namespace: &str,
) -> Vec<Violation> {
    let Some(project) = project else {
        let name = &app.spec.project;
        return vec![Violation::invalid(format!(
            "Application referencing project {name} which does not exist"
        ))];
    };
    if !project.permits_applications_of(app.namespace(), control_namespace) {
        return vec![Violation {
            kind: UNKNOWN_ERROR,
            message: format!(
                "application '{}' in namespace '{}' is not permitted to use project '{}'",
                app.name(),
                app.namespace(),
                project.name()
            ),
        }];
    }
    let refused = repositories(app).into_iter().filter(|(_, url)| !project.permits_source(url));
    let sources = refused.map(|(what, url)| {
        let project = project.name();
        Violation::invalid(format!("{what} repo {url} is not permitted in project '{project}'"))
    });
    sources.chain(destination(app, project)).collect()
}

/// The repositories that the Application reads, and what Argo CD calls each (argo-cd `util/argo/argo.go`,
/// `ValidatePermissions`). What a hydrator renders must be permitted, too.
fn repositories(app: &Application) -> Vec<(&'static str, &str)> {
    let sources = app.sources().iter().map(|source| source.repo_url.as_str());
    let Some(hydrator) = &app.spec.source_hydrator else {
        return sources.map(|url| ("application", url)).collect();
    };
    let dry = hydrator.dry_repository();
    let own = sources.filter(|url| *url != dry).map(|url| ("sync source", url));
    std::iter::once(("application", dry)).chain(own).collect()
}

/// Another cluster than that of Flux is an error of the translation.
fn destination(app: &Application, project: &AppProject) -> Option<Violation> {
    let destination = &app.spec.destination;
    let cluster = in_cluster(destination)?;
    if project.permits_destination(&cluster, &destination.namespace) {
        return None;
    }
    let server = if destination.name.is_empty() { &cluster.server } else { &cluster.name };
    let (namespace, project) = (&destination.namespace, project.name());
    Some(Violation::invalid(format!(
        "application destination server '{server}' and namespace '{namespace}' do not match any of the allowed \
         destinations in project '{project}'"
    )))
}

/// The cluster of Flux by both of its names, when the destination names it by one.
fn in_cluster(destination: &Destination) -> Option<Destination> {
    let server = destination.server.trim_end_matches('/');
    matches!(
        (destination.name.as_str(), server),
        ("", names::IN_CLUSTER_SERVER) | (names::IN_CLUSTER_NAME, "")
    )
    .then(this_cluster)
}

/// The cluster of Flux by both of its names.
pub(crate) fn this_cluster() -> Destination {
    Destination {
        server: names::IN_CLUSTER_SERVER.to_owned(),
        name: names::IN_CLUSTER_NAME.to_owned(),
        namespace: String::new(),
    }
}

/// Whether a condition is one of [`violations`]: stock Argo CD writes some of them, too, and further ones of these types
/// that are its own (a destination that it does not know), which the bridge must not take away.
pub fn is_verdict(kind: &str, message: &str) -> bool {
    let is_about = |beginning: &str, middle: &str| message.starts_with(beginning) && message.contains(middle);
    match kind {
        INVALID_SPEC_ERROR => {
            is_about("Application referencing project ", " which does not exist")
                || is_about("application repo ", " is not permitted in project '")
                || is_about("sync source repo ", " is not permitted in project '")
                || is_about(
                    "application destination server '",
                    "' do not match any of the allowed destinations in project '",
                )
        }
        UNKNOWN_ERROR => is_about("application '", " is not permitted to use project '"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn found(namespace: &str, spec: &Value, project: Option<&Value>) -> Vec<String> {
        let mut app: Application = serde_json::from_value(json!({
            "metadata": {"name": "demo", "namespace": namespace},
            "spec": {
                "project": "team",
                "source": {"repoURL": "https://git.example.org/a", "path": "."},
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "apps"},
            },
        }))
        .unwrap();
        let mut whole = json!(app.spec);
        crate::mirror::patch::merge(&mut whole, spec);
        app.spec = serde_json::from_value(whole).unwrap();
        let project: Option<AppProject> = project
            .map(|spec| serde_json::from_value(json!({"metadata": {"name": "team"}, "spec": spec})).unwrap());
        let found = violations(&app, project.as_ref(), "argocd");
        assert!(found.iter().all(|violation| is_verdict(violation.kind, &violation.message)), "{found:?}");
        found.into_iter().map(|violation| format!("{}: {}", violation.kind, violation.message)).collect()
    }

    fn open() -> Value {
        json!({"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]})
    }

    #[test]
    fn what_is_allowed_is_no_violation() {
        assert_eq!(found("argocd", &json!({}), Some(&open())), Vec::<String>::new());
        let by_name = json!({"destination": {"server": null, "name": "in-cluster"}});
        assert_eq!(found("argocd", &by_name, Some(&open())), Vec::<String>::new());
    }

    #[rstest]
    #[case::no_project("argocd", json!({}), None, &["InvalidSpecError: Application referencing project team which does not exist"])]
    #[case::namespace(
        "other", json!({}), Some(open()),
        &["UnknownError: application 'demo' in namespace 'other' is not permitted to use project 'team'"]
    )]
    #[case::source_and_destination(
        "argocd", json!({}), Some(json!({})),
        &[
            "InvalidSpecError: application repo https://git.example.org/a is not permitted in project 'team'",
            "InvalidSpecError: application destination server 'https://kubernetes.default.svc' and namespace 'apps' do \
             not match any of the allowed destinations in project 'team'",
        ]
    )]
    #[case::by_name(
        "argocd", json!({"destination": {"server": null, "name": "in-cluster"}}),
        Some(json!({"sourceRepos": ["*"]})),
        &["InvalidSpecError: application destination server 'in-cluster' and namespace 'apps' do not match any of the \
           allowed destinations in project 'team'"]
    )]
    #[case::hydrated(
        "argocd",
        json!({"sourceHydrator": {
            "drySource": {"repoURL": "https://git.example.org/dry"},
            "syncSource": {"repoURL": "https://git.example.org/wet", "targetBranch": "prod", "path": "a"},
        }}),
        Some(json!({"destinations": [{"server": "*", "namespace": "*"}]})),
        &[
            "InvalidSpecError: application repo https://git.example.org/dry is not permitted in project 'team'",
            "InvalidSpecError: sync source repo https://git.example.org/wet is not permitted in project 'team'",
        ]
    )]
    #[case::another_cluster("argocd", json!({"destination": {"server": "https://other"}}), Some(open()), &[])]
    fn stocks_own_words(
        #[case] namespace: &str,
        #[case] spec: Value,
        #[case] project: Option<Value>,
        #[case] expected: &[&str],
    ) {
        assert_eq!(found(namespace, &spec, project.as_ref()), expected);
    }

    #[test]
    fn conditions_of_stock_argo_cd_alone_are_not_ours() {
        assert!(!is_verdict(INVALID_SPEC_ERROR, "there are no clusters with this name: edge"));
        assert!(!is_verdict("ComparisonError", "application repo x is not permitted in project 'y'"));
    }
}
