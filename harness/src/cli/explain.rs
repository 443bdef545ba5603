//! `harness explain`.

use super::arguments::{Color, Explain};
use super::{Exit, term};
use crate::catalogue::Task;
use crate::report::explain::{Explanation, render};
use crate::scenario::problem::suggestion;

/// Prints the teaching text of a requirement, or the handout of a task.
pub fn run(arguments: &Explain) -> Exit {
    let catalogue = match term::catalogue(arguments.scenarios.as_deref()) {
        Ok(catalogue) => catalogue,
        Err(exit) => return exit,
    };
    if let Some(task) = catalogue.task(&arguments.id) {
        term::print(&task.handout);
        return Exit::Passed;
    }
    if let Some((task, requirement)) = catalogue.requirement(&arguments.id) {
        let handout = format!("scenarios/{}/handout.md, \"{}\"", task.id(), requirement.handout);
        let explanation = Explanation {
            id: &arguments.id,
            level: requirement.level,
            title: &requirement.title,
            teach: &requirement.teach,
            look_at: &requirement.look_at,
            handout: &handout,
        };
        term::print(&render(&explanation, term::stdout_style(Color::Auto)));
        return Exit::Passed;
    }
    let ids: Vec<String> =
        catalogue.tasks.iter().flat_map(|task| task.file.requirements.iter().map(|it| task.full_id(it))).collect();
    let known = ids.iter().map(String::as_str).chain(catalogue.tasks.iter().map(Task::id));
    let hint = suggestion(&arguments.id, known, || "see `harness list` and `harness list TASK`".to_owned());
    let what = if arguments.id.contains('.') { "requirement" } else { "task" };
    term::say(&format!("harness: there is no {what} `{}`: {hint}", arguments.id));
    Exit::Usage
}
