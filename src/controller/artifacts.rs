//! Artifacts of what Argo CD's repo-server renders: made when a translation wants one, and again when Flux asks for one that
//! is not in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use kube::Client;
use prost::Message as _;

use super::Shared;
use super::cache::lock;
use super::chart::HELM;
use super::rendering::{RenderingError, Which};
use crate::argo::Application;
use crate::digest::sha256_hex;
use crate::flux::Live;
use crate::mirror::leg::value_revisions;
use crate::panics;
use crate::plan::wish;
use crate::project::{self, ResourcesFilter};
use crate::registry::{Access, Finished, Image, Images, Store, finish};
use crate::repo_server::{repository, request};
use crate::translate::{Form, RenderedSource, rendered_repository};

/// How many answers are remembered.
const MAX_ANSWERS: usize = 20_000;

struct Answer {
    made: RenderedSource,
    at: Instant,
    /// The refresh or the operation that it was made for.
    token: Option<String>,
}

/// How new an artifact has to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Freshness<'a> {
    /// At most that old,
    pub(super) max_age: Duration,
    /// and not older than this refresh or operation.
    pub(super) token: Option<&'a str>,
    /// Somebody asked for a hard refresh: nothing that was rendered before counts.
    pub(super) is_hard: bool,
}

/// See the module.
pub(super) struct Artifacts {
    store: Store,
    access: Access,
    /// By the question.
    answers: Mutex<HashMap<String, Answer>>,
}

impl Artifacts {
    /// `address`: where Flux fetches them.
    pub(super) fn new(client: Client, control_namespace: &str, address: &str) -> Self {
        let access = Access::new(client, control_namespace, address);
        Self { store: Store::default(), access, answers: Mutex::default() }
    }

    fn known(&self, key: &str, freshness: Freshness<'_>) -> Option<RenderedSource> {
        let answers = lock(&self.answers);
        let is_fresh = |answer: &&Answer| {
            answer.at.elapsed() < freshness.max_age
                && (freshness.token.is_none() || answer.token.as_deref() == freshness.token)
        };
        Some(answers.get(key).filter(is_fresh)?.made.clone())
    }

    fn keep(&self, key: String, made: &RenderedSource, token: Option<&str>) {
        let mut answers = lock(&self.answers);
        if answers.len() >= MAX_ANSWERS {
            answers.clear();
        }
        let answer = Answer { made: made.clone(), at: Instant::now(), token: token.map(str::to_owned) };
        answers.insert(key, answer);
    }
}

impl Shared {
    /// What the repo-server renders of the source with that index, in that form, as an artifact that Flux can fetch. `revisions`:
    /// those that Flux has of other sources, whose files it may be rendered with.
    ///
    /// `None`: the project of `app` does not permit it, which is told elsewhere.
    pub(super) async fn rendered(
        &self,
        app: &Application,
        (index, form): (usize, Form),
        revisions: &BTreeMap<usize, String>,
        freshness: Freshness<'_>,
    ) -> Result<Option<RenderedSource>, RenderingError> {
        let (project, source) =
            (self.cache.project(app, &self.secrets.repositories()), app.sources().get(index));
        let (Some(project), Some(source)) = (project, source) else { return Ok(None) };
        let control_namespace = &self.options.control_namespace;
        if !project::violations(app, Some(&project), control_namespace).is_empty() {
            return Ok(None);
        }
        let revision = &source.target_revision;
        let request = request::manifest_request(app, source, revision, &project, control_namespace)?;
        let mut request = request::with_settings(request, &self.cache.settings());
        repository::with_credentials(&mut request, app, source, &self.secrets.repositories())
            .map_err(RenderingError::Secret)?;
        repository::with_revisions(&mut request, app, source, revisions);
        let filter = ResourcesFilter::read(|key| self.cache.setting(key)).map_err(RenderingError::Setting)?;
        let key =
            sha256_hex(format!("{} {filter:?} {form:?}", sha256_hex(&request.encode_to_vec())).as_bytes());
        if let Some(made) = self.artifacts.known(&key, freshness) {
            return Ok(Some(made));
        }
        // As stock Argo CD asks where somebody has asked for a refresh (argo-cd `controller/appcontroller.go`).
        request.no_revision_cache = freshness.token.is_some();
        request.no_cache = freshness.is_hard;
        self.artifacts.access.ensure().await?;
        let which = Which { source: index + 1, of: app.sources().len() };
        let from = request.repo.clone();
        let answer = self.rendering.generate(request, which).await?;
        let objects = request::objects(&answer.manifests)?;
        let held = self.rendering.with_scopes(objects).await?;
        let scopes: BTreeMap<_, _> = held.iter().map(scope).collect();
        let is_namespaced =
            |group: &str, kind: &str| scopes.get(&(group.to_owned(), kind.to_owned())).copied().flatten();
        let is_chart = form == Form::Own && answer.source_type == HELM;
        let Finished { objects, warnings } =
            finish(&answer.manifests, &app.spec.destination.namespace, &filter, is_chart, is_namespaced)?;
        let image = if is_chart {
            let chart = self.chart_metadata(source, from, &answer.revision, which).await?;
            Image::pack_chart(&objects, &chart, &answer.revision, &source.repo_url)?
        } else {
            Image::pack(&objects, &answer.revision, &source.repo_url)?
        };
        let made = RenderedSource {
            digest: image.digest.clone(),
            revision: answer.revision,
            warnings,
            objects: Arc::new(held),
        };
        self.artifacts.store.put(&rendered_repository(app.namespace(), app.name(), index, form), image);
        self.artifacts.keep(key, &made, freshness.token);
        Ok(Some(made))
    }

