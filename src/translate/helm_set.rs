//! Helm's `--set` grammar (helm v4 `pkg/strvals/parser.go`): `a.b[0]={x,y}`, escapes, inferred types.
//!
//! The walk is that of Helm's parser, character by character, because its odd corners (`a[0].b=` makes an empty list)
//! are what a chart sees. Only `--set-file` and `--set-json` are not here.

use std::iter::Peekable;
use std::str::Chars;

use serde_json::{Map, Value};

/// Deepest nesting by dots (`MaxNestedNameLevel`).
const MAX_NESTING: usize = 30;
/// Largest list index (`MaxIndex`).
const MAX_INDEX: usize = 65_536;

/// How the values on the right are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typing<'a> {
    /// `--set`: `true`, `false`, `null` and integers are themselves.
    Inferred,
    /// `--set-string`: everything is text.
    Text,
    /// `--set-file`: [`FILE`] stands for this text. No other name of a file leads to one.
    Content(&'a str),
}

/// The name of the one file there is to [`Typing::Content`]. No field of an Application holds that character.
pub(super) const FILE: &str = "\0";

/// Merges one `--set` argument, `name=value[,name=value…]`, into `values`.
///
/// The error is Helm's sentence; `values` may then hold a part of the argument.
pub(super) fn set(values: &mut Map<String, Value>, argument: &str, typing: Typing<'_>) -> Result<(), String> {
    let mut parser = Parser { input: argument.chars().peekable(), typing };
    loop {
        match parser.key(values, 0) {
            Ok(()) => {}
            Err(Stop::End) => return Ok(()),
            Err(Stop::Bad(message)) => return Err(message),
        }
    }
}

/// One step on the way into values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Into a map.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// The one place that a parameter of that name sets, in Helm's own grammar; `None` for a name that sets nothing, or
/// several places.
pub(crate) fn target(name: &str) -> Option<Vec<Segment>> {
    const MARK: &str = "x";
    let mut values = Map::new();
    set(&mut values, &format!("{name}={MARK}"), Typing::Text).ok()?;
    let mut path = Vec::new();
    let mut place = &Value::Object(values);
    loop {
        place = match place {
            Value::Object(map) if map.len() == 1 => {
                let (key, inner) = map.iter().next()?;
                path.push(Segment::Key(key.clone()));
                inner
            }
            Value::Array(list) => {
                let (item, before) = list.split_last()?;
                before.iter().all(Value::is_null).then_some(())?;
                path.push(Segment::Index(before.len()));
                item
            }
            Value::String(text) if text == MARK => return Some(path),
            _ => return None,
        };
    }
}

/// `--set` would take the text for text, not for a boolean, a number or null.
pub(crate) fn reads_as_text(text: &str) -> bool {
    inferred(text.to_owned()).is_string()
}

/// Why a step did not go on.
enum Stop {
    /// The input is at its end, which is how parsing ends well.
    End,
    Bad(String),
}

fn bad<T>(message: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Bad(message.into()))
}

struct Parser<'a> {
    input: Peekable<Chars<'a>>,
    typing: Typing<'a>,
}

