//! Playing the pairs: all of a task, several at a time, with results that do not depend on the order.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::blame::{Fault, Outcome, Standing, fault};
use super::entrants;
use super::entrants::{Entrant, mixed, roles};
use super::matrix::{Disagreement, Pair, Player, Situation, TaskMatrix};
use super::speech::{self, Speech};
use crate::class::grading::side_by_side;
use crate::grade::{Filter, Options, Played, Rubric, Subject, grade};
use crate::run::event;
use crate::run::{End, Failure};
use crate::submission::findings::Findings;
use harness_language::catalogue::{Catalogue, Task};
use harness_language::scenario::model::BackendName;

/// What playing takes.
pub struct Field<'f> {
    /// The tasks.
    pub catalogue: &'f Catalogue,
    /// How runs are played.
    pub options: Options,
    /// Pairs played at the same time.
    pub workers: usize,
}

/// How a pair came out, and the words for it.
#[derive(Debug, Clone)]
struct Verdict {
    outcome: Outcome,
    scenario: String,
    failure: Failure,
    virtual_ms: u64,
}

/// A pair by the places of its client and its server in the field.
type Place = (usize, usize);

impl Field<'_> {
    /// Plays all pairs of a task.
    pub fn matrix(
        &self,
        task: &Task,
        entrants: &[Entrant],
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Option<TaskMatrix> {
        let (client_role, server_role) = roles(task)?;
        let with = |role: &str| -> Vec<usize> {
            (0..entrants.len()).filter(|index| entrants[*index].part(task, role).is_some()).collect()
        };
        let (clients, servers) = (with(client_role), with(server_role));
        let places: Vec<Place> =
            clients.iter().flat_map(|client| servers.iter().map(move |server| (*client, *server))).collect();
        let all: Mutex<BTreeMap<Place, Verdict>> = Mutex::default();
        let done = AtomicUsize::new(0);
        side_by_side(&places, self.workers, |place| {
            let verdict = self.verdict(task, entrants, *place);
            if let Ok(mut all) = all.lock() {
                all.insert(*place, verdict);
            }
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, places.len());
        });
        let all = all.into_inner().unwrap_or_default();
        // The model answers stand first in the field.
        let control =
            |client: usize, server: usize| all.get(&(client, server)).map_or(Outcome::Undecided, |it| it.outcome);
        let private = |index: usize, role: &str| {
            let why = entrants[index].part(task, role).and_then(|part| part.meeting.private.clone());
            why.filter(|_| control(index, index) == Outcome::Ok)
        };
        let trusted = control(0, 0) == Outcome::Ok;
        let standing = |index: usize, role: &str| {
            let came = if role == client_role { control(index, 0) } else { control(0, index) };
            Standing::of(if trusted { came } else { Outcome::Undecided }, private(index, role).is_some())
        };
        let mut pairs = Vec::new();
        let mut differing: Vec<Place> = Vec::new();
        for place @ (client, server) in places.iter().copied() {
            let Some(verdict) = all.get(&place) else { continue };
            let whose = (verdict.outcome == Outcome::Fail)
                .then(|| fault(standing(client, client_role), standing(server, server_role)));
            if whose == Some(Fault::Convention) {
                differing.push(place);
            }
            pairs.push(Pair {
                client: entrants[client].name.clone(),
                server: entrants[server].name.clone(),
                status: verdict.outcome,
                fault: whose,
                scenario: verdict.scenario.clone(),
                expected: verdict.failure.expected.clone(),
                actual: verdict.failure.actual.clone(),
                reason: verdict.failure.why(),
                virtual_ms: verdict.virtual_ms,
            });
        }
        let player = |index: usize, role: &str| {
            let entrant = &entrants[index];
            let part = entrant.part(task, role);
            let came = if role == client_role { control(index, 0) } else { control(0, index) };
            Player {
                name: entrant.name.clone(),
                with_reference: came,
                with_own: all.get(&(index, index)).filter(|_| index != 0).map(|it| it.outcome),
                own_language: private(index, role),
                findings: part.map(|part| part.meeting.findings.clone()).unwrap_or_default(),
            }
        };
        Some(TaskMatrix {
            id: task.id().to_owned(),
            title: task.file.title.clone(),
            scenarios: situations(task, client_role),
            submissions: everyone(entrants, &clients, &servers),
            clients: clients.iter().map(|index| player(*index, client_role)).collect(),
            servers: servers.iter().map(|index| player(*index, server_role)).collect(),
            disagreements: self.disagreements(task, entrants, &differing, &all),
            pairs,
        })
    }

    /// Plays the task's scenarios for a pair.
    fn played(
        &self,
        task: &Task,
        entrants: &[Entrant],
        place: Place,
        keep: bool,
    ) -> Result<Vec<(String, Played)>, String> {
        let (client, server) = (&entrants[place.0], &entrants[place.1]);
        let (cast, _home) = mixed(task, client, server).map_err(|error| format!("cannot make a folder: {error}"))?;
        let mut unmet = BTreeMap::new();
        if let Some((client_role, server_role)) = entrants::roles(task) {
            for (entrant, role) in [(client, client_role), (server, server_role)] {
                if let Some(why) = entrant.unmet(task, role) {
                    unmet.insert((task.id().to_owned(), role.to_owned()), why.clone());
                }
            }
        }
        let casts = BTreeMap::from([(task.id().to_owned(), cast)]);
        let subject = Subject {
            target: String::new(),
            sha256: String::new(),
            casts: &casts,
            unmet: &unmet,
            notes: Vec::new(),
            findings: Findings::default(),
        };
        let filter = Filter {
            tasks: vec![task.id().to_owned()],
            scenarios: task.file.together.iter().map(|id| format!("{}/{id}", task.id())).collect(),
            ..Filter::default()
        };
        let mut options = self.options.clone();
        // On real sockets a second run would be another one: what is shown has to be kept at once.
        options.setup.sniff = keep || options.backend == BackendName::Wire;
        let graded = grade(self.catalogue, &subject, &filter, &Rubric::default(), &options, &|_, _, _| {});
        Ok(graded.played.into_iter().collect())
    }

    fn verdict(&self, task: &Task, entrants: &[Entrant], place: Place) -> Verdict {
        match self.played(task, entrants, place, false) {
            Ok(played) => judged(&played),
            Err(why) => undecided(&why),
        }
    }

    /// What each side says in a pair's first scenario that does not work, and in its control.
    fn speech(&self, task: &Task, entrants: &[Entrant], place: Place) -> Option<Speech> {
        let played = self.played(task, entrants, place, true).ok()?;
        let failed = played.iter().find(|(_, played)| came(played).0 == Outcome::Fail);
        let (_, played) = failed.or(played.first())?;
        speech::first(&played.frames, played.link, &played.record.secrets)
    }

    /// Pairs that fail though both sides are sound, put together by what the sides do.
    fn disagreements(
        &self,
        task: &Task,
        entrants: &[Entrant],
        differing: &[Place],
        all: &BTreeMap<Place, Verdict>,
    ) -> Vec<Disagreement> {
        let mut controls: Vec<Place> =
            differing.iter().flat_map(|(client, server)| [(*client, 0), (0, *server)]).collect();
        controls.sort_unstable();
        controls.dedup();
        let said = self.speeches(task, entrants, &controls);
        let does = |(client, server): Place| {
            let (ours, theirs) = (said.get(&(client, 0)), said.get(&(0, server)));
            (self.client_words(task, &entrants[client], ours), self.server_words(task, &entrants[server], theirs))
        };
        let mut groups: Vec<Vec<Place>> = Vec::new();
        for place in differing {
            match groups.iter_mut().find(|group| does(group[0]) == does(*place)) {
                Some(group) => group.push(*place),
                None => groups.push(vec![*place]),
            }
        }
        let shown: Vec<Place> = groups.iter().map(|group| group[0]).collect();
        let together = self.speeches(task, entrants, &shown);
        let names = |of: &dyn Fn(&Place) -> usize, group: &[Place]| {
            let mut places: Vec<usize> = group.iter().map(of).collect();
            places.sort_unstable();
            places.dedup();
            places.into_iter().map(|index| entrants[index].name.clone()).collect()
        };
        let disagreement = |group: &Vec<Place>| {
            let (client, server) = group[0];
            let reason = all.get(&group[0]).map(|it| it.failure.why()).unwrap_or_default();
            let (client_does, server_does) = does(group[0]);
            Disagreement {
                pairs: group.iter().map(|(c, s)| [entrants[*c].name.clone(), entrants[*s].name.clone()]).collect(),
                clients: names(&|place| place.0, group),
                servers: names(&|place| place.1, group),
                client_does,
                server_does,
                client_with_reference: said.get(&(client, 0)).cloned(),
                server_with_reference: said.get(&(0, server)).cloned(),
                together: together.get(&group[0]).cloned(),
                reason,
            }
        };
        groups.iter().map(disagreement).collect()
    }

    fn speeches(&self, task: &Task, entrants: &[Entrant], places: &[Place]) -> BTreeMap<Place, Speech> {
        let found: Mutex<BTreeMap<Place, Speech>> = Mutex::default();
        side_by_side(places, self.workers, |place| {
            if let (Some(speech), Ok(mut found)) = (self.speech(task, entrants, *place), found.lock()) {
                found.insert(*place, speech);
            }
        });
        found.into_inner().unwrap_or_default()
    }

    /// What a server was found to wait for when it was first met.
    fn waits_for(&self, task: &Task, entrant: &Entrant) -> Option<&'static str> {
        let (_, role) = roles(task)?;
        speech::waits_for(entrant.part(task, role)?)
    }

    fn client_words(&self, task: &Task, entrant: &Entrant, said: Option<&Speech>) -> String {
        let meeting = roles(task).and_then(|(role, _)| Some(&entrant.part(task, role)?.meeting));
        let own = meeting.and_then(|meeting| meeting.private.clone());
        let manner = || said.map(|said| said.there.manner().of_a_message());
        let built_in = meeting.and_then(|meeting| meeting.strays.clone());
        joined(built_in.into_iter().chain(own.or_else(manner)), "what it sends was not recorded")
    }

    fn server_words(&self, task: &Task, entrant: &Entrant, said: Option<&Speech>) -> String {
        let meeting = roles(task).and_then(|(_, role)| Some(&entrant.part(task, role)?.meeting));
        let own = meeting.and_then(|meeting| meeting.private.clone());
        let waits = || self.waits_for(task, entrant).map(str::to_owned);
        let replies = said.filter(|said| said.back.length > 0).map(|said| said.back.manner().of_a_reply());
        let built_in = meeting.and_then(|meeting| meeting.strays.clone());
        let words = built_in.into_iter().chain(own.or_else(waits)).chain(replies);
        joined(words, "it sends nothing, and what it waits for is not known")
    }
}

