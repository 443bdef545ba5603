//! Which runs there are for a subject, a filter and a backend.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use harness_verdict::{Skip, Undecided};

use super::{Rubric, Subject};
use crate::run::End;
use crate::run::calls::UNSEEN;
use crate::run::remains::Remains;
use crate::submission::Cast;
use harness_language::catalogue::model::Level;
use harness_language::catalogue::{Catalogue, Task};
use harness_language::scenario::Scenario;
use harness_language::scenario::model::{BackendName, Pairing, Step};

/// Only these; empty lists mean all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Task ids.
    pub tasks: Vec<String>,
    /// Requirement ids, `task.requirement`.
    pub requirements: Vec<String>,
    /// Scenario ids, as in run ids before the `#`, with or without the task.
    pub scenarios: Vec<String>,
    /// Spares the subject what is not likely to say more about it.
    pub light: Option<Light>,
}

/// What to skip for a program of which something is known: heavy scenarios, and all rows but one of a scenario's table.
#[derive(Debug, Clone)]
pub struct Light {
    /// Requirements that are decided with everything there is.
    pub but_for: BTreeSet<String>,
    /// Chooses the rows that are played: over many subjects with different numbers, each row is.
    pub row: usize,
    /// Of the other requirements, play the musts only, one scenario for each role and pairing.
    pub musts_only: bool,
}

impl Filter {
    /// Whether a requirement is wanted.
    pub fn wants_requirement(&self, id: &str) -> bool {
        self.requirements.is_empty() || self.requirements.iter().any(|wanted| wanted == id)
    }

    /// How to be brief, if the scenario decides nothing that asks for more.
    fn spares(&self, scenario: &Scenario) -> Option<&Light> {
        self.light.as_ref().filter(|light| !scenario.decides.iter().any(|id| light.but_for.contains(id)))
    }

    fn wants_scenario(&self, scenario: &Scenario) -> bool {
        let full = format!("{}/{}", scenario.task, scenario.id);
        self.scenarios.is_empty()
            || self
                .scenarios
                .iter()
                .any(|wanted| *wanted == scenario.id || *wanted == full || *wanted == scenario.run_id())
    }
}

/// A run to be played.
#[derive(Debug, Clone)]
pub struct Run<'p> {
    /// The scenario.
    pub scenario: Cow<'p, Scenario>,
    /// The requirements that are wanted of it.
    pub decides: Vec<String>,
    /// The backend that plays it.
    pub backend: BackendName,
    /// Of these, what is judged once more on a pipe if it fails on a terminal.
    pub again_on_a_pipe: BTreeSet<String>,
    /// Why it cannot be played on this backend, if it cannot.
    pub skipped: Option<Skip>,
}

