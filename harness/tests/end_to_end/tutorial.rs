//! The tutorial `docs/own-task.md` is true: its files are written, its commands called, and what they print is what it
//! says they print.

use std::path::Path;
use std::process::Command;

use crate::common::{HARNESS, folder, installed, write};

const TUTORIAL: &str = include_str!("../../docs/own-task.md");

/// A block of code, with what the tutorial says before it.
struct Block {
    line: usize,
    language: String,
    /// The file that the line before names.
    file: Option<String>,
    /// The exit status that the comment before names, of its last command.
    status: i32,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut before = "";
    let mut lines = TUTORIAL.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let named = before.strip_prefix('`').and_then(|name| name.strip_suffix("`:"));
            let status = before.strip_prefix("<!-- exit status ").and_then(|status| status.strip_suffix(" -->"));
            let text = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            blocks.push(Block {
                line: number + 1,
                language: language.to_owned(),
                file: named.map(str::to_owned),
                status: status.map_or(0, |status| status.parse().expect("a status")),
                text: text.map(|line| format!("{line}\n")).collect(),
            });
            before = "";
        } else if !line.is_empty() {
            before = line;
        }
    }
    blocks
}

/// The commands of a block with what each is said to print.
fn commands(text: &str) -> Vec<(String, Vec<String>)> {
    let mut commands: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), Vec::new())),
            (None, Some((_, printed))) => printed.push(line.to_owned()),
            (None, None) => panic!("a console's block begins with a command: {line}"),
        }
    }
    commands
}

/// Whether a line is as it is said to be; `…` stands for anything.
fn is_like(said: &str, line: &str) -> bool {
    match said.split_once('…') {
        None => said.trim_end() == line.trim_end(),
        Some((begin, end)) => {
            line.len() >= begin.len() + end.len()
                && line.starts_with(begin.trim_end())
                && line.trim_end().ends_with(end)
        }
    }
}

/// Whether lines are as they are said to be; a line `…` stands for any number of them.
fn are_like(said: &[String], lines: &[&str]) -> bool {
    match said.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "…" => (0..=lines.len()).any(|skipped| are_like(rest, &lines[skipped..])),
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, left)| is_like(first, line) && are_like(rest, left))
        }
    }
}

/// Calls a command as the tutorial's reader does; returns its exit status and all that it printed.
fn called(command: &str, folder: &Path) -> (Option<i32>, String) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(folder.join("bin")).chain(std::env::split_paths(&path)));
    let output = Command::new("sh")
        .args(["-c", &format!("{command} 2>&1")])
        .current_dir(folder.join("here"))
        .env("PATH", path.expect("a path"))
        .env("NO_COLOR", "1")
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .env_remove("COLUMNS")
        .output()
        .expect("a shell");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn everything_in_it_is_as_it_says() {
    if !["python3", "cc", "make"].into_iter().all(installed) {
        return;
    }
    let folder = folder();
    std::fs::create_dir_all(folder.path().join("bin")).expect("a folder");
    std::fs::create_dir_all(folder.path().join("here")).expect("a folder");
    std::os::unix::fs::symlink(HARNESS, folder.path().join("bin/harness")).expect("a link");
    // It stands for one that is built without the model answers.
    write(&folder.path().join("here"), "harness-to-pack", "#!/bin/sh\n");
    let blocks = blocks();
    assert!(blocks.len() > 20);
    for block in &blocks {
        match (&block.file, block.language.as_str()) {
            (Some(file), _) => write(&folder.path().join("here"), file, &block.text),
            (None, "console") => {
                let commands = commands(&block.text);
                let last = commands.len() - 1;
                for (number, (command, said)) in commands.iter().enumerate() {
                    let (status, printed) = called(command, folder.path());
                    let shown = format!("own-task.md, line {}: $ {command}\n{printed}", block.line);
                    assert_eq!(status, Some(if number == last { block.status } else { 0 }), "{shown}");
                    let lines: Vec<&str> = printed.lines().collect();
                    assert!(are_like(said, &lines), "{shown}\nand not\n{}", said.join("\n"));
                }
            }
            (None, language) => panic!("line {}: no file and no command, {language}", block.line),
        }
    }
}

#[test]
fn dots_stand_for_anything() {
    let said = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(are_like(&said("a\n…\nd"), &["a", "b", "c", "d"]));
    assert!(are_like(&said("took … s"), &["took 3 s"]));
    assert!(!are_like(&said("a\nd"), &["a", "b", "d"]));
    assert!(!are_like(&said("a"), &["a", "b"]));
}
