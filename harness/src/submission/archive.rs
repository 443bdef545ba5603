//! Archives: what a zip or tar file holds, on disk; never anything outside the folder that it is unpacked into.
//!
//! An archive is a stranger's. Names that lead out of the folder, links and devices are refused, and so is what would
//! fill the disk: bytes are counted as they come out, not as the archive declares them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use super::discover;
use crate::report::escape;
use harness_peers::archive::{Kind, kind_of};

/// How much one submission may unpack to, all its archives together.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Entries that are left.
    entries: usize,
    /// Bytes that are left.
    bytes: u64,
    /// What there was, for messages.
    whole: (usize, u64),
}

impl Budget {
    /// For what one student hands in: 2 000 entries, 256 MiB.
    pub const SUBMISSION: Self = Self::new(2_000, 256 << 20);
    /// For what a learning system exports of a whole class: 200 000 entries, 16 GiB.
    pub const CLASS: Self = Self::new(200_000, 16 << 30);

    const fn new(entries: usize, bytes: u64) -> Self {
        Self { entries, bytes, whole: (entries, bytes) }
    }

    /// Takes one entry.
    ///
    /// # Errors
    /// If there is none left.
    pub fn entry(&mut self) -> Result<(), Refused> {
        self.entries = self.entries.checked_sub(1).ok_or(Refused::Entries(self.whole.0))?;
        Ok(())
    }

    /// Takes bytes.
    ///
    /// # Errors
    /// If there are not so many left.
    pub fn bytes(&mut self, count: u64) -> Result<(), Refused> {
        self.bytes = self.bytes.checked_sub(count).ok_or(Refused::Bytes(self.whole.1 >> 20))?;
        Ok(())
    }
}

/// Why something is not taken in. Reasons name paths inside the submission only, and are safe to print.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A name that leads out of the folder.
    #[error("it holds {}, a name that leads out of its folder", shown(.0))]
    Outside(String),
    /// A link.
    #[error("it holds {}, a link; links are not followed", shown(.0))]
    Link(String),
    /// A device, a pipe or the like.
    #[error("it holds {}, which is neither a file nor a folder", shown(.0))]
    Special(String),
    /// Too many entries.
    #[error("it holds more than {0} files and folders")]
    Entries(usize),
    /// Too many bytes.
    #[error("it holds more than {0} MiB when it is unpacked")]
    Bytes(u64),
    /// Folders in folders without end.
    #[error("it holds {}, folders too deep in each other", shown(.0))]
    Deep(String),
    /// A password is needed.
    #[error("it is locked with a password")]
    Locked,
    /// An archive of a kind that is not read here.
    #[error("it is a {0} archive; what is read: zip, tar and tar.gz")]
    Foreign(&'static str),
    /// Archives within archives within archives.
    #[error("it holds archives in archives, more than {0} deep")]
    Nested(usize),
    /// It is cut off, or no archive at all.
    #[error("it cannot be read as a {kind} archive: {}", escape::line(.why))]
    Broken {
        /// The kind.
        kind: &'static str,
        /// What the reader says.
        why: String,
    },
    /// This machine's fault: no room, no permission.
    #[error("it cannot be unpacked on this machine: {0}")]
    Machine(io::Error),
}

fn shown(name: &str) -> String {
    format!("`{}`", escape::line(&crate::report::style::cut(name, 80)))
}

/// Most folders in each other.
const DEEPEST: usize = 32;

/// Names that archives and folders have for their maker's machine alone.
pub fn is_litter(name: &str) -> bool {
    matches!(name, "__MACOSX" | ".DS_Store" | "Thumbs.db" | "desktop.ini" | ".git") || name.starts_with("._")
}

/// What a file is called without the endings of archives; `None` if it has none.
pub fn stem(name: &str) -> Option<&str> {
    let lower = name.to_ascii_lowercase();
    let endings = [".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tar", ".zip", ".7z", ".rar"];
    endings.iter().find(|ending| lower.ends_with(*ending)).map(|ending| &name[..name.len() - ending.len()])
}

/// What kind of archive a file is, by its first bytes; its name says nothing.
///
/// # Errors
/// If the file cannot be read.
pub fn kind(path: &Path) -> io::Result<Option<Kind>> {
    Ok(kind_of(&crate::wire::head(path, 512)?))
}

/// Unpacks an archive into a folder, which is made if it is not there.
///
/// # Errors
/// If it is hostile, broken, too large or of a kind that is not read; what was unpacked until then is still there.
pub fn unpack(path: &Path, into: &Path, budget: &mut Budget) -> Result<(), Refused> {
    std::fs::create_dir_all(into).map_err(Refused::Machine)?;
    let file = || File::open(path).map_err(Refused::Machine);
    match kind(path).map_err(Refused::Machine)? {
        Some(Kind::Zip) => zip(file()?, into, budget),
        Some(Kind::Tar) => tar(file()?, "tar", into, budget),
        Some(Kind::TarGz) => tar(flate2::read::MultiGzDecoder::new(file()?), "tar.gz", into, budget),
        Some(Kind::Foreign(name)) => Err(Refused::Foreign(name)),
        None => Err(Refused::Broken { kind: "zip or tar", why: "it does not begin like one".to_owned() }),
    }
}

