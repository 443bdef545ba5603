//! The programs of the truth table: where they are, what each must come to, and each as a folder to be graded.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use tempfile::TempDir;

use super::difference::{self, Difference};
use harness_language::scenario::load;
use harness_language::scenario::problem::{Problem, Source};

/// The file in which a program kept as a folder declares what it must come to.
pub(super) const EXPECTED: &str = "expected.toml";

/// Where a checkout keeps the programs.
const FIXTURES: &str = "fixtures/submissions";

/// What a program of the table must come to: `expected.toml` of a folder, or the header of a difference.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expected {
    /// What the program is, in one sentence.
    pub title: String,
    /// Its language; that of its base, if it is a difference.
    #[serde(default)]
    pub language: String,
    /// Tools that it needs: `python3`, or with a module `python3:pymysql`. Those of its base, if it is a difference
    /// and names none.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Must- and should-requirements that it fails, exactly, and the `may` that it is about.
    #[serde(default)]
    pub fails: Vec<String>,
    /// Those that it fails besides on the simulated network.
    #[serde(default)]
    pub fails_sim: Vec<String>,
    /// It cannot be built or started.
    #[serde(default)]
    pub not_gradable: bool,
    /// Words that stand in its findings.
    #[serde(default)]
    pub findings: Vec<String>,
    /// Requirements that may come out either way, because the program's own mistake is a race.
    #[serde(default)]
    pub undecided: Vec<String>,
    /// Why it is wrong, in one sentence.
    #[serde(default)]
    pub why: Option<String>,
    /// Of a difference: the program that it differs from, `good/c`, which is kept as a folder.
    #[serde(default)]
    pub base: Option<String>,
    /// Of a difference: the roles of the base that are handed in. Empty: all.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Of a difference: the build command or commands, if other than the base's.
    #[serde(default)]
    pub build: Option<toml::Value>,
    /// Of a difference: why it takes more lines than most.
    #[serde(default)]
    pub long_because: Option<String>,
}

/// A program of the table.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The task.
    pub task: String,
    /// `task/good/name` or `task/bad/name`.
    pub name: String,
    /// What it must come to.
    pub expected: Expected,
    /// How it is kept.
    pub kept: Kept,
    /// Whether it is the plain right program of its task in one of the [`PLAIN`] languages.
    pub plain: bool,
}

/// Each task has a right program in one of these at least; it plays every row of every scenario in any table.
const PLAIN: [&str; 2] = ["python", "c"];

/// How a program is kept.
#[derive(Debug, Clone)]
pub enum Kept {
    /// As a folder of its own.
    Folder(PathBuf),
    /// As the difference from another one.
    Difference(Difference),
}

/// A program's folder. One that was made goes away with this.
#[derive(Debug)]
pub enum Unpacked {
    /// The folder in which it is kept.
    Kept(PathBuf),
    /// A folder that was made from a difference.
    Made(TempDir),
}

impl Unpacked {
    /// The folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Made(folder) => folder.path(),
        }
    }
}

impl Entry {
    /// Whether it is among the wrong ones.
    pub fn is_bad(&self) -> bool {
        self.name.split('/').nth(1) == Some("bad")
    }

    /// The program as a folder.
    ///
    /// # Errors
    /// If no folder can be made.
    pub fn unpack(&self) -> Result<Unpacked, ProgramsError> {
        let made = || TempDir::with_prefix("program-").map_err(at(Path::new("temporary folder")));
        match &self.kept {
            Kept::Folder(folder) => Ok(Unpacked::Kept(folder.clone())),
            Kept::Difference(_) => made().and_then(|folder| self.write(folder.path()).map(|()| Unpacked::Made(folder))),
        }
    }

    /// Writes the program's files into a folder.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn write(&self, to: &Path) -> Result<(), ProgramsError> {
        let (base, files) = match &self.kept {
            Kept::Folder(folder) => (folder, None),
            Kept::Difference(Difference { base, files }) => (base, Some(files)),
        };
        crate::wire::copy_tree(base, to).map_err(at(base))?;
        std::fs::remove_file(to.join(EXPECTED)).map_err(at(to))?;
        for (name, text) in files.into_iter().flatten() {
            std::fs::write(to.join(name), text).map_err(at(to))?;
        }
        Ok(())
    }
}

/// All programs, in the order of their names.
pub struct Programs {
    /// The programs.
    pub entries: Vec<Entry>,
}

