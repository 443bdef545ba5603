//! Sockets by which programs ask the kernel about interfaces (`AF_NETLINK`), answered from the run's own.

use std::collections::VecDeque;
use std::time::Duration;

use harness_os::trap::{Memory, Sys};

use super::transfer::{finish_header, read_header};
use super::{Op, Reply, Target, gather, memory, read_spans, scatter, total};
use crate::process::{Held, ThreadKey};
use crate::sockets::SocketId;
use crate::world::World;

/// Port numbers of a process's further sockets lie below this one, as in Linux.
const FURTHER: u32 = u32::MAX - 4096;

/// Most bytes of one question.
const LARGEST: usize = 64 * 1024;

/// What Linux shows for the buffers of a new socket.
const BUFFER: i32 = 212_992;

/// One such socket.
#[derive(Debug, Default)]
pub(crate) struct NetlinkSocket {
    /// Its number, once it has one.
    port: Option<u32>,
    groups: u32,
    strict: bool,
    pub nonblocking: bool,
    receive_timeout: Option<Duration>,
    /// Answers that wait to be read.
    queue: VecDeque<Vec<u8>>,
}

impl NetlinkSocket {
    /// As the bits of `poll`.
    pub fn bits(&self) -> i16 {
        let writable = libc::POLLOUT | libc::POLLWRNORM;
        if self.queue.is_empty() { writable } else { writable | libc::POLLIN | libc::POLLRDNORM }
    }

    pub fn unread(&self) -> usize {
        self.queue.front().map_or(0, Vec::len)
    }
}

/// `struct sockaddr_nl`.
fn name(port: u32, groups: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..2].copy_from_slice(&(libc::AF_NETLINK as u16).to_le_bytes());
    bytes[4..8].copy_from_slice(&port.to_le_bytes());
    bytes[8..].copy_from_slice(&groups.to_le_bytes());
    bytes
}

fn give_name(memory: Memory, bytes: [u8; 12], at: u64, length_at: u64) {
    if at != 0 && length_at != 0 {
        let room = memory.word32(length_at).unwrap_or(0) as usize;
        memory.write(at, &bytes[..room.min(bytes.len())]);
        memory.write(length_at, &(bytes.len() as u32).to_le_bytes());
    }
}

impl World {
    /// `socket` with `AF_NETLINK`. Interfaces, addresses and routes are the run's; other kinds tell of the machine (its
    /// connections, its devices), and are what they are on a kernel built without them.
    pub(super) fn make_netlink(&mut self, key: ThreadKey, held: &Held) -> Reply {
        let (kind, protocol) = (held.note.args[1] as i32, held.note.args[2] as i32);
        if !matches!(kind & 0xf, libc::SOCK_RAW | libc::SOCK_DGRAM) {
            return Reply::Errno(libc::ESOCKTNOSUPPORT);
        }
        if protocol != libc::NETLINK_ROUTE {
            return Reply::Errno(libc::EPROTONOSUPPORT);
        }
        let id = self.net.unlabelled();
        let nonblocking = kind & libc::SOCK_NONBLOCK != 0;
        self.netlinks.insert(id, NetlinkSocket { nonblocking, ..NetlinkSocket::default() });
        self.give_placeholder(key, id, nonblocking, kind & libc::SOCK_CLOEXEC != 0)
    }

    /// The number of a socket; one is found for it when it has none (Linux: `netlink_autobind`).
    fn netlink_port(&mut self, key: ThreadKey, id: SocketId) -> u32 {
        if let Some(port) = self.netlinks.get(&id).and_then(|socket| socket.port) {
            return port;
        }
        let taken = |port: u32| self.netlinks.values().any(|socket| socket.port == Some(port));
        let own = self.process_of(key) as u32;
        let free = [own].into_iter().chain((0..FURTHER).rev()).find(|port| !taken(*port));
        let port = free.unwrap_or(own);
        if let Some(socket) = self.netlinks.get_mut(&id) {
            socket.port = Some(port);
        }
        port
    }

