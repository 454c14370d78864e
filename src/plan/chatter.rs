//! Words of progress that change faster than anybody reads them are written at most every [`PAUSE`].

use std::time::Duration;

use jiff::Timestamp;

use crate::argo::Application;
use crate::argo::status::ApplicationStatus;

/// The least time between two writes that change nothing but words.
const PAUSE: Duration = Duration::from_secs(3);

/// Only words differ, and the last write is too fresh.
pub(super) fn may_wait(app: &Application, desired: &ApplicationStatus, now: Timestamp) -> bool {
    delay(app, desired, now).is_some()
}

/// When to write the words that differ; `None` when nothing waits for that.
pub(super) fn delay(app: &Application, desired: &ApplicationStatus, now: Timestamp) -> Option<Duration> {
    let current = app.status.as_ref()?;
    let is_chatter = current != desired && wordless(current) == wordless(desired);
    let since = now.duration_since(current.reconciled_at?).unsigned_abs();
    PAUSE.checked_sub(since).filter(|rest| is_chatter && !rest.is_zero())
}

/// The status without words. While an operation runs, everything but its phase and the conditions is words: what
/// people and programs wait for is its end, and on the way there the objects' states change several times a second.
fn wordless(status: &ApplicationStatus) -> ApplicationStatus {
    let running = status.operation_state.as_ref().filter(|operation| !operation.phase.is_completed());
    if let Some(running) = running {
        let mut running = running.clone();
        running.message.clear();
        running.sync_result = None;
        let conditions = status.conditions.clone();
        return ApplicationStatus {
            conditions,
            operation_state: Some(running),
            ..ApplicationStatus::default()
        };
    }
    let mut status = status.clone();
    status.health.message.clear();
    for health in status.resources.iter_mut().filter_map(|resource| resource.health.as_mut()) {
        health.message.clear();
    }
    let result = status.operation_state.as_mut().and_then(|operation| operation.sync_result.as_mut());
    result.into_iter().flat_map(|result| &mut result.resources).for_each(|line| line.message.clear());
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(message: &str, health: &str) -> ApplicationStatus {
        let reconciled = "2026-01-01T00:00:00Z";
        serde_json::from_value(
            json!({"health": {"status": health, "message": message}, "reconciledAt": reconciled}),
        )
        .unwrap()
    }

    #[test]
    fn only_words_wait_and_not_for_long() {
        let app = Application { status: Some(status("pulling", "Progressing")), ..Application::default() };
        let at = |second: i64| Timestamp::from_second(1_767_225_600 + second).unwrap();
        assert!(may_wait(&app, &status("installing", "Progressing"), at(1)));
        assert!(!may_wait(&app, &status("installing", "Progressing"), at(3)));
        assert!(!may_wait(&app, &status("", "Healthy"), at(1)));
        assert_eq!(delay(&app, &status("pulling", "Progressing"), at(1)), None);
    }
}
