//! Opening a submission: from what the command line names to casts that can be played.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use harness_judging::shown;
use harness_judging::shown::counted;
use harness_judging::shown::without_folder;
use harness_verdict::Skip;
use tempfile::TempDir;

use super::archive::{self, Refused};
use super::cast::{Cast, Command, Part};
use super::evidence::{self, Play};
use super::findings::{self, Asked, Findings};
use super::folder::{self, Ask};
use super::manifest::{self, Manifest};
use super::survey::{self, Met};
use super::{build, discover, fingerprint, intake, providers, ways};
use crate::run::End;
use crate::run::remains::Remains;
use crate::run::stage::Attention;
use crate::sandbox;
use crate::sandbox::guard::Limits;
use crate::wire::{Setup, copy_tree, with_stage};
use harness_language::catalogue::model::Role;
use harness_language::catalogue::{Catalogue, Task};
use harness_language::scenario::problem::{Problems, Source, suggestion};

/// What is to be opened.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// A folder, an archive or a lone program; without one, the commands alone.
    pub target: Option<PathBuf>,
    /// What messages call the target, where that is not its path.
    pub called: Option<PathBuf>,
    /// Commands from the command line, by role.
    pub commands: BTreeMap<String, Command>,
    /// Roles that already run somewhere.
    pub attached: BTreeMap<String, SocketAddr>,
    /// The role of a lone program.
    pub role: Option<String>,
    /// Only these tasks; empty: all.
    pub tasks: Vec<String>,
    /// What an instructor says of it; it stands instead of the submission's own manifest.
    pub manifest: Option<Manifest>,
    /// Limit of the build.
    pub build_limit: Option<Duration>,
}

/// An opened submission. Its folder lives as long as this does.
pub struct Opened {
    /// Casts by task.
    pub casts: BTreeMap<String, Cast>,
    /// Programs that could not be met, by task and role: why.
    pub unmet: BTreeMap<(String, String), End>,
    /// What was inferred, for the reader.
    pub notes: Vec<String>,
    /// Who plays what and why, what was left out, and what is open, where no manifest says it.
    pub findings: Findings,
    /// Who handed it in.
    pub student: Option<String>,
    /// SHA-256 of its files.
    pub sha256: String,
    _folder: TempDir,
}

/// Why a submission cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// The manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] Problems),
    /// Several roles fit, or none: the user must say which.
    #[error("{0}")]
    Ambiguous(String),
    /// There is nothing that could be graded.
    #[error("{0}")]
    NotGradable(String),
    /// It is not clear which programs are meant: what each did, and lines to paste.
    #[error("{0}")]
    Asked(String),
    /// The machine's fault.
    #[error("{0}")]
    Machine(String),
}

/// Said of a program that wants a name on a machine where it cannot be led anywhere.
const NAMES_LEAD_NOWHERE: &str = "; a name that is built in cannot be led to the harness's peers on this machine, which \
                                  allows no namespaces (see `harness doctor`)";

/// Largest submission that is copied for every run, in bytes.
const LARGEST: u64 = 256 << 20;

