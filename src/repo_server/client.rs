//! The connection (argo-cd `reposerver/apiclient/clientset.go`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::uri::PathAndQuery;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tonic::client::Grpc;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use super::messages::{
    GitFilesRequest, GitFilesResponse, ListRefsRequest, ManifestRequest, ManifestResponse, Refs,
    ResolveRevisionRequest, ResolveRevisionResponse,
};

/// The largest answer that Argo CD itself takes (`ARGOCD_GRPC_MAX_SIZE_MB`).
const MAX_ANSWER: usize = 100 * 1024 * 1024;
/// How long an answer may take, with the connection that it may need: what is not in its cache is fetched and rendered.
const TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a connection is tried while an answer is waited for, and how long that may take. More often than every ten
/// seconds a repo-server hangs up (argo-cd `common/common.go`, `GetGRPCKeepAliveEnforcementMinimum`).
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));

/// Where the repo-server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `HOST:PORT`.
    pub address: String,
    /// Without TLS. With it, any certificate is believed, as Argo CD's own programs do unless told otherwise: the
    /// repo-server makes one for itself.
    pub is_plaintext: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RepoServerError {
    /// The address is none.
    #[error("{address:?} is not the address of a repo-server, as in argocd-repo-server:8081")]
    Address {
        /// What was configured.
        address: String,
        /// What is wrong with it.
        source: tonic::transport::Error,
    },
    /// The repo-server's answer, or that there is none, as Argo CD writes it.
    #[error("rpc error: code = {:?} desc = {}", .0.code(), .0.message())]
    Status(Status),
}

impl RepoServerError {
    /// The repo-server itself said so: what fails in its programs it tells as `Unknown` (as a Go server does with any error).
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Status(status) if status.code() == tonic::Code::Unknown)
    }
}

/// A connection that is made when it is needed, and anew when nothing comes of it.
#[derive(Clone, Debug)]
pub struct RepoServer {
    endpoint: Endpoint,
    limit: Duration,
    channel: Arc<Mutex<Channel>>,
}

impl RepoServer {
    /// Connects when the first question is asked. To be called inside of the runtime.
    ///
    /// # Errors
    /// An address that is none.
    pub fn new(options: &Options) -> Result<Self, RepoServerError> {
        Self::within(options, TIMEOUT)
    }

    fn within(options: &Options, limit: Duration) -> Result<Self, RepoServerError> {
        let wrong = |source| RepoServerError::Address { address: options.address.clone(), source };
        let scheme = if options.is_plaintext { "http" } else { "https" };
        let address = format!("{scheme}://{}", options.address);
        let endpoint = Endpoint::from_shared(address).map_err(wrong)?;
        let mut endpoint = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE.0)
            .keep_alive_timeout(KEEP_ALIVE.1);
        if !options.is_plaintext {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let any = Arc::new(AnyCertificate(provider));
            endpoint = endpoint.tls_config_with_verifier(ClientTlsConfig::new(), any).map_err(wrong)?;
        }
        let channel = Arc::new(Mutex::new(endpoint.connect_lazy()));
        Ok(Self { endpoint, limit, channel })
    }

    /// `RepoServerService.GenerateManifest`.
    ///
    /// # Errors
    /// It does not answer, or cannot fetch or render the source.
    pub async fn generate(&self, request: ManifestRequest) -> Result<ManifestResponse, RepoServerError> {
        self.ask("/repository.RepoServerService/GenerateManifest", request).await
    }

    /// `RepoServerService.GetGitFiles`.
    ///
    /// # Errors
    /// It does not answer, or cannot fetch the commit.
    pub async fn git_files(&self, request: GitFilesRequest) -> Result<GitFilesResponse, RepoServerError> {
        self.ask("/repository.RepoServerService/GetGitFiles", request).await
    }

    /// `RepoServerService.ListRefs`.
    ///
    /// # Errors
    /// It does not answer, or cannot reach the repository.
    pub async fn refs(&self, request: ListRefsRequest) -> Result<Refs, RepoServerError> {
        self.ask("/repository.RepoServerService/ListRefs", request).await
    }

    /// `RepoServerService.ResolveRevision`.
    ///
    /// # Errors
    /// It does not answer, cannot reach the repository, or finds no such revision.
    pub async fn resolve(
        &self,
        request: ResolveRevisionRequest,
    ) -> Result<ResolveRevisionResponse, RepoServerError> {
        self.ask("/repository.RepoServerService/ResolveRevision", request).await
    }

    async fn ask<Q, A>(&self, method: &'static str, question: Q) -> Result<A, RepoServerError>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let channel = self.channel().clone();
        let answer = async {
            let mut client = Grpc::new(channel).max_decoding_message_size(MAX_ANSWER);
            let unready = |error: tonic::transport::Error| Status::unavailable(error.to_string());
            client.ready().await.map_err(unready)?;
            let codec: ProstCodec<Q, A> = ProstCodec::default();
            client.unary(Request::new(question), PathAndQuery::from_static(method), codec).await
        };
        // tonic's own limit counts from the connection on (tonic `transport/channel/service/connection.rs`); one that does not
        // come about is waited for by everybody who asks.
        let answer = tokio::time::timeout(self.limit, answer).await.unwrap_or_else(|_| {
            *self.channel() = self.endpoint.connect_lazy();
            Err(Status::deadline_exceeded(format!("no answer within {:?}", self.limit)))
        });
        answer.map(tonic::Response::into_inner).map_err(RepoServerError::Status)
    }

    fn channel(&self) -> MutexGuard<'_, Channel> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Believes any certificate, and checks that its owner is the one that speaks.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn nobody_there_is_told_in_argo_cds_way() {
        // Port 1 of this machine: nobody listens there.
        let options = Options { address: "127.0.0.1:1".into(), is_plaintext: true };
        let error =
            RepoServer::new(&options).unwrap().generate(ManifestRequest::default()).await.unwrap_err();
        assert!(error.to_string().starts_with("rpc error: code = Unavailable desc = "), "{error}");
    }

    /// As of one that was stopped, or of a node that is gone: with TLS, not even the connection comes about.
    #[rstest]
    #[case::plaintext(true)]
    #[case::tls(false)]
    #[tokio::test]
    async fn a_server_that_takes_connections_and_does_not_answer_is_left_and_tried_anew(
        #[case] is_plaintext: bool,
    ) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let options = Options { address, is_plaintext };
        let server = RepoServer::within(&options, Duration::from_millis(200)).unwrap();
        for _ in 0..2 {
            let both = async { tokio::join!(server.generate(ManifestRequest::default()), listener.accept()) };
            let both = tokio::time::timeout(Duration::from_secs(5), both).await;
            let (answer, _connection) = both.expect("a connection, and an end");
            let error = answer.unwrap_err().to_string();
            assert!(error.contains("code = DeadlineExceeded"), "{error}");
        }
    }

    #[tokio::test]
    async fn what_is_no_address_is_named() {
        let options = Options { address: "not an address".into(), is_plaintext: false };
        let error = RepoServer::new(&options).unwrap_err();
        assert!(error.to_string().contains("\"not an address\""), "{error}");
    }
}
