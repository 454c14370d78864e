//! Typed questions to the JSON of any live object.

use crate::argo::bool_of;
use kube::core::DynamicObject;
use serde_json::Value;

/// A live object together with what the watch knows of it beforehand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'a> {
    pub(super) group: &'a str,
    pub(super) version: &'a str,
    pub(super) kind: &'a str,
    pub(super) whole: &'a DynamicObject,
}

impl<'a> Object<'a> {
    /// Group and kind, for tables.
    pub(super) fn group_kind(self) -> (&'a str, &'a str) {
        (self.group, self.kind)
    }

    pub(super) fn name(self) -> &'a str {
        self.whole.metadata.name.as_deref().unwrap_or_default()
    }

    pub(super) fn namespace(self) -> &'a str {
        self.whole.metadata.namespace.as_deref().unwrap_or_default()
    }

    pub(super) fn generation(self) -> i64 {
        self.whole.metadata.generation.unwrap_or_default()
    }

    pub(super) fn is_deleting(self) -> bool {
        self.whole.metadata.deletion_timestamp.is_some()
    }

    pub(super) fn annotation(self, key: &str) -> Option<&'a str> {
        self.whole.metadata.annotations.as_ref()?.get(key).map(String::as_str)
    }

    pub(super) fn label(self, key: &str) -> Option<&'a str> {
        self.whole.metadata.labels.as_ref()?.get(key).map(String::as_str)
    }

    pub(super) fn annotations(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.whole.metadata.annotations.iter().flatten();
        all.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The value at a JSON pointer below the object, such as `/status/phase`.
    pub(super) fn at(self, pointer: &str) -> Option<&'a Value> {
        self.whole.data.pointer(pointer)
    }

    /// Text at a JSON pointer; empty where there is none, as Go reads it.
    pub(super) fn text(self, pointer: &str) -> &'a str {
        text(&self.whole.data, pointer)
    }

    /// A whole number at a JSON pointer.
    pub(super) fn number(self, pointer: &str) -> Option<i64> {
        self.at(pointer)?.as_i64()
    }

    /// A whole number at a JSON pointer; 0 where there is none, as Go reads it.
    pub(super) fn count(self, pointer: &str) -> i64 {
        self.number(pointer).unwrap_or_default()
    }

    /// The items of a list.
    pub(super) fn list(self, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        list(&self.whole.data, pointer)
    }

    /// One of `status.conditions`.
    pub(super) fn condition(self, kind: &str) -> Option<Condition<'a>> {
        self.conditions().find(|condition| condition.kind == kind)
    }

    /// `status.conditions`, in their order.
    pub(super) fn conditions(self) -> impl Iterator<Item = Condition<'a>> {
        self.list("/status/conditions").map(Condition::of)
    }
}

/// A condition, as nearly all kinds have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition<'a> {
    pub(super) kind: &'a str,
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
}

impl<'a> Condition<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        Self {
            kind: text(value, "/type"),
            status: text(value, "/status"),
            reason: text(value, "/reason"),
            message: text(value, "/message"),
        }
    }
}

/// Text at a JSON pointer; empty where there is none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a list; none where there is no list.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// What Go's `strconv.ParseBool` takes for true.
pub(super) fn is_true(text: &str) -> bool {
    bool_of(text) == Some(true)
}
