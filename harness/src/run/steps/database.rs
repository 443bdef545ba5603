//! A peer that is a database server, beside the steps; and what is expected to be in it, and to have been shown of it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use harness_judging::complaint::Refused;
use harness_judging::complaint::says_no;
use harness_judging::{complaint, loosely, shown};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::event::{About, Excerpt, Log, What, With};
use super::super::patience::Patience;
use super::super::services::Services;
use super::super::stage::{Connection, Listener, Stage};
use super::super::{Director, Done, Failure, Halt, heavy};
use super::expect::last_words;
use harness_language::scenario::model::{ExpectDatabase, ServeDatabase};
use harness_peers::database::{self, Account, Nonce, Record, Table, is_of};
use harness_peers::dialogue::Refusal;

/// Bound for a program to end.
const END: Duration = Duration::from_secs(20);

/// For how long is waited before it is looked again whether the server still thinks.
const MOMENT: Duration = Duration::from_millis(100);

/// Bound for the connections of a program that has ended to be over.
const PARTING: Duration = Duration::from_secs(2);

/// Connections at a time, at most.
const CONNECTIONS: usize = 100;

/// Statements that are shown of a session, and the characters of each.
const SHOWN: usize = 6;
const LONG: usize = 120;

/// A database server of a run.
#[derive(Clone)]
pub struct Database {
    server: Rc<RefCell<Box<dyn database::Server>>>,
    open: Rc<Cell<usize>>,
    /// Statements that it is thinking about.
    thinking: Rc<Cell<usize>>,
    names: Vec<String>,
}

impl Database {
    /// The login that was refused, if one was.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let turned_away = self.server.borrow().record().turned_away.clone()?;
        Some(Refusal { reply: turned_away, mark: "Access denied".to_owned(), went_on: false, what: Refused::Login })
    }

    /// What was said, in one line.
    pub(super) fn course(&self) -> String {
        course(self.server.borrow().record())
    }

    /// Every error that the server has told.
    pub(super) fn replies(&self) -> Vec<String> {
        let server = self.server.borrow();
        let record = server.record();
        let refused = record.said.iter().filter_map(|said| said.refused.clone());
        refused.chain(record.turned_away.clone()).collect()
    }

    /// Whether the program has said nothing of those whom it was told.
    fn built_in(&self) -> bool {
        let server = self.server.borrow();
        !self.names.is_empty() && !self.names.iter().any(|name| is_known(server.record(), &server.tables(), name))
    }
}

/// Whether a name has come, whole or in its words.
fn is_known(record: &Record, tables: &[Table], name: &str) -> bool {
    record.has_said(name) || tables.iter().any(|table| table.row_of(name).is_some())
}

fn brief(statement: &str) -> String {
    let short: String = statement.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONG).collect();
    shown::quote(short.as_bytes())
}

fn course(record: &Record) -> String {
    if !record.let_in {
        return match &record.turned_away {
            Some(why) => format!("the login was refused: {why}"),
            None => "nobody has logged in".to_owned(),
        };
    }
    // What a library says of its own accord tells nothing.
    let own = |statement: &str| {
        let start = statement.trim_start().to_ascii_uppercase();
        !(start.starts_with("SET ") || start.starts_with("SELECT @@"))
    };
    let said: Vec<_> = record.said.iter().filter(|said| own(&said.statement)).collect();
    let skipped = said.len().saturating_sub(SHOWN);
    let words = said[skipped..].iter().map(|said| match &said.refused {
        Some(why) => format!("{} → {why}", brief(&said.statement)),
        None => brief(&said.statement),
    });
    let words: Vec<String> = words.collect();
    match (words.is_empty(), skipped) {
        (true, _) => "somebody has logged in, and has said nothing".to_owned(),
        (false, 0) => words.join("; "),
        (false, _) => format!("… {}", words.join("; ")),
    }
}

