//! Packets that a simulated machine sends to itself, as its programs know them: from and to the
//! loopback address.
//!
//! On the simulated wire such a packet goes between two addresses of the machine, 100.64.H.L and
//! 10.0.H.L (fd00:1::N and fd00::N), always in the same direction. A capture that kept them would
//! show two half connections, under addresses that no program has ever named.

use std::net::{Ipv4Addr, Ipv6Addr};

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMP6: u8 = 58;

/// Rewrites a raw IP packet of a machine to itself, checksums included; leaves any other alone.
pub fn show_as_loopback(packet: &mut [u8]) {
    match packet.first().map(|first| first >> 4) {
        Some(4) if packet.len() >= 20 => four(packet),
        Some(6) if packet.len() >= 40 => six(packet),
        _ => {}
    }
}

fn four(packet: &mut [u8]) {
    let header = usize::from(packet[0] & 0x0f) * 4;
    let (a, b) = (&packet[12..16], &packet[16..20]);
    let own = |x: &[u8], y: &[u8]| x[..2] == [100, 64] && y[..2] == [10, 0] && x[2..] == y[2..];
    if header < 20 || header > packet.len() || !(own(a, b) || own(b, a)) {
        return;
    }
    let home = Ipv4Addr::LOCALHOST.octets();
    let old = packet[12..20].to_vec();
    packet[12..16].copy_from_slice(&home);
    packet[16..20].copy_from_slice(&home);
    let new = packet[12..20].to_vec();
    adjust(packet, 10, &old, &new);
    let (protocol, is_first) = (packet[9], u16::from_be_bytes([packet[6], packet[7]]) & 0x1fff == 0);
    if is_first {
        transport(&mut packet[header..], protocol, &old, &new);
    }
}

fn six(packet: &mut [u8]) {
    let own = |x: &[u8], y: &[u8]| x[..4] == [0xfd, 0, 0, 1] && y[..4] == [0xfd, 0, 0, 0] && x[4..] == y[4..];
    let (a, b) = (&packet[8..24], &packet[24..40]);
    if !(own(a, b) || own(b, a)) {
        return;
    }
    let home = Ipv6Addr::LOCALHOST.octets();
    let old = packet[8..40].to_vec();
    packet[8..24].copy_from_slice(&home);
    packet[24..40].copy_from_slice(&home);
    let new = packet[8..40].to_vec();
    // A fragment's header has the offset in its third and fourth byte.
    let (protocol, start, is_first) = match (packet[6], packet.get(40), packet.get(42..44)) {
        (44, Some(next), Some(place)) => (*next, 48, u16::from_be_bytes([place[0], place[1]]) & 0xfff8 == 0),
        (next, ..) => (next, 40, true),
    };
    if is_first && let Some(body) = packet.get_mut(start..) {
        transport(body, protocol, &old, &new);
    }
}

/// The transport's checksum covers the addresses, and an ICMP message quotes them.
fn transport(body: &mut [u8], protocol: u8, old: &[u8], new: &[u8]) {
    match protocol {
        TCP => adjust(body, 16, old, new),
        // No checksum is written as zero (RFC 768).
        UDP if body.get(6..8) != Some(&[0, 0]) => adjust(body, 6, old, new),
        ICMP | ICMP6 => {
            if protocol == ICMP6 {
                adjust(body, 2, old, new);
            }
            let Some(quoted) = body.get(8..).map(<[u8]>::to_vec) else { return };
            let mut shown = quoted.clone();
            show_as_loopback(&mut shown);
            body[8..].copy_from_slice(&shown);
            adjust(body, 2, &quoted, &shown);
        }
        _ => {}
    }
}

/// Corrects the checksum at `at` for what was replaced (RFC 1624).
fn adjust(bytes: &mut [u8], at: usize, old: &[u8], new: &[u8]) {
    let Some(field) = bytes.get(at..at + 2) else { return };
    let words = |bytes: &[u8]| -> Vec<u16> {
        bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])).collect()
    };
    let mut sum = u64::from(!u16::from_be_bytes([field[0], field[1]]));
    sum += words(old).into_iter().map(|word| u64::from(!word)).sum::<u64>();
    sum += words(new).into_iter().map(u64::from).sum::<u64>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    bytes[at..at + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use harness_sim::{Datagram, Flags, Packet, Payload, Segment};
    use rstest::rstest;

    use super::*;

    fn packet(from: &str, to: &str, payload: Payload) -> Packet {
        Packet { source: from.parse().unwrap(), destination: to.parse().unwrap(), ttl: 64, payload }
    }

    fn payloads() -> Vec<Payload> {
        let datagram = Datagram { source_port: 4000, destination_port: 5000, data: vec![7; 31].into() };
        let segment = Segment {
            source_port: 4000,
            destination_port: 5000,
            sequence: 9,
            acknowledgment: 10,
            flags: Flags { ack: true, ..Flags::default() },
            window: 100,
            data: b"abc".to_vec().into(),
        };
        vec![Payload::Udp(datagram), Payload::Tcp(segment)]
    }

    #[rstest]
    #[case("100.64.0.1", "10.0.0.1", "127.0.0.1")]
    #[case("fd00:1::1", "fd00::1", "::1")]
    fn is_what_a_packet_from_loopback_would_be(#[case] one: &str, #[case] other: &str, #[case] home: &str) {
        for payload in payloads() {
            let mut shown = packet(one, other, payload.clone()).to_frames(1500, 3).remove(0);
            show_as_loopback(&mut shown);
            assert_eq!(shown, packet(home, home, payload.clone()).to_frames(1500, 3).remove(0));
            let about = |from, to| Payload::PortUnreachable(Box::new(packet(from, to, payload.clone())));
            let mut shown = packet(one, other, about(one, other)).to_frames(1500, 3).remove(0);
            show_as_loopback(&mut shown);
            assert_eq!(shown, packet(home, home, about(home, home)).to_frames(1500, 3).remove(0));
        }
    }

    #[rstest]
    #[case("10.0.0.1", "10.0.0.2")]
    #[case("100.64.0.1", "10.0.0.2")]
    #[case("fd00::1", "fd00::2")]
    fn leaves_others_alone(#[case] one: &str, #[case] other: &str) {
        for payload in payloads() {
            let before = packet(one, other, payload).to_frames(1500, 3).remove(0);
            let mut after = before.clone();
            show_as_loopback(&mut after);
            assert_eq!(before, after);
        }
    }

    proptest::proptest! {
        #[test]
        fn takes_anything(mut bytes: Vec<u8>, version in 0u8..16) {
            if let Some(first) = bytes.first_mut() {
                *first = version << 4 | *first & 0x0f;
            }
            show_as_loopback(&mut bytes);
        }
    }
}
