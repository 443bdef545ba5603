//! One run: a scenario, a cast of programs, a backend, and the record of what happened.

pub mod actors;
pub mod calls;
pub mod consent;
pub mod event;
#[cfg(test)]
mod fake;
pub mod heavy;
pub mod http;
pub mod patience;
pub mod ports;
pub mod remains;
pub mod remote;
pub mod secrets;
pub mod services;
pub mod skip;
pub mod stage;
mod steps;
pub mod transcript;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use harness_judging::shown;
use harness_os::process::BlockedCall;
pub use harness_verdict::{End, Failure};
use harness_verdict::{Facts, Skip, Undecided};

use crate::submission::Cast;
use crate::tls::authority::Authority;
use actors::Actors;
use event::{About, Event, Judgement, Log, What};
use harness_language::catalogue::model::UrlForm;
use harness_language::scenario::Scenario;
use harness_language::scenario::bytes::{Payload, PayloadError};
use harness_language::scenario::http::Asked;
use harness_language::scenario::model::{BackendName, Step};
use patience::{GaveUp, Patience};
use ports::Ports;
use remains::Remains;
use secrets::Secrets;
use services::Services;
use stage::{Attention, Stage, Stillness};
pub use steps::{Database, Depot, Encryption, Mailbox, Session};

/// What a run found out: the stream, and how it ended.
#[derive(Debug)]
pub struct Record {
    /// Everything that happened, in order.
    pub events: Vec<Event>,
    /// How the run ended.
    pub end: End,
    /// Length of the run on its own clock.
    pub elapsed: Duration,
    /// SHA-256 of all packets with their times, where the same seed gives the same run.
    pub trace_sha256: Option<String>,
    /// What must not stand in anything that is written about the run; events and end are without it.
    pub secrets: Secrets,
    /// Names of the secrets that did stand in the events.
    pub masked: BTreeSet<String>,
    /// What the programs left, in the order in which they were started.
    pub programs: Vec<Remains>,
}

impl Record {
    /// The record of a run that ended before anything happened.
    pub fn empty(end: End) -> Self {
        Self {
            events: Vec::new(),
            end,
            elapsed: Duration::ZERO,
            trace_sha256: None,
            secrets: Secrets::default(),
            masked: BTreeSet::new(),
            programs: Vec::new(),
        }
    }
}

impl Record {
    /// What the rules of judgement see of it.
    pub fn facts(&self) -> Facts<'_> {
        let judgements = self.events.iter().filter_map(|event| match &event.what {
            What::Judged(judgement) => Some(judgement),
            _ => None,
        });
        Facts { judgements: judgements.collect(), end: &self.end }
    }

    /// Whether a program used the processor without end, and what it was at is known.
    pub fn spins(&self) -> bool {
        self.programs.iter().flat_map(|program| &program.waits).any(|wait| wait.call.is_none())
    }

    /// Whether a signal ended a program, and where is not known.
    pub fn fell_unseen(&self) -> bool {
        let fell = |program: &Remains| matches!(program.ended, Some(stage::Ended::Signal(_)));
        let unseen = |program: &Remains| program.crash.as_ref().is_some_and(|timed| timed.crash.place.is_none());
        self.programs.iter().any(|program| fell(program) && unseen(program))
    }
}

/// Why a step stops the run.
#[derive(Debug)]
pub(crate) enum Halt {
    Failed(Failure, About),
    NotGradable(String),
    Skipped(Skip),
    Harness(String),
}

impl Halt {
    /// A failure that is about what a program has printed.
    pub(crate) fn of_output(failure: Failure) -> Self {
        Self::Failed(failure, About::Output)
    }

    /// A failure that is about how a program was met.
    pub(crate) fn of_meeting(failure: Failure) -> Self {
        Self::Failed(failure, About::Meeting)
    }

    /// A failure that is about what a program holds, uses or leaves.
    pub(crate) fn of_holdings(failure: Failure) -> Self {
        Self::Failed(failure, About::Holdings)
    }

    /// A failure that is about what a peer has received; about nothing in particular, if that is nothing.
    pub(crate) fn of_received(failure: Failure, received: &[u8]) -> Self {
        Self::Failed(failure, if received.is_empty() { About::Conduct } else { About::Received })
    }

