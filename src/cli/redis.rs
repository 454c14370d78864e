//! Flags and environment variables about Argo CD's Redis, with the names that Argo CD's own programs give them
//! (argo-cd `util/cache/cache.go`).

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cache::codec::Compression;
use crate::cache::settings::{CREDENTIALS, Overrides, Password, Tls};

/// Environment variables in the order of [`CREDENTIALS`].
const VARIABLES: [&str; 4] =
    ["REDIS_PASSWORD", "REDIS_USERNAME", "REDIS_SENTINEL_PASSWORD", "REDIS_SENTINEL_USERNAME"];

/// Each of these goes before what argocd-cmd-params-cm and the Secret argocd-redis say.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(
    next_help_heading = "Argo CD's Redis (by default as argocd-cmd-params-cm and Secret argocd-redis say)"
)]
pub struct RedisArgs {
    /// Address of Argo CD's Redis; `none` to do without, and without a resource tree in Argo CD (environment: `REDIS_SERVER`)
    #[arg(long, value_name = "HOST:PORT")]
    pub redis: Option<String>,
    /// Number of the database (environment: `REDISDB`)
    #[arg(long, value_name = "N")]
    pub redisdb: Option<u32>,
    /// Form of the values, the same as in Argo CD's programs (environment: `REDIS_COMPRESSION`)
    #[arg(long, value_enum)]
    pub redis_compress: Option<Compression>,
    /// Speak TLS
    #[arg(long)]
    pub redis_use_tls: bool,
    /// PEM file of the authorities to trust; the system's without
    #[arg(long, value_name = "FILE", requires = "redis_use_tls")]
    pub redis_ca_certificate: Option<PathBuf>,
    /// PEM file of a client certificate
    #[arg(long, value_name = "FILE", requires = "redis_use_tls", requires = "redis_client_key")]
    pub redis_client_certificate: Option<PathBuf>,
    /// PEM file of its key
    #[arg(long, value_name = "FILE", requires = "redis_client_certificate")]
    pub redis_client_key: Option<PathBuf>,
    /// Believe any certificate
    #[arg(long, requires = "redis_use_tls")]
    pub redis_insecure_skip_tls_verify: bool,
    /// Address of a Redis sentinel, instead of --redis; may be given several times
    #[arg(long, value_name = "HOST:PORT")]
    pub sentinel: Vec<String>,
    /// Name of the sentinels' master group
    #[arg(long, value_name = "NAME", default_value = "master")]
    pub sentinelmaster: String,
}

impl RedisArgs {
    /// With what the environment says where no flag does.
    ///
    /// # Errors
    /// A variable that is no number or no compression, or a file of `REDIS_CREDS_DIR_PATH` that cannot be read.
    pub fn overrides(&self) -> anyhow::Result<Overrides> {
        self.overrides_in(|name| std::env::var(name).ok())
    }

    /// An empty variable is none, as for Argo CD; an empty `--redis` is one.
    fn overrides_in(&self, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Overrides> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let number = |text: String| {
            text.parse().with_context(|| format!("REDISDB: {text:?} is not the number of a database"))
        };
        let form = |text: String| {
            Compression::parse(&text)
                .with_context(|| format!("REDIS_COMPRESSION: {text:?} is neither gzip nor none"))
        };
        Ok(Overrides {
            server: self.redis.clone().or_else(|| variable("REDIS_SERVER")),
            database: self.redisdb.map(Ok).or_else(|| variable("REDISDB").map(number)).transpose()?,
            compression: self
                .redis_compress
                .map(Ok)
                .or_else(|| variable("REDIS_COMPRESSION").map(form))
                .transpose()?,
            sentinels: self.sentinel.clone(),
            master: Some(self.sentinelmaster.clone()),
            tls: self.redis_use_tls.then(|| Tls {
                authority: self.redis_ca_certificate.clone(),
                identity: self.redis_client_certificate.clone().zip(self.redis_client_key.clone()),
                is_unverified: self.redis_insecure_skip_tls_verify,
            }),
            credentials: match variable("REDIS_CREDS_DIR_PATH") {
                Some(folder) => from_folder(Path::new(&folder))?,
                None => from_variables(variable),
            },
        })
    }
}

