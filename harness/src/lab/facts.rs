//! Which facts hold, and what follows from them.

use std::collections::BTreeMap;

use super::load::short;
use super::model::{CallSign, Conclusion, Experiment, Sign};
use super::packets;
use crate::calls::Call;
use crate::capture::packet::Packet;
use crate::run::event::{Event, What};

/// What an experiment left.
pub struct Seen<'s> {
    /// The stream of the run.
    pub events: &'s [Event],
    /// Calls on sockets; nothing where the backend keeps none.
    pub calls: Option<&'s [Call]>,
    /// Packets; nothing where the machine shows none.
    pub packets: Option<&'s [Packet]>,
    /// Names of the programs in the order of their start.
    pub programs: &'s [String],
}

/// Facts by name: seen, or seen not to be. What could not be looked for is not in it.
pub type Facts = BTreeMap<String, bool>;

/// Decides every fact of an experiment that can be decided.
pub fn decide(experiment: &Experiment, seen: &Seen<'_>) -> Facts {
    let mut facts = judged(seen.events);
    let steps = facts.clone();
    for fact in &experiment.facts {
        let signs: Vec<bool> = fact.signs.iter().filter_map(|sign| shows(sign, seen, &steps)).collect();
        // One sign is enough; none of those that could be looked for says that it is not so.
        if !signs.is_empty() {
            facts.insert(fact.name.clone(), signs.contains(&true));
        }
    }
    facts
}

/// What the steps of the scenario decided.
fn judged(events: &[Event]) -> Facts {
    let mut facts = Facts::new();
    for event in events {
        if let What::Judged(judgement) = &event.what {
            for id in &judgement.decides {
                let held = facts.entry(short(id).to_owned()).or_insert(true);
                *held &= judgement.held;
            }
        }
    }
    facts
}

fn shows(sign: &Sign, seen: &Seen<'_>, steps: &Facts) -> Option<bool> {
    match sign {
        Sign::Judged(name) => steps.get(name).copied(),
        Sign::Call(wanted) => seen.calls.map(|calls| {
            let like = calls.iter().filter(|call| is(call, wanted, seen.programs));
            like.count() >= wanted.times
        }),
        Sign::Packets(signs) => seen.packets.map(|packets| packets::in_order(packets, signs)),
    }
}

fn is(call: &Call, wanted: &CallSign, programs: &[String]) -> bool {
    let name = wanted.names.iter().any(|name| call.name.starts_with(name.as_str()));
    let result = match (wanted.error.is_empty(), wanted.value) {
        (false, _) => call.error().is_some_and(|error| wanted.error.contains(&error)),
        (true, Some(value)) => call.result == Ok(value),
        (true, None) => call.result.is_ok_and(|value| value > 0),
    };
    let option = wanted.option.is_none() || call.option() == wanted.option;
    name && result && option && programs.get(call.program) == Some(&wanted.of)
}

/// Whether a conclusion's facts hold.
pub fn holds(conclusion: &Conclusion, facts: &Facts) -> bool {
    conclusion.when.iter().all(|name| match name.strip_prefix('!') {
        Some(name) => facts.get(name) == Some(&false),
        None => facts.get(name) == Some(&true),
    })
}

/// What follows: the first conclusion whose facts hold, or that none does.
pub fn conclude(experiment: &Experiment, facts: &Facts) -> String {
    match experiment.conclusions.iter().find(|conclusion| holds(conclusion, facts)) {
        Some(conclusion) => conclusion.says.clone(),
        None => {
            let (yes, no): (Vec<_>, Vec<_>) = facts.iter().partition(|(_, held)| **held);
            let names = |facts: Vec<(&String, &bool)>| match facts.is_empty() {
                true => "nothing".to_owned(),
                false => facts.into_iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", "),
            };
            format!("This is none of the usual outcomes. What was seen: {}. What was not: {}.", names(yes), names(no))
        }
    }
}
