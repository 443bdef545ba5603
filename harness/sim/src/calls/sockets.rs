//! Making, naming, connecting and ending sockets.

use harness_os::trap::{Placeholder, Sys};

use super::{Op, Reply, memory, read_address, write_address};
use crate::process::{Held, ThreadKey};
use crate::sockets::{Role, SocketId};
use crate::world::World;

impl World {
    /// A placeholder for a socket, as the answer to the call that makes it.
    pub(super) fn give_placeholder(
        &mut self,
        key: ThreadKey,
        socket: SocketId,
        nonblocking: bool,
        close_on_exec: bool,
    ) -> Reply {
        let made = Placeholder::new(nonblocking).ok().and_then(|(placeholder, descriptor)| {
            self.watch_placeholder(socket, placeholder).ok().map(|()| descriptor)
        });
        let Some(descriptor) = made else {
            self.net.close(socket);
            return Reply::Errno(libc::EMFILE);
        };
        if let Ok(entry) = self.net.socket_mut(socket) {
            entry.nonblocking = nonblocking;
        }
        let process = self.process_of(key);
        if let Some(process) = self.processes.get_mut(&process) {
            process.networked = true;
        }
        Reply::Descriptor { descriptor, close_on_exec }
    }

    pub(super) fn start_socket(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let args = held.note.args;
        if held.note.sys == Sys::Socket {
            return Some(self.make_socket(key, held));
        }
        let descriptor = args[0] as i32;
        held.record.descriptor = Some(descriptor);
        let Some(id) = self.socket_at(key, descriptor) else {
            return Some(Reply::Native);
        };
        if self.timer_sockets.contains_key(&id) {
            return Some(Reply::Errno(libc::ENOTSOCK));
        }
        if self.netlinks.contains_key(&id) {
            return self.start_netlink(key, held, id);
        }
        let Ok(socket) = self.net.socket(id) else { return Some(Reply::Errno(libc::EBADF)) };
        held.record.socket = Some(socket.label);
        held.record.nonblocking = socket.nonblocking;
        let (v6, stream, nonblocking) = (socket.v6, socket.stream, socket.nonblocking);
        let memory = memory(held);
        let result = match held.note.sys {
            Sys::Bind => read_address(memory, args[1], args[2]).and_then(|address| {
                held.record.address = address;
                self.net.bind(id, address.ok_or(libc::EAFNOSUPPORT)?).map(|()| 0)
            }),
            Sys::Listen => {
                held.record.asked = args[1];
                self.net.listen(id, args[1] as i32).map(|()| 0)
            }
            Sys::Accept | Sys::Accept4 => {
                if !matches!(socket.role, Role::Listener { .. }) {
                    return Some(Reply::Errno(if stream { libc::EINVAL } else { libc::EOPNOTSUPP }));
                }
                let flags = if held.note.sys == Sys::Accept4 { args[3] as i32 } else { 0 };
                held.op = Op::Accept { socket: id, name: args[1], name_length: args[2], flags };
                held.watching = vec![id];
                let patience = socket.receive_timeout;
                if nonblocking {
                    held.deadline = Some(self.net.now);
                } else if let Some(patience) = patience {
                    held.deadline = Some(self.net.now + patience);
                }
                return self.resume_socket(key, held, nonblocking);
            }
            Sys::Connect => return self.start_connect(key, held, id, stream, nonblocking),
            Sys::Getsockname => self.net.local_address(id).map(|address| {
                held.record.address = Some(address);
                write_address(memory, address, v6, args[1], args[2]);
                0
            }),
            Sys::Getpeername => match (socket.remote, &socket.role) {
                (Some(remote), Role::Stream(connection))
                    if self.net.model.stage(*connection) == crate::network::Stage::Open =>
                {
                    write_address(memory, remote, v6, args[1], args[2]);
                    Ok(0)
                }
                (Some(remote), Role::Datagram { .. }) => {
                    write_address(memory, remote, v6, args[1], args[2]);
                    Ok(0)
                }
                _ => Err(libc::ENOTCONN),
            },
            Sys::Shutdown => match args[1] as i32 {
                libc::SHUT_RD => self.net.shutdown(id, true, false).map(|()| 0),
                libc::SHUT_WR => self.net.shutdown(id, false, true).map(|()| 0),
                libc::SHUT_RDWR => self.net.shutdown(id, true, true).map(|()| 0),
                _ => Err(libc::EINVAL),
            },
            _ => return Some(Reply::Unknown),
        };
        Some(result.into())
    }

