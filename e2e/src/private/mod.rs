//! Private repositories: servers of a test's own in front of the stack's, which ask for what the stack's do not (TLS with
//! an authority of one's own, a certificate of the client, a password of the registry, a proxy).
//!
//! Each listens on an address of its own within 127.0.0.0/8 and ends with its value: Argo CD trusts by host name whatever
//! the port, so that tests beside each other need hosts of their own.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

mod certificates;
mod proxy;
mod registry;
mod relay;
mod tls;
mod trust;

pub use certificates::{Authority, Pair};
pub use proxy::Proxy;
pub use registry::{LOGIN, Registry, RegistryOptions};
pub use relay::Relay;
pub use tls::TlsDoor;

/// A task that ends with this value.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A loopback address that no other server of this machine is likely to have.
fn own_host() -> Result<Ipv4Addr> {
    let mut random = [0; 3];
    std::io::Read::read_exact(
        &mut std::fs::File::open("/dev/urandom").context("no random numbers")?,
        &mut random,
    )?;
    // Neither 127.0.0.x, which others may use, nor an address that ends with 0 or 255.
    Ok(Ipv4Addr::new(127, random[0].clamp(1, 254), random[1], random[2].clamp(1, 254)))
}

/// Takes connections for as long as the task lives, and gives each to `serve`.
fn accept<F: Future<Output = Result<()>> + Send + 'static>(
    listener: TcpListener,
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> Task {
    Task(tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Whoever is refused says so; a connection that breaks off is no news.
            tokio::spawn(serve(stream));
        }
    }))
}