/// Opens a submission: copies, builds, finds its programs, meets each of them once.
///
/// # Errors
/// If there is nothing to grade, or the request or the manifest is wrong.
pub fn open(request: &Request, catalogue: &Catalogue, setup: &Setup) -> Result<Opened, OpenError> {
    for id in &request.tasks {
        if catalogue.task(id).is_none() {
            return Err(OpenError::Usage(catalogue.no_task(id)));
        }
    }
    let folder = home_of_a_submission()?;
    let root = folder.path().join("submission");
    let mut opened = Opened {
        casts: BTreeMap::new(),
        unmet: BTreeMap::new(),
        notes: Vec::new(),
        findings: Findings::default(),
        student: None,
        sha256: String::new(),
        _folder: folder,
    };
    let wanted = |task: &Task| request.tasks.is_empty() || request.tasks.iter().any(|id| id == task.id());
    match &request.target {
        None => {
            std::fs::create_dir_all(&root).map_err(|error| OpenError::Machine(error.to_string()))?;
        }
        Some(path) => {
            for link in take_over(path, &root)? {
                opened
                    .notes
                    .push(format!("{} is a link that leads out of the submission: it is left out", link.display()));
            }
        }
    }
    opened.sha256 = fingerprint::of_folder(&root)
        .map_err(|error| OpenError::Machine(format!("cannot read the submission: {error}")))?;
    if !request.commands.is_empty() || !request.attached.is_empty() {
        from_commands(request, catalogue, &root, &mut opened)?;
    } else if let Some(path) = &request.target {
        let shown = request.called.as_ref().unwrap_or(path);
        let result = if path.is_dir() || is_archive(path) {
            from_folder(shown, request, catalogue, setup, &root, &mut opened)
        } else {
            from_lone_program(shown, request, catalogue, setup, &root, &wanted, &mut opened)
        };
        result.map_err(|error| without(&root, error))?;
    }
    opened.casts.retain(|id, cast| !cast.parts.is_empty() && catalogue.task(id).is_some_and(&wanted));
    if opened.casts.is_empty() {
        return Err(OpenError::NotGradable("no program of any of the tasks asked for was found".to_owned()));
    }
    meet_all(catalogue, setup, &mut opened)?;
    Ok(opened)
}

/// Copies what was handed in, so that nothing a program does can touch it.
/// The answer is what was left out of it.
fn take_over(path: &Path, root: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let meta = path.metadata().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            OpenError::Usage(format!("{}: there is no such file or folder", path.display()))
        }
        _ => OpenError::Usage(format!("{}: {error}", path.display())),
    })?;
    let unreadable = |error: std::io::Error| OpenError::Usage(format!("{}: {error}", path.display()));
    if meta.is_dir() {
        let size = folder_size(path).map_err(unreadable)?;
        if size > LARGEST {
            let mib = size >> 20;
            return Err(OpenError::Usage(format!(
                "{}: {mib} MiB are too much for a submission (at most 256)",
                path.display()
            )));
        }
        return copy_tree(path, root).map_err(unreadable);
    }
    if is_archive(path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        intake::gather(&[(path.to_owned(), name)], root).map_err(|refused| match refused {
            Refused::Machine(_) => OpenError::Machine(format!("{}: {refused}", path.display())),
            _ => OpenError::NotGradable(format!("{}: {refused}", path.display())),
        })?;
        return Ok(Vec::new());
    }
    std::fs::create_dir_all(root).map_err(|error| OpenError::Machine(error.to_string()))?;
    let name = path.file_name().ok_or_else(|| OpenError::Usage(format!("{}: not a file", path.display())))?;
    std::fs::copy(path, root.join(name)).map_err(unreadable)?;
    Ok(Vec::new())
}

/// Whether a file is called like an archive.
fn is_archive(path: &Path) -> bool {
    path.file_name().is_some_and(|name| archive::stem(&name.to_string_lossy()).is_some())
}

fn folder_size(path: &Path) -> std::io::Result<u64> {
    let mut size = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        size += if meta.is_dir() { folder_size(&entry.path())? } else { meta.len() };
    }
    Ok(size)
}

