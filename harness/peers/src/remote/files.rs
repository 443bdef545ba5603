//! The files below `/proc` of a made machine (proc(5), and the page of each file).

use std::fmt::Write;
use std::time::Duration;

use super::figures::Figures;

/// The files that are made, by their names below `/proc`.
pub const PROC: [&str; 5] = ["stat", "uptime", "meminfo", "loadavg", "cpuinfo"];

/// Those of them that say something else every moment.
pub const MOVING: [&str; 2] = ["stat", "uptime"];

/// What stands in a file when the machine has been up for so long; nothing for a file that is not made.
pub fn proc(figures: &Figures, name: &str, up: Duration) -> Option<String> {
    Some(match name {
        "stat" => stat(figures, up),
        "uptime" => uptime(figures, up),
        "meminfo" => meminfo(figures),
        "loadavg" => format!("{} 3/417 {}\n", loads(figures).join(" "), 21_977),
        "cpuinfo" => cpuinfo(figures),
        _ => return None,
    })
}

/// The load averages as text.
pub fn loads(figures: &Figures) -> [String; 3] {
    figures.loads.map(|load| format!("{}.{:02}", load / 100, load % 100))
}

/// Columns: user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice. What is zero here keeps the usual
/// formulas from differing.
fn stat(figures: &Figures, up: Duration) -> String {
    let line = |name: &str, processors: u64| {
        let ticks = figures.ticks(processors, up);
        format!("{name} {} 0 {} {} 0 0 0 0 0 0\n", ticks.user, ticks.system, ticks.idle)
    };
    let mut text = line("cpu ", figures.cores);
    for number in 0..figures.cores {
        text += &line(&format!("cpu{number}"), 1);
    }
    let moments = up.as_millis() as u64;
    let _ = write!(text, "intr {} 0 0 0\nctxt {}\nbtime 1771804800\n", moments * 3, moments * 7);
    let _ = write!(text, "processes {}\nprocs_running 3\nprocs_blocked 0\n", 21_977 + moments / 900);
    let _ = writeln!(text, "softirq {} 0 0 0 0 0 0 0 0 0 0", moments * 2);
    text
}

/// Seconds that the machine is up, and that its processors have been idle, all added.
fn uptime(figures: &Figures, up: Duration) -> String {
    let idle = figures.ticks(figures.cores, up).idle;
    format!("{}.{:02} {}.{:02}\n", up.as_secs(), up.subsec_millis() / 10, idle / 100, idle % 100)
}

fn meminfo(figures: &Figures) -> String {
    let it = figures.memory;
    let lines = [
        ("MemTotal", it.total),
        ("MemFree", it.free),
        ("MemAvailable", it.available),
        ("Buffers", it.buffers),
        ("Cached", it.cached),
        ("SwapCached", 0),
        ("Active", it.used() / 2),
        ("Inactive", it.cached / 2),
        ("SwapTotal", it.swap),
        ("SwapFree", it.swap_free),
        ("Dirty", 212),
        ("AnonPages", it.used() / 2),
        ("Mapped", it.cached / 5),
        ("Shmem", it.shared),
        ("KReclaimable", it.reclaimable),
        ("Slab", it.reclaimable + 40_112),
        ("SReclaimable", it.reclaimable),
        ("SUnreclaim", 40_112),
        ("PageTables", 18_540),
        ("CommitLimit", it.total / 2 + it.swap),
        ("Committed_AS", it.used() + 811_204),
    ];
    let line = |(name, kib): (&str, u64)| format!("{:<16}{kib:>8} kB\n", format!("{name}:"));
    lines.map(line).concat()
}

fn cpuinfo(figures: &Figures) -> String {
    let mhz = format!("{}.{:03}", figures.khz / 1_000, figures.khz % 1_000);
    let of = |number: u64| {
        format!(
            "processor\t: {number}\nvendor_id\t: MadeForThisRun\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: {model}\n\
             stepping\t: 7\ncpu MHz\t\t: {mhz}\ncache size\t: 16384 KB\nphysical id\t: 0\nsiblings\t: {cores}\n\
             core id\t\t: {number}\ncpu cores\t: {cores}\nfpu\t\t: yes\nflags\t\t: fpu tsc sse sse2 avx\n\
             address sizes\t: 46 bits physical, 48 bits virtual\n\n",
            model = figures.model,
            cores = figures.cores,
        )
    };
    (0..figures.cores).map(of).collect()
}
