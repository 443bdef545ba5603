//! `harness class`: every submission of a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use harness_judging::shown::counted;
use harness_os::namespace::Containment;

use super::arguments::{Class, ClassVerb, Grade};
use super::{Exit, grading, merge, term};
use crate::class::ClassError;
use crate::class::anonymous::{self, Anonymity};
use crate::class::casts::{self, Casts};
use crate::class::export::ExportError;
use crate::class::grading::{Grader, Work, absolute, grade_all, side_by_side};
use crate::class::overview::{Overview, State};
use crate::class::roster::{self, Roster, Seen, Submission};
use crate::class::scrub::{self, Scrubber};
use crate::class::settings::{Settings, Showing};
use crate::class::slurm;
use crate::class::store::{Store, write};
use crate::class::times;
use crate::class::write::{Export, Written, write_all};
use crate::grade::Options;
use crate::report::escape;
use crate::submission::manifest::Manifest;
use harness_language::catalogue::Catalogue;
use harness_language::scenario::problem::Source;

/// Runs that are played at the same time for one submission: while one waits, another works.
const RUNS: usize = 2;

/// Grades a class.
pub fn run(arguments: &Class, containment: &Containment) -> Exit {
    if let Some(ClassVerb::Merge(arguments)) = &arguments.verb {
        return merge::run(arguments);
    }
    // The command line demands a folder, and one of the two.
    let done = match (&arguments.dir, &arguments.out, &arguments.propose) {
        (Some(dir), Some(out), _) => try_run(arguments, dir, out, containment),
        (Some(dir), None, Some(file)) => propose(arguments, dir, file, containment),
        _ => Err(Exit::Usage),
    };
    match done {
        Ok(exit) | Err(exit) => exit,
    }
}

/// Writes down who plays what in each submission, and grades none.
fn propose(arguments: &Class, dir: &Path, file: &Path, containment: &Containment) -> Result<Exit, Exit> {
    if file.exists() {
        grading::complain(&format!(
            "--propose {}: it is there already, and answers that stand in it would be lost; name another file",
            file.display()
        ));
        return Err(Exit::Usage);
    }
    let grade = as_grade(arguments);
    let grading::Prepared { catalogue, rubric, backend } = grading::prepare(&grade, false, containment)?;
    let options = grading::options(&grade, &rubric, backend, grading::setup(containment, false));
    let (folder, _unpacked) = roster::open(dir).map_err(|error| failed(&error))?;
    let roster = Roster::find(Settings::default(), &folder, file).map_err(|error| failed(&error))?;
    no_class(dir, &roster)?;
    let grader = Grader {
        catalogue: &catalogue,
        rubric: &rubric,
        filter: grading::filter(&grade),
        options,
        build_limit: grading::build_limit(&grade),
        settings: Settings::default(),
        folder,
        casts: BTreeMap::new(),
        scrubber: None,
    };
    let submissions: Vec<_> = roster.submissions.iter().collect();
    let bar = progress(arguments, submissions.len());
    let found = Mutex::new(BTreeMap::new());
    side_by_side(&submissions, workers(arguments), |(name, submission)| {
        let proposal = grader.propose(submission);
        if let Ok(mut found) = found.lock() {
            found.insert((*name).clone(), proposal);
        }
        bar.set_message(escape::line(name));
        bar.inc(1);
    });
    bar.finish_and_clear();
    let found = found.into_inner().unwrap_or_default();
    let tasks = arguments.task.iter().map(|task| format!("--task {task} ")).collect::<String>();
    let command = format!("harness class {} --out OUT {tasks}--cast {}", dir.display(), file.display());
    let proposed = casts::propose(&found, &command);
    write(file, proposed.text.as_bytes()).map_err(|error| failed(&error))?;
    if !arguments.quiet {
        let (open, questions) = proposed.open;
        let mut said = vec![format!("{} cast", proposed.cast)];
        if open > 0 {
            said.push(format!("{open} with {} to be answered", counted(questions, "question")));
        }
        for (count, what) in [(proposed.own, "with a submission.toml"), (proposed.nothing, "with nothing to grade")] {
            if count > 0 {
                said.push(format!("{count} {what}"));
            }
        }
        term::print(&format!(
            "{}: {}\n{}: who plays what, and why; edit it, then: {command}\n",
            counted(found.len(), "submission"),
            said.join(", "),
            file.display()
        ));
    }
    Ok(Exit::Passed)
}

