//! What translations want to know, asked of Flux's artifacts and of Argo CD's repo-server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::super::artifacts::Freshness;
use super::super::git_names::GitNamesError;
use super::super::refs::RefsError;
use super::super::rendering::{Known, Question, RenderingError};
use super::again::Again;
use super::{
    MAX_ROUNDS, RENDER_AGAIN, Shared, chain, delivered, keys, known, leaves_objects_out, objects,
    poll_interval, seconds,
};
use crate::argo::Application;
use crate::artifact::ArtifactError;
use crate::credentials::Repository;
use crate::flux::{FluxKind, Live, Manifest, ObjectKey};
use crate::mirror::revision::bare;
use crate::mirror::{Relation, SourceState, Wish, compare, source};
use crate::names;
use crate::plan::marks::Marks;
use crate::plan::wish::{self, When};
use crate::policy::Effective;
use crate::project::{self, AppProject, RenderedObject};
use crate::translate::{
    Context, FilePattern, Form, GitPaths, Settings, Translation, Want, is_checked_only, leaves_out, translate,
};

/// One look at an Application: what its translations want to know, and the answers.
pub(super) struct Asking<'a> {
    pub(super) shared: &'a Shared,
    /// What each source object serves, from the first question of this look on: answers from two revisions would make one
    /// wish of them that nobody has.
    artifacts: BTreeMap<ObjectKey, Artifact>,
    pub(super) poll: Duration,
    /// There are config management plugins.
    has_plugins: bool,
    pub(super) token: Option<&'a str>,
    pub(super) failures: Vec<String>,
    pub(super) again: Again,
}

impl<'a> Asking<'a> {
    /// One that has asked nothing yet. `token`: the refresh that somebody asked for.
    pub(super) async fn new(shared: &'a Shared, token: Option<&'a str>) -> Self {
        Self {
            shared,
            poll: poll_interval(shared),
            has_plugins: shared.plugins.exist(&shared.client, &shared.options.control_namespace).await,
            token,
            artifacts: BTreeMap::new(),
            failures: Vec::new(),
            again: Again::default(),
        }
    }
}

