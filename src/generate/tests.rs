//! Round trips: Application → Flux objects → Application → the same Flux objects.

use kube::core::DynamicObject;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::flux::Live;
use crate::mirror::compare;
use crate::translate::keep::protect_like;
use crate::translate::{Contents, Context, PathKind, RemoteRefs, translate};

fn request(auto_create: bool) -> Request {
    Request { name: "shop".into(), namespace: "argocd".into(), project: "default".into(), auto_create }
}

fn object(kind: FluxKind, name: &str, spec: &Value) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": kind.api_version(),
        "kind": kind.kind(),
        "metadata": {"name": name, "namespace": "apps", "generation": 1},
        "spec": spec,
    }))
    .unwrap()
}

fn context(app: &Application, kind: PathKind) -> Context {
    let url = app.sources()[0].repo_url.clone();
    let revision = &app.sources()[0].target_revision;
    let refs = RemoteRefs { head: None, refs: [(format!("refs/heads/{revision}"), "a".repeat(40))].into() };
    Context {
        control_namespace: "argocd".into(),
        poll_interval: "2m".into(),
        contents: [(0, Contents { kind, ..Contents::default() })].into(),
        refs: [(url, refs)].into(),
        ..Context::default()
    }
}

fn proven(
    workload: &(FluxKind, Value),
    source: &(FluxKind, &str, Value),
    kind: PathKind,
) -> Result<Proven, Refusal> {
    let workload = (workload.0, object(workload.0, "shop", &workload.1));
    let source = (source.0, object(source.0, source.1, &source.2));
    let found = Found {
        workload: Live { kind: workload.0, object: &workload.1 },
        source: Some(Live { kind: source.0, object: &source.1 }),
    };
    let app = draft(&request(true), found)?;
    prove(&app, found, &context(&app, kind))
}

/// What the translation says, field by field, is what stands there, but for the patch by which objects stay.
fn check(proven: &Proven, kind: FluxKind, expected: &Value) {
    let manifest = proven.objects.iter().find(|manifest| manifest.key.kind == kind).unwrap();
    let (expected, _) = protect_like(manifest, expected.clone());
    let live = object(kind, &manifest.key.name, &expected);
    let live = compare::comparable_live(manifest, Live { kind, object: &live });
    assert_eq!(compare::comparable_wanted(manifest), live);
}

fn release() -> Value {
    json!({
        "interval": "7m",
        "releaseName": "front",
        "targetNamespace": "apps",
        "storageNamespace": "apps",
        "chart": {"spec": {
            "chart": "podinfo", "version": "6.x", "reconcileStrategy": "ChartVersion",
            "sourceRef": {"kind": "HelmRepository", "name": "shop"},
        }},
        "values": {"replicaCount": 2, "image": {"tag": "1"}},
        "valuesFrom": [{"kind": "Secret", "name": "values"}],
        "dependsOn": [{"name": "db"}],
        "upgrade": {"remediation": {"retries": 3}},
        "test": {"enable": true},
    })
}

#[test]
fn a_release_and_its_repository_come_back() {
    let repository =
        json!({"interval": "1h", "url": "https://charts.example.org", "secretRef": {"name": "charts"}});
    let proven = proven(
        &(FluxKind::HelmRelease, release()),
        &(FluxKind::HelmRepository, "shop", repository.clone()),
        PathKind::Chart,
    )
    .unwrap();
    check(&proven, FluxKind::HelmRelease, &release());
    check(&proven, FluxKind::HelmRepository, &repository);
    let source = &proven.app.sources()[0];
    assert_eq!((source.chart.as_str(), source.target_revision.as_str()), ("podinfo", "6.x"));
    let helm = source.helm.as_ref().unwrap();
    assert_eq!(helm.values_object, Some(release()["values"].clone()), "values go where people look for them");
    assert_eq!(helm.release_name, "front");
    assert_eq!(proven.existing.len(), 2);
    let said = "HelmRelease apps/shop gets a patch by which objects stay whose sync options say so, for which Helm counts one \
                more revision";
    assert_eq!(proven.notes, [said]);
}

#[rstest]
#[case::kustomization(PathKind::Kustomization, None)]
#[case::directory(PathKind::Directory, Some(json!({"recurse": true})))]
fn a_kustomization_comes_back(#[case] kind: PathKind, #[case] directory: Option<Value>) {
    let spec = json!({
        "interval": "10m", "path": "./deploy", "prune": true, "force": false,
        "sourceRef": {"kind": "GitRepository", "name": "fleet"},
        "postBuild": {"substitute": {"a": "b"}},
        "decryption": {"provider": "sops", "secretRef": {"name": "age"}},
        "patches": [{"patch": "x", "target": {"kind": "Deployment"}}],
    });
    let git = json!({"interval": "1m", "url": "https://git.example.org/fleet", "ref": {"branch": "main"}, "timeout": "60s"});
    let proven = proven(
        &(FluxKind::Kustomization, spec.clone()),
        &(FluxKind::GitRepository, "fleet", git.clone()),
        kind,
    )
    .unwrap();
    let mut expected = spec;
    expected["sourceRef"]["name"] = json!("shop");
    check(&proven, FluxKind::Kustomization, &expected);
    check(&proven, FluxKind::GitRepository, &git);
    assert_eq!(proven.app.sources()[0].directory.clone().map(Value::Object), directory);
    assert_eq!(proven.existing.len(), 1, "the source is a copy");
    assert_eq!(
        proven.notes,
        [
            "GitRepository apps/shop is made as a copy of GitRepository apps/fleet, which stays for whoever else uses it",
            "Kustomization apps/shop gets a patch by which objects stay whose sync options say so",
        ]
    );
}

