//! Argo CD's build environment in parameters and paths: `$ARGOCD_APP_NAME` and the like.
//!
//! Syntax is Go's `os.Expand`, with `$$` for a dollar sign (argo-cd `types.go`, `Env.Envsubst`); the variables are those of
//! `repository.go`, `newEnv`.

use super::Want;
use super::draft::{Draft, Source};
use super::semver::is_version;
use crate::argo::{Application, ApplicationSource};

/// The variables whose value is the resolved revision, and how much of it they hold (`shortenRevision`).
const REVISIONS: [(&str, usize); 3] = [
    ("ARGOCD_APP_REVISION", usize::MAX),
    ("ARGOCD_APP_REVISION_SHORT", 7),
    ("ARGOCD_APP_REVISION_SHORT_8", 8),
];

/// `text`, which stands in `source`, with its variables replaced.
///
/// Asks for the revision where it is needed; `None` until it is known. The version of a chart in a Helm repository is
/// known where the Application names it.
pub(super) fn substitute(draft: &mut Draft<'_>, source: &Source<'_>, text: &str) -> Option<String> {
    let environment = Environment::new(draft.app, source.spec, &draft.context.control_namespace);
    let target = source.spec.target_revision.as_str();
    let is_chart = !source.spec.chart.is_empty() && !source.spec.repo_url.starts_with("oci://");
    let revision = match draft.context.revisions.get(&source.index) {
        _ if is_chart => is_version(target).then_some(target),
        known => known.map(String::as_str),
    };
    match (environment.at(revision).substitute(text), is_chart) {
        (Ok(text), _) => Some(text),
        (Err(_), false) => draft.want(Want::Revision { source: source.index }),
        // Which version of a range is delivered is found out by Flux.
        (Err(_), true) => draft.unfaithful("the revision of a range of versions"),
    }
}

/// The variables of one source.
#[derive(Clone, Debug)]
pub(super) struct Environment<'a> {
    app: &'a Application,
    source: &'a ApplicationSource,
    instance: String,
    revision: Option<&'a str>,
}

impl<'a> Environment<'a> {
    /// The environment in which Argo CD would render `source`.
    pub(super) fn new(app: &'a Application, source: &'a ApplicationSource, control_namespace: &str) -> Self {
        Self { app, source, instance: app.instance_name(control_namespace), revision: None }
    }

    /// The same at a resolved revision.
    pub(super) fn at(self, revision: Option<&'a str>) -> Self {
        Self { revision, ..self }
    }

    /// `text` with its variables replaced; unknown ones by nothing.
    ///
    /// The error is the name of a variable that holds the revision, while that is not known.
    pub(super) fn substitute(&self, text: &str) -> Result<String, String> {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            result.push_str(before);
            if after.is_empty() {
                result.push('$');
                return Ok(result);
            }
            let (name, width) = variable(after);
            match name {
                Some("" | "$") => result.push('$'),
                Some(name) => match REVISIONS.iter().find(|(revision, _)| *revision == name) {
                    Some((_, length)) => {
                        let revision = self.revision.ok_or_else(|| name.to_owned())?;
                        result.push_str(revision.get(..*length).unwrap_or(revision));
                    }
                    None => result.push_str(self.value(name).unwrap_or_default()),
                },
                None => {}
            }
            rest = &after[width..];
        }
        result.push_str(rest);
        Ok(result)
    }

    fn value(&self, name: &str) -> Option<&str> {
        match name {
            "ARGOCD_APP_NAME" => Some(&self.instance),
            "ARGOCD_APP_NAMESPACE" => Some(&self.app.spec.destination.namespace),
            "ARGOCD_APP_PROJECT_NAME" => Some(self.app.project()),
            "ARGOCD_APP_SOURCE_REPO_URL" => Some(&self.source.repo_url),
            "ARGOCD_APP_SOURCE_PATH" => Some(&self.source.path),
            "ARGOCD_APP_SOURCE_TARGET_REVISION" => Some(&self.source.target_revision),
            _ => None,
        }
    }
}

