//! Argo CD's two pattern languages: globs (gobwas/glob, by way of argo-cd `util/glob`) and Go's `filepath.Match`. A pattern that
//! cannot be read matches nothing, as in Argo CD.

use regex::Regex;

use super::parts::{Dialect, Parts};

const GLOB: Dialect = Dialect { separator: None, has_alternatives: true, negation: '!' };
const FILE: Dialect = Dialect { separator: Some('/'), has_alternatives: false, negation: '^' };

/// Whether the glob matches `text`. With `separator`, `*` and `?` stop at it and `**` does not.
pub(crate) fn glob(pattern: &str, text: &str, separator: Option<char>) -> bool {
    matches(pattern, text, Dialect { separator, ..GLOB })
}

/// Whether the glob matches `text`; `*` is anything.
pub(crate) fn glob_without_separator(pattern: &str, text: &str) -> bool {
    glob(pattern, text, None)
}

/// The regular expression, without anchors, of a glob in which `*` is anything.
pub fn glob_regex(pattern: &str) -> Option<String> {
    let regex = Parts::read(pattern, GLOB)?.to_regex();
    Regex::new(&regex).is_ok().then_some(regex)
}

/// Argo CD's `globMatch`: a bare `*` is everything, and with `negates`, `!PATTERN` is what the pattern does not match.
pub(super) fn matches_rule(pattern: &str, text: &str, negates: bool, separator: Option<char>) -> bool {
    match denied(pattern).filter(|_| negates) {
        Some(denied) => !glob(denied, text, separator),
        None => pattern == "*" || glob(pattern, text, separator),
    }
}

/// What a deny pattern denies.
pub(super) fn denied(pattern: &str) -> Option<&str> {
    pattern.strip_prefix('!')
}

/// Whether Go's `filepath.Match` matches `text`.
pub(super) fn file(pattern: &str, text: &str) -> bool {
    matches(pattern, text, FILE)
}

fn matches(pattern: &str, text: &str, dialect: Dialect) -> bool {
    let is_plain = !pattern.contains(['*', '?', '[', '\\', '{', '}']);
    if is_plain {
        return pattern == text;
    }
    Parts::read(pattern, dialect).is_some_and(|parts| parts.match_whole(text))
}

/// Whether one of the patterns (names, globs, `/regular expressions/`) names the namespace (argo-cd `util/glob/list.go`,
/// `MatchStringInList`).
pub fn is_in_namespaces(patterns: &[String], namespace: &str) -> bool {
    patterns.iter().any(|pattern| {
        let expression = is_regex(pattern).map(Regex::new);
        expression.is_some_and(|regex| regex.is_ok_and(|regex| regex.is_match(namespace)))
            || glob(pattern, namespace, None)
    })
}

/// The regular expression in `/EXPRESSION/`.
pub fn is_regex(pattern: &str) -> Option<&str> {
    let inner = pattern.strip_prefix('/')?.strip_suffix('/')?;
    (!inner.is_empty()).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::same("apps", "apps", true)]
    #[case::other("apps", "appsx", false)]
    #[case::any("team-*", "team-a/b", true)]
    #[case::one("a?c", "abc", true)]
    #[case::class("[ab]c", "bc", true)]
    #[case::negated("[!ab]c", "bc", false)]
    #[case::range("v[0-9]", "v7", true)]
    #[case::alternatives("{a,b*}-x", "bcd-x", true)]
    #[case::escaped("a\\*", "a*", true)]
    #[case::escaped_not_any("a\\*", "ab", false)]
    #[case::comma("a,b", "a,b", true)]
    #[case::dot_is_a_dot("a.c", "abc", false)]
    #[case::broken("e[[a*", "e[[a*", false)]
    #[case::unclosed("{a", "{a", false)]
    fn globs(#[case] pattern: &str, #[case] text: &str, #[case] expected: bool) {
        assert_eq!(glob(pattern, text, None), expected);
    }

    #[rstest]
    #[case("https://git.example.org/*", "https://git.example.org/a", true)]
    #[case("https://git.example.org/*", "https://git.example.org/a/b", false)]
    #[case("https://git.example.org/**", "https://git.example.org/a/b", true)]
    #[case("*", "https://git.example.org/a/b", true)]
    #[case("!https://git.example.org/*", "https://git.example.org/a", false)]
    #[case("!https://git.example.org/*", "https://other.example.org/a", true)]
    fn rules_with_a_separator(#[case] pattern: &str, #[case] text: &str, #[case] expected: bool) {
        assert_eq!(matches_rule(pattern, text, true, Some('/')), expected);
    }

    #[rstest]
    #[case("*", "Deployment", true)]
    #[case("*", "", true)]
    #[case("Net*", "NetworkPolicy", true)]
    #[case("[^D]*", "Deployment", false)]
    #[case("{A,B}", "A", false)]
    #[case("*.example.org", "apps.example.org", true)]
    #[case("[", "[", false)]
    fn files(#[case] pattern: &str, #[case] text: &str, #[case] expected: bool) {
        assert_eq!(file(pattern, text), expected);
    }

    /// How long a project takes for the objects of a large source; to be read, not judged.
    #[test]
    #[ignore = "a measurement: cargo test --release -- --ignored --nocapture thousand_objects"]
    fn a_thousand_objects_against_twenty_rules() {
        let rules: Vec<String> = (0..20).map(|number| format!("Kind{number}*")).collect();
        let begun = std::time::Instant::now();
        let found = (0..1000).filter(|_| rules.iter().any(|rule| file(rule, "Deployment"))).count();
        eprintln!("1000 objects against 20 rules: {:?}, {found} match", begun.elapsed());
    }

    #[rstest]
    #[case(&["team-a"], "team-a", true)]
    #[case(&["team-*"], "team-b", true)]
    #[case(&["/^team-\\d+$/"], "team-7", true)]
    #[case(&["/^team-\\d+$/"], "team-x", false)]
    #[case(&["/(/"], "x", false)]
    #[case(&["//"], "x", false)]
    #[case(&[], "x", false)]
    fn namespaces(#[case] patterns: &[&str], #[case] namespace: &str, #[case] expected: bool) {
        let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        assert_eq!(is_in_namespaces(&patterns, namespace), expected);
    }
}
