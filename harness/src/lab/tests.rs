//! Facts and conclusions from made-up evidence: each kind of evidence is enough by itself, and
//! other evidence gives another conclusion.

use std::time::Duration;

use rstest::rstest;

use super::facts::{Facts, Seen, conclude, decide};
use super::load::Lab;
use super::model::Experiment;
use crate::calls::{self, Call};
use crate::capture::packet::{Body, Data, Packet, Segment};
use crate::run::event::{About, Event, Judgement, What};

#[test]
fn the_questions_are_the_seven_of_the_sheet() {
    let lab = Lab::built_in().unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert_eq!(lab.questions().keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    for question in lab.questions().values() {
        assert!(question.why.contains("RFC"), "{}", question.title);
    }
}

fn experiment(number: u32, name: &str) -> Experiment {
    let lab = Lab::built_in().unwrap();
    lab.questions()[&number].experiments.iter().find(|it| it.name == name).unwrap().clone()
}

fn judged(facts: &[(&str, bool)]) -> Vec<Event> {
    let judgement = |(name, held): &(&str, bool)| Judgement {
        decides: vec![format!("lab.{name}")],
        held: *held,
        about: About::Conduct,
        expected: String::new(),
        actual: String::new(),
        reason: String::new(),
        state: String::new(),
    };
    let event = |fact| Event { at: Duration::ZERO, who: "harness".to_owned(), what: What::Judged(judgement(fact)) };
    facts.iter().map(event).collect()
}

fn segment(from: u16, to: u16, syn: bool, rst: bool) -> Packet {
    let at = |port| std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let segment = Segment { syn, ack: rst, fin: false, rst, sequence: 1, acknowledgment: 0, data: Data::default() };
    Packet { at: Duration::ZERO, source: at(from), destination: at(to), body: Body::Tcp(segment) }
}

const REFUSED: &str = "0.000000 s p0.0.0 connect fd 3 h0s2 127.0.0.1:23456 asked 0 = errno 111 after 20µs\n";
const TAKEN: &str = "0.000000 s p0.0.0 connect fd 3 h0s2 127.0.0.1:23456 asked 0 = 0 after 20µs\n";

fn first(says: bool, calls: Option<&str>, packets: Option<Vec<Packet>>, early: bool) -> String {
    let events = judged(&[
        ("ends", !early),
        ("status", !early),
        ("says-refused", says),
        ("early-arrives", early),
        ("late-arrives", true),
    ]);
    let calls: Option<Vec<Call>> = calls.map(calls::read);
    let programs = ["early".to_owned(), "server".to_owned()];
    let seen = Seen { events: &events, calls: calls.as_deref(), packets: packets.as_deref(), programs: &programs };
    let experiment = experiment(1, "client-first");
    conclude(&experiment, &decide(&experiment, &seen))
}

fn refusal() -> Vec<Packet> {
    vec![segment(40_000, 23_456, true, false), segment(23_456, 40_000, false, true)]
}

#[rstest]
#[case::by_its_call(first(false, Some(REFUSED), None, false), "the SYN was answered with RST: connect() failed")]
#[case::by_its_packets(first(false, None, Some(refusal()), false), "the SYN was answered with RST: connect() failed")]
#[case::by_its_words(first(true, None, None, false), "the SYN was answered with RST: connect() failed")]
#[case::not_refused(
    first(false, Some(TAKEN), Some(Vec::new()), false),
    "While nobody listened the client could not connect"
)]
#[case::tries_again(first(false, Some(REFUSED), Some(refusal()), true), "tried again by itself")]
#[case::waits_before(first(false, Some(TAKEN), Some(Vec::new()), true), "it waited before it connected")]
fn the_conclusion_follows_the_evidence(#[case] conclusion: String, #[case] expected: &str) {
    assert!(conclusion.contains(expected), "{conclusion}");
}

#[test]
fn what_nobody_expected_is_said_as_it_is() {
    let facts = Facts::from([("binds".to_owned(), false)]);
    let said = conclude(&experiment(7, "restart"), &facts);
    assert_eq!(said, "This is none of the usual outcomes. What was seen: nothing. What was not: binds.");
}

#[rstest]
#[case(
    "0.001030 s p0.0.0 accept4 fd 3 h0s1 127.0.0.1:42396 asked 0 = 4 after 1.03ms",
    "accept4(3) = 4, from 127.0.0.1:42396, after 1.03ms"
)]
#[case("0.001030 s p1.0.0 recvfrom fd 4 h0s3 asked 4096 = 19", "recvfrom(4, 4096 bytes) = 19")]
#[case("0.1 s p1.0.0 sendto fd 4 h0s3 asked 4096 = 512 (cut from 4096)", "sendto(4, 4096 bytes) = 512, of 4096")]
#[case(REFUSED.trim_end(), "connect(3, 127.0.0.1:23456) = -1 ECONNREFUSED, after 20µs")]
fn calls_are_read_back(#[case] line: &str, #[case] shown: &str) {
    let found = calls::read(line);
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [shown]);
}

#[rstest]
#[case("")]
#[case("0.000000 s p0.0.1 write fd 2 asked 76 = native")]
#[case("0.000000 s p0.0.0 exit_group asked 0 = native")]
#[case("0.000000 s p0.0.0 frobnicate h0s1 asked x = 0")]
#[case("= errno 5 = 7")]
fn other_lines_are_passed_over(#[case] line: &str) {
    assert_eq!(calls::read(line), []);
}

proptest::proptest! {
    #[test]
    fn any_record_can_be_read(text: String) {
        calls::read(&text);
    }
}
