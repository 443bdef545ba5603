//! The page on a terminal: verdict, tables, an explanation of each failure, and what was
//! not decided.
//!
//! No line of it can be forged: text from programs is escaped, stays right of the labels,
//! and is barred where it has lines of its own.

use super::failure::{self, paint_of};
use super::model::{Report, RequirementReport, Status, TaskReport, Verdict};
use super::style::{Paint, Style, columns, hang, pad, wrap};
use super::summary::{self, Group};
use super::{causes, escape, prose};

/// A title narrower than this stands on a line of its own below its requirement.
const MIN_TITLE: usize = 26;
/// Blanks between the columns of a table.
const GAP: usize = 2;

/// Renders the page; it ends in a line end.
pub fn render(report: &Report, style: Style) -> String {
    let mut page = Page { text: String::new(), style };
    page.line(&first_line(report, style));
    page.terms(report);
    for task in &report.tasks {
        page.task(task);
    }
    page.failures(report);
    page.not_gradable(report);
    page.harness_errors(report);
    page.skips(report);
    page.findings(report);
    page.text
}

/// Not wrapped: what is undecided has to stand in the first line.
pub fn first_line(report: &Report, style: Style) -> String {
    let headline = summary::headline(report);
    let paint = match headline.verdict {
        Verdict::Passed => Paint::Good,
        Verdict::Failed => Paint::Bad,
        Verdict::HarnessError | Verdict::NotGradable | Verdict::NotProven => Paint::Caution,
    };
    let mut line = format!(
        "{}: {}, {}",
        style.paint(Paint::Strong, &headline.subject),
        headline.points,
        style.paint(paint, headline.verdict.as_str())
    );
    for remark in &headline.remarks {
        line.push_str(" · ");
        line.push_str(&style.paint(Paint::Caution, remark));
    }
    line
}

struct Page {
    text: String,
    style: Style,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end_matches(' '));
        self.text.push('\n');
    }

    fn lines(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            self.line(&line);
        }
    }

    fn heading(&mut self, heading: &str) {
        self.line("");
        self.line(&self.style.paint(Paint::Strong, heading));
    }

    fn terms(&mut self, report: &Report) {
        let Report { target, backend, seed, rubric, harness, .. } = report;
        let terms = format!("{target} · {backend}, seed {seed} · rubric {rubric} · harness {harness}");
        for line in wrap(&escape::line(&terms), self.style.columns()) {
            self.line(&self.style.paint(Paint::Quiet, &line));
        }
        for note in report.remarks() {
            self.lines(hang("note: ", &escape::line(&note), self.style.columns()));
        }
    }

    fn task(&mut self, task: &TaskReport) {
        self.line("");
        let points = summary::points_of(task.score, task.max_score);
        let status = self.style.paint(paint_of(task.status), task.status.as_str());
        let name = self.style.paint(Paint::Strong, &summary::task_name(task));
        self.line(&format!("{name}: {status}, {points}"));
        for met in &task.met {
            self.lines(hang("  met: ", &escape::line(met), self.style.columns()));
        }
        let table = Table::new(&task.requirements, self.style);
        for requirement in &task.requirements {
            self.lines(table.row(requirement));
        }
    }

    fn failures(&mut self, report: &Report) {
        for requirement in causes::failures(report) {
            self.line("");
            self.text.push_str(&failure::paragraph(requirement, self.style));
        }
    }

    fn not_gradable(&mut self, report: &Report) {
        self.groups(
            &summary::undecided(report, Status::NotGradable),
            "Not gradable",
            "A program did not build or start, or cannot take part for the reason below, so nothing was \
             learned about what it does on the network. Run its command by hand; that must work before \
             anything can be graded.",
        );
    }

    fn harness_errors(&mut self, report: &Report) {
        self.groups(
            &summary::undecided(report, Status::HarnessError),
            "Harness errors",
            "The harness or this machine could not finish these runs. That says nothing about the \
             program and costs it no points. Run it again, see `harness doctor`, and show this \
             page to whoever runs the harness.",
        );
    }

    fn skips(&mut self, report: &Report) {
        let (heading, meaning) = summary::LOST;
        self.groups(&summary::lost(report), heading, meaning);
        self.groups(
            &summary::skipped(report),
            "Not decided",
            "Nothing here speaks for or against the program, and no points were lost.",
        );
        self.groups(
            &summary::partly_skipped(report),
            "Runs that were left out",
            "Other runs decided these requirements.",
        );
    }

    fn findings(&mut self, report: &Report) {
        self.groups(&summary::findings(report), "Findings", "Noticed in passing; they cost no points.");
    }

    /// A section of reasons, each with the ids it holds for. Nothing if there are none.
    fn groups(&mut self, groups: &[Group], heading: &str, meaning: &str) {
        if groups.is_empty() {
            return;
        }
        let width = self.style.columns();
        self.heading(heading);
        self.lines(hang("  ", meaning, width));
        for group in groups {
            match group.reason.as_slice() {
                [] => self.line("  - no reason was given"),
                [one] => self.lines(hang("  - ", one, width)),
                [first, rest @ ..] => {
                    self.lines(hang("  - ", first, width));
                    for line in rest {
                        self.lines(wrap(line, width - 6).into_iter().map(|part| format!("    │ {part}")));
                    }
                }
            }
            for line in hang("    ", &group.ids.join(", "), width) {
                self.line(&self.style.paint(Paint::Quiet, &line));
            }
        }
    }
}

