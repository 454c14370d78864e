//! Which Applications a policy governs.

use super::FluxDeliveryPolicy;
use super::parts::{ApplicationSelector, ExpressionOperator, LabelExpression};
use crate::argo::Application;
use crate::project::is_in_namespaces;

/// Whether `policy` governs `app`.
pub fn governs(policy: &FluxDeliveryPolicy, app: &Application) -> bool {
    let is_going = policy.metadata.deletion_timestamp.is_some();
    !is_going && policy.spec.selector.as_ref().is_none_or(|selector| fits(selector, app))
}

fn fits(selector: &ApplicationSelector, app: &Application) -> bool {
    // Argo CD's own globs, as in `--application-namespaces`.
    let names = |patterns: &Option<Vec<String>>, name: &str| {
        patterns.as_ref().is_none_or(|patterns| is_in_namespaces(patterns, name))
    };
    let labels = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    names(&selector.projects, app.project())
        && names(&selector.namespaces, app.namespace())
        && labels.into_iter().all(|(key, value)| app.label(key) == Some(value))
        && expressions.into_iter().all(|expression| holds(expression, app))
}

/// apimachinery `labels/selector.go`, `Requirement.Matches`.
fn holds(expression: &LabelExpression, app: &Application) -> bool {
    let value = app.label(&expression.key);
    let is_among = value.is_some_and(|value| expression.values.iter().any(|other| other == value));
    match expression.operator {
        ExpressionOperator::In => is_among,
        ExpressionOperator::NotIn => !is_among,
        ExpressionOperator::Exists => value.is_some(),
        ExpressionOperator::DoesNotExist => value.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    #[rstest]
    #[case::everything(json!(null), true)]
    #[case::project(json!({"projects": ["other", "team-*"]}), true)]
    #[case::other_project(json!({"projects": ["other"]}), false)]
    #[case::namespace(json!({"namespaces": ["argocd"]}), true)]
    #[case::both_have_to_fit(json!({"projects": ["team-a"], "namespaces": ["apps"]}), false)]
    #[case::label(json!({"matchLabels": {"tier": "gold"}}), true)]
    #[case::other_label(json!({"matchLabels": {"tier": "iron"}}), false)]
    #[case::one_of(json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["iron", "gold"]}]}), true)]
    #[case::none_of(json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["gold"]}]}), false)]
    #[case::absent_is_none_of(json!({"matchExpressions": [{"key": "x", "operator": "NotIn", "values": ["gold"]}]}), true)]
    #[case::there(json!({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}), true)]
    #[case::not_there(json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}), false)]
    fn selectors(#[case] selector: Value, #[case] expected: bool) {
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "demo", "namespace": "argocd", "labels": {"tier": "gold"}},
            "spec": {"project": "team-a"},
        }))
        .unwrap();
        let policy: FluxDeliveryPolicy = serde_json::from_value(json!({
            "apiVersion": "flux-subsystem.dev/v1alpha1", "kind": "FluxDeliveryPolicy",
            "metadata": {"name": "p"}, "spec": {"selector": selector},
        }))
        .unwrap();
        assert_eq!(governs(&policy, &app), expected);
    }

    #[test]
    fn a_policy_on_its_way_out_governs_nothing() {
        let mut policy = FluxDeliveryPolicy::default();
        policy.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH));
        assert!(!governs(&policy, &Application::default()));
    }
}
