//! The forwarder.
//!
//! Protocol: none of its own; see the module's page for what is carried. This file shows two streams that end separately
//! and break together.

use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use crate::Io;
use crate::arguments;
use crate::failure::Failure;
use crate::network::{Connection, Listener, Network, concerns_one_client};

/// How much of a stream is in our hands at any time, in bytes. All connections together have twice as much for each.
const PIECE: usize = 16 * 1024;

/// How long the remote side may take to accept. Where nothing at all comes back, the system would try for two minutes,
/// and the client would wait without knowing for what.
const PATIENCE: Duration = Duration::from_secs(10);

/// The remote side, as the user wrote it.
#[derive(Debug)]
pub struct Remote {
    /// A name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Runs `forward LOCAL-PORT HOST PORT` until it is stopped from outside. Must run inside a `LocalSet`.
///
/// # Errors
/// Bad arguments, or a local port that cannot be had.
pub async fn run(network: impl Network + Clone, arguments: &[String], io: &mut Io) -> Result<(), Failure> {
    let (local_port, host, port) = arguments::port_host_and_port(arguments)?;
    // The remote side is not asked now: it may come up later, and go down and up again.
    let listener = network.listen(local_port).await.map_err(|source| Failure::Listen { port: local_port, source })?;
    serve(network, listener, Remote { host: host.to_owned(), port }, &mut io.stderr).await
}

/// Accepts clients and forwards each in a task of its own. Who could not be forwarded is told to `complaints`.
///
/// # Errors
/// If the listener is of no more use; never because of a client or of the remote side.
pub async fn serve<N: Network + Clone>(
    network: N,
    listener: N::Listener,
    remote: Remote,
    complaints: &mut (impl AsyncWrite + Unpin),
) -> Result<(), Failure> {
    let remote = Rc::new(remote);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            // Tasks that have ended are cleared away, or the set would grow for ever.
            Some(ended) = connections.join_next() => complain(ended, complaints).await,
            accepted = listener.accept() => match accepted {
                Ok(client) => {
                    connections.spawn_local(forward(network.clone(), client, Rc::clone(&remote)));
                }
                Err(error) if concerns_one_client(&error) => {}
                Err(error) if connections.is_empty() => return Err(Failure::Serve(error)),
                // Out of descriptors, most likely: the next one waits in the backlog until a connection has ended.
                Err(_) => {
                    if let Some(ended) = connections.join_next().await {
                        complain(ended, complaints).await;
                    }
                }
            }
        }
    }
}

/// Says why a client could not be forwarded. The client cannot be told, and its user would look for the fault there.
async fn complain(ended: Result<Result<(), Failure>, JoinError>, complaints: &mut (impl AsyncWrite + Unpin)) {
    if let Ok(Err(failure)) = ended {
        // If nobody reads this, the connections are more important.
        let _ = complaints.write_all(format!("forward: {failure}\n").as_bytes()).await;
        let _ = complaints.flush().await;
    }
}

/// One client, from its coming to the end of both streams.
///
/// # Errors
/// If the remote side cannot be reached. The client's connection is closed then, as it is whenever this returns.
async fn forward<N: Network>(
    network: N,
    mut client: <N::Listener as Listener>::Stream,
    remote: Rc<Remote>,
) -> Result<(), Failure> {
    let Remote { host, port } = &*remote;
    // At once, and not when the client has said something: the remote side may be the one that speaks first.
    let mut server = timeout(PATIENCE, network.connect(host, *port))
        .await
        .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
        .map_err(|source| Failure::NoServer { host: host.clone(), port: *port, source })?;
    let carried = {
        let (from_client, to_client) = tokio::io::split(&mut client);
        let (from_server, to_server) = tokio::io::split(&mut server);
        // Both at the same time, until both have ended or one is broken. The other one is dropped then, wherever it
        // waits: it alone would learn nothing of the break.
        tokio::try_join!(pass_on(from_client, to_server), pass_on(from_server, to_client))
    };
    if carried.is_err() {
        client.reset();
        server.reset();
    }
    Ok(())
}

/// Passes on one stream and then its end.
///
/// While `to` takes nothing, nothing is read. That is what slows the sender down, and it has a price: that the sender's
/// connection has broken is noticed no sooner than its last piece has been sent.
///
/// # Errors
/// If either connection is broken.
async fn pass_on(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece).await {
            Ok(0) => return to.shutdown().await,
            // As many as were read, and all of them.
            Ok(count) => to.write_all(&piece[..count]).await?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
