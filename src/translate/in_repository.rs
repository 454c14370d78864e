//! Files in a repository that change the source which reads it: `.argocd-source.yaml` in the source's path, then
//! `.argocd-source-APPLICATION.yaml` (argo-cd `reposerver/repository/repository.go`, `mergeSourceParameters`).
//!
//! Argo CD merges each as a JSON merge patch, and decodes the result *over* the source as it was. So what a patch takes away
//! by null stays after all (but for keys in `helm.valuesObject`), and of an entry of a list that takes the place of another one
//! the fields stay that it leaves out.

use serde_json::{Map, Value};

use super::draft::{Draft, Source};
use super::files::FilePattern;
use super::{Contents, Want, lfs};
use crate::argo::ApplicationSource;
use crate::yaml;

/// The one for all Applications that read the path.
const FOR_ALL: &str = ".argocd-source.yaml";

/// What a file in the repository cannot change: Argo CD keeps these, or has read them before.
const KEPT: [&str; 7] = ["repoURL", "path", "targetRevision", "chart", "ref", "name", "tagPrefix"];

/// The source with everything that the repository adds to it; `None` while that is wanted, or when a problem was noted.
pub(super) fn merged(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    contents: &Contents,
) -> Option<ApplicationSource> {
    let own = format!(".argocd-source-{}.yaml", draft.app.instance_name(&draft.context.control_namespace));
    let mut merged = source.spec.clone();
    for name in [FOR_ALL, &own] {
        if !contents.source_overrides.iter().any(|file| file == name) {
            continue;
        }
        let path = contents.folder.join(name)?.as_str().to_owned();
        let pattern = FilePattern::Path(path.clone());
        let context = draft.context;
        let Some(files) = context.files.get(&source.index).and_then(|files| files.get(&pattern)) else {
            return draft.want(Want::Files { source: source.index, pattern });
        };
        let Some((_, file)) = files.first() else { continue };
        if file.text().is_ok_and(lfs::is_pointer) && lfs::is_enabled(draft, source.spec) {
            // The repo-server, which renders the source, reads what it stands for.
            continue;
        }
        match file.text().and_then(|text| patched(&merged, text)) {
            Ok(patched) => merged = patched,
            Err(message) => {
                let message = format!("error while parsing source parameters: {path}: {message}");
                return draft.error(source.at("path"), message, "correct the file in the repository");
            }
        }
    }
    Some(merged)
}

fn patched(source: &ApplicationSource, text: &str) -> Result<ApplicationSource, String> {
    let mut patch = yaml::parse(text).map_err(|error| error.to_string())?;
    match &mut patch {
        Value::Object(fields) => fields.retain(|name, _| !KEPT.contains(&name.as_str())),
        Value::Null => return Ok(source.clone()),
        _ => return Err("is not a map".to_owned()),
    }
    let before = serde_json::to_value(source).map_err(|error| error.to_string())?;
    let mut after = before.clone();
    merge_patch(&mut after, &patch);
    serde_json::from_value(over(before, after, "")).map_err(|error| error.to_string())
}

/// JSON merge patch (RFC 7396).
fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        patch.clone_into(target);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge_patch(fields.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

/// `after`, decoded over `before` as Go's `encoding/json` decodes into a structure that is not empty.
fn over(before: Value, after: Value, name: &str) -> Value {
    match (before, after) {
        // Kept as text until Helm reads it.
        (_, after) if name == "valuesObject" => after,
        (Value::Object(mut fields), Value::Object(after)) => {
            for (name, value) in after {
                let before = fields.remove(&name).unwrap_or_default();
                let value = over(before, value, &name);
                fields.insert(name, value);
            }
            Value::Object(fields)
        }
        (Value::Array(before), Value::Array(after)) => {
            let before = before.into_iter().map(Some).chain(std::iter::repeat(None));
            let entries = after.into_iter().zip(before);
            Value::Array(entries.map(|(after, before)| over(before.unwrap_or_default(), after, "")).collect())
        }
        (_, after) => after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    /// What `mergeSourceParameters` of argo-cd 3.5.7 makes of it.
    #[rstest]
    #[case::added("kustomize: {images: ['a:2']}", json!({}), json!({"kustomize": {"images": ["a:2"]}}))]
    #[case::replaced(
        "helm: {releaseName: b}",
        json!({"helm": {"releaseName": "a", "values": "x: 1"}}),
        json!({"helm": {"releaseName": "b", "values": "x: 1"}})
    )]
    #[case::protected(
        "{repoURL: b, path: b, chart: b, targetRevision: b, ref: b, name: b, tagPrefix: b, directory: {recurse: true}}",
        json!({}),
        json!({"directory": {"recurse": true}})
    )]
    #[case::null_takes_nothing_away("kustomize: null", json!({"kustomize": {"namePrefix": "a-"}}), json!({"kustomize": {"namePrefix": "a-"}}))]
    #[case::but_in_values(
        "helm: {valuesObject: {a: null, c: {d: 2}}}",
        json!({"helm": {"valuesObject": {"a": 1, "b": 1, "c": {"e": 1}}}}),
        json!({"helm": {"valuesObject": {"b": 1, "c": {"d": 2, "e": 1}}}})
    )]
    #[case::list_entries_over_each_other(
        "helm: {parameters: [{name: c, value: d}]}",
        json!({"helm": {"parameters": [{"name": "a", "value": "1", "forceString": true}, {"name": "b"}]}}),
        json!({"helm": {"parameters": [{"name": "c", "value": "d", "forceString": true}]}})
    )]
    #[case::nothing("", json!({}), json!({}))]
    #[case::unknown("unknown: 1", json!({}), json!({}))]
    fn as_argo_cd_merges(#[case] text: &str, #[case] before: Value, #[case] expected: Value) {
        let source = |settings: Value| -> ApplicationSource {
            let mut source = json!({"repoURL": "a", "path": "a", "targetRevision": "a"});
            merge_patch(&mut source, &settings);
            serde_json::from_value(source).unwrap()
        };
        assert_eq!(patched(&source(before), text), Ok(source(expected)));
    }

    #[rstest]
    #[case("helm: [")]
    #[case("- a")]
    #[case("helm: {parameters: {a: b}}")]
    fn what_cannot_be_read_is_told(#[case] text: &str) {
        assert!(patched(&ApplicationSource::default(), text).is_err());
    }
}
