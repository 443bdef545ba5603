//! `turmoil-net` as the model of TCP, with what it lacks made up for.
//!
//! | turmoil-net 0.1 | here |
//! |---|---|
//! | a client's port cannot be chosen; re-listening is refused while children live | ports are translated: inside every socket has a port of turmoil's choice, outside the caller's |
//! | the window opens again only after one large read | received bytes are drained in one go into a buffer of ours |
//! | a reset discards what was received | drained before the reset is handed over |
//! | data to a closed end is swallowed | answered with RST |
//! | no abort | RST with the right numbers to the other end, and to its own |
//! | retransmission and time-outs count passes | switched off: the wire loses no segment, it delays it |

mod packets;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use turmoil_net::shim::tokio::net::{TcpListener, TcpStream};
use turmoil_net::{EnterGuard, KernelConfig, Net, Transport};

use crate::network::{Arrival, ConnectionId, ListenerId, Received, Stage, TcpModel};
use crate::packet::Packet;

/// Bytes that a receiver takes in before its program reads.
const BUFFER: usize = 64 * 1024;

/// Bytes that wait to be acknowledged: a power of two, because programs' buffers are, and less than the largest
/// window, so that a full buffer leaves a loopback as one segment and not as a large one and a crumb.
const SENT: usize = 32 * 1024;

type Binding = Pin<Box<dyn Future<Output = io::Result<TcpListener>>>>;
type Opening = Pin<Box<dyn Future<Output = io::Result<TcpStream>>>>;

enum Inner {
    Opening(Opening),
    /// The handshake runs on the listener's side.
    Knocking(ListenerId),
    Open(TcpStream),
    /// The owner is done; turmoil finishes the exchange.
    Closed,
    Dead,
}

struct Connection {
    host: usize,
    local: SocketAddr,
    remote: SocketAddr,
    inside: u16,
    inner: Inner,
    stage: Stage,
    received: VecDeque<u8>,
    ended: bool,
    shut: bool,
    next_sent: u32,
    next_expected: u32,
    peer_acknowledged: u32,
    fin_sent: bool,
    fin_received: bool,
    closed_first: bool,
}

struct Listening {
    host: usize,
    inside: u16,
    listener: TcpListener,
}

/// Turmoil's kernels, one per host.
pub struct Turmoil {
    pending: Option<Net>,
    entered: Option<EnterGuard>,
    hosts: Vec<(turmoil_net::HostId, Vec<IpAddr>)>,
    listeners: BTreeMap<ListenerId, Listening>,
    connections: BTreeMap<ConnectionId, Connection>,
    by_ends: HashMap<(usize, u16, SocketAddr), ConnectionId>,
    outside: HashMap<(usize, bool, u16), u16>,
    outbox: Vec<Packet>,
    /// Something may be waiting inside turmoil to become packets.
    stirred: bool,
    next: u64,
    scratch: Vec<u8>,
    raw: Vec<turmoil_net::Packet>,
}

fn poll_once<T>(future: &mut Pin<Box<dyn Future<Output = T>>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(match error.kind() {
        io::ErrorKind::AddrInUse => libc::EADDRINUSE,
        io::ErrorKind::AddrNotAvailable => libc::EADDRNOTAVAIL,
        _ => libc::EIO,
    })
}

impl Turmoil {
    /// No hosts yet. `mtu` is the largest IP packet in bytes.
    pub fn new(mtu: u32) -> Self {
        let settings = KernelConfig::default()
            .mtu(mtu)
            .send_buf_cap(SENT)
            .recv_buf_cap(BUFFER)
            // The queue is the caller's to bound; turmoil's must never be the one that overflows.
            .default_backlog(usize::MAX)
            .retx_threshold(u32::MAX)
            .retx_max(u32::MAX);
        Self {
            pending: Some(Net::with_config(settings)),
            entered: None,
            hosts: Vec::new(),
            listeners: BTreeMap::new(),
            connections: BTreeMap::new(),
            by_ends: HashMap::new(),
            outside: HashMap::new(),
            outbox: Vec::new(),
            stirred: false,
            next: 0,
            scratch: vec![0; BUFFER],
            raw: Vec::new(),
        }
    }

    fn enter(&mut self, host: usize) -> &EnterGuard {
        let guard = self.entered.get_or_insert_with(|| self.pending.take().unwrap_or_default().enter());
        guard.set_current(self.hosts[host].0);
        guard
    }

    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn wildcard(v6: bool) -> SocketAddr {
        let address: IpAddr = if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        SocketAddr::new(address, 0)
    }
}

