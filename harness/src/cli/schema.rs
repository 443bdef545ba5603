//! `harness schema`.

use schemars::schema_for;

use super::arguments::{Schema, SchemaKind};
use super::{Exit, term};

/// Prints a JSON Schema.
pub fn run(arguments: &Schema) -> Exit {
    let schema = match arguments.kind {
        SchemaKind::Scenario => schema_for!(crate::scenario::model::ScenarioFile),
        SchemaKind::Opening => schema_for!(crate::scenario::model::OpeningFile),
        SchemaKind::Task => schema_for!(crate::catalogue::model::TaskFile),
        SchemaKind::Submission => crate::submission::manifest::schema(),
        SchemaKind::Rubric => crate::grade::rubric_schema(),
        SchemaKind::Report => crate::report::json::schema(),
    };
    match serde_json::to_string_pretty(&schema) {
        Ok(text) => {
            term::print(&format!("{text}\n"));
            Exit::Passed
        }
        Err(error) => {
            term::say(&format!("harness: {error}"));
            Exit::Harness
        }
    }
}
