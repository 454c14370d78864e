//! A registry that asks who is there: the same program on the same content as the stack's.

use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use super::{Authority, own_host};
use crate::ports;
use crate::stack::Stack;

/// User and password of a registry that asks for one.
pub const LOGIN: (&str, &str) = ("me", "hunter2");
/// The same as the registry wants it: bcrypt, with few rounds.
const HTPASSWD: &str = "me:$2y$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.\n";
/// How long it may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// What a registry is to ask for.
#[derive(Debug, Clone, Copy, Default)]
pub struct RegistryOptions {
    /// [`LOGIN`].
    pub has_password: bool,
    /// TLS, with a certificate of its own authority.
    pub is_tls: bool,
    /// A certificate of the same authority, with TLS.
    pub wants_client: bool,
}

/// A registry of a test's own, which ends with this value.
#[derive(Debug)]
pub struct Registry {
    host: Ipv4Addr,
    port: u16,
    authority: Authority,
    child: Child,
    folder: TempDir,
}

impl Registry {
    /// Starts one on the content of the stack's, and waits until it answers.
    pub async fn start(stack: &Stack, options: RegistryOptions) -> Result<Self> {
        let (folder, authority) = (tempfile::tempdir()?, Authority::new()?);
        let (host, port) = (own_host()?, *ports::free(1)?.first().context("no free port")?);
        let pair = authority.server(host)?;
        let content = stack.state().data("registry/content").display().to_string();
        let place = folder.path();
        for (name, text) in [
            ("htpasswd", HTPASSWD),
            ("ca.crt", &authority.pem()),
            ("tls.crt", &pair.certificate),
            ("tls.key", &pair.key),
            ("config.yml", &settings(&place.display().to_string(), &content, host, port, options)),
        ] {
            std::fs::write(place.join(name), text)?;
        }
        let child = Command::new(stack.state().binary("registry"))
            .args(["serve", &place.join("config.yml").display().to_string()])
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(place.join("log"))?)
            .spawn()
            .context("start a registry")?;
        let mut registry = Self { host, port, authority, child, folder };
        registry.wait_ready().await?;
        Ok(registry)
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Its host, without the port.
    pub fn host(&self) -> String {
        self.host.to_string()
    }

    /// Who has signed its certificate.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    async fn wait_ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        while tokio::net::TcpStream::connect((self.host, self.port)).await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                bail!("the registry has ended ({status}): {log}");
            }
            if begun.elapsed() > READY_WITHIN {
                bail!("the registry at {} does not answer", self.address());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(folder: &str, content: &str, host: Ipv4Addr, port: u16, options: RegistryOptions) -> String {
    let RegistryOptions { has_password, is_tls, wants_client } = options;
    let clients = if wants_client { format!("    clientcas: [{folder}/ca.crt]\n") } else { String::new() };
    let tls = format!("  tls:\n    certificate: {folder}/tls.crt\n    key: {folder}/tls.key\n{clients}");
    let auth = format!("auth:\n  htpasswd:\n    realm: stack\n    path: {folder}/htpasswd\n");
    format!(
        "version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
{auth}storage:
  filesystem:
    rootdirectory: {content}
http:
  addr: {host}:{port}
{tls}",
        auth = if has_password { auth.as_str() } else { "" },
        tls = if is_tls { tls.as_str() } else { "" },
    )
}
