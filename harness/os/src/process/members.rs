//! Which processes belong to a run.
//!
//! Owns the three marks of membership (network namespace, descent, environment); never signals anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nix::sys::prctl;

use super::procfs::{self, Stat};
use crate::namespace::NamespaceId;

/// What makes a process belong to a run. One mark is enough, and descendants of a member are members.
#[derive(Debug, Clone, Copy)]
pub struct Belonging<'a> {
    /// The run's own network namespace. Ignored if it is the one of this process's main thread, because then it
    /// is not the run's own: everything on the machine would belong to the run.
    pub namespace: Option<NamespaceId>,
    /// Processes the run started; they are members themselves. This process's own id stands for all its
    /// descendants; its ancestors and ids below 2 are ignored.
    pub roots: &'a [i32],
    /// A variable, as name and value, in the environment the program was started with.
    pub marker: Option<(&'a str, &'a str)>,
}

/// One look at all processes.
pub(super) struct Census {
    /// Live members, ascending.
    pub members: Vec<i32>,
    /// Ended but not yet reaped descendants of members.
    pub zombies: Vec<i32>,
}

/// The live processes that belong to a run, ascending; zombies are left out, except where only the first
/// thread has ended. Never this process or one of its ancestors. Costs one scan of `/proc`; processes of other
/// users whose namespace and environment may not be read are found by descent only.
pub fn members(belonging: &Belonging<'_>) -> Vec<i32> {
    census(belonging).members
}

/// The live processes among `roots` and their descendants, ascending, without a scan of all processes where
/// the kernel has `CONFIG_PROC_CHILDREN`. A process whose parent ends while this runs can be missed; use
/// [`members`] where that matters.
pub fn tree(roots: &[i32]) -> Vec<i32> {
    let own = own_pid();
    if adopted().is_none() {
        return members(&Belonging { namespace: None, roots, marker: None });
    }
    let mut buffer = Vec::with_capacity(512);
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut pending: Vec<i32> = roots.iter().copied().filter(|pid| *pid > 1).collect();
    while let Some(pid) = pending.pop() {
        if !seen.insert(pid) {
            continue;
        }
        if pid != own {
            match procfs::stat_with(pid, &mut buffer) {
                Some(stat) if stat.alive() => found.push(pid),
                _ => continue,
            }
        }
        pending.extend(procfs::children(pid).unwrap_or_default());
    }
    found.sort_unstable();
    found
}

/// Descendants of a run that have become this process's own children, because whoever started them has ended (see
/// `set_subreaper`): they carry one of its marks. Ascending, without `roots`, and without a scan of all processes.
pub fn strays(belonging: &Belonging<'_>) -> Vec<i32> {
    let own = own_pid();
    let namespace = belonging.namespace.filter(|namespace| NamespaceId::of_process(own).as_ref() != Some(namespace));
    let mut buffer = Vec::with_capacity(512);
    let mut found = adopted().unwrap_or_default();
    found.retain(|pid| {
        !belonging.roots.contains(pid)
            && procfs::stat_with(*pid, &mut buffer)
                .is_some_and(|stat| stat.alive() && is_marked(*pid, &stat, namespace, belonging.marker))
    });
    found.sort_unstable();
    found
}

/// The children of this process's first thread, in the order in which they came; `None` where the kernel does not tell.
/// Every orphan that this process takes in is among them: the kernel gives it to the first thread that lives, and that
/// one lives as long as the process. To ask each thread would cost the more the more runs there are side by side.
pub(super) fn adopted() -> Option<Vec<i32>> {
    let own = own_pid();
    procfs::children_of_thread(own, own)
}

/// Whether this is a live process that carries a mark of the run itself, whoever its ancestors are. A thread is none: one
/// of this process may be in the run's namespace.
pub(super) fn belongs(pid: i32, belonging: &Belonging<'_>) -> bool {
    let own = own_pid();
    let namespace = belonging.namespace.filter(|namespace| NamespaceId::of_process(own).as_ref() != Some(namespace));
    pid > 1
        && pid != own
        && procfs::leads(pid)
        && procfs::stat(pid).is_some_and(|stat| stat.alive() && is_marked(pid, &stat, namespace, belonging.marker))
}

/// This process's id as the kernel's signed type.
pub(super) fn own_pid() -> i32 {
    nix::unistd::getpid().as_raw()
}

/// Scans `/proc` once.
pub(super) fn census(belonging: &Belonging<'_>) -> Census {
    let own = own_pid();
    let mut buffer = Vec::with_capacity(512);
    let stats: BTreeMap<i32, Stat> = procfs::numbers_in(Path::new("/proc"))
        .into_iter()
        .filter_map(|pid| Some((pid, procfs::stat_with(pid, &mut buffer)?)))
        .collect();
    let untouchable = ancestors(own, &stats);
    let namespace = belonging.namespace.filter(|namespace| NamespaceId::of_process(own).as_ref() != Some(namespace));
    // Orphans come to a subreaper: a member then descends from this process, and the environments of all others, which
    // cost most of a look, need not be read.
    let has_all = prctl::get_child_subreaper() == Ok(true);
    let may_be_ours = |pid: i32| !has_all || !is_elsewhere(pid, own, &stats);
    let seeds: BTreeSet<i32> = stats
        .iter()
        .filter(|(pid, stat)| {
            let pid = **pid;
            if pid == own {
                return belonging.roots.contains(&own);
            }
            if pid <= 1 || untouchable.contains(&pid) {
                return false;
            }
            belonging.roots.contains(&pid)
                || (stat.alive() && may_be_ours(pid) && is_marked(pid, stat, namespace, belonging.marker))
        })
        .map(|(pid, _)| *pid)
        .collect();

    let mut census = Census { members: Vec::new(), zombies: Vec::new() };
    for (pid, stat) in &stats {
        if *pid <= 1 || *pid == own || untouchable.contains(pid) || !descends(*pid, &seeds, &stats) {
            continue;
        }
        if stat.alive() {
            census.members.push(*pid);
        } else {
            census.zombies.push(*pid);
        }
    }
    census
}

