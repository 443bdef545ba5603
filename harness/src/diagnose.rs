//! From evidence to words that a student understands. Knows no run and prints nothing.

use std::collections::BTreeMap;

use crate::calls::Call;
use crate::crash::Did;

/// A signal, as a sentence names it.
pub fn signal_name(number: i32) -> String {
    let known = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL (illegal instruction)",
        6 => "SIGABRT (aborted)",
        7 => "SIGBUS (bus error)",
        8 => "SIGFPE (arithmetic error)",
        9 => "SIGKILL",
        11 => "SIGSEGV (segmentation fault)",
        13 => "SIGPIPE (write to a connection that the other side has closed)",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU (too much processor time)",
        25 => "SIGXFSZ (file too large)",
        _ => return format!("killed by signal {number}"),
    };
    format!("killed by {known}")
}

/// A program whose calls are looked at.
#[derive(Debug, Clone)]
pub struct Suspect<'s> {
    /// What it is called in a sentence.
    pub who: &'s str,
    /// Its number in the record of calls.
    pub program: usize,
    /// Length of its input file in bytes, if it had one: what it was to send.
    pub input: Option<u64>,
    /// Bytes that it was sent, over all connections.
    pub sent_to_it: u64,
    /// Connections that anybody had.
    pub connections: usize,
    /// Whether it has ended by itself: a call that is still waiting is in no record.
    pub ended: bool,
}

/// Errors that say something about the other side or the port, and not about how a runtime asks.
const TELLING: [&str; 8] =
    ["EPIPE", "ECONNRESET", "ECONNREFUSED", "EADDRINUSE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EMSGSIZE"];

/// What calls show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown<'c> {
    /// As part of a sentence.
    pub words: String,
    /// Whether that is why the run failed, and not what followed from it.
    pub is_cause: bool,
    /// What the call did that shows it best.
    pub did: Did,
    /// That call.
    pub call: &'c Call,
}

/// What a failed program's calls show; nothing if they show nothing unusual.
pub fn of_calls<'c>(calls: &'c [Call], suspect: &Suspect<'_>) -> Option<Shown<'c>> {
    let own: Vec<&Call> = calls.iter().filter(|call| call.program == suspect.program).collect();
    let found = unsent(&own, suspect).or_else(|| reads_on(&own, suspect));
    found.or_else(|| failed(&own, suspect)).or_else(|| unread(&own, suspect))
}

/// Reads that yield nothing, one after the other, before they are a loop: one more is no mistake.
const LOOP: usize = 5;

/// A loop that reads on at the end of a stream.
fn reads_on<'c>(calls: &[&'c Call], suspect: &Suspect<'_>) -> Option<Shown<'c>> {
    let last = calls.iter().rfind(|call| call.is_receive())?;
    let of_it = calls.iter().rev().filter(|call| call.is_receive() && call.socket == last.socket);
    let ends = of_it.take_while(|call| call.result == Ok(0) && call.asked > 0).count();
    (ends >= LOOP).then(|| {
        let name = crate::crash::plain(&last.name);
        let words =
            format!("{} reads on at the end of the stream: {name}() returns 0 bytes again and again", suspect.who);
        Shown { words, is_cause: true, did: Did::Read, call: last }
    })
}

/// A call that moved bytes, and how many.
#[derive(Debug, Clone, Copy)]
pub struct Moved<'c> {
    /// The call.
    pub call: &'c Call,
    /// The bytes.
    pub count: u64,
}

/// Calls of one kind that moved bytes, by socket, in order.
pub fn moved<'c>(calls: &[&'c Call], kind: fn(&Call) -> bool) -> BTreeMap<&'c str, Vec<Moved<'c>>> {
    let mut by_socket: BTreeMap<&str, Vec<Moved<'_>>> = BTreeMap::new();
    for call in calls.iter().filter(|call| kind(call)) {
        if let (Some(socket), Ok(count)) = (&call.socket, call.result)
            && let Ok(count) = u64::try_from(count)
            && count > 0
        {
            by_socket.entry(socket).or_default().push(Moved { call, count });
        }
    }
    by_socket
}

