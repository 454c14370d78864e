//! The bridge itself: its Deployment, and who leads.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;

use super::{Finding, Namespaces};

/// Its Deployment.
pub fn deployment(found: Option<&Deployment>, namespaces: &Namespaces) -> Finding {
    const CHECK: &str = "Bridge";
    let Some(deployment) = found else {
        return Finding::fail(
            CHECK,
            format!("no Deployment flux-subsystem in namespace {}", namespaces.argocd),
            "install it: kubectl apply -k manifests/",
        );
    };
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0);
    let finding = format!("{ready} of {wanted} replicas are ready");
    let fix =
        format!("kubectl describe pods -n {} -l app.kubernetes.io/name=flux-subsystem", namespaces.argocd);
    if ready == 0 {
        Finding::fail(CHECK, finding, fix)
    } else if ready < wanted {
        Finding::warn(CHECK, finding, fix)
    } else {
        Finding::ok(CHECK, finding)
    }
}

/// Its lease, at the moment `now`.
pub fn lease(found: Option<&Lease>, now: Timestamp, namespaces: &Namespaces) -> Finding {
    const CHECK: &str = "Leader";
    let fix = format!("kubectl logs -n {} -l app.kubernetes.io/name=flux-subsystem", namespaces.argocd);
    let spec = found.and_then(|lease| lease.spec.as_ref());
    let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
    let Some(spec) = spec.filter(|_| !holder.is_empty()) else {
        return Finding::fail(CHECK, "no replica holds Lease flux-subsystem: nothing is delivered", fix);
    };
    let renewed = spec.renew_time.as_ref().map(|time| time.0);
    let age = renewed.map(|renewed| now.duration_since(renewed).as_secs());
    let limit = i64::from(spec.lease_duration_seconds.unwrap_or_default());
    // Twice: this machine's clock is not the cluster's.
    match age {
        Some(age) if age <= 2 * limit => Finding::ok(CHECK, format!("{holder} leads")),
        Some(age) => Finding::fail(
            CHECK,
            format!("{holder} has not renewed Lease flux-subsystem for {age} s: nothing is delivered"),
            fix,
        ),
        None => Finding::fail(CHECK, format!("{holder} has never renewed Lease flux-subsystem"), fix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn namespaces() -> Namespaces {
        Namespaces { argocd: "argocd".into(), flux: "flux-system".into() }
    }

    #[rstest]
    #[case(Some(2), Level::Ok)]
    #[case(Some(1), Level::Warn)]
    #[case(Some(0), Level::Fail)]
    #[case(None, Level::Fail)]
    fn replicas(#[case] ready: Option<i32>, #[case] level: Level) {
        let found: Option<Deployment> = ready.map(|ready| {
            serde_json::from_value(json!({
                "spec": {"replicas": 2, "selector": {}, "template": {}}, "status": {"readyReplicas": ready}}))
            .unwrap()
        });
        assert_eq!(deployment(found.as_ref(), &namespaces()).level, level);
    }

    #[rstest]
    #[case::held(json!({"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z"}), Level::Ok)]
    #[case::old(json!({"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": "2025-01-01T00:00:00.000000Z"}), Level::Fail)]
    #[case::released(json!({"holderIdentity": "", "leaseDurationSeconds": 15}), Level::Fail)]
    #[case::none(json!(null), Level::Fail)]
    fn leases(#[case] spec: Value, #[case] level: Level) {
        let found: Lease = serde_json::from_value(json!({ "spec": spec })).unwrap();
        let now = "2026-01-01T00:00:10Z".parse().unwrap();
        assert_eq!(lease(Some(&found), now, &namespaces()).level, level);
    }
}
