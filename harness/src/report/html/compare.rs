//! Expected beside what came: in words, as text and as bytes.

use harness_judging::shown::counted;
use maud::{Markup, html};
use similar::{Algorithm, capture_diff_slices};

use super::words::barred;
use crate::report::escape;
use crate::report::model::RunReport;
use crate::run::event::{Difference, Excerpt};

/// Lines of a value in words.
const VALUE_LINES: usize = 20;
/// Bytes in a row: what a phone shows without scrolling.
const ROW: usize = 8;
/// Rows before and from the first difference on.
const ROWS: (usize, usize) = (1, 6);
/// Rows of the comparison of lines.
const LINES: usize = 14;

/// What was expected and what came, as the judgement says it.
pub fn in_words(run: &RunReport) -> Markup {
    if run.expected.is_empty() && run.actual.is_empty() {
        return Markup::default();
    }
    let side = |name: &str, text: &str| {
        html! {
            div {
                dt { (name) }
                dd { @if text.is_empty() { p.quiet { "(nothing)" } } @else { (barred(text, VALUE_LINES)) } }
            }
        }
    };
    html! {
        h4 { "Expected, and what came" }
        dl.sides { (side("expected", &run.expected)) (side("came", &run.actual)) }
    }
}

/// The place where the bytes part: lines beside lines where both are text, and bytes.
pub fn bytes(difference: &Difference) -> Markup {
    let (expected, came) = (&difference.expected, &difference.came);
    html! {
        p {
            "They differ from byte " strong { (difference.at + 1) } " on; " (counted(expected.length, "byte"))
            " were expected, " (counted(came.length, "byte")) " came."
        }
        @if is_text(&expected.shown) && is_text(&came.shown) { (lines(difference)) }
        details open[!is_text(&expected.shown) || !is_text(&came.shown)] {
            summary { "The bytes there, in hexadecimal" }
            div.sides { (hex("expected", difference, expected, came)) (hex("came", difference, came, expected)) }
        }
    }
}

/// Whether bytes are better read as lines. A character may be cut in two at either end.
fn is_text(bytes: &[u8]) -> bool {
    let odd = |byte: &&u8| byte.is_ascii_control() && !matches!(**byte, b'\n' | b'\r' | b'\t');
    let invalid: usize = bytes.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    bytes.iter().filter(odd).count() == 0 && invalid <= 6
}

/// The lines of one side. A line end is seen as `↵`, and so is everything else that a line can hold.
struct Side {
    lines: Vec<String>,
    /// Whether more lines follow that were not kept.
    cut: bool,
}

impl Side {
    fn of(difference: &Difference, excerpt: &Excerpt) -> Self {
        let text = String::from_utf8_lossy(&excerpt.shown);
        let shown = |line: &str| match line.strip_suffix('\n') {
            Some(line) => format!("{}↵", escape::line(line)),
            None => escape::line(line),
        };
        let mut lines: Vec<String> = text.split_inclusive('\n').map(shown).collect();
        let cut = difference.from + excerpt.shown.len() < excerpt.length;
        if cut && !text.ends_with('\n') {
            // The last line is not whole: it would seem to differ where it was cut.
            match lines.as_mut_slice() {
                [one] => one.push('…'),
                _ => drop(lines.pop()),
            }
        }
        if let (true, Some(first)) = (difference.within_line, lines.first_mut()) {
            first.insert(0, '…');
        }
        Self { lines, cut }
    }

    fn line(&self, index: Option<usize>) -> &str {
        index.and_then(|index| self.lines.get(index)).map_or("", String::as_str)
    }
}

/// Numbers of the lines that stand beside each other; none where the other side has one more.
type Row = (Option<usize>, Option<usize>);

fn rows(expected: &Side, came: &Side) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for operation in capture_diff_slices(Algorithm::Myers, &expected.lines, &came.lines) {
        let (old, new) = (operation.old_range(), operation.new_range());
        rows.extend((0..old.len().max(new.len())).map(|index| (old.clone().nth(index), new.clone().nth(index))));
    }
    // What is missing at the end may only not have been kept.
    let unknown = |row: &Row| row.0.is_none() && expected.cut || row.1.is_none() && came.cut;
    while rows.len() > 1 && rows.last().is_some_and(unknown) {
        rows.pop();
    }
    rows
}

fn lines(difference: &Difference) -> Markup {
    let (expected, came) = (Side::of(difference, &difference.expected), Side::of(difference, &difference.came));
    let rows = rows(&expected, &came);
    let same = |row: &Row| expected.line(row.0) == came.line(row.1);
    let first = rows.iter().position(|row| !same(row)).unwrap_or(0).saturating_sub(2);
    let hidden = rows.len().saturating_sub(first + LINES);
    html! {
        table.lines {
            caption { "Line by line, from line " (difference.line + first) " on; ↵ is a line end" }
            thead { tr { th scope="col" { span.hidden { "line" } } th scope="col" { "expected" } th scope="col" { "came" } } }
            tbody {
                @for row in rows.iter().skip(first).take(LINES) {
                    @let (left, right) = (expected.line(row.0), came.line(row.1));
                    tr class=[(!same(row)).then_some("differs")] {
                        th scope="row" {
                            @if !same(row) { span role="img" aria-label="differs" { "≠" } " " }
                            @if let Some(index) = row.0 { (difference.line + index) }
                        }
                        td { code { (marked(left, right)) } }
                        td { code { (marked(right, left)) } }
                    }
                }
            }
        }
        @if hidden > 0 { p.quiet { (counted(hidden, "more line")) " left out." } }
    }
}

