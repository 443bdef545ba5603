//! The uppercase client over UDP: one sentence from the user, one line back.
//!
//! Protocol: one datagram with the sentence, one datagram with the reply. This file shows how to wait for something
//! that may never come: for a bounded time, a few times over, and then to say so.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::timeout;

use crate::Io;
use crate::arguments;
use crate::failure::Failure;
use crate::network::{Datagrams, Network};
use crate::sentence;

use super::LARGEST_DATAGRAM;

/// How often the sentence is sent before we give up.
const ATTEMPTS: u32 = 3;

/// How long each attempt waits for the reply. A round trip to anywhere on earth takes less.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs `client HOST PORT` with the sentence on standard input.
///
/// # Errors
/// Bad arguments, no sentence, an unknown host, a refusal, or silence.
pub async fn run(network: impl Network, arguments: &[String], io: &mut Io) -> Result<(), Failure> {
    let (host, port) = arguments::host_and_port(arguments)?;
    let no_server = |source| Failure::NoServer { host: host.to_owned(), port, source };
    let addresses = network.resolve(host, port).await.map_err(no_server)?;
    let sentence = sentence::read(&mut io.stdin, LARGEST_DATAGRAM).await?;

    // `localhost` is often two addresses, and a server often listens on only one of them. A refusal sends us on to the
    // next address; silence does not, since it may just be loss.
    let mut refusal = io::Error::from(ErrorKind::NotFound);
    for address in addresses {
        match ask(&network, address, &sentence).await {
            Ok(Some(reply)) => return sentence::print(&mut io.stdout, &reply).await,
            Ok(None) => {
                let message = format!(
                    "no reply from {host} port {port}: sent the sentence {ATTEMPTS} times and waited {} s each time",
                    PATIENCE.as_secs()
                );
                return Err(Failure::Protocol(message));
            }
            Err(error) => refusal = error,
        }
    }
    Err(no_server(refusal))
}

/// Sends the sentence until a reply comes, or `None` if none did.
///
/// The socket is connected, although UDP knows no connections: it only means that the system remembers the peer. That
/// buys two things. Datagrams from strangers are dropped before we see them, and when the peer's host answers that
/// nobody is at that port (an ICMP message), the next call on this socket fails with "connection refused". An
/// unconnected socket would hear nothing of it, and wait in vain.
///
/// # Errors
/// If the peer's host refuses, cannot be reached, or the sentence is too long for this network.
pub async fn ask(network: &impl Network, server: SocketAddr, sentence: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let socket = network.bind_to_peer(server).await?;
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    for _ in 0..ATTEMPTS {
        // Sending the same sentence twice does no harm, since both replies are the same. Where a repeated request
        // would do something twice, or replies differ, requests need numbers.
        socket.send(sentence).await?;
        if let Ok(received) = timeout(PATIENCE, socket.recv(&mut buffer)).await {
            let length = received?;
            buffer.truncate(length);
            return Ok(Some(buffer));
        }
    }
    Ok(None)
}
