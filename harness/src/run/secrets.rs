//! What must not stand in a record, wherever a run has written it down: passwords and their like, and names that are
//! made up anew for every run and would let two reports of the same program differ.
//!
//! Either is masked when the stream of events is handed out, and not when something happens: a password may come in
//! pieces, and it is known to be one when the last of them is there. Packets and what a program writes into files of its
//! own are no events; [`Secrets::blot`] is for those.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use harness_judging::shown;
use harness_verdict::Skip;

use super::End;
use super::Failure;
use super::event::{Event, Excerpt, Socket, What, With};

/// Shorter secrets stand in too many words that are none. They are masked where a command names them, and nowhere else.
const SHORTEST: usize = 4;

/// What is masked, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    bytes: Vec<u8>,
    why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    /// A secret with this name. A reader is told that something stood there.
    Secret(String),
    /// Made up anew for every run. Something as long stands in its place, as `mktemp` writes its templates: what a
    /// program says stays as long as it was.
    MadeUp(String),
}

impl Term {
    /// What stands in its place where only its beginning, of this length, was found.
    fn mask(&self, length: usize) -> Cow<'_, str> {
        match &self.why {
            Why::Secret(name) => Cow::Owned(mask(name)),
            Why::MadeUp(template) => Cow::Borrowed(&template[..length.min(template.len())]),
        }
    }

    /// Its name, if it is a secret.
    fn secret(&self) -> Option<&str> {
        match &self.why {
            Why::Secret(name) => Some(name),
            Why::MadeUp(_) => None,
        }
    }
}

/// What a run must not write down, the longest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets(Vec<Term>);

impl Secrets {
    /// Adds a secret.
    pub fn add(&mut self, name: &str, secret: &[u8]) {
        self.insert(secret, Why::Secret(name.to_owned()));
    }

    /// Adds a name that is this run's only: a word, a hyphen and what was made up. The word stays.
    pub fn add_made_up(&mut self, name: &str) {
        let kept = name.find('-').map_or(0, |at| at + 1);
        let template: String =
            name.char_indices().map(|(at, character)| if at < kept { character } else { 'X' }).collect();
        if template.len() == name.len() && template != name {
            self.insert(name.as_bytes(), Why::MadeUp(template));
        }
    }

    fn insert(&mut self, bytes: &[u8], why: Why) {
        let known = self.0.iter().any(|term| term.bytes == bytes);
        if bytes.len() >= SHORTEST && !known {
            self.0.push(Term { bytes: bytes.to_vec(), why });
            self.0.sort_by_key(|term| std::cmp::Reverse(term.bytes.len()));
        }
    }

