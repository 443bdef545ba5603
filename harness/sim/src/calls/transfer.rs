//! Reading and writing: every call that moves bytes through a simulated socket.

use harness_os::trap::{Memory, Sys, signal_thread};

use super::{Op, Reply, Target, gather, memory, read_address, read_spans, scatter, total, write_address};
use crate::process::{Held, ThreadKey};
use crate::random::Purpose;
use crate::sockets::SocketId;
use crate::world::World;

/// Bytes taken from or given to a program at once.
const CHUNK: usize = 256 * 1024;

/// Size of `struct mmsghdr`.
const MANY: u64 = 64;

/// The fields of a `struct msghdr`.
pub(super) struct Header {
    name: u64,
    name_length: u64,
    pub(super) target: Target,
}

pub(super) fn read_header(memory: Memory, at: u64) -> Result<Header, i32> {
    let words: [u8; 56] = memory.array(at).ok_or(libc::EFAULT)?;
    let word = |at: usize| u64::from_le_bytes(words[at..at + 8].try_into().unwrap_or([0; 8]));
    let spans = read_spans(memory, word(16), word(24))?;
    Ok(Header {
        name: word(0),
        name_length: word(8) & 0xffff_ffff,
        target: Target { spans, name: word(0), name_length: at + 8, header: at },
    })
}

impl World {
    pub(super) fn start_transfer(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let args = held.note.args;
        let descriptor = args[0] as i32;
        held.record.descriptor = Some(descriptor);
        let Some(id) = self.socket_at(key, descriptor) else {
            return self.start_native_transfer(key, held);
        };
        if self.timer_sockets.contains_key(&id) {
            return self.start_timer_read(held, id);
        }
        if self.netlinks.contains_key(&id) {
            return self.start_netlink(key, held, id);
        }
        let Ok(socket) = self.net.socket(id) else { return Some(Reply::Errno(libc::EBADF)) };
        held.record.socket = Some(socket.label);
        let stream = socket.stream;
        match self.plan_transfer(held, id) {
            Ok(Some(reply)) => Some(reply),
            Ok(None) => self.resume_transfer(key, held, false),
            Err(libc::EPIPE) if stream && held.note.sys == Sys::Sendmmsg => Some(self.broken(key, held, id)),
            Err(errno) => Some(Reply::Errno(errno)),
        }
    }

