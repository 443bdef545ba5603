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

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use turmoil_net::shim::tokio::net::{TcpListener, TcpStream};
use turmoil_net::{EnterGuard, KernelConfig, Net, TcpFlags, TcpSegment, Transport};

use crate::network::{Arrival, ConnectionId, ListenerId, Received, Stage, TcpModel};
use crate::packet::{Flags, Packet, Payload, Segment};

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
    v6: bool,
    port: u16,
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

    /// Moves received bytes out of turmoil: as long as there is room here, or when `all`. A full buffer of
    /// turmoil's is thus emptied by one read, which is what makes it announce its window again.
    fn drain(&mut self, id: ConnectionId, all: bool) {
        let Some(host) = self.connections.get(&id).map(|connection| connection.host) else { return };
        self.enter(host);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Inner::Open(stream) = &connection.inner else { return };
        while !connection.ended && (all || connection.received.len() < BUFFER) {
            match stream.try_read(&mut self.scratch) {
                Ok(0) => connection.ended = true,
                Ok(length) => {
                    connection.received.extend(&self.scratch[..length]);
                    // A large read makes turmoil announce its window.
                    self.stirred |= length >= BUFFER / 2;
                }
                Err(_) => break,
            }
        }
    }

    /// Takes packets out of turmoil, translates their source port and follows their numbers.
    fn collect(&mut self) {
        if !std::mem::take(&mut self.stirred) {
            return;
        }
        let Some(guard) = &self.entered else { return };
        let mut raw = std::mem::take(&mut self.raw);
        guard.egress_all(&mut raw);
        for packet in raw.drain(..) {
            let Some(host) = self.hosts.iter().position(|(_, addresses)| addresses.contains(&packet.src)) else {
                continue;
            };
            let Transport::Tcp(segment) = packet.payload else { continue };
            let v6 = packet.src.is_ipv6();
            let Some(port) = self.outside.get(&(host, v6, segment.src_port)).copied() else { continue };
            let remote = SocketAddr::new(packet.dst, segment.dst_port);
            if let Some(id) = self.by_ends.get(&(host, port, remote))
                && let Some(connection) = self.connections.get_mut(id)
            {
                connection.next_sent = segment
                    .seq
                    .wrapping_add(segment.payload.len() as u32)
                    .wrapping_add(u32::from(segment.flags.syn))
                    .wrapping_add(u32::from(segment.flags.fin));
                connection.next_expected = segment.ack;
                if segment.flags.fin {
                    connection.fin_sent = true;
                    connection.closed_first = !connection.fin_received;
                }
            }
            self.outbox.push(Packet {
                source: packet.src,
                destination: packet.dst,
                ttl: packet.ttl,
                payload: Payload::Tcp(Segment {
                    source_port: port,
                    destination_port: segment.dst_port,
                    sequence: segment.seq,
                    acknowledgment: segment.ack,
                    flags: Flags {
                        syn: segment.flags.syn,
                        ack: segment.flags.ack,
                        fin: segment.flags.fin,
                        rst: segment.flags.rst,
                        psh: segment.flags.psh,
                    },
                    window: segment.window,
                    data: segment.payload,
                }),
            });
        }
        self.raw = raw;
    }

    fn push_reset(&mut self, from: SocketAddr, to: SocketAddr, sequence: u32, acknowledgment: Option<u32>) {
        self.outbox.push(Packet {
            source: from.ip(),
            destination: to.ip(),
            ttl: 64,
            payload: Payload::Tcp(Segment {
                source_port: from.port(),
                destination_port: to.port(),
                sequence,
                acknowledgment: acknowledgment.unwrap_or(0),
                flags: Flags { rst: true, ack: acknowledgment.is_some(), ..Flags::default() },
                window: 0,
                data: Bytes::new(),
            }),
        });
    }

    /// Makes turmoil forget a connection, as if the other end had reset it.
    fn silence(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (host, inside) = (connection.host, connection.inside);
        let (local, remote) = (connection.local, connection.remote);
        let inner = std::mem::replace(&mut connection.inner, Inner::Dead);
        self.by_ends.remove(&(host, local.port(), remote));
        let reset = TcpSegment {
            src_port: remote.port(),
            dst_port: inside,
            seq: 0,
            ack: 0,
            flags: TcpFlags { rst: true, ..TcpFlags::default() },
            window: 0,
            payload: Bytes::new(),
        };
        self.enter(host).deliver(turmoil_net::Packet {
            src: remote.ip(),
            dst: local.ip(),
            ttl: 64,
            payload: Transport::Tcp(reset),
        });
        drop(inner);
        self.stirred = true;
    }

    fn wildcard(v6: bool) -> SocketAddr {
        let address: IpAddr = if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        SocketAddr::new(address, 0)
    }

    fn refuse(&mut self, packet: &Packet, segment: &Segment) {
        if segment.flags.rst {
            return;
        }
        let (from, to) = (packet.to(), packet.from());
        if segment.flags.ack {
            self.push_reset(from, to, segment.acknowledgment, None);
        } else {
            let length = segment.data.len() as u32 + u32::from(segment.flags.syn) + u32::from(segment.flags.fin);
            self.push_reset(from, to, 0, Some(segment.sequence.wrapping_add(length)));
        }
    }

    /// Follows an arriving segment; true when it must not reach turmoil.
    fn precede(&mut self, id: ConnectionId, segment: &Segment) -> bool {
        if segment.flags.rst {
            self.drain(id, true);
        }
        let Some(connection) = self.connections.get_mut(&id) else { return true };
        if segment.flags.ack {
            connection.peer_acknowledged = segment.acknowledgment;
        }
        if segment.flags.rst {
            connection.stage = match connection.inner {
                Inner::Opening(_) => Stage::Refused,
                _ => Stage::Reset,
            };
            let abandoned = matches!(connection.inner, Inner::Closed);
            self.silence(id);
            if abandoned {
                self.connections.remove(&id);
            }
            return true;
        }
        if matches!(connection.inner, Inner::Closed) && !segment.data.is_empty() {
            // Nobody will ever read it (RFC 9293 section 3.6.1).
            let (local, remote) = (connection.local, connection.remote);
            let (sequence, acknowledgment) = (connection.next_sent, connection.next_expected);
            self.silence(id);
            self.connections.remove(&id);
            self.push_reset(local, remote, sequence, Some(acknowledgment));
            return true;
        }
        connection.fin_received |= segment.flags.fin;
        false
    }

    fn follow(&mut self, id: ConnectionId) -> Arrival {
        let mut arrival = Arrival { changed: Some(id), ..Arrival::default() };
        let Some(connection) = self.connections.get_mut(&id) else { return arrival };
        let host = connection.host;
        match &mut connection.inner {
            Inner::Opening(future) => {
                if let Poll::Ready(result) = poll_once(future) {
                    match result {
                        Ok(stream) => {
                            connection.inner = Inner::Open(stream);
                            connection.stage = Stage::Open;
                        }
                        Err(_) => connection.stage = Stage::Refused,
                    }
                }
            }
            Inner::Knocking(listener) => {
                let listener = *listener;
                if let Some(listening) = self.listeners.get(&listener)
                    && let Poll::Ready(Ok((stream, _))) =
                        listening.listener.poll_accept(&mut Context::from_waker(Waker::noop()))
                {
                    connection.inner = Inner::Open(stream);
                    connection.stage = Stage::Open;
                    arrival.accepted = Some((listener, id, connection.remote));
                }
            }
            Inner::Open(_) => {}
            Inner::Closed | Inner::Dead => {
                let acknowledged = connection.peer_acknowledged == connection.next_sent;
                if connection.fin_sent && connection.fin_received && acknowledged {
                    arrival.finished = Some((id, connection.closed_first));
                    self.by_ends.remove(&(host, connection.local.port(), connection.remote));
                    self.connections.remove(&id);
                }
            }
        }
        self.drain(id, false);
        arrival
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
        self.listeners.insert(id, Listening { host, v6, port, inside, listener });
        Ok(id)
    }

    fn listener_at(&self, host: usize, v6: bool, port: u16) -> Option<ListenerId> {
        self.listeners.iter().find(|(_, one)| one.host == host && one.v6 == v6 && one.port == port).map(|(id, _)| *id)
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
            Some(Connection { inner: Inner::Open(stream), shut: false, .. }) => stream.try_write(b"").is_ok(),
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

    fn egress(&mut self, out: &mut Vec<Packet>) {
        self.collect();
        out.append(&mut self.outbox);
    }

    fn deliver(&mut self, host: usize, packet: Packet) -> Arrival {
        let (from, to) = (packet.from(), packet.to());
        let Payload::Tcp(segment) = &packet.payload else { return Arrival::default() };
        let mut arrival = Arrival::default();
        let id = match self.by_ends.get(&(host, to.port(), from)) {
            Some(id) => *id,
            None if segment.flags.syn && !segment.flags.ack => {
                let Some(listener) = self.listener_at(host, to.is_ipv6(), to.port()) else {
                    self.refuse(&packet, segment);
                    return arrival;
                };
                let inside = self.listeners[&listener].inside;
                let id = ConnectionId(self.fresh());
                self.by_ends.insert((host, to.port(), from), id);
                self.connections.insert(id, Connection::new(host, to, from, inside, Inner::Knocking(listener)));
                arrival.knocked = Some(listener);
                id
            }
            None => {
                self.refuse(&packet, segment);
                return arrival;
            }
        };
        if self.precede(id, segment) {
            arrival.changed = Some(id);
            return arrival;
        }
        let Some(inside) = self.connections.get(&id).map(|one| one.inside) else { return arrival };
        let inner = turmoil_net::Packet {
            src: packet.source,
            dst: packet.destination,
            ttl: packet.ttl,
            payload: Transport::Tcp(TcpSegment {
                src_port: segment.source_port,
                dst_port: inside,
                seq: segment.sequence,
                ack: segment.acknowledgment,
                flags: TcpFlags {
                    syn: segment.flags.syn,
                    ack: segment.flags.ack,
                    fin: segment.flags.fin,
                    rst: segment.flags.rst,
                    psh: segment.flags.psh,
                    urg: false,
                },
                window: segment.window,
                payload: segment.data.clone(),
            }),
        };
        self.enter(host).deliver(inner);
        self.stirred = true;
        // The numbers of the answer are needed to know whether the connection is over.
        self.collect();
        let knocked = arrival.knocked;
        Arrival { knocked, ..self.follow(id) }
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
