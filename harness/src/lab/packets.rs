//! Packets of an experiment: as lines of a small sequence diagram, and as signs of facts.

use std::net::SocketAddr;

use crate::capture::packet::{Body, Packet};

/// Ports that servers of an experiment have: where everybody is led, and where nobody listens.
pub const SERVER_PORTS: [u16; 2] = [23_456, 23_999];

/// Lines shown of a longer sequence: from its beginning and from its end.
const FIRST: usize = 16;
const LAST: usize = 8;

/// Whether a packet goes towards a server's port.
fn goes_there(packet: &Packet) -> bool {
    match &packet.body {
        Body::Unreachable(..) => false,
        _ => SERVER_PORTS.contains(&packet.destination.port()),
    }
}

/// The kinds that a packet is of, as signs name them.
fn kinds(packet: &Packet) -> Vec<&'static str> {
    match &packet.body {
        Body::Unreachable(..) => vec!["UNREACHABLE"],
        Body::Udp(_) => vec!["DATAGRAM"],
        Body::Tcp(segment) => {
            let named = [
                (segment.syn && !segment.ack, "SYN"),
                (segment.syn && segment.ack, "SYN-ACK"),
                (segment.fin, "FIN"),
                (segment.rst, "RST"),
                (segment.data.length > 0, "DATA"),
                (segment.ack && !segment.syn && !segment.fin && !segment.rst && segment.data.length == 0, "ACK"),
            ];
            named.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect()
        }
    }
}

/// Whether a packet is what a sign asks for: `there SYN`, or `there SYN from 40001`.
fn is(packet: &Packet, sign: &str) -> bool {
    let mut words = sign.split(' ');
    let direction = words.next() == Some(if goes_there(packet) { "there" } else { "back" });
    let kind = words.next().is_some_and(|kind| kinds(packet).contains(&kind));
    let port = match (words.next(), words.next().and_then(|port| port.parse::<u16>().ok())) {
        (Some("from"), Some(port)) => packet.source.port() == port,
        (Some("to"), Some(port)) => packet.destination.port() == port,
        _ => true,
    };
    direction && kind && port
}

/// Whether packets like these came in this order, others between them.
pub fn in_order(packets: &[Packet], signs: &[String]) -> bool {
    let mut wanted = signs.iter();
    let mut next = wanted.next();
    for packet in packets {
        if next.is_some_and(|sign| is(packet, sign)) {
            next = wanted.next();
        }
    }
    next.is_none()
}

/// A line for each packet; of many, the first and the last.
pub fn lines(packets: &[Packet]) -> Vec<String> {
    let all: Vec<String> = packets.iter().map(line).collect();
    if all.len() <= FIRST + LAST {
        return all;
    }
    let between = format!("… {} more packets …", all.len() - FIRST - LAST);
    let (first, last) = (all[..FIRST].iter(), all[all.len() - LAST..].iter());
    first.cloned().chain([between]).chain(last.cloned()).collect()
}

fn line(packet: &Packet) -> String {
    let at = format!("{}.{:06}", packet.at.as_secs(), packet.at.subsec_micros());
    let ends = |from: SocketAddr, to: SocketAddr| format!("{from} > {to}");
    let what = match &packet.body {
        Body::Unreachable(_, to) => {
            return format!(
                "{at}  ICMP {} > {}  port {} unreachable",
                packet.source.ip(),
                packet.destination.ip(),
                to.port()
            );
        }
        Body::Udp(data) => format!("UDP  {}  {}", ends(packet.source, packet.destination), bytes(data.length)),
        Body::Tcp(segment) => {
            let mut words: Vec<String> = Vec::new();
            if !segment.flags().is_empty() {
                words.push(segment.flags());
            }
            if segment.data.length > 0 {
                words.push(bytes(segment.data.length));
            }
            format!("TCP  {}  {}", ends(packet.source, packet.destination), words.join(", "))
        }
    };
    format!("{at}  {what}")
}

fn bytes(count: usize) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}
