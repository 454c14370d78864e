//! What a source holds for another namespace, or for the whole cluster, is refused before anything of it is applied.

use anyhow::Result;
use flux_subsystem_e2e::Stack;

use super::tenant::Tenant;

const HARMLESS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: harmless}\n";
const CRD: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crowns.border.example.org}
spec:
  group: border.example.org
  scope: Cluster
  names: {kind: Crown, plural: crowns}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
";

#[tokio::test]
async fn an_object_for_another_namespace_is_refused() -> Result<()> {
    let env = Stack::shared().await?.test("border-manifest").await?;
    let tenant = Tenant::new(&env).await?;
    let crown = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: crown, namespace: {}}}\ndata: {{worn: by-me}}\n",
        tenant.victim
    );
    let files = [("files/harmless.yaml", Some(HARMLESS)), ("files/crown.yaml", Some(&*crown))];
    let repository = env.sources().create_repository(&env.name("files"), &files).await?;
    let app = tenant.git(&env, &repository.url(), "files");
    app.apply(&env).await?;
    let refused = format!("namespace {} is not permitted in project", tenant.victim);
    app.wait(&env, "refused", |app| app["status"]["conditions"].to_string().contains(&refused)).await?;
    tenant.victim_is_untouched(&env).await?;
    assert!(env.get("ConfigMap", &tenant.own, "harmless").await?.is_none(), "half of it was delivered");

    repository.commit("main", &[("files/crown.yaml", None)], "Without the crown").await?;
    app.settled(&env).await?;
    tenant.config_map(&env, "harmless").await?;
    tenant.victim_is_untouched(&env).await
}

#[tokio::test]
async fn the_crds_of_a_chart_are_asked_about_too() -> Result<()> {
    let env = Stack::shared().await?.test("border-crds").await?;
    let tenant = Tenant::new(&env).await?;
    let files = [
        ("web/Chart.yaml", Some("apiVersion: v2\nname: web\nversion: 1.0.0\n")),
        ("web/templates/harmless.yaml", Some(HARMLESS)),
        ("web/crds/crown.yaml", Some(CRD)),
    ];
    let repository = env.sources().create_repository(&env.name("chart"), &files).await?;
    let app = tenant.git(&env, &repository.url(), "web");
    app.apply(&env).await?;
    let refused = "resource apiextensions.k8s.io:CustomResourceDefinition is not permitted in project";
    app.wait(&env, "refused", |app| app["status"]["conditions"].to_string().contains(refused)).await?;
    let crd = env.get("CustomResourceDefinition", "", "crowns.border.example.org").await?;
    assert!(crd.is_none(), "a cluster-wide object came in");

    repository.commit("main", &[("web/crds/crown.yaml", None)], "Without the definition").await?;
    app.settled(&env).await?;
    tenant.config_map(&env, "harmless").await.map(drop)
}
