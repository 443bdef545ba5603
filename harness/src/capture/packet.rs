//! What one packet says: link, IP, TCP, UDP and the ICMP message about a closed port.
//!
//! Lengths come from the headers and bytes from the capture, which may hold fewer (a snap length).
//! Checksums are not looked at: loopback does not compute them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::Link;

/// A packet of one of the two transports, or one about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// When it passed.
    pub at: Duration,
    /// Where it comes from; port 0 where it has none.
    pub source: SocketAddr,
    /// Where it goes.
    pub destination: SocketAddr,
    /// What it carries.
    pub body: Body,
}

/// What a packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A TCP segment.
    Tcp(Segment),
    /// A UDP datagram.
    Udp(Data),
    /// ICMP "port unreachable" about a datagram from and to these.
    Unreachable(SocketAddr, SocketAddr),
}

/// A TCP segment (RFC 9293 section 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// SYN.
    pub syn: bool,
    /// ACK.
    pub ack: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
    /// Number of the first byte, or of SYN.
    pub sequence: u32,
    /// Next number expected.
    pub acknowledgment: u32,
    /// The data.
    pub data: Data,
}

impl Segment {
    /// The control bits as words: `SYN, ACK`; empty for a bare segment.
    pub fn flags(&self) -> String {
        let named = [(self.syn, "SYN"), (self.fin, "FIN"), (self.rst, "RST"), (self.ack, "ACK")];
        let set: Vec<&str> = named.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect();
        set.join(", ")
    }
}

/// Bytes of a packet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Data {
    /// How many there were.
    pub length: usize,
    /// Those that were captured.
    pub bytes: Vec<u8>,
}

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMP6: u8 = 58;

/// Fragments that are kept until their datagram is whole.
const FRAGMENTS: usize = 4096;

/// An IP packet.
struct Ip {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    /// Length of the body by the header.
    length: usize,
    body: Vec<u8>,
    /// Identification, offset in bytes, and whether more follow.
    fragment: Option<(u32, usize, bool)>,
}

type Key = (IpAddr, IpAddr, u8, u32);

/// Reads one packet after the other; remembers fragments.
#[derive(Default)]
pub struct Reader {
    fragments: BTreeMap<Key, Vec<(usize, bool, Vec<u8>)>>,
    kept: usize,
}

impl Reader {
    /// What a packet says; nothing if it is of another kind, or a fragment of something unfinished.
    pub fn packet(&mut self, at: Duration, link: Link, bytes: &[u8]) -> Option<Packet> {
        let ip = ip(network(link, bytes)?)?;
        let ip = match ip.fragment {
            Some(part) => self.whole(ip, part)?,
            None => ip,
        };
        let (ports, body) = match ip.protocol {
            TCP => tcp(&ip)?,
            UDP => udp(&ip)?,
            ICMP | ICMP6 => ((0, 0), unreachable(&ip)?),
            _ => return None,
        };
        let (source, destination) = (SocketAddr::new(ip.source, ports.0), SocketAddr::new(ip.destination, ports.1));
        Some(Packet { at, source, destination, body })
    }

