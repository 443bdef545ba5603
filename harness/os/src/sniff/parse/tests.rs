use super::*;
use proptest::prelude::*;
use rstest::rstest;

/// An Ethernet frame with an IP packet from `source` to `destination`, and some padding.
fn frame(source: SocketAddr, destination: SocketAddr, protocol: u8, rest: &[u8]) -> Vec<u8> {
    let mut body = [source.port().to_be_bytes(), destination.port().to_be_bytes()].concat();
    body.extend_from_slice(rest);
    let mut frame = vec![0; 12];
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            frame.extend([0x08, 0x00, 0x45, 0]);
            frame.extend(u16::try_from(20 + body.len()).unwrap().to_be_bytes());
            frame.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend(u16::try_from(8 + body.len()).unwrap().to_be_bytes());
            frame.extend([60, 64]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
            frame.extend([protocol, 0, 0, 0, 0, 0, 0, 0]);
        }
        _ => panic!("mixed families"),
    }
    frame.extend(body);
    frame.extend([0xee; 6]);
    frame
}

fn segment(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = sequence.to_be_bytes().to_vec();
    segment.extend([0, 0, 0, 0, 0x60, flags, 1, 0, 0, 0, 0, 0, 2, 4, 5, 0xb4]);
    segment.extend_from_slice(payload);
    segment
}

fn datagram(payload: &[u8]) -> Vec<u8> {
    let mut datagram = u16::try_from(8 + payload.len()).unwrap().to_be_bytes().to_vec();
    datagram.extend([0, 0]);
    datagram.extend_from_slice(payload);
    datagram
}

fn ends(v6: bool) -> (SocketAddr, SocketAddr) {
    if v6 {
        ("[::1]:40000".parse().unwrap(), "[2001:db8::7]:80".parse().unwrap())
    } else {
        ("127.0.0.1:40000".parse().unwrap(), "10.0.0.7:80".parse().unwrap())
    }
}

#[rstest]
#[case(SYN, true)]
#[case(SYN | 0xc0, true)]
#[case(SYN | ACK, false)]
#[case(ACK, false)]
#[case(0x04, false)]
fn only_a_first_syn_is_contact(#[case] flags: u8, #[case] contact: bool, #[values(false, true)] v6: bool) {
    let (source, destination) = ends(v6);
    let found = first_contact(&frame(source, destination, TCP, &segment(7, flags, b"")));
    let expected = Contact { transport: Transport::Tcp, source, destination, payload: Vec::new() };
    assert_eq!(found, contact.then_some(expected));
}

#[rstest]
fn every_datagram_is_contact(#[values(false, true)] v6: bool) {
    let (source, destination) = ends(v6);
    let found = first_contact(&frame(source, destination, UDP, &datagram(b"hello"))).unwrap();
    assert_eq!((found.transport, found.source, found.destination), (Transport::Udp, source, destination));
    assert_eq!(found.payload, b"hello");
    assert_eq!(tcp_payload(&frame(source, destination, UDP, &datagram(b"hello"))), None);
}

#[rstest]
fn data_of_segments(#[values(false, true)] v6: bool) {
    let (source, destination) = ends(v6);
    let with = |flags, payload: &[u8]| tcp_payload(&frame(source, destination, TCP, &segment(9, flags, payload)));
    assert_eq!(with(ACK, b"abc"), Some((source, destination, 9, b"abc".to_vec())));
    assert_eq!(with(SYN, b"abc"), Some((source, destination, 10, b"abc".to_vec())));
    assert_eq!(with(ACK, b""), None);
}

#[test]
fn later_fragments_are_left_out() {
    let (source, destination) = ends(false);
    let mut bytes = frame(source, destination, UDP, &datagram(b"hello"));
    bytes[14 + 7] = 3;
    assert_eq!(first_contact(&bytes), None);
}

#[test]
fn uncut_segments_say_no_length() {
    let (source, destination) = ends(false);
    let mut bytes = frame(source, destination, TCP, &segment(9, ACK, b"abc"));
    bytes.truncate(bytes.len() - 6);
    bytes[14 + 2..14 + 4].fill(0);
    assert_eq!(tcp_payload(&bytes).unwrap().3, b"abc");
}

fn query(flags: u16, labels: &[&[u8]]) -> Vec<u8> {
    let mut query = vec![0xab, 0xcd];
    query.extend(flags.to_be_bytes());
    query.extend([0, 1, 0, 0, 0, 0, 0, 1]);
    for label in labels {
        query.push(u8::try_from(label.len()).unwrap());
        query.extend_from_slice(label);
    }
    query.extend([0, 0, 1, 0, 1, 0, 0, 41]);
    query
}

#[rstest]
#[case(query(0x0100, &[b"www", b"example", b"org"]), Some("www.example.org"))]
#[case(query(0x0120, &[b"a.b", b"c\xff"]), Some("a\\046b.c\\255"))]
#[case(query(0, &[]), Some("."))]
#[case(query(0x8180, &[b"www"]), None)]
#[case(query(0x2800, &[b"www"]), None)]
#[case(query(0, &[b"www"])[..18].to_vec(), None)]
#[case(query(0, &[[b'x'; 63].as_slice(); 5]), None)]
#[case(b"PING 1 1700000000.0".to_vec(), None)]
fn questions(#[case] payload: Vec<u8>, #[case] expected: Option<&str>) {
    assert_eq!(dns_question(&payload).as_deref(), expected);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        kind in prop::sample::select(vec![0x0800_u16, 0x86dd, 0x0806]),
        protocol in prop::sample::select(vec![TCP, UDP, 0, 43, 44, 60]),
    ) {
        if bytes.len() > 24 {
            bytes[12..14].copy_from_slice(&kind.to_be_bytes());
            bytes[14] = if kind == 0x0800 { 0x45 } else { 0x60 };
            bytes[20] = if kind == 0x0800 { 0 } else { protocol };
            bytes[23] = protocol;
        }
        let _ = (first_contact(&bytes), tcp_payload(&bytes), dns_question(&bytes));
    }
}
