//! The bridge's table of CRD defaults is that of the Flux that runs: else a default would count as somebody's edit.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use flux_subsystem::flux::{FluxKind, defaults};
use flux_subsystem_e2e::Stack;
use serde_json::Value;

#[tokio::test]
async fn defaults_match_the_crds() -> Result<()> {
    let env = Stack::shared().await?.test("defaults").await?;
    for kind in FluxKind::ALL {
        let name = format!("{}.{}", kind.plural(), kind.group());
        let crd = env.get("CustomResourceDefinition", "", &name).await?.context("no CRD")?;
        let versions = crd["spec"]["versions"].as_array().context("no versions")?;
        let version =
            versions.iter().find(|version| version["name"] == kind.version()).context("no such version")?;
        let mut found = BTreeMap::new();
        collect(&version["schema"]["openAPIV3Schema"]["properties"]["spec"], "", &mut found);
        let known: BTreeMap<_, _> =
            defaults::of(kind).into_iter().map(|(pointer, default)| (pointer.to_owned(), default)).collect();
        assert_eq!(found, known, "{name}");
    }
    Ok(())
}

/// Every default below a schema, by its pointer; `*` stands for each item of a list or of a map.
fn collect(schema: &Value, pointer: &str, found: &mut BTreeMap<String, Value>) {
    if let Some(default) = schema.get("default") {
        found.insert(pointer.to_owned(), default.clone());
    }
    for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
        collect(schema, &format!("{pointer}/{field}"), found);
    }
    for items in ["items", "additionalProperties"] {
        if schema[items].is_object() {
            collect(&schema[items], &format!("{pointer}/*"), found);
        }
    }
}