    /// Every call on such a socket but those that wait and those of readiness.
    pub(super) fn start_netlink(&mut self, key: ThreadKey, held: &mut Held, id: SocketId) -> Option<Reply> {
        let args = held.note.args;
        let memory = memory(held);
        let result = match held.note.sys {
            Sys::Bind => match memory.array::<12>(args[1]) {
                Some(wish) if args[2] >= 12 => self.bind_netlink(key, id, wish),
                Some(_) => Err(libc::EINVAL),
                None => Err(libc::EFAULT),
            },
            Sys::Connect => {
                self.netlink_port(key, id);
                Ok(())
            }
            Sys::Getsockname => {
                let (port, groups) =
                    self.netlinks.get(&id).map_or((0, 0), |socket| (socket.port.unwrap_or(0), socket.groups));
                give_name(memory, name(port, groups), args[1], args[2]);
                Ok(())
            }
            Sys::Getpeername => {
                give_name(memory, name(0, 0), args[1], args[2]);
                Ok(())
            }
            Sys::Setsockopt => self.set_netlink_option(held, id),
            Sys::Getsockopt => netlink_option(held),
            Sys::Write | Sys::Writev | Sys::Sendto | Sys::Sendmsg => {
                return Some(self.ask_netlink(key, held, id).into());
            }
            Sys::Read | Sys::Readv | Sys::Recvfrom | Sys::Recvmsg => return self.read_netlink(held, id),
            _ => Err(libc::EOPNOTSUPP),
        };
        Some(result.map(|()| 0).into())
    }

    fn bind_netlink(&mut self, key: ThreadKey, id: SocketId, wish: [u8; 12]) -> Result<(), i32> {
        let word = |at: usize| u32::from_le_bytes([wish[at], wish[at + 1], wish[at + 2], wish[at + 3]]);
        if i32::from(u16::from_le_bytes([wish[0], wish[1]])) != libc::AF_NETLINK {
            return Err(libc::EINVAL);
        }
        let (port, groups) = (word(4), word(8));
        let own = self.netlinks.get(&id).and_then(|socket| socket.port);
        if port != 0 {
            if own.is_some_and(|own| own != port) {
                return Err(libc::EINVAL);
            }
            if self.netlinks.iter().any(|(other, socket)| *other != id && socket.port == Some(port)) {
                return Err(libc::EADDRINUSE);
            }
        }
        if let Some(socket) = self.netlinks.get_mut(&id) {
            socket.groups = groups;
            socket.port = own.or((port != 0).then_some(port));
        }
        self.netlink_port(key, id);
        Ok(())
    }

