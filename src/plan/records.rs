//! Helm's records of a release that goes without being uninstalled: they are what `helm list` shows.
//!
//! Whoever may write a `HelmRelease` can write another release into its spec and its status, and the bridge may delete records
//! everywhere. So none are deleted outside of the namespace of the `HelmRelease`, and there those alone of the release that its
//! spec names and that Flux says it has stored.

use serde_json::Value;

use super::Step;
use crate::digest::sha256_hex;
use crate::flux::fields::{self, Field};
use crate::flux::{FluxKind, Live};
use crate::names;

/// Records beyond the last one that the `HelmRelease` knows of: somebody may have upgraded by hand.
const AHEAD: i64 = 5;
/// Records before it. Helm keeps `maxHistory` of them (5) and the one that is deployed, which may be as far back as there were
/// failures since.
const BACK: i64 = 500;
/// How much of the hash ends a name that is too long for Helm (helm-controller `internal/release/name.go`, `ShortenName`).
const HASH: usize = 12;

/// The step that deletes the records of the release of `live`, or the event that says why they stay. `None`: Flux has stored no
/// release, or has stored it in another cluster.
pub(super) fn delete(live: Live<'_>) -> Option<Step> {
    if live.kind != FluxKind::HelmRelease || live.at(fields::KUBE_CONFIG).is_some() {
        return None;
    }
    let history = live.at(fields::RELEASE_HISTORY)?.as_array().filter(|history| !history.is_empty())?;
    let storage = set(live, fields::STORAGE_NAMESPACE).unwrap_or(live.namespace());
    if storage != live.namespace() {
        return Some(stay(
            live,
            &format!("spec.storageNamespace is {storage:?}, another namespace than its own"),
        ));
    }
    let release = release_name(live);
    let of_release = history.iter().filter(|snapshot| text(snapshot, "name") == Some(&release));
    let Some(last) = of_release.filter_map(|snapshot| snapshot.get("version")?.as_i64()).max() else {
        let named = history.first().and_then(|snapshot| text(snapshot, "name")).unwrap_or_default();
        return Some(stay(
            live,
            &format!("its spec names the release {release:?}, and its status {named:?}"),
        ));
    };
    Some(Step::DeleteReleaseRecords {
        namespace: storage.to_owned(),
        versions: last.saturating_sub(BACK).max(1)..=last.saturating_add(AHEAD),
        release,
    })
}

fn text<'a>(snapshot: &'a Value, field: &str) -> Option<&'a str> {
    snapshot.get(field)?.as_str()
}

fn set(live: Live<'_>, field: Field) -> Option<&str> {
    live.text(field).filter(|text| !text.is_empty())
}

/// The name that Flux gives the release (helm-controller `api/v2/helmrelease_types.go`, `GetReleaseName`).
fn release_name(live: Live<'_>) -> String {
    let name = match (set(live, fields::RELEASE_NAME), set(live, fields::TARGET_NAMESPACE)) {
        (Some(name), _) => name.to_owned(),
        (None, Some(namespace)) => format!("{namespace}-{}", live.name()),
        (None, None) => live.name().to_owned(),
    };
    if name.len() <= names::MAX_RELEASE_NAME {
        return name;
    }
    let digest = sha256_hex(name.as_bytes());
    let head = name.get(..names::MAX_RELEASE_NAME - HASH - 1).unwrap_or_default();
    format!("{head}-{}", digest.get(..HASH).unwrap_or_default())
}

fn stay(live: Live<'_>, why: &str) -> Step {
    let message = format!(
        "{} goes, and Helm's records of its release stay: {why} (delete the Secrets sh.helm.release.v1.RELEASE.vN where they are \
         not needed)",
        live.key()
    );
    Step::EmitEvent { is_warning: true, reason: "ReleaseRecordsLeft", message }
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::flux::live::tests::object;

    /// What becomes of the records of `HelmRelease apps/demo`.
    fn deleted(spec: &Value, status: &Value) -> Option<Step> {
        let object = object(FluxKind::HelmRelease, &json!({"spec": spec, "status": status}));
        delete(Live { kind: FluxKind::HelmRelease, object: &object })
    }

    fn history(name: &str, version: i64) -> Value {
        json!({"history": [{"name": name, "namespace": "apps", "version": version}]})
    }

    #[rstest]
    #[case::as_generated(
        json!({"releaseName": "demo", "targetNamespace": "apps", "storageNamespace": "apps"}), history("demo", 7), "demo", 1..=12
    )]
    #[case::by_its_own_name(json!({}), history("demo", 7), "demo", 1..=12)]
    #[case::by_its_target(json!({"targetNamespace": "web"}), history("web-demo", 7), "web-demo", 1..=12)]
    #[case::long_ago(json!({}), history("demo", 700), "demo", 200..=705)]
    #[case::no_number_that_helm_counts_to(json!({}), history("demo", i64::MAX), "demo", i64::MAX - 500..=i64::MAX)]
    fn records_of_the_release_that_spec_and_status_name_go(
        #[case] spec: Value,
        #[case] status: Value,
        #[case] release: &str,
        #[case] versions: RangeInclusive<i64>,
    ) {
        let expected =
            Step::DeleteReleaseRecords { namespace: "apps".into(), release: release.into(), versions };
        assert_eq!(deleted(&spec, &status), Some(expected));
    }

    #[test]
    fn a_long_name_is_shortened_as_flux_does() {
        let long = json!({"releaseName": "a-release-with-a-name-that-is-longer-than-helm-can-take-it"});
        // The end is from `sha256sum`.
        let short = "a-release-with-a-name-that-is-longer-tha-0eef4c6e1c81";
        let step = deleted(&long, &history(short, 1));
        assert!(
            matches!(&step, Some(Step::DeleteReleaseRecords { release, .. }) if release == short),
            "{step:?}"
        );
    }

    #[rstest]
    #[case::another_release(json!({"releaseName": "demo"}), history("victim", 1), "its status \"victim\"")]
    #[case::another_namespace(json!({"storageNamespace": "victims"}), history("demo", 1), "\"victims\"")]
    #[case::no_name(json!({}), json!({"history": [{"version": 1}]}), "its status \"\"")]
    #[case::no_number(json!({}), json!({"history": [{"name": "demo", "version": "1"}]}), "its status \"demo\"")]
    fn what_is_not_proven_stays_and_is_named(#[case] spec: Value, #[case] status: Value, #[case] why: &str) {
        let step = deleted(&spec, &status);
        assert!(matches!(&step, Some(Step::EmitEvent { message, .. }) if message.contains(why)), "{step:?}");
    }

    /// It is where the status says that a release was before, which nobody has to believe.
    #[test]
    fn a_namespace_in_the_status_says_nothing() {
        let mut status = history("demo", 1);
        status["storageNamespace"] = json!("victims");
        let step = deleted(&json!({}), &status);
        assert!(matches!(&step, Some(Step::DeleteReleaseRecords { namespace, .. }) if namespace == "apps"));
    }

    #[rstest]
    #[case::never_stored(json!({}), json!({"history": []}))]
    #[case::no_status(json!({}), json!({}))]
    #[case::elsewhere(json!({"kubeConfig": {"secretRef": {"name": "other"}}}), history("demo", 1))]
    fn there_may_be_none(#[case] spec: Value, #[case] status: Value) {
        assert_eq!(deleted(&spec, &status), None);
    }
}
