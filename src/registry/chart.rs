//! Objects as a Helm chart: templates without a template in them. Pure.

use serde_json::{Value, json};

use super::manifests;
use crate::merge::deep_merge;
use crate::translate::hook;
use crate::{translate, yaml};

/// What Helm is told to render: the objects as they are.
const OBJECTS: &str = "templates/manifests.yaml";
/// What Helm installs before it looks at the other objects, so that theirs are known. It never deletes any of them.
const DEFINITIONS: &str = "crds/crds.yaml";
/// The version of a chart that has none that Helm reads.
const NO_VERSION: &str = "0.0.0";
/// The name of a chart whose name no chart can have.
const NO_NAME: &str = "rendered";

/// What the chart that was rendered says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChartMetadata {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The version of what it installs; empty where that is unknown.
    pub app_version: String,
}

impl ChartMetadata {
    /// What a `Chart.yaml` says; nothing where it is none.
    pub fn read(text: &str) -> Self {
        let chart = yaml::parse(text).unwrap_or_default();
        let field = |name: &str| match &chart[name] {
            Value::String(text) => text.clone(),
            // Helm reads it into a text.
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        Self { name: field("name"), version: field("version"), app_version: field("appVersion") }
    }

    /// The `Chart.yaml`, with nothing in it that Helm refuses (helm v4 `pkg/chart/v2/metadata.go`, `Validate`).
    pub(super) fn to_value(&self) -> Value {
        let version = if translate::is_version(&self.version) { self.version.as_str() } else { NO_VERSION };
        let mut chart = json!({"apiVersion": "v2", "name": self.folder(), "version": version});
        if !self.app_version.is_empty() {
            deep_merge(&mut chart, json!({"appVersion": self.app_version}));
        }
        chart
    }

    /// The folder of a packed chart, which is its name.
    pub(super) fn folder(&self) -> &str {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name =
            self.name.starts_with(|c: char| c.is_ascii_alphanumeric()) && self.name.chars().all(is_plain);
        if is_name { &self.name } else { NO_NAME }
    }
}

/// The files of a chart that installs `objects` and nothing else.
pub(super) fn files(objects: &[Value], chart: &ChartMetadata) -> Vec<(String, String)> {
    let (definitions, others): (Vec<Value>, Vec<Value>) = objects.iter().cloned().partition(is_definition);
    let in_chart = |file: &str| format!("{}/{file}", chart.folder());
    let mut files = vec![
        (in_chart("Chart.yaml"), format!("{:#}\n", chart.to_value())),
        (in_chart(OBJECTS), without_actions(&manifests::documents(&others))),
    ];
    if !definitions.is_empty() {
        files.push((in_chart(DEFINITIONS), manifests::documents(&definitions)));
    }
    files
}

/// A definition of a kind that Helm does not run as a hook.
fn is_definition(object: &Value) -> bool {
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    object["kind"] == "CustomResourceDefinition"
        && api_version.starts_with("apiextensions.k8s.io/")
        && !hook::is_helms(object)
}

/// JSON that Helm takes for a template, and that says the same once it is rendered. Two braces one after the other are found
/// in texts alone, where one of them can be written otherwise.
fn without_actions(json: &str) -> String {
    json.replace("{{", "{\\u007b")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn object(kind: &str, annotations: &Value) -> Value {
        let api_version = if kind == "ConfigMap" { "v1" } else { "apiextensions.k8s.io/v1" };
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a", "annotations": annotations}})
    }

    #[rstest]
    #[case("{{ .Values.a }}")]
    #[case("{{{{ a }}{{{")]
    #[case(r#"\{{ "b" }} \\{{"#)]
    #[case("{ {{- /* c */ -}} }")]
    fn what_looks_like_a_template_is_none_and_says_the_same(#[case] text: &str) {
        let object = json!({"data": {text: text, "nested": {"a": {"b": {}}}}});
        let written = without_actions(&manifests::documents(std::slice::from_ref(&object)));
        assert!(!written.contains("{{"), "{written}");
        assert_eq!(yaml::parse(&written).unwrap(), object);
    }

    #[test]
    fn definitions_come_first_but_for_hooks() {
        let objects = [
            object("CustomResourceDefinition", &json!({})),
            object("CustomResourceDefinition", &json!({"helm.sh/hook": "pre-install"})),
            object("ConfigMap", &json!({"helm.sh/hook": "pre-install"})),
        ];
        let chart = ChartMetadata { name: "web".into(), version: "1.2.3".into(), app_version: "4".into() };
        let files = files(&objects, &chart);
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["web/Chart.yaml", "web/templates/manifests.yaml", "web/crds/crds.yaml"]);
        assert_eq!(
            yaml::parse(&files[0].1).unwrap(),
            json!({"apiVersion": "v2", "name": "web", "version": "1.2.3", "appVersion": "4"})
        );
        assert_eq!(yaml::parse_all(&files[1].1).unwrap(), objects[1..]);
        assert_eq!(yaml::parse_all(&files[2].1).unwrap(), objects[..1]);
    }

    #[rstest]
    #[case("name: web\nversion: 1.2.3\nappVersion: '4.5'\n", "web", "1.2.3", "4.5")]
    #[case("name: a/b\nversion: latest\nappVersion: 4.5\n", "rendered", "0.0.0", "4.5")]
    #[case("name: ..\nversion: v1\n", "rendered", "v1", "")]
    #[case("[", "rendered", "0.0.0", "")]
    fn what_a_chart_says_of_itself(
        #[case] text: &str,
        #[case] name: &str,
        #[case] version: &str,
        #[case] app_version: &str,
    ) {
        let chart = ChartMetadata::read(text).to_value();
        assert_eq!((&chart["name"], &chart["version"]), (&json!(name), &json!(version)));
        assert_eq!(chart["appVersion"].as_str().unwrap_or_default(), app_version);
    }
}
