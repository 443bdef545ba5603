//! `harness package`: what a course platform is given.

use std::path::Path;

use super::arguments::Package;
use super::{Exit, grading, term};
use crate::grade::{Rubric, RubricError};
use crate::package::{self, Order, Platform};

/// GitHub takes no larger file into a repository, in bytes.
const LARGEST_IN_REPOSITORY: u64 = 100 << 20;

/// How a harness is built that may be given out.
const LIGHT: &str =
    "cargo build --release -p harness --no-default-features --features remote --target-dir target/package";

/// Makes a package.
pub fn run(arguments: &Package) -> Exit {
    match try_run(arguments) {
        Ok(()) => Exit::Passed,
        Err(exit) => exit,
    }
}

fn try_run(arguments: &Package) -> Result<(), Exit> {
    let catalogue = term::catalogue(arguments.scenarios.as_deref())?;
    for id in &arguments.task {
        if catalogue.task(id).is_none() {
            grading::complain(&catalogue.no_task(id));
            return Err(Exit::Usage);
        }
    }
    if let Some(path) = &arguments.rubric {
        Rubric::read(path, &catalogue).map_err(|error| {
            match &error {
                RubricError::Problems(problems) => term::say(&problems.render(term::stderr_color())),
                RubricError::Unreadable { .. } => grading::complain(&error.to_string()),
            }
            Exit::Usage
        })?;
    }
    let harness = match &arguments.harness {
        Some(file) => file.clone(),
        None => std::env::current_exe().map_err(|error| {
            grading::complain(&format!("this program's own file cannot be found ({error}): name it with --harness"));
            Exit::Harness
        })?,
    };
    warn_of_size(arguments, &harness);
    let order = Order {
        tasks: arguments.task.clone(),
        languages: arguments.lang.clone(),
        harness,
        rubric: arguments.rubric.clone(),
        scenarios: arguments.scenarios.clone(),
    };
    let cannot = |what: &Path, error: std::io::Error| {
        grading::complain(&format!("{}: {error}", what.display()));
        Exit::Usage
    };
    let items = package::items(arguments.platform, &order).map_err(|error| {
        grading::complain(&error.to_string());
        Exit::Usage
    })?;
    if items.iter().any(package::Item::has_answers) {
        grading::complain(&format!(
            "this harness has the model answers in it, and students may get at what is in a package. Build one without them \
             and pack that:\n  {LIGHT}\n  harness package … --harness target/package/release/harness"
        ));
        return Err(Exit::Usage);
    }
    let out = &arguments.out;
    match arguments.platform {
        Platform::Gradescope => package::write_zip(&items, out),
        Platform::Classroom50 | Platform::Github => package::write_folder(&items, out),
    }
    .map_err(|error| cannot(out, error))?;
    let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
    term::print(&format!("{}: {}\n{}\n", out.display(), names.join(", "), next(arguments)));
    Ok(())
}

/// What is done with it now.
fn next(arguments: &Package) -> &'static str {
    match arguments.platform {
        Platform::Gradescope => {
            "next: upload it under Configure Autograder; setup.sh installs what submissions need and tries the harness there"
        }
        Platform::Classroom50 => {
            "next: copy these files to CLASSROOM/autograders/ASSIGNMENT/ in your classroom50 repository; submissions that are \
             compiled need a `runtime` with the compiler"
        }
        Platform::Github => {
            "next: commit these files to the repository that students start from; they can change them there, so look \
             at the workflow's file before you count its verdict"
        }
    }
}

fn warn_of_size(arguments: &Package, harness: &Path) {
    let Ok(size) = harness.metadata().map(|meta| meta.len()) else { return };
    if arguments.harness.is_none() && cfg!(debug_assertions) {
        term::say(&format!(
            "note: this harness is a debug build of {} MiB; a release build is smaller and faster: {LIGHT}",
            size >> 20
        ));
    }
    if arguments.platform == Platform::Github && size > LARGEST_IN_REPOSITORY {
        term::say("note: GitHub takes no file of more than 100 MiB into a repository");
    }
}
