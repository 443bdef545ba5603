//! A message in a mailbox that is read with IMAP: its bytes, its flags, and the parts that a section names (RFC 3501,
//! section 6.4.5).

use std::num::NonZeroU32;

use chrono::{DateTime, FixedOffset};
use imap_codec::imap_types::fetch::Section;
use imap_codec::imap_types::flag::Flag;
use mail_parser::{MessageParser, PartType};

use super::super::mailbox::with_line_ends;

/// What is added to a message's number for its unique identifier: who takes one for the other finds nothing.
pub const UID_OFFSET: u32 = 100;

/// A message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its number at the beginning of the session, counted from 1.
    pub number: usize,
    /// Header, empty line and text; lines end in CR LF.
    pub bytes: Vec<u8>,
    /// What is noted about it.
    pub flags: Vec<Flag<'static>>,
    /// When it came (INTERNALDATE): what its Date says.
    pub date: DateTime<FixedOffset>,
}

impl Message {
    /// A message that nobody has seen.
    pub fn new(number: usize, text: &[u8]) -> Self {
        // IMAP has no way to carry a zero byte (RFC 3501, section 4.3).
        let bytes: Vec<u8> = with_line_ends(text).into_iter().filter(|byte| *byte != 0).collect();
        let date = field(&bytes, "date").and_then(|date| DateTime::parse_from_rfc2822(date.trim()).ok());
        Self { number, bytes, flags: Vec::new(), date: date.unwrap_or_default() }
    }

    /// Its unique identifier.
    pub fn uid(&self) -> NonZeroU32 {
        let number = u32::try_from(self.number).unwrap_or(u32::MAX);
        NonZeroU32::MIN.saturating_add(number.saturating_add(UID_OFFSET - 1))
    }

    /// Notes something; says whether that is new.
    pub fn note(&mut self, flag: Flag<'static>) -> bool {
        let new = !self.flags.contains(&flag);
        if new {
            self.flags.push(flag);
        }
        new
    }
}

/// The header with the empty line that ends it, and the text.
pub fn split(message: &[u8]) -> (&[u8], &[u8]) {
    if message.starts_with(b"\r\n") {
        return message.split_at(2);
    }
    message.split_at(memchr::memmem::find(message, b"\r\n\r\n").map_or(message.len(), |at| at + 4))
}

/// The fields of a header, each with its continuation lines and its end.
fn fields(header: &[u8]) -> Vec<&[u8]> {
    let mut fields: Vec<&[u8]> = Vec::new();
    let mut start = 0;
    let mut at = 0;
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        let goes_on = matches!(line.first(), Some(b' ' | b'\t'));
        if !goes_on && at > start {
            fields.push(&header[start..at]);
            start = at;
        }
        at += line.len();
        if line == b"\r\n" {
            return fields;
        }
    }
    fields.push(&header[start..at]);
    fields
}

fn is_named(field: &[u8], name: &[u8]) -> bool {
    let end = field.iter().position(|byte| *byte == b':').unwrap_or(0);
    field[..end].trim_ascii().eq_ignore_ascii_case(name)
}

/// What a field says, on one line and as it was sent: encoded words are still encoded.
pub fn field(message: &[u8], name: &str) -> Option<String> {
    let found = fields(split(message).0).into_iter().find(|field| is_named(field, name.as_bytes()))?;
    let value = &found[found.iter().position(|byte| *byte == b':')? + 1..];
    let value: Vec<u8> = value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    Some(String::from_utf8_lossy(&value).trim().to_owned())
}

/// A part of a message: its own header, and what it holds.
struct Part<'m> {
    header: &'m [u8],
    content: &'m [u8],
}

/// The part with this number. Part 1 of what has no parts is its text.
fn part<'m>(message: &'m [u8], path: &[NonZeroU32]) -> Option<Part<'m>> {
    let parsed = MessageParser::default().parse(message)?;
    let slice = |from: u32, to: u32| message.get(from as usize..to as usize);
    let mut current = parsed.parts.first()?;
    let mut rest = path;
    while let Some((number, after)) = rest.split_first() {
        rest = after;
        match &current.body {
            PartType::Multipart(parts) => {
                let index = *parts.get(number.get() as usize - 1)?;
                current = parsed.parts.get(index as usize)?;
            }
            PartType::Message(_) => {
                let inner = slice(current.offset_body, current.offset_end)?;
                return part(inner, &path[path.len() - rest.len() - 1..]);
            }
            _ if number.get() == 1 && path.len() == 1 => {}
            _ => return None,
        }
    }
    let header = slice(current.offset_header, current.offset_body)?;
    Some(Part { header, content: slice(current.offset_body, current.offset_end)? })
}

