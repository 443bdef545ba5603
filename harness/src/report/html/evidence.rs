//! What shows how a run went: the drawing, the transcript, the record of calls, the files beside the page.

use harness_judging::shown::counted;
use maud::{Markup, html};

use super::drawing::Room;
use super::sequence::Sequence;
use super::words::{Line, shortened};
use super::{Seen, drawing, sequence};
use crate::calls::{self, Call};
use crate::report::model::RunReport;
use crate::run::event::What;

/// Lines of a transcript at its beginning and its end, and characters of a line.
const TRANSCRIPT: (usize, usize) = (40, 120);
const TRANSCRIPT_LINE: usize = 600;
/// Calls at the beginning and the end of a record.
const CALLS: (usize, usize) = (40, 120);
/// Numbers of drawings of models begin behind those of programs.
const MODEL: usize = 10_000;
/// Bytes of a record that are looked through from its beginning.
const RECORD: usize = 4 << 20;

/// Everything about one run. `number` tells its drawing from the others of the page.
pub fn of(run: &RunReport, seen: Option<Seen<'_>>, number: usize) -> Markup {
    let mut sequence = seen.and_then(|seen| sequence::of(seen.events, seen.calls, run.stop()));
    let mut model = seen.and_then(|seen| sequence::of_model(seen.model, sequence.as_ref()));
    if let (Some(sequence), Some(model)) = (&mut sequence, &mut model) {
        sequence::part(sequence, model);
    }
    html! {
        @if let Some(sequence) = &sequence {
            figure {
                (drawn(sequence, number, "sequence diagram"))
                figcaption {
                    "Time runs downwards" @if run.virtual_ms > 0 { ", virtual time on the left" }
                    "; every arrow of data is one segment or datagram, as it was sent or as it was read."
                    @if sequence.rows.iter().any(|row| row.guilty) {
                        @if sequence.parts { " ① is where it parts from a program that is right." } @else { " ① is what is not right." }
                    }
                    @if sequence.absent > 0 { " " (counted(sequence.absent, "more peer")) " took part." }
                }
            }
        }
        @if let Some(model) = &model {
            details.model {
                summary { "The same with a program that is right" }
                figure {
                    (drawn(model, number + MODEL, "the model's sequence diagram"))
                    @if model.rows.iter().any(|row| row.guilty) {
                        figcaption { "① is where the two part for the first time." }
                    }
                }
            }
        }
        (transcript(&run.transcript))
        @if let Some(seen) = seen { (record(seen)) }
    }
}

/// A drawing for a screen or a sheet of paper, and one for a phone.
fn drawn(sequence: &Sequence, number: usize, name: &str) -> Markup {
    html! {
        div.wide.page tabindex="0" role="region" aria-label=(name) { (drawing::draw(sequence, number, Room::Page)) }
        div.wide.phone tabindex="0" role="region" aria-label={ (name) ", small" } {
            @if sequence.lanes.len() > 2 { p.quiet { "⇄ This drawing is wider than the screen." } }
            (drawing::draw(sequence, number, Room::Phone))
        }
    }
}

/// The first and the last of many, and how many are between them.
fn ends<T>(all: &[T], (first, last): (usize, usize)) -> (&[T], usize, &[T]) {
    if all.len() <= first + last {
        return (all, 0, &[]);
    }
    (&all[..first], all.len() - first - last, &all[all.len() - last..])
}

fn transcript(lines: &[String]) -> Markup {
    let (first, hidden, last) = ends(lines, TRANSCRIPT);
    let shown = |line: &String| html! { code { (shortened(line, TRANSCRIPT_LINE)) } };
    html! {
        @if !lines.is_empty() {
            details {
                summary { "Transcript (" (counted(lines.len(), "line")) ")" }
                div.said {
                    @for line in first { (shown(line)) }
                    @if hidden > 0 { p.quiet { "… " (counted(hidden, "line")) " left out; the file has all of them …" } }
                    @for line in last { (shown(line)) }
                }
            }
        }
    }
}

/// The calls of the programs on their sockets, as a C programmer would write them.
fn record(seen: Seen<'_>) -> Markup {
    let cut = seen.calls.len() > RECORD;
    let end = seen.calls.floor_char_boundary(RECORD);
    let calls = calls::read(&seen.calls[..end]);
    let names: Vec<&str> = seen
        .events
        .iter()
        .filter(|event| matches!(event.what, What::Started(_)))
        .map(|event| event.who.as_str())
        .collect();
    let (first, hidden, last) = ends(&calls, CALLS);
    let row = |call: &Call| {
        html! {
            tr class=[(call.result.is_err() || call.cut_from.is_some()).then_some("differs")] {
                th.number scope="row" { (Line(&call.at)) }
                td { (Line(names.get(call.program).copied().unwrap_or("?"))) }
                td { code { (Line(&call.to_string())) } }
            }
        }
    };
    html! {
        @if !calls.is_empty() {
            details {
                summary { "Calls on sockets (" @if cut { "the first " } (counted(calls.len(), "call")) ")" }
                p.quiet { "Marked: what failed, or was cut short on purpose." }
                div.wide tabindex="0" role="region" aria-label="record of calls" {
                    table.calls {
                        thead {
                            tr { th.number scope="col" { "at, s" } th scope="col" { "program" } th scope="col" { "call = result" } }
                        }
                        tbody {
                            @for call in first { (row(call)) }
                            @if hidden > 0 {
                                tr { td.quiet colspan="3" { "… " (counted(hidden, "call")) " left out; the file has all of them …" } }
                            }
                            @for call in last { (row(call)) }
                        }
                    }
                }
            }
        }
    }
}

/// Links to the files beside the page.
pub fn files(run: &RunReport) -> Markup {
    let evidence = &run.evidence;
    let known = [("capture", &evidence.pcap), ("transcript", &evidence.transcript), ("calls", &evidence.calls)];
    let files: Vec<(&str, &str)> =
        known.into_iter().filter_map(|(what, path)| Some((what, path.as_deref()?))).collect();
    html! {
        @if !files.is_empty() {
            ul.files {
                @for (what, path) in files {
                    li {
                        @if is_beside(path) { a href=(path) { (what) } } @else { (what) " " code { (Line(path)) } }
                    }
                }
            }
        }
    }
}

/// Whether a path is a plain one below the page's folder, so that a link to it leads nowhere else.
fn is_beside(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let named = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.chars().all(plain) && path.split('/').all(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("runs/message.x.server.pcap", true)]
    #[case("../x", false)]
    #[case("/etc/passwd", false)]
    #[case("javascript:alert(1)", false)]
    #[case("//elsewhere/x", false)]
    #[case("", false)]
    fn links_stay_in_the_folder(#[case] path: &str, #[case] beside: bool) {
        assert_eq!(is_beside(path), beside);
    }

    #[rstest]
    #[case(0, (0, 0, 0))]
    #[case(5, (5, 0, 0))]
    #[case(6, (2, 1, 3))]
    fn both_ends(#[case] count: usize, #[case] lengths: (usize, usize, usize)) {
        let all = vec![(); count];
        let (first, hidden, last) = ends(&all, (2, 3));
        assert_eq!((first.len(), hidden, last.len()), lengths);
    }

    #[test]
    fn calls_are_told_as_in_c() {
        let events = super::super::sample::events();
        let seen = Seen { events: &events, calls: super::super::sample::CALLS, model: &[] };
        let table = record(seen).into_string().replace("<tr", "\n<tr");
        insta::assert_snapshot!(table);
    }
}
