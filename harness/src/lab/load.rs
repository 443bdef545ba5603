//! Reading the questions, and checking that their facts and scenarios are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::model::{Conclusion, Experiment, Play, Question};
use harness_language::catalogue::{Folder, LAB, files};
use harness_language::scenario::Scenario;
use harness_language::scenario::load::{self, Parameters, Setting};
use harness_language::scenario::problem::{Problem, Problems, Source};

/// The name that scenarios of the lab have where others have their task.
pub const TASK: &str = LAB;

/// All questions.
#[derive(Debug)]
pub struct Lab {
    questions: BTreeMap<u32, Question>,
    scenarios: BTreeMap<String, Arc<Source>>,
}

impl Lab {
    /// The questions that are built in.
    ///
    /// # Errors
    /// Never for a released binary: a test loads them.
    pub fn built_in() -> Result<Self, Problems> {
        let root = Folder::embedded(&files::SCENARIOS, "scenarios");
        let empty = Source::new("scenarios/lab", "");
        let folder = root.folders().iter().find(|folder| folder.name == LAB);
        let folder = folder.ok_or_else(|| Problem::new(&empty, 0..0, "there are no lab questions"))?;
        let mut problems = Vec::new();
        let mut questions = BTreeMap::new();
        for (name, source) in folder.files() {
            let Some(number) = name.strip_suffix(".toml").and_then(|stem| stem.parse().ok()) else { continue };
            match load::typed::<Question>(source) {
                Ok(question) => {
                    questions.insert(number, question);
                }
                Err(problem) => problems.push(problem),
            }
        }
        let experiments = folder.folders().iter().find(|folder| folder.name == "experiments");
        let scenarios = experiments
            .into_iter()
            .flat_map(Folder::files)
            .filter_map(|(name, source)| Some((name.strip_suffix(".toml")?.to_owned(), Arc::clone(source))))
            .collect();
        let lab = Self { questions, scenarios };
        for (number, question) in &lab.questions {
            for experiment in &question.experiments {
                for play in &experiment.plays {
                    if let Err(Problems(found)) = lab.check(*number, experiment, play) {
                        problems.extend(found);
                    }
                }
            }
        }
        if problems.is_empty() { Ok(lab) } else { Err(Problems(problems)) }
    }

    /// The questions by number.
    pub fn questions(&self) -> &BTreeMap<u32, Question> {
        &self.questions
    }

    /// The scenario of a play, ready to run.
    ///
    /// # Errors
    /// What is wrong with its file.
    pub fn scenario(&self, play: &Play) -> Result<Scenario, Problems> {
        let Some(source) = self.scenarios.get(&play.scenario) else {
            let source = Source::new(format!("scenarios/lab/experiments/{}.toml", play.scenario), "");
            return Err(Problem::new(&source, 0..0, "there is no such scenario").into());
        };
        let parameters: Parameters =
            play.parameters.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        let roles: Vec<&str> = play.cast.keys().map(String::as_str).collect();
        let setting = Setting {
            task: TASK,
            id: &play.scenario,
            prefix: "",
            parameters: &parameters,
            roles: &roles,
            opening: &|_| None,
            openings: &[],
        };
        let mut made = load::scenarios(source, &setting)?;
        made.pop().ok_or_else(|| Problem::new(source, 0..0, "the file holds no scenario").into())
    }

    /// Every fact that a conclusion needs must be one that can be decided.
    fn check(&self, number: u32, experiment: &Experiment, play: &Play) -> Result<(), Problems> {
        let scenario = self.scenario(play)?;
        let known = decided(&scenario);
        let known: BTreeSet<&str> =
            known.iter().map(String::as_str).chain(experiment.facts.iter().map(|fact| fact.name.as_str())).collect();
        let source = Source::new(format!("scenarios/lab/{number}.toml"), "");
        let used = |conclusion: &Conclusion| conclusion.when.clone();
        for name in experiment.conclusions.iter().chain(&experiment.remarks).flat_map(used) {
            let bare = name.strip_prefix('!').unwrap_or(&name);
            if !known.contains(bare) {
                let title = format!("{}: nothing decides the fact `{bare}`", experiment.name);
                return Err(Problem::new(&source, 0..0, title).into());
            }
        }
        Ok(())
    }
}

/// Short names of what the steps of a scenario decide.
pub fn decided(scenario: &Scenario) -> BTreeSet<String> {
    scenario.steps.iter().flat_map(|step| step.decides()).map(|id| short(id).to_owned()).collect()
}

/// A fact's name without the lab's.
pub fn short(id: &str) -> &str {
    id.rsplit('.').next().unwrap_or(id)
}
