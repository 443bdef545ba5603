//! Packets as the simulated wire carries them, and their bytes for a capture.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

/// An IP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// What it carries.
    pub payload: Payload,
}

/// What an IP packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// A TCP segment.
    Tcp(Segment),
    /// A UDP datagram.
    Udp(Datagram),
    /// ICMP "destination unreachable, port unreachable" about a datagram.
    PortUnreachable(Box<Packet>),
}

/// A TCP segment (RFC 9293 section 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number of the first byte, or of SYN or FIN.
    pub sequence: u32,
    /// Next sequence number expected, when `flags.ack`.
    pub acknowledgment: u32,
    /// Control bits.
    pub flags: Flags,
    /// Receive window in bytes.
    pub window: u16,
    /// The data.
    pub data: Bytes,
}

/// The control bits of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Flags {
    pub syn: bool,
    pub ack: bool,
    pub fin: bool,
    pub rst: bool,
    pub psh: bool,
}

/// A UDP datagram (RFC 768).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// The data.
    pub data: Bytes,
}

impl Packet {
    /// Where it comes from, with the port where there is one.
    pub fn from(&self) -> SocketAddr {
        let port = match &self.payload {
            Payload::Tcp(segment) => segment.source_port,
            Payload::Udp(datagram) => datagram.source_port,
            Payload::PortUnreachable(_) => 0,
        };
        SocketAddr::new(self.source, port)
    }

    /// Where it goes, with the port where there is one.
    pub fn to(&self) -> SocketAddr {
        let port = match &self.payload {
            Payload::Tcp(segment) => segment.destination_port,
            Payload::Udp(datagram) => datagram.destination_port,
            Payload::PortUnreachable(_) => 0,
        };
        SocketAddr::new(self.destination, port)
    }

    /// One line: protocol, ends, flags, numbers, length.
    pub fn summary(&self) -> String {
        let (from, to) = (self.from(), self.to());
        match &self.payload {
            Payload::Tcp(segment) => {
                let flags = segment.flags;
                let mut letters = String::new();
                for (set, letter) in
                    [(flags.syn, 'S'), (flags.fin, 'F'), (flags.rst, 'R'), (flags.psh, 'P'), (flags.ack, '.')]
                {
                    if set {
                        letters.push(letter);
                    }
                }
                format!(
                    "TCP {from} > {to} [{letters}] seq {} ack {} win {} length {}",
                    segment.sequence,
                    segment.acknowledgment,
                    segment.window,
                    segment.data.len()
                )
            }
            Payload::Udp(datagram) => format!("UDP {from} > {to} length {}", datagram.data.len()),
            Payload::PortUnreachable(about) => {
                format!("ICMP {} > {} port {} unreachable", from.ip(), to.ip(), about.to().port())
            }
        }
    }

    /// The IP packets as bytes, with correct checksums: one, or the fragments of a datagram larger than `mtu`.
    /// The link type of a capture of them is raw IP (101).
    pub fn to_frames(&self, mtu: u32, identification: u16) -> Vec<Vec<u8>> {
        let (protocol, body) = self.transport();
        let header = if self.source.is_ipv4() { 20 } else { 40 };
        let room = mtu as usize - header;
        if body.len() <= room {
            return vec![self.ip(protocol, &body, identification, None)];
        }
        // Offsets are counted in units of eight bytes (RFC 791 section 3.1, RFC 8200 section 4.5).
        let step = (if self.source.is_ipv4() { room } else { room - 8 }) & !7;
        body.chunks(step)
            .enumerate()
            .map(|(index, piece)| {
                let more = (index + 1) * step < body.len();
                self.ip(protocol, piece, identification, Some((index * step, more)))
            })
            .collect()
    }

