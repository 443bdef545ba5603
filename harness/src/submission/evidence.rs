//! Evidence: what speaks for a program playing a role, and how much each kind of it weighs.
//!
//! What a program does outweighs everything that is written about it: names and words decide only between programs
//! that behave alike.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Duration;

use super::cast::{Cast, Command, Meeting, Part, about, placeholders};
use super::observe::{self, Doing, Observed};
use super::survey::{self, Met, Seen};
use super::{casting, forms, ways};
use crate::run::stage::Attention;
use crate::run::{End, Record};
use crate::sandbox::guard::Limits;
use crate::wire::{Setup, with_stage};
use harness_language::catalogue::model::{MEETING, Probe, Role, RoleKind, Sign};
use harness_language::catalogue::{Catalogue, Task};
use harness_language::scenario::Scenario;
use harness_language::scenario::model::BackendName;

/// One thing that speaks for or against a program in a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// It opens or calls what the role would.
    Acts,
    /// The task has nothing by which its programs could be told from others.
    NothingAsked,
    /// It answered the task's own greeting: what it said.
    Answers(String),
    /// It took the task's own greeting in and said nothing, as many a server does that only writes down what comes.
    TakesIn(String),
    /// It got through a conversation of the task: its title.
    Plays(String),
    /// It got through a conversation of the task with the other half that was handed in.
    PlaysWith {
        /// That half's file.
        other: PathBuf,
        /// The conversation's title.
        title: String,
    },
    /// It answers like a program of another task, and does not like one of this.
    AnswersLike {
        /// That task.
        task: String,
        /// The role there.
        role: String,
    },
    /// It answers like a program of this task, and more so like one of another.
    FitsBetter {
        /// That task.
        task: String,
        /// The role there.
        role: String,
    },
    /// It was spoken to as programs in this role are, and said nothing.
    SaysNothing,
    /// The name of its file or folder has a word of the task.
    Named(String),
    /// What was handed in is called by a word of the task.
    Home(String),
    /// Its source has a word of the task.
    Mentions(String),
    /// Its name says on which side it is.
    Side,
    /// It takes the options that the sheet names, and that few others do.
    Invoked(String),
}

impl Evidence {
    /// How much it weighs. All weights stand here.
    pub fn weight(&self) -> i32 {
        match self {
            Self::NothingAsked | Self::SaysNothing => 0,
            Self::Acts | Self::Home(_) | Self::Mentions(_) | Self::Side | Self::Invoked(_) => 1,
            Self::Named(_) => 2,
            Self::Answers(_) | Self::TakesIn(_) | Self::Plays(_) | Self::PlaysWith { .. } => 10,
            Self::FitsBetter { .. } => -4,
            Self::AnswersLike { .. } => -20,
        }
    }

    /// Whether it is something that the program did and that only programs of the task do.
    pub fn is_behaviour(&self) -> bool {
        matches!(self, Self::Answers(_) | Self::TakesIn(_) | Self::Plays(_) | Self::PlaysWith { .. })
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Acts => f.write_str("it does with the network what the role does"),
            Self::NothingAsked => f.write_str("the task has nothing by which it could be told from others"),
            Self::Answers(what) | Self::TakesIn(what) => f.write_str(what),
            Self::Plays(title) => write!(f, "it got through \"{title}\""),
            Self::PlaysWith { other, title } => write!(f, "with {} it got through \"{title}\"", other.display()),
            Self::AnswersLike { task, role } => write!(f, "it answers like the {role} of {task}"),
            Self::FitsBetter { task, role } => write!(f, "it answers even more like the {role} of {task}"),
            Self::SaysNothing => f.write_str("it says nothing when it is spoken to"),
            Self::Named(word) => write!(f, "its name has \"{word}\" in it"),
            Self::Home(word) => write!(f, "the name of the submission has \"{word}\" in it"),
            Self::Mentions(word) => write!(f, "its source has \"{word}\" in it"),
            Self::Side => f.write_str("its name says so"),
            Self::Invoked(form) => write!(f, "it takes {form}"),
        }
    }
}

/// Bound of one conversation, in its own time.
const CONVERSATION: Duration = Duration::from_secs(15);

