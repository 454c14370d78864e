//! What pure modules may name. They reach for nothing: no client, clock, environment or file, and nothing that waits or is shared.

use std::collections::BTreeSet;

use rstest::rstest;

use super::{IMPORTS, source};

/// The pure modules, by what the paths of their files below `src` begin with.
const PURE: &[&str] = &[
    "adopt",
    "argo",
    "cache/codec.rs",
    "cache/keys.rs",
    "cache/probe.rs",
    "cache/settings.rs",
    "credentials",
    "digest.rs",
    "doctor",
    "flux",
    "generate",
    "merge.rs",
    "mirror",
    "names.rs",
    "plan",
    "policy",
    "problem.rs",
    "project",
    "registry/chart.rs",
    "registry/image.rs",
    "registry/manifests.rs",
    "repo_server/messages",
    "repo_server/repo_creds.rs",
    "repo_server/repository.rs",
    "repo_server/request.rs",
    "translate",
    "yaml.rs",
];

/// What they may name of other crates: a path, and whatever is below it.
const ALLOWED: &[&str] = &[
    // Values and texts.
    "std::borrow",
    "std::cell",
    "std::cmp",
    "std::collections",
    "std::fmt",
    "std::iter",
    "std::mem",
    "std::ops",
    "std::path::PathBuf",
    "std::slice",
    "std::str",
    "std::sync::Arc",
    "std::sync::LazyLock",
    "std::time::Duration",
    "std::net::IpAddr",
    "std::net::SocketAddr",
    // Archives in memory.
    "std::io::Result",
    "std::io::Write",
    "flate2",
    "tar::Builder",
    "tar::Header",
    // Times as they are handed in.
    "jiff::SignedDuration",
    "jiff::Timestamp",
    "jiff::ToSpan",
    "jiff::civil",
    "jiff::tz",
    // Types of Kubernetes.
    "k8s_openapi",
    "kube::CustomResource",
    "kube::CustomResourceExt",
    "kube::Resource",
    "kube::ResourceExt",
    "kube::core",
    // Formats.
    "anyhow::Result",
    "base64",
    "globset",
    "http",
    "percent_encoding",
    "regex",
    "schemars",
    "serde",
    "serde_json",
    "serde_yaml",
    "sha2",
    "strsim",
];

/// What they may not name of that: the clock, and the time zone of the machine.
const FORBIDDEN: &[&str] = &[
    "jiff::Timestamp::now",
    "jiff::tz::TimeZone::system",
    "jiff::tz::TimeZone::try_system",
    "jiff::tz::TimeZoneDatabase::from_env",
];

fn is_below(path: &str, beginning: &str) -> bool {
    path.strip_prefix(beginning).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Of primitive types everything may be named (`u32::MAX`).
fn is_primitive(path: &str) -> bool {
    let first = path.split("::").next().unwrap_or_default();
    let size = first.trim_start_matches(['f', 'i', 'u']);
    matches!(first, "bool" | "char" | "str") || matches!(size, "8" | "16" | "32" | "64" | "128" | "size")
}

/// A module that something allowed is in may be imported: what is named of it counts.
fn is_allowed(path: &str) -> bool {
    let is_listed = |paths: &[&str]| paths.iter().any(|beginning| is_below(path, beginning));
    let is_above = ALLOWED.iter().any(|allowed| is_below(allowed, path));
    is_primitive(path) || is_above || is_listed(ALLOWED) && !is_listed(FORBIDDEN)
}

fn is_pure(file: &str) -> bool {
    let is_in = |room: &&&str| {
        file.strip_prefix(**room).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
    };
    PURE.iter().any(|room| is_in(&room))
}

#[test]
fn pure_modules_reach_for_nothing() {
    let imports = &*IMPORTS;
    let pure: Vec<_> = imports.outside.iter().filter(|(file, _)| is_pure(file)).collect();
    assert!(pure.len() > 100, "{pure:?}");
    let reached = pure.iter().flat_map(|(file, paths)| paths.iter().map(move |path| (file, path)));
    let reached: Vec<String> = reached
        .filter(|(_, path)| !is_allowed(path))
        .map(|(file, path)| format!("{file} names {path}"))
        .collect();
    assert!(reached.is_empty(), "{reached:#?}");
    let waiting: BTreeSet<_> = imports.waiting.iter().filter(|file| is_pure(file)).collect();
    assert!(waiting.is_empty(), "async: {waiting:?}");
}

/// What is pure needs nothing that is not.
#[test]
fn pure_modules_need_pure_modules() {
    let graph = &IMPORTS.inside;
    let pure = graph.iter().filter(|(file, _)| is_pure(file));
    let needs = pure.flat_map(|(from, needed)| needed.keys().map(move |to| (from, to)));
    let impure: Vec<_> = needs.filter(|(_, to)| !is_pure(to)).collect();
    assert!(impure.is_empty(), "{impure:#?}");
}

/// The map of the crate names the same modules.
#[test]
fn the_map_of_the_crate_names_them() {
    let map = source("lib.rs").unwrap();
    let (_, invariant) = map.split_once("Pure are ").expect("an invariant that begins with the pure modules");
    let (list, _) = invariant.split_once(": they").unwrap();
    let named: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    assert_eq!(named, PURE);
}

#[rstest]
#[case("std::collections::BTreeMap", true)]
#[case("std::sync::Arc::new", true)]
#[case("std::sync::Mutex", false)]
#[case("std::sync::atomic::AtomicBool", false)]
#[case("std::time::Duration", true)]
#[case("std::time::Instant::now", false)]
#[case("std::time::SystemTime", false)]
#[case("std::fs::read", false)]
#[case("std::env::var", false)]
#[case("std::net::IpAddr", true)]
#[case("std::net::TcpStream", false)]
#[case("jiff::Timestamp", true)]
#[case("jiff::Timestamp::now", false)]
#[case("kube::core::DynamicObject", true)]
#[case("kube::Api", false)]
#[case("kube::Client", false)]
#[case("tokio::spawn", false)]
#[case("reqwest::Client", false)]
#[case("u64::MAX", true)]
fn names_are_judged(#[case] path: &str, #[case] expected: bool) {
    assert_eq!(is_allowed(path), expected, "{path}");
}
