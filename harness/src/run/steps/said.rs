//! Expectations about what a program says in its own words.

use std::rc::Rc;
use std::time::Duration;

use harness_judging::complaint::says_no;
use harness_judging::{complaint, loosely, shown};

use super::super::actors::ProgramActor;
use super::super::event::{Excerpt, What};
use super::super::patience::Patience;
use super::super::{Director, Done, Failure, Halt};
use super::expect::last_words;
use harness_language::scenario::model::{ExpectInOrder, ExpectLine, ExpectSaysNo, ExpectText, Stream};

const USUAL: Duration = Duration::from_secs(5);

/// How many of the texts stand in `hay`, one after another.
fn in_order(hay: &[u8], texts: &[Vec<u8>]) -> usize {
    let hay = loosely::loosen(hay).to_ascii_lowercase();
    let mut at = 0;
    for (index, text) in texts.iter().enumerate() {
        match memchr::memmem::find(&hay[at..], &text.to_ascii_lowercase()) {
            Some(found) => at += found + text.len(),
            None => return index,
        }
    }
    texts.len()
}

/// Whether some line ends in `end`, and not in `before` and `end`.
fn has_line(said: &[u8], end: &[u8], before: Option<&[u8]>) -> bool {
    said.split(|byte| *byte == b'\n').any(|line| {
        let stem = line.trim_ascii_end().strip_suffix(end);
        stem.is_some_and(|stem| before.is_none_or(|before| !stem.ends_with(before)))
    })
}

/// The first line of a text that is not in `hay` after those before it; nothing if all are there. A dot more before a
/// line, or a line of dots within another, is another line.
fn missing_line<'t>(hay: &[u8], text: &'t [u8]) -> Option<&'t [u8]> {
    let hay = loosely::loosen(hay);
    let mut at = 0;
    text.split(|byte| *byte == b'\n').find(|line| {
        let line = loosely::loosen(line);
        let is_it = |start: usize| {
            let (before, after) = (hay[..start].last(), hay.get(start + line.len()));
            let dots = line.iter().all(|byte| *byte == b'.');
            let apart = |byte: Option<&u8>| !byte.is_some_and(|it| *it == b'.' || dots && it.is_ascii_alphanumeric());
            !line.starts_with(b".") || apart(before) && (!dots || apart(after))
        };
        let found = memchr::memmem::find_iter(&hay[at..], &line).map(|start| at + start).find(|start| is_it(*start));
        match found {
            Some(start) => at = start + line.len(),
            None => return true,
        }
        false
    })
}

/// What is wrong with a line that is not found in its place.
fn lack(hay: &[u8], line: &[u8]) -> &'static str {
    let letters = |text: &[u8]| -> Vec<u8> { text.iter().copied().filter(u8::is_ascii_alphanumeric).collect() };
    let own = letters(line);
    if own.is_empty() {
        "is missing, or is not as it was written"
    } else if missing_line(hay, line).is_none() {
        "is not in its place"
    } else if memchr::memmem::find(&letters(hay), &own).is_some() {
        "is not as it was written"
    } else {
        "is missing"
    }
}

impl Director {
    /// Waits until `enough` is in what the program has printed, or no more will come; both streams, as they are then.
    async fn said(
        &self,
        actor: &Rc<ProgramActor>,
        limit: Duration,
        enough: impl Fn(&[u8]) -> bool,
    ) -> (Vec<u8>, Vec<u8>) {
        let (stdout, stderr) = (actor.program.stdout(), actor.program.stderr());
        let patience = Patience::new(&*self.stage, limit);
        let over = || actor.program.ended().is_some() && stdout.borrow().ended && stderr.borrow().ended;
        let there = || enough(&stdout.borrow().bytes) || enough(&stderr.borrow().bytes);
        let _ = self.until(patience, || (over() || there()).then_some(())).await;
        (stdout.borrow().bytes.clone(), stderr.borrow().bytes.clone())
    }

