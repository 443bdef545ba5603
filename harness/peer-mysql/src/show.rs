//! What a server says about itself: SHOW, DESCRIBE, system variables, information_schema.

use rusqlite::Connection;

use super::engine::{Client, Engine};
use super::lex::{Kind, Piece};
use super::render::quoted;
use super::result::{Outcome, Refusal, Value};
use super::{Trouble, beyond, login, refused};

/// A system variable's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// A number.
    Number(i64),
    /// Text.
    Text(&'static str),
}

impl Setting {
    /// As SQL.
    pub fn rendered(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => quoted(text),
        }
    }
}

/// System variables that clients look at.
const VARIABLES: [(&str, Setting); 29] = [
    ("auto_increment_increment", Setting::Number(1)),
    ("autocommit", Setting::Number(1)),
    ("character_set_client", Setting::Text("utf8mb4")),
    ("character_set_connection", Setting::Text("utf8mb4")),
    ("character_set_database", Setting::Text("utf8mb4")),
    ("character_set_results", Setting::Text("utf8mb4")),
    ("character_set_server", Setting::Text("utf8mb4")),
    ("collation_connection", Setting::Text("utf8mb4_general_ci")),
    ("collation_database", Setting::Text("utf8mb4_general_ci")),
    ("collation_server", Setting::Text("utf8mb4_general_ci")),
    ("default_storage_engine", Setting::Text("InnoDB")),
    ("hostname", Setting::Text("database")),
    ("init_connect", Setting::Text("")),
    ("interactive_timeout", Setting::Number(28_800)),
    ("license", Setting::Text("GPL")),
    ("lower_case_table_names", Setting::Number(0)),
    ("max_allowed_packet", Setting::Number(16_777_216)),
    ("net_buffer_length", Setting::Number(16_384)),
    ("net_write_timeout", Setting::Number(60)),
    ("performance_schema", Setting::Number(0)),
    ("port", Setting::Number(3306)),
    ("sql_mode", Setting::Text("STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION")),
    ("system_time_zone", Setting::Text("UTC")),
    ("time_zone", Setting::Text("SYSTEM")),
    ("transaction_isolation", Setting::Text("REPEATABLE-READ")),
    ("tx_isolation", Setting::Text("REPEATABLE-READ")),
    ("version", Setting::Text(login::VERSION)),
    ("version_comment", Setting::Text("embedded")),
    ("wait_timeout", Setting::Number(28_800)),
];

