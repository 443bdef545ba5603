//! Peers' sockets on turmoil's network.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::{TcpListener, TcpStream, UdpSocket};

use crate::run::stage::{Connection, Datagrams, Listener, Task};

/// A TCP connection of a peer.
pub(super) struct SimConnection {
    stream: TcpStream,
    remote: SocketAddr,
}

impl SimConnection {
    /// Wraps a stream.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        Ok(Self { remote: stream.peer_addr()?, stream })
    }
}

impl AsyncRead for SimConnection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for SimConnection {
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

impl Connection for SimConnection {
    fn reset(self: Box<Self>) {
        // Dropped without a shutdown, a simulated connection is gone for the other side, too.
    }

    fn unread(&self) -> Option<u64> {
        None
    }

    fn remote(&self) -> SocketAddr {
        self.remote
    }
}

/// A listening socket of a peer.
pub(super) struct SimListener(pub TcpListener);

impl Listener for SimListener {
    fn accept(&self) -> Task<'_, io::Result<Box<dyn Connection>>> {
        Box::pin(async {
            let (stream, _) = self.0.accept().await?;
            Ok(Box::new(SimConnection::new(stream)?) as Box<dyn Connection>)
        })
    }

    fn port(&self) -> u16 {
        self.0.local_addr().map_or(0, |address| address.port())
    }
}

/// A UDP socket of a peer.
pub(super) struct SimDatagrams(pub UdpSocket);

impl Datagrams for SimDatagrams {
    fn send_to<'a>(&'a self, bytes: &'a [u8], to: SocketAddr) -> Task<'a, io::Result<()>> {
        Box::pin(async move { self.0.send_to(bytes, to).await.map(|_| ()) })
    }

    fn receive(&self) -> Task<'_, io::Result<(Vec<u8>, SocketAddr)>> {
        Box::pin(async {
            let mut buffer = vec![0; 65_536];
            let (length, from) = self.0.recv_from(&mut buffer).await?;
            buffer.truncate(length);
            Ok((buffer, from))
        })
    }

    fn port(&self) -> u16 {
        self.0.local_addr().map_or(0, |address| address.port())
    }
}
