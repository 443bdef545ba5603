//! Captures on the real loopback interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here, helpers included")]

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use harness_os::namespace::enter_private_network;
use harness_os::sniff::{Contact, Frame, Sniffer, first_contact, tcp_payload};
use harness_os::sockets::Transport;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A capture in a network of this test's own where that is allowed, else beside whatever else runs here.
fn open() -> Option<Sniffer> {
    if let Err(error) = enter_private_network() {
        println!("on the machine's own loopback: {error}");
    }
    match Sniffer::open() {
        Ok(sniffer) => Some(sniffer),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            println!("skipped: no CAP_NET_RAW here");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Reads frames until one satisfies `wanted`, for ten seconds at most.
fn wait_for<T>(sniffer: &mut Sniffer, mut wanted: impl FnMut(&Frame) -> Option<T>) -> T {
    let limit = Instant::now() + Duration::from_secs(10);
    loop {
        while let Some(frame) = sniffer.next().unwrap() {
            if let Some(found) = wanted(&frame) {
                return found;
            }
        }
        assert!(Instant::now() < limit, "frame not seen in time");
        let mut fds = [PollFd::new(sniffer.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(1000_u16)).unwrap();
    }
}

fn contact_with(frame: &Frame, transport: Transport, destination: SocketAddr) -> Option<Contact> {
    first_contact(&frame.bytes).filter(|found| (found.transport, found.destination) == (transport, destination))
}

#[test]
fn a_syn_to_a_closed_port_is_seen_once() {
    let Some(mut sniffer) = open() else { return };
    assert_eq!(sniffer.as_fd().try_clone_to_owned().map(|_| ()).ok(), Some(()));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(TcpStream::connect(closed).is_err());
    // A datagram behind it marks the end of what has to be looked through.
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mark = receiver.local_addr().unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(b"mark", mark).unwrap();

    let mut syns = Vec::new();
    let end = wait_for(&mut sniffer, |frame| {
        syns.extend(contact_with(frame, Transport::Tcp, closed).map(|contact| (frame.at, contact)));
        contact_with(frame, Transport::Udp, mark)
    });
    assert_eq!((end.source, end.payload.as_slice()), (sender.local_addr().unwrap(), b"mark".as_slice()));
    assert_eq!(syns.len(), 1, "{syns:?}");
    let (at, syn) = &syns[0];
    assert!(syn.source.ip().is_loopback() && syn.payload.is_empty());
    assert!(*at < Duration::from_secs(60), "{at:?}");
    assert_eq!(sniffer.lost(), 0);
}

#[test]
fn a_large_write_is_captured_whole() {
    let Some(mut sniffer) = open() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let ends = (client.local_addr().unwrap(), client.peer_addr().unwrap());
    let sent: Vec<u8> = (0..1_000_000_u32).map(|index| (index % 251) as u8).collect();
    let reader = std::thread::spawn(move || std::io::copy(&mut server, &mut std::io::sink()).unwrap());
    client.write_all(&sent).unwrap();
    drop(client);
    assert_eq!(reader.join().unwrap(), 1_000_000);

    let mut captured = vec![0; sent.len()];
    let mut first = None;
    let mut total = 0;
    wait_for(&mut sniffer, |frame| {
        let (source, destination, sequence, bytes) = tcp_payload(&frame.bytes)?;
        if (source, destination) != ends {
            return None;
        }
        let offset = sequence.wrapping_sub(*first.get_or_insert(sequence)) as usize;
        captured[offset..offset + bytes.len()].copy_from_slice(&bytes);
        total += bytes.len();
        (total >= sent.len()).then_some(())
    });
    assert!(captured == sent);
    assert_eq!(sniffer.lost(), 0);
}
