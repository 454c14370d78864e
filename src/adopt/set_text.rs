//! A value as the text of a Helm parameter: the way back of [`crate::translate`]'s `--set` grammar.
//!
//! On its way to Helm, Argo CD replaces variables in the text (`$$` is a dollar sign) and escapes bare commas, unless
//! the text is a list in braces (argo-cd `util/helm/cmd.go`, `cleanSetParameters`).

use serde_json::Value;

use crate::translate::reads_as_text;

/// The text of `value`, and whether it must be forced to be a string; `None` when `--set` has no way to say it.
///
/// `is_forced`: the parameter forces strings so far, and goes on to where that is all the same.
pub(super) fn of(value: &Value, is_forced: bool) -> Option<(String, bool)> {
    match value {
        Value::String(text) => Some((scalar(text), is_forced || !reads_as_text(text))),
        Value::Array(items) if !items.is_empty() => list(items, is_forced),
        other => plain(other).map(|text| (text, false)),
    }
}

/// What is neither text nor made of parts.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(_) => Some(value.to_string()),
        // There are no fractions, nor larger numbers, in Helm's `--set`.
        Value::Number(number) => number.as_i64().map(|number| number.to_string()),
        _ => None,
    }
}

fn list(items: &[Value], is_forced: bool) -> Option<(String, bool)> {
    let texts = items.iter().filter_map(Value::as_str);
    let all_text = items.iter().all(Value::is_string);
    let force = all_text && (is_forced || !texts.clone().all(reads_as_text));
    if !force && !texts.clone().all(reads_as_text) {
        return None;
    }
    let items: Option<Vec<String>> = items
        .iter()
        .map(|item| item.as_str().map_or_else(|| plain(item), |text| Some(escaped(text, &['\\', ',', '}']))))
        .collect();
    Some((format!("{{{}}}", items?.join(",")), force))
}

fn scalar(text: &str) -> String {
    let text = escaped(text, &['\\']);
    let mut result = String::with_capacity(text.len());
    if text.starts_with('{') {
        result.push('\\');
    }
    for next in text.chars() {
        // A comma behind a backslash counts as escaped already, whatever the backslash itself is.
        if next == ',' && result.ends_with('\\') {
            result.push('\\');
        }
        result.push(next);
    }
    result
}

fn escaped(text: &str, special: &[char]) -> String {
    let mut result = String::with_capacity(text.len());
    for next in text.chars() {
        if special.contains(&next) {
            result.push('\\');
        }
        result.push(next);
        if next == '$' {
            result.push('$');
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(json!(3), "3", false)]
    #[case(json!(true), "true", false)]
    #[case(json!("text"), "text", false)]
    #[case(json!("3"), "3", true)]
    #[case(json!("true"), "true", true)]
    #[case(json!("a,b"), "a,b", false)]
    #[case(json!("{a}"), "\\{a}", false)]
    #[case(json!("a\\,b"), "a\\\\\\,b", false)]
    #[case(json!("5$"), "5$$", false)]
    #[case(json!(["a", "b,c"]), "{a,b\\,c}", false)]
    #[case(json!(["1", "a"]), "{1,a}", true)]
    #[case(json!([1, "a"]), "{1,a}", false)]
    fn texts(#[case] value: Value, #[case] text: &str, #[case] forced: bool) {
        assert_eq!(of(&value, false), Some((text.to_owned(), forced)));
    }

    #[rstest]
    #[case::fraction(json!(1.5))]
    #[case::large(json!(u64::MAX))]
    #[case::map(json!({"a": 1}))]
    #[case::no_items(json!([]))]
    #[case::mixed(json!([1, "1"]))]
    #[case::nested(json!([[1]]))]
    fn without_a_text(#[case] value: Value) {
        assert_eq!(of(&value, false), None);
    }

    #[test]
    fn a_forced_parameter_stays_forced_for_text_alone() {
        assert_eq!(of(&json!("text"), true), Some(("text".to_owned(), true)));
        assert_eq!(of(&json!(3), true), Some(("3".to_owned(), false)));
    }
}
