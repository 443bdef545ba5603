//! Peers' sockets on the kernel's own network.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use harness_os::sockets::Diag;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::stage::unmapped;
use crate::run::stage::{Connection, Datagrams, Listener, Task};
use crate::sandbox::guard::Sent;

/// A TCP connection of a peer.
pub struct WireConnection {
    stream: TcpStream,
    local: SocketAddr,
    remote: SocketAddr,
    diag: Rc<Option<Diag>>,
    sent: Sent,
}

impl WireConnection {
    /// Wraps a stream. Segments go out as they are written.
    ///
    /// # Errors
    /// If the stream is no longer connected.
    pub fn new(stream: TcpStream, diag: &Rc<Option<Diag>>, sent: Sent) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let (local, remote) = (unmapped(stream.local_addr()?), unmapped(stream.peer_addr()?));
        Ok(Self { local, remote, stream, diag: Rc::clone(diag), sent })
    }
}

impl AsyncRead for WireConnection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let came = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if came.is_ready() {
            self.sent.add(buffer.filled().len() - before);
        }
        came
    }
}

impl AsyncWrite for WireConnection {
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

impl Connection for WireConnection {
    fn reset(self: Box<Self>) {
        // A zero linger time turns the close into an abort (RFC 9293, 3.10.5).
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO));
    }

    fn unread(&self) -> Option<u64> {
        let diag = (*self.diag).as_ref()?;
        let waiting = diag.tcp(self.remote, self.local).ok()?;
        // What the program's kernel has not confirmed yet is under way: unread, too.
        let on_the_way = diag.tcp(self.local, self.remote).ok()?;
        Some(
            u64::from(waiting.map_or(0, |queues| queues.unread))
                + u64::from(on_the_way.map_or(0, |queues| queues.unacked)),
        )
    }

    fn remote(&self) -> SocketAddr {
        self.remote
    }

    fn local(&self) -> Option<SocketAddr> {
        Some(self.local)
    }
}

/// A listening socket of a peer.
pub struct WireListener {
    listener: TcpListener,
    diag: Rc<Option<Diag>>,
    sent: Sent,
}

impl WireListener {
    /// Wraps a listener.
    pub fn new(listener: TcpListener, diag: &Rc<Option<Diag>>, sent: Sent) -> Self {
        Self { listener, diag: Rc::clone(diag), sent }
    }
}

impl Drop for WireListener {
    /// A child that another thread is just starting may still hold a copy, at which clients would be let in.
    fn drop(&mut self) {
        let _ = socket2::SockRef::from(&self.listener).shutdown(std::net::Shutdown::Both);
    }
}

impl Listener for WireListener {
    fn accept(&self) -> Task<'_, io::Result<Box<dyn Connection>>> {
        Box::pin(async {
            let (stream, _) = self.listener.accept().await?;
            Ok(Box::new(WireConnection::new(stream, &self.diag, self.sent.clone())?) as Box<dyn Connection>)
        })
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().map_or(0, |address| address.port())
    }
}

/// A UDP socket of a peer.
pub struct WireDatagrams {
    /// The socket.
    pub socket: UdpSocket,
    /// Counts what comes.
    pub sent: Sent,
}

impl Datagrams for WireDatagrams {
    fn send_to<'a>(&'a self, bytes: &'a [u8], to: SocketAddr) -> Task<'a, io::Result<()>> {
        Box::pin(async move {
            // A dual-stack socket names IPv4 addresses in their mapped form.
            let v6 = self.socket.local_addr()?.is_ipv6();
            let to = match to {
                SocketAddr::V4(to) if v6 => SocketAddr::new(to.ip().to_ipv6_mapped().into(), to.port()),
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
