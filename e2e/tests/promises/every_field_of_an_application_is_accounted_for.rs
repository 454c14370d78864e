//! No field of an Application's spec is silently ignored: setting it changes what is generated or asked for, or is named as
//! a problem, or is read elsewhere, which [`ELSEWHERE`] says.
//!
//! The fields are those of the CRD of the Argo CD that runs. Each is set in every Application of [`bases`] that it belongs to,
//! and each of those has to answer for it.

#![expect(clippy::unwrap_used, reason = "a table of this file that cannot be read is a broken test")]

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use flux_subsystem::argo::Application;
use flux_subsystem::project::AppProject;
use flux_subsystem::repo_server::request::manifest_request;
use flux_subsystem::translate::{
    Contents, Context, File, FilePattern, RemoteRefs, Severity, Translation, Want, translate,
};
use flux_subsystem_e2e::Stack;
use serde_json::{Value, json};

/// Fields that are not translated, and who reads them. `*` at the end: and everything below.
const ELSEWHERE: &[(&str, &str)] = &[
    ("spec.project", "project: what the Application may do"),
    ("spec.info[].*", "Argo CD's server and UI show it from the spec; delivery has no use for it"),
    ("spec.revisionHistoryLimit", "mirror::status: how long status.history gets"),
    ("spec.syncPolicy.retry.*", "plan::retry: how often an operation is tried again, and when"),
    ("spec.syncPolicy.managedNamespaceMetadata.*", "plan::upkeep: the metadata of the destination namespace"),
    (
        "spec.source.helm.skipTests",
        "Helm's tests are never part of a delivery: Argo CD takes no such hook, Flux runs them when told to",
    ),
    (
        "spec.sources[].helm.skipTests",
        "Helm's tests are never part of a delivery: Argo CD takes no such hook, Flux runs them when told to",
    ),
    (
        "spec.sourceHydrator.drySource.*",
        "Argo CD's hydrator and commit-server: what they commit is delivered",
    ),
];

