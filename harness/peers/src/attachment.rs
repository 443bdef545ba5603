//! What is attached to a message (RFC 2045, RFC 2046, RFC 2183), looked at with a MIME parser.
//!
//! The parser is as patient as a reader's program. What it lets pass and others do not is found by [`mime_fault`].

use std::borrow::Cow;

use mail_parser::decoders::{base64::base64_decode, quoted_printable::quoted_printable_decode};
use mail_parser::{Encoding, HeaderName, MessageParser, MessagePart, MimeHeaders, PartType};

/// Longest line of a message without its end, in bytes (RFC 5322, section 2.1.1; RFC 5321, section 4.5.3.1.6).
pub const LONGEST_LINE: usize = 998;

/// A part of a message that has no parts of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it says that it is, such as `text/plain`.
    pub kind: String,
    /// The name of the file, without folders.
    pub name: Option<String>,
    /// A reader sees it as attached: it says so, has a name, or is no text.
    pub is_attached: bool,
    /// The bytes, decoded; characters are left as they are.
    pub content: Vec<u8>,
}

impl Piece {
    /// What it is in a list.
    pub fn described(&self) -> String {
        let name = self.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        format!("{}{name} ({} bytes)", self.kind, self.content.len())
    }
}

/// The parts of a message, in order.
pub fn pieces(content: &[u8]) -> Vec<Piece> {
    let content = mended(content);
    let Some(message) = MessageParser::default().parse(&*content) else { return Vec::new() };
    let is_leaf = |part: &&MessagePart<'_>| !matches!(part.body, PartType::Multipart(_) | PartType::Message(_));
    message.parts.iter().filter(is_leaf).map(|part| piece(&content, part)).collect()
}

fn piece(content: &[u8], part: &MessagePart<'_>) -> Piece {
    let raw = content.get(part.offset_body as usize..part.offset_end as usize).unwrap_or_default();
    let decoded = match part.encoding {
        Encoding::Base64 => base64_decode(raw),
        Encoding::QuotedPrintable => quoted_printable_decode(raw),
        Encoding::None => None,
    };
    let name = part.attachment_name().map(|name| file_name(as_others_read(content, part, name)));
    let says_so = part.content_disposition().is_some_and(|it| it.ctype().eq_ignore_ascii_case("attachment"));
    let is_text = part.content_type().is_none_or(|it| it.ctype().eq_ignore_ascii_case("text"));
    Piece {
        kind: kind(part),
        is_attached: says_so || name.is_some() || !is_text,
        name,
        content: decoded.unwrap_or_else(|| raw.to_vec()),
    }
}

fn kind(part: &MessagePart<'_>) -> String {
    part.content_type().map_or_else(
        || "text/plain".to_owned(),
        |kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("?")).to_ascii_lowercase(),
    )
}

/// A name without quotation marks ends at its first blank (RFC 2183, section 2: it is a token), whatever the parser makes of
/// it.
fn as_others_read<'n>(content: &[u8], part: &MessagePart<'_>, name: &'n str) -> &'n str {
    let Some((first, _)) = name.split_once([' ', '\t']) else { return name };
    let bare = [b"=", first.as_bytes()].concat();
    let fields = part.headers.iter().map(|field| field.offset_start as usize..field.offset_end as usize);
    let is_bare = fields.filter_map(|range| content.get(range)).any(|field| {
        memchr::memmem::find(field, &bare).is_some_and(|at| matches!(field.get(at + bare.len()), Some(b' ' | b'\t')))
    });
    if is_bare { first } else { name }
}

/// The name of a file as a reader shows it: without folders, and with words decoded that stand in it as in a subject
/// (RFC 2047; not allowed there, and understood everywhere).
fn file_name(name: &str) -> String {
    let field = format!("Subject: {name}\r\n\r\n");
    let decoded = name
        .contains("=?")
        .then(|| MessageParser::default().parse(field.as_bytes())?.subject().map(str::to_owned))
        .flatten();
    let name = decoded.as_deref().unwrap_or(name);
    name.rsplit(['/', '\\']).next().unwrap_or(name).trim().to_owned()
}

/// The boundary that the header of the whole message names.
fn boundary(content: &[u8]) -> Option<String> {
    let header = MessageParser::default().parse_headers(content)?;
    header.content_type().and_then(|kind| kind.attribute("boundary")).map(str::to_owned)
}

