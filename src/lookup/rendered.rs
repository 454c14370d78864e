//! What Argo CD's repo-server renders of a source, as an artifact that Flux fetches from the bridge: made when a translation
//! wants one, and again when Flux asks for one that is not in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt as _;
use prost::Message as _;

use super::failure::{Cause, Failure};
use super::kind::Kind;
use super::places::Party;
use super::service::{Found, Freshness, Question};
use super::target::{Settings, Target, Which, unreadable};
use super::{Lookups, chart};
use crate::argo::{Application, ApplicationSource};
use crate::digest::sha256_hex;
use crate::project::{AppProject, RenderedObject, ResourcesFilter};
use crate::registry::{Finished, Image, finish};
use crate::repo_server::messages::ManifestRequest;
use crate::translate::{Form, RenderedSource, hook, rendered_repository};

/// Which source is rendered, how, and with what.
#[derive(Clone, Copy)]
pub(crate) struct Rendering<'a> {
    /// The Application.
    pub(crate) app: &'a Application,
    /// Index into its sources.
    pub(crate) index: usize,
    /// What is made of it.
    pub(crate) form: Form,
    /// Those that Flux has of other sources, by index, whose files it may be rendered with.
    pub(crate) revisions: &'a BTreeMap<usize, String>,
    /// Its project.
    pub(crate) project: &'a AppProject,
    /// What Argo CD knows.
    pub(crate) known: &'a Settings,
    /// How new it has to be.
    pub(crate) freshness: Freshness,
}

/// Everything that an artifact is made of.
#[derive(Clone)]
struct Order {
    request: ManifestRequest,
    source: ApplicationSource,
    which: Which,
    party: Party,
    form: Form,
    namespace: String,
    filter: ResourcesFilter,
    repository: String,
    freshness: Freshness,
}

impl Lookups {
    /// What the repo-server renders of a source, as an artifact that Flux can fetch. `None` where there is no such source.
    ///
    /// # Errors
    /// A setting or a Secret cannot be read.
    pub(crate) fn rendered(
        &self,
        rendering: Rendering<'_>,
    ) -> Result<Option<Found<RenderedSource>>, Failure> {
        let Some((question, order)) = self.order(rendering)? else { return Ok(None) };
        let ask = || self.clone().make(order.clone()).boxed();
        Ok(Some(self.service.get(&question, &order.party, order.freshness, ask)))
    }

    /// The same, waited for.
    ///
    /// # Errors
    /// As above, or it cannot be rendered.
    pub(crate) async fn wait_for_rendered(
        &self,
        rendering: Rendering<'_>,
    ) -> Result<Option<RenderedSource>, Failure> {
        let Some((question, order)) = self.order(rendering)? else { return Ok(None) };
        let ask = || self.clone().make(order.clone()).boxed();
        self.service.wait(&question, &order.party, order.freshness, ask).await.map(Some)
    }

    fn order(&self, rendering: Rendering<'_>) -> Result<Option<(Question, Order)>, Failure> {
        let Rendering { app, index, form, revisions, project, known, freshness } = rendering;
        let Some(source) = app.sources().get(index) else { return Ok(None) };
        let request = self.request(app, source, &source.target_revision, project, known, revisions)?;
        let filter = ResourcesFilter::read(|key| known.settings.get(key).cloned());
        let filter = filter.map_err(|error| unreadable(&error))?;
        let about = format!("{} {filter:?} {form:?}", sha256_hex(&request.encode_to_vec()));
        let order = Order {
            request,
            source: source.clone(),
            which: Which { source: index + 1, of: app.sources().len() },
            party: Party::of(app.project(), &source.repo_url),
            form,
            namespace: app.spec.destination.namespace.clone(),
            filter,
            repository: rendered_repository(app.namespace(), app.name(), index, form),
            freshness,
        };
        let about = format!("{} {}", order.repository, sha256_hex(about.as_bytes()));
        Ok(Some((Question { kind: Kind::Rendered, about: about.into() }, order)))
    }

    /// Renders it, packs it, and puts it where Flux fetches it.
    async fn make(self, order: Order) -> Result<RenderedSource, Failure> {
        let access = self.access.ensure().await;
        access.map_err(|error| {
            Failure::new(
                Cause::Unanswered,
                &format!("no password for what was rendered: {}", super::chain(&error)),
            )
        })?;
        let Order { request, which, party, freshness, .. } = &order;
        let target = self.manifests(request, *which, party, *freshness).await?;
        let held = self.with_scopes(&target.objects).await?;
        let is_chart = order.form == Form::Own && &*target.source_type == chart::HELM;
        let metadata = if is_chart {
            Some(self.chart_metadata(&order.source, request.repo.clone(), &target.revision, *which).await?)
        } else {
            None
        };
        // Hundreds of objects are read and packed: that holds up nobody's reconcile.
        let repository = order.repository.clone();
        let packed = tokio::task::spawn_blocking(move || pack(&order, &target, held, metadata.as_ref()));
        let (made, image) = packed.await.map_err(|error| Failure::of(Cause::Refused, &error))??;
        self.store.put(&repository, image);
        Ok(made)
    }
}

/// The objects of `target` as an artifact; `metadata`: it becomes a chart of that name.
fn pack(
    order: &Order,
    target: &Target,
    held: Vec<RenderedObject>,
    metadata: Option<&crate::registry::ChartMetadata>,
) -> Result<(RenderedSource, Image), Failure> {
    let scopes: BTreeMap<_, _> = held
        .iter()
        .map(|object| ((object.group.clone(), object.kind.clone()), object.is_namespaced))
        .collect();
    let is_namespaced =
        |group: &str, kind: &str| scopes.get(&(group.to_owned(), kind.to_owned())).copied().flatten();
    let manifests = target.manifests()?;
    let finished = finish(&manifests, &order.namespace, &order.filter, metadata.is_some(), is_namespaced);
    let Finished { objects, warnings } = finished.map_err(|error| unreadable(&error))?;
    let (revision, url) = (&target.revision, &order.source.repo_url);
    let image = match metadata {
        Some(metadata) => Image::pack_chart(&objects, metadata, revision, url),
        None => Image::pack(&objects, revision, url),
    };
    let image = image.map_err(|error| {
        Failure::new(Cause::Refused, &format!("what was rendered cannot be packed: {error}"))
    })?;
    let has_later_hooks = objects.iter().any(hook::runs_later);
    let made = RenderedSource {
        digest: image.digest.clone(),
        revision: revision.to_string(),
        warnings,
        objects: Arc::new(held),
        has_later_hooks,
    };
    Ok((made, image))
}
