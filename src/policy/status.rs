//! What the bridge says of each policy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::effective::{in_order, name, settings};
use super::{FluxDeliveryPolicy, FluxDeliveryPolicyStatus, PolicyCondition, PolicyRefusal};
use crate::argo::Application;
use crate::argo::seconds;

/// How many refusals a status names.
const MAX_REFUSALS: usize = 20;
/// How many other policies, and Applications, a sentence names.
const MAX_NAMED: usize = 3;

/// One field that a policy refuses an Application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Name of the policy.
    pub policy: String,
    /// The field in the Application.
    pub field: String,
    /// A sentence.
    pub message: String,
}

/// How the policies stand to the bridged Applications.
#[derive(Clone, Debug, Default)]
pub struct Census {
    governed: BTreeMap<String, i64>,
    /// Policy → setting → the other policies of its priority that say something else, each with an Application.
    disputes: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>,
    refusals: BTreeMap<String, BTreeSet<PolicyRefusal>>,
}

impl Census {
    /// Counts one bridged Application, and what of it was refused.
    pub fn add(&mut self, app: &Application, policies: &[Arc<FluxDeliveryPolicy>], refused: &[Refused]) {
        let governing = in_order(app, policies);
        for (index, policy) in governing.iter().enumerate() {
            *self.governed.entry(name(policy).to_owned()).or_default() += 1;
            let rivals = governing[index + 1..].iter().filter(|o| o.spec.priority == policy.spec.priority);
            for rival in rivals {
                self.compare(app, policy, rival);
            }
        }
        for refused in refused {
            let refusal = PolicyRefusal {
                application: app.identity(),
                field: refused.field.clone(),
                message: refused.message.clone(),
            };
            self.refusals.entry(refused.policy.clone()).or_default().insert(refusal);
        }
    }

    fn compare(&mut self, app: &Application, a: &FluxDeliveryPolicy, b: &FluxDeliveryPolicy) {
        let others = settings(&b.spec);
        for (setting, value) in settings(&a.spec) {
            if others.get(&setting).is_none_or(|other| *other == value) {
                continue;
            }
            for (one, other) in [(a, b), (b, a)] {
                let disputes = self.disputes.entry(name(one).to_owned()).or_default();
                let rivals = disputes.entry(setting.clone()).or_default();
                rivals.entry(name(other).to_owned()).or_insert_with(|| app.identity());
            }
        }
    }
}

/// The status that `policy` should have; the time of its condition is kept where nothing changed.
pub fn desired(policy: &FluxDeliveryPolicy, census: &Census, now: Timestamp) -> FluxDeliveryPolicyStatus {
    let name = name(policy);
    let generation = policy.metadata.generation.unwrap_or_default();
    let governed = census.governed.get(name).copied().unwrap_or_default();
    let refusals = census.refusals.get(name).cloned().unwrap_or_default();
    let refused: BTreeSet<&str> = refusals.iter().map(|refusal| refusal.application.as_str()).collect();
    let refused = i64::try_from(refused.len()).unwrap_or(i64::MAX);
    let (status, reason, message) = match census.disputes.get(name) {
        Some(disputes) => ("False", "Ambiguous", dispute(name, disputes)),
        None => ("True", "Governing", format!("governs {governed} Applications")),
    };
    let before = policy.status.iter().flat_map(|status| &status.conditions);
    let since = before
        .filter(|condition| condition.kind == "Ready" && condition.status == status)
        .map(|condition| condition.last_transition_time.clone())
        .next()
        .unwrap_or_else(|| seconds::text(now));
    FluxDeliveryPolicyStatus {
        observed_generation: generation,
        governed_applications: governed,
        refused_applications: refused,
        refusals: refusals.into_iter().take(MAX_REFUSALS).collect(),
        conditions: vec![PolicyCondition {
            kind: "Ready".to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message,
            last_transition_time: since,
            observed_generation: generation,
        }],
    }
}

fn dispute(name: &str, disputes: &BTreeMap<String, BTreeMap<String, String>>) -> String {
    let sentences = disputes.iter().map(|(setting, rivals)| {
        let named: Vec<String> =
            rivals.iter().take(MAX_NAMED).map(|(rival, app)| format!("{rival} (for {app})")).collect();
        let more = if rivals.len() > MAX_NAMED { " and others" } else { "" };
        let winner = rivals.keys().map(String::as_str).chain([name]).min().unwrap_or(name);
        let named = named.join(", ");
        format!(
            "{setting} is set otherwise by {named}{more}, of the same priority: {winner} wins by its name"
        )
    });
    format!("{} (give one of them another priority)", sentences.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::effective::tests::policy;
    use super::*;
    use serde_json::json;

    fn app(name: &str) -> Application {
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "argocd"}})).unwrap()
    }

    #[test]
    fn a_tie_is_named_on_both_sides() {
        let policies = [
            policy("a", &json!({"retryInterval": "1m", "intervals": {"source": "5m"}})),
            policy("b", &json!({"retryInterval": "2m", "intervals": {"source": "5m"}})),
            policy("c", &json!({"priority": 1, "retryInterval": "3m"})),
        ];
        let mut census = Census::default();
        census.add(&app("demo"), &policies, &[]);
        let said =
            |index: usize| desired(&policies[index], &census, Timestamp::UNIX_EPOCH).conditions.remove(0);
        assert_eq!(
            said(1).message,
            "retryInterval is set otherwise by a (for argocd/demo), of the same priority: a wins by its name (give \
             one of them another priority)"
        );
        assert_eq!((said(0).status.as_str(), said(0).reason.as_str()), ("False", "Ambiguous"));
        assert_eq!((said(2).status.as_str(), said(2).reason.as_str()), ("True", "Governing"));
    }

    #[test]
    fn refusals_are_counted_by_application_and_named_up_to_a_limit() {
        let policies = [policy("a", &json!({}))];
        let mut census = Census::default();
        let refused = |field: String| Refused { policy: "a".into(), field, message: "no".into() };
        for number in 0..15 {
            let both = [refused("x".into()), refused("y".into())];
            census.add(&app(&format!("app{number}")), &policies, &both);
        }
        let status = desired(&policies[0], &census, Timestamp::UNIX_EPOCH);
        assert_eq!((status.governed_applications, status.refused_applications), (15, 15));
        assert_eq!((status.refusals.len(), status.observed_generation), (20, 3));
    }

    #[test]
    fn what_did_not_change_keeps_its_time() {
        let mut policy = (*policy("a", &json!({}))).clone();
        let census = Census::default();
        policy.status = Some(desired(&policy, &census, Timestamp::UNIX_EPOCH));
        let later = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(60);
        assert_eq!(Some(desired(&policy, &census, later)), policy.status);
    }
}