/// The message with an end for its last part, where it has none.
fn mended(content: &[u8]) -> Cow<'_, [u8]> {
    match boundary(content) {
        Some(boundary) if !Delimiters::of(content, &boundary).ends => {
            Cow::Owned([content, b"\r\n--", boundary.as_bytes(), b"--\r\n"].concat())
        }
        _ => Cow::Borrowed(content),
    }
}

/// The lines between the parts of a message.
#[derive(Debug, Default, PartialEq, Eq)]
struct Delimiters {
    /// One at least opens a part.
    opens: bool,
    /// One ends the last part.
    ends: bool,
    /// One stands behind something else on its line.
    is_hidden: bool,
}

impl Delimiters {
    fn of(content: &[u8], boundary: &str) -> Self {
        let delimiter = [b"--", boundary.as_bytes()].concat();
        let mut found = Self::default();
        for at in memchr::memmem::find_iter(content, &delimiter) {
            let rest = &content[at + delimiter.len()..];
            let rest = rest.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
            // Another boundary may begin with this one.
            let (is_last, is_whole) = (rest == b"--", rest.is_empty() || rest == b"--");
            match content[..at].last() {
                Some(b'\n') | None => {
                    found.opens |= is_whole && !is_last;
                    found.ends |= is_last;
                }
                Some(_) => found.is_hidden |= is_whole,
            }
        }
        found
    }
}

/// Why a strict reader cannot take the message apart.
pub fn mime_fault(content: &[u8]) -> Option<String> {
    let mended = mended(content);
    let Some(message) = MessageParser::default().parse(&*mended) else {
        return Some("there is no header".to_owned());
    };
    let root = message.root_part();
    let is_multipart = |part: &MessagePart<'_>| kind(part).starts_with("multipart/");
    if !is_multipart(root) && !piece(&mended, root).is_attached {
        let said =
            root.content_type().map_or("has no field Content-Type".to_owned(), |_| format!("says {}", kind(root)));
        return Some(format!("the header {said}: that is one text, and nothing is attached to it"));
    }
    for part in message.parts.iter().filter(|part| is_multipart(part)) {
        let Some(boundary) = part.content_type().and_then(|kind| kind.attribute("boundary")) else {
            return Some(format!("Content-Type says {} and names no boundary between the parts", kind(part)));
        };
        let found = Delimiters::of(content, boundary);
        if found.is_hidden {
            return Some(format!(
                "`--{boundary}` stands behind something else on its line; only at the beginning of a line does it end a part"
            ));
        }
        if !found.opens {
            return Some(format!("Content-Type says boundary=\"{boundary}\", and there is no line `--{boundary}`"));
        }
        if !found.ends {
            return Some(format!(
                "there is no line `--{boundary}--` after the last part: nobody can tell whether something is missing"
            ));
        }
    }
    let undecoded = message.parts.iter().find(|part| part.is_encoding_problem)?;
    Some(format!("what the part {} holds is not encoded as its header says", kind(undecoded)))
}

/// Whether the header says which version of MIME the message keeps to (RFC 2045, section 4: it must).
pub fn has_version(content: &[u8]) -> bool {
    let header = MessageParser::default().parse_headers(content);
    header.is_some_and(|header| header.header(HeaderName::MimeVersion).is_some())
}

