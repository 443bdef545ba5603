//! The page of `harness explain ID`: the teaching text of one requirement.

use super::style::{Paint, Style, hang};
use super::{escape, prose, summary};
use harness_language::catalogue::model::Level;

/// What is known about a requirement without running anything.
#[derive(Debug, Clone, Copy)]
pub struct Explanation<'a> {
    /// `task.requirement`.
    pub id: &'a str,
    /// The level.
    pub level: Level,
    /// What is required, in one line.
    pub title: &'a str,
    /// The teaching text: paragraphs apart by empty lines, lists, source with four blanks.
    pub teach: &'a str,
    /// What to look at in one's own code.
    pub look_at: &'a str,
    /// Where the handout treats it; may be empty.
    pub handout: &'a str,
}

/// Renders the page; it ends in a line end.
pub fn render(explanation: &Explanation<'_>, style: Style) -> String {
    let Explanation { id, level, title, teach, look_at, handout } = explanation;
    let width = style.columns();
    let id = style.paint(Paint::Strong, &escape::line(id));
    let meaning = match level {
        Level::Must => "must: the submission fails without it",
        Level::Should => "should: costs points, but does not fail the submission",
        Level::May => "may: a finding, no points",
    };
    let mut lines = vec![format!("{id} ({})", summary::level(*level))];
    lines.extend(hang("", &prose::one_line(title), width));
    lines.extend(hang("", meaning, width).iter().map(|line| style.paint(Paint::Quiet, line)));
    for (heading, text) in [("Why", teach), ("Where to look", look_at), ("Handout", handout)] {
        if !text.trim().is_empty() {
            lines.push(String::new());
            lines.push(style.paint(Paint::Strong, heading));
            lines.extend(prose::wrapped(text, 2, width));
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::plain("plain", Style { color: false, width: 80 })]
    #[case::colour("colour", Style { color: true, width: 80 })]
    #[case::narrow("narrow", Style { color: false, width: 44 })]
    fn page(#[case] name: &str, #[case] style: Style) {
        let explanation = Explanation {
            id: "message.short-writes",
            level: Level::Must,
            title: "whole, when `send` takes only part of what it is given",
            teach: sample::TEACH,
            look_at: "every place where you call `send`: what do you do with its result?",
            handout: "message/handout.md, \"Short counts\"",
        };
        insta::assert_snapshot!(name, render(&explanation, style));
    }

    #[test]
    fn without_a_handout_there_is_no_heading_for_it() {
        let explanation = Explanation {
            id: "message.blocking",
            level: Level::May,
            title: "uses blocking sockets",
            teach: "A blocking call waits.",
            look_at: "",
            handout: "",
        };
        let page = render(&explanation, Style::default());
        assert_eq!(
            page,
            "message.blocking (may)\nuses blocking sockets\nmay: a finding, no points\n\nWhy\n  A blocking call waits.\n"
        );
    }
}
