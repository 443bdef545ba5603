//! How a connection is opened, and what becomes of an attempt that nobody answers.

use std::net::SocketAddr;
use std::time::Duration;

use crate::hosts::unmapped;
use crate::network::Stage;
use crate::sockets::{Net, Role, Socket, SocketId};

/// The wait after a first segment before it is sent again (RFC 6298 section 2.1), and the longest after a later one
/// (Linux: TCP_RTO_MAX).
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// How often Linux sends a first segment again (tcp(7), tcp_syn_retries), and what a program can ask for.
pub(crate) const TRIES: i32 = 6;
pub(crate) const MOST_TRIES: i32 = 127;

/// How long Linux looks for whoever has an address of the own link: mcast_solicit questions of one second each (arp(7)).
const NEIGHBOUR: Duration = Duration::from_secs(3);

/// How long an attempt takes that is sent again so often, each time after twice as long as before (RFC 6298 section
/// 5.5): 127 s for six times. Whether a program's own limit is over is looked at when the next segment is due, so not
/// before the first one was sent again (Linux: tcp_write_timeout, tcp_clamp_rto_to_user_timeout).
fn patience(tries: u32, limit: Option<Duration>) -> Duration {
    let wait = |number: u32| (FIRST_WAIT * (1 << number.min(7))).min(LONGEST_WAIT);
    let all: Duration = (0..=tries).map(wait).sum();
    limit.map_or(all, |limit| all.min(limit.max(FIRST_WAIT)))
}

impl Socket {
    /// What was set of an option of TCP that is a number.
    fn tcp_option(&self, name: i32) -> Option<u32> {
        let bytes = self.options.get(&(libc::IPPROTO_TCP, name))?;
        Some(u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?))
    }
}

impl Net {
    /// Begins to connect a stream. The result is asked with `connected`.
    pub fn connect_stream(&mut self, id: SocketId, to: SocketAddr) -> Result<(), i32> {
        let socket = self.socket(id)?;
        let (host, v6) = (socket.host, socket.v6);
        match socket.role {
            Role::Fresh | Role::Dead => {}
            Role::Stream(connection) => {
                return Err(match self.model.stage(connection) {
                    Stage::Opening => libc::EALREADY,
                    _ => libc::EISCONN,
                });
            }
            Role::Listener { .. } | Role::Datagram { .. } => return Err(libc::EISCONN),
        }
        let tries = socket.tcp_option(libc::TCP_SYNCNT).unwrap_or(TRIES as u32);
        let limit = socket.tcp_option(libc::TCP_USER_TIMEOUT).filter(|limit| *limit > 0);
        let patience = patience(tries, limit.map(|limit| Duration::from_millis(limit.into())));
        if self.hosts[host].everybody(unmapped(to.ip())).is_some() {
            // No connection can be with everybody (Linux: tcp_v4_connect).
            return Err(libc::ENETUNREACH);
        }
        let route = self.route_or(host, true, to, self.default_for(id))?;
        if route.address.is_ipv6() && !v6 {
            return Err(libc::EAFNOSUPPORT);
        }
        let port = self.bind_if_needed(id)?;
        let local = SocketAddr::new(self.hosts[host].address(route.address.is_ipv6()), port);
        let remote = SocketAddr::new(route.address, to.port());
        let connection = self.model.connect(host, local, remote)?;
        if route.loopback {
            self.loopback_ends.insert(local);
        } else {
            self.loopback_ends.remove(&local);
        }
        self.connections.insert(connection, id);
        let nobody = route.host.is_none() && NEIGHBOUR <= patience;
        let (after, errno) = if nobody { (NEIGHBOUR, libc::EHOSTUNREACH) } else { (patience, libc::ETIMEDOUT) };
        self.connect_limits.insert((self.now + after, id), errno);
        let shown = self.shown(v6, remote, route.loopback);
        let socket = self.socket_mut(id)?;
        socket.role = Role::Stream(connection);
        socket.connecting = true;
        socket.loopback = route.loopback;
        socket.error = None;
        // The program's own spelling, except of "here" (0.0.0.0).
        socket.remote = Some(if to.ip().is_unspecified() { shown } else { to });
        self.flush();
        Ok(())
    }

    /// The outcome of a connection attempt; `None` while it is under way. Who is told of a failure has a socket as
    /// before the attempt (Linux: __inet_stream_connect).
    pub fn connected(&mut self, id: SocketId) -> Option<Result<(), i32>> {
        let socket = self.sockets.get_mut(&id)?;
        let connection = match socket.role {
            Role::Stream(connection) if self.model.stage(connection) == Stage::Opening => return None,
            Role::Stream(connection) => Some(connection),
            _ => None,
        };
        socket.connecting = false;
        if connection.is_some() && socket.error.is_none() {
            return Some(Ok(()));
        }
        // Whoever has asked for the error has taken it.
        let error = socket.error.take().unwrap_or(libc::ECONNABORTED);
        socket.role = Role::Fresh;
        if let Some(connection) = connection {
            self.connections.remove(&connection);
            self.model.close(connection);
            self.flush();
        }
        Some(Err(error))
    }

    /// Ends every attempt that took too long. True when there was one.
    pub fn end_attempts(&mut self) -> bool {
        let mut any = false;
        while let Some(entry) = self.connect_limits.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let ((_, id), errno) = entry.remove_entry();
            if let Some(Role::Stream(connection)) = self.sockets.get(&id).map(|socket| &socket.role) {
                let connection = *connection;
                if self.model.stage(connection) == Stage::Opening {
                    self.model.close(connection);
                    self.fail(id, connection, errno);
                    any = true;
                }
            }
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_take_as_long_as_the_manual_says() {
        // tcp(7): "The default value is 6, which corresponds to retrying for up to approximately 127 seconds."
        assert_eq!(patience(TRIES as u32, None), Duration::from_secs(127));
        assert_eq!(patience(1, None), Duration::from_secs(3));
        assert_eq!(patience(7, None), Duration::from_secs(247));
        assert_eq!(patience(6, Some(Duration::from_millis(2500))), Duration::from_millis(2500));
        assert_eq!(patience(6, Some(Duration::from_millis(1))), Duration::from_secs(1));
        assert_eq!(patience(1, Some(Duration::from_secs(60))), Duration::from_secs(3));
    }
}
