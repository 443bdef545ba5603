//! Calls on descriptors that the simulation does not own, and the ones that mix both kinds.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use harness_os::trap::{Sys, borrow_descriptor, native_readiness, read_available, translates};

use super::{NetlinkSocket, Op, Reply, gather, memory, read_spans, total};
use crate::process::{Held, ThreadKey};
use crate::random::{Draw, Purpose};
use crate::world::World;

const FIONREAD: u64 = 0x541b;
const FIONBIO: u64 = 0x5421;
const OUTQ: u64 = 0x5411;

/// Bytes of output that are not worth a look at where they go: the kernel moves so many at once.
const SMALL: usize = 1024;
/// Bytes of output beyond which a program has to wait until they are read.
const HELD_BACK: usize = 4 << 20;

impl World {
    /// A read or write of something that is not simulated.
    pub(super) fn start_native_transfer(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let args = held.note.args;
        held.record.asked = if matches!(held.note.sys, Sys::Read | Sys::Write) { args[2] } else { 0 };
        let process = self.process_of(key);
        if matches!(held.note.sys, Sys::Recvmsg | Sys::Recvmmsg)
            && let Some(process) = self.processes.get_mut(&process)
        {
            // A descriptor of a socket may arrive over a local one.
            process.networked = true;
        }
        if matches!(held.note.sys, Sys::Recvmsg | Sys::Recvmmsg | Sys::Sendmsg | Sys::Sendmmsg) {
            self.note_copies(key, held.note.sys, args);
        }
        if matches!(held.note.sys, Sys::Read | Sys::Readv) && self.is_input(held, process) {
            held.op = Op::Input;
            held.native = true;
            return self.resume_input(key, held);
        }
        if matches!(held.note.sys, Sys::Write | Sys::Writev) {
            self.output_expected = true;
            if let Some(done) = self.take_output(held, process) {
                return Some(Reply::Done(done));
            }
        }
        Some(Reply::Native)
    }

    /// Takes what a program prints out of its memory. The kernel hands the bytes of a terminal on in pieces of 4 KiB,
    /// each by a thread of its own: 64 MiB are seconds of work, and far more on a busy machine.
    fn take_output(&mut self, held: &Held, process: i32) -> Option<i64> {
        let descriptor = held.note.args[0] as i32;
        if !(1..=2).contains(&descriptor) {
            return None;
        }
        let entry = self.processes.get(&process)?.descriptors.as_ref()?;
        let program = self.programs.get_mut(held.record.program.0)?;
        let output = program
            .outputs
            .iter_mut()
            .find(|output| output.identity.as_ref().is_some_and(|identity| entry.is(descriptor, identity)))?;
        // Whoever is not read has to wait, and the kernel is good at that.
        if output.bytes.len() > HELD_BACK {
            return None;
        }
        let ours = output.descriptor.as_ref()?.as_fd();
        if translates(ours) {
            return None;
        }
        let memory = memory(held);
        let spans = match held.note.sys {
            Sys::Write => vec![(held.note.args[1], held.note.args[2] as usize)],
            _ => read_spans(memory, held.note.args[1], held.note.args[2]).ok()?,
        };
        if !(SMALL..=HELD_BACK).contains(&total(&spans)) {
            return None;
        }
        let printed = gather(memory, &spans, 0, HELD_BACK).ok()?;
        // What it printed before comes first.
        let mut before = Vec::new();
        let open = read_available(ours, &mut before).unwrap_or(false);
        output.taken |= open || !before.is_empty();
        output.bytes.extend(before);
        if !open {
            return None;
        }
        output.bytes.extend(&printed);
        Some(printed.len() as i64)
    }

    fn is_input(&self, held: &Held, process: i32) -> bool {
        let descriptor = held.note.args[0] as i32;
        let Some(program) = self.programs.get(held.record.program.0) else { return false };
        let Some(identity) = &program.input.identity else { return false };
        // Files are read by the thousand while a program starts, and standard input is seldom copied.
        descriptor == 0
            && std::fs::read_link(format!("/proc/{process}/fd/{descriptor}"))
                .is_ok_and(|path| path.as_os_str() == identity.as_str())
    }

