//! Looking at a program before anything is decided about it: which arguments it takes, and what it then does.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use harness_judging::shown::without_folder;
use harness_judging::{closely, complaint, shown};
use harness_os::sniff::dns_question;

use super::cast::Command;
use super::forms;
use super::survey::{self, Seen};
use crate::run::patience::{GaveUp, Patience};
use crate::run::stage::{Ended, Launch, LaunchError, Stage};
use crate::sandbox::guard::Limits;
use crate::wire::{Setup, WireStage, with_stage};
use harness_language::catalogue::model::Probe;
use harness_language::scenario::model::{OutputKind, TransportName};
use harness_peers::dns;

/// What is in the file that a program is told.
const INPUT: &[u8] = b"A line of text.\n";

/// What a program is known to do with the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Others come to it.
    Listens(TransportName),
    /// It goes to somebody.
    Goes(TransportName),
    /// It asks the name server for mail servers.
    AsksForMail,
    /// It says something and ends, and nobody comes to it or is called.
    Prints,
}

/// What came of looking at a program.
#[derive(Debug, Clone)]
pub struct Observed {
    /// How it is started, with placeholders: the form in which it did something.
    pub command: Command,
    /// How many of the command's words are the program itself.
    pub bare: usize,
    /// What it does, if anything.
    pub doing: Option<Doing>,
    /// What was tried and seen, in order, for an explanation.
    pub tried: Vec<String>,
    /// What was seen in the form that was kept, or in the last one.
    pub seen: String,
    /// The program cannot be started at all.
    pub not_startable: Option<String>,
}

impl Observed {
    /// A program that was not looked at, and why.
    pub fn unseen(bare: &Command, why: String) -> Self {
        Self {
            command: bare.clone(),
            bare: bare.words.len(),
            doing: None,
            tried: vec![why],
            seen: String::new(),
            not_startable: None,
        }
    }

    /// The arguments that it takes.
    pub fn arguments(&self) -> String {
        self.command.words[self.bare..].join(" ")
    }
}

/// Bounds of a trial: for the start, and after each line that is typed. Stillness ends both much earlier.
const UNHURRIED: (Duration, Duration) = (Duration::from_secs(6), Duration::from_secs(2));

/// The same once a trial has run into its bound: a program that is slow to start was given its time.
const HURRIED: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(1));

/// After so many trials that ran into their bounds it is not the arguments.
const RESTLESS: u32 = 3;

/// Trials at the same time.
const TOGETHER: usize = 4;

/// After so many trials in which nothing at all happened the file is no program.
const IDLE: u32 = 3;

/// Ports from here on are given out by the kernel.
const EPHEMERAL: u16 = 32_768;

/// The host that is typed: not the usual one, so that who goes there was told so, also where no prompt is seen.
const TYPED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// What is typed for a program that was given no arguments and whose prompt is not seen, in this order: a C program writes
/// one out when it reads from a terminal only.
const UNASKED: [&str; 2] = ["{host}", "{port}"];

/// Lines that a program may ask for before it does something.
const MOST_LINES: usize = 5;

/// What a program did when it was started in one form.
#[derive(Debug, Clone)]
struct Trial {
    form: String,
    opened: Option<(TransportName, u16)>,
    went: Option<(TransportName, u16)>,
    asked_for_mail: bool,
    given: u16,
    /// What it was told on its standard input before it acted, as placeholders.
    typed: Vec<String>,
    /// It went to the host that was typed.
    led: bool,
    said: Vec<u8>,
    printed: bool,
    ended: Option<Ended>,
    /// It was still doing something when its time was over.
    restless: bool,
}

impl Trial {
    /// A trial in which the program opened or went to the very port that it was given.
    fn fits(&self) -> bool {
        self.opened.or(self.went).is_some_and(|(_, port)| port == self.given)
    }

    /// It took the beginning of the host that was typed for its port: it asks for that first.
    fn reads_a_port_first(&self) -> bool {
        let number = u16::from(TYPED.octets()[0]);
        let is_it = |(_, port): (TransportName, u16)| port == number || port.swap_bytes() == number;
        self.typed.first().is_some_and(|typed| typed == UNASKED[0]) && self.opened.or(self.went).is_some_and(is_it)
    }

    fn acted(&self) -> bool {
        self.opened.is_some() || self.went.is_some() || self.asked_for_mail
    }

    /// It ended at once and well, and said nothing: a file with functions for others, say.
    fn is_idle(&self) -> bool {
        !self.acted() && self.said.is_empty() && self.ended == Some(Ended::Status(0))
    }

