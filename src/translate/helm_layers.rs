//! Value files: which of them a `HelmChart` reads by itself, and which the bridge reads and writes into `spec.values`.
//!
//! Flux lays its `valuesFiles` over the chart's defaults, beneath all values; Helm lays value files over each other and
//! then, as values, over the defaults. Both come to the same as long as nothing is null (which takes a default away, but
//! only as a value) and no map meets anything but a map. What differs is merged here instead. Merged values follow the
//! files with a moment's delay, which is why they are the second choice. Of a file with several documents Flux reads the
//! first alone (source-controller `internal/helm/chart/builder_local.go`), so such a file is merged here as well.

use serde_json::{Map, Value};

use super::FilePattern;
use super::draft::{Draft, Source};
use super::helm_documents::documents;
use super::value_files::{self, Home, Place, Reader, ValueFile};
use crate::argo::application::HelmSource;
use crate::{merge, yaml};

/// Name of the file with a chart's own defaults.
const DEFAULTS: &str = "values.yaml";

/// The value files of a chart.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// `valuesFiles` for those that only Flux can read; all of them come before those that are read here.
    pub(super) files: Vec<String>,
    /// What was read, in rising precedence.
    pub(super) read: Vec<Map<String, Value>>,
    /// The chart's own defaults and paths to all that was read, where Flux could read it too.
    alternative: Option<(Map<String, Value>, Vec<String>)>,
}

/// Reads what can be read.
pub(super) fn layers(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    helm: &HelmSource,
    home: &Home,
) -> Option<Layers> {
    let files = value_files::resolve(draft, source, helm, home)?;
    let own = |file: &ValueFile| match &file.place {
        Place::Source(index, path) if *index == source.index => Some(path.clone()),
        _ => None,
    };
    let mut layers = Layers::default();
    let hidden =
        if home.is_readable() { 0 } else { files.iter().take_while(|file| own(file).is_some()).count() };
    let (packed, rest) = files.split_at(hidden);
    if !packed.is_empty() {
        layers.files = std::iter::once(DEFAULTS.to_owned()).chain(packed.iter().filter_map(own)).collect();
        // The defaults named once more change nothing.
        layers.files.dedup();
    }
    let (mut complete, mut is_native) = (true, true);
    for file in rest {
        if !home.is_readable() && own(file).is_some() {
            draft.unfaithful::<()>("files of a packed chart after others");
            complete = false;
        } else if let Some((values, is_whole)) = read(draft, file) {
            layers.read.push(values);
            is_native &= is_whole;
        } else {
            complete = false;
        }
    }
    if home.reader == Reader::Both && is_native && !files.is_empty() {
        let paths: Option<Vec<String>> = files.iter().map(own).collect();
        layers.alternative = paths.and_then(|paths| alternative(draft, source, home, paths));
    }
    (complete && draft.wants.is_empty()).then_some(layers)
}

/// The values of a file, and whether its first document is all of it.
fn read(draft: &mut Draft<'_>, file: &ValueFile) -> Option<(Map<String, Value>, bool)> {
    let text = value_files::read(draft, &file.field, &file.place)?;
    let (Place::Source(_, name) | Place::Address(name)) = &file.place;
    match documents(&text) {
        Ok(Value::Object(values)) => {
            let is_whole = is_one_document(&text, &values);
            Some((values, is_whole))
        }
        Ok(Value::Null) => Some((Map::new(), true)),
        Ok(_) => draft.error(&file.field, format!("failed to parse {name}: it is not a map of values"), ""),
        Err(error) => draft.error(&file.field, format!("failed to parse {name}: {error}"), ""),
    }
}

/// Whether the first document of `text` says all of `values`, what its documents say together.
fn is_one_document(text: &str, values: &Map<String, Value>) -> bool {
    yaml::parse(text).is_ok_and(|first| first.as_object() == Some(values))
}

