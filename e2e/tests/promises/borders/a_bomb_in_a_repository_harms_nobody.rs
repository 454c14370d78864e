//! What a repository holds may be made to be expensive: aliases that unfold to billions of values, nesting without end. It costs
//! its own Application an error, and nobody else anything.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use flux_subsystem_e2e::{BridgeOptions, Stack};

use crate::applications::Application;

/// Nine aliases of nine aliases, ten times over.
fn aliases() -> String {
    let mut text =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\na: &a [x, x, x, x, x, x, x, x, x]\n"
            .to_owned();
    let letters = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    for pair in letters.windows(2) {
        if let [before, next] = pair {
            let list = [format!("*{before}").as_str(); 9].join(", ");
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{next}: &{next} [{list}]");
        }
    }
    text
}

/// A list in a list in a list.
fn depth() -> String {
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: deep}}\na: {open}{close}\n")
}

#[tokio::test]
async fn a_bomb_in_a_repository_harms_nobody() -> Result<()> {
    let env = Stack::shared().await?.test("border-bomb").await?.with_control_namespace("30s").await?;
    let bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let (aliases, depth) = (aliases(), depth());
    let chart = "apiVersion: v2\nname: web\nversion: 1.0.0\n";
    let source = "helm:\n  values: |\n    a: 1\n";
    let bombs = [
        ("aliases", vec![("files/bomb.yaml", Some(&*aliases))]),
        ("depth", vec![("files/deep.yaml", Some(&*depth))]),
        ("kustomization", vec![("files/kustomization.yaml", Some(&*aliases))]),
        ("values", vec![("files/Chart.yaml", Some(chart)), ("files/values.yaml", Some(&*depth))]),
        ("override", vec![("files/a.yaml", Some(source)), ("files/.argocd-source.yaml", Some(&*depth))]),
    ];
    let mut bombed = Vec::new();
    for (suffix, files) in &bombs {
        let repository = env.sources().create_repository(&env.name(suffix), files).await?;
        let app = Application::git(&env, &repository.url(), "files", "main").named(&env, suffix);
        app.apply(&env).await?;
        bombed.push(app);
    }
    let neighbour = Application::chart(&env, "6.3.5").named(&env, "neighbour");
    neighbour.deliver(&env).await?;
    for app in &bombed {
        app.wait(&env, "told what is wrong with it", |app| {
            let said =
                format!("{}{}", app["status"]["conditions"], app["status"]["operationState"]["message"]);
            said.contains("Error") || said.contains("error") || said.contains("ailed")
        })
        .await?;
    }
    ensure!(bridge.alive(), "the bridge ended:\n{}", bridge.tail(30));
    Ok(())
}
