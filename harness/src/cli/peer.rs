//! `harness peer`: the harness's side of a scenario, for a program that the user starts.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::arguments::Peer;
use super::{Exit, term};
use crate::run::stage::Attention;
use crate::run::{End, transcript};
use crate::sandbox::guard::Limits;
use crate::submission::{Cast, Command, Part};
use crate::wire::{self, Setup};
use harness_language::catalogue::model::RoleKind;
use harness_language::scenario::duration::Limit;
use harness_language::scenario::model::{BackendName, Pairing, Receive, Repeat, Start, Step};
use harness_language::scenario::problem::nearest;

/// Plays a scenario against a program that is already there, and prints what happened.
pub fn run(arguments: &Peer) -> Exit {
    let catalogue = match term::catalogue(arguments.scenarios.as_deref()) {
        Ok(catalogue) => catalogue,
        Err(exit) => return exit,
    };
    let Some(task) = catalogue.task(&arguments.task) else {
        term::say(&format!("harness: {}", catalogue.no_task(&arguments.task)));
        return Exit::Usage;
    };
    let Some(played) = task.role(&arguments.role) else {
        term::say(&format!("harness: {}", task.no_role(&arguments.role)));
        return Exit::Usage;
    };
    let Some(theirs) = task.file.roles.iter().find(|role| role.kind != played.kind) else {
        term::say(&format!("harness: nobody meets the {} of {}", arguments.role, task.id()));
        return Exit::Usage;
    };
    let fits = |scenario: &&harness_language::scenario::Scenario| {
        scenario.role == theirs.name
            && scenario.pairing == Pairing::Harness
            && scenario.backends.contains(&BackendName::Wire)
            && by_hand(&scenario.steps)
            && arguments.scenario.as_ref().is_none_or(|wanted| wanted == &scenario.id)
    };
    // Who starts a program by hand wants to see it answered, where there is an answer.
    let is_silent = |scenario: &&harness_language::scenario::Scenario| !answers(&scenario.steps);
    let Some(scenario) = task.scenarios().iter().filter(fits).min_by_key(is_silent) else {
        let known: Vec<&str> = task
            .scenarios()
            .iter()
            .filter(|it| it.role == theirs.name && it.pairing == Pairing::Harness && by_hand(&it.steps))
            .map(|it| it.id.as_str())
            .collect();
        let hint = arguments.scenario.as_deref().map_or_else(String::new, |wanted| {
            nearest(wanted, known.iter().copied()).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
        });
        let known = known.join(", ");
        term::say(&format!("harness: no such scenario can be played by hand{hint}; there are: {known}"));
        return Exit::Usage;
    };
    let address = match (theirs.kind, arguments.to, arguments.port) {
        (RoleKind::Server | RoleKind::Relay, Some(address), _) => address,
        (RoleKind::Server | RoleKind::Relay, None, _) => {
            term::say("harness: say where your server runs: --to HOST:PORT");
            return Exit::Usage;
        }
        (RoleKind::Client | RoleKind::Local, _, port) => {
            SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port.unwrap_or(12_000))
        }
    };
    let Ok(empty) = tempfile::tempdir() else {
        term::say("harness: cannot make a folder");
        return Exit::Harness;
    };
    let mut part = Part::new(theirs, Command::default());
    part.attached = Some(address);
    if !theirs.kind.listens() {
        part.meeting.fixed_port = Some(address.port());
        term::say(&format!("Start your client now; it is awaited on port {}.", address.port()));
    }
    let cast = Cast { root: empty.path().to_owned(), parts: BTreeMap::from([(theirs.name.clone(), part)]) };
    term::say(&format!("{}: {}", scenario.run_id(), scenario.title));
    let mut scenario = scenario.clone();
    scenario.steps = their_way(&scenario.steps);
    let (record, _) = wire::play(
        &Setup { private_network: false, private_files: false, sniff: false },
        &scenario,
        &cast,
        1,
        Attention::None,
        &Limits::PATIENT,
    );
    let mut text = transcript::lines(&record.events, true).join("\n");
    let (verdict, exit) = match record.end {
        End::Played => ("everything was as expected".to_owned(), Exit::Passed),
        End::Failed(failure) => (format!("expected: {}\nbut: {}", failure.expected, failure.why()), Exit::Failed),
        End::Skipped(skip) => (format!("ends here: {}", skip.why), Exit::Passed),
        End::NotGradable(why) => (why, Exit::NotGradable),
        End::Harness(why) => (why, Exit::Harness),
    };
    text.push_str(&format!("\n{verdict}\n"));
    term::print(&text);
    exit
}

/// The steps for a program that a person starts and feeds: what they type is theirs to choose,
/// so anything may come, and only the network side is looked at.
fn their_way(steps: &[Step]) -> Vec<Step> {
    let unseen = |step: &&Step| {
        !matches!(
            step,
            Step::Type(_) | Step::EndInput(_) | Step::ExpectOutput(_) | Step::ExpectExit(_) | Step::Settle(_)
        )
    };
    let theirs = |step: &Step| match step {
        Step::Start(start) => Step::Start(Start { input_file: None, ..start.clone() }),
        Step::Receive(receive) => Step::Receive(Receive {
            equals: None,
            contains: None,
            exactly: None,
            sent_by: None,
            at_most: None,
            at_least: Some(1),
            within: Some(BY_HAND),
            ..receive.clone()
        }),
        Step::Repeat(repeat) => Step::Repeat(Repeat { times: repeat.times, steps: their_way(&repeat.steps) }),
        other => other.clone(),
    };
    steps.iter().filter(unseen).map(theirs).collect()
}

/// A person takes time.
const BY_HAND: Limit = Limit(Duration::from_secs(300));

/// Whether the harness's side says anything.
fn answers(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Send(_) => true,
        Step::Repeat(repeat) => answers(&repeat.steps),
        _ => false,
    })
}

/// Whether a scenario needs nothing of a program but its side of the network.
fn by_hand(steps: &[Step]) -> bool {
    steps.iter().all(|step| match step {
        Step::Start(start) => start.count.is_none() && start.with.is_empty() && !start.without_arguments,
        Step::Listen(_)
        | Step::Accept(_)
        | Step::Connect(_)
        | Step::Send(_)
        | Step::Receive(_)
        | Step::HalfClose(_)
        | Step::Close(_)
        | Step::Reset(_)
        | Step::AwaitRead(_)
        | Step::Stall(_)
        | Step::Type(_)
        | Step::EndInput(_)
        | Step::Settle(_)
        | Step::ExpectOutput(_)
        | Step::ExpectClosed(_)
        | Step::ExpectExit(_) => true,
        Step::Repeat(repeat) => by_hand(&repeat.steps),
        _ => false,
    })
}
