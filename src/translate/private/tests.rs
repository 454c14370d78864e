//! What moves to Argo CD's namespace, what stays, and who is kept away.

use std::collections::BTreeMap;
use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use super::super::{Contents, Context, Form, RemoteRefs, Severity, Translation, Want, translate};
use crate::argo::Application;
use crate::credentials::{LiveSecret, Repositories};
use crate::flux::FluxKind;
use crate::names;

const GIT: &str = "https://git.example.org/org/repo";

fn secret(url: &str, data: &[(&str, &str)]) -> LiveSecret {
    let data = data.iter().copied().chain([("url", url)]);
    LiveSecret {
        name: "own".into(),
        labels: [(names::LABEL_ARGO_SECRET_TYPE.to_owned(), "repository".to_owned())].into(),
        data: data.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec())).collect(),
        ..LiveSecret::default()
    }
}

fn translated(source: &Value, annotations: &Value, secrets: Vec<LiveSecret>) -> Translation {
    let app: Application = serde_json::from_value(json!({
        "metadata": {"name": "demo", "namespace": "argocd", "annotations": annotations},
        "spec": {
            "source": source,
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "apps"},
            "syncPolicy": {"syncOptions": ["FluxSubsystem=true", "AutoCreateFluxResources=true"]},
        },
    }))
    .unwrap();
    let refs = RemoteRefs { head: Some("refs/heads/main".into()), ..RemoteRefs::default() };
    let context = Context {
        control_namespace: "argocd".into(),
        poll_interval: "2m".into(),
        contents: Contents::assume(&app.sources()[0]).map(|contents| (0, contents)).into_iter().collect(),
        refs: [(GIT.to_owned(), refs)].into(),
        repositories: Some(Arc::new(Repositories::new(secrets, String::new(), BTreeMap::new()))),
        ..Context::default()
    };
    translate(&app, &context)
}

fn git() -> Value {
    json!({"repoURL": GIT, "path": "app", "kustomize": {}, "helm": {"values": "a: b"}})
}

fn spec_of(translation: &Translation, kind: FluxKind) -> &Value {
    &translation.objects.iter().find(|object| object.key.kind == kind).unwrap().spec
}

#[test]
fn a_source_with_credentials_stands_beside_them() {
    let found = translated(&git(), &json!({}), vec![secret(GIT, &[("username", "u"), ("password", "p")])]);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let source = &found.objects[0];
    let name = names::private_source("apps", "demo");
    assert_eq!((source.key.namespace.as_str(), source.key.name.as_str()), ("argocd", name.as_str()));
    assert_eq!(found.routes[0].origin.as_ref(), Some(&source.key));
    let [secret] = found.secrets.as_slice() else { panic!("{:?}", found.secrets) };
    assert_eq!(source.spec["secretRef"]["name"], secret.name);
    assert_eq!(secret.annotations[names::ANNOTATION_APPLICATION], "argocd/demo");
    let release = &found.objects[1];
    assert_eq!(release.key.namespace, "apps");
    assert_eq!(
        release.spec["chart"]["spec"]["sourceRef"],
        json!({"kind": "GitRepository", "name": name, "namespace": "argocd"})
    );
}

#[test]
fn a_password_in_the_address_goes_into_a_secret() {
    let mut source = git();
    source["repoURL"] = json!("https://me:hunter2@git.example.org/org/repo");
    source["targetRevision"] = json!("0123456789abcdef0123456789abcdef01234567");
    let found = translated(&source, &json!({}), vec![secret(GIT, &[("username", "u"), ("password", "p")])]);
    let repository = found.objects.iter().find(|object| object.key.kind == FluxKind::GitRepository).unwrap();
    assert_eq!((repository.key.namespace.as_str(), &repository.spec["url"]), ("argocd", &json!(GIT)));
    let [secret] = found.secrets.as_slice() else { panic!("{:?}", found.secrets) };
    assert_eq!((secret.data.text("username"), secret.data.text("password")), ("me".into(), "hunter2".into()));
    assert!(!format!("{:?}", found.objects).contains("hunter2"));
}

#[test]
fn a_source_without_stays_where_it_was() {
    let found = translated(&git(), &json!({}), vec![secret("https://elsewhere.net/a", &[("password", "p")])]);
    assert_eq!(found.objects[0].key.namespace, "apps");
    assert!(found.secrets.is_empty());
}

