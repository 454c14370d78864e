//! What a repository whose Secret says `enableLfs` has in Git LFS arrives as stock Argo CD delivers it: manifests, kustomizations,
//! charts and value files, those of other sources, too.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use flux_subsystem_e2e::sources::Server;
use serde_json::json;

use crate::applications::Application;
use crate::credentials::secret;
use crate::twins::Twins;

#[tokio::test]
async fn git_lfs_is_rendered_by_argo_cd() -> Result<()> {
    let env = Stack::shared().await?.test("lfs").await?;
    let map = |name: &str, value: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: '{value}'}}\n")
    };
    let chart = "apiVersion: v2\nname: large\nversion: 1.0.0\n";
    let files = [
        ("manifests/small.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: small}\n")),
        ("kustomized/kustomization.yaml", Some("resources: [large.yaml]\nnamePrefix: x-\n")),
        ("chart/Chart.yaml", Some(chart)),
        ("other/Chart.yaml", Some(chart)),
    ];
    let repository = env.sources().create_repository(&env.name("large"), &files).await?;
    let large = [
        ("manifests/large.yaml", map("large", "b")),
        ("kustomized/large.yaml", map("large", "b")),
        ("chart/templates/large.yaml", map("large", "{{ .Values.a }}")),
        ("env/values.yaml", "a: from-lfs\n".to_owned()),
    ];
    let large: Vec<_> = large.iter().map(|(path, text)| (*path, text.as_str())).collect();
    repository.large_files("main", &large).await?;
    let template = map("small", "{{ .Values.a }}");
    let files = [("chart/Chart.yaml", Some(chart)), ("chart/templates/a.yaml", Some(template.as_str()))];
    let small = env.sources().create_repository(&env.name("small"), &files).await?;

    let (name, url) = (env.name("large"), repository.url());
    env.sources().protect(Server::Git, &name, "me", "hunter2")?;
    let data = [("url", url.as_str()), ("username", "me"), ("password", "hunter2"), ("enableLfs", "true")];
    secret(&env, "repository", "repo", &data).await?;

    let source = |path: &str| json!({ "repoURL": url, "path": path, "targetRevision": "main" });
    let mut chart = source("chart");
    chart["helm"] = json!({ "valueFiles": ["/env/values.yaml"] });
    let values = [
        json!({
            "repoURL": small.url(), "path": "chart", "targetRevision": "main",
            "helm": { "valueFiles": ["$large/env/values.yaml"] },
        }),
        json!({ "repoURL": url, "targetRevision": "main", "ref": "large" }),
    ];
    let values = Application::sources(&env, &values).named(&env, "values");
    values.apply(&env).await?;
    let directory = Twins::apply(&env, "directory", &source("manifests")).await?;
    let kustomized = Twins::apply(&env, "kustomized", &source("kustomized")).await?;
    let chart = Twins::apply(&env, "chart", &chart).await?;
    for (twins, kind, name, expected) in [
        (&directory, "Kustomization", "large", "b"),
        (&kustomized, "Kustomization", "x-large", "b"),
        (&chart, "HelmRelease", "large", "from-lfs"),
    ] {
        let objects = twins.alike(&env).await?;
        let object = objects.get(&format!("ConfigMap {name}"));
        assert_eq!(object.map(|object| &object["data"]["a"]), Some(&json!(expected)), "{objects:?}");
        assert_eq!(twins.reason(&env, kind).await?.as_deref(), Some("Git LFS"));
    }
    values.settled(&env).await?;
    let object = env.get("ConfigMap", values.destination(), "small").await?.unwrap_or_default();
    assert_eq!(object["data"]["a"], "from-lfs");
    let app = env.application(directory.bridged.name()).await?;
    assert_eq!(app["status"]["sync"]["revision"], *repository.resolve("main").await?);
    Ok(())
}
