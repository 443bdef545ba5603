//! Recognising a lone program: which arguments it takes, what it opens, what it answers, and
//! so which role of which task it plays.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::cast::{Cast, Command, Part};
use super::survey::{self, Met, Seen};
use crate::catalogue::model::{Probe, Role, RoleKind};
use crate::catalogue::{Catalogue, Task};
use crate::diagnose;
use crate::run::judge;
use crate::run::patience::{GaveUp, Patience};
use crate::run::stage::{Launch, LaunchError, Stage};
use crate::scenario::model::{OutputKind, TransportName};
use crate::wire::{Setup, WireStage, with_stage};

/// A role that a program was recognised to play.
#[derive(Debug, Clone)]
pub struct Recognised {
    /// The task.
    pub task: String,
    /// The role.
    pub role: String,
    /// The command, with its placeholders.
    pub command: Command,
    /// What it was recognised by.
    pub because: String,
}

/// What came of looking at a program.
#[derive(Debug)]
pub struct Recognition {
    /// Roles that fit.
    pub fits: Vec<Recognised>,
    /// What was tried and seen, in order, for an explanation.
    pub tried: Vec<String>,
    /// The program cannot be started at all.
    pub not_startable: Option<String>,
}

/// Argument forms that programs take, the commonest first.
const FORMS: [&str; 13] = [
    "{port}",
    "{host} {port}",
    "--port {port}",
    "-p {port}",
    "--host {host} --port {port}",
    "--ip {host} --port {port}",
    "-h {host} -p {port}",
    "-H {host} -p {port}",
    "--server {host} --port {port}",
    "--local-port {port}",
    "--lp {port}",
    "{port} {host}",
    "",
];

/// Bounds of a trial: for the start, and after each line that is typed. Stillness ends both much earlier.
const UNHURRIED: (Duration, Duration) = (Duration::from_secs(6), Duration::from_secs(2));

/// The same once a trial has run into its bound: a program that is slow to start was given its time.
const HURRIED: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(1));

/// After so many trials that ran into their bounds it is not the arguments.
const RESTLESS: u32 = 3;

/// Trials at the same time.
const TOGETHER: usize = 4;

/// What a program did when it was started in one form.
#[derive(Debug, Clone)]
struct Trial {
    form: String,
    opened: Option<(TransportName, u16)>,
    went: Option<(TransportName, u16)>,
    given: u16,
    said: Vec<u8>,
    ended: Option<String>,
    /// It was still doing something when its time was over.
    restless: bool,
}

impl Trial {
    /// A trial in which the program opened or went to the very port that it was given.
    fn fits(&self) -> bool {
        self.opened.or(self.went).is_some_and(|(_, port)| port == self.given)
    }

    fn acted(&self) -> bool {
        self.opened.is_some() || self.went.is_some()
    }

    fn describe(&self) -> String {
        let form = if self.form.is_empty() { "no arguments" } else { &self.form };
        let did = match (&self.opened, &self.went, &self.ended) {
            (Some((transport, port)), _, _) => format!("listens on {} port {port}", name(*transport)),
            (_, Some((transport, port)), _) => format!("goes to {} port {port}", name(*transport)),
            (_, _, Some(ended)) => format!("ends ({ended})"),
            _ => "neither listens nor connects".to_owned(),
        };
        let said = if self.said.is_empty() {
            String::new()
        } else {
            format!(", saying {}", judge::quote(&self.said[..self.said.len().min(120)]))
        };
        format!("with {form}: {did}{said}")
    }
}

