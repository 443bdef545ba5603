//! Whole files: what is said about good, cut and hostile ones.

use std::net::SocketAddr;
use std::time::Duration;

use harness_os::sniff::Frame;
use harness_sim::{Datagram, Flags, Packet, Payload, Segment};
use proptest::prelude::*;
use rstest::rstest;

use super::read::{Contents, contents};
use super::show::Showing;
use super::{Link, write};
use crate::run::secrets::Secrets;
use harness_language::catalogue::Catalogue;

/// A side of a made-up TCP connection.
struct Side {
    at: SocketAddr,
    next: u32,
}

/// A made-up connection, packet by packet.
struct Talk {
    client: Side,
    server: Side,
    frames: Vec<Frame>,
}

#[derive(Clone, Copy)]
enum By {
    Client,
    Server,
}

impl Talk {
    fn new() -> Self {
        let side = |at: &str, next| Side { at: at.parse().unwrap(), next };
        // The client's numbers wrap around within its first bytes.
        let client = side("192.0.2.1:40000", u32::MAX - 3);
        Self { client, server: side("192.0.2.2:5000", 700), frames: Vec::new() }
    }

    fn say(&mut self, by: By, letters: &str, data: &[u8]) {
        let (own, other) = match by {
            By::Client => (&mut self.client, &self.server),
            By::Server => (&mut self.server, &self.client),
        };
        let has = |letter| letters.contains(letter);
        let flags = Flags { syn: has('S'), ack: has('A'), fin: has('F'), rst: has('R'), psh: !data.is_empty() };
        let segment = Segment {
            source_port: own.at.port(),
            destination_port: other.at.port(),
            sequence: own.next,
            acknowledgment: if flags.ack { other.next } else { 0 },
            flags,
            window: 1000,
            data: data.to_vec().into(),
        };
        own.next = own.next.wrapping_add(data.len() as u32 + u32::from(flags.syn) + u32::from(flags.fin));
        let packet =
            Packet { source: own.at.ip(), destination: other.at.ip(), ttl: 64, payload: Payload::Tcp(segment) };
        let bytes = packet.to_frames(65_000, 1).remove(0);
        self.frames.push(Frame { at: Duration::from_millis(self.frames.len() as u64), bytes });
    }

    fn open(mut self) -> Self {
        self.say(By::Client, "S", b"");
        self.say(By::Server, "SA", b"");
        self.say(By::Client, "A", b"");
        self
    }

    fn close(mut self) -> Self {
        self.say(By::Client, "FA", b"");
        self.say(By::Server, "FA", b"");
        self.say(By::Client, "A", b"");
        self
    }

    fn with(mut self, by: By, letters: &str, data: &[u8]) -> Self {
        self.say(by, letters, data);
        self
    }
}

fn file(frames: &[Frame]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcap");
    write(&path, Link::RawIp, frames, &Secrets::default()).unwrap();
    std::fs::read(path).unwrap()
}

fn showing(found: &Contents, task: &str) -> Showing {
    let catalogue = Catalogue::built_in().unwrap();
    let task = catalogue.task(task).unwrap();
    Showing::of("a.pcap", found, task, task.file.evidence.as_ref().unwrap())
}

fn shown(frames: &[Frame], task: &str) -> Showing {
    showing(&contents(&file(frames)).unwrap(), task)
}

/// A pcapng file with one section and one raw IP interface, microseconds, written by hand.
fn pcapng(frames: &[Frame], big: bool) -> Vec<u8> {
    let long = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut all = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let length = body.len() as u32 + 12;
        for part in [&long(kind)[..], &long(length), body, &long(length)] {
            all.extend_from_slice(part);
        }
    };
    let section = [&long(0x1a2b_3c4d)[..], &half(1), &half(0), &[0xff; 8]].concat();
    block(0x0a0d_0d0a, &section);
    block(1, &[&half(101)[..], &half(0), &long(0)].concat());
    for frame in frames {
        let length = frame.bytes.len();
        let padding = vec![0; (4 - length % 4) % 4];
        let time = [long(0), long(frame.at.as_micros() as u32)].concat();
        let head = [&long(0)[..], &time, &long(length as u32), &long(length as u32)].concat();
        block(6, &[head, frame.bytes.clone(), padding].concat());
    }
    all
}

fn sentence() -> Vec<Frame> {
    let talk = Talk::new().open().with(By::Client, "A", b"hello, world").with(By::Server, "A", b"HELLO, WORLD\n");
    talk.close().frames
}

#[test]
fn a_sentence_and_its_capitals() {
    insta::assert_snapshot!(shown(&sentence(), "uppercase-tcp").human());
}

#[test]
fn lost_late_and_repeated_segments() {
    let mut talk = Talk::new().open();
    for piece in [b"is it ", b"still ", b"whole?"] {
        talk.say(By::Client, "A", piece);
    }
    let mut talk = talk.with(By::Server, "A", b"IS IT STILL WHOLE?").close();
    // The second piece comes after the third, and the first comes again.
    talk.frames.swap(4, 5);
    let again = talk.frames[3].clone();
    talk.frames.insert(6, again);
    insta::assert_snapshot!(shown(&talk.frames, "uppercase-tcp").human());
}

#[test]
fn as_json() {
    insta::assert_snapshot!(shown(&sentence(), "uppercase-tcp").json());
}

