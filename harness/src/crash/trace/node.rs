//! What Node writes for an exception that nothing caught and for a rejection that nobody handled.

use super::{Frame, Trace};

pub(super) fn read(said: &str) -> Option<Trace> {
    let lines: Vec<&str> = said.lines().collect();
    let first = lines.iter().position(|line| line.trim_start().starts_with("at ") && frame(line).is_some());
    let Some(first) = first else { return plain(&lines) };
    // The message may have several lines; it begins with the name of a class.
    let head = (0..first).rev().find(|index| exception(lines[*index]).is_some())?;
    let (name, start) = exception(lines[head])?;
    let mut message = start.to_owned();
    for line in &lines[head + 1..first] {
        message.push('\n');
        message.push_str(line);
    }
    let mut frames: Vec<Frame> = lines[first..].iter().map_while(|line| frame_or_gap(line)).flatten().collect();
    // An error in the text of a program has no frame in it: the place stands above.
    let above = lines[..head].iter().rev().find_map(|line| header(line));
    match above {
        Some(place) if name == "SyntaxError" => frames.insert(0, place),
        Some(place) => frames.push(place),
        None => {}
    }
    Some(Trace::exception(name, &message, frames))
}

/// Something was thrown that is no error: only the place above tells where.
fn plain(lines: &[&str]) -> Option<Trace> {
    let note = lines.iter().position(|line| line.starts_with("(Use `node --trace-uncaught"))?;
    let (at, place) = lines[..note].iter().enumerate().find_map(|(index, line)| Some((index, header(line)?)))?;
    let message = lines[at + 1..note].iter().rfind(|line| !line.trim().is_empty()).copied().unwrap_or_default();
    Some(Trace::exception("Uncaught", message, vec![place]))
}

/// `TypeError: x.toUpper is not a function`, also with a code, as in `TypeError [ERR_INVALID_ARG_TYPE]: …`.
fn exception(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("Uncaught ").unwrap_or(line);
    let line = line.strip_prefix('[').unwrap_or(line);
    let (name, message) = line.split_once(": ").unwrap_or((line, ""));
    let class = name.split(" [").next().unwrap_or(name);
    let is_name = class.chars().all(|c| c.is_alphanumeric() || c == '_');
    let is_thrown = ["Error", "Exception", "Rejection"].iter().any(|end| class.ends_with(end));
    (is_name && is_thrown).then_some((class, message))
}

/// A line below a message: a frame, or one without a place, as `at new Promise (<anonymous>)`. Nothing ends the list.
fn frame_or_gap(line: &str) -> Option<Option<Frame>> {
    if line.starts_with("Emitted '") {
        return Some(None);
    }
    line.trim_start().starts_with("at ").then(|| frame(line))
}

/// `    at f (/tmp/x/server.js:3:12)`, or the place alone.
fn frame(line: &str) -> Option<Frame> {
    let text = line.trim_start().strip_prefix("at ")?;
    let (function, place) =
        match text.strip_suffix(')').or_else(|| text.strip_suffix(") {")).map(|text| text.rsplit_once(" (")) {
            Some(Some((function, place))) => (function, place),
            _ => ("", text.trim_end_matches(" {")),
        };
    let place = place.strip_prefix("file://").unwrap_or(place);
    let mut parts = place.rsplitn(3, ':');
    let (_, line, file) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse().ok()?, parts.next()?);
    let function = function.strip_prefix("async ").unwrap_or(function);
    let function = if function == "Object.<anonymous>" { "" } else { function };
    Some(Frame::new(file, line, function))
}

/// `/tmp/x/server.js:3`, which stands above the line of code.
fn header(line: &str) -> Option<Frame> {
    let line = line.strip_prefix("file://").unwrap_or(line);
    let (file, number) = line.rsplit_once(':')?;
    let is_source = [".js", ".mjs", ".cjs", ".ts"].iter().any(|end| file.ends_with(end)) && !file.contains(' ');
    is_source.then(|| number.parse().ok()).flatten().map(|number| Frame::new(file, number, ""))
}
