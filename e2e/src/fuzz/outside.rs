//! What stands beside an Application in the control namespace: Argo CD's repository Secrets, and policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use flux_subsystem::argo::Application;
use flux_subsystem::credentials::{LiveSecret, Repositories, SecretData};
use flux_subsystem::policy::{Effective, FluxDeliveryPolicy};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::mutate::{WORDS, text};
use super::random::Random;

/// Is part of everything secret: nothing that holds it may come out anywhere but in a Secret.
pub const SECRET: &str = "t0p-s3cret";

/// Keys of repository Secrets, and what may stand there (argo-cd `util/db/repository_secrets.go`).
const KEYS: &[(&str, &[&str])] = &[
    ("type", &["git", "helm", "oci", ""]),
    ("project", &["default", "", "other"]),
    ("name", &["charts"]),
    ("username", &["user", "", "u:ser"]),
    ("password", &["t0p-s3cret", "t0p-s3cret\n", "t0p-s3cret: &a [*a]"]),
    ("bearerToken", &["t0p-s3cret"]),
    (
        "sshPrivateKey",
        &["-----BEGIN OPENSSH PRIVATE KEY-----\nt0p-s3cret\n-----END OPENSSH PRIVATE KEY-----\n"],
    ),
    ("tlsClientCertData", &["-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n", "none"]),
    ("tlsClientCertKey", &["-----BEGIN PRIVATE KEY-----\nt0p-s3cret\n-----END PRIVATE KEY-----\n"]),
    ("insecure", &["true", "false", "yes", "1"]),
    ("insecureIgnoreHostKey", &["true", "T"]),
    ("enableLfs", &["true"]),
    ("enableOCI", &["true", "false"]),
    ("insecureOCIForceHttp", &["true"]),
    ("githubAppID", &["1", "-1", "x"]),
    ("githubAppInstallationID", &["2", ""]),
    (
        "githubAppPrivateKey",
        &["-----BEGIN RSA PRIVATE KEY-----\nt0p-s3cret\n-----END RSA PRIVATE KEY-----\n"],
    ),
    ("githubAppEnterpriseBaseUrl", &["https://github.example.org/api/v3", "::"]),
    ("proxy", &["http://user:t0p-s3cret@proxy:3128", "socks5://proxy", "proxy"]),
    ("noProxy", &["*.example.org"]),
    ("gcpServiceAccountKey", &["{\"private_key\": \"t0p-s3cret\"}"]),
    ("forceHttpBasicAuth", &["true"]),
    ("useAzureWorkloadIdentity", &["true"]),
    ("depth", &["1", "-1", "x"]),
];

/// One of Argo CD's repository Secrets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// `repository` or `repo-creds`.
    pub kind: String,
    /// What it holds.
    pub data: BTreeMap<String, String>,
}

/// What Argo CD would know of repositories with these Secrets.
pub fn repositories(secrets: &[Credentials], known_hosts: &str) -> Repositories {
    let live = secrets.iter().enumerate().map(|(index, secret)| LiveSecret {
        name: format!("secret-{index}"),
        uid: format!("uid-{index}"),
        resource_version: "1".to_owned(),
        labels: [("argocd.argoproj.io/secret-type".to_owned(), secret.kind.clone())].into(),
        data: secret
            .data
            .iter()
            .fold(SecretData::default(), |data, (key, value)| data.with(key, value.clone())),
        ..LiveSecret::default()
    });
    let certificate = "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n".to_owned();
    Repositories::new(live, known_hosts.to_owned(), [("git.example.org".to_owned(), certificate)].into())
}

/// What these policies set for the Application; one that the API server would not take counts for nothing.
pub fn policy(policies: &[Value], app: &Application) -> Effective {
    let read: Vec<Arc<FluxDeliveryPolicy>> = policies
        .iter()
        .enumerate()
        .filter_map(|(index, spec)| {
            let policy = json!({
                "apiVersion": "flux-subsystem.dev/v1alpha1",
                "kind": "FluxDeliveryPolicy",
                "metadata": { "name": format!("policy-{index}"), "namespace": "argocd" },
                "spec": spec,
            });
            serde_json::from_value(policy).ok().map(Arc::new)
        })
        .collect();
    Effective::of(app, &read)
}

/// A Secret for the Application's repository, or for what lies above it.
pub fn credentials(application: &Value, random: &mut Random) -> Credentials {
    let sources = ["/spec/source/repoURL", "/spec/sources/0/repoURL", "/spec/sources/1/repoURL"];
    let urls: Vec<&str> =
        sources.iter().filter_map(|pointer| application.pointer(pointer).and_then(Value::as_str)).collect();
    let url = random.pick(&urls).map(|url| (*url).to_owned()).unwrap_or_default();
    let is_template = random.once_in(3);
    let end = if is_template {
        url.char_indices().nth(random.below(url.len())).map_or(0, |(at, _)| at)
    } else {
        url.len()
    };
    let mut data: BTreeMap<String, String> = [("url".to_owned(), url[..end].to_owned())].into();
    for _ in 0..=random.below(6) {
        if let Some((key, values)) = random.pick(KEYS) {
            let value = random.pick(values).map(|value| (*value).to_owned()).unwrap_or_default();
            let value = if random.once_in(10) { text(&value, random).replace(SECRET, "") } else { value };
            data.insert((*key).to_owned(), value);
        }
    }
    Credentials { kind: if is_template { "repo-creds" } else { "repository" }.to_owned(), data }
}

/// A policy with a few of its settings.
pub fn a_policy(random: &mut Random) -> Value {
    let word = |random: &mut Random| random.pick(WORDS).map(|word| (*word).to_owned()).unwrap_or_default();
    let mut spec = Map::new();
    for _ in 0..=random.below(4) {
        let (key, value) = match random.below(10) {
            0 => ("priority", json!(random.below(3))),
            1 => ("intervals", json!({"source": "1m", "workload": word(random)})),
            2 => ("timeouts", json!({"source": word(random), "workload": "2m"})),
            3 => ("retryInterval", json!("30s")),
            4 => ("serviceAccountName", json!(word(random))),
            5 => ("labels", json!({"sharding.fluxcd.io/key": word(random)})),
            6 => ("driftIgnore", json!([{"paths": [word(random)], "target": {"kind": "Deployment"}}])),
            7 => ("waitForHealth", json!(random.below(2) == 0)),
            8 => ("patches", json!([{"patch": word(random), "target": {"kind": word(random)}}])),
            _ => ("overrides", json!({"allowed": [{"kinds": ["HelmRelease"], "paths": [word(random)]}]})),
        };
        spec.insert(key.to_owned(), value);
    }
    Value::Object(spec)
}