/// Sentences as one, or that there are none.
fn joined(words: impl Iterator<Item = String>, none: &str) -> String {
    let words: Vec<String> = words.collect();
    if words.is_empty() { none.to_owned() } else { words.join("; ") }
}

/// The task's scenarios for a pair, in words.
fn situations(task: &Task, client_role: &str) -> Vec<Situation> {
    let situation = |id: &String| {
        let scenario = task.scenarios().iter().find(|scenario| &scenario.id == id);
        let called = scenario.into_iter().flat_map(|scenario| scenario.programs());
        let copies = called.filter(|(name, role)| role == client_role && name != client_role);
        Situation {
            id: id.clone(),
            title: scenario.map(|scenario| scenario.title.clone()).unwrap_or_default(),
            client_is_called: copies.map(|(name, _)| name).collect(),
        }
    };
    task.file.together.iter().map(situation).collect()
}

/// Names of all who have a client or a server.
fn everyone(entrants: &[Entrant], clients: &[usize], servers: &[usize]) -> Vec<String> {
    let takes_part = |index: &usize| clients.contains(index) || servers.contains(index);
    (0..entrants.len()).filter(takes_part).map(|index| entrants[index].name.clone()).collect()
}

/// How one run came out.
fn came(played: &Played) -> (Outcome, Failure) {
    let words = |reason: &str| Failure { reason: reason.to_owned(), ..Failure::default() };
    let judged = event::judged(&played.record.events, |it| !it.held).map(|(_, it)| it.failure());
    match (&played.record.end, judged) {
        (End::Harness(why), _) => (Outcome::Undecided, words(why)),
        (_, Some(failure)) => (Outcome::Fail, failure),
        (End::Failed(failure), None) => (Outcome::Fail, failure.clone()),
        (End::NotGradable(why), None) => (Outcome::NotStarted, words(why)),
        (End::Skipped(skip), None) => (Outcome::Undecided, words(&skip.why)),
        (End::Played, None) => (Outcome::Ok, words("")),
    }
}

/// A pair works if all of its runs do; else the first that tells most counts.
fn judged(played: &[(String, Played)]) -> Verdict {
    let all: Vec<(&String, (Outcome, Failure))> = played.iter().map(|(id, played)| (id, came(played))).collect();
    let virtual_ms =
        played.iter().map(|(_, played)| u64::try_from(played.record.elapsed.as_millis()).unwrap_or(u64::MAX)).sum();
    let real = played.iter().any(|(_, played)| played.backend == BackendName::Wire);
    let order = [Outcome::Fail, Outcome::NotStarted, Outcome::Undecided, Outcome::Ok];
    let telling = order.into_iter().find_map(|wanted| all.iter().find(|(_, (outcome, _))| *outcome == wanted));
    match telling {
        Some((id, (outcome, failure))) => Verdict {
            outcome: *outcome,
            scenario: (*id).clone(),
            failure: failure.clone(),
            virtual_ms: if real { 0 } else { virtual_ms },
        },
        None => undecided("no scenario could be played"),
    }
}

fn undecided(why: &str) -> Verdict {
    Verdict {
        outcome: Outcome::Undecided,
        scenario: String::new(),
        failure: Failure { reason: why.to_owned(), ..Failure::default() },
        virtual_ms: 0,
    }
}
