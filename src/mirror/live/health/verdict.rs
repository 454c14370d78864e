//! What rules of health come to.

use crate::argo::status::HealthStatus;
use crate::mirror::live::object::Object;

pub(crate) type Rule = fn(Object<'_>) -> HealthStatus;

pub(crate) fn health(status: &str, message: &str) -> HealthStatus {
    HealthStatus { status: status.to_owned(), message: message.to_owned(), last_transition_time: None }
}
