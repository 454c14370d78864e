//! What an Application says of itself when the bridge has failed on it.

use jiff::Timestamp;
use serde_json::json;

use super::Step;
use super::steps::guarded;
use crate::argo::Application;
use crate::argo::status::Condition;
use crate::mirror::conditions::COMPARISON_ERROR;

/// Beginning of the message, by which the one of an earlier failure is known.
const FAILED: &str = concat!("flux-subsystem ", env!("CARGO_PKG_VERSION"), " has failed on this Application");

/// The step that says so, if that is news; `cause` is what failed and where. Everything else stays as it was told last: nobody
/// knows any better.
pub fn step(app: &Application, cause: &str, now: Timestamp) -> Option<Step> {
    let message = format!(
        "{FAILED}: {cause}; nothing new is delivered, and what was delivered keeps running (a mistake of flux-subsystem's: please \
         report it with this Application; a field or annotation that was added last may be what it fails on)"
    );
    let before = app.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let is_ours =
        |condition: &&Condition| condition.kind == COMPARISON_ERROR && condition.message.starts_with(FAILED);
    if before.iter().filter(is_ours).any(|known| known.message == message) {
        return None;
    }
    let others = before.iter().filter(|condition| !is_ours(condition)).cloned();
    let failed = Condition { kind: COMPARISON_ERROR.to_owned(), message, last_transition_time: Some(now) };
    let mut conditions: Vec<_> = others.chain([failed]).collect();
    conditions.sort_by(|a, b| (&a.kind, &a.message).cmp(&(&b.kind, &b.message)));
    let change = json!({"status": {"conditions": conditions, "sync": {"status": "Unknown"}}});
    Some(Step::PatchApplication(guarded(app, change)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::fixtures::{app, now};
    use serde_json::Value;

    fn told(conditions: &Value, cause: &str) -> Option<Value> {
        let app = app("demo").chart("6.3.5").with(&json!({"status": {"conditions": conditions}})).build();
        match step(&app, cause, now())? {
            Step::PatchApplication(patch) => Some(patch),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_is_told_once_beside_what_was_told_before() {
        let warning = json!({"type": "TranslationWarning", "message": "no effect"});
        let first = told(&json!([warning]), "internal error at a.rs:1").unwrap();
        let conditions = &first["status"]["conditions"];
        let message = conditions[0]["message"].as_str().unwrap();
        assert!(message.contains(env!("CARGO_PKG_VERSION")) && message.contains("a.rs:1"), "{message}");
        assert!(message.contains("report it"), "{message}");
        assert_eq!(
            (&conditions[0]["type"], &conditions[1]["message"]),
            (&json!("ComparisonError"), &json!("no effect"))
        );
        assert_eq!(first["status"]["sync"], json!({"status": "Unknown"}));
        assert_eq!(first["metadata"]["resourceVersion"], "1");
        assert_eq!(told(conditions, "internal error at a.rs:1"), None);
        let next = told(conditions, "internal error at b.rs:2").unwrap();
        assert_eq!(next["status"]["conditions"].as_array().unwrap().len(), 2);
    }
}
