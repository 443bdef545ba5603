//! A name server without input or output: a question goes in as bytes, the answer comes out as bytes
//! (RFC 1035, section 4; RFC 3596 for `AAAA`; RFC 6891 for longer answers over UDP).
//!
//! It answers like the resolver of a provider, which has asked everybody else already: with recursion available, from
//! one zone that is the whole world, with names compressed as every server does.

use std::collections::BTreeMap;

use harness_language::scenario::model::{DomainName, Record};

/// The port of name servers (RFC 1035, section 4.2).
pub const PORT: u16 = 53;

/// Longest answer over UDP to who does not say that more will do (RFC 1035, section 4.2.1).
const LONGEST_BY_UDP: usize = 512;

/// Longest answer over TCP: a 16-bit length stands before it (RFC 1035, section 4.2.2).
const LONGEST_BY_TCP: usize = 65_535;

/// Seconds for which an answer holds.
const LIFETIME: u32 = 300;

const HEADER: usize = 12;

/// Record types and classes (RFC 1035, section 3.2; RFC 3596; RFC 6891).
const A: u16 = 1;
const MX: u16 = 15;
const AAAA: u16 = 28;
const OPT: u16 = 41;
const ANY: u16 = 255;
const CLASS_IN: u16 = 1;

/// Response codes (RFC 1035, section 4.1.1).
const NO_ERROR: u8 = 0;
const FORMAT_ERROR: u8 = 1;
const NO_SUCH_NAME: u8 = 3;
const NOT_IMPLEMENTED: u8 = 4;
const REFUSED: u8 = 5;

/// Everything that there is.
pub type Zone = BTreeMap<DomainName, Vec<Record>>;

/// What carries a question and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// A datagram.
    Udp,
    /// A connection, on which each message has its length before it; the length is not part of what is given here.
    Tcp,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The message.
    pub bytes: Vec<u8>,
    /// What was asked and what was said, in a few words for the transcript.
    pub summary: String,
    /// Whether the question left out that recursion is desired, without which other resolvers refuse.
    pub without_recursion: bool,
}

/// What a question asks for.
struct Question {
    /// In small letters, without the dot at the end.
    name: String,
    kind: u16,
    class: u16,
    /// Where it ends in the message.
    end: usize,
}

/// Answers one message; nothing for what is no question, as an answer that strayed here or a few bytes.
pub fn answer(zone: &Zone, message: &[u8], carrier: Carrier) -> Option<Answer> {
    let header = message.get(..HEADER)?;
    if header[2] & 0x80 != 0 {
        return None;
    }
    let without_recursion = header[2] & 0x01 == 0;
    let opcode = header[2] >> 3 & 0x0f;
    let one = header[4..6] == [0, 1];
    let question = if one { question(message) } else { None };
    let Some(question) = question.filter(|_| opcode == 0) else {
        let (code, word) =
            if opcode == 0 { (FORMAT_ERROR, "cannot be read") } else { (NOT_IMPLEMENTED, "is not about a name") };
        let mut reply = Reply::new(message, &[]);
        return Some(Answer {
            bytes: reply.finish(code, false),
            summary: format!("a question that {word}"),
            without_recursion,
        });
    };
    let offered = offered_size(message, question.end);
    let limit = match carrier {
        Carrier::Tcp => LONGEST_BY_TCP,
        Carrier::Udp => offered.map_or(LONGEST_BY_UDP, |size| usize::from(size).max(LONGEST_BY_UDP)),
    };
    let (code, found) = look_up(zone, &question);
    let mut reply = Reply::new(message, &message[HEADER..question.end]);
    reply.learn_name(&question.name, HEADER);
    for record in &found {
        reply.record(record);
    }
    if offered.is_some() {
        reply.extension();
    }
    let cut = reply.bytes.len() > limit;
    if cut {
        // Only that there is more: who wants it asks again over TCP.
        reply = Reply::new(message, &message[HEADER..question.end]);
        if offered.is_some() {
            reply.extension();
        }
    }
    let said = match (cut, code, found.len()) {
        (true, ..) => "truncated: too long for a datagram".to_owned(),
        (_, NO_SUCH_NAME, _) => "no such name".to_owned(),
        (_, REFUSED, _) => "refused".to_owned(),
        (_, _, 1) => "1 record".to_owned(),
        (_, _, count) => format!("{count} records"),
    };
    let summary = format!("{} of {}: {said}", kind_name(question.kind), question.name);
    Some(Answer { bytes: reply.finish(code, cut), summary, without_recursion })
}

fn kind_name(kind: u16) -> String {
    match kind {
        A => "A".to_owned(),
        AAAA => "AAAA".to_owned(),
        MX => "MX".to_owned(),
        ANY => "ANY".to_owned(),
        other => format!("type {other}"),
    }
}

