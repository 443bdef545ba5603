//! What the record of calls of a failed run says about the judged program.

use harness_judging::shown;
use harness_verdict::{About, Judgement};

use super::{Played, Run};
use crate::calls::{self, Call};
use crate::crash::{Deed, Did};
use crate::diagnose::{self, Suspect};
use crate::run::event::{self, Event, What};
use crate::run::stage::Attention;
use crate::simulated::Outcome;
use harness_language::scenario::Scenario;
use harness_language::scenario::model::{Start, Step};

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

/// What the calls of a failed run show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// In words.
    pub words: String,
    /// Whether that is why it failed.
    pub is_cause: bool,
}

/// The call that shows why a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    did: Did,
    /// Its name, its line in the record of calls, and the program that made it.
    name: String,
    line: usize,
    program: usize,
    /// What failed by it.
    decides: Vec<String>,
}

/// What the calls of the judged role's programs show: in words, and the call that shows it best. Nothing of either, if they
/// show nothing.
pub fn look(run: &Run<'_>, played: &Played) -> (Option<Diagnosis>, Option<Telling>) {
    let calls = calls::read(&played.calls);
    if calls.is_empty() || calls.len() > LONGEST {
        return (None, None);
    }
    let events = &played.record.events;
    let started = events.iter().filter(|event| matches!(event.what, What::Started(_)));
    let roles = run.scenario.programs();
    let judged: Vec<(usize, &Event)> =
        started.enumerate().filter(|(_, event)| roles.get(&event.who) == Some(&run.scenario.role)).collect();
    let sent_to_it = events.iter().filter_map(|event| match &event.what {
        What::Sent(bytes) => Some(bytes.length as u64),
        _ => None,
    });
    let sent_to_it: u64 = sent_to_it.sum();
    let connections = events.iter().filter(|event| matches!(event.what, What::Connected(_))).count();
    let shown = judged.iter().find_map(|(program, event)| {
        let ended = format!(" p{program}.0.");
        let ended = played.calls.lines().any(|line| line.contains(&ended) && line.contains("exit_group"));
        let input = start_of(&run.scenario.steps, &event.who).and_then(|start| start.input_file.as_ref());
        let input = input.map(|input| input.length());
        let who = shown::program(&event.who, &run.scenario.role);
        let suspect = Suspect { who: &who, program: *program, input, sent_to_it, connections, ended };
        diagnose::of_calls(&calls, &suspect)
    });
    // What was left unread when a dialogue ended early followed from something else, and leads away from it.
    let shown = shown.filter(|shown| shown.is_cause || shown.did == Did::Failed);
    let told = shown.as_ref().map(|shown| (shown.did, shown.call));
    let words = shown.map(|shown| Diagnosis { words: shown.words, is_cause: shown.is_cause });
    let Some(failure) = Failing::first(events) else { return (words, None) };
    let told = told.or_else(|| {
        let sends = calls.iter().filter(|call| judged.iter().any(|(program, _)| *program == call.program));
        failure.sent_by(&sends.collect::<Vec<_>>()).map(|call| (Did::Sent, call))
    });
    let telling = told.map(|(did, call)| Telling {
        did,
        name: call.name.clone(),
        line: call.line,
        program: call.program,
        decides: failure.judgement.decides.clone(),
    });
    (words, telling)
}

impl Telling {
    /// Where it is made, by playing the run once more up to it. `record` is that of its calls: a run that has another one
    /// until then stops in another call.
    pub fn deed(&self, record: &str, play: &dyn Fn(Attention) -> Outcome) -> Option<(Deed, Vec<String>)> {
        let outcome = play(Attention::Call(self.line));
        let is_it = outcome.stopped && outcome.calls.lines().eq(record.lines().take(self.line));
        let program = outcome.record.programs.get(self.program).filter(|_| is_it)?;
        Some((Deed::of(self.did, &self.name, &program.waits)?, self.decides.clone()))
    }
}

/// What failed first in a run.
struct Failing<'e> {
    judgement: &'e Judgement,
    /// What had happened until then, and that.
    events: &'e [Event],
}

impl<'e> Failing<'e> {
    fn first(events: &'e [Event]) -> Option<Self> {
        event::judged(events, |it| !it.held).map(|(at, judgement)| Self { judgement, events: &events[..=at] })
    }

