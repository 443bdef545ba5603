//! System V's shared memory, semaphores and message queues, of a run's own.
//!
//! Owns the namespace and what is counted in it. What programs leave there has no owner and would stay; in a namespace it
//! is gone with its last process and descriptor.

use std::fs::{self, File};

use nix::sched::{CloneFlags, setns, unshare};

use crate::error::OsError;

/// What the kernel keeps for a semaphore, in bytes (`struct sem`, a cache line).
const SEMAPHORE: u64 = 64;

/// An IPC namespace, for another thread to look into.
#[derive(Debug)]
pub struct Ipc(File);

impl Ipc {
    /// The calling thread's.
    ///
    /// # Errors
    /// When `/proc` is not mounted.
    pub fn of_thread() -> Result<Self, OsError> {
        File::open("/proc/thread-self/ns/ipc")
            .map(Self)
            .map_err(|error| OsError::new("identify this thread's IPC namespace", error))
    }

    /// Moves the calling thread there.
    ///
    /// # Errors
    /// Without the right to.
    pub fn enter(&self) -> Result<(), OsError> {
        setns(&self.0, CloneFlags::CLONE_NEWIPC).map_err(|errno| OsError::new("enter an IPC namespace", errno))
    }
}

/// Gives the calling thread, and the programs that it starts, an IPC namespace of their own.
pub(crate) fn enter_own() -> Result<(), OsError> {
    unshare(CloneFlags::CLONE_NEWIPC).map_err(|errno| OsError::new("create an IPC namespace", errno))
}

/// Memory of the calling thread's IPC namespace that no process has mapped, in bytes.
#[must_use]
pub fn held_bytes() -> u64 {
    let table = |name: &str| fs::read_to_string(format!("/proc/sysvipc/{name}")).unwrap_or_default();
    // proc_sysvipc(5): attachments and resident bytes; semaphores of a set; bytes in a queue.
    let unmapped = |line: &str| (field(line, 6) == Some(0)).then(|| field(line, 14)).flatten();
    let semaphores = |line: &str| field(line, 3).map(|count| count.saturating_mul(SEMAPHORE));
    let queued = |line: &str| field(line, 3);
    sum(&table("shm"), unmapped) + sum(&table("sem"), semaphores) + sum(&table("msg"), queued)
}

fn field(line: &str, index: usize) -> Option<u64> {
    line.split_ascii_whitespace().nth(index)?.parse().ok()
}

fn sum(table: &str, of: impl Fn(&str) -> Option<u64>) -> u64 {
    table.lines().skip(1).filter_map(of).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_in_a_namespace_is_seen_from_another_thread() {
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            if let Err(error) = enter_own() {
                println!("skipped: {error}");
                return;
            }
            let size = 1 << 20;
            // SAFETY: the segment is as long as is written, and detached before anybody else can.
            unsafe {
                let made = libc::shmget(libc::IPC_PRIVATE, size, 0o600);
                let at = libc::shmat(made, std::ptr::null(), 0);
                std::ptr::write_bytes(at.cast::<u8>(), 1, size);
                libc::shmdt(at);
                libc::semget(libc::IPC_PRIVATE, 100, 0o600);
            }
            tell.send(Ipc::of_thread().expect("its namespace")).expect("somebody listens");
            ended.recv().expect_err("the end");
        });
        if let Ok(ipc) = told.recv() {
            ipc.enter().expect("the other's namespace");
            assert_eq!(held_bytes(), (1 << 20) + 6_400);
        }
        drop(end);
        thread.join().expect("it ends");
    }
}
