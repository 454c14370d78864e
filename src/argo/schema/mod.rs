//! What the API server takes for an Application, for those who read one before it does: nulls and unknown fields are left
//! out, wrong types refused (k8s.io/apiextensions-apiserver `pkg/apiserver/schema`: `pruning`, `defaulting/prunenulls.go`).

mod fields;

use std::fmt;

use serde_json::{Map, Value};

pub use fields::APPLICATION;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// A string.
    Text,
    /// An integer.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// An integer, or a string.
    IntegerOrText,
    /// Any value: not looked into.
    Anything,
    /// A map of any values.
    AnyMap,
    /// A map with these keys.
    Fields(&'static [(&'static str, Schema)]),
    /// A map of values of one kind.
    MapOf(&'static Schema),
    /// A list.
    ListOf(&'static Schema),
}

/// Something that the API server would say of an Application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Path of the field, such as `spec.sources[0].helm.values`.
    pub field: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no such field: the API server leaves it out, with a warning. The name of the likeliest that there is.
    Unknown(Option<&'static str>),
    /// The API server refuses the Application.
    WrongType {
        /// What has to be there.
        expected: Schema,
        /// What is there.
        found: Value,
    },
}

/// How alike two names are (Jaro-Winkler, 1 is the same), for one to be meant by the other.
const ALIKE: f64 = 0.85;

impl Schema {
    /// Leaves out of `value` what the API server would, and says what is wrong with the rest. `path` is that of `value`;
    /// empty for the whole.
    pub fn prune(self, value: &mut Value, path: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.walk(value, path, &mut findings);
        findings
    }

    fn walk(self, value: &mut Value, path: &str, findings: &mut Vec<Finding>) {
        match (self, value) {
            (Self::Fields(fields), Value::Object(map)) => {
                unknown(map, fields, path, findings);
                for (name, schema) in fields {
                    if let Some(value) = present(map, name) {
                        schema.walk(value, &below(path, name), findings);
                    }
                }
            }
            (Self::MapOf(schema), Value::Object(map)) => {
                map.retain(|_, value| !value.is_null());
                map.iter_mut().for_each(|(key, value)| schema.walk(value, &below(path, key), findings));
            }
            (Self::ListOf(schema), Value::Array(items)) => {
                // Nulls stay, and are refused.
                for (index, item) in items.iter_mut().enumerate() {
                    schema.walk(item, &format!("{path}[{index}]"), findings);
                }
            }
            (_, value) if self.takes(value) => {}
            (expected, found) => {
                let fault = Fault::WrongType { expected, found: found.clone() };
                findings.push(Finding { field: path.to_owned(), fault });
            }
        }
    }

    /// Whether the value is of that kind, looked at from outside.
    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Anything => true,
            Self::Text => value.is_string(),
            Self::Boolean => value.is_boolean(),
            Self::Integer => value.is_i64(),
            Self::IntegerOrText => value.is_i64() || value.is_string(),
            Self::AnyMap | Self::Fields(_) | Self::MapOf(_) => value.is_object(),
            Self::ListOf(_) => value.is_array(),
        }
    }
}

/// The value of a field; a null is none, and goes.
fn present<'a>(map: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Value> {
    if map.get(name).is_some_and(Value::is_null) {
        map.remove(name);
    }
    map.get_mut(name)
}

fn unknown(
    map: &mut Map<String, Value>,
    fields: &'static [(&'static str, Schema)],
    path: &str,
    findings: &mut Vec<Finding>,
) {
    map.retain(|key, _| {
        let is_known = fields.iter().any(|(name, _)| name == key);
        if !is_known {
            let fault = Fault::Unknown(nearest(key, fields));
            findings.push(Finding { field: below(path, key), fault });
        }
        is_known
    });
}

/// The known name that `key` is likely a slip of.
fn nearest(key: &str, fields: &'static [(&'static str, Schema)]) -> Option<&'static str> {
    let key = key.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&key, &name.to_lowercase());
    let alike =
        fields.iter().map(|(name, _)| (*name, likeness(name))).filter(|(_, likeness)| *likeness > ALIKE);
    alike.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(name, _)| name)
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

impl Finding {
    /// Whether the API server refuses the Application for it.
    pub fn is_refused(&self) -> bool {
        matches!(self.fault, Fault::WrongType { .. })
    }
}

impl fmt::Display for Finding {
    /// `field: sentence (way out)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = &self.field;
        match &self.fault {
            Fault::Unknown(nearest) => {
                write!(f, "{field}: unknown field, which the API server leaves out")?;
                match nearest {
                    Some(name) => write!(f, " (is {name} meant?)"),
                    None => write!(f, " (leave it out)"),
                }
            }
            Fault::WrongType { expected, found } => {
                write!(
                    f,
                    "{field}: must be {expected}, and is {} ({})",
                    told(found),
                    way_out(*expected, found)
                )
            }
        }
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "a string",
            Self::Integer => "an integer",
            Self::Boolean => "true or false",
            Self::IntegerOrText => "an integer or a string",
            Self::Anything => "a value",
            Self::AnyMap | Self::Fields(_) | Self::MapOf(_) => "a map",
            Self::ListOf(_) => "a list",
        })
    }
}

