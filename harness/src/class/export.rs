//! Filling in a learning system's own gradebook export: Canvas, Moodle (grading worksheet or gradebook), Blackboard,
//! or any table in which students can be recognised.
//!
//! The table keeps its encoding, its separator, its rows and its other columns; the only cells that change are those
//! of the one column and of the students who have a grade.

use std::collections::{BTreeMap, BTreeSet};

use harness_judging::shown::counted;

use super::overview::{Digest, Overview, Row};
use super::roster::Submission;
use crate::report::csv::inert;
use crate::report::{escape, summary};
use harness_language::scenario::problem::suggestion;

/// Why an export cannot be filled in.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It is no table.
    #[error("the gradebook cannot be read as a table: {0}")]
    NoTable(String),
    /// No column tells students apart.
    #[error(
        "the gradebook has no column by which students are recognised; its columns: {0}. What is known: ID, SIS User \
         ID, SIS Login ID, Identifier, ID number, Student ID, Username, Email address, Student, Full name, First name \
         and Last name"
    )]
    NoStudents(String),
    /// It is not clear where the points go.
    #[error("the gradebook has several columns that points could go into; say which: {0}")]
    WhichColumn(String),
    /// The named column is not there.
    #[error("the gradebook has no column `{name}`: {help}")]
    NoColumn {
        /// The name.
        name: String,
        /// What there is.
        help: String,
    },
}

/// A filled table.
#[derive(Debug, Clone)]
pub struct Filled {
    /// The file's content.
    pub bytes: Vec<u8>,
    /// What was not filled in, and why.
    pub notes: Vec<String>,
}

/// Columns that hold something by which the system knows a student.
const IDS: [&str; 13] = [
    "id",
    "sis user id",
    "sis login id",
    "integration id",
    "identifier",
    "id number",
    "student id",
    "username",
    "orgdefinedid",
    "email",
    "email address",
    "login",
    "user id",
];

/// Columns that hold a whole name.
const NAMES: [&str; 3] = ["student", "full name", "name"];

const FIRST: [&str; 2] = ["first name", "firstname"];
const LAST: [&str; 3] = ["last name", "lastname", "surname"];

/// Columns that are neither students nor points.
const OTHERS: [&str; 13] = [
    "section",
    "root account",
    "institution",
    "department",
    "status",
    "maximum grade",
    "grade can be changed",
    "last modified (submission)",
    "last modified (grade)",
    "last access",
    "availability",
    "last downloaded from this course",
    "child course id",
];

/// A text file as systems write tables.
pub(super) struct Table {
    encoding: Encoding,
    delimiter: u8,
    crlf: bool,
    /// Its rows, the header first.
    pub(super) rows: Vec<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf8WithMark,
    Utf16Little,
    Utf16Big,
}

impl Table {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ExportError> {
        let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
            let units: Vec<u16> = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
            String::from_utf16(&units).map_err(|_| ExportError::NoTable("it is not UTF-16".to_owned()))
        };
        let (encoding, text) = match bytes {
            [0xff, 0xfe, rest @ ..] => (Encoding::Utf16Little, wide(rest, u16::from_le_bytes)?),
            [0xfe, 0xff, rest @ ..] => (Encoding::Utf16Big, wide(rest, u16::from_be_bytes)?),
            [0xef, 0xbb, 0xbf, rest @ ..] => (Encoding::Utf8WithMark, utf8(rest)?),
            plain => (Encoding::Utf8, utf8(plain)?),
        };
        let first = text.lines().next().unwrap_or_default();
        let count = |delimiter: &u8| first.bytes().filter(|byte| byte == delimiter).count();
        // The comma last: of equals, the last one is taken.
        let delimiter = [b';', b'\t', b','].into_iter().max_by_key(count).unwrap_or(b',');
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes());
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| ExportError::NoTable(error.to_string()))?;
            rows.push(record.iter().map(str::to_owned).collect());
        }
        if rows.is_empty() {
            return Err(ExportError::NoTable("it is empty".to_owned()));
        }
        Ok(Self { encoding, delimiter, crlf: text.contains("\r\n"), rows })
    }

    fn write(&self) -> Vec<u8> {
        let terminator = if self.crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .delimiter(self.delimiter)
            .terminator(terminator)
            .from_writer(Vec::new());
        for row in &self.rows {
            // Writing to memory cannot fail.
            writer.write_record(row).expect("a line in memory");
        }
        let text = String::from_utf8(writer.into_inner().expect("lines in memory")).expect("text from text");
        match self.encoding {
            Encoding::Utf8 => text.into_bytes(),
            Encoding::Utf8WithMark => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            Encoding::Utf16Little => wide_bytes(&text, u16::to_le_bytes),
            Encoding::Utf16Big => wide_bytes(&text, u16::to_be_bytes),
        }
    }
}

