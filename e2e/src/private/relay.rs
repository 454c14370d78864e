//! A way to a real program that stands still when told to, as the program itself would after `SIGSTOP`: connections are taken, and
//! nothing comes through any more. The program goes on for everybody else.

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{Task, accept};

/// See the module.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    is_frozen: watch::Sender<bool>,
    _task: Task,
}

impl Relay {
    /// A way to `target` (`127.0.0.1:PORT`).
    pub async fn to(target: &str) -> Result<Self> {
        let (is_frozen, frozen) = watch::channel(false);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let target = target.to_owned();
        let task = accept(listener, move |stream| relay(stream, target.clone(), frozen.clone()));
        Ok(Self { port, is_frozen, _task: task })
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Stands still, or goes on where it stood.
    pub fn freeze(&self, is_frozen: bool) {
        self.is_frozen.send_replace(is_frozen);
    }
}

async fn relay(stream: TcpStream, target: String, frozen: watch::Receiver<bool>) -> Result<()> {
    let (from_client, to_client) = stream.into_split();
    let (from_program, to_program) = TcpStream::connect(target).await?.into_split();
    let there = copy(from_client, to_program, frozen.clone());
    let back = copy(from_program, to_client, frozen);
    tokio::try_join!(there, back)?;
    Ok(())
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut frozen: watch::Receiver<bool>,
) -> Result<()> {
    let mut chunk = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut chunk).await?;
        frozen.wait_for(|is_frozen| !is_frozen).await?;
        if read == 0 {
            return Ok(to.shutdown().await?);
        }
        to.write_all(chunk.get(..read).unwrap_or_default()).await?;
    }
}
