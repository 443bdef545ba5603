//! The pinger's server: sends every datagram back to where it came from.
//!
//! Protocol: one datagram in, the same datagram out. It keeps nothing between two datagrams, and so it serves any number
//! of clients. Servers of this lab often lose some pings on purpose, to give the client something to show; this one
//! leaves that to the network.

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
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    loop {
        match socket.recv_from(&mut buffer).await {
            // To this datagram's sender, not to the first one's. A pong that cannot be sent is a lost pong.
            Ok((length, client)) => {
                let _ = socket.send_to(&buffer[..length], client).await;
            }
            // An earlier pong found nobody, or a signal came. Neither concerns the next client.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused | ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(Failure::Serve(error)),
        }
    }
}
