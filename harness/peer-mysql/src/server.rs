//! The server that all connections of a run have in common: who may come in, what was said, what came of it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use harness_peers::database::{Account, KEPT, Nonce, Record, Table};
use sqlparser::dialect::MySqlDialect;
use sqlparser::parser::Parser;

use super::Trouble;
use super::engine::{Client, Engine, statement};
use super::lex::{self, Piece};
use super::login;
use super::result::{Column, Outcome, Refusal, Value};

/// The server's clock when a run begins: 2026-03-02 09:00:00 UTC, so that the same run prints the same.
const BEGINNING: u64 = 1_772_442_000;

/// A name that no statement trips over.
const HARMLESS: &str = "Asha Rao";

/// The server.
pub struct Server {
    engine: Engine,
    account: Account,
    names: Vec<String>,
    newcomer: Option<String>,
    /// What has happened.
    pub record: Record,
}

impl Server {
    /// A server for clients who are expected to bring students of these `names`; `newcomer` is somebody whom another
    /// client adds as soon as they are looked at.
    ///
    /// # Errors
    /// If SQLite cannot be had.
    pub fn new(account: Account, names: &[String], newcomer: Option<String>) -> rusqlite::Result<Self> {
        let engine = Engine::new()?;
        engine.clock.store(BEGINNING, Ordering::Relaxed);
        Ok(Self { engine, account, names: names.to_vec(), newcomer, record: Record::default() })
    }

    /// So long the run has lasted.
    pub fn set_clock(&self, now: Duration) {
        self.engine.clock.store(BEGINNING + now.as_secs(), Ordering::Relaxed);
    }

    /// All tables with what is in them.
    pub fn look(&self) -> Vec<Table> {
        self.engine.look()
    }

    /// Somebody wants to come in.
    pub(super) fn admit(&mut self, user: &str, way: &str, nonce: &Nonce, digest: &[u8]) -> Result<(), Refusal> {
        let is_user = self.account.user.as_ref().is_none_or(|known| known == user);
        let fits = self.account.password.as_ref().is_none_or(|password| login::fits(way, password, nonce, digest));
        if is_user && fits {
            self.record.let_in = true;
            return Ok(());
        }
        let using = if digest.is_empty() { "NO" } else { "YES" };
        let refusal =
            Refusal::new(1045, format!("Access denied for user '{user}'@'localhost' (using password: {using})"));
        self.record.turned_away.get_or_insert_with(|| refusal.message.clone());
        Err(refusal)
    }

    /// A connection is over.
    pub(super) fn leave(&mut self, client: &mut Client) {
        self.engine.leave(client);
    }

    /// Begins to use a database.
    pub(super) fn use_database(&mut self, client: &mut Client, name: &str) -> Result<(), Refusal> {
        let outcome = self.engine.use_database(client, name);
        self.settled(&format!("USE {name}"), outcome).map(|_| ())
    }

    /// Reads statements.
    pub(super) fn read(&mut self, source: &str) -> Result<Vec<Vec<Piece>>, Refusal> {
        lex::pieces(source).map(lex::statements).map_err(|lex::Unended(at)| {
            let refusal = Refusal::syntax(source.get(at..).unwrap_or_default());
            self.record.note(source, Some(described(&refusal)));
            refusal
        })
    }

    /// More than one statement where one is wanted.
    pub(super) fn too_many(&mut self, statements: &[Vec<Piece>], source: &str) -> Refusal {
        let refusal = Refusal::syntax(statements.get(1).map_or("", |second| statement(second, source)));
        self.record.note(source, Some(described(&refusal)));
        refusal
    }

    /// Runs a statement.
    pub(super) fn run(
        &mut self,
        client: &mut Client,
        all: &[Piece],
        source: &str,
        values: &[Value],
    ) -> Result<Outcome, Refusal> {
        let said = statement(all, source).to_owned();
        if self.record.values.len() < KEPT {
            self.record.values.extend(values.iter().filter_map(Value::text));
        }
        if self.record.joined.is_none()
            && all.first().is_some_and(|piece| piece.is_any(&["SELECT", "WITH"]))
            && let Some(newcomer) = &self.newcomer
        {
            let known = |name: &String| self.record.has_said(name);
            let names: Vec<String> = if self.names.iter().any(known) { self.names.clone() } else { Vec::new() };
            let mentioned =
                |table: &str| all.iter().any(|piece| piece.name().is_some_and(|name| name.eq_ignore_ascii_case(table)));
            self.record.joined = self.engine.join(&mentioned, &names, newcomer).map(|table| (table, newcomer.clone()));
        }
        let outcome = self.engine.run(client, all, source, values);
        if let Ok(Outcome::Rows { rows, .. }) = &outcome {
            let room = KEPT.saturating_sub(self.record.handed_out.len());
            let texts = rows.iter().take(room).map(|row| row.iter().filter_map(Value::text).collect());
            self.record.handed_out.extend(texts);
        }
        if outcome.is_ok()
            && all[0].is("CREATE")
            && all.get(1..3).is_some_and(|two| two.iter().any(|piece| piece.is("TABLE")))
        {
            self.record.made.push(said.clone());
        }
        self.settled(&said, outcome)
    }

