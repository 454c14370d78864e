//! Symbolic links in git, which Flux leaves out of its artifacts, are followed as stock Argo CD follows them; so are submodules.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::Application;
use crate::twins::Twins;

/// The reason on what is rendered.
const LINKS: &str = "symbolic links or submodules";

fn map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: '{value}'}}\n")
}

const CHART: &str = "apiVersion: v2\nname: linked\nversion: 1.0.0\n";
const GENERATOR: &str = "configMapGenerator:\n- name: made\n  files: [linked.txt]\n";

/// What the links lead to, and what stands beside them.
async fn create(env: &TestEnv) -> Result<String> {
    let (one, two, template) = (map("one", "a"), map("two", "b"), map("templated", "{{ .Values.a }}"));
    let files = [
        ("real/two.yaml", Some(two.as_str())),
        ("real/template.yaml", Some(template.as_str())),
        ("real/values.yaml", Some("a: linked\n")),
        ("real/base/kustomization.yaml", Some("resources: [two.yaml]\n")),
        ("real/base/two.yaml", Some(two.as_str())),
        ("real/chart/Chart.yaml", Some(CHART)),
        ("real/chart/values.yaml", Some("a: own\n")),
        ("real/chart/templates/a.yaml", Some(template.as_str())),
        ("plain/one.yaml", Some(one.as_str())),
        ("manifest/one.yaml", Some(one.as_str())),
        ("folder/one.yaml", Some(one.as_str())),
        ("deep/sub/one.yaml", Some(one.as_str())),
        ("base/kustomization.yaml", Some("resources: [../linked-base]\n")),
        ("generator/kustomization.yaml", Some(GENERATOR)),
        ("generator/real.txt", Some("a")),
        ("native/Chart.yaml", Some(CHART)),
        ("native/.gitignore", Some("*.tgz\n")),
        ("native/values.yaml", Some("a: own\n")),
        ("native/templates/a.yaml", Some(template.as_str())),
        ("template/Chart.yaml", Some(CHART)),
        ("template/values.yaml", Some("a: own\n")),
        ("globs/a.yaml", Some("a: first\n")),
    ];
    let repository = env.sources().create_repository(&env.name("links"), &files).await?;
    let links = [
        ("manifest/two.yaml", "../real/two.yaml"),
        ("folder/linked", "../real"),
        ("deep/sub/two.yaml", "../../real/two.yaml"),
        ("linked-base", "real/base"),
        ("generator/linked.txt", "real.txt"),
        ("template/templates/a.yaml", "../../real/template.yaml"),
        ("linked.yaml", "real/values.yaml"),
        ("globs/b.yaml", "../real/values.yaml"),
        ("elsewhere", "real"),
    ];
    repository.link("main", &links).await?;
    Ok(repository.url())
}

/// Name, path, settings, kind of the workload object, objects, whether links decide.
type Case = (&'static str, &'static str, Value, &'static str, &'static [&'static str], bool);

#[tokio::test]
async fn the_same_objects_arrive() -> Result<()> {
    let env = Stack::shared().await?.test("links").await?;
    let url = create(&env).await?;
    let values = |files: Value| json!({ "valueFiles": files });
    let cases: [Case; 12] = [
        ("plain", "plain", json!({}), "Kustomization", &["one"], false),
        ("manifest", "manifest", json!({}), "Kustomization", &["one", "two"], true),
        ("folder", "folder", json!({}), "Kustomization", &["one"], false),
        ("deep", "deep", json!({ "directory": { "recurse": true } }), "Kustomization", &["one", "two"], true),
        ("elsewhere", "elsewhere/base", json!({}), "Kustomization", &["two"], true),
        ("base", "base", json!({}), "Kustomization", &["two"], true),
        ("generator", "generator", json!({}), "Kustomization", &["made-"], true),
        ("native", "native", json!({}), "HelmRelease", &["templated"], false),
        ("template", "template", json!({}), "HelmRelease", &["templated"], true),
        ("chart", "elsewhere/chart", json!({}), "HelmRelease", &["templated"], true),
        (
            "values",
            "native",
            json!({ "helm": values(json!(["/linked.yaml"])) }),
            "HelmRelease",
            &["templated"],
            true,
        ),
        (
            "globs",
            "native",
            json!({ "helm": values(json!(["/globs/*.yaml"])) }),
            "HelmRelease",
            &["templated"],
            true,
        ),
    ];
    let mut all = Vec::new();
    for (name, path, settings, ..) in &cases {
        let mut source = json!({ "repoURL": url, "path": path, "targetRevision": "main" });
        for (field, value) in settings.as_object().into_iter().flatten() {
            source[field] = value.clone();
        }
        all.push(Twins::apply(&env, name, &source).await?);
    }
    for ((name, _, _, kind, expected, is_rendered), twins) in cases.iter().zip(&all) {
        let objects = twins.alike(&env).await?;
        let names: Vec<&str> = objects.keys().filter_map(|key| key.strip_prefix("ConfigMap ")).collect();
        assert_eq!(names.len(), expected.len(), "{name}: {names:?}");
        assert!(
            names.iter().zip(*expected).all(|(name, start)| name.starts_with(start)),
            "{name}: {names:?}"
        );
        let reason = twins.reason(&env, kind).await?;
        assert_eq!(reason.is_some(), *is_rendered, "{name}: {reason:?}");
        if ["manifest", "template", "values"].contains(name) {
            assert_eq!(reason.as_deref(), Some(LINKS), "{name}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_leaves_the_repository_is_refused_in_argo_cds_words() -> Result<()> {
    let env = Stack::shared().await?.test("links-out").await?;
    let one = map("one", "a");
    let files = [("app/one.yaml", Some(one.as_str()))];
    let repository = env.sources().create_repository(&env.name("out"), &files).await?;
    repository.link("main", &[("app/two.yaml", "../../two.yaml")]).await?;
    let app = Application::git(&env, &repository.url(), "app", "main");
    app.apply(&env).await?;
    app.told(&env, "ComparisonError", "repository contains out-of-bounds symlinks. file: app/two.yaml")
        .await?;
    Ok(())
}

#[tokio::test]
async fn submodules_arrive() -> Result<()> {
    let env = Stack::shared().await?.test("submodules").await?;
    let (one, template) = (map("one", "a"), map("templated", "{{ .Release.Name }}"));
    let files = [
        ("manifests/one.yaml", Some(one.as_str())),
        ("base/kustomization.yaml", Some("resources: [one.yaml]\n")),
        ("base/one.yaml", Some(one.as_str())),
        ("chart/Chart.yaml", Some(CHART)),
        ("chart/templates/a.yaml", Some(template.as_str())),
    ];
    let module = env.sources().create_repository(&env.name("module"), &files).await?;
    let files = [("kustomized/kustomization.yaml", Some("resources: [../module/base]\nnamePrefix: x-\n"))];
    let repository = env.sources().create_repository(&env.name("modules"), &files).await?;
    repository.submodule("main", "module", &module).await?;
    let paths = ["module/manifests", "module/base", "kustomized", "module/chart"];
    let mut all = Vec::new();
    for (index, path) in paths.into_iter().enumerate() {
        let mut source = json!({ "repoURL": repository.url(), "path": path, "targetRevision": "main" });
        if path == "module/chart" {
            source["helm"] = json!({ "releaseName": "r" });
        }
        all.push(Twins::apply(&env, &format!("module-{index}"), &source).await?);
    }
    for twins in &all {
        assert_eq!(twins.alike(&env).await?.len(), 1);
    }
    Ok(())
}
