//! What Flux delivers and no Application shows is listed; what an Application shows is found from the Application.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::Application;
use crate::commands::flux_subsystem;
use crate::flux_objects::{kustomization, release};

#[tokio::test]
async fn candidates_are_what_no_application_shows() -> Result<()> {
    let env = Stack::shared().await?.test("candidates").await?;
    let (ns, other) = (release(&env, "shop").await?, kustomization(&env, "web").await?);
    let generated = Application::chart(&env, "6.3.5");
    generated.deliver(&env).await?;

    let found = candidates(&env, &[]).await?;
    let of = |ns: &str| -> Vec<Value> {
        found.iter().filter(|found| found["namespace"] == *ns).cloned().collect()
    };
    assert_eq!(of(generated.destination()), [] as [Value; 0]);
    let shop = &of(&ns)[0];
    assert_eq!([&shop["kind"], &shop["name"], &shop["ready"]], ["HelmRelease", "shop", "True"]);
    assert_eq!(of(&other)[0]["source"], json!(format!("GitRepository {other}/fleet")));

    let table = flux_subsystem(&env, &["list-candidates", "-n", &ns], "").await?.text()?;
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAMESPACE", "NAME", "SOURCE", "READY", "MESSAGE"]);
    assert_eq!(lines[1][..2], [ns.as_str(), "hr/shop"]);

    let name = env.name("shop");
    let arguments =
        ["generate-app", "hr/shop", "-n", &ns, "--app", &name, "--argocd-namespace", &env.control];
    flux_subsystem(&env, &arguments, "").await?.text()?;
    assert_eq!(candidates(&env, &["-n", &ns]).await?, [] as [Value; 0]);

    env.wait_for_application(&name, "Synced", "Healthy").await?;
    let shown = get(&env, &[&name, "-o", "json"]).await?.json()?;
    let objects: Vec<_> = shown[0]["objects"].as_array().into_iter().flatten().map(|o| &o["kind"]).collect();
    assert_eq!(objects, ["HelmRepository", "HelmRelease"]);
    let shown = get(&env, &["-o", "wide"]).await?.text()?;
    for (name, mode) in [(generated.name(), "generated"), (name.as_str(), "referenced")] {
        let app = format!("{}/{name}", env.control);
        let line = shown.lines().find(|line| line.contains(&app)).unwrap_or_default();
        assert!(line.contains("Synced") && line.contains("Healthy") && line.contains(mode), "{shown}");
    }
    let missing = get(&env, &["nobody"]).await?;
    assert_eq!((missing.code, missing.stdout.as_str()), (1, ""));
    Ok(())
}

async fn candidates(env: &TestEnv, arguments: &[&str]) -> Result<Vec<Value>> {
    let arguments: Vec<&str> = ["list-candidates", "-o", "json"].iter().chain(arguments).copied().collect();
    let found = flux_subsystem(env, &arguments, "").await?.json()?;
    Ok(found.as_array().cloned().unwrap_or_default())
}

async fn get(env: &TestEnv, arguments: &[&str]) -> Result<flux_subsystem_e2e::Output> {
    let arguments: Vec<&str> = ["get", "-n", &env.control].iter().chain(arguments).copied().collect();
    flux_subsystem(env, &arguments, "").await
}
