//! The one ordered stream of events of a run. Verdicts, transcripts, reports and captures
//! are all derived from it; nothing else remembers what happened.

use std::borrow::Cow;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

pub use harness_verdict::{About, Judgement};
use serde::{Deserialize, Serialize};

use super::remains::{self, Remains, Started};
use super::secrets::Secrets;
use super::stage::{Program, Stage};
use super::{End, Record};
use harness_language::scenario::model::Stream;

/// Bytes of one event that are kept word for word; the rest is counted.
const SHOWN: usize = 512;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Time since the run began, on the run's own clock.
    pub at: Duration,
    /// Who did it: a program, a peer, or `network`.
    pub who: String,
    /// What it was.
    pub what: What,
}

/// Kinds of events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A program was started with this command.
    Started(String),
    /// A program began to listen here.
    Listening(String),
    /// A program printed.
    Printed(Stream, Excerpt),
    /// Something was typed on a program's standard input.
    Typed(Excerpt),
    /// A program's standard input was ended.
    InputEnded,
    /// A program was sent a signal.
    Signalled(Cow<'static, str>),
    /// A program ended.
    Ended(String),
    /// A peer opened a socket.
    Opened(Socket),
    /// A peer has a connection.
    Connected(With),
    /// A peer's attempt to connect failed.
    Refused(String),
    /// A peer's connection got TLS, or did not.
    Tls(String),
    /// A peer sent bytes.
    Sent(Excerpt),
    /// A peer received bytes.
    Received(Excerpt),
    /// A peer ended its direction.
    EndSent,
    /// The other side ended its direction.
    EndReceived,
    /// A peer closed.
    Closed,
    /// A peer aborted the connection.
    ResetSent,
    /// The other side aborted the connection.
    ResetReceived,
    /// A peer did nothing on purpose.
    Stalled(Duration),
    /// Nothing more could happen: every program waited, and nothing was on its way to any.
    Still,
    /// The network changed.
    Network(String),
    /// A measurement, without machine-dependent figures.
    Measured(String),
    /// What a placeholder of the judged program stands for was found out; nothing if the program has no such thing.
    Learned(String, Option<String>),
    /// Something noticed that costs nothing.
    Finding(String),
    /// Bytes that came are not those that were expected.
    Differed(Difference),
    /// An expectation was judged.
    Judged(Judgement),
}

/// The socket that a peer opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Socket {
    /// It listens at this port.
    Listening(u16),
    /// It answers for names at this port, over UDP and TCP.
    ForNames(u16),
    /// For datagrams to this actor.
    Datagrams(String),
}

impl std::fmt::Display for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listening(port) => write!(f, "port {port}"),
            Self::ForNames(port) => write!(f, "port {port}, UDP and TCP, to answer for names"),
            Self::Datagrams(to) => write!(f, "a UDP socket, to talk to {to}"),
        }
    }
}

/// With whom a peer is connected, and who went to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum With {
    /// It connected to this actor.
    Actor(String),
    /// It took in a client.
    Client,
    /// It took in somebody who asks for names.
    Resolver,
    /// It took in the program's connection for data.
    DataFromProgram,
    /// It connected to where the program listens for data.
    DataToProgram,
}

impl With {
    /// Whether the other side came to the peer.
    pub fn came(&self) -> bool {
        matches!(self, Self::Client | Self::Resolver | Self::DataFromProgram)
    }
}

impl std::fmt::Display for With {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Actor(name) => name,
            Self::Client => "a client",
            Self::Resolver => "a resolver",
            Self::DataFromProgram => "the program, which connected",
            Self::DataToProgram => "the program, which listens",
        })
    }
}

/// The beginning of some bytes and how many there were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// The first bytes.
    #[serde(with = "as_text")]
    pub shown: Vec<u8>,
    /// Number of all bytes.
    pub length: usize,
    /// Number of those that are not kept.
    pub rest: usize,
}

impl Excerpt {
    /// An excerpt of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let kept = bytes.len().min(SHOWN);
        Self { shown: bytes[..kept].to_vec(), length: bytes.len(), rest: bytes.len() - kept }
    }
}

