//! A rubric: an instructor's overlay of points, levels and commands over the catalogue.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::de::{DeTable, DeValue};

use super::bounds::Bounds;
use super::held_back::HeldBack;
use super::late::Policy;
use crate::report::summary;
use harness_language::catalogue::model::Level;
use harness_language::catalogue::{Catalogue, Task};
use harness_language::scenario::load;
use harness_language::scenario::problem::{Problem, Problems, Source, suggestion};

/// An overlay; the default one changes nothing.
#[derive(Debug, Clone, Default)]
pub struct Rubric {
    file: RubricFile,
}

/// A rubric file.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RubricFile {
    /// The name that reports carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Points of every must-, should- and may-requirement that is not named below. Without a word here, what may be is
    /// worth nothing.
    #[serde(default)]
    points: BTreeMap<Level, f64>,
    /// By full id (`message.twenty-kb`), or `TASK.*` for all of a task.
    #[serde(default)]
    requirements: BTreeMap<String, Overlay>,
    /// What is taken off for lateness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    late: Option<Policy>,
    /// What is judged, and not shown with `--hide`.
    #[serde(default)]
    held_back: HeldBack,
    /// What the grading may take of the machine.
    #[serde(default, skip_serializing_if = "Bounds::is_silent")]
    bounds: Bounds,
    /// Default commands by task and role, for courses whose sheet names the programs otherwise.
    #[serde(default)]
    commands: BTreeMap<String, BTreeMap<String, String>>,
}

/// What a rubric says about a requirement.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Overlay {
    /// Its level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    level: Option<Level>,
    /// Its points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    points: Option<f64>,
    /// It is not judged at all.
    #[serde(default)]
    disabled: bool,
}

/// Why a rubric cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RubricError {
    /// The file cannot be read.
    #[error("cannot read the rubric {path}: {error}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// The file is wrong.
    #[error(transparent)]
    Problems(#[from] Problems),
}

/// The JSON Schema of rubric files.
pub fn schema() -> Schema {
    schemars::schema_for!(RubricFile)
}

/// Where the last of these nested keys stands; the beginning of the file if it does not.
fn key_span(table: &DeTable<'_>, path: &[&str]) -> Range<usize> {
    let Some((name, rest)) = path.split_first() else { return 0..0 };
    let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else { return 0..0 };
    match value.get_ref().as_table() {
        Some(inner) if !rest.is_empty() => key_span(inner, rest),
        _ => key.span(),
    }
}

