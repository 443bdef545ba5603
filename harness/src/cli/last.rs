//! The last report that was made here, so that its runs can be played again without a folder for it.
//!
//! It is one file in the user's cache, which the next report takes the place of as a whole. Where there is no such
//! place nothing is kept, and nothing is lost but this.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::arguments::Grade;
use super::origin::Origin;
use crate::report::json;
use crate::report::model::Report;

/// A larger report is not kept.
const MOST: usize = 32 << 20;

/// What is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    origin: Origin,
    report: Report,
}

/// Keeps a report; says whether it could.
pub fn keep(arguments: &Grade, report: &Report) -> bool {
    let keep = |file: &Path| -> io::Result<()> {
        let kept = Kept { origin: Origin::of(arguments)?, report: report.clone() };
        let text = json::visible(&kept);
        if text.len() > MOST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        new.write_all(text.as_bytes())?;
        new.persist(file)?;
        Ok(())
    };
    file().is_some_and(|file| keep(&file).is_ok())
}

/// The last report and how it was made, if there is one that this version reads.
pub fn read() -> Option<(Report, Origin)> {
    let text = std::fs::read_to_string(file()?).ok()?;
    let kept: Kept = serde_json::from_str(&text).ok()?;
    Some((kept.report, kept.origin))
}

/// Where it is kept, as the XDG Base Directory Specification has it: relative paths are passed over.
fn file() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join("harness").join("last.json"))
}
