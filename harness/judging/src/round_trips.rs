//! Round-trip times that a program prints, in whatever unit and words, against those that the
//! network and the peer gave it.

use std::time::Duration;

use harness_verdict::Failure;

use crate::loosely::{self, Token};
use crate::shown;

/// Units of time as programs write them, longest names first.
const UNITS: &[(&str, f64)] = &[
    ("milliseconds", 1e-3),
    ("millisecond", 1e-3),
    ("microseconds", 1e-6),
    ("nanoseconds", 1e-9),
    ("seconds", 1.0),
    ("second", 1.0),
    ("millis", 1e-3),
    ("micros", 1e-6),
    ("msecs", 1e-3),
    ("msec", 1e-3),
    ("usec", 1e-6),
    ("nsec", 1e-9),
    ("secs", 1.0),
    ("sec", 1.0),
    ("\u{b5}s", 1e-6),
    ("\u{3bc}s", 1e-6),
    ("ms", 1e-3),
    ("us", 1e-6),
    ("ns", 1e-9),
    ("s", 1.0),
];

/// A printed figure may differ from the network's by this share and this much besides: programs
/// take their time between the clock and the socket.
const SHARE: f64 = 0.2;
const BESIDES: f64 = 1e-3;

/// Words by which a summary names its figures.
const LEAST: &[&str] = &["min", "least", "lowest", "shortest", "fastest"];
const MEAN: &[&str] = &["avg", "average", "mean"];
const LARGEST: &[&str] = &["max", "largest", "highest", "longest", "slowest"];

/// A figure and the unit that is written with it, if one is.
#[derive(Debug, Clone, Copy)]
struct Figure {
    value: f64,
    unit: Option<f64>,
}

impl Figure {
    fn seconds(self, otherwise: f64) -> f64 {
        self.value * self.unit.unwrap_or(otherwise)
    }
}

/// Figures of a line, each with its unit: the one behind it, else the one that the line speaks of
/// (`RTT (ms): 20`).
fn figures(line: &[u8]) -> Vec<Figure> {
    let of_line = units_named(line).first().copied();
    let one = |token: Token| Figure { value: token.value, unit: unit_after(&line[token.end..]).or(of_line) };
    loosely::tokens(line).into_iter().map(one).collect()
}

/// The unit that begins here, after blanks and brackets.
fn unit_after(rest: &[u8]) -> Option<f64> {
    let text = String::from_utf8_lossy(rest).to_lowercase();
    let text = text.trim_start_matches([' ', '\t', '(', '[']);
    UNITS.iter().find_map(|(name, factor)| {
        let after = text.strip_prefix(name)?;
        (!after.starts_with(char::is_alphabetic)).then_some(*factor)
    })
}

/// Units that a text names in words of their own.
fn units_named(text: &[u8]) -> Vec<f64> {
    let lower = String::from_utf8_lossy(text).to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphabetic()).collect();
    UNITS.iter().filter(|(name, _)| words.contains(name)).map(|(_, factor)| *factor).collect()
}

/// Units that a figure may be in whose line names none: seconds, as clocks give them, or one that
/// the output names elsewhere; any, where it names none at all.
fn unit_of(text: &[u8]) -> Vec<f64> {
    let mut named = units_named(text);
    if named.is_empty() {
        return vec![1.0, 1e-3, 1e-6, 1e-9];
    }
    named.push(1.0);
    named
}

fn near(printed: f64, true_value: f64) -> bool {
    (printed - true_value).abs() <= true_value * SHARE + BESIDES
}