    fn whole(&mut self, ip: Ip, (identification, offset, more): (u32, usize, bool)) -> Option<Ip> {
        let key = (ip.source, ip.destination, ip.protocol, identification);
        self.kept += 1;
        if self.kept > FRAGMENTS {
            self.fragments.clear();
            self.kept = 0;
        }
        let parts = self.fragments.entry(key).or_default();
        parts.push((offset, more, ip.body));
        parts.sort_by_key(|(offset, ..)| *offset);
        let mut body: Vec<u8> = Vec::new();
        let mut last = false;
        for (offset, more, bytes) in parts.iter() {
            if *offset > body.len() {
                return None;
            }
            let known = body.len() - offset;
            body.extend_from_slice(bytes.get(known..).unwrap_or_default());
            last |= !more;
        }
        if !last {
            return None;
        }
        self.fragments.remove(&key);
        Some(Ip { length: body.len(), body, fragment: None, ..ip })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// The IP packet behind the link's header.
fn network(link: Link, bytes: &[u8]) -> Option<&[u8]> {
    const IP4: u16 = 0x0800;
    const IP6: u16 = 0x86dd;
    const TAG: u16 = 0x8100;
    match link {
        Link::RawIp => Some(bytes),
        Link::Ethernet => {
            let mut at = 12;
            // VLAN tags stand before the type.
            while word(bytes, at)? == TAG {
                at += 4;
            }
            matches!(word(bytes, at)?, IP4 | IP6).then(|| bytes.get(at + 2..))?
        }
        Link::Cooked => matches!(word(bytes, 14)?, IP4 | IP6).then(|| bytes.get(16..))?,
        Link::Cooked2 => matches!(word(bytes, 0)?, IP4 | IP6).then(|| bytes.get(20..))?,
        // The family's number and byte order are those of the machine that captured: the IP header
        // says better what it is.
        Link::Family => bytes.get(4..),
    }
}

fn ip(packet: &[u8]) -> Option<Ip> {
    match packet.first()? >> 4 {
        4 => ip4(packet),
        6 => ip6(packet),
        _ => None,
    }
}

fn ip4(packet: &[u8]) -> Option<Ip> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    if header < 20 {
        return None;
    }
    // 0: longer than the field can say, not yet cut into segments.
    let total = match usize::from(word(packet, 2)?) {
        0 => packet.len(),
        total => total,
    };
    let octets = |at: usize| -> Option<[u8; 4]> { packet.get(at..at + 4)?.try_into().ok() };
    let flags = word(packet, 6)?;
    let (more, offset) = (flags & 0x2000 != 0, usize::from(flags & 0x1fff) * 8);
    Some(Ip {
        source: Ipv4Addr::from(octets(12)?).into(),
        destination: Ipv4Addr::from(octets(16)?).into(),
        protocol: *packet.get(9)?,
        length: total.checked_sub(header)?,
        body: packet.get(header..total.min(packet.len()))?.to_vec(),
        fragment: (more || offset > 0).then_some((u32::from(word(packet, 4)?), offset, more)),
    })
}

fn ip6(packet: &[u8]) -> Option<Ip> {
    let total = match usize::from(word(packet, 4)?) {
        0 => packet.len(),
        length => length + 40,
    };
    let octets = |at: usize| -> Option<[u8; 16]> { packet.get(at..at + 16)?.try_into().ok() };
    let mut protocol = *packet.get(6)?;
    let mut at = 40;
    let mut fragment = None;
    loop {
        let length = match protocol {
            // Hop-by-hop, routing and destination options: in units of 8 bytes, the first left out.
            0 | 43 | 60 => (usize::from(*packet.get(at + 1)?) + 1) * 8,
            44 => {
                let place = word(packet, at + 2)?;
                let (offset, more) = (usize::from(place & 0xfff8), place & 1 != 0);
                fragment = (more || offset > 0).then_some((long(packet, at + 4)?, offset, more));
                8
            }
            _ => break,
        };
        protocol = *packet.get(at)?;
        at += length;
        if fragment.is_some() {
            break;
        }
    }
    Some(Ip {
        source: Ipv6Addr::from(octets(8)?).into(),
        destination: Ipv6Addr::from(octets(24)?).into(),
        protocol,
        length: total.checked_sub(at)?,
        body: packet.get(at..total.min(packet.len()))?.to_vec(),
        fragment,
    })
}

fn tcp(ip: &Ip) -> Option<((u16, u16), Body)> {
    let segment = ip.body.as_slice();
    let header = usize::from(segment.get(12)? >> 4) * 4;
    if header < 20 {
        return None;
    }
    let flags = *segment.get(13)?;
    let body = Body::Tcp(Segment {
        fin: flags & 1 != 0,
        syn: flags & 2 != 0,
        rst: flags & 4 != 0,
        ack: flags & 16 != 0,
        sequence: long(segment, 4)?,
        acknowledgment: long(segment, 8)?,
        data: Data {
            length: ip.length.checked_sub(header)?,
            bytes: segment.get(header..).unwrap_or_default().to_vec(),
        },
    });
    Some(((word(segment, 0)?, word(segment, 2)?), body))
}

fn udp(ip: &Ip) -> Option<((u16, u16), Body)> {
    let datagram = ip.body.as_slice();
    let length = match usize::from(word(datagram, 4)?) {
        0 => ip.length,
        length => length,
    };
    let data = datagram.get(8..length.min(datagram.len()))?;
    let body = Body::Udp(Data { length: length.checked_sub(8)?, bytes: data.to_vec() });
    Some(((word(datagram, 0)?, word(datagram, 2)?), body))
}

/// "Port unreachable" (RFC 792, RFC 4443 section 3.1) and the addresses of what it is about.
fn unreachable(message: &Ip) -> Option<Body> {
    let kind = (*message.body.first()?, *message.body.get(1)?);
    if !matches!((message.protocol, kind), (ICMP, (3, 3)) | (ICMP6, (1, 4))) {
        return None;
    }
    let quoted = message.body.get(8..)?;
    let about = ip(quoted)?;
    let ports = (word(&about.body, 0)?, word(&about.body, 2)?);
    (about.protocol == UDP)
        .then(|| Body::Unreachable(SocketAddr::new(about.source, ports.0), SocketAddr::new(about.destination, ports.1)))
}

#[cfg(test)]
mod tests {
    use harness_sim as sim;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn datagram(from: &str, to: &str, length: usize) -> sim::Packet {
        let data: Vec<u8> = (0..length).map(|index| index as u8).collect();
        sim::Packet {
            source: from.parse().unwrap(),
            destination: to.parse().unwrap(),
            ttl: 64,
            payload: sim::Payload::Udp(sim::Datagram { source_port: 9, destination_port: 10, data: data.into() }),
        }
    }

