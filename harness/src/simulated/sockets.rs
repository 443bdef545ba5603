//! Peers' sockets on the simulated network.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use harness_sim::net::{TcpListener, TcpStream, UdpSocket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::run::stage::{Connection, Datagrams, Listener, Task};
use crate::sandbox::guard::Sent;

/// A TCP connection of a peer.
pub(super) struct SimulatedConnection {
    stream: TcpStream,
    remote: SocketAddr,
    sent: Sent,
}

impl SimulatedConnection {
    /// Wraps a stream.
    ///
    /// # Errors
    /// If the stream is no longer connected.
    pub fn new(stream: TcpStream, sent: Sent) -> io::Result<Self> {
        Ok(Self { remote: stream.peer_addr()?, stream, sent })
    }
}

impl AsyncRead for SimulatedConnection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let came = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if came.is_ready() {
            self.sent.add(buffer.filled().len() - before);
        }
        came
    }
}

impl AsyncWrite for SimulatedConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Connection for SimulatedConnection {
    fn reset(self: Box<Self>) {
        self.stream.abort();
    }

    fn unread(&self) -> Option<u64> {
        Some(self.stream.unread_by_peer() as u64)
    }

    fn remote(&self) -> SocketAddr {
        self.remote
    }
}

/// A listening socket of a peer.
pub(super) struct SimulatedListener {
    /// The socket.
    pub listener: TcpListener,
    /// Counts what comes.
    pub sent: Sent,
}

impl Listener for SimulatedListener {
    fn accept(&self) -> Task<'_, io::Result<Box<dyn Connection>>> {
        Box::pin(async {
            let (stream, _) = self.listener.accept().await?;
            Ok(Box::new(SimulatedConnection::new(stream, self.sent.clone())?) as Box<dyn Connection>)
        })
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().map_or(0, |address| address.port())
    }
}

/// A UDP socket of a peer.
pub(super) struct SimulatedDatagrams {
    /// The socket.
    pub socket: UdpSocket,
    /// Whether it serves both families, and so names IPv4 addresses in their mapped form.
    pub both: bool,
    /// Counts what comes.
    pub sent: Sent,
}

impl Datagrams for SimulatedDatagrams {
    fn send_to<'a>(&'a self, bytes: &'a [u8], to: SocketAddr) -> Task<'a, io::Result<()>> {
        Box::pin(async move {
            let to = match to {
                SocketAddr::V4(to) if self.both => SocketAddr::new(to.ip().to_ipv6_mapped().into(), to.port()),
                other => other,
            };
            self.socket.send_to(bytes, to).await.map(|_| ())
        })
    }

    fn receive(&self) -> Task<'_, io::Result<(Vec<u8>, SocketAddr)>> {
        Box::pin(async {
            let mut buffer = vec![0; 65_536];
            let (length, from) = self.socket.recv_from(&mut buffer).await?;
            buffer.truncate(length);
            buffer.shrink_to_fit();
            self.sent.add(length);
            Ok((buffer, from))
        })
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().map_or(0, |address| address.port())
    }
}
