//! Expectations about programs: how they end, what they print, where they listen.

use std::rc::Rc;
use std::time::Duration;

use harness_judging::output::{Look, Wanted};
use harness_judging::{complaint, loosely, shown};

use super::super::actors::ProgramActor;
use super::super::event::{Excerpt, What};
use super::super::patience::{GaveUp, Patience};
use super::super::stage::{Ended, Output};
use super::super::{Director, Done, Failure, Halt};
use harness_language::scenario::model::{
    ExitExpected, ExpectAddress, ExpectComplaint, ExpectExit, ExpectNotListening, ExpectOutput, ExpectRunning,
    ExpectToldApart, Stream,
};

const USUAL: Duration = Duration::from_secs(5);

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
                        reason: format!("{who} should have ended by now, but still runs"),
                        state: self.explain(&why),
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
                    ..Failure::default()
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
                ..Failure::default()
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
                    ..Failure::default()
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
                return Err(Halt::of_meeting(Failure {
                    expected: format!("{who} keeps to the address on its command line"),
                    actual: why.clone(),
                    reason: why,
                    ..Failure::default()
                }));
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
                    ..Failure::default()
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
            let mut state = String::new();
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
                    format!("{who} says what is wrong on standard output, and nothing on standard error")
                }
                _ if step.stream == Stream::Stdout && complaint::says_anything(&stderr) => {
                    format!("{who} says what is wrong on standard error, and nothing on standard output")
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
                Err(why) => {
                    state = self.explain(&why);
                    let sent = self.sent_meanwhile().await;
                    let sent = sent.map(|sent| format!(", and sends {}", shown::quote(shown::beginning(&sent, 40))));
                    format!("{who} prints no message about what is wrong{}", sent.unwrap_or_default())
                }
            };
            return Err(Failure { expected: format!("{who} prints {wanted}"), actual: came, reason, state }.into());
        }
        Ok(())
    }

    /// What a program has sent to a peer that does not read now: who says nothing may have gone on.
    async fn sent_meanwhile(&self) -> Option<Vec<u8>> {
        for (name, peer) in &self.actors.peers {
            let Some(socket) = peer.borrow().datagrams.clone() else { continue };
            tokio::select! {
                biased;
                Ok((bytes, _)) = socket.receive() => {
                    self.note(name, What::Received(Excerpt::of(&bytes)));
                    return Some(bytes);
                }
                () = self.stage.tick() => {}
            }
        }
        None
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
            ..Failure::default()
        }
        .into())
    }

    pub(super) async fn expect_output(&mut self, step: &ExpectOutput) -> Done {
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        for (index, (name, actor)) in self.actors.programs_named(&step.program).into_iter().enumerate() {
            let wanted = self.wanted(step, index as u64)?;
            self.expect_shown(&name, &actor, step, &wanted, limit).await?;
        }
        Ok(())
    }

    fn wanted(&self, step: &ExpectOutput, index: u64) -> Result<Wanted, Halt> {
        let bytes = |payload: &harness_language::scenario::bytes::Payload| self.bytes(payload, index);
        Ok(if let Some(payload) = &step.contains {
            match bytes(payload)? {
                text if step.loosely => Wanted::Says(text),
                text if step.of.is_empty() => Wanted::Contains(text),
                text => Wanted::StandsWith(text, step.of.clone()),
            }
        } else if let Some(number) = step.number {
            Wanted::Number(number)
        } else if let Some(payload) = &step.lacks {
            Wanted::Lacks(bytes(payload)?)
        } else if let Some(payload) = &step.equals {
            Wanted::Equals(bytes(payload)?)
        } else if let Some(payload) = &step.one_line {
            Wanted::OneLine(bytes(payload)?)
        } else {
            let names = step.messages_from.iter().flatten();
            let peers = names.flat_map(|name| self.actors.peers_named(name));
            let messages = peers.map(|(_, peer)| peer.borrow().sent.clone()).collect();
            Wanted::Messages { messages, nothing_else: step.nothing_else }
        })
    }

    async fn expect_shown(
        &self,
        name: &str,
        actor: &Rc<ProgramActor>,
        step: &ExpectOutput,
        wanted: &Wanted,
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
                    with_output(actor, step, |bytes, prompt| wanted.look(bytes, prompt, step.ignoring_case, done));
                match look {
                    Look::Right(finding) => {
                        if let Some(finding) = finding {
                            self.note(
                                "harness",
                                What::Finding(format!("the output of {}: {finding}", actor.noun(name))),
                            );
                        }
                        self.note_output(name, actor, step.stream);
                        return Ok(());
                    }
                    Look::Wrong(what) if done || wanted.is_final() => {
                        return Err(self.not_shown(name, actor, step, wanted, &what, over.as_ref()));
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
            self.note(name, What::Printed(Stream::Stderr, Excerpt::of(&stderr.bytes)));
        }
        let output = actor.program.stdout().borrow();
        if stream == Stream::Stdout || !output.bytes.is_empty() {
            self.note(name, What::Printed(Stream::Stdout, Excerpt::of(&output.bytes)));
        }
    }

    fn not_shown(
        &self,
        name: &str,
        actor: &ProgramActor,
        step: &ExpectOutput,
        wanted: &Wanted,
        what: &str,
        over: Option<&GaveUp>,
    ) -> Halt {
        self.note_output(name, actor, step.stream);
        let who = actor.noun(name);
        let how = match (actor.program.ended(), over) {
            (Some(ended), _) => format!("; {who} has ended ({ended}){}", last_words(actor)),
            (None, _) => String::new(),
        };
        let waited = over.filter(|_| actor.program.ended().is_none());
        with_output(actor, step, |bytes, _| {
            if let Some(expected) = wanted.whole(bytes) {
                self.differed(expected, bytes);
            }
        });
        let actual = with_output(actor, step, |bytes, _| shown::describe(bytes));
        Halt::of_output(Failure {
            expected: wanted.describe(),
            actual,
            reason: format!("the output of {who}: {what}{how}"),
            state: waited.map(|why| self.explain(why)).unwrap_or_default(),
        })
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