fn name(transport: TransportName) -> &'static str {
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
    typed: &[&str],
    usual: &BTreeMap<String, String>,
    bounds: (Duration, Duration),
) -> Result<Trial, LaunchOutcome> {
    let mut command = bare.clone();
    command.words.extend(form.split_whitespace().map(str::to_owned));
    let watch = Setup { sniff: true, ..setup.clone() };
    let outcome = with_stage(&watch, root, |stage: Rc<WireStage>| {
        Box::pin(async move {
            let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), stage.port());
            let mut values = usual.clone();
            values.insert("host".to_owned(), address.ip().to_string());
            values.insert("port".to_owned(), address.port().to_string());
            values.insert("local-port".to_owned(), address.port().to_string());
            let invocation =
                command.invoke(&values, false).map_err(|error| LaunchOutcome::NotStartable(error.to_string()))?;
            let launch = Launch {
                name: "program".to_owned(),
                role: "program".to_owned(),
                invocation,
                stdout: OutputKind::Terminal,
                input_file: None,
                open_files: 0,
                attached: None,
            };
            let program = stage.launch(launch).await.map_err(|error| match error {
                LaunchError::Machine(why) => LaunchOutcome::Machine(why),
                LaunchError::NotStartable(why) | LaunchError::Unsupported(why) => LaunchOutcome::NotStartable(why),
            })?;
            let mut lines = typed
                .iter()
                .map(|line| line.replace("{host}", "127.0.0.1").replace("{port}", &address.port().to_string()));
            let mut patience = Patience::for_a_trial(&*stage, bounds.0);
            let mut trial = Trial {
                form: form.to_owned(),
                opened: None,
                went: None,
                given: address.port(),
                said: Vec::new(),
                ended: None,
                restless: false,
            };
            loop {
                // Asked first: what it does between a look at it and its end would be missed.
                let ended = program.ended().is_some();
                for transport in [TransportName::Tcp, TransportName::Udp] {
                    let own: Vec<u16> = program.listening(transport).iter().map(SocketAddr::port).collect();
                    // A UDP client's own socket has a port that nobody chose.
                    let chosen = own
                        .iter()
                        .find(|port| transport == TransportName::Tcp || **port == address.port() || **port < 32_768);
                    if trial.opened.is_none() {
                        trial.opened = chosen.map(|port| (transport, *port));
                    }
                }
                let contact = stage.contacts().into_iter().find(|(transport, to, payload)| {
                    to.port() != 53 && (*transport == TransportName::Tcp || !payload.is_empty())
                });
                trial.went = contact.map(|(transport, to, _)| (transport, to.port()));
                if trial.acted() || ended {
                    break;
                }
                if let Err(why) = patience.moment(&*stage).await {
                    trial.restless |= matches!(why, GaveUp::Bound(_));
                    // Still waiting: perhaps for something to be typed.
                    let Some(line) = lines.next() else { break };
                    let _ = program.type_in(format!("{line}\n").as_bytes()).await;
                    patience = Patience::for_a_trial(&*stage, bounds.1);
                }
            }
            if program.ended().is_some() {
                survey::hear_out(&stage, &program).await;
            }
            trial.ended = program.ended().map(|ended| ended.to_string());
            trial.said = if program.stderr().borrow().bytes.is_empty() {
                program.stdout().borrow().bytes.clone()
            } else {
                program.stderr().borrow().bytes.clone()
            };
            Ok(trial)
        })
    });
    outcome.unwrap_or_else(|why| Err(LaunchOutcome::Machine(why)))
}

enum LaunchOutcome {
    NotStartable(String),
    Machine(String),
}

/// Flag forms that the program's own usage text suggests, to be tried before the usual ones.
fn forms_from_usage(said: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(said);
    let flag = |names: &[&str]| names.iter().find(|name| text.contains(**name)).map(|name| (*name).to_owned());
    let port = flag(&["--port", "--local-port", "--lp", "-port", "-p"]);
    let host = flag(&["--ip", "--host", "--server", "--address", "-ip", "-host", "-H", "-h"]);
    let mut forms = Vec::new();
    if let Some(port) = &port {
        if let Some(host) = &host {
            forms.push(format!("{host} {{host}} {port} {{port}}"));
        }
        forms.push(format!("{port} {{port}}"));
    }
    forms
}