#[rstest]
#[case::swapped(Talk::new().open().with(By::Client, "A", b"AbC").with(By::Server, "A", b"aBc").close(), "uppercase-tcp", "partly", "has the same length and is not its capitals")]
#[case::cut(Talk::new().open().with(By::Client, "A", b"abcdef").with(By::Server, "A", b"ABC").close(), "uppercase-tcp", "partly", "6 bytes went there and 3 bytes came back")]
#[case::unanswered(Talk::new().open().with(By::Client, "A", b"abc"), "uppercase-tcp", "partly", "no reply is in the capture")]
#[case::capitals(Talk::new().open().with(By::Client, "A", b"ABC").with(By::Server, "A", b"ABC").close(), "uppercase-tcp", "partly", "without small letters shows nothing")]
#[case::late(Talk::new().with(By::Client, "A", b"abc").with(By::Server, "A", b"ABC").close(), "uppercase-tcp", "partly", "start the capture before the programs")]
#[case::refused(Talk::new().with(By::Client, "S", b"").with(By::Server, "RA", b""), "uppercase-tcp", "no", "refused the connection")]
#[case::silent(Talk::new().open().close(), "uppercase-tcp", "no", "neither side sent any data")]
#[case::other_transport(Talk::new().open().with(By::Client, "A", b"abc").close(), "uppercase-udp", "no", "the other transport")]
#[case::message(Talk::new().open().with(By::Client, "A", &[b'x'; 20_480]).close(), "message", "yes", "20480 bytes")]
#[case::short(Talk::new().open().with(By::Client, "A", b"a few words").close(), "message", "partly", "asks for 20000 or more")]
#[case::talkative(Talk::new().open().with(By::Client, "A", &[b'x'; 20_480]).with(By::Server, "A", b"ok").close(), "message", "partly", "has it print only")]
fn judges(#[case] talk: Talk, #[case] task: &str, #[case] verdict: &str, #[case] reason: &str) {
    let finding = shown(&talk.frames, task).finding;
    assert_eq!(finding.verdict.as_str(), verdict, "{finding:?}");
    assert!(finding.reasons.iter().any(|it| it.contains(reason)), "{finding:?}");
}

#[test]
fn the_same_ports_again_are_another_conversation() {
    let first = Talk::new().open().with(By::Client, "A", b"abc").with(By::Server, "R", b"");
    let mut second = Talk::new();
    second.client.next = 5;
    let second = second.open().with(By::Client, "A", b"abc").with(By::Server, "A", b"ABC").close();
    let both: Vec<Frame> = first.frames.into_iter().chain(second.frames).collect();
    let showing = shown(&both, "uppercase-tcp");
    assert_eq!((showing.conversations.len(), showing.finding.conversation), (2, Some(2)));
    assert!(showing.is_shown(), "{:?}", showing.finding);
}

#[rstest]
fn pcapng_says_the_same(#[values(false, true)] big: bool) {
    let frames = sentence();
    let found = contents(&pcapng(&frames, big)).unwrap();
    assert_eq!(found, contents(&file(&frames)).unwrap());
}

#[test]
fn a_file_that_is_cut_off_shows_what_came_before() {
    for whole in [file(&sentence()), pcapng(&sentence(), false)] {
        let found = contents(&whole[..whole.len() - 10]).unwrap();
        assert_eq!(found.packets.len(), 7);
        let showing = showing(&found, "uppercase-tcp");
        assert!(showing.human().contains("note: the file is cut off in the middle of packet 8"), "{}", showing.human());
        assert!(showing.is_shown());
    }
}

#[test]
fn datagrams_are_compared_one_by_one() {
    let datagram = |from: u16, to: u16, data: &str| {
        let payload = Datagram { source_port: from, destination_port: to, data: data.as_bytes().to_vec().into() };
        let at = "192.0.2.1".parse().unwrap();
        let packet = Packet { source: at, destination: at, ttl: 64, payload: Payload::Udp(payload) };
        Frame { at: Duration::ZERO, bytes: packet.to_frames(1500, 1).remove(0) }
    };
    let frames = [
        datagram(4000, 5000, "lost on the way"),
        datagram(4000, 5000, "lost on the way"),
        datagram(5000, 4000, "LOST ON THE WAY"),
    ];
    assert!(shown(&frames, "uppercase-udp").is_shown());
    let showing = shown(&[datagram(4000, 5000, "one"), datagram(5000, 4000, "TWO")], "uppercase-udp");
    assert_eq!(showing.finding.verdict.as_str(), "partly");
}

fn anything(bytes: &[u8]) {
    if let Ok(found) = contents(bytes) {
        for task in ["message", "uppercase-tcp", "uppercase-udp"] {
            let showing = showing(&found, task);
            showing.human();
            showing.json();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_files_are_refused_or_read(
        magic in prop::sample::select(vec![0x0a0d_0d0au32, 0xa1b2_c3d4, 0xd4c3_b2a1, 0xa1b2_3c4d, 0x4d3c_b2a1]),
        rest in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        anything(&[&magic.to_be_bytes()[..], &rest].concat());
    }

    #[test]
    fn damaged_files_are_refused_or_read(
        ng: bool,
        big: bool,
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = if ng { pcapng(&sentence(), big) } else { file(&sentence()) };
        for (place, with) in places {
            let at = place.index(bytes.len());
            bytes[at] = with;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        anything(&bytes);
    }
}
