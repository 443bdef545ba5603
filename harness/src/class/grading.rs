//! Opening and grading the submissions of a class, several at a time. Whatever one of them does, the others go on.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::ClassError;
use super::casts::Found;
use super::result::{Graded, Outcome, Verdicts};
use super::roster::{FORMAT, Seen, Submission, own_name};
use super::scrub::Scrubber;
use super::settings::Settings;
use super::store::Store;
use crate::grade::{Filter, Options, Rubric, Subject, grade};
use crate::submission::manifest::Manifest;
use crate::submission::open::{self, OpenError, Request};
use crate::submission::{fingerprint, intake};
use harness_language::catalogue::Catalogue;
use harness_language::scenario::problem::Problem;

/// What messages call a submission: results name no student.
const CALLED: &str = "submission";

/// Everything that grading takes, besides the submission.
pub struct Grader<'g> {
    /// The tasks.
    pub catalogue: &'g Catalogue,
    /// The points.
    pub rubric: &'g Rubric,
    /// What is wanted.
    pub filter: Filter,
    /// How runs are played.
    pub options: Options,
    /// Limit of a build.
    pub build_limit: Option<Duration>,
    /// All of that, as results carry it.
    pub settings: Settings,
    /// The class's folder.
    pub folder: PathBuf,
    /// What the instructor says of submissions, by what they are made of: names may be pseudonyms.
    pub casts: BTreeMap<Vec<String>, Arc<Manifest>>,
    /// Takes names out of results, where there are to be none.
    pub scrubber: Option<Scrubber>,
}

impl Grader<'_> {
    /// Opens a submission far enough to know its key.
    pub fn look(&self, submission: &Submission) -> Seen {
        let looked = caught(|| {
            let (_home, root) = self.gather(submission)?;
            fingerprint::of_folder(&root).map_err(|error| format!("it cannot be read: {error}"))
        });
        match looked {
            Ok(Ok(sha256)) => {
                let cast = self.casts.get(&submission.sources);
                Seen::Key { key: self.settings.key(&sha256, cast.map(|cast| &**cast)), sha256 }
            }
            Ok(Err(why)) => Seen::Refused(why),
            Err(why) => Seen::Refused(format!("opening it stopped the harness: {why}")),
        }
    }

    /// Grades a submission.
    pub fn grade(&self, submission: &Submission, key: &str, sha256: &str) -> Verdicts {
        let outcome = caught(|| self.outcome(submission))
            .unwrap_or_else(|why| Outcome::HarnessError(format!("grading it stopped the harness: {why}")));
        let verdicts = Verdicts {
            format: FORMAT,
            key: key.to_owned(),
            submission_sha256: sha256.to_owned(),
            settings: self.settings.clone(),
            outcome,
        };
        match &self.scrubber {
            Some(scrubber) => scrubber.verdicts(verdicts),
            None => verdicts,
        }
    }

    /// Finds out what would be graded of a submission, and why.
    pub fn propose(&self, submission: &Submission) -> Found {
        let proposed = caught(|| {
            let (_home, root) = self.gather(submission)?;
            let request = self.request(submission, root);
            open::propose(&request, self.catalogue, &self.options.setup).map_err(|error| match error {
                OpenError::Manifest(problems) => problems.0.first().map(Problem::one_line).unwrap_or_default(),
                other => other.to_string(),
            })
        });
        proposed.unwrap_or_else(|why| Err(format!("looking at it stopped the harness: {why}")))
    }

    fn request(&self, submission: &Submission, root: PathBuf) -> Request {
        Request {
            target: Some(root),
            called: Some(PathBuf::from(CALLED)),
            tasks: self.filter.tasks.clone(),
            manifest: self.casts.get(&submission.sources).map(|cast| Manifest::clone(cast)),
            build_limit: self.build_limit,
            ..Request::default()
        }
    }

    fn outcome(&self, submission: &Submission) -> Outcome {
        let (_home, root) = match self.gather(submission) {
            Ok(gathered) => gathered,
            Err(why) => return Outcome::HarnessError(format!("it could be opened before, and not again: {why}")),
        };
        let request = self.request(submission, root);
        let opened = match open::open(&request, self.catalogue, &self.options.setup) {
            Ok(opened) => opened,
            Err(OpenError::Machine(why)) => return Outcome::HarnessError(why),
            Err(OpenError::Manifest(problems)) => return Outcome::NotGradable(problems.render(false)),
            Err(other) => return Outcome::NotGradable(other.to_string()),
        };
        let subject = Subject::of(&opened, String::new());
        let graded = grade(self.catalogue, &subject, &self.filter, self.rubric, &self.options, &|_, _, _| {});
        if graded.report.tasks.is_empty() {
            return Outcome::NotGradable("nothing that was asked for can be judged with these programs".to_owned());
        }
        Outcome::Graded(Box::new(Graded::new(graded.report, &graded.played)))
    }

    /// Unpacks a submission into a folder that lives as long as the first value.
    fn gather(&self, submission: &Submission) -> Result<(tempfile::TempDir, PathBuf), String> {
        let home = tempfile::Builder::new().prefix("class-").tempdir().map_err(|error| error.to_string())?;
        let root = home.path().join(CALLED);
        let sources: Vec<(PathBuf, String)> =
            submission.sources.iter().map(|source| (self.folder.join(source), own_name(source))).collect();
        intake::gather(&sources, &root).map_err(|refused| refused.to_string())?;
        Ok((home, root))
    }
}

/// What is to be graded: the key, the hash of the files, one submission that has them, and its name.
pub struct Work<'w> {
    /// Key of the result.
    pub key: &'w str,
    /// SHA-256 of the files.
    pub sha256: &'w str,
    /// The submission.
    pub submission: &'w Submission,
    /// Its name.
    pub name: &'w str,
}

/// Grades what is not there yet, and writes each result as soon as it is there.
///
/// # Errors
/// If a result cannot be written: then there is no use in going on.
pub fn grade_all(
    grader: &Grader<'_>,
    work: &[Work<'_>],
    store: &Store,
    workers: usize,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<(), ClassError> {
    let lost = Mutex::new(None);
    side_by_side(work, workers, |work| {
        if lost.lock().is_ok_and(|lost| lost.is_some()) {
            return;
        }
        let began = Instant::now();
        let verdicts = grader.grade(work.submission, work.key, work.sha256);
        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let written =
            store.write_result(work.key, &verdicts.render()).and_then(|()| store.write_duration(work.key, took));
        if let (Err(error), Ok(mut lost)) = (written, lost.lock()) {
            *lost = Some(error);
        }
        progress(work.name);
    });
    match lost.into_inner() {
        Ok(Some(error)) => Err(error),
        _ => Ok(()),
    }
}

/// Calls a function for every item, for so many at a time.
pub fn side_by_side<T: Sync>(items: &[T], workers: usize, each: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    each(item);
                }
            });
        }
    });
}

/// A panic is a defect of the harness, and costs no other submission.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| words(panic.as_ref()))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a defect without words".to_owned())
}

/// A path that stays right in another working folder.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_with_its_words() {
        assert_eq!(caught(|| 1), Ok(1));
        assert_eq!(caught(|| -> u8 { panic!("at {}", 7) }), Err("at 7".to_owned()));
    }

    #[test]
    fn every_item_is_done_once() {
        let done = Mutex::new(Vec::new());
        let items: Vec<u32> = (0..100).collect();
        side_by_side(&items, 7, |item| done.lock().unwrap().push(*item));
        let mut done = done.into_inner().unwrap();
        done.sort_unstable();
        assert_eq!(done, items);
    }
}
