//! Two versions of an Application, as a unified diff of their YAML.

use serde_json::Value;
use similar::TextDiff;

use super::readable;
use crate::yaml;

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
