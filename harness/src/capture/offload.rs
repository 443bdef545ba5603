//! Checksums that the kernel has left to a network card: on loopback there is none, and nobody fills them in.
//!
//! A capture of such frames is full of wrong checksums, and who opens it looks for a fault that is not there. What
//! the kernel leaves in the field is the sum of the pseudo-header (RFC 9293 section 3.1, RFC 768); where exactly that
//! stands, the rest is added. Every other checksum stays as it was on the wire.

use super::Link;

const ETHERNET: usize = 14;
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Makes the checksum of a whole TCP segment or UDP datagram right, whatever it was: its bytes were changed.
pub fn renew(link: Link, frame: &mut [u8]) {
    let packet = match link {
        Link::Ethernet => frame.get_mut(ETHERNET..),
        Link::RawIp => Some(frame),
        Link::Cooked | Link::Cooked2 | Link::Family => None,
    };
    let Some(packet) = packet else { return };
    let whole = if packet.first().is_some_and(|byte| byte >> 4 == 6) { six(packet) } else { four(packet) };
    let Some((pseudo, protocol, body)) = whole else { return };
    let at = place(protocol);
    let Some(field) = body.get_mut(at..at + 2) else { return };
    field.copy_from_slice(&fold(pseudo).to_be_bytes());
    fill_in(protocol, body);
}

/// Where the checksum stands in a segment or datagram.
fn place(protocol: u8) -> usize {
    if protocol == TCP { 16 } else { 6 }
}

/// Puts in the checksum of a segment or datagram whose field holds the pseudo-header's sum.
fn fill_in(protocol: u8, body: &mut [u8]) {
    let sum = !fold(words(body));
    // Zero would say that a datagram has none (RFC 768).
    let sum = if sum == 0 && protocol == UDP { 0xffff } else { sum };
    let at = place(protocol);
    body[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// Completes the checksum of an Ethernet frame with a whole TCP segment or UDP datagram, if it was left to a card.
pub fn complete(frame: &mut [u8]) {
    let Some(packet) = frame.get_mut(ETHERNET - 2..) else { return };
    let Some((kind, packet)) = packet.split_at_mut_checked(2) else { return };
    let whole = match kind {
        [a, b] if [*a, *b] == IPV4 => four(packet),
        [a, b] if [*a, *b] == IPV6 => six(packet),
        _ => None,
    };
    let Some((pseudo, protocol, body)) = whole else { return };
    let at = place(protocol);
    let Some(field) = body.get(at..at + 2) else { return };
    if u16::from_be_bytes([field[0], field[1]]) != fold(pseudo) {
        return;
    }
    fill_in(protocol, body);
}

type Transport<'a> = (u64, u8, &'a mut [u8]);

fn four(packet: &mut [u8]) -> Option<Transport<'_>> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
    let fragment = u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]) & 0x3fff;
    let protocol = *packet.get(9)?;
    if header < 20 || fragment != 0 {
        return None;
    }
    let addresses = words(packet.get(12..20)?);
    transport(addresses, protocol, packet.get_mut(header..total)?)
}

fn six(packet: &mut [u8]) -> Option<Transport<'_>> {
    let length = usize::from(u16::from_be_bytes([*packet.get(4)?, *packet.get(5)?]));
    let protocol = *packet.get(6)?;
    let addresses = words(packet.get(8..40)?);
    transport(addresses, protocol, packet.get_mut(40..40 + length)?)
}

fn transport(addresses: u64, protocol: u8, body: &mut [u8]) -> Option<Transport<'_>> {
    let known = matches!(protocol, TCP | UDP);
    known.then(|| (addresses + u64::from(protocol) + body.len() as u64, protocol, body))
}

fn words(bytes: &[u8]) -> u64 {
    let word = |pair: &[u8]| u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    bytes.chunks(2).map(word).sum()
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use harness_sim::{Datagram, Flags, Packet, Payload, Segment};
    use rstest::rstest;

    use super::*;

    fn right(from: &str, to: &str, tcp: bool) -> Vec<u8> {
        let data = b"seven b".to_vec().into();
        let payload = if tcp {
            Payload::Tcp(Segment {
                source_port: 4000,
                destination_port: 5000,
                sequence: 9,
                acknowledgment: 10,
                flags: Flags { ack: true, ..Flags::default() },
                window: 100,
                data,
            })
        } else {
            Payload::Udp(Datagram { source_port: 4000, destination_port: 5000, data })
        };
        let packet = Packet { source: from.parse().unwrap(), destination: to.parse().unwrap(), ttl: 64, payload };
        let kind = if from.contains(':') { IPV6 } else { IPV4 };
        [vec![0; 12], kind.to_vec(), packet.to_frames(1500, 1).remove(0)].concat()
    }

    #[rstest]
    fn what_was_left_to_a_card_is_completed_and_nothing_else(
        #[values(("127.0.0.1", "127.0.0.1"), ("::1", "::1"))] (from, to): (&str, &str),
        #[values(true, false)] tcp: bool,
    ) {
        let right = right(from, to, tcp);
        let mut same = right.clone();
        complete(&mut same);
        assert_eq!(same, right, "a right checksum stays");

        let (start, addresses) = if from.contains(':') { (54, 22..54) } else { (34, 26..34) };
        let at = start + if tcp { 16 } else { 6 };
        let protocol = if tcp { TCP } else { UDP };
        let pseudo = words(&right[addresses]) + u64::from(protocol) + (right.len() - start) as u64;
        let mut left = right.clone();
        left[at..at + 2].copy_from_slice(&fold(pseudo).to_be_bytes());
        complete(&mut left);
        assert_eq!(left, right, "the kernel's half is completed");

        let mut wrong = right.clone();
        wrong[at] ^= 0x55;
        let before = wrong.clone();
        complete(&mut wrong);
        assert_eq!(wrong, before, "a wrong checksum stays wrong");

        renew(Link::Ethernet, &mut wrong);
        assert_eq!(wrong, right, "a renewed checksum is right");
        wrong[at] ^= 0x55;
        renew(Link::RawIp, &mut wrong[14..]);
        assert_eq!(wrong, right, "without an Ethernet header, too");
    }

    proptest::proptest! {
        #[test]
        fn takes_anything(mut bytes: Vec<u8>, six: bool) {
            if let Some(kind) = bytes.get_mut(12..14) {
                kind.copy_from_slice(if six { &IPV6 } else { &IPV4 });
            }
            complete(&mut bytes);
        }
    }
}
