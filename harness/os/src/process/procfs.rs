//! Reading and parsing of single files under `/proc/PID`.
//!
//! Owns the text formats; never walks relations between processes.

use std::fs;
use std::io::Read;
use std::path::Path;

/// The fields of `/proc/PID/stat` that are used here (proc_pid_stat(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stat {
    /// The command name, at most 15 bytes, as the kernel knows it.
    pub name: String,
    /// `R`, `S`, `D`, `T`, `t`, `Z`, `X`, `I`.
    pub state: char,
    /// The parent's process id.
    pub ppid: i32,
    /// Threads of the process, a dead leader included.
    pub threads: u64,
    /// User and system time, in clock ticks.
    pub cpu_ticks: u64,
    /// The same of its children that have ended and were waited for.
    pub cpu_ticks_of_dead_children: u64,
}

impl Stat {
    /// True while some thread of the process can still run. A leader that ended before its threads shows as a
    /// zombie although the process lives: programs can hide that way.
    pub fn alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x') || self.threads > 1
    }
}

/// Parses one `stat` line. The name may hold blanks, newlines and parentheses: its end is the last `)`.
pub(super) fn parse_stat(text: &[u8]) -> Option<Stat> {
    let open = text.iter().position(|byte| *byte == b'(')?;
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let name = String::from_utf8_lossy(text.get(open + 1..close)?).into_owned();
    let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let ppid = fields.next()?.parse().ok()?;
    // utime and stime are fields 14 and 15, num_threads is 20; ppid was field 4.
    let utime: u64 = fields.nth(9)?.parse().ok()?;
    let stime: u64 = fields.next()?.parse().ok()?;
    let of_children: [u64; 2] = [fields.next()?.parse().ok()?, fields.next()?.parse().ok()?];
    let threads = fields.nth(2)?.parse().ok()?;
    let [user, system] = of_children;
    Some(Stat {
        name,
        state,
        ppid,
        threads,
        cpu_ticks: utime.saturating_add(stime),
        cpu_ticks_of_dead_children: user.saturating_add(system),
    })
}

/// Reads `/proc/PID/stat` into `buffer`, which callers keep between processes.
pub(super) fn stat_with(pid: i32, buffer: &mut Vec<u8>) -> Option<Stat> {
    buffer.clear();
    fs::File::open(format!("/proc/{pid}/stat")).ok()?.read_to_end(buffer).ok()?;
    parse_stat(buffer)
}

/// Reads `/proc/PID/stat`.
pub(super) fn stat(pid: i32) -> Option<Stat> {
    stat_with(pid, &mut Vec::with_capacity(512))
}

/// Whether a number is a process's, and not that of one of its later threads, which `/proc` shows as well when asked.
pub(super) fn leads(pid: i32) -> bool {
    text(&format!("/proc/{pid}/status"))
        .as_deref()
        .and_then(|status| field(status, "Tgid"))
        .is_some_and(|group| group.parse() == Ok(pid))
}

/// The numeric names in a directory: process ids in `/proc`, thread ids in `/proc/PID/task`.
pub(super) fn numbers_in(directory: &Path) -> Vec<i32> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut numbers: Vec<i32> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// The thread ids of a process, ascending.
pub(super) fn task_ids(pid: i32) -> Vec<i32> {
    numbers_in(Path::new(&format!("/proc/{pid}/task")))
}

/// One value of a `Name:\tvalue` file such as `/proc/PID/status`, without the blanks around it.
pub(super) fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let value = line.strip_prefix(name)?.strip_prefix(':')?;
        Some(value.trim())
    })
}

/// Reads a file that may hold bytes that are not UTF-8 (a thread's name, for example).
pub(super) fn text(path: &str) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// The children of all threads of a process, by `/proc/PID/task/*/children`; `None` where the kernel was built
/// without `CONFIG_PROC_CHILDREN` or the process is gone.
pub(super) fn children(pid: i32) -> Option<Vec<i32>> {
    let mut found = Vec::new();
    let mut readable = false;
    for tid in task_ids(pid) {
        // A single thread may vanish here; its children then belong to another thread of the process.
        if let Some(mut children) = children_of_thread(pid, tid) {
            readable = true;
            found.append(&mut children);
        }
    }
    readable.then_some(found)
}

/// The children of one thread, in the order in which they became its own; `None` where the kernel was built without
/// `CONFIG_PROC_CHILDREN` or the thread is gone.
pub(super) fn children_of_thread(pid: i32, tid: i32) -> Option<Vec<i32>> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{tid}/children")).ok()?;
    Some(numbers(&text).collect())
}

/// The numbers in a text, blanks between them.
fn numbers(text: &str) -> impl Iterator<Item = i32> {
    text.split_ascii_whitespace().filter_map(|number| number.parse().ok())
}

/// True if the environment the process was started with holds exactly `NAME=VALUE`.
pub(super) fn has_environment(pid: i32, name: &str, value: &str) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else {
        return false;
    };
    environment.split(|byte| *byte == 0).any(|entry| {
        entry.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"=")) == Some(value.as_bytes())
    })
}

/// True if the environment the process was started with holds a `NAME=VALUE` that begins so.
pub(super) fn environment_has(pid: i32, beginning: &[u8]) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|entry| entry.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn line(name: &str, state: char, ppid: i32, threads: u64) -> String {
        format!("77 ({name}) {state} {ppid} 77 77 0 -1 4194304 1 2 3 4 50 7 8 9 20 0 {threads} 0 12345 1 2 3\n")
    }

    #[rstest]
    #[case("cat", 'S', 1, 1, true)]
    #[case("a) R 3 (b", 'R', 42, 3, true)]
    #[case("two\nlines", 'D', 42, 1, true)]
    #[case("gone", 'Z', 42, 1, false)]
    #[case("leader left first", 'Z', 42, 2, true)]
    fn stat_lines(
        #[case] name: &str,
        #[case] state: char,
        #[case] ppid: i32,
        #[case] threads: u64,
        #[case] alive: bool,
    ) {
        let stat = parse_stat(line(name, state, ppid, threads).as_bytes()).unwrap();
        assert_eq!((stat.name.as_str(), stat.state, stat.ppid, stat.threads), (name, state, ppid, threads));
        assert_eq!((stat.cpu_ticks, stat.cpu_ticks_of_dead_children), (57, 17));
        assert_eq!(stat.alive(), alive);
    }

    #[test]
    fn fields_of_status() {
        let text = "Name:\tx\nSigCgt:\t0000000000004002\nVmHWM:\t  1234 kB\n";
        assert_eq!(field(text, "SigCgt"), Some("0000000000004002"));
        assert_eq!(field(text, "VmHWM"), Some("1234 kB"));
        assert_eq!(field(text, "Vm"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_stat(&bytes);
        }

        #[test]
        fn any_name_is_found(name in "[ -~]{0,15}", ppid in 0..i32::MAX) {
            let stat = parse_stat(line(&name, 'S', ppid, 1).as_bytes()).unwrap();
            prop_assert_eq!(stat.name, name);
            prop_assert_eq!(stat.ppid, ppid);
        }
    }
}
