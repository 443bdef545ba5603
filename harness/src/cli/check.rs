//! `harness check`: scenario folders, manifests, rubrics.

use std::path::Path;

use harness_judging::shown::counted;

use super::arguments::Check;
use super::{Exit, term};
use crate::grade::Rubric;
use crate::submission::manifest::{self, Manifest};
use harness_language::catalogue::model::{Level, Requirement};
use harness_language::catalogue::{Catalogue, CatalogueError};
use harness_language::scenario::problem::{Problems, Source};

/// Checks what a path holds.
pub fn run(arguments: &Check) -> Exit {
    let path = &arguments.path;
    if !path.exists() {
        term::say(&format!("harness: {}: there is no such file or folder", path.display()));
        return Exit::Usage;
    }
    if path.is_dir() && !path.join(manifest::FILE).exists() {
        return check_catalogue(path);
    }
    let catalogue = match term::catalogue(arguments.scenarios.as_deref()) {
        Ok(catalogue) => catalogue,
        Err(exit) => return exit,
    };
    let file = if path.is_dir() { path.join(manifest::FILE) } else { path.clone() };
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => {
            term::say(&format!("harness: {}: {error}", file.display()));
            return Exit::Usage;
        }
    };
    let source = Source::new(file.display().to_string(), text);
    let is_manifest = file.file_name().is_some_and(|name| name == manifest::FILE);
    let checked = if is_manifest {
        Manifest::read(&source, &catalogue).map(|manifest| {
            let programs: usize = manifest.tasks.values().map(std::collections::BTreeMap::len).sum();
            format!(
                "{}: a manifest of {} for {}",
                source.name,
                counted(programs, "program"),
                counted(manifest.tasks.len(), "task")
            )
        })
    } else {
        Rubric::parse(&source, &catalogue).map(|rubric| format!("{}: the rubric `{}`", source.name, rubric.name()))
    };
    report(checked)
}

fn check_catalogue(path: &Path) -> Exit {
    match Catalogue::from_folder(path) {
        Ok(catalogue) => {
            let requirements: usize = catalogue.tasks.iter().map(|task| task.file.requirements.len()).sum();
            let scenarios: usize = catalogue.tasks.iter().map(|task| task.scenarios().len()).sum();
            let gaps = undecided(&catalogue);
            for gap in &gaps {
                term::say(&format!("harness: {gap}: no scenario decides it"));
            }
            let text = format!(
                "{}: {}, {}, {}\n",
                path.display(),
                counted(catalogue.tasks.len(), "task"),
                counted(requirements, "requirement"),
                counted(scenarios, "scenario")
            );
            term::print(&text);
            if gaps.is_empty() { Exit::Passed } else { Exit::Usage }
        }
        Err(CatalogueError::Problems(problems)) => report(Err(problems)),
        Err(error) => {
            term::say(&format!("harness: {error}"));
            Exit::Usage
        }
    }
}

/// Requirements that no scenario decides.
pub fn undecided(catalogue: &Catalogue) -> Vec<String> {
    let mut gaps = Vec::new();
    for task in &catalogue.tasks {
        // What may be is taught, also where nothing can show it.
        let expected = |it: &&Requirement| it.level != Level::May;
        for requirement in task.file.requirements.iter().filter(expected) {
            for role in &requirement.roles {
                let id = task.full_id(requirement);
                let decided =
                    task.scenarios().iter().any(|scenario| &scenario.role == role && scenario.decides.contains(&id));
                if !decided {
                    gaps.push(format!("{id} ({role})"));
                }
            }
        }
    }
    gaps
}

fn report(checked: Result<String, Problems>) -> Exit {
    match checked {
        Ok(text) => {
            term::print(&format!("{text}\n"));
            Exit::Passed
        }
        Err(problems) => {
            term::say(&problems.render(term::stderr_color()));
            term::say(&format!("harness: {} found", counted(problems.0.len(), "problem")));
            Exit::Usage
        }
    }
}
