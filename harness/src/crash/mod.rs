//! Why a program came to a sudden end, and in which line of whose file.
//!
//! Owns what runtimes write when a program dies ([`trace`]), whose file a line is in ([`own`]) and the sentence about it
//! ([`words`]). It starts nothing and judges nothing.

pub mod own;
pub mod stack;
pub mod trace;
pub mod words;

use std::sync::OnceLock;
use std::time::Duration;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::run::event::{Event, What};
use crate::run::stage::Ended;
use own::Own;
use stack::Stack;
use trace::Frame;

/// Frames of the student's own code that are kept, the innermost ones.
const FRAMES: usize = 6;

/// A program that came to a sudden end, or one of its threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Crash {
    /// The program's name in the run.
    pub program: String,
    /// Its role.
    pub role: String,
    /// What happened.
    pub kind: Kind,
    /// The innermost line of the student's own code.
    pub place: Option<Place>,
    /// The lines of the student's own code that led there, the innermost (`place`) first.
    pub frames: Vec<Place>,
    /// What the program was doing.
    pub doing: Doing,
    /// Whether the whole program ended of it; else a thread did, or the program said so and went on.
    pub ended: bool,
}

/// What happened to a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An exception that nothing caught (Python, Java, Node, C++).
    Exception {
        /// Its class, as the runtime names it.
        name: String,
        /// Its message; empty if it has none.
        message: String,
    },
    /// A panic (Go, Rust), or what else a runtime gives up for.
    Panic {
        /// Its message.
        message: String,
    },
    /// A signal that ended it.
    Signal {
        /// Its name, as in `SIGSEGV`.
        name: String,
        /// What it means, as in `segmentation fault`.
        meaning: String,
        /// What its runtime said before; empty if nothing.
        message: String,
    },
}

/// A line of the student's own code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The file, below the submission's folder.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The function; empty outside of all, or where it is not known.
    pub function: String,
    /// The line's text without its indentation; empty if the file has no such line.
    pub text: String,
}

/// What a program was doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Doing {
    /// It had been started, and nobody had met it.
    Starting,
    /// This peer of the harness, or other program, had last had to do with it.
    Meeting(String),
    /// It had last been typed something.
    Reading,
}

/// What a thread of a program is at that neither ended nor did what was waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wait {
    /// The program's name in the run.
    pub program: String,
    /// Its role.
    pub role: String,
    /// The call that it waits in, as in `recv`; missing if it runs.
    pub call: Option<String>,
    /// The innermost line of the student's own code.
    pub place: Place,
    /// The lines that led there, the innermost (`place`) first.
    pub frames: Vec<Place>,
}

/// The call of a program that shows what it did wrong, and the line in which it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deed {
    /// What the call did.
    pub did: Did,
    /// Where it was made.
    pub at: Wait,
}

/// What a call did that shows what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Did {
    /// It sent what was not expected, or less than it was given.
    Sent,
    /// It was the last one that read: something was left, or there was nothing more.
    Read,
    /// It failed.
    Failed,
}

impl Deed {
    /// The thread that made this call, among those that were looked at in it: the one that is in it, or the one whose
    /// line says so. Nothing if it is not clear.
    pub fn of(did: Did, call: &str, threads: &[Wait]) -> Option<Self> {
        let name = plain(call);
        // `send`, `sendall` and `sendto` are one to a reader, and a file of a socket is written.
        let words: &[&str] = match did {
            Did::Sent => &["send", "write", "print", "flush"],
            Did::Read => &["recv", "read"],
            Did::Failed => &[&name],
        };
        let only = |is_it: &dyn Fn(&Wait) -> bool| {
            let mut found = threads.iter().filter(|wait| is_it(wait));
            found.next().filter(|_| found.next().is_none())
        };
        let is_in_it = |wait: &Wait| wait.call.as_ref() == Some(&name);
        let says_so = |wait: &Wait| {
            let text = wait.place.text.to_lowercase();
            words.iter().any(|word| text.contains(word))
        };
        let at = only(&is_in_it).or_else(|| only(&says_so))?.clone();
        Some(Self { did, at: Wait { call: Some(name), ..at } })
    }
}

