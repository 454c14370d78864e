//! One random Application, and what its repository holds.

use std::collections::BTreeMap;

use flux_subsystem::argo::Application;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::random::{name, parameter_value, values, values_text};

pub(crate) const URL: &str = "https://git.example.org/shop";
pub(crate) const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";
pub(crate) const CHART: &str = "charts/shop";
pub(crate) const FILES: [&str; 5] = [
    "charts/shop/values.yaml",
    "charts/shop/a.yaml",
    "charts/shop/env/b.yaml",
    "charts/shop/env/c.yaml",
    "shared/d.yaml",
];
/// What an Application may write, and the files that it may stand for.
pub(crate) const NAMED: [(&str, &[&str]); 10] = [
    ("a.yaml", &["charts/shop/a.yaml"]),
    ("env/b.yaml", &["charts/shop/env/b.yaml"]),
    ("./env/../env/c.yaml", &["charts/shop/env/c.yaml"]),
    ("values.yaml", &["charts/shop/values.yaml"]),
    ("../../shared/d.yaml", &["shared/d.yaml"]),
    ("/shared/d.yaml", &["shared/d.yaml"]),
    ("env/*.yaml", &["charts/shop/env/b.yaml", "charts/shop/env/c.yaml"]),
    ("/**/[bd].yaml", &["charts/shop/env/b.yaml", "shared/d.yaml"]),
    ("missing.yaml", &["charts/shop/missing.yaml"]),
    ("/../outside.yaml", &[]),
];
pub(crate) const CONTENTS: [(&str, &str, &str); 3] = [
    ("files/note.txt", "charts/shop/files/note.txt", "a: {1,2}\n\\ \"quoted\" = ü\n"),
    ("/shared/empty.txt", "shared/empty.txt", ""),
    ("files/missing.txt", "charts/shop/files/missing.txt", ""),
];

/// One Application and what its repository holds.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// By path in the repository.
    pub(crate) files: BTreeMap<&'static str, String>,
    pub(crate) value_files: Vec<&'static str>,
    pub(crate) ignores_missing: bool,
    pub(crate) values: Option<String>,
    pub(crate) values_object: Option<Value>,
    pub(crate) parameters: Vec<(String, String, bool)>,
    pub(crate) file_parameters: Vec<(String, &'static str)>,
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let files = prop::collection::vec(prop::option::weighted(0.85, values_text()), FILES.len());
    let files = files.prop_map(|texts| {
        FILES.into_iter().zip(texts).filter_map(|(path, text)| Some((path, text?))).collect()
    });
    let defaults = values().prop_map(|values| values.to_string());
    let named = prop_oneof![
        6 => select(NAMED[..8].iter().map(|(text, _)| *text).collect::<Vec<_>>()),
        1 => select(NAMED.iter().map(|(text, _)| *text).collect::<Vec<_>>()),
    ];
    let content = prop_oneof![
        5 => select(CONTENTS[..2].iter().map(|(text, ..)| *text).collect::<Vec<_>>()),
        1 => Just("files/missing.txt"),
    ];
    (
        files,
        defaults,
        prop::collection::vec(named, 0..4),
        prop::bool::weighted(0.7),
        prop::option::weighted(0.4, values_text()),
        prop::option::weighted(0.3, values()),
        prop::collection::vec((name(), parameter_value(), any::<bool>()), 0..4),
        prop::collection::vec((name(), content).prop_filter("Helm reads no file", reads_its_file), 0..2),
    )
        .prop_map(
            |(
                files,
                defaults,
                value_files,
                ignores_missing,
                values,
                values_object,
                parameters,
                file_parameters,
            )| {
                let mut files: BTreeMap<&'static str, String> = files;
                // A chart whose own defaults are broken is no subject.
                if let Some(own) = files.get_mut(FILES[0]) {
                    *own = defaults;
                }
                Case {
                    files,
                    value_files,
                    ignores_missing,
                    values,
                    values_object,
                    parameters,
                    file_parameters,
                }
            },
        )
}

/// Helm reads no file for a name whose index does not end, so that nobody misses one that is not there. The bridge does.
fn reads_its_file((name, path): &(String, &str)) -> bool {
    let is_open = |open: usize| !name[open..].contains(']');
    !name.rfind('[').is_some_and(is_open) || *path != "files/missing.txt"
}

impl Case {
    pub(crate) fn application(&self) -> Application {
        let parameters: Vec<Value> = self
            .parameters
            .iter()
            .map(|(name, value, force)| json!({"name": name, "value": value, "forceString": force}))
            .collect();
        let files: Vec<Value> =
            self.file_parameters.iter().map(|(name, path)| json!({"name": name, "path": path})).collect();
        let mut helm = json!({
            "valueFiles": self.value_files,
            "ignoreMissingValueFiles": self.ignores_missing,
            "parameters": parameters,
            "fileParameters": files,
            "releaseName": "shop",
        });
        if let Some(values) = &self.values {
            helm["values"] = json!(values);
        }
        if let Some(values) = &self.values_object {
            helm["valuesObject"] = values.clone();
        }
        let app = json!({
            "metadata": {"name": "shop", "namespace": "argocd"},
            "spec": {
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "prod"},
                "source": {"repoURL": URL, "path": CHART, "targetRevision": "main", "helm": helm},
                "syncPolicy": {"syncOptions": ["FluxSubsystem=true", "AutoCreateFluxResources=true"]},
            },
        });
        serde_json::from_value(app).unwrap()
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.files.contains_key(path) || CONTENTS[..2].iter().any(|(_, known, _)| *known == path)
    }
}
