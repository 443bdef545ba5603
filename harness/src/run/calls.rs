//! What the record of a program's calls shows: the sizes it asks for, and how it waits for several clients.
//! Judges records; takes none. Only a backend that answers the calls itself has them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use harness_language::scenario::model::IoModel;

/// Why a backend that lets programs call the kernel cannot decide what is decided here.
pub const UNSEEN: &str = "real sockets cannot tell this: it needs sim";

/// A thread of a program: its process and its own number, counted in the order of appearance.
pub type Worker = (u32, u32);

/// What kind of call it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `accept`.
    Accept,
    /// `connect`.
    Connect,
    /// `recv`, `read` and their like.
    Read,
    /// `send`, `write` and their like.
    Write,
    /// `sendfile`: bytes that pass through no buffer of the program.
    SendFile,
    /// `select`, `poll`, `epoll_wait` over this many sockets.
    Wait(usize),
}

/// A call on a socket, or a wait for sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketCall {
    /// What it was.
    pub kind: Kind,
    /// Its name, as `man 2` has it.
    pub name: String,
    /// Who called.
    pub worker: Worker,
    /// The socket: a number that no other socket of the run has.
    pub socket: Option<u64>,
    /// Bytes asked for or handed over.
    pub asked: u64,
    /// Bytes moved; nothing after a failure.
    pub moved: Option<u64>,
    /// It would not have waited (`O_NONBLOCK`, `MSG_DONTWAIT`).
    pub nonblocking: bool,
    /// When it was made, in the run's time.
    pub at: Duration,
    /// When it was answered.
    pub answered: Duration,
}

/// Languages whose runtime decides how sockets are waited for, whatever the program says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// Go: goroutines wander between threads, sockets never block.
    Go,
    /// Node: one thread, sockets never block.
    Node,
    /// The Java virtual machine: sockets of `java.nio` never block.
    Java,
}

impl Runtime {
    fn name(self) -> &'static str {
        match self {
            Self::Go => "Go",
            Self::Node => "Node",
            Self::Java => "Java",
        }
    }
}

/// What the records say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is as asked.
    Held,
    /// It is not; what was seen instead, and why that matters.
    Broken {
        /// What was seen.
        actual: String,
        /// The sentence for the report.
        reason: String,
    },
    /// The records cannot tell, for this reason.
    Unclear(String),
}

fn broken(actual: String, reason: &str) -> Finding {
    Finding::Broken { reason: format!("{actual}: {reason}"), actual }
}

/// The read or write on a socket that asks for the most bytes.
pub fn largest(calls: &[SocketCall]) -> Option<&SocketCall> {
    let sized = calls.iter().filter(|call| matches!(call.kind, Kind::Read | Kind::Write));
    // The first of several.
    sized.rev().max_by_key(|call| call.asked)
}

/// Whether a program waits for its sockets in the way that is asked of it.
pub fn io_model(calls: &[SocketCall], model: IoModel, runtime: Option<Runtime>) -> Finding {
    let found = match model {
        IoModel::OneThread => one_thread(calls),
        IoModel::OneProcess => one_process(calls),
        IoModel::PerClient => per_client(calls),
        IoModel::Blocking => blocking(calls),
    };
    let excuse = match (model, runtime) {
        (IoModel::OneThread | IoModel::PerClient, Some(Runtime::Go)) => {
            Some("its goroutines wander between threads, so that threads say nothing")
        }
        (IoModel::Blocking, Some(_)) => Some("its runtime makes sockets non-blocking by itself"),
        _ => None,
    };
    match (found, excuse, runtime) {
        (Finding::Broken { .. }, Some(excuse), Some(runtime)) => {
            Finding::Unclear(format!("the program is written in {}: {excuse}", runtime.name()))
        }
        (found, _, _) => found,
    }
}

fn show((process, thread): Worker) -> String {
    format!("thread {thread} of process {process}")
}

/// One process and one thread does all work on sockets, and asks which of them are ready.
fn one_thread(calls: &[SocketCall]) -> Finding {
    let works = |call: &&SocketCall| matches!(call.kind, Kind::Accept | Kind::Read | Kind::Write | Kind::SendFile);
    let mut workers: BTreeMap<Worker, &SocketCall> = BTreeMap::new();
    for call in calls.iter().filter(works) {
        workers.entry(call.worker).or_insert(call);
    }
    let mut each = workers.iter();
    let Some((first, _)) = each.next() else {
        return Finding::Unclear("the program has not used a socket yet".to_owned());
    };
    if let Some((second, call)) = each.next() {
        return broken(
            format!("{} and {} work on sockets, the latter with {}", show(*first), show(*second), call.name),
            "one thread of one process is to serve all clients",
        );
    }
    // A wait for one socket is a time-out, not a choice.
    if !calls.iter().any(|call| call.worker == *first && matches!(call.kind, Kind::Wait(2..))) {
        return broken(
            "no call asks which of several sockets is ready".to_owned(),
            "select(), poll() or epoll is to find out who has something to say",
        );
    }
    Finding::Held
}

