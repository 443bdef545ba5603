//! `harness diff`: what changed between two reports, or two gradings of a class.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use super::arguments::{Diff, TextFormat};
use super::{Exit, class, grading, term};
use crate::class::overview::Overview;
use crate::class::store::Store;
use crate::compare::{classes, human, reports};
use crate::report::json;
use crate::report::model::Report;

/// Compares two gradings.
pub fn run(arguments: &Diff) -> Exit {
    match try_run(arguments) {
        Ok(exit) | Err(exit) => exit,
    }
}

/// What a path holds.
enum Graded {
    Report(Box<Report>),
    Class(Box<Overview>),
}

fn try_run(arguments: &Diff) -> Result<Exit, Exit> {
    let (before, after) = (read(&arguments.before)?, read(&arguments.after)?);
    let (same, text) = match (before, after) {
        (Graded::Report(before), Graded::Report(after)) => {
            let found = reports::compare(&before, &after);
            (found.same, said(arguments.format, &found, human::of_reports))
        }
        (Graded::Class(before), Graded::Class(after)) => {
            let found = classes::compare(&before, &after);
            (found.same, said(arguments.format, &found, human::of_classes))
        }
        _ => {
            grading::complain(&format!(
                "{} and {}: one is a report and one a whole class; give two reports, or two folders of `harness class`",
                arguments.before.display(),
                arguments.after.display()
            ));
            return Err(Exit::Usage);
        }
    };
    if !arguments.quiet {
        term::print(&text);
    }
    Ok(if same { Exit::Passed } else { Exit::Failed })
}

fn said<D: serde::Serialize>(format: TextFormat, found: &D, human: impl Fn(&D) -> String) -> String {
    match format {
        TextFormat::Human => human(found),
        TextFormat::Json => json::visible(found),
    }
}

fn read(path: &Path) -> Result<Graded, Exit> {
    if path.is_dir() && !path.join("report.json").is_file() {
        let store = Store::open(path).map_err(|error| class::failed(&error))?;
        let (roster, _) = store.roster().map_err(|error| class::failed(&error))?;
        return match Overview::draw(&roster, |key| store.result(key), |_, _| Ok::<(), Infallible>(())) {
            Ok(overview) => Ok(Graded::Class(Box::new(overview))),
            Err(never) => match never {},
        };
    }
    let file: PathBuf = if path.is_dir() { path.join("report.json") } else { path.to_owned() };
    let complain = |why: String| {
        grading::complain(&format!("{}: {why}", file.display()));
        Exit::Usage
    };
    let text = std::fs::read_to_string(&file).map_err(|error| complain(error.to_string()))?;
    json::from_json(&text).map(|report| Graded::Report(Box::new(report))).map_err(|error| complain(error.to_string()))
}
