//! The sentences about a crash. Parts for pages, and one line for everything else.

use harness_judging::shown;

use super::{Crash, Did, Doing, Kind, Place, Stop, Wait};

/// What happened, as in `The server crashed while it spoke with "alice"`.
pub fn headline(crash: &Crash) -> String {
    let role = shown::doer(&crash.role);
    let what = match (crash.ended, &crash.kind) {
        (true, _) => format!("The {role} crashed"),
        (false, Kind::Exception { .. }) => format!("An exception came up in the {role}"),
        (false, _) => format!("A part of the {role} crashed"),
    };
    match &crash.doing {
        Doing::Starting => format!("{what} after it was started"),
        Doing::Meeting(peer) => format!("{what} while it spoke with \"{peer}\""),
        Doing::Reading => format!("{what} after it was typed a line"),
    }
}

/// By what, as in `TypeError: can't concat int to bytes`.
pub fn what(kind: &Kind) -> String {
    match kind {
        Kind::Exception { name, message } if message.is_empty() => name.clone(),
        Kind::Exception { name, message } => format!("{name}: {message}"),
        Kind::Panic { message } => format!("panic: {message}"),
        Kind::Signal { name, meaning, message } if message.is_empty() => format!("{name} ({meaning})"),
        Kind::Signal { name, meaning, message } => format!("{name} ({meaning}): {message}"),
    }
}

/// Where, as in `server.py:9  connection.sendall(data.upper() + 1)`.
pub fn place(place: &Place) -> String {
    format!("{}:{}  {}", place.file, place.line, place.text).trim_end().to_owned()
}

/// All of it in one line: `The server crashed while it spoke with "alice": server.py:9 connection.sendall(data.upper() + 1) -
/// TypeError: can't concat int to bytes`.
pub fn sentence(crash: &Crash) -> String {
    let (headline, what) = (headline(crash), what(&crash.kind));
    let what = what.lines().next().unwrap_or_default();
    match &crash.place {
        Some(place) if place.text.is_empty() => format!("{headline}: {}:{} - {what}", place.file, place.line),
        Some(place) => format!("{headline}: {}:{} {} - {what}", place.file, place.line, place.text),
        None => format!("{headline}: {what}"),
    }
}

/// What happened, as the title of a block of its own.
pub fn title(stop: Stop<'_>) -> String {
    let wait = match stop {
        Stop::Crash(crash) => return headline(crash),
        Stop::Wait(wait) => wait,
    };
    let Wait { role, place: Place { file, line, .. }, .. } = wait;
    let role = shown::doer(role);
    match wait.call.as_deref() {
        None => format!("The {role} runs on and on in line {line} of {file}"),
        Some(call) if call.contains(' ') => format!("The {role} waits in line {line} of {file}, for {call}"),
        Some(call) => format!("The {role} waits in line {line} of {file}, in {call}()"),
    }
}

/// What to do about it first; nothing if no line is known.
pub fn advice(stop: Stop<'_>) -> Option<String> {
    let Place { file, line, .. } = stop.place()?;
    Some(match stop {
        Stop::Crash(_) => format!("Mend line {line} of {file} first: the program stops there."),
        Stop::Wait(_) => format!("Look at line {line} of {file} first: the program gets no further."),
    })
}

/// How a program's part in a run ends, in few words: `KeyError, line 12`, `waits in recv(), line 41`.
pub fn end(stop: Stop<'_>) -> String {
    let what = match stop {
        // Of `java.lang.IllegalStateException` the last word says it.
        Stop::Crash(crash) => crash.kind.name().rsplit('.').next().unwrap_or_default().to_owned(),
        Stop::Wait(wait) => at(wait),
    };
    stop.place().map_or_else(|| what.clone(), |place| format!("{what}, line {}", place.line))
}

/// What a program is at, without its place: `waits in recv()`.
fn at(wait: &Wait) -> String {
    match wait.call.as_deref() {
        None => "runs on and on".to_owned(),
        Some(call) if call.contains(' ') => format!("waits for {call}"),
        Some(call) => format!("waits in {call}()"),
    }
}

