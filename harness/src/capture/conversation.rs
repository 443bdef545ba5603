//! Packets joined into conversations: one TCP connection, or the datagrams between two sockets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::packet::{Body, Data, Packet, Reader};
use super::read::Captured;
use super::stream::Stream;
use harness_language::scenario::model::TransportName;

/// A connection or a dialogue of datagrams.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// TCP or UDP.
    pub transport: TransportName,
    /// Who began.
    pub client: SocketAddr,
    /// Who was spoken to.
    pub server: SocketAddr,
    /// Time of the first packet.
    pub began: Duration,
    /// Time of the last one.
    pub ended: Duration,
    /// Which of SYN, SYN-ACK and the ACK of it were seen.
    pub handshake: [bool; 3],
    /// From the client to the server.
    pub there: Way,
    /// From the server to the client.
    pub back: Way,
    /// ICMP messages "port unreachable" about the client's datagrams.
    pub unreachable: usize,
}

/// One direction.
#[derive(Debug, Clone, Default)]
pub struct Way {
    /// All packets.
    pub packets: usize,
    /// TCP: the bytes.
    pub stream: Stream,
    /// UDP: the datagrams, with their time.
    pub datagrams: Vec<(Duration, Data)>,
    /// Whether the end was sent (FIN).
    pub fin: bool,
    /// Whether the connection was aborted (RST).
    pub reset: bool,
    /// Initial sequence number.
    begin: Option<u32>,
}

impl Way {
    /// Bytes that are there.
    pub fn bytes(&self) -> Vec<u8> {
        match self.datagrams.is_empty() {
            true => self.stream.bytes(),
            false => self.datagrams.iter().flat_map(|(_, data)| data.bytes.iter().copied()).collect(),
        }
    }

    /// How many bytes were sent, as far as the capture shows.
    pub fn length(&self) -> u64 {
        match self.datagrams.is_empty() {
            true => self.stream.known() + self.stream.missing(),
            false => self.datagrams.iter().map(|(_, data)| data.length as u64).sum(),
        }
    }

    /// Bytes that were sent and not captured.
    pub fn missing(&self) -> u64 {
        let of_datagrams = self.datagrams.iter().map(|(_, data)| data.length.saturating_sub(data.bytes.len()) as u64);
        self.stream.missing() + of_datagrams.sum::<u64>()
    }

    /// Segments or datagrams with data.
    pub fn pieces(&self) -> usize {
        if self.datagrams.is_empty() { self.stream.segments } else { self.datagrams.len() }
    }
}

impl Conversation {
    fn new(packet: &Packet, transport: TransportName, client: SocketAddr, server: SocketAddr) -> Self {
        Self {
            transport,
            client,
            server,
            began: packet.at,
            ended: packet.at,
            handshake: [false; 3],
            there: Way::default(),
            back: Way::default(),
            unreachable: 0,
        }
    }

    /// Whether the connection was refused: a reset is all that the server ever said.
    pub fn is_refused(&self) -> bool {
        self.back.reset && !self.handshake[1] && self.back.length() == 0
    }

    /// Whether it is over for good.
    fn is_over(&self) -> bool {
        self.there.reset || self.back.reset || (self.there.fin && self.back.fin)
    }

    fn take(&mut self, packet: &Packet) {
        self.ended = self.ended.max(packet.at);
        let forth = packet.source == self.client;
        let answered = self.handshake[1];
        let way = if forth { &mut self.there } else { &mut self.back };
        way.packets += 1;
        match &packet.body {
            Body::Tcp(segment) => {
                match (forth, segment.syn, segment.ack) {
                    (true, true, false) => self.handshake[0] = true,
                    (false, true, true) => self.handshake[1] = true,
                    (true, false, true) if answered => self.handshake[2] = true,
                    _ => {}
                }
                if segment.syn {
                    way.begin = Some(segment.sequence);
                }
                way.fin |= segment.fin;
                way.reset |= segment.rst;
                way.stream.take(segment);
            }
            Body::Udp(data) => way.datagrams.push((packet.at, data.clone())),
            Body::Unreachable(..) => {}
        }
    }
}

/// All packets of a capture that can be understood, and how many cannot.
pub fn packets(captured: &[Captured]) -> (Vec<Packet>, usize) {
    let mut reader = Reader::default();
    let understood: Vec<Packet> = captured.iter().filter_map(|it| reader.packet(it.at, it.link, &it.bytes)).collect();
    let others = captured.len() - understood.len();
    (understood, others)
}

/// The conversations, in the order in which they began.
pub fn conversations(packets: &[Packet]) -> Vec<Conversation> {
    let mut all: Vec<Conversation> = Vec::new();
    let mut latest: BTreeMap<(bool, SocketAddr, SocketAddr), usize> = BTreeMap::new();
    for packet in packets {
        if let Body::Unreachable(from, to) = packet.body {
            let key = (false, from.min(to), from.max(to));
            if let Some(conversation) = latest.get(&key).and_then(|index| all.get_mut(*index)) {
                conversation.unreachable += 1;
                conversation.ended = conversation.ended.max(packet.at);
            }
            continue;
        }
        let (from, to) = (packet.source, packet.destination);
        let segment = match &packet.body {
            Body::Tcp(segment) => Some(segment),
            _ => None,
        };
        let key = (segment.is_some(), from.min(to), from.max(to));
        // The same two ports can be used again for another connection.
        let opens = segment.is_some_and(|segment| segment.syn && !segment.ack);
        let known = latest.get(&key).copied().filter(|index| {
            let Some(known) = all.get(*index) else { return false };
            let begin = if from == known.client { known.there.begin } else { known.back.begin };
            let same = begin == segment.map(|segment| segment.sequence);
            !opens || same || (begin.is_none() && !known.is_over())
        });
        let index = known.unwrap_or_else(|| {
            let (client, server) = match segment {
                Some(segment) if segment.syn && segment.ack => (to, from),
                // Without a handshake the lower port is the server's.
                Some(segment) if !segment.syn && from.port() < to.port() => (to, from),
                _ => (from, to),
            };
            let transport = if segment.is_some() { TransportName::Tcp } else { TransportName::Udp };
            all.push(Conversation::new(packet, transport, client, server));
            latest.insert(key, all.len() - 1);
            all.len() - 1
        });
        if let Some(conversation) = all.get_mut(index) {
            conversation.take(packet);
        }
    }
    all
}
