//! What a chart that was rendered says of itself, for the chart that is made of what came out.

use super::Lookups;
use super::failure::Failure;
use super::target::Which;
use crate::argo::ApplicationSource;
use crate::registry::ChartMetadata;
use crate::repo_server::messages::GitFilesRequest;
use crate::repo_server::messages::repository::Repository;
use crate::translate::{self, RepoPath};

/// What `repo_server::messages::ManifestResponse` calls a chart.
pub(super) const HELM: &str = "Helm";

impl Lookups {
    /// What is known of the chart of `source` at the resolved `revision`: what its `Chart.yaml` says where it lies in git; of a
    /// packed one, what it was asked for by.
    pub(super) async fn chart_metadata(
        &self,
        source: &ApplicationSource,
        repository: Option<Repository>,
        revision: &str,
        which: Which,
    ) -> Result<ChartMetadata, Failure> {
        if !source.chart.is_empty() || source.repo_url.starts_with("oci://") {
            return Ok(packed(source, revision));
        }
        let folder = RepoPath::folder(&source.path).unwrap_or_default();
        let path = folder.join("Chart.yaml").unwrap_or_default().as_str().to_owned();
        let request = GitFilesRequest {
            repo: repository,
            // As where it was rendered: both share one checkout.
            submodule_enabled: true,
            revision: revision.to_owned(),
            path: path.clone(),
            // Through links.
            new_git_file_globbing_enabled: true,
        };
        let files = self.git_files(request, which).await?;
        let text = files.get(&path).map(|text| String::from_utf8_lossy(text)).unwrap_or_default();
        Ok(ChartMetadata::read(&text))
    }
}

/// A chart of a Helm repository has the version that its range was resolved to; that of an artifact is its tag. One in a folder
/// of an artifact is called as the folder is.
fn packed(source: &ApplicationSource, revision: &str) -> ChartMetadata {
    let folder = RepoPath::folder(&source.path).unwrap_or_default();
    let path = match (source.chart.as_str(), folder.as_str()) {
        ("", "") => &source.repo_url,
        ("", folder) => folder,
        (chart, _) => chart,
    };
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    let version = if translate::is_version(revision) { revision } else { &source.target_revision };
    ChartMetadata { name, version: version.to_owned(), app_version: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::of_a_repository("https://charts.example.org", ["web", ""], "1.x", "1.2.3", "web", "1.2.3")]
    #[case::of_a_registry("registry.example.org", ["team/web", ""], "1.2.3", "1.2.3", "web", "1.2.3")]
    #[case::an_artifact("oci://registry.example.org/web/", ["", "."], "1.2.3", "sha256:ab", "web", "1.2.3")]
    #[case::a_folder("oci://registry.example.org/all", ["", "./charts/web/"], "1.2.3", "sha256:ab", "web", "1.2.3")]
    fn packed_charts(
        #[case] url: &str,
        #[case] named: [&str; 2],
        #[case] wanted: &str,
        #[case] revision: &str,
        #[case] name: &str,
        #[case] version: &str,
    ) {
        let source = ApplicationSource {
            repo_url: url.to_owned(),
            chart: named[0].to_owned(),
            path: named[1].to_owned(),
            target_revision: wanted.to_owned(),
            ..ApplicationSource::default()
        };
        let found = packed(&source, revision);
        assert_eq!((found.name.as_str(), found.version.as_str()), (name, version));
    }
}
