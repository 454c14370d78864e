//! The values that Argo CD would hand to Helm, computed in Argo CD's order (argo-cd `util/helm/cmd.go`, `template`):
//! `valuesObject` or else `values`, then `--set`, then `--set-string`.

use serde_json::{Map, Value};

use super::draft::{Draft, Source};
use super::env::Environment;
use super::helm_set::{self, Typing};
use crate::argo::application::{HelmParameter, HelmSource};
use crate::yaml;

/// `spec.values` of the `HelmRelease`; empty when the Application sets none.
///
/// A null stays: to Helm and Flux alike it takes a default of the chart away.
pub(super) fn values(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    helm: &HelmSource,
) -> Option<Map<String, Value>> {
    let base = inline(draft, source, helm);
    let mut values = base?;
    let mut complete = true;
    for typing in [Typing::Inferred, Typing::Text] {
        for (index, parameter) in effective(&helm.parameters, typing == Typing::Text) {
            complete &= apply(draft, source, helm, &mut values, (index, parameter, typing)).is_some();
        }
    }
    complete.then_some(values)
}

/// `valuesObject` wins completely; the two are never merged (argo-cd `values.go`, `ValuesYAML`).
fn inline(draft: &mut Draft<'_>, source: &Source<'_>, helm: &HelmSource) -> Option<Map<String, Value>> {
    let (field, value) = match &helm.values_object {
        Some(object) => ("helm.valuesObject", object.clone()),
        None => match yaml::parse(&helm.values) {
            Ok(value) => ("helm.values", value),
            Err(error) => {
                return draft.error(source.at("helm.values"), format!("is not valid YAML: {error}"), "");
            }
        },
    };
    match value {
        Value::Object(values) => Some(values),
        Value::Null => Some(Map::new()),
        _ => draft.error(source.at(field), "is not a map of values", ""),
    }
}

/// The parameters of one kind. Of two with one name Argo CD keeps the last.
fn effective(parameters: &[HelmParameter], text: bool) -> impl Iterator<Item = (usize, &HelmParameter)> {
    parameters.iter().enumerate().filter(move |(index, parameter)| {
        let is_repeated = parameters[index + 1..]
            .iter()
            .any(|later| later.force_string == parameter.force_string && later.name == parameter.name);
        parameter.force_string == text && !is_repeated
    })
}

fn apply(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    helm: &HelmSource,
    values: &mut Map<String, Value>,
    (index, parameter, typing): (usize, &HelmParameter, Typing),
) -> Option<()> {
    let field = |name: &str| source.at(&format!("helm.parameters[{index}].{name}"));
    if !helm.value_files.is_empty() && parameter.name.contains('[') {
        return draft.error(
            field("name"),
            "an element of a list cannot be set beside valueFiles, which may hold the rest of the list",
            "set the whole list: {a,b}",
        );
    }
    let environment = Environment::new(draft.app, source.spec, &draft.context.control_namespace);
    let value = match environment.substitute(&parameter.value) {
        Ok(value) => escape_commas(&value),
        Err(variable) => {
            return draft.error(field("value"), format!("${variable} is not supported yet"), "");
        }
    };
    match helm_set::set(values, &format!("{}={value}", parameter.name), typing) {
        Ok(()) => Some(()),
        Err(message) => draft.error(field("name"), format!("failed parsing --set data: {message}"), ""),
    }
}