    /// The situation could not be made.
    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        Self::Skipped(Skip::situation(why))
    }

    /// What the run asks does not exist for this program.
    pub(crate) fn not_applicable(why: impl Into<String>) -> Self {
        Self::Skipped(Skip { by: Undecided::NotApplicable, why: why.into() })
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure, About::Conduct)
    }
}

/// What came of a step that has no other result.
pub(crate) type Done = Result<(), Halt>;

/// How a program has ended that the scenario kills.
pub(crate) const KILLED: &str = "killed by the scenario";

/// Bound, in the run's time, for a program to say its last words once something is wrong: its connections may be closed
/// before its traceback is printed.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Plays scenarios on a stage.
pub struct Director {
    pub(crate) stage: Rc<dyn Stage>,
    pub(crate) scenario: Rc<Scenario>,
    pub(crate) cast: Rc<Cast>,
    pub(crate) seed: u64,
    pub(crate) log: Log,
    pub(crate) actors: Actors,
    pub(crate) ports: Ports,
    pub(crate) services: Services,
    /// Who signs the certificates of peers that speak TLS, if any does.
    pub(crate) authority: Option<Arc<Authority>>,
    /// The environment in which programs trust it.
    pub(crate) trust: BTreeMap<String, String>,
    /// Sessions of TLS so far.
    pub(crate) sessions: u64,
}

impl Director {
    /// A director for one run.
    pub fn new(stage: Rc<dyn Stage>, scenario: &Scenario, cast: &Cast, seed: u64, log: Log) -> Self {
        let (scenario, cast) = (Rc::new(scenario.clone()), Rc::new(cast.clone()));
        let ports = Ports::new(cast.parts.values().filter_map(|part| part.meeting.fixed_port).collect());
        ports.own(stage.port(), "the port given");
        log.works_in(stage.folder().as_deref().unwrap_or(&cast.root), &cast.root);
        if let Some(whole) = stage.folder().as_deref().and_then(Path::parent).and_then(Path::file_name) {
            log.hide_made_up(&whole.to_string_lossy());
        }
        Self {
            stage,
            scenario,
            cast,
            seed,
            log,
            actors: Actors::default(),
            ports,
            services: Services::default(),
            authority: None,
            trust: BTreeMap::new(),
            sessions: 0,
        }
    }

    /// Plays the scenario from beginning to end. Programs still running afterwards are the
    /// stage's to stop.
    pub async fn play(mut self) -> Record {
        for role in self.scenario.roles() {
            for finding in self.cast.findings(role) {
                self.note("harness", What::Finding(finding));
            }
        }
        let scenario = Rc::clone(&self.scenario);
        let services = self.services.clone();
        let outcome = tokio::select! {
            biased;
            never = services.drive() => match never {},
            outcome = self.all_steps(&scenario.steps) => outcome,
        };
        let elapsed = self.stage.now();
        if !matches!(outcome, Ok(()) | Err(Halt::Skipped(_))) || self.log.has_failed() {
            self.last_words().await;
            if self.stage.attention() != Attention::None {
                self.stage.is_over();
                self.log.is_over();
                self.log.look(&*self.stage).await;
            }
        }
        services.end();
        let end = match outcome {
            Ok(()) => End::Played,
            Err(Halt::Failed(failure, about)) => {
                let failure = self.readable(failure);
                self.judged(&scenario.decides, Some((&failure, about)));
                End::Failed(failure)
            }
            Err(Halt::NotGradable(why)) => End::NotGradable(self.ports.named(&why)),
            Err(Halt::Skipped(Skip { by, why })) => End::Skipped(Skip { by, why: self.ports.named(&why) }),
            Err(Halt::Harness(why)) => End::Harness(why),
        };
        self.log.record(end, elapsed)
    }

    /// Lets the programs of a failed run come to their end, if that is what they are at.
    async fn last_words(&self) {
        let until = self.stage.now() + LAST_WORDS;
        let all_ended = || self.actors.programs.values().all(|actor| actor.program.ended().is_some());
        while self.stage.now() < until && !all_ended() && self.stage.stillness() == Stillness::Busy {
            self.stage.tick().await;
        }
        // What an ended program has printed is read one moment later.
        self.stage.tick().await;
    }