fn utf8(bytes: &[u8]) -> Result<String, ExportError> {
    let why = "it is neither UTF-8 nor UTF-16; export it again as UTF-8";
    String::from_utf8(bytes.to_vec()).map_err(|_| ExportError::NoTable(why.to_owned()))
}

fn wide_bytes(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
}

fn lower(title: &str) -> String {
    title.trim().to_lowercase()
}

/// Where it stands who a row is about.
pub(super) struct Students {
    ids: Vec<usize>,
    names: Vec<usize>,
    first: Option<usize>,
    last: Option<usize>,
}

/// Columns with one of these titles.
fn titled(header: &[String], known: &[&str]) -> Vec<usize> {
    header.iter().enumerate().filter(|(_, it)| known.contains(&lower(it).as_str())).map(|(at, _)| at).collect()
}

impl Students {
    /// The columns of a header; nothing if none tells students apart.
    pub(super) fn of(header: &[String]) -> Option<Self> {
        let all = |known: &[&str]| titled(header, known);
        let (ids, names) = (all(&IDS), all(&NAMES));
        let (first, last) = (all(&FIRST).first().copied(), all(&LAST).first().copied());
        let enough = !ids.is_empty() || !names.is_empty() || (first.is_some() && last.is_some());
        enough.then_some(Self { ids, names, first, last })
    }

    fn all(&self) -> impl Iterator<Item = usize> {
        self.ids.iter().chain(&self.names).copied().chain(self.first).chain(self.last)
    }
}

/// Where what stands.
struct Columns {
    students: Students,
    points: usize,
    feedback: Option<usize>,
    maximum: Option<usize>,
}

impl Columns {
    fn of(header: &[String], asked: Option<&str>) -> Result<Self, ExportError> {
        let all = |known: &[&str]| titled(header, known);
        let students = Students::of(header).ok_or_else(|| ExportError::NoStudents(header.join(", ")))?;
        let feedback = header.iter().position(|it| lower(it).starts_with("feedback"));
        let taken: BTreeSet<usize> = students.all().chain(feedback).chain(all(&OTHERS)).collect();
        let free: Vec<usize> =
            (0..header.len()).filter(|at| !taken.contains(at) && !header[*at].trim().is_empty()).collect();
        let points = match asked {
            Some(name) => named(header, &free, name)?,
            None => only(header, &free)?,
        };
        let maximum = all(&["maximum grade"]).first().copied();
        Ok(Self { students, points, feedback, maximum })
    }
}

/// The column that was asked for: its title, with or without the system's number behind it.
fn named(header: &[String], free: &[usize], name: &str) -> Result<usize, ExportError> {
    let wanted = lower(name);
    let is = |at: &&usize| {
        let title = lower(&header[**at]);
        let rest = title.strip_prefix(&wanted).map(str::trim_start);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['(', '[', '|']))
    };
    if let Some(at) = free.iter().find(is) {
        return Ok(*at);
    }
    let titles = || free.iter().map(|at| header[*at].as_str());
    let otherwise = || format!("it has: {}", titles().collect::<Vec<_>>().join(", "));
    let help = suggestion(name, titles(), otherwise);
    Err(ExportError::NoColumn { name: escape::line(name), help })
}

