//! The programs of a made machine that tell its figures: scripts for `/bin/sh` (in `scripts/`), which know the usual options
//! and no others, and print what the programs of the same names would, from texts that are prepared beside them.

use std::fmt::Write;

use super::figures::{Figures, Memory};
use super::files::loads;

/// A file to be written: its name, what is in it, and whether it is a program.
pub type Prepared = (String, String, bool);

/// Programs and the texts that they print. `{here}` in a script stands for the folder that they are in.
pub fn prepared(figures: &Figures) -> Vec<Prepared> {
    let text = |name: &str, text: String| (name.to_owned(), text, false);
    let script = |name: &str, text: &str| (name.to_owned(), text.to_owned(), true);
    let mut all: Vec<Prepared> = Vec::new();
    for (name, unit) in UNITS {
        all.push(text(&format!("free.{name}"), free(&figures.memory, unit, false)));
        all.push(text(&format!("free.{name}.wide"), free(&figures.memory, unit, true)));
        all.push(text(&format!("free.{name}.sum"), with_swap(&figures.memory, unit)));
    }
    all.push(text("top.text", top(figures)));
    all.push(text("vmstat.head", VMSTAT.to_owned()));
    all.push(text("vmstat.k", vmstat(figures, 1)));
    all.push(text("vmstat.m", vmstat(figures, 1 << 10)));
    all.push(text("vmstat.sum", sums(figures)));
    all.push(text("mpstat.text", mpstat(figures)));
    all.push(text("iostat.text", iostat(figures)));
    all.push(text("lscpu.text", lscpu(figures)));
    all.push(text("ps.text", ps(figures)));
    all.push(text("load", format!("load average: {}", loads(figures).join(", "))));
    all.push(text("up.days", (figures.up.as_secs() / 86_400).to_string()));
    all.push(text("cores", format!("{}\n", figures.cores)));
    for (name, source) in [
        ("free", include_str!("scripts/free.sh")),
        ("top", include_str!("scripts/top.sh")),
        ("vmstat", include_str!("scripts/vmstat.sh")),
        ("mpstat", include_str!("scripts/mpstat.sh")),
        ("iostat", "#!/bin/sh\ncat '{here}/iostat.text'\n"),
        ("lscpu", "#!/bin/sh\ncat '{here}/lscpu.text'\n"),
        ("nproc", "#!/bin/sh\ncat '{here}/cores'\n"),
        ("getconf", include_str!("scripts/getconf.sh")),
        ("uptime", include_str!("scripts/uptime.sh")),
        ("w", include_str!("scripts/uptime.sh")),
        ("ps", include_str!("scripts/ps.sh")),
    ] {
        all.push(script(name, source));
    }
    all
}

/// How an amount in KiB is shown.
#[derive(Clone, Copy)]
enum Unit {
    /// As so many of these, in KiB, rounded down.
    Of(u64),
    /// In bytes.
    Bytes,
    /// In thousands or millions of bytes.
    Decimal(u64),
    /// With a letter, two or three figures.
    Human,
}

const UNITS: [(&str, Unit); 7] = [
    ("k", Unit::Of(1)),
    ("m", Unit::Of(1 << 10)),
    ("g", Unit::Of(1 << 20)),
    ("b", Unit::Bytes),
    ("kilo", Unit::Decimal(1_000)),
    ("mega", Unit::Decimal(1_000_000)),
    ("h", Unit::Human),
];

fn shown(kib: u64, unit: Unit) -> String {
    match unit {
        Unit::Of(size) => (kib / size).to_string(),
        Unit::Bytes => (kib * 1_024).to_string(),
        Unit::Decimal(size) => (kib * 1_024 / size).to_string(),
        Unit::Human => {
            let (mut tenths, mut letters) = (kib * 10, ["Ki", "Mi", "Gi"].into_iter());
            let mut letter = letters.next().unwrap_or_default();
            while tenths >= 10_240 {
                let Some(next) = letters.next() else { break };
                (tenths, letter) = (tenths / 1_024, next);
            }
            if tenths < 100 && kib > 0 {
                format!("{}.{}{letter}", tenths / 10, tenths % 10)
            } else {
                format!("{}{}", tenths / 10, if kib == 0 { "B" } else { letter })
            }
        }
    }
}

fn free(memory: &Memory, unit: Unit, wide: bool) -> String {
    let mut columns = vec![
        ("total", memory.total, Some(memory.swap)),
        ("used", memory.used(), Some(memory.swap - memory.swap_free)),
        ("free", memory.free, Some(memory.swap_free)),
        ("shared", memory.shared, None),
    ];
    if wide {
        columns.extend([("buffers", memory.buffers, None), ("cache", memory.caches() - memory.buffers, None)]);
    } else {
        columns.push(("buff/cache", memory.caches(), None));
    }
    columns.push(("available", memory.available, None));
    let (mut head, mut main, mut swap) = (" ".repeat(7), "Mem:   ".to_owned(), "Swap:  ".to_owned());
    for (name, kib, swapped) in columns {
        let _ = write!(head, " {name:>12}");
        let _ = write!(main, " {:>12}", shown(kib, unit));
        if let Some(kib) = swapped {
            let _ = write!(swap, " {:>12}", shown(kib, unit));
        }
    }
    format!("{head}\n{main}\n{swap}\n")
}

