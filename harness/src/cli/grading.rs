//! `harness grade`, the main job.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness_os::namespace::Containment;

use super::arguments::{Backend, Grade};
use super::origin::Origin;
use super::{Exit, evidence, last, term};
use crate::answers;
use crate::grade::held_back::is_unfinished;
use crate::grade::{Filter, Options, Played, Rubric, Subject, grade, late};
use crate::report::format::{Format, render};
use crate::report::model::{Report, RequirementReport, Status};
use crate::report::{causes, escape, markdown, short, summary};
use crate::simulated;
use crate::submission::findings::Findings;
use crate::submission::open::{self, OpenError, Opened, Request};
use crate::submission::{Cast, Command, manifest, reference_casts};
use crate::wire::Setup;
use harness_language::catalogue::model::Level;
use harness_language::catalogue::{Catalogue, Task};
use harness_language::scenario::model::BackendName;
use harness_language::scenario::problem::{nearest, suggestion};

/// Grades what the arguments name.
pub fn run(arguments: &Grade, containment: &Containment) -> Exit {
    if arguments.watch {
        return super::watch::run(arguments, containment);
    }
    run_once(arguments, containment, &mut |_| {})
}

/// Grades once, and shows the report to `seen` as well.
pub fn run_once(arguments: &Grade, containment: &Containment, seen: &mut dyn FnMut(&Report)) -> Exit {
    match try_run(arguments, containment, seen) {
        Ok(exit) | Err(exit) => exit,
    }
}

/// Says what is wrong.
pub fn complain(message: &str) {
    term::say(&format!("harness: {message}"));
}

/// The runs' setup on this machine.
pub fn setup(containment: &Containment, attached: bool) -> Setup {
    Setup {
        private_network: containment.network && !attached,
        private_files: containment.files && !attached,
        sniff: false,
    }
}

/// Runs at the same time: programs wait more than they work.
pub fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get) * 2
}

/// Runs at the same time on a backend: what waits in virtual time keeps a processor busy all the time.
pub fn jobs(choice: Option<usize>, backend: BackendName) -> usize {
    choice.unwrap_or_else(|| match backend {
        BackendName::Sim => default_jobs().div_ceil(2),
        BackendName::Wire | BackendName::Turmoil => default_jobs(),
    })
}

/// The backend that a choice comes to here; `auto` says in a line why it is not the simulated network.
pub fn backend(choice: Backend, reference: bool, quiet: bool) -> Result<BackendName, String> {
    match choice {
        Backend::Wire => Ok(BackendName::Wire),
        Backend::Auto => Ok(match simulated::possible() {
            Ok(()) => BackendName::Sim,
            Err(why) => {
                if !quiet {
                    complain(&format!("real sockets are used, because the simulated network cannot be: {why}"));
                }
                BackendName::Wire
            }
        }),
        Backend::Turmoil if reference => Ok(BackendName::Turmoil),
        Backend::Turmoil => Err("the turmoil backend plays the reference only: --target reference".to_owned()),
        Backend::Sim => simulated::possible()
            .map(|()| BackendName::Sim)
            .map_err(|why| format!("the sim backend cannot be used here: {why}; --backend wire uses real sockets")),
    }
}

/// What grading takes before anything is opened.
pub struct Prepared {
    /// The tasks.
    pub catalogue: Catalogue,
    /// The points.
    pub rubric: Rubric,
    /// The backend that was chosen.
    pub backend: BackendName,
}