    pub(super) fn resume_input(&mut self, _: ThreadKey, held: &mut Held) -> Option<Reply> {
        let program = self.programs.get(held.record.program.0)?;
        let ready = match &program.input.far {
            Some(far) => native_readiness(far.as_fd(), libc::POLLIN) != 0,
            None => true,
        };
        ready.then_some(Reply::Native)
    }

    pub(super) fn start_control(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let args = held.note.args;
        if held.note.sys == Sys::Fcntl && [libc::F_DUPFD, libc::F_DUPFD_CLOEXEC].contains(&(args[1] as i32)) {
            return Some(self.start_copy(key, held));
        }
        held.record.descriptor = Some(args[0] as i32);
        let id = self.socket_at(key, args[0] as i32);
        let inet = id.map(|id| self.net.socket(id).is_ok_and(|socket| !socket.v6));
        if held.note.sys == Sys::Ioctl
            && let Some(reply) = self.ask_interfaces(key, held, inet)
        {
            return Some(reply);
        }
        let Some(id) = id else {
            return Some(Reply::Native);
        };
        held.record.asked = args[1];
        let memory = memory(held);
        let unread = self.netlinks.get(&id).map_or_else(|| self.net.unread(id), NetlinkSocket::unread);
        // How many bytes are not acknowledged is nowhere counted; whether there are any is.
        let waiting = self.net.is_sending(id);
        let nonblocking = match (self.netlinks.get_mut(&id), self.timer_sockets.get_mut(&id)) {
            (Some(socket), _) => &mut socket.nonblocking,
            (None, Some(timer)) => &mut timer.nonblocking,
            (None, None) => {
                let Ok(socket) = self.net.socket_mut(id) else { return Some(Reply::Native) };
                held.record.socket = Some(socket.label);
                &mut socket.nonblocking
            }
        };
        match (held.note.sys, args[1]) {
            (Sys::Ioctl, FIONREAD) => {
                memory.write(args[2], &(unread as i32).to_le_bytes());
                Some(Reply::Value(0))
            }
            (Sys::Ioctl, OUTQ) => {
                memory.write(args[2], &i32::from(waiting).to_le_bytes());
                Some(Reply::Value(0))
            }
            (Sys::Ioctl, FIONBIO) => {
                *nonblocking = memory.word32(args[2]).unwrap_or(0) != 0;
                // The kernel does it too, so that F_GETFL shows it.
                Some(Reply::Native)
            }
            (Sys::Fcntl, command) if command == libc::F_SETFL as u64 => {
                *nonblocking = args[2] as i32 & libc::O_NONBLOCK != 0;
                Some(Reply::Native)
            }
            _ => Some(Reply::Unknown),
        }
    }

    pub(super) fn random(&mut self, key: ThreadKey, held: &Held) -> Reply {
        let args = held.note.args;
        let process = self.process_of(key);
        let Some(entry) = self.processes.get_mut(&process) else { return Reply::Native };
        entry.draws += 1;
        let keys = [entry.program.0 as u64, u64::from(entry.number), entry.draws];
        let mut bytes = vec![0u8; (args[1] as usize).min(1 << 20)];
        Draw::new(self.net.config.seed, Purpose::Getrandom, &keys).fill(&mut bytes);
        if memory(held).write(args[0], &bytes) { Reply::Value(bytes.len() as i64) } else { Reply::Errno(libc::EFAULT) }
    }

