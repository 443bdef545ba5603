//! A file server in one session, without input or output (FTP: RFC 959; `EPSV`, `EPRT`: RFC 2428; `FEAT`, `OPTS`: RFC 2389;
//! `SIZE`, `REST`: RFC 3659). Lines come in and replies go out; what is to be done for data is said by [`Aside`] and done by
//! whoever has the sockets. Everything is remembered but the password's text.
//!
//! It is a server as most are: one who is not logged in may do nothing, the mode is ASCII until `TYPE I`, a connection for data
//! is agreed upon anew for each file. It has every folder that it is asked for.

mod address;
mod record;
mod storing;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::aside::{Aside, Door, Flow, Moved};
use super::dialogue::{self, Reply, Turns};
use harness_language::scenario::model::{Afterwards, CutOff, CutOffBy, FileMoment, FileReply};
use record::is_refusal;
pub use record::{Exchange, Record, Transfer};
use storing::Storing;

/// What the server knows of the world.
#[derive(Debug, Clone)]
pub struct Site {
    /// Where it takes connections for data.
    pub data: SocketAddr,
    /// Where the program comes from.
    pub client: IpAddr,
    /// The only name that it knows; nothing if all will do.
    pub user: Option<String>,
    /// The password that goes with it; nothing if any will do.
    pub password: Option<String>,
}

/// Where the session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Outside,
    Inside,
    Ended,
}

/// A file server in one session.
#[derive(Debug)]
pub struct Server {
    site: Site,
    planned: Vec<FileReply>,
    cut_off: Option<CutOff>,
    counts: BTreeMap<FileMoment, u32>,
    state: State,
    user: Option<String>,
    folder: String,
    ascii: bool,
    door: Option<Door>,
    offset: usize,
    renamed: Option<String>,
    aside: Option<Aside>,
    storing: Option<(Storing, Door)>,
    /// The reply that is due when the data have moved.
    after: Option<Reply>,
    turns: Turns,
    record: Record,
}

impl Server {
    /// A server without files, with replies other than usual.
    pub fn new(site: Site, planned: Vec<FileReply>, cut_off: Option<CutOff>) -> Self {
        Self {
            site,
            planned,
            cut_off,
            counts: BTreeMap::new(),
            state: State::Outside,
            user: None,
            folder: "/".to_owned(),
            ascii: true,
            door: None,
            offset: 0,
            renamed: None,
            aside: None,
            storing: None,
            after: None,
            turns: Turns::default(),
            record: Record::default(),
        }
    }

    /// The record at the end.
    pub fn into_record(self) -> Record {
        Record { conduct: self.turns.conduct, ..self.record }
    }