#[rstest]
#[case::chart(json!({"repoURL": "https://charts.example.org", "chart": "a", "targetRevision": "1.x"}), FluxKind::HelmRelease, "/chart/spec/sourceRef")]
#[case::registry(json!({"repoURL": "registry.example.org/charts", "chart": "a", "targetRevision": "1.x"}), FluxKind::HelmRelease, "/chart/spec/sourceRef")]
#[case::artifact(json!({"repoURL": "oci://registry.example.org/a", "path": ".", "targetRevision": "1.0.0", "helm": {"values": "a: b"}}), FluxKind::HelmRelease, "/chartRef")]
#[case::manifests(json!({"repoURL": "oci://registry.example.org/a", "path": ".", "targetRevision": "1.0.0", "kustomize": {"namePrefix": "x-"}}), FluxKind::Kustomization, "/sourceRef")]
fn every_kind_of_source_is_referred_to(#[case] source: Value, #[case] kind: FluxKind, #[case] pointer: &str) {
    let url = source["repoURL"].as_str().unwrap();
    let found = translated(&source, &json!({}), vec![secret(url, &[("username", "u"), ("password", "p")])]);
    assert_eq!(found.secrets.len(), 1, "{:?}", found.problems);
    let reference = spec_of(&found, kind).pointer(pointer).unwrap();
    assert_eq!(reference["namespace"], "argocd");
    assert_eq!(reference["name"], found.objects[0].key.name);
}

/// Flux would deliver pointers: Argo CD's repo-server fetches the files.
#[rstest]
#[case::kustomization(json!({"kustomize": {"namePrefix": "x-"}}))]
#[case::chart(json!({"helm": {"values": "a: b"}}))]
#[case::value_files_are_not_read(json!({"helm": {"valueFiles": ["env/*.yaml", "b.yaml"]}}))]
fn what_is_in_git_lfs_is_rendered(#[case] settings: Value) {
    let mut source = json!({"repoURL": GIT, "path": "app"});
    source.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let found =
        translated(&source, &json!({}), vec![secret(GIT, &[("password", "p"), ("enableLfs", "true")])]);
    assert_eq!(found.wants, [Want::Rendered { source: 0, form: Form::Own }]);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    // It tells what the path holds, and delivers nothing.
    assert_eq!(
        found.objects.iter().map(|object| object.key.kind).collect::<Vec<_>>(),
        [FluxKind::GitRepository]
    );
}

/// Whoever may write an Application may not thereby have Argo CD's credentials sent somewhere, or another Secret read.
#[rstest]
#[case::another_host("gitrepository-override", "spec: {url: https://evil.example.net/org/repo}")]
#[case::another_secret("gitrepository-override", "spec: {secretRef: {name: argocd-redis}}")]
#[case::include("gitrepository-override", "spec: {include: [{repository: {name: other}}]}")]
#[case::proxy("gitrepository-override", "spec: {proxySecretRef: {name: mine}}")]
#[case::provider("gitrepository-override", "spec: {provider: azure}")]
#[case::replaced("gitrepository-replace", "{url: 'https://evil.example.net/org/repo', interval: 1m}")]
fn an_override_gets_none_of_argo_cds_secrets(#[case] annotation: &str, #[case] text: &str) {
    let annotations = json!({format!("flamingo/{annotation}"): text});
    let found = translated(&git(), &annotations, vec![secret(GIT, &[("username", "u"), ("password", "p")])]);
    assert!(found.secrets.is_empty());
    assert_eq!(found.objects[0].key.namespace, "apps");
}

#[test]
fn a_harmless_override_changes_nothing_about_it() {
    let annotations = json!({"flamingo/gitrepository-override": "spec: {interval: 1h, timeout: 5m}"});
    let found = translated(&git(), &annotations, vec![secret(GIT, &[("username", "u"), ("password", "p")])]);
    assert_eq!(found.objects[0].spec["interval"], "1h");
    assert_eq!((found.secrets.len(), found.objects[0].key.namespace.as_str()), (1, "argocd"));
}

#[test]
fn nobody_refers_to_anothers_source() {
    let annotations = json!({"flamingo/helmrelease-override":
        "spec: {chart: {spec: {sourceRef: {namespace: argocd, name: other}}}}"});
    let found = translated(&git(), &annotations, Vec::new());
    assert!(found.has_errors() && found.objects.is_empty());
    assert!(found.problems[0].message.contains("is not this Application's own"), "{:?}", found.problems);
}

#[test]
fn what_cannot_be_had_is_a_problem_of_the_address() {
    let found = translated(&git(), &json!({}), vec![secret(GIT, &[("password", "p"), ("insecure", "true")])]);
    let problem = &found.problems[0];
    assert_eq!((problem.field.as_str(), problem.severity), ("spec.source.repoURL", Severity::Error));
    assert!(found.objects.is_empty() && found.secrets.is_empty());

    let unreadable = translated(&git(), &json!({}), vec![secret(GIT, &[("insecure", "perhaps")])]);
    assert_eq!(unreadable.problems[0].message, "insecure of the repository Secret own is not true or false");
}

#[test]
fn another_project_has_none_of_it() {
    let of_team = secret(GIT, &[("username", "u"), ("password", "p"), ("project", "team")]);
    assert!(translated(&git(), &json!({}), vec![of_team]).secrets.is_empty());
}
