//! The tables of the pages are complete, and nothing in them is of yesterday.

use std::collections::BTreeSet;

use clap::Args as _;
use kube::CustomResourceExt as _;
use regex::Regex;

use super::{files, first_cells, quoted, read, root, section};
use crate::cli::run;
use crate::names;
use crate::plan::State;
use crate::policy::FluxDeliveryPolicy;

fn set<'a>(words: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    words.into_iter().map(str::to_owned).collect()
}

/// What stands in the place of `(…)` in `pattern`.
fn written(file: &str, pattern: &str) -> BTreeSet<String> {
    let text = read(file);
    Regex::new(pattern).unwrap().captures_iter(&text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn each_flag_is_told() {
    let command = run::Args::augment_args(clap::Command::new("run"));
    let flags: BTreeSet<String> =
        command.get_arguments().filter_map(|flag| Some(format!("--{}", flag.get_long()?))).collect();
    let (operating, redis) = (read("docs/operating.md"), read("docs/redis.md"));
    let told = [section(&operating, "## Flags"), section(&redis, "## Flags and variables")];
    assert_eq!(set(told.into_iter().flat_map(first_cells)), flags);
}

/// The metric's name in the sources, for how a scrape shows it.
fn registered(metric: &str) -> String {
    let name = metric.split('{').next().unwrap_or_default().trim_start_matches("flux_subsystem_");
    name.trim_end_matches("_total").trim_end_matches("_info").to_owned()
}

#[test]
fn each_metric_is_told() {
    let page = read("docs/operating.md");
    let table = section(&page, "## Metrics").split("\n### ").next().unwrap();
    let mut metrics = written("src/metrics.rs", r#"(?:ours\.register|Census::new)\(\s*"(\w+)""#);
    let process = written("src/metrics/process.rs", r#""(process_\w+)""#);
    assert!(!process.is_empty());
    metrics.extend(process);
    let told: BTreeSet<String> = first_cells(table).into_iter().map(registered).collect();
    assert_eq!(told, metrics);
    let metric = Regex::new(r"flux_subsystem_\w+").unwrap();
    for page in files(&root().join("docs"), "md") {
        let text = std::fs::read_to_string(&page).unwrap();
        for found in metric.find_iter(&text) {
            let name = registered(found.as_str());
            assert!(metrics.contains(&name), "{}: there is no {}", page.display(), found.as_str());
        }
    }
}

#[test]
fn each_state_is_told() {
    let page = read("docs/operating.md");
    assert_eq!(set(first_cells(section(&page, "### States"))), set(State::ALL.map(State::name)));
}

#[test]
fn each_name_is_told() {
    let page = read("docs/options.md");
    let told = set(quoted(&page).map(|word| word.split(": ").next().unwrap_or_default()));
    let ours = written("src/names.rs", r#""((?:flux-subsystem\.dev|flamingo)/[a-z-]+)""#);
    assert!(ours.len() > 15, "{ours:?}");
    let untold: Vec<_> = ours.difference(&told).collect();
    assert!(untold.is_empty(), "docs/options.md does not name {untold:?}");
    let options = read("docs/sync-options.md") + &page;
    let read_options = written("src/names.rs", r#"OPTION_\w+: &str = "(\w+=\w+)""#);
    let untold: Vec<_> =
        read_options.iter().filter(|option| !options.contains(&format!("`{option}`"))).collect();
    assert!(read_options.len() > 4 && untold.is_empty(), "nobody tells of {untold:?}");
    let elsewhere = ["flux-subsystem.dev/aggregate-to-live"];
    let is_ours = |word: &&String| word.starts_with("flux-subsystem.dev/") || word.starts_with("flamingo/");
    let is_override = |word: &str| word.contains("-override") || word.contains("-replace");
    let stale: Vec<_> = told
        .iter()
        .filter(is_ours)
        .filter(|word| !ours.contains(*word) && !elsewhere.contains(&word.as_str()) && !is_override(word))
        .collect();
    assert!(stale.is_empty(), "nobody reads or writes {stale:?}");
}

#[test]
fn each_reason_of_a_suspension_is_told() {
    let page = read("docs/options.md");
    let table = section(&page, "## What the bridge writes on Flux objects");
    let table = table.split("Values of").nth(1).unwrap();
    assert_eq!(set(first_cells(table)), written("src/names.rs", r#"SUSPENDED_\w+: &str = "([a-z-]+)""#));
}

#[test]
fn each_override_is_told() {
    let page = read("docs/options.md");
    let kinds = crate::flux::FluxKind::ALL.into_iter().filter_map(crate::flux::FluxKind::override_name);
    let annotations: BTreeSet<String> =
        kinds.map(|kind| format!("{}{kind}-override", names::OVERRIDE_PREFIX)).collect();
    assert_eq!(set(first_cells(section(&page, "## Overrides"))), annotations);
}

#[test]
fn each_field_of_a_policy_is_told() {
    let page = read("docs/policies.md");
    let crd = serde_json::to_value(FluxDeliveryPolicy::crd()).unwrap();
    let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    let fields = spec.as_object().unwrap();
    let part = section(&page, "## Fields of the spec");
    assert_eq!(set(first_cells(part)), set(fields.keys().map(String::as_str)));
    let said: BTreeSet<&str> = quoted(part).collect();
    for parent in ["selector", "intervals", "timeouts"] {
        for field in fields[parent]["properties"].as_object().unwrap().keys() {
            assert!(said.contains(field.as_str()), "docs/policies.md does not name {parent}.{field}");
        }
    }
}