/// Finds the arguments that a program takes and the roles that it fits.
///
/// # Errors
/// If the machine fails.
pub fn recognise(
    setup: &Setup,
    catalogue: &Catalogue,
    root: &Path,
    words: &[String],
    cwd: &Path,
    wanted: &dyn Fn(&Task, &Role) -> bool,
) -> Result<Recognition, String> {
    let mut recognition = Recognition { fits: Vec::new(), tried: Vec::new(), not_startable: None };
    let mut queue: Vec<String> = FORMS.iter().map(|form| (*form).to_owned()).collect();
    let bare = Command { words: words.to_vec(), cwd: cwd.to_owned(), ..Command::default() };
    let mut usual = BTreeMap::new();
    let asked = catalogue.tasks.iter().filter(|task| task.file.roles.iter().any(|role| wanted(task, role)));
    let one_task = asked.count() == 1;
    let roles = catalogue.tasks.iter().flat_map(|task| task.file.roles.iter().map(move |role| (task, role)));
    for (_, role) in roles.filter(|(task, role)| wanted(task, role)) {
        usual.extend(role.values.clone());
        // Tasks whose programs take more than an address say so. Asked for such a task by name, its
        // form comes first: many programs start with fewer arguments, and fail later.
        if !role.values.is_empty() && !queue.contains(&role.arguments) {
            let at = if one_task { 0 } else { queue.len() - 1 };
            queue.insert(at, role.arguments.clone());
        }
    }
    let mut best: Option<Trial> = None;
    let mut done: Vec<String> = Vec::new();
    let mut restless = 0;
    'tries: while !queue.is_empty() {
        // The commonest form alone; where runs cannot get into each other's way the others side by side.
        let together = if setup.private_network && !done.is_empty() { TOGETHER } else { 1 };
        let mut forms: Vec<String> = Vec::new();
        while forms.len() < together && !queue.is_empty() {
            let form = queue.remove(0);
            if !done.contains(&form) && !forms.contains(&form) {
                forms.push(form);
            }
        }
        let bounds = if restless == 0 { UNHURRIED } else { HURRIED };
        let attempt = |form: &str| {
            // Asked without arguments, a program may want to be told on standard input.
            let typed: &[&str] = if form.is_empty() { &["{host}", "{port}", "a line"] } else { &["a line"] };
            try_form(setup, root, &bare, form, typed, &usual, bounds)
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
                    recognition.not_startable = Some(why);
                    return Ok(recognition);
                }
            };
            recognition.tried.push(trial.describe());
            restless += u32::from(trial.restless && !trial.acted());
            if restless == RESTLESS {
                // It is at something else, whatever it is told: the bare call is the last one worth its time.
                let left = queue.len();
                queue.retain(String::is_empty);
                if queue.len() < left {
                    let untried = diagnose::counted(left - queue.len(), "further form");
                    recognition.tried.push(format!("{untried} not tried: each time it was busy with something else"));
                }
            }
            if !trial.acted() {
                for form in forms_from_usage(&trial.said).into_iter().rev() {
                    if !done.contains(&form) {
                        queue.insert(0, form);
                    }
                }
            }
            let better = match &best {
                None => trial.acted(),
                Some(known) => trial.fits() && !known.fits(),
            };
            if better {
                best = Some(trial);
            }
            // A built-in port shows with every form: two that agree are enough.
            let steady =
                best.as_ref().is_some_and(|best| best.fits() || done.len() >= 2 + usize::from(best.form.is_empty()));
            if steady {
                break 'tries;
            }
        }
    }
    let Some(best) = best else { return Ok(recognition) };
    let kind = if best.opened.is_some() { RoleKind::Server } else { RoleKind::Client };
    let transport = best.opened.or(best.went).map_or(TransportName::Tcp, |(transport, _)| transport);
    let mut command = Command { words: words.to_vec(), cwd: cwd.to_owned(), ..Command::default() };
    if best.fits() {
        command.words.extend(best.form.split_whitespace().map(str::to_owned));
        if best.form.is_empty() {
            command.stdin = vec!["{host}".to_owned(), "{port}".to_owned()];
        }
    } else if let Some((_, port)) = best.opened.or(best.went) {
        command.port = Some(port);
    }
    for task in &catalogue.tasks {
        for role in &task.file.roles {
            if role.kind.listens() != kind.listens() || role.transport != transport || !wanted(task, role) {
                continue;
            }
            let probes: Vec<&Probe> = task.file.probe.iter().filter(|probe| probe.role == role.name).collect();
            let part = Part::new(role, command.clone());
            let cast = Cast { root: root.to_owned(), parts: BTreeMap::from([(role.name.clone(), part)]) };
            let watch = Setup { sniff: true, ..setup.clone() };
            let met = with_stage(&watch, root, |stage| {
                let (cast, role) = (&cast, &role.name);
                Box::pin(async move { survey::meet(stage, cast, task, role, true).await })
            })?;
            let Met::As(_, seen) = met else { continue };
            if let Some(because) = probes.iter().find_map(|probe| shows(probe, &seen)) {
                recognition.fits.push(Recognised {
                    task: task.id().to_owned(),
                    role: role.name.clone(),
                    command: command.clone(),
                    because,
                });
            }
        }
    }
    if recognition.fits.is_empty() && one_task {
        let roles = catalogue.tasks.iter().flat_map(|task| task.file.roles.iter().map(move |role| (task, role)));
        let alike: Vec<(&Task, &Role)> = roles
            .filter(|(task, role)| {
                wanted(task, role) && role.kind.listens() == kind.listens() && role.transport == transport
            })
            .collect();
        // Asked for one task, whose only server it must be: whether it is a good one is judged later.
        if let [(task, role)] = alike.as_slice() {
            recognition.fits.push(Recognised {
                task: task.id().to_owned(),
                role: role.name.clone(),
                command,
                because: format!("{} has no other {}", task.id(), name_of(kind)),
            });
        }
    }
    Ok(recognition)
}

fn name_of(kind: RoleKind) -> &'static str {
    match kind {
        RoleKind::Server => "server",
        RoleKind::Client => "client",
        RoleKind::Relay => "relay",
        RoleKind::Local => "program",
    }
}

/// Whether what was seen shows a probe's sign, and which.
fn shows(probe: &Probe, seen: &Seen) -> Option<String> {
    let bytes =
        |payload: &Option<crate::scenario::bytes::Payload>| payload.as_ref().and_then(|payload| payload.bytes(0).ok());
    let mut because = Vec::new();
    if let Some(replies) = bytes(&probe.replies) {
        let core = replies.strip_suffix(b"\n").unwrap_or(&replies);
        if !judge::contains(&seen.network, core, false) {
            return None;
        }
        because.push(format!("it says {} on the connection", judge::quote(core)));
    }
    if let Some(prints) = bytes(&probe.prints) {
        let core = prints.strip_suffix(b"\n").unwrap_or(&prints);
        if !judge::contains(&seen.stdout, core, false) {
            return None;
        }
        because.push(format!("it prints {}", judge::quote(core)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("usage: server --port PORT", &["--port {port}"])]
    #[case("usage: client --ip IP --port PORT", &["--ip {host} --port {port}", "--port {port}"])]
    #[case("usage: prog [-h] -p PORT", &["-h {host} -p {port}", "-p {port}"])]
    #[case("what?", &[])]
    fn reads_usage(#[case] said: &str, #[case] forms: &[&str]) {
        assert_eq!(forms_from_usage(said.as_bytes()), forms);
    }
}