fn zip(file: File, into: &Path, budget: &mut Budget) -> Result<(), Refused> {
    let broken = |error: zip::result::ZipError| Refused::Broken { kind: "zip", why: error.to_string() };
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(broken)?;
    for index in 0..archive.len() {
        let mut entry = match archive.by_index(index) {
            Ok(entry) => entry,
            Err(zip::result::ZipError::UnsupportedArchive(zip::result::ZipError::PASSWORD_REQUIRED)) => {
                return Err(Refused::Locked);
            }
            Err(error) => return Err(broken(error)),
        };
        budget.entry()?;
        // Some packers of Windows write its separator.
        let name = entry.name().map_err(broken)?.replace('\\', "/");
        let folder = entry.is_dir() || name.ends_with('/');
        if entry.is_symlink() {
            return Err(Refused::Link(name));
        }
        let Some(below) = inside(&name)? else { continue };
        let runs = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        place(&into.join(below), folder, runs, &mut entry, "zip", budget)?;
    }
    Ok(())
}

fn tar(reader: impl Read, kind: &'static str, into: &Path, budget: &mut Budget) -> Result<(), Refused> {
    let broken = |error: io::Error| Refused::Broken { kind, why: error.to_string() };
    // Long names are entries of their own and held in memory: they are taken from what is left, too.
    let left = budget.bytes;
    let mut archive =
        tar::Archive::new(Metered { reader, left: left.saturating_add(left / 4).saturating_add(1 << 20) });
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        budget.entry()?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind_of = entry.header().entry_type();
        if kind_of.is_symlink() || kind_of.is_hard_link() {
            return Err(Refused::Link(name));
        }
        if matches!(kind_of, tar::EntryType::XGlobalHeader) {
            continue;
        }
        if !kind_of.is_file() && !kind_of.is_dir() && !kind_of.is_contiguous() && !kind_of.is_gnu_sparse() {
            return Err(Refused::Special(name));
        }
        let Some(below) = inside(&name)? else { continue };
        let runs = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
        place(&into.join(below), kind_of.is_dir(), runs, &mut entry, kind, budget)?;
    }
    Ok(())
}

/// Ends in an error where a stream yields more than it may.
struct Metered<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        let taken = self.left.checked_sub(count as u64);
        self.left = taken.ok_or_else(|| io::Error::other("it unpacks to more than a submission may hold"))?;
        Ok(count)
    }
}

/// A name as a path below the folder; `None` for what nobody needs.
fn inside(name: &str) -> Result<Option<PathBuf>, Refused> {
    let outside = || Refused::Outside(name.to_owned());
    let drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
    if drive || name.contains('\0') {
        return Err(outside());
    }
    let mut below = PathBuf::new();
    let mut depth = 0;
    for part in Path::new(name).components() {
        match part {
            Component::Normal(part) if is_litter(&part.to_string_lossy()) => return Ok(None),
            Component::Normal(part) => {
                below.push(part);
                depth += 1;
            }
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(outside()),
        }
    }
    match depth {
        0 => Ok(None),
        1..=DEEPEST => Ok(Some(below)),
        _ => Err(Refused::Deep(name.to_owned())),
    }
}

