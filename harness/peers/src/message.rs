//! What stands in a message that was received (RFC 5322, RFC 2045), looked at with a MIME parser.

use std::collections::BTreeSet;

use mail_parser::{Address, MessageParser, MimeHeaders, PartType};

/// How a message holds a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// In a part, as decoded. With the character set that the part names.
    InPart(Option<String>),
    /// Only in the bytes as they came: in the header, or where a reader would see something else.
    Raw,
    /// Not whole. The first line that is not there, after those that are.
    Lacks(String),
}

/// The lines of a text, without those at the end that are empty.
fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> =
        text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec()).collect();
    while lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

/// How many lines of `wanted` stand one after another in `all`, at the best place.
fn longest_run(all: &[Vec<u8>], wanted: &[Vec<u8>]) -> usize {
    let run = |at: usize| all[at..].iter().zip(wanted).take_while(|(a, b)| a == b).count();
    (0..all.len()).map(run).max().unwrap_or(0)
}

/// Whether a message holds a text, whole and in one piece; line ends and empty lines at the end are not compared.
pub fn holds(content: &[u8], text: &[u8]) -> Held {
    let wanted = lines(text);
    let whole = |bytes: &[u8]| longest_run(&lines(bytes), &wanted);
    let message = MessageParser::default().parse(content);
    let mut best = whole(content);
    let is_raw = best == wanted.len();
    for part in message.iter().flat_map(|message| &message.parts) {
        let (PartType::Text(body) | PartType::Html(body)) = &part.body else { continue };
        let there = whole(body.as_bytes());
        if there == wanted.len() {
            let charset = part.content_type().and_then(|kind| kind.attribute("charset"));
            return Held::InPart(charset.map(str::to_owned));
        }
        best = best.max(there);
    }
    match wanted.get(best) {
        _ if is_raw => Held::Raw,
        Some(line) => Held::Lacks(String::from_utf8_lossy(line).into_owned()),
        None => Held::Raw,
    }
}

/// Whether a message holds a text, and not this one: hardly a word of it is there, and what is there are mostly other
/// words. What was joined or spelled in another way still has most of them, and what was cut off has no others.
pub fn is_another(content: &[u8], text: &[u8]) -> bool {
    let words = |bytes: &[u8]| -> BTreeSet<String> {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        let words = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() >= 4);
        words.map(str::to_owned).collect()
    };
    let message = MessageParser::default().parse(content);
    let bodies = message.iter().flat_map(|message| &message.parts).filter_map(|part| match &part.body {
        PartType::Text(body) | PartType::Html(body) => Some(words(body.as_bytes())),
        _ => None,
    });
    let (mut said, wanted): (BTreeSet<String>, _) = (bodies.flatten().collect(), words(text));
    // Without any field there is no header, and all of it is the text.
    let first = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_field = first.iter().position(|byte| *byte == b':').is_some_and(|at| !first[..at].contains(&b' '));
    if !is_field {
        said.extend(words(content));
    }
    let shared = wanted.intersection(&said).count();
    !said.is_empty() && !wanted.is_empty() && shared * 4 < wanted.len() && shared * 2 < said.len()
}

/// What is wrong with the fields that every mail has: `From` and `To` with addresses (these, if they are given), and a
/// `Subject`.
pub fn header_lacks(content: &[u8], from: Option<&str>, to: Option<&str>) -> Option<String> {
    let Some(message) = MessageParser::default().parse(content) else {
        return Some("there is no header".to_owned());
    };
    let field = |name: &str, found: Option<&Address<'_>>, wanted: Option<&str>| {
        let addresses: Vec<&str> = found.into_iter().flat_map(Address::iter).filter_map(|it| it.address()).collect();
        match wanted {
            _ if addresses.is_empty() => Some(format!("there is no field {name} with an address")),
            Some(wanted) if !addresses.iter().any(|it| it.eq_ignore_ascii_case(wanted)) => {
                Some(format!("the field {name} has {} and not {wanted}", addresses.join(", ")))
            }
            _ => None,
        }
    };
    let no_subject = || message.subject().is_none().then(|| "there is no field Subject".to_owned());
    field("From", message.from(), from).or_else(|| field("To", message.to(), to)).or_else(no_subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const HEADER: &str = "From: Anna <anna@example.org>\r\nTo: bert@example.net\r\nSubject: hello\r\n";

    #[rstest]
    #[case("\r\none\r\n\r\ntwo\r\n", Held::InPart(None))]
    #[case("Content-Type: text/plain; charset=utf-8\r\n\r\none\r\n\r\ntwo", Held::InPart(Some("utf-8".to_owned())))]
    #[case("Content-Transfer-Encoding: base64\r\n\r\nb25lCgp0d28K\r\n", Held::InPart(None))]
    #[case("one\r\n\r\ntwo\r\n", Held::Raw)]
    #[case("\r\none\r\n\r\nthree\r\n", Held::Lacks("two".to_owned()))]
    #[case("\r\n", Held::Lacks("one".to_owned()))]
    fn finds_a_text(#[case] rest: &str, #[case] held: Held) {
        assert_eq!(holds(format!("{HEADER}{rest}").as_bytes(), b"one\n\ntwo\n"), held);
    }

    #[rstest]
    #[case::its_own("\r\nI love computer networks!\r\n", true)]
    #[case::joined("\r\nDear Bert,the meeting is on Tuesday.Anna\r\n", false)]
    #[case::cut_off("\r\nDear Bert,\r\n\r\nthe meet", false)]
    #[case::hardly_begun("\r\nDear Bert,\r\n", false)]
    #[case::none("\r\n", false)]
    fn tells_another_text(#[case] rest: &str, #[case] another: bool) {
        let text = b"Dear Bert,\n\nthe meeting is on Tuesday.\nAnna\n";
        assert_eq!(is_another(format!("{HEADER}{rest}").as_bytes(), text), another);
    }

    #[rstest]
    #[case::its_own("I love computer networks!\r\n", true)]
    #[case::cut_off("Dear Bert,\r\n", false)]
    fn a_text_without_a_header_is_a_text(#[case] content: &str, #[case] another: bool) {
        let text = b"Dear Bert,\n\nthe meeting is on Tuesday.\nAnna\n";
        assert_eq!(is_another(content.as_bytes(), text), another);
    }

    #[rstest]
    #[case(HEADER, None)]
    #[case("From: anna@example.org\r\nTo: bert@example.net\r\n", Some("there is no field Subject"))]
    #[case("From: anna@example.org\r\nSubject: x\r\n", Some("there is no field To with an address"))]
    #[case(
        "From: carl@example.org\r\nTo: bert@example.net\r\nSubject: x\r\n",
        Some("the field From has carl@example.org and not anna@example.org")
    )]
    fn looks_at_the_header(#[case] header: &str, #[case] lack: Option<&str>) {
        let content = format!("{header}\r\ntext\r\n");
        let found = header_lacks(content.as_bytes(), Some("anna@example.org"), Some("bert@example.net"));
        assert_eq!(found.as_deref(), lack);
    }
}
