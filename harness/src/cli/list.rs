//! `harness list`.

use std::fmt::Write;

use harness_judging::shown::counted;

use super::arguments::List;
use super::{Exit, term};
use harness_language::catalogue::model::Level;
use harness_language::catalogue::{Catalogue, Task};

/// Lists tasks, or the requirements of one.
pub fn run(arguments: &List) -> Exit {
    let catalogue = match term::catalogue(arguments.scenarios.as_deref()) {
        Ok(catalogue) => catalogue,
        Err(exit) => return exit,
    };
    let Some(id) = &arguments.task else {
        term::print(&tasks(&catalogue));
        return Exit::Passed;
    };
    match catalogue.task(id) {
        Some(task) => {
            term::print(&requirements(task));
            Exit::Passed
        }
        None => {
            term::say(&format!("harness: {}", catalogue.no_task(id)));
            Exit::Usage
        }
    }
}

fn tasks(catalogue: &Catalogue) -> String {
    let mut text = String::new();
    let width = catalogue.tasks.iter().map(|task| task.id().len()).max().unwrap_or(0);
    for task in &catalogue.tasks {
        let roles: Vec<String> =
            task.file.roles.iter().map(|role| format!("{} {}", role.name, role.arguments).trim().to_owned()).collect();
        let _ = writeln!(text, "{:width$}  {}", task.id(), task.file.title);
        let _ = writeln!(
            text,
            "{:width$}  {}, {}; {}",
            "",
            counted(task.file.requirements.len(), "requirement"),
            counted(task.scenarios().len(), "scenario"),
            roles.join(" · ")
        );
    }
    text
}

fn requirements(task: &Task) -> String {
    let mut text = format!("{}: {}\n{}\n\n", task.id(), task.file.title, task.file.summary);
    let width = task.file.requirements.iter().map(|it| task.full_id(it).len()).max().unwrap_or(0);
    for requirement in &task.file.requirements {
        let level = match requirement.level {
            Level::Must => "must",
            Level::Should => "should",
            Level::May => "may",
        };
        let only = if requirement.sim_only { " [sim]" } else { "" };
        let roles = requirement.roles.join(", ");
        let _ =
            writeln!(text, "{:width$}  {level:6}  {}{only} ({roles})", task.full_id(requirement), requirement.title);
    }
    text
}
