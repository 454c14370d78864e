//! Words of progress that change faster than anybody reads them are written only now and then; the more rarely, the more
//! Applications are syncing at once: they share one API server, and nobody watches them all.

use std::time::Duration;

use crate::argo::status::ApplicationStatus;
use crate::mirror::Observed;

/// The least and the longest time between two writes that change nothing but words, in seconds.
const PAUSE: (u64, u64) = (2, 15);
/// So many syncing Applications make the time longer by a second.
const CROWD: usize = 10;

/// When to write the words that differ; `None` when nothing waits for that, or when more than words differs.
pub(super) fn delay(observed: &Observed, desired: &ApplicationStatus) -> Option<Duration> {
    let current = observed.app.status.as_ref()?;
    let is_chatter = current != desired && wordless(current) == wordless(desired);
    let since = observed.now.duration_since(current.reconciled_at?).unsigned_abs();
    pause(observed.syncing).checked_sub(since).filter(|rest| is_chatter && !rest.is_zero())
}

fn pause(syncing: usize) -> Duration {
    let crowd = u64::try_from(syncing / CROWD).unwrap_or(u64::MAX);
    Duration::from_secs(PAUSE.0.saturating_add(crowd).min(PAUSE.1))
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
    use crate::argo::Application;
    use crate::mirror::fixtures::app;
    use jiff::SignedDuration;
    use serde_json::json;
    use std::sync::Arc;

    fn status(message: &str, health: &str) -> ApplicationStatus {
        let health = json!({"status": health, "message": message});
        serde_json::from_value(json!({"health": health, "reconciledAt": "2026-01-01T00:00:00Z"})).unwrap()
    }

    /// Seconds after the last write, beside so many syncing Applications.
    fn observed(seconds: i64, syncing: usize) -> Observed {
        let app = Application { status: Some(status("pulling", "Progressing")), ..Application::default() };
        let written = app.status.as_ref().and_then(|status| status.reconciled_at).unwrap();
        let now = written + SignedDuration::from_secs(seconds);
        Observed { now, syncing, app: Arc::new(app), ..self::app("demo").observed() }
    }

    #[test]
    fn only_words_wait_and_not_for_long() {
        let words = status("installing", "Progressing");
        assert_eq!(delay(&observed(1, 0), &words), Some(Duration::from_secs(1)));
        assert_eq!(delay(&observed(2, 0), &words), None);
        assert_eq!(delay(&observed(1, 0), &status("", "Healthy")), None);
        assert_eq!(delay(&observed(1, 0), &status("pulling", "Progressing")), None);
    }

    #[test]
    fn they_wait_longer_in_a_crowd() {
        let words = status("installing", "Progressing");
        assert_eq!(delay(&observed(2, 100), &words), Some(Duration::from_secs(10)));
        assert_eq!(delay(&observed(15, 100_000), &words), None);
    }
}
