//! Results as course platforms read them. Each puts the same facts into its own keys; a program's words reach them
//! only as escaped text inside a JSON string.

pub mod classroom50;
pub mod gradescope;
pub mod prairielearn;

use serde::Serialize;

use super::model::{RequirementReport, Status};
use super::style::Style;
use super::{escape, failure, prose, summary};
use harness_language::catalogue::model::Level;

/// Longest text about one requirement, in bytes: PrairieLearn takes a megabyte for everything.
const LONGEST: usize = 6_000;

/// What a student reads about a requirement: nothing if it holds.
fn text(found: &RequirementReport) -> String {
    let text = match found.status {
        Status::Pass => String::new(),
        Status::Fail => failure::paragraph(found, Style::default().plain()),
        Status::Skip | Status::NotGradable | Status::HarnessError => {
            format!("not decided: {}", escape::lines(&summary::undecided_reason(found)).join("\n"))
        }
    };
    match (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end)) {
        Some(end) if end < text.len() => format!("{}\n… (the JSON report has all of it)", &text[..end]),
        _ => text,
    }
}

/// `message.twenty-kb: A text file of 20 KB arrives whole`.
fn name(found: &RequirementReport) -> String {
    format!("{}: {}", escape::line(&found.id), escape::line(&prose::one_line(&found.title)))
}

/// Whether a platform that knows only right and wrong is to show it as right; nothing if it was not decided. What
/// costs no points is never shown as wrong.
fn verdict(found: &RequirementReport) -> Option<bool> {
    match (found.status, found.level) {
        (Status::Pass, _) => Some(true),
        (Status::Fail, Level::May) if found.max_score == 0.0 => None,
        (Status::Fail, _) => Some(false),
        _ => None,
    }
}

fn json(value: &impl Serialize) -> String {
    // A tree of strings and numbers is always JSON.
    let mut text = serde_json::to_string_pretty(value).expect("JSON in memory");
    text.push('\n');
    text
}
