//! Whether a program has shown a machine's figures, in whatever form: as `free` prints them, in a sentence of its own, in
//! another unit, rounded, as a share in percent.
//!
//! A number counts where it, or a line shortly above it, is about the matter. Short numbers say little, and have to be
//! right in all that they say.

use std::sync::OnceLock;

use regex::Regex;

use super::figures::{Figures, Memory};
use super::files::loads;

/// How far a share may be off, in percent of the whole: two looks at a counter are never made at the same moment.
const OFF: f64 = 1.0;

/// Lines above a number that may say what it is.
const ABOVE: usize = 3;

/// A number as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Number {
    value: f64,
    /// How many digits stand behind its point.
    decimals: i32,
    /// How many digits it has in all, zeroes at its beginning left out.
    digits: usize,
}

impl Number {
    /// Whether this is how somebody would write `value`: rounded, or cut off.
    fn is(self, value: f64) -> bool {
        (self.value - value).abs() < 10_f64.powi(-self.decimals) * 0.999_9
    }

    /// Whether this is how somebody would write a share, as a percentage or, if it may be one, as a part of 1.
    fn is_share(self, percent: f64, may_be_part: bool) -> bool {
        let as_part =
            may_be_part && self.decimals >= 2 && self.value < 1.0 && (self.value * 100.0 - percent).abs() <= OFF;
        as_part || (self.value - percent).abs() <= OFF
    }
}

fn matcher(slot: &'static OnceLock<Option<Regex>>, pattern: &str) -> Option<&'static Regex> {
    slot.get_or_init(|| Regex::new(pattern).ok()).as_ref()
}

/// Numbers in a line, also with a comma between thousands. Digits within a word are none.
fn numbers(line: &str) -> Vec<Number> {
    static NUMBER: OnceLock<Option<Regex>> = OnceLock::new();
    let pattern = r"(?:^|[^0-9A-Za-z_.])((?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]+))?)";
    let Some(matcher) = matcher(&NUMBER, pattern) else { return Vec::new() };
    let number = |found: regex::Captures<'_>| {
        let text = found.get(1)?.as_str().replace(',', "");
        let decimals = found.get(2).map_or(0, |it| it.len());
        let digits = text.trim_start_matches(['0', '.']).chars().filter(char::is_ascii_digit).count();
        Some(Number { value: text.parse().ok()?, decimals: decimals as i32, digits })
    };
    matcher.captures_iter(line).filter_map(number).collect()
}

/// Lines that are about a matter, with whether they say so themselves.
fn about<'t>(lines: &'t [&'t str], words: &'t Regex) -> impl Iterator<Item = &'t str> {
    (0..lines.len())
        .filter(|at| lines[at.saturating_sub(ABOVE)..=*at].iter().any(|line| words.is_match(line)))
        .map(|at| lines[at])
}

