//! Which messages are meant: by number, and by what is known of them (RFC 3501, section 6.4.4).

use imap_codec::imap_types::core::AString;
use imap_codec::imap_types::flag::Flag;
use imap_codec::imap_types::search::SearchKey;
use imap_codec::imap_types::sequence::{SeqOrUid, Sequence, SequenceSet};
use mail_parser::{MessageParser, PartType};

use super::message::{Message, field};

/// Whether a number is in a set. `*` is the largest that there is.
pub fn holds(set: &SequenceSet, number: u32, largest: u32) -> bool {
    let value = |end: &SeqOrUid| match end {
        // The grammar's library writes a `*` that stands alone as the largest number of all.
        SeqOrUid::Value(value) if value.get() < u32::MAX => value.get(),
        _ => largest,
    };
    set.0.as_ref().iter().any(|one| match one {
        Sequence::Single(one) => value(one) == number,
        // Either end may come first.
        Sequence::Range(from, to) => {
            let (from, to) = (value(from), value(to));
            (from.min(to)..=from.max(to)).contains(&number)
        }
    })
}

/// Whether a set has a number that is there only if so many messages are; nobody can mean it otherwise.
pub fn reaches_beyond(set: &SequenceSet, count: u32) -> bool {
    let beyond = |end: &SeqOrUid| matches!(end, SeqOrUid::Value(value) if (count + 1..u32::MAX).contains(&value.get()));
    let open = |end: &SeqOrUid| !matches!(end, SeqOrUid::Value(value) if value.get() < u32::MAX);
    set.0.as_ref().iter().any(|one| match one {
        Sequence::Single(one) => beyond(one),
        // `1:*` is all of them, also where that is none.
        Sequence::Range(from, to) => !open(from) && !open(to) && (beyond(from) || beyond(to)),
    })
}

/// A message among others.
pub struct Place<'m> {
    /// The message.
    pub message: &'m Message,
    /// Its number now.
    pub number: u32,
    /// How many messages there are.
    pub count: u32,
    /// The largest unique identifier.
    pub last_uid: u32,
}

impl Place<'_> {
    /// Whether what is searched for fits; nothing if it is something that this mailbox does not know.
    pub fn fits(&self, key: &SearchKey<'_>) -> Option<bool> {
        let message = self.message;
        let flag = |flag: Flag<'static>| message.flags.contains(&flag);
        let named = |name: &str, text: &AString<'_>| self.header_has(name.as_bytes(), text);
        let came = message.date.date_naive();
        let sent = came;
        Some(match key {
            SearchKey::And(all) => {
                for one in all.as_ref() {
                    if !self.fits(one)? {
                        return Some(false);
                    }
                }
                true
            }
            SearchKey::Or(one, other) => self.fits(one)? | self.fits(other)?,
            SearchKey::Not(one) => !self.fits(one)?,
            SearchKey::SequenceSet(set) => holds(set, self.number, self.count),
            SearchKey::Uid(set) => holds(set, message.uid().get(), self.last_uid),
            // Nobody has asked for any of them before.
            SearchKey::All | SearchKey::Recent => true,
            SearchKey::Old => false,
            SearchKey::Seen => flag(Flag::Seen),
            SearchKey::Unseen | SearchKey::New => !flag(Flag::Seen),
            SearchKey::Answered => flag(Flag::Answered),
            SearchKey::Unanswered => !flag(Flag::Answered),
            SearchKey::Deleted => flag(Flag::Deleted),
            SearchKey::Undeleted => !flag(Flag::Deleted),
            SearchKey::Draft => flag(Flag::Draft),
            SearchKey::Undraft => !flag(Flag::Draft),
            SearchKey::Flagged => flag(Flag::Flagged),
            SearchKey::Unflagged => !flag(Flag::Flagged),
            SearchKey::Keyword(word) => has_keyword(message, word.as_ref()),
            SearchKey::Unkeyword(word) => !has_keyword(message, word.as_ref()),
            SearchKey::From(text) => named("from", text),
            SearchKey::To(text) => named("to", text),
            SearchKey::Cc(text) => named("cc", text),
            SearchKey::Bcc(text) => named("bcc", text),
            SearchKey::Subject(text) => named("subject", text),
            SearchKey::Header(name, text) => self.header_has(name.as_ref(), text),
            SearchKey::Body(text) => self.text_has(text),
            SearchKey::Text(text) => self.text_has(text) || has(&message.bytes, text.as_ref()),
            SearchKey::Larger(size) => message.bytes.len() > *size as usize,
            SearchKey::Smaller(size) => message.bytes.len() < *size as usize,
            SearchKey::Before(day) => came < *day.as_ref(),
            SearchKey::On(day) => came == *day.as_ref(),
            SearchKey::Since(day) => came >= *day.as_ref(),
            SearchKey::SentBefore(day) => sent < *day.as_ref(),
            SearchKey::SentOn(day) => sent == *day.as_ref(),
            SearchKey::SentSince(day) => sent >= *day.as_ref(),
            #[allow(unreachable_patterns)] // The library has more of them if others build it so.
            _ => return None,
        })
    }

    /// Whether a field is there and has a text, as it was sent or as it is read.
    fn header_has(&self, name: &[u8], text: &AString<'_>) -> bool {
        let name = String::from_utf8_lossy(name).into_owned();
        let Some(raw) = field(&self.message.bytes, &name) else { return false };
        let parsed = MessageParser::default().parse(&self.message.bytes);
        let value = parsed.as_ref().and_then(|it| it.header(name.as_str()));
        let people = value.and_then(|it| it.as_address()).into_iter().flat_map(|it| it.iter());
        let mut read = people.filter_map(|one| one.name()).chain(value.and_then(|it| it.as_text()));
        has(raw.as_bytes(), text.as_ref()) || read.any(|read| has(read.as_bytes(), text.as_ref()))
    }

    /// Whether a text stands in the body, decoded.
    fn text_has(&self, text: &AString<'_>) -> bool {
        let parsed = MessageParser::default().parse(&self.message.bytes);
        parsed.iter().flat_map(|it| &it.parts).any(|part| match &part.body {
            PartType::Text(body) | PartType::Html(body) => has(body.as_bytes(), text.as_ref()),
            _ => false,
        })
    }
}

