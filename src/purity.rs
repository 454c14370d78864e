//! The pure modules stay pure: their sources name nothing of the outside world.

use std::fs;
use std::path::{Path, PathBuf};

const PURE: &[&str] = &[
    "argo/schema",
    "translate",
    "credentials",
    "mirror",
    "project",
    "repo_server/request.rs",
    "repo_server/repository.rs",
    "registry/manifests.rs",
    "registry/image.rs",
    "plan",
    "policy",
    "adopt",
    "generate",
    "doctor",
    "merge.rs",
    "yaml.rs",
    "cache/settings.rs",
    "cache/keys.rs",
    "cache/codec.rs",
];
const FORBIDDEN: [&str; 11] = [
    "async",
    "tokio",
    "kube::Client",
    "Api<",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "std::env",
    "std::fs",
    "File::open",
    "File::create",
];

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            sources(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        found.push(path.to_owned());
    }
}

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

#[test]
fn pure_modules_reach_for_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for module in PURE {
        sources(&root.join(module), &mut files);
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
            let folder = if file.ends_with("mod.rs") { file.parent().unwrap() } else { file };
            production(text).0.into_iter().map(move |module| folder.with_extension("").join(module))
        })
        .collect();
    // A module is a file or a folder.
    let is_test =
        |file: &Path| tests.iter().any(|test| file.with_extension("") == *test || file.starts_with(test));
    for (file, text) in sources_read.iter().filter(|(file, _)| !is_test(file)) {
        let (_, text) = production(text);
        for word in FORBIDDEN {
            assert!(!text.contains(word), "{} names {word}", file.display());
        }
    }
}