    fn transport(&self) -> (u8, Vec<u8>) {
        let mut body = Vec::new();
        let (protocol, place) = match &self.payload {
            Payload::Tcp(segment) => {
                body.extend(segment.source_port.to_be_bytes());
                body.extend(segment.destination_port.to_be_bytes());
                body.extend(segment.sequence.to_be_bytes());
                body.extend(segment.acknowledgment.to_be_bytes());
                let flags = segment.flags;
                let bits = u8::from(flags.fin)
                    | u8::from(flags.syn) << 1
                    | u8::from(flags.rst) << 2
                    | u8::from(flags.psh) << 3
                    | u8::from(flags.ack) << 4;
                body.extend([0x50, bits]);
                body.extend(segment.window.to_be_bytes());
                body.extend([0; 4]);
                body.extend(&segment.data);
                (6, 16)
            }
            Payload::Udp(datagram) => {
                body.extend(datagram.source_port.to_be_bytes());
                body.extend(datagram.destination_port.to_be_bytes());
                body.extend(((8 + datagram.data.len()) as u16).to_be_bytes());
                body.extend([0; 2]);
                body.extend(&datagram.data);
                (17, 6)
            }
            Payload::PortUnreachable(about) => {
                let kind = if self.source.is_ipv4() { [3, 3] } else { [1, 4] };
                body.extend(kind);
                body.extend([0; 6]);
                let original = about.to_frames(u32::MAX, 0).remove(0);
                // IPv4 quotes the header and eight bytes (RFC 792), IPv6 as much as fits (RFC 4443).
                let quoted = if self.source.is_ipv4() { 28 } else { 1232 };
                body.extend(original.iter().take(quoted));
                (if self.source.is_ipv4() { 1 } else { 58 }, 2)
            }
        };
        let sum = if protocol == 1 {
            checksum(&[&body])
        } else {
            let mut pseudo = Vec::new();
            push_address(&mut pseudo, self.source);
            push_address(&mut pseudo, self.destination);
            pseudo.extend((body.len() as u32).to_be_bytes());
            pseudo.extend([0, 0, 0, protocol]);
            checksum(&[&pseudo, &body])
        };
        // Zero would say "no checksum" in a datagram (RFC 768).
        let sum = if protocol == 17 && sum == 0 { 0xffff } else { sum };
        body[place..place + 2].copy_from_slice(&sum.to_be_bytes());
        (protocol, body)
    }

    fn ip(&self, protocol: u8, body: &[u8], identification: u16, part: Option<(usize, bool)>) -> Vec<u8> {
        let mut frame = Vec::with_capacity(48 + body.len());
        if self.source.is_ipv4() {
            frame.extend([0x45, 0]);
            frame.extend(((20 + body.len()) as u16).to_be_bytes());
            frame.extend(identification.to_be_bytes());
            let word = match part {
                None => 0x4000,
                Some((offset, more)) => (offset / 8) as u16 | u16::from(more) << 13,
            };
            frame.extend(word.to_be_bytes());
            frame.extend([self.ttl, protocol, 0, 0]);
            push_address(&mut frame, self.source);
            push_address(&mut frame, self.destination);
            let sum = checksum(&[&frame]);
            frame[10..12].copy_from_slice(&sum.to_be_bytes());
        } else {
            let (next, extra) = if part.is_some() { (44, 8) } else { (protocol, 0) };
            frame.extend([0x60, 0, 0, 0]);
            frame.extend(((extra + body.len()) as u16).to_be_bytes());
            frame.extend([next, self.ttl]);
            push_address(&mut frame, self.source);
            push_address(&mut frame, self.destination);
            if let Some((offset, more)) = part {
                frame.extend([protocol, 0]);
                frame.extend((offset as u16 | u16::from(more)).to_be_bytes());
                frame.extend(u32::from(identification).to_be_bytes());
            }
        }
        frame.extend(body);
        frame
    }
}

fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => out.extend(address.octets()),
        IpAddr::V6(address) => out.extend(address.octets()),
    }
}

/// The Internet checksum (RFC 1071). Every part but the last must have an even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        }
        sum = (sum & 0xffff) + (sum >> 16);
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(length: usize) -> Packet {
        Packet {
            source: "10.0.0.1".parse().expect("address"),
            destination: "10.0.0.2".parse().expect("address"),
            ttl: 64,
            payload: Payload::Udp(Datagram {
                source_port: 1000,
                destination_port: 2000,
                data: Bytes::from(vec![7; length]),
            }),
        }
    }

    #[test]
    fn header_checksum_sums_to_zero() {
        let frame = datagram(5).to_frames(1500, 1).remove(0);
        assert_eq!(checksum(&[&frame[..20]]), 0);
        assert_eq!(frame.len(), 33);
    }

    #[test]
    fn a_large_datagram_is_cut_into_fragments_of_eight_byte_units() {
        let frames = datagram(3000).to_frames(1500, 1);
        assert_eq!(frames.len(), 3);
        assert_eq!(frames.iter().map(|frame| frame.len() - 20).sum::<usize>(), 3008);
        assert_eq!(frames[1][6..8], [0x20, 185]);
    }
}