    /// `sendfile` with a simulated socket as its target.
    pub(super) fn start_sendfile(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let args = held.note.args;
        let (target, source, offset_at, length) = (args[0] as i32, args[1] as i32, args[2], args[3]);
        let Some(id) = self.socket_at(key, target) else {
            // From a socket into a pipe: programs fall back to read and write.
            let from_socket = self.socket_at(key, source).is_some();
            self.output_expected |= !from_socket;
            return Some(if from_socket { Reply::Errno(libc::EINVAL) } else { Reply::Native });
        };
        let process = self.process_of(key);
        // Only what shares the offset will do for a call without one of its own: it reads from there and moves it.
        let copied = match offset_at {
            0 => self.sharing_offset(held, process, source),
            _ => copy_of(&self.processes.get(&process)?.pidfd, process, source),
        };
        let source = match copied.map(File::from) {
            // From anything else the kernel refuses to send, too.
            Ok(file) if file.metadata().is_ok_and(|facts| facts.is_file()) => OwnedFd::from(file),
            Ok(_) if open_mode(process, source) != Ok(libc::O_WRONLY) => return Some(Reply::Errno(libc::EINVAL)),
            Ok(_) | Err(libc::EBADF) => return Some(Reply::Errno(libc::EBADF)),
            Err(_) => return Some(Reply::Errno(libc::EINVAL)),
        };
        let Ok(socket) = self.net.socket(id) else { return Some(Reply::Errno(libc::EBADF)) };
        held.record.descriptor = Some(target);
        held.record.socket = Some(socket.label);
        held.record.asked = length;
        let wait = !socket.nonblocking;
        held.record.nonblocking = !wait;
        held.op = Op::SendFile { socket: id, source, offset_at, left: length as usize, done: 0, wait };
        held.watching = vec![id];
        self.resume_sendfile(key, held)
    }

    /// A copy of a program's file that has its offset in common with the program's. Where it is forbidden to take one
    /// (Docker's default rules), the program is given one that was opened here, in place of its own: the same file, in
    /// the same mode, at the same offset. Only who holds another copy of the program's notices.
    fn sharing_offset(&self, held: &Held, process: i32, descriptor: i32) -> Result<OwnedFd, i32> {
        let pidfd = &self.processes.get(&process).ok_or(libc::EBADF)?.pidfd;
        match borrow_descriptor(pidfd.as_fd(), descriptor) {
            Err(libc::EPERM) => {}
            answered => return answered,
        }
        let (file, close_on_exec) = reopened(process, descriptor)?;
        let program = self.programs.get(held.record.program.0).ok_or(libc::EBADF)?;
        program.listener.replace_descriptor(held.note.id, file.as_fd(), descriptor, close_on_exec)?;
        Ok(file.into())
    }

    pub(super) fn resume_sendfile(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let memory = memory(held);
        let Op::SendFile { socket, source, offset_at, left, done, wait } = &mut held.op else {
            return Some(Reply::Unknown);
        };
        let file = match source.try_clone() {
            Ok(copy) => File::from(copy),
            Err(_) => return Some(Reply::Errno(libc::EMFILE)),
        };
        loop {
            let from = match *offset_at {
                0 => position(&file),
                at => memory.word64(at).unwrap_or(0),
            };
            let mut chunk = vec![0u8; (*left).min(64 * 1024)];
            let got = match file.read_at(&mut chunk, from) {
                Ok(got) => got,
                Err(error) if *done == 0 => return Some(Reply::Errno(error.raw_os_error().unwrap_or(libc::EIO))),
                Err(_) => 0,
            };
            if got == 0 {
                return Some(Reply::Value(*done as i64));
            }
            match self.net.send_stream(*socket, &chunk[..got]) {
                Ok(Some(sent)) => {
                    *done += sent;
                    *left -= sent;
                    match *offset_at {
                        0 => advance(&file, sent),
                        at => {
                            memory.write(at, &(from + sent as u64).to_le_bytes());
                        }
                    }
                }
                Ok(None) if *wait => return None,
                Ok(None) if *done == 0 => return Some(Reply::Errno(libc::EAGAIN)),
                Err(libc::EPIPE) if *done == 0 => {
                    let socket = *socket;
                    return Some(self.broken(key, held, socket));
                }
                Err(errno) if *done == 0 => return Some(Reply::Errno(errno)),
                Ok(None) | Err(_) => return Some(Reply::Value(*done as i64)),
            }
            if *left == 0 {
                return Some(Reply::Value(*done as i64));
            }
        }
    }
}

