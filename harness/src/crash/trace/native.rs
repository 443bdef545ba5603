//! What C and C++ programs say before they die: the sanitizers, `assert`, the heap's checks, an exception that nothing
//! caught.

use super::{Frame, Trace, file_and_line, shortened};
use crate::crash::Kind;

pub(super) fn read(said: &str) -> Option<Trace> {
    sanitizer(said).or_else(|| undefined(said)).or_else(|| terminate(said)).or_else(|| last_words(said))
}

/// `==1==ERROR: AddressSanitizer: heap-use-after-free on address …`, with the stack below.
fn sanitizer(said: &str) -> Option<Trace> {
    let (_, report) = said.split_once("ERROR: ").filter(|(_, report)| report.contains("Sanitizer: "))?;
    let (name, message) = report.lines().next()?.split_once(": ")?;
    let message = message.split_once(" on ").map_or(message, |(what, _)| what);
    let message = message.split_once(" (").map_or(message, |(what, _)| what);
    let stack = report.lines().skip_while(|line| !line.trim_start().starts_with("#0 "));
    let frames = stack.map_while(|line| line.trim_start().strip_prefix('#')).filter_map(frame).collect();
    Some(Trace::exception(name, message, frames))
}

/// `0 0x401234 in handle /tmp/x/server.c:12:5`.
fn frame(line: &str) -> Option<Frame> {
    let (_, rest) = line.split_once(" in ")?;
    let (function, place) = rest.rsplit_once(' ')?;
    let (file, line) = file_and_line(place)?;
    Some(Frame::new(file, line, function))
}

/// `server.c:12:5: runtime error: index 5 out of bounds for type 'int [3]'`.
fn undefined(said: &str) -> Option<Trace> {
    said.lines().find_map(|line| {
        let (place, message) = line.split_once(": runtime error: ")?;
        let (file, line) = file_and_line(place)?;
        Some(Trace::exception("UndefinedBehaviorSanitizer", message, vec![Frame::new(file, line, "")]))
    })
}

/// `terminate called after throwing an instance of 'std::out_of_range'`.
fn terminate(said: &str) -> Option<Trace> {
    let (_, rest) = said.split_once("terminate called ")?;
    let name = rest.split_once("instance of '").and_then(|(_, rest)| rest.split_once('\'')).map(|(name, _)| name);
    let message = rest.split_once("what():  ").map_or("", |(_, rest)| rest.lines().next().unwrap_or_default());
    let kind = Kind::Exception { name: name.unwrap_or("terminate").to_owned(), message: shortened(message) };
    Some(Trace { kind, frames: Vec::new(), is_of_signal: false })
}

/// What the C library says before it aborts the program.
fn last_words(said: &str) -> Option<Trace> {
    const HEAP: [&str; 8] = [
        "double free or corruption",
        "free(): ",
        "malloc(): ",
        "realloc(): ",
        "munmap_chunk(): ",
        "corrupted size vs. prev_size",
        "corrupted double-linked list",
        "malloc_consolidate(): ",
    ];
    let of_signal = |message: &str, frames| {
        let kind = Kind::Panic { message: shortened(message) };
        Some(Trace { kind, frames, is_of_signal: true })
    };
    said.lines().rev().find_map(|line| {
        // `server: server.c:12: main: Assertion `x' failed.`
        if line.ends_with(" failed.") && line.contains(": Assertion `") {
            let (before, message) = line.split_once(": Assertion `")?;
            let (_, place) = before.split_once(": ")?;
            let function = before.rsplit(": ").next().unwrap_or_default();
            let (file, number) = file_and_line(place)?;
            return of_signal(&format!("assertion `{message}"), vec![Frame::new(file, number, function)]);
        }
        let is_known = HEAP.iter().any(|start| line.starts_with(start))
            || line.starts_with("*** ") && line.ends_with(": terminated")
            || line.starts_with("FATAL ERROR: ") && line.contains("JavaScript")
            || line.ends_with("has overflowed its stack");
        let message = line.trim_start_matches("*** ").trim_end_matches(" ***: terminated");
        let message = if line.ends_with("has overflowed its stack") { "stack overflow" } else { message };
        is_known.then(|| of_signal(message, Vec::new())).flatten()
    })
}
