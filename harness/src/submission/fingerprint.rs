//! What a submission is known by: a hash of its files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{archive, intake};
use crate::sandbox::links;

/// SHA-256 of a submission's files, names and contents, as reports carry it.
///
/// # Errors
/// If it cannot be read.
pub fn sha256(target: &Path) -> std::io::Result<String> {
    if target.is_dir() {
        return of_folder(target);
    }
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if archive::stem(&name).is_some() {
        // An archive is known by what is in it, as the report on it says.
        let home = tempfile::tempdir()?;
        let root = home.path().join("submission");
        intake::gather(&[(target.to_owned(), name)], &root).map_err(std::io::Error::other)?;
        return of_folder(&root);
    }
    let mut hash = Sha256::new();
    add_file(target, Path::new(target.file_name().unwrap_or_default()), &mut hash);
    Ok(hexadecimal(hash))
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn add_file(file: &Path, name: &Path, hash: &mut Sha256) {
    // What cannot be read counts by its name alone.
    add(name, &std::fs::read(file).unwrap_or_default(), hash);
}

fn add(name: &Path, content: &[u8], hash: &mut Sha256) {
    hash.update(name.as_os_str().as_encoded_bytes());
    hash.update([0]);
    hash.update((content.len() as u64).to_le_bytes());
    hash.update(content);
}

/// The same of a folder.
///
/// # Errors
/// If it cannot be read.
pub fn of_folder(root: &Path) -> std::io::Result<String> {
    fn walk(root: &Path, at: &Path, below: &Path, hash: &mut Sha256) -> std::io::Result<()> {
        let mut entries: Vec<_> = std::fs::read_dir(at)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let below = below.join(entry.file_name());
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                walk(root, &path, &below, hash)?;
            } else if kind.is_symlink() {
                // By where it leads: what is there may be no file at all. One that leads out is no part of it.
                let target = std::fs::read_link(&path)?;
                if links::stays(root, &path, &target) {
                    add(&below, target.as_os_str().as_encoded_bytes(), hash);
                }
            } else if kind.is_file() {
                add_file(&path, &below, hash);
            }
        }
        Ok(())
    }
    let mut hash = Sha256::new();
    walk(root, root, Path::new(""), &mut hash)?;
    Ok(hexadecimal(hash))
}

/// SHA-256 of loose files, by the names that their commands call them, as reports of such a submission carry it.
pub fn of_files(files: &BTreeMap<String, PathBuf>) -> String {
    let mut hash = Sha256::new();
    for (name, file) in files {
        add_file(file, Path::new(name), &mut hash);
    }
    hexadecimal(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_known_by_what_is_in_it() {
        use std::io::Write;
        let folder = tempfile::tempdir().unwrap();
        let (plain, packed) = (folder.path().join("plain"), folder.path().join("lab.zip"));
        std::fs::create_dir(&plain).unwrap();
        std::fs::write(plain.join("server.py"), "print(1)").unwrap();
        let mut writer = zip::ZipWriter::new(std::fs::File::create(&packed).unwrap());
        writer.start_file("My Lab/server.py", zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(b"print(1)").unwrap();
        writer.finish().unwrap();
        assert_eq!(sha256(&packed).unwrap(), sha256(&plain).unwrap());
    }

    #[test]
    fn loose_files_are_told_apart_by_name_and_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            (name.to_owned(), folder.path().join(name))
        };
        let (one, other) = (file("server.py", "print(1)"), file("client.py", "print(1)"));
        let of = |files: &[&(String, PathBuf)]| of_files(&files.iter().copied().cloned().collect());
        let both = of(&[&one, &other]);
        assert_eq!(both, of(&[&other, &one]));
        assert_ne!(of(&[&one]), of(&[&other]));
        file("server.py", "print(2)");
        assert_ne!(both, of(&[&one, &other]));
    }
}
