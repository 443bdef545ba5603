//! Expectations about files in a program's working directory.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use harness_judging::shown;

use super::super::patience::Patience;
use super::super::{Director, Done, Failure, Halt};
use crate::sandbox::links;
use harness_language::scenario::model::{ExpectFile, ExpectNoFile};

const USUAL: Duration = Duration::from_secs(5);

impl Director {
    fn path_of(&self, program: &str, path: &str) -> Result<PathBuf, Halt> {
        let folder = self.stage.folder().ok_or_else(|| {
            Halt::skipped(format!("programs have no working directory on {}", self.stage.backend().as_str()))
        })?;
        let cwd = self
            .actors
            .programs_named(program)
            .into_iter()
            .next()
            .map(|(_, actor)| actor.launch.invocation.cwd.clone());
        Ok(folder.join(cwd.unwrap_or_default()).join(path))
    }

    pub(super) async fn expect_file(&mut self, step: &ExpectFile) -> Done {
        let path = self.path_of(&step.program, &step.path)?;
        let wanted = self.bytes(&step.equals, 0)?;
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        let patience = Patience::new(&*self.stage, limit);
        let root = self.stage.folder().unwrap_or_default();
        let written =
            self.until(patience, || links::read(&root, &path).ok().filter(|content| *content == wanted)).await;
        let Err(why) = written else { return Ok(()) };
        let mut state = String::new();
        let (actual, reason) = match links::read(&root, &path) {
            Ok(content) => {
                self.differed(&wanted, &content);
                let difference = shown::first_difference(&content, &wanted);
                (shown::describe(&content), format!("{} is there, but {difference}", step.path))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                state = self.explain(&why);
                let reason = format!("there is no {} in the {}'s folder", step.path, shown::doer(&step.program));
                ("there is no such file".to_owned(), reason)
            }
            Err(error) => (format!("it cannot be read: {error}"), format!("{} cannot be read: {error}", step.path)),
        };
        Err(Failure {
            expected: format!("a file {} with {}", step.path, shown::describe(&wanted)),
            actual,
            reason,
            state,
        }
        .into())
    }

    pub(super) async fn expect_no_file(&mut self, step: &ExpectNoFile) -> Done {
        let path = self.path_of(&step.program, &step.path)?;
        self.quiet_down(Duration::from_secs(1)).await;
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        let content = links::read(&self.stage.folder().unwrap_or_default(), &path).unwrap_or_default();
        Err(Halt::of_holdings(Failure {
            expected: format!("no file \"{}\"", step.path),
            actual: format!("it is there, with {}", shown::describe(&content)),
            reason: format!(
                "the {} made a file \"{}\" where there is nothing to keep",
                shown::doer(&step.program),
                step.path
            ),
            ..Failure::default()
        }))
    }
}
