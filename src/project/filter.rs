//! Kinds that an installation of Argo CD leaves alone, whatever a source holds (argo-cd `util/settings/resources_filter.go`
//! and `filtered_resource.go`).

use serde::Deserialize;

use super::pattern::glob_without_separator as glob;
use crate::{names, yaml};

/// What is left out in any case: objects that come by the thousands and that nobody keeps in a repository.
const ALWAYS: [(&str, &str); 4] =
    [("events.k8s.io", ""), ("metrics.k8s.io", ""), ("", "Event"), ("coordination.k8s.io", "Lease")];

/// `resource.exclusions` and `resource.inclusions` of argocd-cm, for the cluster that Flux delivers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourcesFilter {
    exclusions: Vec<Rule>,
    inclusions: Vec<Rule>,
}

/// One entry of either list; an empty list of its own takes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Rule {
    api_groups: Vec<String>,
    kinds: Vec<String>,
    clusters: Vec<String>,
}

impl Rule {
    fn is_for_this_cluster(&self) -> bool {
        self.clusters.is_empty()
            || self.clusters.iter().any(|cluster| glob(cluster, names::IN_CLUSTER_SERVER))
    }

    fn takes(&self, group: &str, kind: &str) -> bool {
        let is_group = self.api_groups.is_empty() || self.api_groups.iter().any(|known| glob(known, group));
        let is_kind = self.kinds.is_empty() || self.kinds.iter().any(|known| known == "*" || known == kind);
        is_group && is_kind && self.is_for_this_cluster()
    }
}

impl ResourcesFilter {
    /// The filter of argocd-cm, whose values `setting` finds.
    ///
    /// # Errors
    /// A setting that is no list of rules; in Argo CD's words.
    pub fn read(setting: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let rules = |key: &str, word: &str| {
            let text = setting(key).unwrap_or_default();
            let rules: Result<Option<Vec<Rule>>, String> = yaml::parse(&text)
                .map_err(|error| error.to_string())
                .and_then(|rules| serde_json::from_value(rules).map_err(|error| error.to_string()));
            let rules = rules.map(Option::unwrap_or_default);
            rules.map_err(|error| {
                format!("error unmarshalling {word} resources ({key} of argocd-cm): {error}")
            })
        };
        Ok(Self {
            exclusions: rules("resource.exclusions", "excluded")?,
            inclusions: rules("resource.inclusions", "included")?,
        })
    }

    /// Whether Argo CD neither applies nor looks at objects of that kind.
    pub fn excludes(&self, group: &str, kind: &str) -> bool {
        let is_core = ALWAYS.iter().any(|(known, one)| *known == group && (one.is_empty() || *one == kind));
        if is_core || self.exclusions.iter().any(|rule| rule.takes(group, kind)) {
            return true;
        }
        let is_included = self.inclusions.iter().any(|rule| rule.takes(group, kind));
        !is_included && self.inclusions.iter().any(Rule::is_for_this_cluster)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn filter(exclusions: &str, inclusions: &str) -> Result<ResourcesFilter, String> {
        ResourcesFilter::read(|key| {
            Some(if key == "resource.exclusions" { exclusions } else { inclusions }.to_owned())
        })
    }

    #[rstest]
    #[case::nothing_said("", "", "apps", "Deployment", false)]
    #[case::always("", "", "coordination.k8s.io", "Lease", true)]
    #[case::always_a_group("", "", "metrics.k8s.io", "PodMetrics", true)]
    #[case::another_kind_of_the_core("", "", "", "ConfigMap", false)]
    #[case::kind("[{kinds: [ConfigMap]}]", "", "", "ConfigMap", true)]
    #[case::group_by_pattern(
        "[{apiGroups: ['*.cilium.io', 'cilium.*']}]",
        "",
        "cilium.io",
        "CiliumIdentity",
        true
    )]
    #[case::core_group("[{apiGroups: [''], kinds: [Endpoints]}]", "", "", "Endpoints", true)]
    #[case::any_kind("[{apiGroups: [x.org], kinds: ['*']}]", "", "x.org", "Thing", true)]
    #[case::another_cluster(
        "[{kinds: [ConfigMap], clusters: ['https://other']}]",
        "",
        "",
        "ConfigMap",
        false
    )]
    #[case::this_cluster(
        "[{kinds: [ConfigMap], clusters: ['https://kubernetes*']}]",
        "",
        "",
        "ConfigMap",
        true
    )]
    #[case::included("", "[{kinds: [ConfigMap]}]", "", "ConfigMap", false)]
    #[case::not_included("", "[{kinds: [ConfigMap]}]", "", "Secret", true)]
    #[case::included_elsewhere(
        "",
        "[{kinds: [ConfigMap], clusters: ['https://other']}]",
        "",
        "Secret",
        false
    )]
    #[case::both("[{kinds: [ConfigMap]}]", "[{kinds: [ConfigMap]}]", "", "ConfigMap", true)]
    fn kinds(
        #[case] exclusions: &str,
        #[case] inclusions: &str,
        #[case] group: &str,
        #[case] kind: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(filter(exclusions, inclusions).unwrap().excludes(group, kind), expected);
    }

    #[test]
    fn what_is_no_list_is_told() {
        let error = filter("kinds: [a]", "").unwrap_err();
        assert!(error.starts_with("error unmarshalling excluded resources (resource.exclusions"), "{error}");
    }
}
