//! Which Flux objects one source becomes: the source object that fetches it, and the workload object that delivers it.

use super::directory::Directory;
use super::draft::{Draft, Placement, Source};
use super::helm::{self, ChartFrom};
use super::kustomization::{self, Manifests};
use super::leg::Leg;
use super::pool::Pool;
use super::rendering::{Rendering, Served, explicit_type, rendering, whole_files};
use super::sources::{self, Origin};
use super::{Context, Form, Want, in_repository, rendered};
use crate::argo::ApplicationSource;
use crate::flux::{FluxKind, Manifest};
use crate::names;

/// One source before anything is known of what it holds.
pub(super) struct Prepared {
    origin: Origin,
    /// The source object that fetches all of it; `None` when a problem or a want was noted.
    whole: Option<Manifest>,
}

impl Prepared {
    /// Whether others read the same source object, so that nothing of it may be left out.
    pub(super) fn is_read_by_others(&self, all: &[Option<Self>]) -> bool {
        let says = |manifest: &Manifest| (manifest.key.kind, manifest.spec.clone());
        let own = self.whole.as_ref().map(says);
        let alike = all.iter().flatten().filter(|other| other.whole.as_ref().map(says) == own).count();
        own.is_some() && alike > 1
    }
}

/// A chart without a release.
const UNRELEASED: Served = Served { word: "Helm", reason: "release of another source", form: Form::Objects };

/// The source object that fetches everything.
pub(super) fn prepare(draft: &mut Draft<'_>, placement: &Placement, source: &Source<'_>) -> Option<Prepared> {
    let origin = sources::origin(draft, source)?;
    if matches!(origin, Origin::Git | Origin::Oci) {
        source.folder(draft)?;
    }
    let whole = match origin {
        // The repo-server fetches what it renders.
        Origin::Git | Origin::Oci if source.spec.plugin.is_some() && source.spec.reference.is_empty() => None,
        Origin::HelmHttp | Origin::HelmOci => Some(sources::helm(draft, placement, source, origin)),
        Origin::Git => sources::git(draft, placement, source),
        Origin::Oci => Some(sources::oci(draft, placement, source)),
    };
    Some(Prepared { origin, whole })
}

/// The objects of one source; its source object is put into `pool`. `is_shared`: others read the whole of it, too.
pub(super) fn generate(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    prepared: &Prepared,
    is_shared: bool,
    pool: &mut Pool,
) -> Leg {
    if !source.renders() {
        let origin = prepared.whole.clone().map(|whole| pool.share(whole));
        return Leg { artifact: origin.clone(), origin, ..Leg::default() };
    }
    match prepared.origin {
        origin @ (Origin::HelmHttp | Origin::HelmOci) => {
            from_helm_repository(draft, placement, source, prepared, origin, pool)
        }
        Origin::Git | Origin::Oci => from_files(draft, placement, source, prepared, is_shared, pool),
    }
}

fn from_helm_repository(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    prepared: &Prepared,
    origin: Origin,
    pool: &mut Pool,
) -> Leg {
    if let Some(explicit) = explicit_type(draft, source)
        && !matches!(explicit, Rendering::Helm | Rendering::Kustomize)
    {
        let field = explicit.word().to_lowercase();
        draft.unsupported(source.at(&field), "anything but Helm and Kustomize on a chart is", "leave it out");
    }
    let from = ChartFrom::HelmRepository { oci: origin == Origin::HelmOci };
    let native = match helm::way(draft, &placement.namespace, source, from) {
        Some(helm::Way::Rendered(finished)) => {
            return as_finished_chart(draft, placement, source, &finished, None, pool);
        }
        Some(helm::Way::Unreleased) => {
            return from_repo_server(draft, placement, source, prepared, UNRELEASED, pool);
        }
        Some(helm::Way::Native(native)) => Some(native),
        None => None,
    };
    let repository = prepared.whole.clone().map(|whole| pool.share(whole));
    let key = repository.clone().unwrap_or_else(|| placement.key(FluxKind::HelmRepository));
    let workload = native.and_then(|native| helm::release(draft, placement, source, from, &key, native));
    Leg { origin: repository, artifact: None, workload, source_type: Rendering::Helm.word() }
}

