//! `flux-subsystem get`: bridged Applications beside their Flux objects.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::bail;
use clap::ValueEnum;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::Streams;
use super::cluster::ClusterArgs;
use super::flux_objects::{bridged_applications, list, summary};
use super::table::{first_line, table};
use crate::argo::Application;
use crate::flux::{FluxKind, Live, ObjectKey, naming};
use crate::mirror::ownership;
use crate::translate::{Context, translate};
use crate::yaml;

/// Show Applications that Flux delivers, with their Flux objects
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// Only this Application
    #[arg(value_name = "APP")]
    name: Option<String>,
    /// Look only in this namespace
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    cluster: ClusterArgs,
}

const HELP: &str = "\
  $ flux-subsystem get
  APPLICATION      SYNC     HEALTH    REVISION   FLUX OBJECT                   READY
  argocd/podinfo   Synced   Healthy   6.3.5      HelmRepository shop/podinfo   True
                                                 HelmRelease shop/podinfo      True

-o wide adds whether an object is generated for the Application or only referred to, whether it is suspended, and
what Flux says of it.

It takes the rights to list Applications and Flux objects in all namespaces.
Exit code: 0 done, 1 failed or no such Application, 2 wrong usage.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Columns
    Table,
    /// More columns
    Wide,
    /// A list of {namespace, name, project, sync, health, revisions, conditions, objects}
    Json,
    /// The same as YAML
    Yaml,
}

type Objects = BTreeMap<ObjectKey, DynamicObject>;

/// Lists and prints.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Runtime::new()?.block_on(get(args, streams))
}

async fn get(args: &Args, streams: &mut Streams<'_>) -> anyhow::Result<ExitCode> {
    let client = args.cluster.client().await?;
    let mut apps = bridged_applications(&client, args.namespace.as_deref()).await?;
    if let Some(name) = &args.name {
        apps.retain(|app| app.name() == name);
        if apps.is_empty() {
            bail!("no Application {name} has the sync option FluxSubsystem=true (-n names a namespace)");
        }
    }
    let mut objects = Objects::new();
    for kind in FluxKind::ALL.into_iter().filter(|kind| *kind != FluxKind::HelmChart) {
        for object in list(&client, kind, None).await? {
            objects.insert(Live { kind, object: &object }.key(), object);
        }
    }
    let found: Vec<Value> = apps.iter().map(|app| one(app, &objects)).collect();
    match args.output {
        Output::Json => writeln!(streams.output, "{:#}", Value::Array(found))?,
        Output::Yaml => write!(streams.output, "{}", yaml::write(&Value::Array(found))?)?,
        Output::Table | Output::Wide if found.is_empty() => {
            writeln!(streams.errors, "no Application has the sync option FluxSubsystem=true")?;
        }
        Output::Table | Output::Wide => write!(streams.output, "{}", shown(&found, args.output))?,
    }
    streams.output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// One Application and its objects: sources first.
fn one(app: &Application, objects: &Objects) -> Value {
    let status = app.status.clone().unwrap_or_default();
    let mut revisions = status.sync.revisions;
    if revisions.is_empty() && !status.sync.revision.is_empty() {
        revisions.push(status.sync.revision);
    }
    let objects: Vec<Value> = objects_of(app, objects).into_iter().map(summary).collect();
    json!({
        "namespace": app.namespace(),
        "name": app.name(),
        "project": app.project(),
        "sync": status.sync.status,
        "health": status.health.status,
        "revisions": revisions,
        "conditions": status.conditions,
        "objects": objects,
    })
}

/// What is generated for the Application, or what it refers to and what that names as its source.
fn objects_of<'a>(app: &Application, objects: &'a Objects) -> Vec<Live<'a>> {
    let lives = || objects.iter().map(|(key, object)| Live { kind: key.kind, object });
    // The bridge writes there which namespace is Argo CD's own.
    let control = app.status.as_ref().map_or("", |status| status.controller_namespace.as_str());
    let control = if control.is_empty() { app.namespace() } else { control };
    let mut found: Vec<Live<'a>> = lives().filter(|live| ownership::owns(app, control, *live)).collect();
    if found.is_empty() {
        let references = translate(app, &Context::default()).references;
        let workload = references.iter().find_map(|key| lives().find(|live| live.key() == *key));
        let source = workload.and_then(naming::source_key);
        found.extend(lives().find(|live| Some(live.key()) == source));
        found.extend(workload);
    }
    found.sort_by_key(|live| (live.kind.is_workload(), live.key()));
    found
}

fn shown(found: &[Value], output: Output) -> String {
    let mut header = vec!["APPLICATION", "SYNC", "HEALTH", "REVISION", "FLUX OBJECT", "READY"];
    if output == Output::Wide {
        header.extend(["SUSPENDED", "MODE", "MESSAGE"]);
    }
    let mut rows = Vec::new();
    for app in found {
        let text = |field: &str| app[field].as_str().unwrap_or_default().to_owned();
        let revisions: Vec<&str> = app["revisions"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(abbreviated)
            .collect();
        let name = format!("{}/{}", text("namespace"), text("name"));
        let mut head = vec![name, text("sync"), text("health"), revisions.join(",")];
        let objects = app["objects"].as_array().map(Vec::as_slice).unwrap_or_default();
        let none = [json!({})];
        for object in if objects.is_empty() { &none } else { objects } {
            let mut row = std::mem::replace(&mut head, vec![" ".to_owned(); 4]);
            row.extend(columns(object, output));
            rows.push(row);
        }
    }
    table(&header, &rows)
}

fn columns(object: &Value, output: Output) -> Vec<String> {
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let name = match object.get("kind") {
        Some(_) => format!("{} {}/{}", text("kind"), text("namespace"), text("name")),
        None => String::new(),
    };
    let mut columns = vec![name, text("ready")];
    if output == Output::Wide {
        let mode = match object["generated"].as_bool() {
            Some(true) => "generated",
            Some(false) => "referenced",
            None => "",
        };
        let suspended = if object["suspended"] == true { "True" } else { "False" };
        columns.extend([suspended.to_owned(), mode.to_owned(), first_line(&text("message"))]);
    }
    columns
}

/// Commits and digests by their first eight digits, as Argo CD's own list.
fn abbreviated(revision: &str) -> &str {
    let digits = revision.strip_prefix("sha256:").unwrap_or(revision);
    let is_hash = digits.len() >= 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { &digits[..8] } else { revision }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_and_its_objects_share_a_table() {
        let app = json!({
            "namespace": "argocd", "name": "shop", "sync": "Synced", "health": "Healthy",
            "revisions": ["0123456789012345678901234567890123456789"],
            "objects": [
                {"kind": "GitRepository", "namespace": "apps", "name": "shop", "ready": "True", "generated": true},
                {"kind": "Kustomization", "namespace": "apps", "name": "shop", "ready": "False", "generated": true,
                 "suspended": true, "message": "no\nway"},
            ],
        });
        let lonely = json!({"namespace": "argocd", "name": "new", "sync": "", "health": "", "revisions": [], "objects": []});
        let text = shown(&[app, lonely], Output::Wide);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1][..4], ["argocd/shop", "Synced", "Healthy", "01234567"]);
        assert_eq!(lines[2], ["Kustomization", "apps/shop", "False", "True", "generated", "no"]);
        assert_eq!(lines[3][..2], ["argocd/new", "-"]);
    }
}