/// Where a program stopped that made a run fail: what its author looks at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop<'r> {
    /// It crashed.
    Crash(&'r Crash),
    /// It waits, or runs on and on.
    Wait(&'r Wait),
}

impl<'r> Stop<'r> {
    /// The lines of the student's own code that led there, the innermost first; none if they are not known.
    pub fn frames(self) -> &'r [Place] {
        match self {
            Self::Crash(crash) => &crash.frames,
            Self::Wait(wait) => &wait.frames,
        }
    }

    /// The innermost of them.
    pub fn place(self) -> Option<&'r Place> {
        match self {
            Self::Crash(crash) => crash.place.as_ref(),
            Self::Wait(wait) => Some(&wait.place),
        }
    }

    /// The program's name in the run.
    pub fn program(self) -> &'r str {
        match self {
            Self::Crash(crash) => &crash.program,
            Self::Wait(wait) => &wait.program,
        }
    }
}

/// Threads of a program that are told of.
const THREADS: usize = 4;

/// What a program is at, by the stacks of its threads: each line once, the first thread last, which mostly waits for
/// the others.
pub fn waits(name: &str, role: &str, mut threads: Vec<Stack>, own: &Own<'_>) -> Vec<Wait> {
    threads.sort_by_key(|thread| thread.first);
    let mut waits: Vec<Wait> = Vec::new();
    for thread in threads {
        let frames: Vec<Place> = thread.frames.iter().filter_map(|frame| own.place(frame)).take(FRAMES).collect();
        let Some(place) = frames.first().cloned() else { continue };
        if waits.len() < THREADS && waits.iter().all(|wait| wait.frames != frames) {
            let (program, role) = (name.to_owned(), role.to_owned());
            waits.push(Wait { program, role, call: thread.call.as_deref().map(plain), place, frames });
        }
    }
    waits
}

/// A call as a program names it: the kernel has variants of its own.
pub fn plain(call: &str) -> String {
    let name = match call {
        "recvfrom" => "recv",
        "sendto" => "send",
        "accept4" => "accept",
        "wait4" => "wait",
        "clock_nanosleep" | "nanosleep" => "sleep",
        "pselect6" => "select",
        "ppoll" => "poll",
        "epoll_pwait" | "epoll_pwait2" => "epoll_wait",
        "futex" => "a lock, or for another thread",
        other => other,
    };
    name.to_owned()
}

impl Wait {
    /// Whether it waits for the next client, as a server between two of them does.
    pub fn is_idle(&self) -> bool {
        self.call.as_deref() == Some("accept")
    }

    /// Whether it waits for whoever comes next, or for the first of many to have something for it, as a server of many
    /// clients does.
    pub fn is_for_the_next(&self) -> bool {
        self.is_idle() || matches!(self.call.as_deref(), Some("select" | "poll" | "epoll_wait"))
    }

    /// Changes every text of it that is the program's.
    pub fn mask(&mut self, mask: &dyn Fn(&str) -> String) {
        for place in std::iter::once(&mut self.place).chain(&mut self.frames) {
            place.text = mask(&place.text);
        }
    }
}

/// A crash with when it happened, on the run's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    /// The crash.
    pub crash: Crash,
    /// When.
    pub at: Duration,
}

/// What is known of a program after a run, as [`of`] needs it.
pub struct Remains<'r> {
    /// Its name in the run.
    pub name: &'r str,
    /// Its role.
    pub role: &'r str,
    /// How it ended, and when.
    pub ended: Option<(Ended, Duration)>,
    /// Its standard error.
    pub stderr: &'r [u8],
    /// When it last wrote there.
    pub spoke: Duration,
    /// Where a signal ended it, if that was looked at.
    pub fell_at: &'r dyn Fn(i32) -> Vec<Frame>,
}

/// How a program crashed; nothing if it did not, or if the harness ended it.
pub fn of(remains: &Remains<'_>, events: &[Event], own: &Own<'_>) -> Option<Timed> {
    let said = String::from_utf8_lossy(remains.stderr);
    let ended = remains.ended.filter(|(_, at)| !is_struck(events, remains.name, *at));
    let by_signal = matches!(ended, Some((Ended::Signal(_), _)));
    let trace = trace::read(&said, remains.ended.is_some()).filter(|trace| by_signal || !trace.is_of_signal);
    let (kind, frames) = match (trace, ended) {
        (Some(trace), Some((Ended::Signal(number), _))) if trace.is_of_signal => {
            let (name, meaning) = signal(number)?;
            let message = trace.kind.message().to_owned();
            (Kind::Signal { name: name.to_owned(), meaning: meaning.to_owned(), message }, trace.frames)
        }
        (Some(trace), _) => (trace.kind, trace.frames),
        (None, Some((Ended::Signal(number), _))) => {
            let (name, meaning) = signal(number)?;
            let message = String::new();
            (Kind::Signal { name: name.to_owned(), meaning: meaning.to_owned(), message }, Vec::new())
        }
        (None, _) => return None,
    };
    let frames = match ended {
        // A runtime that ends itself by a signal may have told where.
        Some((Ended::Signal(number), _)) if frames.is_empty() => (remains.fell_at)(number),
        _ => frames,
    };
    let frames: Vec<Place> = frames.iter().filter_map(|frame| own.place(frame)).take(FRAMES).collect();
    let fell = ended.filter(|(how, _)| *how != Ended::Status(0));
    let at = fell.map_or(remains.spoke, |(_, at)| at);
    let crash = Crash {
        program: remains.name.to_owned(),
        role: remains.role.to_owned(),
        kind,
        place: frames.first().cloned(),
        frames,
        doing: doing(events, remains.name, at),
        ended: fell.is_some(),
    };
    Some(Timed { crash, at })
}