/// What every connection of the server has.
#[derive(Clone)]
struct Serving {
    peer: String,
    database: Database,
    seed: u64,
    slow: Option<Duration>,
    stage: Rc<dyn Stage>,
    log: Log,
    services: Services,
}

impl Director {
    pub(super) fn serve_database(&mut self, step: &ServeDatabase) -> Done {
        let peer = self.actors.peer(&step.peer);
        let Some(listener) = peer.borrow().listener.clone() else {
            return Err(Halt::Harness(format!("{} does not listen: `listen` comes first", step.peer)));
        };
        // Who has name and password built in cannot be asked for others.
        let role = &self.scenario.role;
        let told = |name: &str| {
            let value = self.cast.parts.get(role).and_then(|part| part.values.get(name)).cloned();
            value.filter(|_| self.cast.takes(role, name))
        };
        let account = Account { user: told("user"), password: told("password") };
        let server = heavy::database(account, &step.names, step.newcomer.clone())?;
        let database = Database {
            server: Rc::new(RefCell::new(server)),
            open: Rc::default(),
            thinking: Rc::default(),
            names: step.names.clone(),
        };
        peer.borrow_mut().database = Some(database.clone());
        let serving = Serving {
            peer: step.peer.clone(),
            database,
            seed: self.seed,
            slow: step.slow.map(|limit| limit.0),
            stage: Rc::clone(&self.stage),
            log: self.log.clone(),
            services: self.services.clone(),
        };
        self.services.begin(Box::pin(serving.by_connections(listener)));
        Ok(())
    }

    pub(super) async fn expect_database(&mut self, step: &ExpectDatabase) -> Done {
        let database = self.actors.peers.get(&step.peer).and_then(|peer| peer.borrow().database.clone());
        let Some(database) = database else {
            return Err(Halt::Harness(format!("{} is no database server: `serve-database` comes first", step.peer)));
        };
        let limit = step.within.map_or(END, |limit| limit.0);
        for (name, actor) in self.actors.programs_named(&step.program) {
            let until = self.stage.now() + limit;
            let (stdout, stderr) = loop {
                let said = self.all_said(&actor, limit).await;
                // Who waits for a server that thinks has more to say.
                if actor.program.ended().is_some() || database.thinking.get() == 0 || self.stage.now() >= until {
                    break said;
                }
                self.stage.pass(MOMENT).await;
            };
            self.note_said(&name, &stdout, &stderr);
            if actor.program.ended().is_some() {
                // What was not committed is gone when the connection is.
                let patience = Patience::new(&*self.stage, PARTING);
                let _ = self.until(patience, || (database.open.get() == 0).then_some(())).await;
            }
            let server = database.server.borrow();
            let look = Look {
                who: &actor.noun(&name),
                stdout: &stdout,
                stderr: &stderr,
                record: server.record(),
                tables: server.tables(),
            };
            match look.judge(step, database.built_in()) {
                Verdict::Holds => {}
                Verdict::Undecided(why) => return Err(Halt::skipped(why)),
                Verdict::Fails(failure, about) => {
                    if let Some(beyond) = &server.record().beyond {
                        return Err(Halt::skipped(format!(
                            "needs MariaDB: the embedded database server cannot run {}, and a real one may",
                            brief(beyond)
                        )));
                    }
                    let reason = format!("{}{}", failure.reason, last_words(&actor));
                    return Err(Halt::Failed(Failure { reason, ..failure }, about));
                }
            }
        }
        Ok(())
    }
}

impl Serving {
    fn note(&self, what: What) {
        self.log.add(self.stage.now(), &self.peer, what);
    }

    async fn by_connections(self, listener: Rc<dyn Listener>) {
        let mut count = 0;
        while let Ok(connection) = listener.accept().await {
            count += 1;
            self.note(What::Connected(With::Client));
            if self.database.open.get() < CONNECTIONS {
                self.database.open.set(self.database.open.get() + 1);
                self.services.begin(Box::pin(self.clone().on_connection(connection, count)));
            }
        }
    }

