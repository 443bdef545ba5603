//! `harness --watch`: grades, and grades again when what decides it has changed.
//!
//! The kernel tells of changes (inotify); whether there is one is decided by the contents of the files. Each round
//! puts its watches up before it reads the files, so that no change falls between two rounds. The harness builds and
//! plays in copies: nothing that it makes itself is seen here, except `--out`, which is left out.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use harness_judging::shown::counted;
use harness_os::namespace::Containment;
use sha2::{Digest, Sha256};

use super::arguments::Grade;
use super::{Exit, grading, term};
use crate::report::model::{Report, Status};

/// Grades until it is interrupted.
pub fn run(arguments: &Grade, containment: &Containment) -> Exit {
    let Some(target) = arguments.target.as_deref().filter(|target| *target != Path::new("reference")) else {
        grading::complain("--watch looks at files: say with --target where the submission is");
        return Exit::Usage;
    };
    if !target.exists() {
        grading::complain(&format!("{}: there is no such file or folder", target.display()));
        return Exit::Usage;
    }
    // What is wrong with the command line does not change by itself.
    if let Err(exit) = grading::prepare(arguments, false, containment) {
        return exit;
    }
    match rounds(arguments, target, containment) {
        Ok(never) => match never {},
        Err(error) => {
            grading::complain(&format!("{}: cannot be watched: {error}", target.display()));
            Exit::Harness
        }
    }
}

fn rounds(arguments: &Grade, target: &Path, containment: &Containment) -> io::Result<std::convert::Infallible> {
    let decisive = [Some(target), arguments.rubric.as_deref(), arguments.scenarios.as_deref()];
    let roots: Vec<&Path> = decisive.into_iter().flatten().collect();
    let own = arguments.out.as_deref().map(absolute);
    let ignored = |path: &Path| own.as_ref().is_some_and(|own| absolute(path) == *own) || is_passing(path);
    let mut graded: Option<Files> = None;
    let mut verdicts: Option<Verdicts> = None;
    let tell = |line: String| {
        if !arguments.quiet {
            term::say(&line);
        }
    };
    loop {
        let watches = imp::Watches::over(&roots, &ignored)?;
        let files = contents(&roots, &ignored);
        if graded.as_ref() == Some(&files) {
            watches.wait()?;
            continue;
        }
        if let Some(before) = &graded {
            tell(format!("watch: {}", changed(before, &files)));
        }
        graded = Some(files);
        let mut now = None;
        grading::run_once(arguments, containment, &mut |report| now = Some(of_report(report)));
        match (&verdicts, &now) {
            (Some(before), Some(now)) => tell(format!("watch: {}", difference(before, now))),
            (_, None) => tell("watch: not graded this time".to_owned()),
            (None, Some(_)) => {}
        }
        verdicts = now.or(verdicts);
        tell("watch: waiting for a change; Ctrl-C ends it".to_owned());
    }
}

/// Hashes of files by path.
type Files = BTreeMap<PathBuf, [u8; 32]>;

/// Verdicts by requirement.
type Verdicts = BTreeMap<String, Status>;

fn of_report(report: &Report) -> Verdicts {
    let found = report.tasks.iter().flat_map(|task| &task.requirements);
    found.map(|found| (found.id.clone(), found.status)).collect()
}

fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.canonicalize().unwrap_or(path)
}

/// What editors, interpreters and version control leave beside the files.
fn is_passing(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let editors = name.ends_with('~') || name.ends_with(".swp") || name.starts_with(".#") || name == "4913";
    editors || matches!(name.as_ref(), ".git" | "__pycache__" | ".idea" | ".vscode")
}

/// What the files hold. One that cannot be read, or is gone, counts as not there.
fn contents(roots: &[&Path], ignored: &dyn Fn(&Path) -> bool) -> Files {
    let mut files = Files::new();
    for root in roots {
        walk(root, ignored, &mut |path, is_folder| {
            if let (false, Ok(bytes)) = (is_folder, std::fs::read(path)) {
                files.insert(path.to_owned(), Sha256::digest(bytes).into());
            }
        });
    }
    files
}

