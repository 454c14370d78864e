//! Nobody writes JSON through an index.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use rstest::rstest;

use super::sources_below;

/// The modules that `source` declares for tests alone, and its text without comments and without its tests.
fn production(source: &str) -> (Vec<&str>, String) {
    let mut tests = Vec::new();
    let mut text = String::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            match lines.next().and_then(|next| next.trim().strip_suffix(';')?.split_once("mod ")) {
                Some((_, module)) => tests.push(module),
                // Tests inside a file stand at its end.
                None => break,
            }
        } else if !line.trim_start().starts_with("//") {
            text.push_str(line);
            text.push('\n');
        }
    }
    (tests, text)
}

/// What is compiled without tests below those files and folders, by file.
fn production_below(roots: impl IntoIterator<Item = PathBuf>) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for root in roots {
        sources_below(&root, &mut files);
    }
    assert!(files.len() > 20, "{files:?}");
    let sources_read: Vec<(PathBuf, String)> = files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            (file, text)
        })
        .collect();
    let tests: Vec<PathBuf> = sources_read
        .iter()
        .flat_map(|(file, text)| {
            let folder = if file.ends_with("mod.rs") || file.ends_with("lib.rs") {
                file.parent().unwrap()
            } else {
                file
            };
            production(text).0.into_iter().map(move |module| folder.with_extension("").join(module))
        })
        .collect();
    // A module is a file or a folder.
    let is_test =
        |file: &Path| tests.iter().any(|test| file.with_extension("") == *test || file.starts_with(test));
    let kept = sources_read.into_iter().filter(|(file, _)| !is_test(file));
    kept.map(|(file, text)| (file, production(&text).1)).collect()
}

/// Ways to write through an index. Where the value is no map, or the list is too short, they end the program; where a key is
/// missing, JSON gets a null. Instead: `merge::deep_merge`, `get_mut`, `pointer_mut`, `Map::insert`.
const INDEX_WRITES: [&str; 3] = [
    r"[\w)\]?]\[[^\[\]]*\]\s*(?:[-+*/|&^]|<<|>>)?=[^=>]",
    r"&mut\s+[\w.()?]+\[",
    r"[\w)\]?]\[[^\[\]]*\]\s*\.\s*(?:take|\w+_mut|push\w*|insert|append|remove|retain|extend\w*|clear|sort\w*|truncate|drain|resize)\(",
];

/// The lines of `text` that write through an index.
fn index_writes(text: &str) -> Vec<String> {
    let patterns = INDEX_WRITES.map(|pattern| Regex::new(pattern).unwrap());
    let writes = |line: &&str| patterns.iter().any(|pattern| pattern.is_match(line));
    text.lines().filter(writes).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn nothing_is_written_through_an_index() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found: Vec<_> = production_below([root.join("src"), root.join("e2e/src")])
        .into_iter()
        .flat_map(|(file, text)| {
            index_writes(&text).into_iter().map(move |line| format!("{}: {line}", file.display()))
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[rstest]
#[case(r#"value["a"] = json!(1);"#, true)]
#[case(r#"value["a"][names::B] = json!(1);"#, true)]
#[case("list[index] += 1;", true)]
#[case(r#"let spec = &mut value["spec"];"#, true)]
#[case(r#"let spec = value["spec"].take();"#, true)]
#[case(r#"if let Some(fields) = value["a"]["b"].as_object_mut() {"#, true)]
#[case(r#"if value["a"] == json!(1) {"#, false)]
#[case(r#"let a = &value["a"];"#, false)]
#[case("const NAMES: [&str; 2] = [", false)]
#[case("let none: [u8; 0] = [];", false)]
#[case("fn apply(objects: &mut [Manifest]) {", false)]
#[case("match list.as_slice() { [one] => 1, _ => 0 }", false)]
#[case("#[serde(default)]", false)]
fn writes_through_an_index_are_found(#[case] line: &str, #[case] expected: bool) {
    assert_eq!(!index_writes(line).is_empty(), expected, "{line}");
}
