//! What the network does to packets on purpose: loss, duplicates, other orders, small packets, crashes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::{collect, compiled, launch, pair, python};
use harness_sim::{Config, DatagramFaults, Exit, Payload, Simulation};

const COUNT: usize = 30;

/// The numbers of the datagrams that arrive of [`COUNT`], in order of arrival.
fn arrivals(seed: u64, datagrams: DatagramFaults) -> Vec<usize> {
    let receiver = "import socket\n\
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); one.bind(('', 5000)); one.settimeout(30)\n\
        try:\n\
        \x20   while True: print(one.recv(99).decode(), flush=True)\n\
        except TimeoutError: pass";
    let sender = format!(
        "import socket, time\n\
         one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         for number in range({COUNT}): one.sendto(str(number).encode(), ('server', 5000)); time.sleep(0.01)"
    );
    let mut sim = Simulation::new(Config { seed, datagrams, ..Config::default() }).unwrap();
    let (server, client) = (sim.add_host("server").unwrap(), sim.add_host("client").unwrap());
    let handle = sim.handle();
    let (exit, text) = sim
        .run(async {
            let program = handle.spawn(server, launch(&python(), &["-c", receiver])).unwrap();
            handle.listening(program).await;
            handle.spawn(client, launch(&python(), &["-c", &sender])).unwrap();
            collect(handle, program).await
        })
        .unwrap();
    assert_eq!(exit, Exit::Status(0));
    String::from_utf8(text).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn datagrams_arrive_once_and_in_order_where_nothing_else_is_asked_for() {
    assert_eq!(arrivals(1, DatagramFaults::default()), (0..COUNT).collect::<Vec<_>>());
}

#[test]
fn datagrams_are_lost_by_chance_and_the_seed_says_which() {
    let half = |seed| arrivals(seed, DatagramFaults { loss: 0.5, ..DatagramFaults::default() });
    let seen: BTreeSet<Vec<usize>> = (1..5).map(half).collect();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|one| one.is_sorted() && (1..COUNT).contains(&one.len())), "{seen:?}");
    assert_eq!(half(1), half(1));
    assert!(arrivals(1, DatagramFaults { loss: 1.0, ..DatagramFaults::default() }).is_empty());
    let named = DatagramFaults { lose: vec![1, 30], ..DatagramFaults::default() };
    assert_eq!(arrivals(1, named), (1..COUNT - 1).collect::<Vec<_>>());
}

#[test]
fn datagrams_arrive_twice_by_chance() {
    let twice = |chance| arrivals(3, DatagramFaults { duplicate: chance, ..DatagramFaults::default() });
    assert_eq!(twice(1.0), (0..COUNT).flat_map(|number| [number, number]).collect::<Vec<_>>());
    assert!((COUNT + 1..2 * COUNT).contains(&twice(0.5).len()));
}

#[test]
fn datagrams_arrive_twice_and_late_by_their_number() {
    let faults = DatagramFaults { twice: vec![2, 5], overtaken: vec![1, 5, 6, 30], ..DatagramFaults::default() };
    // The fifth and the sixth wait for the seventh; the last one has no successor.
    assert_eq!(arrivals(1, faults)[..10], [1, 1, 0, 2, 3, 6, 4, 5, 7, 8]);
    let late = DatagramFaults { overtaken: vec![30], ..DatagramFaults::default() };
    assert_eq!(arrivals(1, late), (0..COUNT - 1).collect::<Vec<_>>());
}

#[test]
fn datagrams_overtake_each_other_by_chance() {
    let faults = DatagramFaults { reorder: 0.3, reorder_by: Duration::from_millis(35), ..DatagramFaults::default() };
    let seen = arrivals(1, faults);
    assert!(!seen.is_sorted(), "{seen:?}");
    let mut all = seen.clone();
    all.sort_unstable();
    assert_eq!(all, (0..COUNT).collect::<Vec<_>>());
    // Held back by 35 ms, a datagram is overtaken by three.
    assert!(seen.iter().enumerate().all(|(place, number)| place.abs_diff(*number) <= 3), "{seen:?}");
}

#[test]
fn packets_are_no_larger_than_the_network_takes() {
    for mtu in [576, 1500, 9000] {
        let server = launch(&compiled("upper_server", &[]), &["5000"]);
        let client = launch(&compiled("upper_client", &[]), &["127.0.0.1", "5000"]);
        let run = pair(Config { mtu, ..Config::default() }, server, vec![client], &[b'x'; 20_000]).unwrap();
        assert_eq!(run.clients, [(Exit::Status(0), vec![b'X'; 20_000])]);
        let packets = run.sim.packets();
        let largest = packets.iter().filter_map(|one| match &one.packet.payload {
            Payload::Tcp(segment) => Some(segment.data.len()),
            _ => None,
        });
        assert_eq!(largest.max(), Some((mtu as usize - 40).min(4096)), "the program writes 4096 bytes at once");
        assert!(packets.iter().all(|one| one.packet.to_frames(mtu, 1).iter().all(|frame| frame.len() <= mtu as usize)));
    }
}

#[test]
fn a_crashed_host_is_silent_and_a_restarted_one_knows_nothing_of_before() {
    let client = "import socket, time\n\
        one = socket.create_connection(('server', 5000)); one.settimeout(3)\n\
        def attempt(name, act):\n\
        \x20   began = time.monotonic()\n\
        \x20   try: seen = act()\n\
        \x20   except OSError as error: seen = type(error).__name__\n\
        \x20   print(name, seen, round(time.monotonic() - began), flush=True)\n\
        def ask(): one.sendall(b'x'); return one.recv(9)\n\
        attempt('before', ask)\n\
        input()\n\
        attempt('silent', ask)\n\
        attempt('new', lambda: socket.create_connection(('server', 5000), 5))\n\
        input()\n\
        attempt('forgotten', ask)\n\
        one = socket.create_connection(('server', 5000))\n\
        attempt('anew', ask)";
    let mut sim = Simulation::new(Config::default()).unwrap();
    let (place, other) = (sim.add_host("server").unwrap(), sim.add_host("client").unwrap());
    let handle = sim.handle();
    let (exit, text) = sim
        .run(async {
            let serve = || handle.spawn(place, launch(&compiled("upper_server", &[]), &["5000"])).unwrap();
            let server = serve();
            handle.listening(server).await;
            let program = handle.spawn(other, launch(&python(), &["-c", client])).unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
            handle.crash(place);
            handle.signal_all(server, 9);
            handle.exited(server).await;
            handle.write_input(program, b"\n");
            tokio::time::sleep(Duration::from_secs(60)).await;
            handle.restart(place);
            handle.listening(serve()).await;
            handle.write_input(program, b"\n");
            collect(handle, program).await
        })
        .unwrap();
    // A connection is tried to both of the server's addresses.
    let expected =
        "before b'X' 0\nsilent TimeoutError 3\nnew TimeoutError 10\nforgotten ConnectionResetError 0\nanew b'X' 0\n";
    assert_eq!((String::from_utf8(text).unwrap().as_str(), exit), (expected, Exit::Status(0)));
}
