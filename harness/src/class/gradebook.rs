//! The gradebook: a table with a line per submission, for spreadsheets.

use super::overview::{Overview, Row, State};
use crate::report::csv::inert;
use crate::report::style::cut;
use crate::report::summary;

/// Columns of a remark.
const REMARK: usize = 200;

/// Renders the table (RFC 4180, with plain line ends). What has no points in it, nobody has earned or lost.
pub fn render(overview: &Overview) -> String {
    let tasks = overview.tasks();
    let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    let mut add = |cells: Vec<String>| {
        // Writing to memory cannot fail.
        table.write_record(cells.iter().map(|cell| inert(cell))).expect("a line in memory");
    };
    let mut header: Vec<String> =
        ["submission", "student", "ids", "status", "points", "max_points", "percent"].map(str::to_owned).to_vec();
    header.extend(tasks.iter().cloned());
    header.push("remarks".to_owned());
    add(header);
    for row in &overview.rows {
        let mut cells = vec![
            row.name.clone(),
            row.submission.person.clone(),
            row.submission.ids.join(" "),
            row.status().to_owned(),
        ];
        match row.grade() {
            Some(digest) => {
                cells.extend([summary::points(digest.points), summary::points(digest.out_of)]);
                cells.push(summary::points(100.0 * digest.share()));
                cells.extend(tasks.iter().map(|task| {
                    digest.tasks.get(task).map(|(points, _)| summary::points(*points)).unwrap_or_default()
                }));
            }
            None => cells.extend(vec![String::new(); 3 + tasks.len()]),
        }
        cells.push(remarks(row));
        add(cells);
    }
    let bytes = table.into_inner().expect("lines in memory");
    String::from_utf8(bytes).expect("text from text")
}

/// What qualifies a line.
fn remarks(row: &Row) -> String {
    if let Some(why) = row.trouble() {
        return cut(why.lines().next().unwrap_or_default(), REMARK);
    }
    let State::Graded(digest) = &row.state else { return String::new() };
    let mut remarks: Vec<String> = digest.late.iter().cloned().collect();
    if !digest.undecided.is_empty() {
        remarks.push(format!("undecided: {}", digest.undecided.join(" ")));
    }
    if !digest.absent.is_empty() {
        remarks.push(format!("no program handed in for: {}", digest.absent.join(" ")));
    }
    cut(&remarks.join("; "), REMARK)
}
