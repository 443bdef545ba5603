//! The sequence of a run as an inline SVG. Sizes are in user units; at full size one is a CSS pixel, so that two
//! lanes fit a phone.

use std::time::Duration;

use harness_judging::shown::counted;
use maud::{Markup, html};

use super::sequence::{Kind, Lane, Mark, Row, Sequence};
use crate::report::escape;
use crate::report::style::{cut, wrap};

/// Middle of the first lane; times stand left of it.
const FIRST: usize = 118;
/// From lane to lane, at least.
const APART: usize = 206;
/// Width of a drawing that has the room.
const WIDE: usize = 940;
/// Right of the last lane.
const MARGIN: usize = 54;
/// Half the width of a lane's head, and its height.
const HEAD: (usize, usize) = (50, 34);
/// Height of a row, and of a line of text in a row of several.
const ROW: usize = 30;
const TEXT_LINE: usize = 15;
/// Units that a column of small text takes, and columns of a lane's name.
const LETTER: usize = 6;
const NAME: usize = 14;
/// The number of the arrow that a verdict is about.
const GUILTY: &str = "①";
/// Most lines of a reason.
const REASON_LINES: usize = 4;
/// Units that a column of text takes at most; of bold text.
const COLUMN: usize = 7;
const BOLD: usize = 8;

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// A screen or a sheet of paper: lines are told whole.
    Page,
    /// A phone.
    Phone,
}

/// Where the lanes of a drawing stand.
#[derive(Debug, Clone, Copy)]
struct Grid {
    apart: usize,
    lanes: usize,
    width: usize,
}

impl Grid {
    fn new(lanes: usize, room: Room) -> Self {
        let gaps = lanes.max(2) - 1;
        let apart = match room {
            Room::Page => ((WIDE - FIRST - MARGIN) / gaps).max(APART),
            Room::Phone => APART,
        };
        Self { apart, lanes, width: FIRST + apart * gaps + MARGIN }
    }

    fn x(self, lane: usize) -> usize {
        FIRST + self.apart * lane
    }

    /// Columns of text between two lanes.
    fn label(self) -> usize {
        self.apart / LETTER - 1
    }
}

/// Draws a sequence. `number` tells its ids from those of other drawings on the page.
pub fn draw(sequence: &Sequence, number: usize, room: Room) -> Markup {
    let grid = Grid::new(sequence.lanes.len(), room);
    let width = grid.width;
    let number = if room == Room::Phone { format!("{number}-small") } else { number.to_string() };
    let heights: Vec<usize> = sequence.rows.iter().map(|row| height(row, width)).collect();
    let top = HEAD.1 + 12;
    let bottom = top + heights.iter().sum::<usize>() + 8;
    let tops = heights.iter().scan(top, |at, height| {
        let here = *at;
        *at += height;
        Some(here)
    });
    let size = |full: usize| full.to_string();
    html! {
        svg class={ "lanes-" (sequence.lanes.len()) } role="img" viewBox={ "0 0 " (width) " " (bottom) } width=(size(width)) height=(size(bottom))
            aria-labelledby={ "drawing-" (number) " described-" (number) } {
            title id={ "drawing-" (number) } { "Sequence diagram: " (listed(&sequence.lanes)) }
            desc id={ "described-" (number) } { (description(sequence)) }
            @for (index, lane) in sequence.lanes.iter().enumerate() { (head(lane, grid.x(index), bottom)) }
            @for (index, (row, y)) in sequence.rows.iter().zip(tops).enumerate() {
                @let before = index.checked_sub(1).and_then(|before| sequence.rows.get(before));
                @if before.is_none_or(|before| before.at != row.at) {
                    text.time x="62" y=(y + 17) text-anchor="end" { (clock(row.at)) }
                }
                (drawn(row, y, grid))
            }
        }
    }
}

fn height(row: &Row, width: usize) -> usize {
    match row.mark {
        Mark::Arrow { .. } => ROW,
        Mark::Note(_) | Mark::End(_) | Mark::Across => ROW - 4,
        Mark::Wrong => reason(&row.label, width).len() * TEXT_LINE + 22,
    }
}

/// The lines of a reason, the last one cut where there are too many.
fn reason(text: &str, width: usize) -> Vec<String> {
    let columns = (width - 24) / BOLD;
    let mut lines = wrap(&format!("✗ {}", escape::line(text)), columns);
    if lines.len() > REASON_LINES {
        lines.truncate(REASON_LINES);
        if let Some(last) = lines.last_mut() {
            *last = cut(&format!("{last} …"), columns);
        }
    }
    lines
}

/// Seconds, and what is left of them as far as it matters to a reader: milliseconds, below one microseconds.
fn clock(at: Duration) -> String {
    match at.as_micros() {
        0 => "0 s".to_owned(),
        micros if micros < 1_000 => format!("{micros} µs"),
        micros if micros < 1_000_000 && micros.is_multiple_of(1_000) => format!("{} ms", micros / 1_000),
        micros if micros < 1_000_000 => format!("{:.2} ms", micros as f64 / 1_000.0),
        micros => format!("{:.2} s", micros as f64 / 1_000_000.0),
    }
}

