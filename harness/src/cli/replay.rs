//! `harness replay`: one run of a report again, with its transcript.

use std::path::{Path, PathBuf};

use harness_os::namespace::Containment;

use super::arguments::{Backend, Color, Grade, Replay};
use super::origin::{self, Origin};
use super::{Exit, grading, last, term};
use crate::grade::held_back::with_seed;
use crate::report::format::Format;
use crate::report::json;
use crate::report::model::Report;
use crate::submission::fingerprint;

/// Plays a run again.
pub fn run(arguments: &Replay, containment: &Containment) -> Exit {
    let (report, made) = match read(arguments.report.as_deref()) {
        Ok(read) => read,
        Err(why) => {
            term::say(&format!("harness: {why}"));
            return Exit::Usage;
        }
    };
    let mut runs = report.tasks.iter().flat_map(|task| &task.requirements).flat_map(|requirement| &requirement.runs);
    let Some(run) = runs.find(|run| run.id == arguments.run) else {
        let ids =
            report.tasks.iter().flat_map(|task| &task.requirements).flat_map(|it| &it.runs).map(|run| run.id.as_str());
        let near = harness_language::scenario::problem::nearest(&arguments.run, ids);
        let hint = near.map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
        term::say(&format!("harness: the report has no run `{}`{hint}", arguments.run));
        return Exit::Usage;
    };
    let backend = match run.backend.as_str() {
        "turmoil" => Backend::Turmoil,
        "sim" => Backend::Sim,
        _ => Backend::Wire,
    };
    let origin = match origin(arguments, &report, made) {
        Ok(origin) => origin,
        Err(exit) => return exit,
    };
    let out = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            term::say(&format!("harness: cannot make a folder: {error}"));
            return Exit::Harness;
        }
    };
    // A run with another seed than the report's is called by it.
    let of_the_report = report.tasks.iter().flat_map(|task| &task.requirements).flat_map(|it| &it.runs);
    let mut plain = of_the_report.map(|it| &it.id).filter(|id| with_seed(id, run.seed) == run.id);
    let scenario = plain.next().unwrap_or(&run.id).clone();
    let again = Grade {
        target: origin.target,
        scenario: vec![scenario],
        one_seed: true,
        task: vec![run.id.split('/').next().unwrap_or_default().to_owned()],
        role: origin.role,
        cmd: origin.cmd,
        attach: origin.attach,
        rubric: origin.rubric,
        scenarios: origin.scenarios,
        backend,
        seed: run.seed,
        // A schedule that was drawn is drawn again; one that was found takes its place.
        schedule: run.schedule.parse().ok(),
        repeat: 1,
        out: Some(out.path().to_owned()),
        format: Format::Human,
        color: Color::Auto,
        no_progress: true,
        all: true,
        forget: true,
        ..Grade::default()
    };
    let exit = grading::run(&again, containment);
    print_transcripts(&out.path().join("runs"));
    exit
}

/// A report and how it was made, where that is known: the one that is named, else the last one.
fn read(named: Option<&Path>) -> Result<(Report, Option<Origin>), String> {
    let Some(path) = named else {
        let last = last::read().map(|(report, origin)| (report, Some(origin)));
        return last.ok_or_else(|| {
            "there is no last report: grade first, or name a report.json (harness replay REPORT RUN)".to_owned()
        });
    };
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!(
            "{}: there is no such file: leave it out for the last report, or grade with --out DIR, which writes \
             DIR/report.json",
            path.display()
        ),
        _ => format!("{}: {error}", path.display()),
    })?;
    let report = json::from_json(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok((report, Origin::beside(path)))
}

/// How the report was made, with a target that is there: what `--target` says, else what stands beside
/// the report, else what the report itself says, looked for where it may be.
fn origin(arguments: &Replay, report: &Report, known: Option<Origin>) -> Result<Origin, Exit> {
    let unknown = || Origin {
        folder: PathBuf::from("."),
        target: Some(PathBuf::from(&report.target)),
        task: Vec::new(),
        role: None,
        cmd: Vec::new(),
        attach: Vec::new(),
        rubric: None,
        scenarios: None,
    };
    let recorded = known.is_some();
    let mut origin = known.unwrap_or_else(unknown);
    let is_reference = |target: &Path| target == Path::new("reference");
    if let Some(target) = &arguments.target {
        origin.target = Some(target.clone());
        for path in [&mut origin.rubric, &mut origin.scenarios].into_iter().flatten() {
            *path = origin.folder.join(&*path);
        }
    } else if recorded {
        // Relative paths, also those in commands, start where the harness was called.
        if let Err(error) = std::env::set_current_dir(&origin.folder) {
            term::say(&format!(
                "harness: the report was made in {}, which cannot be entered ({error}); say where the submission is now: --target PATH",
                origin.folder.display()
            ));
            return Err(Exit::Usage);
        }
    } else if let Some(target) = origin.target.as_deref().filter(|target| !is_reference(target)) {
        let places = origin::candidates(target, arguments.report.as_deref().unwrap_or(Path::new(".")));
        let existing: Vec<&PathBuf> = places.iter().filter(|place| place.exists()).collect();
        let same = existing
            .iter()
            .find(|place| fingerprint::sha256(place).is_ok_and(|sha256| sha256 == report.submission_sha256));
        let Some(found) = same.or(existing.first()) else {
            let places: Vec<String> = places.iter().map(|place| format!("\n  {}", place.display())).collect();
            term::say(&format!(
                "harness: the report speaks of {}, which is at none of these places:{}\nSay where it is now: --target PATH",
                target.display(),
                places.join("")
            ));
            return Err(Exit::Usage);
        };
        origin.target = Some((*found).clone());
    }
    if let Some(target) = origin.target.as_deref().filter(|target| !is_reference(target))
        && fingerprint::sha256(target).is_ok_and(|sha256| sha256 != report.submission_sha256)
    {
        term::say(&format!("harness: {} is not what the report speaks of: its files have changed", target.display()));
    }
    Ok(origin)
}

fn print_transcripts(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "txt")) {
        if let Ok(text) = std::fs::read_to_string(file) {
            term::print(&format!("\n{text}"));
        }
    }
}
