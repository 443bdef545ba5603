//! Go's panics, fatal errors of its runtime, and the stacks of goroutines.

use super::{Frame, Trace};
use crate::crash::stack::Stack;

/// What a panic or a fatal error begins with.
const STARTS: [&str; 4] = ["panic: ", "fatal error: ", "http: panic serving ", "runtime: goroutine stack exceeds"];

pub(super) fn read(said: &str) -> Option<Trace> {
    // Nothing else writes the stacks of goroutines.
    let from = said.find("\ngoroutine ")?;
    let (before, stacks) = said.split_at(from);
    let lines: Vec<&str> = before.lines().collect();
    let first = lines.iter().position(|line| STARTS.iter().any(|start| line.contains(start)))?;
    let line = lines[first..].iter().find(|line| line.contains("fatal error: ")).unwrap_or(&lines[first]);
    let message = STARTS.iter().find_map(|start| line.split_once(start)).map_or(*line, |(_, message)| message);
    let message = if line.contains("http: panic serving") {
        message.split_once(": ").map_or(message, |(_, message)| message)
    } else {
        message.trim_end_matches(" [recovered]")
    };
    // What a panic while panicking says stands below, indented.
    let again = lines[first..].iter().skip(1).filter_map(|line| line.strip_prefix("\tpanic: ")).next_back();
    Some(Trace::panic(again.unwrap_or(message), stack(stacks.trim_start())))
}

/// The stacks of all goroutines, which are written on SIGQUIT.
pub(super) fn dump(said: &str) -> Vec<Stack> {
    let Some((_, after)) = said.split_once("SIGQUIT: quit") else { return Vec::new() };
    let blocks = after.split("\n\n").map(str::trim_start).filter(|text| text.starts_with("goroutine "));
    let of = |text: &str| Stack { call: None, first: text.starts_with("goroutine 1 "), frames: stack(text) };
    blocks.map(of).filter(|stack| !stack.frames.is_empty()).collect()
}

/// The frames of the first goroutine in a text, the innermost first.
fn stack(text: &str) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut function = "";
    for line in text.lines().skip(1).take_while(|line| !line.is_empty()) {
        match line.strip_prefix('\t') {
            Some(place) => frames.extend(frame(place, function)),
            None => function = line,
        }
    }
    frames
}

/// `/tmp/x/server.go:12 +0x1d` below `main.handle(0xc0000140a0, …)`.
fn frame(place: &str, function: &str) -> Option<Frame> {
    let (file, rest) = place.rsplit_once(".go:")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let function = function.strip_prefix("created by ").unwrap_or(function);
    let name = function.rsplit_once('(').map_or(function, |(name, _)| name);
    let name = name.split_once(" in goroutine").map_or(name, |(name, _)| name);
    let name = name.rsplit('/').next().unwrap_or(name);
    let name = name.strip_prefix("main.").unwrap_or(name);
    Some(Frame::new(&format!("{file}.go"), rest[..digits].parse().ok()?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_functions_are_short() {
        let of = |function| frame("/tmp/x/a.go:7 +0x1d", function).unwrap().function;
        assert_eq!(of("main.serve(0x1)"), "serve");
        assert_eq!(of("main.(*Server).serve(0xc000, {0x1, 0x2})"), "(*Server).serve");
        assert_eq!(of("created by main.main in goroutine 1"), "main");
        assert_eq!(of("example.org/net/frame.Read(...)"), "frame.Read");
    }
}
