//! A project is asked about what Argo CD's repo-server renders. A chart that renders to something else where Flux would render
//! it, with the rights of a cluster administrator, brings nothing of that into the cluster.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};

use super::tenant::{Tenant, trust};
use crate::applications::{Application, PATIENCE};

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";

/// A ConfigMap that any chart may bring, and that says which commit it is from.
fn harmless(number: u32) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: harmless}}\ndata: {{number: \"{number}\"}}\n")
}

/// What a project without cluster-wide kinds refuses.
fn cluster_role(name: &str) -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {name}}}\nrules: []\n"
    )
}

/// Waits until the harmless ConfigMap of that commit is delivered.
async fn delivered(env: &TestEnv, tenant: &Tenant, app: &Application, number: u32) -> Result<()> {
    env.wait_until("the harmless ConfigMap is of that commit", PATIENCE, async || {
        let map = tenant.config_map(env, "harmless").await?;
        let found = map["data"]["number"].as_str().and_then(|text| text.parse::<u32>().ok());
        Ok((found == Some(number)).then_some(()))
    })
    .await?;
    app.settled(env).await.map(drop)
}

#[tokio::test]
async fn what_a_chart_finds_in_the_cluster_opens_no_door() -> Result<()> {
    let env = Stack::shared().await?.test("border-lookup").await?;
    let tenant = Tenant::new(&env).await?;
    let role = env.name("looked-up");
    // `lookup` finds nothing where Argo CD renders, and everything where Flux does.
    let door = format!(
        "{{{{- if lookup \"v1\" \"Namespace\" \"\" \"kube-system\" }}}}\n{}{{{{- end }}}}\n",
        cluster_role(&role)
    );
    let read = format!(
        "{{{{- with lookup \"v1\" \"Secret\" \"{}\" \"jewels\" }}}}\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: read}}\n\
         data: {{{{ toJson .data }}}}\n{{{{- end }}}}\n",
        tenant.victim
    );
    let files = [
        ("web/Chart.yaml", Some(CHART)),
        ("web/templates/harmless.yaml", Some(&*harmless(1))),
        ("web/templates/door.yaml", Some(&*door)),
        ("web/templates/read.yaml", Some(&*read)),
    ];
    let repository = env.sources().create_repository(&env.name("chart"), &files).await?;
    let app = tenant.git(&env, &repository.url(), "web");
    app.apply(&env).await?;
    delivered(&env, &tenant, &app, 1).await?;
    let release = app.release(&env).await?;
    assert_eq!(release["status"], "deployed", "it is a release all the same");
    assert!(env.get("ClusterRole", "", &role).await?.is_none(), "a cluster-wide object came in");
    assert!(env.get("ConfigMap", &tenant.own, "read").await?.is_none(), "a foreign Secret was read");
    Ok(())
}

#[tokio::test]
async fn what_a_chart_knows_of_its_past_opens_no_door() -> Result<()> {
    let env = Stack::shared().await?.test("border-past").await?;
    let tenant = Tenant::new(&env).await?;
    let role = env.name("upgraded");
    // Argo CD renders every chart as if it were installed for the first time.
    let door = format!(
        "{{{{- if or .Release.IsUpgrade (gt (int .Release.Revision) 1) }}}}\n{}{{{{- end }}}}\n",
        cluster_role(&role)
    );
    let files = [
        ("web/Chart.yaml", Some(CHART)),
        ("web/templates/harmless.yaml", Some(&*harmless(1))),
        ("web/templates/door.yaml", Some(&*door)),
    ];
    let repository = env.sources().create_repository(&env.name("chart"), &files).await?;
    let app = tenant.git(&env, &repository.url(), "web");
    app.apply(&env).await?;
    delivered(&env, &tenant, &app, 1).await?;
    repository.commit("main", &[("web/templates/harmless.yaml", Some(&*harmless(2)))], "Upgrade").await?;
    delivered(&env, &tenant, &app, 2).await?;
    let revision = app.release(&env).await?["revision"].clone();
    assert_ne!(revision, "1", "the release was upgraded");
    assert!(env.get("ClusterRole", "", &role).await?.is_none(), "a cluster-wide object came in");
    Ok(())
}

#[tokio::test]
async fn every_shape_is_delivered_by_the_digest_of_what_was_checked() -> Result<()> {
    let env = Stack::shared().await?.test("border-digest").await?;
    let tenant = Tenant::new(&env).await?;
    let kustomization = "resources: [harmless.yaml]\n";
    let files = [
        ("directory/harmless.yaml", Some(&*harmless(1))),
        ("kustomized/kustomization.yaml", Some(kustomization)),
        ("kustomized/harmless.yaml", Some(&*harmless(2))),
    ];
    let repository = env.sources().create_repository(&env.name("files"), &files).await?;
    for (path, number) in [("directory", 1), ("kustomized", 2)] {
        let named = tenant.owns(Application::git(&env, &repository.url(), path, "main").named(&env, path));
        named.apply(&env).await?;
        delivered(&env, &tenant, &named, number).await?;
        let kustomization = env.get("Kustomization", &tenant.own, named.name()).await?.context("none")?;
        let source = &kustomization["spec"]["sourceRef"];
        assert_eq!(source["kind"], "OCIRepository", "{source}");
        let name = source["name"].as_str().context("no name")?;
        let object = env.get("OCIRepository", &env.control, name).await?.context("no OCIRepository")?;
        assert!(object["spec"]["ref"]["digest"].is_string(), "{}", object["spec"]);
        named.delete(&env).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_policy_may_trust_the_sources() -> Result<()> {
    let env = Stack::shared().await?.test("border-trust").await?;
    let tenant = Tenant::new(&env).await?;
    let policy = trust(&env, &tenant.project).await?;
    let files = [("directory/harmless.yaml", Some(&*harmless(1)))];
    let repository = env.sources().create_repository(&env.name("files"), &files).await?;
    let app = tenant.git(&env, &repository.url(), "directory");
    app.apply(&env).await?;
    delivered(&env, &tenant, &app, 1).await?;
    let kustomization = env.get("Kustomization", &tenant.own, app.name()).await?.context("none")?;
    assert_eq!(kustomization["spec"]["sourceRef"]["kind"], "GitRepository");
    env.delete("FluxDeliveryPolicy", &env.control, &policy).await
}
