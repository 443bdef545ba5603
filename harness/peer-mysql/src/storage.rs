//! Where one database is kept: an SQLite in memory that has an end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};

use super::functions::{self, Clock};
use super::result::{Column, Outcome, Type, Value};

/// Pages of 4096 bytes that a database has at most: 32 MiB.
const PAGES: u32 = 8192;

/// Steps of SQLite's machine in one statement: a second or so.
const STEPS: u32 = 5_000_000;

/// Steps between two looks at how many there were.
const LOOK: u32 = 10_000;

/// Rows and bytes of a result at most.
const ROWS: usize = 50_000;
const BYTES: usize = 16 << 20;

/// One database.
pub struct Database {
    /// What is in it.
    pub connection: Connection,
    /// The client that has changed something in it that does not count yet.
    pub changing: Option<u32>,
    /// How its tables were made, as the client said it.
    pub made: BTreeMap<String, String>,
    steps: Arc<AtomicU32>,
}

impl Database {
    pub(super) fn new(clock: &Clock) -> rusqlite::Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        functions::add(&connection, clock)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        connection.execute_batch(&format!("PRAGMA foreign_keys = ON; PRAGMA max_page_count = {PAGES};"))?;
        let limits = [
            (Limit::SQLITE_LIMIT_LENGTH, 16 << 20),
            (Limit::SQLITE_LIMIT_SQL_LENGTH, 4 << 20),
            (Limit::SQLITE_LIMIT_ATTACHED, 0),
            (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
        ];
        for (limit, value) in limits {
            connection.set_limit(limit, value)?;
        }
        let steps = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&steps);
        connection.progress_handler(LOOK as i32, Some(move || counter.fetch_add(LOOK, Ordering::Relaxed) > STEPS))?;
        Ok(Self { connection, changing: None, made: BTreeMap::new(), steps })
    }

    /// Names of its tables and views, in order.
    pub fn tables(&self) -> Vec<String> {
        let sql =
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let names = self.connection.prepare(sql).and_then(|mut statement| {
            statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<String>>>()
        });
        names.unwrap_or_default()
    }

    /// Whether it has this table.
    pub fn has(&self, table: &str) -> bool {
        self.tables().iter().any(|name| name.eq_ignore_ascii_case(table))
    }

    /// The rows of a query.
    ///
    /// # Errors
    /// What SQLite says, or that there are too many rows.
    pub fn rows(&self, sql: &str, values: &[Value]) -> Result<Outcome, Failed> {
        self.steps.store(0, Ordering::Relaxed);
        let mut statement = self.connection.prepare(sql)?;
        let mut columns = declared(&statement);
        let count = columns.len();
        let mut came = statement.query(params_from_iter(values.iter().map(sqlite)))?;
        let mut rows = Vec::new();
        let mut bytes = 0;
        while let Some(row) = came.next()? {
            let mut values = Vec::with_capacity(count);
            for index in 0..count {
                let value = match row.get_ref(index)? {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(number) => Value::Integer(number),
                    ValueRef::Real(number) => Value::Double(number),
                    ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                    ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
                };
                bytes += match &value {
                    Value::Text(text) => text.len(),
                    Value::Bytes(bytes) => bytes.len(),
                    _ => 8,
                };
                values.push(value);
            }
            rows.push(values);
            if rows.len() > ROWS || bytes > BYTES {
                return Err(Failed::TooMuch);
            }
        }
        for (index, column) in columns.iter_mut().enumerate() {
            settle(column, rows.iter_mut().map(|row| &mut row[index]));
        }
        let columns = columns.into_iter().map(|(column, _)| column).collect();
        Ok(Outcome::Rows { columns, rows })
    }

    pub(super) fn change(&self, sql: &str, values: &[Value]) -> Result<u64, Failed> {
        self.steps.store(0, Ordering::Relaxed);
        let mut statement = self.connection.prepare(sql)?;
        Ok(statement.execute(params_from_iter(values.iter().map(sqlite)))? as u64)
    }
}

/// Why SQLite has not run something.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// It says so.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// More rows than anybody wants to look at.
    #[error("a result of more than {ROWS} rows")]
    TooMuch,
}

fn sqlite(value: &Value) -> rusqlite::types::Value {
    match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Integer(number) => (*number).into(),
        Value::Double(number) => (*number).into(),
        Value::Text(text) => text.clone().into(),
        Value::Bytes(bytes) => bytes.clone().into(),
    }
}

/// The columns as they were declared; what is computed is settled by its values. With each the digits after the point.
pub(super) fn declared(statement: &rusqlite::Statement<'_>) -> Vec<(Column, Option<usize>)> {
    let columns = statement.columns();
    let columns = columns.into_iter().map(|column| {
        let of_type = column.decl_type().unwrap_or_default().to_ascii_uppercase();
        let word = of_type.split([' ', '(']).next().unwrap_or_default();
        let holds = match word {
            "DATE" => Type::Date,
            "DATETIME" => Type::Moment,
            "TIMESTAMP" => Type::Timestamp,
            "TIME" => Type::Time,
            "DECIMAL" => Type::Decimal,
            "FLOAT" | "DOUBLE" => Type::Double,
            "BLOB" => Type::Bytes,
            "YEAR" => Type::Integer,
            word if word.contains("INT") => Type::Integer,
            "" => Type::Null,
            _ => Type::Text,
        };
        let scale = of_type.split_once(',').and_then(|(_, rest)| rest.trim_end_matches(')').trim().parse().ok());
        (Column { name: column.name().to_owned(), holds }, (holds == Type::Decimal).then(|| scale.unwrap_or(0)))
    });
    columns.collect()
}

/// Brings a column and its values together.
fn settle<'v>((column, scale): &mut (Column, Option<usize>), values: impl Iterator<Item = &'v mut Value>) {
    let mut seen = Type::Null;
    for value in values {
        if let Some(scale) = scale {
            let number = match value {
                Value::Integer(number) => Some(*number as f64),
                Value::Double(number) => Some(*number),
                _ => None,
            };
            if let Some(number) = number {
                *value = Value::Text(format!("{number:.scale$}"));
            }
        }
        seen = match (&*value, seen) {
            (Value::Null, seen) => seen,
            (Value::Integer(_), Type::Null | Type::Integer) => Type::Integer,
            (Value::Integer(_) | Value::Double(_), Type::Null | Type::Integer | Type::Double) => Type::Double,
            (Value::Bytes(_), Type::Null | Type::Bytes) => Type::Bytes,
            _ => Type::Text,
        };
    }
    let fits = match column.holds {
        Type::Null => false,
        Type::Integer => matches!(seen, Type::Integer | Type::Null),
        Type::Double => matches!(seen, Type::Integer | Type::Double | Type::Null),
        _ => true,
    };
    if !fits {
        column.holds = seen;
    }
}

/// Whether a table has a column with AUTO_INCREMENT.
pub(super) fn counts(connection: &Connection, table: &str) -> bool {
    let sql = "SELECT sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE name = ? COLLATE NOCASE";
    connection.query_row(sql, [table], |row| row.get(0)).unwrap_or(false)
}
