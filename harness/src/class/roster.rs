//! Who handed in what: the submissions of a folder, named as learning systems name them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::settings::{Settings, Showing};
use super::{ClassError, at, gradescope};
use crate::submission::{archive, discover};

/// The roster: all submissions of a class, and what became of each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// Version of this format.
    pub format: u32,
    /// How the class is graded.
    pub settings: Settings,
    /// How results are shown.
    pub showing: Showing,
    /// The submissions by name.
    pub submissions: BTreeMap<String, Submission>,
    /// Files of the folder that are no submission.
    pub passed_over: BTreeSet<String>,
}

/// Version of the format of rosters and results.
pub const FORMAT: u32 = 2;

/// One student's or group's submission.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The student's name, as far as the file names tell it.
    pub person: String,
    /// The learning system's own numbers and names for the student, as far as the file names tell them.
    pub ids: Vec<String>,
    /// Files and folders, below the class's folder.
    pub sources: Vec<String>,
    /// When it was handed in (RFC 3339), where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted: Option<String>,
    /// What was found on opening them; nothing if they were not looked at.
    pub seen: Option<Seen>,
}

/// What was found on opening a submission.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// It can be graded, and its result has this key.
    Key {
        /// Key of the result.
        key: String,
        /// SHA-256 of the files.
        sha256: String,
    },
    /// It is not taken in, and why.
    Refused(String),
}

impl Roster {
    /// An empty one.
    pub fn new(settings: Settings) -> Self {
        Self {
            format: FORMAT,
            settings,
            showing: Showing::default(),
            submissions: BTreeMap::new(),
            passed_over: BTreeSet::new(),
        }
    }

    /// Takes over what another one says of the same class. What neither has looked at stays so; where both have, and
    /// differ because files were changed in between, the smaller in a fixed order stands, whichever comes first.
    pub fn join(&mut self, other: Self) {
        self.passed_over.extend(other.passed_over);
        for (name, theirs) in other.submissions {
            match self.submissions.get_mut(&name) {
                Some(ours) => {
                    // Someone who has looked knows better than someone who has not.
                    let rank = |it: &Submission| (it.seen.is_none(), it.clone());
                    if rank(&theirs) < rank(ours) {
                        *ours = theirs;
                    }
                }
                None => {
                    self.submissions.insert(name, theirs);
                }
            }
        }
    }

