//! `cargo parity --app` judges each Application by itself: one that is refused on one side says so and why, and what only
//! gets an address in a cloud is compared with the others.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::parity::entry::{Entry, Outcome};
use flux_subsystem_e2e::parity::publish::publish;
use flux_subsystem_e2e::parity::side::Side;
use flux_subsystem_e2e::parity::user::{self, SourceDir};
use flux_subsystem_e2e::parity::verdict::Verdict;
use flux_subsystem_e2e::parity::{report, run};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::json;

/// Reached from outside: Healthy once there is an address.
const OUTSIDE: &str = "apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{port: 80}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  defaultBackend: {service: {name: web, port: {number: 80}}}
";

const INSIDE: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: red}
";

#[tokio::test]
async fn three_applications_get_three_verdicts() -> Result<()> {
    let env = Stack::shared().await?.test("parity-sides").await?;
    let places = publish(&env).await?;
    let entries = [
        // It would delete what it protects, so the bridge refuses it; stock Argo CD takes it.
        own(&env, "refused", INSIDE, &["PrunePropagationPolicy=orphan"]).await?,
        own(&env, "outside", OUTSIDE, &[]).await?,
        own(&env, "inside", INSIDE, &[]).await?,
    ];
    let verdicts = run::run(&env, &entries, &places, 1).await?;
    let [refused, outside, inside]: [Verdict; 3] =
        verdicts.clone().try_into().ok().context("not three verdicts")?;
    let table = report::text(&verdicts);

    assert_eq!(
        (refused.outcome, refused.failed.as_slice()),
        (Some(Outcome::Refused), [Side::Bridged].as_slice()),
        "{table}"
    );
    let why = refused.lines();
    assert_eq!(why[0], "plain, by Argo CD: delivered, Synced/Healthy");
    assert!(why[1].starts_with("bridged, by Flux: refused: ") && why[1].contains("orphan"), "{table}");
    for (verdict, objects) in [(outside, 3), (inside, 2)] {
        assert_eq!(verdict.outcome, Some(Outcome::Identical), "{table}");
        assert_eq!((verdict.objects, verdict.failed.len()), ([objects, objects], 0), "{table}");
    }
    assert!(!run::is_good(&verdicts));
    Ok(())
}

/// An Application with one source, as people have it, and the folder that stands for its repository.
async fn own(env: &TestEnv, name: &str, manifests: &str, options: &[&str]) -> Result<Entry> {
    let folder = tempfile::tempdir()?;
    let repository = folder.path().join("repository");
    std::fs::create_dir_all(repository.join("web"))?;
    std::fs::write(repository.join("web/objects.yaml"), manifests)?;
    let application = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": { "name": env.name(name), "namespace": "argocd" },
        "spec": {
            "project": "teams",
            "source": { "repoURL": "https://git.example.org/teams.git", "path": "web" },
            "destination": { "name": "production", "namespace": env.name(name) },
            "syncPolicy": { "automated": {}, "syncOptions": options },
        },
    });
    let file = folder.path().join("app.yaml");
    std::fs::write(&file, application.to_string())?;
    let stands_for = SourceDir { url: None, folder: repository };
    user::entry(&env.sources(), &file, &[stands_for], &env.name(name)).await
}
