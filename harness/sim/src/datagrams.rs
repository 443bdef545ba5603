//! What can be done with a datagram socket.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::hosts::unmapped;
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
        let to = to.or(self.socket(id)?.remote).ok_or(libc::EDESTADDRREQ)?;
        if to.port() == 0 {
            return Err(libc::EINVAL);
        }
        if data.len() > LARGEST {
            return Err(libc::EMSGSIZE);
        }
        let port = self.bind_if_needed(id)?;
        if self.asks_for_name(host, to) {
            self.answer_name(host, port, to, data);
            return Ok(data.len());
        }
        let ip = unmapped(to.ip());
        let everybody = match ip {
            std::net::IpAddr::V4(v4) => v4.is_broadcast() || (v4.octets()[0] == 10 && v4.octets()[3] == 255),
            std::net::IpAddr::V6(_) => false,
        };
        if everybody && !broadcast {
            return Err(libc::EACCES);
        }
        let payload = Datagram { source_port: port, destination_port: to.port(), data: Bytes::copy_from_slice(data) };
        if everybody {
            for index in (0..self.hosts.len()).filter(|index| *index != host) {
                let packet = Packet {
                    source: self.hosts[host].address(false),
                    destination: ip,
                    ttl: 64,
                    payload: Payload::Udp(payload.clone()),
                };
                self.send_packet(host, UnderWay { to: index, packet, loopback: false, attempts: 0 });
            }
            return Ok(data.len());
        }
        let route = self.route(host, false, SocketAddr::new(ip, to.port()))?;
        if route.address.is_ipv6() && !self.socket(id)?.v6 {
            return Err(libc::EAFNOSUPPORT);
        }
        let v6 = route.address.is_ipv6();
        let packet = Packet {
            source: if route.host == host { self.hosts[host].mirror(v6) } else { self.hosts[host].address(v6) },
            destination: self.hosts[route.host].address(v6),
            ttl: 64,
            payload: Payload::Udp(payload),
        };
        self.send_packet(host, UnderWay { to: route.host, packet, loopback: route.loopback, attempts: 0 });
        Ok(data.len())
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
