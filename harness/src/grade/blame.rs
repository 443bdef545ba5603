//! Which crash explains a failure: of the programs of a run, and of those that came before anything else was done.

use super::Run;
use crate::crash::{Crash, Wait};
use crate::report::model::ProgramReport;
use crate::run::Record;
use crate::run::event::{Event, What};

/// The crash that explains why a run failed this requirement: the judged program's, else another's of the run.
pub fn crash<'r>(run: &Run<'_>, record: &'r Record, id: &str) -> Option<&'r Crash> {
    let too_late = next_act(&record.events, id);
    let crashes = || {
        let timed = record.programs.iter().filter_map(|program| program.crash.as_ref());
        timed.filter(|timed| too_late.is_none_or(|next| timed.at <= next)).map(|timed| &timed.crash)
    };
    crashes().find(|crash| crash.role == run.scenario.role).or_else(|| crashes().next())
}

/// What the judged programs of a failed run were at.
pub fn waits(run: &Run<'_>, record: &Record) -> Vec<Wait> {
    let judged = record.programs.iter().filter(|program| program.role == run.scenario.role);
    judged.flat_map(|program| program.waits.iter().cloned()).collect()
}

/// When the harness next did something to a program after it had judged a requirement: what crashes from then on does
/// not explain that verdict. Nothing if it did nothing more.
fn next_act(events: &[Event], id: &str) -> Option<std::time::Duration> {
    let judged = events.iter().position(
        |event| matches!(&event.what, What::Judged(judgement) if !judgement.held && judgement.decides.iter().any(|it| it == id)),
    )?;
    let acts = |event: &&Event| {
        matches!(
            event.what,
            What::Started(_)
                | What::Typed(_)
                | What::InputEnded
                | What::Signalled(_)
                | What::Connected(_)
                | What::Sent(_)
                | What::EndSent
                | What::Closed
                | What::ResetSent
        )
    };
    events[judged..].iter().find(acts).map(|event| event.at)
}

/// What the programs of a run left, for a report.
pub fn programs(record: &Record) -> Vec<ProgramReport> {
    let of = |program: &crate::run::remains::Remains| ProgramReport {
        name: program.name.clone(),
        role: program.role.clone(),
        ended: program.ended.map(|how| how.to_string()),
        stdout: program.stdout.text(),
        stderr: program.stderr.text(),
    };
    record.programs.iter().map(of).collect()
}