/// Reads the catalogue and the rubric, and chooses the backend; says what is wrong with them.
pub fn prepare(arguments: &Grade, reference: bool, containment: &Containment) -> Result<Prepared, Exit> {
    let catalogue = term::catalogue(arguments.scenarios.as_deref())?;
    check_filters(arguments, &catalogue)?;
    let rubric = match &arguments.rubric {
        Some(path) => Rubric::read(path, &catalogue).map_err(|error| {
            match &error {
                crate::grade::RubricError::Problems(problems) => term::say(&problems.render(term::stderr_color())),
                crate::grade::RubricError::Unreadable { .. } => complain(&error.to_string()),
            }
            Exit::Usage
        })?,
        None => Rubric::default(),
    };
    let rubric = if arguments.one_seed { rubric.with_one_seed() } else { rubric };
    let backend = backend(arguments.backend, reference, arguments.quiet).map_err(|why| {
        complain(&why);
        Exit::Usage
    })?;
    if let (Some(why), BackendName::Wire, false) = (&containment.why_not, backend, arguments.quiet) {
        complain(&format!("no network namespaces here ({why}): programs share this machine's loopback"));
    }
    Ok(Prepared { catalogue, rubric, backend })
}

/// What is wanted.
pub fn filter(arguments: &Grade) -> Filter {
    Filter {
        tasks: arguments.task.clone(),
        requirements: arguments.requirement.clone(),
        scenarios: arguments.scenario.clone(),
        light: None,
    }
}

/// How runs are played.
pub fn options(arguments: &Grade, rubric: &Rubric, backend: BackendName, setup: Setup) -> Options {
    Options {
        backend,
        real_sockets_too: arguments.backend == Backend::Auto && backend == BackendName::Sim,
        seed: arguments.seed,
        jobs: jobs(arguments.jobs, backend),
        repeat: arguments.repeat.max(1),
        setup,
        look_into_failures: true,
        cuts: arguments.schedule.clone(),
        limits: arguments.bounds.limits(rubric.bounds()),
    }
}

fn try_run(arguments: &Grade, containment: &Containment, seen: &mut dyn FnMut(&Report)) -> Result<Exit, Exit> {
    let is_reference = arguments.target.as_deref() == Some(Path::new("reference"));
    if is_reference && answers::all().is_empty() {
        complain(answers::NONE);
        return Err(Exit::Usage);
    }
    let Prepared { catalogue, rubric, backend } = prepare(arguments, is_reference, containment)?;
    if arguments.submitted.is_some() && rubric.late().is_none() {
        complain("--submitted says something to a rubric with a late policy only: --rubric FILE, with [late] in it");
        return Err(Exit::Usage);
    }
    let request = request(arguments)?;
    let mut setup = setup(containment, !request.attached.is_empty());
    let empty = tempfile::tempdir().map_err(|error| {
        complain(&format!("cannot make a folder: {error}"));
        Exit::Harness
    })?;
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("harness"));
    let (casts, unmet, notes, sha256, opened): (BTreeMap<String, Cast>, _, _, _, Option<Opened>) = if is_reference {
        let mut casts = reference_casts(&catalogue, &arguments.task, &program, empty.path());
        // Unasked, what blocks is left out where only async programs can be played.
        if backend == BackendName::Turmoil && arguments.task.is_empty() {
            casts.retain(|task, _| answers::all().iter().any(|it| it.task == task && it.runs_in_process));
        }
        (casts, BTreeMap::new(), Vec::new(), String::new(), None)
    } else {
        let mut opened = open::open(&request, &catalogue, &setup).map_err(|error| {
            tell_platform(arguments, &error, backend);
            open_error(&error)
        })?;
        (
            std::mem::take(&mut opened.casts),
            std::mem::take(&mut opened.unmet),
            opened.notes.clone(),
            opened.sha256.clone(),
            Some(opened),
        )
    };
    setup.sniff = arguments.out.is_some();
    let subject = Subject {
        target: target_name(arguments),
        sha256,
        casts: &casts,
        unmet: &unmet,
        notes: notes.clone(),
        findings: opened.as_ref().map(|opened| opened.findings.clone()).unwrap_or_default(),
    };
    let (filter, options) = (filter(arguments), options(arguments, &rubric, backend, setup));
    if !arguments.quiet && arguments.format == Format::Human {
        for note in &notes {
            // A name at the beginning of a line could be a command to whatever reads it. Lines to paste are indented.
            let begin = if note.starts_with("  ") { "" } else { "note: " };
            term::say(&format!("{begin}{}", escape::line(note)));
        }
    }
    let bar = term::progress(!arguments.no_progress && !arguments.quiet, "{bar:30} {pos}/{len} runs  {wide_msg}");
    let mut graded = grade(&catalogue, &subject, &filter, &rubric, &options, &|done, all, run| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        // The name of what is held back would be a word about it.
        bar.set_message(if arguments.hide { String::new() } else { run.to_owned() });
    });
    bar.finish_and_clear();
    drop(opened);
    let unfinished = is_unfinished(&graded.report);
    if arguments.hide {
        rubric.held_back().hide_from(&mut graded);
    }
    if let Some(policy) = rubric.late() {
        late::apply(&mut graded.report, policy, arguments.submitted);
    }
    if let Some(out) = &arguments.out {
        let models = match is_reference {
            true => BTreeMap::new(),
            false => models(&catalogue, &graded.report, &rubric, &options, &program),
        };
        evidence::write(out, &mut graded, &models).and_then(|()| Origin::write(arguments, out)).map_err(|error| {
            complain(&format!("cannot write evidence: {error}"));
            Exit::Harness
        })?;
    }
    let report = &graded.report;
    if report.tasks.is_empty() {
        complain("nothing that was asked for can be judged with these programs");
        return Err(Exit::NotGradable);
    }
    seen(report);
    let kept = !arguments.forget && last::keep(arguments, report);
    if !arguments.quiet || arguments.format != Format::Human {
        term::print(&shown(report, arguments, kept));
    }
    if arguments.format == Format::Github
        && let Some(summary) = std::env::var_os("GITHUB_STEP_SUMMARY")
    {
        append(Path::new(&summary), &markdown::render(report)).map_err(|error| {
            complain(&format!("cannot write the step summary {}: {error}", Path::new(&summary).display()));
            Exit::Harness
        })?;
    }
    Ok(if unfinished { Exit::Harness } else { exit_of(report, arguments.strict) })
}

