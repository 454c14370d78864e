//! What `flux-subsystem translate` says of a file is what the API server says of it: unknown fields are left out and named,
//! empty ones are none, wrong types are refused by field.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use flux_subsystem::argo::schema::{APPLICATION, Schema};
use flux_subsystem_e2e::{Output, Stack, TestEnv};
use serde_json::{Value, json};

use crate::commands::flux_subsystem;

const SLIPS: &str = "\
  kustomise: {}
  ignoreDifference: []
  ignoreDifferences:
  info:
  sources:
  source:
    repoURL: https://charts.example.org
    chart: podinfo
    targetRevision: 6.3.5
    helm: {valueFiles: , values: , releaseName: , parameters: , fileParameters: , vaules: a, valuesFiles: [a]}
    kustomize:
    plugin:
  syncPolicy:
    automatic: {}
    automated:
    managedNamespaceMetadata:
    syncOptions: [FluxSubsystem=true, AutoCreateFluxResources=true]
";
/// Without the sync option, for which the admission policy would be asked first, and stumble in words of its own.
const WRONG: &str = "\
  revisionHistoryLimit: '3'
  sources:
  - repoURL: https://charts.example.org
    targetRevision: 1.2
    helm: {valueFiles: [null], parameters: [{name: a, value: 123}], valuesObject: 'a: b', skipCrds: 'true'}
    kustomize: {commonLabels: {a: true}, replicas: [{name: a, count: true}]}
  - repoURL: https://git.example.org/a
    path: [a]
    helm: {values: {a: b}}
  syncPolicy: {automated: [], retry: {backoff: {duration: 5}}}
";
const NO_LIST: &str =
    "sources: {repoURL: https://charts.example.org, chart: podinfo, targetRevision: 6.3.5}\n";

#[tokio::test]
async fn what_is_left_out_is_named() -> Result<()> {
    let env = Stack::shared().await?.test("unknown-fields").await?;
    let app = application(&env, SLIPS);
    let theirs = kubectl(&env, &app).await?;
    let (taken, said) = (theirs.stdout, theirs.stderr);
    let unknown = said.lines().filter_map(|line| line.strip_prefix("Warning: unknown field \""));
    let theirs: BTreeSet<&str> = unknown.filter_map(|line| line.split('"').next()).collect();
    assert_eq!(theirs.len(), 5, "{said}");

    let ours = flux_subsystem(&env, &["translate", "-f", "-"], &app).await?;
    let warnings = ours.stderr.lines().filter(|line| line.contains("unknown field"));
    let named: BTreeSet<&str> = warnings.filter_map(|line| line.split(": ").nth(2)).collect();
    assert_eq!(named, theirs, "{}", ours.stderr);
    // And what is left is the same: that is what is translated.
    let left = flux_subsystem(&env, &["translate", "-f", "-"], &taken).await?.text()?;
    assert_eq!(ours.text()?, left);
    Ok(())
}

#[tokio::test]
async fn what_is_refused_is_named() -> Result<()> {
    let env = Stack::shared().await?.test("wrong-types").await?;
    for spec in [WRONG, NO_LIST] {
        let app = application(&env, spec);
        let theirs = kubectl(&env, &app).await?;
        assert_ne!(theirs.code, 0, "the API server takes it: {}", theirs.stdout);
        let said = theirs.stderr;
        let theirs: BTreeSet<String> = refused(&said).collect();
        assert!(!theirs.is_empty(), "{said}");

        let ours = flux_subsystem(&env, &["translate", "-f", "-"], &app).await?;
        assert_eq!((ours.code, ours.stdout.as_str()), (1, ""));
        let named = ours.stderr.lines().filter_map(|line| line.split(": ").nth(2)).map(str::to_owned);
        assert_eq!(named.collect::<BTreeSet<_>>(), theirs, "{}", ours.stderr);
    }
    Ok(())
}

/// The fields that the API server is not content with: a sentence each, with the value and the type that it should have.
fn refused(message: &str) -> impl Iterator<Item = String> {
    let fields = message.split(": Invalid value:").filter_map(|before| before.split([' ', '\n']).next_back());
    fields.filter(|field| field.starts_with("spec.")).map(str::to_owned)
}

/// The fields that are known are those of the CRD of the Argo CD that runs, with its types.
#[tokio::test]
async fn the_known_fields_are_those_of_the_crd() -> Result<()> {
    let env = Stack::shared().await?.test("known-fields").await?;
    let crd = env.get("CustomResourceDefinition", "", "applications.argoproj.io").await?.context("no CRD")?;
    let fields = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    let Schema::Fields(known) = APPLICATION else { bail!("an Application is a map") };
    let of = |name: &str| known.iter().find(|(field, _)| *field == name).map(|(_, schema)| *schema);
    let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
    known_below(of("spec").context("no spec")?, "spec", &mut ours);
    served_below(&fields["spec"], "spec", &mut theirs);
    assert!(theirs.len() > 150, "the CRD has {} fields", theirs.len());
    assert_eq!(ours, theirs);
    let names =
        |fields: &[(&'static str, Schema)]| fields.iter().map(|(name, _)| (*name).to_owned()).collect();
    let served: BTreeSet<String> = fields.as_object().context("no fields")?.keys().cloned().collect();
    assert_eq!(served, names(known));
    Ok(())
}

fn known_below(schema: Schema, path: &str, found: &mut BTreeSet<String>) {
    match schema {
        Schema::Fields(fields) => {
            for (name, schema) in fields {
                known_below(*schema, &format!("{path}.{name}"), found);
            }
        }
        Schema::ListOf(schema) => known_below(*schema, &format!("{path}[]"), found),
        Schema::MapOf(schema) => known_below(*schema, &format!("{path}{{}}"), found),
        leaf => drop(found.insert(format!("{path}: {leaf:?}"))),
    }
}

fn served_below(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    assert!(schema["nullable"].is_null() && schema["default"].is_null(), "{path} may be null: {schema}");
    if let Some(fields) = schema["properties"].as_object() {
        fields.iter().for_each(|(name, schema)| served_below(schema, &format!("{path}.{name}"), found));
    } else if schema["items"].is_object() {
        served_below(&schema["items"], &format!("{path}[]"), found);
    } else if schema["additionalProperties"].is_object() {
        served_below(&schema["additionalProperties"], &format!("{path}{{}}"), found);
    } else {
        let leaf = match schema["type"].as_str() {
            Some("string") => Schema::Text,
            Some("integer") => Schema::Integer,
            Some("boolean") => Schema::Boolean,
            Some("object") if schema["x-kubernetes-preserve-unknown-fields"] == true => Schema::AnyMap,
            None if schema["x-kubernetes-int-or-string"] == true => Schema::IntegerOrText,
            _ => Schema::Anything,
        };
        found.insert(format!("{path}: {leaf:?}"));
    }
}

fn application(env: &TestEnv, spec: &str) -> String {
    let metadata = json!({ "name": env.name("file"), "namespace": env.control });
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {metadata}\nspec:\n  project: default\n  \
         destination: {{server: https://kubernetes.default.svc, namespace: apps}}\n  {spec}"
    )
}

/// What the API server makes of it, without keeping it.
async fn kubectl(env: &TestEnv, app: &str) -> Result<Output> {
    let arguments = ["apply", "--dry-run=server", "--validate=warn", "-o", "yaml", "-f", "-"];
    env.stack().run_with_input("kubectl", &arguments, app).await
}
