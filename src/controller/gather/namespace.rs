//! The destination namespace, where it is missing: a source may hold it.

use super::asking::{Asking, asked};
use crate::argo::Application;
use crate::lookup::{Cause, Found, Known};
use crate::names;
use crate::project::{self, AppProject, RenderedObject};
use crate::translate::Translation;

/// The kind of a destination that a source may hold itself.
const NAMESPACE: &str = "Namespace";

impl Asking<'_> {
    /// Whether a source holds the destination namespace, where that is missing and nobody asks for it. No Flux object can
    /// stand there yet, so that it is asked at the revision that the Application names.
    pub(super) fn brings_namespace(&mut self, app: &Application, translation: &Translation) -> bool {
        let shared = self.shared;
        let is_asked = app.is_bridged()
            && !app.is_deleting()
            && app.has_sync_option(names::OPTION_AUTO_CREATE)
            && !app.has_sync_option(names::OPTION_CREATE_NAMESPACE)
            && !translation.has_errors()
            && !shared.cache.has_namespace(&translation.namespace);
        if !is_asked {
            return false;
        }
        let project = shared.cache.project(app, &shared.secrets.repositories());
        let is_permitted = |project: &AppProject| {
            project::violations(app, Some(project), &shared.options.control_namespace).is_empty()
                && project.permits_kind("", NAMESPACE, &translation.namespace, false)
        };
        if !project.is_some_and(|project| is_permitted(&project)) {
            return false;
        }
        self.look_again(self.poll);
        let revisions: Vec<String> =
            app.sources().iter().map(|source| source.target_revision.clone()).collect();
        let is_it = |object: &RenderedObject| {
            (object.group.as_str(), object.kind.as_str()) == ("", NAMESPACE)
                && object.name == translation.namespace
        };
        // An operation that finds no namespace ends before it has a token.
        let begins = || app.operation.as_ref().and(app.metadata.resource_version.clone());
        let token = asked(app).or_else(begins);
        let by_operation = token.map(|token| shared.memory.first_seen(&app.identity(), &token));
        let since = self.refreshed.or(by_operation);
        for index in 0..app.sources().len() {
            let Found { known, flight } = self.held(app, index, &revisions, since);
            match known {
                Known::Answer(objects) if objects.iter().any(is_it) => return true,
                Known::Failure(failure, _, left) => {
                    // That the namespace is missing is told, and why it is not known to be there matters less.
                    tracing::debug!(error = %failure, "cannot look for the namespace in the source");
                    self.flights.extend(flight.map(|flight| (flight, false)));
                    let is_final = failure.cause == Cause::Refused;
                    self.look_again(if is_final {
                        self.poll
                    } else {
                        left.max(std::time::Duration::from_secs(1))
                    });
                }
                known => {
                    self.answer(Found { known, flight });
                }
            }
        }
        false
    }
}