/// The chart's own defaults, and the list that has Flux lay the files at `paths` over them.
fn alternative(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    home: &Home,
    paths: Vec<String>,
) -> Option<(Map<String, Value>, Vec<String>)> {
    let own = home.folder.join(DEFAULTS)?.as_str().to_owned();
    let found = value_files::look_up(draft, source.index, FilePattern::Path(own.clone()))?;
    let Some((_, file)) = found.first() else { return Some((Map::new(), paths)) };
    let text = file.text().ok()?;
    let defaults = match documents(text) {
        Ok(Value::Object(values)) if is_one_document(text, &values) => values,
        Ok(Value::Null) => Map::new(),
        // Several documents; or the chart is broken whichever way its files are read, and Helm says so.
        _ => return None,
    };
    let mut all: Vec<String> = std::iter::once(own).chain(paths).collect();
    // The defaults named once more change nothing.
    all.dedup();
    Some((defaults, all))
}

impl Layers {
    /// Everything that was read, as Helm lays it over each other.
    pub(super) fn merged(&self) -> Map<String, Value> {
        let mut merged = Map::new();
        for layer in &self.read {
            overlay(&mut merged, layer.clone());
        }
        merged
    }

    /// The list that Flux may read instead, where that comes to the same: `own` are the values without the files, `merged`
    /// those with them.
    pub(super) fn native(
        &self,
        helm: &HelmSource,
        own: &Map<String, Value>,
        merged: &Map<String, Value>,
    ) -> Option<Vec<String>> {
        let (defaults, paths) = self.alternative.as_ref()?;
        // What a parameter makes of a list depends on the list.
        if sets_elements(helm) {
            return None;
        }
        let mut sum = defaults.clone();
        for layer in self.read.iter().chain([own]) {
            is_plain(&sum, layer).then_some(())?;
            overlay(&mut sum, layer.clone());
        }
        let mut other = defaults.clone();
        overlay(&mut other, merged.clone());
        (sum == other).then(|| paths.clone())
    }
}

/// Lays `values` over `base` as Helm's `mergeMaps` does.
pub(super) fn overlay(base: &mut Map<String, Value>, values: Map<String, Value>) {
    let mut merged = Value::Object(std::mem::take(base));
    merge::deep_merge(&mut merged, Value::Object(values));
    if let Value::Object(merged) = merged {
        *base = merged;
    }
}

/// Whether `values` can be laid over `base` first or last alike: no null, and maps over maps alone.
fn is_plain(base: &Map<String, Value>, values: &Map<String, Value>) -> bool {
    values.iter().all(|(key, value)| match (base.get(key), value) {
        (_, Value::Null) | (Some(Value::Null), _) => false,
        // A null among the defaults of a subchart counts as soon as a value meets the map that it is in.
        (Some(Value::Object(base)), Value::Object(values)) => {
            base.values().all(has_no_null) && is_plain(base, values)
        }
        (Some(base), value) => base.is_object() == value.is_object() && has_no_null(value),
        (None, value) => has_no_null(value),
    })
}

fn has_no_null(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(values) => values.values().all(has_no_null),
        _ => true,
    }
}

fn sets_elements(helm: &HelmSource) -> bool {
    let names = helm.parameters.iter().map(|parameter| &parameter.name);
    names.chain(helm.file_parameters.iter().map(|parameter| &parameter.name)).any(|name| name.contains('['))
}

/// An element of a list cannot be set where files that only Flux reads may hold the rest of the list.
pub(super) fn check_elements(draft: &mut Draft<'_>, helm: &HelmSource, layers: &Layers) -> Option<()> {
    if layers.files.is_empty() || !sets_elements(helm) {
        return Some(());
    }
    draft.unfaithful("elements of lists beside files of a packed chart")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::maps(json!({"a": {"b": 1}}), json!({"a": {"c": 2}}), true)]
    #[case::null(json!({}), json!({"a": {"b": null}}), false)]
    #[case::null_replaced(json!({"a": null}), json!({"a": 1}), false)]
    #[case::null_beside(json!({"a": null}), json!({"b": 1}), true)]
    #[case::null_of_a_subchart(json!({"sub": {"b": null}}), json!({"sub": {}}), false)]
    #[case::null_of_another_subchart(json!({"sub": {"b": null}}), json!({"other": {}}), true)]
    #[case::map_replaced(json!({"a": {}}), json!({"a": 1}), false)]
    fn layers_that_come_to_the_same_first_and_last(
        #[case] base: Value,
        #[case] values: Value,
        #[case] expected: bool,
    ) {
        let (Value::Object(base), Value::Object(values)) = (base, values) else { panic!("maps") };
        assert_eq!(is_plain(&base, &values), expected);
    }
}
