//! Who takes part: submissions, opened, and casts made of one's client and another's server.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use super::REFERENCE;
use crate::class::grading::side_by_side;
use crate::class::roster::{Roster, own_name};
use crate::run::End;
use crate::submission::archive::Refused;
use crate::submission::open::{self, OpenError, Opened, Request};
use crate::submission::{Cast, Part, archive, intake, manifest, reference_casts};
use crate::wire::Setup;
use harness_language::catalogue::model::RoleKind;
use harness_language::catalogue::{Catalogue, Task};

/// A submission before it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What it is called in the matrix.
    pub name: String,
    /// Its files and folders, and what each is called by its student.
    pub sources: Vec<(PathBuf, String)>,
}

/// Everyone who takes part, the model answers first.
pub struct Entrants {
    /// With their programs.
    pub all: Vec<Entrant>,
    /// Submissions that do not take part, and why.
    pub left_out: Vec<(String, String)>,
    /// Whether the harness could not open one of those.
    pub broken: bool,
}

/// One who takes part.
pub struct Entrant {
    /// Its name.
    pub name: String,
    /// Programs by task.
    pub casts: BTreeMap<String, Cast>,
    /// Programs that could not be met, by task and role: why.
    pub unmet: BTreeMap<(String, String), End>,
    _folders: Vec<TempDir>,
    _opened: Option<Opened>,
}

/// Why a submission takes no part.
struct Obstacle {
    /// Whether the machine is to blame.
    machines: bool,
    why: String,
}

impl Obstacle {
    fn of_the_machine(why: impl ToString) -> Self {
        Self { machines: true, why: why.to_string() }
    }

    fn of_the_submission(why: impl ToString) -> Self {
        Self { machines: false, why: why.to_string() }
    }
}

/// The submissions of a class's folder, as `class` finds them.
pub fn of_class(roster: &Roster, folder: &Path) -> Vec<Candidate> {
    let candidate = |(name, submission): (&String, &crate::class::roster::Submission)| Candidate {
        name: name.clone(),
        sources: submission.sources.iter().map(|source| (folder.join(source), own_name(source))).collect(),
    };
    roster.submissions.iter().map(candidate).collect()
}

/// Submissions that were named one by one: by their last name, or by the whole path where that is another's, too.
pub fn of_paths(paths: &[PathBuf]) -> Vec<Candidate> {
    let file = |path: &Path| {
        let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        whole.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    };
    let short = |path: &Path| {
        let name = file(path);
        archive::stem(&name).filter(|_| !path.is_dir()).map_or(name.clone(), str::to_owned)
    };
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    paths.iter().for_each(|path| *count.entry(short(path)).or_default() += 1);
    let name = |path: &Path| match short(path) {
        name if count[&name] == 1 && name != REFERENCE => name,
        _ => path.display().to_string(),
    };
    paths.iter().map(|path| Candidate { name: name(path), sources: vec![(path.clone(), file(path))] }).collect()
}

/// Whether a folder is one submission and not a class: it says so itself.
pub fn is_submission(path: &Path) -> bool {
    path.join(manifest::FILE).exists()
}

/// What opening takes.
pub struct Opening<'o> {
    /// The tasks.
    pub catalogue: &'o Catalogue,
    /// Ids of those that are wanted; empty: all.
    pub tasks: Vec<String>,
    /// What runs may use.
    pub setup: Setup,
    /// Limit of a build.
    pub build_limit: Option<Duration>,
    /// This very program, which is started for the model answers.
    pub program: PathBuf,
    /// Submissions opened at the same time.
    pub workers: usize,
}

