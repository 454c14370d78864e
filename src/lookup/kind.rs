//! What can be asked, of whom, and how long that may take.

use std::time::Duration;

use super::places::Limits;

/// What is asked. It decides the type of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// An artifact of Flux: the names of its files, and its bytes where they are few.
    Artifact,
    /// What a path holds in an artifact.
    Contents,
    /// What an artifact holds of a pattern.
    Files,
    /// The refs of a git repository.
    Refs,
    /// A file at an address.
    Address,
    /// The names that git has at a commit.
    GitNames,
    /// What the repo-server renders of a source.
    Manifests,
    /// The same as an artifact that the bridge serves.
    Rendered,
    /// What the API server serves.
    Discovery,
    /// Whether there are config management plugins.
    Plugins,
}

impl Kind {
    pub(super) const ALL: [Self; 10] = [
        Self::Artifact,
        Self::Contents,
        Self::Files,
        Self::Refs,
        Self::Address,
        Self::GitNames,
        Self::Manifests,
        Self::Rendered,
        Self::Discovery,
        Self::Plugins,
    ];

    /// The value of the label `kind` of metrics.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Artifact => "artifact",
            Self::Contents => "contents",
            Self::Files => "files",
            Self::Refs => "refs",
            Self::Address => "address",
            Self::GitNames => "git_names",
            Self::Manifests => "manifests",
            Self::Rendered => "rendered",
            Self::Discovery => "discovery",
            Self::Plugins => "plugins",
        }
    }

    /// Who is asked, as the beginning of a sentence's second half.
    pub(crate) const fn asked(self) -> &'static str {
        match self {
            Self::Artifact | Self::Contents | Self::Files => "source-controller's artifact server",
            Self::Refs => "the git repository",
            Self::Address => "the address of a value file",
            Self::GitNames | Self::Manifests | Self::Rendered => "Argo CD's repo-server",
            Self::Discovery | Self::Plugins => "the API server",
        }
    }

    /// How long it may take once it has a place. Whoever is asked has shorter limits of his own where he can tell more.
    pub(super) const fn deadline(self) -> Duration {
        Duration::from_secs(match self {
            Self::Plugins | Self::Discovery => 30,
            Self::Refs | Self::Address => 60,
            Self::Artifact | Self::GitNames | Self::Manifests => 90,
            // It asks for others first.
            Self::Contents | Self::Files | Self::Rendered => 300,
        })
    }

    /// An answer goes on to count when asking again fails: the source object says that its repository is not reached.
    pub(crate) const fn keeps_last(self) -> bool {
        matches!(self, Self::Refs | Self::Address | Self::Discovery | Self::Plugins)
    }

    /// Many at once for those that mostly wait for others, few where the answer is large.
    pub(super) const fn limits(self) -> Limits {
        match self {
            Self::Artifact => Limits { all: 32, project: 8, host: 8 },
            Self::Discovery | Self::Plugins => Limits { all: 1, project: 1, host: 1 },
            Self::Refs | Self::Address | Self::GitNames | Self::Manifests => {
                Limits { all: 128, project: 32, host: 4 }
            }
            // They take the places of what they ask for.
            Self::Contents | Self::Files | Self::Rendered => Limits { all: 4096, project: 1024, host: 1024 },
        }
    }
}
