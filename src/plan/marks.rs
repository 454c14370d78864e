//! The marks by which an operation knows its own requests among the objects of Flux. All of it stands in the API server.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::argo::Application;
use crate::argo::operation::{Operation, OperationState};
use crate::argo::seconds;
use crate::flux::Live;
use crate::flux::fields;
use crate::names;

/// Name of the `operation.info` entry of `status.operationState` that holds the operation's token.
const INFO_TOKEN: &str = "flux-subsystem.dev/token";

/// The marks of one attempt of one operation.
#[derive(Clone, Debug)]
pub struct Marks {
    /// What the attempt asks Flux with.
    pub token: String,
    /// Whole second of the operation's beginning, as creation times are.
    started: Timestamp,
    is_first_attempt: bool,
}

/// `operation` with a token that no other operation has: times are whole seconds, and two operations may begin within
/// one, but each begins on another version of the Application.
pub(super) fn marked(app: &Application, mut operation: Operation, started: Timestamp) -> Operation {
    let version = app.metadata.resource_version.as_deref().unwrap_or_default();
    let token = format!("{}-{version}", seconds::text(started));
    let info = operation.rest.entry("info").or_insert_with(|| json!([]));
    if let Value::Array(entries) = info {
        entries.push(json!({"name": INFO_TOKEN, "value": token}));
    }
    operation
}

/// The value of an entry of `operation.info`.
pub(super) fn info<'a>(operation: &'a Operation, name: &str) -> Option<&'a str> {
    let mut entries = operation.rest.get("info").and_then(Value::as_array).into_iter().flatten();
    let entry = entries.rfind(|entry| entry.get("name").and_then(Value::as_str) == Some(name))?;
    entry.get("value").and_then(Value::as_str)
}

impl Marks {
    /// The marks of the present attempt of `operation`.
    pub fn of(operation: &OperationState) -> Self {
        let started = operation.started_at;
        let mut token =
            info(&operation.operation, INFO_TOKEN).map_or_else(|| seconds::text(started), str::to_owned);
        if operation.retry_count > 0 {
            token = format!("{token}-retry-{}", operation.retry_count);
        }
        Self { token, started: seconds::floor(started), is_first_attempt: operation.retry_count == 0 }
    }

    /// The token of something asked in addition, of an object that has been asked already.
    pub(super) fn further(&self, what: &str) -> String {
        format!("{}/{what}", self.token)
    }

    /// Created by this operation, so that its first reconciliation answers it.
    pub fn is_new(&self, live: Live<'_>) -> bool {
        let created = live.object.metadata.creation_timestamp.as_ref();
        self.is_first_attempt && created.is_some_and(|created| created.0 >= self.started)
    }

    /// `time`, at which something happened to the object, is one of this operation.
    pub(super) fn is_since(&self, time: Option<&str>) -> bool {
        time.and_then(|time| time.parse::<Timestamp>().ok()).is_some_and(|time| time >= self.started)
    }

    /// Something was asked of the object by this attempt.
    pub fn is_asked(&self, live: Live<'_>) -> bool {
        let asked = live.annotation(names::ANNOTATION_REQUESTED_AT);
        let rest = asked.and_then(|asked| asked.strip_prefix(&self.token));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// It was asked, and Flux has answered.
    pub fn is_handled(&self, live: Live<'_>) -> bool {
        self.is_asked(live)
            && live.text(fields::LAST_HANDLED_RECONCILE_AT) == live.annotation(names::ANNOTATION_REQUESTED_AT)
    }

    /// Nothing was asked of the object by this attempt, or it is answered.
    pub fn is_answered(&self, live: Live<'_>) -> bool {
        !self.is_asked(live) || self.is_handled(live)
    }
}