fn has_keyword(message: &Message, word: &str) -> bool {
    message.flags.iter().any(|flag| matches!(flag, Flag::Keyword(it) if it.as_ref().eq_ignore_ascii_case(word)))
}

/// Whether a text is in another, capital letters or not.
fn has(all: &[u8], text: &[u8]) -> bool {
    let lower = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase();
    lower(all).contains(&lower(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use imap_codec::CommandCodec;
    use imap_codec::decode::Decoder;
    use imap_codec::imap_types::command::CommandBody;
    use proptest::prelude::*;
    use rstest::rstest;

    const MAIL: &[u8] = b"Date: Tue, 03 Mar 2026 10:00:00 +0000\nSubject: =?utf-8?q?gr=C3=BCn?=\n\
        From: =?utf-8?q?B=C3=A9a?= <bea@example.net>\nTo: anna@example.org\nX-Kind: Letter\n\nHello Anna.\n";

    fn fits(keys: &str) -> Option<bool> {
        let line = format!("a SEARCH {keys}\r\n");
        let (_, command) = CommandCodec::default().decode(line.as_bytes()).expect("a command");
        let CommandBody::Search { criteria, .. } = command.body else { panic!("no SEARCH") };
        let message = Message::new(2, MAIL);
        let place = Place { message: &message, number: 2, count: 3, last_uid: 103 };
        place.fits(&SearchKey::And(criteria))
    }

    #[rstest]
    #[case("ALL", true)]
    #[case("UNSEEN", true)]
    #[case("(UNSEEN)", true)]
    #[case("SEEN", false)]
    #[case("NEW", true)]
    #[case("OLD", false)]
    #[case("2", true)]
    #[case("3:1", true)]
    #[case("*", false)]
    #[case("UID 102", true)]
    #[case("UID 2", false)]
    #[case("FROM bea", true)]
    #[case("FROM \"Bob\"", false)]
    #[case("SUBJECT gr", true)]
    #[case("UNSEEN SUBJECT nothing", false)]
    #[case("NOT SUBJECT nothing", true)]
    #[case("OR SEEN TO anna", true)]
    #[case("HEADER X-Kind letter", true)]
    #[case("HEADER X-Kind \"\"", true)]
    #[case("HEADER X-Other \"\"", false)]
    #[case("BODY hello", true)]
    #[case("TEXT letter", true)]
    #[case("BODY letter", false)]
    #[case("SINCE 03-Mar-2026 BEFORE 4-Mar-2026", true)]
    #[case("SINCE \"4-Mar-2026\"", false)]
    #[case("SENTON 3-Mar-2026", true)]
    #[case("LARGER 20 SMALLER 2000", true)]
    #[case("UNKEYWORD Junk", true)]
    fn finds(#[case] keys: &str, #[case] found: bool) {
        assert_eq!(fits(keys), Some(found));
    }

    #[test]
    fn finds_what_was_encoded() {
        let message = Message::new(2, MAIL);
        let place = Place { message: &message, number: 2, count: 3, last_uid: 103 };
        let text = |text: &str| AString::try_from(text.as_bytes().to_vec()).unwrap();
        assert_eq!(place.fits(&SearchKey::Subject(text("Grün"))), Some(true));
        assert_eq!(place.fits(&SearchKey::From(text("béa"))), Some(true));
    }

    proptest! {
        /// A set as it is written, and the numbers in it as one counts them on one's fingers.
        #[test]
        fn a_set_is_what_it_says(ends in proptest::collection::vec((0u32..7, 0u32..7), 1..4)) {
            const COUNT: u32 = 5;
            let name = |end: u32| if end == 0 { "*".to_owned() } else { end.to_string() };
            let text: Vec<String> = ends.iter().map(|(a, b)| format!("{}:{}", name(*a), name(*b))).collect();
            let line = format!("a SEARCH {}\r\n", text.join(","));
            let (_, command) = CommandCodec::default().decode(line.as_bytes()).expect("a command");
            let CommandBody::Search { criteria, .. } = command.body else { panic!("no SEARCH") };
            let [SearchKey::SequenceSet(set)] = criteria.as_ref() else { panic!("no set") };
            for number in 1..=COUNT {
                let value = |end: u32| if end == 0 { COUNT } else { end };
                let meant = ends.iter().any(|(a, b)| {
                    let (a, b) = (value(*a), value(*b));
                    (a.min(b)..=a.max(b)).contains(&number)
                });
                // Who writes `6:*` of five means the last; the library knows it as a range from 6 upwards.
                prop_assert_eq!(holds(set, number, COUNT), meant, "{}", text.join(","));
            }
        }
    }
}