impl Asking<'_> {
    pub(super) fn context(&self, app: &Application) -> Context {
        let cache = &self.shared.cache;
        let project = cache.project(app, &self.shared.secrets.repositories());
        let delivered = delivered(self.shared, app);
        let contested = self.shared.memory.contested(&app.identity(), &delivered, Timestamp::now());
        let impersonation =
            |project: &Arc<AppProject>| project::impersonation(app, project, |key| cache.setting(key));
        let impersonation = project.as_ref().map(impersonation).unwrap_or_default();
        let policy = Effective::of(app, &cache.policies());
        Context {
            checked_only: project.is_some_and(|project| is_checked_only(&project, &impersonation, &policy)),
            impersonation,
            artifact_address: self.shared.options.artifact_address.clone(),
            ignore_differences: cache.ignored_differences(),
            policy,
            awaited: cache.awaited(app, &self.shared.options.control_namespace),
            control_namespace: self.shared.options.control_namespace.clone(),
            poll_interval: seconds(self.poll),
            settings: Settings::read(|key| cache.setting(key)),
            discovered: self.has_plugins.then(BTreeMap::new),
            repositories: Some(self.shared.secrets.repositories()),
            git: Some(BTreeMap::new()),
            delivered,
            contested,
            ..Context::default()
        }
    }

    /// Translates, answers what the translation wants to know as far as it can be known, and translates again.
    pub(super) async fn translate(&mut self, app: &Application, context: &mut Context) -> Translation {
        // One that goes back to stock Argo CD wants nothing any more.
        if !app.is_bridged() {
            let namespace = app.flux_namespace().to_owned();
            return Translation { namespace, ..Translation::default() };
        }
        let mut translation = translate(app, context);
        for _ in 0..MAX_ROUNDS {
            if translation.wants.is_empty() || !self.answer(app, &translation, context).await {
                break;
            }
            translation = translate(app, context);
        }
        translation
    }

    /// What the operation wants, where that is something else than the spec, whose translation is `own`.
    pub(super) async fn wish(
        &mut self,
        app: &Application,
        own: &Translation,
        context: &Context,
    ) -> Option<Wish> {
        if !app.is_bridged() {
            return None;
        }
        // Of the other source nothing is known but the refs, which are kept by repository.
        let known = Context {
            contents: BTreeMap::new(),
            files: BTreeMap::new(),
            git: Some(BTreeMap::new()),
            rendered: BTreeMap::new(),
            objects: BTreeMap::new(),
            discovered: self.has_plugins.then(BTreeMap::new),
            revisions: BTreeMap::new(),
            narrowed: BTreeSet::new(),
            ..context.clone()
        };
        let mut free = None;
        if let Some(other) = wish::with_its_source(app) {
            free = Some(Box::pin(self.wished(other, known.clone())).await);
        }
        let unpinned = free.as_ref().map_or(own, |wish| &wish.translation).clone();
        for index in 0..free.as_ref().map_or(app, |wish| &wish.app).sources().len() {
            let base = free.as_ref().map_or(app, |wish| &wish.app);
            let Some((pinned, when)) = wish::pinned(base, index) else { continue };
            let pinned = Box::pin(self.wished(pinned, known.clone())).await;
            let base = free.as_ref().map_or(own, |wish| &wish.translation);
            let translations = [base, &unpinned, &pinned.translation];
            let keys = translations.into_iter().flat_map(|wanted| keys(self.shared, app, wanted));
            let objects = objects(self.shared, keys.collect());
            let is_due = |app| wish::is_due(app, index, &objects, [base, &unpinned], &pinned.translation);
            if when == When::Now || is_due(app) {
                free = Some(pinned);
            }
        }
        free
    }

    async fn wished(&mut self, app: Application, mut context: Context) -> Wish {
        let translation = self.translate(&app, &mut context).await;
        let failures = std::mem::take(&mut self.failures);
        Wish { app: Arc::new(app), translation, context, failures }
    }

    /// Whether anything new became known.
    async fn answer(&mut self, app: &Application, translation: &Translation, context: &mut Context) -> bool {
        let mut is_wiser = false;
        for want in &translation.wants {
            is_wiser |= match want {
                Want::Contents { source } => self.contents(app, *source, translation, context).await,
                Want::Rendered { source, form } => self.rendered(app, *source, *form, context).await,
                Want::RemoteRefs { url } => self.refs(app, url, context).await,
                Want::Files { source, pattern } => {
                    self.files(app, *source, pattern, translation, context).await
                }
                Want::Address { url } => self.address(url, context).await,
                Want::Git { source, paths } => self.git(app, *source, paths, translation, context).await,
                Want::Revision { source } => self.revision(app, *source, translation, context),
                Want::Discovered { source } => self.discovered(app, *source, translation, context).await,
                Want::Objects { source } => self.objects(app, *source, translation, context).await,
            };
        }
        is_wiser
    }

    pub(super) fn look_again(&mut self, after: Duration) {
        self.again.within(after);
    }

    /// Notes why the repo-server has not answered; `false`, since nothing new became known.
    fn failed(&mut self, why: String) -> bool {
        self.failures.push(why);
        self.look_again(RENDER_AGAIN);
        false
    }

    /// What the repo-server renders of a source.
    async fn rendered(&mut self, app: &Application, index: usize, form: Form, context: &mut Context) -> bool {
        let is_hard = app.annotation(names::ANNOTATION_REFRESH) == Some("hard");
        let token = self.token.map(str::to_owned).or_else(|| asked(app));
        let freshness = Freshness { max_age: self.poll, token: token.as_deref(), is_hard };
        self.look_again(self.poll);
        match Box::pin(self.shared.rendered(app, (index, form), &context.revisions, freshness)).await {
            Ok(made) => made.is_some_and(|made| context.rendered.insert(index, made).is_none()),
            Err(error) => self.failed(chain(&error)),
        }
    }

    async fn refs(&mut self, app: &Application, url: &str, context: &mut Context) -> bool {
        self.look_again(self.poll);
        let trust = context.repositories.clone().unwrap_or_default();
        let listed = match repository(context, url, app.project()).map_err(RefsError::Secret) {
            Ok(known) => {
                let server = &self.shared.options.repo_server;
                self.shared.questions.refs(server, &known, &trust, self.poll, self.token).await
            }
            Err(error) => Err(error),
        };
        match listed {
            Ok(refs) => context.refs.insert(url.to_owned(), refs).is_none(),
            Err(error) => {
                self.failures.push(chain(&error));
                false
            }
        }
    }

    async fn address(&mut self, url: &str, context: &mut Context) -> bool {
        self.look_again(self.poll);
        match self.shared.questions.address(url, self.poll, self.token).await {
            Ok(file) => context.addresses.insert(url.to_owned(), file).is_none(),
            Err(error) => {
                self.failures.push(chain(&error));
                false
            }
        }
    }

    async fn contents(
        &mut self,
        app: &Application,
        index: usize,
        translation: &Translation,
        context: &mut Context,
    ) -> bool {
        let Some(artifact) = self.artifact(app, translation.artifact_of(index)) else { return false };
        let source = app.sources().get(index);
        let (path, is_oci) =
            source.map_or(("", false), |s| (s.path.as_str(), s.repo_url.starts_with("oci://")));
        let may_be_chart = is_oci && !artifact.is_fluxs;
        let contents =
            self.shared.questions.contents(&artifact.url, &artifact.digest, path, may_be_chart).await;
        let Some(contents) = self.learned(&artifact.url, contents) else { return false };
        if artifact.is_narrowed && contents.is_bare && context.narrowed.insert(index) {
            return true;
        }
        context.contents.insert(index, contents).is_none()
    }

    async fn files(
        &mut self,
        app: &Application,
        index: usize,
        pattern: &FilePattern,
        translation: &Translation,
        context: &mut Context,
    ) -> bool {
        let Some(artifact) = self.artifact(app, translation.artifact_of(index)) else { return false };
        let files = self.shared.questions.files(&artifact.url, &artifact.digest, pattern).await;
        let known = context.files.entry(index).or_default();
        self.learned(&artifact.url, files).is_some_and(|files| known.insert(pattern.clone(), files).is_none())
    }

    /// The names that git has of a source at the commit that Flux has.
    async fn git(
        &mut self,
        app: &Application,
        index: usize,
        paths: &GitPaths,
        translation: &Translation,
        context: &mut Context,
    ) -> bool {
        let artifact = self.artifact(app, translation.artifact_of(index));
        let Some((artifact, source)) = artifact.zip(app.sources().get(index)) else { return false };
        let names = match repository(context, &source.repo_url, app.project()).map_err(GitNamesError::Secret)
        {
            Ok(known) => {
                let server = &self.shared.options.repo_server;
                self.shared.git_names.get(server, &known, &artifact.revision, paths).await
            }
            Err(error) => Err(error),
        };
        match names {
            Ok(names) => {
                let known = context.git.get_or_insert_default().entry(index).or_default();
                known.insert(paths.clone(), names).is_none()
            }
            Err(error) => self.failed(error.to_string()),
        }
    }

    fn revision(
        &mut self,
        app: &Application,
        index: usize,
        translation: &Translation,
        context: &mut Context,
    ) -> bool {
        let artifact = self.artifact(app, translation.origin_of(index));
        artifact.is_some_and(|artifact| context.revisions.insert(index, artifact.revision).is_none())
    }

    /// What Argo CD takes a source for. One that cannot be rendered may be a plugin's: until it can, nothing changes.
    async fn discovered(
        &mut self,
        app: &Application,
        index: usize,
        translation: &Translation,
        context: &mut Context,
    ) -> bool {
        let Some(artifact) = self.artifact(app, translation.origin_of(index)) else { return false };
        let shared = self.shared;
        let Some(project) = shared.cache.project(app, &shared.secrets.repositories()) else { return false };
        let asked = |other| if other == index { artifact.revision.clone() } else { String::new() };
        let revisions: Vec<String> = (0..app.sources().len()).map(asked).collect();
        let known = known(shared);
        let question = Question { app, index, revisions: &revisions, project: &project, known: &known };
        match Box::pin(shared.rendering.source_type(question)).await {
            Ok(word) => context.discovered.get_or_insert_default().insert(index, word).is_none(),
            Err(error) => self.failed(chain(&error)),
        }
    }

    /// What a source would deliver, at the revisions that Flux has of all of them.
    async fn objects(
        &mut self,
        app: &Application,
        index: usize,
        translation: &Translation,
        context: &mut Context,
    ) -> bool {
        let Some(revisions) = self.resolved(app, translation, context) else { return false };
        match Box::pin(self.held(app, index, &revisions, None)).await {
            Ok(objects) => context.objects.insert(index, Ok(objects)).is_none(),
            // What it cannot render Flux hardly can, and has words for. What has been left out of it must stay so.
            Err(error) if error.is_final() && !leaves_objects_out(self.shared, app) => {
                context.objects.insert(index, Err(error.to_string())).is_none()
            }
            Err(error) => self.failed(chain(&error)),
        }
    }

    pub(super) async fn held(
        &self,
        app: &Application,
        index: usize,
        revisions: &[String],
        token: Option<String>,
    ) -> Result<Vec<RenderedObject>, RenderingError> {
        let shared = self.shared;
        let Some(project) = shared.cache.project(app, &shared.secrets.repositories()) else {
            return Ok(Vec::new());
        };
        let known = Known { token, ..known(shared) };
        let question = Question { app, index, revisions, project: &project, known: &known };
        shared.rendering.objects(question).await
    }

    /// The revision of each source that Flux has; of a chart from a Helm repository the one that is asked for. `None` until all
    /// are fetched.
    fn resolved(
        &mut self,
        app: &Application,
        translation: &Translation,
        context: &Context,
    ) -> Option<Vec<String>> {
        let sources = app.sources().iter().enumerate();
        let revisions = sources.map(|(index, source)| {
            if let Some(rendered) = context.rendered.get(&index) {
                return Some(rendered.revision.clone());
            }
            let origin = translation.origin_of(index)?;
            if origin.key.kind == FluxKind::HelmRepository {
                return Some(source.target_revision.clone());
            }
            Some(self.artifact(app, Some(origin))?.revision)
        });
        revisions.collect()
    }

    /// What was read of the artifact at `url`; notes why there is nothing.
    fn learned<T>(&mut self, url: &str, read: Result<T, ArtifactError>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(error) if error.is_passing() => {
                tracing::debug!(
                    url,
                    error = chain(&error),
                    "the artifact was replaced or is not served at the moment"
                );
                self.look_again(Duration::from_secs(1));
                None
            }
            Err(error) => {
                self.failures.push(chain(&error));
                self.look_again(self.poll);
                None
            }
        }
    }

    /// The artifact of a source object, when the one that is there is the wanted one.
    fn artifact(&mut self, app: &Application, manifest: Option<&Manifest>) -> Option<Artifact> {
        let manifest = manifest?;
        let object = self.shared.cache.object(&manifest.key)?;
        let live = Live { kind: manifest.key.kind, object: &object };
        let is_wanted = !matches!(
            compare::relation(&app.identity(), manifest, Some(live)),
            Relation::Foreign(_) | Relation::Deleting
        );
        // An artifact of an older spec or revision still tells what the path is, until the newer one is there.
        let is_usable = is_wanted && source::state(Some(live), None) != SourceState::Missing;
        let artifact = is_usable.then(|| Artifact::of(live)).flatten()?;
        Some(self.artifacts.entry(manifest.key.clone()).or_insert(artifact).clone())
    }
}

