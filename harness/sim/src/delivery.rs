//! Packets between the sockets and the wire, in both directions.

use std::net::SocketAddr;
use std::time::Duration;

use crate::datagrams::RECEIVE_BUFFER;
use crate::hosts::{unmapped, unspecified};
use crate::network::{ConnectionId, Stage};
use crate::packet::{Packet, Payload};
use crate::sockets::{Net, Role, SocketId, Waiting};
use crate::time::VirtualTime;
use crate::wire::UnderWay;

impl Net {
    /// Puts one packet on the wire, unless its sender has crashed.
    pub fn send_packet(&mut self, from: usize, under_way: UnderWay) {
        if !self.hosts[from].crashed {
            self.wire.send(&self.config, self.now, from, under_way);
        }
    }

    /// Puts everything on the wire that the model of TCP has produced.
    pub fn flush(&mut self) {
        let mut packets = std::mem::take(&mut self.scratch);
        self.model.egress(&mut packets);
        for mut packet in packets.drain(..) {
            let Some(from) = self.hosts.iter().position(|host| host.has(packet.source)) else { continue };
            let v6 = packet.source.is_ipv6();
            let to = if self.hosts[from].is_mirror(packet.destination) {
                // The host meets itself: the receiver sees the mirror as the other end.
                packet.destination = packet.source;
                packet.source = self.hosts[from].mirror(v6);
                from
            } else {
                match self.hosts.iter().position(|host| host.has(packet.destination)) {
                    Some(to) => to,
                    None => continue,
                }
            };
            self.send_packet(from, UnderWay { to, packet, loopback: false, attempts: 0 });
        }
        self.scratch = packets;
    }

    /// When something is due by itself.
    pub fn next_event(&self) -> Option<VirtualTime> {
        let limit = self.connect_limits.first_key_value().map(|((at, _), _)| *at);
        [self.wire.next(), limit].into_iter().flatten().min()
    }

    /// Hands over every packet that has arrived and ends every attempt that took too long. True when anything
    /// happened.
    pub fn deliver_due(&mut self) -> bool {
        let mut any = false;
        while let Some(under_way) = self.wire.arrived(self.now) {
            any = true;
            self.deliver(under_way);
        }
        self.end_attempts() || any
    }

    fn deliver(&mut self, under_way: UnderWay) {
        if self.hosts[under_way.to].crashed {
            return;
        }
        match &under_way.packet.payload {
            Payload::Tcp(_) => self.deliver_segment(under_way),
            Payload::Udp(_) => self.deliver_datagram(under_way),
            Payload::PortUnreachable(about) => {
                let about = (**about).clone();
                self.deliver_unreachable(under_way.to, &about);
            }
        }
        self.flush();
    }

    fn deliver_segment(&mut self, mut under_way: UnderWay) {
        let Payload::Tcp(segment) = &under_way.packet.payload else { return };
        let (host, to) = (under_way.to, under_way.packet.to());
        let first = segment.flags.syn && !segment.flags.ack;
        let asked = if first { self.listener_for(host, under_way.packet.from(), to) } else { None };
        if let Some((_, id)) = asked
            && let Some(Role::Listener { queue, backlog, .. }) = self.sockets.get(&id).map(|one| &one.role)
            && queue.len() > *backlog
        {
            // The queue is full: Linux drops the segment and the client sends it again after 1, 2, 4 … s.
            let again = self.now + Duration::from_secs(1 << under_way.attempts.min(6));
            under_way.attempts += 1;
            self.wire.enqueue(again, under_way);
            return;
        }
        let before = self.connection_facts(host, &under_way.packet);
        let arrival = self.model.deliver(host, under_way.packet, asked.map(|(listener, _)| listener));
        if let Some((listener, connection, from)) = arrival.accepted
            && let Some(id) = self.listeners.get(&listener).copied()
        {
            if let Some(Role::Listener { queue, .. }) = self.sockets.get_mut(&id).map(|one| &mut one.role) {
                queue.push_back((connection, from));
            }
            self.mark_edge(id);
        }
        if let Some((_, true)) = arrival.finished {
            self.rest(host, to.port());
        }
        if let Some(connection) = arrival.changed
            && let Some(id) = self.connections.get(&connection).copied()
        {
            self.follow_change(id, connection, before);
        }
    }

    fn connection_facts(&self, host: usize, packet: &Packet) -> (usize, bool, Option<Stage>) {
        // Its facts before the packet tell whether the packet is news.
        self.model.connection_at(host, packet.to(), packet.from()).map_or((0, false, None), |connection| {
            let (bytes, ended) = self.model.readable(connection);
            (bytes, ended, Some(self.model.stage(connection)))
        })
    }

