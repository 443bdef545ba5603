//! The one ordered stream of events of a run. Verdicts, transcripts, reports and captures
//! are all derived from it; nothing else remembers what happened.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::scenario::model::Stream;

/// Bytes of one event that are kept word for word; the rest is counted.
const SHOWN: usize = 512;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Time since the run began, on the run's own clock.
    pub at: Duration,
    /// Who did it: a program, a peer, or `network`.
    pub who: String,
    /// What it was.
    pub what: What,
}

/// Kinds of events.
#[derive(Debug, Clone, PartialEq)]
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
    Signalled(&'static str),
    /// A program ended.
    Ended(String),
    /// A peer opened a socket here.
    Opened(String),
    /// A peer connected to, or accepted from, this address.
    Connected(String),
    /// A peer's attempt to connect failed.
    Refused(String),
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
    /// The network changed.
    Network(String),
    /// A measurement, without machine-dependent figures.
    Measured(String),
    /// What a placeholder of the judged program stands for was found out; nothing if the program has no such thing.
    Learned(String, Option<String>),
    /// Something noticed that costs nothing.
    Finding(String),
    /// An expectation was judged.
    Judged(Judgement),
}

/// The beginning of some bytes and how many there were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The first bytes.
    pub shown: Vec<u8>,
    /// Number of all bytes.
    pub length: usize,
}

impl Excerpt {
    /// An excerpt of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { shown: bytes[..bytes.len().min(SHOWN)].to_vec(), length: bytes.len() }
    }
}

/// How an expectation came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The requirements that it speaks for, as `task.requirement`.
    pub decides: Vec<String>,
    /// Whether it held.
    pub held: bool,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub actual: String,
    /// One sentence; empty where it held.
    pub reason: String,
}

/// The stream: shared by everything that takes part in a run, which is single-threaded.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<Event>>>);

impl Log {
    /// Appends an event.
    pub fn add(&self, at: Duration, who: &str, what: What) {
        self.0.borrow_mut().push(Event { at, who: who.to_owned(), what });
    }

    /// Takes all events out, at the end of a run.
    pub fn take(&self) -> Vec<Event> {
        self.0.take()
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
