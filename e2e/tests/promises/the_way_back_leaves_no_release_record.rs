//! An Application that goes back to stock Argo CD leaves no release that `helm list` would go on showing, however many
//! revisions it had; unless somebody asks to keep it.

use anyhow::Result;
use flux_subsystem_e2e::{BridgeOptions, Stack};
use serde_json::json;

use crate::applications::{Application, PATIENCE};
use crate::switching::PLAIN;

#[tokio::test]
async fn every_revision_is_gone() -> Result<()> {
    let env = Stack::shared().await?.test("records").await?;
    let mut app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    for revision in ["2", "3", "4"] {
        app = app.parameter("ui.message", &format!("Number {revision}"));
        app.apply(&env).await?;
        env.wait_until("the next revision", PATIENCE, async || {
            Ok((app.release(&env).await?["revision"] == revision).then_some(()))
        })
        .await?;
    }
    // Somebody's own release in that namespace is none of the bridge's.
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": { "name": "sh.helm.release.v1.other.v1", "namespace": app.destination() },
    });
    env.apply(&secret.to_string()).await?;
    app.settled(&env).await?;
    let pods = app.pods(&env).await?;

    app.switch(&env, &PLAIN).await?;
    app.handed_back(&env).await?;
    assert_eq!(app.left_behind(&env).await?, ["Secret sh.helm.release.v1.other.v1"]);
    assert_eq!(app.pods(&env).await?, pods);
    let told = app.events(&env, "HandedBack").await?;
    assert_eq!(told, ["stock Argo CD delivers this Application from now on; its Flux objects are gone"]);
    app.delete(&env).await
}

#[tokio::test]
async fn the_record_is_kept_for_whoever_asks() -> Result<()> {
    let env = Stack::shared().await?.test("record-kept").await?;
    let key = "flux-subsystem.dev/keep-release-record";
    let app = Application::chart(&env, "6.3.5").annotation(key, "true");
    app.deliver(&env).await?;
    app.switch(&env, &PLAIN).await?;
    env.wait_until("the stamp is off", PATIENCE, async || {
        let annotations = env.application(app.name()).await?["metadata"]["annotations"].clone();
        Ok((annotations == json!({ key: "true" })).then_some(()))
    })
    .await?;
    assert_eq!(app.left_behind(&env).await?, [format!("Secret sh.helm.release.v1.{}.v1", app.name())]);
    assert_eq!(app.release(&env).await?["status"], "deployed");
    app.delete(&env).await
}

/// Killed again and again on the way, the bridge comes to the same end.
#[tokio::test]
async fn nothing_is_left_by_a_bridge_that_is_killed_on_the_way() -> Result<()> {
    let stack = Stack::shared().await?;
    let env = stack.test("records-killed").await?.with_control_namespace("10s").await?;
    let bridge = stack.bridge(BridgeOptions::serving(&env.control)).await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let pods = app.pods(&env).await?;
    app.switch(&env, &PLAIN).await?;
    for _ in 0..4 {
        bridge.kill();
        bridge.restart().await?;
    }
    // Stock Argo CD does not watch this namespace: what the bridge leaves is all there is.
    env.wait_until("the stamp is off", PATIENCE, async || {
        let annotations = env.application(app.name()).await?["metadata"]["annotations"].clone();
        Ok(annotations.is_null().then_some(()))
    })
    .await?;
    assert_eq!(app.left_behind(&env).await?, Vec::<String>::new());
    assert_eq!(app.pods(&env).await?, pods);
    let left = env.application(app.name()).await?;
    assert_eq!(left["status"]["sync"], json!({ "status": "Unknown", "revision": "6.3.5" }));
    let finalizers = json!({ "metadata": { "finalizers": null } });
    env.patch("Application", &env.control, app.name(), &finalizers).await?;
    Ok(())
}

/// RBAC alone would let the bridge delete any Secret.
#[tokio::test]
async fn no_other_secret_can_be_deleted_with_that_right() -> Result<()> {
    let stack = Stack::shared().await?;
    let env = stack.test("other-secrets").await?;
    let secret = |name: &str, kind: &str| {
        let metadata = json!({ "name": name, "namespace": env.namespace });
        json!({ "apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata }).to_string()
    };
    env.apply(&secret("password", "Opaque")).await?;
    env.apply(&secret("sh.helm.release.v1.a.v1", "Opaque")).await?;
    env.apply(&secret("sh.helm.release.v1.b.v1", "helm.sh/release.v1")).await?;
    let kubeconfig = stack.bridge_kubeconfig().await?.display().to_string();
    for (name, is_allowed) in
        [("password", false), ("sh.helm.release.v1.a.v1", false), ("sh.helm.release.v1.b.v1", true)]
    {
        // The policy has its effect a moment after it was applied; a dry run meets it, too.
        let arguments =
            ["--kubeconfig", &kubeconfig, "delete", "secret", name, "-n", &env.namespace, "--wait=false"];
        let dry = [&arguments[..], &["--dry-run=server"]].concat();
        env.wait_until(&format!("the policy answers for {name}"), PATIENCE, async || {
            let answer = env.kubectl(&dry).await?;
            Ok((answer.code == i32::from(!is_allowed)).then_some(()))
        })
        .await?;
        let answer = env.kubectl(&arguments).await?;
        assert_eq!(answer.code == 0, is_allowed, "{}", answer.stderr);
        assert!(is_allowed || answer.stderr.contains("deletes no Secrets but"), "{}", answer.stderr);
    }
    Ok(())
}