    fn set_netlink_option(&mut self, held: &Held, id: SocketId) -> Result<(), i32> {
        let args = held.note.args;
        let value = memory(held).word32(args[3]).ok_or(libc::EFAULT)?;
        let Some(socket) = self.netlinks.get_mut(&id) else { return Err(libc::EBADF) };
        match (args[1] as i32, args[2] as i32) {
            (libc::SOL_NETLINK, libc::NETLINK_GET_STRICT_CHK) => socket.strict = value != 0,
            (libc::SOL_SOCKET, libc::SO_RCVTIMEO) => {
                let time = super::time::read_timeval(memory(held), args[3]).ok_or(libc::EFAULT)?;
                socket.receive_timeout = (!time.is_zero()).then_some(time);
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes a question; its answers can be read at once.
    fn ask_netlink(&mut self, key: ThreadKey, held: &mut Held, id: SocketId) -> Result<i64, i32> {
        let args = held.note.args;
        let memory = memory(held);
        let spans = match held.note.sys {
            Sys::Write | Sys::Sendto => vec![(args[1], args[2] as usize)],
            Sys::Writev => read_spans(memory, args[1], args[2])?,
            _ => read_header(memory, args[1])?.target.spans,
        };
        let length = total(&spans);
        if length > LARGEST {
            return Err(libc::EMSGSIZE);
        }
        held.record.asked = length as u64;
        let question = gather(memory, &spans, 0, length)?;
        let port = self.netlink_port(key, id);
        let interfaces = self.interfaces_of(held);
        if let Some(socket) = self.netlinks.get_mut(&id) {
            socket.queue.extend(crate::netlink::answer(&question, &interfaces, port, socket.strict));
        }
        self.net.changed.insert(id);
        Ok(length as i64)
    }

    fn read_netlink(&mut self, held: &mut Held, id: SocketId) -> Option<Reply> {
        let args = held.note.args;
        let memory = memory(held);
        let (target, flags) = match held.note.sys {
            Sys::Read => (Ok(Target { spans: vec![(args[1], args[2] as usize)], ..Target::default() }), 0),
            Sys::Readv => (read_spans(memory, args[1], args[2]).map(|spans| Target { spans, ..Target::default() }), 0),
            Sys::Recvfrom => {
                let spans = vec![(args[1], args[2] as usize)];
                (Ok(Target { spans, name: args[4], name_length: args[5], header: 0 }), args[3] as i32)
            }
            _ => (read_header(memory, args[1]).map(|header| header.target), args[2] as i32),
        };
        let target = match target {
            Ok(target) => target,
            Err(errno) => return Some(Reply::Errno(errno)),
        };
        held.record.asked = total(&target.spans) as u64;
        let Some(socket) = self.netlinks.get(&id) else { return Some(Reply::Errno(libc::EBADF)) };
        let wait = !socket.nonblocking && flags & libc::MSG_DONTWAIT == 0;
        held.deadline = socket.receive_timeout.filter(|_| wait).map(|time| self.net.now + time);
        held.watching = vec![id];
        held.op = Op::Netlink { socket: id, target, flags, wait };
        self.resume_netlink(held, false)
    }

    pub(super) fn resume_netlink(&mut self, held: &mut Held, expired: bool) -> Option<Reply> {
        let memory = memory(held);
        let Op::Netlink { socket, target, flags, wait } = &held.op else { return Some(Reply::Unknown) };
        let Some(queue) = self.netlinks.get_mut(socket).map(|socket| &mut socket.queue) else {
            return Some(Reply::Errno(libc::EBADF));
        };
        let Some(first) = queue.front() else {
            return (!*wait || expired).then_some(Reply::Errno(libc::EAGAIN));
        };
        let length = first.len().min(total(&target.spans));
        if let Err(errno) = scatter(memory, &target.spans, 0, &first[..length]) {
            return Some(Reply::Errno(errno));
        }
        let whole = first.len();
        give_name(memory, name(0, 0), target.name, target.name_length);
        if target.header != 0 {
            finish_header(memory, target.header, if length < whole { libc::MSG_TRUNC } else { 0 }, 1);
        }
        if flags & libc::MSG_PEEK == 0 {
            queue.pop_front();
            self.net.changed.insert(*socket);
        }
        Some(Reply::Value(if flags & libc::MSG_TRUNC != 0 { whole } else { length } as i64))
    }
}

fn netlink_option(held: &Held) -> Result<(), i32> {
    let args = held.note.args;
    let memory = memory(held);
    let value = match (args[1] as i32, args[2] as i32) {
        (libc::SOL_SOCKET, libc::SO_TYPE) => libc::SOCK_RAW,
        (libc::SOL_SOCKET, libc::SO_DOMAIN) => libc::AF_NETLINK,
        (libc::SOL_SOCKET, libc::SO_RCVBUF | libc::SO_SNDBUF) => BUFFER,
        _ => 0,
    };
    let room = memory.word32(args[4]).ok_or(libc::EFAULT)? as usize;
    let bytes = value.to_le_bytes();
    let length = room.min(bytes.len());
    let written = memory.write(args[3], &bytes[..length]) && memory.write(args[4], &(length as u32).to_le_bytes());
    if written { Ok(()) } else { Err(libc::EFAULT) }
}
