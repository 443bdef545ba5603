//! From the path of a request to a file, and never to one outside of our folder.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// A file that may be handed out.
#[derive(Debug)]
pub struct Found {
    /// Its content.
    pub file: File,
    /// Its length when we looked, in bytes.
    pub length: u64,
    /// What a browser is told about it.
    pub content_type: &'static str,
}

/// The file for a path such as `/pictures/cat.png`, whose `%` are decoded already. `None` if there is none, or none that
/// is ours to hand out. To a stranger the two look alike.
///
/// `folder` must be a path without symbolic links, as [`Path::canonicalize`] gives it.
pub fn find(folder: &Path, path: &str) -> Option<Found> {
    // A leading slash would make it an absolute path, and `join` would forget the folder.
    let asked: PathBuf = folder.join(path.trim_start_matches('/'));
    // The system resolves every `..` and every link; only then does it show where the path leads. A zero byte, which no
    // name can have, is an error here.
    let real = asked.canonicalize().ok()?;
    if !real.starts_with(folder) {
        return None;
    }
    let (file, length) = open(&real).ok()?;
    Some(Found { file, length, content_type: content_type(&real) })
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    // Folders have no content, and to open a pipe would block.
    if !path.metadata()?.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

/// What kind of file it is, by the end of its name. A browser shows, draws or saves a file by this and not by its name;
/// a stylesheet that is called anything but `text/css` is ignored.
fn content_type(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "ico" => "image/vnd.microsoft.icon",
        "pdf" => "application/pdf",
        _ => "application/octet-stream",
    }
}
