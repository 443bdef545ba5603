//! `harness explain`.

use super::arguments::{Color, Explain};
use super::{Exit, last, term};
use crate::report::explain::{Explanation, render};
use crate::report::model::RequirementReport;
use crate::report::summary;
use harness_language::catalogue::{Catalogue, Task};
use harness_language::scenario::problem::suggestion;

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
    let full = match full_id(&arguments.id, &catalogue) {
        Ok(full) => full,
        Err(exit) => return exit,
    };
    if let Some((task, requirement)) = catalogue.requirement(&full) {
        let handout = format!("harness handout {} '{}'", task.id(), requirement.handout);
        let explanation = Explanation {
            id: &full,
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

/// The full id of a requirement that is named without its task: the only one that is called so, else the one of the
/// last report.
fn full_id(named: &str, catalogue: &Catalogue) -> Result<String, Exit> {
    if named.contains('.') {
        return Ok(named.to_owned());
    }
    let tasks = catalogue.tasks.iter().filter(|task| task.file.requirements.iter().any(|it| it.id == named));
    let all: Vec<String> = tasks.map(|task| format!("{}.{named}", task.id())).collect();
    let known = |found: &RequirementReport| all.contains(&found.id);
    let last = || {
        let (report, _) = last::read()?;
        let mut found = summary::requirements(&report).filter(|it| known(it)).map(|it| it.id.clone());
        found.next().filter(|_| found.next().is_none())
    };
    match all.as_slice() {
        [] => Ok(named.to_owned()),
        [only] => Ok(only.clone()),
        several => last().ok_or_else(|| {
            let commands: Vec<String> = several.iter().map(|id| format!("\n  harness explain {id}")).collect();
            term::say(&format!("harness: several tasks have a requirement `{named}`:{}", commands.join("")));
            Exit::Usage
        }),
    }
}