    /// A text without them: as they are, and as [`shown::quote`] writes them.
    pub fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for term in &self.0 {
            let mask = term.mask(term.bytes.len());
            let quoted = shown::quote(&term.bytes);
            let quoted = quoted.trim_matches('"');
            let plain = String::from_utf8_lossy(&term.bytes);
            text = text.replace(plain.as_ref(), &mask).replace(quoted, &mask);
            // A quotation may end within one.
            for length in (SHORTEST..plain.len()).rev().filter(|length| plain.is_char_boundary(*length)) {
                text = text.replace(&format!("{}\"", &plain[..length]), &format!("{}\"", term.mask(length)));
            }
        }
        text
    }

    /// What a program said, without them. If it was `cut`, the beginning of one may stand at its end.
    pub fn said(&self, bytes: &[u8], cut: bool) -> String {
        let mut whole = Excerpt { shown: bytes.to_vec(), length: bytes.len(), rest: usize::from(cut) };
        self.stream(vec![&mut whole]);
        String::from_utf8_lossy(&whole.shown).into_owned()
    }

    /// Puts asterisks over secrets, and over a made-up name what stands for it. Says whether there were any.
    pub fn blot(&self, bytes: &mut [u8]) -> bool {
        let mut found = false;
        for term in &self.0 {
            while let Some(at) = memchr::memmem::find(bytes, &term.bytes) {
                let place = &mut bytes[at..at + term.bytes.len()];
                match &term.why {
                    Why::Secret(_) => place.fill(b'*'),
                    Why::MadeUp(template) => place.copy_from_slice(template.as_bytes()),
                }
                found = true;
                if term.bytes.iter().all(|byte| *byte == b'*') {
                    break;
                }
            }
        }
        found
    }

    /// How a run ended, without them.
    pub fn end(&self, end: End) -> End {
        match end {
            End::Played => End::Played,
            End::Failed(failure) => End::Failed(Failure {
                expected: self.text(&failure.expected),
                actual: self.text(&failure.actual),
                reason: self.text(&failure.reason),
                state: self.text(&failure.state),
            }),
            End::NotGradable(why) => End::NotGradable(self.text(&why)),
            End::Skipped(Skip { by, why }) => End::Skipped(Skip { by, why: self.text(&why) }),
            End::Harness(why) => End::Harness(self.text(&why)),
        }
    }

    /// Takes them out of events, and says which secrets there were. What one side has said in several events is looked
    /// at as one stream.
    pub fn events(&self, events: &mut [Event]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        if self.0.is_empty() {
            return found;
        }
        let mut hide = |text: &mut String| {
            let masked = self.text(text);
            if masked != *text {
                let names = self.0.iter().filter_map(Term::secret);
                found.extend(names.filter(|name| masked.contains(&mask(name))).map(str::to_owned));
                *text = masked;
            }
        };
        let mut streams: BTreeMap<(String, u8), Vec<&mut Excerpt>> = BTreeMap::new();
        for (number, event) in events.iter_mut().enumerate() {
            let (kind, bytes) = match &mut event.what {
                What::Sent(bytes) => (0, bytes),
                What::Received(bytes) => (1, bytes),
                What::Typed(bytes) => (2, bytes),
                What::Printed(stream, bytes) => (3 + *stream as u8, bytes),
                What::Started(text)
                | What::Ended(text)
                | What::Listening(text)
                | What::Opened(Socket::Datagrams(text))
                | What::Connected(With::Actor(text))
                | What::Refused(text)
                | What::Network(text)
                | What::Measured(text)
                | What::Finding(text)
                | What::Learned(_, Some(text)) => {
                    hide(text);
                    continue;
                }
                What::Judged(judgement) => {
                    [&mut judgement.expected, &mut judgement.actual, &mut judgement.reason, &mut judgement.state]
                        .into_iter()
                        .for_each(&mut hide);
                    continue;
                }
                What::Differed(difference) => {
                    // Either side speaks for itself.
                    for (side, bytes) in [(5, &mut difference.expected), (6, &mut difference.came)] {
                        streams.entry((format!("difference {number}"), side)).or_default().push(bytes);
                    }
                    continue;
                }
                _ => continue,
            };
            streams.entry((event.who.clone(), kind)).or_default().push(bytes);
        }
        found.extend(streams.into_values().flat_map(|stream| self.stream(stream)));
        found
    }

    /// Masks what was said in several pieces, and says the names of the secrets in it.
    fn stream(&self, mut pieces: Vec<&mut Excerpt>) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let whole: Vec<u8> = pieces.iter().flat_map(|piece| piece.shown.iter().copied()).collect();
        // Nearly always nothing is there to be masked, and then nothing is looked at byte by byte.
        if self.0.iter().all(|term| memchr::memmem::find(&whole, &term.bytes[..SHORTEST]).is_none()) {
            return found;
        }
        let mut ends = Vec::new();
        let mut at = 0;
        for piece in &pieces {
            at += piece.shown.len();
            ends.push(at);
        }
        let cut: BTreeSet<usize> =
            pieces.iter().zip(&ends).filter(|(piece, _)| piece.rest > 0).map(|(_, end)| *end).collect();
        let mut masked: Vec<Vec<u8>> = vec![Vec::new(); pieces.len()];
        let mut at = 0;
        while at < whole.len() {
            let index = ends.partition_point(|end| *end <= at);
            match self.term_at(&whole, at, &cut) {
                Some((length, term)) => {
                    found.extend(term.secret().map(str::to_owned));
                    masked[index].extend(term.mask(length).bytes());
                    at += length;
                }
                None => {
                    masked[index].push(whole[at]);
                    at += 1;
                }
            }
        }
        for (piece, shown) in pieces.iter_mut().zip(masked) {
            piece.shown = shown;
        }
        found
    }

    /// What begins here, or of which the beginning stands before a place where something was left out.
    fn term_at(&self, whole: &[u8], at: usize, cut: &BTreeSet<usize>) -> Option<(usize, &Term)> {
        let rest = &whole[at..];
        self.0.iter().find_map(|term| {
            let same = rest.iter().zip(&term.bytes).take_while(|(a, b)| a == b).count();
            let is_cut = same >= SHORTEST && cut.contains(&(at + same));
            (same == term.bytes.len() || is_cut).then_some((same, term))
        })
    }
}

