//! Starting, feeding and stopping programs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use harness_judging::shown;

use super::super::actors::ProgramActor;
use super::super::event::{Excerpt, What};
use super::super::patience::Patience;
use super::super::stage::{Launch, LaunchError};
use super::super::{Director, Done, Failure, Halt, KILLED, consent};
use harness_language::catalogue::model::RoleKind;
use harness_language::scenario::duration::Limit;
use harness_language::scenario::model::{ProgramRef, Ready, Restart, Settle, SignalName, SignalStep, Start, Type};
use harness_peers::sasl;

/// Bound for a program to come up.
const START: Duration = Duration::from_secs(10);

impl Director {
    pub(super) async fn start(&mut self, step: &Start) -> Done {
        let name = step.name.clone().unwrap_or_else(|| step.program.clone());
        let names: Vec<String> = match step.count {
            Some(count) => (1..=count).map(|index| format!("{name}-{index}")).collect(),
            None => vec![name.clone()],
        };
        for (index, copy) in names.iter().enumerate() {
            self.start_copy(step, copy, index as u64).await?;
        }
        if step.count.is_some() {
            self.actors.groups.insert(name, names);
        }
        Ok(())
    }

    async fn start_copy(&mut self, step: &Start, name: &str, index: u64) -> Done {
        let mut target = self.leads_to(step, name);
        let own = self.usual_address(name);
        let relay = self.cast.kind(&step.program) == Some(RoleKind::Relay);
        if relay && target == own {
            // Nobody is there yet. It must not be led to itself: the first peer to listen will have the next port.
            target.set_port(own.port() + 1);
        }
        let given = if relay { own } else { target };
        let mut values = BTreeMap::from([
            ("host".to_owned(), target.ip().to_string()),
            ("port".to_owned(), target.port().to_string()),
            ("local-port".to_owned(), own.port().to_string()),
        ]);
        let unusual = !step.with.is_empty() || step.without_arguments;
        let is_told = step.with.keys().any(|name| self.cast.takes(&step.program, name));
        if unusual && !is_told && !self.cast.takes_arguments(&step.program) {
            return Err(Halt::not_applicable(format!("the {} takes no arguments", shown::doer(&step.program))));
        }
        if !step.with.is_empty() && !is_told {
            let names: Vec<&str> = step.with.keys().map(String::as_str).collect();
            return Err(Halt::not_applicable(format!(
                "the {} takes no {}",
                shown::doer(&step.program),
                names.join(" and no ")
            )));
        }
        values.extend(step.with.clone());
        for (name, secret) in self.cast.secrets(&step.program, &values, &self.scenario.secrets) {
            self.log.hide(&name, secret.as_bytes());
            if let Some(user) = self.cast.usual(&step.program, &values, "user") {
                sasl::spellings(&user, &secret).iter().for_each(|spelling| self.log.hide(&name, spelling));
            }
        }
        let attached = self.cast.parts.get(&step.program).and_then(|part| part.attached);
        if attached.is_some() && (unusual || self.actors.programs.values().any(|actor| actor.role == step.program)) {
            return Err(Halt::skipped(format!(
                "the {} runs elsewhere: it cannot be started again or in another way",
                shown::doer(&step.program)
            )));
        }
        let mut invocation = self
            .cast
            .invocation(&step.program, &values, step.without_arguments)
            .map_err(|error| Halt::NotGradable(error.to_string()))?;
        for (name, value) in &self.trust {
            // What the submission asks for goes before.
            invocation.env.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let input_file = match &step.input_file {
            Some(payload) => Some(self.bytes(payload, index)?),
            None => None,
        };
        let launch = Launch {
            name: name.to_owned(),
            role: step.program.clone(),
            invocation,
            stdout: step.stdout,
            input_file,
            open_files: step.open_files,
            attached,
        };
        self.bring_up(name, launch, given, step.with.clone()).await?;
        let waits = step.ready == Ready::Usual && self.cast.listens(&step.program);
        if waits { self.await_listening(name, step.within).await } else { Ok(()) }
    }

    /// Where `{host}` and `{port}` lead.
    fn leads_to(&self, step: &Start, name: &str) -> SocketAddr {
        if self.cast.kind(&step.program) == Some(RoleKind::Server) {
            return self.usual_address(name);
        }
        let is_server = |actor: &ProgramActor| self.cast.listens(&actor.role);
        let target = step.to.clone().or_else(|| self.actors.listening.clone()).or_else(|| {
            let mut servers = self.actors.programs.iter().filter(|(_, actor)| is_server(actor));
            servers.next().map(|(name, _)| name.clone())
        });
        let Some(target) = target else { return self.usual_address("server") };
        if let Some(peer) = self.actors.peers.get(&target) {
            let peer = peer.borrow();
            let listening = peer.listener.as_ref().map(|it| it.port());
            let port = listening.or_else(|| peer.datagrams.as_ref().map(|it| it.port()));
            return SocketAddr::new(self.stage.home(&target), port.unwrap_or(self.stage.port()));
        }
        let Some(actor) = self.actors.programs.get(&target) else { return self.usual_address(&target) };
        let found = actor.program.listening(self.cast.transport(&actor.role));
        let mut address = found.first().copied().unwrap_or(actor.given);
        if address.ip().is_unspecified() {
            address.set_ip(self.stage.home(&target));
        }
        address
    }

    async fn bring_up(
        &mut self,
        name: &str,
        mut launch: Launch,
        given: SocketAddr,
        with: BTreeMap<String, String>,
    ) -> Done {
        if launch.attached.is_none() {
            self.note(name, What::Started(launch.invocation.to_string()));
        }
        let role = launch.role.clone();
        let mut values = BTreeMap::from([
            ("host".to_owned(), given.ip().to_string()),
            ("port".to_owned(), given.port().to_string()),
        ]);
        values.extend(with.clone());
        let answers = self.cast.answers(&role, &values);
        // What a program asks for comes on the same standard input as its work, and before it.
        let asks_first = !answers.is_empty() && launch.invocation.names_file.is_none();
        let afterwards = if asks_first { launch.input_file.take() } else { None };
        let program = self.stage.launch(launch.clone()).await.map_err(|error| match error {
            LaunchError::NotStartable(why) => Halt::NotGradable(why),
            LaunchError::Machine(why) => Halt::Harness(why),
            LaunchError::Unsupported(why) => Halt::skipped(why),
        })?;
        let actor = ProgramActor {
            program,
            role: role.clone(),
            launch,
            prompt_end: Cell::new(0),
            found: RefCell::default(),
            given,
            with,
        };
        self.log.starts(Rc::clone(&actor.program), name, &role, &actor.launch.invocation.cwd);
        self.actors.programs.insert(name.to_owned(), Rc::new(actor));
        // Programs that ask for their address are told, question by question.
        for line in answers {
            self.paced_type(name, format!("{line}\n").as_bytes()).await?;
        }
        if let Some(content) = afterwards {
            self.paced_type(name, &content).await?;
            self.end_input(&ProgramRef { program: name.to_owned() })?;
        }
        Ok(())
    }

    async fn await_listening(&mut self, name: &str, within: Option<Limit>) -> Done {
        let actor = Rc::clone(&self.actors.programs[name]);
        let transport = self.cast.transport(&actor.role);
        let limit = within.map_or(START, |limit| limit.0);
        let patience = Patience::new(&*self.stage, limit);
        let found = self
            .until(patience, || {
                let listening = actor.program.listening(transport);
                if let Some(address) = listening.first().copied() {
                    actor.found.replace(listening);
                    return Some(Ok(address));
                }
                actor.program.ended().map(Err)
            })
            .await;
        let last_words = |actor: &ProgramActor| {
            let stderr = actor.program.stderr().borrow();
            let stdout = actor.program.stdout().borrow();
            let text = if stderr.bytes.is_empty() { &stdout.bytes } else { &stderr.bytes };
            let tail = &text[text.len().saturating_sub(400)..];
            if tail.is_empty() { String::new() } else { format!("; its last words: {}", shown::quote(tail)) }
        };
        match found {
            Ok(Ok(address)) => {
                self.note(name, What::Listening(address.to_string()));
                Ok(())
            }
            Ok(Err(ended)) => {
                Err(Halt::NotGradable(format!("the {name} ended ({ended}) before it listened{}", last_words(&actor))))
            }
            Err(why) => Err(Halt::NotGradable(format!(
                "the {name} does not listen: {}{}",
                self.explain(&why),
                last_words(&actor)
            ))),
        }
    }

    pub(super) async fn type_in(&mut self, step: &Type) -> Done {
        for (index, (name, _)) in self.actors.programs_named(&step.program).into_iter().enumerate() {
            let bytes = self.bytes(&step.data, index as u64)?;
            self.paced_type(&name, &bytes).await?;
        }
        Ok(())
    }

    /// Types when the program has said what it has to say: as a person would.
    async fn paced_type(&mut self, name: &str, bytes: &[u8]) -> Done {
        let actor = Rc::clone(&self.actors.programs[name]);
        self.quiet_down(Duration::from_millis(300)).await;
        let agrees = consent::asked_for(&actor.program.stdout().borrow().bytes);
        if let Some(agrees) = agrees {
            let line = [agrees.as_slice(), b"\n"].concat();
            self.note(name, What::Typed(Excerpt::of(&line)));
            let _ = actor.program.type_in(&line).await;
            self.quiet_down(Duration::from_millis(300)).await;
        }
        actor.prompt_end.set(actor.program.stdout().borrow().bytes.len());
        self.note(name, What::Typed(Excerpt::of(bytes)));
        // A program that has ended does not read: what follows from that is for the next steps.
        let _ = actor.program.type_in(bytes).await;
        Ok(())
    }

    /// Waits until the programs are still, at most for a while.
    pub(super) async fn quiet_down(&self, at_most: Duration) {
        let mut patience = Patience::for_stillness(&*self.stage, at_most);
        while patience.moment(&*self.stage).await.is_ok() {}
    }

    pub(super) fn end_input(&mut self, step: &ProgramRef) -> Done {
        for (name, actor) in self.actors.programs_named(&step.program) {
            self.note(&name, What::InputEnded);
            actor.program.end_input();
        }
        Ok(())
    }

    pub(super) fn signal(&mut self, step: &SignalStep) -> Done {
        let text = match step.signal {
            SignalName::Interrupt => "SIGINT",
            SignalName::Terminate => "SIGTERM",
            SignalName::Kill => "SIGKILL",
        };
        for (name, actor) in self.actors.programs_named(&step.program) {
            self.note(&name, What::Signalled(text.into()));
            actor.program.signal(step.signal);
        }
        Ok(())
    }

    pub(super) async fn crash(&mut self, step: &ProgramRef) -> Done {
        for (name, actor) in self.actors.programs_named(&step.program) {
            actor.program.crash().await;
            self.note(&name, What::Ended(KILLED.to_owned()));
        }
        Ok(())
    }

    pub(super) async fn restart(&mut self, step: &Restart) -> Done {
        let actor = Rc::clone(&self.actors.programs[&step.program]);
        self.bring_up(&step.program, actor.launch.clone(), actor.given, actor.with.clone()).await?;
        if step.ready == Ready::AtOnce {
            return Ok(());
        }
        match self.await_listening(&step.program, step.within).await {
            // It did start the first time: that it does not now is its own doing.
            Err(Halt::NotGradable(why)) => Err(Failure {
                expected: "it can be started again at once".to_owned(),
                actual: why.clone(),
                reason: format!("started again, {why}"),
                ..Failure::default()
            }
            .into()),
            other => other,
        }
    }

    pub(super) async fn settle(&mut self, step: &Settle) -> Done {
        self.quiet_down(step.within.map_or(Duration::from_secs(1), |limit| limit.0)).await;
        Ok(())
    }
}
