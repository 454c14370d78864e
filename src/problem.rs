//! What cannot be translated, said so that a person knows what to change.

use std::fmt;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The field has no effect; delivery goes on.
    Warning,
    /// Nothing is applied until it is solved; what was delivered keeps running.
    Error,
}

/// One thing that cannot be expressed, or is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the field in the Application, such as `spec.source.helm.valueFiles[0]`.
    pub field: String,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence without a period.
    pub message: String,
    /// The way out, one sentence without a period; may be empty.
    pub hint: String,
}

impl Problem {
    /// A problem that stops delivery.
    pub fn error(field: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { field: field.into(), severity: Severity::Error, message: message.into(), hint: hint.into() }
    }

    /// A problem that leaves a field without effect.
    pub fn warning(field: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { field: field.into(), severity: Severity::Warning, message: message.into(), hint: hint.into() }
    }
}

impl fmt::Display for Problem {
    /// `field: sentence (hint)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}
