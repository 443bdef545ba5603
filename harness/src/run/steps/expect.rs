//! Expectations about programs: how they end, what they print, where they listen.

use std::rc::Rc;
use std::time::Duration;

use harness_judging::shown::{counted, counted_are};
use harness_judging::{
    closely::{self, Compared, Messages},
    complaint, loosely, shown,
};

use super::super::actors::ProgramActor;
use super::super::event::What;
use super::super::patience::{GaveUp, Patience};
use super::super::stage::{Ended, Output};
use super::super::{Director, Done, Failure, Halt};
use super::begins_alike;
use crate::scenario::model::{
    ExitExpected, ExpectAddress, ExpectComplaint, ExpectExit, ExpectNotListening, ExpectOutput, ExpectRunning,
    ExpectToldApart, Stream,
};

const USUAL: Duration = Duration::from_secs(5);

/// So many bytes in one piece are no coincidence: they are the beginning of what was expected.
const TELLING: usize = 16;

/// What an output must show, bytes ready.
enum Shown {
    Contains { text: Vec<u8>, loosely: bool, of: Vec<String> },
    Number(f64),
    Lacks(Vec<u8>),
    Equals(Vec<u8>),
    OneLine(Vec<u8>),
    Messages { messages: Vec<Vec<u8>>, nothing_else: bool },
}

enum Look {
    Right(Option<&'static str>),
    NotYet,
    Wrong(String),
}

impl Director {
    pub(super) async fn expect_exit(&mut self, step: &ExpectExit) -> Done {
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        for (name, actor) in self.actors.programs_named(&step.program) {
            let who = actor.noun(&name);
            let patience = Patience::new(&*self.stage, limit);
            let ended = self.until(patience, || actor.program.ended()).await;
            let wanted = match step.status {
                ExitExpected::Zero => "ends with exit status 0",
                ExitExpected::NonZero => "ends with an exit status other than 0",
                ExitExpected::Any | ExitExpected::AnyEnd => "ends by itself",
            };
            let expected = format!("{who} {wanted}");
            let ended = match ended {
                Ok(ended) => ended,
                Err(why) => {
                    return Err(Failure {
                        expected,
                        actual: "it still runs".to_owned(),
                        reason: format!("{who} should have ended by now, but still runs: {}", self.explain(&why)),
                    }
                    .into());
                }
            };
            self.note(&name, What::Ended(ended.to_string()));
            let right = match (step.status, ended) {
                (ExitExpected::AnyEnd, _) | (ExitExpected::Any, Ended::Status(_)) => true,
                (ExitExpected::Zero, Ended::Status(code)) => code == 0,
                (ExitExpected::NonZero, Ended::Status(code)) => code != 0,
                (_, Ended::Signal(_)) => false,
            };
            if !right {
                let words = last_words(&actor);
                return Err(Failure {
                    expected,
                    actual: ended.to_string(),
                    reason: format!("{who} ended with {ended}{words}"),
                }
                .into());
            }
        }
        Ok(())
    }

    pub(super) async fn expect_running(&mut self, step: &ExpectRunning) -> Done {
        self.quiet_down(Duration::from_millis(200)).await;
        for (name, actor) in self.actors.programs_named(&step.program) {
            let who = actor.noun(&name);
            let server = self.cast.listens(&actor.role);
            let actual = match actor.program.ended() {
                Some(ended) => format!("it has ended ({ended})"),
                None if server && actor.program.listening(self.cast.transport(&actor.role)).is_empty() => {
                    "it listens no more".to_owned()
                }
                None => continue,
            };
            return Err(Failure {
                expected: format!("{who} goes on"),
                reason: format!("{who} should still run, but {actual}{}", last_words(&actor)),
                actual,
            }
            .into());
        }
        Ok(())
    }

    pub(super) async fn expect_not_listening(&mut self, step: &ExpectNotListening) -> Done {
        self.quiet_down(Duration::from_millis(200)).await;
        for (name, actor) in self.actors.programs_named(&step.program) {
            let who = actor.noun(&name);
            let found = actor.program.listening(self.cast.transport(&actor.role));
            // A program that finds its port taken may well try another one, as long as it says so.
            let theirs: Vec<_> = found.iter().filter(|address| address.port() == self.port_of(&actor)).collect();
            if let Some(address) = theirs.first() {
                return Err(Failure {
                    expected: format!("{who} does not take a port that is in use"),
                    actual: format!("it listens on {address}"),
                    reason: format!("{who} listens on {address} beside the one that was there first: clients are split between the two"),
                }
                .into());
            }
        }
        Ok(())
    }

