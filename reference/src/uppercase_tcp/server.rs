//! The uppercase server over TCP: everything that comes in goes out again in capitals.
//!
//! Protocol: a stream of bytes, answered byte for byte; when the client has sent its last, the server closes. This file
//! shows many clients at once on one thread: a task for each, and whoever has nothing to do waits without blocking the
//! others.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::Io;
use crate::arguments;
use crate::failure::Failure;
use crate::network::{Listener, Network, concerns_one_client};

/// Runs `server PORT` until it is stopped from outside. Must run inside a `LocalSet`.
///
/// # Errors
/// Bad arguments, or a port that cannot be had.
pub async fn run(network: impl Network, arguments: &[String], _io: &mut Io) -> Result<(), Failure> {
    let port = arguments::port(arguments)?;
    let listener = network.listen(port).await.map_err(|source| Failure::Listen { port, source })?;
    serve(listener).await
}

/// Accepts clients and gives each a task of its own.
///
/// # Errors
/// If the listener is of no more use; never because of a client.
pub async fn serve(listener: impl Listener) -> Result<(), Failure> {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            // Clear away the tasks of clients that have left, or the set would grow for ever. How a client left, by
            // closing or by a reset, is of no interest to the others.
            Some(_) = clients.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok(client) => {
                    clients.spawn_local(capitalise(client));
                }
                Err(error) if concerns_one_client(&error) => {}
                Err(error) if clients.is_empty() => return Err(Failure::Serve(error)),
                // We are out of descriptors, most likely. Asking again at once would fail again and burn the CPU; the
                // next client waits in the backlog until one of the present ones has left.
                Err(_) => {
                    clients.join_next().await;
                }
            }
        }
    }
}

/// Answers one client until it closes its side.
///
/// # Errors
/// If the connection breaks.
pub async fn capitalise(mut client: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let count = client.read(&mut buffer).await?;
        if count == 0 {
            // A half-close: the client sends no more but may still be reading. All of its answer is already written,
            // so now our side is closed as well.
            return client.shutdown().await;
        }
        let piece = &mut buffer[..count];
        piece.make_ascii_uppercase();
        client.write_all(piece).await?;
    }
}
