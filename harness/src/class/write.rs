//! Draws everything that a class's folder shows from the roster and the results.

use std::path::PathBuf;

use super::overview::{Overview, Row, State};
use super::roster::{self, Roster, Seen, Submission};
use super::settings::Settings;
use super::store::{Store, write};
use super::{ClassError, at, export, gradebook, html, page};
use crate::package::{Item, write_zip};
use crate::report::format::{Format, render};
use crate::report::html::{self as report_page, Runs};
use crate::report::model::Report;
use crate::report::style::Style;

/// A learning system's export that is to be filled in.
#[derive(Debug, Clone)]
pub struct Export {
    /// The file as the system gave it out.
    pub file: PathBuf,
    /// The title of the column, where it is not clear.
    pub column: Option<String>,
}

/// What was written, and what the instructor should know of it.
#[derive(Debug, Clone)]
pub struct Written {
    /// The class in figures.
    pub overview: Overview,
    /// Remarks on the gradebook.
    pub notes: Vec<String>,
}

/// Writes gradebook, class page, durations and a folder for every student.
///
/// # Errors
/// If a file cannot be written, or the export cannot be filled in.
pub fn write_all(store: &Store, roster: &Roster, fill: Option<&Export>) -> Result<Written, ClassError> {
    let students = store.root().join("students");
    let mut feedback = Vec::new();
    let overview = Overview::draw(
        roster,
        |key| store.result(key),
        |row, graded| {
            let folder = students.join(&row.folder);
            std::fs::create_dir_all(&folder).map_err(at(&folder))?;
            let none = Runs::new();
            let (report, runs) = match graded {
                Some((report, runs)) => (report.clone(), runs),
                None => (without_verdicts(row, &roster.settings), &none),
            };
            let style = Style { color: false, width: 100 };
            for (file, format) in
                [("report.json", Format::Json), ("report.md", Format::Markdown), ("report.txt", Format::Human)]
            {
                write(&folder.join(file), render(&report, format, style).as_bytes())?;
            }
            let page = report_page::render(&report, runs).into_bytes();
            write(&folder.join("report.html"), &page)?;
            feedback.push(Item { name: feedback_path(&row.submission, &row.folder), program: false, content: page });
            Ok::<(), ClassError>(())
        },
    )?;
    let zip = store.root().join("feedback.zip");
    write_zip(&feedback, &zip).map_err(at(&zip))?;
    let mut notes = Vec::new();
    let gradebook = match fill {
        None => gradebook::render(&overview).into_bytes(),
        Some(fill) => {
            let bytes = std::fs::read(&fill.file).map_err(at(&fill.file))?;
            let filled = export::fill(&bytes, &overview, fill.column.as_deref())?;
            notes = filled.notes;
            filled.bytes
        }
    };
    write(&store.root().join("gradebook.csv"), &gradebook)?;
    write(&store.root().join("class.md"), page::render(&overview).as_bytes())?;
    write(&store.root().join("class.html"), html::render(&overview).as_bytes())?;
    write(&store.root().join("durations.csv"), durations(store, roster)?.as_bytes())?;
    Ok(Written { overview, notes })
}

/// Where a learning system looks for the file that it is to give back: in the folder that it gave out itself, or
/// beside the file, under a name that begins as that one does.
fn feedback_path(submission: &Submission, folder: &str) -> String {
    let given = submission.sources.first().map(String::as_str).unwrap_or_default();
    match roster::prefix(given) {
        Some(prefix) if prefix == given || prefix.is_empty() => format!("{given}/report.html"),
        Some(prefix) => format!("{prefix}report.html"),
        None => format!("{folder}/report.html"),
    }
}

/// The report of a student whose submission was not graded.
fn without_verdicts(row: &Row, settings: &Settings) -> Report {
    let why = match &row.state {
        State::NotGradable(why) | State::HarnessError(why) | State::Refused(why) => why.clone(),
        State::Graded(_) | State::Missing => "it was not graded yet".to_owned(),
    };
    let report = Report::without_verdicts(row.name.clone(), &settings.backend, settings.seed, why);
    // A compiler says much, line by line.
    let notes = report.notes.iter().flat_map(|why| why.lines().map(str::to_owned)).collect();
    Report { rubric: settings.rubric.clone(), notes, ..report }
}

/// Wall-clock times, slowest first.
fn durations(store: &Store, roster: &Roster) -> Result<String, ClassError> {
    let known = store.durations()?;
    let mut lines: Vec<(u64, &str)> = Vec::new();
    for (name, submission) in &roster.submissions {
        if let Some(Seen::Key { key, .. }) = &submission.seen
            && let Some(milliseconds) = known.get(key)
        {
            lines.push((*milliseconds, name));
        }
    }
    lines.sort_by_key(|(milliseconds, name)| (std::cmp::Reverse(*milliseconds), *name));
    let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    // Writing to memory cannot fail.
    table.write_record(["submission", "milliseconds"]).expect("a line in memory");
    for (milliseconds, name) in lines {
        table.write_record([crate::report::csv::inert(name), milliseconds.to_string()]).expect("a line in memory");
    }
    Ok(String::from_utf8(table.into_inner().expect("lines in memory")).expect("text from text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::moodle_folder("Ada Byron_70012_assignsubmission_file", "Ada Byron_70012_assignsubmission_file/report.html")]
    #[case::moodle_file(
        "Ada Byron_70012_assignsubmission_file_lab.zip",
        "Ada Byron_70012_assignsubmission_file_report.html"
    )]
    #[case::canvas("byronada_4321_99001_lab.zip", "byronada_4321_99001_report.html")]
    #[case::folder("s1234567", "s1234567/report.html")]
    fn feedback_goes_where_it_is_looked_for(#[case] source: &str, #[case] path: &str) {
        let submission = Submission {
            person: String::new(),
            ids: Vec::new(),
            sources: vec![source.to_owned()],
            submitted: None,
            seen: None,
        };
        assert_eq!(feedback_path(&submission, "s1234567"), path);
    }
}
