//! Redis servers of one's own beside the stack's, and what is written in any of them.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::ports;
use crate::process::Process;
use crate::state::State;

/// How long a server may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// What a server is to be like.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// `requirepass`.
    pub password: Option<String>,
    /// TLS alone, and only for who shows a certificate of the same authority ([`Redis::file`]).
    pub is_tls: bool,
}

/// A Redis: one of a test's own, which ends with this value, or the stack's.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    options: RedisOptions,
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    folder: TempDir,
    is_sentinel: bool,
    child: Child,
}

impl Redis {
    /// The stack's, which Argo CD uses; to read.
    pub(crate) fn of(state: &State) -> Self {
        Self { port: state.port("redis"), options: RedisOptions::default(), own: None }
    }

    /// Starts one and waits until it answers.
    pub async fn start(options: RedisOptions) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        if options.is_tls {
            certificates(folder.path()).context("make certificates")?;
        }
        Self::launch(folder, options, None).await
    }

    /// Starts a sentinel that watches `master` under that name.
    pub async fn sentinel(master: &Self, name: &str, options: RedisOptions) -> Result<Self> {
        let watched = format!("sentinel monitor {name} 127.0.0.1 {} 1\n", master.port);
        let password = master.options.password.as_ref();
        let login = password.map(|word| format!("sentinel auth-pass {name} {word}\n")).unwrap_or_default();
        Self::launch(tempfile::tempdir()?, options, Some(watched + &login)).await
    }

    async fn launch(folder: TempDir, options: RedisOptions, sentinel: Option<String>) -> Result<Self> {
        let port = *ports::free(1)?.first().context("no free port")?;
        let settings = settings(folder.path(), port, &options) + sentinel.as_deref().unwrap_or_default();
        std::fs::write(folder.path().join("redis.conf"), settings)?;
        let is_sentinel = sentinel.is_some();
        let child = spawn(folder.path(), is_sentinel)?;
        let redis = Self { port, options, own: Some(Own { folder, is_sentinel, child }) };
        redis.wait_ready().await?;
        Ok(redis)
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `ca.crt`, `tls.crt` or `tls.key` of a server that speaks TLS.
    pub fn file(&self, name: &str) -> PathBuf {
        self.own.as_ref().map(|own| own.folder.path().join(name)).unwrap_or_default()
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        let own = self.own.as_mut().context("the stack's Redis is a component of the stack")?;
        own.child.kill()?;
        own.child.wait()?;
        Ok(())
    }

    /// Starts it again, empty, on the same port.
    pub async fn restart(&mut self) -> Result<()> {
        let own = self.own.as_mut().context("the stack's Redis is a component of the stack")?;
        own.child = spawn(own.folder.path(), own.is_sentinel)?;
        self.wait_ready().await
    }

    /// Holds it up, so that it takes connections and answers none; or lets it go on.
    pub fn pause(&self, is_paused: bool) -> Result<()> {
        let own = self.own.as_ref().context("the stack's Redis is a component of the stack")?;
        let process = Process::of(own.child.id()).context("it does not run")?;
        process.signal(if is_paused { Signal::STOP } else { Signal::CONT });
        Ok(())
    }

    async fn wait_ready(&self) -> Result<()> {
        let begun = Instant::now();
        while self.command(&["PING"])?.trim_ascii() != b"PONG" {
            if begun.elapsed() > READY_WITHIN {
                bail!("the Redis at {} does not answer", self.address());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// What `redis-cli` prints for a command: the answer as it is, and a line break.
    pub fn command(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let mut cli = Command::new("redis-cli");
        cli.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "--raw"]);
        if self.options.is_tls {
            cli.arg("--tls");
            for (flag, name) in [("--cacert", "ca.crt"), ("--cert", "tls.crt"), ("--key", "tls.key")] {
                cli.arg(flag).arg(self.file(name));
            }
        }
        if let Some(password) = &self.options.password {
            cli.env("REDISCLI_AUTH", password);
        }
        let output = cli.args(arguments).output().context("run redis-cli")?;
        Ok(output.stdout)
    }

    /// The same as text, without the line break.
    pub fn text(&self, arguments: &[&str]) -> Result<String> {
        Ok(String::from_utf8(self.command(arguments)?)?.trim_end().to_owned())
    }

    /// The JSON value of a key, read as Argo CD reads it: `gzip` when the name says so. `None`: there is no such key.
    pub fn value(&self, key: &str) -> Result<Option<Value>> {
        let stored = self.command(&["GET", key])?;
        let stored = stored.strip_suffix(b"\n").unwrap_or(&stored);
        if stored.is_empty() {
            return Ok(None);
        }
        let mut text = Vec::new();
        if Path::new(key).extension().is_some_and(|extension| extension == "gz") {
            flate2::read::GzDecoder::new(stored).read_to_end(&mut text).context(key.to_owned())?;
        } else {
            text.extend_from_slice(stored);
        }
        serde_json::from_slice(&text).with_context(|| format!("{key} is not JSON")).map(Some)
    }

    /// How often which command has been carried out (`INFO commandstats`), connection set-up included.
    pub fn calls(&self) -> Result<Vec<(String, u64)>> {
        let info = self.text(&["INFO", "commandstats"])?;
        let line = |line: &str| {
            let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), figures.split(',').next()?.parse().ok()?))
        };
        Ok(info.lines().filter_map(line).collect())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if self.own.is_some() {
            // It may have been killed already.
            let _ = self.kill();
        }
    }
}

fn settings(folder: &Path, port: u16, options: &RedisOptions) -> String {
    let folder = folder.display();
    let ports = if options.is_tls {
        format!(
            "port 0\ntls-port {port}\ntls-cert-file {folder}/tls.crt\ntls-key-file {folder}/tls.key\n\
             tls-ca-cert-file {folder}/ca.crt\ntls-auth-clients yes\n"
        )
    } else {
        format!("port {port}\n")
    };
    let password = options.password.as_ref().map(|word| format!("requirepass {word}\n")).unwrap_or_default();
    format!("bind 127.0.0.1\ndir {folder}\nlogfile {folder}/log\n{ports}{password}")
}

fn spawn(folder: &Path, is_sentinel: bool) -> Result<Child> {
    let mut command = Command::new("redis-server");
    command.arg(folder.join("redis.conf"));
    if is_sentinel {
        command.arg("--sentinel");
    } else {
        // Nothing on disk, as in Argo CD's manifests.
        command.args(["--save", "", "--appendonly", "no"]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().context("start redis-server")
}

/// An authority, and one certificate by it for the server and its clients.
fn certificates(folder: &Path) -> Result<()> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Not the name that certificates have by default: OpenSSL would take one of the same name for self-signed.
    params.distinguished_name.push(DnType::CommonName, "authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &authority)?;
    std::fs::write(folder.join("ca.crt"), authority.pem())?;
    std::fs::write(folder.join("tls.crt"), certificate.pem())?;
    std::fs::write(folder.join("tls.key"), key.serialize_pem())?;
    Ok(())
}
