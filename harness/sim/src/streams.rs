//! What can be done with a stream socket.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

use crate::hosts::{unmapped, unspecified};
use crate::network::{Received, Stage};
use crate::sockets::{Net, Readiness, Role, Socket, SocketId};

impl Net {
    /// Makes a socket listen.
    pub fn listen(&mut self, id: SocketId, backlog: i32) -> Result<(), i32> {
        let limit = usize::try_from(backlog).unwrap_or(0).min(4096);
        if let Role::Listener { backlog, .. } = &mut self.socket_mut(id)?.role {
            *backlog = limit;
            return Ok(());
        }
        let socket = self.socket(id)?;
        if !socket.stream {
            return Err(libc::EOPNOTSUPP);
        }
        if !matches!(socket.role, Role::Fresh) {
            return Err(libc::EINVAL);
        }
        let (host, v6, only) = (socket.host, socket.v6, socket.v6_only);
        let (reuse_port, reuse_address) = (socket.reuse_port, socket.reuse_address);
        let port = self.bind_if_needed(id)?;
        let taken = self.ports.get(&(host, true, port)).is_some_and(|users| {
            users.iter().filter(|user| **user != id).filter_map(|user| self.sockets.get(user)).any(|other| {
                matches!(other.role, Role::Listener { .. })
                    && !(reuse_port && other.reuse_port)
                    && (reuse_address || other.reuse_address)
                    && (other.v6 == v6 || !only)
            })
        });
        if taken {
            return Err(libc::EADDRINUSE);
        }
        let bound = self.socket(id)?.bound;
        let any = bound.is_none_or(|bound| bound.ip().is_unspecified());
        let mapped = bound.is_some_and(|bound| unmapped(bound.ip()).is_ipv4());
        let mut ids = [None; 2];
        if v6 && !mapped {
            ids[1] = Some(self.model.listen(host, true, port)?);
        }
        if !v6 || mapped || (any && !only) {
            ids[0] = Some(self.model.listen(host, false, port)?);
        }
        for listener in ids.into_iter().flatten() {
            self.listeners.insert(listener, id);
        }
        self.socket_mut(id)?.role = Role::Listener { ids, queue: VecDeque::new(), backlog: limit };
        self.mark(id);
        self.announce_listener();
        Ok(())
    }

    /// Takes the first waiting connection. `Ok(None)`: none waits.
    pub fn accept(&mut self, id: SocketId) -> Result<Option<SocketId>, i32> {
        let socket = self.socket_mut(id)?;
        let Role::Listener { queue, .. } = &mut socket.role else { return Err(libc::EINVAL) };
        let Some((connection, from)) = queue.pop_front() else { return Ok(None) };
        let (host, v6, bound) = (socket.host, socket.v6, socket.bound);
        let (reuse_address, reuse_port, linger) = (socket.reuse_address, socket.reuse_port, socket.linger);
        let options = socket.options.clone();
        let as_loopback = self.loopback_ends.contains(&self.client_end(host, from));
        let remote = self.shown(v6, from, as_loopback);
        let child = self.open(host, v6, true);
        self.connections.insert(connection, child);
        if let Some(bound) = bound {
            self.hold_port(child, host, true, bound.port());
        }
        let socket = self.socket_mut(child)?;
        socket.role = Role::Stream(connection);
        socket.remote = Some(remote);
        socket.loopback = as_loopback;
        socket.bound = bound.map(|bound| SocketAddr::new(unspecified(v6), bound.port()));
        socket.reuse_address = reuse_address;
        socket.reuse_port = reuse_port;
        socket.linger = linger;
        socket.options = options;
        Ok(Some(child))
    }

    /// The client's end of a connection as the client itself names it on the wire.
    fn client_end(&self, host: usize, from: SocketAddr) -> SocketAddr {
        if self.hosts[host].is_mirror(from.ip()) {
            SocketAddr::new(self.hosts[host].address(from.is_ipv6()), from.port())
        } else {
            from
        }
    }

    /// Reads. `Ok(None)`: nothing yet; `Ok(Some(0))`: end of the stream.
    pub fn receive_stream(&mut self, id: SocketId, buffer: &mut [u8], peek: bool) -> Result<Option<usize>, i32> {
        let socket = self.socket(id)?;
        let shut = socket.read_shut;
        let connection = match &socket.role {
            Role::Stream(connection) => *connection,
            Role::Dead => {
                return match self.take_error(id) {
                    Some(error) => Err(error),
                    None => Ok(Some(0)),
                };
            }
            _ => return Err(libc::ENOTCONN),
        };
        match self.model.receive(connection, buffer, peek) {
            Received::Data(length) => {
                self.flush();
                Ok(Some(length))
            }
            Received::End => match self.take_error(id) {
                Some(error) => Err(error),
                None => Ok(Some(0)),
            },
            Received::Nothing => match self.take_error(id) {
                Some(error) => Err(error),
                None if shut || self.model.stage(connection) == Stage::Reset => Ok(Some(0)),
                None => Ok(None),
            },
        }
    }

    /// Ends a host: nobody hears of its connections, and when it is back it knows nothing of them.
    pub fn crash(&mut self, host: usize) {
        let Some(entry) = self.hosts.get_mut(host) else { return };
        entry.crashed = true;
        let open = |socket: &Socket| match socket.role {
            Role::Stream(connection) if socket.host == host => Some(connection),
            _ => None,
        };
        let gone: Vec<_> = self.sockets.iter().filter_map(|(id, socket)| Some((*id, open(socket)?))).collect();
        for (id, connection) in gone {
            self.connections.remove(&connection);
            self.model.abort(connection);
            if let Some(socket) = self.sockets.get_mut(&id) {
                socket.error = Some(libc::ECONNRESET);
                socket.role = Role::Dead;
            }
            self.mark_edge(id);
        }
        // Nothing of it leaves a crashed host.
        self.flush();
    }

