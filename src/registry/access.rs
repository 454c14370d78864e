//! The password of the registry. It is in a Secret of Argo CD's own namespace, where Flux reads it too, and nowhere else:
//! whoever may read that Secret may read the credentials of Argo CD's repositories, and with them render the same.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::digest::{hex, sha256};
use crate::names;

/// The only user.
const USER: &str = "flux";
/// The key of a `kubernetes.io/dockerconfigjson` Secret.
const KEY: &str = ".dockerconfigjson";
/// How soon the Secret is read again after it did not have the password that came.
const AGAIN: Duration = Duration::from_secs(1);

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The API server did not give or take the Secret.
    #[error("Secret {}", names::ARTIFACTS)]
    Api(#[from] kube::Error),
    /// The machine has no random numbers.
    #[error("there are no random numbers for a password")]
    Random,
}

/// What is known of the Secret.
struct Known {
    /// Hash of the `Authorization` header that it stands for.
    header: Option<[u8; 32]>,
    at: Instant,
}

/// See the module.
pub struct Access {
    secrets: Api<Secret>,
    /// `HOST:PORT` of the registry, as Flux knows it.
    address: String,
    known: Mutex<Option<Known>>,
}

impl Access {
    /// The password for the registry at `address`, kept in `namespace`.
    pub fn new(client: Client, namespace: &str, address: &str) -> Self {
        let secrets = Api::namespaced(client, namespace);
        Self { secrets, address: address.to_owned(), known: Mutex::default() }
    }

    /// Makes sure that Flux finds a password for the registry. One that is there is kept.
    ///
    /// # Errors
    /// The API server refused, or there is no chance to make a password.
    pub async fn ensure(&self) -> Result<(), AccessError> {
        let found = self.secrets.get_opt(names::ARTIFACTS).await?;
        let config = found.as_ref().and_then(config);
        if let Some(password) = config.as_ref().and_then(|config| password(config, Some(&self.address))) {
            self.learn(Some(&password));
            return Ok(());
        }
        // For another address: the registry has moved, the password has not.
        let password = match config.as_ref().and_then(|config| password(config, None)) {
            Some(password) => password,
            None => random()?,
        };
        let patch = Patch::Apply(secret(&self.address, &password));
        let params = PatchParams::apply(names::FIELD_MANAGER).force();
        self.secrets.patch(names::ARTIFACTS, &params, &patch).await?;
        self.learn(Some(&password));
        Ok(())
    }

    /// Whether the `Authorization` header carries the password.
    pub async fn permits(&self, authorization: &str) -> bool {
        let came = sha256([authorization.as_bytes()]);
        let is_right = |known: &Known| known.header == Some(came);
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = known.as_ref().filter(|known| is_right(known) || known.at.elapsed() < AGAIN)
            {
                return is_right(known);
            }
        }
        // Somebody changed it, or this process is new.
        match self.secrets.get_opt(names::ARTIFACTS).await {
            Ok(secret) => {
                let password = secret
                    .as_ref()
                    .and_then(config)
                    .and_then(|config| password(&config, Some(&self.address)));
                self.learn(password.as_deref());
            }
            Err(error) => tracing::warn!(%error, secret = names::ARTIFACTS, "cannot be read"),
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().is_some_and(is_right)
    }

    fn learn(&self, password: Option<&str>) {
        // Hashes are compared, so that the time it takes tells nothing.
        let header = password.map(|password| {
            sha256([format!("Basic {}", STANDARD.encode(format!("{USER}:{password}"))).as_bytes()])
        });
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Known { header, at: Instant::now() });
    }
}

fn random() -> Result<String, AccessError> {
    let mut bytes = [0; 32];
    let provider = rustls::crypto::ring::default_provider();
    provider.secure_random.fill(&mut bytes).map_err(|_| AccessError::Random)?;
    Ok(hex(&bytes))
}

fn config(secret: &Secret) -> Option<Value> {
    serde_json::from_slice(&secret.data.as_ref()?.get(KEY)?.0).ok()
}

/// The password for the registry at `address`, or for any.
fn password(config: &Value, address: Option<&str>) -> Option<String> {
    let all = config["auths"].as_object()?;
    let entry = match address {
        Some(address) => all.get(address)?,
        None => all.values().next()?,
    };
    let text = |field: &str| entry[field].as_str().unwrap_or_default();
    (text("username") == USER && !text("password").is_empty()).then(|| text("password").to_owned())
}

fn secret(address: &str, password: &str) -> Value {
    let config = json!({"auths": {address: {"username": USER, "password": password}}});
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": names::ARTIFACTS, "labels": {names::LABEL_GENERATED: "true", names::LABEL_MANAGED_BY: names::MANAGED_BY}},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {KEY: STANDARD.encode(config.to_string())},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let secret: Secret = serde_json::from_value(secret("host:1", "p")).unwrap();
        let config = config(&secret).unwrap();
        assert_eq!(password(&config, Some("host:1")).as_deref(), Some("p"));
        assert_eq!(password(&config, Some("host:2")), None);
        assert_eq!(password(&config, None).as_deref(), Some("p"));
    }

    #[test]
    fn somebody_elses_secret_has_no_password() {
        for odd in [
            json!({}),
            json!({"auths": []}),
            json!({"auths": {"host:1": {"username": "me", "password": "p"}}}),
        ] {
            assert_eq!(password(&odd, Some("host:1")), None);
        }
    }

    #[test]
    fn passwords_differ() {
        let (a, b) = (random().unwrap(), random().unwrap());
        assert_eq!(a.len(), 64);
        assert_ne!(a, b);
    }
}
