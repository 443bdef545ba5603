//! `harness selftest`: the truth table, printed.

use std::path::Path;

use harness_judging::shown::counted;
use harness_os::namespace::Containment;

use super::arguments::{Backend, Selftest};
use super::{Exit, grading, term};
use crate::grade::Options;
use crate::sandbox::guard::Limits;
use crate::truth::{self, Programs};
use harness_language::scenario::model::BackendName;

/// Plays the truth table.
pub fn run(arguments: &Selftest, containment: &Containment) -> Exit {
    let catalogue = match term::catalogue(arguments.scenarios.as_deref()) {
        Ok(catalogue) => catalogue,
        Err(exit) => return exit,
    };
    let programs = match programs(arguments.fixtures.as_deref()) {
        Ok(programs) => programs,
        Err(exit) => return exit,
    };
    let wanted = |task: &str, name: &str| {
        catalogue.task(task).is_some()
            && (arguments.task.is_empty() || arguments.task.iter().any(|id| id == task))
            && arguments.program.as_ref().is_none_or(|text| name.contains(text.as_str()))
    };
    if arguments.list {
        term::print(&truth::list(&programs, &wanted));
        return Exit::Passed;
    }
    let backend = match grading::backend(arguments.backend, false, false) {
        Ok(backend) => backend,
        Err(why) => {
            term::say(&format!("harness: {why}"));
            return Exit::Usage;
        }
    };
    let options = Options {
        backend,
        real_sockets_too: arguments.backend == Backend::Auto && backend == BackendName::Sim,
        seed: 1,
        // Two programs side by side for each processor: one may be compiled while another is played.
        jobs: 2 * grading::jobs(arguments.jobs.map(|jobs| jobs.div_ceil(2)), backend),
        repeat: 1,
        setup: grading::setup(containment, false),
        // The table asks whether a program fails, not at what it fails soonest.
        look_into_failures: arguments.told,
        cuts: None,
        limits: Limits::PATIENT,
    };
    let waiting = programs.tasks().filter(|task| catalogue.task(task).is_none()).collect::<Vec<_>>();
    if !waiting.is_empty() {
        term::print(&format!("left out, because this catalogue has no such task: {}\n", waiting.join(", ")));
    }
    let whole = arguments.program.is_none();
    let mut problems = 0;
    let mut first: Option<truth::Table> = None;
    let mut changed = 0;
    for round in 0..arguments.repeat.max(1) {
        let effort = truth::Effort { again: arguments.again, light: arguments.light, round };
        let table = truth::play(&catalogue, &programs, &wanted, &options, effort, &|row| {
            if round == 0 || !row.mistakes().is_empty() || !row.before.is_empty() {
                term::print(&truth::render_row(row, arguments.verbose));
            }
        });
        term::print(&format!("\n{}", truth::summary(&table)));
        if arguments.told {
            term::print(&truth::first_told(&table));
        }
        match &first {
            None => {
                problems += table.mistakes();
                if whole {
                    let seen = |task: &str| arguments.task.is_empty() || arguments.task.iter().any(|id| id == task);
                    let gaps = truth::gaps(&catalogue, &table, backend, &seen);
                    problems += gaps.len();
                    for gap in gaps {
                        term::print(&format!("{gap}\n"));
                    }
                }
                first = Some(table);
            }
            Some(first) => {
                for change in truth::changes(first, &table) {
                    changed += 1;
                    term::print(&format!("round {}: {change}\n", round + 1));
                }
                problems += table.mistakes();
            }
        }
    }
    if arguments.repeat > 1 {
        term::print(&format!("{}, {} changed\n", counted(arguments.repeat, "round"), counted(changed, "verdict")));
    }
    if problems + changed == 0 { Exit::Passed } else { Exit::Failed }
}

/// The programs of a folder or of the checkout around; says why if there are none.
pub(super) fn programs(folder: Option<&Path>) -> Result<Programs, Exit> {
    Programs::open(folder).map_err(|error| {
        term::say(&format!("harness: {error}"));
        Exit::Usage
    })
}
