//! Interpreters and compilers of this machine: where they really are, which are missing.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use harness_os::spawn::output;

/// Finds a program as a shell would: by path if it has a `/`, else along `PATH`.
pub fn find(word: &str, cwd: &Path) -> Option<PathBuf> {
    if word.contains('/') {
        let path = cwd.join(word);
        return path.exists().then_some(path);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(word)).find(|candidate| is_executable(candidate))
}

/// Whether a need of a program is met: a tool, or `INTERPRETER:MODULE` for a module of Python's or Perl's.
pub fn has(need: &str) -> bool {
    static KNOWN: OnceLock<Mutex<BTreeMap<String, bool>>> = OnceLock::new();
    let Some((tool, module)) = need.split_once(':') else { return find(need, Path::new("/")).is_some() };
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    *known.entry(need.to_owned()).or_insert_with(|| {
        let perl = tool.ends_with("perl");
        let arguments = if perl {
            [format!("-M{module}"), "-e1".to_owned()]
        } else {
            ["-c".to_owned(), format!("import {module}")]
        };
        output(Command::new(tool).args(arguments)).is_ok_and(|ended| ended.status.success())
    })
}

/// Whether a file may be executed.
pub fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The real interpreter behind a word such as `python3`: version managers put scripts in the
/// way that take longer to start than the interpreter itself.
pub fn interpreter(word: &str) -> Option<PathBuf> {
    static KNOWN: OnceLock<Mutex<BTreeMap<String, Option<PathBuf>>>> = OnceLock::new();
    let known = KNOWN.get_or_init(Mutex::default);
    let mut known = known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    known.entry(word.to_owned()).or_insert_with(|| resolve(word)).clone()
}

/// The real interpreter of a script that asks `env` for it, where a version manager's script stands in its way.
pub fn behind_env(script: &Path) -> Option<PathBuf> {
    let head = crate::wire::head(script, 128).ok()?;
    let word = asked_of_env(&head)?;
    interpreter(word).filter(|real| find(word, Path::new("/")).is_some_and(|found| found != *real))
}

/// The one word that a script's first line gives to `env`. With more words, options or a carriage return, `env` decides.
fn asked_of_env(head: &[u8]) -> Option<&str> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let word = std::str::from_utf8(line).ok()?.trim_matches(' ').strip_prefix("/usr/bin/env ")?.trim_matches(' ');
    (!word.starts_with('-') && !word.contains(char::is_whitespace)).then_some(word)
}

/// Python 2 where a version manager keeps it, though it is not the one that is used.
fn kept_python_2() -> Option<PathBuf> {
    let own = std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv"));
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from).or(own)?;
    let mut versions: Vec<PathBuf> = std::fs::read_dir(root.join("versions"))
        .ok()?
        .flatten()
        .map(|entry| entry.path().join("bin/python2"))
        .collect();
    versions.sort();
    versions.into_iter().rev().find(|path| is_executable(path))
}

fn resolve(word: &str) -> Option<PathBuf> {
    let used = resolve_used(word);
    if word == "python2" { used.or_else(kept_python_2) } else { used }
}

fn resolve_used(word: &str) -> Option<PathBuf> {
    let found = find(word, Path::new("/"))?;
    if !word.starts_with("python") {
        return Some(found);
    }
    let starts_as_script = std::fs::read(&found).is_ok_and(|bytes| bytes.starts_with(b"#!"));
    if !starts_as_script {
        return Some(found);
    }
    let asked = output(Command::new(&found).args(["-c", "import sys; print(sys.executable)"])).ok()?;
    let path = PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim());
    if asked.status.success() && path.exists() { Some(path) } else { None }
}

/// What every Java program is started with.
pub const JAVA_OPTIONS: &str = "-Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m -Xmn8m -XX:-UsePerfData";

/// Environment of every program: complete, the same everywhere, nothing of the caller's that
/// could change how a program behaves (`PYTHONUNBUFFERED` would hide a missing flush).
pub fn environment(home: &Path) -> BTreeMap<OsString, OsString> {
    let mut env: BTreeMap<OsString, OsString> = BTreeMap::new();
    for name in ["PATH", "JAVA_HOME", "RUSTUP_HOME", "CARGO_HOME", "GOROOT"] {
        if let Some(value) = std::env::var_os(name) {
            env.insert(name.into(), value);
        }
    }
    // Compilers look for their toolchain below the caller's home.
    if let (Some(caller), None) = (std::env::var_os("HOME"), std::env::var_os("RUSTUP_HOME")) {
        let rustup = Path::new(&caller).join(".rustup");
        if rustup.exists() {
            env.insert("RUSTUP_HOME".into(), rustup.into());
        }
    }
    for (name, value) in [
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
        ("TERM", "dumb"),
        ("TZ", "UTC"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        // What Python was at is told when a signal ends it, and costs nothing before.
        ("PYTHONFAULTHANDLER", "1"),
        ("JAVA_TOOL_OPTIONS", JAVA_OPTIONS),
        ("GOMEMLIMIT", "256MiB"),
        ("NODE_OPTIONS", "--max-old-space-size=256"),
        ("GOFLAGS", "-mod=mod"),
        ("GOPROXY", "off"),
    ] {
        env.insert(name.into(), value.into());
    }
    env.insert("HOME".into(), home.into());
    env.insert("TMPDIR".into(), home.into());
    env
}

/// The name of a missing interpreter or compiler in a command, if one is missing.
pub fn missing(words: &[String], cwd: &Path) -> Option<String> {
    let word = words.first()?;
    find(word, cwd).is_none().then(|| word.clone())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"#!/usr/bin/env python3\nimport socket\n", Some("python3"))]
    #[case(b"#! /usr/bin/env node ", Some("node"))]
    #[case::env_reports_it(b"#!/usr/bin/env python3\r\nimport socket\r\n", None)]
    #[case::env_splits_it(b"#!/usr/bin/env -S python3 -u\n", None)]
    #[case::one_word_to_the_kernel(b"#!/usr/bin/env python3 -u\n", None)]
    #[case(b"#!/usr/bin/python3\n", None)]
    #[case(b"\x7fELF", None)]
    fn env_is_asked_for_one_word(#[case] head: &[u8], #[case] word: Option<&str>) {
        assert_eq!(asked_of_env(head), word);
    }
}