    /// Writes down what came of a statement, and says what the client is told.
    fn settled(&mut self, said: &str, outcome: Result<Outcome, Trouble>) -> Result<Outcome, Refusal> {
        let trouble = match outcome {
            Ok(outcome) => {
                self.record.note(said, None);
                return Ok(outcome);
            }
            Err(trouble) => trouble,
        };
        let refusal = match trouble {
            Trouble::Refused(refusal) => refusal,
            Trouble::Doubtful(refusal) if self.is_broken_by_a_name(said) => refusal,
            Trouble::Doubtful(refusal) => {
                self.record.beyond.get_or_insert_with(|| said.to_owned());
                refusal
            }
            Trouble::Beyond(what) => {
                self.record.beyond.get_or_insert_with(|| format!("{said} ({what})"));
                Refusal::new(1235, format!("The embedded server does not support this, a real one may: {what}"))
            }
        };
        self.record.note(said, Some(described(&refusal)));
        Err(refusal)
    }

    /// Whether the statement can be read with another name in the place of one of the students'.
    fn is_broken_by_a_name(&self, said: &str) -> bool {
        self.names.iter().filter(|name| said.contains(name.as_str())).any(|name| {
            let otherwise = said.replace(name.as_str(), HARMLESS);
            lex::pieces(&otherwise).is_ok() && Parser::parse_sql(&MySqlDialect {}, &otherwise).is_ok()
        })
    }

    /// The columns that a statement will have.
    pub(super) fn columns(&mut self, client: &Client, all: &[Piece], source: &str) -> Vec<Column> {
        self.engine.columns(client, all, source)
    }

    /// The columns of a table.
    pub(super) fn columns_of(&mut self, client: &Client, table: &str) -> Vec<Column> {
        let source = format!("SELECT * FROM {}", super::render::named(table));
        match lex::pieces(&source) {
            Ok(pieces) => self.engine.columns(client, &pieces, &source),
            Err(_) => Vec::new(),
        }
    }
}