    fn doing(&self) -> Option<Doing> {
        match (self.opened, self.went) {
            (Some((transport, _)), _) => Some(Doing::Listens(transport)),
            (None, Some((transport, _))) => Some(Doing::Goes(transport)),
            (None, None) if self.asked_for_mail => Some(Doing::AsksForMail),
            (None, None) => (self.printed && self.ended == Some(Ended::Status(0))).then_some(Doing::Prints),
        }
    }

    /// How much the form is worth: what is built in shows with every form, and then with the fewest arguments.
    fn rank(&self) -> u32 {
        match (self.fits(), self.acted(), self.form.as_str()) {
            (true, ..) => 4,
            (_, true, "") => 3,
            (_, true, "{host}") => 2,
            (_, true, _) => 1,
            (_, false, _) => 0,
        }
    }

    fn describe(&self) -> String {
        let form = if self.form.is_empty() { "no arguments" } else { &self.form };
        // What the kernel chose for this one time is no number for a report.
        let at = |transport: TransportName, port: u16| match port == self.given {
            true => format!("the {} port that it was given", name(transport)),
            false => format!("{} port {port}", name(transport)),
        };
        let did = match (&self.opened, &self.went, &self.ended) {
            (Some((transport, port)), _, _) => format!("listens on {}", at(*transport, *port)),
            (_, Some((transport, port)), _) => format!("goes to {}", at(*transport, *port)),
            _ if self.asked_for_mail => "asks for mail servers".to_owned(),
            (_, _, Some(ended)) => format!("ends ({ended})"),
            _ => "neither listens nor connects".to_owned(),
        };
        // A traceback names the run's folder.
        let said = without_folder(&String::from_utf8_lossy(&self.said)).into_bytes();
        let said = match said.len() {
            0 => String::new(),
            length => format!(", saying {}", shown::quote(&said[..length.min(120)])),
        };
        format!("with {form}: {did}{said}")
    }
}

/// What a transport is called.
pub fn name(transport: TransportName) -> &'static str {
    match transport {
        TransportName::Tcp => "TCP",
        TransportName::Udp => "UDP",
    }
}

