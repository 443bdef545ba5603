//! The socket table: what programs and peers hold, above the model of TCP.
//!
//! Owns names and routes, options, errors, queues of datagrams and who is to be told of a change. Ports are in
//! `ports.rs`, attempts to connect in `opening.rs`, streams in `streams.rs`, datagrams in `datagrams.rs`, arrivals in
//! `delivery.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;

use crate::config::Config;
use crate::hosts::{Host, Route, loopback, unmapped, unspecified};
use crate::network::{ConnectionId, ListenerId, TcpModel};
use crate::packet::Packet;
use crate::ports::{PORTS, Sharing};
use crate::random::{Draw, Purpose};
use crate::record::SocketLabel;
use crate::time::VirtualTime;
use crate::wire::Wire;

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
        /// Those of the model, for IPv4 and for IPv6.
        ids: [Option<ListenerId>; 2],
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
    /// Its program was not told yet what became of its attempt to connect.
    pub connecting: bool,
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
    /// Its program was told where to go: names and addresses of nobody lead nowhere.
    pub told_host: bool,
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
    /// The name of the machine, as the system tells it.
    pub machine: String,
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
    pub resting: BTreeMap<(usize, u16), VirtualTime>,
    /// How the last connection of a port that its program closed would have shared it: host, port.
    pub left: BTreeMap<(usize, u16), Sharing>,
    /// Client ends of connections that were meant for the own machine. Kept after the client's close: the server may
    /// accept later than that.
    pub loopback_ends: BTreeSet<SocketAddr>,
    /// Handshakes under way, when Linux gives each up and with which error.
    pub connect_limits: BTreeMap<(VirtualTime, SocketId), i32>,
    pub scratch: Vec<Packet>,
    /// A peer was woken: it is to run before time goes on.
    pub peers_woken: bool,
    /// Who waits for somebody to listen.
    pub listen_wakers: Vec<Waker>,
    next_socket: u64,
    pub next_port: u16,
}

impl Net {
    pub fn new(config: Config, model: Box<dyn TcpModel>) -> Self {
        let offset = Draw::new(config.seed, Purpose::FirstPort, &[]).below(u64::from(PORTS)) as u16;
        let wire = Wire::new(&config);
        Self {
            now: VirtualTime::START,
            config,
            hosts: Vec::new(),
            default_host: None,
            machine: std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned(),
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
            left: BTreeMap::new(),
            loopback_ends: BTreeSet::new(),
            connect_limits: BTreeMap::new(),
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
                connecting: false,
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
                told_host: false,
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

    /// Tells everybody who waits for somebody to listen.
    pub fn announce_listener(&mut self) {
        for waker in self.listen_wakers.drain(..) {
            self.peers_woken = true;
            waker.wake();
        }
    }

    /// Where a destination leads that a socket of `host` names.
    pub fn route(&self, host: usize, stream: bool, to: SocketAddr) -> Result<Route, i32> {
        self.route_or(host, stream, to, self.default_host)
    }

    /// Where what belongs to nobody leads, for the program of this socket.
    pub fn default_for(&self, id: SocketId) -> Option<usize> {
        self.default_host.filter(|_| !self.socket(id).is_ok_and(|socket| socket.told_host))
    }

    /// The same, where addresses of nobody lead to `default`.
    pub fn route_or(&self, host: usize, stream: bool, to: SocketAddr, default: Option<usize>) -> Result<Route, i32> {
        let ip = unmapped(to.ip());
        let v6 = ip.is_ipv6();
        let own = |loopback| Route { host: Some(host), address: self.hosts[host].mirror(v6), loopback };
        let other =
            |index: usize, loopback| Route { host: Some(index), address: self.hosts[index].address(v6), loopback };
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
        let on_link = self.hosts[host].on_link(ip);
        self.hosts
            .iter()
            .position(|candidate| candidate.has(ip) || candidate.is_mirror(ip))
            .or(default)
            // Nobody has the address, and the machine that stands for all others is the program's own.
            .map(|index| if index == host { own(false) } else { other(index, false) })
            .or_else(|| on_link.then_some(Route { host: None, address: ip, loopback: false }))
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
                let left = Sharing { address: socket.reuse_address, port: socket.reuse_port };
                if let Some(bound) = socket.bound {
                    self.left.insert((host, bound.port()), left);
                }
                self.connections.remove(&connection);
                if hard {
                    self.model.abort(connection);
                } else {
                    self.model.close(connection);
                }
            }
            Role::Listener { ids, queue, .. } => {
                let (ids, queue) = (*ids, queue.clone());
                for (connection, _) in queue {
                    self.model.abort(connection);
                }
                for listener in ids.into_iter().flatten() {
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