    fn make_socket(&mut self, key: ThreadKey, held: &mut Held) -> Reply {
        let args = held.note.args;
        let (domain, kind) = (args[0] as i32, args[1] as i32);
        if domain == libc::AF_NETLINK {
            return self.make_netlink(key, held);
        }
        if !matches!(domain, libc::AF_INET | libc::AF_INET6) {
            // Packets, virtual machines, radio: a run has nothing of the kind.
            return Reply::Errno(libc::EAFNOSUPPORT);
        }
        let stream = match kind & 0xf {
            libc::SOCK_STREAM => true,
            libc::SOCK_DGRAM => false,
            // A raw socket of a privileged user would reach the real network.
            libc::SOCK_RAW => return Reply::Errno(libc::EPERM),
            _ => return Reply::Errno(libc::ESOCKTNOSUPPORT),
        };
        let protocol = args[2] as i32;
        let fitting = if stream { libc::IPPROTO_TCP } else { libc::IPPROTO_UDP };
        if protocol != 0 && protocol != fitting {
            return Reply::Errno(libc::EPROTONOSUPPORT);
        }
        if domain == libc::AF_INET6 && !self.net.config.ipv6 {
            return Reply::Errno(libc::EAFNOSUPPORT);
        }
        let program = &self.programs[held.record.program.0];
        let told_host = program.told_host;
        let id = self.net.open(program.host, domain == libc::AF_INET6, stream);
        if let Ok(socket) = self.net.socket_mut(id) {
            socket.told_host = told_host;
        }
        held.record.socket = self.net.socket(id).ok().map(|socket| socket.label);
        self.give_placeholder(key, id, kind & libc::SOCK_NONBLOCK != 0, kind & libc::SOCK_CLOEXEC != 0)
    }

    fn start_connect(
        &mut self,
        key: ThreadKey,
        held: &mut Held,
        id: SocketId,
        stream: bool,
        nonblocking: bool,
    ) -> Option<Reply> {
        let args = held.note.args;
        let to = match read_address(memory(held), args[1], args[2]) {
            Ok(to) => to,
            Err(errno) => return Some(Reply::Errno(errno)),
        };
        held.record.address = to;
        let Some(to) = to else {
            if stream {
                return Some(Reply::Errno(libc::EAFNOSUPPORT));
            }
            return Some(self.net.disconnect_datagram(id).map(|()| 0).into());
        };
        if !stream {
            return Some(self.net.connect_datagram(id, to).map(|()| 0).into());
        }
        // After an attempt the same call tells what became of it, once (Linux: __inet_stream_connect).
        if self.net.socket(id).is_ok_and(|socket| socket.connecting)
            && let Some(result) = self.net.connected(id)
        {
            return Some(result.map(|()| 0).into());
        }
        let unfinished = match self.net.connect_stream(id, to) {
            Ok(()) => libc::EINPROGRESS,
            // Broken off by a signal or a time-out, or begun without waiting.
            Err(libc::EALREADY) => libc::EALREADY,
            Err(errno) => return Some(Reply::Errno(errno)),
        };
        if nonblocking {
            return Some(Reply::Errno(unfinished));
        }
        held.op = Op::Connect { socket: id, unfinished };
        held.watching = vec![id];
        let patience = self.net.socket(id).ok().and_then(|socket| socket.send_timeout);
        held.deadline = patience.map(|patience| self.net.now + patience);
        self.resume_socket(key, held, false)
    }

    pub(super) fn resume_socket(&mut self, key: ThreadKey, held: &mut Held, expired: bool) -> Option<Reply> {
        match held.op {
            Op::Accept { socket, name, name_length, flags } => {
                let child = match self.net.accept(socket) {
                    Ok(Some(child)) => child,
                    Ok(None) => return expired.then_some(Reply::Errno(libc::EAGAIN)),
                    Err(errno) => return Some(Reply::Errno(errno)),
                };
                if let Ok(entry) = self.net.socket(child)
                    && let Some(remote) = entry.remote
                {
                    held.record.address = Some(remote);
                    write_address(memory(held), remote, entry.v6, name, name_length);
                }
                Some(self.give_placeholder(
                    key,
                    child,
                    flags & libc::SOCK_NONBLOCK != 0,
                    flags & libc::SOCK_CLOEXEC != 0,
                ))
            }
            Op::Connect { socket, unfinished } => match self.net.connected(socket) {
                Some(result) => Some(result.map(|()| 0).into()),
                None => expired.then_some(Reply::Errno(unfinished)),
            },
            _ => Some(Reply::Unknown),
        }
    }
}