fn from_variables(variable: impl Fn(&str) -> Option<String>) -> BTreeMap<String, Password> {
    let pairs = CREDENTIALS.into_iter().zip(VARIABLES);
    pairs.filter_map(|(key, name)| Some((key.to_owned(), Password(variable(name)?)))).collect()
}

/// Argo CD takes credentials from the folder alone where it is told of one.
fn from_folder(folder: &Path) -> anyhow::Result<BTreeMap<String, Password>> {
    let mut all = BTreeMap::new();
    for key in CREDENTIALS {
        let path = folder.join(key);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(error).with_context(|| format!("REDIS_CREDS_DIR_PATH: {}", path.display()));
            }
        };
        all.insert(key.to_owned(), Password(text.trim().to_owned()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        redis: RedisArgs,
    }

    fn overrides(flags: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<Overrides> {
        let command = <Command as clap::Parser>::try_parse_from(["run"].iter().chain(flags))?;
        let value = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        command.redis.overrides_in(value)
    }

    #[test]
    fn flags_go_before_variables() {
        let variables = [
            ("REDIS_SERVER", "a:1"),
            ("REDISDB", "1"),
            ("REDIS_COMPRESSION", "none"),
            ("REDIS_PASSWORD", "x"),
        ];
        let found = overrides(&[], &variables).unwrap();
        assert_eq!((found.server.as_deref(), found.database), (Some("a:1"), Some(1)));
        assert_eq!(found.compression, Some(Compression::None));
        assert_eq!(found.credentials, [("auth".to_owned(), Password("x".into()))].into());
        let flags = ["--redis", "b:2", "--redisdb=2", "--redis-compress=gzip"];
        let found = overrides(&flags, &variables).unwrap();
        assert_eq!((found.server.as_deref(), found.database), (Some("b:2"), Some(2)));
        assert_eq!(found.compression, Some(Compression::Gzip));
    }

    #[test]
    fn an_empty_variable_is_none_and_an_empty_flag_switches_off() {
        assert_eq!(overrides(&[], &[("REDIS_SERVER", ""), ("REDISDB", "")]).unwrap().server, None);
        assert_eq!(overrides(&["--redis", ""], &[]).unwrap().server.as_deref(), Some(""));
    }

    #[test]
    fn a_variable_that_cannot_be_is_named() {
        let error = overrides(&[], &[("REDISDB", "two")]).unwrap_err();
        assert_eq!(error.to_string(), "REDISDB: \"two\" is not the number of a database");
        let error = overrides(&[], &[("REDIS_COMPRESSION", "zstd")]).unwrap_err();
        assert_eq!(error.to_string(), "REDIS_COMPRESSION: \"zstd\" is neither gzip nor none");
    }

    #[test]
    fn tls_is_what_its_flags_say() {
        let flags = [
            "--redis-use-tls",
            "--redis-ca-certificate=ca",
            "--redis-client-certificate=c",
            "--redis-client-key=k",
        ];
        let tls = Tls {
            authority: Some("ca".into()),
            identity: Some(("c".into(), "k".into())),
            is_unverified: false,
        };
        assert_eq!(overrides(&flags, &[]).unwrap().tls, Some(tls));
        assert_eq!(overrides(&[], &[]).unwrap().tls, None);
        for alone in ["--redis-ca-certificate=ca", "--redis-insecure-skip-tls-verify", "--redis-client-key=k"]
        {
            assert!(overrides(&[alone], &[]).is_err(), "{alone} means nothing alone");
        }
    }

    #[test]
    fn credentials_may_be_files() {
        let folder = std::env::temp_dir().join(format!("flux-subsystem-redis-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("auth"), "secret\n").unwrap();
        let variables = [("REDIS_CREDS_DIR_PATH", folder.to_str().unwrap()), ("REDIS_USERNAME", "ignored")];
        let found = overrides(&[], &variables).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found.credentials, [("auth".to_owned(), Password("secret".into()))].into());
    }
}