fn look_up<'z>(zone: &'z Zone, question: &Question) -> (u8, Vec<&'z Record>) {
    if question.class != CLASS_IN && question.class != ANY {
        return (REFUSED, Vec::new());
    }
    let entry = zone.iter().find(|(name, _)| name.as_str() == question.name);
    let Some((_, records)) = entry else {
        // A name that others end in exists, too (RFC 8020).
        let below = format!(".{}", question.name);
        let exists = question.name.is_empty() || zone.keys().any(|name| name.as_str().ends_with(&below));
        return (if exists { NO_ERROR } else { NO_SUCH_NAME }, Vec::new());
    };
    (NO_ERROR, records.iter().filter(|record| question.kind == ANY || question.kind == kind_of(record)).collect())
}

fn kind_of(record: &Record) -> u16 {
    match record {
        Record::A(_) => A,
        Record::Aaaa(_) => AAAA,
        Record::Mx { .. } => MX,
    }
}

/// The one question of a message, whose name is never compressed: nothing stands before it.
fn question(message: &[u8]) -> Option<Question> {
    let (name, at) = plain_name(message, HEADER)?;
    Some(Question { name, kind: word(message, at)?, class: word(message, at + 2)?, end: at + 4 })
}

fn plain_name(message: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut length = 0;
    loop {
        let size = usize::from(*message.get(at)?);
        at += 1;
        if size == 0 {
            return Some((labels.join("."), at));
        }
        length += size + 1;
        if size > 63 || length > 254 {
            return None;
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + size)?).to_ascii_lowercase());
        at += size;
    }
}

fn word(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?))
}

/// The longest answer that the asker takes over UDP, if it says so (the class of the OPT record: RFC 6891, section
/// 6.1.2).
fn offered_size(message: &[u8], at: usize) -> Option<u16> {
    let only_additional = message.get(6..10)? == [0, 0, 0, 0];
    let is_opt = message.get(at) == Some(&0) && word(message, at + 1) == Some(OPT);
    if only_additional && is_opt { word(message, at + 3) } else { None }
}

/// A message being written.
struct Reply {
    bytes: Vec<u8>,
    answers: u16,
    additional: u16,
    /// Where names, and ends of names, stand already.
    known: BTreeMap<String, usize>,
}

impl Reply {
    /// The header, filled in at the end, and the question as it came.
    fn new(message: &[u8], question: &[u8]) -> Self {
        let mut bytes = message[..HEADER].to_vec();
        bytes[4..].fill(0);
        bytes[5] = u8::from(!question.is_empty());
        bytes.extend_from_slice(question);
        Self { bytes, answers: 0, additional: 0, known: BTreeMap::new() }
    }

    /// Remembers that a name stands at `at`, and each of its ends further on.
    fn learn_name(&mut self, name: &str, at: usize) {
        let mut rest = name;
        let mut at = at;
        while !rest.is_empty() {
            // A pointer has 14 bits (RFC 1035, section 4.1.4).
            if at < 0x4000 {
                self.known.entry(rest.to_owned()).or_insert(at);
            }
            let (label, more) = rest.split_once('.').unwrap_or((rest, ""));
            at += 1 + label.len();
            rest = more;
        }
    }

    /// Writes a name, its end as a pointer where it stands already.
    fn name(&mut self, name: &str) {
        let start = self.bytes.len();
        let mut rest = name;
        while !rest.is_empty() {
            if let Some(at) = self.known.get(rest) {
                let pointer = 0xc000 | *at as u16;
                self.bytes.extend(pointer.to_be_bytes());
                self.learn_name(name, start);
                return;
            }
            let (label, more) = rest.split_once('.').unwrap_or((rest, ""));
            self.bytes.push(label.len() as u8);
            self.bytes.extend_from_slice(label.as_bytes());
            rest = more;
        }
        self.bytes.push(0);
        self.learn_name(name, start);
    }

    /// Writes a record of the name in the question.
    fn record(&mut self, record: &Record) {
        self.answers += 1;
        self.bytes.extend((0xc000 | HEADER as u16).to_be_bytes());
        self.bytes.extend(kind_of(record).to_be_bytes());
        self.bytes.extend(CLASS_IN.to_be_bytes());
        self.bytes.extend(LIFETIME.to_be_bytes());
        let length = self.bytes.len();
        self.bytes.extend([0, 0]);
        match record {
            Record::A(address) => self.bytes.extend(address.octets()),
            Record::Aaaa(address) => self.bytes.extend(address.octets()),
            Record::Mx { preference, exchange } => {
                self.bytes.extend(preference.to_be_bytes());
                self.name(exchange.as_str());
            }
        }
        let size = (self.bytes.len() - length - 2) as u16;
        self.bytes[length..length + 2].copy_from_slice(&size.to_be_bytes());
    }

    /// Says that extensions are understood (RFC 6891, section 6.1.1).
    fn extension(&mut self) {
        self.additional += 1;
        self.bytes.push(0);
        self.bytes.extend(OPT.to_be_bytes());
        self.bytes.extend(1232u16.to_be_bytes());
        self.bytes.extend([0; 6]);
    }

