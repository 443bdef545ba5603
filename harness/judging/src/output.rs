//! What an output must show, and whether it does.

use crate::closely::{self, Compared, Messages, begins_alike};
use crate::loosely;
use crate::shown::{self, counted, counted_are};

/// So many bytes in one piece are no coincidence: they are the beginning of what was expected.
const TELLING: usize = 16;

/// What an output must show.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// This text in one piece; a last line end may be missing, and line ends may be CR LF.
    Contains(Vec<u8>),
    /// This text, however it is laid out.
    Says(Vec<u8>),
    /// This text, and wherever it stands, it stands with the first of the words.
    StandsWith(Vec<u8>, Vec<String>),
    /// This number.
    Number(f64),
    /// Not this text, however it is laid out.
    Lacks(Vec<u8>),
    /// This and nothing else.
    Equals(Vec<u8>),
    /// After the prompt, one line that ends in this.
    OneLine(Vec<u8>),
    /// Each message whole, in one piece and once, in any order.
    Messages {
        /// The messages.
        messages: Vec<Vec<u8>>,
        /// Whether line ends are all that may stand besides.
        nothing_else: bool,
    },
}

/// What can be said of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// It shows what it must; with what was let pass.
    Right(Option<&'static str>),
    /// More may mend it.
    NotYet,
    /// It is not as it must be: why.
    Wrong(String),
}

impl Wanted {
    /// Judges what is there: `prompt` bytes of it were there before the program was asked, and `done` says that no more will
    /// come.
    pub fn look(&self, bytes: &[u8], prompt: usize, ignoring_case: bool, done: bool) -> Look {
        match self.so_far(bytes, prompt, ignoring_case, done) {
            Look::NotYet if done => Look::Wrong(self.lack(bytes)),
            look => look,
        }
    }

    fn so_far(&self, bytes: &[u8], prompt: usize, ignoring_case: bool, done: bool) -> Look {
        let once = |right: bool| if right { Look::Right(None) } else { Look::NotYet };
        match self {
            Self::Contains(text) => once(contains(bytes, text, ignoring_case)),
            Self::Says(text) => once(loosely::contains(bytes, text, ignoring_case)),
            Self::StandsWith(text, words) => match closely::stands_with(bytes, text, words) {
                Some(word) if word == words[0] => Look::Right(None),
                Some(word) => {
                    Look::Wrong(format!("{} stands with {word}, and belongs to {}", shown::quote(text), words[0]))
                }
                None if closely::contains(bytes, text, true) => {
                    Look::Wrong(format!("{} stands without {}", shown::quote(text), words[0]))
                }
                None => Look::NotYet,
            },
            Self::Number(number) => once(loosely::says_number(bytes, *number, done)),
            Self::Lacks(text) if loosely::contains(bytes, text, ignoring_case) => {
                Look::Wrong(format!("{} is in it, and should not be", shown::quote(text)))
            }
            // Only when no more will come is it sure that it does not come.
            Self::Lacks(_) => once(done),
            Self::Equals(expected) => match closely::compare(bytes, expected, ignoring_case) {
                Compared::Equal(finding) => Look::Right(finding),
                Compared::Beginning => Look::NotYet,
                Compared::Different => Look::Wrong(shown::first_difference(bytes, expected)),
            },
            Self::OneLine(expected) => one_line(bytes, prompt, expected, ignoring_case),
            Self::Messages { messages, nothing_else } => {
                // Too little to be all of them is not searched each time that a little comes.
                let total: usize = messages.iter().map(|message| message.len().saturating_sub(1)).sum();
                if bytes.len() < total && !done {
                    return Look::NotYet;
                }
                match closely::messages(bytes, messages) {
                    Messages::Whole(rest) if *nothing_else && !rest.is_empty() => {
                        Look::Wrong(format!("besides the messages there is {}", shown::describe(&rest)))
                    }
                    Messages::Whole(_) => Look::Right(None),
                    Messages::Missing(_) => Look::NotYet,
                    Messages::Twice(index) => Look::Wrong(format!("message {} is there twice", index + 1)),
                }
            }
        }
    }

