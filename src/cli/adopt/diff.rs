//! Two versions of an Application, as a unified diff of their YAML.

use serde_json::{Value, json};
use similar::TextDiff;

use crate::merge::deep_merge;
use crate::{names, yaml};

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const CYAN: &str = "\x1b[36m";
const PLAIN: &str = "\x1b[0m";

/// The difference with three lines around each change, perhaps with the colors that `diff` uses.
pub(super) fn unified(
    identity: &str,
    before: &Value,
    after: &Value,
    is_colored: bool,
) -> Result<String, yaml::Error> {
    let (before, after) = (yaml::write(&readable(before))?, yaml::write(&readable(after))?);
    let diff = TextDiff::from_lines(&before, &after);
    let text = diff
        .unified_diff()
        .context_radius(3)
        .header(&format!("Application {identity}"), "with what was changed by hand")
        .to_string();
    Ok(if is_colored { text.split_inclusive('\n').map(colored).collect() } else { text })
}

fn colored(line: &str) -> String {
    let color = match line.as_bytes() {
        [b'-', ..] => RED,
        [b'+', ..] => GREEN,
        [b'@', ..] => CYAN,
        _ => return line.to_owned(),
    };
    format!("{color}{}{PLAIN}\n", line.trim_end_matches('\n'))
}

/// The part of an Application that people read in a diff.
pub(super) fn readable(app: &Value) -> Value {
    let annotations = app.pointer("/metadata/annotations").and_then(Value::as_object);
    let is_ours = |key: &str| key.starts_with(names::OVERRIDE_PREFIX);
    let annotations: serde_json::Map<String, Value> = annotations
        .into_iter()
        .flatten()
        .filter(|(key, _)| is_ours(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut shown = json!({"spec": app.get("spec")});
    if !annotations.is_empty() {
        deep_merge(&mut shown, json!({"metadata": {"annotations": annotations}}));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_changed_is_shown() {
        let app = |value: &str| {
            json!({"metadata": {"annotations": {"other": "x"}}, "status": {"a": value},
                "spec": {"source": {"targetRevision": value}}})
        };
        let diff = unified("argocd/demo", &app("1"), &app("2"), false).unwrap();
        assert!(
            diff.starts_with("--- Application argocd/demo\n+++ with what was changed by hand\n@@"),
            "{diff}"
        );
        assert!(diff.contains("-    targetRevision: \"1\"\n+    targetRevision: \"2\"\n"), "{diff}");
        assert!(!diff.contains("status") && !diff.contains("other"), "{diff}");
        let colored = unified("argocd/demo", &app("1"), &app("2"), true).unwrap();
        assert!(colored.contains("\x1b[32m+    targetRevision: \"2\"\x1b[0m\n"), "{colored}");
    }
}
