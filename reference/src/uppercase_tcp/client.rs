//! The uppercase client over TCP: one sentence from the user, one line back.
//!
//! Protocol: send the sentence and a newline, read the sentence in capitals. This file shows how to read a reply that
//! comes in pieces, and how to know that it is complete with servers that do not all mark the end alike.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::Io;
use crate::arguments;
use crate::failure::Failure;
use crate::network::Network;
use crate::sentence;

/// The longest sentence, and the longest reply, in bytes. Without a bound, a server that never stops would fill our
/// memory.
const LONGEST: usize = 1 << 20;

/// How long we wait for the newline when everything before it has come.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs `client HOST PORT` with the sentence on standard input.
///
/// # Errors
/// Bad arguments, no server, no sentence, or no whole reply.
pub async fn run(network: impl Network, arguments: &[String], io: &mut Io) -> Result<(), Failure> {
    let (host, port) = arguments::host_and_port(arguments)?;
    // Connect first: if nobody is there, the user learns it before typing.
    let server = network.connect(host, port).await.map_err(|source| Failure::NoServer {
        host: host.to_owned(),
        port,
        source,
    })?;
    let sentence = sentence::read(&mut io.stdin, LONGEST).await?;
    let reply = exchange(server, &sentence).await?;
    sentence::print(&mut io.stdout, &reply).await
}

/// Sends the sentence and returns the reply, up to and without its newline.
///
/// # Errors
/// If the server closes without a reply, resets the connection before the reply is whole, or never ends it.
pub async fn exchange(server: impl AsyncRead + AsyncWrite + Unpin, sentence: &[u8]) -> Result<Vec<u8>, Failure> {
    // Send and receive at the same time. A server that answers while it still reads fills our receive buffer; if we
    // did not empty it before our last byte is sent, both sides would wait for each other when the sentence is long.
    let (mut reader, mut writer) = tokio::io::split(server);
    let sending = async {
        // An error here is not the end: a server may answer and close before it has read everything. If the
        // connection is gone, the reading side is told so as well.
        let _ = send(&mut writer, sentence).await;
        pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        reply = receive(&mut reader, sentence.len()) => reply,
        never = sending => match never {},
    }
}

async fn send(server: &mut (impl AsyncWrite + Unpin), sentence: &[u8]) -> io::Result<()> {
    server.write_all(sentence).await?;
    // For servers that read a line ...
    server.write_all(b"\n").await?;
    // ... and for those that read to the end: a half-close says "no more from me" and keeps the way back open.
    server.shutdown().await
}

/// Reads until the reply is complete. It ends at a newline or when the server closes. A server that does neither has
/// still answered when as many bytes have come as the sentence has; the newline may be right behind, so we wait for
/// it, but not for ever. (To close while the server is still sending would answer it with a reset.)
async fn receive(server: &mut (impl AsyncRead + Unpin), sentence_length: usize) -> Result<Vec<u8>, Failure> {
    let mut reply = Vec::new();
    let mut buffer = [0; 4096];
    while reply.len() <= LONGEST {
        let whole = !reply.is_empty() && reply.len() >= sentence_length;
        let read = server.read(&mut buffer);
        let outcome = if whole { timeout(PATIENCE, read).await.unwrap_or(Ok(0)) } else { read.await };
        match outcome {
            Ok(0) if reply.is_empty() => {
                let message = "the server closed the connection without a reply";
                return Err(Failure::Protocol(message.to_owned()));
            }
            Ok(0) => return Ok(reply),
            Ok(count) => {
                let piece = &buffer[..count];
                if let Some(end) = piece.iter().position(|&byte| byte == b'\n') {
                    reply.extend_from_slice(&piece[..end]);
                    return Ok(reply);
                }
                reply.extend_from_slice(piece);
            }
            Err(_) if whole => return Ok(reply),
            Err(source) => {
                return Err(Failure::Connection { doing: "waiting for the reply", source });
            }
        }
    }
    let message = format!("the reply is longer than {LONGEST} bytes");
    Err(Failure::Protocol(message))
}
