//! The three controllers of Flux.

use super::{Ready, Spec, flag};
use crate::state::State;

/// source-, kustomize- and helm-controller, with delays short enough for tests.
pub(crate) fn flux(state: &State) -> Vec<Spec> {
    let source = controller(
        state,
        "source-controller",
        Ready::Healthy("source-controller-health", "/readyz"),
        ["source-controller-health", "source-controller-metrics"],
    )
    .args([
        flag("storage-path", state.data("artifacts").display()),
        flag("storage-addr", state.address("source-controller")),
        flag("storage-adv-addr", state.address("source-controller")),
    ])
    .env("TUF_ROOT", state.data("sigstore"));
    let kustomize = controller(
        state,
        "kustomize-controller",
        Ready::Healthy("kustomize-controller-health", "/readyz"),
        ["kustomize-controller-health", "kustomize-controller-metrics"],
    )
    // Argo CD's field manager: what stock Argo CD applied before a take-over must not stay behind as its fields.
    .args([
        flag("override-manager", "argocd-controller"),
        flag("requeue-dependency", "2s"),
        flag("no-cross-namespace-refs", state.options.locked_down),
    ]);
    let helm = controller(
        state,
        "helm-controller",
        Ready::Healthy("helm-controller-health", "/readyz"),
        ["helm-controller-health", "helm-controller-metrics"],
    )
    .args([flag("requeue-dependency", "2s"), flag("no-cross-namespace-refs", state.options.locked_down)]);
    vec![source, kustomize, helm]
}

fn controller(state: &State, name: &'static str, ready: Ready, [health, metrics]: [&str; 2]) -> Spec {
    Spec::new(state, name, name, ready)
        .args([
            flag("health-addr", state.address(health)),
            flag("metrics-addr", state.address(metrics)),
            flag("events-addr", ""),
            flag("concurrent", "10"),
            flag("min-retry-delay", "100ms"),
            flag("max-retry-delay", "2s"),
            flag("interval-jitter-percentage", "0"),
            flag("log-level", "debug"),
        ])
        .env("RUNTIME_NAMESPACE", "flux-system")
}
