//! Whose file a line is in: paths in traces lead to a run's folder, to the folder of a build that is gone, or to a
//! library; what counts is whether the submission has such a file.

use std::path::{Component, Path, PathBuf};

use harness_judging::shown::without_folder;

use super::Place;
use super::trace::Frame;

/// Folders below the submission's own that are looked into for a file by its name.
const DEPTH: usize = 6;

/// The files of a submission.
pub struct Own<'o> {
    root: &'o Path,
    /// The folder in which it was built: what compilers write down begins with it.
    built: &'o Path,
    /// Where the program works, below the submission's folder.
    cwd: &'o Path,
}

impl<'o> Own<'o> {
    /// The files below `root`, of a submission that was built in `built`, for a program that works in its folder `cwd`.
    pub fn new(root: &'o Path, built: &'o Path, cwd: &'o Path) -> Self {
        Self { root, built, cwd }
    }

    /// The line that a frame is at; nothing if its file is none of the submission's.
    pub fn place(&self, frame: &Frame) -> Option<Place> {
        let file = self.file(frame)?;
        let text = std::fs::read(self.root.join(&file)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let line = frame.line.checked_sub(1).and_then(|index| text.lines().nth(index as usize));
        Some(Place {
            file: file.display().to_string(),
            line: frame.line,
            function: frame.function.clone(),
            text: line.unwrap_or_default().trim().chars().take(200).collect(),
        })
    }

    /// The file below the submission's folder that a frame means.
    fn file(&self, frame: &Frame) -> Option<PathBuf> {
        let path = without_folder(&frame.file);
        let path = Path::new(&path);
        let path = path.strip_prefix(self.root).or_else(|_| path.strip_prefix(self.built)).unwrap_or(path);
        if is_library(path) {
            return None;
        }
        let plain: PathBuf = path.components().filter(|part| matches!(part, Component::Normal(_))).collect();
        if path.is_relative() {
            let near = [self.cwd.join(&plain), plain.clone()].into_iter();
            if let Some(found) = near.into_iter().find(|file| self.root.join(file).is_file()) {
                return Some(found);
            }
        }
        // The longest end of the path that is a file here.
        let parts: Vec<_> = plain.components().collect();
        let mut ends = (0..parts.len()).map(|from| parts[from..].iter().collect::<PathBuf>());
        if path.is_absolute()
            && let Some(found) = ends.find(|end| self.root.join(end).is_file())
        {
            return Some(found);
        }
        // Only its name is told, as in Java; one that stands twice is not known.
        let found = below(self.root, Path::new(""), &plain, DEPTH);
        match found.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        }
    }
}

/// Whether a path leads into a library or a runtime, whatever the submission has.
fn is_library(path: &Path) -> bool {
    const INSTALLED: [&str; 5] = ["/usr", "/lib", "/lib64", "/opt", "/rustc"];
    const WITHIN: [&str; 7] = ["site-packages", "dist-packages", "node_modules", ".cargo", ".rustup", ".pyenv", ".nvm"];
    let text = path.to_string_lossy();
    let is_made_up = text.starts_with('<') || text.starts_with("node:") || text.is_empty();
    is_made_up
        || INSTALLED.iter().any(|folder| path.starts_with(folder))
        || path.components().any(|part| WITHIN.iter().any(|name| part.as_os_str() == *name))
}

/// Files below a folder whose path ends like this.
fn below(root: &Path, folder: &Path, end: &Path, depth: usize) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = folder.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 && !is_library(&path) => {
                found.extend(below(root, &path, end, depth - 1));
            }
            Ok(kind) if kind.is_file() && path.ends_with(end) => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::named("server.py", Some("server.py"))]
    #[case::of_the_run("/tmp/run-aB3dE9/work/server.py", Some("server.py"))]
    #[case::of_the_build("/tmp/.tmpXy/src/net/frame.go", Some("src/net/frame.go"))]
    #[case::in_its_folder("deep.c", Some("part/deep.c"))]
    #[case::by_its_name("Frame.java", Some("src/net/Frame.java"))]
    #[case::by_package("net/Frame.java", Some("src/net/Frame.java"))]
    #[case::twice("Twice.java", None)]
    #[case::library("/usr/lib/python3.12/socket.py", None)]
    #[case::named_like_one("/usr/lib/python3.12/server.py", None)]
    #[case::frozen("<frozen runpy>", None)]
    #[case::node("node:internal/server.js", None)]
    #[case::where_it_was_built("/home/x/usr/server.py", Some("server.py"))]
    #[case::not_there("other.py", None)]
    fn whose_file(#[case] path: &str, #[case] expected: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["server.py", "part/deep.c", "src/net/frame.go", "src/net/Frame.java", "a/Twice.java", "b/Twice.java"]
        {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "one\n  two\n").unwrap();
        }
        let own = Own::new(folder.path(), Path::new("/home/x/usr"), Path::new("part"));
        let place = own.place(&Frame { file: path.to_owned(), line: 2, function: "f".to_owned() });
        assert_eq!(place.as_ref().map(|place| place.file.as_str()), expected);
        assert!(place.is_none_or(|place| place.text == "two"));
    }
}
