//! Where the words of a submission's commands lead: below the submission, to the system's programs, or elsewhere.
//!
//! Owns how a path is found in a word. Landlock and a run's own mounts keep closed what lies elsewhere; what is said here
//! is said before anything is started, with its place in the manifest.

use std::path::{Component, Path};

use super::paths::{is_harness, may_be_named};
use crate::submission::{Command, toolchain};

/// What stands between paths and other things in a word: options, lists, and what a shell makes of a line.
const BETWEEN: [char; 18] =
    ['=', ':', ',', '@', ' ', '\t', '\n', ';', '|', '&', '(', ')', '<', '>', '`', '"', '\'', '$'];

/// Folders of which a run has its own, and the one that is the beginning of every path.
const SHARED: [&str; 4] = ["/", "/tmp", "/var/tmp", "/dev/shm"];

/// The first path in a command that leads out of the submission.
pub fn leads_out(command: &Command) -> Option<String> {
    let found = |word: &String| (!word.contains('/')).then(|| toolchain::find(word, Path::new("/"))).flatten();
    let first = command.words.first().filter(|_| !command.shell);
    if let Some(name) = first.filter(|word| found(word).is_some_and(|program| is_harness(&program))) {
        return Some(name.clone());
    }
    let texts = command.words.iter().chain(command.env.values());
    texts.flat_map(|text| paths_in(text)).find(|path| is_elsewhere(path, &command.cwd)).map(str::to_owned)
}

/// The parts of a text that may be paths. What follows the scheme of a URL is none.
fn paths_in(text: &str) -> impl Iterator<Item = &str> {
    let mut after_scheme = false;
    text.split_inclusive(BETWEEN).filter_map(move |piece| {
        let is_of_url = std::mem::replace(&mut after_scheme, piece.ends_with(':')) && piece.starts_with("//");
        let piece = piece.trim_end_matches(BETWEEN);
        // Compilers take folders right after an option's letter: -I/usr/include.
        let piece = match piece.strip_prefix('-').and_then(|option| option.find('/')) {
            Some(at) => &piece[at + 1..],
            None => piece,
        };
        (!is_of_url && piece.contains('/') || piece == "..").then_some(piece)
    })
}

/// Whether a path, seen from a folder of the submission, leads to a place that is neither of the submission nor of the
/// system. Of whole paths, only those to something that is there: `/index.html` may be a page.
fn is_elsewhere(path: &str, cwd: &Path) -> bool {
    let path = Path::new(path);
    if path.is_absolute() {
        // What `..` and the links below /proc lead to is somewhere else than they are.
        let is_plain = path.components().all(|part| part != Component::ParentDir) && !path.starts_with("/proc");
        let is_fine = |real: &Path| SHARED.contains(&path.to_str().unwrap_or_default()) || may_be_named(real);
        return path.canonicalize().is_ok_and(|real| !(is_fine(&real) || is_plain && may_be_named(path)));
    }
    let mut depth = cwd.components().filter(|part| matches!(part, Component::Normal(_))).count();
    for part in path.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rstest::rstest;

    use super::*;

    fn command(words: &[&str], cwd: &str) -> Command {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Command { words, cwd: cwd.into(), ..Command::default() }
    }

    #[rstest]
    #[case::of_the_submission(&["python3", "src/server.py", "{port}"], "")]
    #[case::a_neighbour_below(&["python3", "../server.py"], "src")]
    #[case::the_systems(&["/usr/bin/env", "python3", "-I/usr/include", "-cp", "lib/a.jar:/usr/share/java"], "")]
    #[case::a_page(&["python3", "client.py", "{host}", "/index-of-nobody.html"], "")]
    #[case::all_pages(&["python3", "client.py", "/"], "")]
    #[case::a_url(&["python3", "client.py", "http://{host}:{port}/tmp/x"], "")]
    #[case::what_is_thrown_away(&["sh", "-c", "./server >/dev/null"], "")]
    #[case::of_the_kernel(&["sh", "-c", "cat /proc/meminfo"], "")]
    #[case::passing(&["javac", "-d", "/tmp", "Server.java"], "")]
    fn stays(#[case] words: &[&str], #[case] cwd: &str) {
        assert_eq!(leads_out(&command(words, cwd)), None);
    }

    #[rstest]
    #[case::above(&["python3", "../ada/server.py"], "", "../ada/server.py")]
    #[case::further_above(&["./a/../../server"], "", "./a/../../server")]
    #[case::out_of_its_folder(&["python3", "../../server.py"], "src", "../../server.py")]
    #[case::in_an_option(&["cc", "-o", "x", "--sysroot=../ada"], "", "../ada")]
    #[case::by_the_kernel(&["cat", "/proc/self/cwd/Cargo.toml"], "", "/proc/self/cwd/Cargo.toml")]
    fn leads(#[case] words: &[&str], #[case] cwd: &str, #[case] path: &str) {
        assert_eq!(leads_out(&command(words, cwd)).as_deref(), Some(path));
    }

    #[test]
    fn somebody_elses_program_is_elsewhere_however_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let server = folder.path().join("server.py");
        std::fs::write(&server, "").unwrap();
        let path = server.to_str().unwrap();
        let led = |words: &[&str]| leads_out(&command(words, ""));
        assert_eq!(led(&["python3", path]).as_deref(), Some(path));
        assert_eq!(led(&[path]).as_deref(), Some(path));
        assert_eq!(led(&["java", "-cp", &format!("a.jar:{path}"), "Main"]).as_deref(), Some(path));
        assert_eq!(led(&["cc", &format!("-I{path}")]).as_deref(), Some(path));
        assert!(led(&["/usr/bin/../..".to_owned() + path].each_ref().map(String::as_str)).is_some());
        let shell = Command { words: vec![format!("exec python3 \"{path}\" 80")], shell: true, ..Command::default() };
        assert_eq!(leads_out(&shell).as_deref(), Some(path));
        let env = [("PYTHONPATH".to_owned(), path.to_owned())].into();
        assert_eq!(leads_out(&Command { env, ..Command::default() }).as_deref(), Some(path));
        let itself = std::env::current_exe().unwrap();
        assert!(led(&[PathBuf::from(&itself).to_str().unwrap(), "reference"]).is_some());
    }
}
