//! Finding the programs of a folder that has no manifest: by what the files are, and by what
//! the programs do; never by a file name alone.

use std::path::{Path, PathBuf};

use super::cast::Command;
use super::toolchain;

/// A program that could be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The file that it was found by, below the folder.
    pub file: PathBuf,
    /// The command without arguments.
    pub words: Vec<String>,
    /// How likely the name makes it a server; negative for a client.
    pub leaning: i32,
}

/// What a folder was found to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Commands that build it.
    pub build: Vec<Command>,
    /// Programs, once it is built; the likeliest first.
    pub programs: Vec<Candidate>,
    /// Files that were looked at.
    pub looked_at: Vec<String>,
}

/// Extensions of files that an interpreter runs as they are.
const SCRIPTS: [(&str, &str); 6] =
    [("py", "python3"), ("js", "node"), ("mjs", "node"), ("rb", "ruby"), ("pl", "perl"), ("sh", "sh")];

/// Deepest folder that is looked into.
const DEPTH: usize = 3;

fn leaning(name: &str) -> i32 {
    let name = name.to_lowercase();
    let hits = |words: &[&str]| words.iter().filter(|word| name.contains(*word)).count() as i32;
    hits(&["serv", "srv", "listener", "receiver", "daemon"]) - hits(&["clie", "cli.", "sender"])
}

fn command(words: &[&str], cwd: &Path) -> Command {
    Command { words: words.iter().map(|word| (*word).to_owned()).collect(), cwd: cwd.to_owned(), ..Command::default() }
}

/// What a lone file is, as a command, if it can be started at all.
pub fn lone_program(path: &Path) -> Option<Vec<String>> {
    let name = path.file_name()?.to_str()?.to_owned();
    if toolchain::is_executable(path) && starts(path) {
        return Some(vec![format!("./{name}")]);
    }
    let extension = path.extension().and_then(|extension| extension.to_str())?;
    let (_, interpreter) = SCRIPTS.iter().find(|(known, _)| *known == extension)?;
    Some(vec![(*interpreter).to_owned(), name])
}

/// Whether the kernel would execute the file: a program of this machine's format or a script
/// that names its interpreter.
pub fn starts(path: &Path) -> bool {
    crate::wire::head(path, 4).is_ok_and(|head| head.starts_with(b"#!") || head.starts_with(b"\x7fELF"))
}

/// Looks into a folder.
///
/// # Errors
/// If the folder cannot be read.
pub fn look(folder: &Path) -> std::io::Result<Found> {
    let mut found = Found::default();
    look_into(folder, Path::new(""), 0, &mut found)?;
    found.programs.sort_by(|a, b| (-a.leaning.abs(), &a.file).cmp(&(-b.leaning.abs(), &b.file)));
    found.programs.dedup();
    Ok(found)
}

fn look_into(root: &Path, below: &Path, depth: usize, found: &mut Found) -> std::io::Result<()> {
    let mut files = Vec::new();
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "__MACOSX" || name == "node_modules" || name == "target" {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => folders.push(below.join(&name)),
            false => files.push(name),
        }
    }
    files.sort();
    folders.sort();
    found.looked_at.extend(files.iter().map(|name| below.join(name).display().to_string()));
    let with = |extension: &str| -> Vec<&String> {
        files.iter().filter(|name| Path::new(name).extension().is_some_and(|found| found == extension)).collect()
    };
    let mut add = |name: &str, words: Vec<String>| {
        found.programs.push(Candidate { file: below.join(name), words, leaning: leaning(name) });
    };
    let makefile = files.iter().any(|name| matches!(name.as_str(), "Makefile" | "makefile" | "GNUmakefile"));
    for name in &files {
        let path = root.join(below).join(name);
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if let Some((_, interpreter)) = SCRIPTS.iter().find(|(known, _)| *known == extension) {
            add(name, vec![(*interpreter).to_owned(), name.clone()]);
        } else if toolchain::is_executable(&path) && starts(&path) && !makefile {
            add(name, vec![format!("./{name}")]);
        }
    }
    if makefile {
        found.build.push(command(&["make"], below));
    }
    for (extension, compiler) in [("c", "cc"), ("cpp", "c++"), ("cc", "c++"), ("go", "go"), ("rs", "rustc")] {
        for name in with(extension) {
            if !has_main(&root.join(below).join(name)) {
                continue;
            }
            let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
            if !makefile {
                found.build.push(match compiler {
                    "go" => command(&["go", "build", "-o", stem, name], below),
                    "rustc" => command(&["rustc", "-O", "-o", stem, name], below),
                    _ => command(&[compiler, "-O2", "-pthread", "-o", stem, name], below),
                });
            }
            found.programs.push(Candidate {
                file: below.join(name),
                words: vec![format!("./{stem}")],
                leaning: leaning(name),
            });
        }
    }
    let java = with("java");
    if !java.is_empty() {
        if !makefile {
            let mut words = vec!["javac", "-d", "."];
            words.extend(java.iter().map(|name| name.as_str()));
            found.build.push(command(&words, below));
        }
        for name in java {
            if let Some(class) = java_main(&root.join(below).join(name)) {
                let words = vec!["java".to_owned(), "-cp".to_owned(), ".".to_owned(), class];
                found.programs.push(Candidate { file: below.join(name), words, leaning: leaning(name) });
            }
        }
    }
    if depth < DEPTH {
        for folder in folders {
            look_into(root, &folder, depth + 1, found)?;
        }
    }
    Ok(())
}

fn has_main(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| {
        let text = String::from_utf8_lossy(&bytes);
        text.contains("main(") || text.contains("main (")
    })
}

/// The class that `java` is told to run, if the file has a `main`.
fn java_main(path: &Path) -> Option<String> {
    let text = String::from_utf8_lossy(&std::fs::read(path).ok()?).into_owned();
    if !text.contains("void main(") && !text.contains("void main (") {
        return None;
    }
    let package = text.lines().find_map(|line| line.trim().strip_prefix("package ")?.strip_suffix(';').map(str::trim));
    let class = path.file_stem()?.to_str()?;
    Some(package.map_or_else(|| class.to_owned(), |package| format!("{package}.{class}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("TCPServer.py", 1)]
    #[case("client.c", -1)]
    #[case("chat.py", 0)]
    #[case("myclient_server.py", 0)]
    fn names_lean(#[case] name: &str, #[case] towards: i32) {
        assert_eq!(leaning(name).signum(), towards);
    }

    #[test]
    fn finds_sources_and_how_to_build_them() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("server.c"), "int main(void) { return 0; }").unwrap();
        std::fs::write(folder.path().join("list.c"), "int helper;").unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::fs::write(
            folder.path().join("src/Client.java"),
            "package net;\nclass Client { static void main(String[] a) {} }",
        )
        .unwrap();
        let found = look(folder.path()).unwrap();
        let words: Vec<String> = found.programs.iter().map(|program| program.words.join(" ")).collect();
        assert_eq!(words, ["./server", "java -cp . net.Client"]);
        assert_eq!(found.build.len(), 2);
        assert_eq!(found.build[1].cwd, Path::new("src"));
    }
}
