//! Each message that a user can meet has an entry in docs/troubleshooting.md, and each line of an entry a message.

use std::collections::BTreeSet;

use regex::Regex;

use super::{files, first_cells, messages, read, root, section};

const PAGE: &str = "docs/troubleshooting.md";

/// What is found among the messages and is none: a part of one, or a name.
const PARTS: [&str; 29] = [
    "(leave it out)",
    "ConfigMap (known hosts)",
    "Argo CD's Redis",
    "Argo CD's Redis proxy",
    "Argo CD's repo-server",
    "Rights to see",
    "an integer or a string",
    "an object of Kubernetes is a map",
    "an unknown place",
    "for a release, …",
    "from outside of the cluster: kubectl port-forward -n … service/argocd-redis 6379 and --redis 127.0.0.1:6379",
    "helm.valuesFileSchemes in argocd-cm lists the schemes that are allowed",
    "is a directory",
    "it is for Helm repositories over HTTP",
    "no such file or directory",
    "the repository Secret …",
    "source-controller's artifact server",
    "the API server",
    "the address of a value file",
    "the git repository",
    "this setting is",
    "too many levels of symbolic links",
    "too many links",
    "true or false",
    "unable to list files.",
    "unable to read files.",
    "… (give one of them another priority)",
    "… (grant it, or set the annotation …: \"true\")",
    "… or newer is needed",
];

/// One entry of the page: its heading, the messages that it is about, and what it says of them.
struct Entry {
    heading: String,
    messages: Vec<String>,
    says: String,
}

/// The entries: the headings of the third level that have a block of messages.
fn entries() -> Vec<Entry> {
    let text = read(PAGE);
    let parts = text.split("\n### ").skip(1).filter_map(|part| {
        let (heading, rest) = part.split_once('\n')?;
        let (_, rest) = rest.split_once("```text\n")?;
        let (block, rest) = rest.split_once("```")?;
        let says = rest.split("\n## ").next().unwrap_or_default();
        let messages = block.lines().map(str::to_owned).collect();
        Some(Entry { heading: heading.to_owned(), messages, says: says.to_owned() })
    });
    parts.collect()
}

/// Fits the messages that say `line`, with one word in the place of each `…`. The way out that may follow in parentheses is the
/// entry's own to tell.
fn pattern(line: &str) -> Regex {
    let parts: Vec<String> = line.split('…').map(regex::escape).collect();
    Regex::new(&format!(r"^{}(?: \(.*\))?$", parts.join("[^ ]*"))).unwrap()
}

#[test]
fn each_message_has_an_entry() {
    let entries = entries();
    let known: Vec<Regex> =
        entries.iter().flat_map(|entry| &entry.messages).map(|line| pattern(line)).collect();
    let messages = messages::all();
    assert!(messages.len() > 300, "only {} messages are found", messages.len());
    let is_missing = |text: &String| {
        !PARTS.contains(&text.as_str()) && !known.iter().any(|pattern| pattern.is_match(text))
    };
    let missing: Vec<String> = messages
        .iter()
        .filter(|(text, _)| is_missing(text))
        .map(|(text, file)| format!("{file}: {text}"))
        .collect();
    assert!(
        missing.is_empty(),
        "no entry in {PAGE}: write one (or, for a part of a sentence, add it to PARTS in {}): {missing:#?}",
        file!()
    );
}

#[test]
fn each_line_of_an_entry_is_a_message() {
    let messages = messages::all();
    let mut seen = BTreeSet::new();
    for entry in entries() {
        for line in &entry.messages {
            let pattern = pattern(line);
            let is_said = messages.keys().any(|text| pattern.is_match(text));
            assert!(is_said, "{PAGE}: {}: nobody says {line:?} any more", entry.heading);
            assert!(
                seen.insert(line.clone()) || line == "is nothing that Kustomize can be told",
                "{PAGE}: {line:?} twice"
            );
        }
    }
    for part in PARTS {
        assert!(messages.contains_key(part), "{}: nobody says {part:?} any more", file!());
    }
}

#[test]
fn each_entry_has_a_way_out() {
    let entries = entries();
    assert!(entries.len() > 60, "only {} entries", entries.len());
    for entry in entries {
        assert!(!entry.messages.is_empty(), "{PAGE}: {} is about no message", entry.heading);
        assert!(entry.says.contains("**Way out:**"), "{PAGE}: {} has no way out", entry.heading);
    }
}

/// What the sources write in the place of `(…)` in `pattern`, but for tests.
fn said(pattern: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap();
    let sources = files(&root().join("src"), "rs").into_iter().filter(|file| !file.ends_with("tests.rs"));
    let texts: Vec<String> = sources.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let found = texts.iter().flat_map(|text| pattern.captures_iter(text));
    found.map(|found| found[1].to_owned()).collect()
}

#[test]
fn each_type_of_condition_is_explained() {
    let page = read(PAGE);
    let explained: BTreeSet<String> =
        first_cells(section(&page, "### Conditions")).into_iter().map(str::to_owned).collect();
    assert_eq!(explained, said(r#"const \w+: &str = "([A-Z]\w+(?:Error|Warning))";"#));
}

#[test]
fn each_event_is_explained() {
    let page = read(PAGE);
    let explained: BTreeSet<String> =
        first_cells(section(&page, "### Events")).into_iter().map(str::to_owned).collect();
    assert_eq!(explained, said(r#"\breason: "([A-Z][a-z]+[A-Z]\w+)""#));
}
