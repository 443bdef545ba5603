//! `--out`: the files that show what happened.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::grade::{Graded, Played};
use crate::report::html::{self, Seen};
use crate::report::json;
use crate::report::model::Status;
use crate::{capture, run};

/// Writes the report, with what the models did beside it, for programs and for people, and a transcript, a capture and the calls of every run.
///
/// # Errors
/// If a file cannot be written.
pub fn write(out: &Path, graded: &mut Graded, models: &BTreeMap<String, Played>) -> io::Result<()> {
    std::fs::create_dir_all(out.join("runs"))?;
    let played = &graded.played;
    for requirement in graded.report.tasks.iter_mut().flat_map(|task| &mut task.requirements) {
        for report in &mut requirement.runs {
            let Some(played) = played.get(&report.id).filter(|_| report.status != Status::Skip) else { continue };
            let name = file_name(&report.id);
            let transcript = format!("runs/{name}.transcript.txt");
            std::fs::write(out.join(&transcript), transcript_text(&report.id, played))?;
            report.evidence.transcript = Some(transcript);
            if !played.calls.is_empty() {
                let calls = format!("runs/{name}.calls.txt");
                std::fs::write(out.join(&calls), played.record.secrets.text(&played.calls))?;
                report.evidence.calls = Some(calls);
            }
            if !played.frames.is_empty() {
                let pcap = format!("runs/{name}.pcap");
                capture::write(&out.join(&pcap), played.link, &played.frames, &played.record.secrets)?;
                report.evidence.pcap = Some(pcap);
            }
        }
    }
    let runs = graded.played.iter().map(|(id, played)| {
        let Played { record, calls, .. } = played;
        let model = models.get(id).map(|model| model.record.events.as_slice()).unwrap_or_default();
        (id.as_str(), Seen { events: &record.events, calls, model })
    });
    let runs = runs.collect();
    std::fs::write(out.join("report.html"), html::render(&graded.report, &runs))?;
    std::fs::write(out.join("report.json"), json::render(&graded.report))
}

/// A run's id as a file name.
fn file_name(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '.' }).collect()
}

fn transcript_text(id: &str, played: &Played) -> String {
    let mut text = format!("{id}\n\n");
    for line in run::transcript::lines(&played.record.events, true) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}