    fn finish(&mut self, code: u8, cut: bool) -> Vec<u8> {
        // An answer; opcode and "recursion desired" as they came; "recursion available".
        self.bytes[2] = 0x80 | self.bytes[2] & 0x79 | if cut { 0x02 } else { 0 };
        self.bytes[3] = 0x80 | code;
        self.bytes[6..8].copy_from_slice(&self.answers.to_be_bytes());
        self.bytes[10..12].copy_from_slice(&self.additional.to_be_bytes());
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn zone(entries: &[(&str, &[&str])]) -> Zone {
        let records = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        entries.iter().map(|(name, texts)| (name.parse().unwrap(), records(texts))).collect()
    }

    fn usual() -> Zone {
        zone(&[
            ("example.org", &["MX 20 backup.example.org", "MX 10 mail.example.org", "A 192.0.2.1"]),
            ("mail.example.org", &["A 192.0.2.25", "AAAA 2001:db8::25"]),
            ("no-mail.example", &["MX 0 ."]),
        ])
    }

    fn ask(name: &str, kind: u16, opt: Option<u16>) -> Vec<u8> {
        let mut message = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(opt.is_some())];
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.bytes());
        }
        message.push(0);
        message.extend(kind.to_be_bytes());
        message.extend(CLASS_IN.to_be_bytes());
        if let Some(size) = opt {
            message.push(0);
            message.extend(OPT.to_be_bytes());
            message.extend(size.to_be_bytes());
            message.extend([0; 6]);
        }
        message
    }

    #[test]
    fn compresses_names() {
        let reply = answer(&usual(), &ask("Example.org", MX, None), Carrier::Udp).unwrap();
        assert_eq!(reply.summary, "MX of example.org: 2 records");
        assert_eq!(reply.bytes[..HEADER], [0xab, 0xcd, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0]);
        // The question keeps its letters' case (12 + 13 + 4 bytes); then pointer, type, class, lifetime, length.
        assert_eq!(&reply.bytes[12..20], b"\x07Example");
        let first = &reply.bytes[29..];
        assert_eq!(first[..12], [0xc0, 12, 0, 15, 0, 1, 0, 0, 1, 44, 0, 11]);
        assert_eq!(first[12..23], *b"\x00\x14\x06backup\xc0\x0c");
    }

    #[rstest]
    #[case("example.org", A, NO_ERROR, 1)]
    #[case("EXAMPLE.ORG", ANY, NO_ERROR, 3)]
    #[case("example.org", AAAA, NO_ERROR, 0)]
    #[case("org", MX, NO_ERROR, 0)]
    #[case("nowhere.example", MX, NO_SUCH_NAME, 0)]
    #[case("no-mail.example", MX, NO_ERROR, 1)]
    #[case("backup.example.org", A, NO_SUCH_NAME, 0)]
    fn says_what_there_is(#[case] name: &str, #[case] kind: u16, #[case] code: u8, #[case] count: u8) {
        let reply = answer(&usual(), &ask(name, kind, None), Carrier::Udp).unwrap().bytes;
        assert_eq!((reply[3] & 0x0f, reply[7]), (code, count));
    }

    #[test]
    fn the_root_is_one_zero() {
        let reply = answer(&usual(), &ask("no-mail.example", MX, None), Carrier::Udp).unwrap().bytes;
        assert_eq!(reply[reply.len() - 5..], [0, 3, 0, 0, 0]);
    }

    #[rstest]
    #[case(Carrier::Udp, None, true)]
    #[case(Carrier::Udp, Some(600), true)]
    #[case(Carrier::Udp, Some(4096), false)]
    #[case(Carrier::Tcp, None, false)]
    fn cuts_what_is_too_long(#[case] carrier: Carrier, #[case] opt: Option<u16>, #[case] cut: bool) {
        let hosts: Vec<String> = (0..40).map(|index| format!("MX 10 host-number-{index}.example.org")).collect();
        let texts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let reply = answer(&zone(&[("example.org", &texts)]), &ask("example.org", MX, opt), carrier).unwrap().bytes;
        assert_eq!(reply[2] & 0x02 != 0, cut);
        assert_eq!(reply[7], if cut { 0 } else { 40 });
        assert_eq!(reply[11], u8::from(opt.is_some()));
    }

    #[rstest]
    #[case::not_one_question(&[0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], Some(FORMAT_ERROR))]
    #[case::cut_off(&[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4, b'm'], Some(FORMAT_ERROR))]
    #[case::status(&[0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0], Some(NOT_IMPLEMENTED))]
    #[case::an_answer(&[0, 1, 0x81, 0, 0, 1, 0, 0, 0, 0, 0, 0], None)]
    #[case::too_short(&[0, 1, 1], None)]
    fn knows_what_is_no_question(#[case] message: &[u8], #[case] code: Option<u8>) {
        assert_eq!(answer(&usual(), message, Carrier::Udp).map(|reply| reply.bytes[3] & 0x0f), code);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_survived(message in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = answer(&usual(), &message, Carrier::Udp);
        }
    }
}
