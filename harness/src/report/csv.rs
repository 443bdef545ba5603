//! Comma-separated values (RFC 4180): a line per requirement, for spreadsheets.

use super::model::Report;
use super::{escape, prose, summary};

const HEADER: [&str; 9] =
    ["target", "task", "requirement", "level", "status", "points", "max_points", "what", "reason"];

/// Renders the table; lines end as the RFC says, but the last.
pub fn render(report: &Report) -> String {
    let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    let mut add = |cells: [String; 9]| {
        // Writing to memory cannot fail.
        table.write_record(cells.iter().map(|cell| inert(cell))).expect("a line in memory");
    };
    add(HEADER.map(str::to_owned));
    for task in &report.tasks {
        for found in &task.requirements {
            let reason = match found.status {
                super::model::Status::Pass => String::new(),
                _ => summary::undecided_reason(found),
            };
            add([
                report.target.clone(),
                task.id.clone(),
                found.id.clone(),
                summary::level(found.level).to_owned(),
                found.status.as_str().to_owned(),
                summary::points(found.score),
                summary::points(found.max_score),
                prose::one_line(&found.title),
                reason,
            ]);
        }
    }
    let bytes = table.into_inner().expect("lines in memory");
    String::from_utf8(bytes).expect("text from text")
}

/// On one line, and nothing that a spreadsheet would compute.
pub fn inert(cell: &str) -> String {
    let cell = escape::line(cell);
    let number = cell.parse::<f64>().is_ok();
    if cell.starts_with(['=', '+', '-', '@']) && !number { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{self, hostile_text};
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[test]
    fn table() {
        insta::assert_snapshot!(render(&sample::full()));
    }

    #[rstest]
    #[case::formula("=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")")]
    #[case::negative("-1.5", "-1.5")]
    #[case::plain("a = b", "a = b")]
    fn cells(#[case] text: &str, #[case] cell: &str) {
        assert_eq!(inert(text), cell);
    }

    proptest! {
        #[test]
        fn text_from_programs_cannot_act(text in hostile_text()) {
            let table = render(&sample::hostile(&text));
            let lines: Vec<csv::StringRecord> =
                csv::ReaderBuilder::new().from_reader(table.as_bytes()).records().collect::<Result<_, _>>().expect("a table");
            prop_assert_eq!(lines.len(), 3);
            prop_assert!(lines.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '@'])));
        }
    }
}
