//! What came of an entry: how its deliveries compare, why, and whether that was expected.

use serde::Serialize;

use super::compare::Difference;
use super::entry::{Entry, Outcome};
use super::side::End;

/// What came of one entry.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// The entry's name.
    pub name: String,
    /// What it tries.
    pub about: String,
    /// How the deliveries compare; nothing when they could not be compared.
    pub outcome: Option<Outcome>,
    /// Why: what was refused and how, or what went wrong.
    pub explanation: Vec<String>,
    /// Where the live objects differ.
    pub differences: Vec<Difference>,
    /// How many objects each delivery had.
    pub objects: [usize; 2],
    /// Why the outcome is right, as the corpus says.
    pub reason: String,
    /// It is what the corpus expects.
    pub is_expected: bool,
    /// How long both deliveries took, in seconds.
    pub seconds: f64,
}

impl Verdict {
    /// The verdict on two deliveries that ended so.
    pub fn of(entry: &Entry, ends: [&End; 2], differences: Vec<Difference>, objects: [usize; 2]) -> Self {
        let (outcome, explanation) = judge(ends, &differences);
        let mut verdict = Self {
            name: entry.name.clone(),
            about: entry.about.clone(),
            outcome,
            explanation,
            differences,
            objects,
            reason: entry.expectation.reason.clone(),
            is_expected: false,
            seconds: 0.0,
        };
        verdict.is_expected = verdict.is_as_expected(entry);
        verdict
    }

    /// An entry that could not be tried.
    pub fn failed(entry: &Entry, error: &anyhow::Error) -> Self {
        let mut verdict = Self::of(entry, [&End::Delivered(String::new()); 2], Vec::new(), [0, 0]);
        verdict.outcome = None;
        verdict.is_expected = false;
        verdict.explanation = vec![format!("{error:#}")];
        verdict
    }

    /// Each line of why.
    pub fn lines(&self) -> Vec<String> {
        self.explanation.iter().cloned().chain(self.differences.iter().map(ToString::to_string)).collect()
    }

    fn is_as_expected(&self, entry: &Entry) -> bool {
        let expectation = &entry.expectation;
        let lines = self.lines();
        let is_said = expectation.says.iter().all(|word| lines.iter().any(|line| line.contains(word)));
        let is_explained = expectation.expect != Outcome::Differs
            || lines.iter().all(|line| expectation.says.iter().any(|word| line.contains(word)));
        let has_objects = self.outcome != Some(Outcome::Identical) || self.objects != [0, 0];
        self.outcome == Some(expectation.expect) && is_said && is_explained && has_objects
    }
}

fn judge(ends: [&End; 2], differences: &[Difference]) -> (Option<Outcome>, Vec<String>) {
    match ends {
        [End::Unsettled(words), _] => (None, vec![format!("Argo CD: {words}")]),
        [_, End::Unsettled(words)] => (None, vec![format!("Flux: {words}")]),
        [End::Refused(plain), End::Refused(bridged)] => {
            (Some(Outcome::RefusedByBoth), vec![format!("Argo CD: {plain}"), format!("Flux: {bridged}")])
        }
        [End::Delivered(_), End::Refused(bridged)] => (Some(Outcome::Refused), vec![bridged.clone()]),
        [End::Refused(plain), End::Delivered(_)] => {
            (Some(Outcome::Differs), vec![format!("only Argo CD refuses: {plain}")])
        }
        [End::Delivered(plain), End::Delivered(bridged)] if plain != bridged => {
            (Some(Outcome::Differs), vec![format!("Application: Argo CD {plain}, Flux {bridged}")])
        }
        [End::Delivered(_), End::Delivered(_)] if differences.is_empty() => {
            (Some(Outcome::Identical), Vec::new())
        }
        [End::Delivered(_), End::Delivered(_)] => (Some(Outcome::Differs), Vec::new()),
    }
}
