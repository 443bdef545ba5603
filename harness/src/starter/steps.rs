//! What is to be done, in the handout's order: the comment where the work begins, and the list in the README.

use harness_language::catalogue::Task;
use harness_language::catalogue::model::{Level, Requirement, Role};

/// Columns of a comment.
const WIDTH: usize = 96;

/// Sections of the handout with the requirements that they treat, in the order in which the task names them.
fn sections<'t>(requirements: impl Iterator<Item = &'t Requirement>) -> Vec<(&'t str, Vec<&'t Requirement>)> {
    let mut sections: Vec<(&str, Vec<&Requirement>)> = Vec::new();
    for requirement in requirements {
        match sections.iter_mut().find(|(heading, _)| *heading == requirement.handout) {
            Some((_, treated)) => treated.push(requirement),
            None => sections.push((&requirement.handout, vec![requirement])),
        }
    }
    sections
}

/// The comment at the place where a program's work begins, without the signs of a comment.
pub fn todo(task: &Task, role: &Role) -> Vec<String> {
    // What is common to all tasks comes after the task itself; some of it the starter does already.
    let is_common = |it: &Requirement| it.id.starts_with("common-");
    let own = |it: &&Requirement| it.level == Level::Must && !is_common(it) && it.roles.contains(&role.name);
    let mut lines = Vec::new();
    for (number, (heading, treated)) in sections(task.file.requirements.iter().filter(own)).into_iter().enumerate() {
        let begin = if number == 0 { "TODO, the next step: handout.md," } else { "Then" };
        lines.extend(wrapped(&format!("{begin} \"{heading}\""), ""));
        for requirement in treated {
            lines.extend(wrapped(&format!("- {} ({})", requirement.title, task.full_id(requirement)), "  "));
        }
    }
    if lines.is_empty() {
        lines.push("TODO: see handout.md.".to_owned());
    }
    lines.push("README.md has the whole list.".to_owned());
    lines
}

/// All steps, as a list in Markdown.
pub fn list(task: &Task) -> Vec<String> {
    let mut lines = Vec::new();
    let expected = |it: &&Requirement| it.level != Level::May;
    for (number, (heading, treated)) in (1..).zip(sections(task.file.requirements.iter().filter(expected))) {
        lines.push(format!("{number}. {heading}"));
        for requirement in treated {
            let level = if requirement.level == Level::Must { "must" } else { "should" };
            let roles = requirement.roles.join(", ");
            lines.push(format!("    - [ ] {level}: {} (`{}`; {roles})", requirement.title, task.full_id(requirement)));
        }
    }
    lines
}

/// Text in lines of at most [`WIDTH`] columns, with `indent` before each and two more columns from the second on.
fn wrapped(text: &str, indent: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = indent.to_owned();
    for word in text.split_whitespace() {
        if line.trim().is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= WIDTH {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(std::mem::replace(&mut line, format!("{indent}  {word}")));
        }
    }
    lines.push(line);
    lines
}
