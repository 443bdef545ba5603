//! A message made readable: who, what, when, and its text, whatever it was wrapped in for the way.
//!
//! The library knows encoded words (RFC 2047), base64 and quoted-printable (RFC 2045), character sets, and which of
//! several parts is the text to be read (RFC 2046).

use std::fmt::{self, Display, Formatter};

use mail_parser::{Address, MessageParser, MimeHeaders};

/// A message as a person reads it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Letter {
    /// Who wrote it: names with addresses.
    pub from: String,
    /// When, as RFC 3339 writes it.
    pub date: String,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// Names of what is attached.
    pub attached: Vec<String>,
}

impl Letter {
    /// Reads a message. What is none at all is shown as it is: better than nothing.
    pub fn read(message: &[u8]) -> Self {
        let Some(parsed) = MessageParser::default().parse(message) else {
            return Self { text: String::from_utf8_lossy(message).into_owned(), ..Self::default() };
        };
        // The library gives a text also where there is only one in HTML, without its tags.
        let texts = (0..parsed.text_body_count()).filter_map(|index| parsed.body_text(index));
        let name = |part: &mail_parser::MessagePart<'_>| part.attachment_name().unwrap_or("without a name").to_owned();
        Self {
            from: parsed.from().map(people).unwrap_or_default(),
            date: parsed.date().map(|date| date.to_rfc3339()).unwrap_or_default(),
            subject: parsed.subject().unwrap_or_default().to_owned(),
            text: texts.collect::<Vec<_>>().join("\n").replace("\r\n", "\n"),
            attached: parsed.attachments().map(name).collect(),
        }
    }
}

fn people(addresses: &Address<'_>) -> String {
    let person = |one: &mail_parser::Addr<'_>| match (one.name(), one.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (name, address) => name.or(address).unwrap_or_default().to_owned(),
    };
    addresses.iter().map(person).collect::<Vec<_>>().join(", ")
}

impl Display for Letter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (name, value) in [("From", &self.from), ("Date", &self.date), ("Subject", &self.subject)] {
            // Encoded words can hold anything, also what a terminal takes for a command.
            writeln!(f, "{name}: {}", printable(value))?;
        }
        writeln!(f, "\n{}", printable(&self.text))?;
        for name in &self.attached {
            writeln!(f, "[attached: {}]", printable(name))?;
        }
        Ok(())
    }
}

/// Letters are written by strangers: without control characters, but with line ends and tabs.
fn printable(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')).collect()
}
