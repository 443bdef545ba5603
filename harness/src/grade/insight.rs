//! What the record of calls of a failed run says about the judged program.

use super::{Played, Run};
use crate::calls;
use crate::diagnose::{self, Suspect};
use crate::run::event::What;
use crate::scenario::Scenario;
use crate::scenario::model::{Start, Step};

/// Bytes that a scenario may move for its run to be looked into: a long run is not played again.
const MOST: u64 = 32 << 20;

/// Calls beyond which a record is not looked through.
const LONGEST: usize = 20_000;

/// Whether a failed run of this scenario is worth another replay.
pub fn is_small(scenario: &Scenario) -> bool {
    fn bytes(steps: &[Step]) -> u64 {
        let of = |step: &Step| match step {
            Step::Send(send) => send.data.length(),
            Step::Start(start) => start.input_file.as_ref().map_or(0, |input| input.length()),
            Step::Repeat(repeat) => u64::from(repeat.times).saturating_mul(bytes(&repeat.steps)),
            _ => 0,
        };
        steps.iter().map(of).fold(0, u64::saturating_add)
    }
    bytes(&scenario.steps) <= MOST
}

/// What the calls of the judged role's programs show; nothing if they show nothing unusual.
pub fn diagnosis(run: &Run<'_>, played: &Played) -> Option<String> {
    let calls = calls::read(&played.calls);
    if calls.is_empty() || calls.len() > LONGEST {
        return None;
    }
    let events = &played.record.events;
    let started = events.iter().filter(|event| matches!(event.what, What::Started(_)));
    let roles = run.scenario.programs();
    let sent_to_it = events.iter().filter_map(|event| match &event.what {
        What::Sent(bytes) => Some(bytes.length as u64),
        _ => None,
    });
    let sent_to_it: u64 = sent_to_it.sum();
    started.enumerate().filter(|(_, event)| roles.get(&event.who) == Some(&run.scenario.role)).find_map(
        |(program, event)| {
            let ended = format!(" p{program}.0.");
            let ended = played.calls.lines().any(|line| line.contains(&ended) && line.contains("exit_group"));
            let input = start_of(&run.scenario.steps, &event.who).and_then(|start| start.input_file.as_ref());
            let input = input.map(|input| input.length());
            diagnose::of_calls(&calls, &Suspect { name: &event.who, program, input, sent_to_it, ended })
        },
    )
}

/// The step that starts a program of this name.
fn start_of<'s>(steps: &'s [Step], name: &str) -> Option<&'s Start> {
    steps.iter().find_map(|step| match step {
        Step::Start(start) if start.name.as_deref().unwrap_or(&start.program) == name => Some(start),
        Step::Repeat(repeat) => start_of(&repeat.steps, name),
        _ => None,
    })
}
