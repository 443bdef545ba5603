//! Packets on their way into and out of turmoil's kernels: ports translated, numbers followed, resets made that
//! turmoil does not make.

use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use turmoil_net::{TcpFlags, TcpSegment, Transport};

use super::{BUFFER, Connection, Inner, Turmoil, poll_once};
use crate::network::{Arrival, ConnectionId, ListenerId, Stage};
use crate::packet::{Flags, Packet, Payload, Segment};

impl Turmoil {
    /// Moves received bytes out of turmoil: as long as there is room here, or when `all`. A full buffer of
    /// turmoil's is thus emptied by one read, which is what makes it announce its window again.
    pub(super) fn drain(&mut self, id: ConnectionId, all: bool) {
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
    pub(super) fn collect(&mut self) {
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

    pub(super) fn push_reset(&mut self, from: SocketAddr, to: SocketAddr, sequence: u32, acknowledgment: Option<u32>) {
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
    pub(super) fn silence(&mut self, id: ConnectionId) {
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

    pub(super) fn follow(&mut self, id: ConnectionId) -> Arrival {
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

    /// A packet arrives at a host.
    pub(super) fn arrive(&mut self, host: usize, packet: Packet, listener: Option<ListenerId>) -> Arrival {
        let (from, to) = (packet.from(), packet.to());
        let Payload::Tcp(segment) = &packet.payload else { return Arrival::default() };
        let mut arrival = Arrival::default();
        let id = match self.by_ends.get(&(host, to.port(), from)) {
            Some(id) => *id,
            None if segment.flags.syn && !segment.flags.ack => {
                let asked = listener.and_then(|id| Some((id, self.listeners.get(&id)?.inside)));
                let Some((listener, inside)) = asked else {
                    self.refuse(&packet, segment);
                    return arrival;
                };
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
