//! A folder as a tar in gzip (POSIX.1, "ustar"; RFC 1952).

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

/// Packs all that is below a folder. Names in the archive begin at the folder.
///
/// # Errors
/// If something cannot be read, or changes while it is read.
pub fn pack(folder: &Path) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    pack_below(&mut archive, folder, Path::new(""))?;
    // Both write an end: without it the archive is cut off, and whoever opens it is told so.
    archive.into_inner()?.finish()
}

/// Packs what is in a folder, which has this name in the archive.
fn pack_below(archive: &mut Builder<impl Write>, folder: &Path, name: &Path) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    // The system has them in any order; an archive that is the same each time is easier to compare.
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), name.join(entry.file_name()));
        let about = fs::symlink_metadata(&path)?;
        let mut header = Header::new_gnu();
        header.set_metadata(&about);
        if about.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            header.set_size(0);
            archive.append_link(&mut header, &name, fs::read_link(&path)?)?;
        } else if about.is_dir() {
            archive.append_data(&mut header, &name, io::empty())?;
            pack_below(archive, &path, &name)?;
        } else if about.is_file() {
            pack_file(archive, header, &about, &path, &name)?;
        }
        // Sockets, pipes and devices are no data.
    }
    Ok(())
}

/// Packs one file. Its size stands before its content, so it must not change in between.
fn pack_file(
    archive: &mut Builder<impl Write>,
    mut header: Header,
    about: &Metadata,
    path: &Path,
    name: &Path,
) -> io::Result<()> {
    let mut content = File::open(path)?.take(about.len());
    archive.append_data(&mut header, name, &mut content)?;
    match content.limit() {
        0 => Ok(()),
        _ => Err(io::Error::other(format!("{} became shorter while it was read", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;

    #[test]
    fn all_of_a_folder_is_packed_and_links_stay_links() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("in/deep")).unwrap();
        fs::create_dir(at("empty")).unwrap();
        fs::write(at(".hidden"), "h").unwrap();
        fs::write(at("in/deep/file"), b"\0\xff").unwrap();
        std::os::unix::fs::symlink("..", at("in/up")).unwrap();
        let packed = pack(folder.path()).unwrap();
        let mut archive = tar::Archive::new(GzDecoder::new(packed.as_slice()));
        let entries: Vec<(String, EntryType)> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.path().unwrap().display().to_string(), entry.header().entry_type()))
            .collect();
        let expected = [
            (".hidden", EntryType::Regular),
            ("empty", EntryType::Directory),
            ("in", EntryType::Directory),
            ("in/deep", EntryType::Directory),
            ("in/deep/file", EntryType::Regular),
            ("in/up", EntryType::Symlink),
        ];
        assert_eq!(entries, expected.map(|(name, kind)| (name.to_owned(), kind)));
    }
}