    async fn all_steps(&mut self, steps: &[Step]) -> Done {
        if self.scenario.network.has_faults() && self.stage.backend() != BackendName::Sim {
            let why = "only the simulated network can lose, duplicate and reorder single datagrams: this needs sim";
            let by = Undecided::Backends(vec![BackendName::Sim]);
            return Err(Halt::Skipped(Skip { by, why: why.to_owned() }));
        }
        self.prepare_tls()?;
        self.steps(steps).await
    }

    fn steps<'a>(&'a mut self, steps: &'a [Step]) -> stage::Task<'a, Done> {
        Box::pin(async move {
            for step in steps {
                self.within_limit()?;
                self.step(step).await?;
            }
            Ok(())
        })
    }

    /// The whole run has a bound, too. Time that the programs lost to others does not count.
    fn within_limit(&self) -> Done {
        let limit = self.scenario.limit;
        let (now, lost) = (self.stage.now(), self.stage.now().min(self.stage.starved_at_most()));
        if now <= limit.max(Duration::from_secs(5)) + lost {
            return Ok(());
        }
        let seconds = limit.as_secs();
        Err(Failure {
            expected: format!("all of this within {seconds} s of the programs' own time"),
            actual: "after that time it was still under way".to_owned(),
            reason: format!(
                "the program is far too slow: after {seconds} s of its own time the exchange was still under way \
                 (this bound depends on the machine's speed)"
            ),
            ..Failure::default()
        }
        .into())
    }