/// The report as it is asked for: people are told first what to mend first.
fn shown(report: &Report, arguments: &Grade, kept: bool) -> String {
    let style = term::stdout_style(arguments.color);
    if arguments.format != Format::Human {
        return render(report, arguments.format, style);
    }
    let mut report = report.clone();
    let runs = report.tasks.iter_mut().flat_map(|task| &mut task.requirements).flat_map(|found| &mut found.runs);
    for run in runs.filter(|_| kept) {
        // What is read here and now is about the last report.
        run.replay = format!("harness replay '{}'", run.id);
    }
    let report = &report;
    if arguments.all {
        return render(report, arguments.format, style);
    }
    let page = arguments.out.as_ref().map(|out| out.join("report.html").display().to_string());
    short::render(report, style, &short::Surroundings { page })
}

/// Failures whose run a model answer plays, too.
const MODELS: usize = 12;

/// The runs that are shown of failures, with a model answer in the program's place.
fn models(
    catalogue: &Catalogue,
    report: &Report,
    rubric: &Rubric,
    options: &Options,
    program: &Path,
) -> BTreeMap<String, Played> {
    let failed = causes::failures(report);
    let shown = failed.iter().filter_map(|found| summary::telling_run(found)).filter(|run| run.seed == options.seed);
    let scenarios: Vec<String> = shown.map(|run| run.id.clone()).take(MODELS).collect();
    let tasks: Vec<String> = report.tasks.iter().map(|task| task.id.clone()).collect();
    let Ok(folder) = tempfile::tempdir() else { return BTreeMap::new() };
    if scenarios.is_empty() {
        return BTreeMap::new();
    }
    let casts = reference_casts(catalogue, &tasks, program, folder.path());
    if casts.is_empty() {
        return BTreeMap::new();
    }
    let unmet = BTreeMap::new();
    let subject = Subject {
        target: String::new(),
        sha256: String::new(),
        casts: &casts,
        unmet: &unmet,
        notes: Vec::new(),
        findings: Findings::default(),
    };
    let filter = Filter { tasks, requirements: Vec::new(), scenarios, light: None };
    let options = Options { repeat: 1, look_into_failures: false, ..options.clone() };
    grade(catalogue, &subject, &filter, rubric, &options, &|_, _, _| {}).played
}

