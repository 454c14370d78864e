//! An override may say almost anything of a Flux object; in a project that restricts what may be delivered it says nothing.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::json;

use super::tenant::Tenant;

const HARMLESS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: harmless}\n";
const CROWN: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: crown}\ndata: {worn: by-me}\n";

#[tokio::test]
async fn overrides_reach_no_other_namespace() -> Result<()> {
    let env = Stack::shared().await?.test("border-override").await?;
    let tenant = Tenant::new(&env).await?;
    let files = [("files/harmless.yaml", Some(HARMLESS)), ("files/crown.yaml", Some(CROWN))];
    let repository = env.sources().create_repository(&env.name("files"), &files).await?;
    let app = tenant.git(&env, &repository.url(), "files");
    let victim = &tenant.victim;
    for (annotation, text) in [
        ("flamingo/kustomize-override", format!("spec: {{targetNamespace: {victim}}}")),
        ("flamingo/kustomize-override", format!("metadata: {{namespace: {victim}}}")),
        (
            "flamingo/kustomize-override",
            format!(
                "spec: {{patches: [{{patch: '[{{op: add, path: /metadata/namespace, value: {victim}}}]', target: {{kind: ConfigMap}}}}]}}"
            ),
        ),
        ("flamingo/kustomize-replace", format!("{{interval: 1m, prune: true, targetNamespace: {victim}}}")),
    ] {
        let overridden = app.clone().annotation(annotation, &text);
        overridden.apply(&env).await?;
        let named = format!("metadata.annotations[{annotation}]");
        overridden
            .wait(&env, "refused by the name of the annotation", |app| {
                app["status"]["conditions"].to_string().contains(&named)
            })
            .await?;
        tenant.victim_is_untouched(&env).await?;
        assert!(env.get("Kustomization", victim, app.name()).await?.is_none(), "{text}");
        let none = json!({ "metadata": { "annotations": { annotation: null } } });
        env.patch("Application", &env.control, app.name(), &none).await?;
    }
    // Without it, the same Application delivers, to its own namespace.
    app.settled(&env).await?;
    tenant.config_map(&env, "crown").await?;
    tenant.victim_is_untouched(&env).await
}