/// Whether the harness had ended a program by then.
fn is_struck(events: &[Event], program: &str, at: Duration) -> bool {
    events.iter().filter(|event| event.who == program && event.at <= at).any(|event| match &event.what {
        What::Signalled(_) => true,
        What::Ended(how) => how == crate::run::KILLED,
        _ => false,
    })
}

/// What a program was doing at an instant, by what had last been done to it.
fn doing(events: &[Event], program: &str, at: Duration) -> Doing {
    let before: Vec<&Event> = events.iter().filter(|event| event.at <= at).collect();
    let last = before.iter().rev().find_map(|event| match &event.what {
        What::Started(_) if event.who == program => Some(Doing::Starting),
        What::Typed(_) if event.who == program => Some(Doing::Reading),
        What::Started(_)
        | What::Typed(_)
        | What::Connected(_)
        | What::Sent(_)
        | What::EndSent
        | What::Closed
        | What::ResetSent => Some(Doing::Meeting(event.who.clone())),
        _ => None,
    });
    last.unwrap_or(Doing::Starting)
}

/// Signals that end a program by its own fault, with what they mean.
fn signal(number: i32) -> Option<(&'static str, &'static str)> {
    Some(match number {
        nix::libc::SIGILL => ("SIGILL", "illegal instruction"),
        nix::libc::SIGTRAP => ("SIGTRAP", "trap"),
        nix::libc::SIGABRT => ("SIGABRT", "aborted"),
        nix::libc::SIGBUS => ("SIGBUS", "bus error"),
        nix::libc::SIGFPE => ("SIGFPE", "arithmetic error, as a division by zero"),
        nix::libc::SIGSEGV => ("SIGSEGV", "segmentation fault"),
        nix::libc::SIGPIPE => ("SIGPIPE", "write to a connection that the other side has closed"),
        nix::libc::SIGALRM => ("SIGALRM", "alarm clock"),
        nix::libc::SIGXCPU => ("SIGXCPU", "too much processor time"),
        nix::libc::SIGXFSZ => ("SIGXFSZ", "file too large"),
        nix::libc::SIGSYS => ("SIGSYS", "bad system call"),
        _ => return None,
    })
}

/// What a program said, without numbers that are others in every run: of processes, and of places in memory.
pub fn steady(said: &str) -> String {
    static NUMBERS: OnceLock<Option<Regex>> = OnceLock::new();
    let numbers = NUMBERS.get_or_init(|| {
        // `(node:1234)`, `==1234==` of the sanitizers, and addresses: nothing else has nine digits and more.
        Regex::new(r"\(node:\d+\)|==\d+==|0x[0-9a-fA-F]{9,16}\b").ok()
    });
    let replaced = numbers.as_ref().map(|numbers| {
        numbers.replace_all(said, |found: &regex::Captures<'_>| match &found[0] {
            node if node.starts_with('(') => "(node)".to_owned(),
            process if process.starts_with('=') => "==".to_owned(),
            _ => "0x…".to_owned(),
        })
    });
    replaced.map_or_else(|| said.to_owned(), std::borrow::Cow::into_owned)
}

impl Crash {
    /// Whether two crashes have one cause: the same came up in the same line, whatever it said of its data.
    pub fn is_same(&self, other: &Self) -> bool {
        self.place.is_some() && self.place == other.place && self.kind.name() == other.kind.name()
    }

    /// Changes every text of it that a program has made: its messages, and its lines.
    pub fn mask(&mut self, mask: &dyn Fn(&str) -> String) {
        match &mut self.kind {
            Kind::Exception { message, .. } | Kind::Panic { message } | Kind::Signal { message, .. } => {
                *message = mask(&steady(message));
            }
        }
        for place in self.place.iter_mut().chain(&mut self.frames) {
            place.text = mask(&place.text);
        }
    }
}