    /// Answers until one side ends the connection.
    async fn on_connection(self, mut connection: Box<dyn Connection>, id: u32) {
        let greeting = self.database.server.borrow_mut().meet(id, nonce(self.seed, id));
        if self.send(&mut *connection, &greeting).await {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let count = match connection.read(&mut buffer).await {
                    Ok(0) => {
                        self.note(What::EndReceived);
                        break;
                    }
                    Ok(count) => count,
                    Err(_) => {
                        self.note(What::ResetReceived);
                        break;
                    }
                };
                self.note(What::Received(Excerpt::of(&buffer[..count])));
                let (turn, asked) = {
                    let mut server = self.database.server.borrow_mut();
                    server.set_clock(self.stage.now());
                    let before = server.record().said.len();
                    let turn = server.receive(id, &buffer[..count]);
                    for said in &server.record().said[before..] {
                        let came = said.refused.as_deref().unwrap_or("ok");
                        self.note(What::Network(format!("statement {}: {came}", brief(&said.statement))));
                    }
                    (turn, server.record().said.len() > before)
                };
                if let Some(slow) = self.slow.filter(|_| asked) {
                    self.note(What::Stalled(slow));
                    self.database.thinking.set(self.database.thinking.get() + 1);
                    self.stage.pass(slow).await;
                    self.database.thinking.set(self.database.thinking.get() - 1);
                }
                if !self.send(&mut *connection, &turn.bytes).await || turn.close {
                    break;
                }
            }
        }
        self.database.server.borrow_mut().gone(id);
        let _ = connection.shutdown().await;
        self.database.open.set(self.database.open.get() - 1);
    }

    /// False if nobody takes it.
    async fn send(&self, connection: &mut dyn Connection, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        self.note(What::Sent(Excerpt::of(bytes)));
        connection.write_all(bytes).await.is_ok() && connection.flush().await.is_ok()
    }
}

/// Bytes for a client to digest: printable ones, as a real server has them.
fn nonce(seed: u64, id: u32) -> Nonce {
    let digest = Sha256::digest([seed.to_le_bytes().as_slice(), &id.to_le_bytes()].concat());
    let mut nonce = [0; 20];
    for (byte, random) in nonce.iter_mut().zip(digest) {
        *byte = b'A' + random % 26;
    }
    nonce
}

/// What there is to judge.
struct Look<'l> {
    /// What the program is called in a sentence.
    who: &'l str,
    stdout: &'l [u8],
    stderr: &'l [u8],
    record: &'l Record,
    tables: Vec<Table>,
}

enum Verdict {
    Holds,
    Fails(Failure, About),
    Undecided(String),
}

const BUILT_IN: &str =
    "the program has its students built in: it would have to read their names, one a line, from its standard input";