/// A system variable, without `@@`.
pub fn variable(name: &str) -> Option<Setting> {
    let name = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// Whether a text is like a pattern (LIKE).
fn like(text: &str, pattern: Option<&str>) -> bool {
    let Some(pattern) = pattern else { return true };
    let pattern: String = pattern
        .replace("\\_", "\u{1}")
        .chars()
        .map(|c| match c {
            '%' => ".*".to_owned(),
            '_' => ".".to_owned(),
            '\u{1}' => "_".to_owned(),
            c => regex::escape(&c.to_string()),
        })
        .collect();
    regex::RegexBuilder::new(&format!("^{pattern}$"))
        .case_insensitive(true)
        .build()
        .is_ok_and(|like| like.is_match(text))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A column of a table, as DESCRIBE shows it.
struct Described {
    name: String,
    of_type: String,
    not_null: bool,
    default: Value,
    key: &'static str,
    extra: &'static str,
}

fn described(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Described>> {
    let sql = "SELECT sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE name = ? COLLATE NOCASE";
    let counts: bool = connection.query_row(sql, [table], |row| row.get(0)).unwrap_or(false);
    let unique = "SELECT 1 FROM pragma_index_list(?1) l, pragma_index_info(l.name) i WHERE l.\"unique\" AND l.origin <> 'pk' AND i.name = ?2 \
                  AND (SELECT count(*) FROM pragma_index_info(l.name)) = 1";
    let mut statement =
        connection.prepare("SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info(?)")?;
    let rows = statement.query_map([table], |row| {
        let (name, of_type): (String, String) = (row.get(0)?, row.get(1)?);
        let (default, primary): (Option<String>, bool) = (row.get(3)?, row.get(4)?);
        let is_unique = connection.query_row(unique, [table, &name], |_| Ok(())).is_ok();
        let default = default.filter(|default| !default.eq_ignore_ascii_case("null"));
        let of_type =
            if of_type == "INTEGER" { "int" } else { of_type.trim_end_matches(" TEXT").trim_end_matches(" INT") };
        Ok(Described {
            of_type: of_type.to_ascii_lowercase(),
            not_null: row.get::<_, bool>(2)? || primary,
            default: default.map_or(Value::Null, |text| {
                let plain = text.trim_matches('\'').to_owned();
                Value::Text(if plain == "mysql_now()" { "CURRENT_TIMESTAMP".to_owned() } else { plain })
            }),
            key: if primary {
                "PRI"
            } else if is_unique {
                "UNI"
            } else {
                ""
            },
            extra: if counts && primary { "auto_increment" } else { "" },
            name,
        })
    })?;
    rows.collect()
}

impl Engine {
    /// SHOW and DESCRIBE.
    pub(super) fn show(&mut self, client: &mut Client, all: &[Piece], source: &str) -> Result<Outcome, Trouble> {
        let all: Vec<Piece> =
            all.iter().filter(|piece| !piece.is_any(&["FULL", "GLOBAL", "SESSION", "EXTENDED"])).cloned().collect();
        let pattern = all.iter().position(|piece| piece.is("LIKE")).and_then(|at| all.get(at + 1));
        let pattern = pattern.filter(|piece| piece.kind == Kind::Text).map(|piece| piece.text.as_str());
        let from = all.iter().position(|piece| piece.is_any(&["FROM", "IN"]));
        let word = all.get(1).map(|piece| piece.text.to_ascii_uppercase()).unwrap_or_default();
        let no_columns = || Err(Trouble::Refused(Refusal::syntax("")));
        if !all[0].is("SHOW") {
            let Some(table) = all.get(1) else { return no_columns() };
            if all.len() > 4 || table.is_any(&["SELECT", "INSERT", "UPDATE", "DELETE", "FORMAT", "ANALYZE"]) {
                return Err(beyond("EXPLAIN"));
            }
            return self.columns_of(client, &all[1..], None, None);
        }
        match word.as_str() {
            "DATABASES" | "SCHEMAS" => {
                let names = self.databases.keys().filter(|name| like(name, pattern)).map(|name| vec![text(name)]);
                Ok(Outcome::table(&["Database"], names.collect()))
            }
            "TABLES" => {
                let named = from.and_then(|at| all.get(at + 1)).and_then(Piece::name).or(client.database.as_deref());
                let Some(name) = named else { return Err(refused(1046, "No database selected")) };
                let known = self.database(name).ok_or_else(|| refused(1049, format!("Unknown database '{name}'")))?;
                let tables = self.databases[&known].tables();
                let rows = tables.iter().filter(|table| like(table, pattern)).map(|table| vec![text(table)]);
                Ok(Outcome::table(&[&format!("Tables_in_{known}")], rows.collect()))
            }
            "COLUMNS" | "FIELDS" => {
                let Some(at) = from else { return no_columns() };
                let second = all[at + 1..]
                    .iter()
                    .skip(1)
                    .position(|piece| piece.is_any(&["FROM", "IN"]))
                    .and_then(|two| all.get(at + two + 3));
                let second = second.and_then(Piece::name).map(str::to_owned);
                self.columns_of(client, &all[at + 1..], second, pattern)
            }
            "CREATE" if all.get(2).is_some_and(|piece| piece.is("TABLE")) => {
                let (name, pieces) = self.placed(client, &all)?;
                let table = pieces.get(3).and_then(Piece::name).unwrap_or_default();
                let database = &self.databases[&name];
                let made = database.made.iter().find(|(known, _)| known.eq_ignore_ascii_case(table));
                let Some((table, made)) = made else {
                    return Err(refused(1146, format!("Table '{name}.{table}' doesn't exist")));
                };
                Ok(Outcome::table(&["Table", "Create Table"], vec![vec![text(table), text(made)]]))
            }
            "WARNINGS" | "ERRORS" => Ok(Outcome::table(&["Level", "Code", "Message"], Vec::new())),
            "VARIABLES" => {
                let rows = VARIABLES.iter().filter(|(name, _)| like(name, pattern)).map(|(name, value)| {
                    let value = match value {
                        Setting::Number(number) => number.to_string(),
                        Setting::Text(text) => (*text).to_owned(),
                    };
                    vec![text(name), Value::Text(value)]
                });
                Ok(Outcome::table(&["Variable_name", "Value"], rows.collect()))
            }
            "STATUS" => Ok(Outcome::table(&["Variable_name", "Value"], Vec::new())),
            "ENGINES" => {
                let row = ["InnoDB", "DEFAULT", "Supports transactions, row-level locking, and foreign keys"].map(text);
                Ok(Outcome::table(&["Engine", "Support", "Comment"], vec![row.to_vec()]))
            }
            _ => Err(beyond(source)),
        }
    }

    fn columns_of(
        &self,
        client: &Client,
        table: &[Piece],
        database: Option<String>,
        pattern: Option<&str>,
    ) -> Result<Outcome, Trouble> {
        let names: Vec<&str> = table.iter().filter_map(Piece::name).collect();
        let qualified = table.get(1).is_some_and(|piece| piece.is_mark("."));
        let (name, table) = match (&names[..], qualified) {
            ([name, table, ..], true) => (Some((*name).to_owned()), *table),
            ([table, ..], _) => (database.or_else(|| client.database.clone()), *table),
            _ => return Err(Trouble::Refused(Refusal::syntax(""))),
        };
        let Some(name) = name else { return Err(refused(1046, "No database selected")) };
        let known = self.database(&name).ok_or_else(|| refused(1049, format!("Unknown database '{name}'")))?;
        if !self.databases[&known].has(table) {
            return Err(refused(1146, format!("Table '{name}.{table}' doesn't exist")));
        }
        let columns =
            described(&self.databases[&known].connection, table).map_err(|error| beyond(&error.to_string()))?;
        let rows = columns.into_iter().filter(|column| like(&column.name, pattern)).map(|column| {
            let null = if column.not_null { "NO" } else { "YES" };
            vec![
                Value::Text(column.name),
                Value::Text(column.of_type),
                text(null),
                text(column.key),
                column.default,
                text(column.extra),
            ]
        });
        Ok(Outcome::table(&["Field", "Type", "Null", "Key", "Default", "Extra"], rows.collect()))
    }

    /// Brings information_schema up to date.
    pub(super) fn describe_itself(&mut self) -> rusqlite::Result<()> {
        let Some(own) = self.databases.get("information_schema") else { return Ok(()) };
        let connection = &own.connection;
        connection.execute_batch(
            "DROP TABLE IF EXISTS SCHEMATA; DROP TABLE IF EXISTS TABLES; DROP TABLE IF EXISTS COLUMNS;
             CREATE TABLE SCHEMATA (CATALOG_NAME TEXT, SCHEMA_NAME TEXT COLLATE NOCASE, DEFAULT_CHARACTER_SET_NAME TEXT);
             CREATE TABLE TABLES (TABLE_SCHEMA TEXT COLLATE NOCASE, TABLE_NAME TEXT COLLATE NOCASE, TABLE_TYPE TEXT, ENGINE TEXT,
               TABLE_ROWS BIGINT);
             CREATE TABLE COLUMNS (TABLE_SCHEMA TEXT COLLATE NOCASE, TABLE_NAME TEXT COLLATE NOCASE, COLUMN_NAME TEXT COLLATE NOCASE,
               ORDINAL_POSITION BIGINT, COLUMN_DEFAULT TEXT, IS_NULLABLE TEXT, DATA_TYPE TEXT, COLUMN_TYPE TEXT, COLUMN_KEY TEXT,
               EXTRA TEXT);",
        )?;
        for (name, database) in &self.databases {
            connection.execute("INSERT INTO SCHEMATA VALUES ('def', ?, 'utf8mb4')", [name])?;
            if name == "information_schema" {
                continue;
            }
            for table in database.tables() {
                let count: i64 = database
                    .connection
                    .query_row(&format!("SELECT count(*) FROM {}", super::render::named(&table)), [], |row| row.get(0))
                    .unwrap_or_default();
                connection.execute(
                    "INSERT INTO TABLES VALUES (?, ?, 'BASE TABLE', 'InnoDB', ?)",
                    rusqlite::params![name, table, count],
                )?;
                for (position, column) in described(&database.connection, &table)?.into_iter().enumerate() {
                    let null = if column.not_null { "NO" } else { "YES" };
                    let of = column.of_type.split('(').next().unwrap_or_default().to_owned();
                    connection.execute(
                        "INSERT INTO COLUMNS VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        rusqlite::params![
                            name,
                            table,
                            column.name,
                            position as i64 + 1,
                            column.default.text(),
                            null,
                            of,
                            column.of_type,
                            column.key,
                            column.extra
                        ],
                    )?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("students", Some("stud%"), true)]
    #[case("students", Some("STUDENT_"), true)]
    #[case("students", Some("student\\_"), false)]
    #[case("a.c", Some("a.c"), true)]
    #[case("abc", Some("a.c"), false)]
    #[case("abc", None, true)]
    fn knows_what_is_like_a_pattern(#[case] name: &str, #[case] pattern: Option<&str>, #[case] alike: bool) {
        assert_eq!(like(name, pattern), alike);
    }
}