    /// Plays a step. A failure that the step decides by itself is noted, and the run goes on;
    /// any other ends it.
    async fn step(&mut self, step: &Step) -> Done {
        let outcome = match step {
            Step::Repeat(repeat) => {
                for _ in 0..repeat.times {
                    self.steps(&repeat.steps).await?;
                }
                Ok(())
            }
            other => self.play_step(other).await,
        };
        match self.excused(outcome) {
            Err(Halt::Failed(failure, _)) if step.or_skip().is_some() => {
                let why = step.or_skip().unwrap_or_default();
                self.note("harness", What::Finding(format!("{why}: {}", failure.why())));
                Err(Halt::skipped(why))
            }
            Err(Halt::Failed(failure, about)) if !step.decides().is_empty() => {
                self.judged(step.decides(), Some((&self.readable(failure), about)));
                Ok(())
            }
            Ok(()) if !step.decides().is_empty() => {
                self.judged(step.decides(), None);
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// A failure is none of the program's if it has asked a peer for what others have and the peer has not.
    fn excused(&self, outcome: Done) -> Done {
        match (outcome, self.actors.unserved()) {
            (Err(Halt::Failed(..)), Some(asked)) => {
                let asked = shown::quote(shown::beginning(asked.as_bytes(), 80));
                Err(Halt::skipped(format!(
                    "the program asks for {asked}, which other servers have and this one has not"
                )))
            }
            (outcome, _) => outcome,
        }
    }

    /// The failure without numbers that mean nothing to a reader.
    fn readable(&self, failure: Failure) -> Failure {
        Failure {
            expected: self.ports.named(&failure.expected),
            actual: self.ports.named(&failure.actual),
            reason: self.ports.named(&failure.reason),
            state: self.ports.named(&failure.state),
        }
    }

    fn judged(&self, decides: &[String], failure: Option<(&Failure, About)>) {
        let (failure, about) = failure.unzip();
        let text = |of: fn(&Failure) -> &String| failure.map(of).cloned().unwrap_or_default();
        let judgement = Judgement {
            decides: decides.to_vec(),
            held: failure.is_none(),
            about: about.unwrap_or_default(),
            expected: text(|it| &it.expected),
            actual: text(|it| &it.actual),
            reason: text(|it| &it.reason),
            state: text(|it| &it.state),
        };
        self.note("harness", What::Judged(judgement));
    }

    pub(crate) fn note(&self, who: &str, what: What) {
        let what = match what {
            What::Finding(text) => What::Finding(self.ports.named(&text)),
            other => other,
        };
        self.log.add(self.stage.now(), who, what);
    }

    /// Waits until `ready` gives something.
    pub(crate) async fn until<T>(
        &self,
        mut patience: Patience,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<T, GaveUp> {
        loop {
            if let Some(found) = ready() {
                return Ok(found);
            }
            if let Err(why) = patience.moment(&*self.stage).await {
                // What came during the last moment counts.
                return ready().ok_or(why);
            }
        }
    }

    /// The bytes of a payload, with the addresses and values of this run.
    pub(crate) fn bytes(&self, payload: &Payload, index: u64) -> Result<Vec<u8>, Halt> {
        let at = |actor: &str| {
            let address = self.address_of(actor);
            match address {
                // As in a URL and in `Host`, where this port is not named.
                SocketAddr::V4(at) if at.port() == steps::HTTP => at.ip().to_string(),
                _ => address.to_string(),
            }
        };
        let (judged, form) = (&self.scenario.role, self.cast.url_form(&self.scenario.role));
        let known = |asked: Asked<'_>| match (asked, form) {
            (Asked::Value(name), _) => self.value(name).map(String::into_bytes),
            (Asked::Prefix, _) => Ok(self.cast.prefix(judged).as_bytes().to_vec()),
            (Asked::Url(actor), UrlForm::Absolute) => Ok(format!("http://{}", at(actor)).into_bytes()),
            (Asked::Url(actor), UrlForm::Path) => Ok(format!("/{}", at(actor)).into_bytes()),
            (Asked::Host(_), UrlForm::Path) => Ok(at(judged).into_bytes()),
            (Asked::Host(actor), UrlForm::Absolute) | (Asked::Address(actor), _) => Ok(at(actor).into_bytes()),
        };
        payload.made(index, &known).map_err(|error| match error {
            PayloadError::Lacking(name) => Halt::skipped(format!(
                "nothing was found that is the program's own `{name}`: if it has one, say it in submission.toml, as in \
                 {} = {{ run = \"…\", values = {{ {name} = \"…\" }} }}",
                self.cast.owner_of(&self.scenario.role, &name),
            )),
            why @ PayloadError::Caseless => Halt::skipped(why.to_string()),
            error => Halt::Harness(error.to_string()),
        })
    }

    /// What a placeholder stands for: what the program whose it is was started with, or has built in.
    fn value(&self, name: &str) -> Result<String, PayloadError> {
        let role = self.cast.owner_of(&self.scenario.role, name);
        // What a program has built in is not changed by telling it otherwise.
        let told = self.actors.programs.get(role).and_then(|actor| actor.with.get(name).cloned());
        let told = told.filter(|_| self.cast.takes(role, name));
        let Some(part) = self.cast.parts.get(role) else { return Err(PayloadError::Value(name.to_owned())) };
        if part.meeting.lacks.contains(name) {
            return Err(PayloadError::Lacking(name.to_owned()));
        }
        let usual = || part.meeting.values.get(name).or_else(|| part.values.get(name)).cloned();
        told.or_else(usual).ok_or_else(|| PayloadError::Value(name.to_owned()))
    }

    /// Why a wait for a program was given up, with what the program was doing.
    pub(crate) fn explain(&self, why: &GaveUp) -> String {
        let mut doing: BTreeMap<String, String> = BTreeMap::new();
        for (name, actor) in &self.actors.programs {
            let text = match actor.program.ended() {
                Some(ended) => format!("{} has ended ({ended})", actor.noun(name)),
                None => match actor.program.blocked_in().as_slice() {
                    [] => format!("{} is running", actor.noun(name)),
                    calls => {
                        let words: BTreeSet<String> = calls.iter().map(BlockedCall::describe).collect();
                        format!("{} {}", actor.noun(name), words.into_iter().collect::<Vec<_>>().join(" and "))
                    }
                },
            };
            doing.insert(name.clone(), text);
        }
        let doing = doing.into_values().collect::<Vec<_>>().join("; ");
        match why {
            // That nothing was on its way is why the harness stopped; what the program does is what its author can mend.
            GaveUp::Still if !doing.is_empty() => {
                self.note("harness", What::Still);
                doing
            }
            why if doing.is_empty() => why.to_string(),
            why => format!("{why}; {doing}"),
        }
    }

    /// The address of a program that nothing else is known of.
    pub(crate) fn usual_address(&self, program: &str) -> SocketAddr {
        SocketAddr::new(self.stage.home(program), self.stage.port())
    }
}

/// Runs a future with a bound on real time, against a stage that hangs.
pub async fn bounded<F: Future<Output = Record>>(limit: Duration, run: F) -> Record {
    match tokio::time::timeout(limit, run).await {
        Ok(record) => record,
        Err(_) => Record { elapsed: limit, ..Record::empty(End::Skipped(skip::out_of_time(limit))) },
    }
}