    /// Whether nothing that may still come could mend what is wrong.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Equals(_) | Self::Lacks(_))
    }

    /// What is wanted, in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Contains(text) | Self::Says(text) | Self::StandsWith(text, _) => {
                format!("an output with {} in it", shown::describe(text))
            }
            Self::Number(number) => format!("an output that says {number}"),
            Self::Lacks(text) => format!("an output without {} in it", shown::describe(text)),
            Self::Equals(expected) => shown::describe(expected),
            Self::OneLine(expected) => format!("one line that ends in {}", shown::describe(expected)),
            Self::Messages { messages, nothing_else } => {
                let only = if *nothing_else { ", and nothing else" } else { "" };
                if let [one] = messages.as_slice() {
                    return format!("the message: {}{only}", shown::describe(one));
                }
                let size = counted(messages.iter().map(Vec::len).sum::<usize>(), "byte");
                format!("{} messages, {size} together, each whole, in one piece, once{only}", messages.len())
            }
        }
    }

    /// What can be laid beside all that was printed.
    pub fn whole(&self, bytes: &[u8]) -> Option<&[u8]> {
        match self {
            Self::Equals(expected) => Some(expected),
            Self::Contains(text) if begins_alike(text, bytes) => Some(text),
            Self::Messages { messages, nothing_else } => match messages.as_slice() {
                [one] if *nothing_else || begins_alike(one, bytes) => Some(one),
                _ => None,
            },
            _ => None,
        }
    }

    /// What is missing where no more will come.
    fn lack(&self, bytes: &[u8]) -> String {
        match self {
            _ if bytes.is_empty() => "there is none".to_owned(),
            Self::Contains(text) | Self::Says(text) | Self::StandsWith(text, _) | Self::Lacks(text) => {
                let size = || counted(text.len(), "byte");
                match longest_prefix(bytes, text) {
                    _ if text.starts_with(bytes) => {
                        format!("only the first {} of {} were printed", bytes.len(), size())
                    }
                    there if there >= TELLING => format!("only the first {there} of {} are there in one piece", size()),
                    _ => format!("{} is not in it", shown::quote(shown::beginning(text, 60))),
                }
            }
            Self::Number(number) => format!("it does not say {number}"),
            Self::Equals(expected) => shown::first_difference(bytes, expected),
            Self::OneLine(_) => "there is no such line".to_owned(),
            Self::Messages { messages, .. } => {
                let index = match closely::messages(bytes, messages) {
                    Messages::Missing(index) => index,
                    _ => 0,
                };
                let (there, are) =
                    (longest_prefix(bytes, &messages[index]), counted_are(messages[index].len(), "byte"));
                match messages.len() {
                    1 => format!("only the first {there} of the message's {are} there in one piece"),
                    _ => format!("of message {} only the first {there} of {are} there in one piece", index + 1),
                }
            }
        }
    }
}