    /// Turns the arguments into an operation, or answers at once (datagrams are sent without waiting).
    fn plan_transfer(&mut self, held: &mut Held, id: SocketId) -> Result<Option<Reply>, i32> {
        let args = held.note.args;
        let memory = memory(held);
        let socket = self.net.socket(id)?;
        let (stream, nonblocking) = (socket.stream, socket.nonblocking);
        let (receive_timeout, send_timeout) = (socket.receive_timeout, socket.send_timeout);
        let plain = |at: usize| vec![(args[at], args[at + 1] as usize)];
        let flags = match held.note.sys {
            Sys::Recvfrom | Sys::Sendto | Sys::Recvmmsg | Sys::Sendmmsg => args[3] as i32,
            Sys::Recvmsg | Sys::Sendmsg => args[2] as i32,
            _ => 0,
        };
        let wait = !nonblocking && flags & libc::MSG_DONTWAIT == 0;
        held.record.nonblocking = !wait;
        if flags & libc::MSG_OOB != 0 {
            return Ok(Some(Reply::Errno(libc::EINVAL)));
        }
        match held.note.sys {
            Sys::Read | Sys::Readv | Sys::Recvfrom | Sys::Recvmsg => {
                let target = match held.note.sys {
                    Sys::Read => Target { spans: plain(1), ..Target::default() },
                    Sys::Readv => Target { spans: read_spans(memory, args[1], args[2])?, ..Target::default() },
                    Sys::Recvfrom => Target { spans: plain(1), name: args[4], name_length: args[5], header: 0 },
                    _ => read_header(memory, args[1])?.target,
                };
                held.record.asked = total(&target.spans) as u64;
                if held.record.asked == 0 && stream {
                    return Ok(Some(Reply::Value(0)));
                }
                held.op = Op::Receive { socket: id, target, flags, done: 0, wait };
                held.watching = vec![id];
                held.deadline = receive_timeout.filter(|_| wait).map(|time| self.net.now + time);
            }
            Sys::Recvmmsg => {
                held.record.asked = args[2] & 0xffff_ffff;
                let patience = match args[4] {
                    0 => None,
                    at => Some(super::time::read_timespec(memory, at).ok_or(libc::EFAULT)?),
                };
                held.op = Op::ReceiveMany {
                    socket: id,
                    vector: args[1],
                    count: (args[2] as u32 as usize).min(1024),
                    done: 0,
                    flags,
                    wait,
                };
                held.watching = vec![id];
                held.deadline =
                    patience.into_iter().chain(receive_timeout).min().filter(|_| wait).map(|time| self.net.now + time);
            }
            Sys::Sendmmsg => {
                let mut sent = 0;
                for index in 0..(args[2] as u32 as u64).min(1024) {
                    let at = args[1] + index * MANY;
                    let header = read_header(memory, at)?;
                    let result = if stream {
                        let bytes = gather(memory, &header.target.spans, 0, CHUNK)?;
                        self.net.send_stream(id, &bytes).and_then(|done| done.ok_or(libc::EAGAIN))
                    } else {
                        self.send_one(held, id, &header)
                    };
                    match result {
                        Ok(length) => {
                            memory.write(at + 56, &(length as u32).to_le_bytes());
                            sent += 1;
                        }
                        Err(errno) if sent == 0 => return Err(errno),
                        Err(_) => break,
                    }
                }
                return Ok(Some(Reply::Value(sent)));
            }
            _ => {
                let header = match held.note.sys {
                    Sys::Write => Header::plain(plain(1), 0, 0),
                    Sys::Writev => Header::plain(read_spans(memory, args[1], args[2])?, 0, 0),
                    Sys::Sendto => Header::plain(plain(1), args[4], args[5]),
                    _ => read_header(memory, args[1])?,
                };
                held.record.asked = total(&header.target.spans) as u64;
                if !stream {
                    return self.send_one(held, id, &header).map(|done| Some(Reply::Value(done as i64)));
                }
                held.op = Op::Send { socket: id, spans: header.target.spans, done: 0, wait };
                held.watching = vec![id];
                held.deadline = send_timeout.filter(|_| wait).map(|time| self.net.now + time);
            }
        }
        Ok(None)
    }

    fn send_one(&mut self, held: &mut Held, id: SocketId, header: &Header) -> Result<usize, i32> {
        let memory = memory(held);
        let to = match header.name {
            0 => None,
            at => read_address(memory, at, header.name_length)?,
        };
        let length = total(&header.target.spans);
        if length > 65_507 {
            return Err(libc::EMSGSIZE);
        }
        let bytes = gather(memory, &header.target.spans, 0, length)?;
        held.record.address = to;
        self.net.send_datagram(id, &bytes, to)
    }

    pub(super) fn resume_transfer(&mut self, key: ThreadKey, held: &mut Held, expired: bool) -> Option<Reply> {
        let result = match &held.op {
            Op::Receive { socket, .. } => {
                let id = *socket;
                if self.net.socket(id).is_ok_and(|socket| socket.stream) {
                    self.receive_stream(held, id, expired)
                } else {
                    self.receive_datagram(held, id, expired)
                }
            }
            Op::ReceiveMany { .. } => self.receive_many(held, expired),
            Op::Send { .. } => self.send_stream(held, expired),
            _ => return Some(Reply::Unknown),
        };
        match result {
            Ok(None) => None,
            Ok(Some(value)) => Some(Reply::Value(value)),
            Err(libc::EPIPE) if let Op::Send { socket, .. } = held.op => Some(self.broken(key, held, socket)),
            Err(errno) => Some(Reply::Errno(errno)),
        }
    }

    /// A write into a connection that nobody reads any more.
    pub(super) fn broken(&mut self, key: ThreadKey, held: &Held, id: SocketId) -> Reply {
        let args = held.note.args;
        let named = match held.note.sys {
            Sys::Sendto => args[4] != 0,
            Sys::Sendmsg | Sys::Sendmmsg => memory(held).word64(args[1]).unwrap_or(0) != 0,
            // With nothing left in the pipe, the kernel would wait there.
            Sys::Splice => true,
            _ => false,
        };
        if let Some(placeholder) = self.kept.get(&id).filter(|_| !named) {
            placeholder.break_off();
            return Reply::Broken;
        }
        // With an address, which a connection ignores, the kernel would say that the placeholder is connected. A signal
        // from here is right only where it is the program's end: a handler would run too early or too late.
        let process = self.process_of(key);
        let silent = match held.note.sys {
            Sys::Sendto | Sys::Sendmmsg => args[3],
            Sys::Splice => 0,
            _ => args[2],
        } as i32
            & libc::MSG_NOSIGNAL
            != 0;
        if !silent && crate::signals::is_deadly(process, libc::SIGPIPE) {
            signal_thread(process, held.note.thread, libc::SIGPIPE);
        }
        Reply::Errno(libc::EPIPE)
    }

