//! Traces of languages that few hand in: Ruby, PHP, Perl, C#.

use super::{Frame, Trace, file_and_line};

pub(super) fn read(said: &str) -> Option<Trace> {
    said.lines().find_map(ruby).or_else(|| said.lines().find_map(php)).or_else(|| dotnet(said)).or_else(|| perl(said))
}

/// `server.rb:9:in 'serve': undefined method 'upcas' (NoMethodError)`.
fn ruby(line: &str) -> Option<Trace> {
    let (place, rest) = line.split_once(":in ")?;
    let (file, number) = file_and_line(place).filter(|(file, _)| file.ends_with(".rb"))?;
    let (function, rest) = rest.split_once(": ")?;
    let (message, name) = rest.rsplit_once(" (")?;
    let function = function.trim_matches(['`', '\'']);
    let function = if function.starts_with('<') { "" } else { function };
    let frames = vec![Frame::new(file, number, function)];
    Some(Trace::exception(name.trim_end_matches(')'), message, frames))
}

/// `PHP Fatal error:  Uncaught TypeError: … in /tmp/x/server.php:9`.
fn php(line: &str) -> Option<Trace> {
    let (_, rest) = line.split_once("Fatal error: ").or_else(|| line.split_once("Parse error: "))?;
    let (what, place) = rest.trim_start().rsplit_once(" in ")?;
    let place = place.replace(" on line ", ":");
    let (file, number) = file_and_line(&place)?;
    let what = what.strip_prefix("Uncaught ").unwrap_or(what);
    let (name, message) = what.split_once(": ").unwrap_or(("Error", what));
    Some(Trace::exception(name, message, vec![Frame::new(file, number, "")]))
}

/// `Unhandled exception. System.NullReferenceException: …`, with frames below.
fn dotnet(said: &str) -> Option<Trace> {
    let (_, rest) = said.split_once("Unhandled exception. ")?;
    let (name, message) = rest.lines().next()?.split_once(": ")?;
    let frames = rest.lines().skip(1).filter_map(|line| {
        let (method, place) = line.trim_start().strip_prefix("at ")?.split_once(" in ")?;
        let (file, number) = place.rsplit_once(":line ")?;
        let method = method.split_once('(').map_or(method, |(method, _)| method);
        Some(Frame::new(file, number.trim().parse().ok()?, method))
    });
    Some(Trace::exception(name, message, frames.collect()))
}

/// `Can't locate object method "x" at server.pl line 9.` as the last line.
fn perl(said: &str) -> Option<Trace> {
    let line = said.lines().rev().find(|line| !line.trim().is_empty())?;
    let (message, place) = line.trim_end_matches('.').rsplit_once(" at ")?;
    let (file, number) = place.split_once(" line ")?;
    let number = number.split(',').next()?.parse().ok()?;
    (file.ends_with(".pl") || file.ends_with(".pm"))
        .then(|| Trace::exception("die", message, vec![Frame::new(file, number, "")]))
}
