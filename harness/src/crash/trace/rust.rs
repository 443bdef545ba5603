//! Rust's panics.

use super::{Frame, Trace, file_and_line};

pub(super) fn read(said: &str) -> Option<Trace> {
    let mut lines = said.lines();
    let head = lines.find(|line| line.starts_with("thread '") && line.contains(" panicked at "))?;
    let (_, rest) = head.split_once(" panicked at ")?;
    // Before Rust 1.73 the message stood before the place, in quotation marks.
    if let Some((message, place)) = rest.strip_prefix('\'').and_then(|rest| rest.rsplit_once("', ")) {
        return Some(Trace::panic(message, frames(place, lines)));
    }
    let place = rest.trim_end_matches(':');
    let mut message = String::new();
    let mut backtrace = lines.clone();
    for line in lines {
        if line.starts_with("note: ") || line.starts_with("stack backtrace:") || line.starts_with("thread '") {
            break;
        }
        message.push_str(line);
        message.push('\n');
        backtrace.next();
    }
    Some(Trace::panic(&message, frames(place, backtrace)))
}

/// The place of the panic, and what a backtrace says after it, if there is one.
fn frames<'l>(place: &str, backtrace: impl Iterator<Item = &'l str>) -> Vec<Frame> {
    let mut frames: Vec<Frame> =
        file_and_line(place).map(|(file, line)| Frame::new(file, line, "")).into_iter().collect();
    let mut function = "";
    for line in backtrace.take_while(|line| !line.starts_with("note: ")) {
        let line = line.trim_start();
        match line.strip_prefix("at ").and_then(|place| file_and_line(place.trim_start_matches("./"))) {
            Some((file, line)) => {
                let same = frames.first().is_some_and(|first| file.ends_with(&first.file) && first.line == line);
                match frames.first_mut().filter(|first| same && first.function.is_empty()) {
                    Some(first) => first.function = function.to_owned(),
                    None => frames.push(Frame::new(file, line, function)),
                }
            }
            None => function = line.split_once(": ").map_or(line, |(_, name)| name),
        }
    }
    frames
}
