//! What stands in an archive that was received: zip, tar, or tar in gzip. Nothing is written anywhere.
//!
//! An archive is a stranger's: entries and bytes are counted as they come out, not as it declares them.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

/// Kinds of archives, told by how a file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// PKWARE's.
    Zip,
    /// POSIX's.
    Tar,
    /// gzip's, with a tar in it.
    TarGz,
    /// One that is not read here.
    Foreign(&'static str),
}

/// Which kind of archive bytes are the beginning of, if of any.
pub fn kind_of(head: &[u8]) -> Option<Kind> {
    let begins: [(&[u8], Kind); 8] = [
        (b"PK\x03\x04", Kind::Zip),
        (b"PK\x05\x06", Kind::Zip),
        (b"\x1f\x8b", Kind::TarGz),
        (b"7z\xbc\xaf\x27\x1c", Kind::Foreign("7-Zip")),
        (b"Rar!\x1a\x07", Kind::Foreign("rar")),
        (b"BZh", Kind::Foreign("bzip2")),
        (b"\xfd7zXZ\0", Kind::Foreign("xz")),
        (b"\x28\xb5\x2f\xfd", Kind::Foreign("zstd")),
    ];
    let tar = head.get(257..262) == Some(b"ustar");
    begins.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| *kind).or(tar.then_some(Kind::Tar))
}

/// Most entries.
const ENTRIES: usize = 50_000;

/// Most bytes of all entries together, and of what is in the gzip around them.
const BYTES: u64 = 128 << 20;

/// Something in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path, with `/` between folders, none at its ends, and no `.` in it.
    pub path: String,
    /// What it is.
    pub what: What,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A file with this content.
    File(Vec<u8>),
    /// A folder.
    Folder,
    /// A link, or something else that is neither.
    Other,
}

/// Why something cannot be read as an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It does not begin like one.
    #[error("it does not begin like an archive")]
    None,
    /// It begins like one and is broken.
    #[error("it begins like {kind} and does not open: {why}")]
    Broken {
        /// What it begins like.
        kind: &'static str,
        /// What the reader says.
        why: String,
    },
    /// It is of a kind, or packed in a way, that is not read here.
    #[error("it is {0}, which is not read here; what is: zip with deflate, tar and tar.gz")]
    Foreign(String),
    /// More than fits.
    #[error("it holds more than {ENTRIES} entries or {} MiB", BYTES >> 20)]
    TooMuch,
}

/// Reads all of an archive.
///
/// # Errors
/// If it is none, is broken, of a kind that is not read, or too large.
pub fn read(bytes: &[u8]) -> Result<Vec<Entry>, Unreadable> {
    match kind_of(bytes) {
        Some(Kind::Zip) => zip(bytes),
        Some(Kind::Tar) => tar(bytes, "a tar"),
        Some(Kind::TarGz) => {
            let mut inner = Vec::new();
            let gzip = flate2::read::MultiGzDecoder::new(bytes);
            let broken = |why: String| Unreadable::Broken { kind: "a gzip", why };
            gzip.take(BYTES + 1).read_to_end(&mut inner).map_err(|error| broken(error.to_string()))?;
            match kind_of(&inner) {
                _ if inner.len() as u64 > BYTES => Err(Unreadable::TooMuch),
                Some(Kind::Tar) => tar(&inner, "a tar.gz"),
                _ => Err(broken("there is no tar in it".to_owned())),
            }
        }
        Some(Kind::Foreign(name)) => Err(Unreadable::Foreign(name.to_owned())),
        None => Err(Unreadable::None),
    }
}

/// Takes from what may still come.
struct Room {
    entries: usize,
    bytes: u64,
}

impl Room {
    fn new() -> Self {
        Self { entries: ENTRIES, bytes: BYTES }
    }

    fn entry(&mut self) -> Result<(), Unreadable> {
        self.entries = self.entries.checked_sub(1).ok_or(Unreadable::TooMuch)?;
        Ok(())
    }

    /// All that a reader has.
    fn all(&mut self, reader: impl Read, broken: impl Fn(String) -> Unreadable) -> Result<Vec<u8>, Unreadable> {
        let mut content = Vec::new();
        reader.take(self.bytes + 1).read_to_end(&mut content).map_err(|error| broken(error.to_string()))?;
        self.bytes = self.bytes.checked_sub(content.len() as u64).ok_or(Unreadable::TooMuch)?;
        Ok(content)
    }
}

/// A path in one form: some packers write `./a`, `/a`, or the separator of Windows.
pub fn plain(path: &str) -> String {
    let path = path.replace('\\', "/");
    path.split('/').filter(|part| !matches!(*part, "" | ".")).collect::<Vec<_>>().join("/")
}

fn zip(bytes: &[u8]) -> Result<Vec<Entry>, Unreadable> {
    use zip::result::ZipError;
    let broken = |why: String| Unreadable::Broken { kind: "a zip", why };
    let refused = |error: ZipError| match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
            Unreadable::Foreign("a zip with a password".to_owned())
        }
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
            Unreadable::Foreign(format!("a zip that is packed in another way ({error})"))
        }
        error => broken(error.to_string()),
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(refused)?;
    let mut room = Room::new();
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        room.entry()?;
        let mut entry = archive.by_index(index).map_err(refused)?;
        let name = entry.name().map_err(refused)?.into_owned();
        let what = match (entry.is_dir() || name.ends_with(['/', '\\']), entry.is_symlink()) {
            (true, _) => What::Folder,
            (_, true) => What::Other,
            _ => What::File(room.all(&mut entry, broken)?),
        };
        entries.push(Entry { path: plain(&name), what });
    }
    Ok(entries)
}

