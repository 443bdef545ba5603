//! The catalogue of tasks: `scenarios/` as data, embedded or from a folder.
//!
//! Owns finding and reading the files and joining common requirements to the tasks that
//! take them over; knows nothing of programs or runs.

pub mod files;
pub mod handout;
pub mod model;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use model::{CommonFile, FramingName, Level, Requirement, Role, TaskFile, UrlForm};
pub use source::{Folder, FolderError};

use crate::scenario::Scenario;
use crate::scenario::load::{self, Parameters, Setting};
use crate::scenario::model::Pairing;
use crate::scenario::problem::{Problem, Problems, Source, nearest, suggestion};

/// The folder whose requirements tasks take over.
const COMMON: &str = "common";

/// The folder of the lab questions, which are no task.
pub const LAB: &str = "lab";

/// All tasks.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// In the order of the catalogue: by section, then by place in it.
    pub tasks: Vec<Task>,
    /// SHA-256 of its files, names and contents.
    pub sha256: String,
}

/// A task with its requirements and scenarios.
#[derive(Debug, Clone)]
pub struct Task {
    /// What `task.toml` says, common requirements joined in (`common-…`).
    pub file: TaskFile,
    /// The handout, as Markdown.
    pub handout: String,
    dialogues: Lazily<Dialogues>,
}

/// What is said to a task's programs.
#[derive(Debug)]
struct Dialogues {
    scenarios: Vec<Scenario>,
    meetings: BTreeMap<String, Meeting>,
}

/// What is made when it is first asked for. To read all dialogues takes four fifths of the time of reading a catalogue,
/// and most commands are about one task.
type Lazily<T> = Arc<LazyLock<T, Box<dyn FnOnce() -> T + Send>>>;

/// A first conversation with a role's program.
#[derive(Debug, Clone)]
pub struct Meeting {
    /// Ways of ending a message, in the order in which they are tried.
    pub framings: Vec<FramingName>,
    /// Forms in which a proxy may be told a URL, in the order in which they are tried.
    pub urls: Vec<UrlForm>,
    /// Whether sites at port 80 are tried as well.
    pub at_port_80: bool,
    /// Placeholders whose values a program may have built in.
    pub learns: Vec<String>,
    /// Whether a server may have its documents in a folder of their own.
    pub documents: bool,
    /// The conversation.
    pub scenario: Scenario,
}

impl Task {
    /// The task's id.
    pub fn id(&self) -> &str {
        &self.file.id
    }

    /// Its scenarios, one per row, in the order of their names.
    pub fn scenarios(&self) -> &[Scenario] {
        &self.dialogues.scenarios
    }

    /// How its programs are met, by role: the conversation as a scenario that decides nothing.
    pub fn meetings(&self) -> &BTreeMap<String, Meeting> {
        &self.dialogues.meetings
    }

    /// The names of its roles, in the order of the sheet.
    pub fn role_names(&self) -> impl Iterator<Item = &str> {
        self.file.roles.iter().map(|role| role.name.as_str())
    }

    /// What is said of a role that it does not have: what was meant perhaps, and what there is.
    pub fn no_role(&self, name: &str) -> String {
        let near = nearest(name, self.role_names()).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        let roles: Vec<&str> = self.role_names().collect();
        let end = if near.is_empty() { ";" } else { "" };
        format!("task `{}` has no role `{name}`{near}{end} its roles: {}", self.id(), roles.join(", "))
    }

    /// A role by name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.file.roles.iter().find(|role| role.name == name)
    }

    /// A requirement by its full id, `task.requirement`.
    pub fn requirement(&self, id: &str) -> Option<&Requirement> {
        let short = id.strip_prefix(self.id())?.strip_prefix('.')?;
        self.file.requirements.iter().find(|requirement| requirement.id == short)
    }

    /// The full id of one of its requirements.
    pub fn full_id(&self, requirement: &Requirement) -> String {
        format!("{}.{}", self.id(), requirement.id)
    }
}

/// Why a catalogue cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The folder cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Files in it are wrong.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// There is nothing in it.
    #[error("{0}: there is no task in this folder; a task is a folder with a task.toml (see `harness schema task`)")]
    Empty(String),
}

