//! `status.summary` of a bridged Application, which lists and the UI show, is what stock Argo CD makes of the same chart.

use anyhow::Result;
use flux_subsystem_e2e::{Chart, Stack};
use serde_json::json;

use crate::applications::Application;

const INGRESS: &str = r#"
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ include "podinfo.name" . }}
  annotations:
    link.argocd.argoproj.io/docs: https://docs.example.org/
spec:
  tls:
    - hosts: [secure.example.org]
  rules:
    {{- range list "plain.example.org" "secure.example.org" }}
    - host: {{ . }}
      http:
        paths:
          - path: /shop
            pathType: Prefix
            backend: {service: {name: {{ include "podinfo.name" $ }}, port: {number: 9898}}}
    {{- end }}
"#;

#[tokio::test]
async fn as_stock_argo_cd_summarizes_the_same_chart() -> Result<()> {
    let env = Stack::shared().await?.test("summary").await?;
    let repository = env.name("charts");
    let edits = [("templates/ingress.yaml", Some(INGRESS))];
    for version in ["1.0.0", "1.1.0"] {
        env.sources().publish_chart(&repository, &Chart { edits: &edits, ..Chart::podinfo(version) }).await?;
    }
    let chart = |version: &str| Application::chart_from(&env, &env.sources().helm_url(&repository), version);
    let plain = chart("1.0.0").named(&env, "plain").options(&["CreateNamespace=true"]);
    let bridged = chart("1.0.0");
    plain.apply(&env).await?;
    bridged.apply(&env).await?;
    let urls = json!([
        "http://plain.example.org/shop",
        "https://docs.example.org/",
        "https://secure.example.org/shop"
    ]);
    let expected = |version: &str| json!({ "images": [format!("registry.local/podinfo:{version}")], "externalURLs": urls });
    // Images are read off Pods, which come a moment after the Deployment.
    let what = "summarized, and waiting for the Ingress's address as in stock Argo CD";
    for app in [&plain, &bridged] {
        app.wait(&env, what, |app| {
            let status = &app["status"];
            status["summary"] == expected("1.0.0") && status["health"]["status"] == "Progressing"
        })
        .await?;
    }
    let next = chart("1.1.0");
    next.apply(&env).await?;
    next.wait(&env, "summarized anew", |app| app["status"]["summary"] == expected("1.1.0")).await?;
    Ok(())
}