    /// Brings a host back. What was sent to it and got lost is sent again then, and answered with RST.
    pub fn restart(&mut self, host: usize) {
        let Some(entry) = self.hosts.get_mut(host) else { return };
        entry.crashed = false;
        let entry = &self.hosts[host];
        // In an order that is the same in every run.
        let waiting: BTreeSet<_> = self
            .connections
            .keys()
            .copied()
            .filter(|id| !self.model.drained(*id))
            .filter(|id| self.model.ends(*id).is_some_and(|(_, remote)| entry.has(remote.ip())))
            .collect();
        for connection in waiting {
            self.model.is_forgotten(connection);
        }
        self.flush();
    }

    /// Bytes that a read could take at once.
    pub fn unread(&self, id: SocketId) -> usize {
        match self.sockets.get(&id).map(|socket| &socket.role) {
            Some(Role::Stream(connection)) => self.model.readable(*connection).0,
            Some(Role::Datagram { queue, .. }) => queue.front().map_or(0, |first| first.data.len()),
            _ => 0,
        }
    }

    /// Whether something that was written has not been acknowledged.
    pub fn is_sending(&self, id: SocketId) -> bool {
        match self.sockets.get(&id).map(|socket| &socket.role) {
            Some(Role::Stream(connection)) => !self.model.drained(*connection),
            _ => false,
        }
    }

    /// Writes as much as there is room for. `Ok(None)`: no room.
    pub fn send_stream(&mut self, id: SocketId, data: &[u8]) -> Result<Option<usize>, i32> {
        let socket = self.socket(id)?;
        let shut = socket.write_shut;
        let connection = match &socket.role {
            Role::Stream(connection) => *connection,
            // Never connected, or not any more (Linux: sk_stream_wait_connect).
            _ => return Err(self.take_error(id).unwrap_or(libc::EPIPE)),
        };
        if shut {
            return Err(libc::EPIPE);
        }
        if let Some(error) = self.take_error(id) {
            return Err(error);
        }
        match self.model.stage(connection) {
            Stage::Opening => return Ok(None),
            Stage::Reset | Stage::Refused => return Err(libc::EPIPE),
            Stage::Open => {}
        }
        let length = self.model.send(connection, data);
        if length == 0 && !data.is_empty() {
            self.socket_mut(id)?.starved = true;
            return Ok(None);
        }
        self.flush();
        Ok(Some(length))
    }

    /// Ends one or both directions.
    pub fn shutdown(&mut self, id: SocketId, read: bool, write: bool) -> Result<(), i32> {
        let socket = self.socket(id)?;
        let connection = match &socket.role {
            Role::Stream(connection) => *connection,
            Role::Datagram { .. } if socket.remote.is_some() => {
                let socket = self.socket_mut(id)?;
                socket.read_shut |= read;
                socket.write_shut |= write;
                self.mark_edge(id);
                return Ok(());
            }
            Role::Listener { .. } if read => {
                // Linux: the socket stops listening and a waiting accept fails with EINVAL.
                if let Role::Listener { ids, queue, .. } =
                    std::mem::replace(&mut self.socket_mut(id)?.role, Role::Fresh)
                {
                    for (connection, _) in queue {
                        self.model.abort(connection);
                    }
                    for listener in ids.into_iter().flatten() {
                        self.listeners.remove(&listener);
                        self.model.close_listener(listener);
                    }
                }
                self.mark_edge(id);
                self.flush();
                return Ok(());
            }
            _ => return Err(libc::ENOTCONN),
        };
        if self.model.stage(connection) != Stage::Open {
            return Err(libc::ENOTCONN);
        }
        let socket = self.socket_mut(id)?;
        socket.read_shut |= read;
        socket.write_shut |= write;
        if write {
            self.model.shutdown(connection);
        }
        self.mark_edge(id);
        self.flush();
        Ok(())
    }

    /// What `poll` is to be told about any socket.
    pub fn readiness(&self, id: SocketId) -> Readiness {
        let Some(socket) = self.sockets.get(&id) else { return Readiness::default() };
        let failed = socket.error.is_some();
        match &socket.role {
            Role::Fresh => Readiness { writable: true, hung_up: true, failed, ..Readiness::default() },
            Role::Listener { queue, .. } => Readiness { readable: !queue.is_empty(), failed, ..Readiness::default() },
            Role::Dead => Readiness { readable: true, writable: true, peer_closed: true, hung_up: true, failed },
            Role::Datagram { queue, .. } => Readiness {
                readable: !queue.is_empty() || failed || socket.read_shut,
                writable: true,
                peer_closed: socket.read_shut,
                hung_up: socket.read_shut && socket.write_shut,
                failed,
            },
            Role::Stream(connection) => match self.model.stage(*connection) {
                Stage::Opening => Readiness { failed, ..Readiness::default() },
                Stage::Refused | Stage::Reset => {
                    Readiness { readable: true, writable: true, peer_closed: true, hung_up: true, failed }
                }
                Stage::Open => {
                    let (bytes, ended) = self.model.readable(*connection);
                    let peer_closed = socket.read_shut
                        || (self.model.peer_finished(*connection) && ended)
                        || self.model.peer_finished(*connection);
                    Readiness {
                        readable: bytes > 0 || ended || socket.read_shut || failed,
                        writable: socket.write_shut || self.model.writable(*connection),
                        peer_closed,
                        hung_up: socket.write_shut && peer_closed,
                        failed,
                    }
                }
            },
        }
    }
}
