//! Versions of charts and ranges of them: what the bridge takes for one, and which version it says a range means, beside the
//! real Helm, whose Masterminds/semver Argo CD and Flux have, too.
//!
//! `helm search repo --version RANGE` answers from an index that lies on disk, so that no server is needed.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

use std::path::Path;
use std::process::Command;

use flux_subsystem::argo::Application;
use flux_subsystem::translate::{Context, RemoteRefs, Translation, translate};
use flux_subsystem_e2e::{build, programs};
use serde_json::{Value, json};

const VERSIONS: [&str; 13] = [
    "0.0.3",
    "0.2.3",
    "0.2.9",
    "v1.0.0",
    "1.2.3",
    "1.2.4-rc.1",
    "1.2.4-rc.2",
    "1.4.0",
    "1.10.0",
    "2.0.0",
    "2.1.0-beta.2",
    "2.1.0-beta.11",
    "2.1.1-alpha+build.5",
];

const TEXTS: [&str; 73] = [
    "*",
    "x",
    "X",
    "1",
    "1.x",
    "1.*",
    "1.X.x",
    "1.2",
    "1.2.x",
    "v1.2.x",
    "=1.2",
    "= v1.2",
    "==1.2",
    "^1",
    "^1.2.3",
    "^0.2",
    "^0.2.3",
    "^0.0",
    "^0.0.3",
    "^0",
    "^*",
    "~1",
    "~1.2",
    "~1.2.4-0",
    "~> 1.2",
    "~v1.2",
    ">=1 <2",
    ">=1, <2",
    ">= 1.0.0, < 2.0.0",
    ">=1.0.0 <2.0.0 !=1.10.0",
    ">=1.2.4-rc.1, <1.4",
    ">1.2",
    ">1.2.3",
    ">2",
    "=>1.4",
    "=<1.4",
    "<=1",
    "<=1.2",
    "<1",
    "<0.0.3",
    "!=2.0.0",
    "!=2.x",
    "!=2.0.x",
    "!=2.x !=1.10.x",
    "1.2 - 1.4",
    "1.2.3 - 2",
    "0.1 - 0.2.5",
    "1 - 2 || 3 - 4",
    "<0.1 || ~1.2",
    "3.x || ^1.2",
    "1.2||^3",
    "1 2",
    ">=2.1.0-0",
    ">=2.1.0-beta",
    "^2.1.0-beta.2",
    "2.1.0-beta.2",
    "2.1.0-beta.2+b",
    ">0.0.0-0",
    "3.x",
    "9.9.9",
    "latest",
    "main",
    "",
    ">1<2",
    "1,,2",
    "1|2",
    "1xx",
    "1.2.3.4",
    "1.2.3-01",
    "3 1 - 2",
    "~0.0.0",
    "1.x.3",
    "99999999999999999999",
];

/// Real Helm, with one repository of one chart in all those versions.
struct Helm<'a> {
    program: &'a Path,
    home: &'a Path,
}

impl<'a> Helm<'a> {
    fn new(program: &'a Path, home: &'a Path) -> Self {
        let repositories = json!({
            "apiVersion": "v1", "generated": "2026-01-01T00:00:00Z",
            "repositories": [{"name": "charts", "url": "https://charts.example.org"}],
        });
        let entry = |version: &&str| {
            json!({
                "apiVersion": "v2", "name": "web", "version": version,
                "urls": [format!("https://charts.example.org/web-{version}.tgz")],
            })
        };
        let entries: Vec<Value> = VERSIONS.iter().map(entry).collect();
        let index = json!({
            "apiVersion": "v1", "generated": "2026-01-01T00:00:00Z", "entries": {"web": entries},
        });
        std::fs::write(home.join("repositories.yaml"), repositories.to_string()).unwrap();
        std::fs::write(home.join("charts-index.yaml"), index.to_string()).unwrap();
        Self { program, home }
    }

    /// The newest version that `text` allows; `Err` where it is no constraint.
    fn newest(&self, text: &str) -> Result<Option<String>, String> {
        let output = Command::new(self.program)
            .args(["search", "repo", "charts/web", "--output", "json", "--version", text])
            .env("HELM_REPOSITORY_CONFIG", self.home.join("repositories.yaml"))
            .env("HELM_REPOSITORY_CACHE", self.home)
            .output()
            .unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        Ok(found[0]["version"].as_str().map(str::to_owned))
    }
}

fn translated(source: &Value, context: &Context) -> Translation {
    let app: Application = serde_json::from_value(json!({
        "metadata": {"name": "demo", "namespace": "argocd"},
        "spec": {
            "source": source,
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "prod"},
            "syncPolicy": {"syncOptions": ["FluxSubsystem=true", "AutoCreateFluxResources=true"]},
        },
    }))
    .unwrap();
    translate(&app, context)
}

/// The version that the release asks Flux for; `None` where the bridge refuses it.
fn asked_of_flux(text: &str) -> Option<String> {
    let source = json!({"repoURL": "https://charts.example.org", "chart": "web", "targetRevision": text});
    let translation = translated(&source, &Context::default());
    let release = translation.objects.iter().find_map(|object| object.spec.pointer("/chart/spec/version"));
    release.and_then(Value::as_str).map(str::to_owned)
}

/// The version that the bridge says the range means, of tags with a prefix, which it has to find itself.
fn found(text: &str) -> Option<String> {
    let url = "https://git.example.org/web";
    let names = VERSIONS.iter().map(|version| (format!("refs/tags/web/{version}"), "1".repeat(40)));
    let refs = RemoteRefs { head: None, refs: names.collect() };
    let context = Context { refs: [(url.to_owned(), refs)].into(), ..Context::default() };
    let source = json!({"repoURL": url, "path": "web", "targetRevision": text, "tagPrefix": "web/"});
    let translation = translated(&source, &context);
    let tag = translation.objects.iter().find_map(|object| object.spec.pointer("/ref/tag"));
    tag.and_then(Value::as_str).and_then(|tag| tag.strip_prefix("web/")).map(str::to_owned)
}

#[test]
fn ranges_mean_what_they_mean_to_helm() {
    let built = build::ensure(&[programs::named("helm").unwrap()]).unwrap();
    let program = built[0].bin().join("helm");
    let home = tempfile::tempdir().unwrap();
    let helm = Helm::new(&program, home.path());
    let mut wrong = Vec::new();
    let mut resolved = 0;
    for text in TEXTS.into_iter().filter(|text| !text.is_empty()) {
        let (newest, asked) = (helm.newest(text), asked_of_flux(text));
        if asked != newest.is_ok().then(|| text.to_owned()) {
            wrong.push(format!("{text:?}: Helm says {newest:?}, Flux would be asked for {asked:?}"));
        }
        // What is one version to Argo CD, such as 1.2, is a range to Helm.
        let is_version = text.strip_prefix('v').unwrap_or(text).starts_with(|c: char| c.is_ascii_digit())
            && !text.contains(['x', 'X', '*', ' ', '|', ',']);
        if let (Ok(newest), false) = (newest, is_version) {
            resolved += usize::from(newest.is_some());
            let found = found(text);
            if found != newest {
                wrong.push(format!("{text:?}: Helm finds {newest:?}, the bridge {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(resolved > 40, "only {resolved} ranges mean a version");
    // No version at all is nothing to Argo CD, and anything to Helm.
    assert_eq!(asked_of_flux(""), None);
}