    fn receive_stream(&mut self, held: &mut Held, id: SocketId, expired: bool) -> Result<Option<i64>, i32> {
        let memory = memory(held);
        let Op::Receive { target, flags, done, wait, .. } = &mut held.op else { return Err(libc::EINVAL) };
        let (peek, all) = (*flags & libc::MSG_PEEK != 0, *flags & libc::MSG_WAITALL != 0);
        let room = total(&target.spans);
        loop {
            let want = (room - *done).min(CHUNK);
            let possible = want.min(self.net.unread(id));
            let (nth, label) = {
                let socket = self.net.socket(id)?;
                (socket.reads, socket.label)
            };
            let allowed = if possible == 0 || all || peek {
                // With nothing there one byte is enough to learn whether this is the end.
                possible.max(1)
            } else {
                let config = &self.net.config;
                config.reads.allow(config.seed, Purpose::Read, label, nth, possible)
            };
            let mut buffer = vec![0u8; allowed];
            match self.net.receive_stream(id, &mut buffer, peek) {
                Ok(Some(length)) => {
                    scatter(memory, &target.spans, *done, &buffer[..length])?;
                    *done += length;
                    if all && !peek && length > 0 && *done < room && *wait {
                        continue;
                    }
                    let whole = *done as i64;
                    if length > 0 && !peek {
                        self.net.socket_mut(id)?.reads += 1;
                        held.record.nth = Some(nth);
                        held.record.cut_from = (allowed < possible).then_some(possible as u64);
                        if held.record.cut_from.is_some() {
                            // As if the rest came just now: who read less than asked for may wait for an edge (epoll(7)).
                            self.net.mark_edge(id);
                        }
                    }
                    if target.header != 0 {
                        finish_header(memory, target.header, 0, 0);
                    } else if target.name_length != 0 {
                        // A stream has no source to name.
                        memory.write(target.name_length, &[0; 4]);
                    }
                    return Ok(Some(whole));
                }
                Ok(None) if *wait && !expired => return Ok(None),
                Ok(None) if *done > 0 => return Ok(Some(*done as i64)),
                Ok(None) => return Err(libc::EAGAIN),
                Err(errno) if *done > 0 => {
                    self.keep_error(id, errno);
                    return Ok(Some(*done as i64));
                }
                Err(errno) => return Err(errno),
            }
        }
    }

    /// An error that came after some bytes had moved is for the next call.
    fn keep_error(&mut self, id: SocketId, errno: i32) {
        if let Ok(socket) = self.net.socket_mut(id) {
            socket.error = Some(errno);
        }
    }

    fn receive_datagram(&mut self, held: &mut Held, id: SocketId, expired: bool) -> Result<Option<i64>, i32> {
        let memory = memory(held);
        let v6 = self.net.socket(id)?.v6;
        let Op::Receive { target, flags, wait, .. } = &held.op else { return Err(libc::EINVAL) };
        match self.net.receive_datagram(id, flags & libc::MSG_PEEK != 0)? {
            Some(first) => {
                held.record.address = Some(first.from);
                let length = first.data.len().min(total(&target.spans));
                scatter(memory, &target.spans, 0, &first.data[..length])?;
                write_address(memory, first.from, v6, target.name, target.name_length);
                if target.header != 0 {
                    let cut = if length < first.data.len() { libc::MSG_TRUNC } else { 0 };
                    finish_header(memory, target.header, cut, 1);
                }
                let whole = flags & libc::MSG_TRUNC != 0;
                Ok(Some(if whole { first.data.len() } else { length } as i64))
            }
            None if *wait && !expired => Ok(None),
            None => Err(libc::EAGAIN),
        }
    }

