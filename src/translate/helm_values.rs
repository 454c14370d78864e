//! The values that Argo CD would hand to Helm, computed in Argo CD's order (argo-cd `util/helm/cmd.go`, `template`; helm
//! `pkg/cli/values/options.go`): value files, `valuesObject` or else `values`, then `--set`, `--set-string` and
//! `--set-file`.

use serde_json::{Map, Value};

use super::draft::{Draft, Source};
use super::helm_documents::documents;
use super::helm_set::{self, Typing};
use super::value_files::{self, Home, Place};
use super::{env, helm_layers};
use crate::argo::application::{HelmParameter, HelmSource};

/// Where integers that Helm's `--set` makes begin to look otherwise as the numbers that Flux reads from an object: Go
/// prints a `float64` of this size with an exponent, and the largest ones lose their last digits.
const PRINTED_ALIKE: u64 = 1_000_000;

/// What a `HelmRelease` has to say of values.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Values {
    /// `valuesFiles` of its chart; empty where Flux's default, the chart's own `values.yaml`, is all there is.
    pub(super) files: Vec<String>,
    /// `spec.values`.
    ///
    /// A null stays: to Helm and Flux alike it takes a default of the chart away.
    pub(super) inline: Map<String, Value>,
}

/// How deep values may nest, so that a `HelmRelease` with them is read back by whatever reads YAML or JSON: this crate's reader
/// of YAML goes down 64 levels, that of JSON 128.
const MAX_DEPTH: usize = 50;

/// What of the values goes which way.
pub(super) fn values(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    helm: &HelmSource,
    home: &Home,
) -> Option<Values> {
    let inline = inline(draft, source, helm);
    let layers = helm_layers::layers(draft, source, helm, home);
    let (inline, layers) = (inline?, layers?);
    helm_layers::check_elements(draft, helm, &layers)?;
    if layers.read.is_empty() {
        let inline = parameters(draft, source, helm, home, inline)?;
        return Some(Values { files: layers.files, inline });
    }
    let mut merged = layers.merged();
    helm_layers::overlay(&mut merged, inline.clone());
    let merged = parameters(draft, source, helm, home, merged)?;
    // What is wrong with the parameters has been said.
    let own = parameters(&mut Draft::new(draft.app, draft.context), source, helm, home, inline);
    let native = own.and_then(|own| layers.native(helm, &own, &merged).map(|files| (files, own)));
    let (files, inline) = native.unwrap_or((layers.files, merged));
    Some(Values { files, inline })
}

/// `values` with everything that parameters set in them.
fn parameters(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    helm: &HelmSource,
    home: &Home,
    mut values: Map<String, Value>,
) -> Option<Map<String, Value>> {
    let mut complete = true;
    for typing in [Typing::Inferred, Typing::Text] {
        for (index, parameter) in effective(&helm.parameters, typing == Typing::Text) {
            complete &= apply(draft, source, &mut values, (index, parameter, typing)).is_some();
        }
    }
    complete &= files(draft, source, helm, home, &mut values).is_some();
    if complete && values.values().any(|value| is_deeper(value, MAX_DEPTH)) {
        return draft.unfaithful("values nested very deeply");
    }
    complete.then_some(values)
}

/// Whether lists and maps stand in each other more than `levels` times.
fn is_deeper(value: &Value, levels: usize) -> bool {
    let mut inner: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(map) => Box::new(map.values()),
        _ => return false,
    };
    levels == 0 || inner.any(|value| is_deeper(value, levels - 1))
}