/// What an instructor says of submissions, by what these are made of.
fn casts_of(
    file: Option<&Path>,
    catalogue: &Catalogue,
    roster: &Roster,
) -> Result<BTreeMap<Vec<String>, Arc<Manifest>>, Exit> {
    let Some(file) = file else { return Ok(BTreeMap::new()) };
    let wrong = |why: String| {
        grading::complain(&why);
        Exit::Usage
    };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(format!("{}: {error}", file.display())))?;
    let source = Source::new(file.display().to_string(), text);
    let names = roster.submissions.keys().map(String::as_str).collect();
    let casts = Casts::read(&source, catalogue).and_then(|casts| casts.check(&names).map(|()| casts));
    let casts = casts.map_err(|problems| wrong(problems.render(false)))?;
    let own = |(name, it): (&String, &Submission)| Some((it.sources.clone(), Arc::clone(casts.of(name)?)));
    Ok(roster.submissions.iter().filter_map(own).collect())
}

fn no_class(dir: &Path, roster: &Roster) -> Result<(), Exit> {
    if roster.submissions.is_empty() {
        let why = "there is no submission: neither a folder nor an archive nor a program";
        grading::complain(&format!("{}: {why}", dir.display()));
        return Err(Exit::NotGradable);
    }
    Ok(())
}

fn workers(arguments: &Class) -> usize {
    arguments.jobs.unwrap_or_else(|| grading::default_jobs().div_ceil(2)).max(1)
}

fn progress(arguments: &Class, length: usize) -> indicatif::ProgressBar {
    let template = "{bar:30} {pos}/{len} submissions, {eta} left  {wide_msg}";
    let bar = term::progress(!arguments.no_progress && !arguments.quiet, template);
    bar.set_length(length as u64);
    bar
}

fn try_run(arguments: &Class, dir: &Path, out: &Path, containment: &Containment) -> Result<Exit, Exit> {
    let grade = as_grade(arguments);
    let grading::Prepared { catalogue, rubric, backend } = grading::prepare(&grade, false, containment)?;
    let setup = grading::setup(containment, false);
    let options = Options { jobs: RUNS, ..grading::options(&grade, &rubric, backend, setup) };
    let rubric_sha256 = arguments.rubric.as_ref().map(|_| rubric.sha256()).unwrap_or_default();
    let in_order = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let mut anonymity = arguments.anonymous.as_deref().map(|file| key(file, out)).transpose()?;
    let settings = Settings {
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        catalogue_sha256: catalogue.sha256.clone(),
        rubric: rubric.name().to_owned(),
        rubric_sha256,
        seed: arguments.seed,
        backend: backend.as_str().to_owned(),
        real_sockets_too: options.real_sockets_too,
        repeat: options.repeat,
        build_limit_ms: arguments.timeout.map(|limit| u64::try_from(limit.0.as_millis()).unwrap_or(u64::MAX)),
        bounds: arguments.bounds,
        tasks: in_order(&arguments.task),
        requirements: in_order(&arguments.requirement),
        scenarios: in_order(&arguments.scenario),
        anonymous: anonymity.as_ref().map(Anonymity::fingerprint),
    };
    if arguments.times.is_some() && rubric.late().is_none() {
        grading::complain(
            "--times says something to a rubric with a late policy only: --rubric FILE, with [late] in it",
        );
        return Err(Exit::Usage);
    }
    if arguments.times == Some(times::Source::Files) && !dir.is_dir() {
        grading::complain(&format!(
            "--times files: {} is an archive; unpack it with a program that keeps the times of files, or give a table",
            dir.display()
        ));
        return Err(Exit::Usage);
    }
    let (folder, _unpacked) = roster::open(dir).map_err(|error| failed(&error))?;
    let mut roster = Roster::find(settings.clone(), &folder, out).map_err(|error| failed(&error))?;
    no_class(dir, &roster)?;
    let casts = casts_of(arguments.cast.as_deref(), &catalogue, &roster)?;
    roster.showing = Showing { late: rubric.late().cloned(), hide: arguments.hide.then(|| rubric.held_back().clone()) };
    if let (Some(source), Some(policy)) = (&arguments.times, rubric.late()) {
        times::note(&mut roster, source, &folder, *policy.due.0.offset()).map_err(|error| failed(&error))?;
    }
    let store = Store::create(out).map_err(|error| failed(&error))?;
    let workers = workers(arguments);
    if let Some(shares) = arguments.slurm {
        return job_script(arguments, dir, &store, &roster, shares, workers);
    }
    let filter = grading::filter(&grade);
    let build_limit = grading::build_limit(&grade);
    let scrubber =
        anonymity.as_ref().map(|it| Scrubber::new(anonymous::terms(&roster, it), &scrub::vocabulary(&catalogue)));
    if let Some(anonymity) = &mut anonymity {
        anonymity.rename(&mut roster).map_err(|error| failed(&error))?;
    }
    let (catalogue, rubric) = (&catalogue, &rubric);
    let grader = Grader { catalogue, rubric, filter, options, build_limit, settings, folder, casts, scrubber };
    look_at_all(&grader, &mut roster, arguments, workers);
    let written = match &grader.scrubber {
        Some(scrubber) => Anonymity::written(&roster, scrubber),
        None => roster.clone(),
    };
    store.write_roster(&written, arguments.shard).map_err(|error| failed(&error))?;
    let (work, there) = to_do(&roster, &store);
    if !arguments.quiet && there > 0 {
        term::say(&format!("{} there already, {} to be graded", counted(there, "result"), work.len()));
    }
    let bar = progress(arguments, work.len());
    let graded = grade_all(&grader, &work, &store, workers, &|name| {
        bar.set_message(escape::line(name));
        bar.inc(1);
    });
    bar.finish_and_clear();
    graded.map_err(|error| failed(&error))?;
    if let Some(shard) = arguments.shard {
        let own = roster.submissions.keys().filter(|name| shard.holds(name)).count();
        if !arguments.quiet {
            term::print(&format!(
                "share {shard}: {} of {}. When all shares are there: harness merge {}\n",
                own,
                counted(roster.submissions.len(), "submission"),
                out.display()
            ));
        }
        return Ok(Exit::Passed);
    }
    let export =
        arguments.gradebook.as_ref().map(|file| Export { file: file.clone(), column: arguments.column.clone() });
    let written = write_all(&store, &written, export.as_ref()).map_err(|error| failed(&error))?;
    if !arguments.quiet {
        term::print(&summary(&written, out));
        if let Some(file) = &arguments.anonymous {
            term::print(&format!("{}: whose the pseudonyms are; keep it apart\n", file.display()));
        }
    }
    Ok(exit_of(&written.overview))
}