impl Parser<'_> {
    /// One `key=value`, into `data`.
    fn key(&mut self, data: &mut Map<String, Value>, nesting: usize) -> Result<(), Stop> {
        let (key, last) = self.until(&['=', '[', ',', '.']);
        match last {
            None if key.is_empty() => Err(Stop::End),
            None => bad(format!("key {key:?} has no value")),
            Some('[') => self.indexed(data, key, nesting),
            Some('=') => self.assigned(data, key),
            Some('.') => self.nested(data, key, nesting + 1),
            Some(_) => bad(format!("key {key:?} has no value (cannot end with ,)")),
        }
    }

    fn indexed(&mut self, data: &mut Map<String, Value>, key: String, nesting: usize) -> Result<(), Stop> {
        let index = self.index()?;
        let mut list = match data.get(&key) {
            None => Vec::new(),
            Some(Value::Array(list)) => list.clone(),
            Some(other) => return bad(format!("unable to parse key: {} is not a list", kind(other))),
        };
        let result = self.item(&mut list, index, nesting);
        insert(data, key, Value::Array(list));
        result
    }

    fn assigned(&mut self, data: &mut Map<String, Value>, key: String) -> Result<(), Stop> {
        if self.input.peek().is_none() {
            insert(data, key, Value::String(String::new()));
            return Err(Stop::End);
        }
        let value = self.value()?;
        insert(data, key, value);
        Ok(())
    }

    fn nested(&mut self, data: &mut Map<String, Value>, key: String, nesting: usize) -> Result<(), Stop> {
        if nesting > MAX_NESTING {
            return bad(format!(
                "value name nested level is greater than maximum supported nested level of {MAX_NESTING}"
            ));
        }
        let mut inner = match data.get(&key) {
            None => Map::new(),
            Some(Value::Object(inner)) => inner.clone(),
            Some(other) => return bad(format!("unable to parse key: {} is not a map", kind(other))),
        };
        let result = self.key(&mut inner, nesting);
        if result.is_ok() && inner.is_empty() {
            return bad(format!("key map {key:?} has no value"));
        }
        if !inner.is_empty() {
            insert(data, key, Value::Object(inner));
        }
        result
    }

    /// What follows `]`: a value, another index, or a name.
    fn item(&mut self, list: &mut Vec<Value>, index: usize, nesting: usize) -> Result<(), Stop> {
        let (surplus, stop) = self.until(&['[', '.', '=']);
        if !surplus.is_empty() {
            return bad(format!("unexpected data at end of array index: {surplus:?}"));
        }
        match stop {
            None => Err(Stop::End),
            Some('=') => {
                let value =
                    if self.input.peek().is_none() { Value::String(String::new()) } else { self.value()? };
                put(list, index, value)
            }
            Some('[') => self.item_of_item(list, index, nesting),
            Some(_) => self.name_of_item(list, index, nesting),
        }
    }

    fn item_of_item(&mut self, list: &mut Vec<Value>, index: usize, nesting: usize) -> Result<(), Stop> {
        let next = self.index()?;
        let mut inner = match list.get(index) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(inner)) => inner.clone(),
            Some(other) => return bad(format!("unable to parse key: {} is not a list", kind(other))),
        };
        let result = self.item(&mut inner, next, nesting);
        if result.is_ok() || list.get(index).is_some_and(Value::is_array) {
            put(list, index, Value::Array(inner))?;
        }
        result
    }

    fn name_of_item(&mut self, list: &mut Vec<Value>, index: usize, nesting: usize) -> Result<(), Stop> {
        let exists = index < list.len();
        let mut inner = match list.get(index) {
            Some(Value::Object(inner)) => inner.clone(),
            _ => Map::new(),
        };
        let result = self.key(&mut inner, nesting);
        // An element that is there is changed in place, whatever comes of the rest; a new one is only added on success.
        if result.is_ok() || exists {
            put(list, index, Value::Object(inner))?;
        }
        result
    }

    /// The number up to `]`.
    fn index(&mut self) -> Result<usize, Stop> {
        let (text, last) = self.until(&[']']);
        if last.is_none() {
            // Helm 4 takes an index without its end for the end of the argument; Helm 3 refused it.
            return Err(Stop::End);
        }
        match text.parse::<i64>() {
            Ok(index) => {
                usize::try_from(index).or_else(|_| bad(format!("negative {index} index not allowed")))
            }
            Err(_) => bad(format!("error parsing index: {text:?} is not a number")),
        }
    }

    /// A list in braces, or a scalar up to the next comma. The caller has made sure that there is input.
    fn value(&mut self) -> Result<Value, Stop> {
        if self.input.next_if_eq(&'{').is_some() {
            return self.list();
        }
        let (text, _) = self.until(&[',']);
        self.typed(text)
    }

    fn list(&mut self) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            let (text, last) = self.until(&[',', '}']);
            match last {
                None => return bad("list must terminate with '}'"),
                Some('}') => {
                    self.input.next_if_eq(&',');
                    items.push(self.typed(text)?);
                    return Ok(Value::Array(items));
                }
                Some(_) => items.push(self.typed(text)?),
            }
        }
    }

    /// The text before the first of `stops` (a backslash takes the next character as it is), and which one it was.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut text = String::new();
        while let Some(next) = self.input.next() {
            match next {
                stop if stops.contains(&stop) => return (text, Some(stop)),
                '\\' => match self.input.next() {
                    Some(escaped) => text.push(escaped),
                    None => return (text, None),
                },
                other => text.push(other),
            }
        }
        (text, None)
    }

    fn typed(&self, text: String) -> Result<Value, Stop> {
        match self.typing {
            Typing::Inferred => Ok(inferred(text)),
            Typing::Text => Ok(Value::String(text)),
            Typing::Content(content) if text == FILE => Ok(Value::String(content.to_owned())),
            Typing::Content(_) => bad(format!("open {text}: no such file or directory")),
        }
    }
}

