//! Statements are run: each database is an SQLite of its own, in memory, and has an end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};

use super::functions::{self, Clock};
use super::lex::{Kind, Piece};
use super::render::{self, Rendered, Surroundings, named, parts, quoted};
use super::result::{Column, Outcome, Refusal, Type, Value};
use super::{Trouble, beyond, define, errors, login, refused, show};

/// Databases at most.
const DATABASES: usize = 20;

/// Pages of 4096 bytes that a database has at most: 32 MiB.
const PAGES: u32 = 8192;

/// Steps of SQLite's machine in one statement: a second or so.
const STEPS: u32 = 5_000_000;

/// Steps between two looks at how many there were.
const LOOK: u32 = 10_000;

/// Rows and bytes of a result at most.
const ROWS: usize = 50_000;
const BYTES: usize = 16 << 20;

/// The names of databases that are always there; `test` is empty, and everybody may write there.
const ALWAYS: [&str; 4] = ["information_schema", "mysql", "performance_schema", "test"];

/// Words with which a statement of MySQL's can begin, beside those that this server knows.
const OTHER_VERBS: [&str; 28] = [
    "ANALYZE", "BINLOG", "CACHE", "CALL", "CHANGE", "CHECK", "CHECKSUM", "CLONE", "DEALLOCATE", "DO", "EXECUTE", "GET", "HANDLER",
    "HELP", "IMPORT", "INSTALL", "KILL", "LOAD", "OPTIMIZE", "PREPARE", "RELEASE", "REPAIR", "RESIGNAL", "SAVEPOINT", "SIGNAL",
    "TABLE", "VALUES", "XA",
];

/// What belongs to one connection of a client.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its number.
    pub id: u32,
    /// Who has logged in.
    pub user: String,
    /// The database in use.
    pub database: Option<String>,
    /// Whether every change counts at once.
    pub autocommit: bool,
    /// Whether several statements may come in one text.
    pub several: bool,
    /// START TRANSACTION has come.
    began: bool,
    last_id: u64,
    affected: i64,
    variables: BTreeMap<String, String>,
}

impl Client {
    /// A connection of this user.
    pub fn new(id: u32, user: &str, several: bool) -> Self {
        Self {
            id,
            user: user.to_owned(),
            database: None,
            autocommit: true,
            several,
            began: false,
            last_id: 0,
            affected: 0,
            variables: BTreeMap::new(),
        }
    }

    /// The bits that say what state the connection is in.
    pub fn status(&self) -> u16 {
        u16::from(self.began) | if self.autocommit { login::AUTOCOMMIT } else { 0 }
    }
}

impl Surroundings for Client {
    fn constant(&self, function: &str) -> Option<String> {
        Some(match function {
            "database" | "schema" => self.database.as_deref().map_or("NULL".to_owned(), quoted),
            "user" | "current_user" | "session_user" | "system_user" => quoted(&format!("{}@%", self.user)),
            "version" => quoted(login::VERSION),
            "connection_id" => self.id.to_string(),
            "last_insert_id" => self.last_id.to_string(),
            "row_count" => self.affected.to_string(),
            _ => return None,
        })
    }