/// A short send whose rest was never sent.
fn unsent<'c>(calls: &[&'c Call], suspect: &Suspect<'_>) -> Option<Shown<'c>> {
    if !suspect.ended {
        return None;
    }
    let broke = |socket: &str| {
        let of_it = calls.iter().filter(|call| call.is_send() && call.socket.as_deref() == Some(socket));
        of_it.filter(|call| call.result.is_err()).count() > 0
    };
    // Whoever was refused the rest did offer it.
    let whole = moved(calls, Call::is_send);
    for (_, sends) in whole.iter().filter(|(socket, _)| !broke(socket)) {
        let (taken, asked) =
            sends.iter().fold((0, 0), |(taken, asked), one| (taken + one.count, asked + one.call.asked));
        let short: Vec<usize> =
            (0..sends.len()).filter(|index| sends[*index].count < sends[*index].call.asked).collect();
        // Every byte was offered once, so that what was not taken was not offered again; or the
        // last offer was not taken whole, and there was none after it.
        let once = suspect.input == Some(asked) && taken < asked;
        let last = short.last().copied().filter(|index| index + 1 == sends.len());
        let index = if once { short.first().copied() } else { last };
        let Some((index, Moved { call, count })) = index.and_then(|index| Some((index, *sends.get(index)?))) else {
            continue;
        };
        let of = call.asked;
        let left = of - count;
        let were = if left == 1 { "byte was" } else { "bytes were" };
        let more = match short.len() - 1 {
            more if once && more > 0 => format!("; so with {more} more of its {} sends", sends.len()),
            _ => String::new(),
        };
        let words = format!(
            "{}'s {} send took {count} of {of} bytes, and the other {left} {were} never sent again{more}",
            suspect.who,
            ordinal(index + 1)
        );
        return Some(Shown { words, is_cause: true, did: Did::Sent, call });
    }
    None
}

/// The first call that failed in a way that a program has to deal with.
fn failed<'c>(calls: &[&'c Call], suspect: &Suspect<'_>) -> Option<Shown<'c>> {
    let of_interest = |call: &&&Call| {
        let named = ["connect", "bind", "listen", "accept"].iter().any(|name| call.name.starts_with(name));
        named || call.is_send() || call.is_receive()
    };
    let (call, error) = calls.iter().filter(of_interest).find_map(|call| Some((call, call.error()?)))?;
    let number =
        calls.iter().take_while(|other| !std::ptr::eq(**other, *call)).filter(|it| it.name == call.name).count();
    let which = if number == 0 { String::new() } else { format!("{} ", ordinal(number + 1)) };
    TELLING.contains(&error.as_str()).then(|| {
        let words = format!("{}'s {which}{}() failed with {error}", suspect.who, crate::crash::plain(&call.name));
        // It may be the end of it, and not the beginning.
        Shown { words, is_cause: false, did: Did::Failed, call }
    })
}

/// Bytes that came and were not read.
fn unread<'c>(calls: &[&'c Call], suspect: &Suspect<'_>) -> Option<Shown<'c>> {
    let reads = moved(calls, Call::is_receive);
    let mut connections = reads.values();
    let (Some(reads), None) = (connections.next(), connections.next()) else { return None };
    let read: u64 = reads.iter().map(|it| it.count).sum();
    let call = reads.last()?.call;
    // In a dialogue that ends early something else came first.
    let is_cause = reads.len() == 1 && suspect.connections <= 1;
    let calls = if reads.len() == 1 { "one call".to_owned() } else { format!("{} calls", reads.len()) };
    (read < suspect.sent_to_it).then(|| {
        let sent = suspect.sent_to_it;
        let words = format!("{} read {read} of the {sent} bytes that it was sent, in {calls}", suspect.who);
        Shown { words, is_cause, did: Did::Read, call }
    })
}

