//! Argo CD's build environment in parameters and paths: `$ARGOCD_APP_NAME` and the like.
//!
//! Syntax is Go's `os.Expand`, with `$$` for a dollar sign (argo-cd `types.go`, `Env.Envsubst`); the variables are those of
//! `repository.go`, `newEnv`.

use crate::argo::{Application, ApplicationSource};

/// The variables whose value is the resolved revision, which is not known before the delivery.
const REVISIONS: [&str; 3] =
    ["ARGOCD_APP_REVISION", "ARGOCD_APP_REVISION_SHORT", "ARGOCD_APP_REVISION_SHORT_8"];

/// The variables of one source.
#[derive(Clone, Debug)]
pub(super) struct Environment<'a> {
    app: &'a Application,
    source: &'a ApplicationSource,
    instance: String,
}

impl<'a> Environment<'a> {
    /// The environment in which Argo CD would render `source`.
    pub(super) fn new(app: &'a Application, source: &'a ApplicationSource, control_namespace: &str) -> Self {
        Self { app, source, instance: app.instance_name(control_namespace) }
    }

    /// `text` with its variables replaced; unknown ones by nothing.
    ///
    /// The error is the name of a variable that holds the revision.
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
                Some(name) if REVISIONS.contains(&name) => return Err(name.to_owned()),
                Some(name) => result.push_str(self.value(name).unwrap_or_default()),
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
    fn the_revision_is_not_known_here(#[case] text: &str, #[case] name: &str) {
        let app = app("argocd");
        let environment = Environment::new(&app, &app.sources()[0], "argocd");
        assert_eq!(environment.substitute(text), Err(name.to_owned()));
    }
}
