//! The question that stock Argo CD asks for a plain Application (argo-cd `controller/state.go`, `GetRepoObjs`), and what the
//! answer says of each object. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::messages::{
    ApplicationSource, Helm, HelmFileParameter, HelmOptions, HelmParameter, KustomizeOptions,
    KustomizeVersion, ManifestRequest, RawExtension,
};
use super::repository::by_address;
use crate::argo::{Application, source};
use crate::mirror::patch;
use crate::project::{AppProject, RenderedObject};
use crate::translate::{DEFAULT_SCHEMES, Settings, is_post_rendered};

/// Setting of argocd-cm: arguments of `kustomize build`; behind a dot, of one version of kustomize.
const BUILD_OPTIONS: &str = "kustomize.buildOptions";

/// The question about `source` of `app` at `revision`, but for Argo CD's settings and what the API server serves.
///
/// # Errors
/// A setting of Kustomize or of directories that is not of its type.
pub fn manifest_request(
    app: &Application,
    source: &source::ApplicationSource,
    revision: &str,
    project: &AppProject,
    control_namespace: &str,
) -> Result<ManifestRequest, serde_json::Error> {
    // Stock Argo CD takes one or the other; what Flux does to a chart after it was rendered is none of its business.
    let kustomize = source.kustomize.as_ref().filter(|_| !is_post_rendered(source));
    Ok(ManifestRequest {
        repo: Some(by_address(source)),
        repos: Vec::new(),
        revision: revision.to_owned(),
        app_name: app.instance_name(control_namespace),
        namespace: app.spec.destination.namespace.clone(),
        application_source: Some(ApplicationSource {
            repo_url: source.repo_url.clone(),
            path: source.path.clone(),
            target_revision: source.target_revision.clone(),
            helm: source.helm.as_ref().map(helm),
            kustomize: kustomize.map(settings).transpose()?,
            directory: source.directory.as_ref().map(settings).transpose()?,
            plugin: source.plugin.as_ref().map(settings).transpose()?,
            chart: source.chart.clone(),
            r#ref: source.reference.clone(),
            name: source.name.clone(),
            tag_prefix: source.tag_prefix.clone(),
        }),
        tracking_method: "annotation".to_owned(),
        has_multiple_sources: app.has_multiple_sources(),
        project_source_repos: project.spec.source_repos.clone(),
        project_name: project.name().to_owned(),
        annotation_manifest_generate_paths: app
            .annotation("argocd.argoproj.io/manifest-generate-paths")
            .unwrap_or_default()
            .to_owned(),
        ..ManifestRequest::default()
    })
}

/// Argo CD's settings that decide how sources are rendered (argo-cd `util/settings/settings.go`, `GetKustomizeSettings` and
/// `GetEnabledSourceTypes`), from argocd-cm.
pub fn with_settings(request: ManifestRequest, settings: &BTreeMap<String, String>) -> ManifestRequest {
    let build_options = settings.get(BUILD_OPTIONS).cloned().unwrap_or_default();
    let program = |(key, path): (&String, &String)| {
        let name =
            ["kustomize.version.", "kustomize.path."].iter().find_map(|kind| key.strip_prefix(kind))?;
        let build_options = settings.get(&format!("{BUILD_OPTIONS}.{name}")).cloned().unwrap_or_default();
        Some(KustomizeVersion { name: name.to_owned(), path: path.clone(), build_options })
    };
    let versions = settings.iter().filter_map(program).collect();
    let enabled = ["Kustomize", "Helm", "Directory", "Plugin"].map(|word| {
        let key = match word {
            "Kustomize" => "kustomize.enable",
            "Helm" => "helm.enable",
            "Directory" => "jsonnet.enable",
            // Plugins cannot be switched off.
            _ => "",
        };
        (word.to_owned(), settings.get(key).is_none_or(|value| value.is_empty() || value == "true"))
    });
    ManifestRequest {
        helm_options: Some(HelmOptions { values_file_schemes: value_file_schemes(settings) }),
        kustomize_options: Some(KustomizeOptions { build_options, versions }),
        enabled_source_types: enabled.into(),
        ..request
    }
}

