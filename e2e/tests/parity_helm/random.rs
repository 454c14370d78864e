//! Random values and parameters, in the grammars of YAML and of Helm's `--set`.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

fn key() -> impl Strategy<Value = String> {
    select(&["a", "b", "sub", "list", "d.e"][..]).prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::Bool),
        3 => (-3_i64..2_000_000).prop_map(Value::from),
        1 => select(&[0.5, -1.25e-7, 1e21, 3.0][..]).prop_map(Value::from),
        4 => text().prop_map(Value::String),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => select(&["", "x", "true", "null", "007", "1e3", "a,b", "yes", "ü", "{a}", "$x"][..]).prop_map(str::to_owned),
        1 => "[ -~]{0,6}",
    ]
}

/// Anything below any key.
fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            2 => prop::collection::btree_map(key(), inner.clone(), 0..4).prop_map(|map| json!(map)),
            1 => prop::collection::vec(inner, 0..3).prop_map(Value::Array),
        ]
    })
}

/// Mostly of one type below one key, since a chart that finds another type is refused by all.
pub(crate) fn values() -> impl Strategy<Value = Value> {
    let leaves = prop::collection::btree_map(select(&["b", "d.e"][..]), scalar(), 0..3);
    let maps = leaves.prop_map(|leaves| json!(leaves)).prop_recursive(2, 8, 3, |inner| {
        (
            scalar(),
            prop::collection::vec(scalar(), 0..3),
            prop::collection::btree_map(select(&["a", "sub"][..]), inner, 0..3),
        )
            .prop_map(|(b, list, maps)| {
                let mut values = json!(maps);
                values["b"] = b;
                values["list"] = json!(list);
                values
            })
    });
    prop_oneof![
        9 => maps,
        1 => prop::collection::btree_map(key(), value(), 0..4).prop_map(|map| json!(map)),
    ]
}

/// A text of values: JSON, which is YAML, or lines with scalars that YAML reads in odd ways.
pub(crate) fn values_text() -> impl Strategy<Value = String> {
    let odd = select(
        &[
            "yes",
            "0777",
            "1_000",
            ".5",
            "~",
            "'x'",
            "0x1F",
            "1e3",
            "!!str 1",
            "0o7",
            "08",
            "|-\n  x\n   y",
            ">\n  x\n  y",
            "&x {e: 1}",
            "2001-01-01",
            "- 1",
            "\"\\u00e9\"",
            "off",
            "+1",
            "1.",
            "-0",
            "=",
            "<<",
        ][..],
    );
    let line = (key(), odd).prop_map(|(key, odd)| format!("{key}: {odd}\n"));
    prop_oneof![
        24 => values().prop_map(|values| values.to_string()),
        8 => prop::collection::vec(line, 0..4).prop_map(|lines| lines.concat()),
        4 => (values(), values()).prop_map(|(a, b)| format!("{a}\n---\n{b}\n")),
        3 => select(&["", "# nothing\n", "a: &x {d: 1}\nb:\n  <<: *x\n  e: 2\n"][..]).prop_map(str::to_owned),
        1 => select(&["- a\n", "text", "a: [", "a: 1\na: 2\n"][..]).prop_map(str::to_owned),
    ]
}

/// Mostly names that set something, in the grammar of `--set`.
pub(crate) fn name() -> impl Strategy<Value = String> {
    let first = select(&["a", "b", "sub", "list", r"d\.e"][..]);
    let step = prop_oneof![
        4 => select(&[".a", ".b", ".sub", r".d\.e"][..]).prop_map(str::to_owned),
        2 => (0..3_u8).prop_map(|index| format!("[{index}]")),
    ];
    let typed = select(
        &[
            "b",
            r"d\.e",
            "a.b",
            "sub.b",
            "sub.a.b",
            r"a.d\.e",
            "list[0]",
            "list[2]",
            "sub.list[1]",
            "a.sub.list[0]",
            "new.x[1].y",
        ][..],
    );
    prop_oneof![
        40 => typed.prop_map(str::to_owned),
        5 => (first, prop::collection::vec(step, 0..3)).prop_map(|(first, steps)| format!("{first}{}", steps.concat())),
        1 => "[ab.\\[\\]0,=\\\\{} -]{1,6}",
    ]
}

pub(crate) fn parameter_value() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => select(&["", "1", "-7", "0", "007", "1.5", "true", "False", "NULL", "null", "x", "1234567", "9007199254740993",
            "9223372036854775808", "+5", " 1", "1 ", "0x10"][..]).prop_map(str::to_owned),
        6 => select(&["a\\,b", "{a,b}", "{1,true,}", "{}", "a}", "{a}b=1", "a=b", "a\\b", "[1]", "a.b", "\\\\,x=1", "{a\\,b}", ",x=1"][..])
            .prop_map(str::to_owned),
        1 => select(&["a,b", "{a", "{a}b", "{a,{b}}", "\\", "\\\\,x", ",", ",,", "ü,ß"][..]).prop_map(str::to_owned),
        4 => select(&["$ARGOCD_APP_NAME", "${ARGOCD_APP_NAMESPACE}", "$$x", "$", "$UNKNOWN-x", "v${ARGOCD_APP_REVISION_SHORT}",
            "${", "$ARGOCD_APP_SOURCE_PATH"][..]).prop_map(str::to_owned),
        1 => "[ -~]{0,5}",
    ]
}
