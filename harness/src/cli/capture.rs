//! `harness capture`: what a packet capture shows.

use super::arguments::{Capture, TextFormat};
use super::{Exit, term};
use crate::capture::read;
use crate::capture::show::Showing;
use harness_language::scenario::problem::nearest;

/// Looks at a capture with a task's eyes: 0 if the exchange is shown, 1 if it is not or in part.
pub fn run(arguments: &Capture) -> Exit {
    let catalogue = match term::catalogue(arguments.scenarios.as_deref()) {
        Ok(catalogue) => catalogue,
        Err(exit) => return exit,
    };
    let complain = |message: &str| {
        term::say(&format!("harness: {message}"));
        Exit::Usage
    };
    let Some(task) = catalogue.task(&arguments.task) else {
        let near = nearest(&arguments.task, catalogue.tasks.iter().map(|task| task.id()));
        let hint = near.map_or_else(|| "see `harness list`".to_owned(), |near| format!("did you mean `{near}`?"));
        return complain(&format!("there is no task `{}`: {hint}", arguments.task));
    };
    let Some(wanted) = &task.file.evidence else {
        return complain(&format!("{}: its task.toml has no [evidence] to look for in a capture", task.id()));
    };
    let contents = match read::file(&arguments.file) {
        Ok(contents) => contents,
        Err(error) => return complain(&error.to_string()),
    };
    let showing = Showing::of(&arguments.file.display().to_string(), &contents, task, wanted);
    term::print(&match arguments.format {
        TextFormat::Human => showing.human(),
        TextFormat::Json => showing.json(),
    });
    if showing.is_shown() { Exit::Passed } else { Exit::Failed }
}
