//! The socket table: what programs and peers hold, above the model of TCP.
//!
//! Owns names and ports, options, errors, queues of datagrams and who is to be told of a change. Streams are in
//! `streams.rs`, datagrams in `datagrams.rs`, arrivals in `delivery.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;

use crate::config::Config;
use crate::hosts::{Host, Route, loopback, unmapped, unspecified};
use crate::network::{ConnectionId, ListenerId, TcpModel};
use crate::packet::Packet;
use crate::random::{Draw, Purpose};
use crate::record::SocketLabel;
use crate::time::VirtualTime;
use crate::wire::Wire;

/// How long the port of the side that closed first rests (RFC 9293 section 3.6.1; Linux: 60 s).
const TIME_WAIT: Duration = Duration::from_secs(60);

/// Names a socket of the simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SocketId(pub u64);

/// A datagram that waits to be read.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub data: Bytes,
    pub from: SocketAddr,
}

/// What a socket has become.
#[derive(Debug)]
pub(crate) enum Role {
    Fresh,
    Listener {
        ids: Vec<ListenerId>,
        queue: VecDeque<(ConnectionId, SocketAddr)>,
        backlog: usize,
    },
    Stream(ConnectionId),
    Datagram {
        queue: VecDeque<Waiting>,
        queued: usize,
    },
    /// A connection that failed or was never made.
    Dead,
}

#[derive(Debug)]
pub(crate) struct Socket {
    pub label: SocketLabel,
    pub host: usize,
    pub v6: bool,
    pub stream: bool,
    pub role: Role,
    /// As the program bound it.
    pub bound: Option<SocketAddr>,
    /// The other end as the program named or is shown it.
    pub remote: Option<SocketAddr>,
    /// The other end on the wire, for a connected datagram socket.
    pub remote_wire: Option<SocketAddr>,
    pub loopback: bool,
    pub connected_once: bool,
    pub error: Option<i32>,
    pub read_shut: bool,
    pub write_shut: bool,
    pub options: BTreeMap<(i32, i32), Vec<u8>>,
    pub nonblocking: bool,
    pub receive_timeout: Option<Duration>,
    pub send_timeout: Option<Duration>,
    pub reuse_address: bool,
    pub reuse_port: bool,
    pub v6_only: bool,
    pub broadcast: bool,
    pub linger: Option<Duration>,
    /// Reads and writes so far, for schedules.
    pub reads: u64,
    pub writes: u64,
    /// A write found no room.
    pub starved: bool,
    /// Counts what an edge-triggered watcher is to be told.
    pub edges: u64,
    pub wakers: Vec<Waker>,
}

/// What `poll` is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Readiness {
    pub readable: bool,
    pub writable: bool,
    pub peer_closed: bool,
    pub hung_up: bool,
    pub failed: bool,
}

/// The network of one simulation.
pub(crate) struct Net {
    pub now: VirtualTime,
    pub config: Config,
    pub hosts: Vec<Host>,
    pub default_host: Option<usize>,
    /// Names of nobody that an IPv4 address was asked for.
    pub asked_for_v4: BTreeSet<String>,
    pub model: Box<dyn TcpModel>,
    pub sockets: BTreeMap<SocketId, Socket>,
    pub wire: Wire,
    /// Sockets whose readiness may have changed since this was last emptied.
    pub changed: BTreeSet<SocketId>,
    pub connections: HashMap<ConnectionId, SocketId>,
    pub listeners: HashMap<ListenerId, SocketId>,
    pub started: bool,
    /// Ports in use: host, stream, port.
    pub ports: BTreeMap<(usize, bool, u16), Vec<SocketId>>,
    resting: BTreeMap<(usize, u16), VirtualTime>,
    /// Client ends of connections that were meant for the own machine. Kept after the client's close: the server may
    /// accept later than that.
    pub loopback_ends: BTreeSet<SocketAddr>,
    /// Handshakes under way, and when Linux gives each up.
    pub connect_limits: BTreeSet<(VirtualTime, SocketId)>,
    pub scratch: Vec<Packet>,
    /// A peer was woken: it is to run before time goes on.
    pub peers_woken: bool,
    /// Who waits for somebody to listen.
    pub listen_wakers: Vec<Waker>,
    next_socket: u64,
    next_port: u16,
}

