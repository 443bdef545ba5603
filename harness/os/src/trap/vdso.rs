//! The vDSO of a trapped process: its clock functions are replaced before the program's own code runs.
//!
//! The replacements read the time from five words that the supervisor rewrites whenever virtual time moves, so
//! that reading a clock costs no trap. While the first word is zero they make the real call instead, which the
//! filter hands to the supervisor: that is how a loop that only polls the clock is noticed and paid for.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

use super::memory::Memory;
use crate::namespace::in_machines_proc;

/// `clock_gettime` at 0, `gettimeofday` at 0x50, `time` at 0x90, the words at 0xc0; position-independent.
/// Assembled from: test the flag; for the realtime clocks (0, 5, 11) take word 1, for the monotonic ones
/// (1, 4, 6, 7) word 2, word 3 for nanoseconds (4 for microseconds); anything else is a real call.
#[rustfmt::skip]
const CODE: [u8; 0xb1] = [
    0x80, 0x3d, 0xb9, 0x00, 0x00, 0x00, 0x00, 0x74, 0x3a, 0x83, 0xff, 0x0b, 0x77, 0x35, 0xb8, 0x21,
    0x08, 0x00, 0x00, 0x0f, 0xa3, 0xf8, 0x72, 0x13, 0xb8, 0xd2, 0x00, 0x00, 0x00, 0x0f, 0xa3, 0xf8,
    0x73, 0x21, 0x48, 0x8b, 0x05, 0xa7, 0x00, 0x00, 0x00, 0xeb, 0x07, 0x48, 0x8b, 0x05, 0x96, 0x00,
    0x00, 0x00, 0x48, 0x89, 0x06, 0x48, 0x8b, 0x05, 0x9c, 0x00, 0x00, 0x00, 0x48, 0x89, 0x46, 0x08,
    0x31, 0xc0, 0xc3, 0xb8, 0xe4, 0x00, 0x00, 0x00, 0x0f, 0x05, 0xc3, 0x0f, 0x1f, 0x44, 0x00, 0x00,
    0x80, 0x3d, 0x69, 0x00, 0x00, 0x00, 0x00, 0x74, 0x22, 0x48, 0x85, 0xf6, 0x75, 0x1d, 0x48, 0x85,
    0xff, 0x74, 0x15, 0x48, 0x8b, 0x05, 0x5e, 0x00, 0x00, 0x00, 0x48, 0x89, 0x07, 0x48, 0x8b, 0x05,
    0x6c, 0x00, 0x00, 0x00, 0x48, 0x89, 0x47, 0x08, 0x31, 0xc0, 0xc3, 0xb8, 0x60, 0x00, 0x00, 0x00,
    0x0f, 0x05, 0xc3, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00, 0x66, 0x90,
    0x80, 0x3d, 0x29, 0x00, 0x00, 0x00, 0x00, 0x74, 0x10, 0x48, 0x8b, 0x05, 0x28, 0x00, 0x00, 0x00,
    0x48, 0x85, 0xff, 0x74, 0x03, 0x48, 0x89, 0x07, 0xc3, 0xb8, 0xc9, 0x00, 0x00, 0x00, 0x0f, 0x05,
    0xc3,
];
const WORDS: usize = 0xc0;
const BLOB: usize = WORDS + 5 * 8;

const AT_RANDOM: u64 = 25;
const AT_SYSINFO_EHDR: u64 = 33;

const DT_HASH: u64 = 4;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const PT_DYNAMIC: u32 = 2;

/// What a process is to read from its clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockWords {
    /// Seconds since 1970.
    pub realtime_seconds: u64,
    /// Seconds of the monotonic clock.
    pub monotonic_seconds: u64,
    /// Nanoseconds within the second, the same for both clocks.
    pub nanoseconds: u32,
}

/// The clock words of one process.
#[derive(Debug)]
pub struct ClockPage {
    memory: File,
    words: u64,
}

impl ClockPage {
    /// Replaces the clock functions of a process that has just been given a new image, and the 16 random bytes
    /// that the kernel gave it. `Ok(None)` when the image has no room for the words or no vDSO at all: its
    /// clock functions make real calls then.
    ///
    /// # Errors
    /// When the memory of the process cannot be opened or written.
    pub fn install(process: i32, random: [u8; 16]) -> io::Result<Option<Self>> {
        let facts = fs::read(format!("/proc/{process}/auxv"))?;
        let find = |tag: u64| {
            facts.chunks_exact(16).find_map(|pair| {
                (u64::from_le_bytes(pair[..8].try_into().ok()?) == tag)
                    .then(|| u64::from_le_bytes(pair[8..].try_into().unwrap_or([0; 8])))
            })
        };
        if let Some(address) = find(AT_RANDOM).filter(|address| *address != 0) {
            Memory::of(process).write(address, &random);
        }
        let Some(base) = find(AT_SYSINFO_EHDR).filter(|address| *address != 0) else {
            return Ok(None);
        };
        let memory = open_memory(process)?;
        let mut image = vec![0u8; 8192];
        let length = memory.read_at(&mut image, base)?;
        image.truncate(length);
        let blob = Image(&image).free_tail().filter(|at| at + BLOB <= image.len());
        if let Some(at) = blob {
            let mut bytes = [0u8; BLOB];
            bytes[..CODE.len()].copy_from_slice(&CODE);
            memory.write_all_at(&bytes, base + at as u64)?;
        }
        for (name, offset) in Image(&image).functions() {
            let code = match (name, blob) {
                ("__vdso_clock_gettime", Some(at)) => jump(offset, at),
                ("__vdso_gettimeofday", Some(at)) => jump(offset, at + 0x50),
                ("__vdso_time", Some(at)) => jump(offset, at + 0x90),
                ("__vdso_clock_gettime", None) => call(libc::SYS_clock_gettime),
                ("__vdso_gettimeofday", None) => call(libc::SYS_gettimeofday),
                #[cfg(target_arch = "x86_64")]
                ("__vdso_time", None) => call(libc::SYS_time),
                // A generator in user space would be seeded by the real kernel: C libraries fall back.
                ("__vdso_getrandom", _) => fail(libc::ENOSYS),
                _ => continue,
            };
            memory.write_all_at(&code, base + offset as u64)?;
        }
        Ok(blob.map(|at| Self { memory, words: base + (at + WORDS) as u64 }))
    }