/// Whether a program that does this may play the role at all.
pub fn may_play(doing: Doing, role: &Role) -> bool {
    match role.kind {
        RoleKind::Server | RoleKind::Relay => doing == Doing::Listens(role.transport),
        RoleKind::Client if role.is_led() => doing == Doing::Goes(role.transport),
        RoleKind::Client => doing == Doing::AsksForMail,
        RoleKind::Local => doing == Doing::Prints,
    }
}

/// A command as this role is started: placeholders that the role has nothing for become what they usually stand for.
pub fn fitted(command: &Command, role: &Role) -> Command {
    let mut fitted = command.clone();
    let known = |name: &str| ["host", "port", "local-port", "file"].contains(&name) || role.values.contains_key(name);
    let told = |text: &str| {
        let mut text = text.to_owned();
        for name in placeholders(&text.clone()) {
            let other = match name {
                "name" => "user",
                "user" => "name",
                _ => name,
            };
            let usual = || forms::USUAL.iter().find(|(known, _)| *known == about(name)).map_or("", |(_, value)| value);
            let by = match (known(about(name)), known(other)) {
                (true, _) => continue,
                (false, true) => format!("{{{other}}}"),
                (false, false) => usual().to_owned(),
            };
            text = text.replace(&format!("{{{name}}}"), &by);
        }
        text
    };
    fitted.words = fitted.words.iter().map(|word| told(word)).collect();
    fitted.stdin = fitted.stdin.iter().map(|line| told(line)).collect();
    let all = |name: &str| fitted.words.iter().chain(&fitted.stdin).any(|word| word.contains(name));
    let (from, to) = match role.kind {
        RoleKind::Relay if all("{port}") && !all("{local-port}") => ("{port}", "{local-port}"),
        RoleKind::Server if all("{local-port}") && !all("{port}") => ("{local-port}", "{port}"),
        _ => return fitted,
    };
    for word in fitted.words.iter_mut().chain(&mut fitted.stdin) {
        *word = word.replace(from, to);
    }
    fitted
}

/// How much is found out about a program in a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What it answers to the task's greeting.
    Greeting,
    /// The same; a conversation where the task has no greeting.
    Either,
    /// Conversations too.
    All,
}

/// Talks with one program, and remembers what was said.
pub struct Talks<'t> {
    setup: &'t Setup,
    root: &'t Path,
    observed: &'t Observed,
    talked: BTreeMap<String, Option<(Meeting, Seen)>>,
}

impl<'t> Talks<'t> {
    /// With a program in this folder.
    pub fn with(setup: &'t Setup, root: &'t Path, observed: &'t Observed) -> Self {
        Self { setup, root, observed, talked: BTreeMap::new() }
    }

    fn part(&self, role: &Role) -> Part {
        Part::new(role, fitted(&self.observed.command, role))
    }

    fn cast(&self, role: &Role) -> Cast {
        Cast { root: self.root.to_owned(), parts: BTreeMap::from([(role.name.clone(), self.part(role))]) }
    }

