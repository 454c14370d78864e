//! What is delivered well and never becomes ready: a Pod that no Node takes.

use flux_subsystem_e2e::TestEnv;

use crate::applications::Application;

/// A Deployment of one Pod for a Node that there is none of.
pub(crate) const DEPLOYMENT: &str = r"apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      nodeSelector: {disk: none}
      containers: [{name: web, image: 'registry.example.org/web:1'}]
";

/// The chart podinfo with such a Pod.
pub(crate) fn chart(env: &TestEnv) -> Application {
    Application::chart(env, "6.3.5").parameter("nodeSelector.disk", "none")
}