/// Schemes that addresses of value files may have (argo-cd `util/settings/settings.go`, `GetHelmSettings`).
fn value_file_schemes(settings: &BTreeMap<String, String>) -> Vec<String> {
    let schemes = Settings::read(|key| settings.get(key).cloned()).value_file_schemes;
    schemes.unwrap_or_else(|| DEFAULT_SCHEMES.map(str::to_owned).to_vec())
}

fn settings<T: serde::de::DeserializeOwned>(settings: &Map<String, Value>) -> Result<T, serde_json::Error> {
    // What is `null` is not there.
    serde_json::from_value(patch::without_nulls(Value::Object(settings.clone())))
}

fn helm(helm: &source::HelmSource) -> Helm {
    let parameter = |parameter: &source::HelmParameter| HelmParameter {
        name: parameter.name.clone(),
        value: parameter.value.clone(),
        force_string: parameter.force_string,
    };
    let file = |parameter: &source::HelmFileParameter| HelmFileParameter {
        name: parameter.name.clone(),
        path: parameter.path.clone(),
    };
    let raw = |values: &Value| RawExtension { raw: values.to_string().into_bytes() };
    let text = |field: &str| helm.rest.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_set = |field: &str| helm.rest.get(field) == Some(&Value::Bool(true));
    let api_versions = helm.rest.get("apiVersions").and_then(Value::as_array).into_iter().flatten();
    Helm {
        value_files: helm.value_files.clone(),
        parameters: helm.parameters.iter().map(parameter).collect(),
        release_name: helm.release_name.clone(),
        values: helm.values.clone(),
        file_parameters: helm.file_parameters.iter().map(file).collect(),
        version: text("version"),
        pass_credentials: helm.pass_credentials,
        ignore_missing_value_files: helm.ignore_missing_value_files,
        skip_crds: helm.skip_crds,
        values_object: helm.values_object.as_ref().map(raw),
        namespace: text("namespace"),
        kube_version: text("kubeVersion"),
        api_versions: api_versions.filter_map(Value::as_str).map(str::to_owned).collect(),
        skip_tests: is_set("skipTests"),
        skip_schema_validation: is_set("skipSchemaValidation"),
    }
}

/// The objects of an answer. Whether a kind is namespaced is known of those that the answer itself defines.
///
/// # Errors
/// A manifest that is no JSON.
pub fn objects(manifests: &[String]) -> Result<Vec<RenderedObject>, serde_json::Error> {
    let parsed: Vec<Value> =
        manifests.iter().map(|text| serde_json::from_str(text)).collect::<Result<_, _>>()?;
    let mut defined = BTreeMap::new();
    for (kind, is_namespaced) in parsed.iter().filter_map(definition) {
        // Of two definitions the first one counts.
        defined.entry(kind).or_insert(is_namespaced);
    }
    let objects = parsed.iter().map(object).map(|object| {
        let is_namespaced = defined.get(&(object.group.as_str(), object.kind.as_str())).copied();
        RenderedObject { is_namespaced, ..object }
    });
    Ok(objects.collect())
}

fn object(manifest: &Value) -> RenderedObject {
    let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let api_version = text("/apiVersion");
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    RenderedObject {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: text("/kind").to_owned(),
        namespace: text("/metadata/namespace").to_owned(),
        name: text("/metadata/name").to_owned(),
        is_namespaced: None,
    }
}

