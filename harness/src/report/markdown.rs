//! GitHub-flavoured Markdown for a pull-request comment or a step summary.
//!
//! Whatever comes from a program stands in a code span or a fence that is longer than any
//! run of backticks in it: there, GitHub sees no markup, mention, link or HTML. The kit's
//! own prose is escaped apart from its code spans.

use super::failure;
use super::model::{Report, RequirementReport, Status, TaskReport};
use super::style::Style;
use super::summary::{self, Group};
use super::{causes, escape, prose};

/// GitHub refuses comments of more than 65 536 characters; explanations stop before.
const DETAIL_LIMIT: usize = 48_000;
/// Columns inside a fence: what a comment shows without scrolling.
const FENCE_WIDTH: usize = 88;

/// Renders the comment; it ends in a line end.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    first_line(&mut text, report);
    for task in &report.tasks {
        table(&mut text, task);
    }
    failures(&mut text, report);
    groups(
        &mut text,
        &summary::undecided(report, Status::NotGradable),
        "Not gradable",
        "A program did not build or start, or cannot take part for the reason below, so nothing was learned about what \
         it does on the network.",
    );
    groups(
        &mut text,
        &summary::undecided(report, Status::HarnessError),
        "Harness errors",
        "The harness or the machine could not finish these runs; that says nothing about the program.",
    );
    groups(&mut text, &summary::lost(report), summary::LOST.0, summary::LOST.1);
    groups(
        &mut text,
        &summary::skipped(report),
        "Not decided",
        "Nothing here speaks for or against the program, and no points were lost.",
    );
    groups(&mut text, &summary::findings(report), "Findings", "Noticed in passing; they cost no points.");
    text
}

fn first_line(text: &mut String, report: &Report) {
    let summary::Headline { subject, points, verdict, remarks } = summary::headline(report);
    text.push_str(&format!("**{}: {points}, {}**", code(&subject), verdict.as_str()));
    for remark in &remarks {
        text.push_str(&format!(" · {}", code(remark)));
    }
    text.push_str(&format!(
        "\n\n{}, backend {}, seed {}, rubric {}\n",
        code(&report.target),
        code(&report.backend),
        report.seed,
        code(&report.rubric)
    ));
    for note in report.remarks() {
        text.push_str(&format!("\n- {}", code(&note)));
    }
    if report.remarks().next().is_some() {
        text.push('\n');
    }
}

fn table(text: &mut String, task: &TaskReport) {
    let points = summary::points_of(task.score, task.max_score);
    text.push_str(&format!(
        "\n### {}: {}, {points}\n\n| verdict | requirement | level | points | what |\n|---|---|---|---:|---|\n",
        code(&task.id),
        task.status.as_str(),
    ));
    for found in &task.requirements {
        let status = match found.status {
            Status::Fail => "**fail**",
            other => other.as_str(),
        };
        text.push_str(&format!(
            "| {status} | {} | {} | {} | {} |\n",
            in_table(&code(&found.id)),
            summary::level(found.level),
            summary::points_short(found.score, found.max_score),
            in_table(&kit(&found.title)),
        ));
    }
}

fn failures(text: &mut String, report: &Report) {
    let failed = causes::failures(report);
    let mut spent = 0;
    for (index, found) in failed.iter().enumerate() {
        let detail = explanation(found);
        spent += detail.len();
        if spent > DETAIL_LIMIT {
            let left = failed.len() - index;
            text.push_str(&format!("\nExplanations left out here: {left}. The JSON report has all of them.\n"));
            break;
        }
        text.push_str(&detail);
    }
}

fn explanation(found: &RequirementReport) -> String {
    let points = summary::points_of(found.score, found.max_score);
    let mut text = format!(
        "\n<details><summary><code>{}</code>: {}, {points}</summary>\n\n{}\n",
        html(&escape::line(&found.id)),
        summary::level(found.level),
        kit(&found.title),
    );
    let facts = failure::facts(found, Style { color: false, width: FENCE_WIDTH });
    text.push_str(&format!("\n{}", fence(&facts)));
    let mut say = |label: &str, words: String| {
        if !words.is_empty() {
            text.push_str(&format!("\n**{label}** {words}\n"));
        }
    };
    say("Why it matters:", kit(&prose::first_sentences(&found.teach, 320)));
    say("Where to look:", kit(&found.look_at));
    say("Handout:", kit(&found.handout));
    if let Some(run) = summary::telling_run(found) {
        if prose::one_line(&run.hint) != prose::one_line(&found.look_at) {
            say("Hint:", code(&run.hint));
        }
        say("See it again:", code(&run.replay));
    }
    text.push_str("\n</details>\n");
    text
}

fn groups(text: &mut String, groups: &[Group], heading: &str, meaning: &str) {
    if groups.is_empty() {
        return;
    }
    text.push_str(&format!("\n### {heading}\n\n{meaning}\n\n"));
    for group in groups {
        let ids: Vec<String> = group.ids.iter().map(|id| code(id)).collect();
        let reason = match group.reason.as_slice() {
            [] => "no reason was given".to_owned(),
            [first, ..] => code(first),
        };
        text.push_str(&format!("- {reason}: {}\n", ids.join(", ")));
        if let [_, rest @ ..] = group.reason.as_slice()
            && !rest.is_empty()
        {
            text.push('\n');
            for line in fence(&rest.join("\n")).lines() {
                text.push_str(&format!("  {line}\n"));
            }
        }
    }
}

