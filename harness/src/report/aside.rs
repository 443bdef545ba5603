//! What pages for people show and the JSON report leaves out, in a form that can be kept beside it: titles, teaching
//! texts, remarks, the ends of transcripts. A report that was read back is whole again with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::failure::TRANSCRIPT_LINES;
use super::model::{Report, Status};
use crate::run::event::Difference;

/// Longest line of a transcript that is kept, in characters; none is shown that long.
const LINE: usize = 1000;

/// What stands beside a report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Aside {
    notes: Vec<String>,
    #[serde(default)]
    on_real_sockets: Vec<String>,
    tasks: BTreeMap<String, OfTask>,
    requirements: BTreeMap<String, OfRequirement>,
    runs: BTreeMap<String, OfRun>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OfTask {
    title: String,
    met: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct OfRequirement {
    worth: f64,
    title: String,
    teach: String,
    look_at: String,
    handout: String,
    section: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OfRun {
    title: String,
    difference: Option<Difference>,
    /// Lines of the transcript before those that are kept.
    before: usize,
    transcript: Vec<String>,
}

impl Aside {
    /// What the JSON of a report leaves out. Of transcripts the end is kept, where something is shown of them.
    pub fn of(report: &Report) -> Self {
        let (notes, on_real_sockets) = (report.notes.clone(), report.on_real_sockets.clone());
        let mut aside = Self { notes, on_real_sockets, ..Self::default() };
        for task in &report.tasks {
            aside.tasks.insert(task.id.clone(), OfTask { title: task.title.clone(), met: task.met.clone() });
            for found in &task.requirements {
                let of = OfRequirement {
                    worth: found.worth,
                    title: found.title.clone(),
                    teach: found.teach.clone(),
                    look_at: found.look_at.clone(),
                    handout: found.handout.clone(),
                    section: found.section.clone(),
                };
                aside.requirements.insert(found.id.clone(), of);
                for run in &found.runs {
                    let shown = !matches!(run.status, Status::Pass | Status::Skip);
                    let before = match shown {
                        true => run.transcript.len().saturating_sub(TRANSCRIPT_LINES),
                        false => run.transcript.len(),
                    };
                    let of = aside.runs.entry(run.id.clone()).or_insert_with(|| OfRun {
                        title: run.title.clone(),
                        difference: None,
                        before: run.transcript.len(),
                        transcript: Vec::new(),
                    });
                    of.difference = of.difference.take().or_else(|| run.difference.clone());
                    // A run may speak for several requirements, and be shown for one of them only.
                    if before < of.before {
                        of.before = before;
                        of.transcript =
                            run.transcript[before..].iter().map(|line| line.chars().take(LINE).collect()).collect();
                    }
                }
            }
        }
        aside
    }

    /// Makes a report whole that was read back from JSON. Lines of transcripts that were not kept come back empty.
    pub fn put_back(&self, report: &mut Report) {
        report.notes.clone_from(&self.notes);
        report.on_real_sockets.clone_from(&self.on_real_sockets);
        for task in &mut report.tasks {
            if let Some(of) = self.tasks.get(&task.id) {
                task.title.clone_from(&of.title);
                task.met.clone_from(&of.met);
            }
            for found in &mut task.requirements {
                if let Some(of) = self.requirements.get(&found.id) {
                    found.worth = of.worth;
                    found.title.clone_from(&of.title);
                    found.teach.clone_from(&of.teach);
                    found.look_at.clone_from(&of.look_at);
                    found.handout.clone_from(&of.handout);
                    found.section.clone_from(&of.section);
                }
                for run in &mut found.runs {
                    if let Some(of) = self.runs.get(&run.id) {
                        run.difference.clone_from(&of.difference);
                        run.title.clone_from(&of.title);
                        run.transcript = vec![String::new(); of.before];
                        run.transcript.extend(of.transcript.iter().cloned());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::{Format, render};
    use super::super::style::Style;
    use super::super::{json, sample};
    use super::*;

    #[test]
    fn a_report_is_whole_again() {
        let report = sample::full();
        let aside = serde_json::to_string(&Aside::of(&report)).unwrap();
        let mut again = json::from_json(&json::render(&report)).unwrap();
        serde_json::from_str::<Aside>(&aside).unwrap().put_back(&mut again);
        for format in [Format::Human, Format::Markdown, Format::Json, Format::Junit, Format::Gradescope] {
            let style = Style::default();
            assert_eq!(render(&again, format, style), render(&report, format, style), "{format}");
        }
    }
}
