//! How Argo CD marks what it tracks.

/// How Argo CD marks what it tracks; the CLI expects the marks on live objects (argo-cd `util/argo/resource_tracking.go`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracking {
    /// `application.instanceLabelKey` of argocd-cm.
    pub label: String,
    /// `installationID` of argocd-cm; empty where there is none.
    pub installation_id: String,
}

impl Default for Tracking {
    fn default() -> Self {
        Self { label: "app.kubernetes.io/instance".to_owned(), installation_id: String::new() }
    }
}