    /// Finds the submissions of a folder.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn find(settings: Settings, folder: &Path, out: &Path) -> Result<Self, ClassError> {
        let mut roster = Self::new(settings);
        let mut deliveries = Vec::new();
        // The folder of results may lie in the class's folder.
        let out = out.canonicalize().ok();
        for entry in std::fs::read_dir(folder).map_err(at(folder))? {
            let entry = entry.map_err(at(folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || archive::is_litter(&name) {
                continue;
            }
            if out.is_some() && entry.path().canonicalize().ok() == out {
                continue;
            }
            match delivery(&entry.path(), &name) {
                Some(delivery) => deliveries.push(delivery),
                None => {
                    roster.passed_over.insert(name);
                }
            }
        }
        deliveries.sort_by(|a, b| a.source.cmp(&b.source));
        let mut taken: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
        for delivery in deliveries {
            taken.entry(delivery.name.clone()).or_default().push(delivery);
        }
        let metadata = gradescope::read(folder)?;
        for (name, mut deliveries) in taken {
            // A later attempt takes the place of an earlier one.
            let last = deliveries.iter().map(|it| it.attempt.clone()).max().unwrap_or_default();
            deliveries.retain(|it| it.attempt == last);
            if deliveries.iter().all(|it| it.named_by_system) {
                let sources = deliveries.iter().map(|it| it.source.clone()).collect();
                let first = deliveries.swap_remove(0);
                roster.add(
                    name,
                    Submission { person: first.person, ids: first.ids, sources, submitted: None, seen: None },
                );
                continue;
            }
            // Two things of one name that no system has named are two submissions.
            let alone = deliveries.len() == 1;
            for it in deliveries {
                let name = if alone { name.clone() } else { it.source.clone() };
                roster.add(
                    name,
                    Submission {
                        person: it.person,
                        ids: it.ids,
                        sources: vec![it.source],
                        submitted: None,
                        seen: None,
                    },
                );
            }
        }
        for (name, about) in metadata {
            if let Some(submission) = roster.submissions.get_mut(&name) {
                submission.person = about.names.join(", ");
                submission.ids = about.ids;
                submission.submitted = about.submitted;
            }
        }
        Ok(roster)
    }

    fn add(&mut self, name: String, submission: Submission) {
        self.submissions.insert(name, submission);
    }
}

/// One file or folder that somebody handed in.
struct Delivery {
    name: String,
    person: String,
    ids: Vec<String>,
    source: String,
    /// The date of the attempt, where the system keeps several.
    attempt: String,
    named_by_system: bool,
}

static MOODLE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(.+?)_(\d+)_assignsubmission_file(?:_(.*))?$"));
static BLACKBOARD: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(.+)_([^_]+)_attempt_(\d{4}(?:-\d{2}){5})(?:_(.+)|\.txt)$"));
static CANVAS: LazyLock<Regex> = LazyLock::new(|| pattern(r"^([^_]+)_(?:LATE_)?(\d+)_(\d+)_(.+)$"));

fn pattern(text: &str) -> Regex {
    // Fixed texts, compiled by the tests.
    Regex::new(text).expect("a regular expression")
}

/// A file of a submission as its student called it.
pub fn own_name(source: &str) -> String {
    let rest = |pattern: &Regex, group| {
        let found = pattern.captures(source)?;
        found.get(group).map(|rest| rest.as_str().to_owned()).filter(|rest| !rest.is_empty())
    };
    rest(&MOODLE, 3).or_else(|| rest(&BLACKBOARD, 4)).or_else(|| rest(&CANVAS, 4)).unwrap_or_else(|| source.to_owned())
}

/// What a learning system has put before the student's own name of a file: all of it for a folder; nothing if the name
/// is no system's.
pub fn prefix(source: &str) -> Option<&str> {
    let by_system = [&MOODLE, &BLACKBOARD, &CANVAS].iter().any(|pattern| pattern.is_match(source));
    by_system.then(|| source.strip_suffix(&own_name(source)).filter(|it| !it.is_empty()).unwrap_or(source))
}

/// The date in the name of a Blackboard attempt.
pub fn attempt(source: &str) -> Option<String> {
    BLACKBOARD.captures(source).map(|found| found[3].to_owned())
}

/// What an entry of the class's folder is; nothing if it is no submission.
fn delivery(path: &Path, source: &str) -> Option<Delivery> {
    let by_system = |name: String, person: &str, id: &str, attempt: &str| Delivery {
        name,
        person: person.to_owned(),
        ids: vec![id.to_owned()],
        source: source.to_owned(),
        attempt: attempt.to_owned(),
        named_by_system: true,
    };
    if let Some(found) = MOODLE.captures(source) {
        return Some(by_system(format!("{}_{}", &found[1], &found[2]), &found[1], &found[2], ""));
    }
    // What was typed into Moodle's page, not handed in.
    if source.contains("_assignsubmission_onlinetext") {
        return None;
    }
    if let Some(found) = BLACKBOARD.captures(source) {
        // The attempt's own page, not a file of the student.
        found.get(4)?;
        return Some(by_system(found[2].to_owned(), "", &found[2], &found[3]));
    }
    let folder = path.is_dir();
    if let (false, Some(found)) = (folder, CANVAS.captures(source)) {
        return Some(by_system(format!("{}_{}", &found[1], &found[2]), &found[1], &found[2], ""));
    }
    let stem = match archive::stem(source) {
        _ if folder => source,
        Some(stem) => stem,
        None if is_program(path) => source.rsplit_once('.').map_or(source, |(stem, _)| stem),
        None => return None,
    };
    Some(Delivery {
        name: stem.to_owned(),
        person: stem.to_owned(),
        ids: vec![stem.to_owned()],
        source: source.to_owned(),
        attempt: String::new(),
        named_by_system: false,
    })
}

/// Whether a loose file can be somebody's program.
fn is_program(path: &Path) -> bool {
    let source = ["c", "cc", "cpp", "go", "rs", "java"];
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    path.is_file() && (source.contains(&extension) || discover::lone_program(path).is_some())
}

/// The class's folder: itself, or what its archive holds, unpacked. The second lives as long as it is held.
///
/// # Errors
/// If it cannot be read or unpacked.
pub fn open(path: &Path) -> Result<(PathBuf, Option<tempfile::TempDir>), ClassError> {
    if path.is_dir() {
        return Ok((path.to_owned(), None));
    }
    let refuse = |refused| ClassError::Refused { path: path.to_owned(), refused };
    // Says that there is no such file, before anything else is said.
    std::fs::metadata(path).map_err(at(path))?;
    let unpacked = tempfile::Builder::new().prefix("class-").tempdir().map_err(at(path))?;
    let root = unpacked.path().join("class");
    archive::unpack(path, &root, &mut { archive::Budget::CLASS }).map_err(refuse)?;
    // A folder around the whole class, but not that of its only student.
    let inner: Vec<_> =
        std::fs::read_dir(&root).and_then(|entries| entries.collect::<Result<_, _>>()).map_err(at(&root))?;
    if let [only] = inner.as_slice()
        && only.path().is_dir()
        && std::fs::read_dir(only.path()).map_err(at(&root))?.flatten().filter(holds_many).count() > 1
    {
        crate::submission::intake::lift(&root).map_err(at(&root))?;
    }
    Ok((root, Some(unpacked)))
}

/// Whether an entry can be a whole submission.
fn holds_many(entry: &std::fs::DirEntry) -> bool {
    entry.path().is_dir() || archive::stem(&entry.file_name().to_string_lossy()).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::settings;
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn found(names: &[&str]) -> Vec<(String, Submission)> {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            match name.strip_suffix('/') {
                Some(name) => std::fs::create_dir(folder.path().join(name)).unwrap(),
                None => std::fs::write(folder.path().join(name), "x").unwrap(),
            }
        }
        let roster = Roster::find(settings::sample(), folder.path(), &folder.path().join("out")).unwrap();
        roster.submissions.into_iter().collect()
    }