const FIRST_PORT: u16 = 32768;
const PORTS: u16 = 28232;

impl Net {
    pub fn new(config: Config, model: Box<dyn TcpModel>) -> Self {
        let offset = Draw::new(config.seed, Purpose::FirstPort, &[]).below(u64::from(PORTS)) as u16;
        let wire = Wire::new(&config);
        Self {
            now: VirtualTime::START,
            config,
            hosts: Vec::new(),
            default_host: None,
            asked_for_v4: BTreeSet::new(),
            model,
            sockets: BTreeMap::new(),
            wire,
            changed: BTreeSet::new(),
            connections: HashMap::new(),
            listeners: HashMap::new(),
            started: false,
            ports: BTreeMap::new(),
            resting: BTreeMap::new(),
            loopback_ends: BTreeSet::new(),
            connect_limits: BTreeSet::new(),
            scratch: Vec::new(),
            peers_woken: false,
            listen_wakers: Vec::new(),
            next_socket: 0,
            next_port: offset,
        }
    }

    pub fn add_host(&mut self, name: &str) -> usize {
        let host = Host::new(self.hosts.len(), name);
        self.model.add_host(&[host.address(false), host.address(true)]);
        self.hosts.push(host);
        self.hosts.len() - 1
    }

    /// A number for what is no socket of the network.
    pub fn unlabelled(&mut self) -> SocketId {
        self.started = true;
        self.next_socket += 1;
        SocketId(self.next_socket)
    }

    pub fn open(&mut self, host: usize, v6: bool, stream: bool) -> SocketId {
        let id = self.unlabelled();
        self.hosts[host].sockets_made += 1;
        let label = SocketLabel { host, number: self.hosts[host].sockets_made };
        let role = if stream { Role::Fresh } else { Role::Datagram { queue: VecDeque::new(), queued: 0 } };
        self.sockets.insert(
            id,
            Socket {
                label,
                host,
                v6,
                stream,
                role,
                bound: None,
                remote: None,
                remote_wire: None,
                loopback: false,
                connected_once: false,
                error: None,
                read_shut: false,
                write_shut: false,
                options: BTreeMap::new(),
                nonblocking: false,
                receive_timeout: None,
                send_timeout: None,
                reuse_address: false,
                reuse_port: false,
                v6_only: false,
                broadcast: false,
                linger: None,
                reads: 0,
                writes: 0,
                starved: false,
                edges: 0,
                wakers: Vec::new(),
            },
        );
        id
    }

    pub fn socket(&self, id: SocketId) -> Result<&Socket, i32> {
        self.sockets.get(&id).ok_or(libc::EBADF)
    }

    pub fn socket_mut(&mut self, id: SocketId) -> Result<&mut Socket, i32> {
        self.sockets.get_mut(&id).ok_or(libc::EBADF)
    }

    /// Tells everybody who waits for this socket.
    pub fn mark(&mut self, id: SocketId) {
        self.changed.insert(id);
        if let Some(socket) = self.sockets.get_mut(&id) {
            for waker in socket.wakers.drain(..) {
                self.peers_woken = true;
                waker.wake();
            }
        }
    }