/// Calls `each` for a path and everything below it, with whether it is a folder; links are not followed.
fn walk(path: &Path, ignored: &dyn Fn(&Path) -> bool, each: &mut dyn FnMut(&Path, bool)) {
    let Ok(kind) = path.symlink_metadata().map(|meta| meta.file_type()) else { return };
    each(path, kind.is_dir());
    let entries = if kind.is_dir() { std::fs::read_dir(path).ok() } else { None };
    for entry in entries.into_iter().flatten().flatten().filter(|entry| !ignored(&entry.path())) {
        walk(&entry.path(), ignored, each);
    }
}

/// Which files are not as they were.
fn changed(before: &Files, after: &Files) -> String {
    let mut parts = Vec::new();
    for (path, hash) in after {
        match before.get(path) {
            None => parts.push(format!("{} is new", path.display())),
            Some(old) if old != hash => parts.push(format!("{} has changed", path.display())),
            Some(_) => {}
        }
    }
    parts.extend(before.keys().filter(|path| !after.contains_key(*path)).map(|it| format!("{} is gone", it.display())));
    let more = parts.len().saturating_sub(3);
    parts.truncate(3);
    let more = if more > 0 { format!(", and {}", counted(more, "file more")) } else { String::new() };
    format!("{}{more}", parts.join(", "))
}

/// Which requirements are not as they were.
fn difference(before: &Verdicts, after: &Verdicts) -> String {
    let became = |wanted: Status| {
        let new = after.iter().filter(|(id, status)| **status == wanted && before.get(*id) != Some(&wanted));
        new.map(|(id, _)| id.as_str()).collect::<Vec<_>>()
    };
    let kinds = [
        ("now pass", Status::Pass),
        ("now fail", Status::Fail),
        ("no longer decided", Status::Skip),
        ("not gradable now", Status::NotGradable),
        ("not decided for want of the harness", Status::HarnessError),
    ];
    let parts: Vec<String> = kinds
        .into_iter()
        .map(|(words, status)| (words, became(status)))
        .filter(|(_, ids)| !ids.is_empty())
        .map(|(words, ids)| format!("{words}: {}", ids.join(", ")))
        .collect();
    if parts.is_empty() { "every verdict is as it was".to_owned() } else { parts.join("; ") }
}

#[cfg(target_os = "linux")]
mod imp {
    //! Watches of the kernel.

    use std::collections::BTreeSet;
    use std::ffi::OsString;
    use std::io;
    use std::os::fd::AsFd;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use nix::errno::Errno;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

    /// Milliseconds without a change after which what was saved counts as complete: editors do it in several steps.
    const QUIET: u16 = 60;

    /// How long a change may go on before it is looked at all the same.
    const LONGEST: Duration = Duration::from_secs(2);

    /// Watches over folders.
    pub struct Watches {
        inotify: Inotify,
        /// Folders in which everything counts.
        inside: BTreeSet<WatchDescriptor>,
        /// Folders around a root, in which only the root counts: it may be replaced by another of its name.
        around: Vec<(WatchDescriptor, OsString)>,
    }

    impl Watches {
        /// Watches everything below the roots, and the roots themselves.
        ///
        /// # Errors
        /// If the kernel refuses (too many watches), or the folder around a root is gone.
        pub fn over(roots: &[&Path], ignored: &dyn Fn(&Path) -> bool) -> io::Result<Self> {
            let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
            let changes = AddWatchFlags::IN_CLOSE_WRITE
                | AddWatchFlags::IN_ATTRIB
                | AddWatchFlags::IN_CREATE
                | AddWatchFlags::IN_DELETE
                | AddWatchFlags::IN_MOVE;
            let mut watches = Self { inotify, inside: BTreeSet::new(), around: Vec::new() };
            for root in roots {
                let whole = super::absolute(root);
                if let (Some(above), Some(name)) = (whole.parent(), whole.file_name()) {
                    let descriptor = watches.inotify.add_watch(above, changes)?;
                    watches.around.push((descriptor, name.to_owned()));
                }
                let mut refused = None;
                super::walk(&whole, ignored, &mut |path, is_folder| {
                    if !is_folder {
                        return;
                    }
                    match watches.inotify.add_watch(path, changes) {
                        Ok(descriptor) => drop(watches.inside.insert(descriptor)),
                        // What has gone meanwhile needs no watch.
                        Err(Errno::ENOENT) => {}
                        Err(error) => refused = Some(error),
                    }
                });
                if let Some(error) = refused {
                    return Err(error.into());
                }
            }
            Ok(watches)
        }

