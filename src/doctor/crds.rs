//! The CRDs of Argo CD and Flux: the versions that are spoken, and the newest of the fields that are used.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use super::{Finding, some};
use crate::flux::FluxKind;

/// What is needed of one CRD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// `PLURAL.GROUP`.
    pub name: String,
    /// The version that is read and written.
    pub version: &'static str,
    /// Fields by their path, the newest of those that are used.
    pub fields: &'static [&'static str],
}

/// All of them.
pub fn needed() -> Vec<Needed> {
    let flux = FluxKind::ALL.into_iter().map(|kind| Needed {
        name: format!("{}.{}", kind.plural(), kind.group()),
        version: kind.version(),
        fields: match kind {
            FluxKind::HelmRelease => &["spec.install.strategy", "spec.driftDetection", "status.inventory"],
            FluxKind::Kustomization => &["spec.deletionPolicy", "status.inventory"],
            FluxKind::GitRepository => &["spec.ref.name"],
            FluxKind::OciRepository => &["spec.layerSelector.operation"],
            FluxKind::HelmRepository | FluxKind::HelmChart => &[],
        },
    });
    let argo = [
        Needed {
            name: "applications.argoproj.io".to_owned(),
            version: "v1alpha1",
            fields: &["spec.source.helm.valuesObject", "status.controllerNamespace", "status.sourceTypes"],
        },
        Needed { name: "appprojects.argoproj.io".to_owned(), version: "v1alpha1", fields: &[] },
    ];
    argo.into_iter().chain(flux).collect()
}

/// Judges them, each with what the API server has of it.
pub fn judge(found: &[(Needed, Option<CustomResourceDefinition>)]) -> Finding {
    const CHECK: &str = "CRDs";
    let wrong: Vec<String> =
        found.iter().filter_map(|(needed, crd)| complaint(needed, crd.as_ref())).collect();
    if wrong.is_empty() {
        return Finding::ok(
            CHECK,
            format!("all {} are there, with the versions and fields that are used", found.len()),
        );
    }
    let is_argo = wrong.iter().any(|text| text.contains("argoproj.io"));
    let fix = if is_argo {
        "install or upgrade Argo CD (3.x)"
    } else {
        "install or upgrade Flux (2.8 or newer): flux install"
    };
    Finding::fail(CHECK, some(&wrong), fix)
}

fn complaint(needed: &Needed, crd: Option<&CustomResourceDefinition>) -> Option<String> {
    let name = &needed.name;
    let Some(crd) = crd else { return Some(format!("{name} is not installed")) };
    let version = crd.spec.versions.iter().find(|version| version.name == needed.version && version.served);
    let Some(version) = version else { return Some(format!("{name} is not served as {}", needed.version)) };
    let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
    let schema = schema.and_then(|schema| serde_json::to_value(schema).ok()).unwrap_or_default();
    let missing = needed.fields.iter().find(|field| !has(&schema, field))?;
    Some(format!("{name} has no {missing}"))
}

fn has(schema: &Value, field: &str) -> bool {
    let mut names = field.split('.');
    names.try_fold(schema, |schema, name| schema.get("properties")?.get(name)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use serde_json::json;

    fn crd(version: &str, is_served: bool, schema: &Value) -> CustomResourceDefinition {
        let version = json!({"name": version, "served": is_served, "storage": true, "schema": {"openAPIV3Schema": schema}});
        let names = json!({"kind": "X", "plural": "xs"});
        serde_json::from_value(json!({"metadata": {"name": "xs.example.org"},
            "spec": {"group": "example.org", "scope": "Namespaced", "names": names, "versions": [version]}}))
        .unwrap()
    }

    #[test]
    fn versions_and_fields_are_looked_for() {
        let needed = Needed { name: "xs.example.org".into(), version: "v1", fields: &["spec.a.b"] };
        let schema =
            json!({"properties": {"spec": {"properties": {"a": {"properties": {"b": {"type": "string"}}}}}}});
        let said = |crd| {
            let finding = judge(&[(needed.clone(), crd)]);
            (finding.level, finding.finding)
        };
        assert_eq!(said(Some(crd("v1", true, &schema))).0, Level::Ok);
        assert_eq!(said(None), (Level::Fail, "xs.example.org is not installed".into()));
        assert_eq!(
            said(Some(crd("v1", false, &schema))),
            (Level::Fail, "xs.example.org is not served as v1".into())
        );
        assert_eq!(
            said(Some(crd("v1", true, &json!({})))),
            (Level::Fail, "xs.example.org has no spec.a.b".into())
        );
    }
}
