//! The verdicts as people read them: lines, a table, Markdown.

use std::fmt::Write as _;

use super::entry::Outcome;
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
    let word = verdict.outcome.map_or("failed", Outcome::word);
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

/// The table of `e2e/parity/TABLE.md`.
pub fn markdown(verdicts: &[Verdict]) -> String {
    let mut text = format!(
        "# The corpus, delivered by stock Argo CD and by Flux\n\n\
         Written by `cargo parity --table`. Each row is an Application of `e2e/parity/corpus/`, delivered twice on the \
         real programs; compared are the live objects, without names of owners and the tools' own labels and \
         annotations.\n\n{}\n\n\
         | Application | what it tries | outcome | why |\n|---|---|---|---|\n",
        sums(verdicts)
    );
    for verdict in verdicts {
        let word = verdict.outcome.map_or("failed", Outcome::word);
        let [name, about, why] =
            [&verdict.name, &verdict.about, &verdict.reason].map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(text, "| `{name}` | {about} | {word} | {why} |");
    }
    text
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
