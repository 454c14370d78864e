//! What a translation has to know first.

use super::files::FilePattern;
use super::git_names::GitPaths;

/// As what the bridge serves what was rendered of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// As what the source is: a chart as a chart, everything else as objects.
    Own,
    /// As objects, though it is a chart: Helm has a release of that name already.
    Objects,
}

/// Something that a translation has to know first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// What the path of a source holds.
    Contents {
        /// Index into the Application's sources.
        source: usize,
    },
    /// What Argo CD's repo-server renders of a source, as an artifact that Flux can fetch.
    Rendered {
        /// Index into the Application's sources.
        source: usize,
        /// As what it is served.
        form: Form,
    },
    /// The objects that a source would deliver, at the revision that Flux has of it.
    Objects {
        /// Index into the Application's sources.
        source: usize,
    },
    /// Argo CD's word for a source.
    Discovered {
        /// Index into the Application's sources.
        source: usize,
    },
    /// The refs of a git repository.
    RemoteRefs {
        /// `repoURL` as the Application writes it.
        url: String,
    },
    /// Files of a source, which its artifact holds.
    Files {
        /// Index into the Application's sources.
        source: usize,
        /// Which ones.
        pattern: FilePattern,
    },
    /// The names that git has of a source at the commit that Flux has: symbolic links are in no artifact.
    Git {
        /// Index into the Application's sources.
        source: usize,
        /// Which ones.
        paths: GitPaths,
    },
    /// The resolved revision of a source.
    Revision {
        /// Index into the Application's sources.
        source: usize,
    },
    /// The file at an address, which nothing but an `http` or `https` one has.
    Address {
        /// As the Application writes it.
        url: String,
    },
}