    /// The words of a process that was forked from the one that owns this page.
    ///
    /// # Errors
    /// When the memory of the process cannot be opened.
    pub fn of_fork(&self, process: i32) -> io::Result<Self> {
        Ok(Self { memory: open_memory(process)?, words: self.words })
    }

    /// Sets the time that the process reads without a trap.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn set(&self, time: ClockWords) -> io::Result<()> {
        let words = [
            1,
            time.realtime_seconds,
            time.monotonic_seconds,
            u64::from(time.nanoseconds),
            u64::from(time.nanoseconds / 1000),
        ];
        let mut bytes = [0u8; 40];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        self.memory.write_all_at(&bytes, self.words)
    }

    /// Makes every clock read a real call, which asks the supervisor.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn disarm(&self) -> io::Result<()> {
        self.memory.write_all_at(&[0; 8], self.words)
    }
}

fn open_memory(process: i32) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(in_machines_proc(&format!("{process}/mem")))
}

fn jump(from: usize, to: usize) -> Vec<u8> {
    let distance = to as i64 - (from as i64 + 5);
    let mut code = vec![0xe9];
    code.extend_from_slice(&(distance as i32).to_le_bytes());
    code
}

fn call(number: i64) -> Vec<u8> {
    let mut code = vec![0xb8];
    code.extend_from_slice(&(number as u32).to_le_bytes());
    code.extend_from_slice(&[0x0f, 0x05, 0xc3]);
    code
}

fn fail(errno: i32) -> Vec<u8> {
    let mut code = vec![0x48, 0xc7, 0xc0];
    code.extend_from_slice(&(-errno).to_le_bytes());
    code.push(0xc3);
    code
}

/// An ELF image in memory, as far as it is needed to find exported functions.
struct Image<'a>(&'a [u8]);

impl<'a> Image<'a> {
    fn half(&self, at: usize) -> Option<usize> {
        Some(usize::from(u16::from_le_bytes(self.0.get(at..at + 2)?.try_into().ok()?)))
    }

    fn word(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.0.get(at..at + 4)?.try_into().ok()?))
    }

    fn double(&self, at: usize) -> Option<u64> {
        Some(u64::from_le_bytes(self.0.get(at..at + 8)?.try_into().ok()?))
    }

    /// The first 64-byte line after everything that the image's headers account for.
    fn free_tail(&self) -> Option<usize> {
        let sections = self.double(40)? as usize + self.half(60)? * self.half(58)?;
        let segments = (0..self.half(56)?)
            .filter_map(|index| {
                let header = self.double(32)? as usize + index * 56;
                Some((self.double(header + 8)? + self.double(header + 32)?) as usize)
            })
            .max()?;
        let end = sections.max(segments).next_multiple_of(64);
        self.0.get(end..)?.iter().all(|byte| *byte == 0).then_some(end)
    }

    fn functions(&self) -> Vec<(&'a str, usize)> {
        self.symbols().unwrap_or_default()
    }

    fn symbols(&self) -> Option<Vec<(&'a str, usize)>> {
        let (offset, size) = (0..self.half(56)?).find_map(|index| {
            let header = self.double(32)? as usize + index * 56;
            (self.word(header)? == PT_DYNAMIC)
                .then(|| Some((self.double(header + 8)? as usize, self.double(header + 40)? as usize)))?
        })?;
        let entry = |tag: u64| {
            (0..size / 16).find_map(|index| {
                let at = offset + index * 16;
                (self.double(at)? == tag).then(|| self.double(at + 8).map(|value| value as usize))?
            })
        };
        let (strings, table) = (entry(DT_STRTAB)?, entry(DT_SYMTAB)?);
        let count = match entry(DT_HASH) {
            Some(hash) => self.word(hash + 4)? as usize,
            // Without the old hash table the string table, which follows the symbols, bounds them.
            None => strings.saturating_sub(table) / 24,
        };
        let mut found = Vec::new();
        for index in 0..count {
            let symbol = table + index * 24;
            let name = self.0.get(strings + self.word(symbol)? as usize..)?;
            let end = name.iter().position(|byte| *byte == 0)?;
            let Ok(name) = std::str::from_utf8(&name[..end]) else { continue };
            found.push((name, self.double(symbol + 8)? as usize));
        }
        Some(found)
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn finds_the_clock_functions_of_this_process() {
        let maps = fs::read_to_string("/proc/self/maps").expect("own maps");
        let line = maps.lines().find(|line| line.ends_with("[vdso]")).expect("a vDSO");
        let base = u64::from_str_radix(line.split('-').next().expect("an address"), 16).expect("hex");
        let memory = File::open("/proc/self/mem").expect("own memory");
        let mut image = vec![0u8; 8192];
        memory.read_exact_at(&mut image, base).expect("two pages");
        let names: Vec<_> = Image(&image).functions().into_iter().map(|(name, _)| name).collect();
        assert!(names.contains(&"__vdso_clock_gettime"), "{names:?}");
        assert!(Image(&image).free_tail().is_some_and(|at| at + BLOB <= image.len()));
    }
}