/// Commands given on the command line. Words that name files of the caller's folder are made
/// absolute, because the programs run in folders of their own.
fn from_commands(request: &Request, catalogue: &Catalogue, root: &Path, opened: &mut Opened) -> Result<(), OpenError> {
    let named: Vec<&String> = request.commands.keys().chain(request.attached.keys()).collect();
    let fits = |task: &&Task| named.iter().all(|role| task.role(role).is_some());
    let asked: Vec<&Task> =
        catalogue.tasks.iter().filter(|task| request.tasks.iter().any(|id| id == task.id())).collect();
    if asked.is_empty() {
        for role in &named {
            if !catalogue.tasks.iter().any(|task| task.role(role).is_some()) {
                let all = catalogue.tasks.iter().flat_map(Task::role_names);
                let known: BTreeSet<&str> = all.collect();
                let known: Vec<&str> = known.into_iter().collect();
                let hint = suggestion(role, known.iter().copied(), || format!("the roles: {}", known.join(", ")));
                return Err(OpenError::Usage(format!("no task has a role `{role}`: {hint}")));
            }
        }
        let fitting: Vec<&str> = catalogue.tasks.iter().filter(fits).map(Task::id).collect();
        return Err(OpenError::Usage(format!(
            "say which task the commands are for: --task {}",
            if fitting.is_empty() { "TASK".to_owned() } else { fitting.join(" or --task ") }
        )));
    }
    let here = std::env::current_dir().map_err(|error| OpenError::Machine(error.to_string()))?;
    let mut files = BTreeMap::new();
    for task in asked {
        let mut cast = Cast { root: root.to_owned(), parts: BTreeMap::new() };
        for role in named.iter().copied() {
            let Some(kind) = task.role(role) else {
                return Err(OpenError::Usage(task.no_role(role)));
            };
            let mut command = request.commands.get(role).cloned().unwrap_or_default();
            if request.target.is_none() {
                for word in &mut command.words {
                    if !command.shell && here.join(&*word).is_file() {
                        let file = here.join(&*word);
                        sandbox::grant(&file);
                        files.insert(std::mem::replace(word, file.display().to_string()), file);
                    }
                }
            }
            let mut part = Part::new(kind, command);
            part.attached = request.attached.get(role).copied();
            cast.parts.insert(role.clone(), part);
        }
        opened.casts.insert(task.id().to_owned(), cast);
    }
    if request.target.is_none() {
        opened.sha256 = fingerprint::of_files(&files);
    }
    Ok(())
}

fn from_folder(
    path: &Path,
    request: &Request,
    catalogue: &Catalogue,
    setup: &Setup,
    root: &Path,
    opened: &mut Opened,
) -> Result<(), OpenError> {
    if let Some(manifest) = own_manifest(path, request, catalogue, root)? {
        opened.student.clone_from(&manifest.student);
        let limit = request.build_limit.unwrap_or(build::LIMIT);
        build::build(&manifest.build, root, setup.private_network, limit).map_err(unbuilt)?;
        for (id, commands) in manifest.tasks {
            let Some(task) = catalogue.task(&id) else { continue };
            let parts = commands
                .into_iter()
                .filter_map(|(role, command)| task.role(&role).map(|kind| (role.clone(), Part::new(kind, command))));
            let cast = Cast { root: root.to_owned(), parts: parts.collect() };
            let asked = request.tasks.is_empty() || request.tasks.contains(&id);
            opened.findings.missing.extend(findings::lacking(task, |role| cast.parts.contains_key(role) || !asked));
            opened.casts.insert(id, cast);
        }
        return Ok(());
    }
    let Surveyed { found, looked, findings, .. } = survey_folder(path, request, catalogue, setup, root)?;
    for ((id, name), program) in &looked.decision.cast {
        let Some(role) = catalogue.task(id).and_then(|task| task.role(name)) else { continue };
        let cast = opened.casts.entry(id.clone()).or_insert_with(|| Cast { root: root.to_owned(), ..Cast::default() });
        cast.parts.insert(name.clone(), Part::new(role, looked.command(*program, role)));
    }
    if opened.casts.is_empty() {
        let mut lines: Vec<String> = Vec::new();
        match findings.questions.is_empty() {
            true => lines.push(nothing_found(path, &found, catalogue, &request.tasks)),
            false => lines.push(format!("{}: it is not clear which programs are meant.", path.display())),
        }
        lines.extend(findings.broken.iter().map(|broken| format!("  {} {}", broken.file, broken.why)));
        lines.extend(findings.unused.iter().map(|unused| format!("  {}: {}", unused.file, unused.why)));
        // Last, so that nothing stands behind the lines to paste.
        lines.extend(findings.questions.iter().flat_map(Asked::lines));
        let lines = lines.join("\n");
        return Err(match findings.questions.is_empty() {
            true => OpenError::NotGradable(lines),
            false => OpenError::Asked(lines),
        });
    }
    opened.notes.extend(findings.notes());
    opened.findings = findings;
    Ok(())
}

