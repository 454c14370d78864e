//! `docs/security.md` names a test for whatever somebody could try: each of them exists, and none of those in `borders/` is
//! missing there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// How many attempts are tried at least.
const AT_LEAST: usize = 25;

fn promises() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promises")
}

/// The names between backticks in the last cell of each row that has a test there: `file` or `file::function`.
fn named(text: &str) -> BTreeSet<String> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    let last = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    let words = last.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    words.filter(|word| word.contains('_') && !word.contains(['.', ' '])).map(str::to_owned).collect()
}

/// The tests of a file, by name.
fn tests(file: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_test = |pair: &&[&str]| matches!(pair.first(), Some(&("#[tokio::test]" | "#[test]")));
    let name = |pair: &[&str]| {
        let line = pair.get(1)?;
        Some(line.trim_start_matches("async ").strip_prefix("fn ")?.split('(').next()?.to_owned())
    };
    Ok(lines.windows(2).filter(is_test).filter_map(name).collect())
}

#[test]
fn each_attempt_has_its_test_and_each_test_its_attempt() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/security.md");
    let named = named(&fs::read_to_string(path)?);
    for name in &named {
        let (file, function) = name.split_once("::").unwrap_or((name, ""));
        let found = tests(&promises().join(format!("{file}.rs")))?;
        ensure!(!found.is_empty(), "docs/security.md: {file}.rs holds no test");
        ensure!(
            function.is_empty() || found.iter().any(|one| one == function),
            "docs/security.md: no {name}"
        );
    }
    let mut count = 0;
    for entry in fs::read_dir(promises().join("borders"))? {
        let file = entry?.path();
        let stem =
            file.file_stem().and_then(|stem| stem.to_str()).context("a file without a name")?.to_owned();
        let found = tests(&file)?;
        count += found.len();
        let whole = format!("borders/{stem}");
        let missing = found.iter().filter(|one| !named.contains(&format!("{whole}::{one}")));
        let missing: Vec<_> = missing.collect();
        ensure!(
            named.contains(&whole) || missing.is_empty(),
            "docs/security.md does not name {whole}: {missing:?}"
        );
    }
    ensure!(count >= AT_LEAST, "only {count} attempts are tried");
    Ok(())
}
