//! A whole class: the submissions of a folder, graded side by side, and what an instructor needs of it.
//!
//! Everything that is kept lies in one folder, and is made of two things: the **roster** (`class.json`: who handed in
//! what, and which result is theirs) and the **results** (`results/KEY.json`), each under a key made of all that
//! decides it. A result that is there is not made again, so that a run that was stopped goes on where it was, and
//! parts that were graded elsewhere can be put together. Gradebook, class page and the students' reports are drawn
//! from these two and can be drawn again at any time.
//!
//! Wall-clock durations differ from run to run. They are kept apart, in `durations/`, and reach `durations.csv` alone.

pub mod anonymous;
pub mod casts;
pub mod export;
pub mod figures;
pub mod folders;
pub mod gradebook;
pub mod gradescope;
pub mod grading;
pub mod html;
pub mod merge;
#[cfg(test)]
mod one_sum;
pub mod overview;
pub mod page;
pub mod result;
pub mod roster;
pub mod scrub;
pub mod settings;
pub mod shard;
pub mod slurm;
pub mod store;
pub mod times;
pub mod write;

use std::io;
use std::path::{Path, PathBuf};

/// Why a class cannot be graded or put together.
#[derive(Debug, thiserror::Error)]
pub enum ClassError {
    /// A file or folder cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file of a class's folder is not what it should be.
    #[error("{}: {why}; was it written by this version of the harness?", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Folders that were not graded alike.
    #[error(
        "{} and {} were not graded alike ({what} differs): what was graded differently cannot stand in one gradebook",
        first.display(), second.display()
    )]
    Unlike {
        /// The one.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// What differs.
        what: String,
    },
    /// A folder without a roster.
    #[error("{}: no class was graded here: there is neither a class.json nor a shards folder", .0.display())]
    NoClass(PathBuf),
    /// The class's archive is refused.
    #[error("{}: {refused}", path.display())]
    Refused {
        /// The archive.
        path: PathBuf,
        /// Why.
        refused: crate::submission::archive::Refused,
    },
    /// It cannot be told when submissions were handed in.
    #[error("{}: {why}", path.display())]
    Times {
        /// The table.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The learning system's export cannot be filled in.
    #[error(transparent)]
    Export(#[from] export::ExportError),
}

/// Gives an error of the file system its path.
fn at(path: &Path) -> impl FnOnce(io::Error) -> ClassError {
    let path = path.to_owned();
    move |error| ClassError::Io { path, error }
}
