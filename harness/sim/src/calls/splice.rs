//! `splice`: bytes go from a pipe of the program into a simulated socket, or the other way (splice(2)).
//!
//! The pipe is the real kernel's; what is taken out of it has left it, so nothing is taken that the socket has no room
//! for, and what it then does not take at once is kept until it does.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

use harness_os::trap::{native_readiness, readable_bytes};

use super::files::copy_of;
use super::{Op, Reply};
use crate::process::{Held, ThreadKey};
use crate::sockets::SocketId;
use crate::world::World;

/// Room that a pipe has when it is writable (pipe(7): `PIPE_BUF`).
const ROOM: usize = 4096;

/// Most that is moved out of a pipe at once: as much as it usually holds.
const PIPE: usize = 64 * 1024;

/// A splice under way.
#[derive(Debug)]
pub(crate) struct Splice {
    socket: SocketId,
    pipe: OwnedFd,
    into_pipe: bool,
    left: usize,
    done: usize,
    /// Taken out of the pipe, and still to be sent.
    taken: Vec<u8>,
    wait: bool,
}

impl World {
    /// A splice in which one side at least may be a simulated socket.
    pub(super) fn start_pipe_splice(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let [from, from_offset, to, to_offset, length, flags] = held.note.args;
        let (from, to) = (from as i32, to as i32);
        let (source, target) = (self.socket_at(key, from), self.socket_at(key, to));
        let (socket, pipe, into_pipe) = match (source, target) {
            (None, None) => {
                self.output_expected = true;
                return Some(Reply::Native);
            }
            (Some(_), Some(_)) => return Some(Reply::Errno(libc::EINVAL)),
            (Some(source), None) => (source, to, true),
            (None, Some(target)) => (target, from, false),
        };
        // Neither has a place to go to, and the kernel says it differently of each.
        match (into_pipe, from_offset, to_offset) {
            (_, 0, 0) => {}
            (true, _, 1..) | (false, 1.., _) => return Some(Reply::Errno(libc::ESPIPE)),
            _ => return Some(Reply::Errno(libc::EINVAL)),
        }
        let process = self.process_of(key);
        let pipe = match copy_of(&self.processes.get(&process)?.pidfd, process, pipe).map(File::from) {
            Ok(file) if file.metadata().is_ok_and(|facts| facts.file_type().is_fifo()) => OwnedFd::from(file),
            Err(libc::EBADF) => return Some(Reply::Errno(libc::EBADF)),
            _ => return Some(Reply::Errno(libc::EINVAL)),
        };
        let Ok(entry) = self.net.socket(socket) else { return Some(Reply::Errno(libc::EBADF)) };
        if !entry.stream {
            return Some(Reply::Errno(libc::EINVAL));
        }
        held.record.descriptor = Some(if into_pipe { from } else { to });
        held.record.socket = Some(entry.label);
        held.record.asked = length;
        let wait = !entry.nonblocking && flags as u32 & libc::SPLICE_F_NONBLOCK == 0;
        held.record.nonblocking = !wait;
        if length == 0 {
            return Some(Reply::Value(0));
        }
        held.op =
            Op::Splice(Splice { socket, pipe, into_pipe, left: length as usize, done: 0, taken: Vec::new(), wait });
        held.watching = vec![socket];
        // The other side of the pipe may be what it waits for.
        held.native = true;
        self.resume_pipe_splice(key, held)
    }

    pub(super) fn resume_pipe_splice(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let Op::Splice(splice) = &mut held.op else { return Some(Reply::Unknown) };
        let moved = if splice.into_pipe { self.drain_into(splice) } else { self.fill_from(splice) };
        let (done, wait, socket) = (splice.done, splice.wait, splice.socket);
        match moved {
            Ok(Some(())) => Some(Reply::Value(done as i64)),
            Ok(None) if !splice.taken.is_empty() => None,
            Ok(None) if done > 0 => Some(Reply::Value(done as i64)),
            Ok(None) if wait => None,
            Ok(None) => Some(Reply::Errno(libc::EAGAIN)),
            Err(_) if done > 0 => Some(Reply::Value(done as i64)),
            Err(libc::EPIPE) => Some(self.broken(key, held, socket)),
            Err(errno) => Some(Reply::Errno(errno)),
        }
    }

    /// From a pipe into a socket. `Ok(None)` when it has to wait.
    fn fill_from(&mut self, splice: &mut Splice) -> Result<Option<()>, i32> {
        loop {
            if splice.taken.is_empty() {
                let there = readable_bytes(splice.pipe.as_fd()).min(splice.left).min(PIPE);
                if there == 0 {
                    let ended = native_readiness(splice.pipe.as_fd(), libc::POLLIN) & libc::POLLHUP != 0;
                    return Ok((ended || splice.left == 0).then_some(()));
                }
                if !self.net.readiness(splice.socket).writable {
                    return Ok(None);
                }
                splice.taken = vec![0; there];
                let mut pipe = File::from(splice.pipe.try_clone().map_err(|_| libc::EMFILE)?);
                let got = pipe.read(&mut splice.taken).map_err(|error| error.raw_os_error().unwrap_or(libc::EIO));
                splice.taken.truncate(*got.as_ref().unwrap_or(&0));
                splice.left -= got?;
            }
            let Some(sent) = self.net.send_stream(splice.socket, &splice.taken)? else { return Ok(None) };
            splice.taken.drain(..sent);
            splice.done += sent;
        }
    }

    /// From a socket into a pipe. `Ok(None)` when it has to wait.
    fn drain_into(&mut self, splice: &mut Splice) -> Result<Option<()>, i32> {
        while splice.left > 0 {
            let ready = native_readiness(splice.pipe.as_fd(), libc::POLLOUT);
            if ready & libc::POLLERR != 0 {
                return Err(libc::EPIPE);
            }
            if ready & libc::POLLOUT == 0 {
                return Ok(None);
            }
            let mut buffer = vec![0; splice.left.min(ROOM)];
            let Some(got) = self.net.receive_stream(splice.socket, &mut buffer, false)? else { return Ok(None) };
            if got == 0 {
                break;
            }
            let mut pipe = File::from(splice.pipe.try_clone().map_err(|_| libc::EMFILE)?);
            match pipe.write_all(&buffer[..got]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Err(libc::EPIPE),
                Err(error) => return Err(error.raw_os_error().unwrap_or(libc::EIO)),
            }
            splice.left -= got;
            splice.done += got;
        }
        Ok(Some(()))
    }
}