/// The length of the longest line, without its end.
pub fn longest_line(content: &[u8]) -> usize {
    let lines = content.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line).len());
    lines.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const HEADER: &str = "From: anna@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n";
    const MIXED: &str = "Content-Type: multipart/mixed; boundary=\"here\"\r\n\r\n";

    fn message(parts: &str) -> Vec<u8> {
        format!("{HEADER}{MIXED}{parts}").replace('|', "\r\n").into_bytes()
    }

    #[rstest]
    #[case::base64("Content-Transfer-Encoding: base64||b25lCnR3bwo=|", "one\ntwo\n")]
    #[case::quoted("Content-Transfer-Encoding: quoted-printable||one=0Atw=|o=0A|", "one\ntwo\n")]
    #[case::plain("|one|two|", "one\r\ntwo")]
    fn decodes(#[case] part: &str, #[case] content: &str) {
        let attached = "Content-Disposition: attachment; filename=\"a.txt\"";
        for end in ["--here--|", ""] {
            let parts = format!("--here||Dear Bert|--here|{attached}|{part}{end}");
            let pieces = pieces(&message(&parts));
            assert_eq!(pieces.len(), 2, "{end}");
            assert!(!pieces[0].is_attached && pieces[1].is_attached);
            let found = String::from_utf8_lossy(&pieces[1].content);
            assert_eq!((found.trim_end_matches("\r\n"), pieces[1].name.as_deref()), (content, Some("a.txt")));
        }
    }

    #[rstest]
    #[case::plain("filename=letter.txt", Some("letter.txt"))]
    #[case::blank("filename=\"my letter.txt\"", Some("my letter.txt"))]
    #[case::percent("filename*=utf-8''Gr%C3%BC%C3%9Fe.txt", Some("Grüße.txt"))]
    #[case::in_parts("filename*0*=utf-8''Gr%C3%BC; filename*1*=%C3%9Fe.txt", Some("Grüße.txt"))]
    #[case::word("filename=\"=?utf-8?q?Gr=C3=BC=C3=9Fe.txt?=\"", Some("Grüße.txt"))]
    #[case::raw("filename=\"Grüße.txt\"", Some("Grüße.txt"))]
    #[case::folders("filename=\"/home/anna/letter.txt\"", Some("letter.txt"))]
    #[case::bare_blank("filename=my letter.txt", Some("my"))]
    #[case::none("size=3", None)]
    fn reads_names(#[case] parameter: &str, #[case] name: Option<&str>) {
        let parts = format!("--here|Content-Disposition: attachment; {parameter}||x|--here--|");
        assert_eq!(pieces(&message(&parts))[0].name.as_deref(), name);
    }

    const ONE: &str = "--here|Content-Disposition: attachment|Content-Transfer-Encoding: base64||";

    #[rstest]
    #[case::right("b25l|--here--|", None)]
    #[case::cut(
        "b25l|",
        Some("there is no line `--here--` after the last part: nobody can tell whether something is missing")
    )]
    #[case::hidden(
        "b25l--here--|",
        Some("`--here` stands behind something else on its line; only at the beginning of a line does it end a part")
    )]
    #[case::undecodable("b2*5l|--here--|", Some("what the part text/plain holds is not encoded as its header says"))]
    fn finds_faults(#[case] rest: &str, #[case] fault: Option<&str>) {
        assert_eq!(mime_fault(&message(&format!("{ONE}{rest}"))).as_deref(), fault);
    }

    #[rstest]
    #[case::no_parts(
        "Content-Type: text/plain\r\n",
        Some("the header says text/plain: that is one text, and nothing is attached to it")
    )]
    #[case::nothing("", Some("the header has no field Content-Type: that is one text, and nothing is attached to it"))]
    #[case::itself("Content-Type: application/zip\r\n", None)]
    #[case::other(
        "Content-Type: multipart/mixed; boundary=there\r\n",
        Some("Content-Type says boundary=\"there\", and there is no line `--there`")
    )]
    #[case::nameless(
        "Content-Type: multipart/mixed\r\n",
        Some("Content-Type says multipart/mixed and names no boundary between the parts")
    )]
    fn looks_at_the_kind(#[case] field: &str, #[case] fault: Option<&str>) {
        let content = format!("{HEADER}{field}\r\n--here\r\n\r\nx\r\n--here--\r\n");
        assert_eq!(mime_fault(content.as_bytes()).as_deref(), fault);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_survived(bytes: Vec<u8>, rest in "[-|here:=a-z ]{0,40}") {
            for content in [bytes, message(&rest)] {
                let _ = (pieces(&content), mime_fault(&content), longest_line(&content));
            }
        }

        #[test]
        fn the_model_answer_is_read(content: Vec<u8>, name in "[a-zA-Zäß0-9._-][a-zäß0-9 '._%-]{0,30}[a-zж]", text in "[a-z\nü]{0,40}") {
            let to = "bert@example.net";
            let order = reference::mail_client::mail::Order { host: "h", port: 25, from: "a@b.example", to, subject: "x" };
            let mail = reference::mail_attach::mail::compose(&order, &[to], &text, &[(name.clone(), content.clone())]);
            prop_assert_eq!(mime_fault(&mail), None);
            let found = pieces(&mail);
            prop_assert_eq!(found.len(), 2);
            prop_assert_eq!((&found[1].content, found[1].name.as_deref()), (&content, Some(name.as_str())));
        }

        #[test]
        fn what_is_encoded_comes_out(bytes: Vec<u8>) {
            let encoded = harness_language::base64::encode(&bytes);
            let found = pieces(&message(&format!("{ONE}{encoded}|--here--|")));
            prop_assert_eq!(&found[0].content, &bytes);
        }
    }
}
