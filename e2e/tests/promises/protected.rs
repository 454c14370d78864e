//! One set of objects, some of which say that they stay, in every shape that a source may have, at two revisions: the second
//! lacks what is called `leaving-…`.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::sources::git::Repository;
use flux_subsystem_e2e::{Chart, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::credentials::secret;

const CHART: &str = "apiVersion: v2\nname: chart\nversion: 1.0.0\n";
const OTHER: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n";
/// The part of the name of those that have no sync options.
pub(crate) const FREE: &str = "free";

/// Objects by what comes after `leaving-` or `staying-` in their names, and by their sync options.
pub(crate) type Objects = &'static [(&'static str, &'static str)];

/// What stock Argo CD decides by itself.
pub(crate) const DECIDED: Objects = &[
    (FREE, ""),
    ("prune-false", "Prune=false"),
    ("delete-false", "Delete=false"),
    ("both", "ServerSideApply=true , Prune=false,Delete=false"),
    ("replace", "Replace=true"),
];
/// What stock Argo CD asks for.
pub(crate) const ASKED_FOR: Objects =
    &[(FREE, ""), ("prune-confirm", "Prune=confirm"), ("delete-confirm", "Delete=confirm, Replace=true")];

/// How the objects lie in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Directory,
    Kustomization,
    /// Rendered by Argo CD's repo-server.
    Jsonnet,
    GitChart,
    HelmRepository,
    /// A chart that the repo-server renders.
    FinishedChart,
    Artifact,
    /// Beside a source of another shape.
    FirstOfTwo,
}

impl Shape {
    /// What the repo-server renders is marked object by object.
    pub(crate) fn is_exact(self) -> bool {
        matches!(self, Self::Jsonnet | Self::FinishedChart)
    }
}

/// A source at its first or second revision.
pub(crate) struct Protected {
    shape: Shape,
    objects: Objects,
    repository: Repository,
    name: String,
}

impl Protected {
    /// Makes it, at the first revision.
    pub(crate) async fn new(env: &TestEnv, shape: Shape, objects: Objects) -> Result<Self> {
        let repository = env.sources().create_repository(&env.name("protected"), &[]).await?;
        let made = Self { shape, objects, repository, name: env.name("protected") };
        made.join(env).await?;
        Ok(made)
    }

    /// Offers the first one, again.
    pub(crate) async fn join(&self, env: &TestEnv) -> Result<String> {
        self.offer(env, "1.0.0", &["leaving", "staying"]).await
    }

    /// Offers the second revision; what `status.sync` calls it.
    pub(crate) async fn leave(&self, env: &TestEnv) -> Result<String> {
        self.offer(env, "1.0.1", &["staying"]).await
    }

    /// `app` with this source, as it names the revision that was offered last.
    pub(crate) fn on(&self, env: &TestEnv, app: Application, version: &str) -> Application {
        let sources = env.sources();
        let git =
            |path: &str| json!({"repoURL": self.repository.url(), "path": path, "targetRevision": "main"});
        let source = match self.shape {
            Shape::Directory => git("objects"),
            Shape::Kustomization => git("kustomization"),
            Shape::Jsonnet => git("jsonnet"),
            Shape::GitChart => git("chart"),
            Shape::FinishedChart => {
                json!({
                    "repoURL": self.repository.url(), "path": "chart", "targetRevision": "main",
                    "helm": {"kubeVersion": "1.30.0"},
                })
            }
            Shape::HelmRepository => {
                json!({"repoURL": sources.helm_url(&self.name), "chart": "chart", "targetRevision": version})
            }
            Shape::Artifact => {
                json!({"repoURL": sources.oci_url(&self.name), "path": ".", "targetRevision": "latest"})
            }
            Shape::FirstOfTwo => {
                let sources = [git("objects"), git("other")];
                return app.merge(&json!({"spec": {"source": null, "sources": sources}}));
            }
        };
        app.merge(&json!({"spec": {"source": source}}))
    }