fn described(refusal: &Refusal) -> String {
    format!("error {}: {}", refusal.code, refusal.message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn server() -> (Server, Client) {
        let names = ["Asha Rao", "Sean O'Connor"].map(str::to_owned);
        let server = Server::new(Account::default(), &names, Some("Dara Quill".to_owned())).unwrap();
        (server, Client::new(1, "anna", true))
    }

    fn run(server: &mut Server, client: &mut Client, source: &str) -> String {
        let mut out = Vec::new();
        for statement in server.read(source).unwrap_or_default() {
            out.push(match server.run(client, &statement, source, &[]) {
                Ok(Outcome::Done { affected, last_id }) => format!("{affected}/{last_id}"),
                Ok(Outcome::Rows { columns, rows }) => {
                    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
                    let rows: Vec<String> = rows
                        .iter()
                        .map(|row| {
                            row.iter()
                                .map(|value| value.text().unwrap_or("NULL".to_owned()))
                                .collect::<Vec<_>>()
                                .join(",")
                        })
                        .collect();
                    format!("{}:{}", names.join(","), rows.join("|"))
                }
                Err(refusal) => refusal.code.to_string(),
            });
        }
        out.join("; ")
    }

    const MADE: &str = "CREATE DATABASE lab; USE lab; CREATE TABLE students (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL, \
                        roll CHAR(4) UNIQUE, mark DECIMAL(4,1)) ENGINE=InnoDB;";

    #[rstest]
    #[case("INSERT INTO students (name) VALUES ('A'), (\"B\")", "2/1")]
    #[case(
        "INSERT INTO students (name, roll) VALUES ('A', 'R1'); INSERT INTO students (name, roll) VALUES ('B', 'r1')",
        "1/1; 1062"
    )]
    #[case("INSERT IGNORE INTO students (name, roll) VALUES ('A', 'R1'), ('B', 'R1')", "1/1")]
    #[case("INSERT INTO students (name, roll) VALUES ('A', 'R1') ON DUPLICATE KEY UPDATE name = VALUES(name)", "1/1")]
    #[case("INSERT INTO students (roll) VALUES ('12345')", "1048")]
    #[case("INSERT INTO students (name, roll) VALUES ('A', '12345')", "1406")]
    #[case("INSERT INTO students (name) VALUES ('A', 'B')", "1136")]
    #[case("INSERT INTO students (nam) VALUES ('A')", "1054")]
    #[case("INSERT INTO student (name) VALUES ('A')", "1146")]
    #[case("INSERT INTO nowhere.students (name) VALUES ('A')", "1049")]
    #[case("CREATE TABLE students (id INT)", "1050")]
    #[case("CREATE TABLE IF NOT EXISTS students (id INT)", "0/0")]
    #[case("CREATE DATABASE lab", "1007")]
    #[case("CREATE DATABASE IF NOT EXISTS lab", "1/0")]
    #[case("USE nowhere", "1049")]
    #[case("SELEC 1", "1064")]
    #[case("SHOW TABLES", "Tables_in_lab:students")]
    #[case("SHOW DATABASES LIKE 'l%'", "Database:lab")]
    #[case("SELECT COUNT(*) FROM lab.students", "COUNT(*):0")]
    #[case(
        "INSERT INTO students (name, mark) VALUES ('A', 8); SELECT name, mark FROM students s",
        "1/1; name,mark:A,8.0"
    )]
    #[case("INSERT INTO students (name) VALUES ('A'); SELECT students.name FROM lab.students", "1/1; name:A")]
    #[case(
        "SELECT DATABASE(), NOW(), 7/2, CONCAT('a', 1, NULL)",
        "DATABASE(),NOW(),7/2,CONCAT('a', 1, NULL):lab,2026-03-02 09:00:00,3.5,NULL"
    )]
    #[case("SELECT @@autocommit, @@version_comment", "@@autocommit,@@version_comment:1,embedded")]
    #[case(
        "DESCRIBE students",
        "Field,Type,Null,Key,Default,Extra:id,int,NO,PRI,NULL,auto_increment|name,varchar(40),NO,,NULL,|roll,char(4),YES,UNI,NULL,|mark,decimal(4,1),YES,,NULL,"
    )]
    #[case("SELECT table_name FROM information_schema.tables WHERE table_schema = 'lab'", "table_name:students")]
    #[case(
        "START TRANSACTION; INSERT INTO students (name) VALUES ('A'); ROLLBACK; SELECT COUNT(*) n FROM students",
        "0/0; 1/1; 0/0; n:0"
    )]
    #[case("DROP TABLE students; DROP TABLE students", "0/0; 1051")]
    #[case("DROP DATABASE lab; SELECT 1 FROM t", "1/0; 1046")]
    #[case("TRUNCATE students", "0/0")]
    #[case(
        "ALTER TABLE students ADD COLUMN city VARCHAR(20); INSERT INTO students (name, city) VALUES ('A', 'B')",
        "0/0; 1/1"
    )]
    #[case("SELECT name FROM students WHERE name LIKE 'a%' ORDER BY name LIMIT 0, 5", "name:")]
    fn answers(#[case] statements: &str, #[case] answer: &str) {
        let (mut server, mut client) = server();
        run(&mut server, &mut client, MADE);
        assert_eq!(run(&mut server, &mut client, statements), answer);
        assert_eq!(server.record.beyond, None);
    }

    #[rstest]
    #[case("SELECT DATE_ADD(NOW(), INTERVAL 1 DAY)")]
    #[case("CREATE TABLE t (place POINT)")]
    #[case("CREATE PROCEDURE p() SELECT 1")]
    #[case("HANDLER students OPEN")]
    #[case("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n")]
    #[case(
        "SELECT REPEAT('x', 65536) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT i FROM n) m"
    )]
    #[case("UPDATE students SET WHERE name")]
    fn says_what_it_cannot(#[case] statement: &str) {
        let (mut server, mut client) = server();
        run(&mut server, &mut client, MADE);
        run(&mut server, &mut client, statement);
        assert!(server.record.beyond.is_some(), "{:?}", server.record.said);
    }

    #[rstest]
    #[case("INSERT INTO students (name) VALUES ('Sean O'Connor')")]
    #[case("INSERT INTO students (name) VALUES ('Sean O'Connor' )  -- '")]
    fn a_name_that_breaks_a_statement_is_nobody_elses_fault(#[case] statement: &str) {
        let (mut server, mut client) = server();
        run(&mut server, &mut client, MADE);
        run(&mut server, &mut client, statement);
        assert_eq!(server.record.beyond, None);
        assert!(server.record.said.last().unwrap().refused.as_ref().unwrap().contains("1064"));
    }

    #[test]
    fn somebody_else_joins_when_the_students_are_looked_at() {
        let (mut server, mut client) = server();
        run(&mut server, &mut client, MADE);
        run(&mut server, &mut client, "INSERT INTO students (name, roll) VALUES ('Asha Rao', 'R1')");
        assert_eq!(run(&mut server, &mut client, "SELECT name FROM students"), "name:Asha Rao");
        run(&mut server, &mut client, "INSERT INTO students (name, roll) VALUES ('Sean O''Connor', 'R2')");
        let all = run(&mut server, &mut client, "SELECT name, roll FROM students");
        assert_eq!(all, "name,roll:Asha Rao,R1|Sean O'Connor,R2|Dara Quill,R3");
        assert!(server.record.has_handed_out("Dara Quill"));
    }

    #[test]
    fn what_was_not_committed_is_gone_with_its_connection() {
        let (mut server, mut client) = server();
        run(&mut server, &mut client, MADE);
        run(&mut server, &mut client, "SET autocommit=0; INSERT INTO students (name) VALUES ('A')");
        assert_eq!(server.look()[0].rows.len(), 1);
        server.leave(&mut client);
        assert_eq!(server.look()[0].rows.len(), 0);
    }
}