    /// The call that sent what a peer received and should not have: where what came begins to differ, if that is known, else
    /// where its last reply begins, if that was sent in one go. The socket is the one on which as much was sent as that peer
    /// received.
    fn sent_by<'c>(&self, calls: &[&'c Call]) -> Option<&'c Call> {
        if self.judgement.about != About::Received {
            return None;
        }
        let last = self.events.iter().rfind(|event| matches!(event.what, What::Received(_)))?;
        let (mut total, mut reply) = (0, 0);
        for event in self.events.iter().filter(|event| event.who == last.who) {
            match &event.what {
                What::Connected(_) => (total, reply) = (0, 0),
                What::Sent(_) => reply = 0,
                What::Received(bytes) => (total, reply) = (total + bytes.length as u64, reply + bytes.length as u64),
                _ => {}
            }
        }
        let differs = self.judgement.decides.first().and_then(|id| event::difference(self.events, id));
        let mut sockets = diagnose::moved(calls, Call::is_send).into_values().filter_map(|sends| {
            // It may have sent more by the end of the run.
            let mut sum = 0;
            let ends = sends.iter().position(|send| {
                sum += send.count;
                sum >= total
            })?;
            (sum == total).then(|| sends[..=ends].to_vec())
        });
        let sends = sockets.next().filter(|_| sockets.next().is_none())?;
        let has_place = differs.is_some();
        let from_the_end = match differs {
            // It is the beginning of what was expected, so that the last call of it sent too little.
            Some(it) if it.at >= it.came.length => 1,
            Some(it) => u64::try_from(it.came.length - it.at).ok()?,
            None => reply,
        };
        let mut left = from_the_end;
        let last = sends.last()?.call;
        let found = sends.iter().rev().find_map(|send| {
            let holds = left <= send.count;
            left = left.saturating_sub(send.count);
            holds.then_some(send.call)
        });
        found.filter(|call| has_place || call.at == last.at)
    }
}

/// The step that starts a program of this name.
fn start_of<'s>(steps: &'s [Step], name: &str) -> Option<&'s Start> {
    steps.iter().find_map(|step| match step {
        Step::Start(start) if start.name.as_deref().unwrap_or(&start.program) == name => Some(start),
        Step::Repeat(repeat) => start_of(&repeat.steps, name),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::event::{Difference, Excerpt, With};
    use rstest::rstest;
    use std::time::Duration;

    /// What alice did and was done: `c` she connected, `s` she sent, a number is that many bytes received, and `b5` those that
    /// bert received; `x` is what differs from the third byte on, `w` what has all and more.
    fn events(acts: &str, about: About) -> Vec<Event> {
        let of = |act: &str| {
            let received = |count: &str| What::Received(Excerpt::of(&vec![b'.'; count.parse().unwrap()]));
            let (who, what) = match act {
                "c" => ("alice", What::Connected(With::Actor("server".to_owned()))),
                "s" => ("alice", What::Sent(Excerpt::of(b"line"))),
                "x" => ("harness", What::Differed(Difference::between(b"abcdefgh", b"ab......").unwrap())),
                "w" => ("harness", What::Differed(Difference::between(b"........end", b"........").unwrap())),
                _ => match act.strip_prefix('b') {
                    Some(count) => ("bert", received(count)),
                    None => ("alice", received(act)),
                },
            };
            Event { at: Duration::ZERO, who: who.to_owned(), what }
        };
        let (expected, actual, reason) = Default::default();
        let decides = vec!["task.it".to_owned()];
        let judgement = Judgement { decides, held: false, about, expected, actual, reason, state: String::new() };
        let judged = Event { at: Duration::ZERO, who: "harness".to_owned(), what: What::Judged(judgement) };
        acts.split(' ').map(of).chain([judged]).collect()
    }

    /// The record of sends, `socket:bytes@moment` each.
    fn record(sends: &str) -> String {
        let line = |send: &str| {
            let (socket, rest) = send.split_once(':').unwrap();
            let (bytes, at) = rest.split_once('@').unwrap();
            format!("0.{at} s p0.0.0 sendto fd 4 h0s{socket} asked {bytes} = {bytes}\n")
        };
        sends.split(' ').map(line).collect()
    }

    #[rstest]
    #[case::its_only_one("c s 8", "1:8@1", Some(0))]
    #[case::the_last_reply("c s 4 s 8", "1:4@1 1:8@2", Some(1))]
    #[case::in_one_go("c s 3 5", "1:3@1 1:5@1", Some(0))]
    #[case::bit_by_bit("c s 3 5", "1:3@1 1:5@2", None)]
    #[case::where_they_part("c s 8 x", "1:1@1 1:4@2 1:3@3", Some(1))]
    #[case::the_last_of_too_little("c s 8 w", "1:4@1 1:4@2", Some(1))]
    #[case::another_got_more("c s 8", "1:9@1 2:8@1", Some(1))]
    #[case::both_got_as_much("c s 8", "1:8@1 2:8@1", None)]
    #[case::it_sent_more_later("c s 8", "1:8@1 1:7@2", Some(0))]
    #[case::it_connected_again("c 4 c s 8", "1:4@1 2:8@2", Some(1))]
    #[case::of_the_last_to_receive("c s 8 b5", "1:8@1 2:5@2", Some(1))]
    fn who_sent_it(#[case] acts: &str, #[case] sends: &str, #[case] found: Option<usize>) {
        let calls = calls::read(&record(sends));
        let of = |about| {
            let events = events(acts, about);
            let failing = Failing::first(&events).unwrap();
            failing.sent_by(&calls.iter().collect::<Vec<_>>()).map(|call| call.line)
        };
        assert_eq!(of(About::Received), found);
        assert_eq!(of(About::Output), None);
    }
}
