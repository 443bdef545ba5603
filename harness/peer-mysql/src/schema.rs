//! Statements that change which databases and tables there are.

use super::engine::{ALWAYS, Client, DATABASES, Engine, statement};
use super::lex::Piece;
use super::render::{self, named, parts, quoted};
use super::result::{Outcome, Refusal};
use super::storage::{Database, Failed, counts};
use super::{Trouble, beyond, define, errors, refused};

impl Engine {
    pub(super) fn create_database(
        &mut self,
        client: &mut Client,
        all: &[Piece],
        source: &str,
    ) -> Result<Outcome, Trouble> {
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

    pub(super) fn drop_database(
        &mut self,
        client: &mut Client,
        all: &[Piece],
        source: &str,
    ) -> Result<Outcome, Trouble> {
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
    pub(super) fn define(&mut self, client: &mut Client, all: &[Piece], source: &str) -> Result<Outcome, Trouble> {
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
            let list: Vec<&Piece> =
                parts(&pieces[if may_lack { 4 } else { 2 }..]).into_iter().filter_map(<[Piece]>::first).collect();
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
            let Some(table) = pieces.get(2).and_then(Piece::name) else {
                return Err(Trouble::Refused(Refusal::syntax("")));
            };
            if !database.has(table) {
                return Err(refused(1146, format!("Table '{name}.{table}' doesn't exist")));
            }
            for part in parts(&pieces[3..]) {
                let part: Vec<Piece> = part.iter().filter(|piece| !piece.is("COLUMN")).cloned().collect();
                let sql = match &part[..] {
                    [add, column @ ..]
                        if add.is("ADD")
                            && !column.first().is_some_and(|piece| {
                                piece.is_mark("(")
                                    || piece.is_any(&[
                                        "PRIMARY",
                                        "UNIQUE",
                                        "KEY",
                                        "INDEX",
                                        "CONSTRAINT",
                                        "FOREIGN",
                                        "FULLTEXT",
                                        "CHECK",
                                    ])
                            }) =>
                    {
                        let end =
                            column.iter().position(|piece| piece.is_any(&["FIRST", "AFTER"])).unwrap_or(column.len());
                        format!("ADD COLUMN {}", define::added(&column[..end], source, client)?)
                    }
                    [drop, column] if drop.is("DROP") => format!("DROP COLUMN {}", named(&column.text)),
                    [rename, to, other] if rename.is("RENAME") && to.is_any(&["TO", "AS"]) => {
                        format!("RENAME TO {}", named(&other.text))
                    }
                    [rename, one, to, other] if rename.is("RENAME") && to.is("TO") => {
                        format!("RENAME COLUMN {} TO {}", named(&one.text), named(&other.text))
                    }
                    [word, ..]
                        if word.is_any(&["AUTO_INCREMENT", "ENGINE", "CONVERT", "DEFAULT", "CHARACTER", "COMMENT"]) =>
                    {
                        continue;
                    }
                    _ => return Err(beyond("this ALTER TABLE")),
                };
                run(database, &format!("ALTER TABLE {} {sql}", named(table)))?;
            }
            return Ok(Outcome::DONE);
        }
        Err(beyond(said.split(' ').take(2).collect::<Vec<_>>().join(" ").as_str()))
    }
}