    /// Everything that a program says until it ends or waits for ever.
    pub(super) async fn all_said(&self, actor: &Rc<ProgramActor>, limit: Duration) -> (Vec<u8>, Vec<u8>) {
        self.said(actor, limit, |_| false).await
    }

    pub(super) fn note_said(&self, name: &str, stdout: &[u8], stderr: &[u8]) {
        self.note(name, What::Printed(Stream::Stdout, Excerpt::of(stdout)));
        if !stderr.is_empty() {
            self.note(name, What::Printed(Stream::Stderr, Excerpt::of(stderr)));
        }
    }

    pub(super) async fn expect_in_order(&mut self, step: &ExpectInOrder) -> Done {
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        let texts: Result<Vec<Vec<u8>>, _> = step.texts.iter().map(|text| self.bytes(text, 0)).collect();
        let texts = texts?;
        for (name, actor) in self.actors.programs_named(&step.program) {
            let (stdout, stderr) = self.said(&actor, limit, |said| in_order(said, &texts) == texts.len()).await;
            self.note_said(&name, &stdout, &stderr);
            let found = in_order(&stdout, &texts);
            let Some(missing) = texts.get(found) else { continue };
            let missing = shown::quote(missing);
            let what = match found.checked_sub(1) {
                None => format!("{missing} is not in it"),
                Some(before) => format!("after {} there is no {missing}", shown::quote(&texts[before])),
            };
            let wanted: Vec<String> = texts.iter().map(|text| shown::quote(text)).collect();
            return Err(Halt::of_output(Failure {
                expected: format!("an output with {} in this order", wanted.join(", ")),
                actual: shown::describe(&stdout),
                reason: format!("the output of {}: {what}{}", actor.noun(&name), last_words(&actor)),
                ..Failure::default()
            }));
        }
        Ok(())
    }

    pub(super) async fn expect_line(&mut self, step: &ExpectLine) -> Done {
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        let end = self.bytes(&step.ends_in, 0)?;
        let before = step.not_after.as_ref().map(String::as_bytes);
        for (name, actor) in self.actors.programs_named(&step.program) {
            let (stdout, stderr) = self.said(&actor, limit, |said| has_line(said, &end, before)).await;
            self.note_said(&name, &stdout, &stderr);
            if has_line(&stdout, &end, before) {
                continue;
            }
            let end = shown::quote(&end);
            let but =
                step.not_after.as_ref().map(|before| format!(" without {} before it", shown::quote(before.as_bytes())));
            let but = but.unwrap_or_default();
            return Err(Halt::of_output(Failure {
                expected: format!("a line that ends in {end}{but}"),
                actual: shown::describe(&stdout),
                reason: format!(
                    "the output of {}: no line ends in {end}{but}{}",
                    actor.noun(&name),
                    last_words(&actor)
                ),
                ..Failure::default()
            }));
        }
        Ok(())
    }

    pub(super) async fn expect_text(&mut self, step: &ExpectText) -> Done {
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        let text = self.bytes(&step.text, 0)?;
        for (name, actor) in self.actors.programs_named(&step.program) {
            let (stdout, stderr) = self.said(&actor, limit, |said| missing_line(said, &text).is_none()).await;
            self.note_said(&name, &stdout, &stderr);
            let Some(missing) = missing_line(&stdout, &text) else { continue };
            let lack = lack(&stdout, missing);
            let missing = shown::quote(shown::beginning(missing.trim_ascii_end(), 80));
            return Err(Halt::of_output(Failure {
                expected: format!("an output with every line of {}", shown::describe(&text)),
                actual: shown::describe(&stdout),
                reason: format!(
                    "the output of {}: the text is not there whole: the line {missing} {lack}{}",
                    actor.noun(&name),
                    last_words(&actor)
                ),
                ..Failure::default()
            }));
        }
        Ok(())
    }

