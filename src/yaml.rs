//! The only door to YAML: text in and out as Go reads and writes it.
//!
//! Argo CD, Helm, Flux and kubectl all read YAML through `sigs.k8s.io/yaml`. What it makes of a text is the contract:
//! `yes` is a boolean, `0777` is 511, the last of two equal keys wins, a key `on:` becomes `"true"`, and `1.0` is the
//! number 1. What is written here is read back unchanged by the same library.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_yaml::options::DuplicateKeyPolicy;
use serde_yaml::{NonFiniteFloatPolicy, Options, SerializerOptions};

/// A text that is not YAML, or holds something that JSON cannot express.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct Error {
    /// Line of the text, counted from 1, where it is known.
    pub line: Option<u64>,
    /// What is wrong, without the place.
    pub message: String,
}

/// All documents of `text`, the empty ones left out.
pub fn parse_all(text: &str) -> Result<Vec<Value>, Error> {
    let documents: Vec<Node> =
        serde_yaml::from_multiple_with_options(text, reading()).map_err(|error| Error::reading(&error))?;
    Ok(documents.into_iter().map(|node| node.0).filter(|value| !value.is_null()).collect())
}

/// The first document of `text`, or null: what Go's `yaml.Unmarshal` sees of it.
pub fn parse(text: &str) -> Result<Value, Error> {
    match serde_yaml::from_str_with_options::<Node>(text, reading()) {
        Ok(node) => Ok(node.0),
        // Several documents are no error for Go: it reads the first and never looks at the rest.
        Err(single) => match serde_yaml::from_multiple_with_options::<Node>(text, reading()) {
            Ok(documents) => Ok(documents.into_iter().next().map_or(Value::Null, |node| node.0)),
            Err(_) => Err(Error::reading(&single)),
        },
    }
}

/// `value` as one YAML document, ending in a line break.
///
/// Errors are those of the writer, for values that no JSON text could hold, and keys longer than 1024 characters: readers
/// look no further for the colon (YAML 1.2.2, 8.2.2).
pub fn write(value: &Value) -> Result<String, Error> {
    if has_long_key(value) {
        return Err(Error { line: None, message: format!("a key is longer than {LONGEST_KEY} characters") });
    }
    let mut text = serde_yaml::to_string_with_options(value, writing(value))
        .map_err(|error| Error { line: None, message: error.to_string() })?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// The longest key, in bytes of its quoted form, that readers find the colon behind.
const LONGEST_KEY: usize = 1024;

fn has_long_key(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_long_key),
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| key.escape_default().count() + 2 > LONGEST_KEY || has_long_key(value)),
        _ => false,
    }
}

impl Error {
    fn reading(error: &serde_yaml::Error) -> Self {
        let bare = error.without_snippet();
        let line = bare.location().map(|location| location.line());
        let text = bare.to_string();
        // The library names the place at the end of its first line; the line number is kept apart.
        let message = text.lines().next().unwrap_or_default();
        let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
        Self { line, message: message.to_owned() }
    }
}

fn reading() -> Options {
    serde_yaml::options! {
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        legacy_octal_numbers: true,
        non_finite_float_policy: NonFiniteFloatPolicy::Reject,
        with_snippet: false,
    }
}

fn writing(value: &Value) -> SerializerOptions {
    serde_yaml::ser_options! {
        // Folded scalars are harder to read than a long line, and nothing here is prose.
        folded_wrap_chars: usize::MAX,
        // Go rejects a block scalar whose first line begins with a tab.
        prefer_block_scalars: !any_string(value, &|text| text.trim_start_matches('\n').starts_with('\t')),
    }
}

fn any_string(value: &Value, holds: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => holds(text),
        Value::Array(items) => items.iter().any(|item| any_string(item, holds)),
        Value::Object(map) => map.iter().any(|(key, item)| holds(key) || any_string(item, holds)),
        _ => false,
    }
}

/// A JSON value, read the way Go turns YAML into JSON.
struct Node(Value);

impl<'de> de::Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor).map(Node)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON can express")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        number(value).map(Value::Number).ok_or_else(|| E::custom(format!("json: unsupported value: {value}")))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Node(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key_seed(Key)? {
            map.insert(key, entries.next_value::<Node>()?.0);
        }
        Ok(Value::Object(map))
    }
}

