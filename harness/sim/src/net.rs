//! The network as peers use it: the types of `tokio::net`, each bound to a host of the simulation.
//!
//! The types may be moved between tasks and given to libraries that ask for `Send`; they work on the thread of
//! their simulation only and fail with `NotConnected` elsewhere.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::handle::HostId;
use crate::sockets::SocketId;
use crate::world::{World, touch, with};

fn failed(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(errno)
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "no simulation on this thread")
}

/// Runs an operation that may have to wait for its socket.
fn poll_socket<T>(
    id: SocketId,
    cx: &Context<'_>,
    act: impl FnOnce(&mut World) -> Result<Option<T>, i32>,
) -> Poll<io::Result<T>> {
    let polled = with(|world| {
        world.sync_clock();
        match act(world) {
            Ok(Some(value)) => Poll::Ready(Ok(value)),
            Err(errno) => Poll::Ready(Err(failed(errno))),
            Ok(None) => {
                if let Ok(socket) = world.net.socket_mut(id)
                    && !socket.wakers.iter().any(|waker| waker.will_wake(cx.waker()))
                {
                    socket.wakers.push(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    });
    match polled {
        None => Poll::Ready(Err(gone())),
        Some(Poll::Pending) => Poll::Pending,
        Some(ready) => {
            // Only what was done is news for the driver; a look that found nothing is none.
            touch(|_| ());
            ready
        }
    }
}

fn at_once<T>(act: impl FnOnce(&mut World) -> Result<T, i32>) -> io::Result<T> {
    touch(|world| act(world).map_err(failed)).unwrap_or_else(|| Err(gone()))
}

/// A socket that is closed when its owner drops it.
#[derive(Debug)]
struct Owned(SocketId);

impl Drop for Owned {
    fn drop(&mut self) {
        touch(|world| world.net.close(self.0));
    }
}

/// A listening socket of a peer.
#[derive(Debug)]
pub struct TcpListener(Owned);

/// A connection of a peer.
#[derive(Debug)]
pub struct TcpStream(Owned);

/// A datagram socket of a peer.
#[derive(Debug)]
pub struct UdpSocket(Owned);

impl TcpListener {
    /// Listens on a host; port 0 takes a free one. The queue holds `backlog` connections.
    ///
    /// # Errors
    /// As `bind(2)` and `listen(2)`.
    pub fn bind(host: HostId, address: SocketAddr, backlog: i32) -> io::Result<Self> {
        at_once(|world| {
            let id = world.net.open(host.0, address.is_ipv6(), true);
            world.net.socket_mut(id)?.reuse_address = true;
            match world.net.bind(id, address).and_then(|()| world.net.listen(id, backlog)) {
                Ok(()) => Ok(Self(Owned(id))),
                Err(errno) => {
                    world.net.close(id);
                    Err(errno)
                }
            }
        })
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// When the simulation is over.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| {
            poll_socket(self.0.0, cx, |world| {
                let Some(child) = world.net.accept(self.0.0)? else { return Ok(None) };
                let from = world.net.socket(child)?.remote.ok_or(libc::ENOTCONN)?;
                Ok(Some((TcpStream(Owned(child)), from)))
            })
        })
        .await
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// When the simulation is over.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        at_once(|world| world.net.local_address(self.0.0))
    }
}

impl TcpStream {
    pub(crate) fn id(&self) -> SocketId {
        self.0.0
    }

    /// Connects from a host.
    ///
    /// # Errors
    /// As `connect(2)`.
    pub async fn connect(host: HostId, to: SocketAddr) -> io::Result<Self> {
        let stream = at_once(|world| {
            let id = world.net.open(host.0, to.is_ipv6(), true);
            Ok(Self(Owned(id)))
        })?;
        at_once(|world| world.net.connect_stream(stream.0.0, to))?;
        poll_fn(|cx| poll_socket(stream.0.0, cx, |world| world.net.connected(stream.0.0).transpose())).await?;
        Ok(stream)
    }

    /// Ends this side's sending without waiting.
    ///
    /// # Errors
    /// As `shutdown(2)`.
    pub fn shutdown_write(&self) -> io::Result<()> {
        at_once(|world| world.net.shutdown(self.0.0, false, true))
    }

    /// Breaks the connection off with RST.
    pub fn abort(self) {
        touch(|world| {
            if let Ok(socket) = world.net.socket_mut(self.0.0) {
                socket.linger = Some(Duration::ZERO);
            }
        });
    }

    /// The other end.
    ///
    /// # Errors
    /// When the simulation is over.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        at_once(|world| world.net.socket(self.0.0)?.remote.ok_or(libc::ENOTCONN))
    }

    /// This end.
    ///
    /// # Errors
    /// When the simulation is over.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        at_once(|world| world.net.local_address(self.0.0))
    }

    /// Waits until every byte that was written has been acknowledged by the other end's kernel.
    ///
    /// # Errors
    /// When the simulation is over.
    pub async fn acknowledged(&self) -> io::Result<()> {
        poll_fn(|cx| {
            poll_socket(self.0.0, cx, |world| {
                let socket = world.net.socket(self.0.0)?;
                let crate::sockets::Role::Stream(connection) = socket.role else { return Ok(Some(())) };
                Ok(world.net.model.drained(connection).then_some(()))
            })
        })
        .await
    }

    /// Bytes that have arrived and were not read, without taking them.
    ///
    /// # Errors
    /// As `recv(2)`.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| poll_socket(self.0.0, cx, |world| world.net.receive_stream(self.0.0, buffer, true))).await
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let space = buffer.initialize_unfilled();
        match poll_socket(self.0.0, cx, |world| world.net.receive_stream(self.0.0, space, false)) {
            Poll::Ready(Ok(length)) => {
                buffer.advance(length);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for TcpStream {
    /// Every write leaves as segments of its own at once: what is written apart is sent apart.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        poll_socket(self.0.0, cx, |world| world.net.send_stream(self.0.0, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown_write())
    }
}

impl UdpSocket {
    /// Binds on a host; port 0 takes a free one.
    ///
    /// # Errors
    /// As `bind(2)`.
    pub fn bind(host: HostId, address: SocketAddr) -> io::Result<Self> {
        at_once(|world| {
            let id = world.net.open(host.0, address.is_ipv6(), false);
            match world.net.bind(id, address) {
                Ok(()) => Ok(Self(Owned(id))),
                Err(errno) => {
                    world.net.close(id);
                    Err(errno)
                }
            }
        })
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// As `sendto(2)`.
    pub async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        at_once(|world| world.net.send_datagram(self.0.0, bytes, Some(to)))
    }

    /// Waits for one datagram; what does not fit is cut off.
    ///
    /// # Errors
    /// As `recvfrom(2)`.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|cx| {
            poll_socket(self.0.0, cx, |world| {
                let Some(first) = world.net.receive_datagram(self.0.0, false)? else { return Ok(None) };
                let length = first.data.len().min(buffer.len());
                buffer[..length].copy_from_slice(&first.data[..length]);
                Ok(Some((length, first.from)))
            })
        })
        .await
    }

    /// The address that it is bound to.
    ///
    /// # Errors
    /// When the simulation is over.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        at_once(|world| world.net.local_address(self.0.0))
    }
}

/// The unspecified address of a family with this port, to bind to.
pub fn any(v6: bool, port: u16) -> SocketAddr {
    let ip: IpAddr = crate::hosts::unspecified(v6);
    SocketAddr::new(ip, port)
}
