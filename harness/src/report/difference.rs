//! Where two texts of several lines begin to differ, and that place side by side.

use similar::{Algorithm, capture_diff_slices};

use super::escape;
use super::style::{columns, cut, pad};

/// Lines shown before the first difference.
const BEFORE: usize = 2;
/// Lines shown from the first difference on.
const FROM: usize = 4;
/// Lines from there on that are aligned with each other; bounds the work on huge outputs.
const ALIGNED: usize = 60;
/// Characters kept of what stands before the difference in a long line.
const LEAD: usize = 8;

/// The first place where two texts differ, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// Finds the first difference; `None` if the texts are equal.
pub fn first(expected: &str, came: &str) -> Option<Place> {
    let mut place = Place { line: 1, column: 1 };
    let mut others = came.chars();
    for character in expected.chars() {
        if others.next() != Some(character) {
            return Some(place);
        }
        if character == '\n' {
            place = Place { line: place.line + 1, column: 1 };
        } else {
            place.column += 1;
        }
    }
    others.next().map(|_| place)
}

/// Says the first difference in words: the place, and the character on each side.
pub fn in_words(expected: &str, came: &str) -> Option<String> {
    let place = first(expected, came)?;
    let Place { line, column } = place;
    let (wanted, got) = (name_at(expected, place), name_at(came, place));
    Some(format!("line {line}, character {column}: expected {wanted}, came {got}"))
}

/// Names the character at a place: quoted and escaped, or "the end".
fn name_at(text: &str, place: Place) -> String {
    let mut lines = text.split_inclusive('\n');
    match lines.nth(place.line - 1).and_then(|line| line.chars().nth(place.column - 1)) {
        None => "the end".to_owned(),
        Some('\n') => "a line end".to_owned(),
        Some(character) => format!("\"{}\"", escape::line(&character.to_string())),
    }
}

/// Some lines round the first difference in two columns, at most `width` columns wide, with
/// the numbers of the expected lines. Rows that differ are marked by `>`, and a line that one
/// side lacks leaves its place there empty. Empty if the texts are equal.
pub fn side_by_side(expected: &str, came: &str, width: usize) -> Vec<String> {
    let Some(place) = first(expected, came) else {
        return Vec::new();
    };
    let (left, right) = (escape::lines(expected), escape::lines(came));
    let start = (place.line - 1).saturating_sub(BEFORE).min(left.len()).min(right.len());
    let (below_left, below_right) = (&left[start..], &right[start..]);
    let rows = aligned(&below_left[..below_left.len().min(ALIGNED)], &below_right[..below_right.len().min(ALIGNED)]);
    let shown = &rows[..rows.len().min(BEFORE + FROM)];
    let digits = (start + shown.len()).to_string().len();
    // "> 12 expected │ came"
    let cell = width.saturating_sub(digits + 6) / 2;

    let mut table = vec![row(' ', &pad("", digits), "expected", "came", cell)];
    for (a, b) in shown {
        let text =
            |lines: &[String], index: &Option<usize>| index.map(|index| lines[index].clone()).unwrap_or_default();
        let (left, right) = (text(below_left, a), text(below_right, b));
        let same = a.is_some() && b.is_some() && left == right;
        let number = a.map(|index| (start + index + 1).to_string()).unwrap_or_default();
        let (left, right) = window(&left, &right, cell);
        let mark = if same { ' ' } else { '>' };
        table.push(row(mark, &format!("{number:>digits$}"), &left, &right, cell));
    }
    let seen_left = shown.iter().filter(|(a, _)| a.is_some()).count();
    let seen_right = shown.iter().filter(|(_, b)| b.is_some()).count();
    let more = |hidden: usize| match hidden {
        0 => String::new(),
        more => format!("… {}", harness_judging::shown::counted(more, "more line")),
    };
    let rest = (below_left.len() - seen_left, below_right.len() - seen_right);
    if rest != (0, 0) {
        table.push(row(' ', &pad("", digits), &more(rest.0), &more(rest.1), cell));
    }
    table
}

