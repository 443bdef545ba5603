//! `--out`: the files that show what happened.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use harness_judging::shown::{counted, counted_are};
use harness_os::sniff::Frame;

use crate::grade::{Graded, Played};
use crate::report::html::{self, Seen};
use crate::report::json;
use crate::report::model::Status;
use crate::{capture, run};

/// Longest record of calls, in bytes. Beginning and end tell what a run was about; the middle is cut out of longer ones.
const CALLS: usize = 64 << 10;

/// Bytes of packets in the longest capture; likewise.
const PACKETS: usize = 128 << 10;

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
            let (first, last, left_out) = ends(&played.frames, |frame| frame.bytes.len(), PACKETS);
            let mut text = transcript_text(&report.id, played);
            if left_out > 0 {
                text.push_str(&format!(
                    "\nthe capture has {} of the beginning and {} of the end: {left_out} between them are left out\n",
                    counted(first.len(), "packet"),
                    last.len()
                ));
            }
            std::fs::write(out.join(&transcript), text)?;
            report.evidence.transcript = Some(transcript);
            if !played.calls.is_empty() {
                let calls = format!("runs/{name}.calls.txt");
                std::fs::write(out.join(&calls), played.record.secrets.text(&without_middle(&played.calls, CALLS)))?;
                report.evidence.calls = Some(calls);
            }
            if !played.frames.is_empty() {
                let pcap = format!("runs/{name}.pcap");
                let frames: Cow<'_, [Frame]> = match left_out {
                    0 => Cow::Borrowed(&played.frames),
                    _ => Cow::Owned([first, last].concat()),
                };
                capture::write(&out.join(&pcap), played.link, &frames, &played.record.secrets)?;
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
    for program in &played.record.programs {
        let ended = program.ended.map_or("was running when the run was over".to_owned(), |how| how.to_string());
        text.push_str(&format!("\n{}: {ended}\n", program.name));
        for (stream, said) in [("output", &program.stdout), ("error", &program.stderr)] {
            if !said.is_empty() {
                text.push_str(&format!("--- {}'s standard {stream}\n{}\n", program.name, said.text().trim_end()));
            }
        }
    }
    text
}

/// As many things from the beginning and from the end as are not longer than `most` together, and how many are between.
fn ends<T>(things: &[T], length: impl Fn(&T) -> usize, most: usize) -> (&[T], &[T], usize) {
    if things.iter().map(&length).sum::<usize>() <= most {
        return (things, &[], 0);
    }
    let first = fitting(things.iter().map(&length), most / 2);
    let last = fitting(things.iter().rev().map(&length), most / 2);
    (&things[..first], &things[things.len() - last..], things.len() - first - last)
}

/// How many of the first lengths are not more than `most` together.
fn fitting(lengths: impl Iterator<Item = usize>, most: usize) -> usize {
    let mut sum = 0;
    lengths
        .take_while(|length| {
            sum += length;
            sum <= most
        })
        .count()
}

/// A text of lines without its middle, which a line takes the place of, if it is longer than `most`.
fn without_middle(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (first, last, left_out) = ends(&lines, |line| line.len(), most);
    Cow::Owned(format!("{}… {} left out here …\n{}", first.concat(), counted_are(left_out, "line"), last.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("a\nb\nc\n", 6, "a\nb\nc\n")]
    #[case("a\nb\nc\nd\n", 6, "a\n… 2 lines are left out here …\nd\n")]
    #[case("a\nlonger than the whole\nc\n", 8, "a\n… 1 line is left out here …\nc\n")]
    fn the_middle_is_left_out(#[case] text: &str, #[case] most: usize, #[case] kept: &str) {
        assert_eq!(without_middle(text, most), kept);
    }
}