/// Bytes where an event is kept in a file: as text if they are some, else in Base64.
mod as_text {
    use super::{Deserialize, Serialize};
    use serde::de::{Deserializer, Error};
    use serde::ser::Serializer;

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kept {
        Text(String),
        Base64(String),
    }

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let kept = match std::str::from_utf8(bytes) {
            Ok(text) => Kept::Text(text.to_owned()),
            Err(_) => Kept::Base64(harness_language::base64::encode(bytes)),
        };
        kept.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        match Kept::deserialize(deserializer)? {
            Kept::Text(text) => Ok(text.into_bytes()),
            Kept::Base64(text) => {
                harness_language::base64::decode(&text).ok_or_else(|| D::Error::custom("this is not Base64"))
            }
        }
    }
}

/// Bytes of each side that are kept round the place where they part.
const KEPT: usize = 480;
/// Of these, before that place.
const KEPT_BEFORE: usize = 160;

/// Two byte strings round the first place where they differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Place of the first byte that differs, counted from 0; the length of the shorter one where it
    /// is the beginning of the other.
    pub at: usize,
    /// Place of the first byte that is kept of either.
    pub from: usize,
    /// Number of the line in which that byte stands, counted from 1.
    pub line: usize,
    /// Whether that line begins before it.
    pub within_line: bool,
    /// What was expected from there on, and how many bytes in all.
    pub expected: Excerpt,
    /// What came from there on, and how many bytes in all.
    pub came: Excerpt,
}

impl Difference {
    /// Where these part; nothing if they are equal.
    pub fn between(expected: &[u8], came: &[u8]) -> Option<Self> {
        if expected == came {
            return None;
        }
        let at = expected.iter().zip(came).take_while(|(a, b)| a == b).count();
        let earliest = at.saturating_sub(KEPT_BEFORE);
        // Whole lines are easier to read, where one begins in reach.
        let line_end = expected[earliest..at].iter().position(|byte| *byte == b'\n');
        let from = if earliest == 0 { 0 } else { line_end.map_or(earliest, |end| earliest + end + 1) };
        let kept = |bytes: &[u8]| {
            let end = bytes.len().min(from + KEPT);
            Excerpt { shown: bytes[from..end].to_vec(), length: bytes.len(), rest: bytes.len() - end }
        };
        let line = 1 + memchr::memchr_iter(b'\n', &expected[..from]).count();
        let within_line = from > 0 && expected[from - 1] != b'\n';
        Some(Self { at, from, line, within_line, expected: kept(expected), came: kept(came) })
    }
}

/// The stream: shared by everything that takes part in a run, which is single-threaded.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<Event>>>, Rc<RefCell<Secrets>>, Rc<RefCell<Programs>>);

/// The programs of a run, and the folder of the submission that they are from.
#[derive(Default)]
struct Programs {
    root: PathBuf,
    built: PathBuf,
    /// What each had left when the run was over, where more was asked of them then.
    left: Vec<Remains>,
    started: Vec<Started>,
}

impl Log {
    /// Appends an event.
    pub fn add(&self, at: Duration, who: &str, what: What) {
        self.0.borrow_mut().push(Event { at, who: who.to_owned(), what });
    }

    /// What a peer has received so far, piece by piece, as far as it is kept.
    pub fn received_by(&self, peer: &str) -> Vec<Vec<u8>> {
        let events = self.0.borrow();
        let pieces = events.iter().filter(|event| event.who == peer).filter_map(|event| match &event.what {
            What::Received(bytes) => Some(bytes.shown.clone()),
            _ => None,
        });
        pieces.collect()
    }

    /// This must not stand in the record, whatever has happened already.
    pub fn hide(&self, name: &str, secret: &[u8]) {
        self.1.borrow_mut().add(name, secret);
    }

    /// This name was made up for the run: another run has another, and the record shall be the same.
    pub fn hide_made_up(&self, name: &str) {
        self.1.borrow_mut().add_made_up(name);
    }

    /// The programs work in this folder, which is a copy of the one in which they were built.
    pub fn works_in(&self, root: &Path, built: &Path) {
        let mut programs = self.2.borrow_mut();
        root.clone_into(&mut programs.root);
        built.clone_into(&mut programs.built);
    }

    /// A program was started: what it leaves belongs to the record.
    pub fn starts(&self, program: Rc<dyn Program>, name: &str, role: &str, cwd: &Path) {
        let started = Started { program, name: name.to_owned(), role: role.to_owned(), cwd: cwd.to_owned() };
        self.2.borrow_mut().started.push(started);
    }

