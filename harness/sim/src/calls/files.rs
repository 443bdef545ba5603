//! Calls on descriptors that the simulation does not own, and the ones that mix both kinds.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use harness_os::trap::{Sys, borrow_descriptor, native_readiness};

use super::{Op, Reply, memory};
use crate::process::{Held, ThreadKey};
use crate::random::{Draw, Purpose};
use crate::world::World;

const FIONREAD: u64 = 0x541b;
const FIONBIO: u64 = 0x5421;

impl World {
    /// A read or write of something that is not simulated.
    pub(super) fn start_native_transfer(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let args = held.note.args;
        held.record.asked = if matches!(held.note.sys, Sys::Read | Sys::Write) { args[2] } else { 0 };
        let process = self.process_of(key);
        if matches!(held.note.sys, Sys::Recvmsg)
            && let Some(process) = self.processes.get_mut(&process)
        {
            // A descriptor of a socket may arrive over a local one.
            process.networked = true;
        }
        if matches!(held.note.sys, Sys::Read | Sys::Readv) && self.is_input(held, process) {
            held.op = Op::Input;
            held.native = true;
            return self.resume_input(key, held);
        }
        self.output_expected |= matches!(held.note.sys, Sys::Write | Sys::Writev);
        Some(Reply::Native)
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
        held.record.descriptor = Some(args[0] as i32);
        let Some(id) = self.socket_at(key, args[0] as i32) else {
            return Some(Reply::Native);
        };
        held.record.asked = args[1];
        let memory = memory(held);
        let unread = self.net.unread(id);
        let Ok(socket) = self.net.socket_mut(id) else { return Some(Reply::Native) };
        held.record.socket = Some(socket.label);
        match (held.note.sys, args[1]) {
            (Sys::Ioctl, FIONREAD) => {
                memory.write(args[2], &(unread as i32).to_le_bytes());
                Some(Reply::Value(0))
            }
            (Sys::Ioctl, FIONBIO) => {
                socket.nonblocking = memory.word32(args[2]).unwrap_or(0) != 0;
                // The kernel does it too, so that F_GETFL shows it.
                Some(Reply::Native)
            }
            (Sys::Fcntl, command) if command == libc::F_SETFL as u64 => {
                socket.nonblocking = args[2] as i32 & libc::O_NONBLOCK != 0;
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

    /// `sendfile` and `splice` with a simulated socket as their target.
    pub(super) fn start_splice(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let args = held.note.args;
        let (target, source, offset_at, length) = if held.note.sys == Sys::Sendfile {
            (args[0] as i32, args[1] as i32, args[2], args[3])
        } else {
            (args[2] as i32, args[0] as i32, args[1], args[4])
        };
        let Some(id) = self.socket_at(key, target) else {
            // From a socket into a pipe: programs fall back to read and write.
            let from_socket = self.socket_at(key, source).is_some();
            self.output_expected |= !from_socket;
            return Some(if from_socket { Reply::Errno(libc::EINVAL) } else { Reply::Native });
        };
        let process = self.process_of(key);
        let entry = self.processes.get(&process)?;
        // Only a true copy shares the offset that a call without one of its own reads from and moves.
        let copied = match offset_at {
            0 => borrow_descriptor(entry.pidfd.as_fd(), source),
            _ => copy_of(&entry.pidfd, process, source),
        };
        let Ok(source) = copied else {
            return Some(Reply::Errno(libc::EINVAL));
        };
        if held.note.sys == Sys::Splice {
            return Some(Reply::Errno(libc::EINVAL));
        }
        let Ok(socket) = self.net.socket(id) else { return Some(Reply::Errno(libc::EBADF)) };
        held.record.descriptor = Some(target);
        held.record.socket = Some(socket.label);
        held.record.asked = length;
        let wait = !socket.nonblocking;
        held.record.nonblocking = !wait;
        held.op = Op::SendFile { socket: id, source, offset_at, left: length as usize, done: 0, wait };
        held.watching = vec![id];
        self.resume_splice(key, held)
    }

    pub(super) fn resume_splice(&mut self, _: ThreadKey, held: &mut Held) -> Option<Reply> {
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
            let got = file.read_at(&mut chunk, from).unwrap_or(0);
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
pub(super) fn native_bits(pidfd: &OwnedFd, process: i32, descriptor: i32, events: i16) -> i16 {
    match copy_of(pidfd, process, descriptor) {
        Ok(copy) => native_readiness(copy.as_fd(), events),
        Err(libc::EBADF) => libc::POLLNVAL,
        // It is there and cannot be looked at: never ready is the answer that does no harm.
        Err(_) => 0,
    }
}

/// A descriptor of a program for the supervisor. Docker's default rules forbid to copy one; what has a name (files,
/// pipes, terminals) can be opened again under it.
///
/// # Errors
/// `EBADF` when there is none, and what the kernel says of those that have no name, such as `eventfd`s.
fn copy_of(pidfd: &OwnedFd, process: i32, descriptor: i32) -> Result<OwnedFd, i32> {
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