/// The chain of parents above `pid`, `pid` left out.
fn ancestors(pid: i32, stats: &BTreeMap<i32, Stat>) -> BTreeSet<i32> {
    let mut chain = BTreeSet::new();
    let mut current = pid;
    while let Some(stat) = stats.get(&current) {
        // Ids can be reused during the scan: the set also ends a chain that became a ring.
        if stat.ppid == pid || !chain.insert(stat.ppid) {
            break;
        }
        current = stat.ppid;
    }
    chain
}

/// True if the chain of parents above `pid` was seen to its end and `own` is not in it. Where a parent went during the
/// scan nobody knows whose child this is now.
fn is_elsewhere(pid: i32, own: i32, stats: &BTreeMap<i32, Stat>) -> bool {
    let mut current = pid;
    // As long as no real chain: ids that were reused during the scan can make a ring.
    for _ in 0..=stats.len() {
        match stats.get(&current) {
            _ if current == own => return false,
            Some(stat) if stat.ppid > 1 => current = stat.ppid,
            Some(_) => return true,
            None => return false,
        }
    }
    false
}

/// True if `pid` or somebody above it is one of `seeds`.
fn descends(pid: i32, seeds: &BTreeSet<i32>, stats: &BTreeMap<i32, Stat>) -> bool {
    let mut current = pid;
    // Longer than any real chain: bounds the walk if ids were reused during the scan.
    for _ in 0..=stats.len() {
        if seeds.contains(&current) {
            return true;
        }
        match stats.get(&current) {
            Some(stat) if stat.ppid > 1 => current = stat.ppid,
            _ => return false,
        }
    }
    false
}

/// True if the process carries the run's namespace or its environment mark.
fn is_marked(pid: i32, stat: &Stat, namespace: Option<NamespaceId>, marker: Option<(&str, &str)>) -> bool {
    let carries = |id: i32| {
        namespace.is_some_and(|wanted| NamespaceId::of_process(id) == Some(wanted))
            || marker.is_some_and(|(name, value)| procfs::has_environment(id, name, value))
    };
    if matches!(stat.state, 'Z' | 'X' | 'x') {
        // The first thread has ended and left its namespace and memory; the others are found as /proc/TID.
        return procfs::task_ids(pid).into_iter().any(carries);
    }
    carries(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(i32, i32)]) -> BTreeMap<i32, Stat> {
        rows.iter()
            .map(|(pid, ppid)| {
                let stat = Stat {
                    name: String::new(),
                    state: 'S',
                    ppid: *ppid,
                    threads: 1,
                    cpu_ticks: 0,
                    cpu_ticks_of_dead_children: 0,
                };
                (*pid, stat)
            })
            .collect()
    }

    #[test]
    fn descent() {
        let stats = table(&[(10, 1), (11, 10), (12, 11), (20, 1)]);
        let seeds = BTreeSet::from([10]);
        assert!(descends(10, &seeds, &stats));
        assert!(descends(12, &seeds, &stats));
        assert!(!descends(20, &seeds, &stats));
        assert_eq!(ancestors(12, &stats), BTreeSet::from([1, 10, 11]));
    }

    #[test]
    fn whose_parents_are_all_known_is_elsewhere() {
        let stats = table(&[(5, 1), (10, 5), (11, 10), (12, 11), (20, 5), (21, 20), (31, 30), (40, 41), (41, 40)]);
        let elsewhere: Vec<i32> = stats.keys().copied().filter(|pid| is_elsewhere(*pid, 10, &stats)).collect();
        // 31's parent has gone; 40 and 41 are a ring of reused ids.
        assert_eq!(elsewhere, [5, 20, 21]);
    }

    #[test]
    fn a_ring_of_reused_ids_ends() {
        let stats = table(&[(10, 11), (11, 10)]);
        assert!(!descends(10, &BTreeSet::from([30]), &stats));
        assert_eq!(ancestors(10, &stats), BTreeSet::from([11]));
    }

    #[test]
    fn nobody_belongs_to_nothing() {
        let nothing = Belonging { namespace: None, roots: &[0, 1, -1], marker: None };
        assert_eq!(members(&nothing), Vec::<i32>::new());
        assert_eq!(tree(&[0, 1, -1]), Vec::<i32>::new());
    }

    #[test]
    fn the_namespace_of_the_harness_itself_marks_nobody() {
        let everything = Belonging { namespace: NamespaceId::of_process(own_pid()), roots: &[], marker: None };
        assert_eq!(members(&everything), Vec::<i32>::new());
    }
}