        /// Whether an event is about a root or something in it.
        fn concerns(&self, event: &InotifyEvent) -> bool {
            let is_root =
                |(folder, name): &(WatchDescriptor, OsString)| *folder == event.wd && event.name.as_ref() == Some(name);
            let overflow = event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
            overflow || self.inside.contains(&event.wd) || self.around.iter().any(is_root)
        }

        /// Waits for a change, and until no other follows it.
        ///
        /// # Errors
        /// If the kernel refuses.
        pub fn wait(&self) -> io::Result<()> {
            let mut first: Option<Instant> = None;
            loop {
                let patience = if first.is_some() { PollTimeout::from(QUIET) } else { PollTimeout::NONE };
                let mut asked = [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)];
                match poll(&mut asked, patience) {
                    Ok(0) => return Ok(()),
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(error) => return Err(error.into()),
                }
                match self.inotify.read_events() {
                    Ok(events) if events.iter().any(|event| self.concerns(event)) => {
                        first.get_or_insert_with(Instant::now);
                    }
                    Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => {}
                    Err(error) => return Err(error.into()),
                }
                if first.is_some_and(|first| first.elapsed() > LONGEST) {
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    //! Elsewhere there is no inotify.

    use std::io;
    use std::path::Path;

    /// Nothing.
    pub struct Watches;

    impl Watches {
        /// Says that it cannot be done here.
        ///
        /// # Errors
        /// Always.
        pub fn over(_: &[&Path], _: &dyn Fn(&Path) -> bool) -> io::Result<Self> {
            Err(io::Error::new(io::ErrorKind::Unsupported, "it needs inotify, which Linux has"))
        }

        /// Never called.
        ///
        /// # Errors
        /// Never.
        pub fn wait(&self) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn verdicts(list: &[(&str, Status)]) -> Verdicts {
        list.iter().map(|(id, status)| ((*id).to_owned(), *status)).collect()
    }

    #[rstest]
    #[case(&[("a", Status::Fail)], &[("a", Status::Fail)], "every verdict is as it was")]
    #[case(&[("a", Status::Fail), ("b", Status::Pass)], &[("a", Status::Pass), ("b", Status::Fail)], "now pass: a; now fail: b")]
    #[case(&[("a", Status::Pass)], &[("a", Status::Skip)], "no longer decided: a")]
    #[case(&[], &[("a", Status::Pass), ("b", Status::Pass)], "now pass: a, b")]
    fn what_has_turned_is_said(
        #[case] before: &[(&str, Status)],
        #[case] after: &[(&str, Status)],
        #[case] said: &str,
    ) {
        assert_eq!(difference(&verdicts(before), &verdicts(after)), said);
    }

    #[test]
    fn files_are_told_apart_by_what_they_hold() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let look = || contents(&[root], &|path| is_passing(path));
        std::fs::create_dir(root.join("src")).unwrap();
        std::fs::write(root.join("src/server.py"), "print(1)").unwrap();
        let before = look();
        std::fs::write(root.join("src/server.py"), "print(1)").unwrap();
        std::fs::write(root.join("src/.server.py.swp"), "an editor's").unwrap();
        std::fs::create_dir(root.join("__pycache__")).unwrap();
        std::fs::write(root.join("__pycache__/x.pyc"), "an interpreter's").unwrap();
        assert_eq!(look(), before);
        std::fs::write(root.join("src/server.py"), "print(2)").unwrap();
        assert!(changed(&before, &look()).ends_with("src/server.py has changed"));
        std::fs::remove_file(root.join("src/server.py")).unwrap();
        assert!(changed(&before, &look()).ends_with("src/server.py is gone"));
    }
}
