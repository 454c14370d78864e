//! The decision table: which situation is which state.

use std::collections::BTreeMap;

use super::super::{State, plan};
use super::{words, writes_flux};
use crate::flux::FluxKind;
use crate::mirror::Observed;
use crate::mirror::fixtures::{
    App, COMMIT, ago, app, git_repository, helm_chart, helm_release, helm_repository, kustomization,
};
use crate::names;
use rstest::rstest;
use serde_json::json;

/// A delivered chart.
fn delivered(app: &App) -> Observed {
    app.beside([
        helm_repository().fetched("sha256:index"),
        helm_chart().fetched("6.3.5"),
        helm_release().ready("6.3.5"),
    ])
}

fn automated() -> App {
    app("demo").chart("6.3.5").automated().delivered("6.3.5")
}

fn row(state: State) -> Observed {
    match state {
        State::Ignored => app("demo").chart("6.3.5").unstamped().with(&json!({"spec": {"syncPolicy": null}})).observed(),
        State::Adopting => delivered(&automated().unstamped()),
        State::HandingBack => {
            let plain = automated().plain().build();
            Observed { app: plain.into(), ..delivered(&automated()) }
        }
        State::Deleting => delivered(&automated().cascading().deleting()),
        State::Failing => automated().with(&json!({"spec": {"source": {"targetRevision": "not a version"}}})).observed(),
        State::Syncing => app("demo").chart("6.3.5").requested().running().beside([helm_repository().fetching()]),
        State::OutOfSync => automated().beside([
            helm_repository().fetched("sha256:index"),
            helm_chart().fetched("6.3.5"),
            helm_release().ready("6.3.5").edited(),
        ]),
        State::Progressing => app("demo").git().automated().delivered(COMMIT).beside([
            git_repository().fetched(&format!("main@sha1:{COMMIT}")),
            kustomization().ready(&format!("main@sha1:{COMMIT}")).with(json!({"status": {"conditions": [
                {"type": "Ready", "status": "Unknown", "reason": "Progressing", "message": "Detecting drift"}]}})),
        ]),
        State::Degraded => app("demo").git().automated().delivered(COMMIT).beside([
            git_repository().fetched(&format!("main@sha1:{COMMIT}")),
            kustomization()
                .ready(&format!("main@sha1:{COMMIT}"))
                .failed(&format!("main@sha1:{COMMIT}"), "HealthCheckFailed", "health check failed"),
        ]),
        State::Suspended => automated().beside([
            helm_repository().fetched("sha256:index"),
            helm_chart().fetched("6.3.5"),
            helm_release().ready("6.3.5").suspended(),
        ]),
        State::Delivered => delivered(&automated()),
    }
}

#[test]
fn every_state_has_exactly_one_row() {
    let mut found = BTreeMap::new();
    for state in State::ALL {
        let reached = plan(&row(state)).state;
        assert_eq!(reached, state);
        *found.entry(reached).or_insert(0) += 1;
    }
    assert!(found.values().all(|rows| *rows == 1));
    assert_eq!(found.len(), State::ALL.len());
}

#[test]
fn names_are_told_apart() {
    let names: std::collections::BTreeSet<_> = State::ALL.iter().map(|state| state.name()).collect();
    assert_eq!(names.len(), State::ALL.len());
}

/// What each state leads to, sorted by what the bridge may touch in it.
#[rstest]
#[case(State::Ignored, &[])]
#[case(State::Adopting, &["PatchApplication", "EmitEvent TakenOverLate"])]
#[case(State::HandingBack, &["PatchObject HelmRelease"])]
#[case(State::Deleting, &["DeleteObject HelmRelease"])]
#[case(State::Failing, &["PatchApplication"])]
#[case(State::Syncing, &["PatchApplication", "ApplyObject HelmRelease"])]
#[case(State::OutOfSync, &["PatchApplication"])]
#[case(State::Progressing, &["PatchApplication"])]
#[case(State::Degraded, &["PatchApplication"])]
#[case(State::Suspended, &["PatchApplication"])]
#[case(State::Delivered, &["PatchApplication"])]
fn a_state_leads_to_these_steps(#[case] state: State, #[case] expected: &[&str]) {
    assert_eq!(words(&plan(&row(state))), expected);
}