    fn receive_many(&mut self, held: &mut Held, expired: bool) -> Result<Option<i64>, i32> {
        let memory = memory(held);
        let Op::ReceiveMany { socket, vector, count, done, flags, wait } = &mut held.op else {
            return Err(libc::EINVAL);
        };
        let id = *socket;
        let (v6, stream) = {
            let socket = self.net.socket(id)?;
            (socket.v6, socket.stream)
        };
        while *done < *count {
            let at = *vector + *done as u64 * MANY;
            let target = read_header(memory, at)?.target;
            let room = total(&target.spans);
            let (data, from) = if stream {
                let mut buffer = vec![0u8; room.min(CHUNK)];
                match self.net.receive_stream(id, &mut buffer, false) {
                    Ok(Some(length)) => {
                        buffer.truncate(length);
                        (bytes::Bytes::from(buffer), None)
                    }
                    Ok(None) => break,
                    Err(errno) if *done == 0 => return Err(errno),
                    Err(_) => break,
                }
            } else {
                match self.net.receive_datagram(id, false) {
                    Ok(Some(first)) => (first.data, Some(first.from)),
                    Ok(None) => break,
                    Err(errno) if *done == 0 => return Err(errno),
                    Err(_) => break,
                }
            };
            let length = data.len().min(room);
            scatter(memory, &target.spans, 0, &data[..length])?;
            if let Some(from) = from {
                held.record.address = Some(from);
                write_address(memory, from, v6, target.name, target.name_length);
            }
            let cut = if length < data.len() { libc::MSG_TRUNC } else { 0 };
            finish_header(memory, at, cut, usize::from(from.is_some()));
            memory.write(at + 56, &(length as u32).to_le_bytes());
            *done += 1;
            // MSG_WAITFORONE: only the first may wait.
            if *flags & libc::MSG_WAITFORONE != 0 {
                *wait = false;
            }
        }
        match *done {
            done if done == *count => Ok(Some(done as i64)),
            _ if *wait && !expired => Ok(None),
            0 => Err(libc::EAGAIN),
            done => Ok(Some(done as i64)),
        }
    }

    fn send_stream(&mut self, held: &mut Held, expired: bool) -> Result<Option<i64>, i32> {
        let memory = memory(held);
        let Op::Send { socket, spans, done, wait, .. } = &mut held.op else { return Err(libc::EINVAL) };
        let id = *socket;
        let room = total(spans);
        if room == 0 {
            // Nothing is sent; that nobody can be sent to any more is said all the same.
            return self.net.send_stream(id, &[]).map(|_| Some(0));
        }
        let (nth, label) = {
            let socket = self.net.socket(id)?;
            (socket.writes, socket.label)
        };
        let config = &self.net.config;
        // The same draw each time that the call is looked at: the number of the call decides it.
        let allowed = config.writes.allow(config.seed, Purpose::Write, label, nth, room);
        loop {
            let bytes = gather(memory, spans, *done, (allowed - *done).min(CHUNK))?;
            match self.net.send_stream(id, &bytes) {
                Ok(Some(length)) => {
                    *done += length;
                    if *done < allowed {
                        continue;
                    }
                }
                Ok(None) if *wait && !expired => return Ok(None),
                Ok(None) if *done == 0 => return Err(libc::EAGAIN),
                Err(errno) if *done == 0 => return Err(errno),
                Err(errno) => self.keep_error(id, errno),
                Ok(None) => {}
            }
            let whole = *done as i64;
            self.net.socket_mut(id)?.writes += 1;
            held.record.nth = Some(nth);
            held.record.cut_from = (allowed < room && whole as usize == allowed).then_some(room as u64);
            if held.record.cut_from.is_some() {
                // As if room came just now: who wrote less than it had may wait for an edge (epoll(7)).
                self.net.mark_edge(id);
            }
            return Ok(Some(whole));
        }
    }
}

impl Header {
    fn plain(spans: Vec<super::Span>, name: u64, name_length: u64) -> Self {
        Self { name, name_length, target: Target { spans, ..Target::default() } }
    }
}

/// Fills what a `msghdr` gives back: no ancillary data, these flags, and for a stream no name.
pub(super) fn finish_header(memory: Memory, at: u64, flags: i32, named: usize) {
    if named == 0 {
        memory.write(at + 8, &[0; 4]);
    }
    memory.write(at + 40, &[0; 8]);
    memory.write(at + 48, &flags.to_le_bytes());
}
