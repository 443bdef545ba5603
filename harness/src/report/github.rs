//! Annotations for GitHub Actions (its documentation, "Workflow commands"): an error for each must that failed, a
//! warning for each should, a notice for the points.

use super::model::{Report, Status};
use super::{escape, prose, summary};
use crate::catalogue::model::Level;

/// Renders the commands, one a line.
pub fn render(report: &Report) -> String {
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
        if found.status == Status::Fail && !found.look_at.is_empty() {
            message.push_str(&format!("\nlook at: {}", prose::one_line(&found.look_at)));
        }
        text.push_str(&format!("::{command} title={}::{}\n", property(&title), data(&message)));
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

    #[test]
    fn commands() {
        insta::assert_snapshot!(render(&sample::full()));
    }

    proptest! {
        #[test]
        fn text_from_programs_cannot_act(text in hostile_text()) {
            let commands = render(&sample::hostile(&text));
            // A failure, a program that did not start, and the points.
            prop_assert_eq!(commands.lines().count(), 3, "{}", commands);
            prop_assert!(commands.lines().all(|line| line.starts_with("::")), "{commands}");
            prop_assert!(!commands.contains(|c: char| c != '\n' && escape::acts(c)), "{commands}");
        }
    }
}