/// The copy of a descriptor shares the offset of the original, as `sendfile` wants it.
fn position(file: &File) -> u64 {
    use std::io::Seek;
    let mut file: &File = file;
    file.stream_position().unwrap_or(0)
}

fn advance(file: &File, by: usize) {
    use std::io::{Seek, SeekFrom};
    let mut file: &File = file;
    // A pipe cannot seek; sendfile from one is refused by the kernel too.
    let _ = file.seek(SeekFrom::Current(by as i64));
}

/// What `poll` says about a descriptor that is not simulated.
pub(crate) fn native_bits(pidfd: &OwnedFd, process: i32, descriptor: i32, events: i16) -> i16 {
    match copy_of(pidfd, process, descriptor) {
        Ok(copy) => native_readiness(copy.as_fd(), events),
        Err(libc::EBADF) => libc::POLLNVAL,
        // It is there and cannot be looked at: never ready is the answer that does no harm.
        Err(_) => 0,
    }
}

/// Offset and flags of an open file (proc(5): `fdinfo`).
fn facts_of(process: i32, descriptor: i32) -> Result<(u64, i32), i32> {
    let text = std::fs::read_to_string(format!("/proc/{process}/fdinfo/{descriptor}")).map_err(|_| libc::EBADF)?;
    let word = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let offset = word("pos:").and_then(|word| word.parse().ok()).ok_or(libc::EINVAL)?;
    let flags = word("flags:").and_then(|word| i32::from_str_radix(word, 8).ok()).ok_or(libc::EINVAL)?;
    Ok((offset, flags))
}

/// Whether a file is open to be read, to be written or both.
fn open_mode(process: i32, descriptor: i32) -> Result<i32, i32> {
    facts_of(process, descriptor).map(|(_, flags)| flags & libc::O_ACCMODE)
}

/// A regular file that a program has open, opened again in the same mode and at the same offset, and
/// whether the program's descriptor is closed by `exec`.
fn reopened(process: i32, descriptor: i32) -> Result<(File, bool), i32> {
    use std::io::{Seek, SeekFrom};
    use std::os::unix::fs::OpenOptionsExt;
    let path = format!("/proc/{process}/fd/{descriptor}");
    let facts = std::fs::metadata(&path).map_err(|_| libc::EBADF)?;
    if !facts.is_file() {
        return Err(libc::EINVAL);
    }
    let (offset, flags) = facts_of(process, descriptor)?;
    let (reads, writes) = match flags & libc::O_ACCMODE {
        libc::O_RDONLY => (true, false),
        libc::O_RDWR => (true, true),
        _ => return Err(libc::EBADF),
    };
    let kept = flags & (libc::O_APPEND | libc::O_NONBLOCK | libc::O_DIRECT | libc::O_NOATIME);
    let mut file = File::options()
        .read(reads)
        .write(writes)
        .custom_flags(kept)
        .open(&path)
        .map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))?;
    file.seek(SeekFrom::Start(offset)).map_err(|_| libc::EINVAL)?;
    Ok((file, flags & libc::O_CLOEXEC != 0))
}

/// A descriptor of a program for the supervisor. Docker's default rules forbid to copy one; what has a name (files,
/// pipes, terminals) can be opened again under it.
///
/// # Errors
/// `EBADF` when there is none, and what the kernel says of those that have no name, such as `eventfd`s.
pub(super) fn copy_of(pidfd: &OwnedFd, process: i32, descriptor: i32) -> Result<OwnedFd, i32> {
    use std::os::unix::fs::OpenOptionsExt;
    match borrow_descriptor(pidfd.as_fd(), descriptor) {
        Err(libc::EPERM) => {}
        answered => return answered,
    }
    let path = format!("/proc/{process}/fd/{descriptor}");
    let open = |write: bool| {
        File::options().read(!write).write(write).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(&path)
    };
    // Which half of a pipe it is shows in the link's own rights.
    let rights = std::fs::symlink_metadata(&path).map_err(|_| libc::EBADF)?.permissions();
    let writes = std::os::unix::fs::PermissionsExt::mode(&rights) & 0o600 == 0o200;
    open(writes).map(Into::into).map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))
}
