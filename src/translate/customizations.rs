//! Which differences do not count: the rules, and those of argocd-cm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::yaml;

/// One rule (argo-cd `types.go`, `ResourceIgnoreDifferences`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IgnoreDifferences {
    /// Glob of API groups; empty for the core group.
    pub group: String,
    /// Glob of kinds.
    pub kind: String,
    /// Name; empty for every one.
    pub name: String,
    /// Namespace; empty for every one.
    pub namespace: String,
    /// JSON pointers.
    #[serde(rename = "jsonPointers")]
    pub json_pointers: Vec<String>,
    /// jq paths.
    #[serde(rename = "jqPathExpressions")]
    pub jq_path_expressions: Vec<String>,
    /// Field managers whose fields do not count.
    pub managed_fields_managers: Vec<String>,
}

pub(super) const SETTING: &str = "resource.customizations";

/// The rules in `settings`, the data of argocd-cm (argo-cd `util/settings/settings.go`, `GetResourceOverrides`). What cannot
/// be read is no rule: stock Argo CD says so itself, for every Application.
pub fn customizations(settings: &BTreeMap<String, String>) -> Vec<IgnoreDifferences> {
    let parsed = |text: &str| yaml::parse(text).ok();
    let all = settings.get(SETTING).and_then(|text| parsed(text));
    let joint = all.iter().filter_map(Value::as_object).flatten().filter_map(|(key, all)| {
        let rule = match all.get("ignoreDifferences")? {
            Value::String(text) => parsed(text)?,
            rule => rule.clone(),
        };
        rule_for(key, &rule)
    });
    let split = settings.iter().filter_map(|(key, text)| {
        let target = key.strip_prefix(SETTING)?.strip_prefix(".ignoreDifferences.")?;
        let target = if target == "all" { "*/*".to_owned() } else { target.replace('_', "/") };
        rule_for(&target, &parsed(text)?)
    });
    joint.chain(split).collect()
}

/// `GROUP/KIND` or `KIND` (argo-cd `util/argo/normalizers/util.go`).
pub(super) fn rule_for(target: &str, rule: &Value) -> Option<IgnoreDifferences> {
    let (group, kind) = target.split_once('/').unwrap_or(("", target));
    if kind.contains('/') {
        return None;
    }
    let rule: IgnoreDifferences = serde_json::from_value(rule.clone()).ok()?;
    Some(IgnoreDifferences { group: group.to_owned(), kind: kind.to_owned(), ..rule })
}
