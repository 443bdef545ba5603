//! Small classes, and what comes of them.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::fixture;

/// One task, and of it what is decided in a moment.
pub const WANTED: [&str; 4] =
    ["--task", "uppercase-tcp", "--requirement", "uppercase-tcp.letters,uppercase-tcp.cli-address"];

/// A zip with these entries; names are written as they are given.
pub fn zip(path: &Path, entries: &[(&str, &[u8])]) {
    let mut writer = zip::ZipWriter::new(std::fs::File::create(path).expect("a file"));
    for (name, content) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("an entry");
        writer.write_all(content).expect("its content");
    }
    writer.finish().expect("an archive");
}

/// Everything in a folder but wall-clock times, by name.
pub fn content(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(root: &Path, at: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in std::fs::read_dir(at).expect("a folder").flatten() {
            let path = entry.path();
            let below = path.strip_prefix(root).expect("below").to_owned();
            if below.starts_with("durations") || below == Path::new("durations.csv") || below.starts_with("shards") {
                continue;
            }
            if path.is_dir() {
                walk(root, &path, files);
            } else {
                files.insert(below, std::fs::read(path).expect("a file"));
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(out, out, &mut files);
    files
}

/// Two folders hold the same, but for wall-clock times.
#[track_caller]
pub fn same(one: &Path, other: &Path) {
    let (one, other) = (content(one), content(other));
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    for (name, bytes) in &one {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(bytes), text(&other[name]), "{}", name.display());
    }
}

/// A file's text.
#[track_caller]
pub fn read(path: PathBuf) -> String {
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Unless the simulated network is there, transcripts hold real times, and nothing is equal byte for byte.
pub fn is_repeatable() -> bool {
    let repeatable =
        super::doctor().lines().any(|line| line.trim_start().starts_with("sim ") && line.ends_with(": yes"));
    if !repeatable {
        super::skipped("without the simulated network two runs are not equal byte for byte");
    }
    repeatable
}

/// Puts a program of the truth table into a student's folder.
pub fn hand_in(student: &Path, program: &str) {
    std::fs::create_dir_all(student).expect("a folder");
    for entry in
        std::fs::read_dir(fixture(&format!("submissions/uppercase-tcp/{program}"))).expect("a fixture").flatten()
    {
        if entry.file_name() != "expected.toml" {
            std::fs::copy(entry.path(), student.join(entry.file_name())).expect("a copy");
        }
    }
}