/// `valuesObject` wins completely; the two are never merged (argo-cd `values.go`, `ValuesYAML`).
fn inline(draft: &mut Draft<'_>, source: &Source<'_>, helm: &HelmSource) -> Option<Map<String, Value>> {
    let (field, value) = match &helm.values_object {
        Some(object) => ("helm.valuesObject", object.clone()),
        None => match documents(&helm.values) {
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
    values: &mut Map<String, Value>,
    (index, parameter, typing): (usize, &HelmParameter, Typing<'_>),
) -> Option<()> {
    let field = |name: &str| source.at(&format!("helm.parameters[{index}].{name}"));
    let value = escape_commas(&env::substitute(draft, source, &parameter.value)?);
    if typing == Typing::Inferred {
        check_number(draft, &value)?;
    }
    match helm_set::set(values, &format!("{}={value}", parameter.name), typing) {
        Ok(()) => Some(()),
        Err(message) => {
            let hint =
                "quote what the grammar of helm --set gives a meaning with a backslash, in name and value";
            draft.error(field("name"), format!("failed parsing --set data: {message}"), hint)
        }
    }
}

/// Helm makes an exact integer of what `--set` says; in an object it is a floating-point number to Go.
fn check_number(draft: &mut Draft<'_>, value: &str) -> Option<()> {
    let size = value.parse::<i64>().map_or(0, i64::unsigned_abs);
    if size >= PRINTED_ALIKE { draft.unfaithful("large numbers among the parameters") } else { Some(()) }
}

/// `--set-file`: the content of a file as text.
fn files(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    helm: &HelmSource,
    home: &Home,
    values: &mut Map<String, Value>,
) -> Option<()> {
    let mut complete = true;
    for (index, parameter) in helm.file_parameters.iter().enumerate() {
        if helm.file_parameters[index + 1..].iter().any(|later| later.name == parameter.name) {
            continue;
        }
        let field = |name: &str| source.at(&format!("helm.fileParameters[{index}].{name}"));
        let Some(content) = content(draft, source, home, &field("path"), &parameter.path) else {
            complete = false;
            continue;
        };
        let argument = format!("{}={}", parameter.name, helm_set::FILE);
        if let Err(message) = helm_set::set(values, &argument, Typing::Content(&content)) {
            complete = false;
            draft.error::<()>(field("name"), format!("failed parsing --set-file data: {message}"), "");
        }
    }
    complete.then_some(())
}

fn content(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    home: &Home,
    field: &str,
    path: &str,
) -> Option<String> {
    let place = value_files::locate(draft, source, home, field, path)?;
    if !home.is_readable() && matches!(&place, Place::Source(index, _) if *index == source.index) {
        return draft.unfaithful("fileParameters in a packed chart");
    }
    value_files::read(draft, field, &place)
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
    use crate::translate::{Context, RepoPath};
    use rstest::rstest;
    use serde_json::json;

    /// The values of a packed chart, the problems, and what Flux would not render as Argo CD does.
    fn of(helm: &Value) -> (Option<Value>, Vec<String>, Option<&'static str>) {
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "shop", "namespace": "argocd"},
            "spec": {"source": {"repoURL": "https://charts.example.org", "chart": "shop", "helm": helm}},
        }))
        .unwrap();
        let context = Context { control_namespace: "argocd".to_owned(), ..Context::default() };
        let mut draft = Draft::new(&app, &context);
        let source = Source::new(&app, 0, &app.sources()[0]);
        let packed = Home {
            folder: RepoPath::default(),
            root: RepoPath::default(),
            reader: value_files::Reader::Flux,
        };
        let values = values(&mut draft, &source, source.spec.helm.as_ref().unwrap(), &packed);
        (
            values.map(|values| Value::Object(values.inline)),
            draft.problems.iter().map(ToString::to_string).collect(),
            draft.unfaithful,
        )
    }

    #[rstest]
    #[case::nothing(json!({}), json!({}))]
    #[case::text(json!({"values": "a: yes\nb: 010\n"}), json!({"a": true, "b": 8}))]
    #[case::documents(json!({"values": "a: 1\nb: 1\n---\nb: 2\n"}), json!({"a": 1, "b": 2}))]
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
        assert_eq!(of(&helm), (Some(expected), vec![], None));
    }

    #[rstest]
    #[case(json!({"values": "a: [1"}), "spec.source.helm.values: is not valid YAML: line 1")]
    #[case(json!({"values": "text"}), "spec.source.helm.values: is not a map of values")]
    #[case(json!({"valuesObject": [1]}), "spec.source.helm.valuesObject: is not a map of values")]
    #[case(
        json!({"parameters": [{"name": "a", "value": "1"}, {"name": "a.b", "value": "1"}]}),
        "spec.source.helm.parameters[1].name: failed parsing --set data"
    )]
    fn problems_name_the_field(#[case] helm: Value, #[case] beginning: &str) {
        let (values, problems, unfaithful) = of(&helm);
        assert_eq!((values, unfaithful), (None, None));
        assert!(problems[0].starts_with(beginning), "{problems:?}");
    }

    #[rstest]
    #[case(json!({"parameters": [{"name": "a", "value": "9007199254740993"}]}), "large numbers among the parameters")]
    #[case(json!({"parameters": [{"name": "a", "value": "-1000000"}]}), "large numbers among the parameters")]
    #[case(json!({"fileParameters": [{"name": "a", "path": "x"}]}), "fileParameters in a packed chart")]
    #[case(json!({"parameters": [{"name": "a", "value": "$ARGOCD_APP_REVISION"}]}), "the revision of a range of versions")]
    #[case(
        json!({"valueFiles": ["x.yaml"], "parameters": [{"name": "a[0]", "value": "1"}]}),
        "elements of lists beside files of a packed chart"
    )]
    #[case(json!({"valueFiles": ["values-*.yaml"]}), "patterns of files in a packed chart")]
    fn what_flux_would_not_render_as_argo_cd_does(#[case] helm: Value, #[case] what: &str) {
        assert_eq!(of(&helm), (None, vec![], Some(what)));
    }
}
