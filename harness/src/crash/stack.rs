//! From copies of stacks to lines: C, C++ and Rust programs, whose runtimes tell nothing.
//!
//! Owns the unwinding, by the tables that every compiler writes for exceptions, and the names, by those that it writes
//! with `-g`. What is no part of the submission is not looked up.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use addr2line::Loader;
use framehop::{ExplicitModuleSectionInfo, Module, Unwinder, UnwinderNative};
use harness_os::process::{Mapping, Snapshot};
use object::{Object, ObjectSection, ObjectSegment};

use super::trace::Frame;
use crate::run::calls::Runtime;

/// What a thread is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// The call that it waits in; nothing if it runs.
    pub call: Option<String>,
    /// Whether it is the first thread of its program.
    pub first: bool,
    /// Its frames in the program's own code.
    pub frames: Vec<Frame>,
}

/// What all threads of these processes are at, as far as they are in a program of the folder `below`. They are stopped
/// for a moment.
pub fn of_processes(family: &[i32], below: &Path) -> Vec<Stack> {
    let of = |pid: &i32| {
        let mappings = harness_os::process::mappings(*pid);
        if !mappings.iter().any(|mapping| mapping.file.starts_with(below)) {
            return Vec::new();
        }
        let threads = harness_os::process::snapshots(*pid);
        let stack = |thread: &Snapshot| {
            let call = thread.call.as_ref().map(|call| call.name.to_owned());
            Stack { call, first: thread.tid == *pid, frames: frames(thread, &mappings, below) }
        };
        threads.iter().map(stack).collect()
    };
    family.iter().flat_map(of).filter(|stack| !stack.frames.is_empty()).collect()
}

/// The signal by which a runtime is asked to write down what its threads are at, by its executable.
pub fn dumps_on(executable: &Path, runtime: Option<Runtime>) -> Option<i32> {
    let real = executable.canonicalize().ok()?;
    let name = real.file_name()?.to_string_lossy().into_owned();
    match runtime {
        Some(Runtime::Java | Runtime::Go) => Some(nix::libc::SIGQUIT),
        Some(_) => None,
        // Its fault handler is switched on.
        None => name.starts_with("python3").then_some(nix::libc::SIGABRT),
    }
}

/// Frames that are looked at: a stack that has overflowed has very many.
const DEEPEST: usize = 128;

/// A file of a process, where it is mapped.
struct Mapped {
    addresses: Range<u64>,
    /// What is added to an address in the file.
    bias: u64,
    file: PathBuf,
}

/// The frames of a thread, the innermost first, as far as they are in a program of the folder `below`.
pub fn frames(thread: &Snapshot, mappings: &[Mapping], below: &Path) -> Vec<Frame> {
    let mut unwinder: UnwinderNative<Vec<u8>, framehop::MayAllocateDuringUnwind> = UnwinderNative::new();
    let mut files = Vec::new();
    for mapping in mappings {
        let Some((mapped, module)) = read(mapping) else { continue };
        unwinder.add_module(module);
        files.push(mapped);
    }
    let mut read_stack = |address: u64| {
        let at = address.checked_sub(thread.pointer).and_then(|at| usize::try_from(at).ok()).ok_or(())?;
        let word = thread.stack.get(at..at + 8).and_then(|word| word.try_into().ok()).ok_or(())?;
        Ok(u64::from_le_bytes(word))
    };
    let mut cache = framehop::CacheNative::new();
    let mut unwound = unwinder.iter_frames(thread.instruction, registers(thread), &mut cache, &mut read_stack);
    let mut loaders: BTreeMap<PathBuf, Option<Loader>> = BTreeMap::new();
    let mut frames = Vec::new();
    for _ in 0..DEEPEST {
        let Ok(Some(frame)) = unwound.next() else { break };
        let address = frame.address_for_lookup();
        let Some(mapped) = files.iter().find(|mapped| mapped.addresses.contains(&address)) else { continue };
        if !mapped.file.starts_with(below) {
            continue;
        }
        let loader = loaders.entry(mapped.file.clone()).or_insert_with(|| Loader::new(&mapped.file).ok());
        if let Some(loader) = loader {
            frames.extend(lines(loader, address.wrapping_sub(mapped.bias)));
        }
    }
    frames
}

#[cfg(target_arch = "x86_64")]
fn registers(thread: &Snapshot) -> framehop::UnwindRegsNative {
    framehop::UnwindRegsNative::new(thread.instruction, thread.pointer, thread.frame)
}

#[cfg(target_arch = "aarch64")]
fn registers(thread: &Snapshot) -> framehop::UnwindRegsNative {
    framehop::UnwindRegsNative::new(thread.link, thread.pointer, thread.frame)
}

