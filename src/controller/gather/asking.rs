//! What translations want to know, answered as far as it is known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::heard::Heard;
use super::stores::{delivered, keys, leaves_objects_out, objects, poll_interval, seconds, settings};
use crate::argo::Application;
use crate::controller::shared::Shared;
use crate::credentials::Repository;
use crate::flux::fields;
use crate::flux::{FluxKind, Live, Manifest, ObjectKey};
use crate::lookup::{ArtifactAt, Cause, Failure, Found, Freshness, Known, Party, Rendering, TargetQuestion};
use crate::mirror::revision::bare;
use crate::mirror::{Relation, SourceState, Wish, compare, source};
use crate::names;
use crate::plan::marks::Marks;
use crate::plan::may_wait;
use crate::plan::wish::{self, When};
use crate::policy::Effective;
use crate::project::{self, AppProject, RenderedObject};
use crate::translate::{
    Context, FilePattern, Form, GitPaths, Settings, Translation, Want, is_checked_only, leaves_out, translate,
};

/// How often a question may lead to the next one; kustomizations that build on each other take one each.
const MAX_ROUNDS: usize = 24;

/// One look at an Application: what its translations want to know, and the answers.
pub(super) struct Asking<'a> {
    pub(super) shared: &'a Shared,
    /// What each source object serves, from the first question of this look on: answers from two revisions would make one
    /// wish of them that nobody has.
    artifacts: BTreeMap<ObjectKey, Artifact>,
    pub(super) poll: Duration,
    /// There are config management plugins.
    has_plugins: bool,
    /// When somebody asked for the refresh that is under way: no older answer counts.
    pub(super) refreshed: Option<Timestamp>,
    /// What came of the questions.
    pub(super) heard: Heard,
}

impl<'a> Asking<'a> {
    /// One that has asked nothing yet, for `app`; `refreshed`: when somebody asked for a refresh.
    pub(super) fn new(shared: &'a Shared, app: &Application, refreshed: Option<Timestamp>) -> Self {
        let mut asking = Self {
            shared,
            poll: poll_interval(shared),
            has_plugins: false,
            refreshed,
            artifacts: BTreeMap::new(),
            heard: Heard::new(may_wait(app)),
        };
        asking.has_plugins = asking.answer(shared.lookups.has_plugins()).unwrap_or_default();
        asking
    }

