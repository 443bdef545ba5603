//! Exit codes: a contract with scripts and CI.

use std::process::ExitCode;

/// How the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Every decided must-requirement passed, and one was decided. Where another is undecided the report says "not proven",
    /// and names it in its first line: the status alone does not say that a program is right, unless `--strict` is given.
    Passed,
    /// A must-requirement failed or is lost; with `--strict` also: one is undecided, or a should-requirement failed.
    Failed,
    /// The command line, a path, a manifest, a scenario or a rubric is wrong.
    Usage,
    /// The harness itself could not finish.
    Harness,
    /// There was nothing that could be graded: no program, or none of the must-requirements could be decided.
    NotGradable,
    /// The status of a model answer that was run.
    Program(u8),
}

impl Exit {
    /// The number.
    pub fn number(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Harness => 3,
            Self::NotGradable => 4,
            Self::Program(status) => status,
        }
    }

    /// The number, for the operating system.
    pub fn code(self) -> ExitCode {
        ExitCode::from(self.number())
    }
}