/// One process reads and writes all sockets. Who accepts a connection and hands it on has done no work for it.
fn one_process(calls: &[SocketCall]) -> Finding {
    let works = |call: &&SocketCall| matches!(call.kind, Kind::Read | Kind::Write | Kind::SendFile);
    let mut workers = calls.iter().filter(works);
    let Some(first) = workers.next() else {
        return Finding::Unclear("the program has not used a socket yet".to_owned());
    };
    match workers.find(|call| call.worker.0 != first.worker.0) {
        None => Finding::Held,
        Some(other) => broken(
            format!(
                "process {} and process {} both serve clients, the latter with {}",
                first.worker.0, other.worker.0, other.name
            ),
            "one process is to serve all clients: a process for each costs memory, and shares nothing with the others",
        ),
    }
}

/// The bytes of clients that are there at the same time are read by different threads or processes.
fn per_client(calls: &[SocketCall]) -> Finding {
    struct Client {
        from: Duration,
        until: Duration,
        readers: BTreeMap<Worker, usize>,
    }
    let mut clients: BTreeMap<u64, Client> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.kind == Kind::Read && call.moved.is_some()) {
        let Some(socket) = call.socket else { continue };
        let client =
            clients.entry(socket).or_insert(Client { from: call.at, until: call.answered, readers: BTreeMap::new() });
        client.from = client.from.min(call.at);
        client.until = client.until.max(call.answered);
        *client.readers.entry(call.worker).or_default() += 1;
    }
    // Who accepts may read a greeting before it hands a client on: what counts is who reads most.
    let reader = |client: &Client| {
        client.readers.iter().max_by_key(|(worker, count)| (**count, std::cmp::Reverse(**worker))).map(|(it, _)| *it)
    };
    let mut together = false;
    let all: Vec<&Client> = clients.values().collect();
    for (index, one) in all.iter().enumerate() {
        for other in &all[index + 1..] {
            if one.from > other.until || other.from > one.until {
                continue;
            }
            together = true;
            if let (Some(own), Some(theirs)) = (reader(one), reader(other))
                && own == theirs
            {
                return broken(
                    format!("{} reads what two clients send at the same time", show(own)),
                    "each client is to be served by a thread or a process of its own",
                );
            }
        }
    }
    if together { Finding::Held } else { Finding::Unclear("no two clients were served at the same time".to_owned()) }
}