    fn follow_change(&mut self, id: SocketId, connection: ConnectionId, before: (usize, bool, Option<Stage>)) {
        let stage = self.model.stage(connection);
        if stage != Stage::Opening {
            self.connect_limits.retain(|(_, waiting), _| *waiting != id);
        }
        match stage {
            Stage::Refused => return self.fail(id, connection, libc::ECONNREFUSED),
            Stage::Reset if before.2 != Some(Stage::Reset) => {
                let errno = if self.model.peer_finished(connection) { libc::EPIPE } else { libc::ECONNRESET };
                if let Some(socket) = self.sockets.get_mut(&id) {
                    socket.error = Some(errno);
                }
                return self.mark_edge(id);
            }
            _ => {}
        }
        let (bytes, ended) = self.model.readable(connection);
        let writable = self.model.writable(connection);
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let room = socket.starved && writable;
        if room {
            socket.starved = false;
        }
        if room || before != (bytes, ended, Some(stage)) {
            self.mark_edge(id);
        } else {
            self.mark(id);
        }
    }

    /// A connection that failed.
    pub fn fail(&mut self, id: SocketId, connection: ConnectionId, errno: i32) {
        self.connections.remove(&connection);
        self.model.close(connection);
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.error = Some(errno);
            socket.role = Role::Dead;
        }
        self.mark_edge(id);
    }

    fn deliver_datagram(&mut self, under_way: UnderWay) {
        let UnderWay { to: host, packet, loopback, .. } = under_way;
        let Payload::Udp(datagram) = &packet.payload else { return };
        let (from, to) = (packet.from(), packet.to());
        let broadcast = !self.hosts[host].has(to.ip());
        let takers = self.takers(host, from, to, broadcast);
        if takers.is_empty() && !broadcast {
            self.answer_unreachable(host, packet);
            return;
        }
        for id in takers {
            let v6 = self.sockets.get(&id).is_some_and(|socket| socket.v6);
            let from = self.shown(v6, from, loopback);
            let data = datagram.data.clone();
            if let Some(socket) = self.sockets.get_mut(&id)
                && let Role::Datagram { queue, queued } = &mut socket.role
                && *queued + data.len() <= RECEIVE_BUFFER
            {
                *queued += data.len();
                queue.push_back(Waiting { data, from });
                self.mark_edge(id);
            }
        }
    }

    /// Who is given a datagram: everybody of those who may have it if it is for everybody, and else the one that is
    /// named most exactly.
    fn takers(&self, host: usize, from: SocketAddr, to: SocketAddr, broadcast: bool) -> Vec<SocketId> {
        let Some(users) = self.ports.get(&(host, false, to.port())) else { return Vec::new() };
        let fitting = |id: &SocketId| {
            let socket = self.sockets.get(id)?;
            let bound = socket.bound.map_or(unspecified(socket.v6), |bound| unmapped(bound.ip()));
            let family = to.is_ipv6() == socket.v6 || (socket.v6 && !socket.v6_only);
            // A connected socket has an address of its own, too, and takes datagrams of its other end only.
            let connected = socket.remote_wire.is_some();
            let any = bound.is_unspecified() && !(connected && broadcast);
            let named = any || bound == to.ip() || (bound.is_loopback() && !broadcast);
            let meant = socket.remote_wire.is_none_or(|remote| remote == from);
            // As Linux counts (compute_score in udp.c): what is named counts, and then the packet's own family.
            let rank = (connected, !bound.is_unspecified(), to.is_ipv6() == socket.v6);
            (family && named && meant).then_some((rank, socket.reuse_port && !connected, *id))
        };
        // Who was bound last comes first.
        let found: Vec<_> = users.iter().rev().filter_map(fitting).collect();
        if broadcast {
            return found.into_iter().map(|(.., id)| id).collect();
        }
        let best = found.iter().map(|(rank, ..)| *rank).max();
        let best: Vec<_> = found.into_iter().filter(|(rank, ..)| Some(*rank) == best).collect();
        let Some((_, shares, first)) = best.first() else { return Vec::new() };
        let group: Vec<SocketId> = best.iter().filter(|(_, shares, _)| *shares).map(|(.., id)| *id).collect();
        vec![if *shares { group[self.shared_out(from, to, group.len())] } else { *first }]
    }

    fn answer_unreachable(&mut self, host: usize, about: Packet) {
        let back = self.hosts.iter().position(|other| other.has(about.source) || other.is_mirror(about.source));
        let Some(back) = back else { return };
        let answer = Packet {
            source: about.destination,
            destination: about.source,
            ttl: 64,
            payload: Payload::PortUnreachable(Box::new(about)),
        };
        self.send_packet(host, UnderWay { to: back, packet: answer, loopback: false, attempts: 0 });
    }

    fn deliver_unreachable(&mut self, host: usize, about: &Packet) {
        let (from, to) = (about.from(), about.to());
        let mirror = SocketAddr::new(self.hosts[host].mirror(to.is_ipv6()), to.port());
        let users = self.ports.get(&(host, false, from.port())).cloned().unwrap_or_default();
        for id in users {
            // Linux tells connected sockets only, unless IP_RECVERR asks for more.
            if let Some(socket) = self.sockets.get_mut(&id)
                && socket.remote_wire.is_some_and(|remote| remote == to || remote == mirror)
            {
                socket.error = Some(libc::ECONNREFUSED);
                self.mark_edge(id);
            }
        }
    }
}
