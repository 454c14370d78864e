//! Which files may need which.

use std::collections::BTreeSet;

use rstest::rstest;

use super::IMPORTS;
use super::circles::circles;
use super::imports::{Graph, imports};

/// The rooms from the ground up, by what the paths of their files below `src` begin with. A file needs files of its own room and
/// of rooms on earlier lines; rooms on one line do not need each other.
const ROOMS: &[&[&str]] = &[
    // Types, words and tools without decisions.
    &["digest.rs", "yaml.rs", "merge.rs", "problem.rs", "watch_error.rs", "panics.rs", "metrics"],
    &["names.rs"],
    &["argo"],
    &["flux"],
    // Who may what.
    &["project", "credentials"],
    &["policy"],
    // What an Application becomes.
    &["translate"],
    // What stands in the cluster, and what that means.
    &["mirror"],
    &["adopt"],
    // What is to be done.
    &["generate", "plan"],
    // What answers, serves and stores: clients and servers of other programs.
    &["artifact", "address.rs", "remote_refs", "repo_server", "registry", "cache", "lease", "telemetry.rs"],
    &["lookup", "doctor", "serve"],
    &["controller"],
    &["cli"],
    &["main.rs", "lib.rs"],
];

/// Files that need each other because they are one idea, and why.
const ONE_IDEA: &[(&str, &str, &str)] = &[];

/// Rooms whose files still need each other.
const TANGLED: &[&str] = &["controller/"];

/// The line of the room that a file is in, and the room. The longest beginning counts.
fn room(file: &str) -> Option<(usize, &'static str)> {
    let is_in = |room: &&str| {
        file.strip_prefix(room).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
    };
    let rooms =
        ROOMS.iter().enumerate().flat_map(|(line, rooms)| rooms.iter().map(move |room| (line, *room)));
    rooms.filter(|(_, room)| is_in(room)).max_by_key(|(_, room)| room.len())
}

/// A need that goes up, or across.
fn is_forbidden(from: &str, to: &str) -> bool {
    match (room(from), room(to)) {
        (Some((line, here)), Some((needed, there))) => here != there && needed >= line,
        _ => true,
    }
}

fn is_known(circle: &BTreeSet<&str>) -> bool {
    TANGLED.iter().any(|room| circle.iter().all(|file| file.starts_with(room)))
        || ONE_IDEA.iter().any(|(one, other, _)| *circle == BTreeSet::from([*one, *other]))
}

#[test]
fn no_room_needs_a_higher_one() {
    let graph = &IMPORTS.inside;
    let needs = graph.iter().flat_map(|(from, needed)| needed.iter().map(move |(to, what)| (from, to, what)));
    let upwards: Vec<String> = needs
        .filter(|(from, to, _)| is_forbidden(from, to))
        .map(|(from, to, what)| format!("{from} needs {what:?} of {to}"))
        .collect();
    assert!(upwards.is_empty(), "{upwards:#?}");
}

#[test]
fn no_files_need_each_other() {
    let graph = &IMPORTS.inside;
    let found = circles(graph);
    let unexplained: Vec<_> = found.iter().filter(|circle| !is_known(circle)).collect();
    let files: usize = unexplained.iter().map(|circle| circle.len()).sum();
    let needs: Vec<String> = unexplained.iter().flat_map(|circle| needs_within(graph, circle)).collect();
    assert!(needs.is_empty(), "{files} of {} files need each other: {needs:#?}", graph.len());
    for (one, other, why) in ONE_IDEA {
        let pair = BTreeSet::from([*one, *other]);
        assert!(found.contains(&pair), "{one} and {other} no longer need each other ({why})");
    }
}

/// What the files of a circle need of each other, a sentence each.
fn needs_within(graph: &Graph, circle: &BTreeSet<&str>) -> Vec<String> {
    let needs = circle.iter().flat_map(|from| graph[*from].iter().map(move |needed| (from, needed)));
    needs
        .filter(|(_, (to, _))| circle.contains(to.as_str()))
        .map(|(from, (to, what))| format!("{from} needs {what:?} of {to}"))
        .collect()
}