    #[rstest]
    #[case::moodle_folder("Ada Byron_70012_assignsubmission_file/", "Ada Byron_70012", "Ada Byron", "70012")]
    #[case::moodle_file("Ada Byron_70012_assignsubmission_file_lab.zip", "Ada Byron_70012", "Ada Byron", "70012")]
    #[case::canvas("byronada_4321_99001_lab.zip", "byronada_4321", "byronada", "4321")]
    #[case::canvas_late("byronada_LATE_4321_99001_server.py", "byronada_4321", "byronada", "4321")]
    #[case::blackboard("Lab 5_u4321_attempt_2026-11-01-10-00-00_lab.zip", "u4321", "", "u4321")]
    #[case::folder("s1234567/", "s1234567", "s1234567", "s1234567")]
    #[case::archive("s1234567.tar.gz", "s1234567", "s1234567", "s1234567")]
    #[case::script("s1234567.py", "s1234567", "s1234567", "s1234567")]
    fn names_of_systems(#[case] file: &str, #[case] name: &str, #[case] person: &str, #[case] id: &str) {
        let others = ["out/", "notes.txt", ".hidden", "Ada Byron_70012_assignsubmission_onlinetext/"];
        let found = found(&[&[file], others.as_slice()].concat());
        let [(as_name, submission)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((as_name.as_str(), submission.person.as_str()), (name, person));
        assert_eq!(submission.ids, [id]);
        assert_eq!(submission.sources, [file.trim_end_matches('/')]);
    }

    #[test]
    fn files_of_one_student_belong_together_and_the_last_attempt_counts() {
        let found = found(&[
            "byronada_4321_99001_server.py",
            "byronada_4321_99002_client.py",
            "Lab_u1_attempt_2026-11-01-10-00-00_old.zip",
            "Lab_u1_attempt_2026-11-02-10-00-00_new.zip",
            "Lab_u1_attempt_2026-11-02-10-00-00.txt",
            "bob/",
            "bob.zip",
        ]);
        let sources: Vec<(String, Vec<String>)> = found.into_iter().map(|(name, it)| (name, it.sources)).collect();
        let expected: [(&str, &[&str]); 4] = [
            ("bob", &["bob"]),
            ("bob.zip", &["bob.zip"]),
            ("byronada_4321", &["byronada_4321_99001_server.py", "byronada_4321_99002_client.py"]),
            ("u1", &["Lab_u1_attempt_2026-11-02-10-00-00_new.zip"]),
        ];
        let expected: Vec<(String, Vec<String>)> = expected
            .iter()
            .map(|(name, sources)| ((*name).to_owned(), sources.iter().map(|it| (*it).to_owned()).collect()))
            .collect();
        assert_eq!(sources, expected);
        assert_eq!(own_name("byronada_4321_99001_server.py"), "server.py");
        assert_eq!(own_name("Lab_u1_attempt_2026-11-02-10-00-00_new.zip"), "new.zip");
        assert_eq!(own_name("web_server.py"), "web_server.py");
    }

    fn roster() -> impl Strategy<Value = Roster> {
        let seen = prop_oneof![
            Just(None),
            "[ab]".prop_map(|key| Some(Seen::Key { sha256: key.clone(), key })),
            "[ab]".prop_map(|why| Some(Seen::Refused(why))),
        ];
        let submission = ("[a-c]", seen).prop_map(|(source, seen)| Submission {
            person: source.clone(),
            ids: Vec::new(),
            sources: vec![source],
            submitted: None,
            seen,
        });
        (prop::collection::btree_map("[a-d]", submission, 0..4), prop::collection::btree_set("[x-z]", 0..3)).prop_map(
            |(submissions, passed_over)| Roster { submissions, passed_over, ..Roster::new(settings::sample()) },
        )
    }

    fn joined(one: &Roster, other: &Roster) -> Roster {
        let mut both = one.clone();
        both.join(other.clone());
        both
    }

    proptest! {
        #[test]
        fn joining_does_not_depend_on_order_or_repetition(a in roster(), b in roster(), c in roster()) {
            prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
            prop_assert_eq!(joined(&a, &b), joined(&b, &a));
            prop_assert_eq!(joined(&a, &a), a.clone());
            prop_assert_eq!(joined(&joined(&a, &b), &b), joined(&a, &b));
        }
    }
}