/// What stands around a field for it to mean something: the list item, or map, that it is in.
const COMPANIONS: &[(&str, &str)] = &[
    ("helm.parameters[]", r#"{"name": "a", "value": "1"}"#),
    ("helm.fileParameters[]", r#"{"name": "a", "path": "a.txt"}"#),
    ("kustomize.patches[]", r#"{"patch": "{}", "target": {"kind": "Deployment"}}"#),
    ("kustomize.replicas[]", r#"{"name": "web", "count": 2}"#),
    ("directory.jsonnet.extVars[]", r#"{"name": "a", "value": "b"}"#),
    ("directory.jsonnet.tlas[]", r#"{"name": "a", "value": "b"}"#),
    ("plugin.env[]", r#"{"name": "A", "value": "b"}"#),
    ("plugin.parameters[]", r#"{"name": "a", "string": "b"}"#),
    (
        "spec.ignoreDifferences[]",
        r#"{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}"#,
    ),
    ("spec.syncPolicy.managedNamespaceMetadata", r#"{"labels": {"a": "b"}}"#),
    (
        "spec.sourceHydrator",
        r#"{"drySource": {"repoURL": "https://git.example.org/a.git", "path": "dry", "targetRevision": "main"},
            "syncSource": {"targetBranch": "main", "path": "app"}}"#,
    ),
    ("spec.info[]", r#"{"name": "a", "value": "b"}"#),
    ("kustomize.commonLabels", r#"{"a": "b"}"#),
];
/// Fields that only mean something beside another one of the same source.
const BESIDE: &[(&str, &str)] = &[
    ("helm.ignoreMissingValueFiles", r#"{"helm": {"valueFiles": ["a.yaml"]}}"#),
    ("kustomize.forceCommonLabels", r#"{"kustomize": {"commonLabels": {"a": "b"}}}"#),
    ("kustomize.labelWithoutSelector", r#"{"kustomize": {"commonLabels": {"a": "b"}}}"#),
    (
        "kustomize.labelIncludeTemplates",
        r#"{"kustomize": {"commonLabels": {"a": "b"}, "labelWithoutSelector": true}}"#,
    ),
    ("kustomize.forceCommonAnnotations", r#"{"kustomize": {"commonAnnotations": {"a": "b"}}}"#),
    (
        "kustomize.commonAnnotationsEnvsubst",
        r#"{"kustomize": {"commonAnnotations": {"a": "$ARGOCD_APP_NAME"}}}"#,
    ),
    ("kustomize.ignoreMissingComponents", r#"{"kustomize": {"components": ["x"]}}"#),
];
/// Values that mean something for a field; any other gets a word, a number or both booleans.
const VALUES: &[(&str, &str)] = &[
    ("repoURL", r#"["https://other.example.org/x"]"#),
    ("targetRevision", r#"["7.0.0", "other"]"#),
    ("helm.values", r#"["a: b"]"#),
    ("helm.valuesObject", r#"[{"a": "b"}]"#),
    ("helm.valueFiles[]", r#"["other.yaml"]"#),
    ("helm.fileParameters[].path", r#"["other.txt"]"#),
    ("helm.version", r#"["v2"]"#),
    ("helm.kubeVersion", r#"["1.30.0"]"#),
    ("kustomize.version", r#"["v4.5.7"]"#),
    ("kustomize.images[]", r#"["example.org/web:2"]"#),
    ("kustomize.components[]", r#"["component"]"#),
    ("kustomize.replicas[].count", "[3]"),
    ("kustomize.patches[].patch", r#"["{\"metadata\": {\"name\": \"x\"}}"]"#),
    ("kustomize.patches[].path", r#"["patch.yaml"]"#),
    ("spec.destination.server", r#"["https://elsewhere.example.org"]"#),
    ("jsonPointers[]", r#"["/spec/template"]"#),
    ("jqPathExpressions[]", r#"[".spec.template"]"#),
    ("syncOptions[]", r#"["Validate=false"]"#),
    ("destination.name", r#"["elsewhere"]"#),
];

/// One Application, and the fields of its sources that belong to it.
struct Base {
    word: &'static str,
    source: Value,
    files: &'static [&'static str],
    settings: &'static str,
}

fn bases() -> Vec<Base> {
    let git = |settings: Value| {
        let mut source =
            json!({ "repoURL": "https://git.example.org/a.git", "path": "app", "targetRevision": "main" });
        source
            .as_object_mut()
            .into_iter()
            .for_each(|source| source.extend(settings.as_object().cloned().unwrap_or_default()));
        source
    };
    let repository = "https://charts.example.org";
    vec![
        Base {
            word: "chart of a repository",
            source: json!({ "repoURL": repository, "chart": "podinfo", "targetRevision": "6.3.5" }),
            files: &[],
            settings: "helm",
        },
        Base {
            word: "chart in git",
            source: git(json!({})),
            files: &["app/Chart.yaml", "app/values.yaml"],
            settings: "helm",
        },
        Base {
            word: "kustomization",
            source: git(json!({})),
            files: &["app/kustomization.yaml", "app/web.yaml"],
            settings: "kustomize",
        },
        Base {
            word: "directory",
            source: git(json!({})),
            files: &["app/web.yaml", "app/more/web.yaml"],
            settings: "directory",
        },
        Base {
            word: "plugin",
            source: git(json!({ "plugin": { "name": "cue" } })),
            files: &["app/web.cue"],
            settings: "plugin",
        },
    ]
}

/// A field: its path, with `[]` for each item and `{}` for each key, and its schema.
struct Leaf {
    path: String,
    schema: Value,
}

fn leaves(schema: &Value, path: &str, found: &mut Vec<Leaf>) {
    let fields = schema["properties"].as_object();
    if let Some(fields) = fields {
        fields.iter().for_each(|(field, schema)| leaves(schema, &format!("{path}.{field}"), found));
    } else if schema["items"].is_object() {
        leaves(&schema["items"], &format!("{path}[]"), found);
    } else if schema["additionalProperties"].is_object() {
        leaves(&schema["additionalProperties"], &format!("{path}{{}}"), found);
    } else {
        found.push(Leaf { path: path.to_owned(), schema: schema.clone() });
    }
}

/// The values that a field is tried with.
fn values(leaf: &Leaf) -> Vec<Value> {
    let named = VALUES.iter().find(|(end, _)| leaf.path.ends_with(end));
    if let Some((_, values)) = named {
        return serde_json::from_str(values).unwrap();
    }
    match leaf.schema["type"].as_str() {
        Some("boolean") => vec![json!(true), json!(false)],
        Some("integer") => vec![json!(7)],
        Some("object") | None => vec![json!({ "a": "other" })],
        _ => vec![json!("other")],
    }
}

/// Sets a field, making what is around it.
fn set(target: &mut Value, path: &str, value: &Value, whole: &str) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let name = first.trim_end_matches("[]").trim_end_matches("{}");
    let so_far = whole.strip_suffix(path).unwrap_or_default().to_owned() + first;
    let companion = COMPANIONS.iter().find(|(end, _)| so_far.ends_with(end));
    let companion: Option<Value> = companion.map(|(_, text)| serde_json::from_str(text).unwrap());
    let mut place = &mut target[name];
    if first.ends_with("[]") {
        if place.as_array().is_none_or(Vec::is_empty) {
            *place = json!([companion.clone().unwrap_or_default()]);
        }
        place = &mut place[0];
    } else if first.ends_with("{}") {
        place = &mut place["key"];
    } else if place.is_null() && rest.is_some() {
        *place = companion.unwrap_or_else(|| json!({}));
    }
    match rest {
        Some(rest) => set(place, rest, value, whole),
        None => *place = value.clone(),
    }
}

/// The Application of `base`, with one source, with several, or with the source hydrator's.
fn application(base: &Base, path: &str) -> Value {
    let mut app = json!({
        "metadata": { "name": "demo", "namespace": "argocd" },
        "spec": {
            "destination": { "server": "https://kubernetes.default.svc", "namespace": "apps" },
            "syncPolicy": {
                "automated": { "prune": true },
                "syncOptions": ["FluxSubsystem=true", "AutoCreateFluxResources=true", "CreateNamespace=true"],
            },
        },
    });
    let mut source = base.source.clone();
    if let Some((_, beside)) = BESIDE.iter().find(|(end, _)| path.ends_with(end)) {
        let beside: Value = serde_json::from_str(beside).unwrap();
        source.as_object_mut().unwrap().extend(beside.as_object().cloned().unwrap());
    }
    if path.starts_with("spec.sources[]") {
        let other =
            json!({ "repoURL": "https://git.example.org/b.git", "targetRevision": "main", "ref": "b" });
        app["spec"]["sources"] = json!([source, other]);
    } else {
        app["spec"]["source"] = source;
    }
    app
}

fn context(base: &Base) -> Context {
    let refs = ["main", "other"].map(|name| (format!("refs/heads/{name}"), "a".repeat(40)));
    let refs = RemoteRefs { head: Some("refs/heads/main".to_owned()), refs: refs.into() };
    let repositories =
        ["https://git.example.org/a.git", "https://git.example.org/b.git", "https://other.example.org/x"];
    let contents = Contents::of(base.files.iter().copied(), "app", false);
    Context {
        control_namespace: "argocd".to_owned(),
        poll_interval: "120s".to_owned(),
        contents: if base.files.is_empty() { [].into() } else { [(0, contents)].into() },
        refs: repositories.map(|url| (url.to_owned(), refs.clone())).into(),
        ..Context::default()
    }
}

/// The translation, once it knows the files that it asks for, and with the question to the repo-server where that renders a
/// source.
fn translated(app: &Value, context: &Context) -> (Translation, String) {
    let app: Application = serde_json::from_value(app.clone()).unwrap();
    let mut context = context.clone();
    let mut translation = translate(&app, &context);
    for _ in 0..4 {
        for want in &translation.wants {
            if let Want::Files { source, pattern } = want {
                let path = if let FilePattern::Path(path) = pattern { path } else { "app/some.yaml" };
                let found = vec![(path.to_owned(), File::Text(format!("some: {path}").into()))];
                context.files.entry(*source).or_default().insert(pattern.clone(), Arc::new(found));
            }
        }
        translation = translate(&app, &context);
    }
    let rendered = translation.wants.iter().filter_map(|want| match want {
        Want::Rendered { source, .. } => app.sources().get(*source),
        _ => None,
    });
    let questions =
        rendered.map(|source| manifest_request(&app, source, "", &AppProject::default(), "argocd"));
    let questions = format!("{:?}", questions.collect::<Vec<_>>());
    (translation, questions)
}

/// Everything that the translation answers with, but for problems.
fn answer((translation, questions): &(Translation, String)) -> String {
    let ignored: Vec<_> = translation.objects.iter().map(|object| &object.ignored).collect();
    let objects: Vec<_> = translation.objects.iter().map(flux_subsystem::flux::Manifest::to_value).collect();
    let Translation { routes, wants, namespace, source_type, .. } = translation;
    format!("{objects:?} {ignored:?} {routes:?} {wants:?} {namespace} {source_type} {questions}")
}

/// A problem is about the field, or something that it is part of (a source or less), or part of it.
fn is_about(problem: &str, path: &str) -> bool {
    let plain = |text: &str| {
        let mut plain = String::new();
        let mut depth = 0;
        for character in text.replace("{}", "").chars() {
            match character {
                '[' => depth += 1,
                ']' => depth -= 1,
                character if depth == 0 => plain.push(character),
                _ => {}
            }
        }
        plain
    };
    let (problem, path) = (plain(problem), plain(path));
    let is_part = |of: &str, part: &str| {
        part.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let is_narrow = problem.split('.').count() > 2
        || ["spec.sourceHydrator", "spec.ignoreDifferences", "spec.destination"].contains(&problem.as_str());
    is_part(&path, &problem) || (is_narrow && is_part(&problem, &path)) || problem == path
}

/// Whether the translation of `base` answers for the field.
fn accounts_for(base: &Base, leaf: &Leaf) -> bool {
    let context = context(base);
    let before = application(base, &leaf.path);
    let known = translated(&before, &context).0.problems;
    let item = leaf.path.rfind("[].").map(|end| &leaf.path[..end]);
    values(leaf).iter().any(|value| {
        // With the item that the field is in, but without the field's value.
        let (mut without, mut with) = (before.clone(), before.clone());
        set(&mut without, &leaf.path, &json!(null), &leaf.path);
        set(&mut with, &leaf.path, value, &leaf.path);
        for app in [&mut without, &mut with] {
            remove_nulls(app);
        }
        let (without, with) = (translated(&without, &context), translated(&with, &context));
        let known = if item.is_some() { &known } else { &without.0.problems };
        let news = with.0.problems.iter().filter(|problem| !known.contains(problem));
        let mut about = news.filter(|problem| {
            // An item that is refused is refused with everything in it.
            let is_refused = problem.severity == Severity::Error;
            is_about(&problem.field, &leaf.path)
                || item.is_some_and(|item| is_refused && is_about(&problem.field, item))
        });
        about.next().is_some() || (!with.0.has_errors() && answer(&without) != answer(&with))
    })
}

/// A field without a value is none.
fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(remove_nulls);
        }
        _ => {}
    }
}

/// The Applications that have to answer for a field: those of its kind for settings of Helm, kustomize and so on; for any
/// other one that does is enough.
fn unaccounted(leaf: &Leaf) -> Vec<&'static str> {
    let bases = bases();
    let settings =
        leaf.path.strip_prefix("spec.source.").or_else(|| leaf.path.strip_prefix("spec.sources[]."));
    let settings = settings.and_then(|rest| rest.split(['.', '[']).next()).unwrap_or_default();
    let concerned: Vec<_> = bases.iter().filter(|base| base.settings == settings).collect();
    if concerned.is_empty() {
        let is_read = bases.iter().any(|base| accounts_for(base, leaf));
        return if is_read { Vec::new() } else { vec!["every Application"] };
    }
    concerned.into_iter().filter(|base| !accounts_for(base, leaf)).map(|base| base.word).collect()
}

fn elsewhere(path: &str) -> Option<&'static str> {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix.trim_end_matches('.')),
        None => path == pattern,
    };
    ELSEWHERE.iter().map(|(pattern, _)| *pattern).find(|pattern| fits(pattern))
}

#[tokio::test]
async fn every_field_of_an_application_is_accounted_for() -> Result<()> {
    let env = Stack::shared().await?.test("every-field").await?;
    let crd = env.get("CustomResourceDefinition", "", "applications.argoproj.io").await?.context("no CRD")?;
    let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut all = Vec::new();
    leaves(spec, "spec", &mut all);
    assert!(all.len() > 150, "the CRD has {} fields", all.len());

    let (mut ignored, mut used) = (Vec::new(), BTreeSet::new());
    for leaf in &all {
        let bases = unaccounted(leaf);
        match elsewhere(&leaf.path) {
            _ if bases.is_empty() => {}
            Some(pattern) => {
                used.insert(pattern);
            }
            None => ignored.push(format!("{} ({})", leaf.path, bases.join(", "))),
        }
    }
    assert!(ignored.is_empty(), "{} fields are silently ignored:\n{}", ignored.len(), ignored.join("\n"));
    let stale: Vec<_> = ELSEWHERE.iter().filter(|(pattern, _)| !used.contains(pattern)).collect();
    assert!(stale.is_empty(), "the translation answers for these itself: {stale:?}");
    Ok(())
}

#[test]
fn a_field_that_nobody_reads_is_found() {
    let leaf = |path: &str| Leaf { path: path.to_owned(), schema: json!({ "type": "string" }) };
    assert_eq!(unaccounted(&leaf("spec.source.helm.releaseName")), Vec::<&str>::new());
    assert_eq!(unaccounted(&leaf("spec.syncPolicy.invented")), ["every Application"]);
    assert_eq!(unaccounted(&leaf("spec.source.invented")), ["every Application"]);
}
