//! From text to scenarios: parse, fill in parameters, inline openings, check.
//!
//! The text is parsed once into a tree that knows its places; `"$name"` is replaced in the
//! tree, so that every later error still points at the file; then the tree becomes types.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::Scenario;
use super::check::{self, Actors, Place};
use super::duration::Limit;
use super::model::{BackendName, OpeningFile, Perform, ScenarioFile, Step};
use super::problem::{Problem, Problems, Source, nearest, suggestion};

/// Values of `"$name"`, as TOML text.
pub type Parameters = BTreeMap<String, String>;

/// How a scenario file is put to work: for which task and role, with which parameters.
pub struct Setting<'a> {
    /// The task's id.
    pub task: &'a str,
    /// The scenario's id in reports.
    pub id: &'a str,
    /// What is put before a short requirement id: empty, or `common-`.
    pub prefix: &'a str,
    /// Task parameters and, for common scenarios, `role`.
    pub parameters: &'a Parameters,
    /// Names of the task's roles.
    pub roles: &'a [&'a str],
    /// Finds an opening by name.
    pub opening: &'a dyn Fn(&str) -> Option<Arc<Source>>,
    /// Names of all openings, for suggestions.
    pub openings: &'a [String],
}

/// Reads any of our TOML files that has no parameters.
///
/// # Errors
/// The place and nature of the first error.
pub fn typed<T: DeserializeOwned>(source: &Arc<Source>) -> Result<T, Problem> {
    let tree = DeTable::parse(&source.text).map_err(|error| Problem::from_toml(source, &error))?;
    from_tree(source, tree)
}

fn from_tree<T: DeserializeOwned>(source: &Arc<Source>, tree: Spanned<DeTable<'_>>) -> Result<T, Problem> {
    T::deserialize(Deserializer::from(tree)).map_err(|error| Problem::from_toml(source, &error))
}

/// Reads a scenario file: one scenario, or one per row of its table.
///
/// # Errors
/// Everything found wrong with the file and the openings that it plays.
pub fn scenarios(source: &Arc<Source>, setting: &Setting<'_>) -> Result<Vec<Scenario>, Problems> {
    let tree = DeTable::parse(&source.text).map_err(|error| Problem::from_toml(source, &error))?;
    let rows = rows(&tree);
    let counted = counted(&tree, setting.parameters);
    let mut made = Vec::new();
    let mut problems = Vec::new();
    for index in 0..rows.len().max(counted.len()).max(1) {
        let row = rows.get(index);
        let counting = counted.get(index).map(|(_, parameters)| Setting { parameters, ..*setting });
        match one(source, &tree, row, index, counting.as_ref().unwrap_or(setting)) {
            Ok(mut scenario) => {
                scenario.row = scenario.row.or_else(|| counted.get(index).map(|(name, _)| name.clone()));
                made.push(scenario);
            }
            // The same mistake in every row is one mistake.
            Err(Problems(found)) => found.into_iter().for_each(|problem| {
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }),
        }
    }
    if problems.is_empty() { Ok(made) } else { Err(Problems(problems)) }
}

fn one<'t>(
    source: &Arc<Source>,
    tree: &Spanned<DeTable<'t>>,
    row: Option<&DeTable<'t>>,
    index: usize,
    setting: &'t Setting<'_>,
) -> Result<Scenario, Problems> {
    let mut filled = tree.clone();
    let mut names = Substitution { source, row, parameters: setting.parameters, problems: Vec::new() };
    names.table(filled.get_mut());
    if !names.problems.is_empty() {
        return Err(Problems(names.problems));
    }
    let places = filled.clone();
    let file: ScenarioFile = from_tree(source, filled)?;
    let mut problems = Vec::new();
    check::file(source, &places, &file, setting.roles, &mut problems);
    let mut walk = Walk { setting, stack: Vec::new(), actors: Actors::new(setting.roles), problems };
    let steps = walk.inline(source, &Place::top(&places), &file.steps);
    if !walk.problems.is_empty() {
        return Err(Problems(walk.problems));
    }
    let id = |short: &String| format!("{}.{}{}", setting.task, setting.prefix, short);
    let backends: BTreeSet<BackendName> = match &file.backends {
        Some(named) => named.iter().copied().collect(),
        None => [BackendName::Sim, BackendName::Wire, BackendName::Turmoil].into(),
    };
    let mut steps = steps;
    qualify(&mut steps, &id);
    Ok(Scenario {
        task: setting.task.to_owned(),
        id: setting.id.to_owned(),
        title: file.title,
        decides: file.decides.iter().map(id).collect(),
        needs: file.needs.iter().map(id).collect(),
        role: file.judges,
        pairing: file.pairing,
        row: row.map(|row| row_name(row, index)),
        backends,
        heavy: file.heavy,
        secrets: file.secrets,
        limit: file.limit.unwrap_or(Limit(std::time::Duration::from_secs(60))).0,
        forced: file.forced,
        network: file.network,
        files: file.files,
        folders: file.folders,
        files_above: file.files_above,
        links: file.links,
        interfaces: file.interfaces,
        steps,
    })
}

