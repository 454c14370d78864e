//! Both sides of a case through the real Helm.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use flux_subsystem::translate::{Form, Want};
use flux_subsystem::{merge, yaml};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Map, Value, json};

use crate::argo_cd::arguments;
use crate::bridge::translated;
use crate::case::{CHART, CONTENTS, Case, FILES};

/// From here on an integer among the parameters has the chart rendered by Argo CD.
const LARGE: u64 = 1_000_000;
/// What the bridge has to say of such a chart.
const RENDERED: &str = "rendered by Argo CD";

/// A folder of one worker, and the Helm that it runs.
pub(crate) struct Bench {
    helm: PathBuf,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new(helm: &Path) -> Self {
        Self { helm: helm.to_owned(), folder: tempfile::tempdir().unwrap() }
    }

    fn repository(&self, name: &str, case: &Case) -> PathBuf {
        let root = self.folder.path().join(name);
        let _ = fs::remove_dir_all(&root);
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let printed = "{{ .Values | toJson }}\n";
        write("charts/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n");
        write("charts/shop/templates/values.json", printed);
        write("charts/shop/charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 0.1.0\n");
        write("charts/shop/charts/sub/templates/values.json", printed);
        write("charts/shop/charts/sub/values.yaml", "a: {a: 1, b: two}\nb: text\nlist: [1, 2]\n");
        for (path, text) in &case.files {
            write(path, text);
        }
        for (_, path, text) in &CONTENTS[..2] {
            write(path, text);
        }
        root
    }

    fn helm(&self, chart: &Path, arguments: &[String]) -> Result<String, String> {
        let mut command = Command::new(&self.helm);
        for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(variable, self.folder.path().join("home"));
        }
        let output = command.current_dir(chart).args(arguments).output().unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
    }

    fn stock(&self, case: &Case) -> Result<String, String> {
        let repository = self.repository("argo", case);
        let arguments = arguments(case, &repository)?;
        self.helm(&repository.join(CHART), &arguments)
    }

    /// What Flux would render: `None` where the bridge refuses.
    fn bridged(&self, case: &Case) -> Result<(String, bool), String> {
        let translation = translated(case);
        let said: Vec<String> = translation.problems.iter().map(ToString::to_string).collect();
        if translation.wants.contains(&Want::Rendered { source: 0, form: Form::Own }) {
            return Err(RENDERED.to_owned());
        }
        let Some(release) = translation.objects.iter().find(|object| object.key.kind.is_workload()) else {
            return Err(said.join("; "));
        };
        let repository = self.repository("flux", case);
        let spec = &release.spec;
        let files: Vec<&str> = spec
            .pointer("/chart/spec/valuesFiles")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if !files.is_empty() {
            let mut defaults = json!({});
            for file in &files {
                let layer = yaml::parse(&fs::read_to_string(repository.join(file)).unwrap()).unwrap();
                if !layer.is_null() {
                    merge::deep_merge(&mut defaults, layer);
                }
            }
            fs::write(repository.join(FILES[0]), defaults.to_string()).unwrap();
        }
        let values = spec.get("values").cloned().unwrap_or_else(|| Value::Object(Map::new()));
        let path = repository.join("values.json");
        fs::write(&path, values.to_string()).unwrap();
        let mut arguments: Vec<String> =
            ["template", ".", "--name-template", "shop", "--namespace", "prod", "--values"]
                .map(str::to_owned)
                .into();
        arguments.extend([path.to_string_lossy().into_owned(), "--include-crds".to_owned()]);
        Ok((self.helm(&repository.join(CHART), &arguments)?, !files.is_empty()))
    }

    pub(crate) fn check(&self, case: &Case, tally: &Tally) -> Result<(), TestCaseError> {
        let (stock, bridged) = (self.stock(case), self.bridged(case));
        match (&stock, &bridged) {
            (Ok(stock), Ok((bridged, is_native))) => {
                tally.count(if *is_native { &tally.native } else { &tally.merged });
                prop_assert_eq!(stock, bridged);
            }
            (Err(_), Err(_)) => tally.count(&tally.refused),
            (Ok(_), Err(reason)) if is_large(case) && reason == RENDERED => tally.count(&tally.rendered),
            _ => return Err(TestCaseError::fail(format!("Argo CD: {stock:?}\nbridge: {bridged:?}"))),
        }
        Ok(())
    }
}

fn is_large(case: &Case) -> bool {
    case.parameters
        .iter()
        .any(|(_, value, _)| value.parse().is_ok_and(|number: i64| number.unsigned_abs() >= LARGE))
}

/// How cases came out.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) native: AtomicU32,
    pub(crate) merged: AtomicU32,
    pub(crate) rendered: AtomicU32,
    pub(crate) refused: AtomicU32,
}

impl Tally {
    fn count(&self, counter: &AtomicU32) {
        let _ = self;
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
