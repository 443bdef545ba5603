//! What runtimes write on standard error when a program dies: from text to what happened and the frames that led there.
//! One file a language; nothing here looks at a file.

mod go;
mod java;
mod native;
mod node;
mod others;
mod python;
mod rust;
#[cfg(test)]
mod tests;

use super::Kind;
use super::stack::Stack;

/// Bytes at the end of what a program said that are looked through.
const LOOKED_AT: usize = 256 * 1024;

/// Characters of a message that are kept.
const MESSAGE: usize = 400;

/// What a trace tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// What happened.
    pub kind: Kind,
    /// The frames that led there, the innermost first.
    pub frames: Vec<Frame>,
    /// It is what a runtime says before a signal ends the program.
    pub is_of_signal: bool,
}

/// A frame of any code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The path of its file, as the runtime names it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The function; empty outside of all.
    pub function: String,
}

impl Frame {
    fn new(file: &str, line: u32, function: &str) -> Self {
        Self { file: file.to_owned(), line, function: function.to_owned() }
    }
}

impl Trace {
    fn exception(name: &str, message: &str, frames: Vec<Frame>) -> Self {
        let kind = Kind::Exception { name: name.to_owned(), message: shortened(message) };
        Self { kind, frames, is_of_signal: false }
    }

    fn panic(message: &str, frames: Vec<Frame>) -> Self {
        Self { kind: Kind::Panic { message: shortened(message) }, frames, is_of_signal: false }
    }
}

/// What the trace in a program's standard error tells; nothing if there is none. Of a program that has `ended` the last
/// one counts, if it is that of the whole program; else the first.
pub fn read(said: &str, ended: bool) -> Option<Trace> {
    let mut from = said.len().saturating_sub(LOOKED_AT);
    while !said.is_char_boundary(from) {
        from += 1;
    }
    let said = said[from..].replace('\r', "");
    let said = said.as_str();
    python::read(said, ended)
        .or_else(|| java::read(said, ended))
        .or_else(|| go::read(said))
        .or_else(|| rust::read(said))
        .or_else(|| node::read(said))
        .or_else(|| native::read(said))
        .or_else(|| others::read(said))
}

/// What the threads of a program are at, by what its runtime writes when it is asked: Python's fault handler, Java and
/// Go. Frames of any code.
pub fn dump(said: &str) -> Vec<Stack> {
    [python::dump(said), java::dump(said), go::dump(said)].into_iter().find(|dump| !dump.is_empty()).unwrap_or_default()
}

/// Of several traces the one that counts: the last one of a program that ended of it, else the first.
fn telling<T>(mut traces: Vec<T>, ended: bool, is_of_a_part: impl Fn(&T) -> bool) -> Option<T> {
    let last = traces.pop_if(|last| ended && !is_of_a_part(last));
    last.or_else(|| (!traces.is_empty()).then(|| traces.swap_remove(0)))
}

fn shortened(message: &str) -> String {
    message.trim().chars().take(MESSAGE).collect()
}

/// The parts of `server.c:12` and `server.c:12:5`.
fn file_and_line(text: &str) -> Option<(&str, u32)> {
    let mut parts = text.split(':');
    let file = parts.next().filter(|file| !file.is_empty())?;
    let line = parts.next()?;
    let digits = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len());
    Some((file, line[..digits].parse().ok()?))
}