/// Starts a program in one form and watches what it opens or where it goes.
fn try_form(
    setup: &Setup,
    root: &Path,
    bare: &Command,
    form: &str,
    usual: &BTreeMap<String, String>,
    unasked: [&'static str; 2],
    bounds: (Duration, Duration),
) -> Result<Trial, LaunchOutcome> {
    let mut command = bare.clone();
    command.words.extend(form.split_whitespace().map(str::to_owned));
    let watch = Setup { sniff: true, ..setup.clone() };
    let outcome = with_stage(&watch, root, &Limits::MEETING, |stage: Rc<WireStage>| {
        Box::pin(async move {
            let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), stage.port());
            let mut values = usual.clone();
            values.insert("host".to_owned(), address.ip().to_string());
            // A relay is told two ports, of which it opens one.
            let relays = form.contains("{local-port}") && form.contains("{port}");
            values.insert("port".to_owned(), (address.port() + u16::from(relays)).to_string());
            values.insert("local-port".to_owned(), address.port().to_string());
            let invocation =
                command.invoke(&values, false).map_err(|error| LaunchOutcome::NotStartable(error.to_string()))?;
            let launch = Launch {
                name: "program".to_owned(),
                role: "program".to_owned(),
                invocation,
                stdout: OutputKind::Terminal,
                // A program that is told a file looks for it before it goes anywhere.
                input_file: form.contains("{file}").then(|| INPUT.to_vec()),
                open_files: 0,
                attached: None,
            };
            let program = stage.launch(launch).await.map_err(|error| match error {
                LaunchError::Machine(why) => LaunchOutcome::Machine(why),
                LaunchError::NotStartable(why) | LaunchError::Unsupported(why) => LaunchOutcome::NotStartable(why),
            })?;
            let mut patience = Patience::for_a_trial(&*stage, bounds.0);
            let mut trial = Trial {
                form: form.to_owned(),
                opened: None,
                went: None,
                asked_for_mail: false,
                given: address.port(),
                typed: Vec::new(),
                led: false,
                said: Vec::new(),
                printed: false,
                ended: None,
                restless: false,
            };
            let (mut lines, mut input_ended) = (0, false);
            let mut heard = 0;
            loop {
                // Asked first: what it does between a look at it and its end would be missed.
                let ended = program.ended().is_some();
                let contacts = stage.contacts();
                let to_a_peer = |(_, to, _): &&(TransportName, SocketAddr, Vec<u8>)| to.port() != dns::PORT;
                let went = contacts.iter().find(to_a_peer);
                trial.went = went.map(|(transport, to, _)| (*transport, to.port()));
                trial.led = went.is_some_and(|(_, to, _)| to.ip() == TYPED);
                trial.asked_for_mail |=
                    contacts.iter().any(|(_, to, asked)| to.port() == dns::PORT && is_about_mail(asked));
                for transport in [TransportName::Tcp, TransportName::Udp] {
                    let own: Vec<u16> = program.listening(transport).iter().map(SocketAddr::port).collect();
                    // A UDP client's own socket has a port that nobody chose.
                    let chosen = own
                        .iter()
                        .find(|port| transport == TransportName::Tcp || **port == address.port() || **port < EPHEMERAL);
                    if trial.opened.is_none() {
                        trial.opened = chosen.map(|port| (transport, *port));
                    }
                }
                if trial.acted() || ended {
                    break;
                }
                if let Err(why) = patience.moment(&*stage).await {
                    trial.restless |= matches!(why, GaveUp::Bound(_));
                    // Still waiting: perhaps for something to be typed, which it may have asked for.
                    let said = program.stdout().borrow().bytes.clone();
                    let asked = forms::asked_for(&said[heard..]);
                    heard = said.len();
                    let typed = match (asked, lines) {
                        (Some(_), MOST_LINES..) => break,
                        (Some(asked), _) => asked.to_owned(),
                        (None, 0 | 1) if form.is_empty() => unasked[lines].to_owned(),
                        (None, 0..=2) => "a line".to_owned(),
                        (None, _) if input_ended => break,
                        // It may want all of its input before it goes anywhere: `< FILE`.
                        (None, _) => {
                            program.end_input();
                            input_ended = true;
                            patience = Patience::for_a_trial(&*stage, bounds.1);
                            continue;
                        }
                    };
                    lines = if asked.is_none() && !form.is_empty() { 3 } else { lines + 1 };
                    let line =
                        typed.replace("{host}", &TYPED.to_string()).replace("{port}", &address.port().to_string());
                    let line = forms::USUAL
                        .iter()
                        .fold(line, |line, (name, value)| line.replace(&format!("{{{name}}}"), value));
                    let _ = program.type_in(format!("{line}\n").as_bytes()).await;
                    trial.typed.push(typed);
                    patience = Patience::for_a_trial(&*stage, bounds.1);
                }
            }
            // A port of its own that was not chosen, from which nothing was sent: others are to come to it.
            if !trial.acted() {
                trial.opened =
                    program.listening(TransportName::Udp).first().map(|own| (TransportName::Udp, own.port()));
            }
            if program.ended().is_some() {
                survey::hear_out(&stage, &program).await;
            }
            trial.ended = program.ended();
            trial.printed = !program.stdout().borrow().bytes.is_empty();
            let complains = complaint::own(&program.stderr().borrow().bytes).into_bytes();
            trial.said = if complains.is_empty() { program.stdout().borrow().bytes.clone() } else { complains };
            // It was told two ports, and opened the one that was meant for the other side.
            if relays && trial.opened.is_some_and(|(_, port)| port == address.port() + 1) {
                trial.form =
                    form.replace("{local-port}", "{}").replace("{port}", "{local-port}").replace("{}", "{port}");
                trial.given = address.port() + 1;
            }
            Ok(trial)
        })
    });
    outcome.unwrap_or_else(|why| Err(LaunchOutcome::Machine(why)))
}

enum LaunchOutcome {
    NotStartable(String),
    Machine(String),
}

/// Whether a datagram asks for mail servers (RFC 1035, section 3.2.2: MX is 15).
fn is_about_mail(datagram: &[u8]) -> bool {
    let Some(name) = dns_question(datagram) else { return false };
    // Its length byte, the labels and the last zero.
    let end = 12 + name.len() + 2;
    datagram.get(end..end + 2) == Some(&[0, 15])
}