/// A line with that part marked which the other one does not have.
fn marked(line: &str, other: &str) -> Markup {
    let alike = |(a, b): &(char, char)| a == b;
    let length = line.chars().count();
    let before = line.chars().zip(other.chars()).take_while(alike).count();
    let room = length.min(other.chars().count()) - before;
    let after = line.chars().rev().zip(other.chars().rev()).take_while(alike).count().min(room);
    let part = |from: usize, to: usize| line.chars().skip(from).take(to - from).collect::<String>();
    html! {
        (part(0, before))
        @if before + after < length { mark { (part(before, length - after)) } }
        (part(length - after, length))
    }
}

fn hex(name: &str, difference: &Difference, side: &Excerpt, other: &Excerpt) -> Markup {
    let place = difference.at / ROW * ROW;
    let start = place.saturating_sub(ROWS.0 * ROW);
    let byte = |excerpt: &Excerpt, at: usize| excerpt.shown.get(at.checked_sub(difference.from)?).copied();
    let rows: Vec<usize> = (0..ROWS.0 + ROWS.1).map(|row| start + row * ROW).collect();
    let shown = rows.iter().filter(|at| (**at..**at + ROW).any(|at| byte(side, at).is_some()));
    let end = rows.iter().flat_map(|at| *at..*at + ROW).filter(|at| byte(side, *at).is_some()).max();
    let differs = |at: usize| byte(side, at) != byte(other, at);
    html! {
        div {
            p.label { (name) }
            pre.hex tabindex="0" aria-label={ "bytes, " (name) } {
                @for at in shown {
                    span.quiet { (format!("{at:06x}")) }
                    @for at in *at..*at + ROW {
                        " "
                        @match byte(side, at) {
                            Some(value) => { @if differs(at) { mark { (format!("{value:02x}")) } } @else { (format!("{value:02x}")) } }
                            None => { "  " }
                        }
                    }
                    "  "
                    @for at in *at..*at + ROW {
                        @if byte(side, at).is_none() { " " }
                        @if let Some(value) = byte(side, at) { (if value.is_ascii_graphic() || value == b' ' { char::from(value) } else { '·' }) }
                    }
                    "\n"
                }
                @match end {
                    Some(end) if end + 1 < side.length => { span.quiet { "… " (side.length - end - 1) " more" } }
                    _ => { span.quiet { "(the end, after " (counted(side.length, "byte")) ")" } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[test]
    fn lines_and_bytes() {
        let expected = "one\ntwo\nthree\nfour\n";
        let difference = Difference::between(expected.as_bytes(), b"one\ntw0\nthree\n").unwrap();
        insta::assert_snapshot!(bytes(&difference).into_string().replace("<tr", "\n<tr").replace("<pre", "\n<pre"));
    }

    #[rstest]
    #[case("same", "same", "same")]
    #[case("one tw0 three", "one two three", "one tw<mark>0</mark> three")]
    #[case("aaa", "aa", "aa<mark>a</mark>")]
    #[case("aa", "aaa", "aa")]
    #[case("<b>", "", "<mark>&lt;b&gt;</mark>")]
    fn the_part_that_differs_is_marked(#[case] line: &str, #[case] other: &str, #[case] markup: &str) {
        assert_eq!(marked(line, other).into_string(), markup);
    }

    #[test]
    fn what_was_not_kept_is_no_difference() {
        let expected: String = (1..=400).map(|n| format!("this is line {n}\n")).collect();
        let came = expected.replacen("line 200", "line two hundred", 1);
        let page = bytes(&Difference::between(expected.as_bytes(), came.as_bytes()).unwrap()).into_string();
        assert_eq!(page.matches("<tr class=\"differs\">").count(), 1, "{page}");
    }

    #[test]
    fn what_is_no_text_is_shown_in_bytes_only() {
        let difference = Difference::between(&[0, 1, 2, 3], &[0, 1, 9]).unwrap();
        let page = bytes(&difference).into_string();
        assert!(
            !page.contains("<table") && page.contains("<details open>") && page.contains("<mark>09</mark>"),
            "{page}"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_shown(expected: Vec<u8>, came: Vec<u8>, same in 0usize..2_000) {
            let with = |rest: &[u8]| [vec![b'a'; same], rest.to_vec()].concat();
            if let Some(difference) = Difference::between(&with(&expected), &with(&came)) {
                let page = bytes(&difference).into_string();
                prop_assert!(page.contains("<mark>"), "{page}");
                prop_assert!(!page.contains(|c: char| c != '\n' && escape::acts(c)), "{page}");
            }
        }
    }
}