/// The key of the pseudonyms, which must not lie with the results.
fn key(file: &Path, out: &Path) -> Result<Anonymity, Exit> {
    let out = out.canonicalize().unwrap_or_else(|_| absolute(out));
    let folder = absolute(file).parent().map(Path::to_owned).unwrap_or_default();
    let folder = folder.canonicalize().unwrap_or(folder);
    if folder.starts_with(&out) {
        grading::complain(&format!(
            "--anonymous {}: whoever gets {} would get the names with it; put the key elsewhere",
            file.display(),
            out.display()
        ));
        return Err(Exit::Usage);
    }
    Anonymity::open(file).map_err(|error| failed(&error))
}

/// The flags as those of `grade`, which reads the same of them.
fn as_grade(arguments: &Class) -> Grade {
    Grade {
        task: arguments.task.clone(),
        requirement: arguments.requirement.clone(),
        scenario: arguments.scenario.clone(),
        backend: arguments.backend,
        seed: arguments.seed,
        timeout: arguments.timeout,
        bounds: arguments.bounds,
        repeat: arguments.repeat,
        rubric: arguments.rubric.clone(),
        scenarios: arguments.scenarios.clone(),
        quiet: arguments.quiet,
        ..Grade::default()
    }
}

/// Opens every submission of the share far enough to know its key.
fn look_at_all(grader: &Grader<'_>, roster: &mut Roster, arguments: &Class, workers: usize) {
    let own = |name: &String| arguments.shard.is_none_or(|shard| shard.holds(name));
    let seen = Mutex::new(BTreeMap::new());
    let items: Vec<_> = roster.submissions.iter().filter(|(name, _)| own(name)).collect();
    side_by_side(&items, workers, |(name, submission)| {
        let found = grader.look(submission);
        if let Ok(mut seen) = seen.lock() {
            seen.insert((*name).clone(), found);
        }
    });
    for (name, found) in seen.into_inner().unwrap_or_default() {
        if let Some(submission) = roster.submissions.get_mut(&name) {
            submission.seen = Some(found);
        }
    }
}

/// What has no final result yet, each key once; and how many results are there.
fn to_do<'r>(roster: &'r Roster, store: &Store) -> (Vec<Work<'r>>, usize) {
    let mut keys = BTreeSet::new();
    let mut work = Vec::new();
    let mut there = 0;
    for (name, submission) in &roster.submissions {
        let Some(Seen::Key { key, sha256 }) = &submission.seen else { continue };
        if !keys.insert(key) {
            continue;
        }
        if store.result(key).is_some_and(|result| result.is_final()) {
            there += 1;
        } else {
            work.push(Work { key, sha256, submission, name });
        }
    }
    (work, there)
}

/// Writes the job script of an array whose tasks are this very command line's shares.
fn job_script(
    arguments: &Class,
    dir: &Path,
    store: &Store,
    roster: &Roster,
    shares: u64,
    workers: usize,
) -> Result<Exit, Exit> {
    let shares = if shares == 0 { slurm::shares(roster.submissions.len()) } else { shares };
    let out = absolute(store.root());
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("harness"));
    let file = out.join(slurm::FILE);
    let script = slurm::script(&words(arguments, &program, dir, &out), &out, shares, workers);
    write(&file, script.as_bytes()).map_err(|error| failed(&error))?;
    if !arguments.quiet {
        term::print(&format!(
            "{} in {}: sbatch {}\n",
            counted(roster.submissions.len(), "submission"),
            counted(shares, "share"),
            file.display()
        ));
    }
    Ok(Exit::Passed)
}

