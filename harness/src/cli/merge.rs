//! `harness merge`: parts of a class become one.

use std::path::Path;

use harness_judging::shown::counted;

use super::arguments::Merge;
use super::{Exit, class, grading, term};
use crate::class::merge::merge;
use crate::class::shard::Shard;
use crate::class::store::Store;
use crate::class::write::{Export, write_all};
use crate::report::escape;

/// Puts parts of a class together.
pub fn run(arguments: &Merge) -> Exit {
    match try_run(arguments) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn try_run(arguments: &Merge) -> Result<Exit, Exit> {
    let parts: Vec<Store> = arguments
        .parts
        .iter()
        .map(|part| Store::open(part))
        .collect::<Result<_, _>>()
        .map_err(|error| class::failed(&error))?;
    let into = arguments.out.as_deref().unwrap_or(&arguments.parts[0]);
    let merged = merge(&parts, into).map_err(|error| class::failed(&error))?;
    let store = Store::create(into).map_err(|error| class::failed(&error))?;
    let export =
        arguments.gradebook.as_ref().map(|file| Export { file: file.clone(), column: arguments.column.clone() });
    let written = write_all(&store, &merged.roster, export.as_ref()).map_err(|error| class::failed(&error))?;
    let missing = written.overview.missing();
    if !arguments.quiet {
        term::print(&class::summary(&written, into));
    }
    if missing.is_empty() {
        return Ok(class::exit_of(&written.overview));
    }
    say_missing(&missing, merged.shares, into);
    Ok(Exit::Failed)
}

/// Names what is missing, and the tasks of a job array that would bring it.
fn say_missing(missing: &[&str], shares: Option<u64>, into: &Path) {
    grading::complain(&format!("{} without a result:", counted(missing.len(), "submission")));
    for name in missing {
        term::say(&format!("  {}", escape::line(name)));
    }
    if let Some(count) = shares {
        let mut wanted: Vec<u64> = missing.iter().map(|name| Shard::of(name, count)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let listed: Vec<String> = wanted.iter().map(u64::to_string).collect();
        term::say(&format!(
            "They are in the shares --shard I/{count} with I = {}; of a job array: sbatch --array={} {}",
            listed.join(", "),
            listed.join(","),
            into.join(crate::class::slurm::FILE).display()
        ));
    }
}
