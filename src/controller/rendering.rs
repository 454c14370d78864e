//! What a source would deliver: asked of Argo CD's repo-server, with what the API server serves.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kube::Client;
use kube::discovery::{Discovery, Scope};
use prost::Message as _;

use super::cache::lock;
use crate::argo::application::Application;
use crate::credentials::Repositories;
use crate::digest::sha256_hex;
use crate::project::{AppProject, RenderedObject};
use crate::registry::{AccessError, ManifestError};
use crate::repo_server::messages::{GitFilesRequest, ManifestRequest, ManifestResponse};
use crate::repo_server::{RepoServer, RepoServerError, repository, request};

/// How many answers are kept, and for how long: a range of versions may come to mean another one.
const ANSWERS: (usize, Duration) = (2_000, Duration::from_secs(120));
/// How long what the API server serves is believed; a kind that is not among it is looked for sooner.
const SERVED: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(5));

/// Why it is not known what a source would deliver.
#[derive(Debug, thiserror::Error)]
pub(super) enum RenderingError {
    /// The repo-server did not say. Argo CD's own words.
    #[error("Failed to load target state: failed to generate manifest for source {} of {}: {error}", .which.source, .which.of)]
    RepoServer {
        /// Of which source.
        which: Which,
        /// What it said instead.
        error: RepoServerError,
    },
    /// The API server did not say what it serves.
    #[error("Failed to load target state: failed to get cluster version: {0}")]
    Discovery(#[from] kube::Error),
    /// The repository's Secret cannot be read.
    #[error("Failed to load target state: {0}")]
    Secret(String),
    /// A setting of Argo CD that cannot be read.
    #[error("Failed to load target state: {0}")]
    Setting(String),
    /// A setting or an answer that cannot be read.
    #[error("Failed to load target state: {0}")]
    Json(#[from] serde_json::Error),
    /// What was rendered cannot be delivered by Flux.
    #[error("Failed to load target state: {0}")]
    Manifest(#[from] ManifestError),
    /// It cannot be packed.
    #[error("what was rendered cannot be packed: {0}")]
    Pack(#[from] std::io::Error),
    /// Flux would have no password for it.
    #[error("no password for what was rendered: {0}")]
    Access(#[from] AccessError),
}

impl RenderingError {
    /// The repo-server said that it cannot render it, as opposed to that it does not answer.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::RepoServer { error, .. } if error.is_answer())
    }
}

/// One source of several, counted from one, as messages name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Which {
    /// Its number.
    pub(super) source: usize,
    /// How many there are.
    pub(super) of: usize,
}

/// What is known beside the Application and its project.
pub(super) struct Known {
    /// Argo CD's own namespace.
    pub(super) control_namespace: String,
    /// What Argo CD knows of repositories.
    pub(super) repositories: Arc<Repositories>,
    /// argocd-cm.
    pub(super) settings: BTreeMap<String, String>,
    /// Somebody wants to know what a branch or a range is now: each new token asks anew.
    pub(super) token: Option<String>,
}

/// Which source is meant.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) app: &'a Application,
    /// Index into its sources.
    pub(super) index: usize,
    /// That of each source; empty where it is the repo-server's to find out.
    pub(super) revisions: &'a [String],
    pub(super) project: &'a AppProject,
    pub(super) known: &'a Known,
}

/// What the API server serves.
struct Served {
    kube_version: String,
    api_versions: Vec<String>,
    /// By group and kind: whether its objects are in namespaces.
    kinds: HashMap<(String, String), bool>,
    at: Instant,
}

#[derive(Clone)]
struct Answer {
    objects: Vec<RenderedObject>,
    source_type: String,
    at: Instant,
    token: Option<String>,
}

impl Answer {
    /// Whether it still counts for who asks with `token`.
    fn holds(&self, token: Option<&str>) -> bool {
        self.at.elapsed() < ANSWERS.1 && (token.is_none() || self.token.as_deref() == token)
    }
}

/// See the module.
pub(super) struct Rendering {
    client: Client,
    server: RepoServer,
    answers: Mutex<HashMap<String, Answer>>,
    served: Mutex<Option<Arc<Served>>>,
}

impl Rendering {
    pub(super) fn new(client: Client, server: RepoServer) -> Self {
        Self { client, server, answers: Mutex::default(), served: Mutex::default() }
    }

    /// The objects of a source; none of one that others only refer to.
    pub(super) async fn objects(
        &self,
        question: Question<'_>,
    ) -> Result<Vec<RenderedObject>, RenderingError> {
        match self.answer(question).await? {
            Some(answer) => self.with_scopes(answer.objects).await,
            None => Ok(Vec::new()),
        }
    }

    /// Argo CD's word for a source: `Helm`, `Kustomize`, `Directory` or `Plugin`; empty for one that others only refer to.
    pub(super) async fn source_type(&self, question: Question<'_>) -> Result<String, RenderingError> {
        let answer = self.answer(question).await?;
        Ok(answer.map(|answer| answer.source_type).unwrap_or_default())
    }

    async fn answer(&self, question: Question<'_>) -> Result<Option<Answer>, RenderingError> {
        let Question { app, index, revisions, project, known } = question;
        let sources = app.sources();
        let Some(source) = sources.get(index).filter(|source| !source.is_only_referred_to()) else {
            return Ok(None);
        };
        let revision = revisions.get(index).map_or("", String::as_str);
        let Known { control_namespace, repositories, settings, token } = known;
        let request = request::manifest_request(app, source, revision, project, control_namespace)?;
        let mut request = request::with_settings(request, settings);
        repository::with_credentials(&mut request, app, source, repositories)
            .map_err(RenderingError::Secret)?;
        let known = revisions.iter().cloned().enumerate().filter(|(_, revision)| !revision.is_empty());
        repository::with_revisions(&mut request, app, source, &known.collect());
        let key = sha256_hex(&request.encode_to_vec());
        if let Some(answer) = self.known(&key, token.as_deref()) {
            return Ok(Some(answer));
        }
        request.no_revision_cache = token.is_some();
        let answer = self.generate(request, Which { source: index + 1, of: sources.len() }).await?;
        let objects = request::objects(&answer.manifests)?;
        let (at, token) = (Instant::now(), token.clone());
        let answer = Answer { objects, source_type: answer.source_type, at, token };
        self.keep(key, answer.clone());
        Ok(Some(answer))
    }

    /// The repo-server's answer to `request`, completed with what the API server serves.
    pub(super) async fn generate(
        &self,
        mut request: ManifestRequest,
        which: Which,
    ) -> Result<ManifestResponse, RenderingError> {
        let served = self.served(SERVED.0).await?;
        request.kube_version.clone_from(&served.kube_version);
        request.api_versions.clone_from(&served.api_versions);
        let answer = Box::pin(self.server.generate(request)).await;
        answer.map_err(|error| RenderingError::RepoServer { which, error })
    }

    /// Files of a git repository, by path.
    pub(super) async fn git_files(
        &self,
        request: GitFilesRequest,
        which: Which,
    ) -> Result<BTreeMap<String, Vec<u8>>, RenderingError> {
        let answer = self.server.git_files(request).await;
        answer.map(|files| files.map).map_err(|error| RenderingError::RepoServer { which, error })
    }

    fn known(&self, key: &str, token: Option<&str>) -> Option<Answer> {
        lock(&self.answers).get(key).filter(|answer| answer.holds(token)).cloned()
    }

    fn keep(&self, key: String, answer: Answer) {
        let mut answers = lock(&self.answers);
        if answers.len() >= ANSWERS.0 {
            answers.clear();
        }
        answers.insert(key, answer);
    }

    /// The objects with what is known of their kinds.
    pub(super) async fn with_scopes(
        &self,
        objects: Vec<RenderedObject>,
    ) -> Result<Vec<RenderedObject>, RenderingError> {
        let served = self.served(SERVED.0).await?;
        let (found, is_complete) = scoped(&objects, &served);
        if is_complete {
            return Ok(found);
        }
        Ok(scoped(&objects, &*self.served(SERVED.1).await?).0)
    }

    /// What the API server serves, at most `max_age` ago.
    async fn served(&self, max_age: Duration) -> Result<Arc<Served>, kube::Error> {
        let known = lock(&self.served).clone();
        if let Some(served) = known.filter(|served| served.at.elapsed() < max_age) {
            return Ok(served);
        }
        let version = self.client.apiserver_version().await?;
        let discovery = Discovery::new(self.client.clone()).run_aggregated().await?;
        let served = Arc::new(served(version.git_version, &discovery));
        *lock(&self.served) = Some(Arc::clone(&served));
        Ok(served)
    }
}

/// The objects with what the API server knows of their kinds, and whether it knows all of them.
fn scoped(objects: &[RenderedObject], served: &Served) -> (Vec<RenderedObject>, bool) {
    let scoped = objects.iter().map(|object| {
        let kind = (object.group.clone(), object.kind.clone());
        let is_namespaced = served.kinds.get(&kind).copied().or(object.is_namespaced);
        RenderedObject { is_namespaced, ..object.clone() }
    });
    let scoped: Vec<_> = scoped.collect();
    let is_complete = scoped.iter().all(|object| object.is_namespaced.is_some());
    (scoped, is_complete)
}

/// In the form that Argo CD hands to charts (argo-cd `util/argo/argo.go`, `APIResourcesToStrings`).
fn served(kube_version: String, discovery: &Discovery) -> Served {
    let mut api_versions = Vec::new();
    let mut kinds = HashMap::new();
    for group in discovery.groups() {
        for (resource, capabilities) in group
            .versions()
            .flat_map(|version| group.versioned_resources(version))
            .filter(|(r, _)| !r.plural.contains('/'))
        {
            api_versions.push(resource.api_version.clone());
            api_versions.push(format!("{}/{}", resource.api_version, resource.kind));
            kinds.insert((resource.group, resource.kind), capabilities.scope == Scope::Namespaced);
        }
    }
    api_versions.sort();
    api_versions.dedup();
    Served { kube_version, api_versions, kinds, at: Instant::now() }
}