/// The command line of a share, without the share.
fn words(arguments: &Class, program: &Path, dir: &Path, out: &Path) -> Vec<String> {
    let path = |path: &Path| absolute(path).display().to_string();
    let mut words = vec![path(program), "class".to_owned(), path(dir), "--out".to_owned(), path(out)];
    let mut add = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
    let lists =
        [("--task", &arguments.task), ("--requirement", &arguments.requirement), ("--scenario", &arguments.scenario)];
    for (flag, ids) in lists {
        if !ids.is_empty() {
            add(flag, ids.join(","));
        }
    }
    add("--backend", arguments.backend.as_str().to_owned());
    add("--seed", arguments.seed.to_string());
    if let Some(jobs) = arguments.jobs {
        add("--jobs", jobs.to_string());
    }
    if let Some(limit) = arguments.timeout {
        add("--timeout", format!("{}ms", limit.0.as_millis()));
    }
    add("--repeat", arguments.repeat.to_string());
    let files = [("--rubric", &arguments.rubric), ("--scenarios", &arguments.scenarios), ("--cast", &arguments.cast)];
    for (flag, file) in files {
        if let Some(file) = file {
            add(flag, path(file));
        }
    }
    match &arguments.times {
        Some(times::Source::Files) => add("--times", "files".to_owned()),
        Some(times::Source::Table(file)) => add("--times", path(file)),
        None => {}
    }
    if let Some(file) = &arguments.anonymous {
        add("--anonymous", path(file));
    }
    if arguments.hide {
        words.push("--hide".to_owned());
    }
    words.push("--no-progress".to_owned());
    words
}

/// What an instructor sees first.
pub fn summary(written: &Written, out: &Path) -> String {
    let overview = &written.overview;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    overview.rows.iter().for_each(|row| *counts.entry(row.status()).or_default() += 1);
    let counts: Vec<String> = counts.into_iter().map(|(status, count)| format!("{count} {status}")).collect();
    let mut text = format!("{}: {}\n", counted(overview.rows.len(), "submission"), counts.join(", "));
    let troubled: Vec<_> = overview.rows.iter().filter_map(|row| Some((row, row.trouble()?))).collect();
    for (row, why) in &troubled {
        let why = crate::report::style::cut(&escape::line(why.lines().next().unwrap_or_default()), 100);
        text.push_str(&format!("  {} ({}): {why}\n", escape::line(&row.name), row.status()));
    }
    let unknown =
        overview.digests().filter(|(row, digest)| digest.late.is_some() && row.submission.submitted.is_none());
    match unknown.count() {
        0 => {}
        count => text.push_str(&format!(
            "it is not known when {} handed in (--times): nothing is taken off for lateness there\n",
            if count == 1 { "1 submission was".to_owned() } else { format!("{count} submissions were") }
        )),
    }
    for note in &written.notes {
        text.push_str(&format!("{note}\n"));
    }
    for (file, what) in [
        ("gradebook.csv", "the points"),
        ("class.html", "what the class missed"),
        ("students", "a report for each"),
        ("feedback.zip", "these reports under the learning system's own names, to be uploaded"),
    ] {
        text.push_str(&format!("{}: {what}\n", out.join(file).display()));
    }
    text
}

/// How a class comes out: students may fail, the harness may not.
pub fn exit_of(overview: &Overview) -> Exit {
    let unfinished = |state: &State| matches!(state, State::HarnessError(_));
    let broken = overview
        .rows
        .iter()
        .any(|row| unfinished(&row.state) || matches!(&row.state, State::Graded(digest) if !digest.is_whole()));
    if broken { Exit::Harness } else { Exit::Passed }
}

/// Says what kept a class from being graded.
pub fn failed(error: &ClassError) -> Exit {
    grading::complain(&error.to_string());
    match error {
        ClassError::Io { error, .. } if error.kind() != std::io::ErrorKind::NotFound => Exit::Harness,
        ClassError::Io { .. }
        | ClassError::Foreign { .. }
        | ClassError::Unlike { .. }
        | ClassError::NoClass(_)
        | ClassError::Times { .. } => Exit::Usage,
        ClassError::Refused { .. } => Exit::NotGradable,
        ClassError::Export(
            ExportError::NoTable(_)
            | ExportError::NoStudents(_)
            | ExportError::WhichColumn(_)
            | ExportError::NoColumn { .. },
        ) => Exit::Usage,
    }
}
