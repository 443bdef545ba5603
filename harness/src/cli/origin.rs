//! Where a report came from: the folder and the arguments that a run needs to be played again.
//!
//! A report says what was graded as the command line said it, so that it reads the same on every machine. What
//! only this machine knows stands beside it, in a file of the evidence folder.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::arguments::Grade;

/// The file in the evidence folder.
const FILE: &str = "origin.json";

/// A call of `harness grade`, as far as it decides what is played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The folder in which the harness was called; relative paths start here.
    pub folder: PathBuf,
    /// `--target`.
    pub target: Option<PathBuf>,
    /// `--task`.
    pub task: Vec<String>,
    /// `--role`.
    pub role: Option<String>,
    /// `--cmd`.
    pub cmd: Vec<String>,
    /// `--attach`.
    pub attach: Vec<String>,
    /// `--rubric`.
    pub rubric: Option<PathBuf>,
    /// `--scenarios`.
    pub scenarios: Option<PathBuf>,
}

impl Origin {
    /// How a report is made.
    ///
    /// # Errors
    /// If there is no current folder.
    pub fn of(arguments: &Grade) -> io::Result<Self> {
        Ok(Self {
            folder: std::env::current_dir()?,
            target: arguments.target.clone(),
            task: arguments.task.clone(),
            role: arguments.role.clone(),
            cmd: arguments.cmd.clone(),
            attach: arguments.attach.clone(),
            rubric: arguments.rubric.clone(),
            scenarios: arguments.scenarios.clone(),
        })
    }

    /// Writes how the report in `out` was made.
    ///
    /// # Errors
    /// If the file cannot be written or there is no current folder.
    pub fn write(arguments: &Grade, out: &Path) -> io::Result<()> {
        let origin = Self::of(arguments)?;
        let mut text = serde_json::to_string_pretty(&origin).map_err(io::Error::other)?;
        text.push('\n');
        std::fs::write(out.join(FILE), text)
    }

    /// What stands beside a report; nothing where the report has been moved away from it.
    pub fn beside(report: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(report.parent()?.join(FILE)).ok()?;
        serde_json::from_str(&text).ok()
    }
}

/// Places where a path that a report names may be: from the current folder, then from each folder
/// above the report.
pub fn candidates(named: &Path, report: &Path) -> Vec<PathBuf> {
    if named.is_absolute() {
        return vec![named.to_owned()];
    }
    let above = report.canonicalize().unwrap_or_else(|_| report.to_owned());
    let above = above.ancestors().skip(1).map(|folder| folder.join(named));
    std::iter::once(named.to_owned()).chain(above).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_is_looked_for_here_and_above_the_report() {
        let found = candidates(Path::new("lab/bin"), Path::new("/nowhere/a/report.json"));
        let expected = ["lab/bin", "/nowhere/a/lab/bin", "/nowhere/lab/bin", "/lab/bin"];
        assert_eq!(found, expected.map(PathBuf::from));
        assert_eq!(candidates(Path::new("/x"), Path::new("/nowhere/report.json")), [PathBuf::from("/x")]);
    }
}