/// A folder of a git repository or of an OCI artifact.
fn from_files(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    prepared: &Prepared,
    is_shared: bool,
    pool: &mut Pool,
) -> Leg {
    let whole = prepared.whole.clone().map(|whole| apart(draft.context, source, whole));
    // What everybody reads tells each what its path holds, whatever becomes of the others.
    let shared = whole.clone().filter(|_| is_shared).map(|whole| pool.share(whole));
    let merged = with_overrides(draft, source);
    let source = &merged.as_ref().map_or_else(|| source.with(source.spec), |merged| source.with(merged));
    let before = draft.problems.len();
    let explicit = explicit_type(draft, source);
    let is_known = merged.is_some() && draft.problems.len() == before;
    let found = is_known.then(|| rendering(draft, source, explicit)).flatten();
    let Some(rendering) = found.map(|found| whole_files(draft, source, found)) else {
        // The bare source object is enough to fetch the artifact that tells.
        let probe = whole.map(|whole| pool.share(whole));
        return Leg { origin: probe.clone(), artifact: probe, ..Leg::default() };
    };
    if let Rendering::Rendered(served) = rendering {
        // They are about what Flux makes of the files.
        draft.notes.retain(|(field, _)| *field != source.at("path"));
        return from_repo_server(draft, placement, source, prepared, served, pool);
    }
    let from = if prepared.origin == Origin::Git { ChartFrom::Git } else { ChartFrom::Artifact };
    let way = (rendering == Rendering::Helm)
        .then(|| helm::way(draft, &placement.namespace, source, from))
        .flatten();
    let native = match way {
        Some(helm::Way::Rendered(finished)) => {
            return as_finished_chart(draft, placement, source, &finished, whole, pool);
        }
        Some(helm::Way::Unreleased) => {
            return from_repo_server(draft, placement, source, prepared, UNRELEASED, pool);
        }
        Some(helm::Way::Native(native)) => Some(native),
        None => None,
    };
    let object = whole.map(|whole| delivered(source, whole, rendering));
    let origin = object.map(|object| pool.share(object));
    let kind = if prepared.origin == Origin::Git { FluxKind::GitRepository } else { FluxKind::OciRepository };
    let key = origin.clone().unwrap_or_else(|| placement.key(kind));
    let workload = match rendering {
        Rendering::Helm => {
            native.and_then(|native| helm::release(draft, placement, source, from, &key, native))
        }
        Rendering::Rendered(_) => None,
        Rendering::Kustomize => {
            kustomization::kustomization(draft, placement, source, &key, Manifests::Kustomized)
        }
        Rendering::Directory => {
            // Flux builds kustomizations that it finds on its way down.
            let manifests =
                if Directory::of(source).recurses { Manifests::Kustomized } else { Manifests::Flat };
            kustomization::kustomization(draft, placement, source, &key, manifests)
        }
    };
    Leg { artifact: shared.or_else(|| origin.clone()), origin, workload, source_type: rendering.word() }
}

/// What the repo-server renders, served by the bridge. Where the contents of the path tell that, their source object stays:
/// they may tell something else one day.
fn from_repo_server(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    prepared: &Prepared,
    served: Served,
    pool: &mut Pool,
) -> Leg {
    let Served { word, reason, form } = served;
    let artifact = rendered::artifact(draft, placement, source, reason, form);
    let workload =
        artifact.as_ref().map(|artifact| kustomization::of_rendered(draft, placement, &artifact.key));
    let origin = artifact.map(|artifact| pool.share(artifact));
    let is_told_by_contents = draft.context.contents.contains_key(&source.index);
    let probe = prepared.whole.clone().filter(|_| is_told_by_contents).map(|whole| pool.share(whole));
    Leg { origin, artifact: probe, workload, source_type: word }
}

/// A chart that the repo-server renders, served as a chart by the bridge. `whole` is the source object of its files, which stays
/// where those, or what else the path holds, tell that.
fn as_finished_chart(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    finished: &helm::Finished,
    whole: Option<Manifest>,
    pool: &mut Pool,
) -> Leg {
    let artifact = rendered::chart(draft, placement, source, finished.reason);
    let workload = artifact
        .as_ref()
        .map(|artifact| helm::of_rendered(draft, placement, source.index, &artifact.key, finished));
    let origin = artifact.map(|artifact| pool.share(artifact));
    let is_told = finished.is_told_by_files || draft.context.contents.contains_key(&source.index);
    let probe = whole.filter(|_| is_told).map(|whole| pool.share(whole));
    Leg { origin, artifact: probe, workload, source_type: Rendering::Helm.word() }
}

/// The source with what files in its path add to it. `None` while that is wanted, and when it cannot be read.
fn with_overrides(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<ApplicationSource> {
    // What the repo-server renders it changes itself.
    if source.spec.plugin.is_some() {
        return Some(source.spec.clone());
    }
    let context = draft.context;
    match context.contents.get(&source.index) {
        Some(contents) => in_repository::merged(draft, source, contents),
        None => draft.want(Want::Contents { source: source.index }),
    }
}

/// The source object under a name of its own, where the one that is there was narrowed to another path: that one goes on
/// delivering until it is known what this path holds.
fn apart(context: &Context, source: &Source<'_>, mut whole: Manifest) -> Manifest {
    if context.narrowed.contains(&source.index) && !context.contents.contains_key(&source.index) {
        whole.key.name = names::shorten(&format!("{}-probe", whole.key.name), names::MAX_LABEL_VALUE);
    }
    whole
}

/// The source object with nothing but what is delivered.
fn delivered(source: &Source<'_>, whole: Manifest, rendering: Rendering) -> Manifest {
    let is_artifact = whole.key.kind == FluxKind::OciRepository;
    match rendering {
        // Narrowed whether or not there are subfolders now: the artifact that was narrowed shows none, and a translation
        // that depended on them would go back and forth.
        Rendering::Directory => match Directory::of(source).ignore(source) {
            Ok(Some(ignore)) => sources::narrowed(whole, &ignore),
            _ => whole,
        },
        Rendering::Helm if is_artifact => sources::as_chart(whole),
        _ => whole,
    }
}
