//! The explanation of one failed requirement for the student whose program it is: what was
//! expected, what came, why it matters, where to look, and how to see it again.

use harness_judging::shown::counted;

use super::model::{RequirementReport, RunReport, Status};
use super::style::{Paint, Style, hang, wrap};
use super::{difference, escape, prose, summary};
use crate::crash::words;

/// Columns before a label.
const INDENT: usize = 2;
/// Columns of a label with the gap behind it. Text from programs never starts left of them.
const LABEL: usize = 10;
/// Longest expected or actual value that is shown, in characters.
const VALUE_LIMIT: usize = 800;
/// Most lines of a value that are shown.
const VALUE_LINES: usize = 10;
/// Lines shown of the transcript's end.
pub const TRANSCRIPT_LINES: usize = 8;
/// Other failed runs that are named, with the same reason and with others.
const OTHER_RUNS: usize = 3;
/// Characters of the teaching text that are quoted, unless its first sentence is longer.
const TEACH_LIMIT: usize = 320;
/// Characters that two lines have in common before they count as beginning alike.
const ALIKE: usize = 8;
/// Two columns side by side need a page of this width.
const SIDE_BY_SIDE: usize = 72;

/// The whole explanation: a heading, the title, labelled fields.
pub fn paragraph(requirement: &RequirementReport, style: Style) -> String {
    let mut lines = Vec::new();
    let id = escape::line(&requirement.id);
    let points = summary::points_of(requirement.score, requirement.max_score);
    let weight = format!("({}, {points})", summary::level(requirement.level));
    lines.push(format!(
        "{}  {} {weight}",
        style.paint(paint_of(requirement.status), requirement.status.as_str()),
        style.paint(Paint::Strong, &id),
    ));
    lines.extend(hang("      ", &prose::one_line(&requirement.title), style.columns()));
    let mut fields = Fields { lines, style };
    let run = summary::telling_run(requirement);
    if let Some(run) = run {
        fields.happened(run);
        fields.others(requirement, run);
    }
    fields.guidance(requirement, run);
    if let Some(run) = run {
        fields.evidence(run);
    }
    fields.lines.join("\n") + "\n"
}

/// What happened in one run, without teaching: reason, values, difference, the run's terms.
/// For formats that lay out the rest themselves.
pub fn facts(requirement: &RequirementReport, style: Style) -> String {
    let mut fields = Fields { lines: Vec::new(), style };
    if let Some(run) = summary::telling_run(requirement) {
        fields.happened(run);
        fields.others(requirement, run);
        fields.transcript(run);
    }
    fields.lines.join("\n") + "\n"
}

/// The colour of a verdict.
pub fn paint_of(status: Status) -> Paint {
    match status {
        Status::Pass => Paint::Good,
        Status::Fail => Paint::Bad,
        Status::Skip => Paint::Quiet,
        Status::NotGradable | Status::HarnessError => Paint::Caution,
    }
}

struct Fields {
    lines: Vec<String>,
    style: Style,
}

impl Fields {
    /// Columns for what stands behind a label.
    fn room(&self) -> usize {
        self.style.columns() - INDENT - LABEL
    }

