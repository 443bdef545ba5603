//! Ports: who may have which, who gets what arrives at one that is shared, and what a connection leaves of its own.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::hosts::{unmapped, unspecified};
use crate::network::ListenerId;
use crate::random::{Draw, Purpose};
use crate::sockets::{Net, Role, Socket, SocketId};
use crate::wire::address_key;

/// How long the port of the side that closed first rests (RFC 9293 section 3.6.1; Linux: 60 s).
const TIME_WAIT: Duration = Duration::from_secs(60);

/// The first port of those that the simulation chooses, and how many there are (Linux: ip_local_port_range).
const FIRST_PORT: u16 = 32768;
pub(crate) const PORTS: u16 = 28232;

/// With whom a socket shares its port: `SO_REUSEADDR` and `SO_REUSEPORT`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sharing {
    pub address: bool,
    pub port: bool,
}

impl Sharing {
    pub fn of(socket: &Socket) -> Self {
        Self { address: socket.reuse_address, port: socket.reuse_port }
    }

    /// Both have to allow it (socket(7)).
    fn with(self, other: Self) -> bool {
        self.address && other.address || self.port && other.port
    }
}

impl Net {
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
        let own = ip.is_loopback() || self.hosts[host].has(ip);
        // Where addresses of nobody lead to a machine, a program is on the machine whose address it has built in.
        let nobodys = || !ip.is_multicast() && !self.hosts.iter().any(|other| other.has(ip) || other.is_mirror(ip));
        let adopts = !own && !ip.is_unspecified() && self.default_host.is_some() && nobodys();
        // Bound to everybody's address a socket is given what is sent there and nothing else (Linux: inet_bind).
        if !ip.is_unspecified() && !own && !adopts && self.hosts[host].everybody(ip).is_none() {
            return Err(libc::EADDRNOTAVAIL);
        }
        let port = if address.port() == 0 { self.free_port(host, stream)? } else { address.port() };
        if self.bind_conflict(id, host, stream, ip, port) {
            return Err(libc::EADDRINUSE);
        }
        if adopts && self.hosts[host].everybody(ip).is_none() {
            self.hosts[host].aliases.push(ip);
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

    fn bind_conflict(&self, id: SocketId, host: usize, stream: bool, ip: IpAddr, port: u16) -> bool {
        let Some(own) = self.sockets.get(&id) else { return true };
        let rests = || self.resting.get(&(host, port)).is_some_and(|until| *until > self.now);
        // What is left of a connection stands in nobody's way who shares as the connection did: TIME_WAIT keeps its
        // socket's options (Linux: inet_twsk_alloc, inet_csk_bind_conflict).
        let sharing = Sharing::of(own);
        let left = self.left.get(&(host, port)).copied().unwrap_or_default();
        let resting = stream && !sharing.with(left) && (rests() || self.model.lingers(host, port));
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
                    // Beside a listener SO_REUSEADDR is of no use (socket(7)).
                    let listening = matches!(other.role, Role::Listener { .. });
                    let theirs = Sharing::of(other);
                    overlap && !sharing.with(Sharing { address: theirs.address && !listening, ..theirs })
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

    /// Which of several sockets that share a port is given a flow: always the same one, by a hash, as Linux does it
    /// (socket(7), SO_REUSEPORT).
    pub fn shared_out(&self, from: SocketAddr, to: SocketAddr, sockets: usize) -> usize {
        let keys = [address_key(from), address_key(to)];
        Draw::new(self.config.seed, Purpose::SharedPort, &keys).below(sockets as u64) as usize
    }

    /// The listener that a first segment goes to. One of the packet's own family goes before one of both (Linux:
    /// compute_score in inet_hashtables.c).
    pub fn listener_for(&self, host: usize, from: SocketAddr, to: SocketAddr) -> Option<(ListenerId, SocketId)> {
        let v6 = to.is_ipv6();
        let listening = |id: &SocketId| {
            let socket = self.sockets.get(id)?;
            let Role::Listener { ids, .. } = &socket.role else { return None };
            Some((socket.v6 == v6, ids[usize::from(v6)]?, *id))
        };
        let users = self.ports.get(&(host, true, to.port()))?;
        let mut found: Vec<_> = users.iter().filter_map(listening).collect();
        let exact = found.iter().any(|(own, ..)| *own);
        found.retain(|(own, ..)| *own == exact);
        found.get(self.shared_out(from, to, found.len())).map(|(_, listener, id)| (*listener, *id))
    }
}