fn unbuilt(error: build::BuildError) -> OpenError {
    match error.is_machines() {
        true => OpenError::Machine(error.to_string()),
        false => OpenError::NotGradable(error.to_string()),
    }
}

/// What is said of a submission: by the instructor, or by its own manifest.
fn own_manifest(
    path: &Path,
    request: &Request,
    catalogue: &Catalogue,
    root: &Path,
) -> Result<Option<Manifest>, OpenError> {
    let file = root.join(manifest::FILE);
    if request.manifest.is_some() || !file.exists() {
        return Ok(request.manifest.clone());
    }
    let shown = path.join(manifest::FILE).display().to_string();
    let text = std::fs::read_to_string(&file).map_err(|error| OpenError::Usage(format!("{shown}: {error}")))?;
    Ok(Some(Manifest::read(&Source::new(shown, text), catalogue)?))
}

/// A folder without a manifest, built and looked at.
struct Surveyed {
    found: discover::Found,
    build: Vec<Command>,
    looked: folder::Looked,
    findings: Findings,
}

fn survey_folder(
    path: &Path,
    request: &Request,
    catalogue: &Catalogue,
    setup: &Setup,
    root: &Path,
) -> Result<Surveyed, OpenError> {
    let found = discover::look(root).map_err(|error| OpenError::Machine(error.to_string()))?;
    if found.programs.is_empty() && found.build.is_empty() {
        return Err(OpenError::NotGradable(nothing_found(path, &found, catalogue, &request.tasks)));
    }
    let limit = request.build_limit.unwrap_or(build::LIMIT);
    let built = build::found(&found, root, setup.private_network, limit).map_err(unbuilt)?;
    if built.programs.is_empty()
        && let Some((_, why)) = built.failed.first()
    {
        return Err(OpenError::NotGradable(why.to_string()));
    }
    let_be_if_named(setup, root)?;
    let ask = Ask {
        catalogue,
        setup,
        root,
        tasks: &request.tasks,
        role: request.role.as_deref(),
        home: &home(path),
        lone: !request.target.as_ref().is_some_and(|path| path.is_dir() || is_archive(path)),
        began: Instant::now(),
    };
    let looked = folder::look(&ask, &built.programs).map_err(OpenError::Machine)?;
    let mut findings = Findings::of(&looked, catalogue, &found, &built);
    for broken in &mut findings.broken {
        broken.why = broken.why.replace(&root.display().to_string(), ".");
    }
    Ok(Surveyed { found, build: built.commands, looked, findings })
}

/// What would be graded of a submission, and why.
pub struct Proposal {
    /// The programs as a manifest names them.
    pub manifest: Manifest,
    /// What speaks for them, and what is open.
    pub findings: Findings,
    /// For each question, in order, how each of its candidates would be started.
    pub choices: Vec<Vec<Command>>,
    /// Whether the submission says it itself.
    pub own: bool,
}

