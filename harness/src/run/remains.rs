//! What the programs of a run leave behind: what they said, how they ended, whether they crashed.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use harness_judging::shown::without_folder;

use super::event::Event;
use super::secrets::Secrets;
use super::stage::{Ended, Output, Program, Stage};
use crate::crash::stack::Stack;
use crate::crash::{self, Wait, own::Own, trace};
use crate::submission::survey::Seen;

/// Bytes that are kept of each end of a stream.
const KEPT: usize = 4 * 1024;

/// Bytes before the end of a stream that are looked at for secrets besides, so that none is cut in two there.
const MARGIN: usize = 1024;

/// What a program left.
#[derive(Debug, Clone, PartialEq)]
pub struct Remains {
    /// Its name in the run.
    pub name: String,
    /// Its role.
    pub role: String,
    /// How it ended; nothing if it was running when the run was over.
    pub ended: Option<Ended>,
    /// Its standard output.
    pub stdout: Said,
    /// Its standard error.
    pub stderr: Said,
    /// How it crashed, if it did.
    pub crash: Option<crash::Timed>,
    /// What its threads were at when the run was over, those that are in its own code.
    pub waits: Vec<Wait>,
}

impl Remains {
    /// What a program left that ended before anything was done with it; nothing if it runs.
    pub fn of_meeting(role: &str, seen: &Seen, root: &Path, cwd: &Path) -> Option<Self> {
        let known = crash::Remains {
            name: role,
            role,
            ended: Some((seen.ended?, Duration::ZERO)),
            stderr: &seen.stderr,
            spoke: Duration::ZERO,
            fell_at: &|_| Vec::new(),
        };
        let said = |bytes: &[u8]| {
            let mut output = Output::default();
            output.push(without_folder(&String::from_utf8_lossy(bytes)).as_bytes(), Duration::ZERO);
            Said::of(&output, &Secrets::default())
        };
        Some(Self {
            name: role.to_owned(),
            role: role.to_owned(),
            ended: seen.ended,
            stdout: said(&seen.stdout),
            stderr: said(&seen.stderr),
            crash: crash::of(&known, &[], &Own::new(root, root, cwd)),
            waits: Vec::new(),
        })
    }
}

/// Both ends of what was said on a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// The beginning; all of it, if nothing was left out.
    pub beginning: String,
    /// Bytes that are not kept.
    pub left_out: u64,
    /// The end; empty if nothing was left out.
    pub end: String,
}

impl Said {
    /// Both ends of a stream, without secrets.
    fn of(output: &Output, secrets: &Secrets) -> Self {
        let bytes = &output.bytes;
        let said = |bytes: &[u8], cut| crash::steady(&secrets.said(bytes, cut));
        if bytes.len() <= 2 * KEPT && output.total == bytes.len() as u64 {
            return Self { beginning: said(bytes, false), ..Self::default() };
        }
        let last = said(&bytes[bytes.len().saturating_sub(KEPT + MARGIN)..], false);
        let skipped = last.chars().count().saturating_sub(KEPT);
        Self {
            beginning: said(&bytes[..bytes.len().min(KEPT)], true),
            left_out: output.total.saturating_sub(2 * KEPT as u64),
            end: last.chars().skip(skipped).collect(),
        }
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.beginning.is_empty()
    }

    /// Both ends with a line between them that says how much is missing.
    pub fn text(&self) -> String {
        match self.left_out {
            0 => self.beginning.clone(),
            more => format!("{}\n[{more} bytes are left out here]\n{}", self.beginning, self.end),
        }
    }
}

/// A program that was started in a run.
pub(crate) struct Started {
    pub program: Rc<dyn Program>,
    pub name: String,
    pub role: String,
    /// Where it works, below the submission's folder.
    pub cwd: PathBuf,
}