impl TcpModel for Turmoil {
    fn add_host(&mut self, addresses: &[IpAddr]) -> usize {
        if let Some(net) = &mut self.pending {
            let id = net.add_host(addresses.to_vec());
            self.hosts.push((id, addresses.to_vec()));
        }
        self.hosts.len() - 1
    }

    fn listen(&mut self, host: usize, v6: bool, port: u16) -> Result<ListenerId, i32> {
        self.enter(host);
        let mut bind: Binding = Box::pin(TcpListener::bind(Self::wildcard(v6)));
        let listener = match poll_once(&mut bind) {
            Poll::Ready(Ok(listener)) => listener,
            Poll::Ready(Err(error)) => return Err(errno(&error)),
            Poll::Pending => return Err(libc::EIO),
        };
        let inside = listener.local_addr().map_err(|error| errno(&error))?.port();
        self.outside.insert((host, v6, inside), port);
        let id = ListenerId(self.fresh());
        self.listeners.insert(id, Listening { host, inside, listener });
        Ok(id)
    }

    fn connection_at(&self, host: usize, local: SocketAddr, remote: SocketAddr) -> Option<ConnectionId> {
        self.by_ends.get(&(host, local.port(), remote)).copied()
    }

    fn lingers(&self, host: usize, port: u16) -> bool {
        self.connections.values().any(|one| {
            let first = if one.fin_sent { one.closed_first } else { !one.fin_received };
            one.host == host && one.local.port() == port && matches!(one.inner, Inner::Closed) && first
        })
    }

    fn close_listener(&mut self, listener: ListenerId) {
        let Some(host) = self.listeners.get(&listener).map(|one| one.host) else { return };
        let waiting: Vec<_> = self
            .connections
            .iter()
            .filter(|(_, one)| matches!(one.inner, Inner::Knocking(at) if at == listener))
            .map(|(id, _)| *id)
            .collect();
        for id in waiting {
            self.abort(id);
        }
        self.enter(host);
        self.listeners.remove(&listener);
        self.stirred = true;
    }

    fn connect(&mut self, host: usize, local: SocketAddr, remote: SocketAddr) -> Result<ConnectionId, i32> {
        // Earlier packets first, so that the next new SYN of this host is the one made here.
        self.stirred = true;
        self.collect();
        self.enter(host);
        let mut future: Opening = Box::pin(TcpStream::connect(remote));
        if let Poll::Ready(Err(error)) = poll_once(&mut future) {
            return Err(errno(&error));
        }
        let Some(guard) = &self.entered else { return Err(libc::EIO) };
        let mut raw = Vec::new();
        guard.egress_all(&mut raw);
        let inside = raw
            .iter()
            .find_map(|packet| match &packet.payload {
                Transport::Tcp(segment) if segment.flags.syn => Some(segment.src_port),
                _ => None,
            })
            .ok_or(libc::EIO)?;
        self.outside.insert((host, local.is_ipv6(), inside), local.port());
        let id = ConnectionId(self.fresh());
        self.by_ends.insert((host, local.port(), remote), id);
        self.connections.insert(id, Connection::new(host, local, remote, inside, Inner::Opening(future)));
        self.raw = raw;
        self.stirred = true;
        self.collect();
        Ok(id)
    }

    fn stage(&self, connection: ConnectionId) -> Stage {
        self.connections.get(&connection).map_or(Stage::Reset, |one| one.stage)
    }

    fn ends(&self, connection: ConnectionId) -> Option<(SocketAddr, SocketAddr)> {
        self.connections.get(&connection).map(|one| (one.local, one.remote))
    }

    fn readable(&self, connection: ConnectionId) -> (usize, bool) {
        self.connections.get(&connection).map_or((0, true), |one| (one.received.len(), one.ended))
    }

    fn peer_finished(&self, connection: ConnectionId) -> bool {
        self.connections.get(&connection).is_none_or(|one| one.fin_received)
    }

    fn writable(&self, connection: ConnectionId) -> bool {
        match self.connections.get(&connection) {
            Some(Connection { host, inner: Inner::Open(stream), shut: false, .. }) => {
                // The stream is looked up in whichever kernel was entered last.
                if let Some(guard) = &self.entered {
                    guard.set_current(self.hosts[*host].0);
                }
                stream.try_write(b"").is_ok()
            }
            _ => false,
        }
    }

