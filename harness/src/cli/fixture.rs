//! `harness fixture`: a program of the truth table, written into a folder.

use super::arguments::Fixture;
use super::{Exit, new, selftest, term};
use harness_language::scenario::problem::nearest;

/// Writes the files of one program.
pub fn run(arguments: &Fixture) -> Exit {
    let programs = match selftest::programs(arguments.fixtures.as_deref()) {
        Ok(programs) => programs,
        Err(exit) => return exit,
    };
    let Some(entry) = programs.named(&arguments.name) else {
        let near = nearest(&arguments.name, programs.entries.iter().map(|entry| entry.name.as_str()));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        term::say(&format!(
            "harness: there is no program `{}`{near} `harness selftest --list` lists them",
            arguments.name
        ));
        return Exit::Usage;
    };
    if let Err(exit) = new::free(&arguments.out, "a program") {
        return exit;
    }
    if let Err(error) = entry.write(&arguments.out) {
        term::say(&format!("harness: {error}"));
        return Exit::Harness;
    }
    let expected = &entry.expected;
    let mut text = format!("{}: {}\n", arguments.out.display(), expected.title);
    if let Some(why) = &expected.why {
        text.push_str(&format!("why it is wrong: {why}\n"));
    }
    if !expected.fails.is_empty() {
        text.push_str(&format!("it fails {}\n", expected.fails.join(", ")));
    }
    text.push_str(&format!("next: harness --target {} --task {}\n", arguments.out.display(), entry.task));
    term::print(&text);
    Exit::Passed
}