    fn port_of(&self, actor: &ProgramActor) -> u16 {
        self.cast.fixed_port(&actor.role).unwrap_or(actor.given.port())
    }

    pub(super) fn expect_address(&mut self, step: &ExpectAddress) -> Done {
        for (name, actor) in self.actors.programs_named(&step.program) {
            let who = actor.noun(&name);
            let server = self.cast.listens(&actor.role);
            let given = actor.given.port();
            if let Some(why) = self.cast.strays(&actor.role) {
                return Err(Failure {
                    expected: format!("{who} keeps to the address on its command line"),
                    actual: why.clone(),
                    reason: why,
                }
                .into());
            }
            if !server {
                continue;
            }
            let found = actor.program.listening(self.cast.transport(&actor.role));
            if !found.is_empty() && !found.iter().any(|address| address.port() == given) {
                let port = found[0].port();
                let swapped = if port == given.swap_bytes() {
                    ": these are the same two bytes in the other order, as when htons() is left out"
                } else {
                    ""
                };
                return Err(Failure {
                    expected: format!("{who} listens on port {given}, as its command line says"),
                    actual: format!("it listens on port {port}"),
                    reason: format!("{who} was told port {given} and listens on port {port}{swapped}"),
                }
                .into());
            }
        }
        Ok(())
    }

    pub(super) async fn expect_complaint(&mut self, step: &ExpectComplaint) -> Done {
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        for (name, actor) in self.actors.programs_named(&step.program) {
            let who = actor.noun(&name);
            let patience = Patience::new(&*self.stage, limit);
            let complains = |output: &Output, is_stderr: bool| {
                // Whatever is said on standard error is said because something is wrong.
                is_stderr && complaint::says_anything(&output.bytes) || complaint::is_complaint(&output.bytes)
            };
            let said = self
                .until(patience, || {
                    let stderr = actor.program.stderr().borrow();
                    let stdout = actor.program.stdout().borrow();
                    let on_stderr = step.stream != Stream::Stdout && complains(&stderr, true);
                    let on_stdout = step.stream != Stream::Stderr && complains(&stdout, false);
                    if on_stderr || on_stdout {
                        return Some(true);
                    }
                    (actor.program.ended().is_some() && stderr.ended && stdout.ended).then_some(false)
                })
                .await;
            self.note_output(&name, &actor, Stream::Any);
            let stderr = actor.program.stderr().borrow().bytes.clone();
            let stdout = actor.program.stdout().borrow().bytes.clone();
            let came = format!(
                "on standard output {}, on standard error {}",
                shown::describe(&stdout),
                shown::describe(&stderr)
            );
            let wanted = match step.stream {
                Stream::Stderr => "a message on standard error",
                Stream::Stdout => "a message on standard output",
                Stream::Any => "a message that something is wrong",
            };
            let reason = match said {
                Ok(true) if complaint::is_traceback(&stderr) || complaint::is_traceback(&stdout) => {
                    if !step.not_a_traceback {
                        let text = format!("{who} says what is wrong only by a traceback");
                        self.note("harness", What::Finding(text));
                        continue;
                    }
                    format!(
                        "{who} printed the traceback of an exception, and no sentence of its own about what is wrong"
                    )
                }
                Ok(true) => continue,
                _ if step.stream == Stream::Stderr && complaint::is_complaint(&stdout) => {
                    format!("the {name} says what is wrong on standard output, and nothing on standard error")
                }
                _ if step.stream == Stream::Stdout && complaint::says_anything(&stderr) => {
                    format!("the {name} says what is wrong on standard error, and nothing on standard output")
                }
                Ok(false) => match actor.program.ended() {
                    Some(ended) => {
                        let where_else = match step.stream {
                            Stream::Stderr if !stdout.is_empty() => ": what it printed is on standard output",
                            Stream::Stdout if !stderr.is_empty() => ": what it printed is on standard error",
                            _ => "",
                        };
                        let stream = match step.stream {
                            Stream::Stderr => " on standard error",
                            Stream::Stdout => " on standard output",
                            Stream::Any => "",
                        };
                        format!("{who} ended ({ended}) and printed no message{stream} about what is wrong{where_else}")
                    }
                    None => format!("{who} goes on and prints no message about what is wrong"),
                },
                Err(why) => format!("{who} prints no message about what is wrong: {}", self.explain(&why)),
            };
            return Err(Failure { expected: format!("{who} prints {wanted}"), actual: came, reason }.into());
        }
        Ok(())
    }