/// The lines of an address: several, where functions are inlined.
fn lines(loader: &Loader, address: u64) -> Vec<Frame> {
    let mut found = Vec::new();
    let Ok(mut frames) = loader.find_frames(address) else { return found };
    while let Ok(Some(frame)) = frames.next() {
        let Some((file, line)) = frame.location.and_then(|at| Some((at.file?.to_owned(), at.line?))) else { continue };
        let name = frame.function.as_ref().and_then(|name| name.demangle().ok());
        let function = name.as_deref().unwrap_or_default();
        // Arguments are not told, and a Rust name ends in a hash.
        let function = function.split('(').next().unwrap_or_default();
        let function = match function.rsplit_once("::h") {
            Some((name, hash)) if hash.len() == 16 => name,
            _ => function,
        };
        found.push(Frame { file, line, function: function.to_owned() });
    }
    found
}

/// The tables of a mapped file.
fn read(mapping: &Mapping) -> Option<(Mapped, Module<Vec<u8>>)> {
    let bytes = std::fs::read(&mapping.file).ok()?;
    let file = object::File::parse(bytes.as_slice()).ok()?;
    let holds = |segment: &object::Segment<'_, '_>| {
        let (offset, size) = segment.file_range();
        (offset..offset + size).contains(&mapping.offset) || (mapping.offset..).contains(&offset)
    };
    let segment =
        file.segments().filter(holds).min_by_key(|segment| segment.file_range().0.abs_diff(mapping.offset))?;
    // The mapping begins at a page, which may be before the segment does.
    let begins = segment.address().wrapping_sub(segment.file_range().0).wrapping_add(mapping.offset);
    let bias = mapping.addresses.start.wrapping_sub(begins);
    let range = |name: &str| {
        let section = file.section_by_name(name)?;
        Some(section.address()..section.address() + section.size())
    };
    let data = |name: &str| file.section_by_name(name).and_then(|section| section.data().ok()).map(<[u8]>::to_vec);
    let sections = ExplicitModuleSectionInfo {
        base_svma: 0,
        text_svma: range(".text"),
        text: data(".text"),
        got_svma: range(".got"),
        eh_frame_svma: range(".eh_frame"),
        eh_frame: data(".eh_frame"),
        eh_frame_hdr_svma: range(".eh_frame_hdr"),
        eh_frame_hdr: data(".eh_frame_hdr"),
        ..ExplicitModuleSectionInfo::default()
    };
    let name = mapping.file.display().to_string();
    let module = Module::new(name, mapping.addresses.clone(), bias, sections);
    Some((Mapped { addresses: mapping.addresses.clone(), bias, file: mapping.file.clone() }, module))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::submission::toolchain;
    use harness_os::trap::{becomes_ready, pidfd_open};
    use std::os::fd::AsFd;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    const PROGRAM: &str = "#include <unistd.h>
static int wait_for_it(int fd) {
    char byte;
    return read(fd, &byte, 1);
}
static void crash(int *at) {
    *at = 1;
}
int main(int count, char **arguments) {
    wait_for_it(0);
    crash((int *)(long)(count - 1));
    return 0;
}
";

    fn places(frames: &[Frame]) -> Vec<(u32, &str)> {
        frames.iter().map(|frame| (frame.line, frame.function.as_str())).collect()
    }

    #[test]
    fn a_c_program_is_told_by_its_lines() {
        if toolchain::find("cc", Path::new("/")).is_none() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("it.c"), PROGRAM).unwrap();
        let built = Command::new("cc").args(["-g", "-o", "it", "it.c"]).current_dir(folder.path()).status().unwrap();
        assert!(built.success());
        let mut child = Command::new(folder.path().join("it")).stdin(Stdio::piped()).spawn().unwrap();
        let pid = child.id() as i32;
        let waits =
            || harness_os::process::threads(pid).iter().any(|it| it.blocked_in.is_some_and(|it| it.name == "read"));
        let is_it = || harness_os::process::mappings(pid).iter().any(|mapping| mapping.file.ends_with("it"));
        while !is_it() || !waits() {
            std::thread::yield_now();
        }
        let found = harness_os::process::snapshots(pid);
        let mappings = harness_os::process::mappings(pid);
        assert_eq!(places(&frames(&found[0], &mappings, folder.path())), [(4, "wait_for_it"), (10, "main")]);
        let autopsy = harness_os::process::Autopsy::of(pid).unwrap();
        drop(child.stdin.take());
        let gone = pidfd_open(pid).unwrap();
        assert!(becomes_ready(gone.as_fd(), Duration::from_secs(20)));
        let dead = autopsy.found().unwrap();
        assert_eq!(places(&frames(&dead.thread, &dead.mappings, folder.path())), [(7, "crash"), (11, "main")]);
        assert!(!child.wait().unwrap().success());
    }
}