/// 1st, 2nd, 3rd, 4th …
pub fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::calls;

    const IGNORES: &str = "\
0.0 s p0.0.0 connect fd 3 h0s2 127.0.0.1:23456 asked 0 = 0 after 20µs
0.0 s p0.0.0 sendto fd 3 h0s2 asked 4096 = 4096
0.0 s p0.0.0 sendto fd 3 h0s2 asked 4096 = 512 (cut from 4096)
0.0 s p0.0.0 sendto fd 3 h0s2 asked 4096 = 100 (cut from 4096)
";
    const SENDS_THE_REST: &str = "\
0.0 s p0.0.0 sendto fd 3 h0s2 asked 4096 = 512 (cut from 4096)
0.0 s p0.0.0 sendto fd 3 h0s2 asked 3584 = 3584
";
    const FILLS_UP: &str = "\
0.0 s p0.0.0 sendto fd 3 h0s2 asked 4096 = 512 (cut from 4096)
0.0 s p0.0.0 sendto fd 3 h0s2 asked 4096 = 4096
0.0 s p0.0.0 sendto fd 3 h0s2 asked 3584 = 3584
";
    const BROKEN: &str = "\
0.0 s p0.0.0 sendto fd 3 h0s2 asked 4096 = 4096
0.0 s p0.0.0 sendto fd 3 h0s2 asked 4096 = errno 32
";
    const SENDS_SOME: &str = "0.0 s p0.0.0 sendto fd 3 h0s2 asked 4096 = 4095\n";
    const ONE_RECV: &str = "\
0.0 s p0.0.0 accept4 fd 3 h0s1 127.0.0.1:42396 asked 0 = 4 after 1.03ms
0.0 s p0.0.0 recvfrom fd 4 h0s3 asked 4096 = 44 (cut from 4096)
";
    const AT_THE_END: &str = "0.0 s p0.0.0 recvfrom fd 3 h0s2 asked 4096 = 0\n";
    const NOT_YET: &str = "0.0 s p0.0.0 connect fd 3 h0s2 127.0.0.1:23456 asked 0 = errno 115\n";

    fn said(record: &str, input: Option<u64>, sent_to_it: u64, ended: bool) -> String {
        let suspect = Suspect { who: "the program", program: 0, input, sent_to_it, connections: 1, ended };
        of_calls(&calls::read(record), &suspect).map_or_else(|| "nothing".to_owned(), |shown| shown.words)
    }

    #[test]
    fn what_calls_show() {
        let cases = [
            ("ignores the result", said(IGNORES, Some(12_288), 0, true)),
            ("ignores the last result", said(IGNORES, None, 0, true)),
            ("may still be sending", said(IGNORES, Some(12_288), 0, false)),
            ("sends the rest", said(SENDS_THE_REST, Some(4096), 0, true)),
            ("fills its buffer up", said(FILLS_UP, Some(8192), 0, true)),
            ("breaks while it sends the rest", said(&format!("{SENDS_SOME}{BROKEN}"), Some(100_000), 0, true)),
            ("breaks", said(BROKEN, Some(100_000), 0, true)),
            ("reads once", said(ONE_RECV, None, 20_480, false)),
            ("reads all", said(ONE_RECV, None, 44, false)),
            ("a connection under way", said(NOT_YET, None, 0, true)),
            ("reads on at the end", said(&AT_THE_END.repeat(5), None, 0, false)),
            ("reads the end twice", said(&AT_THE_END.repeat(2), None, 0, false)),
            ("of another program", said(&IGNORES.replace("p0", "p1"), Some(12_288), 0, true)),
        ];
        let text: Vec<String> = cases.iter().map(|(name, said)| format!("{name}: {said}")).collect();
        insta::assert_snapshot!(text.join("\n"));
    }

    #[rstest]
    #[case(1, "1st")]
    #[case(2, "2nd")]
    #[case(3, "3rd")]
    #[case(11, "11th")]
    #[case(21, "21st")]
    #[case(112, "112th")]
    fn counts(#[case] number: usize, #[case] word: &str) {
        assert_eq!(ordinal(number), word);
    }
}