/// Finds out what would be graded of a folder, and grades nothing.
///
/// # Errors
/// If there is nothing to grade, or its manifest is wrong.
pub fn propose(request: &Request, catalogue: &Catalogue, setup: &Setup) -> Result<Proposal, OpenError> {
    let folder = home_of_a_submission()?;
    let root = folder.path().join("submission");
    let path = request.target.as_deref().unwrap_or(Path::new("."));
    let shown = request.called.as_deref().unwrap_or(path);
    take_over(path, &root)?;
    if let Some(manifest) = own_manifest(shown, request, catalogue, &root)? {
        return Ok(Proposal { manifest, findings: Findings::default(), choices: Vec::new(), own: true });
    }
    let surveyed = survey_folder(shown, request, catalogue, setup, &root);
    let Surveyed { build, looked, findings, .. } = surveyed.map_err(|error| without(&root, error))?;
    let command = |program: usize, task: &str, role: &str| {
        let role = catalogue.task(task).and_then(|task| task.role(role));
        role.map(|role| looked.command(program, role)).unwrap_or_default()
    };
    let mut manifest = Manifest { build, ..Manifest::default() };
    for ((task, role), program) in &looked.decision.cast {
        let roles = manifest.tasks.entry(task.clone()).or_default();
        roles.insert(role.clone(), command(*program, task, role));
    }
    let choices = looked.decision.questions.iter().map(|question| {
        question.candidates.iter().map(|program| command(*program, &question.task, &question.role)).collect()
    });
    Ok(Proposal { manifest, choices: choices.collect(), findings, own: false })
}

fn home_of_a_submission() -> Result<TempDir, OpenError> {
    let folder = tempfile::Builder::new().prefix("submission-").tempdir();
    folder.map_err(|error| OpenError::Machine(format!("cannot make a folder: {error}")))
}

/// A compiler may print where it works; a reader has no use for a folder that is gone.
fn without(root: &Path, error: OpenError) -> OpenError {
    let home = root.display().to_string();
    match error {
        OpenError::NotGradable(why) => OpenError::NotGradable(why.replace(&home, ".")),
        OpenError::Asked(why) => OpenError::Asked(why.replace(&home, ".")),
        other => other,
    }
}