/// A row is named by its `name` key, else by its number.
fn row_name(row: &DeTable<'_>, index: usize) -> String {
    row.iter()
        .find(|(key, _)| key.get_ref() == "name")
        .and_then(|(_, value)| value.get_ref().as_str())
        .map_or_else(|| (index + 1).to_string(), str::to_owned)
}

/// An opening as a scenario of its own, which decides nothing. Errors about its name are placed in
/// `source`, the file that names it.
///
/// # Errors
/// If there is no such opening or it is wrong.
pub fn conversation(
    source: &Arc<Source>,
    role: &str,
    opening: &str,
    setting: &Setting<'_>,
) -> Result<Scenario, Problems> {
    let place = |word: &str| {
        let at = source.text.find(&format!("\"{word}\"")).unwrap_or(0);
        at..at + word.len() + 2
    };
    if !setting.roles.contains(&role) {
        return Err(Problem::new(source, place(role), format!("the task has no role `{role}`")).into());
    }
    if (setting.opening)(opening).is_none() {
        let help = nearest(opening, setting.openings.iter().map(String::as_str)).map_or_else(
            || format!("known: {}", setting.openings.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let title = format!("there is no opening `{opening}`");
        return Err(Problem::new(source, place(opening), title).help(Some(help)).into());
    }
    let text = format!(
        "title = \"The first conversation with the {role}\"\ndecides = [\"nothing\"]\njudges = \"{role}\"\n\
         steps = [{{ perform = {{ opening = \"{opening}\" }} }}]\n"
    );
    let made = Source::new(source.name.clone(), &text);
    let mut scenario = scenarios(&made, setting)?.remove(0);
    scenario.decides.clear();
    Ok(scenario)
}

fn rows<'t>(tree: &Spanned<DeTable<'t>>) -> Vec<DeTable<'t>> {
    let rows = tree.get_ref().iter().find(|(key, _)| key.get_ref() == "rows");
    let entries = rows.and_then(|(_, value)| value.get_ref().as_array());
    entries
        .map(|entries| entries.iter().filter_map(|entry| entry.get_ref().as_table().cloned()).collect())
        .unwrap_or_default()
}

/// Most runs that one scenario may count.
const MOST_COUNTED: u32 = 1_000;

/// For each number that a scenario counts, the name of its run and the parameters with it.
fn counted(tree: &Spanned<DeTable<'_>>, parameters: &Parameters) -> Vec<(String, Parameters)> {
    let table = tree.get_ref().iter().find(|(key, _)| key.get_ref() == "count");
    let Some((name, value)) =
        table.and_then(|(_, value)| value.get_ref().as_table()).and_then(|table| table.iter().next())
    else {
        return Vec::new();
    };
    let number = |value: &Spanned<DeValue<'_>>| value.get_ref().as_integer()?.as_str().parse::<u32>().ok();
    let bounds: Option<Vec<u32>> = value.get_ref().as_array().and_then(|array| array.iter().map(number).collect());
    // What is no pair of numbers is reported when the file becomes types.
    let Some([first, last]) = bounds.as_deref() else { return Vec::new() };
    let numbers = *first..=(*last).min(first.saturating_add(MOST_COUNTED - 1));
    let digits = last.to_string().len();
    numbers
        .map(|number| {
            let mut parameters = parameters.clone();
            parameters.insert(name.get_ref().to_string(), number.to_string());
            // Names sort as the numbers do.
            (format!("{number:0digits$}"), parameters)
        })
        .collect()
}

