//! The stream of a run as lines of text: a fold over its events.

use std::time::Duration;

use harness_judging::shown;
use harness_judging::shown::counted;

use super::event::{Event, Excerpt, What};
use harness_language::scenario::duration::human;
use harness_language::scenario::model::Stream;

/// One line per event. Times are shown where they are the same in every run.
pub fn lines(events: &[Event], timed: bool) -> Vec<String> {
    events.iter().map(|event| line(event, timed)).collect()
}

fn line(event: &Event, timed: bool) -> String {
    let what = match &event.what {
        What::Started(command) => format!("started: {command}"),
        What::Listening(address) => format!("listens on {address}"),
        What::Printed(Stream::Stderr, bytes) => format!("has printed on standard error: {}", excerpt(bytes)),
        What::Printed(_, bytes) => format!("has printed: {}", excerpt(bytes)),
        What::Typed(bytes) => format!("is typed to: {}", excerpt(bytes)),
        What::InputEnded => "standard input ends".to_owned(),
        What::Signalled(signal) => format!("is sent {signal}"),
        What::Ended(how) => format!("has ended: {how}"),
        What::Opened(at) => format!("opens {at}"),
        What::Connected(to) => format!("is connected with {to}"),
        What::Refused(why) => format!("could not connect: {why}"),
        What::Tls(what) => what.clone(),
        What::Sent(bytes) => format!("sent {}", excerpt(bytes)),
        What::Received(bytes) => format!("received {}", excerpt(bytes)),
        What::EndSent => "ends its direction (FIN)".to_owned(),
        What::EndReceived => "sees the end of the stream (FIN)".to_owned(),
        What::Closed => "closes".to_owned(),
        What::ResetSent => "aborts the connection (RST)".to_owned(),
        What::ResetReceived => "sees the connection aborted (RST)".to_owned(),
        What::Stalled(duration) => format!("does nothing for {}", human(*duration)),
        What::Still => "nothing more can happen: every program waits, and nothing is on its way".to_owned(),
        What::Network(change) => change.clone(),
        What::Measured(name) => format!("was measured (`{name}`)"),
        What::Learned(name, Some(value)) => format!("found out: {name} is {value}"),
        What::Learned(name, None) => format!("found out: there is no {name}"),
        What::Finding(text) => format!("noticed: {text}"),
        What::Differed(difference) => format!("what came differs from byte {} on", difference.at + 1),
        What::Judged(judgement) if judgement.held => format!("right: {}", judgement.decides.join(", ")),
        What::Judged(judgement) => format!("WRONG: {}: {}", judgement.decides.join(", "), judgement.why()),
    };
    let at = if timed { format!("{:>10}  ", stamp(event.at)) } else { String::new() };
    format!("{at}{:<10} {what}", event.who)
}

fn stamp(at: Duration) -> String {
    format!("{}.{:06}", at.as_secs(), at.subsec_micros())
}

fn excerpt(bytes: &Excerpt) -> String {
    match bytes.rest {
        0 => format!("{}: {}", counted(bytes.length, "byte"), shown::quote(&bytes.shown)),
        more => format!(
            "{} bytes: {} and {more} more",
            bytes.length,
            shown::quote(&bytes.shown[..bytes.shown.len().min(120)])
        ),
    }
}