    /// The program as it was met in a role.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn met(&mut self, task: &Task, role: &Role) -> Result<Option<Part>, String> {
        let Some((meeting, _)) = self.talk(task, role, None)? else { return Ok(None) };
        Ok(Some(Part { meeting, ..self.part(role) }))
    }

    /// What the program does that programs in this role do.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn evidence(&mut self, task: &Task, role: &Role, depth: Depth) -> Result<Vec<Evidence>, String> {
        // What is told where to go as well passes things on, and as a server it would be sent to itself.
        let told = |name: &str| self.observed.command.words.iter().any(|word| word.contains(name));
        let relays = told("{local-port}") && told("{port}");
        let plays = self.observed.doing.is_some_and(|doing| may_play(doing, role));
        if !plays || relays && role.kind == RoleKind::Server {
            return Ok(Vec::new());
        }
        let mut found = vec![Evidence::Acts];
        let mut signs =
            task.file.probe.iter().map(|probe| &probe.role).chain(task.file.sign.iter().map(|sign| &sign.role));
        if signs.all(|named| *named != role.name) {
            found.push(Evidence::NothingAsked);
        }
        // Host and port alone are what anybody takes.
        let options = role.arguments.contains('-') || placeholders(&role.arguments).len() > 2;
        if options && self.observed.arguments() == role.arguments {
            found.push(Evidence::Invoked(role.arguments.clone()));
        }
        // A client speaks first, and need not be heard to.
        let mut says_nothing = role.kind.listens();
        for probe in task.file.probe.iter().filter(|probe| probe.role == role.name) {
            let seen = self.talk(task, role, Some(probe))?;
            says_nothing &= probe.replies.is_some() && seen.as_ref().is_some_and(|(_, seen)| seen.network.is_empty());
            if let Some(because) = seen.and_then(|(_, seen)| observe::shows(probe, &seen)) {
                let did = if probe.silent { Evidence::TakesIn } else { Evidence::Answers };
                found.push(did(because));
            }
        }
        let greeted = task.file.probe.iter().any(|probe| probe.role == role.name);
        if greeted && says_nothing {
            found.push(Evidence::SaysNothing);
        }
        let signs = task.file.sign.iter().filter(|sign| sign.role == role.name);
        for sign in signs.filter(|_| depth == Depth::All || depth == Depth::Either && !greeted) {
            if let Some(title) = self.plays(task, role, sign)? {
                found.push(Evidence::Plays(title));
            }
        }
        Ok(found)
    }

    /// One conversation for all tasks that say the same.
    fn talk(&mut self, task: &Task, role: &Role, probe: Option<&Probe>) -> Result<Option<(Meeting, Seen)>, String> {
        let mut cast = self.cast(role);
        if let Some(part) = cast.parts.get_mut(&role.name) {
            part.meeting.fixed_port = part.command.port;
        }
        let command = &cast.parts[&role.name].command;
        let files: Vec<&String> = task.file.files.keys().collect();
        let said = probe.map(|probe| {
            let answer = probe.answer.as_ref().and_then(|answer| answer.bytes(0).ok());
            (probe.say.bytes(0).ok(), answer, probe.replies.is_some(), probe.prints.is_some())
        });
        let files = if said.is_some() { files } else { Vec::new() };
        let key = format!(
            "{said:?} {:?} {:?} {:?} {} {:?} {files:?}",
            role.kind,
            role.transport,
            role.input,
            command.words.join(" "),
            command.stdin,
        );
        if let Some(known) = self.talked.get(&key) {
            return Ok(known.clone());
        }
        let watch = Setup { sniff: true, ..self.setup.clone() };
        let met = with_stage(&watch, self.root, &Limits::MEETING, |stage| {
            let (cast, name) = (&cast, &role.name);
            Box::pin(async move { survey::meet_with(Rc::clone(&stage), cast, task, name, probe).await })
        })?;
        let met = match met {
            Met::As(meeting, seen) => Some((*meeting, seen)),
            Met::Machine(why) => return Err(why),
            Met::Not(_) | Met::NotStartable(_) => None,
        };
        self.talked.insert(key, met.clone());
        Ok(met)
    }

    /// Plays a conversation of the task; its title if the program gets through.
    fn plays(&mut self, task: &Task, role: &Role, sign: &Sign) -> Result<Option<String>, String> {
        // Where it really listens, or goes.
        let Some(part) = self.met(task, role)? else { return Ok(None) };
        let mut cast = Cast { root: self.root.to_owned(), parts: BTreeMap::from([(role.name.clone(), part)]) };
        if let Some(meeting) = task.meetings().get(&role.name) {
            let met = ways::converse(meeting, &mut cast, &role.name, &role.arguments, self.setup, play_briefly)?;
            if sign.scenario == MEETING {
                return Ok(met.then(|| meeting.scenario.title.clone()));
            }
        }
        let is_it = |it: &&Scenario| it.id == sign.scenario && it.role == role.name;
        let Some(scenario) = task.scenarios().iter().find(is_it) else { return Ok(None) };
        gets_through(scenario, &cast, self.setup)
    }
}

