//! The record of calls that a simulated run leaves, read back from its text: one line is one call.

use std::net::SocketAddr;

use nix::errno::Errno;

/// A call of a program on one of its sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its line in the record, counted from 0.
    pub line: usize,
    /// When it was made, as the record writes it: `0.001030`.
    pub at: String,
    /// Which program made it, counted from 0 in the order of their start.
    pub program: usize,
    /// Its name.
    pub name: String,
    /// The descriptor.
    pub descriptor: Option<i32>,
    /// The socket, as the record names it.
    pub socket: Option<String>,
    /// The address that it named or got.
    pub address: Option<SocketAddr>,
    /// Bytes that were asked for or given.
    pub asked: u64,
    /// What came back.
    pub result: Result<i64, Errno>,
    /// Bytes that it could have moved, if it was cut short on purpose.
    pub cut_from: Option<u64>,
    /// How long it took, as the record writes it; empty if it was answered at once.
    pub took: String,
}

/// The calls on sockets in a record. Lines of another form are passed over: the record also holds
/// calls that have nothing to do with the network.
pub fn read(record: &str) -> Vec<Call> {
    record.lines().enumerate().filter_map(|(line, text)| call(line, text)).collect()
}

fn call(line: usize, text: &str) -> Option<Call> {
    let (head, answer) = text.split_once(" = ")?;
    let mut words = head.split(' ').peekable();
    let at = words.next()?.to_owned();
    if words.next()? != "s" {
        return None;
    }
    let program = words.next()?.strip_prefix('p')?.split('.').next()?.parse().ok()?;
    let name = words.next()?.to_owned();
    let mut found = Call {
        line,
        at,
        program,
        name,
        descriptor: None,
        socket: None,
        address: None,
        asked: 0,
        result: Ok(0),
        cut_from: None,
        took: String::new(),
    };
    while let Some(word) = words.next() {
        match word {
            "fd" => found.descriptor = words.next()?.parse().ok(),
            "asked" => found.asked = words.next()?.parse().ok()?,
            _ if word.parse::<SocketAddr>().is_ok() => found.address = word.parse().ok(),
            _ if word.starts_with('h') => found.socket = Some(word.to_owned()),
            _ => return None,
        }
    }
    found.socket.as_ref()?;
    let (answer, took) = answer.split_once(" after ").unwrap_or((answer, ""));
    found.took = took.to_owned();
    let (answer, cut) = answer.split_once(" (cut from ").unwrap_or((answer, ""));
    found.cut_from = cut.strip_suffix(')').and_then(|count| count.parse().ok());
    found.result = match answer.strip_prefix("errno ") {
        Some(number) => Err(Errno::from_raw(number.parse().ok()?)),
        None => Ok(answer.parse().ok()?),
    };
    Some(found)
}

impl Call {
    /// Whether it writes.
    pub fn is_send(&self) -> bool {
        self.name.starts_with("send") || self.name.starts_with("write")
    }

    /// Whether it reads.
    pub fn is_receive(&self) -> bool {
        self.name.starts_with("recv") || self.name.starts_with("read")
    }

    /// The option that a `setsockopt` sets: the record has its level in the upper half of what was
    /// asked and its number in the lower one.
    pub fn option(&self) -> Option<String> {
        use nix::libc;
        if self.name != "setsockopt" {
            return None;
        }
        let (level, number) = ((self.asked >> 32) as i32, self.asked as u32 as i32);
        Some(match (level, number) {
            (libc::SOL_SOCKET, libc::SO_REUSEADDR) => "SO_REUSEADDR".to_owned(),
            (libc::SOL_SOCKET, libc::SO_REUSEPORT) => "SO_REUSEPORT".to_owned(),
            (libc::SOL_SOCKET, libc::SO_RCVTIMEO) => "SO_RCVTIMEO".to_owned(),
            (libc::SOL_SOCKET, libc::SO_SNDTIMEO) => "SO_SNDTIMEO".to_owned(),
            (libc::SOL_SOCKET, libc::SO_RCVBUF) => "SO_RCVBUF".to_owned(),
            (libc::SOL_SOCKET, libc::SO_SNDBUF) => "SO_SNDBUF".to_owned(),
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => "SO_KEEPALIVE".to_owned(),
            (libc::SOL_SOCKET, libc::SO_LINGER) => "SO_LINGER".to_owned(),
            (libc::IPPROTO_TCP, libc::TCP_NODELAY) => "TCP_NODELAY".to_owned(),
            (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) => "IPV6_V6ONLY".to_owned(),
            _ => format!("level {level}, option {number}"),
        })
    }

    /// The name of the error that it came back with.
    pub fn error(&self) -> Option<String> {
        self.result.err().map(|errno| format!("{errno:?}"))
    }
}

impl std::fmt::Display for Call {
    /// As a C programmer would write it, with its result.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut arguments: Vec<String> = self.descriptor.map(|descriptor| descriptor.to_string()).into_iter().collect();
        let comes = self.name.starts_with("accept") || self.is_receive();
        arguments.extend(self.option());
        if self.is_send() || self.is_receive() {
            arguments.push(format!("{} bytes", self.asked));
        }
        if let Some(address) = self.address.filter(|_| !comes) {
            arguments.push(address.to_string());
        }
        write!(f, "{}({}) = ", self.name, arguments.join(", "))?;
        match self.result {
            Ok(value) => write!(f, "{value}")?,
            Err(errno) => write!(f, "-1 {errno:?}")?,
        }
        if let Some(address) = self.address.filter(|_| comes) {
            write!(f, ", from {address}")?;
        }
        if let Some(possible) = self.cut_from {
            write!(f, ", of {possible}")?;
        }
        if !self.took.is_empty() {
            write!(f, ", after {}", self.took)?;
        }
        Ok(())
    }
}
