//! One connection to Redis: plain or with TLS, to a server or to whichever one the sentinels name.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, IntoConnectionInfo as _,
    RedisConnectionInfo, TlsCertificates, TlsMode,
};

use super::codec::Compression;
use super::keys;
use super::probe::Probe;
use super::settings::{Address, Login, Settings, Target, Tls};

/// How long a connection may take, and how long an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long all of it may take: sentinels are asked one after the other.
const LONGEST: Duration = Duration::from_secs(20);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A certificate or key cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It does not answer, or refuses.
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
    /// It does not answer in time.
    #[error("no answer after {0:?}")]
    Timeout(Duration),
}

/// Connects and looks around, without writing: for whoever wants to know whether the settings are right.
///
/// # Errors
/// Redis is not reachable or does not take the credentials; the sentence says what it answered.
pub async fn probe(settings: &Settings) -> Result<Probe, ConnectError> {
    let mut connection = connect(settings).await?;
    redis::cmd("PING").query_async::<()>(&mut connection).await?;
    let info: Result<String, _> = redis::cmd("INFO").arg("server").query_async(&mut connection).await;
    let info = info.unwrap_or_default();
    let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or_default();
    let mut trees = Compression::ALL.map(|compression| (compression, 0));
    for name in some_trees(&mut connection).await? {
        let is_compressed = name.ends_with(Compression::Gzip.suffix());
        trees[usize::from(!is_compressed)].1 += 1;
    }
    Ok(Probe { version: version.to_owned(), trees })
}

/// The names of some trees: all of them in a small Redis, and not more of a large one than a moment's work.
async fn some_trees(connection: &mut MultiplexedConnection) -> Result<Vec<String>, redis::RedisError> {
    const ROUNDS: usize = 20;
    let (mut cursor, mut names) = (0_u64, Vec::new());
    for _ in 0..ROUNDS {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(keys::ALL_TREES).arg("COUNT").arg(1000);
        let (next, some): (u64, Vec<String>) = scan.query_async(connection).await?;
        names.extend(some);
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    Ok(names)
}

/// A connection that has been used: the server answers, and takes the credentials.
pub(super) async fn connect(settings: &Settings) -> Result<MultiplexedConnection, ConnectError> {
    let answer = tokio::time::timeout(LONGEST, open(settings)).await;
    answer.unwrap_or(Err(ConnectError::Timeout(LONGEST)))
}

async fn open(settings: &Settings) -> Result<MultiplexedConnection, ConnectError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let certificates = certificates(settings.tls.as_ref()).await?;
    let connection = match &settings.target {
        Target::Server(address) => {
            let info = connection_address(address, settings.tls.as_ref()).into_connection_info()?;
            let info = info.set_redis_settings(login(&settings.login, settings.database));
            let client = match certificates {
                Some(certificates) => Client::build_with_tls(info, certificates)?,
                None => Client::open(info)?,
            };
            client.get_multiplexed_async_connection_with_config(&config).await?
        }
        Target::Sentinel { sentinels, master, login } => {
            let builder = sentinel(settings, sentinels, master, login, certificates)?;
            builder.build()?.get_async_connection_with_config(&config).await?
        }
    };
    Ok(connection)
}

/// As Argo CD does it, sentinels are spoken to with the same TLS settings as the server, but another login.
fn sentinel(
    settings: &Settings,
    sentinels: &[Address],
    master: &str,
    login: &Login,
    certificates: Option<TlsCertificates>,
) -> Result<SentinelClientBuilder, redis::RedisError> {
    let addresses: Vec<_> =
        sentinels.iter().map(|address| connection_address(address, settings.tls.as_ref())).collect();
    let mut builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?
        .set_client_to_redis_db(i64::from(settings.database));
    if let Some(tls) = &settings.tls {
        let mode = if tls.is_unverified { TlsMode::Insecure } else { TlsMode::Secure };
        builder = builder.set_client_to_redis_tls_mode(mode).set_client_to_sentinel_tls_mode(mode);
    }
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates);
    }
    if let Some(username) = &settings.login.username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = &settings.login.password {
        builder = builder.set_client_to_redis_password(&password.0);
    }
    if let Some(username) = &login.username {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = &login.password {
        builder = builder.set_client_to_sentinel_password(&password.0);
    }
    Ok(builder)
}

fn connection_address(address: &Address, tls: Option<&Tls>) -> ConnectionAddr {
    let Address { host, port } = address.clone();
    match tls {
        None => ConnectionAddr::Tcp(host, port),
        Some(tls) => ConnectionAddr::TcpTls { host, port, insecure: tls.is_unverified, tls_params: None },
    }
}

fn login(login: &Login, database: u32) -> RedisConnectionInfo {
    let mut info = RedisConnectionInfo::default().set_db(i64::from(database));
    if let Some(username) = &login.username {
        info = info.set_username(username);
    }
    if let Some(password) = &login.password {
        info = info.set_password(&password.0);
    }
    info
}

async fn certificates(tls: Option<&Tls>) -> Result<Option<TlsCertificates>, ConnectError> {
    let Some(tls) = tls else { return Ok(None) };
    let root_cert = match &tls.authority {
        // Argo CD does not look at its authorities either when it is to believe anybody.
        Some(path) if !tls.is_unverified => Some(read(path).await?),
        _ => None,
    };
    let client_tls = match &tls.identity {
        Some((certificate, key)) => {
            Some(ClientTlsConfig { client_cert: read(certificate).await?, client_key: read(key).await? })
        }
        None => None,
    };
    Ok(Some(TlsCertificates { client_tls, root_cert }))
}

async fn read(path: &Path) -> Result<Vec<u8>, ConnectError> {
    tokio::fs::read(path).await.map_err(|source| ConnectError::File { path: path.to_owned(), source })
}
