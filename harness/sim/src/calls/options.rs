//! Socket options: what is set has an effect where the simulation has one to give, and is given back in any case.

use std::time::Duration;

use harness_os::trap::Sys;

use super::{Reply, memory};
use crate::opening::{MOST_TRIES, TRIES};
use crate::process::{Held, ThreadKey};
use crate::sockets::{Role, SocketId};
use crate::world::World;

/// What Linux shows for the buffers of a new socket.
const BUFFER: i32 = 212_992;

impl World {
    pub(super) fn start_option(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let args = held.note.args;
        held.record.descriptor = Some(args[0] as i32);
        let Some(id) = self.socket_at(key, args[0] as i32) else {
            return Some(Reply::Native);
        };
        if self.timer_sockets.contains_key(&id) {
            return Some(Reply::Errno(libc::ENOTSOCK));
        }
        if self.netlinks.contains_key(&id) {
            return self.start_netlink(key, held, id);
        }
        held.record.socket = self.net.socket(id).ok().map(|socket| socket.label);
        held.record.asked = (args[1] << 32) | (args[2] & 0xffff_ffff);
        let (level, name) = (args[1] as i32, args[2] as i32);
        let result = if held.note.sys == Sys::Setsockopt {
            self.set_option(held, id, level, name)
        } else {
            self.get_option(held, id, level, name)
        };
        Some(result.map(|()| 0).into())
    }

    fn set_option(&mut self, held: &Held, id: SocketId, level: i32, name: i32) -> Result<(), i32> {
        let args = held.note.args;
        let mut value = vec![0u8; (args[4] as usize).min(256)];
        if !memory(held).read(args[3], &mut value) {
            return Err(libc::EFAULT);
        }
        let word = value.get(..4).map(|bytes| i32::from_le_bytes(bytes.try_into().unwrap_or([0; 4])));
        let number = word.unwrap_or(0);
        let on = number != 0;
        let socket = self.net.socket_mut(id)?;
        match (level, name) {
            (libc::SOL_SOCKET, libc::SO_RCVTIMEO | libc::SO_SNDTIMEO) => {
                let time = timeval(&value).ok_or(libc::EINVAL)?;
                let time = (!time.is_zero()).then_some(time);
                if name == libc::SO_RCVTIMEO {
                    socket.receive_timeout = time;
                } else {
                    socket.send_timeout = time;
                }
            }
            (libc::SOL_SOCKET, libc::SO_LINGER) => {
                let seconds = value.get(4..8).ok_or(libc::EINVAL)?;
                let seconds = i32::from_le_bytes(seconds.try_into().unwrap_or([0; 4])).max(0);
                socket.linger = on.then(|| Duration::from_secs(seconds as u64));
            }
            (libc::SOL_SOCKET, _) if word.is_none() => return Err(libc::EINVAL),
            (libc::SOL_SOCKET, libc::SO_REUSEADDR) => socket.reuse_address = on,
            (libc::SOL_SOCKET, libc::SO_REUSEPORT) => socket.reuse_port = on,
            (libc::SOL_SOCKET, libc::SO_BROADCAST) => socket.broadcast = on,
            (libc::SOL_SOCKET, libc::SO_RCVBUF | libc::SO_SNDBUF) => {
                // Linux doubles the wish to make room for its own bookkeeping (socket(7)).
                let least = if name == libc::SO_SNDBUF { 4608 } else { 2304 };
                let doubled = word.unwrap_or(0).clamp(0, BUFFER).saturating_mul(2).max(least);
                value = doubled.to_le_bytes().to_vec();
            }
            (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) => {
                if socket.bound.is_some() {
                    return Err(libc::EINVAL);
                }
                socket.v6_only = on;
            }
            (libc::IPPROTO_TCP, libc::TCP_SYNCNT | libc::TCP_USER_TIMEOUT) if word.is_none() => {
                return Err(libc::EINVAL);
            }
            (libc::IPPROTO_TCP, libc::TCP_SYNCNT) if !(1..=MOST_TRIES).contains(&number) => return Err(libc::EINVAL),
            (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT) if number < 0 => return Err(libc::EINVAL),
            _ => {}
        }
        if is_switch(level, name) && word.is_some() {
            value = i32::from(on).to_le_bytes().to_vec();
        }
        socket.options.insert((level, name), value);
        Ok(())
    }

