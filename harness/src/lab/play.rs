//! Playing an experiment: who takes which role, on which backend, and what was seen.

use std::collections::BTreeMap;
use std::path::Path;

use harness_os::sniff::Frame;
use harness_verdict::Skip;

use super::facts::{self, Facts, Seen};
use super::model::{Experiment, Play};
use super::{Lab, programs};
use crate::calls::{self, Call};
use crate::capture::packet::Packet;
use crate::capture::read::Captured;
use crate::capture::{Link, conversation, show_as_loopback};
use crate::run::event::What;
use crate::run::stage::Attention;
use crate::run::{End, Record};
use crate::sandbox::guard::Limits;
use crate::submission::{Cast, Command, Part};
use crate::{answers, simulated, wire};
use harness_language::catalogue::Catalogue;
use harness_language::scenario::model::BackendName;

/// Everything that experiments are played with.
pub struct Bench<'b> {
    /// The questions.
    pub lab: &'b Lab,
    /// Tasks, for the roles of model answers.
    pub catalogue: &'b Catalogue,
    /// A target's programs by task; nothing for the reference.
    pub target: Option<&'b BTreeMap<String, Cast>>,
    /// This very program, which is every model answer and lab program.
    pub program: &'b Path,
    /// An empty folder, for casts without a target's program.
    pub empty: &'b Path,
    /// The backend.
    pub backend: BackendName,
    /// Seed of every random choice.
    pub seed: u64,
    /// What runs on real sockets may use.
    pub setup: wire::Setup,
}

/// An experiment that was played.
#[derive(Debug)]
pub struct Played {
    /// The commands by role, as they are shown.
    pub commands: BTreeMap<String, String>,
    /// What happened.
    pub record: Record,
    /// Calls on sockets; nothing where the backend keeps none.
    pub calls: Option<Vec<Call>>,
    /// All calls, as they were kept.
    pub record_of_calls: String,
    /// Packets; nothing where the machine shows none.
    pub packets: Option<Vec<Packet>>,
    /// The same as they were on the wire.
    pub frames: Vec<Frame>,
    /// What these begin with.
    pub link: Link,
    /// Names of the programs in the order of their start.
    pub programs: Vec<String>,
    /// What was found out.
    pub facts: Facts,
    /// What follows.
    pub conclusion: String,
    /// What else is worth saying.
    pub remarks: Vec<String>,
}

