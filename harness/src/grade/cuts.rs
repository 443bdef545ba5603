//! Exactly which calls and segments of a run are cut short: what a random schedule is turned into
//! when the smallest one that still fails is looked for.
//!
//! As text, in reports and on the command line: `send: 4096, 1024, rest` (how much the calls that
//! write may take, in order, on each socket), `recv: …` likewise for reading, and `sent: …` (the
//! segments of what a peer sends), several of them apart by semicolons.

use std::fmt;
use std::str::FromStr;

use harness_language::scenario::Scenario;
use harness_language::scenario::bytes::SegmentSize;
use harness_language::scenario::model::{RandomSegments, Schedule, Send, Step};

/// Sizes in order; what comes after them is whole.
pub type Sizes = Vec<usize>;

/// The cuts of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cuts {
    /// Most that the n-th write on a socket takes.
    pub writes: Option<Sizes>,
    /// Most that the n-th read on a socket yields.
    pub reads: Option<Sizes>,
    /// The segments of what peers send, for each step that draws them at random.
    pub sends: Vec<Sizes>,
}

impl fmt::Display for Cuts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |name: &str, sizes: &Sizes| {
            let sizes: Vec<String> = sizes.iter().map(ToString::to_string).chain(["rest".to_owned()]).collect();
            format!("{name}: {}", sizes.join(", "))
        };
        let calls = [("send", &self.writes), ("recv", &self.reads)];
        let calls = calls.into_iter().filter_map(|(name, sizes)| sizes.as_ref().map(|sizes| text(name, sizes)));
        let parts: Vec<String> = calls.chain(self.sends.iter().map(|sizes| text("sent", sizes))).collect();
        f.write_str(&parts.join("; "))
    }
}

/// Why a text names no cuts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no schedule such as \"send: 4096, 1024, rest\"")]
pub struct NoCuts(String);

impl FromStr for Cuts {
    type Err = NoCuts;

    fn from_str(text: &str) -> Result<Self, NoCuts> {
        let wrong = || NoCuts(text.to_owned());
        let mut cuts = Self::default();
        for part in text.split(';') {
            let (name, sizes) = part.split_once(':').ok_or_else(wrong)?;
            let sizes = sizes.trim().strip_suffix("rest").ok_or_else(wrong)?;
            let sizes = sizes.split(',').map(str::trim).filter(|size| !size.is_empty());
            let sizes: Sizes = sizes
                .map(|size| size.parse().ok().filter(|size| *size > 0).ok_or_else(wrong))
                .collect::<Result<_, _>>()?;
            match name.trim() {
                "send" => cuts.writes = Some(sizes),
                "recv" => cuts.reads = Some(sizes),
                "sent" => cuts.sends.push(sizes),
                _ => return Err(wrong()),
            }
        }
        Ok(cuts)
    }
}

impl Cuts {
    /// Puts the cuts in the place of what a scenario draws at random.
    pub fn apply(&self, scenario: &mut Scenario) {
        let list = |sizes: &Sizes| -> Vec<SegmentSize> {
            let sizes = sizes.iter().map(|size| SegmentSize::Bytes(*size));
            sizes.chain([SegmentSize::Rest]).collect()
        };
        let forced = &mut scenario.forced;
        for (place, sizes) in [(&mut forced.writes, &self.writes), (&mut forced.reads, &self.reads)] {
            if let (Some(Schedule::Random(_)), Some(sizes)) = (&*place, sizes) {
                *place = Some(Schedule::List(list(sizes)));
            }
        }
        let mut random = Vec::new();
        random_sends(&mut scenario.steps, &mut random);
        if random.len() == self.sends.len() {
            for (send, sizes) in random.into_iter().zip(&self.sends) {
                send.random = None;
                send.segments = Some(list(sizes));
            }
        }
    }
}

/// The steps of a scenario that draw segments at random, in order.
pub fn random_sends<'s>(steps: &'s mut [Step], found: &mut Vec<&'s mut Send>) {
    for step in steps {
        match step {
            Step::Send(send) if send.random.is_some() => found.push(send),
            Step::Repeat(repeat) => random_sends(&mut repeat.steps, found),
            _ => {}
        }
    }
}

/// What is drawn at random in a scenario.
#[derive(Debug, Default)]
pub struct Drawn {
    /// Whether it is how much writes take.
    pub writes: bool,
    /// Whether it is how much reads yield.
    pub reads: bool,
    /// What peers send in random segments, and of which sizes.
    pub sends: Vec<(Vec<u8>, RandomSegments)>,
}

impl Drawn {
    /// What a scenario draws; nothing if it draws nothing.
    pub fn of(scenario: &Scenario) -> Option<Self> {
        let is_random = |schedule: &Option<Schedule>| matches!(schedule, Some(Schedule::Random(_)));
        let mut steps = scenario.steps.clone();
        let mut random = Vec::new();
        random_sends(&mut steps, &mut random);
        let sends = random.iter().filter_map(|send| Some((send.data.bytes(0).ok()?, send.random.clone()?)));
        let drawn = Self {
            writes: is_random(&scenario.forced.writes),
            reads: is_random(&scenario.forced.reads),
            sends: sends.collect(),
        };
        (drawn.writes || drawn.reads || !drawn.sends.is_empty()).then_some(drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("send: 4096, 1024, rest", Cuts { writes: Some(vec![4096, 1024]), ..Cuts::default() })]
    #[case("send: rest; recv: 1, rest", Cuts { writes: Some(vec![]), reads: Some(vec![1]), sends: vec![] })]
    #[case("sent: 3, rest; sent: rest", Cuts { sends: vec![vec![3], vec![]], ..Cuts::default() })]
    fn are_written_and_read(#[case] text: &str, #[case] cuts: Cuts) {
        assert_eq!(cuts.to_string(), text);
        assert_eq!(text.parse(), Ok(cuts));
    }

    #[rstest]
    #[case("")]
    #[case("send: 1 to 64 bytes at a time, drawn from the seed")]
    #[case("send: 0, rest")]
    #[case("send 4, rest")]
    #[case("say: 4, rest")]
    fn other_texts_are_none(#[case] text: &str) {
        assert!(text.parse::<Cuts>().is_err());
    }
}
