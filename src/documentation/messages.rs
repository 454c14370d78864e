//! The sentences that the sources hold for people, found by reading the sources.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::path::Path;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree, token_stream};

use super::{files, root};

/// Where nothing is said in an Application's conditions or operations, nor by the doctor: what commands print when they
/// fail, logs, the text of `--help`; and health, which is told in Argo CD's own words.
const ELSEWHERE: [&str; 11] = [
    "src/architecture",
    "src/cli",
    "src/cache",
    "src/documentation",
    "src/lease",
    "src/lease.rs",
    "src/metrics",
    "src/metrics.rs",
    "src/mirror/live/health",
    "src/serve.rs",
    "src/telemetry.rs",
];
/// Files for tests alone.
const TESTS: [&str; 6] = ["tests.rs", "testing.rs", "fixtures.rs", "goldens.rs", "costs.rs", "properties.rs"];
/// Macros that say nothing to a user.
const SILENT_MACROS: [&str; 11] = [
    "trace",
    "debug",
    "info",
    "warn",
    "error",
    "assert",
    "assert_eq",
    "debug_assert",
    "panic",
    "unreachable",
    "eprintln",
];
/// Functions that compare what somebody else said, or end the program.
const SILENT_CALLS: [&str; 7] =
    ["expect", "contains", "starts_with", "ends_with", "strip_prefix", "strip_suffix", "is_about"];
/// How a way out begins. It follows a message, whose entry has more to say about it.
const WAYS_OUT: [&str; 44] = [
    "add", "annotate", "apply", "ask", "begin", "commit", "correct", "create", "deliver", "drop", "give",
    "grant", "install", "keep", "kubectl", "leave", "let", "log", "look", "make", "mend", "name", "put",
    "quote", "raise", "refer", "remove", "restart", "say", "see", "set", "start", "switch", "sync", "take",
    "try", "turn", "upgrade", "use", "wait", "write", "declare", "move", "allow",
];
/// A text of fewer words is a name, or a part of a sentence.
const WORDS: usize = 3;

/// What the sources say, with `…` for what is filled in, and the file that each stands in first.
pub(super) fn all() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for room in ELSEWHERE {
        assert!(root().join(room).exists(), "{room} is elsewhere now: correct ELSEWHERE in {}", file!());
    }
    for file in files(&root().join("src"), "rs") {
        let path = file.strip_prefix(root()).unwrap();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_elsewhere = ELSEWHERE.iter().any(|room| path.starts_with(Path::new(room)));
        if is_elsewhere || TESTS.contains(&name) || path.components().any(|part| part.as_os_str() == "tests")
        {
            continue;
        }
        let tokens: TokenStream = std::fs::read_to_string(&file).unwrap().parse().unwrap();
        let mut texts = Vec::new();
        walk(tokens, &mut texts);
        for text in texts {
            let text = fixed(&text);
            if is_message(&text) {
                found.entry(text).or_insert_with(|| path.display().to_string());
            }
        }
    }
    found
}

/// Whether it is said to somebody, and is no way out.
fn is_message(text: &str) -> bool {
    let is_word = |word: &&str| word.chars().all(|c| c.is_alphabetic() || "'(),.:;`-".contains(c));
    let first = text.split([' ', ':']).next().unwrap_or_default();
    text.split_whitespace().filter(is_word).filter(|word| word.len() > 1 || *word == "a").count() >= WORDS
        && !WAYS_OUT.contains(&first)
}

/// The text with `…` in the place of each `{…}`.
fn fixed(text: &str) -> String {
    let mut kept = String::new();
    let mut depth = 0_u32;
    let text = text.replace("{{", "(").replace("}}", ")");
    for c in text.chars() {
        match c {
            '{' => {
                if depth == 0 {
                    kept.push('…');
                }
                depth += 1;
            }
            '}' => depth = depth.saturating_sub(1),
            c if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept.trim().to_owned()
}

/// Collects the texts of `tokens`, but for those of tests, comments, logs and comparisons.
fn walk(tokens: TokenStream, found: &mut Vec<String>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => attribute(&mut tokens, found),
            TokenTree::Ident(name) => {
                let name = name.to_string();
                let is_macro = next_is(&mut tokens, '!');
                if is_macro {
                    tokens.next();
                }
                let is_silent = if is_macro {
                    SILENT_MACROS.contains(&name.as_str())
                } else {
                    SILENT_CALLS.contains(&name.as_str())
                };
                if is_silent && matches!(tokens.peek(), Some(TokenTree::Group(_))) {
                    tokens.next();
                }
            }
            TokenTree::Group(group) => walk(group.stream(), found),
            TokenTree::Literal(literal) => found.extend(text(&literal.to_string())),
            TokenTree::Punct(_) => {}
        }
    }
}

/// After a `#`: thiserror's messages are taken, an item for tests alone is passed over.
fn attribute(tokens: &mut Peekable<token_stream::IntoIter>, found: &mut Vec<String>) {
    if next_is(tokens, '!') {
        tokens.next();
    }
    let Some(TokenTree::Group(group)) = tokens.next() else { return };
    let words = group.stream().to_string();
    if words.starts_with("error") {
        walk(group.stream(), found);
    } else if words.replace(' ', "") == "cfg(test)" {
        for token in tokens.by_ref() {
            let is_body = |group: &Group| group.delimiter() == Delimiter::Brace;
            match token {
                TokenTree::Group(group) if is_body(&group) => break,
                TokenTree::Punct(punct) if punct.as_char() == ';' => break,
                _ => {}
            }
        }
    }
}

fn next_is(tokens: &mut Peekable<token_stream::IntoIter>, c: char) -> bool {
    matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == c)
}

/// What a literal of text says; `None` for numbers, characters and bytes.
fn text(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('r') {
        return Some(raw.trim_matches('#').trim_matches('"').to_owned());
    }
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut said = String::new();
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            said.push(c);
            continue;
        }
        match chars.next()? {
            'n' => said.push(' '),
            // A line that goes on: without the spaces at the beginning of the next one.
            '\n' => while chars.next_if(|c| c.is_whitespace()).is_some() {},
            other => said.push(other),
        }
    }
    Some(said)
}

#[test]
fn texts_are_found_where_they_are_said() {
    let source = r#"
        /// A comment says nothing to a user.
        #[error("{url} is larger than {MAX} bytes")]
        #[arg(long, help = "this is a flag")]
        fn one() {
            tracing::warn!("this is a log");
            if message.contains("what somebody else said") {}
            draft.error(field, format!("{a} and {b} are \
                not one"), "take one of them out");
        }
        #[cfg(test)]
        mod tests { const TEXT: &str = "this is a test"; }
    "#;
    let mut found = Vec::new();
    walk(source.parse().unwrap(), &mut found);
    let said: Vec<String> = found.iter().map(|text| fixed(text)).collect();
    assert_eq!(said, ["… is larger than … bytes", "… and … are not one", "take one of them out"]);
    let messages: Vec<&String> = said.iter().filter(|text| is_message(text)).collect();
    assert_eq!(messages, ["… is larger than … bytes", "… and … are not one"]);
}
