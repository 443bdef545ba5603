//! `harness handout`.

use super::arguments::Handout;
use super::{Exit, term};
use harness_language::catalogue::handout;
use harness_language::scenario::problem::suggestion;

/// Prints the handout of a task, or a section of it.
pub fn run(arguments: &Handout) -> Exit {
    let catalogue = match term::catalogue(arguments.scenarios.as_deref()) {
        Ok(catalogue) => catalogue,
        Err(exit) => return exit,
    };
    let Some(task) = catalogue.task(&arguments.task) else {
        term::say(&format!("harness: {}", catalogue.no_task(&arguments.task)));
        return Exit::Usage;
    };
    match &arguments.section {
        None => term::print(&task.handout),
        Some(section) => match handout::find(&task.handout, section) {
            Some(text) => term::print(text),
            None => {
                let known: Vec<&str> = handout::headings(&task.handout).collect();
                let hint = suggestion(section, known.iter().copied(), || "see the list below".to_owned());
                term::say(&format!("harness: the handout of {} has no section `{section}`: {hint}", task.id()));
                known.iter().for_each(|heading| term::say(&format!("  {heading}")));
                return Exit::Usage;
            }
        },
    }
    Exit::Passed
}