    pub(super) fn expect_told_apart(&mut self, step: &ExpectToldApart) -> Done {
        let mut ends = Vec::new();
        for name in &step.programs {
            let Some((_, actor)) = self.actors.programs_named(name).into_iter().next() else {
                return Err(Halt::Harness(format!("{name} was not started")));
            };
            let mut said = actor.program.stdout().borrow().bytes.clone();
            said.push(b'\n');
            said.extend_from_slice(&actor.program.stderr().borrow().bytes);
            // Times and ports are figures, and differ by themselves.
            let mut words = loosely::loosen(&said);
            words.retain(|byte| !byte.is_ascii_digit() && !byte.is_ascii_whitespace());
            ends.push((actor.program.ended(), words, said));
        }
        let [(first, one, said), (second, other, also_said)] = ends.as_slice() else { return Ok(()) };
        if first != second || one != other {
            return Ok(());
        }
        let end = first.map_or_else(|| "neither has ended".to_owned(), |end| format!("both end with {end}"));
        let [a, b] = &step.programs;
        Err(Failure {
            expected: "another exit status, or other words".to_owned(),
            actual: format!("{end}; {a} says {}, {b} says {}", shown::describe(said), shown::describe(also_said)),
            reason: format!("nothing tells the two outcomes apart: {end}, and they say the same"),
        }
        .into())
    }

    pub(super) async fn expect_output(&mut self, step: &ExpectOutput) -> Done {
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        for (index, (name, actor)) in self.actors.programs_named(&step.program).into_iter().enumerate() {
            let shown = self.shown(step, index as u64)?;
            self.expect_shown(&name, &actor, step, &shown, limit).await?;
        }
        Ok(())
    }

    fn shown(&self, step: &ExpectOutput, index: u64) -> Result<Shown, Halt> {
        let bytes = |payload: &crate::scenario::bytes::Payload| self.bytes(payload, index);
        Ok(if let Some(payload) = &step.contains {
            Shown::Contains { text: bytes(payload)?, loosely: step.loosely, of: step.of.clone() }
        } else if let Some(number) = step.number {
            Shown::Number(number)
        } else if let Some(payload) = &step.lacks {
            Shown::Lacks(bytes(payload)?)
        } else if let Some(payload) = &step.equals {
            Shown::Equals(bytes(payload)?)
        } else if let Some(payload) = &step.one_line {
            Shown::OneLine(bytes(payload)?)
        } else {
            let names = step.messages_from.iter().flatten();
            let peers = names.flat_map(|name| self.actors.peers_named(name));
            let messages = peers.map(|(_, peer)| peer.borrow().sent.clone()).collect();
            Shown::Messages { messages, nothing_else: step.nothing_else }
        })
    }

    async fn expect_shown(
        &self,
        name: &str,
        actor: &Rc<ProgramActor>,
        step: &ExpectOutput,
        shown: &Shown,
        limit: Duration,
    ) -> Done {
        let mut patience = Patience::new(&*self.stage, limit);
        let mut seen = usize::MAX;
        let mut over: Option<GaveUp> = None;
        loop {
            let (length, ended) = output_length(actor, step.stream);
            if length != seen || over.is_some() || ended {
                if length != seen {
                    patience.renew(&*self.stage);
                }
                seen = length;
                let done = ended || over.is_some();
                let look =
                    with_output(actor, step, |bytes, prompt| shown.look(bytes, prompt, step.ignoring_case, done));
                match (look, done) {
                    (Look::Right(finding), _) => {
                        if let Some(finding) = finding {
                            self.note("harness", What::Finding(format!("{name}'s output: {finding}")));
                        }
                        self.note_output(name, actor, step.stream);
                        return Ok(());
                    }
                    (Look::Wrong(what), _) if over.is_some() || ended || shown.is_final(&what) => {
                        return Err(self.not_shown(name, actor, step, shown, what, over.as_ref()));
                    }
                    (Look::NotYet, true) => {
                        return Err(self.not_shown(name, actor, step, shown, String::new(), over.as_ref()));
                    }
                    _ => {}
                }
            }
            if let Err(why) = patience.moment(&*self.stage).await {
                over = Some(why);
            }
        }
    }