/// All runs, in the order of the catalogue. With `real_sockets_too`, what the simulated network cannot play is played
/// on real sockets, unless it says nothing that is not decided without them.
pub fn plan<'p>(
    catalogue: &'p Catalogue,
    casts: &BTreeMap<String, Cast>,
    filter: &Filter,
    rubric: &Rubric,
    backend: BackendName,
    real_sockets_too: bool,
) -> Vec<Run<'p>> {
    let mut runs = Vec::new();
    for task in &catalogue.tasks {
        let Some(cast) = casts.get(task.id()) else { continue };
        if !filter.tasks.is_empty() && !filter.tasks.iter().any(|id| id == task.id()) {
            continue;
        }
        for scenario in task.scenarios() {
            let wanted =
                |id: &&String| filter.wants_requirement(id) && !rubric.disables(id) && judged_for(task, scenario, id);
            let decides: Vec<String> = scenario.decides.iter().filter(wanted).cloned().collect();
            if decides.is_empty() || !filter.wants_scenario(scenario) {
                continue;
            }
            if scenario.roles().iter().any(|role| !cast.parts.contains_key(*role)) {
                continue;
            }
            let attached = || {
                let mut roles = scenario.roles().into_iter();
                roles.any(|role| cast.parts.get(role).is_some_and(|part| part.attached.is_some()))
            };
            let (here, real) = (scenario.backends.contains(&backend), scenario.backends.contains(&BackendName::Wire));
            let elsewhere = real_sockets_too && (real && !here || attached());
            let backend = if elsewhere { BackendName::Wire } else { backend };
            let skipped = (!scenario.backends.contains(&backend)).then(|| cannot(scenario, backend));
            let by_form = |id: &&String| task.requirement(id).is_some_and(|it| it.again_on_a_pipe);
            let again_on_a_pipe = decides.iter().filter(by_form).cloned().collect();
            runs.push(Run { scenario: Cow::Borrowed(scenario), decides, again_on_a_pipe, backend, skipped });
        }
    }
    let decided: BTreeSet<(String, String, Pairing)> = runs
        .iter()
        .filter(|run| run.backend == backend && run.skipped.is_none())
        .flat_map(|run| run.decides.iter().map(|id| (id.clone(), run.scenario.role.clone(), run.scenario.pairing)))
        .collect();
    let superfluous = |run: &Run<'_>| {
        let key = |id: &String| (id.clone(), run.scenario.role.clone(), run.scenario.pairing);
        run.backend != backend
            && !run.scenario.backends.contains(&backend)
            && run.decides.iter().all(|id| decided.contains(&key(id)))
    };
    runs.retain(|run| !superfluous(run));
    if let Some(light) = filter.light.as_ref().filter(|light| light.musts_only) {
        runs = proof(runs, catalogue, light);
    }
    spare(runs, filter)
}

/// Keeps what decides the requirements in question, one scenario for each must, and one for each requirement that
/// these need: without it, a failure would not be told from its consequence.
fn proof<'p>(runs: Vec<Run<'p>>, catalogue: &Catalogue, light: &Light) -> Vec<Run<'p>> {
    let is_must = |run: &Run<'_>, id: &String| {
        let task = catalogue.task(&run.scenario.task);
        task.and_then(|task| task.requirement(id)).is_some_and(|requirement| requirement.level == Level::Must)
    };
    let tells_all = |run: &Run<'_>| run.decides.iter().any(|id| light.but_for.contains(id));
    let mut wanted: BTreeSet<String> = light.but_for.clone();
    wanted.extend(runs.iter().flat_map(|run| run.decides.iter().filter(|id| is_must(run, id)).cloned()));
    loop {
        let plain = plainest(&runs, &wanted);
        let kept = |(index, run): &(usize, &Run<'_>)| tells_all(run) || plain.contains(index);
        let needed = runs.iter().enumerate().filter(kept).flat_map(|(_, run)| run.scenario.needs.iter().cloned());
        let before = wanted.len();
        wanted.extend(needed.collect::<Vec<_>>());
        if wanted.len() == before {
            let kept: BTreeSet<usize> = runs.iter().enumerate().filter(kept).map(|(index, _)| index).collect();
            let all = runs.into_iter().enumerate();
            return all.filter(|(index, _)| kept.contains(index)).map(|(_, run)| run).collect();
        }
    }
}