/// What was found, in words; of strings only that they are, since one might be a secret.
fn told(found: &Value) -> String {
    match found {
        Value::Null => "empty".to_owned(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
    }
}

fn way_out(expected: Schema, found: &Value) -> String {
    match (expected, found) {
        (_, Value::Null) => "leave it out, or write a value".to_owned(),
        (Schema::Text | Schema::IntegerOrText, Value::Bool(_) | Value::Number(_)) => {
            format!("put it in quotes: \"{found}\"")
        }
        (Schema::Text, _) => "write one text; several lines begin with |".to_owned(),
        (Schema::Integer, _) => "write a whole number without quotes".to_owned(),
        (Schema::Boolean, _) => "write true or false without quotes".to_owned(),
        (Schema::ListOf(_), _) => "begin each item with - on a line of its own".to_owned(),
        (Schema::Fields(fields), _) => {
            let names: Vec<&str> = fields.iter().map(|(name, _)| *name).take(3).collect();
            format!("write fields below it, such as {}", names.join(", "))
        }
        _ => "write KEY: VALUE below it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::null_of_a_list(json!({"spec": {"source": {"helm": {"valueFiles": null, "values": null}}}}))]
    #[case::null_of_a_map(json!({"metadata": {"labels": null}, "spec": {"source": {"helm": {}}, "sources": null}}))]
    #[case::null_of_a_key(
        json!({"spec": {"source": {"helm": {}, "kustomize": null}}, "metadata": {"labels": null}})
    )]
    fn nulls_are_none(#[case] mut app: Value) {
        assert_eq!(APPLICATION.prune(&mut app, ""), []);
        assert_eq!(app["spec"], json!({"source": {"helm": {}}}));
    }

    #[test]
    fn a_null_among_values_stays() {
        let values = json!({"spec": {"source": {"helm": {"valuesObject": {"a": null}}}}});
        let mut app = values.clone();
        assert_eq!(APPLICATION.prune(&mut app, ""), []);
        assert_eq!(app, values);
    }

    #[rstest]
    #[case(json!({"source": {"helm": {"vaules": ""}}}), "spec.source.helm.vaules", "is values meant?")]
    #[case(json!({"source": {"helm": {"valuesFiles": []}}}), "spec.source.helm.valuesFiles", "is valueFiles meant?")]
    #[case(json!({"sources": [{}, {"repoUrl": ""}]}), "spec.sources[1].repoUrl", "is repoURL meant?")]
    #[case(json!({"kustomise": {}}), "spec.kustomise", "leave it out")]
    #[case(json!({"syncPolicy": {"automatic": {}}}), "spec.syncPolicy.automatic", "is automated meant?")]
    #[case(json!({"ignoreDifference": []}), "spec.ignoreDifference", "is ignoreDifferences meant?")]
    fn an_unknown_field_is_left_out(#[case] spec: Value, #[case] field: &str, #[case] hint: &str) {
        let mut app = json!({"spec": spec});
        let findings = APPLICATION.prune(&mut app, "");
        let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(said, [format!("{field}: unknown field, which the API server leaves out ({hint})")]);
        assert!(!findings[0].is_refused());
        assert_eq!(APPLICATION.prune(&mut app, ""), []);
    }

    #[rstest]
    #[case::number(
        json!({"source": {"targetRevision": 1.2}}),
        r#"spec.source.targetRevision: must be a string, and is the number 1.2 (put it in quotes: "1.2")"#
    )]
    #[case::parameter(
        json!({"source": {"helm": {"parameters": [{"name": "a", "value": 123}]}}}),
        r#"spec.source.helm.parameters[0].value: must be a string, and is the number 123 (put it in quotes: "123")"#
    )]
    #[case::map_for_list(
        json!({"sources": {"repoURL": "x"}}),
        "spec.sources: must be a list, and is a map (begin each item with - on a line of its own)"
    )]
    #[case::map_for_text(
        json!({"source": {"helm": {"values": {"password": "x"}}}}),
        "spec.source.helm.values: must be a string, and is a map (write one text; several lines begin with |)"
    )]
    #[case::text_for_map(
        json!({"destination": "x"}),
        "spec.destination: must be a map, and is a string (write fields below it, such as server, name, namespace)"
    )]
    #[case::text_for_boolean(
        json!({"syncPolicy": {"automated": {"prune": "true"}}}),
        "spec.syncPolicy.automated.prune: must be true or false, and is a string (write true or false without quotes)"
    )]
    #[case::text_for_integer(
        json!({"syncPolicy": {"retry": {"limit": "3"}}}),
        "spec.syncPolicy.retry.limit: must be an integer, and is a string (write a whole number without quotes)"
    )]
    #[case::null_in_a_list(
        json!({"source": {"helm": {"valueFiles": [null]}}}),
        "spec.source.helm.valueFiles[0]: must be a string, and is empty (leave it out, or write a value)"
    )]
    #[case::in_a_map(
        json!({"source": {"kustomize": {"commonLabels": {"a": true}}}}),
        r#"spec.source.kustomize.commonLabels.a: must be a string, and is the boolean true (put it in quotes: "true")"#
    )]
    #[case::values(
        json!({"source": {"helm": {"valuesObject": "a: b"}}}),
        "spec.source.helm.valuesObject: must be a map, and is a string (write KEY: VALUE below it)"
    )]
    #[case::fraction(
        json!({"revisionHistoryLimit": 1.5}),
        "spec.revisionHistoryLimit: must be an integer, and is the number 1.5 (write a whole number without quotes)"
    )]
    fn a_wrong_type_is_refused(#[case] spec: Value, #[case] expected: &str) {
        let findings = APPLICATION.prune(&mut json!({"spec": spec}), "");
        let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(said, [expected]);
        assert!(findings[0].is_refused());
    }
}
