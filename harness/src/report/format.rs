//! The formats by name, and the one function that renders a report in any of them.

use std::fmt;
use std::str::FromStr;

use super::graders::{classroom50, gradescope, prairielearn};
use super::model::Report;
use super::style::Style;
use super::{csv, github, human, json, junit, markdown, tap};

/// What a report can be rendered as; the names are those of `--format`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// A page on a terminal.
    #[default]
    Human,
    /// The JSON report, schema 1.
    Json,
    /// JUnit XML, for CI services.
    Junit,
    /// TAP 13, the Test Anything Protocol.
    Tap,
    /// `results.json` of a Gradescope autograder.
    Gradescope,
    /// `result.json` of a Classroom 50 autograder.
    Classroom50,
    /// `results.json` of a PrairieLearn external grader.
    PrairieLearn,
    /// A table for spreadsheets.
    Csv,
    /// Annotations for GitHub Actions.
    Github,
    /// GitHub-flavoured Markdown, for a pull-request comment or a step summary.
    Markdown,
}

/// A name that is no format's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no report format `{}`; there is: {}", super::escape::line(.name), names())]
pub struct UnknownFormat {
    /// The name that was asked for.
    pub name: String,
}

impl Format {
    /// All formats, in the order of the documentation.
    pub const ALL: &[Self] = &[
        Self::Human,
        Self::Json,
        Self::Junit,
        Self::Tap,
        Self::Gradescope,
        Self::Classroom50,
        Self::PrairieLearn,
        Self::Csv,
        Self::Github,
        Self::Markdown,
    ];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Tap => "tap",
            Self::Gradescope => "gradescope",
            Self::Classroom50 => "classroom50",
            Self::PrairieLearn => "prairielearn",
            Self::Csv => "csv",
            Self::Github => "github",
            Self::Markdown => "markdown",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .iter()
            .copied()
            .find(|format| format.as_str() == name)
            .ok_or_else(|| UnknownFormat { name: name.to_owned() })
    }
}

fn names() -> String {
    Format::ALL.iter().map(|format| format.as_str()).collect::<Vec<_>>().join(", ")
}

/// Renders a report; every format ends in one line end. The style matters to `human` only.
pub fn render(report: &Report, format: Format, style: Style) -> String {
    match format {
        Format::Human => human::render(report, style),
        Format::Json => json::render(report),
        Format::Junit => junit::render(report),
        Format::Tap => tap::render(report),
        Format::Gradescope => gradescope::render(report),
        Format::Classroom50 => classroom50::render(report, &classroom50::Surroundings::here()),
        Format::PrairieLearn => prairielearn::render(report),
        Format::Csv => csv::render(report),
        Format::Github => github::render(report, &github::folder(&report.target)),
        Format::Markdown => markdown::render(report),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use rstest::rstest;

    #[test]
    fn names_lead_back() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(*format));
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known() {
        let error = "JSON".parse::<Format>().expect_err("names are lower-case");
        assert_eq!(
            error.to_string(),
            "there is no report format `JSON`; there is: human, json, junit, tap, gradescope, classroom50, prairielearn, csv, github, markdown"
        );
    }

    #[rstest]
    fn every_format_names_the_line(
        #[values("server.py:9 connection.sendall(names[data])", "lib/lines, 100%.py:7 data +=")] line: &str,
    ) {
        for format in Format::ALL.iter().filter(|format| **format != Format::Json) {
            let text = render(&sample::stopped(), *format, Style::default());
            // Lines are broken, and percent signs are escaped, as each format has it.
            let flat = text.replace("%25", "%").replace("\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(line), "{format}: {text}");
        }
    }

    #[test]
    fn every_format_ends_in_one_line_end_and_repeats_itself() {
        for format in Format::ALL {
            let text = render(&sample::full(), *format, Style::default());
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{format}");
            if *format != Format::Classroom50 {
                // That one says when it was made.
                assert_eq!(text, render(&sample::full(), *format, Style::default()), "{format}");
            }
        }
    }
}
