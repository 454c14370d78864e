//! Argo CD's two pattern languages, as regular expressions: globs (gobwas/glob, by way of argo-cd `util/glob`) and Go's
//! `filepath.Match`. A pattern that cannot be read matches nothing, as in Argo CD.

use regex::Regex;

/// Whether the glob matches `text`. With `separator`, `*` and `?` stop at it and `**` does not.
pub(crate) fn glob(pattern: &str, text: &str, separator: Option<char>) -> bool {
    let other = separator.map_or_else(|| ".".to_owned(), |separator| format!("[^{separator}]"));
    let mut translation = Translation { other, has_alternatives: true, negation: '!', depth: 0 };
    matches(translation.translate(pattern), text)
}

/// Whether the glob matches `text`; `*` is anything.
pub(crate) fn glob_without_separator(pattern: &str, text: &str) -> bool {
    glob(pattern, text, None)
}

/// The regular expression, without anchors, of a glob in which `*` is anything.
pub fn glob_regex(pattern: &str) -> Option<String> {
    let mut translation =
        Translation { other: ".".to_owned(), has_alternatives: true, negation: '!', depth: 0 };
    translation.translate(pattern).filter(|regex| Regex::new(regex).is_ok())
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
    let mut translation =
        Translation { other: "[^/]".to_owned(), has_alternatives: false, negation: '^', depth: 0 };
    matches(translation.translate(pattern), text)
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

fn matches(regex: Option<String>, text: &str) -> bool {
    regex
        .and_then(|regex| Regex::new(&format!("(?s)^(?:{regex})$")).ok())
        .is_some_and(|regex| regex.is_match(text))
}

struct Translation {
    /// What `*` and `?` stand for.
    other: String,
    has_alternatives: bool,
    /// What negates a character class.
    negation: char,
    depth: usize,
}

impl Translation {
    fn translate(&mut self, pattern: &str) -> Option<String> {
        let mut regex = String::new();
        let mut rest = pattern.chars().peekable();
        while let Some(character) = rest.next() {
            match character {
                '*' => {
                    let mut stars = 1;
                    while rest.next_if_eq(&'*').is_some() {
                        stars += 1;
                    }
                    let any = if self.has_alternatives && stars > 1 { "." } else { &self.other };
                    regex.push_str(any);
                    regex.push('*');
                }
                '?' => regex.push_str(&self.other),
                '\\' => regex.push_str(&regex::escape(&rest.next()?.to_string())),
                '[' => regex.push_str(&self.class(&mut rest)?),
                '{' if self.has_alternatives => {
                    self.depth += 1;
                    regex.push_str("(?:");
                }
                '}' if self.has_alternatives => {
                    self.depth = self.depth.checked_sub(1)?;
                    regex.push(')');
                }
                ',' if self.depth > 0 => regex.push('|'),
                other => regex.push_str(&regex::escape(&other.to_string())),
            }
        }
        (self.depth == 0).then_some(regex)
    }

    fn class(&self, rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
        let is_negated = rest.next_if_eq(&self.negation).is_some();
        let mut members = String::new();
        loop {
            let low = match rest.next()? {
                ']' if !members.is_empty() => break,
                ']' => return None,
                '\\' => rest.next()?,
                character => character,
            };
            members.push_str(&literal(low));
            if rest.next_if_eq(&'-').is_some() {
                let high = match rest.next()? {
                    ']' => return None,
                    '\\' => rest.next()?,
                    character => character,
                };
                members.push('-');
                members.push_str(&literal(high));
            }
        }
        Some(format!("[{}{members}]", if is_negated { "^" } else { "" }))
    }
}

/// A character inside a class.
fn literal(character: char) -> String {
    if character.is_ascii_punctuation() { format!("\\{character}") } else { character.to_string() }
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