/// Column widths of a task's table.
struct Table {
    status: usize,
    id: usize,
    level: usize,
    points: usize,
    style: Style,
}

impl Table {
    fn new(requirements: &[RequirementReport], style: Style) -> Self {
        let widest = |cell: &dyn Fn(&RequirementReport) -> String| {
            requirements.iter().map(|found| columns(&cell(found))).max().unwrap_or(0)
        };
        Self {
            status: widest(&|found| found.status.as_str().to_owned()),
            id: widest(&|found| escape::line(&found.id)),
            level: widest(&|found| summary::level(found.level).to_owned()),
            points: widest(&|found| summary::points_short(found.score, found.max_score)),
            style,
        }
    }

    fn row(&self, found: &RequirementReport) -> Vec<String> {
        let points = summary::points_short(found.score, found.max_score);
        let gap = " ".repeat(GAP);
        let status = found.status.as_str();
        // Padding stays outside the colour, so that nothing but the word is coloured.
        let blanks = " ".repeat(self.status - columns(status));
        let before = GAP + self.status + GAP + self.id + GAP + self.level + GAP + self.points + GAP;
        let row = format!(
            "{gap}{}{blanks}{gap}{}{gap}{}{gap}{:>width$}",
            self.style.paint(paint_of(found.status), status),
            pad(&escape::line(&found.id), self.id),
            pad(summary::level(found.level), self.level),
            points,
            width = self.points,
        );
        let title = prose::one_line(&found.title);
        let room = self.style.columns().saturating_sub(before);
        if room < MIN_TITLE {
            let below = " ".repeat(GAP + 4);
            let mut lines = vec![row];
            lines.extend(hang(&below, &title, self.style.columns()));
            return lines;
        }
        let mut titles = wrap(&title, room).into_iter();
        let mut lines = vec![format!("{row}{gap}{}", titles.next().unwrap_or_default())];
        lines.extend(titles.map(|rest| format!("{:before$}{rest}", "")));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{self, hostile_text};
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const WIDE: Style = Style { color: false, width: 100 };

    #[rstest]
    #[case::plain("plain", WIDE)]
    #[case::colour("colour", Style { color: true, width: 100 })]
    #[case::narrow("narrow", Style { color: false, width: 60 })]
    fn page(#[case] name: &str, #[case] style: Style) {
        insta::assert_snapshot!(name, render(&sample::full(), style));
    }

    #[test]
    fn page_of_a_pass() {
        insta::assert_snapshot!(render(&sample::passed(), WIDE));
    }

    #[test]
    fn points_that_are_lost_with_another_requirement_are_not_said_to_be_kept() {
        let mut report = sample::full();
        let all = report.tasks.iter_mut().flat_map(|task| &mut task.requirements);
        all.filter(|found| found.status == Status::Skip)
            .for_each(|found| found.lost_with = Some("message.endless".to_owned()));
        let page = render(&report, WIDE);
        assert!(page.contains(summary::LOST.0) && !page.contains("no points were lost"), "{page}");
    }

    #[test]
    fn forged_lines_stay_inside_their_field() {
        let forged = "x\nmessage: 26 of 26 points, passed\n  expected  fine\n\u{1b}[2J\rpass";
        let page = render(&sample::hostile(forged), WIDE);
        let first_columns: Vec<&str> = page.lines().map(|line| line.get(..9).unwrap_or(line)).collect();
        assert!(!first_columns[1..].contains(&"message: "), "{page}");
        assert!(!page.contains("\n  expected  fine"), "{page}");
    }

    /// Takes away the codes that `Style::paint` writes, and no others.
    fn without_colour(page: &str) -> String {
        ["[0m", "[1m", "[2m", "[31m", "[32m", "[33m"]
            .iter()
            .fold(page.to_owned(), |page, code| page.replace(&format!("\u{1b}{code}"), ""))
    }

    proptest! {
        #[test]
        fn text_from_programs_cannot_act(text in hostile_text()) {
            let report = sample::hostile(&text);
            let page = render(&report, WIDE);
            prop_assert!(!page.contains(|c: char| c != '\n' && escape::acts(c)), "{page}");
            prop_assert!(!page.contains("\n\n\n"));
            prop_assert!(page.lines().next().is_some_and(|line| line.starts_with("message")));
        }

        #[test]
        fn colour_changes_nothing_else(text in hostile_text(), width in 20usize..130) {
            let report = sample::hostile(&text);
            let plain = render(&report, Style { color: false, width });
            let colour = render(&report, Style { color: true, width });
            prop_assert_eq!(without_colour(&colour), plain);
        }

        #[test]
        fn the_page_keeps_its_width(text in "[a-zA-Z ]{0,300}", width in 72usize..130) {
            let page = render(&sample::hostile(&text), Style { color: false, width });
            for line in page.lines().skip(1).filter(|line| !line.starts_with("  replay")) {
                prop_assert!(columns(line) <= width, "{line:?}");
            }
        }
    }
}
