//! [`super::seconds`] for a time that may be absent.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer};

/// Absent times are skipped by the field's attribute, `null` otherwise.
pub fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => super::seconds::serialize(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// Any RFC 3339 time, or `null`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Option::deserialize(deserializer)
}
