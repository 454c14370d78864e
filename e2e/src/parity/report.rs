//! The verdicts as people read them: lines, a table, Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::entry::{Entry, Outcome};
use super::run::count;
use super::verdict::Verdict;

/// Reasons printed for one entry that is not as expected; `--json` has all.
const MOST: usize = 12;
/// The outcomes in the order of the sums.
const OUTCOMES: [Outcome; 4] =
    [Outcome::Identical, Outcome::Differs, Outcome::Refused, Outcome::RefusedByBoth];

/// One line on one entry.
pub fn line(verdict: &Verdict) -> String {
    let sign = if verdict.is_expected { "✓" } else { "✗" };
    let failed = || {
        format!("failed: {}", verdict.failed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
    };
    let word = verdict.outcome.map_or_else(failed, |outcome| outcome.word().to_owned());
    format!("{sign} {:<32} {word:<15} {:>5.1}s", verdict.name, verdict.seconds)
}

/// The table, and below it the reasons of what is not as expected.
pub fn text(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        let why =
            if verdict.is_expected { verdict.reason.clone() } else { "not as expected, see below".into() };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} {why}", line(verdict));
    }
    for verdict in verdicts.iter().filter(|verdict| !verdict.is_expected) {
        let _ = writeln!(text, "\n{}: {}", verdict.name, verdict.about);
        let lines = verdict.lines();
        for line in lines.iter().take(MOST) {
            let _ = writeln!(text, "  {line}");
        }
        if lines.len() > MOST {
            let _ = writeln!(text, "  … and {} more", lines.len() - MOST);
        }
        if lines.is_empty() {
            let [plain, bridged] = verdict.objects;
            let _ = writeln!(text, "  no difference: {plain} objects of Argo CD, {bridged} of Flux");
        }
    }
    let _ = writeln!(text, "\n{}", sums(verdicts));
    text
}

/// `e2e/parity/TABLE.md` with these verdicts: rows of `entries` that were not tried now stay as they are in `before`.
pub fn markdown(entries: &[Entry], verdicts: &[Verdict], before: &str) -> String {
    let mut rows: BTreeMap<&str, String> = BTreeMap::new();
    for entry in entries {
        let start = format!("| `{}` |", entry.name);
        if let Some(row) = before.lines().find(|row| row.starts_with(&start)) {
            rows.insert(&entry.name, row.to_owned());
        }
    }
    for verdict in verdicts {
        let word = verdict.outcome.map_or("failed", Outcome::word);
        let why = if verdict.is_expected {
            verdict.reason.clone()
        } else {
            format!("not expected: {}", verdict.lines().join("; "))
        };
        let cells = [verdict.about.as_str(), word, why.as_str()]
            .map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        rows.insert(&verdict.name, format!("| `{}` | {} |", verdict.name, cells.join(" | ")));
    }
    let count = |outcome: Outcome| {
        let cell = format!("| {} |", outcome.word());
        rows.values().filter(|row| row.contains(&cell)).count()
    };
    let sums: Vec<String> =
        OUTCOMES.iter().map(|outcome| format!("{} {}", count(*outcome), outcome.word())).collect();
    let rows_text: Vec<&str> = rows.values().map(String::as_str).collect();
    format!(
        "# The corpus, delivered by stock Argo CD and by Flux\n\n\
         Written by `cargo parity --table`. Each row is an Application of `e2e/parity/corpus/`, delivered twice on the \
         real programs; compared are the live objects, without names of owners and the tools' own labels and \
         annotations.\n\n{} Applications: {}\n\n\
         | Application | what it tries | outcome | why |\n|---|---|---|---|\n{}\n",
        rows.len(),
        sums.join(", "),
        rows_text.join("\n"),
    )
}

/// How many there are of each.
pub fn sums(verdicts: &[Verdict]) -> String {
    let mut parts = vec![format!("{} Applications", verdicts.len())];
    parts.extend(OUTCOMES.map(|outcome| format!("{} {}", count(verdicts, outcome), outcome.word())));
    let unexpected = verdicts.iter().filter(|verdict| !verdict.is_expected).count();
    if unexpected > 0 {
        parts.push(format!("{unexpected} not as expected"));
    }
    parts.join(", ")
}