/// Where an item of a list stands; the beginning of the file if it does not.
fn item_span(table: &DeTable<'_>, path: &[&str], index: usize) -> Range<usize> {
    let Some((name, rest)) = path.split_first() else { return 0..0 };
    let Some((_, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else { return 0..0 };
    match value.get_ref() {
        DeValue::Table(inner) => item_span(inner, rest, index),
        DeValue::Array(items) => items.get(index).map_or(value.span(), toml::Spanned::span),
        _ => value.span(),
    }
}

impl Rubric {
    /// Reads a rubric.
    ///
    /// # Errors
    /// If the file cannot be read, is wrong, or names what the catalogue does not have.
    pub fn read(path: &Path, catalogue: &Catalogue) -> Result<Self, RubricError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| RubricError::Unreadable { path: path.display().to_string(), error })?;
        Ok(Self::parse(&Source::new(path.display().to_string(), text), catalogue)?)
    }

    /// Reads a rubric's text.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(source: &Arc<Source>, catalogue: &Catalogue) -> Result<Self, Problems> {
        let file: RubricFile = load::typed(source)?;
        let tree = DeTable::parse(&source.text).map_err(|error| Problem::from_toml(source, &error))?;
        let place = |path: &[&str]| key_span(tree.get_ref(), path);
        let mut problems = Vec::new();
        let all: Vec<String> =
            catalogue.tasks.iter().flat_map(|task| task.file.requirements.iter().map(|it| task.full_id(it))).collect();
        let wildcards: Vec<String> = catalogue.tasks.iter().map(|task| format!("{}.*", task.id())).collect();
        let known = || all.iter().chain(&wildcards).map(String::as_str);
        let unknown = |id: &str, span: Range<usize>| {
            let otherwise = || "see `harness list TASK`; \"TASK.*\" stands for all of a task".to_owned();
            let help = || suggestion(id, known(), otherwise);
            let problem = || Problem::new(source, span, format!("there is no requirement `{id}`")).help(Some(help()));
            (!known().any(|known| known == id)).then(problem)
        };
        for (id, overlay) in &file.requirements {
            let span = place(&["requirements", id]);
            problems.extend(unknown(id, span.clone()));
            if overlay.points.is_some_and(|points| !(0.0..=1e6).contains(&points)) {
                problems.push(Problem::new(source, span, format!("points of `{id}` are between 0 and a million")));
            }
        }
        for (level, points) in &file.points {
            if !(0.0..=1e6).contains(points) {
                let name = summary::level(*level);
                let title = format!("points of `{name}` are between 0 and a million");
                problems.push(Problem::new(source, place(&["points", name]), title));
            }
        }
        for (index, id) in file.held_back.requirements.iter().enumerate() {
            problems.extend(unknown(id, item_span(tree.get_ref(), &["held-back", "requirements"], index)));
        }
        for (key, title) in file.late.iter().flat_map(Policy::problems) {
            problems.push(Problem::new(source, item_span(tree.get_ref(), &["late", key], 0), title));
        }
        let tasks = || catalogue.tasks.iter().map(Task::id);
        for (task, roles) in &file.commands {
            let Some(found) = catalogue.task(task) else {
                let otherwise = || format!("the tasks: {}", tasks().collect::<Vec<_>>().join(", "));
                let title = format!("there is no task `{task}`");
                let help = suggestion(task, tasks(), otherwise);
                problems.push(Problem::new(source, place(&["commands", task]), title).help(Some(help)));
                continue;
            };
            for role in roles.keys().filter(|role| found.role(role).is_none()) {
                let otherwise = || format!("its roles: {}", found.role_names().collect::<Vec<_>>().join(", "));
                let title = format!("task `{task}` has no role `{role}`");
                let help = suggestion(role, found.role_names(), otherwise);
                problems.push(Problem::new(source, place(&["commands", task, role]), title).help(Some(help)));
            }
        }
        if problems.is_empty() { Ok(Self { file }) } else { Err(Problems(problems)) }
    }

    /// The name that reports carry.
    pub fn name(&self) -> &str {
        self.file.name.as_deref().unwrap_or("built-in")
    }

    /// What is taken off for lateness, if anything is.
    pub fn late(&self) -> Option<&Policy> {
        self.file.late.as_ref()
    }

    /// What the grading may take of the machine, as far as it is said here.
    pub fn bounds(&self) -> Bounds {
        self.file.bounds
    }

    /// What is held back.
    pub fn held_back(&self) -> &HeldBack {
        &self.file.held_back
    }

    /// The rubric without further seeds: one run is one run.
    pub fn with_one_seed(mut self) -> Self {
        self.file.held_back.seeds.clear();
        self
    }

    /// SHA-256 of what decides verdicts and the points for them: not of what is taken off for lateness, nor of which
    /// requirements are shown.
    pub fn sha256(&self) -> String {
        let mut file = self.file.clone();
        file.late = None;
        file.held_back.requirements.clear();
        // Strings and numbers, in order: this is always JSON.
        let text = serde_json::to_string(&file).expect("a rubric is JSON");
        Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn overlays(&self, id: &str) -> impl Iterator<Item = &Overlay> {
        let of_task = id.split_once('.').and_then(|(task, _)| self.file.requirements.get(&format!("{task}.*")));
        self.file.requirements.get(id).into_iter().chain(of_task)
    }

    /// Whether a requirement is not judged.
    pub fn disables(&self, id: &str) -> bool {
        self.overlays(id).next().is_some_and(|overlay| overlay.disabled)
    }

    /// Its level, if the rubric changes it.
    pub fn level(&self, id: &str) -> Option<Level> {
        self.overlays(id).find_map(|overlay| overlay.level)
    }

    /// Its points, if the rubric changes them.
    pub fn points(&self, id: &str) -> Option<f64> {
        self.overlays(id).find_map(|overlay| overlay.points)
    }

    /// Its points, if the rubric names it itself.
    pub fn own_points(&self, id: &str) -> Option<f64> {
        self.file.requirements.get(id).and_then(|overlay| overlay.points)
    }

    /// Points of a level, if the rubric changes them.
    pub fn level_points(&self, level: Level) -> Option<f64> {
        self.file.points.get(&level).copied()
    }

    /// A role's default command, if the rubric changes it.
    pub fn command(&self, task: &str, role: &str) -> Option<&str> {
        self.file.commands.get(task).and_then(|roles| roles.get(role)).map(String::as_str)
    }
}
