//! `helm.valueFiles` → `valuesFiles` of a `HelmChart`: files inside the chart or its repository.

use super::RepoPath;
use super::draft::{Draft, Source};
use super::env::Environment;
use crate::argo::application::HelmSource;

/// The files in rising precedence, relative to the root of the artifact; empty when Flux's default, the chart's own
/// `values.yaml`, is all there is.
///
/// In Flux the list replaces `values.yaml`, so that file stands first.
pub(super) fn resolve(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    helm: &HelmSource,
    chart: &RepoPath,
) -> Option<Vec<String>> {
    let own = chart.join("values.yaml").map_or_else(String::new, |file| file.as_str().to_owned());
    let mut files = vec![own];
    let mut complete = true;
    for (index, file) in helm.value_files.iter().enumerate() {
        match one(draft, source, chart, &source.at(&format!("helm.valueFiles[{index}]")), file) {
            Some(file) if files.last() != Some(&file) => files.push(file),
            Some(_) => {}
            None => complete = false,
        }
    }
    if files.len() == 1 {
        files.clear();
    }
    complete.then_some(files)
}

fn one(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    chart: &RepoPath,
    field: &str,
    file: &str,
) -> Option<String> {
    const VARIABLES: [&str; 2] = ["$ARGOCD_APP_", "${ARGOCD_APP_"];
    if file.starts_with('$') && !VARIABLES.iter().any(|variable| file.starts_with(variable)) {
        return draft.error(field, "value files of another source are not supported yet", "");
    }
    let environment = Environment::new(draft.app, source.spec, &draft.context.control_namespace);
    let file = match environment.substitute(file) {
        Ok(file) => file,
        Err(variable) => return draft.error(field, format!("${variable} is not supported yet"), ""),
    };
    if file.contains("://") {
        return draft.error(field, "value files at an address are not supported yet", "use valuesObject");
    }
    if file.contains(['*', '?', '[', '{']) {
        return draft.error(field, "patterns of value files are not supported yet", "name each file");
    }
    match chart.join(&file) {
        Some(path) if !path.as_str().is_empty() => Some(path.as_str().to_owned()),
        _ => draft.error(field, format!("value file {file:?} is outside the repository"), ""),
    }
}