    fn get_option(&mut self, held: &Held, id: SocketId, level: i32, name: i32) -> Result<(), i32> {
        let args = held.note.args;
        let memory = memory(held);
        let room = memory.word32(args[4]).ok_or(libc::EFAULT)? as usize;
        let mut pending = None;
        if (level, name) == (libc::SOL_SOCKET, libc::SO_ERROR) {
            pending = self.net.take_error(id);
        }
        let socket = self.net.socket(id)?;
        let stored = socket.options.get(&(level, name));
        let number = match (level, name) {
            (libc::SOL_SOCKET, libc::SO_ERROR) => Some(pending.unwrap_or(0)),
            (libc::SOL_SOCKET, libc::SO_TYPE) => Some(if socket.stream { libc::SOCK_STREAM } else { libc::SOCK_DGRAM }),
            (libc::SOL_SOCKET, libc::SO_DOMAIN) => Some(if socket.v6 { libc::AF_INET6 } else { libc::AF_INET }),
            (libc::SOL_SOCKET, libc::SO_PROTOCOL) => {
                Some(if socket.stream { libc::IPPROTO_TCP } else { libc::IPPROTO_UDP })
            }
            (libc::SOL_SOCKET, libc::SO_ACCEPTCONN) => Some(i32::from(matches!(socket.role, Role::Listener { .. }))),
            (libc::SOL_SOCKET, libc::SO_RCVBUF | libc::SO_SNDBUF) if stored.is_none() => {
                Some(if socket.stream { 131_072 } else { BUFFER })
            }
            (libc::IPPROTO_TCP, libc::TCP_SYNCNT) if stored.is_none() => Some(TRIES),
            (libc::IPPROTO_TCP, libc::TCP_MAXSEG) if stored.is_none() => Some(1460),
            (libc::SOL_SOCKET, libc::SO_LINGER | libc::SO_RCVTIMEO | libc::SO_SNDTIMEO) if stored.is_none() => None,
            (libc::IPPROTO_TCP, libc::TCP_INFO) => None,
            _ if stored.is_none() => Some(0),
            _ => None,
        };
        let value = match (number, stored) {
            (Some(number), _) => number.to_le_bytes().to_vec(),
            (None, Some(stored)) => stored.clone(),
            (None, None) => vec![0; if name == libc::SO_LINGER { 8 } else { 16 }],
        };
        let length = room.min(value.len());
        if !memory.write(args[3], &value[..length]) {
            return Err(libc::EFAULT);
        }
        memory.write(args[4], &(length as u32).to_le_bytes());
        Ok(())
    }
}

/// Options that are on or off: any number sets them, and 0 or 1 is read (socket(7), tcp(7), ipv6(7)).
fn is_switch(level: i32, name: i32) -> bool {
    match level {
        libc::SOL_SOCKET => matches!(
            name,
            libc::SO_REUSEADDR
                | libc::SO_REUSEPORT
                | libc::SO_BROADCAST
                | libc::SO_KEEPALIVE
                | libc::SO_OOBINLINE
                | libc::SO_DONTROUTE
        ),
        libc::IPPROTO_TCP => name == libc::TCP_NODELAY,
        libc::IPPROTO_IPV6 => name == libc::IPV6_V6ONLY,
        _ => false,
    }
}

fn timeval(bytes: &[u8]) -> Option<Duration> {
    let word = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    Some(Duration::from_secs(word(0)?) + Duration::from_micros(word(8)?.min(999_999)))
}
