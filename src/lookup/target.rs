//! The target state: what a source would deliver at a revision, as Argo CD's repo-server renders it. Stock Argo CD asks it the same
//! question, so that its caches answer both.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::mem::size_of;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use prost::Message as _;

use super::failure::{Cause, Failure};
use super::kind::Kind;
use super::places::Party;
use super::service::{Answer, Found, Freshness, Question};
use super::{Lookups, answers};
use crate::argo::{Application, ApplicationSource};
use crate::credentials::Repositories;
use crate::digest::sha256_hex;
use crate::project::{AppProject, RenderedObject};
use crate::repo_server::messages::{GitFilesRequest, ManifestRequest};
use crate::repo_server::{RepoServerError, repository, request};

/// How long an answer counts: a range of versions may come to mean another one.
const MAX_AGE: Duration = Duration::from_secs(120);

/// What a source delivers at a revision. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The resolved revision.
    pub(crate) revision: Arc<str>,
    /// Argo CD's word for the source: `Helm`, `Kustomize`, `Directory` or `Plugin`.
    pub(crate) source_type: Arc<str>,
    /// Its objects, each as often as it is there.
    pub(crate) objects: Arc<Vec<RenderedObject>>,
    /// Their manifests as JSON, packed: they are read once or twice.
    packed: Arc<[u8]>,
}

impl Target {
    /// The manifests, each as JSON.
    pub(super) fn manifests(&self) -> Result<Vec<String>, Failure> {
        let mut text = String::new();
        let read = DeflateDecoder::new(&*self.packed).read_to_string(&mut text);
        read.map_err(|error| Failure::of(Cause::Refused, &error))?;
        Ok(text.split_terminator('\0').map(str::to_owned).collect())
    }
}

impl Answer for Target {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.revision.len() + answers::objects(&self.objects) + self.packed.len()
    }
}

/// What Argo CD knows beside the Application and its project.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Repositories.
    pub(crate) repositories: Arc<Repositories>,
    /// argocd-cm.
    pub(crate) settings: BTreeMap<String, String>,
}

/// Which source is meant.
#[derive(Clone, Copy)]
pub(crate) struct TargetQuestion<'a> {
    /// The Application.
    pub(crate) app: &'a Application,
    /// Index into its sources.
    pub(crate) index: usize,
    /// That of each source; empty where it is the repo-server's to find out.
    pub(crate) revisions: &'a [String],
    /// Its project.
    pub(crate) project: &'a AppProject,
    /// What Argo CD knows.
    pub(crate) known: &'a Settings,
}

/// One source of several, counted from one, as messages name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Which {
    pub(super) source: usize,
    pub(super) of: usize,
}

impl Which {
    /// Argo CD's own words for what the repo-server did not do.
    pub(super) fn failed(self, error: &RepoServerError) -> Failure {
        let cause = if error.is_answer() { Cause::Refused } else { Cause::Unanswered };
        let Self { source, of } = self;
        let why = format!(
            "Failed to load target state: failed to generate manifest for source {source} of {of}: {error}"
        );
        Failure::new(cause, &why)
    }
}

/// A setting, a Secret or an answer cannot be read.
pub(super) fn unreadable(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Cause::Refused, &format!("Failed to load target state: {error}"))
}

impl Lookups {
    /// What a source would deliver; `None` of one that others only refer to. Whoever wants to know what a branch or a range is now
    /// says `since` when.
    ///
    /// # Errors
    /// A setting or a Secret cannot be read.
    pub(crate) fn target(
        &self,
        question: TargetQuestion<'_>,
        since: Option<jiff::Timestamp>,
    ) -> Result<Option<Found<Target>>, Failure> {
        let TargetQuestion { app, index, revisions, project, known } = question;
        let sources = app.sources();
        let Some(source) = sources.get(index).filter(|source| !source.is_only_referred_to()) else {
            return Ok(None);
        };
        let revision = revisions.get(index).map_or("", String::as_str);
        let revisions =
            revisions.iter().cloned().enumerate().filter(|(_, revision)| !revision.is_empty()).collect();
        let request = self.request(app, source, revision, project, known, &revisions)?;
        let which = Which { source: index + 1, of: sources.len() };
        let freshness = Freshness { since, max_age: Some(MAX_AGE), is_strict: true, is_hard: false };
        let ask = || self.generate(request.clone(), which, freshness);
        Ok(Some(self.service.get(
            &manifests(&request),
            &Party::of(app.project(), &source.repo_url),
            freshness,
            ask,
        )))
    }

    /// The question about `source` at `revision`, with what Argo CD knows.
    ///
    /// # Errors
    /// A setting or a Secret cannot be read.
    pub(super) fn request(
        &self,
        app: &Application,
        source: &ApplicationSource,
        revision: &str,
        project: &AppProject,
        known: &Settings,
        revisions: &BTreeMap<usize, String>,
    ) -> Result<ManifestRequest, Failure> {
        let request = request::manifest_request(app, source, revision, project, &self.control_namespace);
        let mut request =
            request::with_settings(request.map_err(|error| unreadable(&error))?, &known.settings);
        repository::with_credentials(&mut request, app, source, &known.repositories)
            .map_err(|error| unreadable(&error))?;
        repository::with_revisions(&mut request, app, source, revisions);
        Ok(request)
    }

    /// The answer to `request`, waited for.
    ///
    /// # Errors
    /// The repo-server does not render it.
    pub(super) async fn manifests(
        &self,
        request: &ManifestRequest,
        which: Which,
        party: &Party,
        freshness: Freshness,
    ) -> Result<Target, Failure> {
        let ask = || self.generate(request.clone(), which, freshness);
        self.service.wait(&manifests(request), party, freshness, ask).await
    }

    /// Asks the repo-server, with what the API server serves. `freshness` as stock Argo CD asks for where somebody wants a
    /// refresh (argo-cd `controller/appcontroller.go`).
    fn generate(
        &self,
        mut request: ManifestRequest,
        which: Which,
        freshness: Freshness,
    ) -> BoxFuture<'static, Result<Target, Failure>> {
        let lookups = self.clone();
        async move {
            let served = lookups.served_by_now().await?;
            request.kube_version.clone_from(&served.kube_version);
            request.api_versions.clone_from(&served.api_versions);
            request.no_revision_cache = freshness.since.is_some();
            request.no_cache = freshness.is_hard;
            let answer = Box::pin(lookups.repo_server.generate(request)).await;
            let answer = answer.map_err(|error| which.failed(&error))?;
            let objects = request::objects(&answer.manifests).map_err(|error| unreadable(&error))?;
            Ok(Target {
                revision: answer.revision.into(),
                source_type: answer.source_type.into(),
                objects: Arc::new(objects),
                packed: pack(&answer.manifests).map_err(|error| unreadable(&error))?.into(),
            })
        }
        .boxed()
    }

    /// Files of a git repository, by path.
    ///
    /// # Errors
    /// The repo-server does not have them.
    pub(super) async fn git_files(
        &self,
        request: GitFilesRequest,
        which: Which,
    ) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
        let answer = self.repo_server.git_files(request).await;
        answer.map(|files| files.map).map_err(|error| which.failed(&error))
    }
}

/// Everything that the answer depends on, but for what the API server serves.
fn manifests(request: &ManifestRequest) -> Question {
    Question { kind: Kind::Manifests, about: sha256_hex(&request.encode_to_vec()).into() }
}

fn pack(manifests: &[String]) -> std::io::Result<Vec<u8>> {
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
    for manifest in manifests {
        packed.write_all(manifest.as_bytes())?;
        packed.write_all(b"\0")?;
    }
    packed.finish()
}
