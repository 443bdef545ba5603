//! Takes names out of texts that a program or a student's file could have put there.
//!
//! A term is replaced where it stands as a word: not inside another one, but also where a file name joins it to others
//! (`byron_server.py`, `ByronServer`). Words that the harness itself uses are left alone: a student called Will shall
//! not make nonsense of every report.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::result::{Outcome, Verdicts};
use harness_language::catalogue::Catalogue;

/// What stands for a word that could be one of several students'.
const SOMEBODY: &str = "(a name)";

/// Words of results that are not in the catalogue.
const OWN: &str = "pass fail skip not-gradable harness-error must should may sim wire turmoil harness submission own \
                   stdout stderr terminal started listening printed typed input ended signalled opened connected \
                   refused tls sent received closed reset stalled network measured learned finding differed judged text \
                   base64 end student name names python python3 java node bash make gcc main test tests exit status";

/// Takes names out of texts.
#[derive(Debug, Clone)]
pub struct Scrubber {
    pattern: Option<Regex>,
    replacements: BTreeMap<String, String>,
}

impl Scrubber {
    /// For these terms, in lower case, with the pseudonyms of those whose they are.
    pub fn new(terms: BTreeMap<String, BTreeSet<String>>, vocabulary: &BTreeSet<String>) -> Self {
        let mut replacements = BTreeMap::new();
        for (term, whose) in terms {
            if !vocabulary.contains(&term) {
                let mut whose = whose.into_iter();
                let one = whose.next().filter(|_| whose.next().is_none());
                replacements.insert(term, one.unwrap_or_else(|| SOMEBODY.to_owned()));
            }
        }
        let mut terms: Vec<&String> = replacements.keys().collect();
        // Of two that begin at one place, the longer one.
        terms.sort_by_key(|term| std::cmp::Reverse(term.len()));
        let alternatives = terms.iter().map(|term| regex::escape(term)).collect::<Vec<_>>().join("|");
        let built = RegexBuilder::new(&alternatives).case_insensitive(true).size_limit(1 << 28).build();
        let pattern = built.ok().filter(|_| !terms.is_empty());
        Self { pattern, replacements }
    }

    /// A text without the terms.
    pub fn text(&self, text: &str) -> String {
        let Some(pattern) = &self.pattern else { return text.to_owned() };
        let mut clean = String::with_capacity(text.len());
        let (mut copied, mut at) = (0, 0);
        while let Some(found) = pattern.find_at(text, at) {
            let neighbours = (text[..found.start()].chars().next_back(), text[found.end()..].chars().next());
            if is_word(found.as_str(), neighbours) {
                clean.push_str(&text[copied..found.start()]);
                let replacement = self.replacements.get(&found.as_str().to_lowercase());
                clean.push_str(replacement.map_or(SOMEBODY, String::as_str));
                (copied, at) = (found.end(), found.end());
            } else {
                at = found.start() + text[found.start()..].chars().next().map_or(1, char::len_utf8);
            }
        }
        clean.push_str(&text[copied..]);
        clean
    }

    /// A result without them.
    pub fn verdicts(&self, verdicts: Verdicts) -> Verdicts {
        if self.pattern.is_none() {
            return verdicts;
        }
        let clean = serde_json::to_value(&verdicts.outcome).ok().map(|outcome| self.value(outcome));
        let outcome = clean.and_then(|outcome| serde_json::from_value(outcome).ok());
        let lost = || Outcome::HarnessError("names could not be taken out of its result".to_owned());
        Verdicts { outcome: outcome.unwrap_or_else(lost), ..verdicts }
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.value(item)).collect()),
            Value::Object(entries) => {
                let clean = |(key, value): (String, Value)| match (key.as_str(), value) {
                    ("base64", Value::String(text)) => (key, Value::String(self.bytes(&text))),
                    (_, value) => (key, self.value(value)),
                };
                Value::Object(entries.into_iter().map(clean).collect())
            }
            other => other,
        }
    }

    /// Bytes in Base64, read as Latin-1: names in the bytes of a binary file are in ASCII mostly.
    fn bytes(&self, encoded: &str) -> String {
        let Some(bytes) = harness_language::base64::decode(encoded) else { return encoded.to_owned() };
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        let clean: Vec<u8> = self.text(&text).chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
        harness_language::base64::encode(&clean)
    }
}

