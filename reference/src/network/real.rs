//! Real sockets, through tokio. Owns the mapping to `tokio::net` and nothing else.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream, UdpSocket, lookup_host};

use super::{Connection, Datagrams, Listener, Network};

/// The network of the machine that we run on.
#[derive(Debug, Clone, Copy)]
pub struct Tokio;

impl Network for Tokio {
    type Listener = TcpListener;
    type Stream = TcpStream;
    type Datagrams = UdpSocket;

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((host, port)).await?.collect())
    }

    // On Unix this sets SO_REUSEADDR, so that a server that was stopped can start again at once although its old
    // connections are still in TIME_WAIT. Two living listeners still cannot share the port.
    async fn listen(&self, port: u16) -> io::Result<TcpListener> {
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
    }

    async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        TcpStream::connect((host, port)).await.map(without_delay)
    }

    // UDP has no TIME_WAIT and so needs no SO_REUSEADDR. On a UDP socket that option would let two servers share the
    // port without an error, and only one of them would hear anything.
    async fn bind(&self, port: u16) -> io::Result<UdpSocket> {
        UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).await
    }

    async fn bind_to_peer(&self, peer: SocketAddr) -> io::Result<UdpSocket> {
        let any: IpAddr = match peer {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(peer).await?;
        Ok(socket)
    }
}

/// Turns off Nagle's algorithm, which keeps a second short line back until the first is acknowledged. These programs
/// write a line, or a batch of them, in one call, so there is nothing to wait for.
fn without_delay(stream: TcpStream) -> TcpStream {
    let _ = stream.set_nodelay(true);
    stream
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        TcpListener::accept(self).await.map(|(stream, _)| without_delay(stream))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(self)
    }
}

impl Connection for TcpStream {
    fn reset(self) {
        // To linger for no time means: do not even try to send what is left.
        let _ = self.set_zero_linger();
    }
}

impl Datagrams for UdpSocket {
    // A datagram is sent whole or not at all: unlike `write` on a stream, these counts need no loop.
    async fn send_to(&self, datagram: &[u8], peer: SocketAddr) -> io::Result<()> {
        UdpSocket::send_to(self, datagram, peer).await.map(drop)
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        UdpSocket::recv_from(self, buffer).await
    }

    async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        UdpSocket::send(self, datagram).await.map(drop)
    }

    async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        UdpSocket::recv(self, buffer).await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        UdpSocket::local_addr(self)
    }
}
