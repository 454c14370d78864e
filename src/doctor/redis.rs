//! Argo CD's Redis: what a probe found, beside the settings it was made with.

use super::{Finding, Namespaces};
use crate::cache::Probe;
use crate::cache::codec::Compression;

const CHECK: &str = "Redis";

/// A Redis that answered.
pub fn answered(probe: &Probe, compression: Compression) -> Finding {
    let count = |wanted: bool| -> usize {
        let trees = probe.trees.iter().filter(|(form, _)| (*form == compression) == wanted);
        trees.map(|(_, count)| count).sum()
    };
    let (same, other) = (count(true), count(false));
    if other > 0 && same == 0 {
        return Finding::fail(
            CHECK,
            format!(
                "all {other} trees in it are compressed in another way than {compression:?}, which the bridge writes"
            ),
            "set redis.compression in argocd-cmd-params-cm as Argo CD's programs have it, or --redis-compress",
        );
    }
    let version = if probe.version.is_empty() { "it" } else { probe.version.as_str() };
    Finding::ok(CHECK, format!("{version} answers, with {same} trees as the bridge writes them"))
}

/// A Redis that did not: from outside of the cluster that is no wonder.
pub fn silent(error: &str, namespaces: &Namespaces) -> Finding {
    Finding::warn(
        CHECK,
        format!("cannot be reached from here: {error}"),
        format!(
            "from outside of the cluster: kubectl port-forward -n {} service/argocd-redis 6379 and --redis 127.0.0.1:6379",
            namespaces.argocd
        ),
    )
}

/// Settings that cannot be.
pub fn unusable(error: &str) -> Finding {
    Finding::fail(CHECK, error, "mend argocd-cmd-params-cm, or say it by flags: flux-subsystem run --help")
}

/// Told to do without.
pub fn none() -> Finding {
    Finding::warn(
        CHECK,
        "told to do without: Argo CD shows no resource tree of bridged Applications",
        "leave --redis none out",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use rstest::rstest;

    #[rstest]
    #[case([3, 0], Level::Ok)]
    #[case([0, 0], Level::Ok)]
    #[case([3, 1], Level::Ok)]
    #[case([0, 2], Level::Fail)]
    fn compressions(#[case] counts: [usize; 2], #[case] level: Level) {
        let trees = [(Compression::Gzip, counts[0]), (Compression::None, counts[1])];
        let probe = Probe { version: "7.0".into(), trees };
        assert_eq!(answered(&probe, Compression::Gzip).level, level);
    }
}
