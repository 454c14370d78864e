//! What an object says of its own end: `Prune=…` and `Delete=…` among its sync options.

use std::fmt;

/// Annotation of a single object: words, separated by commas (argo-cd `gitops-engine/pkg/sync/common/types.go`,
/// `AnnotationSyncOptions`).
pub const ANNOTATION_SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";

/// Whether an object stays when the time has come to delete it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stays {
    /// It goes.
    #[default]
    No,
    /// It goes once somebody has confirmed that.
    Unconfirmed,
    /// It stays.
    Yes,
}

/// What the sync options of an object say of its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// When it leaves the source (gitops-engine `pkg/sync/sync_context.go`, `pruneObject`).
    pub prune: Stays,
    /// When the Application is deleted with a cascade (argo-cd `controller/appcontroller.go`, `shouldBeDeleted`).
    pub delete: Stays,
}

impl Protection {
    /// Reads the value of [`ANNOTATION_SYNC_OPTIONS`]. Words are matched to the letter, as there; of two that contradict each
    /// other the one counts that keeps more.
    pub fn read(options: &str) -> Self {
        let has = |word: &str| options.split(',').any(|option| option.trim() == word);
        let stays = |no: &str, confirm: &str| match (has(no), has(confirm)) {
            (true, _) => Stays::Yes,
            (false, true) => Stays::Unconfirmed,
            (false, false) => Stays::No,
        };
        Self { prune: stays("Prune=false", "Prune=confirm"), delete: stays("Delete=false", "Delete=confirm") }
    }

    /// Whether the object says anything of its end.
    pub fn is_any(self) -> bool {
        self != Self::default()
    }
}

impl fmt::Display for Protection {
    /// The words, separated by commas, such as `Prune=false, Delete=confirm`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |name: &str, stays: Stays| match stays {
            Stays::No => None,
            Stays::Unconfirmed => Some(format!("{name}=confirm")),
            Stays::Yes => Some(format!("{name}=false")),
        };
        let words = [word("Prune", self.prune), word("Delete", self.delete)];
        f.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::pruning("Prune=false", Stays::Yes, Stays::No)]
    #[case::deletion("Delete=false", Stays::No, Stays::Yes)]
    #[case::confirmation("Prune=confirm,Delete=confirm", Stays::Unconfirmed, Stays::Unconfirmed)]
    #[case::among_others(
        " ServerSideApply=true , Prune=false,Delete=confirm ",
        Stays::Yes,
        Stays::Unconfirmed
    )]
    #[case::both_words("Prune=confirm,Prune=false", Stays::Yes, Stays::No)]
    #[case::others("ServerSideApply=true,Prune=true", Stays::No, Stays::No)]
    #[case::to_the_letter("prune=false,Prune = false", Stays::No, Stays::No)]
    #[case::empty("", Stays::No, Stays::No)]
    fn words(#[case] options: &str, #[case] prune: Stays, #[case] delete: Stays) {
        let protection = Protection::read(options);
        assert_eq!((protection.prune, protection.delete), (prune, delete));
    }

    #[test]
    fn it_is_said_in_the_words_it_was_read_from() {
        let said = |options: &str| Protection::read(options).to_string();
        assert_eq!(said("Delete=confirm,Replace=true,Prune=false"), "Prune=false, Delete=confirm");
        assert_eq!(said("Delete=false"), "Delete=false");
    }
}
