//! A hand-made change of a generated Flux object can be kept: `flux-subsystem adopt` shows what the Application would
//! say, asks, and writes it; the Application is Synced afterwards and a later Sync keeps the change.

use anyhow::Result;
use flux_subsystem_e2e::{Output, Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::commands::flux_subsystem;

#[tokio::test]
async fn values_go_back_into_their_parameter_or_into_values_object() -> Result<()> {
    let env = Stack::shared().await?.test("adopt-values").await?;
    let app = Application::chart(&env, "6.3.5").parameter("replicaCount", "4");
    app.deliver(&env).await?;
    let values = json!({ "spec": { "values": { "replicaCount": 2, "ui": { "message": "by hand" } } } });
    edited(&env, &app, "helmrelease", &values).await?;
    replicas(&env, &app, 2).await?;

    let before = env.application(app.name()).await?["spec"].clone();
    let shown = adopt(&env, &app, &["--dry-run"], "").await?.text()?;
    assert!(shown.contains(&format!(
        "HelmRelease {}/{} spec.values.replicaCount",
        app.destination(),
        app.name()
    )));
    for line in ["-        value: \"4\"", "+        value: \"2\"", "+          message: by hand"] {
        assert!(shown.lines().any(|shown| shown == line), "no {line:?} in\n{shown}");
    }
    let declined = adopt(&env, &app, &[], "n\n").await?;
    assert_eq!(declined.code, 1, "{}", declined.stderr);
    assert!(declined.stderr.ends_with("nothing was written\n"), "{}", declined.stderr);
    assert_eq!(env.application(app.name()).await?["spec"], before);

    let history = app.history(&env).await?.len();
    adopt(&env, &app, &[], "y\n").await?.text()?;
    let kept = app.settled(&env).await?;
    let helm = &kept["spec"]["source"]["helm"];
    assert_eq!(helm["parameters"], json!([{ "name": "replicaCount", "value": "2" }]));
    assert_eq!(helm["valuesObject"], json!({ "ui": { "message": "by hand" } }));
    assert_eq!(app.history(&env).await?.len(), history + 1, "something to go back to");

    env.argocd(&["app", "sync", app.name(), "--timeout", "60"]).await?.text()?;
    app.settled(&env).await?;
    replicas(&env, &app, 2).await?;
    let release = app.delivered(&env, "HelmRelease", app.name()).await?;
    assert_eq!(release["spec"]["values"], values["spec"]["values"]);
    let again = adopt(&env, &app, &["--yes"], "").await?.text()?;
    assert!(again.ends_with("nothing was changed by hand\n"), "{again}");

    // What was taken over is a wish like any other: the next edit is one again.
    let values = json!({ "spec": { "values": { "ui": null } } });
    edited(&env, &app, "helmrelease", &values).await?;
    let said = adopt(&env, &app, &["--yes"], "").await?.text()?;
    assert!(said.contains(" keeps it"), "{said}");
    let kept = app.settled(&env).await?;
    assert_eq!(kept["spec"]["source"]["helm"]["valuesObject"], json!({}));
    Ok(())
}

/// What value files of another repository hold is read from a clone, and stays there.
#[tokio::test]
async fn one_of_several_sources_keeps_its_edit_beside_its_value_files() -> Result<()> {
    let env = Stack::shared().await?.test("adopt-sources").await?;
    let file = "replicaCount: 1\nui: {message: From the file}\n";
    let repository =
        env.sources().create_repository(&env.name("values"), &[("prod.yaml", Some(file))]).await?;
    let podinfo = env.sources().helm_url("podinfo");
    let chart = |name: &str, version: &str| {
        json!({
            "repoURL": podinfo, "chart": "podinfo", "targetRevision": version, "name": name,
            "helm": { "releaseName": name, "valueFiles": ["$values/prod.yaml"] },
        })
    };
    let values = json!({ "repoURL": repository.url(), "targetRevision": "main", "ref": "values" });
    let app = Application::sources(&env, &[chart("front", "6.3.5"), chart("back", "6.3.6"), values]);
    app.deliver(&env).await?;
    let name = format!("{}-back", app.name());
    let edit = json!({ "spec": { "interval": "3m", "values": { "ui": { "message": "by hand" } } } });
    env.patch("HelmRelease", app.destination(), &name, &edit).await?;

    let said = adopt(&env, &app, &["--yes"], "").await?;
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("--source-dir 3=DIR"), "{}", said.stderr);
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("prod.yaml"), file)?;
    let clone = format!("values={}", folder.path().display());
    adopt(&env, &app, &["--yes", "--source-dir", &clone], "").await?.text()?;
    let kept = app.settled(&env).await?;
    let sources = &kept["spec"]["sources"];
    assert_eq!(sources[1]["helm"]["valuesObject"], json!({ "ui": { "message": "by hand" } }));
    assert!(sources[0]["helm"]["valuesObject"].is_null(), "{sources}");
    let annotations = &kept["metadata"]["annotations"];
    assert_eq!(annotations["flamingo/helmrelease-override.back"], "spec:\n  interval: 3m\n");
    let release = app.delivered(&env, "HelmRelease", &name).await?;
    assert_eq!(release["spec"]["values"]["ui"]["message"], "by hand");
    Ok(())
}