#[test]
fn names_that_helm_goes_by_are_written_out() {
    let mut spec = release();
    for field in ["releaseName", "storageNamespace"] {
        spec.as_object_mut().unwrap().remove(field);
    }
    spec["targetNamespace"] = json!("shop");
    let repository = json!({"interval": "1h", "url": "https://charts.example.org"});
    let proven = proven(
        &(FluxKind::HelmRelease, spec.clone()),
        &(FluxKind::HelmRepository, "shop", repository),
        PathKind::Chart,
    )
    .unwrap();
    spec["releaseName"] = json!("shop-shop");
    spec["storageNamespace"] = json!("apps");
    check(&proven, FluxKind::HelmRelease, &spec);
}

#[rstest]
#[case::bucket(json!({"kind": "Bucket", "name": "b"}), "fed by Bucket apps/b")]
#[case::nothing(json!(null), "names no source")]
fn sources_without_a_word(#[case] reference: Value, #[case] sentence: &str) {
    let object = object(FluxKind::Kustomization, "shop", &json!({"sourceRef": reference}));
    let workload = Live { kind: FluxKind::Kustomization, object: &object };
    let refusal = origin(workload).unwrap_err().to_string();
    assert!(refusal.contains(sentence), "{refusal}");
    let app = draft(&request(false), Found { workload, source: None }).unwrap();
    assert_eq!(app.sources()[0].repo_url, "flux://loopback");
    assert!(app.automated().is_none());
    let references = translate(&app, &Context::default()).references;
    assert!(references.contains(&workload.key()));
}

#[test]
fn a_copy_elsewhere_cannot_read_the_secrets() {
    let mut source = object(
        FluxKind::GitRepository,
        "fleet",
        &json!({"url": "https://git.example.org/fleet", "ref": {"branch": "main"}, "secretRef": {"name": "git"}}),
    );
    source.metadata.namespace = Some("flux-system".into());
    let reference = json!({"kind": "GitRepository", "name": "fleet", "namespace": "flux-system"});
    let workload = object(FluxKind::Kustomization, "shop", &json!({"path": "./", "sourceRef": reference}));
    let found = Found {
        workload: Live { kind: FluxKind::Kustomization, object: &workload },
        source: Some(Live { kind: FluxKind::GitRepository, object: &source }),
    };
    let app = draft(&request(true), found).unwrap();
    let refusal = prove(&app, found, &context(&app, PathKind::Kustomization)).unwrap_err().to_string();
    assert!(refusal.contains("could not"), "{refusal}");
}

fn yes(probability: f64) -> impl Strategy<Value = bool> {
    proptest::bool::weighted(probability)
}

fn optional(spec: &mut Value, field: &str, is_set: bool, value: Value) {
    if is_set {
        spec[field] = value;
    }
}

prop_compose! {
    fn kustomization()(
        path in proptest::sample::select(&["./deploy", "deploy/", "/deploy", "./"][..]),
        set in proptest::collection::vec(yes(0.5), 12),
        tag in "[a-z0-9.]{1,6}",
        interval in 1..90_u32,
    ) -> Value {
        let mut spec = json!({
            "interval": format!("{interval}m"), "path": path, "prune": set[0],
            "sourceRef": {"kind": "GitRepository", "name": "shop"},
        });
        optional(&mut spec, "namePrefix", set[1], json!(tag));
        optional(&mut spec, "targetNamespace", set[2], json!("other"));
        optional(&mut spec, "images", set[3], json!([{"name": "nginx", "newTag": tag}]));
        optional(&mut spec, "components", set[4], json!(["../c"]));
        optional(&mut spec, "force", set[5], json!(true));
        optional(&mut spec, "wait", set[6], json!(false));
        optional(&mut spec, "timeout", set[7], json!("1m"));
        optional(&mut spec, "serviceAccountName", set[8], json!("deployer"));
        optional(&mut spec, "dependsOn", set[9], json!([{"name": "db"}]));
        optional(&mut spec, "commonMetadata", set[10], json!({"labels": {"a": tag}}));
        optional(&mut spec, "deletionPolicy", set[11], json!("Orphan"));
        spec
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn generate_after_translate_is_the_same(spec in kustomization(), branch in "[a-z]{1,8}") {
        let git = json!({"interval": "1m", "url": "https://git.example.org/fleet", "ref": {"branch": branch}});
        let result = proven(
            &(FluxKind::Kustomization, spec.clone()),
            &(FluxKind::GitRepository, "shop", git.clone()),
            PathKind::Kustomization,
        )
        .unwrap();
        check(&result, FluxKind::Kustomization, &spec);
        check(&result, FluxKind::GitRepository, &git);

        // And the other way round: what the Application becomes leads to an Application that becomes the same.
        let specs: Vec<Value> = result.objects.iter().map(|manifest| manifest.spec.clone()).collect();
        let again = proven(
            &(FluxKind::Kustomization, specs[1].clone()),
            &(FluxKind::GitRepository, "shop", specs[0].clone()),
            PathKind::Kustomization,
        )
        .unwrap();
        let again: Vec<Value> = again.objects.iter().map(|manifest| manifest.spec.clone()).collect();
        prop_assert_eq!(again, specs);
    }
}
