//! Python's tracebacks.

use super::{Frame, Trace};
use crate::crash::Kind;
use crate::crash::stack::Stack;

/// One traceback, or several that are chained: the last one is what the program ended with.
struct Block {
    name: String,
    message: String,
    frames: Vec<Frame>,
    /// A thread's, a task's or a request's, of which the program does not end.
    of_a_part: bool,
}

/// Lines before a traceback of which the whole program does not end.
const PARTS: [&str; 4] = [
    "Exception in thread ",
    "Task exception was never retrieved",
    "Exception occurred during processing of request",
    "Exception in callback ",
];

/// What ends a program on purpose, or is asked for by whoever started it.
const NO_CRASH: [&str; 3] = ["KeyboardInterrupt", "SystemExit", "asyncio.exceptions.CancelledError"];

pub(super) fn read(said: &str, ended: bool) -> Option<Trace> {
    if let Some(fatal) = fatal(said) {
        return Some(fatal);
    }
    let mut blocks = blocks(said);
    blocks.retain(|block| !NO_CRASH.contains(&block.name.as_str()));
    let block = super::telling(blocks, ended, |block| block.of_a_part)?;
    Some(Trace::exception(&block.name, &block.message, block.frames.into_iter().rev().collect()))
}

/// `Fatal Python error: Segmentation fault`, with the stacks of all threads, which `faulthandler` writes.
fn fatal(said: &str) -> Option<Trace> {
    let (_, after) = said.split_once("Fatal Python error: ")?;
    let message = after.lines().next().unwrap_or_default();
    let current = after.split_once("Current thread ").map_or(after, |(_, current)| current);
    let own = current.lines().skip(1).map_while(frame).collect();
    let kind = Kind::Panic { message: message.to_owned() };
    Some(Trace { kind, frames: own, is_of_signal: true })
}

/// The stacks of all threads, which `faulthandler` writes; the one that took the signal comes last.
pub(super) fn dump(said: &str) -> Vec<Stack> {
    let Some((_, after)) = said.split_once("Fatal Python error: ") else { return Vec::new() };
    let mut lines = after.lines();
    let mut stacks = Vec::new();
    while let Some(line) = lines.next() {
        let first = line.starts_with("Current thread ");
        if first || line.starts_with("Thread ") {
            stacks.push(Stack { call: None, first, frames: lines.by_ref().map_while(frame).collect() });
        }
    }
    stacks
}

/// The tracebacks in a text, in order; of those that are chained the last.
fn blocks(said: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut frames: Vec<Frame> = Vec::new();
    let (mut of_a_part, mut ignored, mut chained) = (false, false, false);
    let mut lines = said.lines().map(bare).peekable();
    while let Some(line) = lines.next() {
        if let Some(frame) = frame(line) {
            frames.push(frame);
            continue;
        }
        if PARTS.iter().any(|start| line.starts_with(start)) {
            (of_a_part, frames) = (true, Vec::new());
        } else if line.starts_with("Exception ignored in") {
            (ignored, frames) = (true, Vec::new());
        } else if line.starts_with("Traceback (most recent call last):") {
            frames = Vec::new();
        } else if line.starts_with("During handling of the above exception")
            || line.starts_with("The above exception was the direct cause")
        {
            chained = true;
        } else if let (Some((name, message)), false) = (exception(line), frames.is_empty()) {
            let mut message = message.to_owned();
            // A message may have several lines; the next traceback or an empty line ends it.
            while let Some(more) = lines.next_if(|more| !more.trim().is_empty() && !begins(more)) {
                message.push('\n');
                message.push_str(more);
            }
            let block = Block { name: name.to_owned(), message, frames: std::mem::take(&mut frames), of_a_part };
            if std::mem::take(&mut chained) {
                blocks.pop();
            }
            if !std::mem::take(&mut ignored) {
                blocks.push(block);
            }
            of_a_part = false;
        }
    }
    blocks
}

/// A line without what marks it as a part of an exception group.
fn bare(line: &str) -> &str {
    let inner = line.trim_start_matches([' ', '+', '-']).strip_prefix("| ");
    inner.map_or(line, |inner| inner.trim_start_matches("| "))
}

/// Whether a line begins something else than one more line of a message.
fn begins(line: &str) -> bool {
    line.starts_with("Traceback (")
        || line.trim_start().starts_with("+--")
        || line.starts_with("  File \"")
        || line.starts_with("Exception ")
        || PARTS.iter().any(|start| line.starts_with(start))
}

/// `  File "server.py", line 9, in serve`.
fn frame(line: &str) -> Option<Frame> {
    let rest = line.trim_start().strip_prefix("File \"")?;
    let (file, rest) = rest.split_once("\", line ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    // The fault handler writes no comma.
    let function = rest[digits..].trim_start_matches(',').strip_prefix(" in ").unwrap_or_default();
    let function = if function == "<module>" { "" } else { function };
    Some(Frame { file: file.to_owned(), line: rest[..digits].parse().ok()?, function: function.to_owned() })
}

/// `TypeError: can't concat int to bytes`, or the name alone.
fn exception(line: &str) -> Option<(&str, &str)> {
    let (name, message) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    // A group counts what is in it.
    is_name.then_some((name, message.trim_end()))
}