    /// As `mark`, for something that an edge-triggered watcher is to be told.
    pub fn mark_edge(&mut self, id: SocketId) {
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.edges += 1;
        }
        self.mark(id);
    }

    /// Gives a socket its name.
    pub fn bind(&mut self, id: SocketId, address: SocketAddr) -> Result<(), i32> {
        let socket = self.socket(id)?;
        if socket.bound.is_some() {
            return Err(libc::EINVAL);
        }
        let (host, stream, v6) = (socket.host, socket.stream, socket.v6);
        let ip = unmapped(address.ip());
        if ip.is_ipv6() && !v6 {
            return Err(libc::EAFNOSUPPORT);
        }
        if !ip.is_unspecified() && !ip.is_loopback() && !self.hosts[host].has(ip) {
            return Err(libc::EADDRNOTAVAIL);
        }
        let port = if address.port() == 0 { self.free_port(host, stream)? } else { address.port() };
        if self.bind_conflict(id, host, stream, ip, port) {
            return Err(libc::EADDRINUSE);
        }
        self.hold_port(id, host, stream, port);
        let socket = self.socket_mut(id)?;
        socket.bound = Some(SocketAddr::new(address.ip(), port));
        socket.loopback |= ip.is_loopback();
        if !stream {
            self.announce_listener();
        }
        Ok(())
    }

    /// Tells everybody who waits for somebody to listen.
    pub fn announce_listener(&mut self) {
        for waker in self.listen_wakers.drain(..) {
            self.peers_woken = true;
            waker.wake();
        }
    }

    fn bind_conflict(&self, id: SocketId, host: usize, stream: bool, ip: IpAddr, port: u16) -> bool {
        let Some(own) = self.sockets.get(&id) else { return true };
        let rests = || self.resting.get(&(host, port)).is_some_and(|until| *until > self.now);
        // What is left of connections stands in nobody's way who shares (Linux: inet_csk_bind_conflict).
        let shares = own.reuse_address || own.reuse_port;
        let resting = stream && !shares && (rests() || self.model.lingers(host, port));
        resting
            || self.ports.get(&(host, stream, port)).is_some_and(|users| {
                users.iter().filter_map(|user| self.sockets.get(user)).any(|other| {
                    let theirs = other.bound.map_or(unspecified(other.v6), |bound| unmapped(bound.ip()));
                    let families = |any: bool, only: bool, a: IpAddr| any && (a.is_ipv4() || !only);
                    let overlap = if ip.is_ipv4() == theirs.is_ipv4() {
                        ip.is_unspecified() || theirs.is_unspecified() || ip == theirs
                    } else if ip.is_ipv6() {
                        families(ip.is_unspecified(), own.v6_only, theirs) && !own.v6_only
                    } else {
                        families(theirs.is_unspecified(), other.v6_only, ip) && !other.v6_only
                    };
                    let listening = matches!(other.role, Role::Listener { .. });
                    let shared = (own.reuse_port && other.reuse_port)
                        || (own.reuse_address && other.reuse_address && !(stream && listening));
                    overlap && !shared
                })
            })
    }

    pub fn hold_port(&mut self, id: SocketId, host: usize, stream: bool, port: u16) {
        self.ports.entry((host, stream, port)).or_default().push(id);
    }

    /// A port that no host uses: two programs that see each other as 127.0.0.1 must not share one.
    pub fn free_port(&mut self, host: usize, stream: bool) -> Result<u16, i32> {
        for _ in 0..PORTS {
            let port = FIRST_PORT + self.next_port;
            self.next_port = (self.next_port + 1) % PORTS;
            let used = (0..self.hosts.len()).any(|host| self.ports.contains_key(&(host, stream, port)));
            let rests = self.resting.get(&(host, port)).is_some_and(|until| *until > self.now);
            if !(used || stream && rests) {
                return Ok(port);
            }
        }
        Err(libc::EADDRINUSE)
    }

    /// Binds a socket that was not bound to a port of the simulation's choice.
    pub fn bind_if_needed(&mut self, id: SocketId) -> Result<u16, i32> {
        let socket = self.socket(id)?;
        let (host, stream, v6) = (socket.host, socket.stream, socket.v6);
        if let Some(bound) = socket.bound {
            return Ok(bound.port());
        }
        let port = self.free_port(host, stream)?;
        self.hold_port(id, host, stream, port);
        self.socket_mut(id)?.bound = Some(SocketAddr::new(unspecified(v6), port));
        Ok(port)
    }

    /// Keeps a port from being bound again without `SO_REUSEADDR`.
    pub fn rest(&mut self, host: usize, port: u16) {
        let until = self.now + TIME_WAIT;
        self.resting.insert((host, port), until);
    }

    /// Where a destination leads that a socket of `host` names.
    pub fn route(&self, host: usize, stream: bool, to: SocketAddr) -> Result<Route, i32> {
        let ip = unmapped(to.ip());
        let v6 = ip.is_ipv6();
        let own = |loopback| Route { host, address: self.hosts[host].mirror(v6), loopback };
        let other = |index: usize, loopback| Route { host: index, address: self.hosts[index].address(v6), loopback };
        if ip.is_loopback() || ip.is_unspecified() {
            if self.serves(host, stream, v6, to.port()) {
                return Ok(own(true));
            }
            let others = || (0..self.hosts.len()).filter(|index| *index != host);
            return Ok(others()
                .find(|index| self.serves(*index, stream, v6, to.port()))
                .or_else(|| self.default_host.filter(|index| *index != host))
                .or_else(|| others().next())
                .map_or_else(|| own(true), |index| other(index, true)));
        }
        if self.hosts[host].has(ip) {
            return Ok(own(false));
        }
        self.hosts
            .iter()
            .position(|candidate| candidate.has(ip) || candidate.is_mirror(ip))
            .or(self.default_host)
            .map(|index| other(index, false))
            .ok_or(libc::ENETUNREACH)
    }

    fn serves(&self, host: usize, stream: bool, v6: bool, port: u16) -> bool {
        self.ports.get(&(host, stream, port)).is_some_and(|users| {
            users.iter().filter_map(|user| self.sockets.get(user)).any(|socket| {
                let listens = !stream || matches!(socket.role, Role::Listener { .. });
                listens && (socket.v6 == v6 || (socket.v6 && !socket.v6_only))
            })
        })
    }

    /// A wire address as a socket is to be shown it.
    pub fn shown(&self, v6: bool, wire: SocketAddr, as_loopback: bool) -> SocketAddr {
        let family = wire.is_ipv6();
        let ip = if as_loopback {
            loopback(family)
        } else {
            self.hosts.iter().find(|host| host.is_mirror(wire.ip())).map_or(wire.ip(), |host| host.address(family))
        };
        let ip = match ip {
            IpAddr::V4(v4) if v6 => v4.to_ipv6_mapped().into(),
            _ => ip,
        };
        SocketAddr::new(ip, wire.port())
    }

    /// The name of a socket, as `getsockname` shows it.
    pub fn local_address(&self, id: SocketId) -> Result<SocketAddr, i32> {
        let socket = self.socket(id)?;
        if let Role::Stream(connection) = socket.role
            && let Some((local, _)) = self.model.ends(connection)
        {
            return Ok(self.shown(socket.v6, local, socket.loopback));
        }
        let bound = socket.bound.unwrap_or_else(|| SocketAddr::new(unspecified(socket.v6), 0));
        if let Some(remote) = socket.remote_wire
            && bound.ip().is_unspecified()
        {
            let own = self.hosts[socket.host].address(remote.is_ipv6());
            return Ok(self.shown(socket.v6, SocketAddr::new(own, bound.port()), socket.loopback));
        }
        Ok(bound)
    }

    /// Takes the error that waits on a socket.
    pub fn take_error(&mut self, id: SocketId) -> Option<i32> {
        self.sockets.get_mut(&id)?.error.take()
    }

    /// The last holder of a socket is gone.
    pub fn close(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get(&id) else { return };
        let (host, stream) = (socket.host, socket.stream);
        let hard = socket.linger == Some(Duration::ZERO);
        match &socket.role {
            Role::Stream(connection) => {
                let connection = *connection;
                self.connections.remove(&connection);
                if hard {
                    self.model.abort(connection);
                } else {
                    self.model.close(connection);
                }
            }
            Role::Listener { ids, queue, .. } => {
                let (ids, queue) = (ids.clone(), queue.clone());
                for (connection, _) in queue {
                    self.model.abort(connection);
                }
                for listener in ids {
                    self.listeners.remove(&listener);
                    self.model.close_listener(listener);
                }
            }
            Role::Fresh | Role::Datagram { .. } | Role::Dead => {}
        }
        if let Some(socket) = self.sockets.remove(&id)
            && let Some(bound) = socket.bound
        {
            let key = (host, stream, bound.port());
            if let Some(users) = self.ports.get_mut(&key) {
                users.retain(|user| *user != id);
                if users.is_empty() {
                    self.ports.remove(&key);
                }
            }
        }
        self.changed.insert(id);
        self.flush();
    }
}
