//! A folder of text files, embedded in the binary or on disk, read whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use include_dir::Dir;
use sha2::{Digest, Sha256};

use crate::scenario::problem::Source;

/// A folder with its files and folders, in the order of their names.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Last part of the path.
    pub name: String,
    /// The path as messages print it.
    pub path: String,
    files: BTreeMap<String, Arc<Source>>,
    folders: Vec<Folder>,
}

/// Why a folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The file system refuses.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// What was to be read.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
}

impl Folder {
    /// A folder built into the binary.
    pub fn embedded(dir: &Dir<'_>, path: &str) -> Self {
        let name_of =
            |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let files = dir
            .files()
            .filter_map(|file| {
                let name = name_of(file.path());
                let source = Source::new(format!("{path}/{name}"), file.contents_utf8()?);
                Some((name, source))
            })
            .collect();
        let mut folders: Vec<Self> =
            dir.dirs().map(|sub| Self::embedded(sub, &format!("{path}/{}", name_of(sub.path())))).collect();
        folders.sort_by(|a, b| a.name.cmp(&b.name));
        Self { name: name_of(Path::new(path)), path: path.to_owned(), files, folders }
    }

    /// A folder on disk.
    ///
    /// # Errors
    /// If it, or anything in it, cannot be read.
    pub fn on_disk(path: &Path) -> Result<Self, FolderError> {
        let unreadable = |error| FolderError::Unreadable { path: path.to_owned(), error };
        let mut files = BTreeMap::new();
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let at = entry.path();
            if name.starts_with('.') {
                continue;
            }
            if at.is_dir() {
                folders.push(Self::on_disk(&at)?);
            } else if name.ends_with(".toml") || name.ends_with(".md") {
                let text = std::fs::read_to_string(&at)
                    .map_err(|error| FolderError::Unreadable { path: at.clone(), error })?;
                files.insert(name, Source::new(at.display().to_string(), text));
            }
        }
        folders.sort_by(|a, b| a.name.cmp(&b.name));
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { name, path: path.display().to_string(), files, folders })
    }

    /// A file by name.
    pub fn file(&self, name: &str) -> Option<&Arc<Source>> {
        self.files.get(name)
    }

    /// All files, by name.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Arc<Source>)> {
        self.files.iter().map(|(name, source)| (name.as_str(), source))
    }

    /// SHA-256 of the names and contents of all files below it.
    pub fn sha256(&self) -> String {
        fn add(folder: &Folder, below: &str, hash: &mut Sha256) {
            for (name, source) in &folder.files {
                hash.update(format!("{below}{name}\0{}\0", source.text.len()));
                hash.update(&source.text);
            }
            folder.folders.iter().for_each(|inner| add(inner, &format!("{below}{}/", inner.name), hash));
        }
        let mut hash = Sha256::new();
        add(self, "", &mut hash);
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// All folders, by name.
    pub fn folders(&self) -> &[Folder] {
        &self.folders
    }
}
