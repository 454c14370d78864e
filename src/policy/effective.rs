//! What all policies together say for one Application.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::parts::{IgnoreRule, OverrideRule, Patch, PostRenderer, RestrictedProjects};
use super::{FluxDeliveryPolicy, FluxDeliveryPolicySpec, governs};
use crate::argo::Application;

/// A setting, and the name of the policy that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// What is set.
    pub value: T,
    /// Name of the policy.
    pub policy: String,
}

/// What governs one Application; nothing is set where no policy sets it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effective {
    /// `spec.interval` of sources, a Flux duration.
    pub source_interval: Option<Setting<String>>,
    /// `spec.interval` of workload objects, a Flux duration.
    pub workload_interval: Option<Setting<String>>,
    /// `spec.timeout` of sources, a Flux duration.
    pub source_timeout: Option<Setting<String>>,
    /// `spec.timeout` of workload objects, a Flux duration.
    pub workload_timeout: Option<Setting<String>>,
    /// How soon workload objects are tried again, a Flux duration.
    pub retry_interval: Option<Setting<String>>,
    /// Flux waits until what it delivers is healthy.
    pub wait_for_health: Option<Setting<bool>>,
    /// Who Flux delivers as.
    pub service_account_name: Option<Setting<String>>,
    /// Who renders where a project restricts what may be delivered.
    pub restricted_projects: Option<Setting<RestrictedProjects>>,
    /// Fields that Flux leaves alone.
    pub drift_ignore: Option<Setting<Vec<IgnoreRule>>>,
    /// Labels of all objects.
    pub labels: Option<Setting<BTreeMap<String, String>>>,
    /// Post-renderers of Helm releases.
    pub post_renderers: Option<Setting<Vec<PostRenderer>>>,
    /// Patches of Kustomizations.
    pub patches: Option<Setting<Vec<Patch>>>,
    /// What overrides may change.
    pub overrides: Option<Setting<Vec<OverrideRule>>>,
}

impl Effective {
    /// What `policies` say for `app`.
    pub fn of(app: &Application, policies: &[Arc<FluxDeliveryPolicy>]) -> Self {
        let policies = in_order(app, policies);
        Self {
            source_interval: first(&policies, |spec| spec.intervals.as_ref()?.source.clone()),
            workload_interval: first(&policies, |spec| spec.intervals.as_ref()?.workload.clone()),
            source_timeout: first(&policies, |spec| spec.timeouts.as_ref()?.source.clone()),
            workload_timeout: first(&policies, |spec| spec.timeouts.as_ref()?.workload.clone()),
            retry_interval: first(&policies, |spec| spec.retry_interval.clone()),
            wait_for_health: first(&policies, |spec| spec.wait_for_health),
            service_account_name: first(&policies, |spec| spec.service_account_name.clone()),
            restricted_projects: first(&policies, |spec| spec.restricted_projects),
            drift_ignore: first(&policies, |spec| spec.drift_ignore.clone()),
            labels: first(&policies, |spec| spec.labels.clone()),
            post_renderers: first(&policies, |spec| spec.post_renderers.clone()),
            patches: first(&policies, |spec| spec.patches.clone()),
            overrides: first(&policies, |spec| Some(spec.overrides.as_ref()?.allowed.clone())),
        }
    }
}

fn first<T>(
    policies: &[&FluxDeliveryPolicy],
    get: impl Fn(&FluxDeliveryPolicySpec) -> Option<T>,
) -> Option<Setting<T>> {
    policies
        .iter()
        .find_map(|policy| get(&policy.spec).map(|value| Setting { value, policy: name(policy).to_owned() }))
}

pub(super) fn name(policy: &FluxDeliveryPolicy) -> &str {
    policy.metadata.name.as_deref().unwrap_or_default()
}

/// The policies that govern `app`, the one that wins first.
pub(super) fn in_order<'a>(
    app: &Application,
    policies: &'a [Arc<FluxDeliveryPolicy>],
) -> Vec<&'a FluxDeliveryPolicy> {
    let governing = policies.iter().filter(|policy| governs(policy, app));
    let mut governing: Vec<&FluxDeliveryPolicy> = governing.map(AsRef::as_ref).collect();
    governing.sort_by(|a, b| b.spec.priority.cmp(&a.spec.priority).then_with(|| name(a).cmp(name(b))));
    governing
}

/// The settings of a policy one by one, by the names under which they compete with those of other policies.
pub(super) fn settings(spec: &FluxDeliveryPolicySpec) -> Map<String, Value> {
    let Value::Object(mut fields) = json!(spec) else { return Map::new() };
    fields.retain(|field, _| !matches!(field.as_str(), "priority" | "selector"));
    for group in ["intervals", "timeouts"] {
        let Some(Value::Object(parts)) = fields.remove(group) else { continue };
        fields.extend(parts.into_iter().map(|(part, value)| (format!("{group}.{part}"), value)));
    }
    fields
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::policy) fn policy(name: &str, spec: &Value) -> Arc<FluxDeliveryPolicy> {
        let policy = json!({
            "apiVersion": "flux-subsystem.dev/v1alpha1", "kind": "FluxDeliveryPolicy",
            "metadata": {"name": name, "namespace": "argocd", "generation": 3}, "spec": spec,
        });
        Arc::new(serde_json::from_value(policy).unwrap())
    }

    #[test]
    fn each_setting_is_that_of_the_highest_priority_that_has_it() {
        let policies = [
            policy("base", &json!({"intervals": {"source": "5m", "workload": "1h"}, "retryInterval": "2m"})),
            policy("team", &json!({"priority": 10, "intervals": {"workload": "30m"}})),
            policy("other", &json!({"priority": 99, "selector": {"projects": ["x"]}, "retryInterval": "9m"})),
        ];
        let effective = Effective::of(&Application::default(), &policies);
        let set = |setting: Option<Setting<String>>| setting.map(|s| (s.value, s.policy));
        assert_eq!(set(effective.source_interval), Some(("5m".into(), "base".into())));
        assert_eq!(set(effective.workload_interval), Some(("30m".into(), "team".into())));
        assert_eq!(set(effective.retry_interval), Some(("2m".into(), "base".into())));
        assert_eq!(effective.labels, None);
    }

    #[test]
    fn of_equals_the_first_by_name_wins_in_whatever_order_they_come() {
        let (a, b) =
            (policy("a", &json!({"retryInterval": "1m"})), policy("b", &json!({"retryInterval": "2m"})));
        for policies in [[a.clone(), b.clone()], [b, a]] {
            let setting = Effective::of(&Application::default(), &policies).retry_interval.unwrap();
            assert_eq!(setting.policy, "a");
        }
    }

    /// A setting without a name in [`Effective`] would be read by nobody.
    #[test]
    fn every_setting_competes_under_a_name() {
        let all = json!({
            "intervals": {"source": "5m", "workload": "1h"}, "timeouts": {"source": "5m", "workload": "1h"},
            "retryInterval": "1m", "waitForHealth": true, "serviceAccountName": "a", "driftIgnore": [], "labels": {},
            "postRenderers": [], "patches": [], "overrides": {"allowed": []}, "restrictedProjects": "Native",
        });
        let policy = policy("all", &all);
        assert_eq!(settings(&policy.spec).len(), 13);
        let effective = format!("{:?}", Effective::of(&Application::default(), &[policy]));
        assert!(!effective.contains("None"), "{effective}");
    }
}