/// Memory and swap space together, as `free -t` shows them.
fn with_swap(it: &Memory, unit: Unit) -> String {
    let sums = [it.total + it.swap, it.used() + it.swap - it.swap_free, it.free + it.swap_free];
    let columns: String = sums.iter().map(|kib| format!(" {:>12}", shown(*kib, unit))).collect();
    format!("Total: {columns}\n")
}

fn tenths(value: u64) -> String {
    format!("{}.{}", value / 10, value % 10)
}

fn hundredths(value: u64) -> String {
    format!("{}.{}0", value / 10, value % 10)
}

/// A screen of `top`, without its first line, which has the time.
fn top(figures: &Figures) -> String {
    let it = figures.memory;
    let mib = |kib: u64| tenths(kib * 10 / 1_024);
    let mut text = format!(
        "Tasks: 214 total,   3 running, 211 sleeping,   0 stopped,   0 zombie\n\
         %Cpu(s): {:>4} us, {:>4} sy,  0.0 ni, {:>4} id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st\n\
         MiB Mem : {:>8} total, {:>8} free, {:>8} used, {:>8} buff/cache\n\
         MiB Swap: {:>8} total, {:>8} free, {:>8} used. {:>8} avail Mem\n\n    \
         PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND\n",
        tenths(figures.user),
        tenths(figures.system),
        tenths(figures.idle()),
        mib(it.total),
        mib(it.free),
        mib(it.used()),
        mib(it.caches()),
        mib(it.swap),
        mib(it.swap_free),
        mib(it.swap - it.swap_free),
        mib(it.available),
    );
    for process in processes(figures) {
        let _ = writeln!(
            text,
            "{:>7} {:<9} 20   0 {:>7} {:>6}   8204 S {:>5} {:>5} {:>9} {}",
            process.pid,
            process.user,
            process.kib * 2,
            process.kib,
            tenths(process.cpu),
            tenths(process.share),
            process.time,
            process.name
        );
    }
    text
}

/// A process of the machine. All of them together use what the machine is said to use.
struct Process {
    pid: u64,
    user: &'static str,
    name: &'static str,
    /// Tenths of a percent of one processor.
    cpu: u64,
    /// Tenths of a percent of the memory.
    share: u64,
    kib: u64,
    time: &'static str,
}

fn processes(figures: &Figures) -> Vec<Process> {
    let cpu = figures.busy() * figures.cores;
    let kib = figures.memory.used();
    let share = |part: u64, whole: u64| whole * part / 1_000;
    let parts = [
        (18_412, "www", "weatherd", 520, 480, "912:04.31"),
        (18_977, "www", "tidesim", 290, 260, "401:55.02"),
        (1_304, "ledger", "ledgerd", 150, 190, "77:13.90"),
        (702, "root", "sshd", 10, 20, "0:08.44"),
    ];
    let mut rest = (cpu, kib);
    let mut all: Vec<Process> = Vec::new();
    for (pid, user, name, busy, memory, time) in parts {
        let (cpu, kib) = (share(busy, cpu), share(memory, kib));
        rest = (rest.0 - cpu, rest.1 - kib);
        all.push(Process { pid, user, name, cpu, share: kib * 1_000 / figures.memory.total, kib, time });
    }
    let (cpu, kib) = rest;
    all.push(Process {
        pid: 1,
        user: "root",
        name: "init",
        cpu,
        share: kib * 1_000 / figures.memory.total,
        kib,
        time: "3:20.11",
    });
    all
}

/// A line for each process: pid, user, cpu, mem, vsz, rss, time, command.
fn ps(figures: &Figures) -> String {
    let line = |process: &Process| {
        format!(
            "{} {} {} {} {} {} {} {}\n",
            process.pid,
            process.user,
            tenths(process.cpu),
            tenths(process.share),
            process.kib * 2,
            process.kib,
            process.time,
            process.name
        )
    };
    processes(figures).iter().map(line).collect()
}

const VMSTAT: &str = "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----\n \
                      r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st\n";

/// Tenths of a percent as whole percents that add up to 100.
fn percents(figures: &Figures) -> [u64; 3] {
    let (user, system) = ((figures.user + 5) / 10, (figures.system + 5) / 10);
    [user, system, 100 - user - system]
}

fn vmstat(figures: &Figures, unit: u64) -> String {
    let it = figures.memory;
    let [user, system, idle] = percents(figures);
    format!(
        " 3  0 {:>6} {:>6} {:>6} {:>6}    0    0     4    17  311  702 {user:>2} {system:>2} {idle:>2}  0  0\n",
        (it.swap - it.swap_free) / unit,
        it.free / unit,
        it.buffers / unit,
        (it.cached + it.reclaimable) / unit,
    )
}