impl Kind {
    /// What it is called, without what it says: `KeyError`, `SIGSEGV`, `panic`.
    pub fn name(&self) -> &str {
        match self {
            Self::Exception { name, .. } | Self::Signal { name, .. } => name,
            Self::Panic { .. } => "panic",
        }
    }

    /// The runtime's message; empty if there is none.
    pub fn message(&self) -> &str {
        match self {
            Self::Exception { message, .. } | Self::Panic { message } | Self::Signal { message, .. } => message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::path::Path;

    const TRACEBACK: &str = "Traceback (most recent call last):
  File \"/tmp/run-aB3dE9/work/server.py\", line 2, in <module>
    serve()
TypeError: can't concat int to bytes
";

    #[rstest]
    #[case::in_it(Did::Sent, "sendto", &[(Some("recv"), "read(line)"), (Some("send"), "answer(line)")], Some(1))]
    #[case::two_are(Did::Sent, "sendto", &[(Some("send"), "reply(a)"), (Some("send"), "connection.sendall(b)")], Some(1))]
    #[case::not_clear(Did::Sent, "sendto", &[(Some("send"), "out.write(a)"), (Some("send"), "out.write(b)")], None)]
    #[case::by_the_line(Did::Read, "recvfrom", &[(None, "listener.accept()"), (None, "data = one.recv(10)")], Some(1))]
    #[case::of_another(Did::Failed, "connect", &[(Some("recv"), "data = one.recv(10)")], None)]
    fn who_made_a_call(
        #[case] did: Did,
        #[case] call: &str,
        #[case] threads: &[(Option<&str>, &str)],
        #[case] made_it: Option<usize>,
    ) {
        let place =
            |text: &str| Place { file: "server.py".into(), line: 1, function: String::new(), text: text.into() };
        let wait = |(call, text): &(Option<&str>, &str)| {
            let (program, role, call) = ("server".to_owned(), "server".to_owned(), call.map(str::to_owned));
            Wait { program, role, call, place: place(text), frames: Vec::new() }
        };
        let threads: Vec<Wait> = threads.iter().map(wait).collect();
        let found = Deed::of(did, call, &threads).map(|deed| deed.at.place);
        assert_eq!(found, made_it.map(|index| threads[index].place.clone()));
    }

    fn event(at: u64, who: &str, what: What) -> Event {
        Event { at: Duration::from_millis(at), who: who.to_owned(), what }
    }

    fn found(ended: Option<Ended>, stderr: &str, struck: bool) -> Option<Crash> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("server.py"), "import socket\n    serve()  \n").unwrap();
        let mut events =
            vec![event(0, "server", What::Started("python3 server.py".to_owned())), event(5, "alice", What::EndSent)];
        if struck {
            events.push(event(6, "server", What::Signalled("SIGTERM".into())));
        }
        events.push(event(50, "bert", What::EndSent));
        let remains = Remains {
            name: "server",
            role: "server",
            ended: ended.map(|how| (how, Duration::from_millis(20))),
            stderr: stderr.as_bytes(),
            spoke: Duration::from_millis(19),
            fell_at: &|_| vec![Frame { file: "server.py".to_owned(), line: 1, function: String::new() }],
        };
        let own = Own::new(folder.path(), folder.path(), Path::new(""));
        of(&remains, &events, &own).map(|timed| timed.crash)
    }

    #[test]
    fn a_traceback_names_the_line_and_the_peer() {
        let crash = found(Some(Ended::Status(1)), TRACEBACK, false).unwrap();
        let place = crash.place.clone().unwrap();
        assert_eq!((place.file.as_str(), place.line, place.text.as_str()), ("server.py", 2, "serve()"));
        assert_eq!(crash.doing, Doing::Meeting("alice".to_owned()));
        assert!(crash.ended);
    }

    #[test]
    fn a_program_that_goes_on_has_not_ended() {
        assert!(!found(None, TRACEBACK, false).unwrap().ended);
    }

    #[test]
    fn what_the_harness_ends_has_not_crashed() {
        assert_eq!(found(Some(Ended::Signal(15)), "", true), None);
        assert_eq!(found(Some(Ended::Signal(9)), "", false), None);
        assert_eq!(found(Some(Ended::Status(1)), "server: no such file\n", false), None);
    }

    #[test]
    fn a_signal_is_named() {
        let crash = found(Some(Ended::Signal(11)), "", false).unwrap();
        let Kind::Signal { name, .. } = &crash.kind else { panic!("{crash:?}") };
        assert_eq!(name, "SIGSEGV");
        assert_eq!(crash.place.map(|place| place.text), Some("import socket".to_owned()));
    }
}
