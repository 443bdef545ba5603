//! A chat room with many clients: servers to compare, and the clients that fill them.
//!
//! Owns starting the servers, joining, saying and counting. All clients are in one thread that waits with `epoll`: what
//! the clients cost is the same for every server.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::pair::{Absent, Start};

/// Stands once in every line that is said, and in nothing else that a server sends to a guest who is in.
const MARK: u8 = b'%';

/// Bound of every wait for the server, in milliseconds.
const PATIENCE: u16 = 60_000;

/// How clients talk to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// As the task `chat-room` has it: the first line is the name, every other is said.
    Lines,
    /// Internet Relay Chat (RFC 2812, sections 3.1, 3.2.1 and 3.3.1).
    Irc,
}

/// A server and how it is talked to.
#[derive(Debug, Clone)]
pub struct Contender {
    /// How reports call it.
    pub name: &'static str,
    /// Starts it.
    pub start: Start,
    /// Its language.
    pub dialect: Dialect,
}

/// The servers that this machine offers, and what is absent. `folder` takes configuration files; `reference_alone` is
/// the path of this package's program of that name.
///
/// # Errors
/// If a configuration file cannot be written.
pub fn contenders(reference_alone: &str, folder: &Path) -> io::Result<(Vec<Contender>, Vec<Absent>)> {
    let mut found = vec![Contender {
        name: "reference",
        start: Start::new([reference_alone, "chat-room", "server", "{port}"]),
        dialect: Dialect::Lines,
    }];
    let mut absent = Vec::new();
    match Command::new("python3").arg("--version").output() {
        Ok(_) => {
            let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs/chat_server.py");
            let start = Start::new(["python3".to_owned(), program.display().to_string(), "{port}".to_owned()]);
            found.push(Contender { name: "Python", start, dialect: Dialect::Lines });
        }
        Err(source) => absent.push(Absent::NotInstalled { program: "python3", source }),
    }
    match Command::new("ngircd").arg("--version").output() {
        Ok(_) => found.push(Contender { name: "ngircd", start: ngircd(folder)?, dialect: Dialect::Irc }),
        Err(source) => absent.push(Absent::NotInstalled { program: "ngircd", source }),
    }
    Ok((found, absent))
}

/// An IRC daemon without what would be measured beside the room: look-ups, a limit of clients, a brake.
fn ngircd(folder: &Path) -> io::Result<Start> {
    let settings = "[Global]\nName = irc.example.net\nInfo = benchmark\nListen = 127.0.0.1\nPorts = PORT\n\
                    AdminInfo1 = none\nMotdPhrase = none\n\
                    [Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxPenaltyTime = 0\nPingTimeout = 3600\n\
                    [Options]\nDNS = no\nIdent = no\nPAM = no\nSyslogFacility = local0\n";
    fs::write(folder.join("ngircd.conf.in"), settings)?;
    // It reads its port from the file, and it talks: nobody would read that.
    let line =
        "sed s/PORT/{port}/ ngircd.conf.in >ngircd.conf && exec ngircd -n -f \"$PWD/ngircd.conf\" >/dev/null 2>&1";
    Ok(Start::new(["sh", "-c", line]).inside(folder))
}

struct Guest {
    socket: TcpStream,
    /// Lines heard.
    heard: u64,
    /// The end of what came last, while the guest waits for its welcome.
    tail: Vec<u8>,
    welcome: bool,
}

/// Clients in a room.
pub struct Room {
    dialect: Dialect,
    guests: Vec<Guest>,
    waiting: Epoll,
    /// Lines heard by all guests together, and lines that must be.
    heard: u64,
    due: u64,
    /// Who speaks next.
    next: usize,
}

impl Room {
    /// Lets so many clients in, one after another: each waits for its welcome.
    ///
    /// # Errors
    /// If the server refuses one of them or is silent.
    pub fn fill(dialect: Dialect, port: u16, count: usize) -> io::Result<Self> {
        let waiting = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut room = Self { dialect, guests: Vec::with_capacity(count), waiting, heard: 0, due: 0, next: 0 };
        for number in 0..count {
            let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            socket.set_nodelay(true)?;
            let hello = match dialect {
                Dialect::Lines => format!("c{number}\n"),
                Dialect::Irc => format!("NICK c{number}\r\nUSER c{number} 0 * :guest\r\nJOIN #room\r\n"),
            };
            socket.write_all(hello.as_bytes())?;
            socket.set_nonblocking(true)?;
            room.waiting.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            room.guests.push(Guest { socket, heard: 0, tail: Vec::new(), welcome: false });
            while !room.guests[number].welcome {
                room.listen()?;
            }
        }
        Ok(room)
    }

    /// Has so many lines said, each by another client, and waits until everybody else has heard all of them.
    ///
    /// # Errors
    /// If the server loses one, or somebody.
    pub fn talk(&mut self, lines: usize) -> io::Result<()> {
        for _ in 0..lines {
            let words = "this is a line of an ordinary length in an evening's chat";
            let line = match self.dialect {
                Dialect::Lines => format!("% {words}\n"),
                Dialect::Irc => format!("PRIVMSG #room :% {words}\r\n"),
            };
            self.guests[self.next].socket.write_all(line.as_bytes())?;
            self.next = (self.next + 1) % self.guests.len();
            self.due += self.guests.len() as u64 - 1;
        }
        while self.heard < self.due {
            self.listen()?;
        }
        if self.heard > self.due {
            return Err(io::Error::other("a line was delivered twice"));
        }
        Ok(())
    }

    /// Whether every client has heard as much as every other that spoke as often.
    pub fn is_fair(&self) -> bool {
        let all: Vec<u64> = self.guests.iter().map(|guest| guest.heard).collect();
        all.iter().max().zip(all.iter().min()).is_none_or(|(most, least)| most - least <= 1)
    }

    /// Waits until something comes, and takes all of it.
    fn listen(&mut self) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); 512];
        let count = self.waiting.wait(&mut events, EpollTimeout::from(PATIENCE))?;
        if count == 0 {
            let why = format!("{} of {} deliveries have come, and no more do", self.heard, self.due);
            return Err(io::Error::new(ErrorKind::TimedOut, why));
        }
        let welcome: &[u8] = match self.dialect {
            Dialect::Lines => b"* you are",
            // RPL_ENDOFNAMES: the last that the server says of a JOIN.
            Dialect::Irc => b" 366 ",
        };
        let mut piece = [0; 64 * 1024];
        for event in &events[..count] {
            let guest = &mut self.guests[event.data() as usize];
            match guest.socket.read(&mut piece) {
                Ok(0) => return Err(io::Error::new(ErrorKind::ConnectionAborted, "the server has put a client out")),
                Ok(length) => {
                    // Nobody speaks before all are in, and what a server tells at the door may hold any sign: ngircd
                    // lists the prefixes of its users, `~&@%+`.
                    if guest.welcome {
                        let marks = piece[..length].iter().filter(|byte| **byte == MARK).count() as u64;
                        guest.heard += marks;
                        self.heard += marks;
                    } else {
                        guest.tail.extend_from_slice(&piece[..length]);
                        guest.welcome = guest.tail.windows(welcome.len()).any(|window| window == welcome);
                        let kept = guest.tail.len().saturating_sub(welcome.len());
                        guest.tail.drain(..kept);
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
