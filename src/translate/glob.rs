//! Argo CD's globs (gobwas/glob without separators) in the words of `.gitignore`, for names of files in one folder.

/// The most patterns that one with braces becomes: each pair of them multiplies.
const MAX_WORDS: usize = 256;
/// The most pairs of braces in one pattern.
const MAX_PAIRS: usize = 32;

/// The patterns that together match the names of files that `pattern` matches; `None` when `.gitignore` cannot say it, or only in
/// more words than [`MAX_WORDS`], of more pairs of braces than [`MAX_PAIRS`].
///
/// A name holds no slash, so a `*` that would cross one and one that would not are the same.
pub(super) fn words(pattern: &str) -> Option<Vec<String>> {
    if pattern.matches('{').count() > MAX_PAIRS {
        return None;
    }
    let alternatives = alternatives(pattern)?;
    // What asks for a slash matches no name.
    let words = alternatives.into_iter().filter(|word| !word.contains('/'));
    Some(words.map(|word| literal(&word)).collect())
}

/// `a{b,c}` as `ab` and `ac`.
fn alternatives(pattern: &str) -> Option<Vec<String>> {
    // Escapes and classes mean slightly different things on both sides.
    if pattern.contains(['\\', '[', ']']) {
        return None;
    }
    let Some((before, rest)) = pattern.split_once('{') else {
        return (!pattern.contains('}')).then(|| vec![pattern.to_owned()]);
    };
    let (inside, after) = rest.split_once('}')?;
    if before.contains('}') || inside.contains('{') {
        return None;
    }
    let tails = alternatives(after)?;
    if inside.split(',').count().saturating_mul(tails.len()) > MAX_WORDS {
        return None;
    }
    let heads = inside.split(',').map(|choice| format!("{before}{choice}"));
    Some(
        heads
            .flat_map(|head| tails.iter().map(move |tail| format!("{head}{tail}")).collect::<Vec<_>>())
            .collect(),
    )
}

/// With everything escaped that only `.gitignore` gives a meaning, and runs of `*` made one.
fn literal(word: &str) -> String {
    let mut escaped = String::with_capacity(word.len());
    for c in word.chars() {
        if matches!(c, '!' | '#' | ' ') {
            escaped.push('\\');
        }
        if c != '*' || !escaped.ends_with('*') {
            escaped.push(c);
        }
    }
    escaped
}

/// `text` as a glob that matches nothing else.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '*' | '?' | '[' | ']' | '{' | '}' | ',' | '!') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("*.yaml", Some(&["*.yaml"][..]))]
    #[case("**.yaml", Some(&["*.yaml"][..]))]
    #[case("{a,b}-?.{yaml,yml}", Some(&["a-?.yaml", "a-?.yml", "b-?.yaml", "b-?.yml"][..]))]
    #[case("{config.yaml,env-use2/*}", Some(&["config.yaml"][..]))]
    #[case("sub/*", Some(&[][..]))]
    #[case("#a b!", Some(&["\\#a\\ b\\!"][..]))]
    #[case("[ab].yaml", None)]
    #[case("a\\*", None)]
    #[case("{a,{b,c}}", None)]
    #[case(&"{a,b}".repeat(30), None)]
    #[case::as_deep_as_a_stack(&"{a}".repeat(100_000), None)]
    #[case("{a", None)]
    #[case("a}", None)]
    fn in_gitignore(#[case] pattern: &str, #[case] expected: Option<&[&str]>) {
        let expected = expected.map(|words| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(words(pattern), expected);
    }
}