    pub(super) async fn expect_says_no(&mut self, step: &ExpectSaysNo) -> Done {
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        for (name, actor) in self.actors.programs_named(&step.program) {
            // A traceback comes in pieces: what kind of no it is can be told when all is said.
            let (stdout, stderr) = self.said(&actor, limit, |_| false).await;
            self.note_said(&name, &stdout, &stderr);
            let who = actor.noun(&name);
            let bare = complaint::is_traceback(&stderr) || complaint::is_traceback(&stdout);
            if bare && !step.not_a_traceback {
                self.note("harness", What::Finding(format!("{who} says what is wrong only by a traceback")));
            }
            let zero = |text: &[u8]| step.or_zero && loosely::numbers(text).contains(&0.0);
            let said = [&stdout, &stderr].into_iter().any(|text| says_no(text) || zero(text));
            if said && !(bare && step.not_a_traceback) {
                continue;
            }
            let reason = match (bare, actor.program.ended()) {
                (true, _) => format!("{who} leaves it to its language's traceback to say what is wrong"),
                (false, Some(ended)) => format!("{who} ended ({ended}) and did not say so"),
                (false, None) => format!("{who} does not say so"),
            };
            return Err(Failure {
                expected: format!("{who} says in words that there is none, or that it does not work"),
                actual: format!(
                    "on standard output {}, on standard error {}",
                    shown::describe(&stdout),
                    shown::describe(&stderr)
                ),
                reason,
                ..Failure::default()
            }
            .into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("From: a\r\n\r\nHello,\r\n.hidden\r\n.\r\n..\r\nBye.\r\n", None)]
    #[case("| Hello,\n| .hidden\n| .\n| ..\n| Bye.\n", None)]
    #[case("[b'Hello,', b'.hidden', b'.', b'..', b'', b'Bye.']", None)]
    #[case("Hello,\n..hidden\n..\n...\nBye.\n", Some(".hidden"))]
    #[case("Hello,\n.hidden\n..\n...\nBye.\n", Some("."))]
    #[case("Hello,\n.hidden\n.\n...\nBye.\n", Some(".."))]
    #[case("Hello,\n.hidden\nand so on.\n", Some("."))]
    #[case("Bye.\nHello,\n.hidden\n.\n..\n", Some("Bye."))]
    #[case("", Some("Hello,"))]
    fn finds_a_text(#[case] said: &str, #[case] missing: Option<&str>) {
        let found = missing_line(said.as_bytes(), b"Hello,\n.hidden\n.\n..\n\nBye.\n");
        assert_eq!(found.map(|line| std::str::from_utf8(line).unwrap()), missing);
    }

    #[rstest]
    #[case("Bye.\nHello,\n", "Hello,", "is not in its place")]
    #[case("Bye.\n..hidden\n", ".hidden", "is not as it was written")]
    #[case("Bye.\n", "Hello,", "is missing")]
    #[case("Bye.\n...\n", "..", "is missing, or is not as it was written")]
    fn what_a_line_lacks(#[case] said: &str, #[case] line: &str, #[case] lacks: &str) {
        assert_eq!(lack(said.as_bytes(), line.as_bytes()), lacks);
    }

    #[rstest]
    #[case("C: .x\r\n", true)]
    #[case("..x\n", false)]
    #[case("..x\n.x", true)]
    #[case(".x and more\n", false)]
    fn finds_a_line(#[case] text: &str, #[case] found: bool) {
        assert_eq!(has_line(text.as_bytes(), b".x", Some(b".")), found);
    }

    #[rstest]
    #[case("5 a.example\n10 B.example\n", 2)]
    #[case("10 b.example\n5 a.example\n", 1)]
    #[case("a.example", 1)]
    #[case("", 0)]
    fn counts_what_is_in_order(#[case] text: &str, #[case] found: usize) {
        assert_eq!(in_order(text.as_bytes(), &[b"a.example".to_vec(), b"b.example".to_vec()]), found);
    }
}
