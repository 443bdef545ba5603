//! `harness interop`: every client with every server.

use std::path::{Path, PathBuf};

use harness_os::namespace::Containment;
use tempfile::TempDir;

use super::arguments::{Grade, Interop as Arguments, TextFormat};
use super::{Exit, class, grading, term};
use crate::class::roster::{self, Roster};
use crate::class::settings::Settings;
use crate::class::store::write;
use crate::grade::Options;
use crate::interop::blame::Outcome;
use crate::interop::entrants::{self, Candidate, Opening};
use crate::interop::matrix::{Interop, LeftOut, SCHEMA};
use crate::interop::play::Field;
use crate::interop::{page, show};
use crate::report::escape;
use crate::submission::archive;

/// Puts every client together with every server.
pub fn run(arguments: &Arguments, containment: &Containment) -> Exit {
    match try_run(arguments, containment) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn try_run(arguments: &Arguments, containment: &Containment) -> Result<Exit, Exit> {
    let grade = as_grade(arguments);
    let grading::Prepared { catalogue, backend, rubric } = grading::prepare(&grade, false, containment)?;
    let setup = grading::setup(containment, false);
    let workers = arguments.jobs.unwrap_or_else(|| grading::default_jobs().div_ceil(2)).max(1);
    let (candidates, _unpacked) = candidates(arguments)?;
    let opening = Opening {
        catalogue: &catalogue,
        tasks: arguments.task.clone(),
        setup: setup.clone(),
        build_limit: grading::build_limit(&grade),
        program: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("harness")),
        workers,
    };
    let shown = !arguments.no_progress && !arguments.quiet;
    let bar = term::progress(shown, "{bar:30} {pos}/{len} submissions met  {wide_msg}");
    bar.set_length(candidates.len() as u64);
    let entrants = opening.open(&candidates, &|name| {
        bar.set_message(escape::line(name));
        bar.inc(1);
    });
    bar.finish_and_clear();
    let entrants = entrants.map_err(|error| {
        grading::complain(&format!("cannot make a folder: {error}"));
        Exit::Harness
    })?;
    let options = Options { jobs: 1, look_into_failures: false, ..grading::options(&grade, &rubric, backend, setup) };
    let field = Field { catalogue: &catalogue, options, workers };
    let tasks = entrants::tasks(&catalogue, &entrants.all);
    let mut played = Vec::new();
    for task in tasks {
        let bar = term::progress(shown, "{bar:30} {pos}/{len} pairs, {eta} left  {wide_msg}");
        bar.set_message(task.id().to_owned());
        let matrix = field.matrix(task, &entrants.all, &|done, all| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        });
        bar.finish_and_clear();
        played.extend(matrix);
    }
    let broken = entrants.broken;
    let left_out: Vec<LeftOut> = entrants.left_out.into_iter().map(|(name, why)| LeftOut { name, why }).collect();
    if played.is_empty() {
        nothing(arguments, &left_out);
        return Err(if broken { Exit::Harness } else { Exit::NotGradable });
    }
    let interop = Interop {
        schema: SCHEMA,
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        seed: arguments.seed,
        backend: backend.as_str().to_owned(),
        all_work: played.iter().flat_map(|task| &task.pairs).all(|pair| pair.status == Outcome::Ok),
        tasks: played,
        left_out,
    };
    hand_out(arguments, &interop)?;
    Ok(exit_of(&interop, broken))
}

/// The flags as those of `grade`, which reads the same of them.
fn as_grade(arguments: &Arguments) -> Grade {
    Grade {
        task: arguments.task.clone(),
        backend: arguments.backend,
        seed: arguments.seed,
        timeout: arguments.timeout,
        repeat: 1,
        scenarios: arguments.scenarios.clone(),
        quiet: arguments.quiet,
        ..Grade::default()
    }
}

/// The submissions that are named, or that lie in the one folder that is. Unpacked, they live as long as the second
/// value.
fn candidates(arguments: &Arguments) -> Result<(Vec<Candidate>, Option<TempDir>), Exit> {
    for path in &arguments.dirs {
        if !path.exists() {
            grading::complain(&format!("{}: there is no such file or folder", path.display()));
            return Err(Exit::Usage);
        }
    }
    let [only] = arguments.dirs.as_slice() else { return Ok((entrants::of_paths(&arguments.dirs), None)) };
    let name = only.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let lone = only.is_file() && archive::stem(&name).is_none();
    if entrants::is_submission(only) || lone {
        return Ok((entrants::of_paths(&arguments.dirs), None));
    }
    let (folder, unpacked) = roster::open(only).map_err(|error| class::failed(&error))?;
    // What lies in the folder already from an earlier call is no submission.
    let out = arguments.out.clone().unwrap_or_else(|| folder.join(".out"));
    let roster = Roster::find(Settings::default(), &folder, &out).map_err(|error| class::failed(&error))?;
    let found = entrants::of_class(&roster, &folder);
    if found.is_empty() {
        grading::complain(&format!(
            "{}: there is no submission: neither a folder nor an archive nor a program",
            only.display()
        ));
        return Err(Exit::NotGradable);
    }
    Ok((found, unpacked))
}

/// Says why there is no matrix.
fn nothing(arguments: &Arguments, left_out: &[LeftOut]) {
    let of = match arguments.task.as_slice() {
        [] => "of any task".to_owned(),
        tasks => format!("of {}", tasks.join(", ")),
    };
    grading::complain(&format!(
        "there is no client and no server {of} that could be put together with another's (tasks whose programs meet: \
         those with `together` in their task.toml)"
    ));
    for out in left_out {
        term::say(&format!(
            "  {}: {}",
            escape::line(&out.name),
            escape::line(out.why.lines().next().unwrap_or_default())
        ));
    }
}

fn hand_out(arguments: &Arguments, interop: &Interop) -> Result<(), Exit> {
    let unwritten = |why: String| {
        grading::complain(&format!("cannot write the matrix: {why}"));
        Exit::Harness
    };
    let json = serde_json::to_string_pretty(interop).map_err(|error| unwritten(error.to_string()))? + "\n";
    if let Some(out) = &arguments.out {
        let file = |name: &str, text: &str| write(&Path::new(out).join(name), text.as_bytes());
        std::fs::create_dir_all(out).map_err(|error| unwritten(format!("{}: {error}", out.display())))?;
        file("interop.json", &json)
            .and_then(|()| file("interop.md", &page::render(interop)))
            .map_err(|error| unwritten(error.to_string()))?;
    }
    if !arguments.quiet {
        term::print(&match arguments.format {
            TextFormat::Human => show::render(interop, term::stdout_style(arguments.color)),
            TextFormat::Json => json,
        });
    }
    Ok(())
}

/// How the whole comes out: the first that applies.
fn exit_of(interop: &Interop, broken: bool) -> Exit {
    let control = |task: &crate::interop::matrix::TaskMatrix| {
        let both = [task.clients.first(), task.servers.first()];
        both.into_iter().flatten().all(|it| it.with_reference == Outcome::Ok)
    };
    if broken || !interop.tasks.iter().all(control) {
        Exit::Harness
    } else if interop.all_work && interop.left_out.is_empty() {
        Exit::Passed
    } else {
        Exit::Failed
    }
}