/// The places of one scenario for each requirement, role and pairing, with all its rows: one that is called like the
/// requirement before others, a light one before a heavy one.
fn plainest(runs: &[Run<'_>], wanted: &BTreeSet<String>) -> BTreeSet<usize> {
    let mut best: BTreeMap<(&String, &String, Pairing), (bool, bool, usize)> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate().filter(|(_, run)| run.skipped.is_none()) {
        for id in run.decides.iter().filter(|id| wanted.contains(*id)) {
            let is_namesake = id.split_once('.').is_some_and(|(_, short)| short == run.scenario.id);
            let rank = (run.scenario.heavy, !is_namesake, index);
            let slot = best.entry((id, &run.scenario.role, run.scenario.pairing)).or_insert(rank);
            *slot = (*slot).min(rank);
        }
    }
    let chosen: BTreeSet<(&String, &String)> =
        best.values().map(|(_, _, index)| (&runs[*index].scenario.task, &runs[*index].scenario.id)).collect();
    let is_chosen = |run: &Run<'_>| chosen.contains(&(&run.scenario.task, &run.scenario.id));
    runs.iter().enumerate().filter(|(_, run)| is_chosen(run)).map(|(index, _)| index).collect()
}

/// Leaves out what is heavy, and all rows but one of each table, where that is asked for. To be done last: what is
/// played elsewhere only because it cannot be played here must not come in its place.
fn spare<'p>(mut runs: Vec<Run<'p>>, filter: &Filter) -> Vec<Run<'p>> {
    runs.retain(|run| !(run.scenario.heavy && filter.spares(&run.scenario).is_some()));
    let table = |run: &Run<'_>| (run.scenario.task.clone(), run.scenario.id.clone(), run.scenario.role.clone());
    let mut rows: BTreeMap<_, usize> = BTreeMap::new();
    for run in &runs {
        *rows.entry(table(run)).or_default() += 1;
    }
    let mut met: BTreeMap<_, usize> = BTreeMap::new();
    let mut kept = |run: &Run<'p>| {
        let place = met.entry(table(run)).or_default();
        *place += 1;
        filter.spares(&run.scenario).is_none_or(|light| *place == light.row % rows[&table(run)] + 1)
    };
    runs.into_iter().filter(|run| kept(run)).collect()
}

/// Whether the task wants a requirement judged for the scenario's role.
fn judged_for(task: &Task, scenario: &Scenario, id: &str) -> bool {
    scenario.pairing == Pairing::Own
        || task.requirement(id).is_some_and(|requirement| requirement.roles.contains(&scenario.role))
}

fn cannot(scenario: &Scenario, backend: BackendName) -> Skip {
    let can: Vec<&str> = scenario.backends.iter().map(|backend| backend.as_str()).collect();
    let why = match backend {
        BackendName::Wire if asks_for_calls(&scenario.steps) => UNSEEN.to_owned(),
        BackendName::Wire => format!("real sockets cannot force this: it needs {}", can.join(" or ")),
        _ => format!("the {} backend cannot play this: it needs {}", backend.as_str(), can.join(" or ")),
    };
    Skip { by: Undecided::Backends(scenario.backends.iter().copied().collect()), why }
}

/// Whether a scenario judges the record of a program's calls.
fn asks_for_calls(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::ExpectCallSizes(_) | Step::ExpectIoModel(_) => true,
        Step::Repeat(repeat) => asks_for_calls(&repeat.steps),
        _ => false,
    })
}