/// A key: JSON knows text alone, so Go spells out what the key was read as (sigs.k8s.io/yaml, `convertToJSONableObject`).
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        match deserializer.deserialize_any(NodeVisitor)? {
            Value::String(text) => Ok(text),
            Value::Bool(value) => Ok(value.to_string()),
            Value::Number(value) => Ok(value.to_string()),
            other => Err(de::Error::custom(format!("unsupported map key {other}"))),
        }
    }
}

/// A float as Go's JSON encoder prints it: integral ones lose their fraction and are integers from then on.
fn number(value: f64) -> Option<Number> {
    const LARGEST_PLAIN: f64 = 9.0e18;
    if value.fract() == 0.0 && value.abs() < LARGEST_PLAIN {
        #[expect(clippy::cast_possible_truncation, reason = "integral and within the range of i64")]
        return Some((value as i64).into());
    }
    Number::from_f64(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    /// What reads and drops values goes down by calling itself.
    #[rstest]
    #[case("[".repeat(100_000))]
    #[case((0..1000).map(|depth| " ".repeat(depth) + "a:\n").collect::<String>())]
    fn nesting_has_an_end(#[case] text: String) {
        assert!(parse(&text).is_err());
    }

    /// Each text with what `sigs.k8s.io/yaml` 1.6 makes of it.
    #[rstest]
    #[case::words("[yes, on, Off, y, n, true, True]", json!([true, true, false, true, false, true, true]))]
    #[case::quoted_words("['yes', \"on\"]", json!(["yes", "on"]))]
    #[case::octal("0777", json!(511))]
    #[case::new_octal("0o17", json!(15))]
    #[case::hexadecimal("0x1F", json!(31))]
    #[case::underscore("1_000", json!(1000))]
    #[case::no_octal("08", json!(8))]
    #[case::integral("[1.0, -2.0, 1.5]", json!([1, -2, 1.5]))]
    #[case::null("[~, null, '']", json!([null, null, ""]))]
    #[case::merge("a: &x {b: 1}\nc: {<<: *x, d: 2}", json!({"a": {"b": 1}, "c": {"b": 1, "d": 2}}))]
    #[case::tag("!foo bar", json!("bar"))]
    #[case::last_wins("a: 1\na: 2", json!({"a": 2}))]
    #[case::keys("{y: 1, 2: b, 'no': c, 1.5: d}", json!({"true": 1, "2": "b", "no": "c", "1.5": "d"}))]
    #[case::first_document("a: 1\n---\na: 2", json!({"a": 1}))]
    #[case::date("2001-01-01", json!("2001-01-01"))]
    #[case::empty("", json!(null))]
    #[case::comment("# nothing", json!(null))]
    fn reads_as_go(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(parse(text), Ok(expected));
    }

    #[rstest]
    #[case("a: [1", 1)]
    #[case("a: 1\nb: .inf", 2)]
    #[case("a: 1\n  b: 2\n c: 3", 2)]
    fn errors_name_the_line(#[case] text: &str, #[case] line: u64) {
        let error = parse(text).unwrap_err();
        assert_eq!(error.line, Some(line), "{error}");
        assert!(!error.message.contains('\n') && !error.message.contains("line"), "{error}");
    }

    #[test]
    fn documents_are_split_and_empty_ones_dropped() {
        assert_eq!(
            parse_all("---\na: 1\n---\n# nothing\n---\nb: 2\n"),
            Ok(vec![json!({"a": 1}), json!({"b": 2})])
        );
    }

    #[test]
    fn line_breaks_become_block_scalars_unless_go_would_stumble() {
        assert_eq!(write(&json!({"a": "x\ny\n"})).unwrap(), "a: |\n  x\n  y\n");
        assert!(!write(&json!({"a": "\tx\ny\n"})).unwrap().contains('|'));
        let long = "word ".repeat(40);
        assert!(write(&json!({"a": long.trim_end()})).unwrap().lines().count() == 1);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in any::<String>(), key in any::<String>(), float in -1e6f64..1e6) {
            let value = json!({key: [text, {"n": float.trunc()}]});
            let value = parse(&value.to_string()).unwrap_or(value);
            let text = write(&value).unwrap();
            prop_assert_eq!(parse(&text), Ok(value), "{}", text);
        }
    }
}
