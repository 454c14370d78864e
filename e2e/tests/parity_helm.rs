//! Values as a chart sees them: the bridge's translation beside Argo CD's command line, both through the real Helm.
//!
//! Each case is an Application with a chart in git and random parameters, file parameters, value files and values. One side
//! runs `helm template` as Argo CD does (argo-cd `util/helm/cmd.go`, `template`), written here anew; the other side runs it
//! with what the bridge generated, as Flux would: `valuesFiles` laid over the chart's defaults, `spec.values` as values.
//! The chart prints its own values and those of its subchart as JSON.
//!
//! `PARITY_HELM_CASES` is the number of cases; `cargo parity-helm` runs ten thousand.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "all of it is a test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use flux_subsystem::argo::Application;
use flux_subsystem::translate::{
    Contents, Context, File, FilePattern, Form, RemoteRefs, Translation, Want, translate,
};
use flux_subsystem::{merge, yaml};
use flux_subsystem_e2e::{build, programs};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use serde_json::{Map, Value, json};

/// How many run in an ordinary test.
const CASES: u32 = 200;
/// How many Helms run at once.
const WORKERS: u32 = 4;
const URL: &str = "https://git.example.org/shop";
const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";
/// From here on an integer among the parameters has the chart rendered by Argo CD.
const LARGE: u64 = 1_000_000;
/// What the bridge has to say of such a chart.
const RENDERED: &str = "rendered by Argo CD";

/// One Application and what its repository holds.
#[derive(Clone, Debug)]
struct Case {
    /// By path in the repository.
    files: BTreeMap<&'static str, String>,
    value_files: Vec<&'static str>,
    ignores_missing: bool,
    values: Option<String>,
    values_object: Option<Value>,
    parameters: Vec<(String, String, bool)>,
    file_parameters: Vec<(String, &'static str)>,
}

// ---------------------------------------------------------------------------------------------------- the cases

fn key() -> impl Strategy<Value = String> {
    select(&["a", "b", "sub", "list", "d.e"][..]).prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::Bool),
        3 => (-3_i64..2_000_000).prop_map(Value::from),
        1 => select(&[0.5, -1.25e-7, 1e21, 3.0][..]).prop_map(Value::from),
        4 => text().prop_map(Value::String),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => select(&["", "x", "true", "null", "007", "1e3", "a,b", "yes", "ü", "{a}", "$x"][..]).prop_map(str::to_owned),
        1 => "[ -~]{0,6}",
    ]
}

/// Anything below any key.
fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            2 => prop::collection::btree_map(key(), inner.clone(), 0..4).prop_map(|map| json!(map)),
            1 => prop::collection::vec(inner, 0..3).prop_map(Value::Array),
        ]
    })
}

/// Mostly of one type below one key, since a chart that finds another type is refused by all.
fn values() -> impl Strategy<Value = Value> {
    let leaves = prop::collection::btree_map(select(&["b", "d.e"][..]), scalar(), 0..3);
    let maps = leaves.prop_map(|leaves| json!(leaves)).prop_recursive(2, 8, 3, |inner| {
        (
            scalar(),
            prop::collection::vec(scalar(), 0..3),
            prop::collection::btree_map(select(&["a", "sub"][..]), inner, 0..3),
        )
            .prop_map(|(b, list, maps)| {
                let mut values = json!(maps);
                values["b"] = b;
                values["list"] = json!(list);
                values
            })
    });
    prop_oneof![
        9 => maps,
        1 => prop::collection::btree_map(key(), value(), 0..4).prop_map(|map| json!(map)),
    ]
}

/// A text of values: JSON, which is YAML, or lines with scalars that YAML reads in odd ways.
fn values_text() -> impl Strategy<Value = String> {
    let odd = select(
        &[
            "yes",
            "0777",
            "1_000",
            ".5",
            "~",
            "'x'",
            "0x1F",
            "1e3",
            "!!str 1",
            "0o7",
            "08",
            "|-\n  x\n   y",
            ">\n  x\n  y",
            "&x {e: 1}",
            "2001-01-01",
            "- 1",
            "\"\\u00e9\"",
            "off",
            "+1",
            "1.",
            "-0",
            "=",
            "<<",
        ][..],
    );
    let line = (key(), odd).prop_map(|(key, odd)| format!("{key}: {odd}\n"));
    prop_oneof![
        24 => values().prop_map(|values| values.to_string()),
        8 => prop::collection::vec(line, 0..4).prop_map(|lines| lines.concat()),
        4 => (values(), values()).prop_map(|(a, b)| format!("{a}\n---\n{b}\n")),
        3 => select(&["", "# nothing\n", "a: &x {d: 1}\nb:\n  <<: *x\n  e: 2\n"][..]).prop_map(str::to_owned),
        1 => select(&["- a\n", "text", "a: [", "a: 1\na: 2\n"][..]).prop_map(str::to_owned),
    ]
}