/// What a section names; nothing if there is no such part.
pub fn section(message: &[u8], section: Option<&Section<'_>>) -> Option<Vec<u8>> {
    let inside = |at: &Option<imap_codec::imap_types::fetch::Part>| match at {
        Some(at) => part(message, at.0.as_ref()).map(|part| part.content.to_vec()),
        None => Some(message.to_vec()),
    };
    Some(match section {
        None => message.to_vec(),
        Some(Section::Header(at)) => split(&inside(at)?).0.to_vec(),
        Some(Section::Text(at)) => split(&inside(at)?).1.to_vec(),
        Some(Section::HeaderFields(at, names)) => picked(&inside(at)?, names.as_ref(), true),
        Some(Section::HeaderFieldsNot(at, names)) => picked(&inside(at)?, names.as_ref(), false),
        Some(Section::Part(at)) => part(message, at.0.as_ref())?.content.to_vec(),
        Some(Section::Mime(at)) => part(message, at.0.as_ref())?.header.to_vec(),
    })
}

/// The fields with these names, or all others, and an empty line.
fn picked(message: &[u8], names: &[imap_codec::imap_types::core::AString<'_>], with: bool) -> Vec<u8> {
    let is_meant = |field: &&[u8]| names.iter().any(|name| is_named(field, name.as_ref())) == with;
    let mut picked: Vec<u8> = fields(split(message).0).into_iter().filter(is_meant).flatten().copied().collect();
    picked.extend_from_slice(b"\r\n");
    picked
}

#[cfg(test)]
mod tests {
    use super::*;
    use imap_codec::CommandCodec;
    use imap_codec::decode::Decoder;
    use imap_codec::imap_types::command::CommandBody;
    use imap_codec::imap_types::fetch::{MacroOrMessageDataItemNames, MessageDataItemName};
    use rstest::rstest;

    const PLAIN: &str = "From: a@example.org\nSubject: one\n  more\nTo: b@example.org\n\nHello.\nBye.\n";

    const PARTS: &str = "Subject: parts\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\nfor the old\n\
                         --x\nContent-Type: text/plain\n\nfirst\n--x\nContent-Type: multipart/alternative; boundary=y\n\n\
                         --y\nContent-Type: text/plain\n\nplain\n--y\nContent-Type: text/html\n\n<p>\n--y--\n\
                         --x\nContent-Type: message/rfc822\n\nSubject: inner\n\ninner text\n--x--\n";

    fn take(message: &str, asked: &str) -> Option<String> {
        let command = format!("a FETCH 1 {asked}\r\n");
        let (_, command) = CommandCodec::default().decode(command.as_bytes()).expect("a command");
        let CommandBody::Fetch {
            macro_or_item_names: MacroOrMessageDataItemNames::MessageDataItemNames(names), ..
        } = command.body
        else {
            panic!("no FETCH");
        };
        let [MessageDataItemName::BodyExt { section: name, .. }] = names.as_slice() else { panic!("no section") };
        section(&Message::new(1, message.as_bytes()).bytes, name.as_ref())
            .map(|found| String::from_utf8(found).unwrap())
    }

    #[rstest]
    #[case("BODY[HEADER]", "From: a@example.org\r\nSubject: one\r\n  more\r\nTo: b@example.org\r\n\r\n")]
    #[case("BODY[TEXT]", "Hello.\r\nBye.\r\n")]
    #[case("BODY[1]", "Hello.\r\nBye.\r\n")]
    #[case("BODY.PEEK[HEADER.FIELDS (SUBJECT TO)]", "Subject: one\r\n  more\r\nTo: b@example.org\r\n\r\n")]
    #[case("BODY[HEADER.FIELDS (CC)]", "\r\n")]
    #[case("BODY[HEADER.FIELDS.NOT (Subject From)]", "To: b@example.org\r\n\r\n")]
    fn finds_sections(#[case] asked: &str, #[case] found: &str) {
        assert_eq!(take(PLAIN, asked).as_deref(), Some(found));
    }

    #[rstest]
    #[case("BODY[1]", Some("first"))]
    #[case("BODY[2.1]", Some("plain"))]
    #[case("BODY[2.2]", Some("<p>"))]
    #[case("BODY[2.2.MIME]", Some("Content-Type: text/html\r\n\r\n"))]
    #[case("BODY[3.HEADER]", Some("Subject: inner\r\n\r\n"))]
    #[case("BODY[3.1]", Some("inner text"))]
    #[case("BODY[3.TEXT]", Some("inner text"))]
    #[case("BODY[4]", None)]
    #[case("BODY[1.1]", None)]
    fn finds_parts(#[case] asked: &str, #[case] found: Option<&str>) {
        assert_eq!(take(PARTS, asked).as_deref(), found);
    }

    #[test]
    fn reads_fields() {
        let message = Message::new(1, PLAIN.as_bytes());
        assert_eq!(field(&message.bytes, "Subject").as_deref(), Some("one  more"));
        assert_eq!(field(&message.bytes, "Cc"), None);
        assert_eq!(message.uid().get(), 101);
    }
}