/// Group and kind that the manifest defines, and whether such objects are in namespaces.
fn definition(manifest: &Value) -> Option<((&str, &str), bool)> {
    let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
    if text("/kind") != Some("CustomResourceDefinition") {
        return None;
    }
    Some(((text("/spec/group")?, text("/spec/names/kind")?), text("/spec/scope") == Some("Namespaced")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;
    use serde_json::json;

    fn request(source: &Value) -> ManifestRequest {
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "demo", "namespace": "team"},
            "spec": {"source": source, "destination": {"namespace": "apps"}},
        }))
        .unwrap();
        let project: AppProject =
            serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": {"sourceRepos": ["*"]}}))
                .unwrap();
        manifest_request(&app, &app.sources()[0], "6.3.5", &project, "argocd").unwrap()
    }

    #[test]
    fn a_chart() {
        let request = request(&json!({
            "repoURL": "https://charts.example.org", "chart": "podinfo", "targetRevision": "6.x",
            "helm": {"releaseName": "r", "valuesObject": {"a": 1}, "parameters": [{"name": "b", "value": "2", "forceString": true}],
                     "fileParameters": [{"name": "c", "path": "c.txt"}], "namespace": "elsewhere", "kubeVersion": "1.30.0",
                     "apiVersions": ["a.org/v1/B"], "skipTests": true, "skipSchemaValidation": true, "version": "v3"},
        }));
        assert_eq!(request.app_name, "team_demo");
        assert_eq!(request.repo.as_ref().map(|repo| repo.kind.as_str()), Some("helm"));
        let helm = request.application_source.as_ref().unwrap().helm.as_ref().unwrap();
        assert_eq!(
            (helm.namespace.as_str(), helm.kube_version.as_str(), helm.api_versions.as_slice()),
            ("elsewhere", "1.30.0", &["a.org/v1/B".to_owned()][..])
        );
        assert_eq!((helm.file_parameters[0].path.as_str(), helm.version.as_str()), ("c.txt", "v3"));
        assert!(helm.skip_tests && helm.skip_schema_validation);
        assert_eq!(helm.values_object.as_ref().unwrap().raw, br#"{"a":1}"#);
        assert!(helm.parameters[0].force_string);
        assert_eq!(ManifestRequest::decode(request.encode_to_vec().as_slice()).unwrap(), request);
    }

    #[test]
    fn a_kustomization() {
        let request = request(&json!({
            "repoURL": "https://git.example.org/a", "path": ".",
            "kustomize": {"namePrefix": "x-", "images": ["a:1"], "patches": [
                {"patch": "[]", "target": {"kind": "Deployment", "name": "web", "labelSelector": "a=b"}}]},
        }));
        let kustomize = request.application_source.unwrap().kustomize.unwrap();
        assert_eq!(
            (kustomize.name_prefix.as_str(), kustomize.images.as_slice()),
            ("x-", &["a:1".to_owned()][..])
        );
        let target = kustomize.patches[0].target.clone().unwrap();
        assert_eq!(target.label_selector, "a=b");
        let object = target.res_id.unwrap();
        assert_eq!((object.name.as_str(), object.gvk.unwrap().kind.as_str()), ("web", "Deployment"));
    }

    #[test]
    fn a_plugin_with_parameters_of_every_kind() {
        let request = request(&json!({
            "repoURL": "https://git.example.org/a", "path": ".",
            "plugin": {"name": "printer", "env": [{"name": "A", "value": "1"}], "parameters": [
                {"name": "text", "string": ""}, {"name": "list", "array": ["a", "b"]}, {"name": "map", "map": {"k": "v"}}]},
        }));
        let plugin = request.application_source.clone().unwrap().plugin.unwrap();
        assert_eq!((plugin.name.as_str(), plugin.env[0].value.as_str()), ("printer", "1"));
        // An empty text is something else than none.
        assert_eq!(plugin.parameters[0].string.as_deref(), Some(""));
        assert_eq!(plugin.parameters[1].array.as_ref().unwrap().array, ["a", "b"]);
        assert_eq!(plugin.parameters[2].map.as_ref().unwrap().map["k"], "v");
        assert_eq!(plugin.parameters[2].string, None);
        assert_eq!(ManifestRequest::decode(request.encode_to_vec().as_slice()).unwrap(), request);
    }

    #[test]
    fn every_setting_of_kustomize_and_of_directories() {
        let kustomized = request(&json!({"repoURL": "https://git.example.org/a", "path": ".", "kustomize": {
            "replicas": [{"name": "a", "count": 2}, {"name": "b", "count": "3"}],
            "commonLabels": {"l": "1"}, "labelIncludeTemplates": true, "version": "v5",
            "patches": [{"path": "p.yaml", "options": {"allowNameChange": true}}]}}));
        let kustomize = kustomized.application_source.unwrap().kustomize.unwrap();
        let counts: Vec<_> = kustomize.replicas.iter().filter_map(|replica| replica.count.clone()).collect();
        assert_eq!((counts[0].kind, counts[0].number), (0, 2));
        assert_eq!((counts[1].kind, counts[1].text.as_str()), (1, "3"));
        assert!(kustomize.label_include_templates && kustomize.patches[0].options["allowNameChange"]);
        let directory = request(&json!({"repoURL": "https://git.example.org/a", "path": ".", "directory": {
            "jsonnet": {"libs": ["lib"], "extVars": [{"name": "x", "value": "1", "code": true}]}}}));
        let jsonnet = directory.application_source.unwrap().directory.unwrap().jsonnet.unwrap();
        assert!(jsonnet.ext_vars[0].code && jsonnet.libs == ["lib"]);
    }

    #[test]
    fn settings_of_argo_cd_come_along() {
        let settings = [
            ("kustomize.buildOptions", "--enable-helm"),
            ("kustomize.buildOptions.v5", "--enable-exec"),
            ("kustomize.path.v5", "/bin/kustomize5"),
            ("helm.enable", "false"),
            ("jsonnet.enable", ""),
        ];
        let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let request = with_settings(ManifestRequest::default(), &settings);
        let options = request.kustomize_options.unwrap();
        assert_eq!(options.build_options, "--enable-helm");
        assert_eq!(request.helm_options.unwrap().values_file_schemes, ["https", "http"]);
        let version = &options.versions[0];
        assert_eq!(
            (version.name.as_str(), version.path.as_str(), version.build_options.as_str()),
            ("v5", "/bin/kustomize5", "--enable-exec")
        );
        let enabled = request.enabled_source_types;
        assert_eq!((enabled["Helm"], enabled["Directory"], enabled["Plugin"]), (false, true, true));
    }

    #[test]
    fn a_registry_of_charts_and_an_artifact() {
        let registry = request(
            &json!({"repoURL": "registry.example.org/charts", "chart": "a", "targetRevision": "1.2.3"}),
        );
        assert!(registry.repo.unwrap().enable_oci);
        let artifact = request(&json!({"repoURL": "oci://registry.example.org/a", "path": "."}));
        assert_eq!(artifact.repo.unwrap().kind, "oci");
    }

    #[test]
    fn objects_and_the_kinds_that_come_with_them() {
        let manifests = [
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "x"}}),
            json!({"apiVersion": "x.org/v1", "kind": "Thing", "metadata": {"name": "t"}}),
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                   "spec": {"group": "x.org", "names": {"kind": "Thing"}, "scope": "Cluster"}}),
        ];
        let texts: Vec<String> = manifests.iter().map(ToString::to_string).collect();
        let found = objects(&texts).unwrap();
        let short: Vec<_> =
            found.iter().map(|o| (o.group.as_str(), o.kind.as_str(), o.is_namespaced)).collect();
        assert_eq!(short[..2], [("apps", "Deployment", None), ("x.org", "Thing", Some(false))]);
        assert_eq!((found[0].version.as_str(), found[0].namespace.as_str()), ("v1", "x"));
        assert!(objects(&["{".to_owned()]).is_err());
    }
}