/// The one column that can be meant: called Grade, or numbered by the system, or the only one.
fn only(header: &[String], free: &[usize]) -> Result<usize, ExportError> {
    let numbered = |at: &&usize| {
        let title = header[**at].trim_end();
        let number = title.rsplit_once('|').map(|(_, number)| number);
        let number = number.or_else(|| title.strip_suffix(')')?.rsplit_once('(').map(|(_, number)| number));
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if let Some(at) = free.iter().find(|at| lower(&header[**at]) == "grade") {
        return Ok(*at);
    }
    let with_number: Vec<&usize> = free.iter().filter(numbered).collect();
    match (with_number.as_slice(), free) {
        ([one], _) => Ok(**one),
        ([], [one]) => Ok(*one),
        _ => {
            let titles: Vec<String> = free.iter().map(|at| format!("--column '{}'", header[*at])).collect();
            Err(ExportError::WhichColumn(match titles.is_empty() {
                true => "there is none but those about students; add one in the learning system".to_owned(),
                false => titles.join(" or "),
            }))
        }
    }
}

/// Letters and digits of a text in lower case, nothing else.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The ways in which a name may be written: as it stands, and turned round at a comma.
fn name_keys(name: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::from([letters(name)]);
    if let Some((last, first)) = name.split_once(',') {
        keys.insert(letters(&format!("{first}{last}")));
    }
    keys.remove("");
    keys
}

/// By what a row's student is known.
pub(super) struct Known {
    ids: BTreeSet<String>,
    names: BTreeSet<String>,
}

impl Known {
    pub(super) fn of(row: &[String], columns: &Students) -> Self {
        let cell = |at: usize| row.get(at).map(|cell| cell.trim()).unwrap_or_default();
        let mut ids = BTreeSet::new();
        for id in columns.ids.iter().map(|at| cell(*at).to_lowercase()).filter(|id| !id.is_empty()) {
            // Moodle's worksheet: "Participant 70012".
            ids.extend(id.rsplit_once(' ').map(|(_, number)| number.to_owned()));
            ids.extend(id.split_once('@').map(|(local, _)| local.to_owned()));
            ids.insert(id);
        }
        let mut names: BTreeSet<String> = columns.names.iter().flat_map(|at| name_keys(cell(*at))).collect();
        if let (Some(first), Some(last)) = (columns.first, columns.last) {
            names.extend(name_keys(&format!("{}, {}", cell(last), cell(first))));
        }
        Self { ids, names }
    }
}

/// Writes the points of a class into an export.
///
/// # Errors
/// If it is no table, or it is not clear which column is meant.
pub fn fill(bytes: &[u8], overview: &Overview, column: Option<&str>) -> Result<Filled, ExportError> {
    let mut table = Table::read(bytes)?;
    let header = table.rows[0].clone();
    let columns = Columns::of(&header, column)?;
    let mut notes = Vec::new();
    let known: Vec<Known> = table.rows.iter().map(|row| Known::of(row, &columns.students)).collect();
    let possible_row = |row: &Vec<String>| row.first().is_some_and(|cell| lower(cell).contains("points possible"));
    let possible = table.rows.iter().position(possible_row);
    let of_class = possible
        .and_then(|at| number(table.rows[at].get(columns.points)?))
        .or_else(|| number(header[columns.points].split_once("[Total Pts:")?.1.split_whitespace().next()?));
    // A submission by the row that it belongs to.
    let mut belongs: BTreeMap<usize, Vec<&Row>> = BTreeMap::new();
    for row in &overview.rows {
        match find(&row.submission, &known, possible) {
            Ok(at) => belongs.entry(at).or_default().push(row),
            Err(why) => notes.push(format!("{}: {why}", escape::line(&row.name))),
        }
    }
    let mut filled = 0;
    for (at, rows) in belongs {
        let names = || rows.iter().map(|row| escape::line(&row.name)).collect::<Vec<_>>().join(", ");
        let [row] = rows.as_slice() else {
            notes.push(format!("{}: they belong to one line of the gradebook; left as it was", names()));
            continue;
        };
        let Some(digest) = row.grade() else {
            notes.push(format!("{}: {}; left as it was", names(), row.status()));
            continue;
        };
        let cells = &mut table.rows[at];
        let maximum = columns.maximum.and_then(|column| number(cells.get(column)?)).or(of_class);
        put(cells, columns.points, points(digest, maximum));
        if let Some(column) = columns.feedback {
            put(cells, column, inert(&digest.feedback));
        }
        filled += 1;
    }
    let title = escape::line(&header[columns.points]);
    notes.insert(0, format!("the gradebook's column `{title}` is filled in for {}", counted(filled, "student")));
    Ok(Filled { bytes: table.write(), notes })
}

fn number(text: &str) -> Option<f64> {
    text.trim().replace(',', ".").parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)
}

/// Points on the system's scale, if it has one; else as they are.
fn points(digest: &Digest, maximum: Option<f64>) -> String {
    summary::points(maximum.map_or(digest.points, |maximum| digest.share() * maximum))
}

fn put(cells: &mut Vec<String>, at: usize, text: String) {
    if cells.len() <= at {
        cells.resize(at + 1, String::new());
    }
    cells[at] = text;
}

/// The line that a submission belongs to: by the system's own number, else by the name.
fn find(submission: &Submission, known: &[Known], possible: Option<usize>) -> Result<usize, &'static str> {
    match lines_of(submission, known, possible).as_slice() {
        [one] => Ok(*one),
        [] => Err("it is in no line of the gradebook"),
        _ => Err("it fits several lines of the gradebook; fill it in by hand"),
    }
}

