//! When submissions were handed in: from a table of the learning system, or from the files themselves.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;

use chrono::FixedOffset;

use super::export::{Known, Students, Table, lines_of};
use super::roster::{Roster, Submission, attempt};
use super::{ClassError, at};
use crate::grade::late::Moment;
use crate::report::escape;

/// Where times are taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The date in a Blackboard name, else the latest change of the files that were handed in.
    Files,
    /// A table with a line for each student.
    Table(PathBuf),
}

impl FromStr for Source {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "files" => Self::Files,
            path => Self::Table(PathBuf::from(path)),
        })
    }
}

/// Titles of the column with the time, in the order in which they are looked for.
const TITLES: [&str; 9] = [
    "submitted",
    "submitted at",
    "submitted_at",
    "submission time",
    "submission time (h:m:s)",
    "last modified (submission)",
    "submission date",
    "time",
    "timestamp",
];

/// Notes in the roster when each submission was handed in. Times without an offset from UTC are read in this one.
///
/// # Errors
/// If the times cannot be read: nobody is to lose points, or to keep them, for want of understanding.
pub fn note(roster: &mut Roster, source: &Source, folder: &Path, offset: FixedOffset) -> Result<(), ClassError> {
    match source {
        Source::Files => {
            for submission in roster.submissions.values_mut() {
                submission.submitted = of_files(submission, folder, offset)?;
            }
            Ok(())
        }
        Source::Table(path) => {
            let bytes = std::fs::read(path).map_err(at(path))?;
            of_table(roster, &bytes, offset).map_err(|why| ClassError::Times { path: path.clone(), why })
        }
    }
}

fn of_table(roster: &mut Roster, bytes: &[u8], offset: FixedOffset) -> Result<(), String> {
    let table = Table::read(bytes).map_err(|error| error.to_string().replace("the gradebook", "it"))?;
    let header = &table.rows[0];
    let columns = || header.iter().map(|title| escape::line(title)).collect::<Vec<_>>().join(", ");
    let students = Students::of(header)
        .ok_or_else(|| format!("it has no column by which students are recognised; its columns: {}", columns()))?;
    let is = |title: &&str| header.iter().position(|it| it.trim().to_lowercase() == **title);
    let column = TITLES
        .iter()
        .find_map(is)
        .ok_or_else(|| format!("it has no column with the time; call one `submitted`. Its columns: {}", columns()))?;
    let known: Vec<Known> = table.rows.iter().map(|row| Known::of(row, &students)).collect();
    for (row, line) in table.rows.iter().zip(1..).skip(1) {
        if let Some(text) = written(row, column)
            && Moment::read(text, offset).is_none()
        {
            let text = escape::line(text);
            return Err(format!(
                "row {line}: `{text}` is no time; write it like 2026-11-20 23:59 or 2026-11-20T23:59:00+01:00"
            ));
        }
    }
    for submission in roster.submissions.values_mut() {
        let lines = lines_of(submission, &known, None);
        // Of several attempts the last one counts.
        let times = lines.iter().filter_map(|line| Moment::read(written(&table.rows[*line], column)?, offset));
        submission.submitted = times.max().map(|time| time.to_string());
    }
    Ok(())
}

/// What stands in a column, unless it is nothing.
fn written(row: &[String], column: usize) -> Option<&str> {
    row.get(column).map(|text| text.trim()).filter(|text| !text.is_empty() && *text != "-")
}

fn of_files(submission: &Submission, folder: &Path, offset: FixedOffset) -> Result<Option<String>, ClassError> {
    let mut latest = None;
    for source in &submission.sources {
        let by_system = attempt(source).and_then(|text| Moment::read(&text, offset));
        let time = match by_system {
            Some(time) => Some(time),
            None => changed(&folder.join(source))?.and_then(|seconds| Moment::of_seconds(seconds, offset)),
        };
        latest = latest.max(time);
    }
    Ok(latest.map(|time| time.to_string()))
}

/// The latest change of a file, or of any file in a folder, in seconds since 1970.
fn changed(path: &Path) -> Result<Option<i64>, ClassError> {
    let about = std::fs::symlink_metadata(path).map_err(at(path))?;
    if !about.is_dir() {
        let time = about.modified().map_err(at(path))?;
        let since = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        return Ok(i64::try_from(since).ok());
    }
    let mut latest = None;
    for entry in std::fs::read_dir(path).map_err(at(path))? {
        latest = latest.max(changed(&entry.map_err(at(path))?.path())?);
    }
    Ok(latest)
}

#[cfg(test)]
mod tests {
    use super::super::settings;
    use super::*;
    use rstest::rstest;

    fn roster(students: &[(&str, &str)]) -> Roster {
        let mut roster = Roster::new(settings::sample());
        for (person, id) in students {
            let submission = Submission {
                person: (*person).to_owned(),
                ids: vec![(*id).to_owned()],
                sources: vec![format!("{person}.py")],
                submitted: None,
                seen: None,
            };
            roster.submissions.insert((*person).to_owned(), submission);
        }
        roster
    }

    fn offset() -> FixedOffset {
        FixedOffset::east_opt(3600).unwrap()
    }

    #[rstest]
    #[case::own("name,submitted\nGrace Hopper,2026-11-20 23:59\nGrace Hopper,2026-11-21 00:10\nelse,-\n")]
    #[case::moodle(
        "Identifier,Full name,Last modified (submission),Grade\n\
         Participant 70012,X,\"Saturday, 21 November 2026, 12:10 AM\",\n"
    )]
    #[case::with_its_offset("id;submitted_at\n70012;2026-11-20T23:10:00Z\n")]
    fn tables(#[case] table: &str) {
        let mut roster = roster(&[("Grace Hopper", "70012"), ("Ada", "1")]);
        of_table(&mut roster, table.as_bytes(), offset()).unwrap();
        let times: Vec<Option<&str>> = roster.submissions.values().map(|it| it.submitted.as_deref()).collect();
        assert_eq!(times[0], None);
        let at: Moment = times[1].unwrap().parse().unwrap();
        assert_eq!(at, "2026-11-21T00:10:00+01:00".parse().unwrap());
    }

    #[rstest]
    #[case::no_students("colour,submitted\nred,2026-11-20 23:59\n", "no column by which students are recognised")]
    #[case::no_time("name,grade\nada,1\n", "no column with the time; call one `submitted`")]
    #[case::not_a_time("name,submitted\nada,soon\n", "row 2: `soon` is no time")]
    fn tables_that_are_none(#[case] table: &str, #[case] why: &str) {
        let error = of_table(&mut roster(&[("ada", "1")]), table.as_bytes(), offset()).expect_err("unclear");
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn files_tell_when_they_were_changed_unless_their_name_does() {
        let folder = tempfile::tempdir().unwrap();
        let name = "Lab_u1_attempt_2026-11-02-10-00-00_new.py";
        for (file, seconds) in [("ada.py", 1_790_000_000), (name, 1)] {
            let file = std::fs::File::create(folder.path().join(file)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
        }
        let mut roster = roster(&[("ada", "1"), ("bob", "2")]);
        roster.submissions.get_mut("bob").unwrap().sources = vec![name.to_owned()];
        note(&mut roster, &Source::Files, folder.path(), offset()).unwrap();
        let times: Vec<Option<&str>> = roster.submissions.values().map(|it| it.submitted.as_deref()).collect();
        assert_eq!(times, [Some("2026-09-21T15:13:20+01:00"), Some("2026-11-02T10:00:00+01:00")]);
    }
}
