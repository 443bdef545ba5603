//! The thread tree of a program, read from `/proc`: who exists, and who is running.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// What a thread does at the moment of looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activity {
    /// On a processor or ready for one.
    Busy,
    /// In an uninterruptible wait: a disk, or a child that shares its memory (`vfork`).
    Waiting,
    /// Asleep in the kernel. The text changes whenever the thread has run in between.
    Asleep(String),
    /// Dead, or its number is gone.
    Gone,
}

/// Looks at one thread again and again without resolving its path each time.
#[derive(Debug)]
pub struct ThreadProbe {
    state: File,
    schedule: Option<File>,
    call: Option<File>,
}

impl ThreadProbe {
    /// `None` when the thread is gone already.
    pub fn open(process: i32, thread: i32) -> Option<Self> {
        Some(Self {
            state: File::open(format!("/proc/{process}/task/{thread}/stat")).ok()?,
            // Absent without CONFIG_SCHED_INFO: the state alone has to do then.
            schedule: File::open(format!("/proc/{process}/task/{thread}/schedstat")).ok(),
            // Unreadable where tracing is forbidden even for one's own children.
            call: File::open(format!("/proc/{process}/task/{thread}/syscall")).ok(),
        })
    }

    /// What the thread does now.
    pub fn look(&self) -> Activity {
        let mut buffer = [0u8; 512];
        let Ok(length) = self.state.read_at(&mut buffer, 0) else { return Activity::Gone };
        // The name in parentheses may itself hold parentheses: the state follows the last one.
        let Some(close) = buffer[..length].iter().rposition(|byte| *byte == b')') else {
            return Activity::Gone;
        };
        match buffer.get(close + 2) {
            // A thread says that it sleeps a moment before it does. It may have lost its processor right then, and it
            // looks asleep for as long as others have the processor; or it finds that it need not sleep.
            Some(b'S' | b'T') if self.is_on_its_way() => Activity::Busy,
            // Stopped by a tracer that looks at it: it goes on in a moment.
            Some(b't') => Activity::Busy,
            Some(b'S' | b'T') => {
                let mut text = [0u8; 96];
                let length = self.schedule.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or(0);
                Activity::Asleep(String::from_utf8_lossy(&text[..length]).into_owned())
            }
            Some(b'Z' | b'X' | b'x') => Activity::Gone,
            Some(b'D') => Activity::Waiting,
            _ => Activity::Busy,
        }
    }

    /// Whether the kernel still has the thread among those that run or are ready to.
    fn is_on_its_way(&self) -> bool {
        let mut text = [0u8; 7];
        let read = self.call.as_ref().and_then(|file| file.read_at(&mut text, 0).ok());
        read == Some(text.len()) && &text == b"running"
    }

    /// The descriptor that the thread reads from, when it sleeps in a `read` of the real kernel.
    pub fn reads_from(&self) -> Option<i32> {
        let mut text = [0u8; 64];
        let length = self.call.as_ref()?.read_at(&mut text, 0).ok()?;
        // proc(5): the call's number, then its arguments with `0x` before them.
        let mut words = std::str::from_utf8(&text[..length]).ok()?.split_whitespace();
        let number: i64 = words.next()?.parse().ok()?;
        let descriptor = words.next().filter(|_| number == libc::SYS_read)?;
        i64::from_str_radix(descriptor.trim_start_matches("0x"), 16).ok()?.try_into().ok()
    }

    /// Nanoseconds of processor time that the thread has used, where the kernel tells.
    pub fn processor_time(&self) -> Option<u64> {
        let mut text = [0u8; 96];
        let length = self.schedule.as_ref()?.read_at(&mut text, 0).ok()?;
        std::str::from_utf8(&text[..length]).ok()?.split_whitespace().next()?.parse().ok()
    }
}

/// The threads of a process, ascending.
pub fn tasks_of(process: i32) -> Vec<i32> {
    let Ok(folder) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let mut threads: Vec<i32> =
        folder.flatten().filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok())).collect();
    threads.sort_unstable();
    threads
}

/// The processes that any thread of this process started and that it has not collected yet, ascending.
pub fn children_of(process: i32) -> Vec<i32> {
    let mut found = Vec::new();
    for thread in tasks_of(process) {
        let text = fs::read_to_string(format!("/proc/{process}/task/{thread}/children")).unwrap_or_default();
        found.extend(text.split_whitespace().filter_map(|word| word.parse::<i32>().ok()));
    }
    found.sort_unstable();
    found
}

/// The process to which a thread belongs.
pub fn thread_group_of(thread: i32) -> Option<i32> {
    let text = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Tgid:")).and_then(|rest| rest.trim().parse().ok())
}
