//! `harness present`: a report for the lecture hall.

use std::path::{Path, PathBuf};

use super::arguments::Present;
use super::{Exit, last, term};
use crate::report::html::present;
use crate::report::json;
use crate::report::model::{Report, RunReport};

/// Writes the page, and says where it is.
pub fn run(arguments: &Present) -> Exit {
    match try_run(arguments) {
        Ok(page) => {
            term::print(&format!("{}\n", page.display()));
            Exit::Passed
        }
        Err(why) => {
            term::say(&format!("harness: {why}"));
            Exit::Usage
        }
    }
}

fn try_run(arguments: &Present) -> Result<PathBuf, String> {
    let mut report = read(arguments.report.as_deref())?;
    let catalogue = term::catalogue(arguments.scenarios.as_deref()).map_err(|_| "the catalogue cannot be read")?;
    // The JSON report has no titles.
    for found in report.tasks.iter_mut().flat_map(|task| &mut task.requirements) {
        if let Some((_, requirement)) = catalogue.requirement(&found.id) {
            found.title.clone_from(&requirement.title);
        }
    }
    let beside = arguments.report.as_deref().and_then(Path::parent);
    let transcript = |run: &RunReport| -> Vec<String> {
        let file = beside.zip(run.evidence.transcript.as_deref()).map(|(folder, file)| folder.join(file));
        let text = file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        // The run's id and an empty line; what the programs left stands after another one.
        text.lines().skip(2).take_while(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    let page = match (&arguments.out, beside) {
        (Some(out), _) => out.clone(),
        (None, Some(folder)) => folder.join("present.html"),
        (None, None) => PathBuf::from("present.html"),
    };
    std::fs::write(&page, present::render(&report, &transcript))
        .map_err(|error| format!("{}: {error}", page.display()))?;
    Ok(page)
}

fn read(named: Option<&Path>) -> Result<Report, String> {
    let Some(path) = named else {
        let last = last::read().map(|(report, _)| report);
        return last.ok_or_else(|| "there is no last report: grade first, or name a report.json".to_owned());
    };
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    json::from_json(&text).map_err(|error| format!("{}: {error}", path.display()))
}
