//! Pings on a simulated network, in virtual time, and over loopback.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use reference::udp_pinger::client::{number_of, summary};
use rstest::rstest;
use turmoil::net::UdpSocket;

use crate::support::{Ended, on_loopback, simulated, simulation, with_server};

const TASK: &str = "udp-pinger";

/// A network on which every way takes as long as every other.
fn network(one_way: Duration) -> turmoil::Sim<'static> {
    turmoil::Builder::new()
        .rng_seed(1)
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(one_way)
        .max_message_latency(one_way)
        .simulation_duration(Duration::from_secs(60))
        .build()
}

async fn ping() -> Ended {
    simulated(TASK, "client", &["server", "5000"], b"").await
}

/// The RTT of each ping that was answered, in milliseconds, by its number.
fn times(stdout: &str) -> Vec<(usize, f64)> {
    let line = |line: &str| {
        let (number, time) = line.strip_prefix("ping ")?.split_once(": RTT ")?;
        Some((number.parse().unwrap(), time.strip_suffix(" ms")?.parse().unwrap()))
    };
    stdout.lines().filter_map(line).collect()
}

#[rstest]
#[case(5)]
#[case(80)]
#[case(450)]
fn the_times_are_those_of_the_network(#[case] one_way: u64) {
    let mut sim = network(Duration::from_millis(one_way));
    with_server(&mut sim, TASK);
    sim.client("here", async move {
        let ended = ping().await;
        assert_eq!((ended.status, &*ended.stderr), (0, ""));
        let times = times(&ended.stdout);
        assert_eq!(times.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
        let expected = (2 * one_way) as f64;
        assert!(times.iter().all(|(_, time)| (time - expected).abs() <= 3.0), "{ended:?}");
        assert!(ended.stdout.contains("10 pings sent, 10 pongs received, 0% packet loss\nRTT min/avg/max = "));
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn silence_is_ten_time_outs() {
    let mut sim = simulation();
    with_server(&mut sim, TASK);
    sim.client("here", async {
        turmoil::partition("here", "server");
        let ended = ping().await;
        assert_eq!((ended.status, &*ended.stderr), (1, "client: no answer from server port 5000\n"));
        let mut expected: Vec<_> = (1..=10).map(|number| format!("ping {number}: request timed out")).collect();
        expected.push("10 pings sent, 0 pongs received, 100% packet loss".to_owned());
        assert_eq!(ended.stdout.lines().collect::<Vec<_>>(), expected);
        let waited = turmoil::elapsed();
        assert!((Duration::from_secs(10)..Duration::from_millis(10_100)).contains(&waited), "{waited:?}");
        Ok(())
    });
    sim.run().unwrap();
}

/// A server that does with each ping what the case says: one character for each, in order.
/// `.` answers, `x` loses, `2` answers twice, `h` holds the pong back until the next ping has come and sends it before
/// that one's, `r` holds it back and sends it after that one's, `b` babbles and answers, `u` answers in capitals.
async fn scripted(script: &'static str) -> turmoil::Result {
    let socket = UdpSocket::bind("0.0.0.0:5000").await?;
    let mut buffer = [0; 1500];
    let mut before: Option<(Vec<u8>, SocketAddr)> = None;
    let mut after: Option<(Vec<u8>, SocketAddr)> = None;
    for action in script.chars() {
        let (length, client) = socket.recv_from(&mut buffer).await?;
        let pong = buffer[..length].to_vec();
        if let Some((held, client)) = before.take() {
            socket.send_to(&held, client).await?;
        }
        match action {
            '.' => drop(socket.send_to(&pong, client).await?),
            '2' => {
                socket.send_to(&pong, client).await?;
                socket.send_to(&pong, client).await?;
            }
            'h' => before = Some((pong, client)),
            'r' => after = Some((pong, client)),
            'b' => {
                for babble in [&b"hello"[..], b"", b"pong", b"ping 99 0", b"ping 11 0", b"\xff 3"] {
                    socket.send_to(babble, client).await?;
                }
                socket.send_to(&pong, client).await?;
            }
            'u' => drop(socket.send_to(&pong.to_ascii_uppercase(), client).await?),
            _ => {}
        }
        if action != 'r'
            && let Some((held, client)) = after.take()
        {
            socket.send_to(&held, client).await?;
        }
    }
    std::future::pending().await
}

#[rstest]
#[case::lost("..x....x..", &[3, 8], "")]
#[case::late(".h........", &[2], "(late: the pong of ping 2)")]
#[case::late_in_a_row(".hhh......", &[2, 3, 4], "(late: the pong of ping 2)(late: the pong of ping 3)(late: the pong of ping 4)")]
#[case::doubled(".2........", &[], "(duplicate: the pong of ping 2)")]
#[case::reordered("..r.......", &[3], "(late: the pong of ping 3)")]
#[case::strangers("bbbbbbbbbb", &[], "")]
#[case::capitals("uuuuuuuuuu", &[], "")]
fn each_pong_belongs_to_its_own_ping(
    #[case] script: &'static str,
    #[case] lost: &'static [usize],
    #[case] said: &'static str,
) {
    let mut sim = network(Duration::from_millis(20));
    sim.host("server", move || scripted(script));
    sim.client("here", async move {
        let ended = ping().await;
        assert_eq!((ended.status, &*ended.stderr), (0, ""));
        let times = times(&ended.stdout);
        let answered: Vec<_> = (1..=10).filter(|number| !lost.contains(number)).collect();
        assert_eq!(times.iter().map(|(number, _)| *number).collect::<Vec<_>>(), answered);
        assert!(times.iter().all(|(_, time)| (37.0..=43.0).contains(time)), "{ended:?}");
        for number in lost {
            assert!(ended.stdout.contains(&format!("ping {number}: request timed out\n")));
        }
        let asides: String = ended.stdout.lines().filter(|line| line.starts_with('(')).collect();
        assert_eq!(asides, said);
        assert!(ended.stdout.contains(&format!(
            ", {} pongs received, {}% packet loss\n",
            10 - lost.len(),
            lost.len() * 10
        )));
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn babble_does_not_prolong_the_wait() {
    let mut sim = network(Duration::from_millis(1));
    sim.host("server", || async {
        let socket = UdpSocket::bind("0.0.0.0:5000").await?;
        let (_, client) = socket.recv_from(&mut [0; 100]).await?;
        let mut beat = tokio::time::interval(Duration::from_millis(300)); // simulated
        loop {
            beat.tick().await;
            socket.send_to(b"ping 77 0", client).await?;
        }
    });
    sim.client("here", async {
        assert_eq!(ping().await.status, 1);
        assert!(turmoil::elapsed() < Duration::from_millis(10_500));
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn two_clients_get_their_own_pongs() {
    let mut sim = simulation();
    with_server(&mut sim, TASK);
    for name in ["anna", "bert"] {
        sim.client(name, async {
            let ended = ping().await;
            assert_eq!((ended.status, times(&ended.stdout).len()), (0, 10));
            assert!(!ended.stdout.contains('('), "{ended:?}");
            Ok(())
        });
    }
    sim.run().unwrap();
}

#[test]
fn on_loopback_every_datagram_comes_back_to_its_sender() {
    use reference::network::{Network as _, Tokio};
    on_loopback(async {
        let server = Tokio.bind(0).await.unwrap();
        let address: SocketAddr = ([127, 0, 0, 1], server.local_addr().unwrap().port()).into();
        tokio::task::spawn_local(reference::udp_pinger::server::serve(server));
        let (anna, bert) = (Tokio.bind_to_peer(address).await.unwrap(), Tokio.bind_to_peer(address).await.unwrap());
        let binary: Vec<u8> = (0..=255).cycle().take(9_000).collect();
        anna.send(&binary).await.unwrap();
        bert.send(b"ping 1").await.unwrap();
        let mut buffer = vec![0; 10_000];
        let length = bert.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"ping 1");
        let length = anna.recv(&mut buffer).await.unwrap();
        assert_eq!(buffer[..length], binary);
    });
}

#[test]
fn a_refusal_is_said_ten_times_and_at_once() {
    // A socket that is connected to itself takes nobody else's datagrams, and keeps the port from being reused.
    let holder = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    holder.connect(address).unwrap();
    let arguments = ["127.0.0.1".to_owned(), address.port().to_string()];
    let began = std::time::Instant::now();
    assert_eq!(reference::run(TASK, "client", &arguments), Some(1));
    assert!(began.elapsed() < Duration::from_secs(9));
}

#[rstest]
#[case("ping 3 20.5", Some(3))]
#[case("PING 10 20.5", Some(10))]
#[case("Pong 7: hello", Some(7))]
#[case("ping #4", Some(4))]
#[case("ping 0 1", None)]
#[case("ping 11 1", None)]
#[case("ping", None)]
#[case("", None)]
fn a_pong_is_known_by_its_number(#[case] pong: &str, #[case] number: Option<usize>) {
    assert_eq!(number_of(pong.as_bytes()), number);
}

proptest! {
    #[test]
    fn the_summary_adds_up(micros in prop::collection::vec(0..1_000_000_u64, 1..=10)) {
        let text = summary(&micros.iter().map(|&time| Duration::from_micros(time)).collect::<Vec<_>>());
        let (counts, times) = text.split_once("\nRTT min/avg/max = ").unwrap();
        let loss = format!("10 pings sent, {} pongs received, {}% packet loss", micros.len(), 100 - micros.len() * 10);
        prop_assert_eq!(counts, loss);
        let times: Vec<f64> =
            times.strip_suffix(" ms").unwrap().split('/').map(|time| time.parse().unwrap()).collect();
        let average = micros.iter().sum::<u64>() as f64 / micros.len() as f64 / 1000.0;
        prop_assert!((times[0] - *micros.iter().min().unwrap() as f64 / 1000.0).abs() < 0.001);
        prop_assert!((times[1] - average).abs() <= 0.001);
        prop_assert!((times[2] - *micros.iter().max().unwrap() as f64 / 1000.0).abs() < 0.001);
    }

    #[test]
    fn any_bytes_are_a_pong_or_none(bytes: Vec<u8>) {
        prop_assert!(number_of(&bytes).is_none_or(|number| (1..=10).contains(&number)));
    }
}