impl Bench<'_> {
    /// Plays an experiment; nothing if the target has no program that fits.
    ///
    /// # Errors
    /// What is wrong with the question's files.
    pub fn play(&self, experiment: &Experiment) -> Result<Option<Played>, String> {
        let Some((play, cast)) = experiment.plays.iter().find_map(|play| Some((play, self.cast(play)?))) else {
            return Ok(None);
        };
        let scenario = self.lab.scenario(play).map_err(|problems| problems.render(false))?;
        let mut calls = None;
        let mut record_of_calls = String::new();
        let mut frames = Vec::new();
        let mut link = Link::Ethernet;
        let record = match self.backend {
            BackendName::Turmoil => answers::play(&scenario, &cast, self.seed),
            BackendName::Wire => {
                let record;
                (record, frames) =
                    wire::play(&self.setup, &scenario, &cast, self.seed, Attention::None, &Limits::PATIENT);
                record
            }
            BackendName::Sim => {
                let outcome = simulated::play(&scenario, &cast, self.seed, true, Attention::None, &Limits::PATIENT);
                frames = outcome.frames;
                frames.iter_mut().for_each(|frame| show_as_loopback(&mut frame.bytes));
                link = Link::RawIp;
                calls = Some(calls::read(&outcome.calls));
                record_of_calls = outcome.calls;
                outcome.record
            }
        };
        let sees = match self.backend {
            BackendName::Sim => true,
            BackendName::Wire => self.setup.private_network,
            BackendName::Turmoil => false,
        };
        let packets = sees.then(|| packets(&frames, link));
        let programs = started(&record);
        let seen =
            Seen { events: &record.events, calls: calls.as_deref(), packets: packets.as_deref(), programs: &programs };
        let facts = facts::decide(experiment, &seen);
        let (conclusion, remarks) = match &record.end {
            End::Played => {
                let remarks = experiment.remarks.iter().filter(|remark| facts::holds(remark, &facts));
                (facts::conclude(experiment, &facts), remarks.map(|remark| remark.says.clone()).collect())
            }
            End::Failed(failure) => (format!("The experiment broke off: {}.", failure.why()), Vec::new()),
            End::NotGradable(why) | End::Skipped(Skip { why, .. }) => {
                (format!("The experiment could not be made: {why}."), Vec::new())
            }
            End::Harness(why) => (format!("The experiment failed in the harness: {why}."), Vec::new()),
        };
        let commands = cast.parts.iter().map(|(role, part)| (role.clone(), self.shown(&part.command.words.join(" "))));
        let commands = commands.filter(|(role, _)| scenario.roles().contains(role.as_str())).collect();
        let played = Played {
            commands,
            record,
            calls,
            record_of_calls,
            packets,
            frames,
            link,
            programs,
            facts,
            conclusion,
            remarks,
        };
        Ok(Some(played))
    }

    /// A text in which this program has its usual name instead of its path.
    pub fn shown(&self, text: &str) -> String {
        text.replace(&self.program.display().to_string(), "harness")
    }

    /// The cast of a play, if it can be had.
    fn cast(&self, play: &Play) -> Option<Cast> {
        let mut cast = Cast { root: self.empty.to_owned(), ..Cast::default() };
        for (role, command) in &play.cast {
            cast.parts.insert(role.clone(), self.part(command)?);
        }
        if let Some(casts) = self.target.filter(|_| !play.target.is_empty()) {
            let theirs = play.task.as_ref().and_then(|task| casts.get(task))?;
            cast.root.clone_from(&theirs.root);
            for role in &play.target {
                cast.parts.insert(role.clone(), theirs.parts.get(role)?.clone());
            }
        }
        let in_process = self.backend != BackendName::Turmoil || play.cast.values().all(|command| is_async(command));
        in_process.then_some(cast)
    }

    /// A model answer or a lab program.
    fn part(&self, command: &str) -> Option<Part> {
        let mut words = command.split(' ');
        let (task, role) = (words.next()?, words.next()?);
        let own = [self.program.display().to_string(), "reference".to_owned(), task.to_owned(), role.to_owned()];
        let words = own.into_iter().chain(words.map(str::to_owned)).collect();
        let command = Command { words, ..Command::default() };
        if task == super::load::TASK {
            let program = programs::find(role)?;
            return Some(Part {
                command,
                kind: program.kind,
                transport: program.transport,
                input: Default::default(),
                values: Default::default(),
                secrets: Default::default(),
                meeting: Default::default(),
                attached: None,
            });
        }
        answers::find(task, role)?;
        Some(Part::new(self.catalogue.task(task)?.role(role)?, command))
    }
}

/// Whether a command is that of a model answer that can run inside this process.
fn is_async(command: &str) -> bool {
    let mut words = command.split(' ');
    let answer = words.next().zip(words.next()).and_then(|(task, role)| answers::find(task, role));
    answer.is_some_and(|answer| answer.runs_in_process)
}

fn packets(frames: &[Frame], link: Link) -> Vec<Packet> {
    let first = frames.first().map(|frame| frame.at).unwrap_or_default();
    // The simulated clock begins with the run, the wall clock does not.
    let first = if link == Link::RawIp { Default::default() } else { first };
    let captured = frames.iter().map(|frame| Captured {
        at: frame.at.saturating_sub(first),
        link,
        bytes: frame.bytes.clone(),
        cut: false,
    });
    conversation::packets(&captured.collect::<Vec<_>>()).0
}

fn started(record: &Record) -> Vec<String> {
    let starts = record.events.iter().filter(|event| matches!(event.what, What::Started(_)));
    starts.map(|event| event.who.clone()).collect()
}
