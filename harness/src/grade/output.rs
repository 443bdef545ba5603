//! What standard output is connected to: a terminal by default, and a pipe for a second look.
//!
//! C and Python write line by line to a terminal and by the block to a pipe. A program that is right on the one may
//! be silent on the other: that is said, and costs nothing.

use std::collections::BTreeSet;

use harness_judging::shown;

use super::{Played, Run};
use crate::run::End;
use harness_language::scenario::model::{OutputKind, Pairing, Step};

/// The same run with pipes in place of terminals; nothing if it has no terminal.
pub fn on_a_pipe<'r>(run: &Run<'r>) -> Option<Run<'r>> {
    if !on_terminal(&run.scenario.steps) {
        return None;
    }
    let mut piped = run.clone();
    pipe_outputs(&mut piped.scenario.to_mut().steps);
    Some(piped)
}

fn on_terminal(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Start(start) => start.stdout == OutputKind::Terminal,
        Step::Repeat(repeat) => on_terminal(&repeat.steps),
        _ => false,
    })
}

fn pipe_outputs(steps: &mut [Step]) {
    for step in steps {
        match step {
            Step::Start(start) => start.stdout = OutputKind::Pipe,
            Step::Repeat(repeat) => pipe_outputs(&mut repeat.steps),
            _ => {}
        }
    }
}

fn reads_output(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::ExpectOutput(_) => true,
        Step::Repeat(repeat) => reads_output(&repeat.steps),
        _ => false,
    })
}

/// Programs that are right on a terminal and print nothing on a pipe while they run: for each the number of the
/// run that shows it, and a remark. One short run for each role is played again, by `play`.
pub fn unflushed(runs: &[Run<'_>], played: &[Played], play: &dyn Fn(&Run<'_>) -> Played) -> Vec<(usize, String)> {
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by_key(|index| runs[*index].weight());
    let mut looked_at = BTreeSet::new();
    let mut remarks = Vec::new();
    for index in order {
        let (run, seen) = (&runs[index], &played[index]);
        let scenario = &run.scenario;
        let shows = scenario.pairing == Pairing::Harness && reads_output(&scenario.steps);
        if !shows || !seen.record.facts().succeeds() || looked_at.contains(&(&scenario.task, &scenario.role)) {
            continue;
        }
        let Some(piped) = on_a_pipe(run) else { continue };
        looked_at.insert((&scenario.task, &scenario.role));
        let second = play(&piped).record;
        if matches!(second.end, End::Failed(_)) && second.facts().fails_output(None) {
            let role = shown::doer(&scenario.role);
            remarks.push((
                index,
                format!(
                    "right only when unbuffered: on a terminal the {role} prints in time, on a pipe or into a file not \
                     before its buffer is full or it ends, and what it holds back is lost when it is killed; flush \
                     after printing"
                ),
            ));
        }
    }
    remarks
}