/// Why the programs cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ProgramsError {
    /// A folder or file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// An `expected.toml` or a difference is wrong.
    #[error("{}", .0.render(false))]
    Program(Box<Problem>),
    /// There is no checkout around this folder.
    #[error(
        "there are no programs here: they are read from a checkout of the project ({FIXTURES}), looked for in this \
         folder and those above it, or from --fixtures DIR"
    )]
    NoCheckout,
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ProgramsError {
    let path = path.to_owned();
    move |error| ProgramsError::Io { path, error }
}

impl From<Problem> for ProgramsError {
    fn from(problem: Problem) -> Self {
        Self::Program(Box::new(problem))
    }
}

impl Programs {
    /// The programs in a folder, or those of the checkout around the current folder.
    ///
    /// # Errors
    /// If there are none, or one of them cannot be read or is wrong.
    pub fn open(folder: Option<&Path>) -> Result<Self, ProgramsError> {
        let root = match folder {
            Some(folder) => folder.to_owned(),
            None => {
                let here = std::env::current_dir().map_err(at(Path::new(".")))?;
                let found = here.ancestors().map(|above| above.join(FIXTURES)).find(|path| path.is_dir());
                found.ok_or(ProgramsError::NoCheckout)?
            }
        };
        let mut entries = Vec::new();
        for task in folders(&root)? {
            for kind in folders(&task)? {
                for path in listed(&kind)? {
                    entries.extend(entry(&task, &kind, &path)?);
                }
            }
        }
        mark_plain(&mut entries);
        Ok(Self { entries })
    }

    /// The tasks that there are programs for, each once.
    pub fn tasks(&self) -> impl Iterator<Item = &str> {
        let tasks: BTreeSet<&str> = self.entries.iter().map(|entry| entry.task.as_str()).collect();
        tasks.into_iter()
    }

    /// A program by its name.
    pub fn named(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

/// A program from its folder or its difference; nothing of another file.
fn entry(task: &Path, kind: &Path, path: &Path) -> Result<Option<Entry>, ProgramsError> {
    let part = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_bad = part(kind) == "bad";
    let (short, expected, kept) = if path.is_dir() {
        let source = text(&path.join(EXPECTED))?;
        let expected = load::typed(&source)?;
        (part(path), expected, Kept::Folder(path.to_owned()))
    } else if path.extension().is_some_and(|ending| ending == "diff") {
        let (difference, mut expected) = difference::read(&text(path)?, task, is_bad)?;
        let of_base: Expected = load::typed(&text(&difference.base.join(EXPECTED))?)?;
        expected.language = of_base.language;
        if expected.needs.is_empty() {
            expected.needs = of_base.needs;
        }
        (part(&path.with_extension("")), expected, Kept::Difference(difference))
    } else {
        return Ok(None);
    };
    let name = format!("{}/{}/{short}", part(task), part(kind));
    Ok(Some(Entry { task: part(task), name, expected, kept, plain: false }))
}

/// The plain programs: of a task's right programs in a language the one that is called like it, else the first.
fn mark_plain(entries: &mut [Entry]) {
    let mut plain: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| !entry.is_bad()) {
        for language in PLAIN.into_iter().filter(|language| entry.expected.language == *language) {
            let slot = plain.entry((entry.task.clone(), language)).or_insert(place);
            if entry.name.ends_with(&format!("/{language}")) {
                *slot = place;
            }
        }
    }
    plain.into_values().for_each(|place| entries[place].plain = true);
}

fn text(path: &Path) -> Result<Arc<Source>, ProgramsError> {
    Ok(Source::new(path.display().to_string(), std::fs::read_to_string(path).map_err(at(path))?))
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>, ProgramsError> {
    let entries = std::fs::read_dir(folder).map_err(at(folder))?;
    let mut paths =
        entries.map(|entry| entry.map(|it| it.path())).collect::<Result<Vec<_>, _>>().map_err(at(folder))?;
    // By name without the ending: a difference stands where its folder would.
    paths.sort_by_key(|path| path.with_extension(""));
    Ok(paths)
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, ProgramsError> {
    Ok(listed(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// `good/c`, …: what of a task is kept as a folder.
pub(super) fn folders_below(task: &Path) -> Vec<String> {
    let below = |kind: &str| {
        let found = folders(&task.join(kind)).unwrap_or_default();
        found.into_iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect::<Vec<_>>()
    };
    ["good", "bad"].iter().flat_map(|kind| below(kind).into_iter().map(move |name| format!("{kind}/{name}"))).collect()
}
