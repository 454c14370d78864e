//! Where Argo CD's Redis is and how to speak to it (argo-cd `util/cache/cache.go`, `AddCacheFlagsToCmd`).
//!
//! The stock manifests hand the values of `argocd-cmd-params-cm` and of the Secret `argocd-redis` to Argo CD's programs
//! as environment variables. What they take as flags alone (TLS, sentinel) the bridge takes as flags of the same names.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::codec::Compression;

/// The `ConfigMap` with Argo CD's command parameters.
pub const CONFIG_MAP: &str = "argocd-cmd-params-cm";
/// The Secret with Redis' password (argo-cd `common/common.go`, `RedisInitialCredentials`).
pub const SECRET: &str = "argocd-redis";
/// argo-cd `common/common.go`, `DefaultRedisAddr`.
const DEFAULT_SERVER: &str = "argocd-redis:6379";
/// argo-cd `util/cache/cache.go`, flag `--sentinelmaster`.
const DEFAULT_MASTER: &str = "master";
/// argo-cd `util/cache/appstate/cache.go`, flag `--app-state-cache-expiration`, and the most that it takes.
const DEFAULT_EXPIRATION: Duration = Duration::from_secs(3600);
const MAX_EXPIRATION: Duration = Duration::from_secs(36_000);
/// Redis counts in seconds here.
const MIN_EXPIRATION: Duration = Duration::from_secs(1);

/// Keys of the [`CONFIG_MAP`] that are read: the last one is what the application-controller, who writes these entries
/// in stock Argo CD, keeps them for.
pub const PARAMETERS: [&str; 4] =
    ["redis.server", "redis.db", "redis.compression", "controller.app.state.cache.expiration"];
/// Keys of the [`SECRET`] that are read: the files that Argo CD looks for in `REDIS_CREDS_DIR_PATH`. Stock Argo CD makes
/// the first one.
pub const CREDENTIALS: [&str; 4] = ["auth", "auth_username", "sentinel_auth", "sentinel_username"];

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Who to be for a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// Redis' default user without one.
    pub username: Option<String>,
    /// None where none is needed.
    pub password: Option<Password>,
}

/// Host (a name or an IP address without brackets) and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{open}{}{close}:{}", self.host, self.port)
    }
}

/// Which server to speak to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One address: a Redis, or the proxy in front of several.
    Server(Address),
    /// Whichever one the sentinels name.
    Sentinel {
        /// The sentinels.
        sentinels: Vec<Address>,
        /// The group's name.
        master: String,
        /// Who to be for the sentinels.
        login: Login,
    },
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(address) => address.fmt(f),
            Self::Sentinel { sentinels, master, .. } => {
                let all: Vec<String> = sentinels.iter().map(ToString::to_string).collect();
                write!(f, "{master} of the sentinels {}", all.join(", "))
            }
        }
    }
}

/// TLS, with files that are read at every connection, so that renewed ones count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM of the authorities to trust; the machine's own without.
    pub authority: Option<PathBuf>,
    /// PEM of the client's certificate and of its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Believe any certificate.
    pub is_unverified: bool,
}

/// Everything that it takes to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which server.
    pub target: Target,
    /// Who to be for it.
    pub login: Login,
    /// `None`: unencrypted.
    pub tls: Option<Tls>,
    /// Number of the database.
    pub database: u32,
    /// Form of the values.
    pub compression: Compression,
    /// How long an entry lives that nobody renews.
    pub expiration: Duration,
}

/// What the bridge itself was told by flags and environment variables, each of which goes before what Argo CD is told.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `HOST:PORT`; empty or `none`: no Redis.
    pub server: Option<String>,
    /// Number of the database.
    pub database: Option<u32>,
    /// Form of the values.
    pub compression: Option<Compression>,
    /// `HOST:PORT` of each sentinel; none: no sentinels.
    pub sentinels: Vec<String>,
    /// Name of the sentinels' group.
    pub master: Option<String>,
    /// TLS.
    pub tls: Option<Tls>,
    /// Credentials by their names in [`CREDENTIALS`].
    pub credentials: BTreeMap<String, Password>,
}

/// What Argo CD is told, as far as it is about Redis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// [`PARAMETERS`] of the [`CONFIG_MAP`].
    pub parameters: BTreeMap<String, String>,
    /// [`CREDENTIALS`] of the [`SECRET`].
    pub credentials: BTreeMap<String, Password>,
}

