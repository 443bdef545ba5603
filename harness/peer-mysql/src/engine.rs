//! Statements are run: each database is an SQLite of its own, in memory, and has an end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::functions::Clock;
use super::lex::{Kind, Piece};
use super::render::{self, Rendered, Surroundings, parts, quoted};
use super::result::{Column, Outcome, Refusal, Type, Value};
use super::storage::{Database, Failed, counts, declared};
use super::{Trouble, beyond, errors, login, refused, show};

/// Databases at most.
pub(super) const DATABASES: usize = 20;

/// The names of databases that are always there; `test` is empty, and everybody may write there.
pub(super) const ALWAYS: [&str; 4] = ["information_schema", "mysql", "performance_schema", "test"];

/// Words with which a statement of MySQL's can begin, beside those that this server knows.
const OTHER_VERBS: [&str; 28] = [
    "ANALYZE",
    "BINLOG",
    "CACHE",
    "CALL",
    "CHANGE",
    "CHECK",
    "CHECKSUM",
    "CLONE",
    "DEALLOCATE",
    "DO",
    "EXECUTE",
    "GET",
    "HANDLER",
    "HELP",
    "IMPORT",
    "INSTALL",
    "KILL",
    "LOAD",
    "OPTIMIZE",
    "PREPARE",
    "RELEASE",
    "REPAIR",
    "RESIGNAL",
    "SAVEPOINT",
    "SIGNAL",
    "TABLE",
    "VALUES",
    "XA",
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

    pub(super) fn end(&mut self, client: &mut Client, how: &str) -> Result<Outcome, Trouble> {
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
    pub fn run(
        &mut self,
        client: &mut Client,
        all: &[Piece],
        source: &str,
        values: &[Value],
    ) -> Result<Outcome, Trouble> {
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
            "FROM",
            "JOIN",
            "INTO",
            "UPDATE",
            "TABLE",
            "EXISTS",
            "IGNORE",
            "REFERENCES",
            "DESCRIBE",
            "DESC",
            "TRUNCATE",
            "COLUMNS",
            "VIEW",
            "REPLACE",
            "INSERT",
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
                    known == "information_schema"
                        || self.databases[known].has(table) && !here.is_some_and(|here| here.has(name))
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
            None if !all.iter().any(|piece| {
                piece.is_any(&["FROM", "INTO", "UPDATE", "TABLE", "SHOW", "DESCRIBE", "DESC", "INSERT", "REPLACE"])
            }) =>
            {
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
    pub(super) fn undisturbed(&self, client: &Client, database: &str) -> Result<(), Trouble> {
        match self.databases[database].changing {
            Some(other) if other != client.id => {
                Err(beyond("a statement while another connection's transaction is open"))
            }
            _ => Ok(()),
        }
    }

    fn query(
        &mut self,
        client: &mut Client,
        all: &[Piece],
        source: &str,
        values: &[Value],
    ) -> Result<Outcome, Trouble> {
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

    fn change(
        &mut self,
        client: &mut Client,
        all: &[Piece],
        source: &str,
        values: &[Value],
    ) -> Result<Outcome, Trouble> {
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
                let table = pieces.iter().skip(1).find(|piece| {
                    piece.name().is_some()
                        && !piece.is_any(&["INTO", "IGNORE", "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY"])
                });
                let upsert = pieces.iter().any(|piece| piece.is("DUPLICATE"));
                let given = inserts
                    && affected > 0
                    && (last != before || !upsert)
                    && table.is_some_and(|table| counts(connection, &table.text));
                let last_id = if given { (last as u64).saturating_sub(affected - 1) } else { 0 };
                if given {
                    client.last_id = last_id;
                }
                Ok(Outcome::Done { affected, last_id })
            }
            Err(failed) => Err(self.failed(failed, &rendered, said, &name)),
        }
    }

    fn set(&mut self, client: &mut Client, all: &[Piece]) -> Result<Outcome, Trouble> {
        for part in parts(&all[1..]) {
            let words: Vec<&Piece> =
                part.iter().filter(|piece| !piece.is_any(&["SESSION", "GLOBAL", "LOCAL"])).collect();
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
