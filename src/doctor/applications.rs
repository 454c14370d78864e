//! Applications between the two: with the option and without the stamp, or the other way round.

use super::{Finding, some};
use crate::argo::Application;
use crate::names;

/// Judges all Applications that can be seen.
pub fn judge(apps: &[Application]) -> Vec<Finding> {
    const CHECK: &str = "Applications";
    let names = |holds: &dyn Fn(&Application) -> bool| -> Vec<String> {
        apps.iter().filter(|app| holds(app)).map(Application::identity).collect()
    };
    let stamped = |app: &Application| app.annotation(names::ANNOTATION_STAMPED) == Some("true");
    let unstamped = names(&|app| app.is_bridged() && !app.is_skipped_by_argo());
    let left = names(&|app| !app.is_bridged() && stamped(app) && app.is_skipped_by_argo());
    let mut findings = Vec::new();
    if !unstamped.is_empty() {
        findings.push(Finding::fail(
            CHECK,
            format!(
                "{} carry {} and no {}: stock Argo CD and Flux both deliver them",
                some(&unstamped),
                names::OPTION_FLUX_SUBSYSTEM,
                names::ANNOTATION_SKIP_RECONCILE
            ),
            "let the bridge run, which stamps them; and apply manifests/admission-policy.yaml, which stamps new ones at once",
        ));
    }
    if !left.is_empty() {
        findings.push(Finding::warn(
            CHECK,
            format!(
                "{} carry the bridge's stamp and no {}: nobody delivers them until the bridge has handed them back",
                some(&left),
                names::OPTION_FLUX_SUBSYSTEM
            ),
            "let the bridge run: it hands them back; their condition HandBackWarning says what it waits for",
        ));
    }
    if findings.is_empty() {
        let bridged = apps.iter().filter(|app| app.is_bridged()).count();
        findings.push(Finding::ok(CHECK, format!("{bridged} of {} are bridged, and stamped", apps.len())));
    }
    findings
}

/// The result of trying the admission policy: the annotations of a bridged Application after a dry run of its creation.
pub fn admission(admitted: &Application) -> Finding {
    const CHECK: &str = "Admission policy";
    if admitted.is_skipped_by_argo() && admitted.annotation(names::ANNOTATION_STAMPED) == Some("true") {
        Finding::ok(CHECK, "a bridged Application is stamped when it is created")
    } else {
        Finding::fail(
            CHECK,
            "a bridged Application is not stamped when it is created: stock Argo CD may begin to deliver it too",
            "apply manifests/admission-policy.yaml (Kubernetes 1.36 or newer) and wait a moment",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use crate::mirror::fixtures::app;
    use serde_json::json;

    #[test]
    fn only_half_a_join_is_wrong() {
        let whole = app("a").build();
        let unstamped = app("b").unstamped().build();
        let left = app("c").with(&json!({"spec": {"syncPolicy": null}})).build();
        let plain = app("d").unstamped().with(&json!({"spec": {"syncPolicy": null}})).build();
        let levels =
            |apps: &[Application]| judge(apps).iter().map(|finding| finding.level).collect::<Vec<_>>();
        assert_eq!(levels(&[whole.clone(), plain.clone()]), [Level::Ok]);
        assert_eq!(judge(&[whole.clone(), plain])[0].finding, "1 of 2 are bridged, and stamped");
        assert_eq!(levels(&[whole.clone(), unstamped.clone()]), [Level::Fail]);
        assert!(
            judge(std::slice::from_ref(&unstamped))[0]
                .finding
                .starts_with("argocd/b carry FluxSubsystem=true")
        );
        assert_eq!(levels(&[left]), [Level::Warn]);
        assert_eq!((admission(&whole).level, admission(&unstamped).level), (Level::Ok, Level::Fail));
    }
}
