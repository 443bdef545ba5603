//! A database server as a run sees it: who may come in, what is said on its connections, and what its tables hold.
//! `harness-peer-mysql` is one.

use std::time::Duration;

/// Statements, and rows that were handed out, that are remembered.
pub const KEPT: usize = 2_000;

/// Characters of a statement that are remembered.
const LONGEST: usize = 2_000;

/// Who may come in; anybody where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
}

/// A statement, and what the server said to it if it was no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The statement.
    pub statement: String,
    /// The error, with its number.
    pub refused: Option<String>,
}

/// What has happened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// Statements, in order; the session's own (SET, SELECT @@…) as well.
    pub said: Vec<Said>,
    /// Values for placeholders.
    pub values: Vec<String>,
    /// Somebody was let in.
    pub let_in: bool,
    /// What somebody was told who was not let in.
    pub turned_away: Option<String>,
    /// Tables that were made, with their databases.
    pub made: Vec<String>,
    /// Rows that were handed out: their cells as text.
    pub handed_out: Vec<Vec<String>>,
    /// The table to which another client has added somebody, and who.
    pub joined: Option<(Table, String)>,
    /// The first thing that this server cannot do.
    pub beyond: Option<String>,
}

impl Record {
    /// Whether the client has said this word for word, in a statement or as a value.
    pub fn has_said(&self, text: &str) -> bool {
        self.said.iter().any(|said| said.statement.contains(text)) || self.values.iter().any(|value| value == text)
    }

    /// Whether a row with this name was handed out.
    pub fn has_handed_out(&self, name: &str) -> bool {
        self.handed_out.iter().any(|row| is_of(row.iter().map(String::as_str), name))
    }

    /// Remembers a statement, if there is room.
    pub fn note(&mut self, statement: &str, refused: Option<String>) {
        if self.said.len() < KEPT {
            self.said.push(Said { statement: statement.chars().take(LONGEST).collect(), refused });
        }
    }
}

/// A table with what is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its database.
    pub database: String,
    /// Its name.
    pub name: String,
    /// Names of its columns.
    pub columns: Vec<String>,
    /// Its first rows, as text; nothing for NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Table {
    /// The row of a student, whose name may be spread over several columns.
    pub fn row_of(&self, name: &str) -> Option<&[Option<String>]> {
        self.rows.iter().map(Vec::as_slice).find(|row| is_of(row.iter().flatten().map(String::as_str), name))
    }

    /// Whether a cell has the name and nothing else, byte for byte but for blanks at its ends.
    pub fn has_exactly(&self, name: &str) -> bool {
        self.rows.iter().flatten().flatten().any(|cell| cell.trim() == name)
    }

    /// The first row in which there is a word.
    pub fn row_with_words(&self) -> Option<&[Option<String>]> {
        let is_word = |cell: &String| cell.chars().filter(|c| c.is_alphabetic()).count() > 1;
        self.rows.iter().map(Vec::as_slice).find(|row| row.iter().flatten().any(is_word))
    }
}

/// Whether cells of one row have this name in them: whole in one, or its words in several.
pub fn is_of<'c>(cells: impl Iterator<Item = &'c str>, name: &str) -> bool {
    let name = name.to_lowercase();
    let cells: Vec<String> = cells.map(str::to_lowercase).collect();
    let has_word =
        |word: &str| cells.iter().any(|cell| cell.split(|c: char| !c.is_alphanumeric()).any(|part| part == word));
    let simple = name.chars().all(|c| c.is_alphanumeric() || c == ' ');
    cells.iter().any(|cell| cell.contains(&name)) || simple && name.split(' ').all(has_word)
}

/// Bytes for a client to digest with its password, which no other connection has.
pub type Nonce = [u8; 20];

/// What is to be done on a connection.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Goes to the client.
    pub bytes: Vec<u8>,
    /// Then the connection is closed.
    pub close: bool,
}

/// A server that all connections of a run have in common. They are told apart by their numbers.
pub trait Server: Send {
    /// So long the run has lasted.
    fn set_clock(&mut self, now: Duration);
    /// A client has connected; gives what the server says first.
    fn meet(&mut self, client: u32, nonce: Nonce) -> Vec<u8>;
    /// Takes bytes of a client, and answers every packet that is whole.
    fn receive(&mut self, client: u32, bytes: &[u8]) -> Turn;
    /// A client has gone, and takes with it what it has not committed.
    fn gone(&mut self, client: u32);
    /// What has happened.
    fn record(&self) -> &Record;
    /// All tables that clients have made, with what is in them.
    fn tables(&self) -> Vec<Table>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn table(rows: &[&[&str]]) -> Table {
        let cells = |row: &&[&str]| row.iter().map(|cell| (*cell != "NULL").then(|| (*cell).to_owned())).collect();
        Table {
            database: "lab".to_owned(),
            name: "students".to_owned(),
            columns: Vec::new(),
            rows: rows.iter().map(cells).collect(),
        }
    }

    #[rstest]
    #[case::in_one_cell(&["1", "Asha Rao"], true)]
    #[case::in_two(&["1", "Rao", "Asha"], true)]
    #[case::in_small_letters(&["1", "asha rao"], true)]
    #[case::with_more_about_it(&["Ms Asha Rao, BSc"], true)]
    #[case::in_part(&["1", "Asha"], false)]
    #[case::as_a_part_of_words(&["Ashan", "Raom"], false)]
    #[case::beside_nothing(&["NULL", "Asha", "Rao"], true)]
    fn a_student_is_found_whatever_the_columns_are(#[case] row: &[&str], #[case] found: bool) {
        assert_eq!(table(&[&["7"], row]).row_of("Asha Rao").is_some(), found);
    }

    #[rstest]
    #[case::the_same("Sean O'Connor", true)]
    #[case::with_blanks(" Sean O'Connor ", true)]
    #[case::in_other_letters("sean o'connor", false)]
    #[case::doubled("Sean O''Connor", false)]
    fn a_name_is_kept_exactly(#[case] cell: &str, #[case] exact: bool) {
        assert_eq!(table(&[&["1", cell]]).has_exactly("Sean O'Connor"), exact);
    }

    #[rstest]
    #[case(&["1", "x"], false)]
    #[case(&["1", "xy"], true)]
    fn a_word_has_two_letters(#[case] row: &[&str], #[case] has: bool) {
        assert_eq!(table(&[row]).row_with_words().is_some(), has);
    }

    #[test]
    fn only_so_much_is_remembered() {
        let mut record = Record::default();
        for _ in 0..=KEPT {
            record.note(&"x".repeat(LONGEST + 1), None);
        }
        assert_eq!((record.said.len(), record.said[0].statement.len()), (KEPT, LONGEST));
    }
}
