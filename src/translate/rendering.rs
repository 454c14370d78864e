//! What a path is: what the Application says, what stock Argo CD would find in it, and who has to render it.

use super::directory::{self, Way};
use super::draft::{Draft, Source};
use super::{
    Contents, Form, PathKind, RepoPath, Settings, Want, checked, duplicates, kustomize, lfs, links,
    post_render,
};
use crate::argo::zero::says;

/// What Argo CD would do with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rendering {
    Helm,
    Kustomize,
    Directory,
    /// What Flux has no word for: rendered by Argo CD's repo-server, delivered by Flux.
    Rendered(Served),
}

/// What the repo-server renders, and a Kustomization delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Served {
    /// Argo CD's word for the source.
    pub(super) word: &'static str,
    /// What it is that Flux has no word for; it stands on the generated `OCIRepository`.
    pub(super) reason: &'static str,
    pub(super) form: Form,
}

/// A config management plugin.
pub(super) const PLUGIN: Rendering =
    Rendering::Rendered(Served { word: "Plugin", reason: "config management plugin", form: Form::Own });

impl Rendering {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Helm => "Helm",
            Self::Kustomize => "Kustomize",
            Self::Directory => "Directory",
            Self::Rendered(served) => served.word,
        }
    }
}

/// The type that the Application itself names (argo-cd `types.go`, `ExplicitType`). More than one is an error, but for Helm
/// with Kustomize: a chart, which Flux changes after it was rendered.
pub(super) fn explicit_type(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<Rendering> {
    let spec = source.spec;
    let named = [
        (post_render::says_kustomize(spec), "Kustomize", Rendering::Kustomize),
        (post_render::says_helm(spec), "Helm", Rendering::Helm),
        (says(spec.directory.as_ref()), "Directory", Rendering::Directory),
        // Even an empty plugin asks for one, to be discovered.
        (spec.plugin.is_some(), "Plugin", PLUGIN),
    ];
    let named: Vec<_> = named.into_iter().filter(|(is_named, ..)| *is_named).collect();
    match named.as_slice() {
        [] => None,
        [(_, _, rendering)] => Some(*rendering),
        [(_, _, Rendering::Kustomize), (_, _, Rendering::Helm)]
            if !draft.context.settings.helm_is_disabled =>
        {
            Some(Rendering::Helm)
        }
        _ => {
            let words: Vec<&str> = named.iter().map(|(_, word, _)| *word).collect();
            let message = format!("multiple application sources defined: {}", words.join(","));
            draft.error(source.at("").trim_end_matches('.'), message, "keep one of them")
        }
    }
}

/// What becomes of the path; `None` while its contents are wanted, or when they cannot be delivered.
pub(super) fn rendering(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    explicit: Option<Rendering>,
) -> Option<Rendering> {
    let context = draft.context;
    let Some(contents) = context.contents.get(&source.index) else {
        return match explicit {
            // Those that are not looked into.
            Some(rendering @ Rendering::Rendered(_)) => Some(rendering),
            Some(Rendering::Kustomize) if context.checked_only => {
                Some(served(Rendering::Kustomize, checked::REASON))
            }
            // What the settings alone decide needs no look.
            Some(Rendering::Kustomize) => kustomized(draft, source, None),
            _ => draft.want(Want::Contents { source: source.index }),
        };
    };
    if explicit.is_none() && is_found_by_a_plugin(draft, source)? {
        return Some(PLUGIN);
    }
    let by_kind = |kind| enabled(explicit.unwrap_or_else(|| discovered(kind)), &context.settings);
    if contents.kind == PathKind::Missing {
        return match links::of_missing_path(draft, source)? {
            PathKind::Missing => {
                let path = &source.spec.path;
                draft.error(source.at("path"), format!("{path}: app path does not exist"), "")
            }
            kind => Some(linked(draft, by_kind(kind))),
        };
    }
    let found = by_kind(contents.kind);
    if found != Rendering::Helm && is_inside_of_a_packed_chart(source, contents) {
        return Some(served(found, "folder of a packed chart"));
    }
    if found != Rendering::Helm && context.checked_only {
        return Some(served(found, checked::REASON));
    }
    match found {
        Rendering::Kustomize => kustomized(draft, source, Some(contents)),
        Rendering::Directory => {
            let way = directory::way(draft, source, contents)?;
            if way != Way::Native {
                return Some(by(way, Rendering::Directory));
            }
            match links::of_directory(draft, source, contents, explicit.is_some())? {
                (_, Way::Native) => Some(Rendering::Directory),
                (kind, Way::Rendered(_)) => Some(linked(draft, by_kind(kind))),
            }
        }
        other => Some(other),
    }
}

/// Whether a plugin takes the source for its own: they are asked before anything else is looked for (argo-cd
/// `util/app/discovery/discovery.go`, `Discover`). `None` while that is wanted.
fn is_found_by_a_plugin(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<bool> {
    let Some(discovered) = &draft.context.discovered else { return Some(false) };
    match discovered.get(&source.index) {
        Some(word) => Some(word == PLUGIN.word()),
        None => draft.want(Want::Discovered { source: source.index }),
    }
}

/// Whether the path lies below the folder that a packed chart is in: Argo CD looks past that folder, Flux does not.
fn is_inside_of_a_packed_chart(source: &Source<'_>, contents: &Contents) -> bool {
    let is_elsewhere = RepoPath::folder(&source.spec.path).is_ok_and(|folder| folder != contents.folder);
    is_elsewhere && source.spec.repo_url.starts_with("oci://") && !contents.is_packed_chart
}

/// What is rendered because of links, which Flux does not follow.
fn linked(draft: &mut Draft<'_>, rendering: Rendering) -> Rendering {
    match rendering {
        Rendering::Helm => {
            draft.unfaithful = Some(links::REASON);
            rendering
        }
        Rendering::Rendered(_) => rendering,
        other => by(Way::Rendered(links::REASON), other),
    }
}

/// The same, but for what Flux would deliver the pointers of.
pub(super) fn whole_files(draft: &mut Draft<'_>, source: &Source<'_>, rendering: Rendering) -> Rendering {
    match rendering {
        _ if !lfs::is_enabled(draft, source.spec) => rendering,
        PLUGIN => rendering,
        Rendering::Helm => {
            draft.unfaithful = Some(lfs::REASON);
            rendering
        }
        // Any other reason may have been read off a pointer.
        rendering => served(rendering, lfs::REASON),
    }
}

/// What Argo CD finds in a path (argo-cd `util/app/discovery/discovery.go`, `Discover`).
fn discovered(kind: PathKind) -> Rendering {
    match kind {
        PathKind::Chart => Rendering::Helm,
        PathKind::Kustomization => Rendering::Kustomize,
        PathKind::Directory | PathKind::Missing => Rendering::Directory,
    }
}

/// A type that Argo CD's settings switch off is read as a directory (argo-cd `repository.go`, `GetAppSourceType`).
fn enabled(rendering: Rendering, settings: &Settings) -> Rendering {
    match rendering {
        Rendering::Helm if settings.helm_is_disabled => Rendering::Directory,
        Rendering::Kustomize if settings.kustomize_is_disabled => Rendering::Directory,
        other => other,
    }
}

fn kustomized(draft: &mut Draft<'_>, source: &Source<'_>, contents: Option<&Contents>) -> Option<Rendering> {
    let way = kustomize::way(draft, source, contents)?;
    let way = match way {
        Way::Native if duplicates::is_overridden(draft, source.index) => Way::Rendered(duplicates::REASON),
        way => way,
    };
    Some(by(way, Rendering::Kustomize))
}

fn by(way: Way, rendering: Rendering) -> Rendering {
    match way {
        Way::Native => rendering,
        Way::Rendered(reason) => served(rendering, reason),
    }
}

const fn served(rendering: Rendering, reason: &'static str) -> Rendering {
    Rendering::Rendered(Served { word: rendering.word(), reason, form: Form::Own })
}