/// Pairs the lines that belong together; `None` where the other side has one more.
fn aligned(left: &[String], right: &[String]) -> Vec<(Option<usize>, Option<usize>)> {
    let mut rows = Vec::new();
    for operation in capture_diff_slices(Algorithm::Myers, left, right) {
        let (old, new) = (operation.old_range(), operation.new_range());
        for index in 0..old.len().max(new.len()) {
            rows.push((old.clone().nth(index), new.clone().nth(index)));
        }
    }
    rows
}

fn row(mark: char, number: &str, left: &str, right: &str, cell: usize) -> String {
    let left = pad(&cut(left, cell), cell);
    format!("{mark} {number} {left} │ {}", cut(right, cell)).trim_end().to_owned()
}

/// Drops what two long lines have in common at their start, so that the difference shows.
fn window(left: &str, right: &str, cell: usize) -> (String, String) {
    let same = left.chars().zip(right.chars()).take_while(|(a, b)| a == b).count();
    let head: String = left.chars().take(same).collect();
    let too_far = left != right && columns(&head) + LEAD > cell;
    let skip = if too_far { same.saturating_sub(LEAD) } else { 0 };
    let from = |text: &str| match skip {
        0 => text.to_owned(),
        _ => format!("…{}", text.chars().skip(skip).collect::<String>()),
    };
    (from(left), from(right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::equal("a\nb", "a\nb", None)]
    #[case::first_line("abc\n", "abd\n", Some((1, 3)))]
    #[case::second_line("a\nbc", "a\nbd", Some((2, 2)))]
    #[case::shorter("a\nb\n", "a\n", Some((2, 1)))]
    #[case::longer("a\n", "a\n\n", Some((2, 1)))]
    #[case::nothing_came("a\n", "", Some((1, 1)))]
    fn finds(#[case] expected: &str, #[case] came: &str, #[case] place: Option<(usize, usize)>) {
        assert_eq!(first(expected, came), place.map(|(line, column)| Place { line, column }));
    }

    #[rstest]
    #[case("ab\n", "aB\n", "line 1, character 2: expected \"b\", came \"B\"")]
    #[case("ab\n", "ab\r\n", "line 1, character 3: expected a line end, came \"\\r\"")]
    #[case("ab\n", "ab", "line 1, character 3: expected a line end, came the end")]
    #[case("ab", "ab\u{202e}", "line 1, character 3: expected the end, came \"\\u{202e}\"")]
    fn says(#[case] expected: &str, #[case] came: &str, #[case] words: &str) {
        assert_eq!(in_words(expected, came).as_deref(), Some(words));
    }

    #[test]
    fn shows_a_window() {
        let expected: String = (1..=40).map(|n| format!("line {n}\n")).collect();
        let came = expected.replace("line 12\n", "line 12 \u{1b}[0m\n");
        insta::assert_snapshot!(side_by_side(&expected, &came, 60).join("\n"), @"
            expected                   │ came
         10 line 10                    │ line 10
         11 line 11                    │ line 11
       > 12 line 12                    │ line 12 \\x1b[0m
         13 line 13                    │ line 13
         14 line 14                    │ line 14
         15 line 15                    │ line 15
            … 25 more lines            │ … 25 more lines
        ");
    }

    #[test]
    fn shows_the_place_in_long_lines() {
        let expected = format!("{}needle{}\n", "hay ".repeat(30), " hay".repeat(30));
        let came = expected.replace("needle", "noodle");
        insta::assert_snapshot!(side_by_side(&expected, &came, 60).join("\n"), @"
           expected                   │ came
       > 1 …ay hay needle hay hay ha… │ …ay hay noodle hay hay ha…
        ");
    }

    #[test]
    fn aligns_after_a_line_too_many() {
        let expected = "one\ntwo\nthree\n";
        let came = format!("hello\n{expected}bye\n");
        insta::assert_snapshot!(side_by_side(expected, &came, 60).join("\n"), @"
            expected                   │ came
        >                              │ hello
          1 one                        │ one
          2 two                        │ two
          3 three                      │ three
        >                              │ bye
        ");
    }

    #[test]
    fn work_is_bounded() {
        let (expected, came) = ("a\n".repeat(200_000), "b\nc\n".repeat(200_000));
        assert_eq!(side_by_side(&expected, &came, 80).len(), 1 + BEFORE + FROM + 1);
    }
}
