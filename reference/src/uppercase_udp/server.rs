//! The uppercase server over UDP: a datagram in, a datagram in capitals out, to its sender.
//!
//! Protocol: one datagram is one sentence, and so is the reply. This file shows that a server without connections
//! needs neither an accept loop nor a task for each client.

use std::io::ErrorKind;

use crate::Io;
use crate::arguments;
use crate::failure::Failure;
use crate::network::{Datagrams, Network};

use super::LARGEST_DATAGRAM;

/// Runs `server PORT` until it is stopped from outside.
///
/// # Errors
/// Bad arguments, or a port that cannot be had.
pub async fn run(network: impl Network, arguments: &[String], _io: &mut Io) -> Result<(), Failure> {
    let port = arguments::port(arguments)?;
    let socket = network.bind(port).await.map_err(|source| Failure::Listen { port, source })?;
    serve(socket).await
}

/// Answers every datagram that arrives.
///
/// # Errors
/// If the socket is of no more use; never because of a client.
pub async fn serve(socket: impl Datagrams) -> Result<(), Failure> {
    // As large as any datagram, because what does not fit is cut off without a word.
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, client)) => {
                let sentence = &mut buffer[..length];
                sentence.make_ascii_uppercase();
                // A reply that cannot be sent is a lost reply, and the client must live with those anyway.
                let _ = socket.send_to(sentence, client).await;
            }
            // Some systems report here that an earlier reply found nobody (Windows says "reset"), or that a signal
            // came. Neither concerns the next client.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused | ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(Failure::Serve(error)),
        }
    }
}
