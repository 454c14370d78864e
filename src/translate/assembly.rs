//! From the sources of an Application to its Flux objects: one source object for each revision of a repository, one
//! workload object for each source that delivers something.
//!
//! # Names
//!
//! The first source that delivers gives its objects the Application's name, so that an Application with one source is not
//! told apart from one with `sources`. The objects of another source are called `NAME-SUFFIX`, after the source's `name`,
//! its `ref` or its position (counted from one, as the `argocd` CLI does); a `name` keeps them when sources change places.
//! Those that are read by several sources carry the name of the first of these.
//!
//! # Several charts
//!
//! Stock Argo CD renders each chart under the Application's name, which is no release. A real release has a name that no
//! other one in its namespace has, and objects are named after it: the first chart of a name has the release, the objects of
//! the others are delivered without one ([`super::helm`]), since everything would be renamed with a renamed release.

use std::collections::BTreeSet;

use super::draft::{Draft, Placement, Source};
use super::leg::Leg;
use super::pool::Pool;
use super::shape::{self, Prepared};
use super::{Route, duplicates, hydrator, references};
use crate::argo::ApplicationSource;
use crate::flux::{Manifest, ObjectKey};
use crate::names;

/// What was generated, and how far it got.
#[derive(Default)]
pub(super) struct Assembly {
    /// Source objects first.
    pub(super) objects: Vec<Manifest>,
    /// The way of each source; empty while there is nothing to tell.
    pub(super) routes: Vec<Route>,
    /// The source object whose artifact holds the files of each source.
    pub(super) artifacts: Vec<Option<ObjectKey>>,
    /// Argo CD's word for the first source that delivers; empty while unknown.
    pub(super) source_type: &'static str,
    /// Every object is there.
    pub(super) is_complete: bool,
}

/// The objects of the Application. Without a placement problems are still found, but nothing is generated.
pub(super) fn assemble(draft: &mut Draft<'_>, placement: Option<&Placement>) -> Assembly {
    let nowhere = Placement { namespace: String::new(), name: String::new() };
    let app = draft.app;
    if app.sources().is_empty() {
        draft.error::<()>("spec.source", "the Application has no source", "");
        return Assembly::default();
    }
    hydrator::check(draft);
    let sources: Vec<Source<'_>> =
        app.sources().iter().enumerate().map(|(index, spec)| Source::new(app, index, spec)).collect();
    references::check(draft, &sources);
    let names = placements(placement.unwrap_or(&nowhere), app.sources());
    let prepared: Vec<Option<Prepared>> =
        sources.iter().zip(&names).map(|(source, name)| shape::prepare(draft, name, source)).collect();
    let mut pool = Pool::default();
    let mut legs = Vec::new();
    for ((source, placement), own) in sources.iter().zip(&names).zip(&prepared) {
        let leg = own.as_ref().map(|own| {
            let is_shared = own.is_read_by_others(&prepared) || references::is_used(source, &sources);
            shape::generate(draft, placement, source, own, is_shared, &mut pool)
        });
        legs.push(leg.unwrap_or_default());
    }
    references::note_revisions(draft, &sources, &mut legs);
    duplicates::look_up(draft, &sources, &legs);
    finish(draft, &sources, legs, pool)
}

/// Puts the parts together. A workload object without its source would only report that it is missing, and one without the
/// others would deliver half an Application. While something is wanted, none of them is said to be anything: an answer that is
/// late must not change what was delivered.
fn finish(draft: &Draft<'_>, sources: &[Source<'_>], legs: Vec<Leg>, pool: Pool) -> Assembly {
    let mut parts = sources.iter().zip(&legs);
    let is_complete = draft.wants.is_empty()
        && parts.all(|(source, leg)| leg.origin.is_some() && (leg.workload.is_some() || !source.renders()));
    let mut objects = pool.into_objects();
    let source_type =
        legs.iter().map(|leg| leg.source_type).find(|word| !word.is_empty()).unwrap_or_default();
    let mut assembly = Assembly { source_type, is_complete, ..Assembly::default() };
    let is_known = !objects.is_empty();
    for leg in legs {
        let workload = leg.workload.filter(|_| is_complete);
        if is_known {
            let workload = workload.as_ref().map(|workload| workload.key.clone());
            let source_type = leg.source_type.to_owned();
            assembly.routes.push(Route { origin: leg.origin, workload, source_type });
            assembly.artifacts.push(leg.artifact);
        }
        objects.extend(workload);
    }
    assembly.objects = objects;
    assembly
}