    /// The revisions of the sources whose files the Application was rendered with, by their indices: what Flux asks for again was
    /// made of these, whatever the sources have by now.
    fn value_revisions(&self, app: &Application) -> BTreeMap<usize, String> {
        let workloads = self.owned(app).into_iter().filter(|key| key.kind.is_workload());
        let said = workloads.filter_map(|key| {
            let object = self.cache.object(&key)?;
            let live = Live { kind: key.kind, object: &object };
            Some(value_revisions(live))
        });
        said.flatten().collect()
    }

    /// Renders the source that `repository` stands for, as the spec and a running operation want it.
    async fn render_again(&self, repository: &str) {
        let applications = self.cache.applications().state();
        let stands_for = |app: &Arc<Application>| {
            let forms = [Form::Own, Form::Objects];
            let mut all = (0..app.sources().len()).flat_map(|index| forms.map(|form| (index, form)));
            let (index, form) = all.find(|(index, form)| {
                rendered_repository(app.namespace(), app.name(), *index, *form) == repository
            })?;
            app.is_bridged().then(|| (Arc::clone(app), index, form))
        };
        let Some((app, index, form)) = applications.iter().find_map(stands_for) else { return };
        let own_source = wish::with_its_source(&app);
        let pinned = wish::pinned(own_source.as_ref().unwrap_or(&app), index).map(|(pinned, _)| pinned);
        let revisions = self.value_revisions(&app);
        let anew = Freshness { max_age: Duration::ZERO, token: None, is_hard: false };
        for app in [Some(AsRef::as_ref(&app)), own_source.as_ref(), pinned.as_ref()].into_iter().flatten() {
            if let Err(error) = self.rendered(app, (index, form), &revisions, anew).await {
                tracing::warn!(repository, error = super::gather::chain(&error), "cannot be rendered again");
            }
        }
    }
}

fn scope(object: &project::RenderedObject) -> ((String, String), Option<bool>) {
    ((object.group.clone(), object.kind.clone()), object.is_namespaced)
}

impl Images for Shared {
    fn store(&self) -> &Store {
        &self.artifacts.store
    }

    fn render<'a>(&'a self, repository: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.filled().await;
            tracing::info!(repository, "rendering an artifact that is not in memory");
            if let Err(panic) = Box::pin(panics::caught(self.render_again(repository))).await {
                self.metrics.panicked("artifacts");
                tracing::error!(
                    repository,
                    place = panic.place,
                    "a mistake of the bridge's: please report it"
                );
            }
        })
    }

    fn permits<'a>(&'a self, authorization: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(self.artifacts.access.permits(authorization))
    }
}
