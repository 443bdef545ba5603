//! TAP, the Test Anything Protocol: a test point per requirement, with a YAML block where there is something to say.
//!
//! Version 13: `prove` of the long-lived distributions calls a stream of version 14 a parse error, and nothing here needs it.

use super::model::{Report, RequirementReport, Status};
use super::{escape, prose, summary};
use harness_language::catalogue::model::Level;

/// Renders the document; it ends in a line end.
pub fn render(report: &Report) -> String {
    let found: Vec<&RequirementReport> = summary::requirements(report).collect();
    let mut text = format!("TAP version 13\n# {}\n1..{}\n", summary::headline(report).text(), found.len());
    for (found, number) in found.into_iter().zip(1..) {
        point(&mut text, number, found);
    }
    text
}

fn point(text: &mut String, number: usize, found: &RequirementReport) {
    let description = literal(&format!("{} {}", found.id, prose::one_line(&found.title)));
    let may = found.level == Level::May;
    let (right, directive) = match found.status {
        Status::Pass => (true, String::new()),
        // "Not ok, and that is no failure" is what TODO says.
        Status::Fail if may => (false, " # TODO optional".to_owned()),
        Status::Fail => (false, String::new()),
        Status::HarnessError => (false, " # TODO the harness could not finish".to_owned()),
        Status::Skip | Status::NotGradable => (true, format!(" # SKIP {}", literal(&summary::undecided_reason(found)))),
    };
    let word = if right { "ok" } else { "not ok" };
    text.push_str(&format!("{word} {number} - {description}{directive}\n"));
    let speaks = matches!(found.status, Status::Fail | Status::HarnessError);
    let Some(run) = summary::telling_run(found).filter(|_| speaks) else { return };
    text.push_str("  ---\n");
    let points = format!("{}/{}", summary::points(found.score), summary::points(found.max_score));
    let told = run.told();
    let lines = [
        ("level", summary::level(found.level)),
        ("points", points.as_str()),
        ("message", told.as_str()),
        ("expected", run.expected.as_str()),
        ("came", run.actual.as_str()),
        ("look_at", found.look_at.as_str()),
        ("replay", run.replay.as_str()),
    ];
    for (key, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
        // A JSON string is a YAML string.
        let value = serde_json::Value::String(escape::lines(value).join("\n"));
        text.push_str(&format!("  {key}: {value}\n"));
    }
    text.push_str("  ...\n");
}

/// On one line, and without what would begin a directive.
fn literal(text: &str) -> String {
    escape::line(&text.replace('\\', "\\\\").replace('#', "\\#"))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{self, hostile_text};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn document() {
        insta::assert_snapshot!(render(&sample::full()));
    }

    proptest! {
        #[test]
        fn text_from_programs_cannot_act(text in hostile_text()) {
            let tap = render(&sample::hostile(&text));
            let points = tap.lines().filter(|line| line.starts_with("ok") || line.starts_with("not ok"));
            prop_assert_eq!(points.count(), 3, "{}", tap);
            prop_assert!(!tap.contains(|c: char| c != '\n' && escape::acts(c)), "{tap}");
            prop_assert!(!tap.contains("Bail out!"));
        }
    }
}
