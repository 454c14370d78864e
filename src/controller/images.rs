//! What Flux fetches from the bridge: from memory, or rendered again when Flux asks for what is not there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::{Shared, gather};
use crate::argo::Application;
use crate::flux::Live;
use crate::lookup::{Freshness, Rendering};
use crate::mirror::leg::value_revisions;
use crate::panics;
use crate::plan::wish;
use crate::project;
use crate::registry::{Images, Store};
use crate::translate::{Form, rendered_repository};

/// What was rendered that little ago and is not what Flux asks for is not rendered again for it.
const AGAIN: Duration = Duration::from_secs(10);

impl Shared {
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

    /// Renders the source that `repository` stands for until `is_there`: as it was delivered last, as the spec wants it, and as a
    /// running operation does.
    async fn render_again(&self, repository: &str, is_there: &(dyn Fn() -> bool + Sync)) {
        let Some((app, index, form)) = self.stands_for(repository) else { return };
        let own_source = wish::with_its_source(&app);
        let pinned = wish::pinned(own_source.as_ref().unwrap_or(&app), index).map(|(pinned, _)| pinned);
        let delivered = wish::delivered(&app, index);
        let revisions = self.value_revisions(&app);
        let all = [delivered.as_ref(), Some(AsRef::as_ref(&app)), own_source.as_ref(), pinned.as_ref()];
        for app in all.into_iter().flatten() {
            self.render(app, (index, form), &revisions).await;
            if is_there() {
                return;
            }
        }
    }

    /// The source of an Application whose artifacts are in `repository`.
    fn stands_for(&self, repository: &str) -> Option<(Arc<Application>, usize, Form)> {
        self.cache.applications().state().into_iter().filter(|app| app.is_bridged()).find_map(|app| {
            let forms = [Form::Own, Form::Objects];
            let mut all = (0..app.sources().len()).flat_map(|index| forms.map(|form| (index, form)));
            let (index, form) = all.find(|(index, form)| {
                rendered_repository(app.namespace(), app.name(), *index, *form) == repository
            })?;
            Some((app, index, form))
        })
    }

    async fn render(
        &self,
        app: &Application,
        (index, form): (usize, Form),
        revisions: &BTreeMap<usize, String>,
    ) {
        let Some(project) = self.cache.project(app, &self.secrets.repositories()) else { return };
        if !project::violations(app, Some(&project), &self.options.control_namespace).is_empty() {
            return;
        }
        let known = gather::settings(self);
        let freshness = Freshness { max_age: Some(AGAIN), is_strict: true, ..Freshness::default() };
        let rendering =
            Rendering { app, index, form, revisions, project: &project, known: &known, freshness };
        if let Err(error) = self.lookups.wait_for_rendered(rendering).await {
            tracing::warn!(application = app.identity(), %error, "cannot be rendered again");
        }
    }
}

impl Images for Shared {
    fn store(&self) -> &Store {
        self.lookups.store()
    }

    fn render<'a>(
        &'a self,
        repository: &'a str,
        is_there: &'a (dyn Fn() -> bool + Sync),
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.filled().await;
            tracing::info!(repository, "rendering an artifact that is not in memory");
            if let Err(panic) = Box::pin(panics::caught(self.render_again(repository, is_there))).await {
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
        Box::pin(self.lookups.access().permits(authorization))
    }
}
