//! The table of a list, in Markdown.

use std::fmt::Write;

use super::{Found, Row};

impl Found {
    fn as_str(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Asked => "asked",
            Self::Half => "half",
            Self::Wrong => "**wrong**",
            Self::NotGradable => "not gradable",
            Self::RightlyNone => "rightly none",
            Self::Broken => "broken",
        }
    }
}

/// Longest text of a cell, in characters.
const LONGEST: usize = 160;

fn cell(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// A table of sums, a table with a row for each hand-in, and each verdict that is not as stated.
pub fn render(rows: &[Row]) -> String {
    let mut text = String::new();
    let count = |found: Found| rows.iter().filter(|row| row.found == found).count();
    let _ = writeln!(text, "| programs | hand-ins |\n|---|---|");
    let all =
        [Found::Right, Found::RightlyNone, Found::Asked, Found::Half, Found::Wrong, Found::NotGradable, Found::Broken];
    for found in all {
        let _ = writeln!(text, "| {} | {} |", found.as_str(), count(found));
    }
    let _ = writeln!(text, "| all | {} |\n", rows.len());
    let sum = |count: &dyn Fn(&Row) -> usize| rows.iter().map(count).sum::<usize>();
    let _ = writeln!(text, "| verdicts | |\n|---|---|");
    let _ = writeln!(text, "| musts right | {} |", sum(&|row| row.right));
    let _ = writeln!(text, "| musts falsely failed | {} |", sum(&|row| row.false_fails.len()));
    let _ = writeln!(text, "| falsely passed | {} |", sum(&|row| row.false_passes.len()));
    let _ = writeln!(text, "| true faults left undecided | {} |", sum(&|row| row.missed.len()));
    let _ = writeln!(text, "| sound musts left undecided | {} |\n", sum(&|row| row.undecided.len()));
    let _ = writeln!(text, "| hand-in | task | language | programs | taken, or said | musts right | s |");
    let _ = writeln!(text, "|---|---|---|---|---|---|---|");
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            row.hand_in.folder.display(),
            row.hand_in.task,
            row.hand_in.language,
            row.found.as_str(),
            cell(&row.how),
            row.right,
            row.seconds
        );
    }
    let _ = writeln!(text);
    for row in rows {
        let place = format!("{} ({})", row.hand_in.folder.display(), row.hand_in.task);
        for (id, verdict) in &row.false_fails {
            let _ = writeln!(text, "- {place}: **{id}** falsely failed: {}", cell(&verdict.why));
        }
        for id in &row.false_passes {
            let _ = writeln!(text, "- {place}: **{id}** falsely passed");
        }
        for (id, verdict) in row.missed.iter().chain(&row.undecided) {
            let _ = writeln!(text, "- {place}: {id} undecided: {}", cell(&verdict.why));
        }
    }
    text
}
