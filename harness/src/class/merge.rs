//! Putting folders together in which parts of a class were graded.
//!
//! What stands in the end does not depend on the order of the folders, on how they are grouped, or on how often one
//! is named.

use std::path::Path;

use super::ClassError;
use super::result::Verdicts;
use super::roster::Roster;
use super::store::{Store, join};

/// What was put together.
#[derive(Debug, Clone)]
pub struct Merged {
    /// The whole roster.
    pub roster: Roster,
    /// How many shares the class was cut into, as far as the folders tell.
    pub shares: Option<u64>,
}

/// Puts what is in `parts` into `into`, which may be one of them.
///
/// # Errors
/// If a folder cannot be read or written, or the folders were not graded alike.
pub fn merge(parts: &[Store], into: &Path) -> Result<Merged, ClassError> {
    let mut whole: Option<(&Path, Roster)> = None;
    let mut shares = None;
    // What was merged before is part of the class, too.
    let before = Store::open(into).ok();
    for part in parts.iter().chain(&before) {
        let (roster, count) = part.roster()?;
        shares = shares.max(count);
        match &mut whole {
            None => whole = Some((part.root(), roster)),
            Some((first, whole)) => join(first, whole, part.root(), roster)?,
        }
    }
    let (_, roster) = whole.ok_or_else(|| ClassError::NoClass(into.to_owned()))?;
    let store = Store::create(into)?;
    for part in parts {
        for key in part.keys()? {
            let Some(theirs) = part.result_text(&key) else { continue };
            match store.result_text(&key) {
                Some(ours) if Verdicts::better(&key, &ours, &theirs) == ours => {}
                _ => store.write_result(&key, &theirs)?,
            }
        }
        let durations = store.durations()?;
        for (key, milliseconds) in part.durations()? {
            if durations.get(&key).is_none_or(|ours| *ours < milliseconds) {
                store.write_duration(&key, milliseconds)?;
            }
        }
    }
    store.write_roster(&roster, None)?;
    Ok(Merged { roster, shares })
}

#[cfg(test)]
mod tests {
    use super::super::result::Outcome;
    use super::super::roster::{Seen, Submission};
    use super::super::settings;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// A part of a class: by student, the state of the submission and what came out.
    type Part = BTreeMap<String, Option<(u8, u8)>>;

    fn part() -> impl Strategy<Value = Part> {
        prop::collection::btree_map("[a-e]", prop::option::of((0u8..3, 0u8..3)), 0..5)
    }

    fn written(part: &Part) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        let settings = settings::sample();
        let mut roster = Roster::new(settings.clone());
        for (name, state) in part {
            let seen = state.map(|(files, _)| {
                let sha256 = files.to_string();
                Seen::Key { key: settings.key(&sha256, None), sha256 }
            });
            let submission = Submission {
                person: name.clone(),
                ids: Vec::new(),
                sources: vec![name.clone()],
                submitted: None,
                seen,
            };
            if let (Some(Seen::Key { key, sha256 }), Some((_, came))) = (&submission.seen, state) {
                let outcome = match came {
                    0 => Outcome::HarnessError("no room".to_owned()),
                    more => Outcome::NotGradable(more.to_string()),
                };
                let result = Verdicts {
                    format: super::super::roster::FORMAT,
                    key: key.clone(),
                    submission_sha256: sha256.clone(),
                    settings: settings.clone(),
                    outcome,
                };
                store.write_result(key, &result.render()).unwrap();
                store.write_duration(key, u64::from(*came)).unwrap();
            }
            roster.submissions.insert(name.clone(), submission);
        }
        store.write_roster(&roster, None).unwrap();
        folder
    }

    fn merged(folders: &[&tempfile::TempDir]) -> tempfile::TempDir {
        let into = tempfile::tempdir().unwrap();
        let parts: Vec<Store> = folders.iter().map(|folder| Store::open(folder.path()).unwrap()).collect();
        merge(&parts, into.path()).unwrap();
        into
    }

    fn content(folder: &tempfile::TempDir) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        for below in ["", "results", "durations"] {
            for entry in std::fs::read_dir(folder.path().join(below)).unwrap().flatten() {
                if entry.path().is_file() {
                    let name = format!("{below}/{}", entry.file_name().to_string_lossy());
                    files.insert(name, std::fs::read_to_string(entry.path()).unwrap());
                }
            }
        }
        files
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn merging_is_associative_commutative_and_idempotent(a in part(), b in part(), c in part()) {
            let (a, b, c) = (written(&a), written(&b), written(&c));
            let all = content(&merged(&[&a, &b, &c]));
            prop_assert_eq!(&content(&merged(&[&merged(&[&a, &b]), &c])), &all);
            prop_assert_eq!(&content(&merged(&[&a, &merged(&[&b, &c])])), &all);
            prop_assert_eq!(&content(&merged(&[&c, &b, &a])), &all);
            prop_assert_eq!(&content(&merged(&[&a, &a])), &content(&a));
            prop_assert_eq!(&content(&merged(&[&b, &merged(&[&a, &b, &c]), &b])), &all);
            // Into one of them.
            merge(&[Store::open(b.path()).unwrap(), Store::open(c.path()).unwrap()], a.path()).unwrap();
            prop_assert_eq!(&content(&a), &all);
        }
    }

    #[test]
    fn what_was_graded_otherwise_is_not_merged() {
        let one = written(&Part::from([("a".to_owned(), None)]));
        let other = written(&Part::from([("a".to_owned(), None)]));
        let mut settings = settings::sample();
        settings.seed = 7;
        Store::open(other.path()).unwrap().write_roster(&Roster::new(settings), None).unwrap();
        let parts = [Store::open(one.path()).unwrap(), Store::open(other.path()).unwrap()];
        let error = merge(&parts, tempfile::tempdir().unwrap().path()).expect_err("other seeds").to_string();
        assert!(error.contains("the seed differs"), "{error}");
    }
}