/// The variable that `text`, which follows a dollar sign, begins with, and its width in bytes (Go's `getShellName`).
///
/// `None`: bad syntax, which Go eats. `Some("")`: not a variable, the dollar sign stays.
fn variable(text: &str) -> (Option<&str>, usize) {
    let is_special = |c: char| matches!(c, '*' | '#' | '$' | '@' | '!' | '?' | '-' | '0'..='9');
    if let Some(braced) = text.strip_prefix('{') {
        return match braced.find('}') {
            Some(0) => (None, 2),
            Some(end) => (Some(&braced[..end]), end + 2),
            None => (None, 1),
        };
    }
    if text.starts_with(is_special) {
        return (Some(&text[..1]), 1);
    }
    let end = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    (Some(&text[..end]), end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn app(namespace: &str) -> Application {
        serde_json::from_value(json!({
            "metadata": {"name": "shop", "namespace": namespace},
            "spec": {
                "project": "",
                "destination": {"namespace": "prod"},
                "source": {"repoURL": "https://git.example.org/shop", "path": "chart", "targetRevision": "v1"},
            },
        }))
        .unwrap()
    }

    #[rstest]
    #[case("$ARGOCD_APP_NAME", "shop")]
    #[case("x-${ARGOCD_APP_NAME}-y", "x-shop-y")]
    #[case("$ARGOCD_APP_NAMESPACE.$ARGOCD_APP_PROJECT_NAME", "prod.default")]
    #[case("$ARGOCD_APP_SOURCE_PATH@$ARGOCD_APP_SOURCE_TARGET_REVISION", "chart@v1")]
    #[case("${ARGOCD_APP_SOURCE_REPO_URL}", "https://git.example.org/shop")]
    #[case("$UNKNOWN!", "!")]
    #[case("$$HOME", "$HOME")]
    #[case("${$}", "$")]
    #[case("5$", "5$")]
    #[case("$ x", "$ x")]
    #[case("$.a", "$.a")]
    #[case("$1x", "x")]
    #[case("${}x", "x")]
    #[case("${x", "x")]
    #[case("$ä", "$ä")]
    #[case("${*}a${-}", "a")]
    fn as_go_expands(#[case] text: &str, #[case] expected: &str) {
        let app = app("argocd");
        let environment = Environment::new(&app, &app.sources()[0], "argocd");
        assert_eq!(environment.substitute(text), Ok(expected.to_owned()));
    }

    #[test]
    fn instance_name_outside_the_control_namespace() {
        let app = app("team");
        let environment = Environment::new(&app, &app.sources()[0], "argocd");
        assert_eq!(environment.substitute("$ARGOCD_APP_NAME"), Ok("team_shop".to_owned()));
    }

    #[rstest]
    #[case("$ARGOCD_APP_REVISION", "ARGOCD_APP_REVISION")]
    #[case("v${ARGOCD_APP_REVISION_SHORT}", "ARGOCD_APP_REVISION_SHORT")]
    fn an_unknown_revision_is_told(#[case] text: &str, #[case] name: &str) {
        let app = app("argocd");
        let environment = Environment::new(&app, &app.sources()[0], "argocd");
        assert_eq!(environment.substitute(text), Err(name.to_owned()));
    }
    #[rstest]
    #[case("$ARGOCD_APP_REVISION", "0123456789ab")]
    #[case("v${ARGOCD_APP_REVISION_SHORT}", "v0123456")]
    #[case("$ARGOCD_APP_REVISION_SHORT_8", "01234567")]
    fn a_known_revision_is_used(#[case] text: &str, #[case] expected: &str) {
        let app = app("argocd");
        let environment = Environment::new(&app, &app.sources()[0], "argocd").at(Some("0123456789ab"));
        assert_eq!(environment.substitute(text), Ok(expected.to_owned()));
    }
}