    /// Nothing that the programs do or say from now on belongs to the run.
    pub fn is_over(&self) {
        let mut programs = self.2.borrow_mut();
        let Programs { root, built, left, started } = &mut *programs;
        let (events, secrets) = (self.0.borrow(), self.1.borrow());
        *left = started.iter().map(|program| program.remains(&events, &secrets, root, built)).collect();
    }

    /// Asks the programs that run on what they are at. They may end of it: the run is over.
    pub async fn look(&self, stage: &dyn Stage) {
        let count = self.2.borrow().started.len();
        for index in 0..count {
            let program = Rc::clone(&self.2.borrow().started[index].program);
            let threads = remains::threads(&*program, stage).await;
            let mut programs = self.2.borrow_mut();
            let Programs { root, built, left, started } = &mut *programs;
            if let (Some(left), Some(started)) = (left.get_mut(index), started.get(index)) {
                left.waits = started.waits(threads, &self.1.borrow(), root, built);
            }
        }
    }

    /// Whether an expectation has failed so far.
    pub fn has_failed(&self) -> bool {
        judged(&self.0.borrow(), |it| !it.held).is_some()
    }

    /// The record of a run that has come to this end, without what was to be hidden. Nothing is left in the log.
    pub fn record(&self, end: End, elapsed: Duration) -> Record {
        let (mut events, secrets) = (self.0.take(), self.1.take());
        let Programs { root, built, left, started } = self.2.take();
        let remains = || started.iter().map(|program| program.remains(&events, &secrets, &root, &built)).collect();
        let programs = if left.is_empty() { remains() } else { left };
        let masked = secrets.events(&mut events);
        Record { events, elapsed, masked, end: secrets.end(end), secrets, trace_sha256: None, programs }
    }
}

/// Findings in the stream, each once, in the order they came.
pub fn findings(events: &[Event]) -> Vec<String> {
    let mut found = Vec::new();
    for event in events {
        if let What::Finding(text) = &event.what
            && !found.contains(text)
        {
            found.push(text.clone());
        }
    }
    found
}

/// The first judgement of this kind, and where it stands.
pub fn judged(events: &[Event], is_it: impl Fn(&Judgement) -> bool) -> Option<(usize, &Judgement)> {
    events.iter().enumerate().find_map(|(at, event)| match &event.what {
        What::Judged(judgement) if is_it(judgement) => Some((at, judgement)),
        _ => None,
    })
}

/// Where the bytes part that decided against a requirement: it was noted just before the verdict.
pub fn difference(events: &[Event], id: &str) -> Option<Difference> {
    let (at, _) = judged(events, |it| it.fails(id))?;
    let before = events[..at].iter().rev().take_while(|event| !matches!(event.what, What::Judged(_)));
    before.into_iter().find_map(|event| match &event.what {
        What::Differed(difference) => Some(difference.clone()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::text(b"hello\n")]
    #[case::binary(b"\xff\x00x")]
    fn events_are_read_back(#[case] bytes: &[u8]) {
        let event = Event {
            at: Duration::from_millis(7),
            who: "server".to_owned(),
            what: What::Printed(Stream::Stdout, Excerpt::of(bytes)),
        };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event, "{text}");
    }

    #[rstest]
    #[case::equal("same", "same", None)]
    #[case::first("abc", "xbc", Some((0, 0, 1)))]
    #[case::shorter("abc", "ab", Some((2, 0, 1)))]
    #[case::longer("ab", "abc", Some((2, 0, 1)))]
    #[case::nothing("ab", "", Some((0, 0, 1)))]
    fn finds_where_they_part(#[case] expected: &str, #[case] came: &str, #[case] place: Option<(usize, usize, usize)>) {
        let found = Difference::between(expected.as_bytes(), came.as_bytes());
        assert_eq!(found.map(|it| (it.at, it.from, it.line)), place);
    }

    #[test]
    fn keeps_whole_lines_round_the_place() {
        let expected: String = (1..=400).map(|n| format!("line {n}\n")).collect();
        let came = expected.replace("line 300\n", "line three hundred\n");
        let found = Difference::between(expected.as_bytes(), came.as_bytes()).unwrap();
        let first = String::from_utf8_lossy(&found.came.shown).lines().next().unwrap_or_default().to_owned();
        assert_eq!(first, format!("line {}", found.line));
        assert_eq!((found.expected.shown.len(), found.expected.length), (KEPT, expected.len()));
        assert!(found.at - found.from <= KEPT_BEFORE && found.at > found.from);
    }
}
