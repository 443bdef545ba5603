//! Which crash explains a failure: of the programs of a run, and of those that came before anything else was done.

use std::collections::{BTreeMap, BTreeSet};

use super::Run;
use crate::crash::{Crash, Wait};
use crate::report::model::ProgramReport;
use crate::run::Record;
use crate::run::event::{self, About, Event, Excerpt, What, With};

/// Pieces that are shown of what a peer had sent.
const PIECES: usize = 2;

/// The crash that explains why a run failed this requirement: the judged program's, else another's of the run.
pub fn crash<'r>(run: &Run<'_>, record: &'r Record, id: &str) -> Option<&'r Crash> {
    let too_late = next_act(&record.events, id);
    let crashes = || {
        let timed = record.programs.iter().filter_map(|program| program.crash.as_ref());
        timed.filter(|timed| too_late.is_none_or(|next| timed.at <= next)).map(|timed| &timed.crash)
    };
    crashes().find(|crash| crash.role == run.scenario.role).or_else(|| crashes().next())
}

/// What the judged programs of a run were at that failed this requirement; nothing if they had answered everybody:
/// then the answer was not right, and they wait for the next one. Who waits for whoever comes next is not said to wait
/// where something was answered.
pub fn waits(run: &Run<'_>, record: &Record, id: &str) -> Vec<Wait> {
    if owes_nobody(&record.events, id) {
        return Vec::new();
    }
    let judged = record.programs.iter().filter(|program| program.role == run.scenario.role);
    let about = event::judged(&record.events, |it| it.fails(id)).map(|(_, it)| it.about);
    let came = event::difference(&record.events, id).is_some_and(|it| it.came.length > 0);
    let explains = |wait: &&Wait| match about {
        Some(About::Received) => !wait.is_for_the_next(),
        // What it waits in tells nothing of what it did not give back.
        Some(About::Holdings) => wait.call.is_none(),
        Some(About::Meeting) => false,
        // It did what was waited for, and not rightly.
        Some(About::Conduct) if came => false,
        _ => true,
    };
    judged.flat_map(|program| &program.waits).filter(explains).cloned().collect()
}

/// What a peer had sent, since it had received something before, when it received what was not expected, and a requirement
/// was found not to hold. Of many pieces the last.
pub fn got(events: &[Event], id: &str) -> Vec<Excerpt> {
    let failed = event::judged(events, |it| it.fails(id)).filter(|(_, it)| it.about == About::Received);
    let heard =
        failed.and_then(|(at, _)| events[..at].iter().rposition(|event| matches!(event.what, What::Received(_))));
    let Some(heard) = heard else { return Vec::new() };
    let own = events[..heard].iter().rev().filter(|event| event.who == events[heard].who);
    let own = own.take_while(|event| !matches!(event.what, What::Connected(_)));
    let said = own.skip_while(|event| !matches!(event.what, What::Sent(_)));
    let said =
        said.take_while(|event| !matches!(event.what, What::Received(_))).filter_map(|event| match &event.what {
            What::Sent(bytes) => Some(bytes.clone()),
            _ => None,
        });
    let mut said: Vec<Excerpt> = said.take(PIECES).collect();
    said.reverse();
    said
}

/// Whether, when a requirement was found not to hold, every peer had received something after the last it had sent. What
/// a client owes its server that has closed is an end.
fn owes_nobody(events: &[Event], id: &str) -> bool {
    let end = event::judged(events, |it| it.fails(id)).map_or(events.len(), |(at, _)| at);
    let mut owed: BTreeMap<&str, bool> = BTreeMap::new();
    let mut servers: BTreeSet<&str> = BTreeSet::new();
    for event in &events[..end] {
        if matches!(event.what, What::Connected(With::Client)) {
            servers.insert(&event.who);
        }
        match event.what {
            What::EndSent | What::Closed | What::ResetSent if servers.contains(event.who.as_str()) => {
                owed.insert(&event.who, true);
            }
            What::Connected(_) | What::Sent(_) => drop(owed.insert(&event.who, true)),
            What::Received(_) | What::EndReceived | What::ResetReceived => drop(owed.insert(&event.who, false)),
            _ => {}
        }
    }
    !owed.is_empty() && owed.values().all(|owed| !owed)
}

/// When the harness next did something to a program after it had judged a requirement: what crashes from then on does
/// not explain that verdict. Nothing if it did nothing more.
fn next_act(events: &[Event], id: &str) -> Option<std::time::Duration> {
    let (judged, _) = event::judged(events, |it| it.fails(id))?;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::run::event::{About, Excerpt, Judgement};

    /// Events by letters: a capital is what a peer of that name sends, a small letter what it receives, and a dot is the
    /// end of its data. What is sent is that letter.
    fn events(acts: &str, about: About) -> Vec<Event> {
        let said = |act: char| Excerpt::of(act.to_string().as_bytes());
        let mut events: Vec<(String, What)> = Vec::new();
        for act in acts.chars() {
            let what = match act {
                '+' => What::Connected(With::Actor("server".to_owned())),
                '-' => What::Connected(With::Client),
                '.' => What::EndReceived,
                '!' => What::Closed,
                act if act.is_uppercase() => What::Sent(said(act)),
                _ => What::Received(said(act)),
            };
            let who = if act.is_alphabetic() { act.to_ascii_lowercase() } else { 'a' };
            events.push((who.to_string(), what));
        }
        let judgement = Judgement {
            decides: vec!["t.letters".to_owned()],
            held: false,
            about,
            expected: String::new(),
            actual: String::new(),
            reason: String::new(),
            state: String::new(),
        };
        events.push(("harness".to_owned(), What::Judged(judgement)));
        events.push(("a".to_owned(), What::Sent(said('Z'))));
        events.into_iter().map(|(who, what)| Event { at: Duration::ZERO, who, what }).collect()
    }

    #[rstest]
    #[case::nothing_came("+A", false)]
    #[case::a_wrong_answer("+Aa", true)]
    #[case::closed_without_a_word("+A.", true)]
    #[case::the_second_waits("+AaB", false)]
    #[case::no_greeting("+", false)]
    #[case::a_server_that_leaves("-aA!", false)]
    #[case::a_client_that_leaves("+Aa!", true)]
    #[case::no_peer("", false)]
    fn answers_that_are_owed(#[case] acts: &str, #[case] none: bool) {
        assert_eq!(owes_nobody(&events(acts, About::Conduct), "t.letters"), none);
    }

    #[rstest]
    #[case::what_it_answered("+Aa", About::Received, "A")]
    #[case::of_the_one_who_received("+AaBb", About::Received, "B")]
    #[case::not_what_came_after("+AaA", About::Received, "A")]
    #[case::two_and_one_answer("+AABBb", About::Received, "BB")]
    #[case::in_pieces("+Aaaa", About::Received, "A")]
    #[case::not_what_was_answered_before("+AaAa", About::Received, "A")]
    #[case::a_greeting("+A+a", About::Received, "")]
    #[case::nothing_came("+A", About::Conduct, "")]
    fn what_was_answered_so(#[case] acts: &str, #[case] about: About, #[case] sent: &str) {
        let events = events(acts, about);
        let got: Vec<u8> = got(&events, "t.letters").into_iter().flat_map(|got| got.shown).collect();
        assert_eq!(String::from_utf8(got).unwrap(), sent);
    }
}