impl Opening<'_> {
    /// Opens all of them; one that cannot be opened is left out, and said to be.
    ///
    /// # Errors
    /// If the machine has no room for a folder.
    pub fn open(&self, candidates: &[Candidate], progress: &(dyn Fn(&str) + Sync)) -> io::Result<Entrants> {
        let opened: Vec<Mutex<Option<Result<Entrant, Obstacle>>>> =
            candidates.iter().map(|_| Mutex::new(None)).collect();
        let numbers: Vec<usize> = (0..candidates.len()).collect();
        side_by_side(&numbers, self.workers, |number| {
            let one = self.open_one(&candidates[*number]);
            if let Ok(mut slot) = opened[*number].lock() {
                *slot = Some(one);
            }
            progress(&candidates[*number].name);
        });
        let mut entrants = Entrants { all: vec![self.reference()?], left_out: Vec::new(), broken: false };
        for (candidate, slot) in candidates.iter().zip(opened) {
            let lost = || Err(Obstacle::of_the_machine("opening it came to a sudden end"));
            match slot.into_inner().ok().flatten().unwrap_or_else(lost) {
                Ok(entrant) => entrants.all.push(entrant),
                Err(Obstacle { machines, why }) => {
                    entrants.broken |= machines;
                    let about = format!("{}: ", candidate.name);
                    entrants
                        .left_out
                        .push((candidate.name.clone(), why.strip_prefix(&about).unwrap_or(&why).to_owned()));
                }
            }
        }
        Ok(entrants)
    }

    fn reference(&self) -> io::Result<Entrant> {
        let folder = tempfile::tempdir()?;
        let casts = reference_casts(self.catalogue, &self.tasks, &self.program, folder.path());
        Ok(Entrant { name: REFERENCE.to_owned(), casts, unmet: BTreeMap::new(), _folders: vec![folder], _opened: None })
    }

    fn open_one(&self, candidate: &Candidate) -> Result<Entrant, Obstacle> {
        let machine = |error: io::Error| Obstacle::of_the_machine(error);
        let home = tempfile::Builder::new().prefix("interop-").tempdir().map_err(machine)?;
        // A lone program is met as what it is.
        let target = match candidate.sources.as_slice() {
            [(path, _)] if path.is_file() && archive::stem(&path.to_string_lossy()).is_none() => path.clone(),
            sources => {
                let root = home.path().join("submission");
                intake::gather(sources, &root).map_err(|refused| match refused {
                    Refused::Machine(_) => Obstacle::of_the_machine(refused),
                    _ => Obstacle::of_the_submission(refused),
                })?;
                root
            }
        };
        let request = Request {
            target: Some(target),
            called: Some(PathBuf::from(&candidate.name)),
            tasks: self.tasks.clone(),
            build_limit: self.build_limit,
            ..Request::default()
        };
        let mut opened = open::open(&request, self.catalogue, &self.setup).map_err(|error| match error {
            OpenError::Machine(why) => Obstacle::of_the_machine(why),
            OpenError::Manifest(problems) => Obstacle::of_the_submission(problems.render(false)),
            other => Obstacle::of_the_submission(other),
        })?;
        Ok(Entrant {
            name: candidate.name.clone(),
            casts: std::mem::take(&mut opened.casts),
            unmet: std::mem::take(&mut opened.unmet),
            _folders: vec![home],
            _opened: Some(opened),
        })
    }
}

impl Entrant {
    /// Its program for a role of a task.
    pub fn part(&self, task: &Task, role: &str) -> Option<&Part> {
        self.casts.get(task.id())?.parts.get(role)
    }

    /// Why its program for a role could not be met.
    pub fn unmet(&self, task: &Task, role: &str) -> Option<&End> {
        self.unmet.get(&(task.id().to_owned(), role.to_owned()))
    }
}

/// The roles of a task of which one comes to the other: client and server.
pub fn roles(task: &Task) -> Option<(&str, &str)> {
    let of = |kind| task.file.roles.iter().find(|role| role.kind == kind).map(|role| role.name.as_str());
    Some((of(RoleKind::Client)?, of(RoleKind::Server)?))
}

/// One's client and another's server as one cast, in a folder of its own, which lives as long as the second value.
///
/// # Errors
/// If the files cannot be put there.
pub fn mixed(task: &Task, client: &Entrant, server: &Entrant) -> io::Result<(Cast, TempDir)> {
    let home = tempfile::Builder::new().prefix("pair-").tempdir()?;
    let mut cast = Cast { root: home.path().join("both"), parts: BTreeMap::new() };
    let Some((client_role, server_role)) = roles(task) else { return Ok((cast, home)) };
    for (entrant, role) in [(client, client_role), (server, server_role)] {
        let below = cast.root.join(role);
        let Some(own) = entrant.casts.get(task.id()) else { continue };
        link_tree(&own.root, &below)?;
        if let Some(mut part) = own.parts.get(role).cloned() {
            part.command.cwd = Path::new(role).join(&part.command.cwd);
            cast.parts.insert(role.to_owned(), part);
        }
    }
    let goes_to = cast.parts.get(client_role).and_then(|client| client.meeting.fixed_port);
    if let (Some(port), Some(server)) = (goes_to, cast.parts.get_mut(server_role)) {
        wait_at(port, server);
    }
    Ok((cast, home))
}

