//! The sources of a Sync: applied where they differ, fetched anew where somebody asked.

use super::super::refresh;
use super::{Outcome, Progress, Turn};
use crate::flux::Live;
use crate::mirror::{Leg, Relation, Resource, SourceState};
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
        let is_selected =
            |leg: &&Leg<'_>| leg.origin.as_ref().is_none_or(|origin| self.selection.has(&origin.key));
        let legs = || self.view.legs.iter().filter(is_selected);
        let waits = match outdated {
            // What was fetched before is not what is wanted now. Applying it is the upkeep's.
            Some(source) => Some(format!("applying {}", source.key)),
            None => legs().find_map(|leg| self.waits_for(leg)),
        };
        if steps.is_empty() && waits.is_none() {
            let failure = legs().find_map(|leg| match &leg.source {
                SourceState::Failed(why) if self.needs_source(leg) => Some(why.clone()),
                _ => None,
            });
            if let Some(why) = failure {
                return Progress::ended(Outcome::failed(why));
            }
            if self.lacks_contents() {
                return Progress::waiting("waiting for the contents of the source");
            }
        }
        Progress::doing(steps, waits.unwrap_or_default())
    }

    fn waits_for(&self, leg: &Leg<'_>) -> Option<String> {
        match &leg.source {
            SourceState::Missing => Some("waiting for the source object".to_owned()),
            SourceState::Fetching(what) => Some(format!("waiting for Flux: {what}")),
            _ => leg
                .parts
                .source
                .filter(|live| !live.is_static() && !self.marks.is_answered(*live))
                .map(|live| format!("waiting for Flux to fetch {}", live.key())),
        }
    }

    /// What a path holds has to be found out first.
    fn lacks_contents(&self) -> bool {
        !self.view.observed.translation.wants.is_empty()
    }

    /// Nothing can be delivered unless the source is fetched. An automated Sync that is under way goes on with what was
    /// fetched before a poll failed.
    fn needs_source(&self, leg: &Leg<'_>) -> bool {
        let is_about_this = |live: Live<'_>| self.marks.is_asked(live) || !live.is_observed();
        self.is_requested || self.lacks_contents() || leg.parts.source.is_some_and(is_about_this)
    }

    fn source_steps(&self, source: &Resource<'_>) -> Vec<Step> {
        // Missing and outdated ones are the upkeep's.
        let is_edited = self.is_edited(source);
        let apply = is_edited.then(|| source.manifest.cloned().map(Step::ApplyObject));
        let changed = is_edited || source.relation == Relation::Outdated;
        // What is applied now is fetched for that.
        let request = source
            .live
            .filter(|live| !changed && self.is_requested && !self.marks.is_new(*live))
            .filter(|live| refresh::may_be_asked(*live) && !self.marks.is_asked(*live))
            .and_then(|live| refresh::request(live, &self.marks.token));
        apply.flatten().into_iter().chain(request).collect()
    }
}