    fn variable(&self, name: &str) -> Option<String> {
        match name.strip_prefix("@@") {
            Some("autocommit" | "session.autocommit") => Some(u8::from(self.autocommit).to_string()),
            Some(name) => show::variable(name).map(|value| value.rendered()),
            None => Some(self.variables.get(&name.to_ascii_lowercase()).cloned().unwrap_or("NULL".to_owned())),
        }
    }
}

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
    fn new(clock: &Clock) -> rusqlite::Result<Self> {
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
        let sql = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name";
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

    fn change(&self, sql: &str, values: &[Value]) -> Result<u64, Failed> {
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
fn declared(statement: &rusqlite::Statement<'_>) -> Vec<(Column, Option<usize>)> {
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

/// The server's databases.
pub struct Engine {
    /// By name.
    pub databases: BTreeMap<String, Database>,
    /// The server's clock.
    pub clock: Clock,
}

impl Engine {
    /// A server with the databases that are always there.
    ///
    /// # Errors
    /// If SQLite cannot be had.
    pub fn new() -> rusqlite::Result<Self> {
        let clock: Clock = Arc::new(AtomicU64::new(0));
        let mut databases = BTreeMap::new();
        for name in ALWAYS {
            databases.insert(name.to_owned(), Database::new(&clock)?);
        }
        Ok(Self { databases, clock })
    }

    /// The name of a database as it was made.
    pub fn database(&self, name: &str) -> Option<String> {
        self.databases.keys().find(|known| known.eq_ignore_ascii_case(name)).cloned()
    }

    /// Begins to use a database.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn use_database(&self, client: &mut Client, name: &str) -> Result<Outcome, Trouble> {
        let known = self.database(name).ok_or_else(|| refused(1049, format!("Unknown database '{name}'")))?;
        client.database = Some(known);
        Ok(Outcome::DONE)
    }

    /// Takes back what a client has changed and not committed.
    pub fn leave(&mut self, client: &mut Client) {
        // Whatever is left of a transaction ends with its connection.
        let _ = self.end(client, "ROLLBACK");
    }

    fn end(&mut self, client: &mut Client, how: &str) -> Result<Outcome, Trouble> {
        client.began = false;
        for (name, database) in &mut self.databases {
            if database.changing == Some(client.id) {
                database.changing = None;
                database.connection.execute_batch(how).map_err(|error| errors::meaning(&error, how, name))?;
            }
        }
        Ok(Outcome::DONE)
    }

    /// Runs one statement.
    ///
    /// # Errors
    /// Why not.
    pub fn run(&mut self, client: &mut Client, all: &[Piece], source: &str, values: &[Value]) -> Result<Outcome, Trouble> {
        let first = &all[0];
        let word = if first.kind == Kind::Word { first.text.to_ascii_uppercase() } else { String::new() };
        let second = |word: &str| all.get(1).is_some_and(|piece| piece.is(word));
        let outcome = match word.as_str() {
            "SELECT" | "WITH" => self.query(client, all, source, values),
            _ if first.is_mark("(") => self.query(client, all, source, values),
            "INSERT" | "REPLACE" | "UPDATE" | "DELETE" => self.change(client, all, source, values),
            "CREATE" if second("DATABASE") || second("SCHEMA") => self.create_database(client, all, source),
            "DROP" if second("DATABASE") || second("SCHEMA") => self.drop_database(client, all, source),
            "CREATE" | "DROP" | "ALTER" | "TRUNCATE" | "RENAME" => {
                self.end(client, "COMMIT")?;
                self.define(client, all, source)
            }
            "USE" => match all.get(1).and_then(Piece::name) {
                Some(name) => self.use_database(client, name),
                None => Err(Trouble::Refused(Refusal::syntax(""))),
            },
            "SHOW" | "DESCRIBE" | "DESC" => self.show(client, all, source),
            "EXPLAIN" if all.len() == 2 => self.show(client, all, source),
            "SET" => self.set(client, all),
            "BEGIN" => self.begin(client),
            "START" if second("TRANSACTION") => self.begin(client),
            "COMMIT" => self.end(client, "COMMIT"),
            "ROLLBACK" if second("TO") => Err(beyond("ROLLBACK TO")),
            "ROLLBACK" => self.end(client, "ROLLBACK"),
            "GRANT" | "REVOKE" | "FLUSH" | "LOCK" | "UNLOCK" | "RESET" => Ok(Outcome::DONE),
            "EXPLAIN" => Err(beyond("EXPLAIN")),
            known if OTHER_VERBS.contains(&known) => Err(beyond(known)),
            _ => Err(Trouble::Refused(Refusal::syntax(source.get(first.at.start..).unwrap_or_default()))),
        };
        if let Ok(Outcome::Done { affected, .. }) = &outcome {
            client.affected = *affected as i64;
        }
        outcome
    }

    fn begin(&mut self, client: &mut Client) -> Result<Outcome, Trouble> {
        self.end(client, "COMMIT")?;
        client.began = true;
        Ok(Outcome::DONE)
    }

    /// The database that a statement is about, and the statement without its name.
    pub fn placed(&self, client: &Client, all: &[Piece]) -> Result<(String, Vec<Piece>), Trouble> {
        let before = [
            "FROM", "JOIN", "INTO", "UPDATE", "TABLE", "EXISTS", "IGNORE", "REFERENCES", "DESCRIBE", "DESC", "TRUNCATE", "COLUMNS",
            "VIEW", "REPLACE", "INSERT",
        ];
        let mut named: Option<String> = None;
        let mut out = Vec::with_capacity(all.len());
        let mut index = 0;
        while index < all.len() {
            if let [first, dot, second, ..] = &all[index..]
                && let (Some(name), true, Some(table)) = (first.name(), dot.is_mark("."), second.name())
                && (index == 0 || !all[index - 1].is_mark("."))
            {
                let is_table = index > 0 && all[index - 1].is_any(&before);
                let known = self.database(name);
                let of_it = known.as_ref().is_some_and(|known| {
                    let here = client.database.as_ref().and_then(|name| self.databases.get(name));
                    known == "information_schema" || self.databases[known].has(table) && !here.is_some_and(|here| here.has(name))
                });
                match known {
                    Some(known) if is_table || of_it => {
                        if named.as_ref().is_some_and(|other| *other != known) {
                            return Err(beyond("a statement about two databases"));
                        }
                        named = Some(known);
                        index += 2;
                        continue;
                    }
                    None if is_table => return Err(refused(1049, format!("Unknown database '{name}'"))),
                    _ => {}
                }
            }
            out.push(all[index].clone());
            index += 1;
        }
        match named.or_else(|| client.database.clone()) {
            // It may have been dropped meanwhile.
            Some(name) if self.databases.contains_key(&name) => Ok((name, out)),
            None if !all.iter().any(|piece| piece.is_any(&["FROM", "INTO", "UPDATE", "TABLE", "SHOW", "DESCRIBE", "DESC", "INSERT", "REPLACE"])) => {
                Ok(("mysql".to_owned(), out))
            }
            _ => Err(refused(1046, "No database selected")),
        }
    }

    fn failed(&self, failed: Failed, rendered: &Rendered, statement: &str, database: &str) -> Trouble {
        match failed {
            Failed::TooMuch => beyond("a result of so many rows"),
            Failed::Sqlite(error) if rendered.approximate => beyond(&error.to_string()),
            Failed::Sqlite(error) => errors::meaning(&error, statement, database),
        }
    }

    /// Nobody else is in the middle of a change.
    fn undisturbed(&self, client: &Client, database: &str) -> Result<(), Trouble> {
        match self.databases[database].changing {
            Some(other) if other != client.id => Err(beyond("a statement while another connection's transaction is open")),
            _ => Ok(()),
        }
    }

    fn query(&mut self, client: &mut Client, all: &[Piece], source: &str, values: &[Value]) -> Result<Outcome, Trouble> {
        if all.iter().any(|piece| piece.is("OUTFILE") || piece.is("DUMPFILE")) {
            return Err(beyond("INTO OUTFILE"));
        }
        let (name, pieces) = self.placed(client, all)?;
        self.undisturbed(client, &name)?;
        if name == "information_schema" {
            self.describe_itself().map_err(|error| beyond(&error.to_string()))?;
        }
        let rendered = render::query(&pieces, source, client);
        if let Some(unknown) = rendered.sql.split(' ').find(|word| word.starts_with("@@")) {
            return Err(beyond(&format!("the variable {unknown}")));
        }
        let rows = self.databases[&name].rows(&rendered.sql, values);
        rows.map_err(|failed| self.failed(failed, &rendered, statement(all, source), &name))
    }

    /// The columns that a query will have; none if it is no query, or cannot be told.
    pub fn columns(&mut self, client: &Client, all: &[Piece], source: &str) -> Vec<Column> {
        let is_query = all.first().is_some_and(|piece| piece.is_any(&["SELECT", "WITH"]));
        let Some((name, pieces)) = is_query.then(|| self.placed(client, all).ok()).flatten() else { return Vec::new() };
        let rendered = render::query(&pieces, source, client);
        let statement = self.databases[&name].connection.prepare(&rendered.sql);
        let columns = statement.map(|statement| declared(&statement)).unwrap_or_default();
        let known = |(mut column, _): (Column, _)| {
            if column.holds == Type::Null {
                column.holds = Type::Text;
            }
            column
        };
        columns.into_iter().map(known).collect()
    }

    fn change(&mut self, client: &mut Client, all: &[Piece], source: &str, values: &[Value]) -> Result<Outcome, Trouble> {
        let (name, pieces) = self.placed(client, all)?;
        if name == "information_schema" {
            return Err(refused(1044, format!("Access denied for user '{}'@'%' to database '{name}'", client.user)));
        }
        self.undisturbed(client, &name)?;
        let inserts = pieces[0].is_any(&["INSERT", "REPLACE"]);
        let rendered = if inserts { render::insert(&pieces, source, client) } else { render::change(&pieces, client) };
        let said = statement(all, source);
        let wants_transaction = client.began || !client.autocommit;
        let Some(database) = self.databases.get_mut(&name) else { return Err(refused(1046, "No database selected")) };
        if wants_transaction && database.changing.is_none() {
            database.connection.execute_batch("BEGIN").map_err(|error| errors::meaning(&error, said, &name))?;
            database.changing = Some(client.id);
        }
        let before = database.connection.last_insert_rowid();
        match self.databases[&name].change(&rendered.sql, values) {
            Ok(affected) => {
                let connection = &self.databases[&name].connection;
                let last = connection.last_insert_rowid();
                let table = pieces.iter().skip(1).find(|piece| piece.name().is_some() && !piece.is_any(&["INTO", "IGNORE", "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY"]));
                let upsert = pieces.iter().any(|piece| piece.is("DUPLICATE"));
                let given = inserts && affected > 0 && (last != before || !upsert) && table.is_some_and(|table| counts(connection, &table.text));
                let last_id = if given { (last as u64).saturating_sub(affected - 1) } else { 0 };
                if given {
                    client.last_id = last_id;
                }
                Ok(Outcome::Done { affected, last_id })
            }
            Err(failed) => Err(self.failed(failed, &rendered, said, &name)),
        }
    }

    fn create_database(&mut self, client: &mut Client, all: &[Piece], source: &str) -> Result<Outcome, Trouble> {
        self.end(client, "COMMIT")?;
        let may_exist = matches!(&all[2..], [a, b, c, ..] if a.is("IF") && b.is("NOT") && c.is("EXISTS"));
        let name = all.get(if may_exist { 5 } else { 2 }).and_then(Piece::name);
        let Some(name) = name else { return Err(Trouble::Refused(Refusal::syntax(statement(all, source)))) };
        if self.database(name).is_some() {
            let exists = format!("Can't create database '{name}'; database exists");
            return if may_exist { Ok(Outcome::Done { affected: 1, last_id: 0 }) } else { Err(refused(1007, exists)) };
        }
        if self.databases.len() >= DATABASES {
            return Err(beyond("so many databases"));
        }
        let database = Database::new(&self.clock).map_err(|error| beyond(&error.to_string()))?;
        self.databases.insert(name.to_owned(), database);
        Ok(Outcome::Done { affected: 1, last_id: 0 })
    }

    fn drop_database(&mut self, client: &mut Client, all: &[Piece], source: &str) -> Result<Outcome, Trouble> {
        self.end(client, "COMMIT")?;
        let may_lack = matches!(&all[2..], [a, b, ..] if a.is("IF") && b.is("EXISTS"));
        let name = all.get(if may_lack { 4 } else { 2 }).and_then(Piece::name);
        let Some(name) = name else { return Err(Trouble::Refused(Refusal::syntax(statement(all, source)))) };
        let Some(known) = self.database(name) else {
            let lacks = format!("Can't drop database '{name}'; database doesn't exist");
            return if may_lack { Ok(Outcome::DONE) } else { Err(refused(1008, lacks)) };
        };
        if ALWAYS[..3].contains(&known.as_str()) {
            return Err(refused(1044, format!("Access denied for user '{}'@'%' to database '{known}'", client.user)));
        }
        self.undisturbed(client, &known)?;
        let tables = self.databases.remove(&known).map_or(0, |database| database.tables().len());
        if client.database.as_ref() == Some(&known) {
            client.database = None;
        }
        Ok(Outcome::Done { affected: tables as u64, last_id: 0 })
    }

    /// Everything that changes what tables there are.
    fn define(&mut self, client: &mut Client, all: &[Piece], source: &str) -> Result<Outcome, Trouble> {
        let word = |index: usize, word: &str| all.get(index).is_some_and(|piece| piece.is(word));
        if word(1, "USER") || word(1, "ROLE") || word(0, "ALTER") && (word(1, "DATABASE") || word(1, "SCHEMA")) {
            return Ok(Outcome::DONE);
        }
        let (name, pieces) = self.placed(client, all)?;
        self.undisturbed(client, &name)?;
        if ALWAYS[..3].contains(&name.as_str()) {
            return Err(refused(1044, format!("Access denied for user '{}'@'%' to database '{name}'", client.user)));
        }
        let said = statement(all, source);
        let Some(database) = self.databases.get_mut(&name) else { return Err(refused(1046, "No database selected")) };
        let run = |database: &Database, sql: &str| {
            database.change(sql, &[]).map_err(|failed| match failed {
                Failed::Sqlite(error) => errors::meaning(&error, said, &name),
                Failed::TooMuch => beyond("so much"),
            })
        };
        let is = |index: usize, word: &str| pieces.get(index).is_some_and(|piece| piece.is(word));
        if is(0, "CREATE") {
            let temporary = usize::from(is(1, "TEMPORARY"));
            if is(1 + temporary, "TABLE") {
                let table = define::table(&pieces[2 + temporary..], source, client)?;
                let existed = database.has(&table.name);
                run(database, &table.sql)?;
                if !existed {
                    database.made.insert(table.name, said.to_owned());
                }
                return Ok(Outcome::DONE);
            }
            let index = is(1, "INDEX") || is(1, "UNIQUE") && is(2, "INDEX");
            if index || is(1, "VIEW") {
                run(database, &render::pieces(&pieces, client).sql)?;
                return Ok(Outcome::DONE);
            }
            return Err(beyond(said.split(' ').take(2).collect::<Vec<_>>().join(" ").as_str()));
        }
        if is(0, "DROP") && (is(1, "TABLE") || is(1, "VIEW")) {
            let may_lack = is(2, "IF") && is(3, "EXISTS");
            let list: Vec<&Piece> = parts(&pieces[if may_lack { 4 } else { 2 }..]).into_iter().filter_map(<[Piece]>::first).collect();
            if list.is_empty() {
                return Err(Trouble::Refused(Refusal::syntax("")));
            }
            for table in &list {
                if !may_lack && !database.has(&table.text) {
                    return Err(refused(1051, format!("Unknown table '{name}.{}'", table.text)));
                }
                let kind = if is(1, "VIEW") { "VIEW" } else { "TABLE" };
                run(database, &format!("DROP {kind} IF EXISTS {}", named(&table.text)))?;
                database.made.retain(|known, _| !known.eq_ignore_ascii_case(&table.text));
            }
            return Ok(Outcome::DONE);
        }
        if is(0, "TRUNCATE") {
            let table = if is(1, "TABLE") { pieces.get(2) } else { pieces.get(1) };
            let Some(table) = table.and_then(Piece::name) else { return Err(Trouble::Refused(Refusal::syntax(""))) };
            run(database, &format!("DELETE FROM {}", named(table)))?;
            if counts(&database.connection, table) {
                run(database, &format!("DELETE FROM sqlite_sequence WHERE name = {} COLLATE NOCASE", quoted(table)))?;
            }
            return Ok(Outcome::DONE);
        }
        if is(0, "ALTER") && is(1, "TABLE") {
            let Some(table) = pieces.get(2).and_then(Piece::name) else { return Err(Trouble::Refused(Refusal::syntax(""))) };
            if !database.has(table) {
                return Err(refused(1146, format!("Table '{name}.{table}' doesn't exist")));
            }
            for part in parts(&pieces[3..]) {
                let part: Vec<Piece> = part.iter().filter(|piece| !piece.is("COLUMN")).cloned().collect();
                let sql = match &part[..] {
                    [add, column @ ..] if add.is("ADD") && !column.first().is_some_and(|piece| piece.is_mark("(") || piece.is_any(&["PRIMARY", "UNIQUE", "KEY", "INDEX", "CONSTRAINT", "FOREIGN", "FULLTEXT", "CHECK"])) => {
                        let end = column.iter().position(|piece| piece.is_any(&["FIRST", "AFTER"])).unwrap_or(column.len());
                        format!("ADD COLUMN {}", define::added(&column[..end], source, client)?)
                    }
                    [drop, column] if drop.is("DROP") => format!("DROP COLUMN {}", named(&column.text)),
                    [rename, to, other] if rename.is("RENAME") && to.is_any(&["TO", "AS"]) => format!("RENAME TO {}", named(&other.text)),
                    [rename, one, to, other] if rename.is("RENAME") && to.is("TO") => {
                        format!("RENAME COLUMN {} TO {}", named(&one.text), named(&other.text))
                    }
                    [word, ..] if word.is_any(&["AUTO_INCREMENT", "ENGINE", "CONVERT", "DEFAULT", "CHARACTER", "COMMENT"]) => continue,
                    _ => return Err(beyond("this ALTER TABLE")),
                };
                run(database, &format!("ALTER TABLE {} {sql}", named(table)))?;
            }
            return Ok(Outcome::DONE);
        }
        Err(beyond(said.split(' ').take(2).collect::<Vec<_>>().join(" ").as_str()))
    }

    fn set(&mut self, client: &mut Client, all: &[Piece]) -> Result<Outcome, Trouble> {
        for part in parts(&all[1..]) {
            let words: Vec<&Piece> = part.iter().filter(|piece| !piece.is_any(&["SESSION", "GLOBAL", "LOCAL"])).collect();
            let [name, sign, value @ ..] = &words[..] else { continue };
            if !(sign.is_mark("=") || sign.is_mark(":=")) {
                continue;
            }
            let variable = name.text.rsplit(['@', '.']).next().unwrap_or_default().to_ascii_lowercase();
            if name.text.starts_with('@') && !name.text.starts_with("@@") {
                let owned: Vec<Piece> = value.iter().map(|piece| (*piece).clone()).collect();
                let text = render::pieces(&owned, client).sql;
                client.variables.insert(name.text.to_ascii_lowercase(), text);
            } else if variable == "autocommit" {
                let on = value.first().is_some_and(|piece| piece.text == "1" || piece.is_any(&["ON", "TRUE"]));
                if on {
                    self.end(client, "COMMIT")?;
                }
                client.autocommit = on;
            }
        }
        Ok(Outcome::DONE)
    }
}

/// The text of a statement among others.
pub fn statement<'s>(all: &[Piece], source: &'s str) -> &'s str {
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return source };
    source.get(first.at.start..last.at.end).unwrap_or(source)
}

/// Whether a table has a column with AUTO_INCREMENT.
fn counts(connection: &Connection, table: &str) -> bool {
    let sql = "SELECT sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE name = ? COLLATE NOCASE";
    connection.query_row(sql, [table], |row| row.get(0)).unwrap_or(false)
}
