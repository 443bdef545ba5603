//! What a statement comes to, and how it is written into packets (MySQL client/server protocol, "Text Resultset" and
//! "Binary Protocol Resultset").

use super::login::UTF8;
use super::packet::{Outgoing, put_bytes, put_number};

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// None.
    Null,
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Double(f64),
    /// Text; also dates and decimal numbers.
    Text(String),
    /// Bytes that are no text.
    Bytes(Vec<u8>),
}

impl Value {
    /// As text; nothing for NULL.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Integer(number) => Some(number.to_string()),
            Self::Double(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}

/// What a column holds, by the protocol's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A double.
    Double = 5,
    /// Nothing but NULL.
    Null = 6,
    /// A moment that is brought up to date.
    Timestamp = 7,
    /// A whole number of eight bytes.
    Integer = 8,
    /// A day.
    Date = 10,
    /// A time of day, or a span.
    Time = 11,
    /// A moment.
    Moment = 12,
    /// A decimal number.
    Decimal = 246,
    /// Bytes.
    Bytes = 252,
    /// Text.
    Text = 253,
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub holds: Type,
}

/// What a statement comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is done.
    Done {
        /// Rows that are new, other or gone.
        affected: u64,
        /// The first number that AUTO_INCREMENT has given, or 0.
        last_id: u64,
    },
    /// Rows.
    Rows {
        /// Their columns.
        columns: Vec<Column>,
        /// Each as long as there are columns.
        rows: Vec<Vec<Value>>,
    },
}

impl Outcome {
    /// Done, and nothing to count.
    pub const DONE: Self = Self::Done { affected: 0, last_id: 0 };

    /// Rows of text.
    pub fn table(names: &[&str], rows: Vec<Vec<Value>>) -> Self {
        let columns = names.iter().enumerate().map(|(index, name)| {
            let numbers = !rows.is_empty() && rows.iter().all(|row| matches!(row.get(index), Some(Value::Integer(_))));
            Column { name: (*name).to_owned(), holds: if numbers { Type::Integer } else { Type::Text } }
        });
        Self::Rows { columns: columns.collect(), rows }
    }
}

/// An error as the server reports it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The number: 1146.
    pub code: u16,
    /// The SQLSTATE, five characters.
    pub state: &'static str,
    /// The words.
    pub message: String,
}

impl Refusal {
    /// An error of this number, with the SQLSTATE that belongs to it.
    pub fn new(code: u16, message: impl Into<String>) -> Self {
        let state = match code {
            1040 | 1047 => "08S01",
            1044 | 1049 | 1064 | 1235 | 1075 => "42000",
            1045 => "28000",
            1046 => "3D000",
            1050 => "42S01",
            1054 => "42S22",
            1048 | 1062 | 1451 | 1452 => "23000",
            1146 | 1051 => "42S02",
            1136 | 1364 => "21S01",
            1406 => "22001",
            1264 => "22003",
            _ => "HY000",
        };
        Self { code, state, message: message.into() }
    }

    /// 1064: it cannot be read from here on.
    pub fn syntax(near: &str) -> Self {
        let near: String = near.chars().take(80).collect();
        let message = format!(
            "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for \
             the right syntax to use near '{near}' at line 1"
        );
        Self::new(1064, message)
    }
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As text, for COM_QUERY.
    Text,
    /// As bytes of a fixed layout, for COM_STMT_EXECUTE.
    Binary,
}

/// More results follow.
const MORE: u16 = 8;

/// Writes a result.
pub fn put_outcome(out: &mut Outgoing, outcome: &Outcome, form: Form, status: u16, more: bool) {
    let status = if more { status | MORE } else { status };
    match outcome {
        Outcome::Done { affected, last_id } => put_done(out, *affected, *last_id, status),
        Outcome::Rows { columns, rows } => {
            let mut count = Vec::new();
            put_number(&mut count, columns.len() as u64);
            out.packet(&count);
            put_columns(out, columns, status);
            for row in rows {
                out.packet(&match form {
                    Form::Text => text_row(row),
                    Form::Binary => binary_row(columns, row),
                });
            }
            out.packet(&end(status));
        }
    }
}

/// Writes that something is done.
pub fn put_done(out: &mut Outgoing, affected: u64, last_id: u64, status: u16) {
    let mut packet = vec![0];
    put_number(&mut packet, affected);
    put_number(&mut packet, last_id);
    packet.extend_from_slice(&status.to_le_bytes());
    packet.extend_from_slice(&[0, 0]);
    out.packet(&packet);
}

/// Writes an error.
pub fn put_refusal(out: &mut Outgoing, refusal: &Refusal) {
    let mut packet = vec![0xff];
    packet.extend_from_slice(&refusal.code.to_le_bytes());
    packet.push(b'#');
    packet.extend_from_slice(refusal.state.as_bytes());
    packet.extend_from_slice(refusal.message.as_bytes());
    out.packet(&packet);
}