fn append(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    std::fs::OpenOptions::new().append(true).create(true).open(file)?.write_all(text.as_bytes())
}

/// The exit status that a report comes to: the first that applies.
pub fn exit_of(report: &Report, strict: bool) -> Exit {
    let all = || report.tasks.iter().flat_map(|task| &task.requirements);
    let any = |status| all().any(|requirement| requirement.status == status);
    let must_failed = all().any(RequirementReport::forbids_pass);
    let mut musts = all().filter(|it| it.level == Level::Must).peekable();
    let nothing_of_the_task = musts.peek().is_some() && musts.all(|it| it.status == Status::Skip && !it.is_lost());
    let should_failed = all().any(|it| it.level == Level::Should && it.status == Status::Fail);
    if any(Status::HarnessError) {
        Exit::Harness
    } else if nothing_of_the_task || !any(Status::Pass) && !any(Status::Fail) {
        Exit::NotGradable
    } else if must_failed || strict && (should_failed || !report.undecided.is_empty()) {
        Exit::Failed
    } else {
        Exit::Passed
    }
}

/// A course platform takes no result at all for a defect of the grader: it is told why there are no points.
fn tell_platform(arguments: &Grade, error: &OpenError, backend: BackendName) {
    let platform = matches!(arguments.format, Format::Gradescope | Format::Classroom50 | Format::PrairieLearn);
    let why = match error {
        // Nothing that the student can mend.
        OpenError::Machine(_) => return,
        OpenError::Manifest(problems) => problems.render(false),
        other => other.to_string(),
    };
    if platform {
        let report = Report::without_verdicts(target_name(arguments), backend.as_str(), arguments.seed, why);
        term::print(&render(&report, arguments.format, term::stdout_style(arguments.color)));
    }
}

/// Says what kept a submission from being opened.
pub fn open_error(error: &OpenError) -> Exit {
    match error {
        OpenError::Manifest(problems) => {
            term::say(&problems.render(term::stderr_color()));
            Exit::Usage
        }
        OpenError::Usage(why) | OpenError::Ambiguous(why) => {
            complain(why);
            Exit::Usage
        }
        OpenError::NotGradable(why) | OpenError::Asked(why) => {
            complain(why);
            Exit::NotGradable
        }
        OpenError::Machine(why) => {
            complain(why);
            Exit::Harness
        }
    }
}

fn target_name(arguments: &Grade) -> String {
    match &arguments.target {
        Some(path) => path.display().to_string(),
        None => arguments.cmd.iter().chain(&arguments.attach).cloned().collect::<Vec<_>>().join(" "),
    }
}

/// Ids on the command line must exist.
fn check_filters(arguments: &Grade, catalogue: &Catalogue) -> Result<(), Exit> {
    let tasks: Vec<&str> = catalogue.tasks.iter().map(|task| task.id()).collect();
    let requirements: Vec<String> =
        catalogue.tasks.iter().flat_map(|task| task.file.requirements.iter().map(|it| task.full_id(it))).collect();
    let scenarios: Vec<String> = catalogue
        .tasks
        .iter()
        .flat_map(|task| task.scenarios().iter())
        .flat_map(|it| [it.id.clone(), format!("{}/{}", it.task, it.id), it.run_id()])
        .collect();
    let unknown = |what: &str, id: &str, known: &[&str]| {
        let hint = suggestion(id, known.iter().copied(), || "see `harness list`".to_owned());
        complain(&format!("there is no {what} `{id}`: {hint}"));
        Exit::Usage
    };
    for id in &arguments.task {
        if !tasks.contains(&id.as_str()) {
            return Err(unknown("task", id, &tasks));
        }
    }
    if let Some(role) = &arguments.role {
        check_role(role, arguments, catalogue)?;
    }
    let known: Vec<&str> = requirements.iter().map(String::as_str).collect();
    for id in &arguments.requirement {
        if !known.contains(&id.as_str()) {
            return Err(unknown("requirement", id, &known));
        }
    }
    let known: Vec<&str> = scenarios.iter().map(String::as_str).collect();
    for id in &arguments.scenario {
        if !known.contains(&id.as_str()) {
            return Err(unknown("scenario", id, &known));
        }
    }
    Ok(())
}