    fn command(&mut self, line: &[u8]) -> Reply {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (word, rest) = match line.iter().position(|byte| *byte == b' ') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &line[line.len()..]),
        };
        let word = String::from_utf8_lossy(word).to_ascii_uppercase();
        let said = match word.as_str() {
            "PASS" => dialogue::without_secret(line, rest, &mut self.record.secrets),
            // The port is one that the machine has chosen, and says nothing to a reader.
            "PORT" | "EPRT" => format!("{word} and an address"),
            _ => dialogue::text(line),
        };
        self.turns.owe(&said);
        let argument = String::from_utf8_lossy(rest).trim().to_owned();
        match word.as_str() {
            "USER" => self.reply(Some(FileMoment::User), said, "331 And the password?", |server| {
                server.state = State::Outside;
                server.user = Some(argument);
            }),
            "PASS" => self.password(said, rest),
            "ACCT" => self.reply(None, said, "202 No account is needed.", |_| {}),
            "QUIT" => self.quit(said),
            "NOOP" => self.reply(None, said, "200 Still here.", |_| {}),
            "SYST" => self.reply(None, said, "215 UNIX Type: L8", |_| {}),
            "HELP" => self.reply(None, said, "214 See RFC 959.", |_| {}),
            "FEAT" => self.reply(None, said, FEATURES, |_| {}),
            "OPTS" if argument.to_ascii_uppercase().starts_with("UTF8") => {
                self.reply(None, said, "200 UTF-8 it is.", |_| {})
            }
            "OPTS" => self.reply(None, said, "501 There is no such option.", |_| {}),
            _ if self.state == State::Outside => {
                self.reply(kind(&word), said, "530 Please log in with USER and PASS.", |_| {})
            }
            "TYPE" => self.representation(said, &argument),
            "MODE" => self.only(said, &argument, "S"),
            "STRU" => self.only(said, &argument, "F"),
            "PASV" => {
                let numbers = address::as_six_numbers(self.site.data);
                self.passive(said, &format!("227 Entering Passive Mode ({numbers})."))
            }
            "EPSV" if argument.eq_ignore_ascii_case("ALL") => self.reply(None, said, "200 EPSV it is.", |_| {}),
            "EPSV" => {
                let port = self.site.data.port();
                self.passive(said, &format!("229 Entering Extended Passive Mode (|||{port}|)"))
            }
            "PORT" => self.active(said, address::six_numbers(&argument)),
            "EPRT" => self.active(said, address::extended(&argument)),
            "STOR" | "APPE" | "STOU" => self.store(&word, said, &argument),
            "RETR" | "LIST" | "NLST" => self.give(&word, said, &argument),
            _ => self.housekeeping(&word, said, &argument),
        }
    }

    /// Commands that are over with their reply.
    fn housekeeping(&mut self, word: &str, said: String, argument: &str) -> Reply {
        let path = self.path(argument);
        match word {
            "PWD" | "XPWD" => {
                let folder = self.folder.replace('"', "\"\"");
                self.reply(None, said, &format!("257 \"{folder}\" is the folder."), |_| {})
            }
            "CWD" | "XCWD" => self.reply(None, said, "250 There we are.", |server| server.folder = path),
            "CDUP" | "XCUP" => {
                let above = self.path("..");
                self.reply(None, said, "250 One up.", |server| server.folder = above)
            }
            "MKD" | "XMKD" => self.reply(None, said, &format!("257 \"{path}\" is made."), |_| {}),
            "ALLO" => self.reply(None, said, "202 No need to.", |_| {}),
            "ABOR" => self.reply(None, said, "226 Nothing is under way.", |server| server.door = None),
            "REST" => match argument.parse() {
                Ok(offset) => self.reply(None, said, "350 From there.", |server| server.offset = offset),
                Err(_) => self.reply(None, said, "501 From which byte?", |_| {}),
            },
            "SIZE" => match self.record.files.get(&path).map(Vec::len) {
                Some(length) => self.reply(None, said, &format!("213 {length}"), |_| {}),
                None => self.reply(None, said, NO_FILE, |_| {}),
            },
            "DELE" => self.on_file(said, &path, "250 Deleted.", |server, path| drop(server.record.files.remove(path))),
            "RNFR" => self.on_file(said, &path, "350 To what?", |server, path| server.renamed = Some(path.to_owned())),
            "RNTO" => match self.renamed.take().and_then(|from| self.record.files.remove(&from)) {
                Some(content) => self.reply(None, said, "250 Renamed.", |server| {
                    server.record.files.insert(path, content);
                }),
                None => self.reply(None, said, "503 RNFR comes first.", |_| {}),
            },
            _ => self.reply(None, said, "502 That is not done here.", |_| {}),
        }
    }

    fn on_file(&mut self, said: String, path: &str, usual: &str, act: impl FnOnce(&mut Self, &str)) -> Reply {
        let usual = if self.record.files.contains_key(path) { usual } else { NO_FILE };
        self.reply(None, said, usual, |server| act(server, path))
    }

    fn password(&mut self, said: String, password: &[u8]) -> Reply {
        let Some(user) = &self.user else {
            return self.reply(Some(FileMoment::Password), said, "503 And the name?", |_| {});
        };
        let known = self.site.user.as_ref().is_none_or(|known| known == user)
            && self.site.password.as_ref().is_none_or(|known| known.as_bytes() == password);
        let usual = if known { "230 You are in." } else { "530 Login incorrect." };
        self.reply(Some(FileMoment::Password), said, usual, Self::admit)
    }

    fn admit(&mut self) {
        self.state = State::Inside;
        self.record.admitted = true;
    }

    fn quit(&mut self, said: String) -> Reply {
        let mut reply = self.reply(Some(FileMoment::Quit), said, "221 Goodbye.", |server| server.record.quit = true);
        self.state = State::Ended;
        reply.then = Afterwards::Close;
        reply
    }

    /// `TYPE` (RFC 959, section 3.1.1).
    fn representation(&mut self, said: String, argument: &str) -> Reply {
        let words: Vec<String> = argument.split_ascii_whitespace().map(str::to_ascii_uppercase).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ascii = match words.as_slice() {
            ["A"] | ["A", "N"] => Some(true),
            ["I"] | ["L", "8"] => Some(false),
            _ => None,
        };
        match ascii {
            Some(ascii) => {
                let mode = if ascii { "200 ASCII mode." } else { "200 Binary mode." };
                self.reply(Some(FileMoment::Type), said, mode, |server| server.ascii = ascii)
            }
            None => self.reply(Some(FileMoment::Type), said, "504 TYPE A or TYPE I.", |_| {}),
        }
    }

    /// A parameter of which only the usual value is done here.
    fn only(&mut self, said: String, argument: &str, value: &str) -> Reply {
        let usual = if argument.eq_ignore_ascii_case(value) { "200 As usual." } else { "504 Only the usual." };
        self.reply(None, said, usual, |_| {})
    }

    fn passive(&mut self, said: String, usual: &str) -> Reply {
        self.reply(Some(FileMoment::Passive), said, usual, |server| server.door = Some(Door::Passive))
    }

    /// `PORT` and `EPRT`: only to where the program comes from, so that nobody else is called on its behalf (RFC 2577, section
    /// 3).
    fn active(&mut self, said: String, address: Option<SocketAddr>) -> Reply {
        let Some(address) = address else {
            return self.reply(Some(FileMoment::Active), said, "501 That is no address.", |_| {});
        };
        let (own, given) = (self.site.client.to_canonical(), address.ip().to_canonical());
        let is_near = own == given || own.is_loopback() && given.is_loopback();
        let usual = if is_near { "200 There it is." } else { "500 That address is not yours." };
        self.reply(Some(FileMoment::Active), said, usual, |server| {
            server.door = Some(Door::Active(address));
            server.record.strange_address |= own != given;
        })
    }

    fn store(&mut self, word: &str, said: String, argument: &str) -> Reply {
        let asked = Some(FileMoment::Store);
        let name = match (word, argument) {
            ("STOU", "") => format!("file-{}", self.record.transfers.len() + 1),
            ("STOU", name) if self.record.files.contains_key(&self.path(name)) => format!("{name}.2"),
            (_, "") => return self.reply(asked, said, "501 Under which name?", |_| {}),
            (_, name) => name.to_owned(),
        };
        let path = self.path(&name);
        let Some(door) = self.door.take() else { return self.reply(asked, said, NO_DOOR, |_| {}) };
        let mut already = self.record.files.get(&path).cloned().unwrap_or_default();
        let offset = std::mem::take(&mut self.offset);
        already.truncate(if word == "APPE" { usize::MAX } else { offset });
        // A refusal leaves nobody waiting at the door.
        self.aside = Some(Aside::Nothing);
        let usual = if word == "STOU" { format!("150 FILE: {name}") } else { "150 Send it.".to_owned() };
        self.reply(asked, said, &usual, |server| {
            server.storing = Some((Storing::new(path, server.ascii, already), door));
            server.aside = Some(Aside::Take(door));
        })
    }

    fn give(&mut self, word: &str, said: String, argument: &str) -> Reply {
        let content = match word {
            "RETR" => self.record.files.get(&self.path(argument)).cloned(),
            _ => Some(self.listing(word == "LIST").into_bytes()),
        };
        let Some(content) = content else { return self.reply(None, said, NO_FILE, |_| {}) };
        let Some(door) = self.door.take() else { return self.reply(None, said, NO_DOOR, |_| {}) };
        let offset = std::mem::take(&mut self.offset).min(content.len());
        self.reply(None, said, "150 Here it comes.", |server| {
            server.aside = Some(Aside::Give(door, content[offset..].to_vec()));
        })
    }

    /// The files of the folder, one a line: their names, or as `ls -l` writes them.
    fn listing(&self, long: bool) -> String {
        let within = format!("{}/", self.folder.trim_end_matches('/'));
        let here = self.record.files.iter().filter_map(|(path, content)| Some((path.strip_prefix(&within)?, content)));
        let line = |(name, content): (&str, &Vec<u8>)| match long {
            true => format!("-rw-r--r-- 1 ftp ftp {:>12} Jan 01 00:00 {name}\r\n", content.len()),
            false => format!("{name}\r\n"),
        };
        here.map(line).collect()
    }

    /// The path that a name means in the folder where the session is.
    fn path(&self, name: &str) -> String {
        let from = if name.starts_with('/') { "" } else { self.folder.as_str() };
        let mut parts: Vec<&str> = Vec::new();
        for part in from.split('/').chain(name.split('/')) {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        format!("/{}", parts.join("/"))
    }

    /// The planned reply, or the usual one; `act` is called if it does not refuse.
    fn reply(&mut self, asked: Option<FileMoment>, said: String, usual: &str, act: impl FnOnce(&mut Self)) -> Reply {
        // What cannot be is refused, whatever is planned.
        let planned = asked.filter(|_| !is_refusal(usual)).and_then(|asked| {
            let count = self.counts.entry(asked).or_default();
            *count += 1;
            let count = *count;
            self.planned.iter().find(|reply| reply.to == asked && reply.nth.is_none_or(|nth| nth == count)).cloned()
        });
        let is_planned = planned.is_some();
        let (say, then) = planned.map_or_else(|| (usual.to_owned(), Afterwards::GoOn), |reply| (reply.say, reply.then));
        self.speak(Exchange { asked, said, reply: say }, is_planned, then, act)
    }

    fn speak(&mut self, exchange: Exchange, is_planned: bool, then: Afterwards, act: impl FnOnce(&mut Self)) -> Reply {
        if exchange.is_refusal() {
            let number = self.record.exchanges.len();
            self.record.refused = self.record.refused.or(is_planned.then_some(number));
        } else {
            act(self);
            // Some need no password.
            if exchange.asked == Some(FileMoment::User) && exchange.code() == "230" {
                self.admit();
            }
        }
        if then == Afterwards::Close {
            self.state = State::Ended;
        }
        let bytes = format!("{}\r\n", exchange.reply.replace('\n', "\r\n")).into_bytes();
        self.record.exchanges.push(exchange);
        Reply { bytes, then }
    }

    /// The reply to the data of a file, all of which have come, or not.
    fn stored(&mut self, storing: Storing, door: Door, end: Moved) -> Reply {
        let (name, ascii, came) = (storing.name.clone(), storing.ascii, storing.came);
        self.record.transfers.push(Transfer { name: name.clone(), door, ascii, came, end: end.clone() });
        let said = format!("{came} bytes of data");
        let asked = Some(FileMoment::Stored);
        let usual = match end {
            Moved::Whole => {
                let content = storing.into_content();
                return self.reply(asked, said, "226 It is stored.", |server| {
                    server.record.files.insert(name, content);
                });
            }
            Moved::Cut => {
                let say = self.cut_off.as_ref().map_or_else(String::new, |cut_off| cut_off.say.clone());
                return self.speak(Exchange { asked, said, reply: say }, true, Afterwards::GoOn, |_| {});
            }
            Moved::Reset => "426 The connection for data broke; nothing is stored.",
            Moved::NotOpened(_) => "425 There is no connection for data.",
            Moved::GaveUp(_) => "426 The data did not end; nothing is stored.",
        };
        self.reply(asked, said, usual, |_| {})
    }
}