/// Writes one entry. What begins like a program is one, whatever became of its mode.
fn place(
    target: &Path,
    folder: bool,
    runs: bool,
    content: &mut dyn Read,
    kind: &'static str,
    budget: &mut Budget,
) -> Result<(), Refused> {
    use std::os::unix::fs::PermissionsExt;
    if folder {
        return std::fs::create_dir_all(target).map_err(Refused::Machine);
    }
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent).map_err(Refused::Machine)?;
    }
    let mut file = File::create(target).map_err(Refused::Machine)?;
    let mut buffer = [0; 64 * 1024];
    loop {
        let count = content.read(&mut buffer).map_err(|error| Refused::Broken { kind, why: error.to_string() })?;
        if count == 0 {
            break;
        }
        budget.bytes(count as u64)?;
        io::Write::write_all(&mut file, &buffer[..count]).map_err(Refused::Machine)?;
    }
    drop(file);
    if runs || discover::starts(target) {
        std::fs::set_permissions(target, std::fs::Permissions::from_mode(0o755)).map_err(Refused::Machine)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::io::Write;

    fn zip_of(folder: &Path, entries: &[(&str, &[u8])]) -> PathBuf {
        let path = folder.join("made.zip");
        let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, content) in entries {
            let options = zip::write::SimpleFileOptions::default();
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap();
        path
    }

    /// A tar with names as they are given, also those that the writer of the crate would refuse.
    fn tar_of(folder: &Path, entries: &[(&str, tar::EntryType, &[u8])]) -> PathBuf {
        let path = folder.join("made.tar");
        let mut builder = tar::Builder::new(File::create(&path).unwrap());
        for (name, kind, content) in entries {
            let mut header = tar::Header::new_ustar();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            if kind.is_symlink() {
                header.as_old_mut().linkname[..11].copy_from_slice(b"/etc/passwd");
            }
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
        builder.finish().unwrap();
        path
    }

    fn refusal(path: &Path, budget: Budget) -> String {
        let into = tempfile::tempdir().unwrap();
        let inner = into.path().join("a/b");
        let refused = unpack(path, &inner, &mut { budget }).expect_err("must be refused").to_string();
        let strays = std::fs::read_dir(into.path()).unwrap().count();
        assert_eq!(strays, 1, "something was written outside");
        refused
    }

    #[test]
    fn a_zip_is_unpacked_and_programs_can_be_started() {
        let folder = tempfile::tempdir().unwrap();
        let made = zip_of(
            folder.path(),
            &[("lab/server.py", b"#!/usr/bin/env python3\n"), ("lab\\notes.txt", b"x"), ("__MACOSX/._x", b"y")],
        );
        let into = folder.path().join("out");
        unpack(&made, &into, &mut { Budget::SUBMISSION }).unwrap();
        assert!(crate::submission::toolchain::is_executable(&into.join("lab/server.py")));
        assert_eq!(std::fs::read(into.join("lab/notes.txt")).unwrap(), b"x");
        assert!(!into.join("__MACOSX").exists());
    }

    #[rstest]
    #[case::parent("../../evil", "it holds `../../evil`, a name that leads out of its folder")]
    #[case::hidden_parent("a/../../evil", "it holds `a/../../evil`, a name that leads out of its folder")]
    #[case::backslash("..\\evil", "it holds `../evil`, a name that leads out of its folder")]
    #[case::drive("C:evil", "it holds `C:evil`, a name that leads out of its folder")]
    fn a_zip_that_leads_out_is_refused(#[case] name: &str, #[case] why: &str) {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(refusal(&zip_of(folder.path(), &[(name, b"x")]), Budget::SUBMISSION), why);
    }

    #[rstest]
    #[case::absolute("/tmp/evil", tar::EntryType::Regular, "it holds `/tmp/evil`, a name that leads out of its folder")]
    #[case::parent("../evil", tar::EntryType::Regular, "it holds `../evil`, a name that leads out of its folder")]
    #[case::symlink("evil", tar::EntryType::Symlink, "it holds `evil`, a link; links are not followed")]
    #[case::hard_link("evil", tar::EntryType::Link, "it holds `evil`, a link; links are not followed")]
    #[case::device("evil", tar::EntryType::Char, "it holds `evil`, which is neither a file nor a folder")]
    fn a_hostile_tar_is_refused(#[case] name: &str, #[case] kind: tar::EntryType, #[case] why: &str) {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(refusal(&tar_of(folder.path(), &[(name, kind, b"")]), Budget::SUBMISSION), why);
    }

    #[test]
    fn a_link_in_a_zip_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made.zip");
        let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
        writer.add_symlink("evil", "/etc/passwd", zip::write::SimpleFileOptions::default()).unwrap();
        writer.finish().unwrap();
        assert_eq!(refusal(&path, Budget::SUBMISSION), "it holds `evil`, a link; links are not followed");
    }

    #[test]
    fn what_unpacks_without_end_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let zeros = vec![0; 3 << 20];
        let made = zip_of(folder.path(), &[("zeros", &zeros)]);
        assert_eq!(refusal(&made, Budget::new(10, 1 << 20)), "it holds more than 1 MiB when it is unpacked");
        let made = zip_of(folder.path(), &[("a", b""), ("b", b""), ("c", b"")]);
        assert_eq!(refusal(&made, Budget::new(2, 1 << 20)), "it holds more than 2 files and folders");
        let deep = "d/".repeat(40) + "x";
        let made = zip_of(folder.path(), &[(&deep, b"")]);
        assert!(refusal(&made, Budget::SUBMISSION).contains("folders too deep in each other"));
    }

    #[rstest]
    #[case::rar(b"Rar!\x1a\x07\0", "it is a rar archive; what is read: zip, tar and tar.gz")]
    #[case::text(b"hello", "it cannot be read as a zip or tar archive: it does not begin like one")]
    fn what_is_not_read_is_refused(#[case] bytes: &[u8], #[case] why: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.zip");
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(refusal(&path, Budget::SUBMISSION), why);
    }

    #[test]
    fn a_cut_off_archive_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let made = zip_of(folder.path(), &[("a", b"hello"), ("b", b"hello")]);
        let bytes = std::fs::read(&made).unwrap();
        std::fs::write(&made, &bytes[..bytes.len() / 2]).unwrap();
        assert!(refusal(&made, Budget::SUBMISSION).starts_with("it cannot be read as a zip archive: "));
    }

    #[rstest]
    #[case("lab.zip", Some("lab"))]
    #[case("lab.TAR.GZ", Some("lab"))]
    #[case("server.py", None)]
    fn stems(#[case] name: &str, #[case] expected: Option<&str>) {
        assert_eq!(stem(name), expected);
    }
}