/// Where the objects of each source stand.
fn placements(first: &Placement, sources: &[ApplicationSource]) -> Vec<Placement> {
    let delivers = |source: &ApplicationSource| !source.path.is_empty() || !source.chart.is_empty();
    let leader = sources.iter().position(delivers).unwrap_or_default();
    let mut taken = BTreeSet::new();
    let mut suffixes = vec![String::new(); sources.len()];
    for (index, source) in sources.iter().enumerate().filter(|(index, _)| *index != leader) {
        let position = (index + 1).to_string();
        let said = [&source.name, &source.reference].map(|word| names::dns_word(word));
        let suffix = said.into_iter().find(|word| !word.is_empty() && !taken.contains(word));
        let suffix = suffix.unwrap_or_else(|| {
            if taken.contains(&position) { format!("source-{position}") } else { position }
        });
        taken.insert(suffix.clone());
        if let Some(place) = suffixes.get_mut(index) {
            *place = suffix;
        }
    }
    let named = |suffix: String| match suffix.as_str() {
        "" => first.clone(),
        suffix => Placement {
            name: names::shorten(&format!("{}-{suffix}", first.name), names::MAX_LABEL_VALUE),
            ..first.clone()
        },
    };
    suffixes.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn names(sources: Value) -> Vec<String> {
        let sources: Vec<ApplicationSource> = serde_json::from_value(sources).unwrap();
        let first = Placement { namespace: "prod".to_owned(), name: "shop".to_owned() };
        placements(&first, &sources).into_iter().map(|placement| placement.name).collect()
    }

    #[rstest]
    #[case::one(json!([{"path": "a", "name": "web"}]), &["shop"])]
    #[case::positions(json!([{"path": "a"}, {"path": "b"}, {"chart": "c"}]), &["shop", "shop-2", "shop-3"])]
    #[case::names(json!([{"path": "a", "name": "x"}, {"path": "b", "name": "My Web!"}]), &["shop", "shop-my-web"])]
    #[case::values_first(json!([{"ref": "values"}, {"chart": "c"}]), &["shop-values", "shop"])]
    #[case::name_before_ref(json!([{"chart": "c"}, {"ref": "values", "name": "env"}]), &["shop", "shop-env"])]
    #[case::taken(
        json!([{"path": "a"}, {"path": "b", "name": "3"}, {"path": "c"}, {"path": "d", "name": "3"}]),
        &["shop", "shop-3", "shop-source-3", "shop-4"]
    )]
    #[case::nothing_left_of_it(json!([{"path": "a"}, {"path": "b", "name": "ß!"}]), &["shop", "shop-2"])]
    #[case::nothing_delivers(json!([{"ref": "a"}, {"ref": "b"}]), &["shop", "shop-b"])]
    fn each_source_has_a_name(#[case] sources: Value, #[case] expected: &[&str]) {
        assert_eq!(names(sources), expected);
    }

    #[test]
    fn long_names_keep_apart() {
        let long = "x".repeat(80);
        let sources = json!([{"path": "a"}, {"path": "b", "name": format!("{long}1")}, {"path": "c", "name": format!("{long}2")}]);
        let names = names(sources);
        assert!(names.iter().all(|name| name.len() <= names::MAX_LABEL_VALUE), "{names:?}");
        assert_ne!(names[1], names[2]);
    }
}
