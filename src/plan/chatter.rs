//! Words of progress that change faster than anybody reads them are written at most every [`PAUSE`].

use std::time::Duration;

use jiff::Timestamp;

use crate::argo::Application;
use crate::argo::status::ApplicationStatus;

/// The least time between two writes that change nothing but words.
const PAUSE: Duration = Duration::from_secs(2);

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

/// The status without words. While an operation runs, the objects' own states count as words, too: what people and
/// programs wait for is its end.
fn wordless(status: &ApplicationStatus) -> ApplicationStatus {
    let mut status = status.clone();
    status.health.message.clear();
    if status.operation_state.as_ref().is_some_and(|operation| !operation.phase.is_completed()) {
        status.resources.clear();
    }
    for health in status.resources.iter_mut().filter_map(|resource| resource.health.as_mut()) {
        health.message.clear();
    }
    if let Some(operation) = &mut status.operation_state {
        operation.message.clear();
        if operation.phase.is_completed() {
            operation
                .sync_result
                .iter_mut()
                .flat_map(|r| &mut r.resources)
                .for_each(|line| line.message.clear());
        } else {
            operation.sync_result = None;
        }
    }
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
        assert!(!may_wait(&app, &status("installing", "Progressing"), at(2)));
        assert!(!may_wait(&app, &status("", "Healthy"), at(1)));
        assert_eq!(delay(&app, &status("pulling", "Progressing"), at(1)), None);
    }
}
