use super::*;
use proptest::prelude::*;
use rstest::rstest;
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};

const HEADING: &str =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

fn one(line: &str, transport: Transport) -> Option<SocketEntry> {
    let entries = parse(format!("{HEADING}{line}\n").as_bytes(), transport);
    assert!(entries.len() <= 1);
    entries.first().copied()
}

#[rstest]
#[case(
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000002 00:00000000 00000000  1000        0 4242 1 0 100 0 0 10 0",
    ("127.0.0.1:8080", "0.0.0.0:0", TcpState::Listen, 2, 0, 4242)
)]
#[case(
    "  11: 0100007F:1F90 0200007F:C000 01 0000000A:0000FFFF 01:00000014 00000000     0        0 77 2 0 20 4 30 10 -1",
    ("127.0.0.1:8080", "127.0.0.2:49152", TcpState::Established, 65535, 10, 77)
)]
#[case(
    "   2: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 9 1",
    ("[::1]:80", "[::]:0", TcpState::Listen, 0, 0, 9)
)]
#[case(
    "   3: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000100007F:0051 06 00000000:00000000 03:00000000 00000000 0 0 0 3",
    ("127.0.0.1:80", "127.0.0.1:81", TcpState::TimeWait, 0, 0, 0)
)]
#[case(
    "   4: B80D01200000000067452301EFCDAB89:0035 00000000000000000000000000000000:0000 0C 00000000:00000000 00:00000000 00000000 0 0 0 3",
    ("[2001:db8::123:4567:89ab:cdef]:53", "[::]:0", TcpState::SynReceived, 0, 0, 0)
)]
fn tcp_lines(#[case] line: &str, #[case] expected: (&str, &str, TcpState, u64, u64, u64)) {
    let (local, remote, state, unread, unacked, inode) = expected;
    let expected = SocketEntry {
        transport: Transport::Tcp,
        local: local.parse().unwrap(),
        remote: remote.parse().unwrap(),
        state,
        unread,
        unacked,
        inode,
    };
    assert_eq!(one(line, Transport::Tcp), Some(expected));
}

#[rstest]
#[case("07")]
#[case("01")]
fn udp_sockets_are_open_in_every_state(#[case] state: &str) {
    let line = format!(
        " 1234: 0100007F:14E9 00000000:0000 {state} 00000000:00000300 00:00000000 00000000     0        0 555 2 0000000000000000 0"
    );
    let entry = one(&line, Transport::Udp).unwrap();
    assert_eq!((entry.state, entry.unread, entry.inode), (TcpState::Open, 0x300, 555));
    assert_eq!(entry.local, "127.0.0.1:5353".parse().unwrap());
}

#[rstest]
#[case("")]
#[case("   0: 0100007F:1F90")]
#[case("   0: 0100007F:1F90 00000000:0000 FF 0:0 0:0 0 0 0 1")]
#[case("   0: 010000:1F90 00000000:0000 01 0:0 0:0 0 0 0 1")]
#[case("   0: 0100007F:1F90F 00000000:0000 01 0:0 0:0 0 0 0 1")]
#[case("   0: 0100007F:1F90 00000000:0000 01 0:0 0:0 0 0 0 99999999999999999999999")]
fn other_formats_are_left_out(#[case] line: &str) {
    assert_eq!(one(line, Transport::Tcp), None);
}

/// Prints an address as the kernel does (`%08X` of each word in memory, `%04X` of the port).
fn printed(address: SocketAddr) -> String {
    let octets = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words: String =
        octets.chunks(4).map(|word| format!("{:08X}", u32::from_ne_bytes(word.try_into().unwrap()))).collect();
    format!("{words}:{:04X}", address.port())
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes, Transport::Tcp);
        let _ = parse(&bytes, Transport::Udp);
    }

    #[test]
    fn what_the_kernel_prints_is_read_back(
        local: SocketAddr, remote: SocketAddr, state in 1_u8..=12,
        unacked: u32, unread: u32, uid: u32, inode: u64,
    ) {
        let (local, remote) = (
            SocketAddr::new(local.ip(), local.port()),
            SocketAddr::new(remote.ip(), remote.port()),
        );
        let line = format!(
            "   7: {} {} {state:02X} {unacked:08X}:{unread:08X} 00:00000000 00000000 {uid:5} 0 {inode} 1",
            printed(local), printed(remote),
        );
        let entry = one(&line, Transport::Tcp).unwrap();
        prop_assert_eq!(entry.local, SocketAddr::new(local.ip().to_canonical(), local.port()));
        prop_assert_eq!(entry.remote, SocketAddr::new(remote.ip().to_canonical(), remote.port()));
        prop_assert_eq!((entry.unacked, entry.unread), (u64::from(unacked), u64::from(unread)));
        prop_assert_eq!(entry.inode, inode);
    }
}

#[test]
fn a_real_conversation_shows() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    let find = |state, local| {
        let found = table().unwrap().into_iter().find(|entry| entry.state == state && entry.local == local);
        found.unwrap()
    };
    assert_eq!(find(TcpState::Listen, address).unread, 1, "one connection waits");
    let (_server, _) = listener.accept().unwrap();
    assert_eq!(find(TcpState::Listen, address).unread, 0);
    client.write_all(b"12345").unwrap();
    let server = find(TcpState::Established, address);
    assert_eq!((server.unread, server.remote), (5, client.local_addr().unwrap()));
    let inodes = inodes_of(&[std::process::id().try_into().unwrap()]);
    assert!(inodes.contains(&server.inode) && server.inode != 0);
    assert!(inodes_of(&[2_000_000_000]).is_empty());
}

/// Also prints what a look costs: mostly the kernel's walk through its table of connections, whose size depends
/// on the machine's memory.
#[test]
fn twenty_sockets_show() {
    let sockets: Vec<_> = (0..20).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let mut costs = Vec::new();
    for _ in 0..21 {
        let start = std::time::Instant::now();
        let entries = table().unwrap();
        costs.push(start.elapsed());
        for socket in &sockets {
            let local = socket.local_addr().unwrap();
            assert!(entries.iter().any(|entry| (entry.transport, entry.local) == (Transport::Udp, local)));
        }
    }
    costs.sort_unstable();
    println!("socket table: best {:?}, median {:?}", costs[0], costs[10]);
}

#[test]
fn bytes_of_a_closed_connection_are_expected_until_its_end_has_come() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut receiver, address) = listener.accept().unwrap();
    let expects = || {
        let entries = table().unwrap();
        expecting_last_bytes(&entries).iter().any(|entry| entry.remote == address)
    };

    // More than the buffers of both ends hold: the rest waits where it was written.
    sender.set_nonblocking(true).unwrap();
    let mut sent = 0;
    while let Ok(count) = sender.write(&[b'x'; 64 * 1024]) {
        sent += count;
    }
    assert!(!expects(), "it is not closed yet");
    drop(sender);
    assert!(expects());

    assert_eq!(std::io::copy(&mut receiver, &mut std::io::sink()).unwrap(), sent as u64);
    assert!(!expects(), "the end has come");
}