    fn read(frames: &[Vec<u8>]) -> Vec<Packet> {
        let mut reader = Reader::default();
        frames.iter().filter_map(|bytes| reader.packet(Duration::ZERO, Link::RawIp, bytes)).collect()
    }

    #[rstest]
    #[case("10.0.0.1", "10.0.0.2", 5)]
    #[case("10.0.0.1", "10.0.0.2", 5000)]
    #[case("fd00::1", "fd00::2", 5)]
    #[case("fd00::1", "fd00::2", 5000)]
    fn datagrams_are_read_whole_also_from_fragments(#[case] from: &str, #[case] to: &str, #[case] length: usize) {
        let mut frames = datagram(from, to, length).to_frames(1500, 7);
        // Fragments come in any order.
        frames.reverse();
        let packets = read(&frames);
        let Body::Udp(data) = &packets[0].body else { panic!("{packets:?}") };
        assert_eq!((packets.len(), data.length, data.bytes.len()), (1, length, length));
        assert_eq!(data.bytes.last(), Some(&((length - 1) as u8)));
        assert_eq!(packets[0].source, SocketAddr::new(from.parse().unwrap(), 9));
    }

    #[rstest]
    #[case("10.0.0.1", "10.0.0.2")]
    #[case("fd00::1", "fd00::2")]
    fn a_closed_port_is_read_with_what_it_is_about(#[case] from: &str, #[case] to: &str) {
        let about = datagram(from, to, 5);
        let message = sim::Packet { payload: sim::Payload::PortUnreachable(Box::new(about)), ..datagram(to, from, 1) };
        let packets = read(&message.to_frames(1500, 1));
        let (from, to) = (SocketAddr::new(from.parse().unwrap(), 9), SocketAddr::new(to.parse().unwrap(), 10));
        assert_eq!(packets[0].body, Body::Unreachable(from, to));
    }

    #[rstest]
    #[case(Link::Ethernet, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0])]
    #[case(Link::Ethernet, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x81, 0, 0, 5, 8, 0])]
    #[case(Link::Cooked, &[0, 0, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0])]
    #[case(Link::Cooked2, &[8, 0, 0, 0, 0, 0, 0, 1, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0])]
    #[case(Link::Family, &[2, 0, 0, 0])]
    #[case(Link::RawIp, &[])]
    fn every_link_is_looked_through(#[case] link: Link, #[case] header: &[u8]) {
        let frame = datagram("10.0.0.1", "10.0.0.2", 3).to_frames(1500, 1).remove(0);
        // A short Ethernet frame is padded; the padding is no data.
        let bytes = [header, &frame, &[0; 9]].concat();
        let packet = Reader::default().packet(Duration::ZERO, link, &bytes).unwrap();
        assert_eq!(packet.body, Body::Udp(Data { length: 3, bytes: vec![0, 1, 2] }));
    }

    proptest! {
        #[test]
        fn takes_anything(bytes: Vec<u8>, cut in 0usize..80, at in 0usize..60, with: u8) {
            let mut reader = Reader::default();
            let mut frame = datagram("fd00::1", "fd00::2", 20).to_frames(1500, 1).remove(0);
            let place = at % frame.len();
            frame[place] = with;
            frame.truncate(cut);
            for link in [Link::Ethernet, Link::RawIp, Link::Cooked, Link::Cooked2, Link::Family] {
                reader.packet(Duration::ZERO, link, &bytes);
                reader.packet(Duration::ZERO, link, &frame);
            }
        }
    }
}