impl Started {
    /// What it has left by now.
    pub fn remains(&self, events: &[Event], secrets: &Secrets, root: &Path, built: &Path) -> Remains {
        let ended = self.program.ended();
        let at = self.program.ended_at();
        let (stdout, stderr) = (self.program.stdout().borrow(), self.program.stderr().borrow());
        let known = crash::Remains {
            name: &self.name,
            role: &self.role,
            ended: ended.map(|how| (how, at.unwrap_or(Duration::MAX))),
            stderr: &stderr.bytes,
            spoke: stderr.spoke,
            fell_at: &|signal| self.program.fell_at(signal),
        };
        let crash = crash::of(&known, events, &Own::new(root, built, &self.cwd));
        Remains {
            name: self.name.clone(),
            role: self.role.clone(),
            ended,
            stdout: Said::of(&stdout, secrets),
            stderr: Said::of(&stderr, secrets),
            crash: crash.map(|mut timed| {
                timed.crash.mask(&|text| secrets.said(text.as_bytes(), false));
                timed
            }),
            waits: Vec::new(),
        }
    }

    /// What it is at, by its threads.
    pub fn waits(&self, threads: Vec<Stack>, secrets: &Secrets, root: &Path, built: &Path) -> Vec<Wait> {
        let mut waits = crash::waits(&self.name, &self.role, threads, &Own::new(root, built, &self.cwd));
        for wait in &mut waits {
            wait.mask(&|text| secrets.said(text.as_bytes(), false));
        }
        waits
    }
}

/// Bound, in the run's time, for a runtime to write down what its threads are at.
const DUMP: Duration = Duration::from_millis(500);

/// What the threads of a program are at; nothing of one that has ended or cannot be asked.
pub(crate) async fn threads(program: &dyn Program, stage: &dyn Stage) -> Vec<Stack> {
    if program.ended().is_some() || program.is_elsewhere() {
        return Vec::new();
    }
    let Some(signal) = program.dumps_on() else { return program.stacks() };
    let call = program.blocked_in().first().map(|call| call.as_written().to_owned());
    let length = |output: &RefCell<Output>| output.borrow().bytes.len();
    let before = (length(program.stdout()), length(program.stderr()));
    program.ask(signal);
    let until = stage.now() + DUMP;
    let text = || {
        let (stdout, stderr) = (program.stdout().borrow(), program.stderr().borrow());
        let said = [&stderr.bytes[before.1..], &stdout.bytes[before.0..]].concat();
        String::from_utf8_lossy(&said).into_owned()
    };
    let is_whole = |text: &str| program.ended().is_some() || text.contains("\nJNI global ref");
    while stage.now() < until && !is_whole(&text()) {
        stage.tick().await;
    }
    // What an ended program has printed is read one moment later.
    stage.tick().await;
    let mut threads = trace::dump(&text());
    for thread in &mut threads {
        thread.call.clone_from(&call);
    }
    threads
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(text: &str) -> Output {
        let mut output = Output::default();
        output.push(text.as_bytes(), Duration::ZERO);
        output
    }

    #[test]
    fn both_ends_are_kept() {
        let said = Said::of(&output("short\n"), &Secrets::default());
        assert_eq!((said.text().as_str(), said.left_out), ("short\n", 0));
        let text = format!("first{}last", "x".repeat(3 * KEPT));
        let said = Said::of(&output(&text), &Secrets::default());
        assert!(said.beginning.starts_with("first") && said.end.ends_with("last"));
        assert_eq!(said.beginning.len() + said.end.len() + said.left_out as usize, text.len());
    }

    #[test]
    fn a_secret_at_the_cut_is_masked() {
        let mut secrets = Secrets::default();
        secrets.add("password", b"open sesame");
        // Three bytes of one are no secret.
        for before in KEPT - 11..=KEPT - 4 {
            let text = format!("{}open sesame{}", "x".repeat(before), "y".repeat(4 * KEPT));
            let said = Said::of(&output(&text), &secrets).text();
            assert!(!said.contains("xope") && !said.contains("amey"), "{before}");
            let text = format!("{}open sesame{}", "x".repeat(4 * KEPT), "y".repeat(before));
            let said = Said::of(&output(&text), &secrets).text();
            assert!(!said.contains("xope") && !said.contains("amey"), "{before}");
        }
    }
}
