//! What SQLite complains about, as MySQL would say it.

use sqlparser::dialect::MySqlDialect;
use sqlparser::parser::Parser;

use super::result::Refusal;
use super::{Trouble, beyond, refused};

/// What a complaint of SQLite's means. `statement` is what the client has said, `database` where it was run.
pub fn meaning(error: &rusqlite::Error, statement: &str, database: &str) -> Trouble {
    let words = match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::MultipleStatement => return beyond("several statements in one"),
        rusqlite::Error::InvalidParameterCount(..) => return refused(1210, "Incorrect arguments to EXECUTE"),
        other => other.to_string(),
    };
    let after = |start: &str| words.strip_prefix(start).map(str::trim);
    let column = |of: &str| of.rsplit('.').next().unwrap_or(of).to_owned();
    if let Some(table) = after("no such table: ") {
        let table = table.trim_start_matches("main.");
        return refused(1146, format!("Table '{database}.{table}' doesn't exist"));
    }
    if let Some(name) = after("no such column: ") {
        return refused(1054, format!("Unknown column '{name}' in 'field list'"));
    }
    if let Some((_, name)) = words.split_once(" has no column named ") {
        return refused(1054, format!("Unknown column '{name}' in 'field list'"));
    }
    if let Some(name) = after("ambiguous column name: ") {
        return refused(1052, format!("Column '{name}' in field list is ambiguous"));
    }
    if let Some(of) = after("UNIQUE constraint failed: ") {
        return refused(1062, format!("Duplicate entry for key '{of}'"));
    }
    if let Some(of) = after("NOT NULL constraint failed: ") {
        return refused(1048, format!("Column '{}' cannot be null", column(of)));
    }
    if let Some(name) = after("CHECK constraint failed: ") {
        let (code, of) = name.split_once(' ').unwrap_or(("3819", name));
        return match code {
            "1406" => refused(1406, format!("Data too long for column '{of}' at row 1")),
            "1264" => refused(1264, format!("Out of range value for column '{of}' at row 1")),
            "1265" => refused(1265, format!("Data truncated for column '{of}' at row 1")),
            "1366" => refused(1366, format!("Incorrect value for column '{of}' at row 1")),
            _ => refused(3819, format!("Check constraint '{of}' is violated.")),
        };
    }
    if words.starts_with("FOREIGN KEY constraint failed") {
        return refused(1452, "Cannot add or update a child row: a foreign key constraint fails");
    }
    if let Some(name) = after("table ").and_then(|rest| rest.strip_suffix(" already exists")) {
        return refused(1050, format!("Table '{}' already exists", name.trim_matches(['`', '"'])));
    }
    let wrong_count = words.contains(" values for ") || words.contains(" values were supplied");
    if wrong_count {
        return refused(1136, "Column count doesn't match value count at row 1");
    }
    let syntax =
        words.ends_with("syntax error") || words == "incomplete input" || words.starts_with("unrecognized token");
    if syntax && Parser::parse_sql(&MySqlDialect {}, statement).is_err() {
        let near = words.strip_prefix("near \"").and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let at = if near.is_empty() { statement.len() } else { statement.find(near).unwrap_or(0) };
        return Trouble::Doubtful(Refusal::syntax(&statement[at..]));
    }
    beyond(&words)
}