/// Plays a conversation that two programs of a submission have with each other; its title if they get through.
///
/// # Errors
/// If the machine fails.
pub fn play_together(setup: &Setup, task: &Task, cast: &Cast) -> Result<Option<String>, String> {
    let mut title = None;
    for id in &task.file.together {
        let Some(scenario) = task.scenarios().iter().find(|it| &it.id == id) else { return Ok(None) };
        title = gets_through(scenario, cast, setup)?;
        if title.is_none() {
            return Ok(None);
        }
    }
    Ok(title)
}

/// The title of a scenario if these programs get through it.
fn gets_through(scenario: &Scenario, cast: &Cast, setup: &Setup) -> Result<Option<String>, String> {
    let possible = |backend: &BackendName| match backend {
        BackendName::Wire => true,
        BackendName::Sim => simulates(),
        BackendName::Turmoil => false,
    };
    if !scenario.backends.iter().any(possible) {
        return Ok(None);
    }
    let scenario = Scenario { limit: scenario.limit.min(CONVERSATION), ..scenario.clone() };
    let record = play_briefly(setup, &scenario, cast, 1);
    let succeeds = record.facts().succeeds();
    if let End::Harness(why) = record.end {
        return Err(why);
    }
    Ok(succeeds.then(|| scenario.title.clone()))
}

/// How a conversation is played.
pub(super) type Play = fn(&Setup, &Scenario, &Cast, u64) -> Record;

/// Plays a conversation that is to show who a program is: in virtual time, where that is possible, so that nobody waits
/// while a program waits.
fn play_briefly(setup: &Setup, scenario: &Scenario, cast: &Cast, seed: u64) -> Record {
    if scenario.backends.contains(&BackendName::Sim) && simulates() {
        crate::simulated::play(scenario, cast, seed, false, Attention::None, &Limits::BRIEF).record
    } else {
        crate::wire::play(setup, scenario, cast, seed, Attention::None, &Limits::BRIEF).0
    }
}

/// Whether programs can be played on the simulated network here.
fn simulates() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    *KNOWN.get_or_init(|| crate::simulated::possible().is_ok())
}

/// What is written in and on a program's files that is about a task: weak evidence. `home` is what was handed in.
pub fn written(task: &Task, role: &Role, (home, file): (&str, &Path), source: &str) -> Vec<Evidence> {
    let name = file.to_string_lossy().to_lowercase();
    let source = source.to_lowercase();
    let words: Vec<&str> = task.file.words.iter().map(String::as_str).chain([task.id()]).collect();
    let within = |text: &str| {
        let text = text.to_lowercase().replace(['_', ' '], "-");
        move |word: &&&str| text.contains(&word.replace('_', "-"))
    };
    let in_name = words.iter().find(within(&name));
    let topics: Vec<&str> = words.iter().copied().chain(task.file.topics.iter().map(String::as_str)).collect();
    let in_home = topics.iter().find(within(home));
    let in_source = words.iter().find(|word| source.contains(**word));
    let side = casting::leaning(&name);
    let sided = role.kind.listens() && side > 0 || role.kind == RoleKind::Client && side < 0;
    let mut found: Vec<Evidence> = in_name.map(|word| Evidence::Named((*word).to_owned())).into_iter().collect();
    found.extend(in_home.map(|word| Evidence::Home((*word).to_owned())));
    found.extend(in_source.map(|word| Evidence::Mentions((*word).to_owned())));
    found.extend(sided.then_some(Evidence::Side));
    found
}

/// All that is known of a catalogue's roles, for looking at programs.
pub fn wanted(catalogue: &Catalogue, wanted: &dyn Fn(&Task, &Role) -> bool) -> observe::Wanted {
    let mut all = observe::Wanted::default();
    let mut tasks = 0;
    for (name, value) in forms::USUAL {
        all.usual.insert(name.to_owned(), value.to_owned());
    }
    for task in &catalogue.tasks {
        let roles: Vec<&Role> = task.file.roles.iter().filter(|role| wanted(task, role)).collect();
        tasks += usize::from(!roles.is_empty());
        for role in roles {
            all.usual.extend(role.values.clone());
            if !all.forms.contains(&role.arguments) {
                all.forms.push(role.arguments.clone());
            }
        }
    }
    all.one_task = tasks == 1;
    all
}
