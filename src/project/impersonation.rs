//! Whom an Application is delivered as (argo-cd `util/settings/impersonation.go`, `controller/sync.go`).

use super::app_project::AppProject;
use super::pattern::glob_without_separator as glob;
use crate::argo::Application;
use crate::names;

/// Letters that Argo CD takes in no name of a `ServiceAccount`.
const DISALLOWED: [char; 8] = ['!', '*', '[', ']', '{', '}', '\\', '/'];

/// Whom Argo CD would apply the objects of an Application as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Impersonation {
    /// Itself: `application.sync.impersonation.enabled` of argocd-cm is not `true`, or no account is named and none is
    /// required.
    #[default]
    Off,
    /// A `ServiceAccount` of the destination namespace.
    As {
        /// Its name.
        account: String,
        /// The project that names it.
        project: String,
    },
    /// Nobody: why.
    Refused(String),
}

/// Whom `app` of `project` is delivered as; `setting` finds values of argocd-cm.
pub fn impersonation(
    app: &Application,
    project: &AppProject,
    setting: impl Fn(&str) -> Option<String>,
) -> Impersonation {
    if setting("application.sync.impersonation.enabled").as_deref() != Some("true") {
        return Impersonation::Off;
    }
    let namespace = &app.spec.destination.namespace;
    let accounts = &project.spec.destination_service_accounts;
    let found = accounts
        .iter()
        .find(|one| glob(&one.server, names::IN_CLUSTER_SERVER) && glob(&one.namespace, namespace));
    let Some(account) = found.map(|one| one.default_service_account.as_str()) else {
        let is_enforced = setting("application.sync.impersonation.enforced").as_deref() != Some("false");
        let server = names::IN_CLUSTER_SERVER;
        let message = format!(
            "no matching service account found for destination server {server} and namespace {namespace}"
        );
        return if is_enforced { Impersonation::Refused(message) } else { Impersonation::Off };
    };
    if account.trim_matches(' ').is_empty() || account.contains(DISALLOWED) {
        return Impersonation::Refused(format!(
            "failed to derive service account to impersonate: default service account contains invalid chars '{account}'"
        ));
    }
    let (home, name) = account.split_once(':').unwrap_or((namespace, account));
    let home = if home.is_empty() { app.namespace() } else { home };
    if home != app.flux_namespace() {
        return Impersonation::Refused(format!(
            "AppProject {} has it delivered as system:serviceaccount:{home}:{name}, and Flux delivers as a ServiceAccount of \
             the destination namespace {namespace} alone",
            project.name()
        ));
    }
    Impersonation::As { account: name.to_owned(), project: project.name().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn found(accounts: &Value, settings: &[(&str, &str)]) -> Impersonation {
        let app = json!({"metadata": {"name": "web", "namespace": "argocd"}, "spec": {"destination": {"namespace": "apps"}}});
        let app: Application = serde_json::from_value(app).unwrap();
        let spec = json!({"destinationServiceAccounts": accounts});
        let project: AppProject =
            serde_json::from_value(json!({"metadata": {"name": "team"}, "spec": spec})).unwrap();
        let setting = |key: &str| {
            let is_it = |(known, _): &&(&str, &str)| key.ends_with(known);
            settings.iter().find(is_it).map(|(_, value)| (*value).to_owned())
        };
        impersonation(&app, &project, setting)
    }

    const ON: (&str, &str) = ("impersonation.enabled", "true");

    fn accounts(server: &str, namespace: &str, account: &str) -> Value {
        json!([{"server": server, "namespace": namespace, "defaultServiceAccount": account}])
    }

    #[rstest]
    #[case::by_pattern(accounts("https://*", "app*", "deployer"), Some("deployer"))]
    #[case::with_its_namespace(accounts("*", "*", "apps:deployer"), Some("deployer"))]
    #[case::of_another_namespace(accounts("*", "*", "other:deployer"), None)]
    #[case::of_another_destination(accounts("*", "other", "deployer"), None)]
    #[case::invalid(accounts("*", "*", "a*"), None)]
    #[case::none(json!([]), None)]
    fn accounts_are_found_or_refused(#[case] accounts: Value, #[case] expected: Option<&str>) {
        match (found(&accounts, &[ON]), expected) {
            (Impersonation::As { account, project }, Some(expected)) => {
                assert_eq!((account.as_str(), project.as_str()), (expected, "team"));
            }
            (found, expected) => {
                assert!(matches!(found, Impersonation::Refused(_)) && expected.is_none(), "{found:?}");
            }
        }
    }

    #[test]
    fn nobody_is_impersonated_unless_argo_cd_would() {
        assert_eq!(found(&accounts("*", "*", "deployer"), &[]), Impersonation::Off);
        let lax = [ON, ("impersonation.enforced", "false")];
        assert_eq!(found(&json!([]), &lax), Impersonation::Off);
        assert_eq!(
            found(&json!([]), &[ON]),
            Impersonation::Refused(
                "no matching service account found for destination server https://kubernetes.default.svc and namespace apps"
                    .to_owned()
            )
        );
    }
}
