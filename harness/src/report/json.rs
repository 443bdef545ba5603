//! The JSON report, schema 1: written, read back, and described by a JSON Schema.
//!
//! Keys stand in the model's order. Characters that act on a terminal are written as
//! `\uXXXX`, which is the same JSON string.

use std::io;

use schemars::Schema;
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::escape;
use super::model::{Report, SCHEMA};
use super::settle;

/// Why a text is not a report.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON at all, or cut off.
    #[error("line {line}, column {column}: this is not JSON ({message}); was the file cut off?")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// JSON, but without the number that every report begins with.
    #[error("this is JSON, but no report: it has no `schema` number; expected what `--format json` writes")]
    NotAReport,
    /// A report of another version.
    #[error(
        "this report has schema {found}, and this harness reads schema {SCHEMA}; read it with the harness that wrote it"
    )]
    Version {
        /// Its version.
        found: u64,
    },
    /// A report of this version with something missing or misplaced.
    #[error("line {line}, column {column}: {message}; `harness schema report` describes what is expected")]
    Shape {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
}

/// Renders the report, indented by two blanks; it ends in a line end.
pub fn render(report: &Report) -> String {
    visible(report)
}

/// Any value of this crate's models in the same form.
pub fn visible(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Visible(PrettyFormatter::new()));
    // Writing to memory cannot fail, and the models have neither maps with other keys than
    // strings nor serialisers of their own.
    value.serialize(&mut serializer).expect("a model is always serialisable");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

/// Reads a report back. What only pages for people show (titles, teaching texts,
/// transcripts) is not in the JSON and comes back empty.
///
/// # Errors
/// If the text is not JSON, not a report, or of another schema version.
pub fn from_json(text: &str) -> Result<Report, ReadError> {
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| ReadError::NotJson {
        line: error.line(),
        column: error.column(),
        message: message(&error),
    })?;
    match json.get("schema").and_then(serde_json::Value::as_u64) {
        None => Err(ReadError::NotAReport),
        Some(found) if found != u64::from(SCHEMA) => Err(ReadError::Version { found }),
        Some(_) => {
            let mut report: Report = serde_json::from_str(text).map_err(|error| ReadError::Shape {
                line: error.line(),
                column: error.column(),
                message: message(&error),
            })?;
            // One that was written before there was this key.
            if json.get("verdict").is_none() {
                report.verdict = settle::verdict(&report.tasks);
            }
            Ok(report)
        }
    }
}

/// The JSON Schema of the report.
pub fn schema() -> Schema {
    schemars::schema_for!(Report)
}

/// What the parser says, without the place, which is said apart; it may quote the file.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    escape::line(text.strip_suffix(&place).unwrap_or(&text))
}

/// Pretty JSON in which nothing acts on a terminal.
struct Visible<'a>(PrettyFormatter<'a>);

impl Formatter for Visible<'_> {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(escape::acts) {
            let (plain, from) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut characters = from.chars();
            if let Some(character) = characters.next() {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{self, hostile_text};
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[test]
    fn report() {
        insta::assert_snapshot!(render(&sample::full()));
    }

    #[test]
    fn published_schema() {
        insta::assert_json_snapshot!(schema());
    }

    #[rstest]
    #[case::empty("", "line 1, column 0: this is not JSON (EOF while parsing a value); was the file cut off?")]
    #[case::cut(
        "{\"schema\": 1,",
        "line 1, column 13: this is not JSON (EOF while parsing a value); was the file cut off?"
    )]
    #[case::other(
        "[1, 2]",
        "this is JSON, but no report: it has no `schema` number; expected what `--format json` writes"
    )]
    #[case::newer(
        "{\"schema\": 7}",
        "this report has schema 7, and this harness reads schema 1; read it with the harness that wrote it"
    )]
    #[case::missing(
        "{\"schema\": 1}",
        "line 1, column 13: missing field `harness`; `harness schema report` describes what is expected"
    )]
    fn errors(#[case] text: &str, #[case] message: &str) {
        let error = from_json(text).expect_err("must be refused");
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn an_error_does_not_relay_control_characters() {
        let text = render(&sample::passed()).replace("\"must\"", "\"\\u001b[31mmust\"");
        let error = from_json(&text).expect_err("must be refused");
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
    }

    proptest! {
        #[test]
        fn reads_back_what_it_wrote(text in hostile_text(), quarters in 0u32..400) {
            let mut report = sample::hostile(&text);
            report.score = f64::from(quarters) / 4.0;
            let first = render(&report);
            let again = from_json(&first).expect("own output");
            prop_assert_eq!(&again.tasks[0].requirements[0].runs[0].actual, &text);
            prop_assert_eq!(render(&again), first);
        }

        #[test]
        fn text_from_programs_cannot_act(text in hostile_text()) {
            let json = render(&sample::hostile(&text));
            prop_assert!(!json.contains(|c: char| c != '\n' && escape::acts(c)), "{json}");
        }
    }
}
