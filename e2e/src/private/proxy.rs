//! Proxies: HTTP (with `CONNECT`) and SOCKS5, which alone know where a host is.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::{Task, accept};

/// The longest head of a request.
const MAX_HEAD: usize = 64 << 10;

/// A proxy of a test's own.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    _task: Task,
}

/// What it does with each connection.
#[derive(Debug, Clone)]
struct Ways {
    /// Where everything goes, whatever the name: `127.0.0.1:PORT`.
    target: String,
    /// User and password, where it asks for them.
    login: Option<(String, String)>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// An HTTP proxy, through which every host is `target`.
    pub async fn http(target: &str, login: Option<(&str, &str)>) -> Result<Self> {
        Self::open(target, login, |ways, stream| async move { ways.http(stream).await }).await
    }

    /// A SOCKS5 proxy, through which every host is `target`.
    pub async fn socks(target: &str) -> Result<Self> {
        Self::open(target, None, |ways, stream| async move { ways.socks(stream).await }).await
    }

    async fn open<F: Future<Output = Result<()>> + Send + 'static>(
        target: &str,
        login: Option<(&str, &str)>,
        serve: impl Fn(Ways, TcpStream) -> F + Send + 'static,
    ) -> Result<Self> {
        let login = login.map(|(user, password)| (user.to_owned(), password.to_owned()));
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let ways = Ways { target: target.to_owned(), login, asked: asked.clone() };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let task = accept(listener, move |stream| serve(ways.clone(), stream));
        Ok(Self { port, asked, _task: task })
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The hosts that were asked for through it.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Ways {
    fn note(&self, host: &str) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(host.to_owned());
    }

    /// RFC 9110, 7.6 and 9.3.6: the first request decides about the connection.
    async fn http(&self, mut stream: TcpStream) -> Result<()> {
        let head = head(&mut stream).await?;
        let text = String::from_utf8_lossy(&head).into_owned();
        let mut words = text.split(' ');
        let (method, place) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if !self.lets_in(&text) {
            let answer = "HTTP/1.1 407 Proxy Authentication Required\r\n\
                          Proxy-Authenticate: Basic realm=\"proxy\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            return Ok(stream.write_all(answer.as_bytes()).await?);
        }
        let host = place.split_once("://").map_or(place, |(_, rest)| rest);
        self.note(host.split('/').next().unwrap_or_default());
        let mut target = TcpStream::connect(&self.target).await?;
        if method == "CONNECT" {
            stream.write_all(b"HTTP/1.1 200 Connection Established\r\n\r\n").await?;
        } else {
            // A server takes the absolute form, too (RFC 9112, 3.2.2).
            target.write_all(&head).await?;
        }
        copy_bidirectional(&mut stream, &mut target).await?;
        Ok(())
    }

    fn lets_in(&self, head: &str) -> bool {
        let Some((user, password)) = &self.login else { return true };
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let wanted = format!("proxy-authorization: basic {login}").to_lowercase();
        head.lines().any(|line| line.to_lowercase() == wanted)
    }

    /// RFC 1928, without authentication and for names alone.
    async fn socks(&self, mut stream: TcpStream) -> Result<()> {
        let mut greeting = [0; 2];
        stream.read_exact(&mut greeting).await?;
        let mut methods = vec![0; usize::from(greeting[1])];
        stream.read_exact(&mut methods).await?;
        stream.write_all(&[5, 0]).await?;
        let mut request = [0; 5];
        stream.read_exact(&mut request).await?;
        if request[..4] != [5, 1, 0, 3] {
            bail!("not a connection to a host by its name");
        }
        let mut name = vec![0; usize::from(request[4]) + 2];
        stream.read_exact(&mut name).await?;
        let port = name.split_off(usize::from(request[4]));
        let host = String::from_utf8(name).context("a name that is not text")?;
        self.note(&format!("{host}:{}", u16::from_be_bytes([port[0], port[1]])));
        let mut target = TcpStream::connect(&self.target).await?;
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        copy_bidirectional(&mut stream, &mut target).await?;
        Ok(())
    }
}

/// Everything up to the empty line.
async fn head(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > MAX_HEAD {
            bail!("a head without an end");
        }
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}