    /// A label with escaped lines behind it; nothing if there are no lines.
    fn put(&mut self, label: &str, lines: Vec<String>) {
        for (index, line) in lines.into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            let blanks = LABEL - label.len();
            let name = self.style.paint(Paint::Quiet, label);
            let full = format!("{:INDENT$}{name}{:blanks$}{line}", "", "");
            self.lines.push(full.trim_end().to_owned());
        }
    }

    /// A label with text that is escaped and wrapped.
    fn text(&mut self, label: &str, text: &str) {
        if !text.trim().is_empty() {
            let room = self.room();
            let wrapped = match escape::lines(text).as_slice() {
                [one] => wrap(one, room),
                many => many.iter().flat_map(|line| barred(line, room)).collect(),
            };
            self.put(label, wrapped);
        }
    }

    fn happened(&mut self, run: &RunReport) {
        self.text("reason", &run.told());
        self.text("mend", &run.stop().and_then(words::advice).unwrap_or_default());
        self.values(&run.expected, &run.actual);
        if let Some(deed) = run.deed() {
            self.text(words::did(deed.did), &words::waits_at(&deed.at));
        }
        self.text("run", &terms(run));
    }

    fn values(&mut self, expected: &str, came: &str) {
        if expected.is_empty() && came.is_empty() {
            return;
        }
        let several_lines = |text: &str| text.trim_end_matches('\n').contains('\n');
        let room = self.room();
        let long = |text: &str| text.chars().count() > room;
        let apart = several_lines(expected) || several_lines(came);
        if apart && expected != came && self.style.columns() >= SIDE_BY_SIDE {
            let rows = difference::side_by_side(expected, came, self.room());
            self.put("compare", rows);
        } else {
            self.value("expected", expected);
            self.value("came", came);
        }
        // In long lines that begin alike the eye does not find the place.
        let alike = difference::first(expected, came).is_some_and(|place| place.column > ALIKE);
        if apart || alike && (long(expected) || long(came)) {
            let words = difference::in_words(expected, came).unwrap_or_default();
            self.text("differs", &words);
        }
    }

    /// A value as it is; several lines are barred so that each is seen to belong to it.
    fn value(&mut self, label: &str, value: &str) {
        if value.is_empty() {
            self.put(label, vec!["(nothing)".to_owned()]);
            return;
        }
        let kept: String = value.chars().take(VALUE_LIMIT).collect();
        let characters = value.chars().count();
        let mut all = escape::lines(&kept);
        let hidden_lines = all.len().saturating_sub(VALUE_LINES);
        all.truncate(VALUE_LINES);
        let mut shown: Vec<String> = match all.as_slice() {
            [one] => wrap(one, self.room()),
            many => many.iter().flat_map(|line| barred(line, self.room())).collect(),
        };
        if characters > VALUE_LIMIT {
            shown.push(format!("(cut; {characters} characters in all)"));
        } else if hidden_lines > 0 {
            shown.push(format!("(cut; {})", counted(hidden_lines, "more line")));
        }
        self.put(label, shown);
    }

    fn others(&mut self, requirement: &RequirementReport, shown: &RunReport) {
        let others: Vec<&RunReport> =
            requirement.runs.iter().filter(|run| run.status == shown.status && run.id != shown.id).collect();
        let (alike, different): (Vec<&RunReport>, Vec<&RunReport>) =
            others.into_iter().partition(|run| run.why() == shown.why());
        let mut lines = Vec::new();
        let named: Vec<String> = alike.iter().take(OTHER_RUNS).map(|run| escape::line(&run.id)).collect();
        if !named.is_empty() {
            lines.extend(wrap(&named.join(", "), self.room()));
        }
        for run in different.iter().take(OTHER_RUNS) {
            let (id, reason) = (escape::line(&run.id), escape::line(&run.told()));
            lines.extend(hang("", &format!("{id}: {reason}"), self.room()));
        }
        let unnamed = alike.len().saturating_sub(OTHER_RUNS) + different.len().saturating_sub(OTHER_RUNS);
        match unnamed {
            0 => {}
            more => lines.push(format!("and {}", counted(more, "more run"))),
        }
        self.put("also in", lines);
    }

    fn guidance(&mut self, requirement: &RequirementReport, run: Option<&RunReport>) {
        self.text("matters", &prose::first_sentences(&requirement.teach, TEACH_LIMIT));
        let look_at = prose::one_line(&requirement.look_at);
        if let Some(run) = run.filter(|run| prose::one_line(&run.hint) != look_at) {
            self.text("hint", &run.hint);
        }
        self.text("look at", &look_at);
        let explain = format!("harness explain {}", requirement.id);
        let handout = prose::one_line(&requirement.handout);
        let read = if handout.is_empty() { explain } else { format!("{handout}; or {explain}") };
        self.text("read", &read);
    }

    fn evidence(&mut self, run: &RunReport) {
        if !run.replay.is_empty() {
            // Not wrapped: it is there to be copied.
            self.put("replay", vec![escape::line(&run.replay)]);
        }
        let evidence = &run.evidence;
        let files: Vec<&str> =
            [&evidence.pcap, &evidence.transcript, &evidence.calls].into_iter().filter_map(Option::as_deref).collect();
        self.put("files", files.into_iter().map(escape::line).collect());
        self.transcript(run);
    }

    /// The last lines of what happened, barred.
    fn transcript(&mut self, run: &RunReport) {
        let hidden = run.transcript.len().saturating_sub(TRANSCRIPT_LINES);
        let mut lines = Vec::new();
        match hidden {
            0 => {}
            more => lines.push(format!("({} before)", counted(more, "line"))),
        }
        for line in &run.transcript[hidden..] {
            let short: String = line.chars().take(VALUE_LIMIT).collect();
            lines.extend(barred(&escape::line(&short), self.room()));
        }
        self.put("at last", lines);
    }
}

fn barred(line: &str, width: usize) -> Vec<String> {
    wrap(line, width - 2).into_iter().map(|part| format!("│ {part}")).collect()
}

/// Under what conditions a run was made.
fn terms(run: &RunReport) -> String {
    let partner = match run.pairing.as_str() {
        "harness-client" => " with the harness's client",
        "harness-server" => " with the harness's server",
        "own" => " with its own other half",
        _ => "",
    };
    let mut terms = format!("{}: the {}{partner}", run.id, run.role);
    terms.push_str(&format!("; {}, seed {}", run.backend, run.seed));
    if !run.schedule.is_empty() {
        terms.push_str(&format!("; {}", run.schedule));
    }
    if run.virtual_ms > 0 {
        let whole = run.virtual_ms / 1000;
        terms.push_str(&format!("; {whole}.{:03} s of virtual time", run.virtual_ms % 1000));
    }
    // One line, whatever stands in it.
    escape::line(&terms)
}
