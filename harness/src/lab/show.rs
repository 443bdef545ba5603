//! The answer to a question, for people.

use std::path::Path;

use super::model::{Experiment, Question};
use super::packets;
use super::play::{Bench, Played};
use crate::report::prose;
use crate::report::style::{Paint, Style, hang};
use crate::run::event::{Event, What};
use crate::run::transcript;
use harness_language::scenario::model::BackendName;

/// Lines shown of a program's calls: from the beginning and from the end.
const FIRST: usize = 14;
const LAST: usize = 8;

/// The heading of a question.
pub fn heading(number: u32, question: &Question, style: Style) -> String {
    format!("{}\n", style.paint(Paint::Strong, &format!("{number}. {}", prose::one_line(&question.title))))
}

/// Why it is so.
pub fn why(question: &Question, style: Style) -> String {
    let mut lines = vec![String::new(), style.paint(Paint::Strong, "Why")];
    lines.extend(prose::wrapped(&question.why, 2, style.columns()));
    lines.join("\n") + "\n"
}

/// What was run, what each side saw, and what it shows.
pub fn experiment(
    bench: &Bench<'_>,
    experiment: &Experiment,
    played: Option<&Played>,
    capture: Option<&Path>,
    style: Style,
) -> String {
    let mut lines = vec![String::new(), style.paint(Paint::Strong, &prose::one_line(&experiment.title))];
    let Some(played) = played else {
        lines.push("  not played: the target has no program for it".to_owned());
        return lines.join("\n") + "\n";
    };
    for (role, command) in &played.commands {
        lines.push(format!("  {role}: {command}"));
    }
    let mut section = |name: &str, body: Vec<String>| {
        if !body.is_empty() {
            lines.push(format!("  {}", style.paint(Paint::Quiet, name)));
            lines.extend(body.into_iter().map(|line| format!("    {line}")));
        }
    };
    let events = told(&played.record.events);
    let timed = bench.backend != BackendName::Wire;
    let happened = transcript::lines(&events, timed).iter().map(|line| bench.shown(line.trim_start())).collect();
    section("What happened", happened);
    section("Calls", calls(played));
    section("Packets", played.packets.as_deref().map(packets::lines).unwrap_or_default());
    if let Some(path) = capture {
        lines.push(format!("  capture: {}", path.display()));
    }
    lines.extend(hang("  => ", &prose::one_line(&played.conclusion), style.columns()));
    for remark in &played.remarks {
        lines.extend(hang("   - ", &prose::one_line(remark), style.columns()));
    }
    lines.join("\n") + "\n"
}

/// The stream without what the harness thought of it, and without what was noted again because
/// several steps looked at it.
fn told(events: &[Event]) -> Vec<Event> {
    let mut kept: Vec<Event> = Vec::new();
    for event in events {
        let again = |kept: &&Event| kept.who == event.who && kept.what == event.what;
        let is_noise = match &event.what {
            What::Judged(_) => true,
            What::Printed(_, bytes) => bytes.length == 0 || kept.iter().rev().any(|it| again(&it)),
            What::Ended(_) => {
                kept.iter().rev().take_while(|it| !matches!(it.what, What::Started(_))).any(|it| again(&it))
            }
            _ => false,
        };
        if !is_noise {
            kept.push(event.clone());
        }
    }
    kept
}

/// The calls on sockets, each under the name of its program; of many, the first and the last.
fn calls(played: &Played) -> Vec<String> {
    let Some(calls) = &played.calls else { return Vec::new() };
    let mut shown = Vec::new();
    for (index, name) in played.programs.iter().enumerate() {
        let own = calls.iter().filter(|call| call.program == index && !is_plumbing(&call.name));
        let lines = repeated(own.map(|call| (call.at.as_str(), format!("{name:<10} {call}"))));
        if lines.len() <= FIRST + LAST {
            shown.extend(lines);
            continue;
        }
        let between = format!("… {} more calls of {name} …", lines.len() - FIRST - LAST);
        shown.extend_from_slice(&lines[..FIRST]);
        shown.push(between);
        shown.extend_from_slice(&lines[lines.len() - LAST..]);
    }
    shown
}

/// Lines with their times; the same line over and over is shown once, with the time of the first.
fn repeated<'t>(lines: impl Iterator<Item = (&'t str, String)>) -> Vec<String> {
    let mut runs: Vec<(&str, String, usize)> = Vec::new();
    for (at, line) in lines {
        match runs.last_mut() {
            Some((_, last, times)) if *last == line => *times += 1,
            _ => runs.push((at, line, 1)),
        }
    }
    let shown = |(at, line, times): (&str, String, usize)| match times {
        1 => format!("{at}  {line}"),
        times => format!("{at}  {line}  (and {} more times)", times - 1),
    };
    runs.into_iter().map(shown).collect()
}

/// Calls that a runtime makes and that explain nothing.
fn is_plumbing(name: &str) -> bool {
    ["epoll", "poll", "ppoll", "select", "pselect", "getsock", "getpeer", "ioctl", "fcntl"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}