/// What stands in a secret's place.
fn mask(name: &str) -> String {
    format!("[masked: {name}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_language::scenario::model::Stream;
    use proptest::prelude::*;
    use rstest::rstest;
    use std::time::Duration;

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add("password", b"open sesame");
        secrets.add("token", b"a\"b\\c");
        secrets.add("password", b"abc");
        secrets
    }

    #[rstest]
    #[case("started: read anna 'open sesame'", "started: read anna '[masked: password]'")]
    #[case(r#"came "a\"b\\c""#, r#"came "[masked: token]""#)]
    #[case(r#"beginning "PASS open se""#, r#"beginning "PASS [masked: password]""#)]
    #[case("abc is too short", "abc is too short")]
    fn masks_texts(#[case] text: &str, #[case] masked: &str) {
        assert_eq!(secrets().text(text), masked);
    }

    fn event(who: &str, what: What) -> Event {
        Event { at: Duration::ZERO, who: who.to_owned(), what }
    }

    fn shown(events: &[Event]) -> Vec<String> {
        crate::run::transcript::lines(events, false)
    }

    #[test]
    fn masks_what_comes_in_pieces() {
        let mut events = vec![
            event("box", What::Received(Excerpt::of(b"PASS open"))),
            event("other", What::Received(Excerpt::of(b" sesame"))),
            event("box", What::Sent(Excerpt::of(b" sesame"))),
            event("box", What::Received(Excerpt::of(b" sesa"))),
            event("box", What::Received(Excerpt::of(b"me\r\n"))),
            event("read", What::Printed(Stream::Stdout, Excerpt::of(b"password: open sesame\n"))),
        ];
        secrets().events(&mut events);
        insta::assert_snapshot!(shown(&events).join("\n"), @r#"
        box        received 9 bytes: "PASS [masked: password]"
        other      received 7 bytes: " sesame"
        box        sent 7 bytes: " sesame"
        box        received 5 bytes: ""
        box        received 4 bytes: "\r\n"
        read       has printed: 22 bytes: "password: [masked: password]\n"
        "#);
    }

    #[test]
    fn masks_what_is_cut_off() {
        let mut said = vec![b'x'; 506];
        said.extend(b"open sesame");
        let mut events = vec![event("box", What::Received(Excerpt::of(&said)))];
        secrets().events(&mut events);
        let What::Received(bytes) = &events[0].what else { unreachable!() };
        assert!(bytes.shown.ends_with(b"xx[masked: password]"));
        assert_eq!((bytes.length, bytes.rest), (517, 5));
    }

    #[test]
    fn what_is_made_up_gives_way_to_something_as_long() {
        let mut secrets = Secrets::default();
        secrets.add_made_up("run-aB3dE9");
        let said = "  File \"/tmp/run-aB3dE9/work/server.py\", line 3\n";
        let (first, second) = said.as_bytes().split_at(said.find("B3").unwrap());
        let long = [vec![b'x'; 506], said.as_bytes()[8..].to_vec()].concat();
        let mut events = vec![
            event("server", What::Printed(Stream::Stderr, Excerpt::of(first))),
            event("server", What::Printed(Stream::Stderr, Excerpt::of(second))),
            event("server", What::Finding("it works in /tmp/run-aB3dE9/work, see \"/tmp/run-aB\"…".to_owned())),
            event("client", What::Printed(Stream::Stdout, Excerpt::of(&long[4..]))),
        ];
        let named = secrets.events(&mut events);
        assert!(named.is_empty(), "{named:?} is no secret");
        insta::assert_snapshot!(shown(&events[..3]).join("\n"), @r#"
        server     has printed on standard error: 18 bytes: "  File \"/tmp/run-XXXXXX"
        server     has printed on standard error: 30 bytes: "/work/server.py\", line 3\n"
        server     noticed: it works in /tmp/run-XXXXXX/work, see "/tmp/run-XX"…
        "#);
        let What::Printed(_, cut) = &events[3].what else { unreachable!() };
        assert!(cut.shown.ends_with(b"x/tmp/run-X"), "{}", String::from_utf8_lossy(&cut.shown));
        let mut packet = said.as_bytes().to_vec();
        assert!(secrets.blot(&mut packet));
        assert_eq!(String::from_utf8(packet).unwrap(), said.replace("run-aB3dE9", "run-XXXXXX"));
    }

    #[test]
    fn puts_asterisks_over_packets() {
        let mut packet = b"\x01\x02PASS open sesame\r\n".to_vec();
        assert!(secrets().blot(&mut packet));
        assert_eq!(packet, b"\x01\x02PASS ***********\r\n");
        assert!(!secrets().blot(&mut packet));
    }

    proptest! {
        #[test]
        fn no_cut_lets_a_secret_through(cuts in proptest::collection::vec(1usize..9, 1..20), before in "[a-z ]{0,9}") {
            let whole = format!("{before}open sesame{before}");
            let mut rest = whole.as_bytes();
            let mut events = Vec::new();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, more) = rest.split_at((*cut).min(rest.len()));
                events.push(event("box", What::Received(Excerpt::of(piece))));
                rest = more;
            }
            secrets().events(&mut events);
            let said: Vec<u8> = events
                .iter()
                .filter_map(|event| match &event.what {
                    What::Received(bytes) => Some(bytes.shown.clone()),
                    _ => None,
                })
                .flatten()
                .collect();
            prop_assert_eq!(String::from_utf8(said).unwrap(), format!("{before}[masked: password]{before}"));
        }
    }
}
