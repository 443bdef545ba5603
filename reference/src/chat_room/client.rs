//! The chat room's client: sends its user's name and lines, and prints what the others say.
//!
//! Protocol: see the module's page. This file shows two directions in one task: `select` goes on with whichever is ready.

use std::cell::Cell;
use std::future::pending;
use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::Io;
use crate::arguments;
use crate::failure::Failure;
use crate::network::Network;

/// How long the server may take to close its side when we have closed ours.
const PATIENCE: Duration = Duration::from_secs(3);

/// Runs `client HOST PORT NAME` with lines on standard input.
///
/// # Errors
/// Bad arguments, no server, or a server that leaves while we are still here.
pub async fn run(network: impl Network, arguments: &[String], io: &mut Io) -> Result<(), Failure> {
    let (host, port, name) = arguments::host_port_and_name(arguments)?;
    let server = network.connect(host, port).await.map_err(|source| Failure::NoServer {
        host: host.to_owned(),
        port,
        source,
    })?;
    let (mut reader, mut writer) = tokio::io::split(server);
    let all_said = Cell::new(false);
    let mut showing = pin!(show(&mut reader, &mut io.stdout, &all_said));
    tokio::select! {
        biased;
        ended = &mut showing => return ended,
        said = say(name, &mut io.stdin, &mut writer) => said?,
    }
    all_said.set(true);
    // A half-close: we are done, and what others say meanwhile still reaches us. The server closes in answer to it; if
    // it does not, we have waited long enough.
    let _ = writer.shutdown().await;
    timeout(PATIENCE, showing).await.unwrap_or(Ok(()))
}

/// Prints what comes, at once, until the server closes. That is an error if we have more to say.
async fn show(
    server: &mut (impl AsyncRead + Unpin),
    output: &mut Pin<Box<dyn AsyncWrite>>,
    all_said: &Cell<bool>,
) -> Result<(), Failure> {
    let mut piece = [0; 4096];
    loop {
        match server.read(&mut piece).await {
            Ok(0) if all_said.get() => return Ok(()),
            Ok(0) => return Err(Failure::Protocol("the server closed the connection".to_owned())),
            Ok(count) => {
                output.write_all(&piece[..count]).await.map_err(Failure::Output)?;
                output.flush().await.map_err(Failure::Output)?;
            }
            Err(source) => return Err(Failure::Connection { doing: "waiting for messages", source }),
        }
    }
}

/// Sends the name and then the input.
///
/// If the server takes no more, this waits for ever: it is then gone, or has said why it leaves, and [`show`] sees either.
async fn say(
    name: &str,
    input: &mut Pin<Box<dyn AsyncRead>>,
    server: &mut (impl AsyncWrite + Unpin),
) -> Result<(), Failure> {
    let mut said = format!("{name}\n").into_bytes();
    let mut piece = [0; 4096];
    loop {
        if server.write_all(&said).await.is_err() || server.flush().await.is_err() {
            return pending().await;
        }
        let was_line = said.last() == Some(&b'\n');
        let count = input.read(&mut piece).await.map_err(Failure::Input)?;
        said = match &piece[..count] {
            [] if was_line => return Ok(()),
            // The last line lacks its newline, and is to be said all the same.
            [] => b"\n".to_vec(),
            some => some.to_vec(),
        };
    }
}