fn lines(output: &[u8]) -> Vec<String> {
    let plain = harness_judging::loosely::loosen(output);
    let text = String::from_utf8_lossy(&plain).into_owned();
    text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

/// Whether a program has shown something of the machine's processors.
pub fn shows_cpu(figures: &Figures, output: &[u8]) -> bool {
    static WORDS: OnceLock<Option<Regex>> = OnceLock::new();
    static COUNT: OnceLock<Option<Regex>> = OnceLock::new();
    let words = matcher(&WORDS, r"(?i)cpu|processor|core|idle|busy|usage|utili[sz]|load|use?r\b|\bus\b|\bid\b|sys");
    let count = matcher(&COUNT, r"(?i)cpu|processor|core|nproc");
    let (Some(words), Some(count)) = (words, count) else { return false };
    let lines = lines(output);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let tenths = |value: u64| value as f64 / 10.0;
    let shares = [tenths(figures.busy()), tenths(figures.idle()), tenths(figures.user)];
    let loads = loads(figures);
    let mentions = |line: &str, text: &str| line.to_lowercase().contains(&text.to_lowercase());
    let is_load = |number: Number, load: u64| number.decimals == 2 && number.is(load as f64 / 100.0);
    lines.iter().any(|line| mentions(line, &figures.series) || loads.iter().all(|load| line.contains(load)))
        || lines.iter().any(|line| ticks(line).is_some_and(|share| (share - shares[0]).abs() <= OFF))
        || about(&lines, words).any(|line| {
            let numbers = numbers(line);
            numbers.iter().any(|number| shares.iter().any(|share| number.is_share(*share, !mentions(line, "load"))))
                || numbers
                    .iter()
                    .any(|number| mentions(line, "load") && figures.loads.iter().any(|load| is_load(*number, *load)))
                || numbers.iter().any(|number| number.digits > 2 && is_sum(*number, figures))
        })
        || about(&lines, count).any(|line| {
            numbers(line)
                .iter()
                .any(|number| number.decimals == 0 && number.is(figures.cores as f64) && number.value >= 1.0)
        })
}

/// What the shares of all processes come to, where each counts in parts of one processor.
fn is_sum(number: Number, figures: &Figures) -> bool {
    let sum = (figures.busy() * figures.cores) as f64 / 10.0;
    (number.value - sum).abs() <= OFF * 2.0
}

/// Which share of the time was in use by a line of `/proc/stat`, in percent.
fn ticks(line: &str) -> Option<f64> {
    let mut words = line.split_ascii_whitespace().skip_while(|word| !word.starts_with("cpu"));
    words.next()?;
    let numbers: Vec<f64> = words.map_while(|word| word.parse().ok()).collect();
    let [user, nice, system, idle, ..] = numbers[..] else { return None };
    let busy = user + nice + system;
    (busy + idle > 0.0).then(|| busy / (busy + idle) * 100.0)
}

/// Whether a program has shown something of the machine's memory.
pub fn shows_memory(figures: &Figures, output: &[u8]) -> bool {
    static WORDS: OnceLock<Option<Regex>> = OnceLock::new();
    let Some(words) = matcher(&WORDS, r"(?i)mem|\bram\b|total|used|free|avail|cache|buff") else { return false };
    let lines = lines(output);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    about(&lines, words).any(|line| {
        let of_a_whole = line.contains('%') || line.to_lowercase().contains("percent");
        numbers(line)
            .into_iter()
            .any(|number| is_amount(number, &figures.memory) || of_a_whole && is_part(number, &figures.memory))
    })
}

/// An amount of memory in some unit.
fn is_amount(number: Number, memory: &Memory) -> bool {
    const UNITS: [f64; 7] = [1.0, 1_000.0, 1_024.0, 1e6, 1_048_576.0, 1e9, 1_073_741_824.0];
    let it = memory;
    let telling = [it.total, it.used(), it.used_formerly(), it.available, it.free];
    let others = [it.caches(), it.cached, it.buffers, it.total - it.free];
    // With two digits an amount is told in gibibytes, and is one of the main ones.
    let amounts = telling.iter().chain(others.iter().filter(|_| number.digits > 2));
    let units = if number.digits > 2 { &UNITS[..] } else { &UNITS[5..] };
    let is = |kib: &u64| units.iter().any(|unit| number.is(*kib as f64 * 1_024.0 / unit));
    number.digits >= 2 && amounts.clone().any(is)
}

/// A share of the memory, in percent.
fn is_part(number: Number, memory: &Memory) -> bool {
    let it = memory;
    let parts = [it.used(), it.used_formerly(), it.total - it.free, it.available, it.free];
    parts.iter().any(|part| (number.value - *part as f64 / it.total as f64 * 100.0).abs() <= OFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::time::Duration;

    /// A machine with round numbers: 24 GiB, of which 15 GiB are available; 36.5 % busy.
    fn machine() -> Figures {
        let memory = Memory {
            total: 25_480_804,
            free: 4_100_250,
            available: 15_321_670,
            buffers: 301_777,
            cached: 6_302_111,
            reclaimable: 400_321,
            shared: 150_204,
            swap: 4_194_300,
            swap_free: 3_900_000,
        };
        Figures {
            model: "Quillon QX-4173 @ 2.71GHz".to_owned(),
            series: "QX-4173".to_owned(),
            cores: 13,
            khz: 2_713_482,
            user: 274,
            system: 91,
            loads: [482, 467, 441],
            up: Duration::from_secs(1_000_000),
            memory,
        }
    }

    #[rstest]
    #[case::sentence("CPU usage: 36.5%", true)]
    #[case::rounded("cpu 37 %", true)]
    #[case::sampled("CPU Usage: 36.12987 %", true)]
    #[case::part("cpu: 0.365", true)]
    #[case::idle("CPU idle 63.5", true)]
    #[case::below_its_heading("CPU\n===\n36.4", true)]
    #[case::top("%Cpu(s): 27.4 us,  9.1 sy,  0.0 ni, 63.5 id,  0.0 wa", true)]
    #[case::vmstat(
        " r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st\n 3 0 1 2 3 4 0 0 4 17 311 702 27 9 64 0 0",
        true
    )]
    #[case::model("Model name: quillon qx-4173", true)]
    #[case::count("CPU(s): 13", true)]
    #[case::load("load average: 4.82, 4.67, 4.41", true)]
    #[case::one_load("Load: 4.82", true)]
    #[case::raw_load("4.82 4.67 4.41 3/417 21977", true)]
    #[case::ticks("cpu  274 0 91 635 0 0 0 0 0 0", true)]
    #[case::in_braces("{'cpu': 36.5, 'mem': 1}", true)]
    #[case::another_machine("CPU usage: 4.2%\n2 cores\nload average: 0.22, 0.31, 0.29", false)]
    #[case::another_top("%Cpu(s):  1.0 us,  0.5 sy,  0.0 ni, 98.5 id", false)]
    #[case::other_ticks("cpu  1274 0 91 63500 0 0 0 0 0 0", false)]
    #[case::another_load("load average: 0.36, 0.64, 0.27", false)]
    #[case::not_about_it("temperature: 36.5", false)]
    #[case::nothing("", false)]
    fn knows_its_processors(#[case] said: &str, #[case] known: bool) {
        assert_eq!(shows_cpu(&machine(), said.as_bytes()), known);
    }

    #[rstest]
    #[case::kib("Mem:       25480804    10159134     4100250      150204     7004209    15321670", true)]
    #[case::mib("Total memory: 24883 MB", true)]
    #[case::mib_with_decimals("total 24883.60 MiB", true)]
    #[case::gib("Memory: 24.3 GB", true)]
    #[case::gb("RAM 26.09 GB", true)]
    #[case::thousands("MemTotal: 25,480,804 kB", true)]
    #[case::bytes("memory total = 26092343296", true)]
    #[case::human("Mem:            24Gi       9.7Gi       3.9Gi", true)]
    #[case::available("15.3 of available memory, in millions", false)]
    #[case::available_gib("available memory 14.6 GiB", true)]
    #[case::percent("Memory usage: 39.87%", true)]
    #[case::below_its_heading("== memory ==\n\n10159134", true)]
    #[case::another_machine("Mem: 8144264 2413344 1021204 100 4709716 5401032", false)]
    #[case::another_share("memory usage 71.2 %", false)]
    #[case::not_about_it("disk /dev/sda1 25480804", false)]
    #[case::nothing("", false)]
    fn knows_its_memory(#[case] said: &str, #[case] known: bool) {
        assert_eq!(shows_memory(&machine(), said.as_bytes()), known);
    }

    #[test]
    fn numbers_as_they_are_written() {
        let found: Vec<(f64, i32, usize)> = numbers("a1 1,234,567.8 (0.05%) x=12 v2.0 7.")
            .iter()
            .map(|it| (it.value, it.decimals, it.digits))
            .collect();
        assert_eq!(found, [(1_234_567.8, 1, 8), (0.05, 2, 1), (12.0, 0, 2), (7.0, 0, 1)]);
    }
}