/// What a submission is called: a folder's own name, which may tell what is in it.
fn home(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    whole.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Says that nothing was found, and what to write, for the task that was asked for and the language at hand.
fn nothing_found(path: &Path, found: &discover::Found, catalogue: &Catalogue, tasks: &[String]) -> String {
    let looked_at = &found.looked_at;
    let files = match looked_at.len() {
        0 => "it is empty".to_owned(),
        1..=12 => format!("looked at {}", looked_at.join(", ")),
        more => format!("looked at {} and {}", looked_at[..12].join(", "), counted(more - 12, "more file")),
    };
    let asked = catalogue.tasks.iter().find(|task| tasks.iter().any(|id| id == task.id()));
    let Some(task) = asked.or_else(|| catalogue.tasks.first()) else { return files };
    let mut lines: Vec<String> = manifest::build_line(&found.commands()).into_iter().collect();
    lines.push(format!("[{}]", task.id()));
    for role in &task.file.roles {
        let toward = if role.kind.listens() { 1 } else { -1 };
        let likeliest = found.programs.iter().max_by_key(|program| program.leaning * toward);
        let words = likeliest
            .map(|program| program.words.clone())
            .or_else(|| found.foreign_project())
            .unwrap_or_else(|| vec!["python3".to_owned(), format!("{}.py", role.name)]);
        let cwd = likeliest.map(|program| program.cwd.clone()).unwrap_or_default();
        let words = words.into_iter().chain(role.arguments.split_whitespace().map(str::to_owned)).collect();
        lines.push(format!("{} = {}", role.name, manifest::entry(&Command { words, cwd, ..Command::default() })));
    }
    format!(
        "{}: no program of any task was found ({files}).\nIf there is one, say so in {}:\n  {}",
        path.display(),
        path.join(manifest::FILE).display(),
        lines.join("\n  "),
    )
}

fn from_lone_program(
    path: &Path,
    request: &Request,
    catalogue: &Catalogue,
    setup: &Setup,
    root: &Path,
    wanted: &dyn Fn(&Task) -> bool,
    opened: &mut Opened,
) -> Result<(), OpenError> {
    let file = request.target.as_deref().unwrap_or(path).file_name();
    let name = file.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if discover::is_source(&root.join(&name)) {
        return from_folder(path, request, catalogue, setup, root, opened);
    }
    let Some(words) = discover::lone_program(&root.join(&name)) else {
        return Err(OpenError::NotGradable(format!(
            "{}: this is neither a program that this machine can execute nor a script in a language that is known here \
             (is it executable? a script needs a first line such as #!/usr/bin/env python3)",
            path.display()
        )));
    };
    let_be_if_named(setup, root)?;
    let (tasks, role) = (&request.tasks, request.role.as_deref());
    let ask = Ask { catalogue, setup, root, tasks, role, home: &home(path), lone: true, began: Instant::now() };
    let lone =
        discover::Candidate { file: PathBuf::from(&name), words: words.clone(), ..discover::Candidate::default() };
    let looked = folder::look(&ask, &[lone]).map_err(OpenError::Machine)?;
    let observed = &looked.programs[0].observed;
    if let Some(why) = &observed.not_startable {
        return Err(OpenError::NotGradable(format!("{}: {why}", path.display())));
    }
    let arguments_for = |role: &Role| evidence::fitted(&observed.command, role).words[words.len()..].join(" ");
    match looked.fits().as_slice() {
        [(id, role_name)] => {
            let Some(role) = catalogue.task(id).and_then(|task| task.role(role_name)) else { return Ok(()) };
            let arguments = arguments_for(role);
            let with = if arguments.is_empty() { String::new() } else { format!(", started with {arguments}") };
            let evidence = looked.claim(0, id, role_name).map(|claim| claim.evidence.clone()).unwrap_or_default();
            let did: Vec<String> = evidence.iter().filter(|it| it.is_behaviour()).map(ToString::to_string).collect();
            let because = match did.is_empty() {
                true => format!("{id} has no other role for what it does: {}", observed.seen),
                false => did.join(" and "),
            };
            opened.notes.push(format!("{name} is taken for the {role_name} of {id}{with}: {because}"));
            let part = Part::new(role, evidence::fitted(&observed.command, role));
            let parts = BTreeMap::from([(role_name.clone(), part)]);
            opened.casts.insert(id.clone(), Cast { root: root.to_owned(), parts });
            Ok(())
        }
        fits => {
            let mut lines = vec![if fits.is_empty() {
                format!("{}: it was not recognised as a program of any task.", path.display())
            } else {
                format!("{}: it could be several things.", path.display())
            }];
            lines.extend(observed.tried.iter().map(|tried| format!("  {tried}")));
            lines.push("Say what it is; for example:".to_owned());
            let tasks = catalogue.tasks.iter().filter(|task| wanted(task));
            let roles: Vec<(&Task, &Role)> =
                tasks.flat_map(|task| task.file.roles.iter().map(move |role| (task, role))).collect();
            let fitting =
                |place: &&(&Task, &Role)| fits.iter().any(|(task, role)| task == place.0.id() && *role == place.1.name);
            for (task, role) in roles.iter().filter(|place| fits.is_empty() || fitting(place)) {
                let arguments = if fits.is_empty() { role.arguments.clone() } else { arguments_for(role) };
                let (task, role) = (task.id(), &role.name);
                let command = format!("{} {arguments}", words.join(" "));
                lines.push(format!(
                    "  harness --target {} --task {task} --cmd {role}='{}'",
                    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).display(),
                    command.trim()
                ));
            }
            Err(OpenError::Ambiguous(lines.join("\n")))
        }
    }
}

/// Whoever is to be found out by probing is started with anything; a program that may write to real servers is not.
fn let_be_if_named(setup: &Setup, root: &Path) -> Result<(), OpenError> {
    // To look through all files takes long after a large build, and nobody is reached from a network of its own.
    if setup.private_network {
        return Ok(());
    }
    providers::kept_back(root).map_or(Ok(()), |why| Err(OpenError::NotGradable(why)))
}