/// All lines that can be a submission's: by the system's own number, else by the name.
pub(super) fn lines_of(submission: &Submission, known: &[Known], possible: Option<usize>) -> Vec<usize> {
    let ids: BTreeSet<String> = submission.ids.iter().map(|id| id.to_lowercase()).collect();
    let names = name_keys(&submission.person);
    let lines = || known.iter().enumerate().skip(1).filter(|(at, _)| Some(*at) != possible);
    let by_id: Vec<usize> = lines().filter(|(_, it)| !it.ids.is_disjoint(&ids)).map(|(at, _)| at).collect();
    let by_name = || lines().filter(|(_, it)| !it.names.is_disjoint(&names)).map(|(at, _)| at).collect();
    if by_id.is_empty() { by_name() } else { by_id }
}

#[cfg(test)]
mod tests {
    use super::super::overview::{State, sample};
    use super::super::settings;
    use super::*;
    use crate::report::model::Status;
    use rstest::rstest;

    fn row(person: &str, id: &str, points: Option<f64>) -> Row {
        let earned = points.unwrap_or(0.0);
        let decided = [("message.a", Status::Pass, earned), ("message.b", Status::Fail, 40.0 - earned)];
        let mut row = sample::row(person, &decided);
        sample::digest(&mut row).feedback = format!("message: {earned} of 40 points, failed");
        row.name = format!("{person}_{id}");
        row.submission.ids = vec![id.to_owned()];
        if points.is_none() {
            row.state = State::Missing;
        }
        row
    }

    fn class() -> Overview {
        let rows =
            vec![row("byronada", "4321", Some(30.0)), row("Grace Hopper", "70012", Some(40.0)), row("x", "9", None)];
        Overview { settings: settings::sample(), rows, passed_over: Vec::new() }
    }

    const CANVAS: &str = "Student,ID,SIS User ID,SIS Login ID,Section,Lab 4 (98764),Lab 5 (98765)\n    Points \
                          Possible,,,,,10,10\n\"Byron, Ada\",4321,u4321,ada,A,6,\n\"Hopper, Grace\",55,u55,grace,A,,\n\
                          \"Else, Someone\",56,u56,else,A,9,3\n";

    const MOODLE: &str = "Identifier,\"Full name\",\"Email address\",Status,Grade,\"Maximum grade\",\"Feedback \
                          comments\"\r\n\"Participant 70012\",Grace Hopper,grace@example.edu,Submitted,,\"20,00\",\r\n\
                          \"Participant 9\",X Y,x@example.edu,Submitted,7,20.00,kept\r\n";

    const BLACKBOARD: &str = "\"Last Name\"\t\"First Name\"\t\"Username\"\t\"Lab 5 [Total Pts: 100 Score] \
                              |12345\"\n\"Byron\"\t\"Ada\"\t\"4321\"\t\"\"\n";

    #[rstest]
    #[case::canvas(CANVAS, Some("Lab 5"))]
    #[case::moodle(MOODLE, None)]
    #[case::blackboard(BLACKBOARD, None)]
    fn exports(#[case] export: &str, #[case] column: Option<&str>) {
        let filled = fill(export.as_bytes(), &class(), column).unwrap();
        let text = String::from_utf8(filled.bytes).unwrap();
        let shown = format!("{}\n---\n{}", text.replace("\r\n", "\\r\n"), filled.notes.join("\n"));
        let name = export.split([',', '\t']).next().unwrap().replace(['"', ' '], "").to_lowercase();
        insta::assert_snapshot!(format!("fills_{name}"), shown);
    }

    #[rstest]
    #[case::utf8_with_mark(Encoding::Utf8WithMark)]
    #[case::utf16(Encoding::Utf16Little)]
    #[case::utf16_big(Encoding::Utf16Big)]
    fn the_encoding_stays(#[case] encoding: Encoding) {
        let table = Table { encoding, ..Table::read(BLACKBOARD.as_bytes()).unwrap() };
        let bytes = table.write();
        assert_eq!(Table::read(&bytes).unwrap().write(), bytes);
        let filled = fill(&bytes, &class(), None).unwrap();
        assert_eq!(filled.bytes[..2], bytes[..2]);
        assert_eq!(Table::read(&filled.bytes).unwrap().rows[1][3], "75");
    }

    #[rstest]
    #[case::empty("", None, "the gradebook cannot be read as a table: it is empty")]
    #[case::which(CANVAS, None, "say which: --column 'Lab 4 (98764)' or --column 'Lab 5 (98765)'")]
    #[case::near(CANVAS, Some("Lab5 (98765)"), "did you mean `Lab 5 (98765)`?")]
    #[case::nobody("Colour,Grade\nred,1\n", None, "no column by which students are recognised")]
    fn what_cannot_be_filled(#[case] export: &str, #[case] column: Option<&str>, #[case] why: &str) {
        let error = fill(export.as_bytes(), &class(), column).expect_err("unclear").to_string();
        assert!(error.contains(why), "{error}");
    }
}