/// Mostly names that set something, in the grammar of `--set`.
fn name() -> impl Strategy<Value = String> {
    let first = select(&["a", "b", "sub", "list", r"d\.e"][..]);
    let step = prop_oneof![
        4 => select(&[".a", ".b", ".sub", r".d\.e"][..]).prop_map(str::to_owned),
        2 => (0..3_u8).prop_map(|index| format!("[{index}]")),
    ];
    let typed = select(
        &[
            "b",
            r"d\.e",
            "a.b",
            "sub.b",
            "sub.a.b",
            r"a.d\.e",
            "list[0]",
            "list[2]",
            "sub.list[1]",
            "a.sub.list[0]",
            "new.x[1].y",
        ][..],
    );
    prop_oneof![
        40 => typed.prop_map(str::to_owned),
        5 => (first, prop::collection::vec(step, 0..3)).prop_map(|(first, steps)| format!("{first}{}", steps.concat())),
        1 => "[ab.\\[\\]0,=\\\\{} -]{1,6}",
    ]
}

fn parameter_value() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => select(&["", "1", "-7", "0", "007", "1.5", "true", "False", "NULL", "null", "x", "1234567", "9007199254740993",
            "9223372036854775808", "+5", " 1", "1 ", "0x10"][..]).prop_map(str::to_owned),
        6 => select(&["a\\,b", "{a,b}", "{1,true,}", "{}", "a}", "{a}b=1", "a=b", "a\\b", "[1]", "a.b", "\\\\,x=1", "{a\\,b}", ",x=1"][..])
            .prop_map(str::to_owned),
        1 => select(&["a,b", "{a", "{a}b", "{a,{b}}", "\\", "\\\\,x", ",", ",,", "ü,ß"][..]).prop_map(str::to_owned),
        4 => select(&["$ARGOCD_APP_NAME", "${ARGOCD_APP_NAMESPACE}", "$$x", "$", "$UNKNOWN-x", "v${ARGOCD_APP_REVISION_SHORT}",
            "${", "$ARGOCD_APP_SOURCE_PATH"][..]).prop_map(str::to_owned),
        1 => "[ -~]{0,5}",
    ]
}

