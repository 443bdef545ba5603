//! The chat room, on a simulated network and over loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use reference::network::{Network as _, Tokio};
use rstest::rstest;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::{JoinSet, spawn_local};

use crate::support::{Client, Ended, on_loopback, simulated, simulation, with_server, words};

const TASK: &str = "chat-room";

/// A server in a thread of its own, for clients that a test plays with blocking calls.
fn start_server() -> SocketAddr {
    let (tell, address) = std::sync::mpsc::channel();
    thread::spawn(move || {
        on_loopback(async {
            let listener = Tokio.listen(0).await.unwrap();
            tell.send((Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()).into()).unwrap();
            reference::chat_room::server::serve(listener).await
        })
    });
    address.recv().unwrap()
}

fn enter(address: SocketAddr, name: &str) -> Client {
    let mut client = Client::connect(address);
    assert!(client.ask(name).starts_with(&format!("* you are {name}, ")));
    client
}

#[test]
fn everybody_else_gets_each_line_once() {
    let address = start_server();
    let mut anna = Client::connect(address);
    assert_eq!(anna.ask("anna"), "* you are anna, 1 is here");
    let mut bert = Client::connect(address);
    assert_eq!(bert.ask("bert\r"), "* you are bert, 2 are here");
    assert_eq!(anna.line(), "* bert has joined, 2 are here");
    anna.send("one\ntwo\r\n\nthr");
    assert_eq!([bert.line(), bert.line()], ["anna: one", "anna: two"]);
    anna.send("ee\n");
    assert_eq!(bert.line(), "anna: three");
    bert.send("last");
    assert_eq!(bert.finish(), b"");
    assert_eq!([anna.line(), anna.line()], ["bert: last", "* bert has left, 1 is here"]);
    anna.send("x".repeat(10_000));
    assert_eq!(anna.line(), "* that line is too long");
    assert_eq!(anna.finish(), b"");
}

#[test]
fn whoever_leaves_at_once_gets_what_was_on_its_way() {
    let address = start_server();
    let mut anna = enter(address, "anna");
    for _ in 0..100 {
        let mut hasty = Client::connect(address);
        hasty.send("hasty\nhello\n");
        assert_eq!(hasty.finish(), b"* you are hasty, 2 are here\n");
        let heard = ["* hasty has joined, 2 are here", "hasty: hello", "* hasty has left, 1 is here"];
        assert_eq!([anna.line(), anna.line(), anna.line()], heard);
    }
}

/// A lot is queued for a client when it closes its side, and all of it arrives, each line whole.
#[test]
fn whoever_leaves_in_the_middle_of_a_burst_gets_whole_lines() {
    let address = start_server();
    let (mut anna, mut bert) = (enter(address, "anna"), enter(address, "bert"));
    let burst: String = (0..800).map(|number| format!("{number} {}\n", "x".repeat(4_000))).collect();
    let mut socket = anna.socket().try_clone().unwrap();
    let sender = thread::spawn(move || socket.write_all(burst.as_bytes()).unwrap());
    for number in 0..10 {
        assert_eq!(bert.line(), format!("anna: {number} {}", "x".repeat(4_000)));
    }
    let rest = String::from_utf8(bert.finish()).unwrap();
    assert!(rest.is_empty() || rest.ends_with('\n'));
    for (line, number) in rest.lines().zip(10..) {
        assert_eq!(line, format!("anna: {number} {}", "x".repeat(4_000)));
    }
    sender.join().unwrap();
    assert_eq!([anna.line(), anna.line()], ["* bert has joined, 2 are here", "* bert has left, 1 is here"]);
}

#[test]
fn names_are_told_apart() {
    let address = start_server();
    let _silent = Client::connect(address);
    let mut anna = enter(address, "anna");
    let mut other = Client::connect(address);
    assert_eq!(other.ask("anna"), "* that name is taken, you are anna-2, 2 are here");
    assert_eq!(anna.line(), "* anna-2 has joined, 2 are here");
    other.send("hello\n");
    assert_eq!(anna.line(), "anna-2: hello");
    other.reset();
    assert_eq!(anna.line(), "* anna-2 has left, 1 is here");
    for bad in ["", " ", &"x".repeat(65)] {
        let mut nobody = Client::connect(address);
        assert_eq!(nobody.ask(bad), "* that cannot be a name; the first line is yours");
        assert_eq!(nobody.rest(), b"");
    }
    assert_eq!(anna.finish(), b"");
}