fn head(lane: &Lane, x: usize, bottom: usize) -> Markup {
    let name = cut(&escape::line(&lane.name), NAME);
    let (colour, whose) = if lane.program { ("program", "program") } else { ("peer", "harness") };
    html! {
        line.lane x1=(x) y1=(HEAD.1) x2=(x) y2=(bottom) {}
        rect class={ "head " (colour) } x=(x - HEAD.0) y="1" width=(2 * HEAD.0) height=(HEAD.1) rx="4" {}
        text class={ "name " (colour) } x=(x) y="15" text-anchor="middle" { (name) }
        text class={ "whose " (colour) } x=(x) y="28" text-anchor="middle" { (whose) }
    }
}

fn drawn(row: &Row, y: usize, grid: Grid) -> Markup {
    let Grid { lanes, width, .. } = grid;
    let x = |lane| grid.x(lane);
    let label = escape::line(&row.label);
    match row.mark {
        Mark::Arrow { from, to, kind } => arrow((from, to), kind, row.guilty, &label, y, grid),
        // Text stands between the lanes: right of its own, but left of the last one.
        Mark::Note(lane) | Mark::End(lane) => {
            let stops = matches!(row.mark, Mark::End(_));
            let last = lane > 0 && lane + 1 == lanes;
            let room = if lanes == 1 { grid.label() + 6 } else { grid.label() };
            let (at, anchor) = if last { (x(lane) - 9, "end") } else { (x(lane) + 9, "start") };
            html! {
                @if stops { line.end x1=(x(lane) - 6) y1=(y + 13) x2=(x(lane) + 6) y2=(y + 13) {} }
                @else { circle.dot cx=(x(lane)) cy=(y + 13) r="3.5" {} }
                text class=[stops.then_some("end")] x=(at) y=(y + 17) text-anchor=(anchor) { (cut(&label, room)) }
            }
        }
        Mark::Across => {
            let half = (x(0) + x(lanes.max(2) - 1)) / 2;
            html! { text.across x=(half) y=(y + 17) text-anchor="middle" { "— " (cut(&label, (width - 72) / COLUMN)) " —" } }
        }
        Mark::Wrong => {
            let lines = reason(&row.label, width);
            html! {
                rect.wrong x="1" y=(y + 3) width=(width - 2) height=(lines.len() * TEXT_LINE + 12) rx="4" {}
                @for (index, line) in lines.iter().enumerate() {
                    text.wrong x="12" y=(y + 20 + index * TEXT_LINE) { (line) }
                }
            }
        }
    }
}

fn arrow((from, to): (usize, usize), kind: Kind, guilty: bool, label: &str, y: usize, grid: Grid) -> Markup {
    let class = match kind {
        _ if guilty => "arrow broken guilty",
        Kind::Data => "arrow",
        Kind::Control => "arrow control",
        Kind::Broken => "arrow broken",
    };
    let (level, tip) = (y + 22, grid.x(to));
    let rightwards = to > from;
    let (end, wing) = if rightwards { (tip - 2, tip - 10) } else { (tip + 2, tip + 10) };
    let middle = (grid.x(from) + tip) / 2;
    let label = if guilty { format!("{GUILTY} {label}") } else { label.to_owned() };
    let room = grid.label() * from.abs_diff(to).max(1);
    html! {
        line class=(class) x1=(grid.x(from)) y1=(level) x2=(wing) y2=(level) {}
        polygon class=(class) points=(format!("{end},{level} {wing},{} {wing},{}", level - 4, level + 4)) {}
        text class=(class) x=(middle) y=(y + 15) text-anchor="middle" { (cut(&label, room)) }
    }
}

fn listed(lanes: &[Lane]) -> String {
    lanes.iter().map(|lane| escape::line(&lane.name)).collect::<Vec<_>>().join(", ")
}

/// For those who do not see it; the words are in the transcript.
fn description(sequence: &Sequence) -> String {
    let arrows = sequence.rows.iter().filter(|row| matches!(row.mark, Mark::Arrow { .. })).count();
    let wrong = sequence.rows.iter().rev().find(|row| row.mark == Mark::Wrong);
    let end = wrong.map(|row| format!(" At the end: {}", super::words::shortened(&row.label, 300))).unwrap_or_default();
    format!(
        "{} between {} from top to bottom. The transcript below says the same in words.{end}",
        counted(arrows, "arrow"),
        listed(&sequence.lanes),
    )
}

#[cfg(test)]
mod tests {
    use super::super::sample::events;
    use super::super::sequence;
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, "0 s")]
    #[case(20, "20 µs")]
    #[case(1_000, "1 ms")]
    #[case(31_020, "31.02 ms")]
    #[case(30_000_000, "30.00 s")]
    fn times(#[case] micros: u64, #[case] text: &str) {
        assert_eq!(clock(Duration::from_micros(micros)), text);
    }

    #[test]
    fn a_drawing() {
        let drawing = draw(&sequence::of(&events(), "", None).unwrap(), 1, Room::Page).into_string();
        let lines = ["<title", "<desc", "<line", "<rect", "<text", "<circle", "<polygon"];
        let lines = lines.iter().fold(drawing, |text, tag| text.replace(tag, &format!("\n{tag}")));
        insta::assert_snapshot!(lines);
    }

    #[test]
    fn a_long_reason_is_cut() {
        let lines = reason(&"word ".repeat(200), 372);
        assert_eq!(lines.len(), REASON_LINES);
        assert!(lines.last().is_some_and(|line| line.ends_with('…')), "{lines:?}");
    }
}