impl Run<'_> {
    /// `harness-client`, `harness-server` or `own`.
    pub fn pairing(&self, cast: &Cast) -> &'static str {
        match (self.scenario.pairing, cast.kind(&self.scenario.role)) {
            (Pairing::Own, _) => "own",
            (Pairing::Harness, Some(harness_language::catalogue::model::RoleKind::Client)) => "harness-server",
            (Pairing::Harness, _) => "harness-client",
        }
    }

    /// What keeps the run from being played at all.
    pub fn obstacle(&self, subject: &Subject<'_>) -> Option<End> {
        if let Some(why) = &self.skipped {
            return Some(End::Skipped(why.clone()));
        }
        for role in self.scenario.roles() {
            if let Some(why) = subject.unmet.get(&(self.scenario.task.clone(), role.to_owned())) {
                return Some(why.clone());
            }
            let parts = subject.casts.get(&self.scenario.task).map(|cast| &cast.parts);
            let meeting = parts.and_then(|parts| parts.get(role)).map(|part| &part.meeting);
            let alone = parts.is_none_or(|parts| parts.len() == 1);
            let Some(meeting) = meeting.filter(|_| self.scenario.pairing == Pairing::Harness) else { continue };
            if !self.scenario.converses() {
                continue;
            }
            if let Some(why) = &meeting.private {
                let why = format!("speaks only to its own other half: {why}");
                let by = if alone { Undecided::OtherHalf } else { Undecided::OwnProtocol };
                return Some(End::Skipped(Skip { by, why }));
            }
            if let Some(folder) = &meeting.elsewhere {
                return Some(End::Skipped(Skip::situation(format!(
                    "the {role} looks for its documents in {folder}, where there are none in a run: make it a folder \
                     beside the program, as in \"www\", or the folder that it is started in"
                ))));
            }
        }
        None
    }

    /// What programs left that ended before they could be met.
    pub fn fallen(&self, subject: &Subject<'_>) -> Vec<Remains> {
        let Some(cast) = subject.casts.get(&self.scenario.task) else { return Vec::new() };
        let of = |role: &str| cast.parts.get(role).and_then(|part| part.meeting.fell.clone());
        self.scenario.roles().into_iter().filter_map(of).collect()
    }

    /// Whether it spends most of its time waiting: on real sockets a pause is a real one.
    pub fn pauses(&self) -> bool {
        fn pauses(all: &[Step]) -> bool {
            const LONG: Duration = Duration::from_secs(1);
            all.iter().any(|step| match step {
                Step::Repeat(repeat) => pauses(&repeat.steps),
                Step::Stall(stall) => stall.on_wire.unwrap_or(stall.duration).0 >= LONG,
                Step::ExpectExit(exit) => exit.within.is_some_and(|within| within.0 >= 30 * LONG),
                _ => false,
            })
        }
        self.backend == BackendName::Wire && pauses(&self.scenario.steps)
    }

    /// How long it may take, roughly, so that long ones begin first.
    pub fn weight(&self) -> u64 {
        fn steps(all: &[Step]) -> u64 {
            all.iter()
                .map(|step| match step {
                    Step::Repeat(repeat) => u64::from(repeat.times) * steps(&repeat.steps),
                    Step::Stall(stall) => stall.on_wire.unwrap_or(stall.duration).0.as_millis() as u64 * 4,
                    Step::Send(send) => 1 + send.data.length() / 20_000,
                    _ => 1,
                })
                .sum()
        }
        steps(&self.scenario.steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::submission::cast::{Command, Part};
    use rstest::rstest;

    /// A server prints all that it is sent, so what a run may print lies above what any scenario sends.
    #[test]
    fn the_bound_of_output_lies_above_what_is_sent() {
        fn sent(all: &[Step]) -> u64 {
            let of = |step: &Step| match step {
                Step::Repeat(repeat) => u64::from(repeat.times) * sent(&repeat.steps),
                Step::Send(send) => send.data.length(),
                _ => 0,
            };
            all.iter().map(of).sum()
        }
        let catalogue = Catalogue::built_in().unwrap();
        let scenarios = catalogue.tasks.iter().flat_map(|task| task.scenarios());
        let most = scenarios.map(|scenario| (sent(&scenario.steps), scenario.run_id())).max().unwrap();
        use crate::sandbox::guard::{Bounds, Limits};
        let bound = Bounds::of_run(&Limits::default()).output;
        assert!(most.0 > 1 << 20 && bound / 3 * 2 > most.0, "{most:?} of {bound}");
    }

    /// Two tables of three and two rows, a plain scenario and a heavy one.
    fn played(light: Option<Light>) -> Vec<String> {
        let filter = Filter { light, ..Filter::default() };
        let any = Catalogue::built_in().unwrap().tasks[0].scenarios()[0].clone();
        let scenario = |id: &str, row: Option<&str>, decides: &str, heavy| Scenario {
            id: id.to_owned(),
            row: row.map(str::to_owned),
            decides: vec![decides.to_owned()],
            heavy,
            ..any.clone()
        };
        let all = [
            scenario("signs", Some("plus"), "t.signs", false),
            scenario("signs", Some("minus"), "t.signs", false),
            scenario("signs", Some("times"), "t.signs", false),
            scenario("ends", Some("early"), "t.ends", false),
            scenario("ends", Some("late"), "t.ends", false),
            scenario("plain", None, "t.plain", false),
            scenario("large", None, "t.large", true),
        ];
        let run = |scenario: Scenario| Run {
            decides: scenario.decides.clone(),
            again_on_a_pipe: BTreeSet::new(),
            scenario: Cow::Owned(scenario),
            backend: BackendName::Sim,
            skipped: None,
        };
        let short = |run: &Run<'_>| format!("{}{}", run.scenario.id, run.scenario.row.as_deref().unwrap_or(""));
        spare(all.into_iter().map(run).collect(), &filter).iter().map(short).collect()
    }

    #[rstest]
    #[case::first(0, &[], &["signsplus", "endsearly", "plain"])]
    #[case::second(1, &[], &["signsminus", "endslate", "plain"])]
    #[case::beyond_the_shorter(2, &[], &["signstimes", "endsearly", "plain"])]
    #[case::beyond_both(3, &[], &["signsplus", "endslate", "plain"])]
    #[case::a_table_of_interest(0, &["t.ends"], &["signsplus", "endsearly", "endslate", "plain"])]
    #[case::something_heavy_of_interest(1, &["t.large"], &["signsminus", "endslate", "plain", "large"])]
    fn a_light_table_keeps_what_matters(#[case] row: usize, #[case] but_for: &[&str], #[case] kept: &[&str]) {
        let but_for = but_for.iter().map(|&id| id.to_owned()).collect();
        assert_eq!(played(Some(Light { but_for, row, musts_only: false })), kept);
    }

    /// A cast with a program for every role of every task.
    fn all_parts(catalogue: &Catalogue) -> BTreeMap<String, Cast> {
        let casts = catalogue.tasks.iter().map(|task| {
            let parts = task.file.roles.iter().map(|role| (role.name.clone(), Part::new(role, Command::default())));
            (task.id().to_owned(), Cast { parts: parts.collect(), ..Cast::default() })
        });
        casts.collect()
    }

    /// All tasks, sparingly: without what is spared, the same is played in the same places.
    #[rstest]
    fn nothing_comes_in_place_of_what_is_spared(#[values(false, true)] musts_only: bool) {
        let catalogue = Catalogue::built_in().unwrap();
        let casts = all_parts(&catalogue);
        let played = |light: Option<Light>| -> BTreeSet<(String, &str)> {
            let filter = Filter { light, ..Filter::default() };
            let runs = plan(&catalogue, &casts, &filter, &Rubric::default(), BackendName::Sim, true);
            runs.iter().map(|run| (run.scenario.run_id(), run.backend.as_str())).collect()
        };
        let (whole, spared) = (played(None), played(Some(Light { but_for: BTreeSet::new(), row: 0, musts_only })));
        assert!(spared.len() < whole.len());
        assert_eq!(spared.difference(&whole).collect::<Vec<_>>(), Vec::<&(String, &str)>::new());
    }

    /// Every must of every task is still decided, whatever a program is known to fail.
    #[test]
    fn a_proof_keeps_every_must_and_what_it_needs() {
        let catalogue = Catalogue::built_in().unwrap();
        let casts = all_parts(&catalogue);
        let light = Light { but_for: BTreeSet::new(), row: 0, musts_only: true };
        let decided = |light: Option<Light>| -> BTreeSet<String> {
            let filter = Filter { light, ..Filter::default() };
            let runs = plan(&catalogue, &casts, &filter, &Rubric::default(), BackendName::Sim, true);
            runs.into_iter()
                .filter(|run| run.skipped.is_none() && !run.scenario.heavy)
                .flat_map(|run| run.decides)
                .collect()
        };
        let (whole, proof) = (decided(None), decided(Some(light)));
        assert!(proof.len() < whole.len());
        for task in &catalogue.tasks {
            let musts = task.file.requirements.iter().filter(|it| it.level == Level::Must).map(|it| task.full_id(it));
            let lost: Vec<String> = musts.filter(|id| whole.contains(id) && !proof.contains(id)).collect();
            assert_eq!(lost, Vec::<String>::new());
        }
    }

    #[test]
    fn nothing_is_spared_unasked() {
        assert_eq!(played(None).len(), 7);
    }
}