impl Catalogue {
    /// The catalogue that is built in. Its scenarios are read when they are first asked for.
    ///
    /// # Errors
    /// Never for a released binary: a test reads all of it.
    pub fn built_in() -> Result<Self, CatalogueError> {
        Self::read(&Folder::embedded(&files::SCENARIOS, "scenarios"), When::AskedFor)
    }

    /// A catalogue in a folder.
    ///
    /// # Errors
    /// If the folder cannot be read or anything in it is wrong.
    pub fn from_folder(path: &Path) -> Result<Self, CatalogueError> {
        Self::read(&Folder::on_disk(path)?, When::Now)
    }

    /// A task by id.
    pub fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.id() == id)
    }

    /// What is said of a task that is not there: what was meant perhaps, and where they are listed.
    pub fn no_task(&self, id: &str) -> String {
        let hint = suggestion(id, self.tasks.iter().map(Task::id), || "see `harness list`".to_owned());
        format!("there is no task `{id}`: {hint}")
    }

    /// The task and requirement of a full id.
    pub fn requirement(&self, id: &str) -> Option<(&Task, &Requirement)> {
        self.tasks.iter().find_map(|task| task.requirement(id).map(|requirement| (task, requirement)))
    }

    fn read(root: &Folder, when: When) -> Result<Self, CatalogueError> {
        let mut problems = Vec::new();
        let common = Arc::new(Common::read(root)?);
        let mut tasks = Vec::new();
        for folder in root.folders() {
            if folder.name == COMMON || folder.name == LAB {
                continue;
            }
            match task(folder, &common, when) {
                Ok(task) => tasks.push(task),
                Err(Problems(found)) => add_new(&mut problems, found),
            }
        }
        if !problems.is_empty() {
            return Err(Problems(problems).into());
        }
        if tasks.is_empty() {
            return Err(CatalogueError::Empty(root.path.clone()));
        }
        tasks.sort_by(|a, b| (&a.file.section, &a.file.id).cmp(&(&b.file.section, &b.file.id)));
        Ok(Self { tasks, sha256: root.sha256() })
    }
}

/// When the dialogues of a task are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// At once: all that is wrong in a folder is told before anything is played.
    Now,
    /// When they are asked for: what is built in is known to be right.
    AskedFor,
}

/// What `scenarios/common/` holds.
#[derive(Default)]
struct Common {
    requirements: BTreeMap<String, Requirement>,
    optional_needs: Vec<String>,
    scenarios: Vec<(String, Arc<Source>)>,
    openings: BTreeMap<String, Arc<Source>>,
}

impl Common {
    /// Reads the folder; a catalogue without one has the built-in one.
    ///
    /// # Errors
    /// If its `task.toml` is wrong: every task that takes something over would complain again.
    fn read(root: &Folder) -> Result<Self, Problems> {
        let Some(folder) = root.folders().iter().find(|folder| folder.name == COMMON) else {
            return match files::SCENARIOS.get_dir(COMMON) {
                Some(built_in) => Self::of(&Folder::embedded(built_in, "built-in/common")),
                None => Ok(Self::default()),
            };
        };
        Self::of(folder)
    }

    fn of(folder: &Folder) -> Result<Self, Problems> {
        let Some(source) = folder.file("task.toml") else {
            return Ok(Self::default());
        };
        let file = load::typed::<CommonFile>(source)?;
        Ok(Self {
            requirements: file.requirements.into_iter().map(|it| (it.id.clone(), it)).collect(),
            optional_needs: file.optional_needs,
            scenarios: scenario_files(folder),
            openings: openings(folder),
        })
    }
}

