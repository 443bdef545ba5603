//! Looking into the databases past the protocol: which students are in some table, whatever its columns are called; and
//! the row that somebody else puts there.

use harness_peers::database::Table;
use rusqlite::Connection;

use super::engine::Engine;
use super::render::named;
use super::result::{Outcome, Value};
use super::storage::Database;

/// Rows of a table that are looked at.
const ROWS: usize = 5_000;

impl Engine {
    /// All tables that clients have made.
    pub fn look(&self) -> Vec<Table> {
        let mut all = Vec::new();
        for (name, database) in self.databases.iter().filter(|(name, _)| *name != "information_schema") {
            for table in database.tables() {
                all.extend(read(name, database, &table));
            }
        }
        all
    }

    /// Somebody else adds a student to the first table that the statement names and that has all of `names`; if there are
    /// none, to the first that has a row with words. Gives the table.
    pub fn join(&mut self, mentioned: &dyn Fn(&str) -> bool, names: &[String], newcomer: &str) -> Option<Table> {
        let table = self.look().into_iter().filter(|table| mentioned(&table.name)).find(|table| {
            if names.is_empty() {
                table.row_with_words().is_some()
            } else {
                names.iter().all(|name| table.row_of(name).is_some())
            }
        })?;
        let model = match names.last() {
            Some(name) => table.row_of(name)?,
            None => table.row_with_words()?,
        };
        let connection = &self.databases.get(&table.database)?.connection;
        add_like(connection, &table, model, names.last().map(String::as_str), newcomer).ok()?;
        Some(table)
    }
}

fn read(database: &str, of: &Database, table: &str) -> Option<Table> {
    let outcome = of.rows(&format!("SELECT * FROM {} LIMIT {ROWS}", named(table)), &[]).ok()?;
    let Outcome::Rows { columns, rows } = outcome else { return None };
    Some(Table {
        database: database.to_owned(),
        name: table.to_owned(),
        columns: columns.into_iter().map(|column| column.name).collect(),
        rows: rows.into_iter().map(|row| row.iter().map(Value::text).collect()).collect(),
    })
}

/// What a column asks of a new value.
struct Asks {
    name: String,
    counts: bool,
    unique: bool,
}

/// Adds a row like `model`, with another name, and other values where no two may be the same.
fn add_like(
    connection: &Connection,
    table: &Table,
    model: &[Option<String>],
    old: Option<&str>,
    newcomer: &str,
) -> rusqlite::Result<()> {
    let sql = "SELECT name, type = 'INTEGER' AND pk > 0, pk > 0 OR EXISTS (SELECT 1 FROM pragma_index_list(?1) l, \
               pragma_index_info(l.name) i WHERE l.\"unique\" AND i.name = t.name) FROM pragma_table_info(?1) t";
    let columns = connection
        .prepare(sql)?
        .query_map([&table.name], |row| Ok(Asks { name: row.get(0)?, counts: row.get(1)?, unique: row.get(2)? }))?
        .collect::<rusqlite::Result<Vec<Asks>>>()?;
    let (mut names, mut values) = (Vec::new(), Vec::new());
    let replaced = renamed(table, model, old, newcomer);
    for ((column, old), new) in columns.iter().zip(model).zip(replaced) {
        if column.counts {
            continue;
        }
        let value = match (new, old) {
            (Some(new), _) => Some(new),
            (None, Some(old)) if column.unique => Some(other_than(connection, table, column, old)?),
            (None, old) => old.clone(),
        };
        names.push(named(&column.name));
        values.push(value);
    }
    let marks = vec!["?"; names.len()].join(", ");
    let sql = format!("INSERT INTO {} ({}) VALUES ({marks})", named(&table.name), names.join(", "));
    connection.execute(&sql, rusqlite::params_from_iter(values)).map(|_| ())
}

/// The cells in which a name stands, with the other name in its place.
fn renamed(table: &Table, model: &[Option<String>], old: Option<&str>, newcomer: &str) -> Vec<Option<String>> {
    let words: Vec<&str> = newcomer.split(' ').collect();
    let Some(old) = old else {
        // Names are built in: columns that are called so have them, else the first one with a word.
        let called: Vec<usize> = (0..model.len())
            .filter(|index| table.columns[*index].to_lowercase().contains("name") && model[*index].is_some())
            .collect();
        let has_word = |cell: &Option<String>| {
            cell.as_ref().is_some_and(|cell| cell.chars().filter(|c| c.is_alphabetic()).count() > 1)
        };
        let places = if called.is_empty() { model.iter().position(has_word).into_iter().collect() } else { called };
        let mut out = vec![None; model.len()];
        for (nth, place) in places.iter().enumerate() {
            let part = if places.len() == 1 { newcomer } else { words.get(nth).copied().unwrap_or(newcomer) };
            out[*place] = Some(part.to_owned());
        }
        return out;
    };
    let new_word = |cell: &str| {
        let place = old.split(' ').position(|word| word.eq_ignore_ascii_case(cell.trim()))?;
        words.get(place).map(|word| (*word).to_owned())
    };
    model
        .iter()
        .map(|cell| {
            let cell = cell.as_ref()?;
            let at = cell.to_lowercase().find(&old.to_lowercase());
            match at {
                Some(at) if cell.is_char_boundary(at) && cell.is_char_boundary(at + old.len()) => {
                    Some(format!("{}{newcomer}{}", &cell[..at], &cell[at + old.len()..]))
                }
                _ => new_word(cell),
            }
        })
        .collect()
}

/// A value that is not in the column yet, as like this one as can be.
fn other_than(connection: &Connection, table: &Table, column: &Asks, value: &str) -> rusqlite::Result<String> {
    let sql = format!("SELECT 1 FROM {} WHERE {} = ?", named(&table.name), named(&column.name));
    let digits = value.len() - value.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (stem, number) = value.split_at(digits);
    let number: u64 = number.parse().unwrap_or(0);
    let mut candidate = value.to_owned();
    for step in 1..=ROWS as u64 {
        candidate = format!("{stem}{}", number.saturating_add(step));
        if connection.query_row(&sql, [&candidate], |_| Ok(())).is_err() {
            break;
        }
    }
    Ok(candidate)
}