#[test]
fn whoever_does_not_read_is_disconnected_and_the_room_goes_on() {
    let address = start_server();
    let (mut anna, mut bert) = (enter(address, "anna"), enter(address, "bert"));
    assert_eq!(anna.line(), "* bert has joined, 2 are here");
    let stalled = enter(address, "stalled");
    for client in [&mut anna, &mut bert] {
        assert_eq!(client.line(), "* stalled has joined, 3 are here");
    }
    let mut socket = anna.socket().try_clone().unwrap();
    // More than all buffers on the way and the queue can hold.
    let sender = thread::spawn(move || {
        let line = format!("{}\n", "x".repeat(8_000));
        for _ in 0..4_000 {
            socket.write_all(line.as_bytes()).unwrap();
        }
    });
    let mut lines = 0;
    let mut told = false;
    while lines < 4_000 || !told {
        let line = bert.line();
        if line == "* stalled did not read and was disconnected, 2 are here" {
            told = true;
        } else {
            assert_eq!(line.len(), 8_000 + "anna: ".len());
            lines += 1;
        }
    }
    sender.join().unwrap();
    // It gets what was on its way, and then the end: whole or by a reset.
    let mut rest = Vec::new();
    let _ = std::io::Read::read_to_end(&mut stalled.socket(), &mut rest);
    assert!(rest.len() < 4_000 * 8_000);
}