impl Look<'_> {
    fn judge(&self, step: &ExpectDatabase, built_in: bool) -> Verdict {
        let checks: [(bool, &dyn Fn() -> Verdict); 4] = [
            (step.made, &|| self.made()),
            (!step.has.is_empty(), &|| {
                if built_in { self.has_somebody(step.exactly) } else { self.has(&step.has, step.exactly) }
            }),
            (!step.shown.is_empty(), &|| if built_in { self.shown_somebody() } else { self.shown(&step.shown) }),
            (step.nobody, &|| self.nobody()),
        ];
        for (_, check) in checks.iter().filter(|(asked, _)| *asked) {
            match check() {
                Verdict::Holds => {}
                other => return other,
            }
        }
        Verdict::Holds
    }

    fn fails(&self, expected: &str, reason: String) -> Verdict {
        let failure =
            Failure { expected: expected.to_owned(), actual: course(self.record), reason, ..Failure::default() };
        Verdict::Fails(failure, About::Conduct)
    }

    /// The first statement that the server has refused, as a subordinate clause.
    fn first_refused(&self) -> String {
        let first = self.record.said.iter().find_map(|said| said.refused.as_ref().map(|why| (&said.statement, why)));
        first.map(|(said, why)| format!("; the server refused {}: {why}", brief(said))).unwrap_or_default()
    }

    fn made(&self) -> Verdict {
        if !self.record.made.is_empty() {
            return Verdict::Holds;
        }
        let why = if self.record.let_in { self.first_refused() } else { format!("; {}", course(self.record)) };
        self.fails("a table that the program makes, in a database of its own", format!("no table was made{why}"))
    }

    fn has(&self, names: &[String], exactly: bool) -> Verdict {
        let is_there = |name: &&String| {
            self.tables.iter().any(|table| if exactly { table.has_exactly(name) } else { table.row_of(name).is_some() })
        };
        let lacking: Vec<&String> = names.iter().filter(|name| !is_there(name)).collect();
        let Some(missing) = lacking.first() else { return Verdict::Holds };
        let accepted = self.record.has_said(missing)
            && !self.record.said.iter().any(|said| said.refused.is_some() && said.statement.contains(missing.as_str()));
        let instead = self.instead(missing);
        let why = match (instead, accepted) {
            (Some(cell), _) => format!(": what is there in its place is {}", shown::quote(cell.as_bytes())),
            (None, true) if !exactly => {
                ": the server has accepted it, and it is gone with the connection; what is not committed does not last"
                    .to_owned()
            }
            _ => self.first_refused(),
        };
        let expected = format!(
            "a row for each of {}",
            names.iter().map(|name| shown::quote(name.as_bytes())).collect::<Vec<_>>().join(", ")
        );
        let quoted: Vec<String> = lacking.iter().map(|name| shown::quote(name.as_bytes())).collect();
        let are = if lacking.len() == 1 { "is" } else { "are" };
        self.fails(&expected, format!("{} {are} in no table{why}", quoted.join(" and ")))
    }

    /// A cell that the name was made into on its way.
    fn instead(&self, name: &str) -> Option<String> {
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
        let wanted = letters(name);
        let cells = self.tables.iter().flat_map(|table| table.rows.iter().flatten().flatten());
        let alike = |cell: &&String| {
            let cell = letters(cell);
            cell.len() > 2 && (wanted == cell || wanted.starts_with(&cell))
        };
        cells.filter(|cell| cell.as_str() != name).find(alike).cloned()
    }

    fn has_somebody(&self, exactly: bool) -> Verdict {
        if exactly {
            return Verdict::Undecided(BUILT_IN.to_owned());
        }
        if self.tables.iter().any(|table| table.row_with_words().is_some()) {
            return Verdict::Holds;
        }
        let accepted = self
            .record
            .said
            .iter()
            .any(|said| said.refused.is_none() && said.statement.to_ascii_uppercase().contains("INSERT"));
        let why = if accepted {
            ": the server has accepted rows, and they are gone with the connection; what is not committed does not last"
                .to_owned()
        } else {
            self.first_refused()
        };
        self.fails("a row for each student", format!("no table has a student in it{why}"))
    }

    /// Whether the program has printed a name: whole, or its words.
    fn prints(&self, name: &str) -> bool {
        let text = String::from_utf8_lossy(self.stdout).to_lowercase();
        let name = name.to_lowercase();
        let squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ");
        squeezed.contains(&name) || is_of(std::iter::once(text.as_str()), &name)
    }

    fn not_printed(&self, name: &str, but: &str) -> Verdict {
        let quoted = shown::quote(name.as_bytes());
        let failure = Failure {
            expected: "what the server says is in the table".to_owned(),
            actual: shown::describe(self.stdout),
            reason: format!("the output of {}: {quoted} is not in it{but}", self.who),
            ..Failure::default()
        };
        Verdict::Fails(failure, About::Output)
    }

    fn newcomer(&self, newcomer: &str) -> Verdict {
        if self.record.has_handed_out(newcomer) && !self.prints(newcomer) {
            let but = ", although the server has said so: another client had added this student to the table, and what the \
                       program prints is not what it was answered";
            return self.not_printed(newcomer, but);
        }
        Verdict::Holds
    }

    fn shown(&self, names: &[String]) -> Verdict {
        if let Some(name) = names.iter().find(|name| !self.record.has_handed_out(name)) {
            let quoted = shown::quote(name.as_bytes());
            let reason = if self.prints(name) {
                format!("{} prints {quoted} and has not asked the server: no answer has this student in it", self.who)
            } else {
                format!("{} has not asked the server who is there: no answer has {quoted} in it", self.who)
            };
            return self.fails("a query, and what the server answers", reason);
        }
        if let Some(name) = names.iter().find(|name| !self.prints(name)) {
            return self.not_printed(name, "");
        }
        self.newcomers()
    }

    fn newcomers(&self) -> Verdict {
        match &self.record.joined {
            Some((_, newcomer)) => self.newcomer(newcomer),
            None => Verdict::Holds,
        }
    }

    fn shown_somebody(&self) -> Verdict {
        let words = |row: &Vec<String>| row.iter().any(|cell| cell.chars().filter(|c| c.is_alphabetic()).count() > 1);
        let of_table = |row: &&Vec<String>| {
            let is_row =
                |cells: &Vec<Option<String>>| row.iter().all(|cell| cells.iter().flatten().any(|known| known == cell));
            words(row) && self.tables.iter().any(|table| table.rows.iter().any(is_row))
        };
        let rows: Vec<&Vec<String>> = self.record.handed_out.iter().filter(of_table).collect();
        let Some(row) = rows.first() else {
            let reason =
                format!("{} has not asked the server who is there: no answer has a row of the table in it", self.who);
            return self.fails("a query, and what the server answers", reason);
        };
        let wordy = |cell: &&String| cell.chars().filter(|c| c.is_alphabetic()).count() > 1;
        if let Some(cell) = row.iter().filter(wordy).find(|cell| !self.prints(cell)) {
            return self.not_printed(cell, "");
        }
        self.newcomers()
    }

    fn nobody(&self) -> Verdict {
        if self.tables.iter().any(|table| table.row_with_words().is_some()) {
            return Verdict::Undecided(BUILT_IN.to_owned());
        }
        if self.tables.iter().any(|table| !table.rows.is_empty()) {
            return self.fails(
                "a table without rows",
                format!("{} was told of no student, and has inserted one without a name", self.who),
            );
        }
        let bare = complaint::is_traceback(self.stderr) || complaint::is_traceback(self.stdout);
        let all = [self.stdout, b"\n", self.stderr].concat();
        let text = String::from_utf8_lossy(&all).to_lowercase();
        // A heading with nothing under it says it as well.
        let heading = || {
            let columns = self.tables.iter().flat_map(|table| &table.columns).filter(|column| column.len() > 2);
            columns.into_iter().any(|column| text.contains(&column.to_lowercase()))
        };
        let told = says_no(&all)
            || loosely::numbers(&all).contains(&0.0)
            || text.contains("[]")
            || text.contains("()")
            || heading();
        if told && !bare {
            return Verdict::Holds;
        }
        let reason = if bare {
            format!("{} leaves it to its language's traceback to say that there is no student", self.who)
        } else {
            format!("{} was told of no student, and does not say that there is none", self.who)
        };
        let failure = Failure {
            expected: "the program says that nobody is in the table, and ends".to_owned(),
            actual: format!(
                "on standard output {}, on standard error {}",
                shown::describe(self.stdout),
                shown::describe(self.stderr)
            ),
            reason,
            ..Failure::default()
        };
        Verdict::Fails(failure, About::Conduct)
    }
}
