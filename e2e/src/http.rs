//! A plain HTTP client for loopback: one request per connection, no redirects, no TLS.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// How long a loopback server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// `GET http://ADDRESS/PATH`: the status and the body.
pub async fn get(address: &str, path: &str) -> Result<(u16, String)> {
    send("GET", address, path, "").await
}

/// `POST http://ADDRESS/PATH` without a body: the status and the body of the answer.
pub async fn post(address: &str, path: &str) -> Result<(u16, String)> {
    send("POST", address, path, "").await
}

/// An answer that has no end: read line by line for as long as wished.
#[derive(Debug)]
pub struct Lines(tokio::io::Lines<BufReader<TcpStream>>);

impl Lines {
    /// The next line, however long it takes; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<String>> {
        Ok(self.0.next_line().await?)
    }
}

/// `GET http://ADDRESS/PATH`, head and body of the answer alike by lines.
pub async fn lines(address: &str, path: &str) -> Result<Lines> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    Ok(Lines(BufReader::new(stream).lines()))
}

/// Any method, with JSON as the body of the request: the status and the body of the answer.
pub async fn send(method: &str, address: &str, path: &str, body: &str) -> Result<(u16, String)> {
    let what = format!("{method} http://{address}{path}");
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        // HTTP/1.0: the answer ends with the connection and never comes in chunks.
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(PATIENCE, exchange)
        .await
        .with_context(|| format!("{what}: no answer within {PATIENCE:?}"))?
        .with_context(|| what.clone())?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").with_context(|| format!("{what}: not an HTTP answer"))?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok((status.with_context(|| format!("{what}: no status in {head:?}"))?, body.to_owned()))
}