/// Whether what was found between these neighbours is a word of its own: a letter beside it belongs to it, unless a
/// capital begins the next one.
fn is_word(found: &str, (before, after): (Option<char>, Option<char>)) -> bool {
    let (first, last) = (found.chars().next(), found.chars().next_back());
    let joined = |left: Option<char>, right: Option<char>| match (left, right) {
        (Some(left), Some(right)) => {
            let letters =
                left.is_alphabetic() && right.is_alphabetic() && !(left.is_lowercase() && right.is_uppercase());
            letters || left.is_numeric() && right.is_numeric()
        }
        _ => false,
    };
    !joined(before, first) && !joined(last, after)
}

/// The words that a catalogue uses, in lower case.
pub fn vocabulary(catalogue: &Catalogue) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut add = |text: &str| {
        words.insert(text.to_lowercase());
        words.extend(text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase));
    };
    OWN.split_whitespace().for_each(&mut add);
    for task in &catalogue.tasks {
        [task.id(), &task.file.title, &task.file.summary].into_iter().for_each(&mut add);
        task.role_names().for_each(&mut add);
        for it in &task.file.requirements {
            [&it.id, &it.title, &it.teach, &it.look_at, &it.handout].into_iter().for_each(|text| add(text));
        }
        for scenario in task.scenarios() {
            add(&scenario.id);
            add(&scenario.title);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use std::sync::LazyLock;

    static SCRUBBER: LazyLock<Scrubber> = LazyLock::new(scrubber);

    fn scrubber() -> Scrubber {
        let terms =
            [("ada byron", "p1"), ("ada", "p1"), ("byron", "p1"), ("will", "p2"), ("s1234567", "p3"), ("lee", "p4")];
        let mut terms: BTreeMap<String, BTreeSet<String>> =
            terms.iter().map(|(term, whose)| ((*term).to_owned(), BTreeSet::from([(*whose).to_owned()]))).collect();
        terms.entry("lee".to_owned()).or_default().insert("p5".to_owned());
        Scrubber::new(terms, &vocabulary(&Catalogue::built_in().unwrap()))
    }

    #[rstest]
    #[case::whole("by Ada Byron, 2026", "by p1, 2026")]
    #[case::parts("hello from ADA (byron@example.edu)", "hello from p1 (p1@example.edu)")]
    #[case::in_file_names(
        "python3 byron_server.py ByronClient.java ada2.c",
        "python3 p1_server.py p1Client.java p12.c"
    )]
    #[case::not_inside_words("adapter Canada AdaBoost", "adapter Canada p1Boost")]
    #[case::words_of_the_harness("it will be sent", "it will be sent")]
    #[case::ids("/home/s1234567/lab and s12345678", "/home/p3/lab and s12345678")]
    #[case::of_several("lee wrote it", "(a name) wrote it")]
    fn names_go(#[case] text: &str, #[case] clean: &str) {
        assert_eq!(SCRUBBER.text(text), clean);
    }

    #[test]
    fn names_in_bytes_go() {
        let scrubber = &SCRUBBER;
        let bytes = |bytes: &[u8]| serde_json::json!({ "base64": harness_language::base64::encode(bytes) });
        assert_eq!(scrubber.value(bytes(b"\xff ada \x00")), bytes(b"\xff p1 \x00"));
    }

    proptest! {
        #[test]
        fn once_is_enough(text in "[ a-dADeby_ron0-9.]{0,60}") {
            let once = SCRUBBER.text(&text);
            prop_assert_eq!(SCRUBBER.text(&once), once);
        }
    }
}