/// Replaces `perform` by the steps of the opening, all the way down, checking as it goes.
struct Walk<'w> {
    setting: &'w Setting<'w>,
    stack: Vec<String>,
    actors: Actors,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    fn inline(&mut self, source: &Arc<Source>, place: &Place<'_, '_>, steps: &[Step]) -> Vec<Step> {
        let mut flat = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let here = place.step(index);
            check::step(source, &here, step, &mut self.problems);
            self.actors.step(source, &here, step, &mut self.problems);
            match step {
                Step::Perform(perform) => flat.extend(self.perform(source, &here, perform)),
                Step::Repeat(repeat) => {
                    let mut repeat = repeat.clone();
                    repeat.steps = self.inline(source, &here, &repeat.steps);
                    flat.push(Step::Repeat(repeat));
                }
                other => flat.push(other.clone()),
            }
        }
        flat
    }

    fn perform(&mut self, source: &Arc<Source>, here: &Place<'_, '_>, perform: &Perform) -> Vec<Step> {
        let span = here.span("opening");
        let Some(opening) = (self.setting.opening)(&perform.opening) else {
            let near = nearest(&perform.opening, self.setting.openings.iter().map(String::as_str));
            let help = near.map_or_else(
                || format!("known: {}", self.setting.openings.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let title = format!("there is no opening `{}`", perform.opening);
            self.problems.push(Problem::new(source, span, title).help(Some(help)));
            self.actors.lose_count();
            return Vec::new();
        };
        if self.stack.contains(&perform.opening) {
            let title = format!("opening `{}` performs itself", perform.opening);
            self.problems.push(Problem::new(source, span, title));
            return Vec::new();
        }
        let mut parameters = self.setting.parameters.clone();
        parameters.extend(perform.with.iter().map(|(name, value)| (name.clone(), value.to_string())));
        if let Some(problem) = not_given(source, here, perform, &opening, &parameters) {
            self.problems.push(problem);
            self.actors.lose_count();
            return Vec::new();
        }
        self.stack.push(perform.opening.clone());
        let steps = self.opening(&opening, &parameters).unwrap_or_else(|Problems(found)| {
            self.problems.extend(found);
            self.actors.lose_count();
            Vec::new()
        });
        self.stack.pop();
        steps
    }

    fn opening(&mut self, source: &Arc<Source>, parameters: &Parameters) -> Result<Vec<Step>, Problems> {
        let mut tree = DeTable::parse(&source.text).map_err(|error| Problem::from_toml(source, &error))?;
        let mut names = Substitution { source, row: None, parameters, problems: Vec::new() };
        names.table(tree.get_mut());
        if !names.problems.is_empty() {
            return Err(Problems(names.problems));
        }
        let places = tree.clone();
        let file: OpeningFile = from_tree(source, tree)?;
        Ok(self.inline(source, &Place::top(&places), &file.steps))
    }
}

/// The mistake of a `perform` that does not give an opening what it declares to need, or gives it something else.
fn not_given(
    source: &Arc<Source>,
    here: &Place<'_, '_>,
    perform: &Perform,
    opening: &Arc<Source>,
    parameters: &Parameters,
) -> Option<Problem> {
    // An opening that cannot be read is the opening's mistake.
    let tree = DeTable::parse(&opening.text).ok()?;
    let list = tree.get_ref().iter().find(|(key, _)| key.get_ref() == "parameters");
    let entries = list.and_then(|(_, value)| value.get_ref().as_array());
    let declared: Vec<&str> =
        entries.into_iter().flat_map(|entries| entries.iter().filter_map(|entry| entry.get_ref().as_str())).collect();
    let name = &perform.opening;
    // An opening may leave its parameters undeclared.
    let strange = || perform.with.keys().find(|given| !declared.is_empty() && !declared.contains(&given.as_str()));
    if let Some(stranger) = strange() {
        let help =
            suggestion(stranger, declared.iter().copied(), || format!("its parameters: {}", declared.join(", ")));
        let title = format!("the opening `{name}` has no parameter `{stranger}`");
        return Some(Problem::new(source, here.key(&["with", stranger]), title).help(Some(help)));
    }
    let lacking = declared.into_iter().find(|wanted| !parameters.contains_key(*wanted))?;
    let title = format!("nothing gives the opening `{name}` its `${lacking}`");
    let help = format!("write with = {{ {lacking} = … }}");
    Some(Problem::new(source, here.span("with"), title).help(Some(help)))
}

/// Writes the short ids of `decides` out in full.
fn qualify(steps: &mut [Step], id: &dyn Fn(&String) -> String) {
    for step in steps {
        if let Step::Repeat(repeat) = step {
            qualify(&mut repeat.steps, id);
        } else if let Some(decides) = step.decides_mut() {
            for short in decides {
                *short = id(short);
            }
        }
    }
}

struct Substitution<'s, 't> {
    source: &'s Arc<Source>,
    row: Option<&'s DeTable<'t>>,
    parameters: &'t Parameters,
    problems: Vec<Problem>,
}

impl<'t> Substitution<'_, 't> {
    fn table(&mut self, table: &mut DeTable<'t>) {
        for (key, value) in table.iter_mut() {
            if key.get_ref() != "rows" {
                self.value(value);
            }
        }
    }

    fn value(&mut self, value: &mut Spanned<DeValue<'t>>) {
        let span = value.span();
        match value.get_mut() {
            DeValue::Table(table) => self.table(table),
            DeValue::Array(array) => array.iter_mut().for_each(|entry| self.value(entry)),
            DeValue::String(text) => {
                if let Some(name) = text.strip_prefix('$').filter(|name| is_name(name)) {
                    match self.find(name, span.clone()) {
                        Ok(found) => *value = found,
                        // A name without a value is one mistake, however often it is used.
                        Err(problem) if self.problems.iter().any(|known| known.title == problem.title) => {}
                        Err(problem) => self.problems.push(problem),
                    }
                }
            }
            _ => {}
        }
    }

    fn find(&self, name: &str, span: Range<usize>) -> Result<Spanned<DeValue<'t>>, Problem> {
        let in_row = self.row.and_then(|row| row.iter().find(|(key, _)| key.get_ref() == name));
        if let Some((_, value)) = in_row {
            return Ok(value.clone());
        }
        if let Some(text) = self.parameters.get(name) {
            return DeValue::parse(text).map(|value| Spanned::new(span.clone(), value.into_inner())).map_err(|error| {
                Problem::new(self.source, span, format!("`${name}` stands for `{text}`: {}", error.message()))
            });
        }
        let row_keys = self.row.into_iter().flat_map(|row| row.keys().map(|key| key.get_ref().as_ref()));
        let known: Vec<&str> = row_keys.chain(self.parameters.keys().map(String::as_str)).collect();
        let help = nearest(name, known.iter().copied()).map_or_else(
            || match known.is_empty() {
                true => "there are no parameters here: give the scenario `rows`, or the opening a `with`".to_owned(),
                false => format!("known here: {}", known.join(", ")),
            },
            |near| format!("did you mean `${near}`?"),
        );
        Err(Problem::new(self.source, span, format!("nothing gives `${name}` a value")).help(Some(help)))
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// The short requirement ids in a list of a scenario file, `decides` or `needs`, before anything else is read.
///
/// # Errors
/// If the file is not TOML.
pub fn listed(source: &Arc<Source>, name: &str) -> Result<Vec<String>, Problem> {
    let tree = DeTable::parse(&source.text).map_err(|error| Problem::from_toml(source, &error))?;
    let list = tree.get_ref().iter().find(|(key, _)| key.get_ref() == name);
    let entries = list.and_then(|(_, value)| value.get_ref().as_array());
    Ok(entries
        .map(|entries| entries.iter().filter_map(|entry| entry.get_ref().as_str().map(str::to_owned)).collect())
        .unwrap_or_default())
}
