//! What can be done with a datagram socket.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::hosts::{Everybody, unmapped};
use crate::packet::{Datagram, Packet, Payload};
use crate::sockets::{Net, Role, SocketId, Waiting};
use crate::wire::UnderWay;

/// Largest payload of a datagram over IPv4 (65 535 − 20 − 8).
const LARGEST: usize = 65_507;

/// Bytes that may wait in one socket (Linux: `net.core.rmem_default`).
pub(crate) const RECEIVE_BUFFER: usize = 212_992;

impl Net {
    /// Fixes the other end of a datagram socket.
    pub fn connect_datagram(&mut self, id: SocketId, to: SocketAddr) -> Result<(), i32> {
        let socket = self.socket(id)?;
        let (host, v6) = (socket.host, socket.v6);
        if self.asks_for_name(host, to) {
            self.bind_if_needed(id)?;
            let socket = self.socket_mut(id)?;
            socket.remote = Some(to);
            socket.remote_wire = Some(SocketAddr::new(unmapped(to.ip()), to.port()));
            return Ok(());
        }
        if let Some(whom) = self.hosts[host].everybody(unmapped(to.ip())) {
            if !self.socket(id)?.broadcast {
                return Err(libc::EACCES);
            }
            self.bind_if_needed(id)?;
            let socket = self.socket_mut(id)?;
            socket.remote = Some(to);
            socket.remote_wire = Some(SocketAddr::new(unmapped(to.ip()), to.port()));
            socket.loopback = whom == Everybody::Here;
            return Ok(());
        }
        let route = self.route(host, false, to)?;
        if route.address.is_ipv6() && !v6 {
            return Err(libc::EAFNOSUPPORT);
        }
        self.bind_if_needed(id)?;
        let wire = SocketAddr::new(route.address, to.port());
        let shown = self.shown(v6, wire, route.loopback);
        let socket = self.socket_mut(id)?;
        socket.remote = Some(if to.ip().is_unspecified() { shown } else { to });
        socket.remote_wire = Some(wire);
        socket.loopback = route.loopback;
        Ok(())
    }

    /// Releases a datagram socket from its other end (`AF_UNSPEC`).
    pub fn disconnect_datagram(&mut self, id: SocketId) -> Result<(), i32> {
        let socket = self.socket_mut(id)?;
        socket.remote = None;
        socket.remote_wire = None;
        Ok(())
    }

    /// Sends one datagram.
    pub fn send_datagram(&mut self, id: SocketId, data: &[u8], to: Option<SocketAddr>) -> Result<usize, i32> {
        let socket = self.socket(id)?;
        let (host, broadcast) = (socket.host, socket.broadcast);
        if socket.write_shut {
            return Err(libc::EPIPE);
        }
        if let Some(error) = self.take_error(id) {
            return Err(error);
        }
        let connected = to.is_none();
        let to = to.or(self.socket(id)?.remote).ok_or(libc::EDESTADDRREQ)?;
        if to.port() == 0 {
            return Err(libc::EINVAL);
        }
        if data.len() > LARGEST {
            return Err(libc::EMSGSIZE);
        }
        let port = self.bind_if_needed(id)?;
        if self.asks_for_name(host, to) {
            self.answer_name(id, port, to, data);
            return Ok(data.len());
        }
        let ip = unmapped(to.ip());
        let everybody = self.hosts[host].everybody(ip);
        // Who is connected was asked for it then (Linux: udp_sendmsg).
        if everybody.is_some() && !broadcast && !connected {
            return Err(libc::EACCES);
        }
        let payload = Datagram { source_port: port, destination_port: to.port(), data: Bytes::copy_from_slice(data) };
        if let Some(whom) = everybody {
            self.send_to_everybody(host, whom, ip, &payload);
            return Ok(data.len());
        }
        let route = self.route(host, false, SocketAddr::new(ip, to.port()))?;
        if route.address.is_ipv6() && !self.socket(id)?.v6 {
            return Err(libc::EAFNOSUPPORT);
        }
        // It waits for somebody to have the address, until Linux gives that up and tells nobody.
        let Some(to) = route.host else { return Ok(data.len()) };
        let v6 = route.address.is_ipv6();
        let packet = Packet {
            source: if to == host { self.hosts[host].mirror(v6) } else { self.hosts[host].address(v6) },
            destination: self.hosts[to].address(v6),
            ttl: 64,
            payload: Payload::Udp(payload),
        };
        self.send_packet(host, UnderWay { to, packet, loopback: route.loopback, attempts: 0 });
        Ok(data.len())
    }

    /// A copy for every host that is meant, the sender's own among them (Linux: ip_mc_output).
    fn send_to_everybody(&mut self, host: usize, whom: Everybody, address: IpAddr, payload: &Datagram) {
        let others = (0..self.hosts.len()).filter(|index| *index != host && whom == Everybody::OnLink);
        // What nobody here can be given is left out: it would only be one more packet to look at.
        let here = self.ports.contains_key(&(host, false, payload.destination_port));
        for to in others.chain(here.then_some(host)) {
            let packet = Packet {
                source: self.hosts[host].address(false),
                destination: address,
                ttl: 64,
                payload: Payload::Udp(payload.clone()),
            };
            self.send_packet(host, UnderWay { to, packet, loopback: whom == Everybody::Here, attempts: 0 });
        }
    }

    /// Takes the first waiting datagram. `Ok(None)`: none waits.
    pub fn receive_datagram(&mut self, id: SocketId, peek: bool) -> Result<Option<Waiting>, i32> {
        if let Some(error) = self.take_error(id) {
            return Err(error);
        }
        self.bind_if_needed(id)?;
        let socket = self.socket_mut(id)?;
        let shut = socket.read_shut;
        let Role::Datagram { queue, queued } = &mut socket.role else { return Err(libc::EINVAL) };
        if queue.is_empty() && shut {
            return Ok(Some(Waiting {
                data: Bytes::new(),
                from: socket.remote.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0))),
            }));
        }
        if peek {
            return Ok(queue.front().cloned());
        }
        let first = queue.pop_front();
        if let Some(waiting) = &first {
            *queued -= waiting.data.len();
        }
        Ok(first)
    }
}