/// Writes definitions of columns and what ends them; nothing for none.
pub fn put_columns(out: &mut Outgoing, columns: &[Column], status: u16) {
    for column in columns {
        out.packet(&definition(column));
    }
    if !columns.is_empty() {
        out.packet(&end(status));
    }
}

/// The definition of a column.
pub fn definition(column: &Column) -> Vec<u8> {
    let mut packet = Vec::new();
    for part in ["def", "", "", "", &column.name, ""] {
        put_bytes(&mut packet, part.as_bytes());
    }
    let text = column.holds == Type::Text;
    packet.push(0x0c);
    packet.extend_from_slice(&u16::from(if text { UTF8 } else { 63 }).to_le_bytes());
    let length: u32 = if text { 1024 } else { 32 };
    packet.extend_from_slice(&length.to_le_bytes());
    packet.push(column.holds as u8);
    // BINARY_FLAG, as a real server has it for all that is no text.
    packet.extend_from_slice(&(if text { 0u16 } else { 128 }).to_le_bytes());
    packet.push(if column.holds == Type::Double { 31 } else { 0 });
    packet.extend_from_slice(&[0, 0]);
    packet
}

/// What ends rows, or definitions.
pub fn end(status: u16) -> Vec<u8> {
    let [low, high] = status.to_le_bytes();
    vec![0xfe, 0, 0, low, high]
}

fn text_row(row: &[Value]) -> Vec<u8> {
    let mut packet = Vec::new();
    for value in row {
        match value {
            Value::Null => packet.push(0xfb),
            Value::Bytes(bytes) => put_bytes(&mut packet, bytes),
            other => put_bytes(&mut packet, other.text().unwrap_or_default().as_bytes()),
        }
    }
    packet
}

fn binary_row(columns: &[Column], row: &[Value]) -> Vec<u8> {
    let mut packet = vec![0];
    let mut nulls = vec![0u8; (row.len() + 9) / 8];
    let mut values = Vec::new();
    for (index, (column, value)) in columns.iter().zip(row).enumerate() {
        match (value, column.holds) {
            (Value::Null, _) => nulls[(index + 2) / 8] |= 1 << ((index + 2) % 8),
            (value, Type::Integer) => {
                let number = match value {
                    Value::Integer(number) => *number,
                    other => other.text().and_then(|text| text.parse().ok()).unwrap_or_default(),
                };
                values.extend_from_slice(&number.to_le_bytes());
            }
            (value, Type::Double) => {
                let number: f64 = value.text().and_then(|text| text.parse().ok()).unwrap_or_default();
                values.extend_from_slice(&number.to_le_bytes());
            }
            (value, Type::Date | Type::Moment | Type::Timestamp | Type::Time) => {
                put_moment(&mut values, &value.text().unwrap_or_default(), column.holds == Type::Time);
            }
            (Value::Bytes(bytes), _) => put_bytes(&mut values, bytes),
            (value, _) => put_bytes(&mut values, value.text().unwrap_or_default().as_bytes()),
        }
    }
    packet.extend(nulls);
    packet.extend(values);
    packet
}

/// A day, a moment or a time of day: a length and its numbers.
fn put_moment(out: &mut Vec<u8>, text: &str, is_time: bool) {
    let numbers: Vec<u32> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().unwrap_or(0))
        .collect();
    let part = |index: usize| numbers.get(index).copied().unwrap_or(0);
    if is_time {
        out.extend_from_slice(&[8, u8::from(text.starts_with('-'))]);
        out.extend_from_slice(&(part(0) / 24).to_le_bytes());
        out.extend([part(0) % 24, part(1), part(2)].map(|number| number as u8));
        return;
    }
    let has_time = numbers.len() > 3;
    out.push(if has_time { 7 } else { 4 });
    out.extend_from_slice(&(part(0) as u16).to_le_bytes());
    out.extend([part(1), part(2)].map(|number| number as u8));
    if has_time {
        out.extend([part(3), part(4), part(5)].map(|number| number as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("2026-03-04", false, &[4, 0xea, 7, 3, 4])]
    #[case("2026-03-04 05:06:07", false, &[7, 0xea, 7, 3, 4, 5, 6, 7])]
    #[case("-30:15:00", true, &[8, 1, 1, 0, 0, 0, 6, 15, 0])]
    fn writes_moments(#[case] text: &str, #[case] is_time: bool, #[case] bytes: &[u8]) {
        let mut out = Vec::new();
        put_moment(&mut out, text, is_time);
        assert_eq!(out, bytes);
    }

    #[test]
    fn writes_rows() {
        let columns = [Type::Integer, Type::Text, Type::Text].map(|holds| Column { name: "c".to_owned(), holds });
        let row = [Value::Integer(7), Value::Null, Value::Text("ab".to_owned())];
        assert_eq!(text_row(&row), b"\x017\xfb\x02ab");
        assert_eq!(binary_row(&columns, &row), b"\x00\x08\x07\0\0\0\0\0\0\0\x02ab");
    }
}
