//! The rights of the bridge's service account: every rule of the shipped manifests, asked for one by one.

use serde_json::Value;

use super::{Finding, Namespaces, some};
use crate::yaml;

/// What the bridge cannot do without.
const REQUIRED: &str = include_str!("../../manifests/rbac.yaml");
/// What it sees the delivered objects by.
const LIVE: &str = include_str!("../../manifests/rbac-live.yaml");
/// Name of the service account, in Argo CD's namespace.
pub const ACCOUNT: &str = "flux-subsystem";

/// One verb on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// `list`, `patch` and so on.
    pub verb: String,
    /// API group; empty for the core.
    pub group: String,
    /// Plural.
    pub resource: String,
    /// The one object that it is about; empty: all.
    pub name: String,
    /// Empty: in all namespaces.
    pub namespace: String,
    /// Without it, only the tree and the health of what was delivered suffer.
    pub is_optional: bool,
}

impl Right {
    /// As messages name it: `patch applications.argoproj.io in argocd`.
    pub fn text(&self) -> String {
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        let name = if self.name.is_empty() { String::new() } else { format!("/{}", self.name) };
        let place = if self.namespace.is_empty() { String::new() } else { format!(" in {}", self.namespace) };
        format!("{} {}{group}{name}{place}", self.verb, self.resource)
    }
}

/// All rights that the shipped manifests give; the error is a manifest that is no YAML.
pub fn needed(namespaces: &Namespaces) -> Result<Vec<Right>, yaml::Error> {
    let mut rights = Vec::new();
    for (text, is_optional) in [(REQUIRED, false), (LIVE, true)] {
        for document in yaml::parse_all(text)? {
            // A Role's namespace is Argo CD's, wherever that is.
            let namespace = match document.get("kind").and_then(Value::as_str) {
                Some("Role") => namespaces.argocd.as_str(),
                Some("ClusterRole") => "",
                _ => continue,
            };
            let rules = document.get("rules").and_then(Value::as_array);
            rights.extend(rules.into_iter().flatten().flat_map(|rule| of_rule(rule, namespace, is_optional)));
        }
    }
    rights.sort();
    rights.dedup();
    Ok(rights)
}

fn of_rule(rule: &Value, namespace: &str, is_optional: bool) -> Vec<Right> {
    let list = |field: &str| -> Vec<String> {
        let items = rule.get(field).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut names = list("resourceNames");
    if names.is_empty() {
        names.push(String::new());
    }
    let mut rights = Vec::new();
    for group in list("apiGroups") {
        for resource in list("resources") {
            for name in &names {
                rights.extend(list("verbs").into_iter().map(|verb| Right {
                    verb,
                    group: group.clone(),
                    resource: resource.clone(),
                    name: name.clone(),
                    namespace: namespace.to_owned(),
                    is_optional,
                }));
            }
        }
    }
    rights
}

/// Judges the rights with the API server's answers.
pub fn judge(answers: &[(Right, bool)], namespaces: &Namespaces) -> Vec<Finding> {
    let missing = |is_optional: bool| -> Vec<String> {
        let refused =
            answers.iter().filter(|(right, is_allowed)| !is_allowed && right.is_optional == is_optional);
        refused.map(|(right, _)| right.text()).collect()
    };
    let account = format!("{}/{ACCOUNT}", namespaces.argocd);
    let (required, optional) = (missing(false), missing(true));
    let count =
        |is_optional: bool| answers.iter().filter(|(right, _)| right.is_optional == is_optional).count();
    let first = if required.is_empty() {
        Finding::ok(
            "Rights",
            format!("ServiceAccount {account} has all {} that the bridge uses", count(false)),
        )
    } else {
        Finding::fail(
            "Rights",
            format!("ServiceAccount {account} may not: {}", some(&required)),
            "apply manifests/rbac.yaml, with the namespaces of your installation",
        )
    };
    let second = if optional.is_empty() {
        Finding::ok(
            "Rights to see",
            format!("ServiceAccount {account} may see all {} kinds and verbs", count(true)),
        )
    } else {
        Finding::warn(
            "Rights to see",
            format!(
                "ServiceAccount {account} may not: {}: trees of Applications end above these kinds",
                some(&optional)
            ),
            "apply manifests/rbac-live.yaml",
        )
    };
    vec![first, second]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn namespaces() -> Namespaces {
        Namespaces { argocd: "gitops".into(), flux: "flux-system".into() }
    }

    #[test]
    fn the_shipped_rules_are_read() {
        let rights = needed(&namespaces()).unwrap();
        let texts: Vec<String> = rights.iter().filter(|right| !right.is_optional).map(Right::text).collect();
        for text in [
            "patch helmreleases.helm.toolkit.fluxcd.io",
            "patch applications.argoproj.io in gitops",
            "create namespaces",
            "update leases.coordination.k8s.io/flux-subsystem in gitops",
        ] {
            assert!(texts.contains(&text.to_owned()), "{text} is not among {texts:?}");
        }
        assert!(rights.iter().any(|right| right.is_optional && right.text() == "list pods"));
    }

    #[test]
    fn a_missing_right_is_named() {
        let rights = needed(&namespaces()).unwrap();
        let levels = |refused: &str| {
            let answers: Vec<_> =
                rights.iter().map(|right| (right.clone(), right.text() != refused)).collect();
            judge(&answers, &namespaces())
        };
        let lacking = levels("create namespaces");
        assert_eq!([lacking[0].level, lacking[1].level], [Level::Fail, Level::Ok]);
        assert!(lacking[0].finding.ends_with("gitops/flux-subsystem may not: create namespaces"));
        assert_eq!(levels("list pods")[1].level, Level::Warn);
        assert!(levels("").iter().all(|finding| finding.level == Level::Ok));
    }
}