/// Meets every program once.
fn meet_all(catalogue: &Catalogue, setup: &Setup, opened: &mut Opened) -> Result<(), OpenError> {
    let watch = Setup { sniff: true, ..setup.clone() };
    for (id, cast) in &mut opened.casts {
        let Some(task) = catalogue.task(id) else { continue };
        let roles: Vec<String> = cast.parts.keys().cloned().collect();
        for role in roles {
            if cast.parts[&role].attached.is_some() {
                continue;
            }
            if !setup.private_network
                && task.file.mail
                && !cast.parts[&role].kind.listens()
                && let Some(why) = providers::kept_back(&cast.root)
            {
                opened.unmet.insert((id.clone(), role.clone()), End::Skipped(Skip::situation(why)));
                continue;
            }
            let met = {
                let (cast, role) = (&*cast, &role);
                with_stage(&watch, &cast.root, &Limits::MEETING, |stage| {
                    let talk = !task.meetings().contains_key(role);
                    Box::pin(async move {
                        let met = survey::meet(Rc::clone(&stage), cast, task, role, talk).await;
                        (met, stage.excess())
                    })
                })
            };
            let (met, excess) = met.map_err(OpenError::Machine)?;
            if let Some(excess) = excess {
                opened.unmet.insert((id.clone(), role.clone()), excess.end());
                continue;
            }
            match met {
                Met::As(meeting, _) => {
                    if let Some(part) = cast.parts.get_mut(&role) {
                        part.meeting = *meeting;
                        part.meeting.findings.extend(part.meeting.strays.clone());
                    }
                }
                Met::NotStartable(why) => {
                    opened.unmet.insert((id.clone(), role.clone()), End::NotGradable(why));
                }
                Met::Machine(why) => return Err(OpenError::Machine(why)),
                Met::Not(seen) => {
                    let root = cast.root.clone();
                    if let Some(part) = cast.parts.get_mut(&role) {
                        part.meeting.fell = Remains::of_meeting(&role, &seen, &root, &part.command.cwd);
                    }
                    let words = if seen.stderr.is_empty() { &seen.stdout } else { &seen.stderr };
                    // The same words in every report: a traceback names the run's folder.
                    let text = without_folder(&String::from_utf8_lossy(words)).into_bytes();
                    let said = if words.is_empty() {
                        String::new()
                    } else {
                        format!("; it last said {}", shown::quote(&text[text.len().saturating_sub(300)..]))
                    };
                    let did = match (&seen.ended, task.role(&role).map(|role| role.kind)) {
                        (Some(ended), _) => format!("the {role} ended ({ended}) before it could be met{said}"),
                        (None, Some(kind)) if kind.listens() => {
                            format!("the {role} runs and does not listen{said}")
                        }
                        _ => format!("the {role} runs and does not connect to anything{said}"),
                    };
                    // On a network of its own every name leads to a peer.
                    let unnamed = !setup.private_network && !setup.private_files && survey::lacks_a_name(words);
                    let why = if unnamed { NAMES_LEAD_NOWHERE } else { "" };
                    opened.unmet.insert((id.clone(), role.clone()), End::NotGradable(format!("{did}{why}")));
                }
            }
        }
        for (role, meeting) in task.meetings() {
            if cast.parts.contains_key(role) && !opened.unmet.contains_key(&(id.clone(), role.clone())) {
                let form = task.role(role).map_or("", |role| &role.arguments);
                // A program that is graded meets the real network, whose limits it does not reach by printing alone.
                let real: Play = |setup, scenario, cast, seed| {
                    crate::wire::play(setup, scenario, cast, seed, Attention::None, &Limits::MEETING).0
                };
                ways::converse(meeting, cast, role, form, setup, real).map_err(OpenError::Machine)?;
            }
        }
        ways::share_private_framing(cast);
    }
    Ok(())
}
