//! Events of a made-up run, for the tests of the page.

use std::time::Duration;

use crate::run::event::{About, Difference, Event, Excerpt, Judgement, What, With};
use harness_language::scenario::model::Stream;

/// An event, its time in milliseconds.
pub fn event(at: u64, who: &str, what: What) -> Event {
    Event { at: Duration::from_millis(at), who: who.to_owned(), what }
}

/// A server that answers the first segment of a sentence, and what becomes of it.
pub fn events() -> Vec<Event> {
    said("THE")
}

/// The same, with these words of the server.
pub fn said(words: &str) -> Vec<Event> {
    let bytes = |text: &str| Excerpt::of(text.as_bytes());
    let wrong = Judgement {
        decides: vec!["uppercase-tcp.segmented".to_owned(), "message.prints-exactly".to_owned()],
        held: false,
        about: About::Conduct,
        expected: "THE QUICK BROWN FOX".to_owned(),
        actual: words.to_owned(),
        reason: format!("alice received {words}; then the program closed the connection"),
        state: String::new(),
    };
    let mut events = vec![
        event(0, "server", What::Started(format!("python3 server.py 23456 {words}"))),
        event(1, "server", What::Listening("0.0.0.0:23456".to_owned())),
        event(1, "alice", What::Connected(With::Actor("server".to_owned()))),
        event(1, "alice", What::Sent(bytes("the"))),
        event(31, "alice", What::Sent(bytes(" quick brown fox"))),
        event(31, "server", What::Printed(Stream::Stdout, bytes("hello\n"))),
        event(31, "server", What::Printed(Stream::Stdout, bytes(&format!("hello\n{words}")))),
        event(31, "server", What::Printed(Stream::Stderr, bytes(words))),
        event(32, "alice", What::Received(bytes(words))),
        event(5_032, "alice", What::EndReceived),
        event(5_032, "harness", What::Finding(words.to_owned())),
    ];
    let difference = Difference::between(b"THE QUICK BROWN FOX", words.as_bytes());
    events.extend(difference.map(|it| event(5_032, "harness", What::Differed(it))));
    events.push(event(5_032, "harness", What::Judged(wrong)));
    events.push(event(5_040, "server", What::Ended("exit status 1".to_owned())));
    events
}

/// What is in a record of calls.
pub const CALLS: &str = "0.000000 s p0.0.0 socket h0s2 asked 0 = 3
0.000000 s p0.0.0 bind fd 3 h0s2 0.0.0.0:23456 asked 0 = 0
0.000010 s p0.0.0 epoll_create1 asked 0 = 3
0.001030 s p0.0.0 recvfrom fd 4 h0s4 asked 1024 = 3
0.001040 s p0.0.0 sendto fd 4 h0s4 asked 3 = 1 (cut from 3)
0.001050 s p0.0.0 sendto fd 4 h0s4 asked 2 = errno 32
";
