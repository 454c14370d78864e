//! What policies set, written into the generated objects.

use serde_json::{Map, Value, json};

use super::Context;
use crate::flux::{FluxKind, Manifest};
use crate::merge::deep_merge;
use crate::policy::{Effective, Setting};
use crate::project::Impersonation;

/// Writes it. Called before the Application's own overrides, which come later and so may change it where they are allowed to.
pub(super) fn apply(context: &Context, objects: &mut [Manifest]) {
    let policy = &context.policy;
    for object in objects {
        match object.key.kind {
            FluxKind::HelmRelease => {
                workload(policy, &mut object.spec);
                release(policy, &mut object.spec);
            }
            FluxKind::Kustomization => {
                workload(policy, &mut object.spec);
                kustomization(policy, &mut object.spec);
            }
            _ => {
                set(&mut object.spec, "", "interval", policy.source_interval.as_ref());
                set(&mut object.spec, "", "timeout", policy.source_timeout.as_ref());
            }
        }
        if let (Impersonation::As { account, .. }, true) =
            (&context.impersonation, object.key.kind.is_workload())
        {
            deep_merge(&mut object.spec, json!({"serviceAccountName": account}));
        }
        for (key, value) in policy.labels.iter().flat_map(|labels| &labels.value) {
            // The owner's labels are not a policy's to set.
            object.labels.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
}

fn workload(policy: &Effective, spec: &mut Value) {
    set(spec, "", "interval", policy.workload_interval.as_ref());
    set(spec, "", "timeout", policy.workload_timeout.as_ref());
    set(spec, "", "serviceAccountName", policy.service_account_name.as_ref());
}

fn release(policy: &Effective, spec: &mut Value) {
    for strategy in ["/install/strategy", "/upgrade/strategy"] {
        set(spec, strategy, "retryInterval", policy.retry_interval.as_ref());
    }
    if spec.pointer("/chart/spec/interval").is_some() {
        set(spec, "/chart/spec", "interval", policy.source_interval.as_ref());
    }
    append(spec, "/driftDetection", "ignore", policy.drift_ignore.as_ref());
    append(spec, "", "postRenderers", policy.post_renderers.as_ref());
    // Flux makes a HelmChart of it, which another shard would not see without the label.
    if let (Some(labels), Some(chart)) =
        (&policy.labels, spec.get_mut("chart").and_then(Value::as_object_mut))
    {
        chart.insert("metadata".to_owned(), json!({"labels": labels.value}));
    }
}

fn kustomization(policy: &Effective, spec: &mut Value) {
    set(spec, "", "retryInterval", policy.retry_interval.as_ref());
    append(spec, "", "ignore", policy.drift_ignore.as_ref());
    append(spec, "", "patches", policy.patches.as_ref());
}

fn fields<'a>(spec: &'a mut Value, parent: &str) -> Option<&'a mut Map<String, Value>> {
    spec.pointer_mut(parent).and_then(Value::as_object_mut)
}

fn set(spec: &mut Value, parent: &str, field: &str, setting: Option<&Setting<String>>) {
    if let (Some(setting), Some(fields)) = (setting, fields(spec, parent)) {
        fields.insert(field.to_owned(), json!(setting.value));
    }
}

fn append<T: serde::Serialize>(
    spec: &mut Value,
    parent: &str,
    field: &str,
    setting: Option<&Setting<Vec<T>>>,
) {
    let Some(setting) = setting.filter(|setting| !setting.value.is_empty()) else { return };
    let Some(fields) = fields(spec, parent) else { return };
    if let Some(list) = fields.entry(field).or_insert_with(|| json!([])).as_array_mut() {
        list.extend(setting.value.iter().map(|item| json!(item)));
    }
}
