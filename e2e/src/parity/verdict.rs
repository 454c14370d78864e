//! What came of an entry: how its deliveries compare, why, and whether that was expected.

use serde::Serialize;

use super::compare::Difference;
use super::entry::{Entry, Outcome};
use super::side::{End, Side};

/// What came of one entry.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// The entry's name.
    pub name: String,
    /// What it tries.
    pub about: String,
    /// How the deliveries compare; nothing when they could not be compared.
    pub outcome: Option<Outcome>,
    /// The deliveries that ended without anything delivered.
    pub failed: Vec<Side>,
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
            failed: failed(ends),
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

    /// An Application that could not be tried.
    pub fn failed(name: &str, about: &str, error: &anyhow::Error) -> Self {
        Self {
            name: name.to_owned(),
            about: about.to_owned(),
            outcome: None,
            failed: vec![Side::Plain, Side::Bridged],
            explanation: vec![format!("{error:#}")],
            differences: Vec::new(),
            objects: [0, 0],
            reason: String::new(),
            is_expected: false,
            seconds: 0.0,
        }
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

fn failed(ends: [&End; 2]) -> Vec<Side> {
    let sides = [Side::Plain, Side::Bridged].into_iter().zip(ends);
    sides.filter(|(_, end)| !end.is_delivered()).map(|(side, _)| side).collect()
}

fn judge(ends: [&End; 2], differences: &[Difference]) -> (Option<Outcome>, Vec<String>) {
    let both = || vec![format!("plain, by Argo CD: {}", ends[0]), format!("bridged, by Flux: {}", ends[1])];
    match ends {
        [End::Unsettled(_) | End::Failed(_), _] | [_, End::Unsettled(_) | End::Failed(_)] => (None, both()),
        [End::Refused(_), End::Refused(_)] => (Some(Outcome::RefusedByBoth), both()),
        [End::Delivered(_), End::Refused(_)] => (Some(Outcome::Refused), both()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(plain: &End, bridged: &End) -> Verdict {
        let entry = Entry {
            name: "web".into(),
            about: "app.yaml".into(),
            application: String::new(),
            before: String::new(),
            expectation: crate::parity::entry::Expectation::default(),
            fixed: None,
        };
        Verdict::of(&entry, [plain, bridged], Vec::new(), [1, 1])
    }

    #[test]
    fn each_verdict_says_which_side_failed_and_why() {
        let delivered = End::Delivered("Synced/Healthy".into());
        let good = verdict(&delivered, &delivered);
        assert!(good.is_expected && good.failed.is_empty() && good.lines().is_empty());

        let failed = verdict(&delivered, &End::Failed("no route".into()));
        assert_eq!((failed.outcome, failed.failed.as_slice()), (None, [Side::Bridged].as_slice()));
        let lines = ["plain, by Argo CD: delivered, Synced/Healthy", "bridged, by Flux: failed: no route"];
        assert_eq!(failed.lines(), lines);

        let refused = verdict(&delivered, &End::Refused("no such field".into()));
        assert_eq!(
            (refused.outcome, refused.failed.as_slice()),
            (Some(Outcome::Refused), [Side::Bridged].as_slice())
        );
        assert!(refused.lines()[1].ends_with("no such field"));

        let unsettled = verdict(&End::Unsettled("still OutOfSync".into()), &delivered);
        assert_eq!((unsettled.outcome, unsettled.failed.as_slice()), (None, [Side::Plain].as_slice()));

        let other = verdict(&delivered, &End::Delivered("Synced/Degraded".into()));
        assert_eq!((other.outcome, other.failed.is_empty()), (Some(Outcome::Differs), true));
    }
}