/// No call on a socket asks not to wait. A `poll` of one socket right before it is how a library waits with a
/// time-out, and counts as waiting.
fn blocking(calls: &[SocketCall]) -> Finding {
    let mut timed: BTreeSet<Worker> = BTreeSet::new();
    let mut opening: BTreeMap<Worker, &SocketCall> = BTreeMap::new();
    let mut used = false;
    let refuse = |call: &SocketCall| {
        broken(
            format!("{} is called on a socket that does not wait", call.name),
            "a call that blocks until there is something to do needs no loop around it",
        )
    };
    for call in calls {
        match call.kind {
            Kind::Wait(sockets) => {
                opening.remove(&call.worker);
                // Whoever keeps an epoll set waits for more than one call's end.
                if sockets <= 1 && !call.name.starts_with("epoll") {
                    timed.insert(call.worker);
                } else {
                    timed.remove(&call.worker);
                }
                continue;
            }
            Kind::Connect if call.nonblocking => {
                opening.insert(call.worker, call);
            }
            _ if call.nonblocking && !timed.contains(&call.worker) => return refuse(call),
            _ => {}
        }
        used = true;
        timed.remove(&call.worker);
    }
    match opening.values().next() {
        Some(call) => refuse(call),
        None if used => Finding::Held,
        None => Finding::Unclear("the program has not used a socket yet".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Calls written as `worker kind[socket] at..answered`, one a word: `0a 0r7@1-4 1w7! 0p3`.
    /// `a` accept, `c` connect, `r` read, `w` write, `p` poll, `e` epoll; `!` would not wait.
    fn calls(text: &str) -> Vec<SocketCall> {
        text.split_whitespace()
            .map(|word| {
                let (word, nonblocking) = word.strip_suffix('!').map_or((word, false), |rest| (rest, true));
                let (word, times) = word.split_once('@').unwrap_or((word, "0-0"));
                let (at, answered) = times.split_once('-').expect("two times");
                let moment = |text: &str| Duration::from_millis(text.parse().expect("a time"));
                let number: usize = word[2..].parse().unwrap_or(0);
                let (kind, name) = match &word[1..2] {
                    "a" => (Kind::Accept, "accept"),
                    "c" => (Kind::Connect, "connect"),
                    "r" => (Kind::Read, "recvfrom"),
                    "w" => (Kind::Write, "sendto"),
                    "f" => (Kind::SendFile, "sendfile"),
                    "e" => (Kind::Wait(number), "epoll_wait"),
                    _ => (Kind::Wait(number), "poll"),
                };
                SocketCall {
                    kind,
                    name: name.to_owned(),
                    worker: (0, word[..1].parse().expect("a worker")),
                    socket: Some(number as u64),
                    asked: number as u64,
                    moved: Some(1),
                    nonblocking,
                    at: moment(at),
                    answered: moment(answered),
                }
            })
            .collect()
    }

    fn verdict(text: &str, model: IoModel, runtime: Option<Runtime>) -> &'static str {
        match io_model(&calls(text), model, runtime) {
            Finding::Held => "held",
            Finding::Broken { .. } => "broken",
            Finding::Unclear(_) => "unclear",
        }
    }

    #[rstest]
    // select over the listener and two clients, one thread
    #[case("0p1 0a 0p2 0r4 0w4 0p3 0r5", "held")]
    // a second thread that only sleeps or prints makes no call on a socket
    #[case("0p2 0a 0p3 0r4 1p0", "held")]
    #[case("0a 1r4 2r5", "broken")]
    // one client after the other, without asking who is ready
    #[case("0a 0r4 0w4 0a 0r5", "broken")]
    // a time-out on one socket is no choice between several
    #[case("0p1 0a! 0p1 0r4!", "broken")]
    #[case("", "unclear")]
    fn one_thread(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(verdict(text, IoModel::OneThread, None), expected);
    }

    #[rstest]
    #[case("0a 1r4@1-9 0a 2r5@2-8", "held")]
    // the thread of a client that has left may serve another
    #[case("1r4@1-2 1r5@3-9 2r6@4-5", "held")]
    // the accepting thread reads a greeting first
    #[case("0r4@1-1 1r4@1-5 1r4@5-9 0r5@2-2 2r5@2-7 2r5@7-8", "held")]
    #[case("0r4@1-3 0r5@2-5 0r4@4-6", "broken")]
    #[case("0r4@1-2 0r5@3-4", "unclear")]
    fn per_client(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(verdict(text, IoModel::PerClient, None), expected);
    }

    #[rstest]
    #[case("0a 0r4 0w4", "held")]
    // select before a call that would wait anyway
    #[case("0p3 0a 0p3 0r4", "held")]
    // a library's time-out: poll, then the call
    #[case("0p1 0a! 0p1 0r4! 0p1 0w4!", "held")]
    #[case("0c4! 0p1 0w4", "held")]
    #[case("0r4!", "broken")]
    #[case("0p3 0r4!", "broken")]
    #[case("0p1 0r4! 0r4!", "broken")]
    #[case("0c4!", "broken")]
    #[case("0c4! 0e1 0w4!", "broken")]
    #[case("0p1", "unclear")]
    fn blocking(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(verdict(text, IoModel::Blocking, None), expected);
    }

    #[rstest]
    #[case("0r4!", IoModel::Blocking, Runtime::Go, "unclear")]
    #[case("0r4!", IoModel::Blocking, Runtime::Node, "unclear")]
    #[case("0r4", IoModel::Blocking, Runtime::Java, "held")]
    #[case("0a 1r4 2r5", IoModel::OneThread, Runtime::Go, "unclear")]
    #[case("0a 1r4 2r5", IoModel::OneThread, Runtime::Java, "broken")]
    #[case("0r4@1-3 0r5@2-5", IoModel::PerClient, Runtime::Node, "broken")]
    fn runtimes_are_excused_for_what_they_decide(
        #[case] text: &str,
        #[case] model: IoModel,
        #[case] runtime: Runtime,
        #[case] expected: &str,
    ) {
        assert_eq!(verdict(text, model, Some(runtime)), expected);
    }

    #[test]
    fn the_largest_read_or_write_is_found_and_sendfile_has_no_buffer() {
        let calls = calls("0r100 0w4096 0f99999 0r4096 0p70000");
        assert_eq!(largest(&calls).map(|call| (call.kind, call.asked)), Some((Kind::Write, 4096)));
        assert_eq!(largest(&[]), None);
    }
}
