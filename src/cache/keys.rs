//! Names in Argo CD's Redis (argo-cd `util/cache/appstate/cache.go`, `util/cache/cache.go`, `util/cache/redis.go`).

use super::codec::Compression;

/// argo-cd `common/common.go`, `CacheVersion`: part of every name.
const VERSION: &str = "1.8.3";

/// The names of one Application's entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    instance: String,
}

impl Keys {
    /// Of the Application `NAMESPACE/NAME`: its name in Argo CD's own namespace, `NAMESPACE_NAME` in any other
    /// (argo-cd `pkg/apis/application/v1alpha1/types.go`, `InstanceName`).
    pub fn of(identity: &str, control_namespace: &str) -> Self {
        let instance = match identity.split_once('/') {
            Some((namespace, name)) if namespace == control_namespace => name.to_owned(),
            Some((namespace, name)) => format!("{namespace}_{name}"),
            None => identity.to_owned(),
        };
        Self { instance }
    }

    /// Where the `ApplicationTree` is.
    pub fn tree(&self, compression: Compression) -> String {
        format!("app|resources-tree|{}|{VERSION}{}", self.instance, compression.suffix())
    }

    /// Where the array of `ResourceDiff` is.
    pub fn managed_resources(&self, compression: Compression) -> String {
        self.channel() + compression.suffix()
    }

    /// Where an empty message says that the tree changed. It is named after the managed resources, and never says how
    /// they are compressed.
    pub fn channel(&self) -> String {
        format!("app|managed-resources|{}|{VERSION}", self.instance)
    }
}

/// Which trees there are, of all Applications and in either form: a pattern for `SCAN`.
pub(super) const ALL_TREES: &str = "app|resources-tree|*|1.8.3*";

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("argocd/podinfo", "podinfo")]
    #[case("team-a/podinfo", "team-a_podinfo")]
    fn an_application_outside_of_argo_cds_namespace_carries_its_own(
        #[case] identity: &str,
        #[case] instance: &str,
    ) {
        let keys = Keys::of(identity, "argocd");
        assert_eq!(keys.tree(Compression::Gzip), format!("app|resources-tree|{instance}|1.8.3.gz"));
        assert_eq!(keys.tree(Compression::None), format!("app|resources-tree|{instance}|1.8.3"));
        let managed = format!("app|managed-resources|{instance}|1.8.3");
        assert_eq!(keys.managed_resources(Compression::Gzip), format!("{managed}.gz"));
        assert_eq!(keys.managed_resources(Compression::None), managed);
        assert_eq!(keys.channel(), managed);
    }
}
