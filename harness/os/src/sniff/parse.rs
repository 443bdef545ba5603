//! What captured frames say.
//!
//! Owns Ethernet, IPv4, IPv6, TCP, UDP and DNS headers as far as first contacts and payloads need them. Never
//! checks checksums: loopback does not compute them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::sockets::Transport;

const ETHERNET_HEADER: usize = 14;
const TCP: u8 = 6;
const UDP: u8 = 17;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
/// The longest name of RFC 1035 section 2.3.4.
const LONGEST_NAME: usize = 255;

/// A program's attempt to reach somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// TCP for a SYN, UDP for a datagram.
    pub transport: Transport,
    /// Who.
    pub source: SocketAddr,
    /// Whom.
    pub destination: SocketAddr,
    /// The datagram, or data that came with the SYN (RFC 7413); mostly empty for TCP.
    pub payload: Vec<u8>,
}

/// A segment or datagram taken out of its frame.
struct Packet<'f> {
    protocol: u8,
    source: IpAddr,
    destination: IpAddr,
    /// Transport header and payload, without the padding of the frame.
    body: &'f [u8],
}

/// A TCP SYN without ACK, or any UDP datagram, in an Ethernet frame. `None` for everything else, later
/// fragments included.
pub fn first_contact(frame: &[u8]) -> Option<Contact> {
    let packet = packet(frame)?;
    let (source, destination) = addresses(&packet)?;
    let (transport, payload) = match packet.protocol {
        TCP if tcp_flags(packet.body)? & (SYN | ACK) == SYN => (Transport::Tcp, tcp_body(packet.body)?),
        UDP => {
            let length = usize::from(word(packet.body, 4)?);
            // Segments of a datagram that is cut later (UDP_SEGMENT) can be longer than their header says.
            let payload = packet.body.get(8..length).or_else(|| packet.body.get(8..))?;
            (Transport::Udp, payload)
        }
        _ => return None,
    };
    Some(Contact { transport, source, destination, payload: payload.to_vec() })
}

/// The data in a TCP segment: source, destination, sequence number of the first byte (a SYN takes the number
/// before it), bytes. `None` for segments without data and for everything else.
pub fn tcp_payload(frame: &[u8]) -> Option<(SocketAddr, SocketAddr, u32, Vec<u8>)> {
    let packet = packet(frame)?;
    if packet.protocol != TCP {
        return None;
    }
    let (source, destination) = addresses(&packet)?;
    let payload = tcp_body(packet.body)?;
    if payload.is_empty() {
        return None;
    }
    let mut sequence = u32::from_be_bytes(packet.body.get(4..8)?.try_into().ok()?);
    if tcp_flags(packet.body)? & SYN != 0 {
        sequence = sequence.wrapping_add(1);
    }
    Some((source, destination, sequence, payload.to_vec()))
}

/// The name a DNS query asks for (RFC 1035 section 4.1), without the last dot, `.` for the root. Bytes outside
/// of printable ASCII, dots in a label and backslashes are written as `\DDD`. `None` for answers and for
/// payloads that are no query.
pub fn dns_question(payload: &[u8]) -> Option<String> {
    let flags = word(payload, 2)?;
    // A query (QR) of the standard kind (OPCODE) with one question and no answer; EDNS adds additional records.
    if flags & 0xf800 != 0 || word(payload, 4)? != 1 || word(payload, 6)? != 0 {
        return None;
    }
    let mut name = String::new();
    let mut at = 12;
    loop {
        let length = usize::from(*payload.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        // 64 and above: compression, which a first question has nothing to refer to for, or reserved.
        if length > 63 || at + length - 12 > LONGEST_NAME {
            return None;
        }
        if !name.is_empty() {
            name.push('.');
        }
        for byte in payload.get(at..at + length)? {
            match byte {
                b'.' | b'\\' => name.push_str(&format!("\\{byte:03}")),
                0x21..=0x7e => name.push(char::from(*byte)),
                _ => name.push_str(&format!("\\{byte:03}")),
            }
        }
        at += length;
    }
    // Type and class must follow.
    payload.get(at..at + 4)?;
    if name.is_empty() {
        name.push('.');
    }
    Some(name)
}

fn packet(frame: &[u8]) -> Option<Packet<'_>> {
    let body = frame.get(ETHERNET_HEADER..)?;
    match word(frame, 12)? {
        0x0800 => ipv4(body),
        0x86dd => ipv6(body),
        _ => None,
    }
}

fn ipv4(packet: &[u8]) -> Option<Packet<'_>> {
    let first = *packet.first()?;
    let header = usize::from(first & 0x0f) * 4;
    // Fragments after the first have no transport header.
    if first >> 4 != 4 || header < 20 || word(packet, 6)? & 0x1fff != 0 {
        return None;
    }
    let end = match usize::from(word(packet, 2)?) {
        // Longer than the field can say: not cut into segments yet.
        0 => packet.len(),
        total => total.min(packet.len()),
    };
    let octets = |at: usize| -> Option<[u8; 4]> { packet.get(at..at + 4)?.try_into().ok() };
    Some(Packet {
        protocol: *packet.get(9)?,
        source: IpAddr::V4(Ipv4Addr::from(octets(12)?)),
        destination: IpAddr::V4(Ipv4Addr::from(octets(16)?)),
        body: packet.get(header..end)?,
    })
}

fn ipv6(packet: &[u8]) -> Option<Packet<'_>> {
    if packet.first()? >> 4 != 6 {
        return None;
    }
    let end = match usize::from(word(packet, 4)?) {
        0 => packet.len(),
        length => packet.len().min(40 + length),
    };
    let octets = |at: usize| -> Option<[u8; 16]> { packet.get(at..at + 16)?.try_into().ok() };
    let (source, destination) = (octets(8)?, octets(24)?);
    let mut protocol = *packet.get(6)?;
    let mut body = packet.get(40..end)?;
    loop {
        let length = match protocol {
            // Hop-by-hop, routing and destination options: length in units of 8 bytes, the first left out.
            0 | 43 | 60 => (usize::from(*body.get(1)?) + 1) * 8,
            // A fragment's header; only the first fragment (offset 0) has the transport header.
            44 if word(body, 2)? & 0xfff8 == 0 => 8,
            44 => return None,
            _ => break,
        };
        protocol = *body.first()?;
        body = body.get(length..)?;
    }
    Some(Packet {
        protocol,
        source: IpAddr::V6(Ipv6Addr::from(source)),
        destination: IpAddr::V6(Ipv6Addr::from(destination)),
        body,
    })
}

/// Source and destination; both transports begin with the two ports.
fn addresses(packet: &Packet<'_>) -> Option<(SocketAddr, SocketAddr)> {
    Some((
        SocketAddr::new(packet.source, word(packet.body, 0)?),
        SocketAddr::new(packet.destination, word(packet.body, 2)?),
    ))
}

fn tcp_flags(segment: &[u8]) -> Option<u8> {
    segment.get(13).copied()
}

fn tcp_body(segment: &[u8]) -> Option<&[u8]> {
    let header = usize::from(segment.get(12)? >> 4) * 4;
    if header < 20 {
        return None;
    }
    segment.get(header..)
}

/// Two bytes in network byte order.
fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests;