#[test]
fn an_application_without_the_exact_option_and_without_our_stamp_is_never_written_to() {
    for option in ["FluxSubsystem=false", "fluxsubsystem=true", "FluxSubsystem"] {
        let change = json!({"spec": {"syncPolicy": {"syncOptions": [option]}}});
        for app in [automated(), automated().cascading().deleting(), automated().requested()] {
            let app = app.unstamped().with(&change);
            assert_eq!(words(&plan(&delivered(&app))), Vec::<String>::new());
            let own_wish = json!({"metadata": {"annotations": {names::ANNOTATION_SKIP_RECONCILE: "true"}}});
            assert_eq!(words(&plan(&delivered(&app.with(&own_wish)))), Vec::<String>::new());
        }
    }
}

#[test]
fn an_application_with_errors_keeps_what_runs() {
    let mut observed = delivered(&automated());
    let broken = row(State::Failing);
    observed.app = broken.app;
    observed.translation = broken.translation;
    let plan = plan(&observed);
    assert!(!writes_flux(&plan));
    let status = plan.status.unwrap();
    assert_eq!(status.sync.status, "Unknown");
    assert_eq!(status.conditions[0].kind, "ComparisonError");
}

#[test]
fn a_kind_that_is_not_served_is_named_and_nothing_is_applied() {
    let mut observed = app("demo").chart("6.3.5").automated().observed();
    observed.absent_kinds = FluxKind::ALL.into();
    let plan = plan(&observed);
    assert!(!writes_flux(&plan));
    let status = plan.status.unwrap();
    assert!(status.conditions.iter().any(|c| c.message.contains("helmreleases.helm.toolkit.fluxcd.io")));
    assert_eq!(status.sync.status, "Unknown");
}

#[test]
fn an_object_of_another_application_is_left_to_it() {
    for app in [automated(), automated().requested(), automated().refresh(), app("demo").chart("6.3.5")] {
        let observed = app.beside([
            helm_repository().fetched("sha256:index").foreign(),
            helm_chart().fetched("6.3.5"),
            helm_release().ready("6.3.5").foreign(),
        ]);
        let plan = plan(&observed);
        assert!(!writes_flux(&plan), "{:?}", words(&plan));
        let status = plan.status.unwrap();
        assert_eq!(status.sync.status, "Unknown");
        assert!(status.conditions[0].message.contains("belongs to Application argocd/other"));
    }
}

#[test]
fn an_object_that_nobody_generated_is_used_and_not_overwritten() {
    let observed = app("demo").chart("6.3.5").self_heal().delivered("6.3.5").beside([
        helm_repository().fetched("sha256:index"),
        helm_chart().fetched("6.3.5"),
        helm_release().ready("6.3.5").edited().unowned(),
    ]);
    let plan = plan(&observed);
    assert!(!writes_flux(&plan), "{:?}", words(&plan));
    assert_eq!(plan.state, State::Delivered);
}

#[test]
fn in_reference_mode_existing_objects_are_mirrored_and_not_written() {
    let chart = json!({"chart": "podinfo", "version": "6.3.5", "sourceRef": {"kind": "HelmRepository", "name": "demo"}});
    let observed = app("demo").chart("6.3.5").reference().beside([
        helm_repository().fetched("sha256:index").unowned(),
        helm_chart().fetched("6.3.5").with(json!({"spec": chart})),
        helm_release().ready("6.3.5").unowned().with(json!({"spec": {"chart": {"spec": chart}}})),
    ]);
    let plan = plan(&observed);
    assert_eq!(words(&plan), ["PatchApplication"]);
    assert_eq!(plan.state, State::Delivered);
    let status = plan.status.unwrap();
    assert_eq!(status.sync.revision, "6.3.5");
    assert_eq!(status.resources.len(), 2);
}

#[test]
fn in_reference_mode_a_missing_object_is_named() {
    let plan = plan(&app("demo").chart("6.3.5").reference().observed());
    assert_eq!(words(&plan), ["PatchApplication"]);
    assert_eq!(plan.state, State::Failing);
    assert!(plan.status.unwrap().conditions[0].message.starts_with("HelmRelease apps/demo does not exist"));
}

#[test]
fn a_stamp_comes_before_anything_else() {
    let plan = plan(&app("demo").chart("6.3.5").automated().unstamped().observed());
    assert_eq!(words(&plan), ["PatchApplication", "EmitEvent TakenOverLate"]);
    let annotations = &super::patch_of(&plan)["metadata"]["annotations"];
    assert_eq!(annotations["argocd.argoproj.io/skip-reconcile"], "true");
    assert_eq!(annotations["flux-subsystem.dev/stamped"], ago(0).as_str());
}
