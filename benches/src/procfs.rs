//! What Linux says about programs under `/proc`: who listens, and how much memory somebody needed.

use std::fs;
use std::io;

/// Whether anybody in the calling thread's network namespace listens on this TCP port.
///
/// `/proc/net` would be the namespace of the process's first thread.
///
/// # Errors
/// If there is no `/proc/thread-self/net/tcp`.
pub fn listens(port: u16) -> io::Result<bool> {
    if has_listener(&fs::read_to_string("/proc/thread-self/net/tcp")?, port) {
        return Ok(true);
    }
    // A kernel may be without IPv6.
    Ok(fs::read_to_string("/proc/thread-self/net/tcp6").is_ok_and(|table| has_listener(&table, port)))
}

/// Columns of proc_pid_net(5): number, local address, remote address, state, …; numbers are hexadecimal.
fn has_listener(table: &str, port: u16) -> bool {
    const LISTEN: &str = "0A";
    table.lines().skip(1).any(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let (local, _, state) = (columns.next(), columns.next(), columns.next());
        let theirs = local.and_then(|local| local.rsplit(':').next()).and_then(|hex| u16::from_str_radix(hex, 16).ok());
        theirs == Some(port) && state == Some(LISTEN)
    })
}

/// The most memory that a living process has had resident so far (`VmHWM`), in KiB.
///
/// The kernel counts pages in batches for each processor, so the figure may be off by some dozen pages.
///
/// # Errors
/// If the process is gone.
pub fn peak_memory(pid: u32) -> io::Result<u64> {
    memory(pid, "VmHWM:")
}

/// The memory that a living process has resident now (`VmRSS`), in KiB; as exact as [`peak_memory`].
///
/// # Errors
/// If the process is gone.
pub fn resident_memory(pid: u32) -> io::Result<u64> {
    memory(pid, "VmRSS:")
}

/// The memory that a process and everything it has started have resident now, in KiB: a page that several of them share
/// counts for each by its part (`Pss`).
///
/// # Errors
/// If the process is gone. A child that ends meanwhile counts nothing.
pub fn memory_of_family(pid: u32) -> io::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let mut sum = value_in(&rollup, "Pss:").unwrap_or(0);
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let children = fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|word| word.parse().ok()) {
            sum += memory_of_family(child).unwrap_or(0);
        }
    }
    Ok(sum)
}

fn memory(pid: u32, key: &str) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    value_in(&status, key)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("process {pid} has ended: it has no {key}")))
}

fn value_in(status: &str, key: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1
   1: 0100007F:1F91 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1
";

    #[test]
    fn a_listener_is_told_from_a_connection() {
        assert!(has_listener(TABLE, 8080));
        assert!(!has_listener(TABLE, 8081));
        assert!(!has_listener(TABLE, 8082));
    }

    #[test]
    fn reads_the_peak() {
        assert_eq!(value_in("VmPeak:\t    9000 kB\nVmHWM:\t    1234 kB\n", "VmHWM:"), Some(1234));
        assert_eq!(value_in("State:\tZ (zombie)\n", "VmHWM:"), None);
    }

    #[test]
    fn this_process_needs_memory() {
        assert!(peak_memory(std::process::id()).unwrap() > 0);
        assert!(memory_of_family(std::process::id()).unwrap() > 0);
    }
}
