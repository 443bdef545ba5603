//! Java's stack traces, and what the source launcher says of a file that it cannot compile.

use super::{Frame, Trace, file_and_line};
use crate::crash::stack::Stack;

/// An exception with those that caused it.
#[derive(Default)]
struct Block {
    name: String,
    message: String,
    frames: Vec<Frame>,
    /// Of another thread than the first.
    of_a_part: bool,
}

pub(super) fn read(said: &str, ended: bool) -> Option<Trace> {
    let blocks = blocks(said);
    if let Some(block) = super::telling(blocks, ended, |block| block.of_a_part) {
        return Some(Trace::exception(&block.name, &block.message, block.frames));
    }
    said.lines().find_map(uncompiled)
}

/// The exceptions of a text. What caused one takes its place, if it came up in code that has a line.
fn blocks(said: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = said.lines().peekable();
    while let Some(line) = lines.next() {
        let of_a_part = line.starts_with("Exception in thread \"") && !line.starts_with("Exception in thread \"main\"");
        let thrown = match line.strip_prefix("Exception in thread \"") {
            Some(rest) => rest.split_once("\" ").map_or("", |(_, thrown)| thrown),
            None => line.trim_start(),
        };
        let cause = thrown.strip_prefix("Caused by: ");
        let Some((name, first)) = exception(cause.unwrap_or(thrown)) else { continue };
        let mut message = first.to_owned();
        let mut frames = Vec::new();
        while let Some(next) = lines.peek() {
            match next.trim_start().strip_prefix("at ").map(frame) {
                Some(found) => frames.extend(found),
                // A message may have more lines before the first frame.
                None if frames.is_empty() && continues(next) && message.len() < 400 && cause.is_none() => {
                    message.push('\n');
                    message.push_str(next);
                }
                None => break,
            }
            lines.next();
        }
        // Without a frame it is a line like any other.
        let has_frames = !frames.is_empty() || line.starts_with("Exception in thread");
        match blocks.last_mut().filter(|_| cause.is_some()) {
            Some(outer) => {
                // Where the cause has no line of its own, that of what it caused stands.
                frames.append(&mut outer.frames);
                *outer = Block { name: name.to_owned(), message, frames, of_a_part: outer.of_a_part };
            }
            None if has_frames => {
                blocks.push(Block { name: name.to_owned(), message, frames, of_a_part });
            }
            None => {}
        }
    }
    blocks
}

/// The stacks of all threads, which a virtual machine writes on SIGQUIT.
pub(super) fn dump(said: &str) -> Vec<Stack> {
    let Some((_, after)) = said.split_once("Full thread dump ") else { return Vec::new() };
    let stack = |text: &str| {
        let frames: Vec<Frame> =
            text.lines().filter_map(|line| line.trim_start().strip_prefix("at ").and_then(frame)).collect();
        let first = text.starts_with("\"main\" ");
        (!frames.is_empty()).then_some(Stack { call: None, first, frames })
    };
    after.split("\n\n").filter(|text| text.starts_with('"')).filter_map(stack).collect()
}

/// Whether a line may be one more of a message.
fn continues(line: &str) -> bool {
    !line.is_empty() && !line.starts_with("Exception in thread \"") && !line.starts_with("Caused by: ")
}

/// `java.net.ConnectException: Connection refused`, or the name alone.
fn exception(text: &str) -> Option<(&str, &str)> {
    let (name, message) = text.split_once(": ").unwrap_or((text, ""));
    let class = name.rsplit(['.', '$']).next()?;
    let is_name = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '$'));
    let is_thrown = ["Exception", "Error", "Throwable"].iter().any(|end| class.ends_with(end));
    (is_name && is_thrown && class.starts_with(char::is_uppercase)).then_some((name, message))
}

/// `Server.handle(Server.java:12)`; nothing for the JDK's own and for what has no line.
fn frame(text: &str) -> Option<Frame> {
    let (method, rest) = text.split_once('(')?;
    // Modules stand before a slash, and only the JDK and libraries have one that is named.
    let method = match method.rsplit_once('/') {
        Some((module, _)) if module.starts_with("java.") || module.starts_with("jdk.") => return None,
        Some((_, method)) => method,
        None => method,
    };
    let (file, line) = rest.trim_end_matches(')').split_once(':')?;
    let (class, name) = method.rsplit_once('.')?;
    let package = class.rsplit_once('.').map_or(String::new(), |(package, _)| package.replace('.', "/") + "/");
    Some(Frame::new(&format!("{package}{file}"), line.parse().ok()?, name))
}

/// `Server.java:3: error: ';' expected`.
fn uncompiled(line: &str) -> Option<Trace> {
    let (place, message) = line.split_once(": error: ")?;
    let (file, line) = file_and_line(place).filter(|(file, _)| file.ends_with(".java"))?;
    Some(Trace::exception("compile error", message, vec![Frame::new(file, line, "")]))
}