/// Length of the longest beginning of `message` that stands in `bytes`.
fn longest_prefix(bytes: &[u8], message: &[u8]) -> usize {
    let (mut low, mut high) = (0, message.len());
    while low < high {
        let middle = (low + high).div_ceil(2);
        if closely::contains(bytes, &message[..middle], false) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

/// Whether a text stands in an output: its last line end may be missing, and line ends may be CR LF.
fn contains(bytes: &[u8], text: &[u8], ignoring_case: bool) -> bool {
    let core = text.strip_suffix(b"\n").filter(|core| !core.is_empty()).unwrap_or(text);
    let without = || bytes.iter().copied().filter(|byte| *byte != b'\r').collect::<Vec<u8>>();
    closely::contains(bytes, core, ignoring_case)
        || bytes.contains(&b'\r') && closely::contains(&without(), core, ignoring_case)
}

/// After the prompt: exactly one line, which ends in what is expected.
fn one_line(bytes: &[u8], prompt: usize, expected: &[u8], ignoring_case: bool) -> Look {
    let after = &bytes[prompt.min(bytes.len())..];
    // A prompt that was still in the program's buffer stands before the reply on its line.
    let text: Vec<u8> = after.iter().copied().filter(|byte| *byte != b'\r').collect();
    let trimmed = text.strip_suffix(b"\n").unwrap_or(&text);
    let lines: Vec<&[u8]> = trimmed.split(|byte| *byte == b'\n').collect();
    let ends = |line: &[u8]| {
        line.len() >= expected.len() && {
            let tail = &line[line.len() - expected.len()..];
            if ignoring_case { tail.eq_ignore_ascii_case(expected) } else { tail == expected }
        }
    };
    let lines: Vec<&[u8]> = lines.into_iter().skip_while(|line| line.is_empty()).collect();
    match lines.as_slice() {
        [] => Look::NotYet,
        [line] if ends(line) && text.ends_with(b"\n") => Look::Right(None),
        // The line end may be on its way.
        [line] if ends(line) => Look::Wrong("the line is not ended".to_owned()),
        [_] => Look::NotYet,
        many => Look::Wrong(format!("there are {} lines where one was expected", many.len())),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        text.as_bytes().to_vec()
    }

    fn stands(text: &str) -> Wanted {
        Wanted::StandsWith(bytes(text), vec!["attic".to_owned(), "cellar".to_owned()])
    }

    fn messages(texts: &[&str], nothing_else: bool) -> Wanted {
        Wanted::Messages { messages: texts.iter().map(|text| bytes(text)).collect(), nothing_else }
    }

    const LONG: &str = "a text that is long enough to be known by its beginning";

    #[rstest]
    #[case::contains(Wanted::Contains(bytes("one\n")), "here is one", "right")]
    #[case::contains_with_other_ends(Wanted::Contains(bytes("one\ntwo\n")), "one\r\ntwo", "right")]
    #[case::contains_cr(Wanted::Contains(bytes("one\r\n")), "one\n", "\"one\\r\\n\" is not in it")]
    #[case::contains_another(Wanted::Contains(bytes("one")), "two\r\n", "\"one\" is not in it")]
    #[case::contains_a_line_end(Wanted::Contains(bytes("\n")), "one\n", "right")]
    #[case::contains_no_blanks(Wanted::Contains(bytes("one two")), "one  two", "\"one two\" is not in it")]
    #[case::contains_a_part(Wanted::Contains(bytes("one two")), "one t", "only the first 5 of 7 bytes were printed")]
    #[case::contains_the_beginning(
        Wanted::Contains(bytes(LONG)),
        "see: a text that is long",
        "only the first 19 of 55 bytes are there in one piece"
    )]
    #[case::contains_nothing(Wanted::Contains(bytes("one")), "", "there is none")]
    #[case::says(Wanted::Says(bytes("one two")), "\u{1b}[1mone\u{1b}[0m  two", "right")]
    #[case::says_not(Wanted::Says(bytes("one two")), "two one", "\"one two\" is not in it")]
    #[case::stands(stands("10.0.0.1"), "attic 10.0.0.1", "right")]
    #[case::stands_elsewhere(
        stands("10.0.0.1"),
        "cellar 10.0.0.1",
        "\"10.0.0.1\" stands with cellar, and belongs to attic"
    )]
    #[case::stands_alone(stands("10.0.0.1"), "10.0.0.1", "\"10.0.0.1\" stands without attic")]
    #[case::stands_not(stands("10.0.0.1"), "attic", "\"10.0.0.1\" is not in it")]
    #[case::number(Wanted::Number(7.0), "it is 7", "right")]
    #[case::no_number(Wanted::Number(7.0), "it is 17", "it does not say 7")]
    #[case::lacks(Wanted::Lacks(bytes("one")), "two", "right")]
    #[case::lacks_not(Wanted::Lacks(bytes("one")), "one", "\"one\" is in it, and should not be")]
    #[case::equals(Wanted::Equals(bytes("one")), "one", "right")]
    #[case::equals_nearly(Wanted::Equals(bytes("one")), "one\n", "right: a line end is added at the end")]
    #[case::equals_a_part(Wanted::Equals(bytes("one")), "on", "the first 2 bytes are right, the other 1 is missing")]
    #[case::equals_not(Wanted::Equals(bytes("one")), "two", "from byte 1 on: expected \"one\", got \"two\"")]
    #[case::line(Wanted::OneLine(bytes("7")), "> = 7\n", "right")]
    #[case::line_with_other_end(Wanted::OneLine(bytes("7")), "> 7\r\n", "right")]
    #[case::line_below_an_empty_one(Wanted::OneLine(bytes("7")), "> \n\n7\n", "right")]
    #[case::line_without_end(Wanted::OneLine(bytes("7")), "> 7", "the line is not ended")]
    #[case::another_line(Wanted::OneLine(bytes("7")), "> 8\n", "there is no such line")]
    #[case::short_line(Wanted::OneLine(bytes("77")), "> 7\n", "there is no such line")]
    #[case::whole_line(Wanted::OneLine(bytes("77")), "> 77\n", "right")]
    #[case::no_line(Wanted::OneLine(bytes("7")), "> ", "there is no such line")]
    #[case::lines(Wanted::OneLine(bytes("7")), "> 7\n7\n", "there are 2 lines where one was expected")]
    #[case::message(messages(&["one\n"], true), "one", "right")]
    #[case::message_and_more(messages(&["one\n"], false), "one more", "right")]
    #[case::message_and_no_more(messages(&["one"], true), "one more", "besides the messages there is \" more\" (5 bytes)")]
    #[case::messages(messages(&["one\n", "two\n"], true), "twoone", "right")]
    #[case::message_in_part(
        messages(&["one two\n"], true),
        "one t",
        "only the first 5 of the message's 8 bytes are there in one piece",
    )]
    #[case::messages_in_part(
        messages(&["one\n", "two\n"], true),
        "one tw",
        "of message 2 only the first 2 of 4 bytes are there in one piece",
    )]
    #[case::message_twice(messages(&[LONG, "and another one"], false), &LONG.repeat(2), "message 1 is there twice")]
    #[case::one_twice_and_one_missing(
        messages(&[LONG, &"x".repeat(200)], false),
        &LONG.repeat(2),
        "message 1 is there twice",
    )]
    fn an_output_shows_what_it_must(#[case] wanted: Wanted, #[case] output: &str, #[case] said: &str) {
        let prompt = if output.starts_with("> ") { 2 } else { 0 };
        let look = match wanted.look(output.as_bytes(), prompt, false, true) {
            Look::Right(None) => "right".to_owned(),
            Look::Right(Some(finding)) => format!("right: {finding}"),
            Look::NotYet => "not yet".to_owned(),
            Look::Wrong(why) => why,
        };
        assert_eq!(look, said);
    }

    #[rstest]
    #[case(Wanted::Contains(bytes("one")), "o", Look::NotYet)]
    #[case(Wanted::Number(7.0), "7", Look::NotYet)]
    #[case(Wanted::Number(7.0), "7\n", Look::Right(None))]
    #[case(Wanted::Lacks(bytes("one")), "two", Look::NotYet)]
    #[case(Wanted::Equals(bytes("one")), "o", Look::NotYet)]
    #[case(Wanted::OneLine(bytes("7")), "", Look::NotYet)]
    #[case(messages(&["one", "two"], true), "one", Look::NotYet)]
    #[case(messages(&["one\n", "two\n"], true), "onetwo", Look::Right(None))]
    #[case(messages(&["one"], false), "one and more", Look::Right(None))]
    fn more_may_come(#[case] wanted: Wanted, #[case] output: &str, #[case] look: Look) {
        assert_eq!(wanted.look(output.as_bytes(), 0, false, false), look);
    }

    #[rstest]
    #[case(Wanted::Contains(bytes("one")))]
    #[case(Wanted::Says(bytes("one")))]
    #[case(Wanted::Equals(bytes("one")))]
    #[case(Wanted::OneLine(bytes("one")))]
    fn case_may_be_let_pass(#[case] wanted: Wanted) {
        assert_eq!(wanted.look(b"ONE\n", 0, true, true), wanted.look(b"one\n", 0, false, true));
        assert_ne!(wanted.look(b"ONE\n", 0, false, true), wanted.look(b"one\n", 0, false, true));
    }

    #[rstest]
    #[case(Wanted::Contains(bytes("one")), "an output with \"one\" (3 bytes) in it", false, Some("one"))]
    #[case(Wanted::Contains(bytes("two")), "an output with \"two\" (3 bytes) in it", false, None)]
    #[case(Wanted::Says(bytes("one")), "an output with \"one\" (3 bytes) in it", false, None)]
    #[case(stands("one"), "an output with \"one\" (3 bytes) in it", false, None)]
    #[case(Wanted::Number(7.5), "an output that says 7.5", false, None)]
    #[case(Wanted::Lacks(bytes("one")), "an output without \"one\" (3 bytes) in it", true, None)]
    #[case(Wanted::Equals(bytes("two")), "\"two\" (3 bytes)", true, Some("two"))]
    #[case(Wanted::OneLine(bytes("one")), "one line that ends in \"one\" (3 bytes)", false, None)]
    #[case(messages(&["one"], false), "the message: \"one\" (3 bytes)", false, Some("one"))]
    #[case(messages(&["two"], false), "the message: \"two\" (3 bytes)", false, None)]
    #[case(messages(&["two"], true), "the message: \"two\" (3 bytes), and nothing else", false, Some("two"))]
    #[case(
        messages(&["one", "two"], false),
        "2 messages, 6 bytes together, each whole, in one piece, once",
        false,
        None,
    )]
    fn what_is_wanted_is_told(
        #[case] wanted: Wanted,
        #[case] described: &str,
        #[case] is_final: bool,
        #[case] beside_one: Option<&str>,
    ) {
        assert_eq!(wanted.describe(), described);
        assert_eq!(wanted.is_final(), is_final);
        assert_eq!(wanted.whole(b"one, and more"), beside_one.map(str::as_bytes));
    }
}