/// A code span: nothing in it is markup. Empty text gives nothing.
pub fn code(text: &str) -> String {
    let text = escape::line(text);
    if text.trim().is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(&text) + 1);
    // A span loses one blank on each side if it has both, and ends need room for backticks.
    let room = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{ticks}{room}{text}{room}{ticks}")
}

/// A fenced block, each line escaped; the fence is longer than any run of backticks in it.
pub fn fence(text: &str) -> String {
    let lines = escape::lines(text);
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let ticks = "`".repeat(longest.max(2) + 1);
    format!("{ticks}text\n{}\n{ticks}\n", lines.join("\n"))
}

/// The kit's own prose on one line: its code spans stay, the rest is literal.
pub fn kit(text: &str) -> String {
    let text = prose::one_line(text);
    let parts: Vec<&str> = text.split('`').collect();
    // An odd number of backticks: none of them is a span.
    if parts.len().is_multiple_of(2) {
        return literal(&text);
    }
    let mut safe = String::new();
    for (index, part) in parts.iter().enumerate() {
        if index % 2 == 0 { safe.push_str(&literal(part)) } else { safe.push_str(&code(part)) }
    }
    safe
}

/// Escapes what Markdown or HTML would read as markup.
fn literal(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if "\\`*_{}[]<>#~|&@!".contains(character) {
            safe.push('\\');
        }
        safe.push(character);
    }
    safe
}

/// A bar ends a table's cell even inside a code span, unless it has a backslash before it.
pub fn in_table(markdown: &str) -> String {
    let mut safe = String::with_capacity(markdown.len());
    let mut previous = ' ';
    for character in markdown.chars() {
        if character == '|' && previous != '\\' {
            safe.push('\\');
        }
        safe.push(character);
        previous = character;
    }
    safe
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{self, hostile_text};
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[test]
    fn comment() {
        insta::assert_snapshot!(render(&sample::full()));
    }

    #[rstest]
    #[case::plain("a b", "`a b`")]
    #[case::tick("a`b", "``a`b``")]
    #[case::ticks_at_the_end("``", "``` `` ```")]
    #[case::html("<img src=x>", "`<img src=x>`")]
    #[case::mention("@everyone", "`@everyone`")]
    #[case::line_end("a\n# b", "`a\\n# b`")]
    #[case::empty("", "")]
    fn spans(#[case] text: &str, #[case] markdown: &str) {
        assert_eq!(code(text), markdown);
    }

    #[rstest]
    #[case::plain("a", "```text\na\n```\n")]
    #[case::closing("```\n</details>", "````text\n```\n</details>\n````\n")]
    fn fences(#[case] text: &str, #[case] markdown: &str) {
        assert_eq!(fence(text), markdown);
    }

    #[rstest]
    #[case::span("`send` is <short>", "`send` is \\<short\\>")]
    #[case::odd("a ` b*", "a \\` b\\*")]
    fn own_prose(#[case] text: &str, #[case] markdown: &str) {
        assert_eq!(kit(text), markdown);
    }

    #[rstest]
    #[case("`<message>|<to>`", "`<message>\\|<to>`")]
    #[case("a \\| b", "a \\| b")]
    fn cells(#[case] markdown: &str, #[case] cell: &str) {
        assert_eq!(in_table(markdown), cell);
    }

    #[test]
    fn a_long_report_still_fits_a_comment() {
        let mut report = sample::full();
        let failed: Vec<_> = summary::with_status(&report, Status::Fail).cloned().collect();
        for _ in 0..200 {
            report.tasks[0].requirements.extend(failed.iter().cloned());
        }
        let details = render(&report);
        let details = details.split_once("<details>").map_or("", |(_, rest)| rest);
        assert!(details.contains("Explanations left out here: "));
        assert!(details.len() < 65_536);
    }

    proptest! {
        #[test]
        fn text_from_programs_cannot_act(text in hostile_text()) {
            let markdown = render(&sample::hostile(&text));
            prop_assert!(!markdown.contains(|c: char| c != '\n' && escape::acts(c)), "{markdown}");
        }

        #[test]
        fn a_fence_holds(text in "[`~\n a-z<>/]{0,60}") {
            let block = fence(&text);
            let ticks = block.split_once("text\n").map_or("", |(ticks, _)| ticks);
            let inside = block.lines().skip(1).filter(|line| line.trim_start().starts_with(ticks));
            prop_assert_eq!(inside.count(), 1, "{}", block);
        }

        #[test]
        fn a_span_holds(text in "[` a-z*<@]{1,40}") {
            prop_assume!(!text.trim().is_empty());
            let span = code(&text);
            let ticks = span.len() - span.trim_start_matches('`').len();
            let inside = &span[ticks..span.len() - ticks];
            prop_assert!(longest_run(inside) < ticks);
        }
    }
}