/// Adds what was not said before: a mistake in a shared file shows with everyone who uses it.
fn add_new(problems: &mut Vec<Problem>, found: impl IntoIterator<Item = Problem>) {
    for problem in found {
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
}

/// A prerequisite of a must that is none itself. Where it failed, a must would neither pass nor fail: what may fail
/// would then decide whether the whole task passes.
fn weaker_need(source: &Arc<Source>, scenario: &Scenario, file: &TaskFile) -> Option<Problem> {
    let short = |id: &str| id.strip_prefix(&format!("{}.", file.id)).unwrap_or(id).to_owned();
    let level = |id: &String| file.requirements.iter().find(|it| it.id == short(id)).map(|it| it.level);
    let is_must = |id: &&String| level(id) == Some(Level::Must);
    let must = scenario.decides.iter().chain(scenario.steps.iter().flat_map(|step| step.decides())).find(is_must)?;
    let need = scenario.needs.iter().find(|need| level(need).is_some_and(|level| level != Level::Must))?;
    let (must, need) = (short(must), short(need));
    let quoted = format!("\"{need}\"");
    let at = source.text.find(&quoted).map_or(0..0, |at| at..at + quoted.len());
    let help = format!("let the scenario do without it, make `{need}` a must, or `{must}` none");
    Some(Problem::new(source, at, format!("`{must}` is a must and needs `{need}`, which is none")).help(Some(help)))
}

/// Requirements that need each other. Where both failed, each would be excused by the other, and nothing would have failed.
fn circle_of_needs(source: &Arc<Source>, file: &TaskFile, scenarios: &[Scenario]) -> Option<Problem> {
    let mut needs: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for scenario in scenarios {
        for id in scenario.decides.iter().chain(scenario.steps.iter().flat_map(|step| step.decides())) {
            needs.entry(id).or_default().extend(scenario.needs.iter().filter(|need| *need != id));
        }
    }
    // What is needed by it, and by what that needs, and so on.
    let reached = |from: &String| {
        let mut all: BTreeSet<&String> = BTreeSet::new();
        let mut next: Vec<&String> = needs.get(from).into_iter().flatten().copied().collect();
        while let Some(id) = next.pop() {
            if all.insert(id) {
                next.extend(needs.get(id).into_iter().flatten());
            }
        }
        all
    };
    let circular = *needs.keys().find(|id| reached(id).contains(**id))?;
    let back = needs[circular].iter().find(|need| reached(need).contains(circular))?;
    let short = |id: &str| id.strip_prefix(&format!("{}.", file.id)).unwrap_or(id).to_owned();
    let (one, other) = (short(circular), short(back));
    let quoted = format!("\"{one}\"");
    let at = source.text.find(&quoted).map_or(0..0, |at| at..at + quoted.len());
    let help = "of two that fail together one must stand by itself: take one out of the `needs` of a scenario";
    Some(Problem::new(source, at, format!("`{one}` needs `{other}`, which needs `{one}`")).help(Some(help.to_owned())))
}

/// Requirements that scenarios name and the task does not have. One that was renamed is one mistake,
/// however many scenarios still name it.
#[derive(Default)]
struct Unknown(BTreeMap<String, Vec<Arc<Source>>>);

impl Unknown {
    fn add(&mut self, source: &Arc<Source>, short: &str) {
        let named = self.0.entry(short.to_owned()).or_default();
        if !named.iter().any(|known| known.name == source.name) {
            named.push(Arc::clone(source));
        }
    }

    fn problems(self, file: &TaskFile) -> Vec<Problem> {
        let known = || file.requirements.iter().map(|it| it.id.as_str());
        let problem = |(short, sources): (String, Vec<Arc<Source>>)| {
            let (first, more) = sources.split_first()?;
            let quoted = format!("\"{short}\"");
            let at = first.text.find(&quoted).map_or(0..0, |at| at..at + quoted.len());
            let mut help = suggestion(&short, known(), || format!("see {}/task.toml for its requirements", file.id));
            if !more.is_empty() {
                let names: Vec<&str> = more.iter().map(|source| source.name.as_str()).collect();
                help.push_str(&format!("\nnamed also in {}", names.join(", ")));
            }
            Some(Problem::new(first, at, format!("the task has no requirement `{short}`")).help(Some(help)))
        };
        self.0.into_iter().filter_map(problem).collect()
    }
}

fn scenario_files(folder: &Folder) -> Vec<(String, Arc<Source>)> {
    let stem = |name: &str| name.strip_suffix(".toml").map(str::to_owned);
    folder
        .files()
        .filter(|(name, _)| *name != "task.toml")
        .filter_map(|(name, source)| Some((stem(name)?, Arc::clone(source))))
        .collect()
}

fn openings(folder: &Folder) -> BTreeMap<String, Arc<Source>> {
    let found = folder.folders().iter().find(|folder| folder.name == "openings");
    found.map(|folder| scenario_files(folder).into_iter().collect()).unwrap_or_default()
}

/// Names in `together` that are no scenario in which the submission's own programs meet.
fn not_together(source: &Arc<Source>, file: &TaskFile, scenarios: &[Scenario]) -> Vec<Problem> {
    let own: BTreeSet<&str> =
        scenarios.iter().filter(|it| it.pairing == Pairing::Own).map(|it| it.id.as_str()).collect();
    let unknown = file.together.iter().filter(|id| !own.contains(id.as_str()));
    let problem = |id: &String| {
        let quoted = format!("\"{id}\"");
        let at = source.text.find(&quoted).map_or(0..0, |at| at..at + quoted.len());
        let help = suggestion(id, own.iter().copied(), || "see the scenarios with `pairing = \"own\"`".to_owned());
        Problem::new(source, at, format!("`{id}` is no scenario of the pairing `own`")).help(Some(help))
    };
    unknown.map(problem).collect()
}

/// Signs that are no scenario in which the role is judged, nor its first conversation.
fn no_signs(source: &Arc<Source>, file: &TaskFile, scenarios: &[Scenario]) -> Vec<Problem> {
    let is_there = |sign: &&model::Sign| match sign.scenario.as_str() {
        model::MEETING => file.meet.iter().any(|meet| meet.role == sign.role),
        id => scenarios.iter().any(|it| it.id == id && it.role == sign.role),
    };
    let problem = |sign: &model::Sign| {
        let quoted = format!("\"{}\"", sign.scenario);
        let at = source.text.rfind(&quoted).map_or(0..0, |at| at..at + quoted.len());
        let own = scenarios.iter().filter(|it| it.role == sign.role).map(|it| it.id.as_str());
        let help = suggestion(&sign.scenario, own, || format!("a scenario that judges `{}`, or `meeting`", sign.role));
        let title = format!("`{}` is no scenario that judges `{}`", sign.scenario, sign.role);
        Problem::new(source, at, title).help(Some(help))
    };
    file.sign.iter().filter(|sign| !is_there(sign)).map(problem).collect()
}

fn task(folder: &Folder, common: &Arc<Common>, when: When) -> Result<Task, Problems> {
    let (source, file) = task_file(folder, common)?;
    let handout = folder.file("handout.md").map(|source| source.text.clone()).unwrap_or_default();
    let read = {
        let (folder, file, common) = (folder.clone(), file.clone(), Arc::clone(common));
        move || dialogues(&folder, &source, &file, &common)
    };
    let make: Box<dyn FnOnce() -> Dialogues + Send> = match when {
        When::Now => {
            let made = read()?;
            Box::new(move || made)
        }
        When::AskedFor => Box::new(move || read().unwrap_or_else(|problems| panic!("built-in scenarios: {problems}"))),
    };
    Ok(Task { file, handout, dialogues: Arc::new(LazyLock::new(make)) })
}

/// What `task.toml` says, with the common requirements that it takes over.
fn task_file(folder: &Folder, common: &Common) -> Result<(Arc<Source>, TaskFile), Problems> {
    let Some(source) = folder.file("task.toml") else {
        let source = Source::new(format!("{}/task.toml", folder.path), "");
        let help = "every folder in scenarios/ is a task and has a task.toml (see `harness schema task`)";
        return Err(Problem::new(&source, 0..0, "there is no task.toml").help(Some(help.to_owned())).into());
    };
    let mut file: TaskFile = load::typed(source)?;
    let mut problems: Vec<Problem> = Vec::new();
    // Placed at the word that it is about, where that can be found.
    let mut complain = |word: &str, title: String, help: Option<String>| {
        let at = if word.is_empty() { None } else { source.text.find(&format!("\"{word}\"")) }.unwrap_or(0);
        let span = at..(at + if at == 0 { 0 } else { word.len() + 2 });
        add_new(&mut problems, [Problem::new(source, span, title).help(help)]);
    };
    if file.id != folder.name {
        complain(&file.id, format!("id `{}` is not the folder's name, `{}`", file.id, folder.name), None);
    }
    let roles: Vec<String> = file.roles.iter().map(|role| role.name.clone()).collect();
    for taken in &file.common {
        match common.requirements.get(&taken.id) {
            Some(requirement) => {
                let mut requirement = requirement.clone();
                requirement.id = format!("common-{}", taken.id);
                requirement.roles.clone_from(&taken.roles);
                file.requirements.push(requirement);
            }
            None => complain(
                &taken.id,
                format!("there is no common requirement `{}`", taken.id),
                nearest(&taken.id, common.requirements.keys().map(String::as_str))
                    .map(|near| format!("did you mean `{near}`?")),
            ),
        }
    }
    for role in file.requirements.iter().flat_map(|requirement| &requirement.roles) {
        if !roles.contains(role) {
            complain(role, format!("the task has no role `{role}`"), Some(format!("its roles: {}", roles.join(", "))));
        }
    }
    match folder.file("handout.md") {
        None => complain(
            "",
            "there is no handout.md beside this file: students read it, and reports name its sections".to_owned(),
            Some("write handout.md, with a section for every `handout` of a requirement".to_owned()),
        ),
        Some(handout) => {
            for requirement in &file.requirements {
                let is_it = |line: &str| line.trim_start_matches('#').trim() == requirement.handout;
                if !handout.text.lines().any(|line| line.starts_with('#') && is_it(line)) {
                    complain(
                        &requirement.handout,
                        format!(
                            "handout.md has no section `{}`, to which `{}` refers",
                            requirement.handout, requirement.id
                        ),
                        None,
                    );
                }
            }
        }
    }
    // What the scenarios refer to must be right first: they would only repeat it.
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    Ok((Arc::clone(source), file))
}

/// The scenarios and meetings of a task whose file is right.
fn dialogues(folder: &Folder, source: &Arc<Source>, file: &TaskFile, common: &Common) -> Result<Dialogues, Problems> {
    let mut problems: Vec<Problem> = Vec::new();
    let roles: Vec<String> = file.roles.iter().map(|role| role.name.clone()).collect();
    let mut scenarios = Vec::new();
    let own = openings(folder);
    let parameters: Parameters =
        file.parameters.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
    let role_names: Vec<&str> = roles.iter().map(String::as_str).collect();
    let names: Vec<String> =
        own.keys().chain(common.openings.keys()).cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let opening = |name: &str| own.get(name).or_else(|| common.openings.get(name)).cloned();
    let mut meetings = BTreeMap::new();
    for meet in &file.meet {
        let setting = Setting {
            task: &file.id,
            id: "meeting",
            prefix: "",
            parameters: &parameters,
            roles: &role_names,
            opening: &opening,
            openings: &names,
        };
        match load::conversation(source, &meet.role, &meet.opening, &setting) {
            Ok(mut scenario) => {
                scenario.files = file.files.clone();
                let usual = [FramingName::Line, FramingName::Bare, FramingName::End];
                let framings = if meet.framings.is_empty() { usual.to_vec() } else { meet.framings.clone() };
                let urls = if meet.urls.is_empty() { vec![UrlForm::Absolute] } else { meet.urls.clone() };
                let (at_port_80, learns, documents) = (meet.at_port_80, meet.learns.clone(), meet.documents);
                let meeting = Meeting { framings, urls, at_port_80, learns, documents, scenario };
                meetings.insert(meet.role.clone(), meeting);
            }
            Err(Problems(found)) => problems.extend(found),
        }
    }
    let mut add = |source: &Arc<Source>, id: &str, prefix: &str, parameters: &Parameters| {
        let setting =
            Setting { task: &file.id, id, prefix, parameters, roles: &role_names, opening: &opening, openings: &names };
        match load::scenarios(source, &setting) {
            Ok(made) => scenarios.push((Arc::clone(source), made)),
            Err(Problems(found)) => add_new(&mut problems, found),
        }
    };
    for (stem, source) in scenario_files(folder) {
        add(&source, &stem, "", &parameters);
    }
    let is_own = |id: &String| file.requirements.iter().any(|own| &own.id == id);
    for (stem, source) in &common.scenarios {
        let (decides, needs) = (load::listed(source, "decides")?, load::listed(source, "needs")?);
        for role in &roles {
            let wanted = |id: &String| file.common.iter().any(|taken| &taken.id == id && taken.roles.contains(role));
            // What needs a shared requirement is for the roles that have it: what a server must survive is no client's affair.
            let lacks = |id: &String| common.requirements.contains_key(id) && !wanted(id) && !is_own(id);
            if decides.iter().any(wanted) && !needs.iter().any(lacks) {
                let mut parameters = parameters.clone();
                parameters.insert("role".to_owned(), toml::Value::from(role.as_str()).to_string());
                add(source, &format!("common-{stem}"), "common-", &parameters);
            }
        }
    }
    let known: BTreeSet<String> = file.requirements.iter().map(|it| format!("{}.{}", file.id, it.id)).collect();
    let mut unknown = Unknown::default();
    // In the order of their names; of two with one name the first, which is the task's own.
    let mut kept: BTreeMap<String, Scenario> = BTreeMap::new();
    for (source, made) in scenarios {
        for mut scenario in made {
            for (name, payload) in &file.files {
                scenario.files.entry(name.clone()).or_insert_with(|| payload.clone());
            }
            let shared = scenario.id.starts_with("common-");
            if shared {
                // A shared scenario may decide more than this task takes over, and need what is the task's own.
                scenario.decides.retain(|id| known.contains(id));
                for taken in &file.common {
                    let decided = scenario.decides.contains(&format!("{}.common-{}", file.id, taken.id));
                    if let Some(able) = taken.backends.as_ref().filter(|_| decided) {
                        scenario.backends.retain(|backend| able.contains(backend));
                    }
                }
                for need in &mut scenario.needs {
                    let own = need.replacen(".common-", ".", 1);
                    if !known.contains(need) && known.contains(&own) {
                        *need = own;
                    }
                }
                let short = |need: &str| need.rsplit_once(".common-").map(|(_, short)| short.to_owned());
                let optional = |need: &str| short(need).is_some_and(|short| common.optional_needs.contains(&short));
                scenario.needs.retain(|need| known.contains(need) || !optional(need));
            }
            let own = scenario.decides.iter().chain(scenario.steps.iter().flat_map(|step| step.decides()));
            // What a shared scenario decides besides is not this task's.
            let named = scenario.needs.iter().chain(own.filter(|_| !shared));
            for id in named.filter(|id| !known.contains(*id)) {
                let short = id.strip_prefix(&format!("{}.", file.id)).unwrap_or(id);
                unknown.add(&source, short);
            }
            add_new(&mut problems, weaker_need(&source, &scenario, file));
            // The fixed role of a shared scenario may not be one that the task wants judged.
            let judged = scenario.decides.iter().any(|id| {
                let short = id.rsplit('.').next().unwrap_or(id);
                file.requirements.iter().any(|it| it.id == short && it.roles.contains(&scenario.role))
            });
            if judged {
                kept.entry(scenario.run_id()).or_insert(scenario);
            }
        }
    }
    let kept: Vec<Scenario> = kept.into_values().collect();
    problems.extend(unknown.problems(file));
    problems.extend(not_together(source, file, &kept));
    problems.extend(no_signs(source, file, &kept));
    problems.extend(circle_of_needs(source, file, &kept));
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    Ok(Dialogues { scenarios: kept, meetings })
}

#[cfg(test)]
mod tests {
    use harness_judging::loosely;

    use super::*;
    use crate::scenario::model::Step;

    /// Several answers of a calculator are read as one text. What a server sends back as it came, or from its end, must not
    /// hold a result by that.
    #[test]
    fn no_echo_is_the_result_of_a_sum() {
        let catalogue = Catalogue::built_in().expect("the catalogue");
        let calculators = catalogue.tasks.iter().filter(|task| task.id().starts_with("calc-"));
        let mut looked_at = 0;
        for scenario in calculators.flat_map(Task::scenarios).filter(|scenario| scenario.role == "server") {
            let mut sent: BTreeMap<&str, (Vec<u8>, Vec<u8>)> = BTreeMap::new();
            for step in &scenario.steps {
                match step {
                    Step::Send(send) => {
                        let text = send.data.bytes(0).expect("bytes");
                        let (echo, mirror) = sent.entry(send.peer.as_str()).or_default();
                        mirror.extend(text.iter().rev());
                        echo.extend(text);
                    }
                    Step::Receive(receive) if receive.contains.is_some() => {
                        let result =
                            receive.contains.as_ref().map(|it| it.bytes(0).expect("bytes")).unwrap_or_default();
                        let (echo, mirror) = sent.get(receive.peer.as_str()).cloned().unwrap_or_default();
                        let holds = |text: &[u8]| loosely::contains(text, &result, false);
                        assert!(!holds(&echo) && !holds(&mirror), "{}", scenario.run_id());
                        looked_at += 1;
                    }
                    _ => {}
                }
            }
        }
        assert!(looked_at > 100, "{looked_at}");
    }
}