/// What `vmstat -s` prints.
fn sums(figures: &Figures) -> String {
    let it = figures.memory;
    let ticks = figures.ticks(figures.cores, figures.up);
    let lines = [
        (it.total, "K total memory"),
        (it.used(), "K used memory"),
        (it.used() / 2, "K active memory"),
        (it.cached / 2, "K inactive memory"),
        (it.free, "K free memory"),
        (it.buffers, "K buffer memory"),
        (it.cached + it.reclaimable, "K swap cache"),
        (it.swap, "K total swap"),
        (it.swap - it.swap_free, "K used swap"),
        (it.swap_free, "K free swap"),
        (ticks.user, "non-nice user cpu ticks"),
        (0, "nice user cpu ticks"),
        (ticks.system, "system cpu ticks"),
        (ticks.idle, "idle cpu ticks"),
        (0, "IO-wait cpu ticks"),
    ];
    lines.map(|(number, what)| format!("{number:>13} {what}\n")).concat()
}

fn mpstat(figures: &Figures) -> String {
    let numbers = |first: &str| {
        format!(
            "{first:<11}  all {:>7}    0.00 {:>7}    0.00    0.00    0.00    0.00    0.00    0.00 {:>7}\n",
            hundredths(figures.user),
            hundredths(figures.system),
            hundredths(figures.idle())
        )
    };
    let head = "12:00:00     CPU    %usr   %nice    %sys %iowait    %irq   %soft  %steal  %guest  %gnice   %idle\n";
    let first = format!("Linux 6.1.0 (made) \t02/23/2026 \t_x86_64_\t({} CPU)\n\n", figures.cores);
    format!("{first}{head}{}{}", numbers("12:00:01"), numbers("Average:"))
}

fn iostat(figures: &Figures) -> String {
    format!(
        "Linux 6.1.0 (made) \t02/23/2026 \t_x86_64_\t({} CPU)\n\navg-cpu:  %user   %nice %system %iowait  %steal   %idle\n           \
         {:>5}    0.00   {:>5}    0.00    0.00   {:>5}\n\n",
        figures.cores,
        hundredths(figures.user),
        hundredths(figures.system),
        hundredths(figures.idle())
    )
}

fn lscpu(figures: &Figures) -> String {
    let cores = figures.cores.to_string();
    let mhz = format!("{}.{:03}", figures.khz / 1_000, figures.khz % 1_000);
    let list = format!("0-{}", figures.cores - 1);
    let lines = [
        ("Architecture", "x86_64"),
        ("CPU op-mode(s)", "32-bit, 64-bit"),
        ("Byte Order", "Little Endian"),
        ("CPU(s)", &cores),
        ("On-line CPU(s) list", &list),
        ("Vendor ID", "MadeForThisRun"),
        ("Model name", &figures.model),
        ("CPU family", "6"),
        ("Model", "85"),
        ("Thread(s) per core", "1"),
        ("Core(s) per socket", &cores),
        ("Socket(s)", "1"),
        ("Stepping", "7"),
        ("CPU MHz", &mhz),
        ("L2 cache", "16 MiB"),
    ];
    lines.map(|(name, value)| format!("{:<33}{value}\n", format!("{name}:"))).concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_language::scenario::model::MachineSize;
    use rstest::rstest;

    #[rstest]
    #[case(Unit::Of(1), "25480000")]
    #[case(Unit::Of(1 << 20), "24")]
    #[case(Unit::Human, "24Gi")]
    #[case(Unit::Bytes, "26091520000")]
    #[case(Unit::Decimal(1_000_000), "26091")]
    fn an_amount_in_every_unit(#[case] unit: Unit, #[case] text: &str) {
        assert_eq!(shown(25_480_000, unit), text);
    }

    #[rstest]
    #[case(4_500_000, "4.2Gi")]
    #[case(300_000, "292Mi")]
    #[case(0, "0B")]
    fn small_amounts_for_people(#[case] kib: u64, #[case] text: &str) {
        assert_eq!(shown(kib, Unit::Human), text);
    }

    #[test]
    fn what_the_programs_print() {
        let figures = Figures::made(1, MachineSize::Small);
        let all = prepared(&figures);
        let text = |name: &str| all.iter().find(|(it, _, _)| it == name).map(|(_, text, _)| text.clone()).unwrap();
        let shown = ["free.k", "free.m.wide", "free.h", "top.text", "vmstat.head", "vmstat.k", "vmstat.sum"];
        let more = ["mpstat.text", "iostat.text", "lscpu.text", "ps.text", "load"];
        let whole: Vec<String> = shown.iter().chain(&more).map(|name| format!("== {name}\n{}", text(name))).collect();
        insta::assert_snapshot!(whole.join("\n"));
    }
}
