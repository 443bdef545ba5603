//! Annotations for GitHub Actions (its documentation, "Workflow commands"): an error for each must that failed, a
//! warning for each should, a notice for the points. Where a program stopped in a line of its own, they stand there.

use std::path::{Path, PathBuf};

use super::model::{Report, Status};
use super::{escape, prose, summary};
use crate::crash::words;
use harness_language::catalogue::model::Level;

/// The folder of what was graded in the repository that is checked out; empty for a copy of the whole repository.
pub fn folder(target: &str) -> PathBuf {
    let checkout = std::env::var_os("GITHUB_WORKSPACE").map_or_else(std::env::current_dir, |path| Ok(path.into()));
    checkout.map_or_else(|_| PathBuf::new(), |checkout| within(&checkout, Path::new(target)))
}

fn within(checkout: &Path, target: &Path) -> PathBuf {
    let found = target.canonicalize().ok().zip(checkout.canonicalize().ok());
    let inside = found.and_then(|(path, checkout)| {
        let folder = if path.is_dir() { &path } else { path.parent()? };
        folder.strip_prefix(checkout).map(Path::to_owned).ok()
    });
    inside.unwrap_or_default()
}

/// Renders the commands, one a line, about files in a folder of the repository.
pub fn render(report: &Report, folder: &Path) -> String {
    let mut text = String::new();
    for found in summary::requirements(report) {
        let command = match (found.status, found.level) {
            (Status::Fail, Level::Must) => "error",
            (Status::Fail, Level::Should) | (Status::HarnessError, _) => "warning",
            (Status::NotGradable, _) => "error",
            _ => continue,
        };
        let title = format!("{} ({})", found.id, summary::level(found.level));
        let reason = summary::undecided_reason(found);
        let mut message = format!("{}: {}", prose::one_line(&found.title), reason);
        let advice = summary::telling_run(found).and_then(|run| words::advice(run.stop()?));
        if let Some(advice) = advice {
            message.push_str(&format!("\n{advice}"));
        } else if found.status == Status::Fail && !found.look_at.is_empty() {
            message.push_str(&format!("\nlook at: {}", prose::one_line(&found.look_at)));
        }
        let at = summary::place(found).map(|at| {
            let file = folder.join(&at.file).display().to_string();
            format!("file={},line={},", property(&file), at.line)
        });
        let at = at.unwrap_or_default();
        text.push_str(&format!("::{command} {at}title={}::{}\n", property(&title), data(&message)));
    }
    text.push_str(&format!("::notice title=harness::{}\n", data(&summary::headline(report).text())));
    text
}

/// What the platform un-escapes; all else that acts is written out.
fn data(text: &str) -> String {
    escape::lines(&text.replace('%', "%25")).join("%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::sample::{self, hostile_text};
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[test]
    fn commands() {
        insta::assert_snapshot!(render(&sample::full(), Path::new("")));
    }

    #[test]
    fn a_line_of_the_student_is_annotated() {
        insta::assert_snapshot!("stopped", render(&sample::stopped(), Path::new("lab 1")));
    }

    #[rstest]
    #[case::the_repository("", "")]
    #[case::a_folder("src/report", "src/report")]
    #[case::a_program("src/lib.rs", "src")]
    #[case::elsewhere("/usr", "")]
    #[case::nowhere("nowhere", "")]
    fn folders(#[case] target: &str, #[case] folder: &str) {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(within(checkout, &checkout.join(target)), Path::new(folder));
    }

    proptest! {
        #[test]
        fn text_from_programs_cannot_act(text in hostile_text()) {
            let commands = render(&sample::hostile(&text), Path::new(""));
            // A failure, a program that did not start, and the points.
            prop_assert_eq!(commands.lines().count(), 3, "{}", commands);
            prop_assert!(commands.lines().all(|line| line.starts_with("::")), "{commands}");
            prop_assert!(!commands.contains(|c: char| c != '\n' && escape::acts(c)), "{commands}");
        }
    }
}