/// A value that cannot be one, with its place and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {value:?} {complaint}")]
pub struct SettingsError {
    place: String,
    value: String,
    complaint: &'static str,
}

/// The settings; `None`: the bridge was told to do without Redis.
///
/// # Errors
/// A value that Argo CD itself could not work with.
pub fn resolve(overrides: &Overrides, found: &Found) -> Result<Option<Settings>, SettingsError> {
    if matches!(overrides.server.as_deref(), Some("" | "none")) {
        return Ok(None);
    }
    let credential = |key: &str| {
        let value = overrides.credentials.get(key).or_else(|| found.credentials.get(key));
        value.filter(|password| !password.0.is_empty()).cloned()
    };
    let login = |username: &str, password: &str| Login {
        username: credential(username).map(|name| name.0),
        password: credential(password),
    };
    let target = if overrides.sentinels.is_empty() {
        Target::Server(server(overrides, found)?)
    } else {
        let sentinels = overrides.sentinels.iter().map(|text| address("--sentinel", text));
        Target::Sentinel {
            sentinels: sentinels.collect::<Result<_, _>>()?,
            master: overrides.master.clone().unwrap_or_else(|| DEFAULT_MASTER.to_owned()),
            login: login("sentinel_username", "sentinel_auth"),
        }
    };
    Ok(Some(Settings {
        target,
        login: login("auth_username", "auth"),
        tls: overrides.tls.clone(),
        database: database(overrides, found),
        compression: compression(overrides, found)?,
        expiration: expiration(found),
    }))
}

/// A parameter that is set and not empty: an empty environment variable is none to Argo CD.
fn parameter<'a>(found: &'a Found, key: &str) -> Option<&'a str> {
    found.parameters.get(key).map(String::as_str).filter(|value| !value.is_empty())
}

fn place(key: &str) -> String {
    format!("ConfigMap {CONFIG_MAP}, {key}")
}

fn server(overrides: &Overrides, found: &Found) -> Result<Address, SettingsError> {
    match (&overrides.server, parameter(found, "redis.server")) {
        (Some(text), _) => address("--redis", text),
        (None, Some(text)) => address(&place("redis.server"), text),
        (None, None) => address("the default", DEFAULT_SERVER),
    }
}

fn address(place: &str, text: &str) -> Result<Address, SettingsError> {
    let split = text.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
    let parsed = split.and_then(|(host, port)| {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_name = !host.is_empty() && !host.contains([':', '/', '[', ']', '@']);
        let host = bare.or(is_name.then_some(host))?;
        Some(Address { host: host.to_owned(), port: port.ok()? })
    });
    parsed.ok_or_else(|| SettingsError {
        place: place.to_owned(),
        value: text.to_owned(),
        complaint: "is not HOST:PORT, as in argocd-redis:6379",
    })
}

/// What cannot be a number is as good as unset to Argo CD (argo-cd `util/env/env.go`, `ParseNumFromEnv`).
fn database(overrides: &Overrides, found: &Found) -> u32 {
    let set = || parameter(found, "redis.db").and_then(|text| text.parse().ok());
    overrides.database.or_else(set).unwrap_or(0)
}

fn compression(overrides: &Overrides, found: &Found) -> Result<Compression, SettingsError> {
    let text = parameter(found, "redis.compression");
    let Some(text) = text.filter(|_| overrides.compression.is_none()) else {
        return Ok(overrides.compression.unwrap_or_default());
    };
    Compression::parse(text).ok_or_else(|| SettingsError {
        place: place("redis.compression"),
        value: text.to_owned(),
        complaint: "is neither gzip nor none; correct it, or set --redis-compress",
    })
}

/// As Argo CD reads it: what is no duration or out of bounds is as good as unset (argo-cd `util/env/env.go`,
/// `ParseDurationFromEnv`). Zero means its default of a day there, which an hour, renewed in time, serves as well.
fn expiration(found: &Found) -> Duration {
    let set = parameter(found, "controller.app.state.cache.expiration");
    let parsed = set.and_then(|text| text.parse::<jiff::SignedDuration>().ok()?.try_into().ok());
    let is_usable = |duration: &Duration| (MIN_EXPIRATION..=MAX_EXPIRATION).contains(duration);
    parsed.filter(is_usable).unwrap_or(DEFAULT_EXPIRATION)
}

#[cfg(test)]
mod tests;