/// Whether the round-trip times of all answered pings are printed, in order.
///
/// # Errors
/// Which is missing.
pub fn judge(printed: &[u8], trips: &[Option<Duration>]) -> Result<(), Failure> {
    let plain = loosely::loosen(printed);
    let lines: Vec<Vec<Figure>> = plain.split(|byte| *byte == b'\n').map(figures).collect();
    let units = unit_of(&plain);
    if units.iter().any(|unit| missing(&lines, trips, *unit).is_none()) {
        return Ok(());
    }
    // The summary's largest time may look like a ping's: to name the ping, only other lines are read.
    let of_pings: Vec<Vec<Figure>> =
        plain.split(|byte| *byte == b'\n').filter(|line| !sums_up(line)).map(figures).collect();
    let at = units.iter().filter_map(|unit| missing(&of_pings, trips, *unit)).max().unwrap_or(0);
    let trip = trips.get(at).copied().flatten().unwrap_or_default();
    let milliseconds = trip.as_secs_f64() * 1e3;
    Err(Failure {
        expected: format!("for ping {} a round-trip time of about {milliseconds} ms", at + 1),
        actual: shown::describe(printed),
        reason: format!(
            "the round-trip time of ping {} was {milliseconds} ms, and no such time is printed for it, in any unit that the output names",
            at + 1
        ),
        state: String::new(),
    })
}

/// Whether a line is about all pings.
fn sums_up(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line).to_lowercase();
    [LEAST, MEAN, LARGEST].concat().iter().any(|word| text.contains(word))
}

/// The first answered ping whose time is not printed, reading lines in order.
fn missing(lines: &[Vec<Figure>], trips: &[Option<Duration>], unit: f64) -> Option<usize> {
    let mut rest = lines;
    for (index, trip) in trips.iter().enumerate() {
        let Some(trip) = trip.map(|trip| trip.as_secs_f64()) else { continue };
        let found = rest.iter().position(|line| line.iter().any(|figure| near(figure.seconds(unit), trip)));
        match found {
            Some(at) => rest = &rest[at + 1..],
            None => return Some(index),
        }
    }
    None
}

/// Least, mean and largest round-trip time, and the share of lost pings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    least: f64,
    mean: f64,
    largest: f64,
    sent: usize,
    lost: usize,
}

impl Summary {
    /// The summary of these pings.
    pub fn of(trips: &[Option<Duration>]) -> Self {
        let answered: Vec<f64> = trips.iter().flatten().map(Duration::as_secs_f64).collect();
        let count = answered.len().max(1) as f64;
        Self {
            least: answered.iter().copied().reduce(f64::min).unwrap_or(0.0),
            mean: answered.iter().sum::<f64>() / count,
            largest: answered.iter().copied().reduce(f64::max).unwrap_or(0.0),
            sent: trips.len(),
            lost: trips.len() - answered.len(),
        }
    }

    /// Whether an output says all of it.
    ///
    /// # Errors
    /// What it does not say.
    pub fn judge(self, printed: &[u8]) -> Result<(), Failure> {
        let plain = loosely::loosen(printed);
        let text = String::from_utf8_lossy(&plain).to_lowercase();
        let units = unit_of(&plain);
        let figures: [(&str, &[&str], f64); 3] =
            [("least", LEAST, self.least), ("mean", MEAN, self.mean), ("largest", LARGEST, self.largest)];
        if figures.iter().all(|(_, words, _)| about(&text, words).is_empty()) {
            return Err(Failure {
                expected: "a summary: the least, the mean and the largest round-trip time, and the share of lost pings"
                    .to_owned(),
                actual: shown::describe(printed),
                reason: "the client prints no summary".to_owned(),
                state: String::new(),
            });
        }
        for (what, words, value) in figures {
            let said = about(&text, words);
            let right = |line: &String| {
                let figures = figures_of(line);
                units.iter().any(|unit| figures.iter().any(|figure| near_summary(figure.seconds(*unit), value)))
            };
            if !said.iter().any(right) {
                let milliseconds = (value * 1e6).round() / 1e3;
                return Err(missing_figure(what, &format!("{milliseconds} ms"), &said, printed));
            }
        }
        let share = self.lost as f64 * 100.0 / self.sent.max(1) as f64;
        let said = about(&text, &["loss", "lost"]);
        let right = |line: &String| {
            let percent = line.contains('%') || line.contains("percent");
            figures_of(line).iter().any(|figure| {
                let is_share = (figure.value - share).abs() <= 1.0;
                let is_part = (figure.value * 100.0 - share).abs() <= 1.0;
                let is_count = figure.value == self.lost as f64;
                if percent { is_share } else { is_share && share >= 1.0 || is_part || is_count }
            })
        };
        if !said.iter().any(right) {
            return Err(missing_figure("share of lost pings", &format!("{share} %"), &said, printed));
        }
        Ok(())
    }
}

