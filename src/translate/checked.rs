//! Where the project restricts what may be delivered, what it was asked about is what Flux delivers.
//!
//! The project is asked about what Argo CD's repo-server renders. What Flux renders itself may be something else: a chart
//! sees the cluster (`lookup`, `.Capabilities`), its own past (`.Release.IsUpgrade`) and chance (`randAlphaNum`, `now`), a
//! kustomization fetches what it builds on, and a branch moves between the look and the delivery. Flux renders with its own
//! rights, those of a cluster administrator unless somebody names a `ServiceAccount`. So it gets finished objects by their
//! digest, and nothing else can come through.

use crate::policy::{Effective, RestrictedProjects};
use crate::project::{AppProject, Impersonation, this_cluster};

/// Why a source is rendered by Argo CD's repo-server; it stands on the generated `OCIRepository`.
pub(super) const REASON: &str = "project that restricts what may be delivered";

/// Whether Flux may deliver nothing but what `project` was asked about: it restricts objects, and neither a `ServiceAccount`
/// whose rights end where they should nor the word of a policy stands in for the look.
pub fn is_checked_only(project: &AppProject, impersonation: &Impersonation, policy: &Effective) -> bool {
    let has_account =
        matches!(impersonation, Impersonation::As { .. }) || policy.service_account_name.is_some();
    let is_trusted = policy
        .restricted_projects
        .as_ref()
        .is_some_and(|setting| setting.value == RestrictedProjects::Native);
    !has_account && !is_trusted && project.restricts_objects(&this_cluster())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Setting;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn set<T>(value: T) -> Setting<T> {
        Setting { value, policy: "platform".to_owned() }
    }

    fn account() -> Impersonation {
        Impersonation::As { account: "deployer".to_owned(), project: "team".to_owned() }
    }

    #[rstest]
    #[case::restricted(json!([{"server": "*", "namespace": "a"}]), Impersonation::Off, Effective::default(), true)]
    #[case::unrestricted(json!([{"server": "*", "namespace": "*"}]), Impersonation::Off, Effective::default(), false)]
    #[case::delivered_as_an_account(json!([]), account(), Effective::default(), false)]
    #[case::by_a_policys_account(
        json!([]),
        Impersonation::Off,
        Effective { service_account_name: Some(set("deployer".to_owned())), ..Effective::default() },
        false
    )]
    #[case::trusted(
        json!([]),
        Impersonation::Off,
        Effective { restricted_projects: Some(set(RestrictedProjects::Native)), ..Effective::default() },
        false
    )]
    #[case::said_to_be_rendered(
        json!([]),
        Impersonation::Off,
        Effective { restricted_projects: Some(set(RestrictedProjects::Rendered)), ..Effective::default() },
        true
    )]
    fn nothing_else_holds_the_border(
        #[case] destinations: Value,
        #[case] impersonation: Impersonation,
        #[case] policy: Effective,
        #[case] expected: bool,
    ) {
        let all = json!([{"group": "*", "kind": "*"}]);
        let spec = json!({"destinations": destinations, "clusterResourceWhitelist": all});
        let project = serde_json::from_value(json!({"metadata": {"name": "team"}, "spec": spec})).unwrap();
        assert_eq!(is_checked_only(&project, &impersonation, &policy), expected);
    }
}