/// A bare comma is part of the value, unless the value is a list (argo-cd `util/helm/cmd.go`, `cleanSetParameters`).
fn escape_commas(value: &str) -> String {
    if value.starts_with('{') && value.ends_with('}') {
        return value.to_owned();
    }
    let mut escaped = String::with_capacity(value.len());
    let mut previous = '\0';
    for next in value.chars() {
        if next == ',' && previous != '\\' {
            escaped.push('\\');
        }
        escaped.push(next);
        previous = next;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argo::Application;
    use crate::translate::Context;
    use rstest::rstest;
    use serde_json::json;

    fn of(helm: &Value) -> (Option<Value>, Vec<String>) {
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "shop", "namespace": "argocd"},
            "spec": {"source": {"repoURL": "https://charts.example.org", "chart": "shop", "helm": helm}},
        }))
        .unwrap();
        let context = Context { control_namespace: "argocd".to_owned(), ..Context::default() };
        let mut draft = Draft::new(&app, &context);
        let source = Source::new(&app, 0, &app.sources()[0]);
        let values = values(&mut draft, &source, source.spec.helm.as_ref().unwrap());
        (values.map(Value::Object), draft.problems.iter().map(ToString::to_string).collect())
    }

    #[rstest]
    #[case::nothing(json!({}), json!({}))]
    #[case::text(json!({"values": "a: yes\nb: 010\n"}), json!({"a": true, "b": 8}))]
    #[case::object_wins(json!({"values": "a: 1", "valuesObject": {"b": 2}}), json!({"b": 2}))]
    #[case::empty_object_wins(json!({"values": "a: 1", "valuesObject": {}}), json!({}))]
    #[case::parameter_wins(
        json!({"valuesObject": {"a": {"b": 1, "c": 2}}, "parameters": [{"name": "a.b", "value": "4"}]}),
        json!({"a": {"b": 4, "c": 2}})
    )]
    #[case::text_after_inferred(
        json!({"parameters": [{"name": "a", "value": "1", "forceString": true}, {"name": "a", "value": "2"}]}),
        json!({"a": "1"})
    )]
    #[case::last_of_a_name(
        json!({"parameters": [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]}),
        json!({"a": 2})
    )]
    #[case::comma(json!({"parameters": [{"name": "a", "value": "1,b=2"}]}), json!({"a": "1,b=2"}))]
    #[case::escaped_comma(json!({"parameters": [{"name": "a", "value": "1\\,2"}]}), json!({"a": "1,2"}))]
    #[case::list(json!({"parameters": [{"name": "a", "value": "{1,2}"}]}), json!({"a": [1, 2]}))]
    #[case::null(json!({"parameters": [{"name": "a", "value": "null"}]}), json!({"a": null}))]
    #[case::variable(json!({"parameters": [{"name": "a", "value": "$ARGOCD_APP_NAME"}]}), json!({"a": "shop"}))]
    #[case::no_value(json!({"parameters": [{"name": "a"}]}), json!({"a": ""}))]
    fn as_helm_would_get_them(#[case] helm: Value, #[case] expected: Value) {
        assert_eq!(of(&helm), (Some(expected), vec![]));
    }

    #[rstest]
    #[case(json!({"values": "a: [1"}), "spec.source.helm.values: is not valid YAML: line 1")]
    #[case(json!({"values": "text"}), "spec.source.helm.values: is not a map of values")]
    #[case(json!({"valuesObject": [1]}), "spec.source.helm.valuesObject: is not a map of values")]
    #[case(
        json!({"parameters": [{"name": "a", "value": "1"}, {"name": "a.b", "value": "1"}]}),
        "spec.source.helm.parameters[1].name: failed parsing --set data"
    )]
    #[case(
        json!({"parameters": [{"name": "a", "value": "$ARGOCD_APP_REVISION"}]}),
        "spec.source.helm.parameters[0].value: $ARGOCD_APP_REVISION is not supported yet"
    )]
    #[case(
        json!({"valueFiles": ["x.yaml"], "parameters": [{"name": "a[0]", "value": "1"}]}),
        "spec.source.helm.parameters[0].name: an element of a list"
    )]
    fn problems_name_the_field(#[case] helm: Value, #[case] beginning: &str) {
        let (values, problems) = of(&helm);
        assert_eq!(values, None);
        assert!(problems[0].starts_with(beginning), "{problems:?}");
    }
}