fn figures_of(line: &str) -> Vec<Figure> {
    figures(line.as_bytes())
}

/// A summary's figures are means of figures that may each be a little off.
fn near_summary(printed: f64, value: f64) -> bool {
    (printed - value).abs() <= value * 0.1 + BESIDES / 4.0
}

/// Lines that use one of these words, each with the line after it: some print a heading first.
fn about(text: &str, words: &[&str]) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let speaks = |line: &&str| words.iter().any(|word| line.contains(word));
    let found = lines.iter().enumerate().filter(|(_, line)| speaks(line));
    found.map(|(at, line)| format!("{line} {}", lines.get(at + 1).unwrap_or(&""))).collect()
}

fn missing_figure(what: &str, value: &str, said: &[String], printed: &[u8]) -> Failure {
    let actual = match said {
        [] => format!("no line about it in {}", shown::describe(printed)),
        lines => shown::describe(lines.join("\n").as_bytes()),
    };
    Failure {
        expected: format!("the summary's {what}: {value}"),
        reason: format!("the summary does not give the {what}, {value}"),
        actual,
        state: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn trips(milliseconds: &[u64]) -> Vec<Option<Duration>> {
        milliseconds.iter().map(|ms| (*ms > 0).then(|| Duration::from_millis(*ms))).collect()
    }

    #[rstest]
    #[case("Ping 1 20.3 ms\nRequest timed out\nPing 3 61 ms\n", &[20, 0, 60], true)]
    #[case("Ping 1: RTT = 0.0203 seconds\nlost\nPing 3: RTT = 0.0604 seconds", &[20, 0, 60], true)]
    #[case("1 0.020141363\n2 0.060417652\n", &[20, 60], true)]
    #[case("RTT (ms): 20\nRTT (ms): 60\n", &[20, 60], true)]
    #[case("PONG time=20300us\nPONG time=60100us", &[20, 60], true)]
    #[case("Ping 1 RTT 0.0203 ms\nPing 2 RTT 0.0604 ms\n", &[20, 60], false)]
    #[case("Ping 1 20.3 ms\nPing 2 500 ms\n", &[20, 60], false)]
    #[case("", &[20], false)]
    #[case("Reply 1 0.0203\nReply 2 0.0604\nmin 20.3 ms", &[20, 60], true)]
    #[case("RTT (ms): 0.0203\nRTT (ms): 0.0604\n", &[20, 60], false)]
    #[case("all lost", &[0, 0], true)]
    #[case("Ping 1 0.0203 s of 1000 ms", &[20], true)]
    #[case("times in ms\nPing 1 20.3\nPing 2 60.1", &[20, 60], true)]
    #[case("Ping 1 20.3\nPing 2 60.1", &[20, 60], true)]
    #[case("RTT 2.9 ms", &[2], true)]
    #[case("RTT 3.6 ms", &[2], false)]
    fn reads_round_trips(#[case] printed: &str, #[case] milliseconds: &[u64], #[case] right: bool) {
        assert_eq!(judge(printed.as_bytes(), &trips(milliseconds)).is_ok(), right);
    }

    #[test]
    fn the_ping_that_is_named_is_the_first_that_is_wrong() {
        let printed = "Ping 1 0.7 ms\nPing 2 0.7 ms\nmin/avg/max 0.7/0.7/0.7";
        let failure = judge(printed.as_bytes(), &trips(&[700, 700])).unwrap_err();
        assert!(failure.reason.contains("ping 1 was 700 ms"), "{}", failure.reason);
    }

    #[test]
    fn a_later_ping_is_named_too() {
        let printed = "Ping 1 700 ms\nPing 2 0.7 ms\nmax 900 ms";
        let failure = judge(printed.as_bytes(), &trips(&[700, 700])).unwrap_err();
        assert!(failure.reason.contains("ping 2 was 700 ms"), "{}", failure.reason);
    }

    #[rstest]
    #[case::percent("loss 33.3 %", true)]
    #[case::percent_in_words("33 percent loss", true)]
    #[case::bare("loss: 33.3", true)]
    #[case::part("loss rate: 0.333", true)]
    #[case::count("packets lost: 2", true)]
    #[case::a_part_as_percent("loss 0.333 %", false)]
    #[case::a_count_as_percent("loss 2 %", false)]
    #[case::another_count("packets lost: 5", false)]
    #[case::another_share("loss 40 %", false)]
    fn reads_a_loss_of_two_in_six(#[case] printed: &str, #[case] right: bool) {
        let printed = format!("min 10 ms, avg 25 ms, max 40 ms\n{printed}");
        let outcome = Summary::of(&trips(&[10, 0, 20, 30, 0, 40])).judge(printed.as_bytes());
        assert_eq!(outcome.is_ok(), right, "{outcome:?}");
    }

    #[rstest]
    #[case::none_lost("lost: 0", &[10, 10], true)]
    #[case::none_lost_and_one_said("lost: 1", &[10, 10], false)]
    #[case::few_lost("loss: 0.5 %", &[[10; 199].as_slice(), &[0]].concat(), true)]
    #[case::few_lost_and_none_said("lost: 0", &[[10; 49].as_slice(), &[0]].concat(), false)]
    fn reads_a_small_loss(#[case] printed: &str, #[case] milliseconds: &[u64], #[case] right: bool) {
        let printed = format!("min 10 ms, avg 10 ms, max 10 ms\n{printed}");
        let outcome = Summary::of(&trips(milliseconds)).judge(printed.as_bytes());
        assert_eq!(outcome.is_ok(), right, "{outcome:?}");
    }

    #[rstest]
    #[case("min 1.3 ms, avg 1.1 ms, max 0.7 ms, loss 0 %", true)]
    #[case("min 1.6 ms, avg 1.6 ms, max 1.6 ms, loss 0 %", false)]
    fn figures_of_a_summary_are_near(#[case] printed: &str, #[case] right: bool) {
        assert_eq!(Summary::of(&trips(&[1])).judge(printed.as_bytes()).is_ok(), right);
    }

    #[test]
    fn a_missing_figure_is_told_with_its_value() {
        let failure = Summary::of(&trips(&[10, 20])).judge(b"min 10 ms, max 20 ms\naverage: 3 ms").unwrap_err();
        assert_eq!(failure.reason, "the summary does not give the mean, 15 ms");
        assert_eq!(failure.actual, "\"average: 3 ms \" (14 bytes)");
        let failure = Summary::of(&trips(&[10])).judge(b"min 10 ms").unwrap_err();
        assert_eq!(failure.actual, "no line about it in \"min 10 ms\" (9 bytes)");
        let failure = Summary::of(&trips(&[10])).judge(b"Ping 1: 10 ms").unwrap_err();
        assert_eq!(failure.reason, "the client prints no summary");
    }

    #[rstest]
    #[case("min 10 ms, avg 20 ms, max 30 ms, loss 25 %", true)]
    #[case("rtt min/avg/max = 10.2/20.1/30.4 ms\n4 sent, 3 received, 25.0% packet loss", true)]
    #[case("Minimum: 0.0101 s\nAverage: 0.0202 s\nMaximum: 0.0303 s\nPackets lost: 1", true)]
    #[case("min 10 ms, avg 20 ms, max 30 ms, loss 0 %", false)]
    #[case("min 10 ms, avg 13 ms, max 30 ms, loss 25 %", false)]
    #[case("done", false)]
    fn reads_summaries(#[case] printed: &str, #[case] right: bool) {
        let trips = trips(&[10, 0, 20, 30]);
        let outcome = Summary::of(&trips).judge(printed.as_bytes());
        assert_eq!(outcome.is_ok(), right, "{outcome:?}");
    }
}
