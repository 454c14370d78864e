//! The Secrets that sources read: there before the source, current while it stands, gone after it.

use serde_json::{Value, json};

use super::Step;
use super::step::KnownSecret;
use crate::credentials::{LiveSecret, Role, SecretManifest};
use crate::digest::sha256_hex;
use crate::flux::Live;
use crate::mirror::{Observed, SourceState, View, source};
use crate::names;

const ROLES: [Role; 3] = [Role::Credentials, Role::Certificates, Role::Proxy];

fn live<'a>(observed: &'a Observed, name: &str) -> Option<&'a LiveSecret> {
    observed.secrets.iter().map(AsRef::as_ref).find(|secret| secret.name == name)
}

/// The steps that bring each wanted Secret about. An edit by hand goes: what counts is Argo CD's Secret.
pub(super) fn wanted(view: &View<'_>) -> Vec<Step> {
    let wanted = view.observed.translation.secrets.iter();
    wanted.filter_map(|manifest| apply(manifest, live(view.observed, &manifest.name))).collect()
}

fn apply(manifest: &SecretManifest, live: Option<&LiveSecret>) -> Option<Step> {
    if live.is_some_and(|live| manifest.is_met_by(live) || live.is_deleting) {
        return None;
    }
    let over = live.map(|live| {
        let surplus = live.data.exposed().keys().filter(|key| !manifest.data.exposed().contains_key(*key));
        KnownSecret { uid: live.uid.clone(), surplus: surplus.cloned().collect() }
    });
    Some(Step::ApplySecret { manifest: manifest.clone(), over })
}

/// Secrets that are wanted no longer, once no source reads them.
pub(super) fn stale(view: &View<'_>) -> Vec<Step> {
    if !view.is_complete() {
        return Vec::new();
    }
    let observed = view.observed;
    let is_wanted = |secret: &LiveSecret| {
        observed.translation.secrets.iter().any(|manifest| manifest.name == secret.name)
            || observed.owned().any(|live| names_of(live).any(|name| name == secret.name))
    };
    observed.secrets.iter().filter(|secret| !is_wanted(secret)).filter_map(|secret| delete(secret)).collect()
}

/// All of them, when no source is left.
pub(super) fn delete_all(observed: &Observed) -> Vec<Step> {
    observed.secrets.iter().filter_map(|secret| delete(secret)).collect()
}

fn delete(secret: &LiveSecret) -> Option<Step> {
    let step = Step::DeleteSecret { name: secret.name.clone(), uid: secret.uid.clone() };
    (!secret.is_deleting).then_some(step)
}

/// The names of the Secrets that a source reads.
fn names_of(live: Live<'_>) -> impl Iterator<Item = &str> {
    ROLES.into_iter().filter_map(move |role| live.spec().get(role.field())?.get("name")?.as_str())
}

/// Flux looks at a Secret when it fetches and at no other time: what failed is fetched anew with each version of what it
/// reads, once.
pub(super) fn requests(view: &View<'_>) -> Vec<Step> {
    let sources = view.source_resources().filter_map(|resource| resource.live);
    let sources: Vec<Live<'_>> = sources.filter(|live| view.observed.owns(*live)).collect();
    let versioned = || sources.iter().filter_map(|live| Some((*live, version(view, *live)?)));
    let failed = versioned().filter(|(live, _)| has_failed(&source::state(Some(*live), None)));
    // A chart is pulled with what its repository reads.
    let of_charts = view.legs.iter().filter(|leg| has_failed(&leg.chart)).filter_map(|leg| {
        let (chart, source) = (leg.parts.chart?, leg.parts.source?);
        versioned().find(|(live, _)| live.key() == source.key()).map(|(_, version)| (chart, version))
    });
    failed.chain(of_charts).filter_map(|(live, version)| request(live, &version)).collect()
}

fn has_failed(state: &SourceState) -> bool {
    matches!(state, SourceState::Failed(_))
}

/// A fingerprint of the versions of the Secrets that `live` reads; `None` where it reads none, or one is about to change.
fn version(view: &View<'_>, live: Live<'_>) -> Option<String> {
    let observed = view.observed;
    let versions: Option<Vec<String>> = names_of(live)
        .map(|name| {
            let secret = self::live(observed, name)?;
            let wanted = observed.translation.secrets.iter().find(|manifest| manifest.name == name)?;
            wanted.is_met_by(secret).then(|| format!("{}/{}", secret.uid, secret.resource_version))
        })
        .collect();
    let versions = versions.filter(|versions| !versions.is_empty())?;
    Some(sha256_hex(versions.join(" ").as_bytes())[..16].to_owned())
}

fn request(live: Live<'_>, version: &str) -> Option<Step> {
    let annotations: Value = json!({
        names::ANNOTATION_CREDENTIALS: version,
        names::ANNOTATION_REQUESTED_AT: format!("credentials/{version}"),
    });
    let is_new = live.annotation(names::ANNOTATION_CREDENTIALS) != Some(version);
    is_new.then(|| Step::PatchObject {
        key: live.key(),
        patch: json!({"metadata": {"annotations": annotations}}),
    })
}
