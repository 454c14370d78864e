//! The sources of a Sync: applied where they differ, fetched anew where somebody asked.

use super::super::refresh;
use super::{Outcome, Progress, Turn};
use crate::flux::Live;
use crate::mirror::{Relation, Resource, SourceState};
use crate::plan::Step;

impl Turn<'_> {
    /// What there is to do about the sources, and what they are waited for.
    pub(super) fn sources(&self) -> Progress {
        let selected = || self.view.source_resources().filter(|source| self.selection.has(&source.key));
        if selected().next().is_none() && self.view.source_resources().next().is_some() {
            return Progress::default();
        }
        let mut steps = Vec::new();
        for source in selected() {
            steps.extend(self.source_steps(source));
        }
        let is_late = |source: &&Resource<'_>| source.relation == Relation::Outdated;
        let outdated = selected().find(is_late).filter(|_| !self.lacks_contents());
        let waits = match (&self.view.source, outdated) {
            // What was fetched before is not what is wanted now. Applying it is the upkeep's.
            (_, Some(source)) => Some(format!("applying {}", source.key)),
            (SourceState::Missing, _) => Some("waiting for the source object".to_owned()),
            (SourceState::Fetching(what), _) => Some(format!("waiting for Flux: {what}")),
            _ => self
                .view
                .parts
                .source
                .filter(|live| !live.is_static() && !self.marks.is_answered(*live))
                .map(|live| format!("waiting for Flux to fetch {}", live.key())),
        };
        if steps.is_empty() && waits.is_none() {
            match &self.view.source {
                SourceState::Failed(why) if self.needs_source() => {
                    return Progress::ended(Outcome::failed(why.clone()));
                }
                _ if self.lacks_contents() => {
                    return Progress::waiting("waiting for the contents of the source");
                }
                _ => {}
            }
        }
        Progress::doing(steps, waits.unwrap_or_default())
    }

    /// What a path holds has to be found out first.
    fn lacks_contents(&self) -> bool {
        !self.view.observed.translation.wants.is_empty()
    }

    /// Nothing can be delivered unless the source is fetched. An automated Sync that is under way goes on with what was
    /// fetched before a poll failed.
    fn needs_source(&self) -> bool {
        let is_about_this = |live: Live<'_>| self.marks.is_asked(live) || !live.is_observed();
        self.is_requested || self.lacks_contents() || self.view.parts.source.is_some_and(is_about_this)
    }

    fn source_steps(&self, source: &Resource<'_>) -> Vec<Step> {
        // Missing and outdated ones are the upkeep's.
        let is_edited = self.is_edited(source);
        let apply = is_edited.then(|| source.manifest.cloned().map(Step::ApplyObject));
        let changed = is_edited || source.relation == Relation::Outdated;
        let request = source
            .live
            .filter(|live| !live.is_static() && (changed || (self.is_requested && !self.marks.is_new(*live))))
            .filter(|live| !self.marks.is_asked(*live))
            .and_then(|live| refresh::request(live, &self.marks.token));
        apply.flatten().into_iter().chain(request).collect()
    }
}