/// What a program is at, as a part of a sentence: `the server waits in recv(): server.c:41 n = recv(fd, line, 80, 0) -
/// serve() called at server.c:63`.
pub fn waits(wait: &Wait) -> String {
    format!("the {} {}: {}", shown::doer(&wait.role), at(wait), waits_at(wait))
}

/// What a call did, as a label before its line.
pub fn did(did: Did) -> &'static str {
    match did {
        Did::Sent => "sent at",
        Did::Read => "read at",
        Did::Failed => "failed at",
    }
}

/// Where a program waits, or made a call, as in `server.c:41 n = recv(fd, line, 80, 0) - serve() called at server.c:63`.
pub fn waits_at(wait: &Wait) -> String {
    line(&wait.place, &wait.frames)
}

/// Where a program crashed, if that is known, in the same form.
pub fn crashed_at(crash: &Crash) -> Option<String> {
    crash.place.as_ref().map(|place| line(place, &crash.frames))
}

fn line(place: &Place, frames: &[Place]) -> String {
    let Place { file, line, text, function } = place;
    let mut said = format!("{file}:{line} {text}").trim_end().to_owned();
    if let Some(outer) = frames.get(1) {
        let function = if function.is_empty() { "called".to_owned() } else { format!("{function}() called") };
        said.push_str(&format!(" - {function} at {}:{}", outer.file, outer.line));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::call(Some("recv"), "The server waits in line 41 of server.c, in recv()", "waits in recv(), line 41")]
    #[case::lock(Some("a lock"), "The server waits in line 41 of server.c, for a lock", "waits for a lock, line 41")]
    #[case::busy(None, "The server runs on and on in line 41 of server.c", "runs on and on, line 41")]
    fn a_wait_in_few_words(#[case] call: Option<&str>, #[case] says: &str, #[case] ends: &str) {
        let place = Place { file: "server.c".to_owned(), line: 41, function: String::new(), text: String::new() };
        let (program, role, call) = ("server".to_owned(), "server".to_owned(), call.map(str::to_owned));
        let wait = Wait { program, role, call, place, frames: Vec::new() };
        let stop = Stop::Wait(&wait);
        assert_eq!((title(stop).as_str(), end(stop).as_str()), (says, ends));
        let advice = advice(stop).unwrap();
        assert_eq!(advice, "Look at line 41 of server.c first: the program gets no further.");
    }

    #[test]
    fn a_crash_in_one_line() {
        let place = Place {
            file: "server.py".to_owned(),
            line: 9,
            function: "serve".to_owned(),
            text: "connection.sendall(data.upper() + 1)".to_owned(),
        };
        let exception =
            Kind::Exception { name: "TypeError".to_owned(), message: "can't concat int to bytes".to_owned() };
        let crash = Crash {
            program: "server".to_owned(),
            role: "server".to_owned(),
            kind: exception,
            place: Some(place.clone()),
            frames: vec![place],
            doing: Doing::Meeting("alice".to_owned()),
            ended: true,
        };
        let signal = Kind::Signal {
            name: "SIGSEGV".to_owned(),
            meaning: "segmentation fault".to_owned(),
            message: String::new(),
        };
        let client = Crash { role: "client".to_owned(), kind: signal, place: None, ..crash.clone() };
        let typed = Crash { doing: Doing::Reading, ..client.clone() };
        let thread = Crash { ended: false, ..crash.clone() };
        let said: Vec<String> = [&crash, &client, &typed, &thread].into_iter().map(sentence).collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        The server crashed while it spoke with "alice": server.py:9 connection.sendall(data.upper() + 1) - TypeError: can't concat int to bytes
        The client crashed while it spoke with "alice": SIGSEGV (segmentation fault)
        The client crashed after it was typed a line: SIGSEGV (segmentation fault)
        An exception came up in the server while it spoke with "alice": server.py:9 connection.sendall(data.upper() + 1) - TypeError: can't concat int to bytes
        "#);
    }
}
