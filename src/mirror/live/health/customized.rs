//! Kinds whose rule is a script in Argo CD (argo-cd `resource_customizations/GROUP/KIND/health.lua`).

use super::Rule;

/// The rule for that kind.
pub(super) fn rule(_group: &str, _kind: &str) -> Option<Rule> {
    None
}
