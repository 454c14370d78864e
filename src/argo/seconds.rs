//! Times as Go's `metav1.Time` writes them: UTC, whole seconds.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer};

/// `2026-11-21T01:02:03Z`.
pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*time))
}

/// Any RFC 3339 time.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    Timestamp::deserialize(deserializer)
}

/// The time without its fraction of a second.
pub fn floor(time: Timestamp) -> Timestamp {
    time - jiff::SignedDuration::from_nanos(i64::from(time.subsec_nanosecond()))
}

/// The time as text, without fractions.
pub fn text(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