fn inferred(text: String) -> Value {
    if text.eq_ignore_ascii_case("true") {
        Value::Bool(true)
    } else if text.eq_ignore_ascii_case("false") {
        Value::Bool(false)
    } else if text.eq_ignore_ascii_case("null") {
        Value::Null
    } else if text == "0" {
        Value::from(0)
    } else if text.starts_with('0') {
        Value::String(text)
    } else {
        text.parse::<i64>().map_or(Value::String(text), Value::from)
    }
}

/// A nameless key is read over.
fn insert(data: &mut Map<String, Value>, key: String, value: Value) {
    if !key.is_empty() {
        data.insert(key, value);
    }
}

fn put(list: &mut Vec<Value>, index: usize, value: Value) -> Result<(), Stop> {
    if index > MAX_INDEX {
        return bad(format!("index of {index} is greater than maximum supported index of {MAX_INDEX}"));
    }
    if list.len() <= index {
        list.resize(index + 1, Value::Null);
    }
    if let Some(place) = list.get_mut(index) {
        *place = value;
    }
    Ok(())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn parse(base: Value, argument: &str, typing: Typing<'_>) -> Result<Value, String> {
        let Value::Object(mut values) = base else { panic!("the base is a map") };
        set(&mut values, argument, typing).map(|()| Value::Object(values))
    }

    /// Each argument with what helm 4.2 `strvals.ParseInto` makes of it.
    #[rstest]
    #[case::integer("a=1", json!({"a": 1}))]
    #[case::negative("a=-1", json!({"a": -1}))]
    #[case::plus("a=+1", json!({"a": 1}))]
    #[case::leading_zero("a=007", json!({"a": "007"}))]
    #[case::zero("a=0", json!({"a": 0}))]
    #[case::float("a=1.5", json!({"a": "1.5"}))]
    #[case::too_large("a=9223372036854775808", json!({"a": "9223372036854775808"}))]
    #[case::words("a=TRUE,b=False,c=nUll,d=yes", json!({"a": true, "b": false, "c": null, "d": "yes"}))]
    #[case::empty("a=", json!({"a": ""}))]
    #[case::empty_then_more("a=,b=1", json!({"a": "", "b": 1}))]
    #[case::equals_in_value("a=b=c", json!({"a": "b=c"}))]
    #[case::nested("a.b.c=1,a.b.d=2", json!({"a": {"b": {"c": 1, "d": 2}}}))]
    #[case::escaped_dot(r"a\.b=1", json!({"a.b": 1}))]
    #[case::escaped_comma(r"a=1\,2", json!({"a": "1,2"}))]
    #[case::escaped_letter(r"a=\b", json!({"a": "b"}))]
    #[case::list("a={1,x,true,}", json!({"a": [1, "x", true, ""]}))]
    #[case::empty_list("a={}", json!({"a": [""]}))]
    #[case::list_then_more("a={1},b=2", json!({"a": [1], "b": 2}))]
    #[case::list_with_tail("a={1}b=2", json!({"a": [1], "b": 2}))]
    #[case::index("a[1]=x", json!({"a": [null, "x"]}))]
    #[case::index_of_index("a[0][1]=x", json!({"a": [[null, "x"]]}))]
    #[case::name_of_index("a[0].b=1,a[0].c=2", json!({"a": [{"b": 1, "c": 2}]}))]
    #[case::list_in_index("a[0]={1,2}", json!({"a": [[1, 2]]}))]
    #[case::empty_at_index("a[0]=", json!({"a": [""]}))]
    #[case::lost_item("a[0].b=", json!({"a": []}))]
    #[case::nameless("=1", json!({}))]
    #[case::nameless_map(".a=1", json!({}))]
    #[case::open_name("a.", json!({}))]
    #[case::blanks(" a = b ", json!({" a ": " b "}))]
    #[case::nothing("", json!({}))]
    #[case::open_index("b=1,a[0=1", json!({"b": 1}))]
    #[case::open_index_of_item("a[0][", json!({"a": []}))]
    #[case::unicode("ä.ö=ü", json!({"ä": {"ö": "ü"}}))]
    fn accepted(#[case] argument: &str, #[case] expected: Value) {
        assert_eq!(parse(json!({}), argument, Typing::Inferred), Ok(expected));
    }

    #[rstest]
    #[case::plain("a", Some("[Key(\"a\")]"))]
    #[case::nested("a.b", Some("[Key(\"a\"), Key(\"b\")]"))]
    #[case::escaped(r"a\.b", Some("[Key(\"a.b\")]"))]
    #[case::element("a[2].b", Some("[Key(\"a\"), Index(2), Key(\"b\")]"))]
    #[case::two_places("a=1,b", None)]
    #[case::nowhere("", None)]
    #[case::broken("a[", None)]
    fn a_name_has_one_target_or_none(#[case] name: &str, #[case] expected: Option<&str>) {
        assert_eq!(target(name).map(|path| format!("{path:?}")).as_deref(), expected);
    }

    #[rstest]
    #[case("a")]
    #[case("a,b=1")]
    #[case("a[b]=1")]
    #[case("a[-1]=1")]
    #[case("a[65537]=1")]
    #[case("a[0]b=1")]
    #[case("a={1,2")]
    #[case("a=1,a.b=2")]
    #[case("a=1,a[0]=2")]
    #[case("a=null,a.b=1")]
    #[case("a..b")]
    fn rejected(#[case] argument: &str) {
        assert!(parse(json!({}), argument, Typing::Inferred).is_err());
    }

    #[rstest]
    #[case(json!({"a": [1, 2, 3]}), "a[1]=x", json!({"a": [1, "x", 3]}))]
    #[case(json!({"a": [1]}), "a[0].b=1", json!({"a": [{"b": 1}]}))]
    #[case(json!({"a": [{"b": 1}]}), "a[0].c=", json!({"a": [{"b": 1, "c": ""}]}))]
    #[case(json!({"a": {"b": 1}}), "a=null", json!({"a": null}))]
    #[case(json!({"a": {"b": 1}}), "a.c=2", json!({"a": {"b": 1, "c": 2}}))]
    fn merged_into_what_is_there(#[case] base: Value, #[case] argument: &str, #[case] expected: Value) {
        assert_eq!(parse(base, argument, Typing::Inferred), Ok(expected));
    }

    #[test]
    fn text_stays_text() {
        let expected = json!({"a": "1", "b": "true", "c": ["null"], "d": "0"});
        assert_eq!(parse(json!({}), "a=1,b=true,c={null},d=0", Typing::Text), Ok(expected));
    }

    #[test]
    fn content_is_taken_as_it_is() {
        let content = Typing::Content("{1,2}\n");
        let set = |base, name: &str| parse(base, &format!("{name}={FILE}"), content);
        assert_eq!(set(json!({}), "a[1].b"), Ok(json!({"a": [null, {"b": "{1,2}\n"}]})));
        assert_eq!(set(json!({"a": "text"}), "a"), Ok(json!({"a": "{1,2}\n"})));
        assert_eq!(set(json!({}), "["), Ok(json!({})), "names nothing");
        assert!(set(json!({}), "=,a").is_err_and(|error| error == "open : no such file or directory"));
        assert!(set(json!({}), "a={b},c").is_err());
    }

    #[test]
    fn nesting_has_a_bound() {
        let argument = |dots: usize| format!("{}a=1", "a.".repeat(dots));
        assert!(parse(json!({}), &argument(30), Typing::Inferred).is_ok());
        assert!(parse(json!({}), &argument(31), Typing::Inferred).is_err());
    }
}