    fn note_output(&self, name: &str, actor: &ProgramActor, stream: Stream) {
        let stderr = actor.program.stderr().borrow();
        if stream != Stream::Stdout && !stderr.bytes.is_empty() {
            self.note(name, What::Printed(Stream::Stderr, super::super::event::Excerpt::of(&stderr.bytes)));
        }
        let output = actor.program.stdout().borrow();
        if stream == Stream::Stdout || !output.bytes.is_empty() {
            self.note(name, What::Printed(Stream::Stdout, super::super::event::Excerpt::of(&output.bytes)));
        }
    }

    fn not_shown(
        &self,
        name: &str,
        actor: &ProgramActor,
        step: &ExpectOutput,
        shown: &Shown,
        what: String,
        over: Option<&GaveUp>,
    ) -> Halt {
        self.note_output(name, actor, step.stream);
        let who = actor.noun(name);
        let how = match (actor.program.ended(), over) {
            (Some(ended), _) => format!("; {who} has ended ({ended}){}", last_words(actor)),
            (None, Some(why)) => format!("; {}", self.explain(why)),
            (None, None) => String::new(),
        };
        with_output(actor, step, |bytes, _| {
            if let Some(expected) = shown.whole(bytes) {
                self.differed(expected, bytes);
            }
        });
        let actual = with_output(actor, step, |bytes, _| shown::describe(bytes));
        let what = if what.is_empty() { with_output(actor, step, |bytes, _| shown.lack(bytes)) } else { what };
        Halt::of_output(Failure { expected: shown.describe(), actual, reason: format!("{name}'s output: {what}{how}") })
    }
}

impl Shown {
    /// Judges what is there; `done` says that no more will come.
    fn look(&self, bytes: &[u8], prompt: usize, ignoring_case: bool, done: bool) -> Look {
        let once = |right: bool| if right { Look::Right(None) } else { Look::NotYet };
        match self {
            Self::Contains { text, loosely: true, .. } => once(loosely::contains(bytes, text, ignoring_case)),
            Self::Contains { text, of, .. } if !of.is_empty() => match closely::stands_with(bytes, text, of) {
                Some(word) if word == of[0] => Look::Right(None),
                Some(word) => {
                    Look::Wrong(format!("{} stands with {word}, and belongs to {}", shown::quote(text), of[0]))
                }
                None if closely::contains(bytes, text, true) => {
                    Look::Wrong(format!("{} stands without {}", shown::quote(text), of[0]))
                }
                None => Look::NotYet,
            },
            Self::Contains { text, .. } => {
                once(bytes.len() >= text.len() && contains_line_ends(bytes, text, ignoring_case))
            }
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
                let total: usize = messages.iter().map(|message| message.len().saturating_sub(1)).sum();
                if bytes.len() < total {
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

    /// Whether more output could not mend it.
    fn is_final(&self, _what: &str) -> bool {
        matches!(self, Self::Equals(_) | Self::Lacks(_))
    }

    fn describe(&self) -> String {
        match self {
            Self::Contains { text, .. } => format!("an output with {} in it", shown::describe(text)),
            Self::Number(number) => format!("an output that says {number}"),
            Self::Lacks(text) => format!("an output without {} in it", shown::describe(text)),
            Self::Equals(expected) => shown::describe(expected),
            Self::OneLine(expected) => format!("one line that ends in {}", shown::describe(expected)),
            Self::Messages { messages, nothing_else } => {
                let sizes: usize = messages.iter().map(Vec::len).sum();
                let only = if *nothing_else { ", and nothing else" } else { "" };
                match messages.as_slice() {
                    [one] => format!("the message: {}{only}", shown::describe(one)),
                    many => {
                        format!(
                            "{} messages, {} together, each whole, in one piece, once{only}",
                            many.len(),
                            counted(sizes, "byte")
                        )
                    }
                }
            }
        }
    }

    /// What can be laid beside all that was printed.
    fn whole(&self, bytes: &[u8]) -> Option<&[u8]> {
        match self {
            Self::Equals(expected) => Some(expected),
            Self::Messages { messages, nothing_else } => match messages.as_slice() {
                [one] if *nothing_else || begins_alike(one, bytes) => Some(one),
                _ => None,
            },
            Self::Contains { text, loosely: false, .. } if begins_alike(text, bytes) => Some(text),
            _ => None,
        }
    }

    fn lack(&self, bytes: &[u8]) -> String {
        match self {
            Self::Contains { .. } if bytes.is_empty() => "there is none".to_owned(),
            Self::Contains { text, .. } if text.starts_with(bytes) => {
                format!("only the first {} of {} were printed", bytes.len(), counted(text.len(), "byte"))
            }
            Self::Number(number) => format!("it does not say {number}"),
            Self::Lacks(text) => format!("{} is in it", shown::quote(text)),
            Self::Contains { text, .. } => match longest_prefix(bytes, text) {
                there if there >= TELLING => {
                    format!("only the first {there} of {} are there in one piece", counted(text.len(), "byte"))
                }
                _ => format!("{} is not in it", shown::quote(shown::beginning(text, 60))),
            },
            Self::Equals(expected) => shown::first_difference(bytes, expected),
            Self::OneLine(_) => "there is no such line".to_owned(),
            Self::Messages { messages, .. } => match closely::messages(bytes, messages) {
                Messages::Missing(index) => {
                    let message = &messages[index];
                    let there = longest_prefix(bytes, message);
                    match (messages.len(), there) {
                        (1, there) => format!(
                            "only the first {there} of the message's {} there in one piece",
                            counted_are(message.len(), "byte")
                        ),
                        (_, there) => format!(
                            "of message {} only the first {there} of {} there in one piece",
                            index + 1,
                            counted_are(message.len(), "byte")
                        ),
                    }
                }
                Messages::Twice(index) => format!("message {} is there twice", index + 1),
                Messages::Whole(rest) => format!("besides the messages there is {}", shown::describe(&rest)),
            },
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

/// `contains`, with CRLF let pass for LF and a missing last line end let pass.
fn contains_line_ends(bytes: &[u8], expected: &[u8], ignoring_case: bool) -> bool {
    let core = expected.strip_suffix(b"\n").filter(|core| !core.is_empty()).unwrap_or(expected);
    closely::contains(bytes, core, ignoring_case)
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

fn output_length(actor: &ProgramActor, stream: Stream) -> (usize, bool) {
    let stdout = actor.program.stdout().borrow();
    let stderr = actor.program.stderr().borrow();
    let over = actor.program.ended().is_some();
    match stream {
        Stream::Stdout => (stdout.bytes.len(), over && stdout.ended),
        Stream::Stderr => (stderr.bytes.len(), over && stderr.ended),
        Stream::Any => (stdout.bytes.len() + stderr.bytes.len(), over && stdout.ended && stderr.ended),
    }
}

fn with_output<T>(actor: &ProgramActor, step: &ExpectOutput, look: impl FnOnce(&[u8], usize) -> T) -> T {
    let stdout = actor.program.stdout().borrow();
    let stderr = actor.program.stderr().borrow();
    match step.stream {
        Stream::Stdout if step.since_typed => look(&stdout.bytes[actor.prompt_end.get().min(stdout.bytes.len())..], 0),
        Stream::Stdout => look(&stdout.bytes, actor.prompt_end.get()),
        Stream::Stderr => look(&stderr.bytes, 0),
        Stream::Any => {
            let mut both = stdout.bytes.clone();
            both.extend_from_slice(&stderr.bytes);
            look(&both, 0)
        }
    }
}

/// The end of what a program has said on standard error.
pub(super) fn last_words(actor: &ProgramActor) -> String {
    let stderr = actor.program.stderr().borrow();
    let tail = &stderr.bytes[stderr.bytes.len().saturating_sub(300)..];
    if tail.is_empty() { String::new() } else { format!("; it last said on standard error {}", shown::quote(tail)) }
}
