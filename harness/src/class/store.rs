//! The folder of a class: where what is, and how it is written.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::result::Verdicts;
use super::roster::{FORMAT, Roster};
use super::shard::Shard;
use super::{ClassError, at};
use crate::report::json;
use crate::sandbox::leftovers;

/// A class's folder.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// A folder, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create(root: &Path) -> Result<Self, ClassError> {
        for inner in ["results", "durations"] {
            std::fs::create_dir_all(root.join(inner)).map_err(at(root))?;
        }
        Ok(Self { root: root.to_owned() })
    }

    /// A folder that is there.
    ///
    /// # Errors
    /// If no class was graded there.
    pub fn open(root: &Path) -> Result<Self, ClassError> {
        let store = Self { root: root.to_owned() };
        if store.roster_files()?.is_empty() { Err(ClassError::NoClass(root.to_owned())) } else { Ok(store) }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file of the roster, or of a share's.
    fn roster_file(&self, shard: Option<Shard>) -> PathBuf {
        match shard {
            None => self.root.join("class.json"),
            Some(shard) => self.root.join("shards").join(shard.file()),
        }
    }

    fn roster_files(&self) -> Result<Vec<PathBuf>, ClassError> {
        let shards = self.root.join("shards");
        let mut files = vec![self.root.join("class.json")];
        if shards.is_dir() {
            for entry in std::fs::read_dir(&shards).map_err(at(&shards))? {
                files.push(entry.map_err(at(&shards))?.path());
            }
        }
        let named = |file: &PathBuf| file.extension().is_some_and(|it| it == "json");
        let hidden = |file: &PathBuf| file.file_name().is_some_and(|it| it.to_string_lossy().starts_with('.'));
        files.retain(|file| file.is_file() && named(file) && !hidden(file));
        files.sort();
        Ok(files)
    }

    /// Everything that the rosters here say, and how many shares there were, if there were any.
    ///
    /// # Errors
    /// If a roster cannot be read, or two were not graded alike.
    pub fn roster(&self) -> Result<(Roster, Option<u64>), ClassError> {
        let mut whole: Option<(PathBuf, Roster)> = None;
        let mut shares = None;
        for file in self.roster_files()? {
            let text = std::fs::read_to_string(&file).map_err(at(&file))?;
            let foreign = |why: String| ClassError::Foreign { path: file.clone(), why };
            let roster: Roster = serde_json::from_str(&text).map_err(|error| foreign(error.to_string()))?;
            if roster.format != FORMAT {
                return Err(foreign(format!("it is of format {}, and this harness reads {FORMAT}", roster.format)));
            }
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            shares = shares.max(Shard::count_in(&name));
            match &mut whole {
                None => whole = Some((file, roster)),
                Some((first, whole)) => join(first, whole, &file, roster)?,
            }
        }
        let (_, roster) = whole.ok_or_else(|| ClassError::NoClass(self.root.clone()))?;
        Ok((roster, shares))
    }

    /// Writes the roster, or a share's.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_roster(&self, roster: &Roster, shard: Option<Shard>) -> Result<(), ClassError> {
        let file = self.roster_file(shard);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
        }
        write(&file, json::visible(roster).as_bytes())
    }

    fn result_file(&self, key: &str) -> PathBuf {
        self.root.join("results").join(format!("{key}.json"))
    }

    fn duration_file(&self, key: &str) -> PathBuf {
        self.root.join("durations").join(format!("{key}.txt"))
    }

    /// The text of a result, if it is there.
    pub fn result_text(&self, key: &str) -> Option<String> {
        std::fs::read_to_string(self.result_file(key)).ok()
    }

    /// A result, if it is there and whole.
    pub fn result(&self, key: &str) -> Option<Verdicts> {
        Verdicts::read(&self.result_text(key)?, key)
    }

    /// Writes a result.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_result(&self, key: &str, text: &str) -> Result<(), ClassError> {
        write(&self.result_file(key), text.as_bytes())
    }

    /// Keys of all results that are here.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn keys(&self) -> Result<Vec<String>, ClassError> {
        self.names("results", ".json")
    }

    /// How long gradings took, in milliseconds of wall-clock time, by key.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn durations(&self) -> Result<BTreeMap<String, u64>, ClassError> {
        let keys = self.names("durations", ".txt")?;
        let read = |key: String| {
            let text = std::fs::read_to_string(self.duration_file(&key)).ok()?;
            Some((key, text.trim().parse().ok()?))
        };
        Ok(keys.into_iter().filter_map(read).collect())
    }

    /// Writes how long a grading took.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_duration(&self, key: &str, milliseconds: u64) -> Result<(), ClassError> {
        write(&self.duration_file(key), format!("{milliseconds}\n").as_bytes())
    }

    fn names(&self, folder: &str, ending: &str) -> Result<Vec<String>, ClassError> {
        let folder = self.root.join(folder);
        let mut names = Vec::new();
        if folder.is_dir() {
            for entry in std::fs::read_dir(&folder).map_err(at(&folder))? {
                let name = entry.map_err(at(&folder))?.file_name().to_string_lossy().into_owned();
                // Half-written files begin with a dot.
                names.extend(name.strip_suffix(ending).filter(|name| !name.starts_with('.')).map(str::to_owned));
            }
        }
        names.sort();
        Ok(names)
    }
}

/// Joins two rosters, which must have been graded alike.
///
/// # Errors
/// If they were not.
pub fn join(first: &Path, whole: &mut Roster, second: &Path, other: Roster) -> Result<(), ClassError> {
    let differs = whole.settings.difference(&other.settings).or(whole.showing.difference(&other.showing));
    if let Some(what) = differs {
        let what = what.to_owned();
        return Err(ClassError::Unlike { first: first.to_owned(), second: second.to_owned(), what });
    }
    whole.join(other);
    Ok(())
}

/// Writes a file whole or not at all: under another name first, then renamed. What a power cut leaves of it is no
/// result, and made again.
///
/// # Errors
/// If it cannot be written.
pub fn write(file: &Path, content: &[u8]) -> Result<(), ClassError> {
    use std::os::unix::fs::PermissionsExt;
    leftovers::wait_if_stopping();
    let folder = file.parent().unwrap_or(Path::new("."));
    // A folder of results is shared: files in it are readable as the user's umask lets them be.
    let mode = std::fs::Permissions::from_mode(0o666);
    let mut temporary =
        tempfile::Builder::new().prefix(".writing-").permissions(mode).tempfile_in(folder).map_err(at(file))?;
    temporary.write_all(content).map_err(at(file))?;
    temporary.persist(file).map_err(|error| at(file)(error.error))?;
    Ok(())
}