const CHART: &str = "charts/shop";
const FILES: [&str; 5] = [
    "charts/shop/values.yaml",
    "charts/shop/a.yaml",
    "charts/shop/env/b.yaml",
    "charts/shop/env/c.yaml",
    "shared/d.yaml",
];
/// What an Application may write, and the files that it may stand for.
const NAMED: [(&str, &[&str]); 10] = [
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
const CONTENTS: [(&str, &str, &str); 3] = [
    ("files/note.txt", "charts/shop/files/note.txt", "a: {1,2}\n\\ \"quoted\" = ü\n"),
    ("/shared/empty.txt", "shared/empty.txt", ""),
    ("files/missing.txt", "charts/shop/files/missing.txt", ""),
];

fn case() -> impl Strategy<Value = Case> {
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
    fn application(&self) -> Application {
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

    fn exists(&self, path: &str) -> bool {
        self.files.contains_key(path) || CONTENTS[..2].iter().any(|(_, known, _)| *known == path)
    }
}

// ------------------------------------------------------------------------------------------ what Argo CD would do

/// The arguments of `helm` in the chart's folder, or why Argo CD would not run it.
fn arguments(case: &Case, repository: &Path) -> Result<Vec<String>, String> {
    let mut arguments: Vec<String> =
        ["template", ".", "--name-template", "shop", "--namespace", "prod"].map(str::to_owned).into();
    // In Go a map, whose last entry of a name stays.
    let last =
        |names: &[&String], index: usize| names[index + 1..].iter().all(|later| *later != names[index]);
    for (flag, is_text) in [("--set", false), ("--set-string", true)] {
        let chosen: Vec<_> = case.parameters.iter().filter(|(_, _, force)| *force == is_text).collect();
        let names: Vec<&String> = chosen.iter().map(|(name, ..)| name).collect();
        for (index, (name, value, _)) in chosen.iter().enumerate() {
            if last(&names, index) {
                arguments.extend([flag.to_owned(), format!("{name}={}", clean(&substitute(value)))]);
            }
        }
    }
    let names: Vec<&String> = case.file_parameters.iter().map(|(name, _)| name).collect();
    for (index, (name, path)) in case.file_parameters.iter().enumerate() {
        if last(&names, index) {
            let (_, path, _) = CONTENTS.iter().find(|(text, ..)| text == path).unwrap();
            let path = repository.join(path);
            arguments.extend(["--set-file".to_owned(), format!("{name}={}", clean(&path.to_string_lossy()))]);
        }
    }
    for path in value_files(case)? {
        arguments.extend(["--values".to_owned(), repository.join(path).to_string_lossy().into_owned()]);
    }
    let extra = match (&case.values_object, &case.values) {
        (Some(object), _) => Some(object.to_string()),
        (None, Some(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    if let Some(extra) = extra {
        let path = repository.join("extra-values");
        fs::write(&path, extra).unwrap();
        arguments.extend(["--values".to_owned(), path.to_string_lossy().into_owned()]);
    }
    arguments.push("--include-crds".to_owned());
    Ok(arguments)
}

fn value_files(case: &Case) -> Result<Vec<&'static str>, String> {
    let stands_for = |text: &str| NAMED.iter().find(|(named, _)| *named == text).unwrap().1;
    let is_pattern = |text: &str| text.contains(['*', '[']);
    let explicit: Vec<&str> = case
        .value_files
        .iter()
        .filter(|text| !is_pattern(text))
        .flat_map(|text| stands_for(text))
        .copied()
        .collect();
    let mut files: Vec<&'static str> = Vec::new();
    for text in &case.value_files {
        let meant = stands_for(text);
        if meant.is_empty() {
            return Err(format!("{text} is outside"));
        }
        let found: Vec<&'static str> = meant.iter().copied().filter(|path| case.exists(path)).collect();
        if found.is_empty() && !case.ignores_missing {
            return Err(format!("{text} matches nothing"));
        }
        for path in found {
            if !(files.contains(&path) || is_pattern(text) && explicit.contains(&path)) {
                files.push(path);
            }
        }
    }
    Ok(files)
}

fn clean(value: &str) -> String {
    if value.starts_with('{') && value.ends_with('}') {
        return value.to_owned();
    }
    let letters: Vec<char> = value.chars().collect();
    let mut cleaned = String::new();
    for (index, letter) in letters.iter().enumerate() {
        if *letter == ',' && (index == 0 || letters[index - 1] != '\\') {
            cleaned.push('\\');
        }
        cleaned.push(*letter);
    }
    cleaned
}

/// Go's `os.Expand` with Argo CD's variables.
fn substitute(text: &str) -> String {
    let variable = |name: &str| match name {
        "ARGOCD_APP_NAME" => "shop",
        "ARGOCD_APP_NAMESPACE" => "prod",
        "ARGOCD_APP_PROJECT_NAME" => "default",
        "ARGOCD_APP_REVISION" => REVISION,
        "ARGOCD_APP_REVISION_SHORT" => &REVISION[..7],
        "ARGOCD_APP_SOURCE_PATH" => CHART,
        "$" => "$",
        _ => "",
    };
    let bytes: Vec<char> = text.chars().collect();
    let (mut result, mut at) = (String::new(), 0);
    while at < bytes.len() {
        if bytes[at] != '$' || at + 1 == bytes.len() {
            result.push(bytes[at]);
            at += 1;
            continue;
        }
        let rest = &bytes[at + 1..];
        let special = |c: char| "*#$@!?-0123456789".contains(c);
        if rest[0] == '{' {
            match rest.iter().position(|c| *c == '}') {
                Some(1) => at += 3,
                Some(end) => {
                    result.push_str(variable(&rest[1..end].iter().collect::<String>()));
                    at += end + 2;
                }
                None => at += 2,
            }
        } else if special(rest[0]) {
            result.push_str(variable(&rest[0].to_string()));
            at += 2;
        } else {
            let end =
                rest.iter().position(|c| !(c.is_ascii_alphanumeric() || *c == '_')).unwrap_or(rest.len());
            if end == 0 {
                result.push('$');
            } else {
                result.push_str(variable(&rest[..end].iter().collect::<String>()));
            }
            at += end + 1;
        }
    }
    result
}

// ------------------------------------------------------------------------------------- what the bridge makes of it

fn translated(case: &Case) -> Translation {
    let app = case.application();
    let mut names: Vec<&str> = case.files.keys().copied().collect();
    names.extend(["charts/shop/Chart.yaml", "charts/shop/files/note.txt", "shared/empty.txt"]);
    let refs = RemoteRefs {
        head: Some("refs/heads/main".to_owned()),
        refs: [("refs/heads/main".to_owned(), REVISION.to_owned())].into(),
    };
    let mut context = Context {
        control_namespace: "argocd".to_owned(),
        poll_interval: "120s".to_owned(),
        contents: [(0, Contents::of(names.iter().copied(), CHART, false))].into(),
        refs: [(URL.to_owned(), refs)].into(),
        ..Context::default()
    };
    loop {
        let translation = translate(&app, &context);
        let is_rendered = translation.wants.contains(&Want::Rendered { source: 0, form: Form::Own });
        if translation.wants.is_empty() || translation.has_errors() || is_rendered {
            return translation;
        }
        for want in &translation.wants {
            match want {
                Want::Revision { source } => {
                    context.revisions.insert(*source, REVISION.to_owned());
                }
                Want::Files { source, pattern } => {
                    let is_match = pattern.matcher().unwrap();
                    let mut found: Vec<(String, File)> = names
                        .iter()
                        .filter(|name| is_match(name))
                        .map(|name| {
                            let note =
                                CONTENTS.iter().find(|(_, path, _)| path == name).map(|(.., text)| *text);
                            let text = case.files.get(name).map(String::as_str).or(note).unwrap_or_default();
                            ((*name).to_owned(), File::Text(text.into()))
                        })
                        .collect();
                    found.sort_by(|(a, _), (b, _)| FilePattern::order(a, b));
                    let known = context.files.entry(*source).or_default();
                    assert!(
                        known.insert(pattern.clone(), found.into()).is_none(),
                        "{pattern:?} is asked for twice"
                    );
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

// ------------------------------------------------------------------------------------------------------ both sides

/// A folder of one worker, and the Helm that it runs.
struct Bench {
    helm: PathBuf,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(helm: &Path) -> Self {
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

    fn check(&self, case: &Case, tally: &Tally) -> Result<(), TestCaseError> {
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

#[derive(Default)]
struct Tally {
    native: AtomicU32,
    merged: AtomicU32,
    rendered: AtomicU32,
    refused: AtomicU32,
}

impl Tally {
    fn count(&self, counter: &AtomicU32) {
        let _ = self;
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn values_are_what_argo_cd_would_give_to_helm() {
    let cases = std::env::var("PARITY_HELM_CASES").ok().map_or(CASES, |cases| cases.parse().unwrap());
    let built = build::ensure(&programs::ORACLES.iter().collect::<Vec<_>>()).unwrap();
    let helm = built.iter().find(|built| built.name == "helm4").unwrap().bin().join("helm");
    let tally = Tally::default();
    let failures: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                scope.spawn(|| {
                    let bench = Bench::new(&helm);
                    let config = Config {
                        cases: cases.div_ceil(WORKERS),
                        failure_persistence: None,
                        max_shrink_iters: 400,
                        ..Config::default()
                    };
                    match TestRunner::new(config).run(&case(), |case| bench.check(&case, &tally)) {
                        Ok(()) => None,
                        Err(TestError::Fail(reason, case)) => Some(format!("{reason}\n{case:#?}")),
                        Err(aborted) => Some(aborted.to_string()),
                    }
                })
            })
            .collect();
        workers.into_iter().filter_map(|worker| worker.join().unwrap()).collect()
    });
    let [native, merged, rendered, refused] = [&tally.native, &tally.merged, &tally.rendered, &tally.refused]
        .map(|counter| counter.load(Ordering::Relaxed));
    println!(
        "{native} with Flux's own valuesFiles, {merged} with merged values, {rendered} left to Argo CD for large numbers, \
         {refused} refused by both"
    );
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(native > 0 && merged > 0 && refused > 0, "one side of it was never tried");
}
