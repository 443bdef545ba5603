//! `harness lab`: the lab questions, answered by experiment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use harness_os::namespace::Containment;

use super::arguments::{Backend, Color, Lab as Arguments};
use super::{Exit, grading, term};
use crate::capture;
use crate::lab::Lab;
use crate::lab::model::{Experiment, Question};
use crate::lab::play::{Bench, Played};
use crate::lab::show;
use crate::run::End;
use crate::submission::open::{self, Opened, Request};
use harness_language::scenario::model::BackendName;

/// Answers one question, or all.
pub fn run(arguments: &Arguments, containment: &Containment) -> Exit {
    match try_run(arguments, containment) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn complain(message: &str) {
    term::say(&format!("harness: {message}"));
}

/// The backend that a choice comes to; `auto` takes the simulated network where it can.
fn backend(choice: Backend, reference: bool) -> Result<BackendName, Exit> {
    grading::backend(choice, reference, false).map_err(|why| {
        complain(&why);
        Exit::Usage
    })
}

fn try_run(arguments: &Arguments, containment: &Containment) -> Result<Exit, Exit> {
    let catalogue = term::catalogue(None)?;
    let lab = Lab::built_in().map_err(|problems| {
        term::say(&problems.render(term::stderr_color()));
        Exit::Usage
    })?;
    let questions: Vec<(u32, &Question)> = match arguments.question {
        None => lab.questions().iter().map(|(number, question)| (*number, question)).collect(),
        Some(number) => match lab.questions().get(&number) {
            Some(question) => vec![(number, question)],
            None => {
                let known: Vec<String> =
                    lab.questions().iter().map(|(number, it)| format!("  {number}  {}", it.title)).collect();
                complain(&format!("there is no question {number}; there are\n{}", known.join("\n")));
                return Err(Exit::Usage);
            }
        },
    };
    let target = arguments.target.as_deref().filter(|path| *path != Path::new("reference"));
    let backend = backend(arguments.backend, target.is_none())?;
    let mut setup = grading::setup(containment, false);
    let opened: Option<Opened> = match target {
        None => None,
        Some(path) => {
            let request = Request { target: Some(path.to_owned()), ..Request::default() };
            let opened = open::open(&request, &catalogue, &setup).map_err(|error| grading::open_error(&error))?;
            opened.notes.iter().for_each(|note| term::say(note));
            Some(opened)
        }
    };
    setup.sniff = true;
    let empty = tempfile::tempdir().map_err(|error| {
        complain(&format!("cannot make a folder: {error}"));
        Exit::Harness
    })?;
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("harness"));
    crate::sandbox::open_model_answers(&program);
    let bench = Bench {
        lab: &lab,
        catalogue: &catalogue,
        target: opened.as_ref().map(|opened| &opened.casts),
        program: &program,
        empty: empty.path(),
        backend,
        seed: arguments.seed,
        setup,
    };
    let style = term::stdout_style(Color::Auto);
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, question) in questions {
        term::print(&show::heading(number, question, style));
        for experiment in question.experiments.iter().filter(|it| target.is_some() || !it.only_with_target) {
            let played = bench.play(experiment).map_err(|why| {
                term::say(&why);
                Exit::Usage
            })?;
            let capture = match (&arguments.out, &played) {
                (Some(out), Some(played)) => keep(&bench, out, number, experiment, played).map_err(|error| {
                    complain(&format!("cannot write evidence: {error}"));
                    Exit::Harness
                })?,
                _ => None,
            };
            *ends.entry(how(played.as_ref())).or_default() += 1;
            term::print(&show::experiment(&bench, experiment, played.as_ref(), capture.as_deref(), style));
        }
        term::print(&(show::why(question, style) + "\n"));
    }
    Ok(match (ends.get("harness"), ends.get("played")) {
        (Some(_), _) => Exit::Harness,
        (None, None) => Exit::NotGradable,
        (None, Some(_)) => Exit::Passed,
    })
}

/// What became of an experiment.
fn how(played: Option<&Played>) -> &'static str {
    match played.map(|played| &played.record.end) {
        Some(End::Played | End::Failed(_)) => "played",
        Some(End::Harness(_)) => "harness",
        None | Some(End::NotGradable(_) | End::Skipped(_)) => "nothing",
    }
}

/// Writes the transcript, the calls and the capture of an experiment; returns where the capture is.
fn keep(
    bench: &Bench<'_>,
    out: &Path,
    number: u32,
    experiment: &Experiment,
    played: &Played,
) -> std::io::Result<Option<PathBuf>> {
    std::fs::create_dir_all(out)?;
    let path = |ending: &str| out.join(format!("{number}-{}.{ending}", experiment.name));
    let lines = crate::run::transcript::lines(&played.record.events, true);
    std::fs::write(path("transcript.txt"), bench.shown(&lines.join("\n")) + "\n")?;
    if !played.record_of_calls.is_empty() {
        std::fs::write(path("calls.txt"), &played.record_of_calls)?;
    }
    if played.frames.is_empty() {
        return Ok(None);
    }
    capture::write(&path("pcap"), played.link, &played.frames, &played.record.secrets)?;
    Ok(Some(path("pcap")))
}