fn tar(bytes: &[u8], kind: &'static str) -> Result<Vec<Entry>, Unreadable> {
    let broken = |why: String| Unreadable::Broken { kind, why };
    let mut archive = tar::Archive::new(bytes);
    let mut room = Room::new();
    let mut entries = Vec::new();
    // What has several names on the disk stands in the archive once.
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for entry in archive.entries().map_err(|error| broken(error.to_string()))? {
        let mut entry = entry.map_err(|error| broken(error.to_string()))?;
        room.entry()?;
        let path = plain(&String::from_utf8_lossy(&entry.path_bytes()));
        let kind_of = entry.header().entry_type();
        let linked = || entry.link_name_bytes().map(|name| plain(&String::from_utf8_lossy(&name)));
        let what = if kind_of.is_dir() {
            What::Folder
        } else if kind_of.is_file() || kind_of.is_contiguous() || kind_of.is_gnu_sparse() {
            What::File(room.all(&mut entry, broken)?)
        } else if let Some(first) = linked().filter(|_| kind_of.is_hard_link()).and_then(|name| known.get(&name)) {
            entries.get(*first).map_or(What::Other, |entry: &Entry| entry.what.clone())
        } else if matches!(kind_of, tar::EntryType::XGlobalHeader) {
            continue;
        } else {
            What::Other
        };
        known.insert(path.clone(), entries.len());
        entries.push(Entry { path, what });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use std::io::Write;

    type Things<'a> = &'a [(&'a str, Option<&'a [u8]>)];

    fn zip_of(things: Things<'_>) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        for (name, content) in things {
            match content {
                Some(content) => {
                    writer.start_file(*name, options).unwrap();
                    writer.write_all(content).unwrap();
                }
                None => writer.add_directory(*name, options).unwrap(),
            }
        }
        writer.finish().unwrap().into_inner()
    }

    fn tar_of(things: Things<'_>) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in things {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(if content.is_some() { tar::EntryType::Regular } else { tar::EntryType::Directory });
            header.set_size(content.map_or(0, <[u8]>::len) as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, content.unwrap_or_default()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn gzip_of(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    const THINGS: Things<'static> = &[("./a.txt", Some(b"one")), ("in/b", Some(b"\0\xff")), ("empty/", None)];

    #[rstest]
    #[case::zip(zip_of(THINGS))]
    #[case::tar(tar_of(THINGS))]
    #[case::tar_gz(gzip_of(&tar_of(THINGS)))]
    fn reads(#[case] bytes: Vec<u8>) {
        let entries = read(&bytes).unwrap();
        let paths: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["a.txt", "in/b", "empty"]);
        assert_eq!(entries[1].what, What::File(vec![0, 255]));
        assert_eq!(entries[2].what, What::Folder);
    }

    #[test]
    fn a_second_name_has_the_content_of_the_first() {
        let mut builder = tar::Builder::new(tar_of(&[("./a", Some(b"one"))]));
        builder.get_mut().truncate(1024);
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Link);
        header.set_size(0);
        builder.append_link(&mut header, "b", "./a").unwrap();
        let entries = read(&builder.into_inner().unwrap()).unwrap();
        assert_eq!(entries[1], Entry { path: "b".to_owned(), what: What::File(b"one".to_vec()) });
    }

    #[rstest]
    #[case::text(b"hello".to_vec(), "it does not begin like an archive")]
    #[case::xz(b"\xfd7zXZ\0abc".to_vec(), "it is xz, which is not read here; what is: zip with deflate, tar and tar.gz")]
    #[case::bare_gzip(gzip_of(b"hello"), "it begins like a gzip and does not open: there is no tar in it")]
    fn tells_why_not(#[case] bytes: Vec<u8>, #[case] why: &str) {
        assert_eq!(read(&bytes).unwrap_err().to_string(), why);
    }

    #[rstest]
    #[case::zip(zip_of(THINGS), "a zip")]
    #[case::gzip(gzip_of(&tar_of(THINGS)), "a gzip")]
    fn a_cut_archive_is_broken(#[case] bytes: Vec<u8>, #[case] like: &str) {
        match read(&bytes[..bytes.len() - 20]) {
            Err(Unreadable::Broken { kind, .. }) => assert_eq!(kind, like),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_unpacks_without_end_is_not_unpacked() {
        let zeros = vec![0; (BYTES + 1) as usize];
        assert_eq!(read(&gzip_of(&zeros)), Err(Unreadable::TooMuch));
        assert_eq!(read(&zip_of(&[("zeros", Some(&zeros))])), Err(Unreadable::TooMuch));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_survived(bytes: Vec<u8>, at in 0usize..400, byte: u8) {
            let _ = read(&bytes);
            for mut archive in [zip_of(THINGS), tar_of(THINGS)] {
                let at = at % archive.len();
                archive[at] = byte;
                let _ = read(&archive);
            }
        }
    }
}
