//! What the two sides of a conversation say, and how they mark the end of it: read from the packets.

use harness_judging::shown::quote;
use harness_os::sniff::Frame;
use schemars::JsonSchema;
use serde::Serialize;

use crate::capture::conversation::{Conversation, conversations, packets};
use crate::capture::packet::Body;
use crate::capture::read::Captured;
use crate::capture::{Link, complete, show_as_loopback};
use crate::run::secrets::Secrets;
use crate::submission::{Framing, Part};
use harness_language::scenario::model::TransportName;

/// Bytes of each direction that are shown.
const SHOWN: usize = 48;

/// The first conversation of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Speech {
    /// From the client to the server, until the server first answers.
    pub there: Direction,
    /// From the server to the client.
    pub back: Direction,
}

/// One direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Direction {
    /// The bytes, quoted; in the middle of many, an ellipsis.
    pub text: String,
    /// The last bytes in hexadecimal.
    pub last_bytes: String,
    /// How many bytes there are.
    pub length: usize,
    /// Segments or datagrams with data.
    pub pieces: usize,
    /// Whether this direction is ended: by the client before the server answers, by the server at any time.
    pub ended: bool,
    /// Whether these are datagrams, which end by themselves.
    pub datagrams: bool,
    #[serde(skip)]
    newline: bool,
}

/// How a side marks the end of what it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    nothing: bool,
    datagrams: bool,
    newline: bool,
    ended: bool,
}

impl Direction {
    fn of(bytes: &[u8], pieces: usize, ended: bool, datagrams: bool) -> Self {
        let text = match bytes.len() {
            0..=SHOWN => quote(bytes),
            more => {
                let (head, tail) = (&bytes[..SHOWN / 2], &bytes[more - SHOWN / 2..]);
                format!("{} … {}", quote(head), quote(tail))
            }
        };
        let last: Vec<String> =
            bytes[bytes.len().saturating_sub(4)..].iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            text,
            last_bytes: last.join(" "),
            length: bytes.len(),
            pieces,
            ended,
            datagrams,
            newline: bytes.ends_with(b"\n"),
        }
    }

    /// How its end is marked.
    pub fn manner(&self) -> Manner {
        Manner { nothing: self.length == 0, datagrams: self.datagrams, newline: self.newline, ended: self.ended }
    }
}

impl Manner {
    /// In words, of a client.
    pub fn of_a_message(self) -> String {
        match self {
            Self { nothing: true, ended: true, .. } => "sends nothing and ends its direction",
            Self { nothing: true, .. } => "sends nothing before the server does",
            Self { datagrams: true, newline: true, .. } => "ends a message with a newline, in a datagram",
            Self { datagrams: true, .. } => "sends a message as a datagram, without a newline",
            Self { newline: true, ended: true, .. } => {
                "ends a message with a newline, and its direction after it (FIN)"
            }
            Self { newline: true, ended: false, .. } => "ends a message with a newline, and keeps the connection open",
            Self { newline: false, ended: true, .. } => {
                "ends a message by ending its direction (FIN), without a newline"
            }
            Self { newline: false, ended: false, .. } => {
                "marks no end of a message: there is no newline, and the connection stays open"
            }
        }
        .to_owned()
    }

    /// In words, of a server.
    pub fn of_a_reply(self) -> String {
        match self {
            Self { nothing: true, .. } => "it does not reply",
            Self { datagrams: true, newline: true, .. } => "it ends a reply with a newline, in a datagram",
            Self { datagrams: true, .. } => "it replies with a datagram, without a newline",
            Self { newline: true, ended: true, .. } => "it ends a reply with a newline, and closes after it",
            Self { newline: true, ended: false, .. } => "it ends a reply with a newline, and keeps the connection open",
            Self { newline: false, ended: true, .. } => "it ends a reply by closing, without a newline",
            Self { newline: false, ended: false, .. } => {
                "it marks no end of a reply: there is no newline, and the connection stays open"
            }
        }
        .to_owned()
    }
}

