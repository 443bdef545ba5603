//! The seam between the asynchronous answers and the network they run on.
//!
//! A program that names `tokio::net` runs on real sockets only. These answers name the traits below instead, and so
//! the same lines run on real sockets ([`Tokio`]) and on a simulated network in which a test decides what is lost,
//! late or cut ([`Turmoil`]). The traits have just the calls that the labs need, under their usual names.
//!
//! Owns the traits and what both networks share; never contains a protocol.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};

mod real;
mod simulated;

pub use self::real::Tokio;
pub use self::simulated::Turmoil;

/// A place where sockets can be made.
pub trait Network: 'static {
    /// A listening TCP socket.
    type Listener: Listener;
    /// A TCP connection.
    type Stream: Connection;
    /// A UDP socket.
    type Datagrams: Datagrams;

    /// Looks a host up. A name may have several addresses, and a literal address is its own only one.
    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>>;

    /// Listens for TCP connections on every IPv4 address of this host. Port 0 takes any free port.
    ///
    /// IPv4 only: a socket on `[::]` gets IPv4 clients too on some systems and not on others, by a setting that the
    /// standard library does not let us choose, and on some it can share a port with a stranger's IPv4 socket without
    /// an error. Serving both families soundly takes two sockets; the task `dual-stack` is about that.
    fn listen(&self, port: u16) -> impl Future<Output = io::Result<Self::Listener>>;

    /// Opens a TCP connection to the first of the host's addresses that accepts one.
    fn connect(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Self::Stream>>;

    /// Opens a UDP socket on every IPv4 address of this host. Port 0 takes any free port.
    fn bind(&self, port: u16) -> impl Future<Output = io::Result<Self::Datagrams>>;

    /// Opens a UDP socket on any free port and connects it to `peer`: it then hears from that peer only.
    fn bind_to_peer(&self, peer: SocketAddr) -> impl Future<Output = io::Result<Self::Datagrams>>;
}

/// A listening TCP socket.
pub trait Listener: 'static {
    /// What a client's connection becomes.
    type Stream: Connection;

    /// Waits for the next client. Nothing is lost if the wait is cancelled.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>>;

    /// The address that the socket is bound to.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// A TCP connection. It is closed when it is dropped, and its peer sees the end of the stream.
pub trait Connection: AsyncRead + AsyncWrite + Unpin + 'static {
    /// Closes it with a reset: what is not sent yet is thrown away, and the peer sees that the connection was broken.
    fn reset(self);
}

/// A UDP socket.
pub trait Datagrams: 'static {
    /// Sends one datagram to `peer`.
    fn send_to(&self, datagram: &[u8], peer: SocketAddr) -> impl Future<Output = io::Result<()>>;

    /// Waits for a datagram and says how long it is and who sent it. What does not fit into `buffer` is lost. Nothing
    /// else is lost if the wait is cancelled.
    fn recv_from(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<(usize, SocketAddr)>>;

    /// Sends one datagram to the peer that the socket is connected to.
    fn send(&self, datagram: &[u8]) -> impl Future<Output = io::Result<()>>;

    /// Waits for a datagram from the peer that the socket is connected to. May be cancelled, like `recv_from`.
    fn recv(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>>;

    /// The address that the socket is bound to.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// True if a failed `accept` tells about the client that was next and nothing about the listener: the client left
/// before it was accepted, or its network failed. Linux reports such errors here (see accept(2)); a server goes on.
pub fn concerns_one_client(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::HostUnreachable
            | Kind::Interrupted
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::PermissionDenied
    )
}