/// A small crate: each file with its text.
type Sources = [(&'static str, &'static str)];

#[rstest]
#[case::a_use_line(&[("a.rs", "use crate::b::B;"), ("b.rs", "pub struct B;")], &["a.rs needs b.rs"])]
#[case::a_path_in_a_body(&[("a.rs", "fn a() { super::b::b() }"), ("b.rs", "pub fn b() {}")], &["a.rs needs b.rs"])]
#[case::by_way_of_a_module(&[("a.rs", "use crate::b; fn a() { b::b() }"), ("b.rs", "pub fn b() {}")], &["a.rs needs b.rs"])]
#[case::in_a_macro(&[("a.rs", "use crate::b; fn a() { vec![b::B] }"), ("b.rs", "pub const B: u8 = 1;")], &["a.rs needs b.rs"])]
#[case::a_module_alone(&[("a.rs", "use crate::b;"), ("b.rs", "pub fn b() {}")], &[])]
#[case::handed_on(
    &[("a.rs", "use crate::b::C;"), ("b.rs", "pub use crate::c::C;"), ("c.rs", "pub struct C;")],
    &["a.rs needs c.rs"]
)]
#[case::all_names(
    &[("a.rs", "use crate::b::*; fn a() { c() }"), ("b.rs", "pub fn c() {}")],
    &["a.rs needs b.rs"]
)]
#[case::in_tests(&[("a.rs", "#[cfg(test)] mod tests { use crate::b::B; }"), ("b.rs", "pub struct B;")], &[])]
#[case::a_field(&[("a.rs", "use crate::b; fn a() { dbg!(x.b) }"), ("b.rs", "pub fn b() {}")], &[])]
#[case::a_function_called_like_its_module(
    &[("a.rs", "use crate::b; fn a() { b() }"), ("b.rs", ""), ("lib.rs", "mod a; mod b; pub fn b() {}")],
    &["a.rs needs lib.rs"]
)]
fn needs_are_found(#[case] sources: &Sources, #[case] expected: &[&str]) {
    let read = |file: &str| {
        let known = sources.iter().find(|(name, _)| *name == file).map(|(_, text)| (*text).to_owned());
        let modules = || sources.iter().map(|(name, _)| format!("mod {};", name.trim_end_matches(".rs")));
        known.or_else(|| (file == "lib.rs").then(|| modules().collect()))
    };
    let graph = imports(&read).inside;
    let needs =
        graph.iter().flat_map(|(from, needed)| needed.keys().map(move |to| format!("{from} needs {to}")));
    assert_eq!(needs.collect::<Vec<_>>(), expected);
}

#[rstest]
#[case::down("plan/mod.rs", "argo/mod.rs", false)]
#[case::within("plan/mod.rs", "plan/sync/mod.rs", false)]
#[case::up("argo/mod.rs", "plan/mod.rs", true)]
#[case::across("generate/mod.rs", "plan/mod.rs", true)]
#[case::in_no_room("cellar.rs", "argo/mod.rs", true)]
#[case::a_name_that_begins_alike("plant.rs", "argo/mod.rs", true)]
fn directions_are_judged(#[case] from: &str, #[case] to: &str, #[case] expected: bool) {
    assert_eq!(is_forbidden(from, to), expected);
}

#[test]
fn circles_are_found() {
    let needs = |files: &[&str]| files.iter().map(|file| ((*file).to_owned(), BTreeSet::new())).collect();
    let graph: Graph =
        [("a", needs(&["b"])), ("b", needs(&["c"])), ("c", needs(&["a", "d"])), ("d", needs(&[]))]
            .map(|(file, needed)| (file.to_owned(), needed))
            .into();
    assert_eq!(circles(&graph), [BTreeSet::from(["a", "b", "c"])]);
}