/// Looks at a program: finds the arguments that it takes, and what it does with them. `own` are the forms of the roles
/// that are asked for, `usual` what their placeholders stand for; asked for one task alone, its forms come first.
///
/// # Errors
/// If the machine fails.
pub fn observe(
    setup: &Setup,
    root: &Path,
    bare: &Command,
    wanted: &Wanted,
    source: Option<&str>,
) -> Result<Observed, String> {
    let mut queue = forms::queue(&wanted.forms, wanted.one_task, source);
    let mut observed = Observed {
        command: bare.clone(),
        bare: bare.words.len(),
        doing: None,
        tried: Vec::new(),
        seen: String::new(),
        not_startable: None,
    };
    let mut best: Option<Trial> = None;
    let mut done: Vec<String> = Vec::new();
    let (mut restless, mut idle) = (0, 0);
    'tries: while !queue.is_empty() {
        // The likeliest form alone; where runs cannot get into each other's way the others side by side.
        let together = if setup.private_network && !done.is_empty() { TOGETHER } else { 1 };
        let mut forms: Vec<String> = Vec::new();
        while forms.len() < together && !queue.is_empty() {
            let form = queue.remove(0);
            if !done.contains(&form) && !forms.contains(&form) {
                forms.push(form);
            }
        }
        let bounds = if restless == 0 { UNHURRIED } else { HURRIED };
        let in_order = |form: &str, unasked| try_form(setup, root, bare, form, &wanted.usual, unasked, bounds);
        let attempt = |form: &str| {
            let trial = in_order(form, UNASKED)?;
            let again = trial.reads_a_port_first().then(|| in_order(form, [UNASKED[1], UNASKED[0]]));
            Ok(again.transpose()?.filter(Trial::fits).unwrap_or(trial))
        };
        let attempts: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = forms.iter().map(|form| scope.spawn(|| attempt(form))).collect();
            running.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
        });
        for (form, attempt) in forms.into_iter().zip(attempts) {
            done.push(form);
            let sudden = || LaunchOutcome::Machine("the trial came to a sudden end".to_owned());
            let trial = match attempt.unwrap_or_else(|_| Err(sudden())) {
                Ok(trial) => trial,
                Err(LaunchOutcome::Machine(why)) => return Err(why),
                Err(LaunchOutcome::NotStartable(why)) => {
                    observed.not_startable = Some(why);
                    return Ok(observed);
                }
            };
            observed.tried.push(trial.describe());
            restless += u32::from(trial.restless && !trial.acted());
            idle += u32::from(trial.is_idle());
            if restless == RESTLESS || idle == IDLE {
                // It is at something else, whatever it is told: the bare call is the last one worth its time.
                let left = queue.len();
                queue.retain(String::is_empty);
                if queue.len() < left && restless == RESTLESS {
                    let untried = shown::counted(left - queue.len(), "further form");
                    observed.tried.push(format!("{untried} not tried: each time it was busy with something else"));
                }
            }
            if !trial.acted() {
                for form in forms::from_usage(&trial.said).into_iter().rev() {
                    if !done.contains(&form) {
                        queue.insert(0, form);
                    }
                }
            }
            let doing = trial.doing();
            if best
                .as_ref()
                .is_none_or(|known| trial.rank() > known.rank() || known.doing().is_none() && doing.is_some())
            {
                best = Some(trial);
            }
            // What is built in shows with every form: those with the fewest arguments are tried, and no others.
            let known = best.as_ref().map_or(0, Trial::rank);
            if (1..4).contains(&known) {
                queue.retain(|form| ["", "{port}", "{host}"].contains(&form.as_str()));
            }
            if known == 4 {
                break 'tries;
            }
        }
    }
    let Some(best) = best else { return Ok(observed) };
    observed.doing = best.doing();
    observed.seen = best.describe();
    if best.fits() {
        observed.command.words.extend(best.form.split_whitespace().map(str::to_owned));
        // What it was told already it does not ask for: the prompt is about something else.
        let asked = |line: &String| line.starts_with('{') && !best.form.contains(line.as_str());
        observed.command.stdin = best.typed.iter().filter(|line| asked(line)).cloned().collect();
    } else if best.acted() {
        observed.command.words.extend(best.form.split_whitespace().map(str::to_owned));
        observed.command.port = best.opened.or(best.went).map(|(_, port)| port);
        if best.led {
            observed.command.stdin = best.typed;
        }
    }
    Ok(observed)
}

/// What is asked for, as far as it tells how a program may be started.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The argument forms of the roles.
    pub forms: Vec<String>,
    /// What their placeholders stand for.
    pub usual: BTreeMap<String, String>,
    /// Whether all of it is one task.
    pub one_task: bool,
}

/// Whether what was seen shows a probe's sign, and which.
pub fn shows(probe: &Probe, seen: &Seen) -> Option<String> {
    let bytes = |payload: &Option<harness_language::scenario::bytes::Payload>| {
        payload.as_ref().and_then(|payload| payload.bytes(0).ok())
    };
    let mut because = Vec::new();
    if let Some(replies) = bytes(&probe.replies) {
        let core = replies.strip_suffix(b"\n").unwrap_or(&replies);
        if !closely::contains(&seen.network, core, false) {
            return None;
        }
        because.push(format!("it says {} on the connection", shown::quote(core)));
    }
    if let Some(prints) = bytes(&probe.prints) {
        let core = prints.strip_suffix(b"\n").unwrap_or(&prints);
        if !closely::contains(&seen.stdout, core, false) {
            return None;
        }
        because.push(format!("it prints {}", shown::quote(core)));
    }
    if probe.silent {
        if !seen.network.is_empty() {
            return None;
        }
        because.push("it answers nothing".to_owned());
    }
    if probe.closes {
        if !seen.closed {
            return None;
        }
        because.push("it closes after sending".to_owned());
    }
    Some(because.join(" and "))
}
