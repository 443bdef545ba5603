//! A network in memory: one address, streams that take a little at once, and queues of datagrams.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::run::stage::{Connection, Datagrams, Listener, Task};

/// Bytes that are on their way in one direction at most.
const ROOM: usize = 16 * 1024;

/// The first port that is given to whoever asks for none.
const FREE: u16 = 40_000;

/// The network. Copies are the same one.
#[derive(Clone, Default)]
pub struct Network(Rc<RefCell<Inner>>);

#[derive(Default)]
struct Inner {
    doors: BTreeMap<u16, VecDeque<End>>,
    boxes: BTreeMap<u16, VecDeque<(Vec<u8>, SocketAddr)>>,
    given: u16,
    waiting: Vec<Waker>,
    moves: u64,
}

/// The address of everybody, with this port.
pub fn at(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

impl Network {
    /// How much has happened on it.
    pub fn moves(&self) -> u64 {
        self.0.borrow().moves
    }

    /// Something has happened: whoever waits looks again.
    pub fn stir(&self) {
        let waiting = {
            let mut inner = self.0.borrow_mut();
            inner.moves += 1;
            std::mem::take(&mut inner.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// To be woken when something happens.
    pub fn wait<T>(&self, cx: &Context<'_>) -> Poll<T> {
        self.0.borrow_mut().waiting.push(cx.waker().clone());
        Poll::Pending
    }

    fn port(&self, wanted: u16) -> u16 {
        let mut inner = self.0.borrow_mut();
        inner.given += u16::from(wanted == 0);
        if wanted == 0 { FREE + inner.given } else { wanted }
    }

    /// Ports at which somebody listens, and those that a datagram can come to.
    pub fn open(&self) -> (Vec<u16>, Vec<u16>) {
        let inner = self.0.borrow();
        (inner.doors.keys().copied().collect(), inner.boxes.keys().copied().collect())
    }

    /// Listens.
    ///
    /// # Errors
    /// If somebody does already.
    pub fn listen(&self, port: u16) -> io::Result<Door> {
        let port = self.port(port);
        let mut inner = self.0.borrow_mut();
        if inner.doors.contains_key(&port) {
            return Err(ErrorKind::AddrInUse.into());
        }
        inner.doors.insert(port, VecDeque::new());
        inner.moves += 1;
        Ok(Door { network: self.clone(), port })
    }

    /// Connects.
    ///
    /// # Errors
    /// If nobody listens there.
    pub fn connect(&self, to: SocketAddr) -> io::Result<End> {
        let from = at(self.port(0));
        let (there, back) = (Rc::<RefCell<Way>>::default(), Rc::<RefCell<Way>>::default());
        let end = |comes: &Rc<RefCell<Way>>, goes: &Rc<RefCell<Way>>, local, remote| End {
            network: self.clone(),
            comes: Rc::clone(comes),
            goes: Rc::clone(goes),
            local,
            remote,
        };
        let (here, other) = (end(&back, &there, from, to), end(&there, &back, to, from));
        match self.0.borrow_mut().doors.get_mut(&to.port()) {
            Some(door) => door.push_back(other),
            None => return Err(ErrorKind::ConnectionRefused.into()),
        }
        self.stir();
        Ok(here)
    }

    /// Opens a socket for datagrams.
    ///
    /// # Errors
    /// If the port is taken.
    pub fn datagrams(&self, port: u16) -> io::Result<Socket> {
        let port = self.port(port);
        match self.0.borrow_mut().boxes.insert(port, VecDeque::new()) {
            Some(_) => Err(ErrorKind::AddrInUse.into()),
            None => Ok(Socket { network: self.clone(), port }),
        }
    }
}

/// Somebody who listens.
pub struct Door {
    network: Network,
    port: u16,
}

impl Door {
    /// The next connection.
    pub async fn next(&self) -> End {
        poll_fn(|cx| {
            let next = self.network.0.borrow_mut().doors.get_mut(&self.port).and_then(VecDeque::pop_front);
            next.map_or_else(|| self.network.wait(cx), Poll::Ready)
        })
        .await
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let turned_away = self.network.0.borrow_mut().doors.remove(&self.port);
        drop(turned_away);
    }
}

impl Listener for Door {
    fn accept(&self) -> Task<'_, io::Result<Box<dyn Connection>>> {
        Box::pin(async { Ok(Box::new(self.next().await) as Box<dyn Connection>) })
    }

    fn port(&self) -> u16 {
        self.port
    }
}

/// A socket for datagrams.
pub struct Socket {
    network: Network,
    port: u16,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.network.0.borrow_mut().boxes.remove(&self.port);
    }
}

impl Datagrams for Socket {
    fn send_to<'a>(&'a self, bytes: &'a [u8], to: SocketAddr) -> Task<'a, io::Result<()>> {
        Box::pin(async move {
            // To nobody it goes as well, and is lost.
            if let Some(to) = self.network.0.borrow_mut().boxes.get_mut(&to.port()) {
                to.push_back((bytes.to_vec(), at(self.port)));
            }
            self.network.stir();
            Ok(())
        })
    }

    fn receive(&self) -> Task<'_, io::Result<(Vec<u8>, SocketAddr)>> {
        Box::pin(poll_fn(|cx| {
            let next = self.network.0.borrow_mut().boxes.get_mut(&self.port).and_then(VecDeque::pop_front);
            match next {
                Some(next) => {
                    self.network.0.borrow_mut().moves += 1;
                    Poll::Ready(Ok(next))
                }
                None => self.network.wait(cx),
            }
        }))
    }

    fn port(&self) -> u16 {
        self.port
    }
}

/// One direction of a connection.
#[derive(Default)]
struct Way {
    bytes: VecDeque<u8>,
    over: Option<Over>,
}

/// How a direction is over.
#[derive(Clone, Copy, PartialEq)]
enum Over {
    Ended,
    Aborted,
}

/// An end of a connection. Dropped, it is closed: with a reset, if something has come that was not read.
pub struct End {
    network: Network,
    comes: Rc<RefCell<Way>>,
    goes: Rc<RefCell<Way>>,
    local: SocketAddr,
    remote: SocketAddr,
}

impl End {
    fn abort(&self) {
        for way in [&self.comes, &self.goes] {
            way.borrow_mut().over = Some(Over::Aborted);
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let unread = !self.comes.borrow().bytes.is_empty();
        if unread {
            self.abort();
        }
        // Whoever writes from now on is told.
        self.comes.borrow_mut().over = Some(Over::Aborted);
        self.goes.borrow_mut().over.get_or_insert(Over::Ended);
        self.network.stir();
    }
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut way = self.comes.borrow_mut();
        if way.bytes.is_empty() {
            return match way.over {
                Some(Over::Ended) => Poll::Ready(Ok(())),
                Some(Over::Aborted) => Poll::Ready(Err(ErrorKind::ConnectionReset.into())),
                None => self.network.wait(cx),
            };
        }
        let count = way.bytes.len().min(buffer.remaining());
        let bytes: Vec<u8> = way.bytes.drain(..count).collect();
        buffer.put_slice(&bytes);
        drop(way);
        self.network.stir();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut way = self.goes.borrow_mut();
        if way.over.is_some() {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        let count = bytes.len().min(ROOM - way.bytes.len());
        if count == 0 && !bytes.is_empty() {
            return self.network.wait(cx);
        }
        way.bytes.extend(&bytes[..count]);
        drop(way);
        self.network.stir();
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.goes.borrow_mut().over.get_or_insert(Over::Ended);
        self.network.stir();
        Poll::Ready(Ok(()))
    }
}

impl Connection for End {
    fn reset(self: Box<Self>) {
        self.abort();
    }

    fn unread(&self) -> Option<u64> {
        Some(self.goes.borrow().bytes.len() as u64)
    }

    fn remote(&self) -> SocketAddr {
        self.remote
    }

    fn local(&self) -> Option<SocketAddr> {
        Some(self.local)
    }
}
