//! A repository whose Secret says `enableLfs` is left to Argo CD to render; a chart in it is refused.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use flux_subsystem_e2e::sources::Server;

use crate::applications::Application;
use crate::credentials::secret;

#[tokio::test]
async fn git_lfs_is_rendered_by_argo_cd() -> Result<()> {
    let env = Stack::shared().await?.test("lfs").await?;
    let name = env.name("fleet");
    let repository = env.sources().create_fleet(&name).await?;
    let url = repository.url();
    env.sources().protect(Server::Git, &name, "me", "hunter2")?;
    let data = [("url", url.as_str()), ("username", "me"), ("password", "hunter2"), ("enableLfs", "true")];
    secret(&env, "repository", "repo", &data).await?;
    for (suffix, path) in [("directory", "plain"), ("kustomize", "apps/overlays/staging")] {
        let app = Application::git(&env, &url, path, "main").named(&env, suffix);
        let delivered = app.deliver(&env).await?;
        assert_eq!(delivered["status"]["sync"]["revision"], *repository.resolve("main").await?);
        let kustomization = app.delivered(&env, "Kustomization", app.name()).await?;
        let reference = &kustomization["spec"]["sourceRef"];
        assert_eq!(reference["kind"], "OCIRepository");
        let source = reference["name"].as_str().unwrap_or_default();
        let source = env.get("OCIRepository", &env.control, source).await?.unwrap_or_default();
        assert_eq!(source["metadata"]["annotations"]["flux-subsystem.dev/rendered"], "Git LFS");
    }
    let chart = Application::git(&env, &url, "charts/podinfo", "main").named(&env, "chart");
    chart.apply(&env).await?;
    chart.told(&env, "ComparisonError", "Flux fetches no files from Git LFS").await?;
    Ok(())
}
