//! Never a secret in a place its reader could not already read: by the bridge's rights, and by what it does with them.

use anyhow::Result;
use flux_subsystem_e2e::sources::Server;
use flux_subsystem_e2e::{Stack, paths};
use serde_json::{Value, json};

use crate::applications::Application;
use crate::credentials::{generated, secret};

const ACCOUNT: &str = "system:serviceaccount:argocd:flux-subsystem";

#[tokio::test]
async fn what_is_made_of_them_stands_beside_them() -> Result<()> {
    let env = Stack::shared().await?.test("stay").await?;
    let name = env.name("fleet");
    let url = env.sources().create_fleet(&name).await?.url();
    env.sources().protect(Server::Git, &name, "me", "hunter2-stay")?;
    let login = [("url", url.as_str()), ("username", "me"), ("password", "hunter2-stay")];
    secret(&env, "repository", "repo", &login).await?;
    let app = Application::git(&env, &url, "charts/podinfo", "main");
    app.deliver(&env).await?;

    let encoded = base64("hunter2-stay");
    let everywhere = env.kubectl(&["get", "secrets", "-A", "-o", "json"]).await?.json()?;
    let holders: Vec<&Value> = everywhere["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|secret| secret["data"].to_string().contains(&encoded))
        .collect();
    assert_eq!(holders.len(), 2, "Argo CD's own and the one made of it");
    assert!(holders.iter().all(|secret| secret["metadata"]["namespace"] == *env.control));

    let release = env.get("HelmRelease", app.destination(), app.name()).await?.unwrap_or_default();
    let reference = &release["spec"]["chart"]["spec"]["sourceRef"];
    assert_eq!(reference["namespace"], *env.control);
    assert!(env.list("GitRepository", app.destination()).await?.is_empty());
    let source = reference["name"].as_str().unwrap_or_default();
    let source = env.get("GitRepository", &env.control, source).await?.unwrap_or_default();
    let own = generated(&env, &app).await?;
    assert_eq!(source["spec"]["secretRef"]["name"], own[0]["metadata"]["name"]);
    Ok(())
}

#[tokio::test]
async fn an_override_cannot_take_them_elsewhere() -> Result<()> {
    let env = Stack::shared().await?.test("stay-override").await?;
    let name = env.name("fleet");
    let url = env.sources().create_fleet(&name).await?.url();
    let login = [("url", url.as_str()), ("username", "me"), ("password", "hunter2")];
    secret(&env, "repository", "repo", &login).await?;
    let elsewhere = json!({"spec": {"url": env.sources().git_url("fleet")}}).to_string();
    let app = Application::git(&env, &url, "plain", "main")
        .annotation("flamingo/gitrepository-override", &elsewhere);
    app.deliver(&env).await?;
    assert!(generated(&env, &app).await?.is_empty());
    let source = env.get("GitRepository", app.destination(), app.name()).await?.unwrap_or_default();
    assert!(source["spec"]["secretRef"].is_null(), "{source:#}");
    Ok(())
}

#[tokio::test]
async fn the_rights_on_secrets_end_at_that_namespace() -> Result<()> {
    let env = Stack::shared().await?.test("stay-rights").await?;
    let text = std::fs::read_to_string(paths::workspace().join("manifests/rbac.yaml"))?;
    let mut wide = Vec::new();
    for part in text.split("\n---\n").filter(|part| part.contains("kind: ClusterRole\n")) {
        let mut is_about_secrets = false;
        for line in part.lines().map(str::trim) {
            if line.starts_with("resources:") {
                is_about_secrets = line.contains("secrets");
            } else if line.starts_with("verbs:") && is_about_secrets {
                wide.push(line.to_owned());
            }
        }
    }
    assert_eq!(wide, ["verbs: [delete]"], "of Helm's release records, unread");

    // Even where its rights reach: the policy knows what is whose.
    for (namespace, name) in [(env.control.as_str(), "argocd-secret"), ("default", "anything")] {
        let patch = [
            "patch",
            "secret",
            name,
            "-n",
            namespace,
            "--as",
            ACCOUNT,
            "-p",
            "{\"stringData\":{\"a\":\"b\"}}",
        ];
        let refused = env.kubectl(&patch).await?;
        assert!(!refused.ok(), "{}", refused.stdout);
    }
    let create = ["create", "secret", "generic", &env.name("x"), "-n", &env.control, "--as", ACCOUNT];
    let refused = env.kubectl(&create).await?;
    assert!(refused.stderr.contains("writes and deletes no Secrets but those"), "{}", refused.stderr);
    Ok(())
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
