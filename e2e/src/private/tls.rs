//! TLS in front of a server that speaks none.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::{Authority, Task, accept, own_host};

/// A door to a server of the stack, with a certificate of its own authority.
#[derive(Debug)]
pub struct TlsDoor {
    address: std::net::SocketAddr,
    authority: Authority,
    _task: Task,
}

impl TlsDoor {
    /// Opens one in front of `target` (`127.0.0.1:PORT`); `wants_client`: only for who shows a certificate of the same
    /// authority.
    pub async fn open(target: &str, wants_client: bool) -> Result<Self> {
        let (authority, host, target) = (Authority::new()?, own_host()?, target.to_owned());
        let acceptor = TlsAcceptor::from(Arc::new(settings(&authority, host, wants_client)?));
        let listener = TcpListener::bind((host, 0)).await.with_context(|| format!("listen on {host}"))?;
        let address = listener.local_addr()?;
        let task = accept(listener, move |stream| {
            let (acceptor, target) = (acceptor.clone(), target.clone());
            async move {
                let mut outside = acceptor.accept(stream).await?;
                let mut inside = TcpStream::connect(&target).await?;
                copy_bidirectional(&mut outside, &mut inside).await?;
                Ok(())
            }
        });
        Ok(Self { address, authority, _task: task })
    }

    /// The same place behind this door: `http://127.0.0.1:PORT/PATH` becomes `https://HOST:PORT/PATH`.
    pub fn url(&self, plain: &str) -> String {
        let path =
            plain.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
        format!("https://{}/{path}", self.address)
    }

    /// Its host, without the port.
    pub fn host(&self) -> String {
        self.address.ip().to_string()
    }

    /// Who has signed its certificate.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }
}

fn settings(authority: &Authority, host: std::net::Ipv4Addr, wants_client: bool) -> Result<ServerConfig> {
    let pair = authority.server(host)?;
    let provider = Arc::new(ring::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let config = if wants_client {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes())?)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
        config.with_client_cert_verifier(verifier)
    } else {
        config.with_no_client_auth()
    };
    let chain = vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes())?];
    Ok(config.with_single_cert(chain, PrivateKeyDer::from_pem_slice(pair.key.as_bytes())?)?)
}