/// A server that can be told its port is started where the client goes in any case: that a client has an address built
/// in is judged elsewhere, and says nothing about whether the two understand each other.
fn wait_at(port: u16, server: &mut Part) {
    if server.meeting.fixed_port.is_some() {
        return;
    }
    let command = &mut server.command;
    for text in command.words.iter_mut().chain(&mut command.stdin).chain(command.env.values_mut()) {
        *text = text.replace("{port}", &port.to_string());
    }
    server.meeting.fixed_port = Some(port);
}

/// The same files once more, without a copy of their contents where the file system allows it: what is here is copied
/// for each run, and nothing is started in it.
fn link_tree(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            link_tree(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path())?, target)?;
        } else if kind.is_file() && std::fs::hard_link(entry.path(), &target).is_err() {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The tasks that some submission has a client or a server for, and that name scenarios for a pair.
pub fn tasks<'c>(catalogue: &'c Catalogue, entrants: &[Entrant]) -> Vec<&'c Task> {
    let there: BTreeSet<&str> =
        entrants.iter().filter(|it| it.name != REFERENCE).flat_map(|it| it.casts.keys().map(String::as_str)).collect();
    let can = |task: &&Task| there.contains(task.id()) && !task.file.together.is_empty() && roles(task).is_some();
    catalogue.tasks.iter().filter(can).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_where_they_are_one_s_own() {
        let paths = ["lab/ada", "lab/bob.zip", "here/carl", "there/carl", "lab/reference"].map(PathBuf::from);
        let names: Vec<String> = of_paths(&paths).into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["ada", "bob", "here/carl", "there/carl", "lab/reference"]);
    }

    #[test]
    fn a_server_waits_where_the_client_goes() {
        let catalogue = Catalogue::built_in().unwrap();
        let role = catalogue.task("message").unwrap().role("server").unwrap();
        let words = ["./server".to_owned(), "--port={port}".to_owned()];
        let mut server = Part::new(role, crate::submission::Command { words: words.into(), ..Default::default() });
        wait_at(12000, &mut server);
        assert_eq!((server.command.words[1].as_str(), server.meeting.fixed_port), ("--port=12000", Some(12000)));
        wait_at(5000, &mut server);
        assert_eq!(server.meeting.fixed_port, Some(12000));
    }

    #[test]
    fn both_halves_lie_in_folders_of_their_own() {
        let catalogue = Catalogue::built_in().unwrap();
        let task = catalogue.task("uppercase-tcp").unwrap();
        let entrant = |name: &str| {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("src")).unwrap();
            std::fs::write(folder.path().join("src/who"), name).unwrap();
            let command = crate::submission::Command {
                words: vec!["./run".to_owned(), "{port}".to_owned()],
                cwd: "src".into(),
                ..Default::default()
            };
            let parts = ["client", "server"]
                .map(|role| (role.to_owned(), Part::new(task.role(role).unwrap(), command.clone())));
            let cast = Cast { root: folder.path().to_owned(), parts: parts.into() };
            Entrant {
                name: name.to_owned(),
                casts: BTreeMap::from([(task.id().to_owned(), cast)]),
                unmet: BTreeMap::new(),
                _folders: vec![folder],
                _opened: None,
            }
        };
        let (ada, bob) = (entrant("ada"), entrant("bob"));
        let (cast, _home) = mixed(task, &ada, &bob).unwrap();
        for (role, name) in [("client", "ada"), ("server", "bob")] {
            let place = cast.root.join(&cast.parts[role].command.cwd);
            assert_eq!(std::fs::read_to_string(place.join("who")).unwrap(), name);
        }
    }
}