const NO_FILE: &str = "550 There is no such file.";
const NO_DOOR: &str = "425 Use PORT or PASV first.";
const FEATURES: &str = "211-What there is besides:\n EPRT\n EPSV\n PASV\n REST STREAM\n SIZE\n UTF8\n211 That is all.";

/// What a command is, also where it is not its turn.
fn kind(word: &str) -> Option<FileMoment> {
    Some(match word {
        "TYPE" => FileMoment::Type,
        "PASV" | "EPSV" => FileMoment::Passive,
        "PORT" | "EPRT" => FileMoment::Active,
        "STOR" | "APPE" | "STOU" => FileMoment::Store,
        _ => return None,
    })
}

impl dialogue::Server for Server {
    fn greeting(&mut self) -> Reply {
        self.turns.owe("the connection");
        self.reply(Some(FileMoment::Connection), String::new(), "220 depot.example takes files", |_| {})
    }

    fn next_reply(&mut self) -> Option<Reply> {
        if let Some(reply) = self.after.take() {
            return Some(reply);
        }
        if self.state == State::Ended {
            return None;
        }
        loop {
            let (line, _) = self.turns.next_line()?;
            // Servers pass over an empty line; who ends his own with two line ends works with them.
            if !matches!(&*line, b"" | b"\r") {
                return Some(self.command(&line));
            }
        }
    }

    fn turns(&mut self) -> &mut Turns {
        &mut self.turns
    }

    fn aside(&mut self) -> Option<Aside> {
        self.aside.take()
    }

    fn data(&mut self, bytes: &[u8]) -> Flow {
        let Some((storing, _)) = &mut self.storing else { return Flow::Close };
        let Some(cut_off) = &self.cut_off else {
            storing.take(bytes);
            return Flow::GoOn;
        };
        let room = cut_off.after.saturating_sub(storing.came);
        storing.take(&bytes[..bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX))]);
        match cut_off.by {
            _ if storing.came < cut_off.after => Flow::GoOn,
            CutOffBy::Close => Flow::Close,
            CutOffBy::Reset => Flow::Reset,
        }
    }

    fn moved(&mut self, end: Moved) {
        self.turns.owe("the data");
        self.after = Some(match self.storing.take() {
            Some((storing, door)) => self.stored(storing, door, end),
            None => {
                let usual = if end == Moved::Whole { "226 That was it." } else { "426 They did not get through." };
                self.reply(None, "data to the program".to_owned(), usual, |_| {})
            }
        });
    }
}

#[cfg(test)]
mod tests;