    async fn offer(&self, env: &TestEnv, version: &str, prefixes: &[&str]) -> Result<String> {
        let all = self.manifests(prefixes);
        let yaml: Vec<String> = all.iter().map(Value::to_string).collect();
        let yaml = yaml.join("\n---\n");
        match self.shape {
            Shape::HelmRepository => {
                let edits = [("templates/all.yaml", Some(yaml.as_str()))];
                let chart = Chart { name: "chart", version, edits: &edits };
                env.sources().publish_chart(&self.name, &chart).await?;
                Ok(version.to_owned())
            }
            Shape::Artifact => {
                let url = env.sources().oci_url(&self.name);
                let data = [("url", url.as_str()), ("type", "oci"), ("insecureOCIForceHttp", "true")];
                secret(env, "repo-creds", "plain", &data).await?;
                let files = [("all.yaml", Some(yaml.as_str()))];
                env.sources().push_artifact(&self.name, "latest", &files).await
            }
            _ => {
                let jsonnet = Value::Array(all).to_string();
                let files = [
                    ("objects/all.yaml", Some(yaml.as_str())),
                    ("kustomization/kustomization.yaml", Some("resources: [all.yaml]\nnamePrefix: my-\n")),
                    ("kustomization/all.yaml", Some(&yaml)),
                    ("jsonnet/all.jsonnet", Some(&jsonnet)),
                    ("chart/Chart.yaml", Some(CHART)),
                    ("chart/templates/all.yaml", Some(&yaml)),
                    ("other/other.yaml", Some(OTHER)),
                ];
                self.repository.commit("main", &files, version).await
            }
        }
    }

    fn manifests(&self, prefixes: &[&str]) -> Vec<Value> {
        let one = |prefix: &&str, (name, options): &(&str, &str)| {
            let annotations = match *options {
                "" => json!({}),
                options => json!({"argocd.argoproj.io/sync-options": options}),
            };
            let metadata = json!({"name": format!("{prefix}-{name}"), "annotations": annotations});
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
        };
        prefixes
            .iter()
            .flat_map(|prefix| self.objects.iter().map(move |object| one(prefix, object)))
            .collect()
    }
}

/// Which of the objects are in the cluster, by name; that of a kustomization without its prefix.
pub(crate) async fn survivors(env: &TestEnv, app: &Application) -> Result<BTreeSet<String>> {
    let maps = env.list("ConfigMap", app.destination()).await?;
    let names = maps.iter().filter_map(|map| map["metadata"]["name"].as_str()).map(bare);
    Ok(names.filter(|name| name.starts_with("leaving-") || name.starts_with("staying-")).collect())
}

fn bare(name: &str) -> String {
    name.strip_prefix("my-").unwrap_or(name).to_owned()
}

/// What waits to be pruned, by name: group, version, kind and namespace are checked.
pub(crate) fn waiting(app: &Value, destination: &str) -> BTreeSet<String> {
    let resources = app["status"]["resources"].as_array().into_iter().flatten();
    let waiting = resources.filter(|resource| resource["requiresPruning"] == true);
    let names = waiting.map(|resource| {
        let rest = json!({
            "version": "v1", "kind": "ConfigMap", "namespace": destination, "name": resource["name"],
            "status": "OutOfSync", "requiresPruning": true,
        });
        assert_eq!(*resource, rest);
        bare(resource["name"].as_str().unwrap_or_default())
    });
    names.collect()
}

/// What the last operation says of what it did not prune: name and message.
pub(crate) fn unpruned(app: &Value) -> Vec<(String, String)> {
    let lines = app["status"]["operationState"]["syncResult"]["resources"].as_array().into_iter().flatten();
    let skipped = lines.filter(|line| line["status"] == "PruneSkipped");
    let text = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    skipped.map(|line| (bare(&text(line, "name")), text(line, "message"))).collect()
}

/// Waits until the last operation has delivered `revision`, and nothing is under way.
pub(crate) async fn at(env: &TestEnv, app: &Application, revision: &str) -> Result<Value> {
    let is_it = |one: &Value, several: &Value| {
        one == revision || several.as_array().is_some_and(|all| all.first() == Some(&json!(revision)))
    };
    app.wait(env, &format!("at {revision}"), |app| {
        let status = &app["status"];
        let (sync, result) = (&status["sync"], &status["operationState"]["syncResult"]);
        status["operationState"]["phase"] == "Succeeded"
            && app["operation"].is_null()
            && is_it(&sync["revision"], &sync["revisions"])
            && is_it(&result["revision"], &result["revisions"])
    })
    .await
}

/// Whether the server's tree shows the object of that name, live.
pub(crate) async fn is_in_the_tree(env: &TestEnv, app: &Application, name: &str) -> Result<()> {
    env.wait_until(&format!("the tree of {} shows {name}", app.name()), PATIENCE, async || {
        let tree = app.ask(env, "GET", "/resource-tree", "").await?;
        let nodes = tree["nodes"].as_array().context("no nodes")?;
        let is_it = |node: &Value| {
            node["name"].as_str().map(bare).as_deref() == Some(name)
                && node["uid"].as_str().is_some_and(|uid| !uid.is_empty())
        };
        Ok(nodes.iter().any(is_it).then_some(()))
    })
    .await
}