/// What a server was found to wait for when it was first met; nothing if it takes what comes.
pub fn waits_for(server: &Part) -> Option<&'static str> {
    match server.meeting.framing {
        Framing::Line => Some("waits for a newline before it answers"),
        Framing::End => Some("waits for the end of the client's direction (FIN) before it answers"),
        Framing::Bare => None,
    }
}

/// The first conversation in which something is said, else the first.
pub fn first(frames: &[Frame], link: Link, secrets: &Secrets) -> Option<Speech> {
    let captured: Vec<Captured> = frames
        .iter()
        .map(|frame| {
            let mut bytes = frame.bytes.clone();
            match link {
                Link::RawIp => show_as_loopback(&mut bytes),
                Link::Ethernet => complete(&mut bytes),
                Link::Cooked | Link::Cooked2 | Link::Family => {}
            }
            Captured { at: frame.at, link, bytes, cut: false }
        })
        .collect();
    let (packets, _) = packets(&captured);
    let all = conversations(&packets);
    let spoken = all.iter().find(|it| it.there.length() + it.back.length() > 0).or(all.first())?;
    // What the client says before it is answered: up to there it must have marked the end.
    let own = packets.iter().filter(|packet| {
        let ends = [packet.source, packet.destination];
        ends == [spoken.client, spoken.server] || ends == [spoken.server, spoken.client]
    });
    let until_reply = own.take_while(|packet| packet.source != spoken.server || data(&packet.body) == 0);
    let there: Vec<_> = until_reply.filter(|packet| packet.source == spoken.client).collect();
    let length: usize = there.iter().map(|packet| data(&packet.body)).sum();
    let pieces = there.iter().filter(|packet| data(&packet.body) > 0).count();
    let ended = there.iter().any(|packet| matches!(&packet.body, Body::Tcp(segment) if segment.fin));
    Some(direction(spoken, length, pieces, ended, secrets))
}

fn direction(spoken: &Conversation, length: usize, pieces: usize, ended: bool, secrets: &Secrets) -> Speech {
    let datagrams = spoken.transport == TransportName::Udp;
    let (mut said, mut replied) = (spoken.there.bytes(), spoken.back.bytes());
    secrets.blot(&mut said);
    secrets.blot(&mut replied);
    // A segment that was sent again counts twice, and is there once.
    said.truncate(if length == 0 { said.len() } else { length });
    Speech {
        there: Direction::of(&said, pieces, ended, datagrams),
        back: Direction::of(&replied, spoken.back.pieces(), spoken.back.fin, datagrams),
    }
}

/// Bytes of data in a packet.
fn data(body: &Body) -> usize {
    match body {
        Body::Tcp(segment) => segment.data.length,
        Body::Udp(data) => data.length,
        Body::Unreachable(..) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::line(b"abc\n", false, "ends a message with a newline, and keeps the connection open")]
    #[case::line_and_fin(b"abc\n", true, "ends a message with a newline, and its direction after it (FIN)")]
    #[case::fin(b"abc", true, "ends a message by ending its direction (FIN), without a newline")]
    #[case::nothing(b"abc", false, "marks no end of a message: there is no newline, and the connection stays open")]
    #[case::silence(b"", false, "sends nothing before the server does")]
    fn how_a_message_ends(#[case] bytes: &[u8], #[case] ended: bool, #[case] words: &str) {
        assert_eq!(Direction::of(bytes, 1, ended, false).manner().of_a_message(), words);
    }

    #[test]
    fn many_bytes_are_cut_in_the_middle() {
        let many = Direction::of(&[b'a'; 100], 1, false, false);
        assert_eq!(many.text, format!("\"{0}\" … \"{0}\"", "a".repeat(24)));
        assert_eq!((many.length, many.last_bytes.as_str()), (100, "61 61 61 61"));
    }
}
