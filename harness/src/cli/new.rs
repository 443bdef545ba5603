//! `harness new`: a starter, written into a folder.

use std::io;
use std::path::Path;

use super::arguments::New;
use super::{Exit, term};
use crate::starter;

/// Writes the starter of a task.
pub fn run(arguments: &New) -> Exit {
    let catalogue = match term::catalogue(arguments.scenarios.as_deref()) {
        Ok(catalogue) => catalogue,
        Err(exit) => return exit,
    };
    let Some(task) = catalogue.task(&arguments.task) else {
        term::say(&format!("harness: {}", catalogue.no_task(&arguments.task)));
        return Exit::Usage;
    };
    let folder = &arguments.folder;
    if let Err(exit) = free(folder, "a starter") {
        return exit;
    }
    let files = starter::files(task, arguments.lang, arguments.scenarios.is_some());
    for (name, text) in &files {
        if let Err(error) = write(&folder.join(name), text) {
            term::say(&format!("harness: {}: {error}", folder.join(name).display()));
            return Exit::Harness;
        }
    }
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    term::print(&format!(
        "{}: a starter for {} in {}: {}\n",
        folder.display(),
        task.id(),
        arguments.lang.title(),
        names.join(", ")
    ));
    let own = arguments.scenarios.as_ref().map(|tasks| format!("--scenarios {} ", tasks.display())).unwrap_or_default();
    term::print(&format!("next: read {0}/README.md, then harness {own}--target {0}\n", folder.display()));
    Exit::Passed
}

/// Says so if something is in a folder that is to be written to.
pub(super) fn free(folder: &Path, what: &str) -> Result<(), Exit> {
    let why = match is_free(folder) {
        Ok(true) => return Ok(()),
        Ok(false) => format!("there is something already; {what} goes into a new or empty folder"),
        Err(error) => error.to_string(),
    };
    term::say(&format!("harness: {}: {why}", folder.display()));
    Err(Exit::Usage)
}

/// Whether nothing is there that would be mixed with the starter.
fn is_free(folder: &Path) -> io::Result<bool> {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(above) = path.parent() {
        std::fs::create_dir_all(above)?;
    }
    std::fs::write(path, text)
}