    /// The answer; notes why there is none, and what is under way.
    pub(super) fn answer<T>(&mut self, found: Found<T>) -> Option<T> {
        self.heard.answer(found, Timestamp::now())
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
    pub(super) fn translate(&mut self, app: &Application, context: &mut Context) -> Translation {
        // One that goes back to stock Argo CD wants nothing any more.
        if !app.is_bridged() {
            let namespace = app.flux_namespace().to_owned();
            return Translation { namespace, ..Translation::default() };
        }
        let mut translation = translate(app, context);
        for _ in 0..MAX_ROUNDS {
            if translation.wants.is_empty() || !self.learn(app, &translation, context) {
                break;
            }
            translation = translate(app, context);
        }
        translation
    }

    /// What the operation wants, where that is something else than the spec, whose translation is `own`.
    pub(super) fn wish(&mut self, app: &Application, own: &Translation, context: &Context) -> Option<Wish> {
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
            free = Some(self.wished(other, known.clone()));
        }
        let unpinned = free.as_ref().map_or(own, |wish| &wish.translation).clone();
        for index in 0..free.as_ref().map_or(app, |wish| &wish.app).sources().len() {
            let base = free.as_ref().map_or(app, |wish| &wish.app);
            let Some((pinned, when)) = wish::pinned(base, index) else { continue };
            let pinned = self.wished(pinned, known.clone());
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

    fn wished(&mut self, app: Application, mut context: Context) -> Wish {
        let translation = self.translate(&app, &mut context);
        let failures = std::mem::take(&mut self.heard.failures);
        Wish { app: Arc::new(app), translation, context, failures }
    }

    /// Whether anything new became known.
    fn learn(&mut self, app: &Application, translation: &Translation, context: &mut Context) -> bool {
        let mut is_wiser = false;
        for want in &translation.wants {
            is_wiser |= match want {
                Want::Contents { source } => self.contents(app, *source, translation, context),
                Want::Rendered { source, form } => self.rendered(app, *source, *form, context),
                Want::RemoteRefs { url } => self.refs(app, url, context),
                Want::Files { source, pattern } => self.files(app, *source, pattern, translation, context),
                Want::Address { url } => self.address(app, url, context),
                Want::Git { source, paths } => self.git(app, *source, paths, translation, context),
                Want::Revision { source } => self.revision(app, *source, translation, context),
                Want::Discovered { source } => self.discovered(app, *source, translation, context),
                Want::Objects { source } => self.objects(app, *source, translation, context),
            };
        }
        is_wiser
    }

    pub(super) fn look_again(&mut self, after: Duration) {
        self.heard.again.within(after);
    }

    /// Notes what stands in the way of a question; `false`, since nothing new became known.
    fn failed(&mut self, why: &Failure) -> bool {
        self.heard.note(why, self.poll);
        false
    }

    /// On whose behalf Flux's artifacts are read.
    fn party(app: &Application) -> Party {
        Party { project: app.project().to_owned(), host: String::new() }
    }

    /// When somebody asked for what is looked at now: by a refresh, or by an operation that runs.
    fn asked(&self, app: &Application) -> Option<Timestamp> {
        let by_operation = || asked(app).map(|token| self.shared.memory.first_seen(&app.identity(), &token));
        self.refreshed.or_else(by_operation)
    }

    fn project(&self, app: &Application) -> Option<Arc<AppProject>> {
        self.shared.cache.project(app, &self.shared.secrets.repositories())
    }

    /// What the repo-server renders of a source. What the project does not permit is told elsewhere.
    fn rendered(&mut self, app: &Application, index: usize, form: Form, context: &mut Context) -> bool {
        let Some(project) = self.project(app) else { return false };
        if !project::violations(app, Some(&project), &self.shared.options.control_namespace).is_empty() {
            return false;
        }
        let is_hard = self.refreshed.is_some() && app.annotation(names::ANNOTATION_REFRESH) == Some("hard");
        let freshness =
            Freshness { since: self.asked(app), max_age: Some(self.poll), is_strict: false, is_hard };
        self.look_again(self.poll);
        let known = settings(self.shared);
        let rendering = Rendering {
            app,
            index,
            form,
            revisions: &context.revisions,
            project: &project,
            known: &known,
            freshness,
        };
        match self.shared.lookups.rendered(rendering) {
            Ok(found) => {
                let made = found.and_then(|found| self.answer(found));
                made.is_some_and(|made| context.rendered.insert(index, made).is_none())
            }
            Err(failure) => self.failed(&failure),
        }
    }

    fn refs(&mut self, app: &Application, url: &str, context: &mut Context) -> bool {
        self.look_again(self.poll);
        let trust = context.repositories.clone().unwrap_or_default();
        let known = match repository(context, url, app.project()) {
            Ok(known) => known,
            Err(failure) => return self.failed(&failure),
        };
        let freshness = self.since_refresh();
        let found = self.shared.lookups.refs(&known, &trust, app.project(), freshness);
        let refs = self.answer(found);
        refs.is_some_and(|refs| context.refs.insert(url.to_owned(), (*refs).clone()).is_none())
    }

    fn address(&mut self, app: &Application, url: &str, context: &mut Context) -> bool {
        self.look_again(self.poll);
        let freshness = self.since_refresh();
        let found = self.shared.lookups.address(url, app.project(), freshness);
        let file = self.answer(found);
        file.is_some_and(|file| context.addresses.insert(url.to_owned(), file).is_none())
    }

    /// What may be another answer later: asked for at each poll, and when somebody asks for a refresh.
    fn since_refresh(&self) -> Freshness {
        Freshness { since: self.refreshed, max_age: Some(self.poll), ..Freshness::default() }
    }

    fn contents(
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
        let found = self.shared.lookups.contents(&artifact.at(), path, may_be_chart, &Self::party(app));
        let Some(contents) = self.answer(found) else { return false };
        if artifact.is_narrowed && contents.is_bare && context.narrowed.insert(index) {
            return true;
        }
        context.contents.insert(index, (*contents).clone()).is_none()
    }

    fn files(
        &mut self,
        app: &Application,
        index: usize,
        pattern: &FilePattern,
        translation: &Translation,
        context: &mut Context,
    ) -> bool {
        let Some(artifact) = self.artifact(app, translation.artifact_of(index)) else { return false };
        let found = self.shared.lookups.files(&artifact.at(), pattern, &Self::party(app));
        let known = context.files.entry(index).or_default();
        self.answer(found).is_some_and(|files| known.insert(pattern.clone(), files).is_none())
    }

    /// The names that git has of a source at the commit that Flux has.
    fn git(
        &mut self,
        app: &Application,
        index: usize,
        paths: &GitPaths,
        translation: &Translation,
        context: &mut Context,
    ) -> bool {
        let artifact = self.artifact(app, translation.artifact_of(index));
        let Some((artifact, source)) = artifact.zip(app.sources().get(index)) else { return false };
        let known = match repository(context, &source.repo_url, app.project()) {
            Ok(known) => known,
            Err(failure) => return self.failed(&failure),
        };
        let found = self.shared.lookups.git_names(&known, &artifact.revision, paths, app.project());
        let Some(names) = self.answer(found) else { return false };
        let known = context.git.get_or_insert_default().entry(index).or_default();
        known.insert(paths.clone(), (*names).clone()).is_none()
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
    fn discovered(
        &mut self,
        app: &Application,
        index: usize,
        translation: &Translation,
        context: &mut Context,
    ) -> bool {
        let Some(artifact) = self.artifact(app, translation.origin_of(index)) else { return false };
        let Some(project) = self.project(app) else { return false };
        let asked = |other| if other == index { artifact.revision.clone() } else { String::new() };
        let revisions: Vec<String> = (0..app.sources().len()).map(asked).collect();
        let known = settings(self.shared);
        let question = TargetQuestion { app, index, revisions: &revisions, project: &project, known: &known };
        let word = match self.shared.lookups.target(question, None) {
            Ok(Some(found)) => self.answer(found).map(|target| target.source_type.to_string()),
            // Others only refer to it.
            Ok(None) => Some(String::new()),
            Err(failure) => return self.failed(&failure),
        };
        word.is_some_and(|word| context.discovered.get_or_insert_default().insert(index, word).is_none())
    }

    /// What a source would deliver, at the revisions that Flux has of all of them.
    fn objects(
        &mut self,
        app: &Application,
        index: usize,
        translation: &Translation,
        context: &mut Context,
    ) -> bool {
        let Some(revisions) = self.resolved(app, translation, context) else { return false };
        let found = self.held(app, index, &revisions, None);
        // What it cannot render Flux hardly can, and has words for. What has been left out of it must stay so.
        if let Known::Failure(failure, ..) = &found.known
            && failure.cause == Cause::Refused
            && !leaves_objects_out(self.shared, app)
        {
            return context.objects.insert(index, Err(failure.to_string())).is_none();
        }
        self.answer(found).is_some_and(|objects| context.objects.insert(index, Ok(objects)).is_none())
    }

    /// The objects of a source at `revisions`, with what the API server knows of their kinds; none of one that others only refer to.
    pub(super) fn held(
        &mut self,
        app: &Application,
        index: usize,
        revisions: &[String],
        since: Option<Timestamp>,
    ) -> Found<Vec<RenderedObject>> {
        let nothing = Found { known: Known::Answer(Vec::new()), flight: None };
        let Some(project) = self.project(app) else { return nothing };
        let known = settings(self.shared);
        let question = TargetQuestion { app, index, revisions, project: &project, known: &known };
        match self.shared.lookups.target(question, since) {
            Ok(Some(Found { known: Known::Answer(target), flight })) => {
                self.heard.flights.extend(flight.map(|flight| (flight, true)));
                self.shared.lookups.scoped(&target.objects)
            }
            Ok(Some(Found { known, flight })) => Found { known: known.without_answer(), flight },
            Ok(None) => nothing,
            Err(failure) => {
                Found { known: Known::Failure(failure, Timestamp::now(), self.poll), flight: None }
            }
        }
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
fn repository(context: &Context, url: &str, project: &str) -> Result<Repository, Failure> {
    let known = context.repositories.clone().unwrap_or_default();
    let found = known.find(url, project).map(|known| Repository { url: url.to_owned(), ..known });
    found.map_err(|why| Failure::new(Cause::Refused, &why))
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
    fn at(&self) -> ArtifactAt<'_> {
        ArtifactAt { url: &self.url, digest: &self.digest }
    }

    fn of(live: Live<'_>) -> Option<Self> {
        let text = |field| live.text(field).map(str::to_owned);
        let notes = live.at(fields::ARTIFACT_METADATA);
        let note = |name| notes?.get(format!("org.opencontainers.image.{name}"))?.as_str();
        Some(Self {
            url: text(fields::ARTIFACT_URL)?,
            digest: text(fields::ARTIFACT_DIGEST)?,
            revision: bare(live.artifact_revision()?).to_owned(),
            is_narrowed: live.text(fields::OBSERVED_IGNORE).is_some_and(leaves_out),
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