/// The role must be one of the tasks asked for, or of any.
fn check_role(role: &str, arguments: &Grade, catalogue: &Catalogue) -> Result<(), Exit> {
    let asked = |task: &&Task| arguments.task.is_empty() || arguments.task.iter().any(|id| id == task.id());
    let mut known: Vec<&str> = catalogue.tasks.iter().filter(asked).flat_map(Task::role_names).collect();
    known.sort_unstable();
    known.dedup();
    if known.contains(&role) {
        return Ok(());
    }
    let roles = format!("the roles of {}: {}", listed(&arguments.task), known.join(", "));
    let near = nearest(role, known.iter().copied()).map(|near| format!("did you mean `{near}`? "));
    complain(&format!("there is no role `{role}`: {}{roles}", near.unwrap_or_default()));
    Err(Exit::Usage)
}

fn listed(tasks: &[String]) -> String {
    if tasks.is_empty() { "all tasks".to_owned() } else { tasks.join(", ") }
}

/// `ROLE='COMMAND'` arguments.
pub fn commands(cmd: &[String]) -> Result<BTreeMap<String, Command>, Exit> {
    let mut commands = BTreeMap::new();
    for text in cmd {
        let parsed = text.split_once('=').filter(|(role, _)| !role.is_empty()).ok_or("there is no `=`".to_owned());
        let parsed = parsed.and_then(|(role, line)| manifest::words(line).map(|words| (role, words)));
        match parsed {
            Ok((role, words)) => {
                commands.insert(role.to_owned(), Command { words, ..Command::default() });
            }
            Err(why) => {
                complain(&format!("--cmd {text}: {why}; write --cmd server='python3 server.py {{port}}'"));
                return Err(Exit::Usage);
            }
        }
    }
    Ok(commands)
}

fn request(arguments: &Grade) -> Result<Request, Exit> {
    let commands = commands(&arguments.cmd)?;
    let mut attached = BTreeMap::new();
    for text in &arguments.attach {
        let address = text.split_once('=').and_then(|(role, at)| resolve(at).map(|address| (role.to_owned(), address)));
        let Some((role, address)) = address else {
            complain(&format!("--attach {text}: write --attach server=HOST:PORT, with a host that can be found"));
            return Err(Exit::Usage);
        };
        attached.insert(role, address);
    }
    if arguments.target.is_none() && commands.is_empty() && attached.is_empty() {
        complain("say what to grade: --target PATH, or --cmd server='…' with --task ID (harness --help)");
        return Err(Exit::Usage);
    }
    Ok(Request {
        target: arguments.target.clone(),
        commands,
        attached,
        role: arguments.role.clone(),
        tasks: arguments.task.clone(),
        build_limit: build_limit(arguments),
        ..Request::default()
    })
}

/// The limit of a build, if one was given.
pub fn build_limit(arguments: &Grade) -> Option<Duration> {
    arguments.timeout.map(|limit: harness_language::scenario::duration::Limit| -> Duration { limit.0 })
}

fn resolve(at: &str) -> Option<SocketAddr> {
    at.to_socket_addrs().ok().and_then(|mut addresses| addresses.next())
}