/// What Argo CD knows of the repository at `url`, under the address of the Application: the Secret's may be written otherwise.
fn repository(context: &Context, url: &str, project: &str) -> Result<Repository, String> {
    let known = context.repositories.clone().unwrap_or_default();
    known.find(url, project).map(|known| Repository { url: url.to_owned(), ..known })
}

/// What source-controller serves of a source.
#[derive(Clone)]
struct Artifact {
    url: String,
    digest: String,
    /// Bare, as Argo CD writes it.
    revision: String,
    /// Not everything is in it that the source holds.
    is_narrowed: bool,
    /// Pushed by `flux push artifact`, so that it is no packed chart, whatever it looks like.
    is_fluxs: bool,
}

impl Artifact {
    fn of(live: Live<'_>) -> Option<Self> {
        let text = |field| live.text(field).map(str::to_owned);
        let note = |name| live.text(&format!("/status/artifact/metadata/org.opencontainers.image.{name}"));
        Some(Self {
            url: text("/status/artifact/url")?,
            digest: text("/status/artifact/digest")?,
            revision: bare(live.artifact_revision()?).to_owned(),
            is_narrowed: live.text("/status/observedIgnore").is_some_and(leaves_out),
            // Annotations of the manifest: Helm gives every chart a title (helm `pkg/registry/chart.go`), Flux its artifacts a
            // revision instead (fluxcd/pkg `oci/meta.go`).
            is_fluxs: note("revision").is_some() && note("title").is_none(),
        })
    }
}

/// The token of the operation that somebody has asked for, while it runs: what it delivers is not older.
pub(super) fn asked(app: &Application) -> Option<String> {
    let state = app.status.as_ref()?.operation_state.as_ref()?;
    let is_asked = !state.phase.is_completed() && !state.operation.initiated_by.automated;
    is_asked.then(|| Marks::of(state).token)
}