    fn drained(&self, connection: ConnectionId) -> bool {
        self.connections.get(&connection).is_none_or(|one| one.peer_acknowledged == one.next_sent)
    }

    fn receive(&mut self, id: ConnectionId, buffer: &mut [u8], peek: bool) -> Received {
        let Some(connection) = self.connections.get_mut(&id) else { return Received::End };
        let length = connection.received.len().min(buffer.len());
        if length == 0 {
            return if connection.ended { Received::End } else { Received::Nothing };
        }
        let (front, back) = connection.received.as_slices();
        let first = front.len().min(length);
        buffer[..first].copy_from_slice(&front[..first]);
        buffer[first..length].copy_from_slice(&back[..length - first]);
        if !peek {
            connection.received.drain(..length);
            self.drain(id, false);
        }
        Received::Data(length)
    }

    fn send(&mut self, id: ConnectionId, data: &[u8]) -> usize {
        let Some(host) = self.connections.get(&id).map(|one| one.host) else { return 0 };
        self.enter(host);
        match self.connections.get(&id) {
            Some(Connection { inner: Inner::Open(stream), shut: false, .. }) => {
                self.stirred = true;
                stream.try_write(data).unwrap_or(0)
            }
            _ => 0,
        }
    }

    fn shutdown(&mut self, id: ConnectionId) {
        let Some(host) = self.connections.get(&id).map(|one| one.host) else { return };
        self.enter(host);
        if let Some(connection) = self.connections.get_mut(&id)
            && let Inner::Open(stream) = &mut connection.inner
            && !std::mem::replace(&mut connection.shut, true)
        {
            // Never pending: the FIN is queued behind what was written.
            let _ = tokio::io::AsyncWrite::poll_shutdown(Pin::new(stream), &mut Context::from_waker(Waker::noop()));
            self.stirred = true;
        }
    }

    fn close(&mut self, id: ConnectionId) {
        self.drain(id, true);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match connection.inner {
            Inner::Open(_) if connection.received.is_empty() => {
                let host = connection.host;
                self.enter(host);
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.inner = Inner::Closed;
                    self.stirred = true;
                    self.collect();
                    self.follow(id);
                }
            }
            Inner::Open(_) | Inner::Knocking(_) => self.abort(id),
            Inner::Opening(_) | Inner::Dead => {
                self.silence(id);
                self.connections.remove(&id);
            }
            Inner::Closed => {}
        }
    }

    fn abort(&mut self, id: ConnectionId) {
        self.collect();
        let Some(connection) = self.connections.get(&id) else { return };
        if matches!(connection.inner, Inner::Open(_) | Inner::Knocking(_) | Inner::Closed) {
            let (local, remote) = (connection.local, connection.remote);
            let (sequence, acknowledgment) = (connection.next_sent, connection.next_expected);
            self.push_reset(local, remote, sequence, Some(acknowledgment));
        }
        self.silence(id);
        self.connections.remove(&id);
    }

    fn is_forgotten(&mut self, id: ConnectionId) {
        self.collect();
        if let Some(connection) = self.connections.get(&id) {
            let (local, remote, sequence) = (connection.local, connection.remote, connection.next_expected);
            self.push_reset(remote, local, sequence, None);
        }
    }

    fn egress(&mut self, out: &mut Vec<Packet>) {
        self.collect();
        out.append(&mut self.outbox);
    }

    fn deliver(&mut self, host: usize, packet: Packet, listener: Option<ListenerId>) -> Arrival {
        self.arrive(host, packet, listener)
    }
}

impl Connection {
    fn new(host: usize, local: SocketAddr, remote: SocketAddr, inside: u16, inner: Inner) -> Self {
        Self {
            host,
            local,
            remote,
            inside,
            inner,
            stage: Stage::Opening,
            received: VecDeque::new(),
            ended: false,
            shut: false,
            next_sent: 0,
            next_expected: 0,
            peer_acknowledged: 0,
            fin_sent: false,
            fin_received: false,
            closed_first: false,
        }
    }
}

impl Drop for Turmoil {
    fn drop(&mut self) {
        // Streams close themselves through the thread's current network: it must outlive them.
        self.listeners.clear();
        self.connections.clear();
        self.entered = None;
    }
}
