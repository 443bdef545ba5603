//! Files that a stranger has laid out, touched by the harness itself: links must not lead it elsewhere, and what is no
//! file must not keep it waiting.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use nix::libc::{O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK};

/// Most bytes that are read of a file.
const LARGEST: u64 = 256 << 20;

/// Folders that a submission's links may lead to: an environment for Python has such links in it.
const SYSTEM: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt"];

/// Whether a link at `at`, below `root`, leads to something below `root` or to the system's programs. Judged by its
/// text: what it leads to may not be there yet.
pub fn stays(root: &Path, at: &Path, target: &Path) -> bool {
    if target.is_absolute() {
        return is_plain(target) && SYSTEM.iter().any(|system| target.starts_with(system));
    }
    let Ok(below) = at.parent().unwrap_or(root).strip_prefix(root) else { return false };
    let mut depth = below.components().count();
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    true
}

fn is_plain(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
}

/// The real path of `path`, which must lie below `root`.
fn below(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let folder = path.parent().unwrap_or(root).canonicalize()?;
    if !folder.starts_with(root.canonicalize()?) {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it lies outside of the program's folder"));
    }
    Ok(folder.join(path.file_name().unwrap_or_default()))
}

/// Makes a folder below `root`, and what it lies in; no link leads elsewhere.
///
/// # Errors
/// If it cannot be made, or would lie elsewhere.
pub fn folder(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let mut at = root.canonicalize()?;
    for part in path.strip_prefix(root).unwrap_or(path).components() {
        at = below(root, &at.join(part))?;
        match at.symlink_metadata() {
            Ok(_) => at = at.canonicalize()?,
            Err(_) => std::fs::create_dir(&at)?,
        }
    }
    Ok(at)
}

/// Writes a file below `root`, in place of whatever is there, and through no link.
///
/// # Errors
/// If it cannot be written, or would lie elsewhere.
pub fn write(root: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    path.parent().map_or(Ok(root.to_owned()), |parent| folder(root, parent))?;
    let path = below(root, path)?;
    if path.symlink_metadata().is_ok_and(|meta| !meta.is_file()) {
        std::fs::remove_file(&path)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).custom_flags(O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    options.open(&path)?.write_all(content)
}

/// Reads a file below `root` that a program has written: no link, no pipe, no more than 256 MiB.
///
/// # Errors
/// If there is none such.
pub fn read(root: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let path = below(root, path)?;
    let file: File = OpenOptions::new().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut content = Vec::new();
    file.take(LARGEST).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::beside("a/link", "file", true)]
    #[case::above_and_down("a/link", "../b/file", true)]
    #[case::of_the_system("venv/bin/python", "/usr/bin/python3", true)]
    #[case::out("a/link", "../../file", false)]
    #[case::out_and_back("link", "../root/file", false)]
    #[case::absolute("link", "/etc/passwd", false)]
    #[case::endless("link", "/dev/zero", false)]
    #[case::round_about("link", "/usr/../home/anna", false)]
    fn where_links_may_lead(#[case] at: &str, #[case] target: &str, #[case] expected: bool) {
        let root = Path::new("/somewhere/root");
        assert_eq!(stays(root, &root.join(at), Path::new(target)), expected);
    }

    #[test]
    fn neither_reads_nor_writes_through_links() {
        let folder = tempfile::tempdir().unwrap();
        let (root, other) = (folder.path().join("root"), folder.path().join("other"));
        for made in [&root, &other] {
            std::fs::create_dir(made).unwrap();
        }
        std::fs::write(other.join("secret"), "kept").unwrap();
        symlink(other.join("secret"), root.join("page.html")).unwrap();
        symlink(&other, root.join("folder")).unwrap();
        assert!(read(&root, &root.join("page.html")).is_err());
        assert!(read(&root, &root.join("folder/secret")).is_err());
        assert!(write(&root, &root.join("folder/secret"), b"changed").is_err());
        write(&root, &root.join("page.html"), b"changed").unwrap();
        assert_eq!(std::fs::read(other.join("secret")).unwrap(), b"kept");
        assert_eq!(read(&root, &root.join("page.html")).unwrap(), b"changed");
    }

    #[test]
    fn a_pipe_keeps_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(read(folder.path(), &path).is_err());
        write(folder.path(), &path, b"file").unwrap();
        assert_eq!(read(folder.path(), &path).unwrap(), b"file");
    }
}