#[tokio::test]
async fn a_version_goes_into_the_target_revision_and_the_rest_into_the_annotation() -> Result<()> {
    let env = Stack::shared().await?.test("adopt-version").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let edit = json!({ "spec": { "interval": "3m", "chart": { "spec": { "version": "6.3.6" } } } });
    edited(&env, &app, "helmrelease", &edit).await?;
    let said = adopt(&env, &app, &["--yes"], "").await?.text()?;
    assert!(said.contains(" keeps it"), "{said}");
    let kept = app.settled(&env).await?;
    assert_eq!(kept["spec"]["source"]["targetRevision"], "6.3.6");
    let annotation = &kept["metadata"]["annotations"]["flamingo/helmrelease-override"];
    assert_eq!(annotation, "spec:\n  interval: 3m\n");
    assert_eq!(app.release(&env).await?["chart"], "podinfo-6.3.6");
    Ok(())
}

#[tokio::test]
async fn an_image_and_a_branch_go_into_the_source() -> Result<()> {
    let env = Stack::shared().await?.test("adopt-image").await?;
    let url = env.sources().git_url("fleet");
    let app = Application::git(&env, &url, "apps/overlays/staging", "main");
    app.deliver(&env).await?;
    let images = json!({ "spec": { "images": [{ "name": "nginx", "newTag": "9.9" }] } });
    edited(&env, &app, "kustomization", &images).await?;
    edited(&env, &app, "gitrepository", &json!({ "spec": { "ref": { "branch": "next" } } })).await?;
    let said = adopt(&env, &app, &["--yes"], "").await?.text()?;
    assert!(said.contains(" keeps it"), "{said}");
    let kept = app.settled(&env).await?;
    assert_eq!(kept["spec"]["source"]["kustomize"]["images"], json!(["nginx:9.9"]));
    assert_eq!(kept["spec"]["source"]["targetRevision"], "next");
    assert!(kept["metadata"]["annotations"].get("flamingo/kustomize-override").is_none());
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_kept_is_said() -> Result<()> {
    let env = Stack::shared().await?.test("adopt-refused").await?;
    let app = Application::chart(&env, "6.3.5").self_healing();
    app.deliver(&env).await?;
    let nothing = adopt(&env, &app, &[], "").await?.text()?;
    assert!(nothing.contains("nothing was changed by hand") && nothing.contains("selfHeal"), "{nothing}");

    let missing = flux_subsystem(&env, &["adopt", "no-such-application"], "").await?;
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("there is no Application no-such-application in namespace argocd"));
    let plain = Application::chart(&env, "6.3.5").named(&env, "plain").options(&["CreateNamespace=true"]);
    plain.apply(&env).await?;
    let refused = adopt(&env, &plain, &[], "").await?;
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("stock Argo CD's: it lacks the sync option FluxSubsystem=true"));
    Ok(())
}

async fn adopt(env: &TestEnv, app: &Application, arguments: &[&str], input: &str) -> Result<Output> {
    let arguments: Vec<&str> =
        ["adopt", app.name(), "-n", &env.control].iter().chain(arguments).copied().collect();
    flux_subsystem(env, &arguments, input).await
}

/// A change by hand, and that the Application says so.
async fn edited(env: &TestEnv, app: &Application, kind: &str, edit: &Value) -> Result<()> {
    let edit = edit.to_string();
    let arguments = ["patch", kind, app.name(), "-n", app.destination(), "--type=merge", "-p", &edit];
    env.kubectl(&arguments).await?.text()?;
    app.wait(env, "OutOfSync", |app| app["status"]["sync"]["status"] == "OutOfSync").await.map(drop)
}

async fn replicas(env: &TestEnv, app: &Application, replicas: u32) -> Result<()> {
    env.wait_until(&format!("there are {replicas} replicas"), PATIENCE, async || {
        let found = app.delivered(env, "Deployment", &format!("{}-podinfo", app.name())).await?;
        Ok((found["status"]["availableReplicas"] == replicas).then_some(()))
    })
    .await
}