struct Peer {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

async fn join(address: SocketAddr, name: &str) -> Peer {
    let mut peer = knock(address, name).await;
    peer.is_welcome().await;
    peer
}

/// Sends the name, and does not wait.
async fn knock(address: SocketAddr, name: &str) -> Peer {
    let (reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    writer.write_all(format!("{name}\n").as_bytes()).await.unwrap();
    Peer { lines: BufReader::new(reader).lines(), writer }
}

impl Peer {
    async fn line(&mut self) -> String {
        self.lines.next_line().await.unwrap().unwrap()
    }

    async fn is_welcome(&mut self) {
        let line = self.line().await;
        assert!(line.starts_with("* you are"), "{line}");
    }

    /// The next line that somebody has said.
    async fn said(&mut self) -> String {
        loop {
            let line = self.line().await;
            if !line.starts_with('*') {
                return line;
            }
        }
    }
}

/// Everybody joins, everybody says `count` lines, and everybody counts what the others say.
async fn crowd(clients: usize, count: usize) {
    let listener = Tokio.listen(0).await.unwrap();
    let address = (Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()).into();
    spawn_local(reference::chat_room::server::serve(listener));
    let mut peers = Vec::new();
    for number in 0..clients {
        peers.push(join(address, &format!("client{number}")).await);
    }
    let mut tasks = JoinSet::new();
    for (number, mut peer) in peers.into_iter().enumerate() {
        tasks.spawn_local(async move {
            let said: String = (0..count).map(|line| format!("line {line} of {number}\n")).collect();
            // Fits into the buffers on the way, at least when the server reads.
            peer.writer.write_all(said.as_bytes()).await.unwrap();
            let mut heard: BTreeMap<String, usize> = BTreeMap::new();
            for _ in 0..(clients - 1) * count {
                let line = peer.said().await;
                let (name, text) = line.split_once(": ").unwrap();
                let next = heard.entry(name.to_owned()).or_default();
                // Each sender's lines come in order, and so each comes once.
                assert_eq!(text, format!("line {next} of {}", &name["client".len()..]));
                *next += 1;
            }
            assert_eq!(heard.len(), clients - 1);
            assert!(!heard.contains_key(&format!("client{number}")));
            // Whoever closes its side leaves the room, and others may still be listening.
            peer
        });
    }
    let mut peers = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        peers.push(ended.unwrap());
    }
}

#[rstest]
#[case::three_hundred(300, 3)]
#[case::long_conversation(5, 3_000)]
fn a_crowd_hears_everything(#[case] clients: usize, #[case] count: usize) {
    reference::descriptors::allow_many();
    on_loopback(crowd(clients, count));
}

#[test]
fn two_thousand_hear_one() {
    reference::descriptors::allow_many();
    on_loopback(async {
        let listener = Tokio.listen(0).await.unwrap();
        let address = (Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()).into();
        spawn_local(reference::chat_room::server::serve(listener));
        let mut peers = Vec::new();
        for number in 0..2_000 {
            peers.push(knock(address, &format!("c{number}")).await);
        }
        for peer in &mut peers {
            peer.is_welcome().await;
        }
        peers[7].writer.write_all(b"hello, all\n").await.unwrap();
        for (number, peer) in peers.iter_mut().enumerate().filter(|(number, _)| *number != 7) {
            let line = peer.said().await;
            assert_eq!(line, "c7: hello, all", "client {number}");
        }
    });
}

#[test]
fn own_clients_on_the_simulated_network() {
    let mut sim = simulation();
    with_server(&mut sim, TASK);
    sim.client("here", async {
        let (keyboard, stdin) = tokio::io::duplex(1_000);
        let stdout = crate::support::Capture::default();
        let io = reference::Io {
            stdin: Box::pin(stdin),
            stdout: Box::pin(stdout.clone()),
            stderr: Box::pin(tokio::io::sink()),
        };
        let anna = reference::run_on_turmoil(TASK, "client", words(&["server", "5000", "anna"]), io).unwrap();
        let anna = spawn_local(anna);
        tokio::time::sleep(Duration::from_secs(1)).await; // simulated
        let bert = simulated(TASK, "client", &["server", "5000", "bert"], b"hello\nlast line").await;
        assert_eq!(bert, Ended::well("* you are bert, 2 are here\n"));
        tokio::time::sleep(Duration::from_secs(1)).await; // simulated
        drop(keyboard);
        assert_eq!(anna.await?, 0);
        assert_eq!(
            stdout.text(),
            "* you are anna, 1 is here\n* bert has joined, 2 are here\nbert: hello\nbert: last line\n\
             * bert has left, 1 is here\n"
        );
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_client_whose_server_leaves_says_so() {
    let mut sim = simulation();
    sim.host("server", || async {
        let listener = turmoil::net::TcpListener::bind("0.0.0.0:5000").await?;
        let (mut client, _) = listener.accept().await?;
        tokio::io::AsyncReadExt::read_exact(&mut client, &mut [0; 5]).await?;
        client.write_all(b"* go away\n").await?;
        Ok(())
    });
    sim.client("here", async {
        let (_keyboard, stdin) = tokio::io::duplex(1_000);
        let (stdout, stderr) = (crate::support::Capture::default(), crate::support::Capture::default());
        let io = reference::Io {
            stdin: Box::pin(stdin),
            stdout: Box::pin(stdout.clone()),
            stderr: Box::pin(stderr.clone()),
        };
        let program = reference::run_on_turmoil(TASK, "client", words(&["server", "5000", "anna"]), io).unwrap();
        assert_eq!(program.await, 1);
        assert_eq!(stdout.text(), "* go away\n");
        assert_eq!(stderr.text(), "client: the server closed the connection\n");
        Ok(())
    });
    sim.run().unwrap();
}

#[derive(Debug, Clone)]
enum Step {
    Join,
    Leave(prop::sample::Index),
    Say(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => Just(Step::Join),
        1 => any::<prop::sample::Index>().prop_map(Step::Leave),
        5 => any::<prop::sample::Index>().prop_map(Step::Say),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// After every step everybody has heard just what happened.
    #[test]
    fn any_evening_is_heard_by_those_who_are_there(steps in steps()) {
        on_loopback(async {
            let listener = Tokio.listen(0).await.unwrap();
            let address = (Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()).into();
            spawn_local(reference::chat_room::server::serve(listener));
            let mut here: Vec<(String, Peer)> = Vec::new();
            let mut names = BTreeSet::new();
            for (number, step) in steps.into_iter().enumerate() {
                let (said, by) = match step {
                    Step::Join => {
                        let name = format!("client{number}");
                        here.push((name.clone(), join(address, &name).await));
                        names.insert(name.clone());
                        (format!("* {name} has joined, "), here.len() - 1)
                    }
                    Step::Leave(index) if !here.is_empty() => {
                        let (name, _peer) = here.remove(index.index(here.len()));
                        (format!("* {name} has left, "), usize::MAX)
                    }
                    // Of what nobody hears, nobody knows when the server has dealt with it.
                    Step::Say(index) if here.len() > 1 => {
                        let by = index.index(here.len());
                        let (name, peer) = &mut here[by];
                        peer.writer.write_all(format!("line {number}\n").as_bytes()).await.unwrap();
                        (format!("{name}: line {number}"), by)
                    }
                    _ => continue,
                };
                for (_, peer) in here.iter_mut().enumerate().filter(|(index, _)| *index != by).map(|(_, entry)| entry) {
                    let line = peer.line().await;
                    assert!(line.starts_with(&said), "{line}, not {said}");
                }
            }
        });
    }
}

#[rstest]
#[case("server", &[])]
#[case("server", &["0"])]
#[case("client", &["localhost", "5000"])]
#[case("client", &["localhost", "5000", " "])]
#[case("client", &["localhost", "five", "anna"])]
#[case("client", &["localhost", "5000", "anna", "bert"])]
fn bad_arguments_are_refused(#[case] role: &str, #[case] arguments: &[&str]) {
    assert_eq!(reference::run(TASK, role, &words(arguments)), Some(2));
}
