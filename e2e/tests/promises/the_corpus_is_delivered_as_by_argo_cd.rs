//! What stock Argo CD delivers, Flux delivers: a part of the corpus, each Application twice, the live objects compared.
//! `cargo parity` tries all of it.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use flux_subsystem::yaml;
use flux_subsystem_e2e::parity::entry::Entry;
use flux_subsystem_e2e::parity::publish::publish;
use flux_subsystem_e2e::parity::{report, run};
use flux_subsystem_e2e::{Stack, paths};
use serde_json::Value;

/// One or a few of every kind: all of them take minutes.
const PART: [&str; 26] = [
    "artifact-kustomized",
    "chart-cluster-wide",
    "chart-git",
    "chart-hooks",
    "chart-lookup",
    "chart-oci-url",
    "chart-range",
    "chart-subcharts",
    "chart-unknown",
    "directory",
    "directory-in-default",
    "directory-network",
    "directory-odd-yaml",
    "directory-recurse",
    "helm-parameters",
    "helm-parameters-lists",
    "helm-precedence",
    "helm-values-yaml",
    "hydrated",
    "kustomize-images",
    "kustomize-overlay",
    "kustomize-patch-targets",
    "namespace-metadata",
    "several-chart-and-files",
    "sync-manual",
    "two-types",
];
/// Beside other tests.
const AT_ONCE: usize = 5;

/// What asks for credentials.
const PRIVATE: [&str; 5] =
    ["private-chart-git", "private-chart-http", "private-git", "private-git-ssh", "private-rendered"];

#[tokio::test]
async fn as_the_corpus_expects() -> Result<()> {
    expected("corpus", &PART).await
}

#[tokio::test]
async fn and_with_credentials() -> Result<()> {
    expected("corpus-private", &PRIVATE).await
}

async fn expected(test: &str, part: &[&str]) -> Result<()> {
    let env = Stack::shared().await?.test(test).await?;
    let places = publish(&env).await?;
    let mut entries = Entry::read_all(&part.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
    // What was tried is one Application each: a beginning of several names is one of them, too.
    entries.retain(|entry| part.contains(&entry.name.as_str()));
    assert_eq!(entries.len(), part.len());
    let verdicts = run::run(&env, &entries, &places, AT_ONCE).await?;
    ensure!(run::is_good(&verdicts), "{}", report::text(&verdicts));
    Ok(())
}

#[tokio::test]
async fn and_uses_every_field_of_an_application() -> Result<()> {
    let env = Stack::plain().await?.test("corpus-fields").await?;
    let name = "applications.argoproj.io";
    let definition = env.get("CustomResourceDefinition", "", name).await?.context("no definition")?;
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut fields = BTreeSet::new();
    walk(schema, "spec", &mut fields);
    assert!(fields.len() > 150, "{}", fields.len());
    for entry in Entry::read_all(&[])? {
        let application = yaml::parse(&entry.application)?;
        let mut used = BTreeSet::new();
        leaves(&application["spec"], "spec", &mut used);
        // A field in one kind of source is a field in all of them.
        fields.retain(|field| !used.iter().any(|used| of_any_source(used) == of_any_source(field)));
    }
    ensure!(fields.is_empty(), "no Application of the corpus has {fields:#?}");
    Ok(())
}

/// The paths of all fields of a schema that hold values.
fn walk(schema: &Value, path: &str, fields: &mut BTreeSet<String>) {
    let schema = if schema["items"].is_object() { &schema["items"] } else { schema };
    match schema["properties"].as_object() {
        Some(properties) => {
            properties.iter().for_each(|(name, below)| walk(below, &format!("{path}.{name}"), fields));
        }
        None => {
            fields.insert(path.to_owned());
        }
    }
}

/// The paths of all fields of a value, of those in between, too.
fn leaves(value: &Value, path: &str, fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            fields.insert(path.to_owned());
            map.iter().for_each(|(name, below)| leaves(below, &format!("{path}.{name}"), fields));
        }
        Value::Array(items) => {
            fields.insert(path.to_owned());
            for item in items {
                leaves(item, path, fields);
            }
        }
        _ => {
            fields.insert(path.to_owned());
        }
    }
}

fn of_any_source(path: &str) -> String {
    let places = ["spec.sourceHydrator.drySource.", "spec.sources.", "spec.source."];
    let inside = places.iter().find_map(|place| path.strip_prefix(place));
    inside.map_or_else(|| path.to_owned(), |inside| format!("spec.source.{inside}"))
}

#[test]
fn the_table_is_that_of_the_corpus() -> Result<()> {
    let table = std::fs::read_to_string(paths::harness().join("parity/TABLE.md"))?;
    for entry in Entry::read_all(&[])? {
        let row = format!("| `{}` | {} | {} |", entry.name, entry.about, entry.expectation.expect.word());
        assert!(table.contains(&row), "`cargo parity --table` writes the table anew: {row}");
    }
    Ok(())
}
