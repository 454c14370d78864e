//! `--rendered`: what became of the sources that Argo CD's repo-server renders.

use std::str::FromStr;

use super::checkouts;
use crate::argo::Application;

/// One `--rendered`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    /// Position (counted from one), `ref` or `name` of a source; `None` for the only one.
    source: Option<String>,
    digest: String,
}

impl FromStr for Rendered {
    type Err = String;

    /// `DIGEST` or `SOURCE=DIGEST`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (source, digest) = match text.split_once('=') {
            Some((source, digest)) => (Some(source.to_owned()), digest),
            None => (None, text),
        };
        let is_digest = digest.split_once(':').is_some_and(|(algorithm, hash)| {
            !algorithm.is_empty() && !hash.is_empty() && hash.chars().all(|c| c.is_ascii_hexdigit())
        });
        if source.as_ref().is_some_and(String::is_empty) || !is_digest {
            return Err("write a digest such as sha256:0123…, or SOURCE=sha256:0123…".to_owned());
        }
        Ok(Self { source, digest: digest.to_owned() })
    }
}

/// The digest that is given for the source with that index. One that names no source counts where there is but one.
pub(super) fn of<'a>(all: &'a [Rendered], app: &Application, index: usize) -> Option<&'a str> {
    let sources = app.sources();
    let source = sources.get(index)?;
    let is_it = |rendered: &&Rendered| match &rendered.source {
        Some(name) => checkouts::names(name, index, source),
        None => sources.len() == 1,
    };
    all.iter().find(is_it).map(|rendered| rendered.digest.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::of_the_only_one(&["sha256:aa"], 1, 0, Some("sha256:aa"))]
    #[case::of_which(&["sha256:aa"], 2, 0, None)]
    #[case::by_position(&["2=sha256:bb"], 2, 1, Some("sha256:bb"))]
    #[case::of_another(&["2=sha256:bb"], 2, 0, None)]
    #[case::by_name(&["1=sha256:aa", "web=sha256:cc"], 2, 1, Some("sha256:cc"))]
    #[case::the_first_counts(&["1=sha256:aa", "1=sha256:bb"], 1, 0, Some("sha256:aa"))]
    fn digests(
        #[case] given: &[&str],
        #[case] count: usize,
        #[case] index: usize,
        #[case] expected: Option<&str>,
    ) {
        let names = ["", "web"];
        let sources: Vec<_> = names[..count].iter().map(|name| json!({"path": "a", "name": name})).collect();
        let app: Application =
            serde_json::from_value(json!({"metadata": {"name": "demo"}, "spec": {"sources": sources}}))
                .unwrap();
        let given: Vec<Rendered> = given.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(of(&given, &app, index), expected);
    }

    #[rstest]
    #[case("aa")]
    #[case("=sha256:aa")]
    #[case("web=")]
    #[case("sha256:xyz")]
    fn what_is_no_digest_is_refused(#[case] text: &str) {
        assert!(text.parse::<Rendered>().is_err());
    }
}
