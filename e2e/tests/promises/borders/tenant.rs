//! A team that may deliver to one namespace of its own, and one beside it that it must not reach.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::TestEnv;
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::projects;

/// A policy that has Flux render the sources of that restricted project itself; its name.
pub(crate) async fn trust(env: &TestEnv, project: &str) -> Result<String> {
    let name = env.name("trusting");
    let policy = json!({
        "apiVersion": "flux-subsystem.dev/v1alpha1",
        "kind": "FluxDeliveryPolicy",
        "metadata": { "name": name, "namespace": env.control },
        "spec": { "selector": { "projects": [project] }, "restrictedProjects": "Native" },
    });
    env.apply(&policy.to_string()).await?;
    Ok(name)
}

/// See the module.
pub(crate) struct Tenant {
    /// The AppProject: one destination namespace, no cluster-wide kind.
    pub(crate) project: String,
    /// The team's namespace; it exists.
    pub(crate) own: String,
    /// The other team's; it exists, and holds a ConfigMap `crown` and a Secret `jewels`.
    pub(crate) victim: String,
}

impl Tenant {
    /// Both namespaces, and the project.
    pub(crate) async fn new(env: &TestEnv) -> Result<Self> {
        let (own, victim) = (env.name("own"), env.name("victim"));
        for namespace in [&own, &victim] {
            let object =
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
            env.apply(&object.to_string()).await?;
        }
        let crown = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "crown", "namespace": victim },
            "data": { "worn": "by-somebody-else" },
        });
        env.apply(&crown.to_string()).await?;
        let jewels = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": { "name": "jewels", "namespace": victim },
            "stringData": { "key": "of-somebody-else" },
        });
        env.apply(&jewels.to_string()).await?;
        let spec = json!({
            "destinations": [{ "server": "https://kubernetes.default.svc", "namespace": own }],
            "clusterResourceWhitelist": null,
        });
        let project = projects::project(env, &spec).await?;
        Ok(Self { project, own, victim })
    }

    /// `app` in the team's project, delivered to the team's namespace, without making it.
    pub(crate) fn owns(&self, app: Application) -> Application {
        app.in_project(&self.project)
            .merge(&json!({ "spec": { "destination": { "namespace": self.own } } }))
            .options(&["FluxSubsystem=true", "AutoCreateFluxResources=true"])
    }

    /// A bridged Application of a path in git.
    pub(crate) fn git(&self, env: &TestEnv, url: &str, path: &str) -> Application {
        self.owns(Application::git(env, url, path, "main"))
    }

    /// The ConfigMap of that name in the team's own namespace, once it is there.
    pub(crate) async fn config_map(&self, env: &TestEnv, name: &str) -> Result<Value> {
        env.wait_until(&format!("ConfigMap {name} is there"), PATIENCE, async || {
            env.get("ConfigMap", &self.own, name).await
        })
        .await
    }

    /// Fails unless the other team's objects are what they were.
    pub(crate) async fn victim_is_untouched(&self, env: &TestEnv) -> Result<()> {
        let crown = env.get("ConfigMap", &self.victim, "crown").await?.context("the crown is gone")?;
        anyhow::ensure!(crown["data"] == json!({ "worn": "by-somebody-else" }), "{crown}");
        env.get("Secret", &self.victim, "jewels").await?.context("the jewels are gone")?;
        Ok(())
    }
}
