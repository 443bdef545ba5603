//! What servers that are spoken to line by line have in common: whose turn it is, and how the program keeps to that.

use harness_judging::complaint::Refused;

use super::aside::{Aside, Flow, Moved};
use harness_language::scenario::model::Afterwards;

/// What stands in the record for a password.
pub const MASKED: &str = "[masked: password]";

/// Longest command line that is kept for the record, in bytes (RFC 5321, section 4.5.3.1.4, allows 512; RFC 2449,
/// section 4, 255).
const KEPT: usize = 512;

/// Passwords of fewer bytes stand in too many words that are none: what is hidden is then the whole line.
pub const SHORT: usize = 6;

/// The most that is kept of what came and was not looked at, in bytes.
pub const LARGEST: usize = 64 << 20;

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Lines that end in CR LF.
    pub bytes: Vec<u8>,
    /// What follows.
    pub then: Afterwards,
}

/// How a program has behaved in a dialogue, whatever it was about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conduct {
    /// The first thing that came before the reply to what was before it: the line, and what had not been answered yet.
    pub early: Option<(String, String)>,
    /// The first line with an end other than CR LF, or with a CR or LF of its own.
    pub bare: Option<String>,
    /// After the reply to `QUIT` the program ended the connection as well.
    pub closed: bool,
    /// The program ended the connection before the reply to this.
    pub left_before_reply_to: Option<String>,
    /// Why no more commands were waited for.
    pub gave_up: Option<String>,
    /// What came first was the beginning of TLS (a record with a handshake in it, RFC 8446, section 5.1).
    pub is_encrypted: bool,
}

/// Something that a server has refused on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reply's lines, without their ends.
    pub reply: String,
    /// What of it shows that it is a refusal: `550`, `-ERR`.
    pub mark: String,
    /// Whether the program went on as if the server had agreed.
    pub went_on: bool,
    /// What was asked for in vain.
    pub what: Refused,
}

/// What has come and was not answered yet.
#[derive(Debug, Default)]
pub struct Turns {
    buffer: Vec<u8>,
    has_begun: bool,
    open: Option<String>,
    /// What was noticed.
    pub conduct: Conduct,
}

impl Turns {
    /// Takes what came.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.conduct.is_encrypted |= !std::mem::replace(&mut self.has_begun, true) && bytes.starts_with(b"\x16\x03");
        if self.buffer.len() < LARGEST {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next line without its end, and whether that was CR LF; nothing if none is whole.
    pub fn next_line(&mut self) -> Option<(Vec<u8>, bool)> {
        let end = memchr::memchr(b'\n', &self.buffer)?;
        let line: Vec<u8> = self.buffer.drain(..=end).collect();
        let (line, is_whole) = match line.strip_suffix(b"\r\n") {
            Some(line) => (line.to_vec(), true),
            None => (line[..line.len() - 1].to_vec(), false),
        };
        if self.conduct.bare.is_none() && (!is_whole || line.contains(&b'\r')) {
            self.conduct.bare = Some(text(&line));
        }
        Some((line, is_whole))
    }

    /// The next so many bytes, whatever they are; nothing if they are not all there.
    pub fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        (self.buffer.len() >= count).then(|| self.buffer.drain(..count).collect())
    }

    /// Everything that has come and was not looked at.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    /// Now a reply to this is due.
    pub fn owe(&mut self, to: &str) {
        self.open = Some(to.to_owned());
    }

    /// What the program does not wait for if it leaves now.
    pub fn open(&self) -> Option<&str> {
        self.open.as_deref()
    }

    /// The reply is on its way.
    pub fn answered(&mut self) {
        self.open = None;
    }

    /// Looks whether something has come before the reply that is due now was given.
    pub fn look_for_early(&mut self) {
        let Some(open) = &self.open else { return };
        if self.conduct.early.is_none() && !self.buffer.is_empty() {
            let line = self.buffer.split(|byte| *byte == b'\n').next().unwrap_or_default();
            self.conduct.early = Some((text(line), open.clone()));
        }
    }
}

/// A server in one dialogue, without input or output.
pub trait Server {
    /// What it says first.
    fn greeting(&mut self) -> Reply;
    /// The reply to the next command, if all of it is there.
    fn next_reply(&mut self) -> Option<Reply>;
    /// Whose turn it is.
    fn turns(&mut self) -> &mut Turns;
    /// TLS has begun. What was said before counts no more (RFC 3207, section 4.2).
    fn encrypted(&mut self) {}
    /// What is to be done beside the dialogue, now that the last reply is on its way.
    fn aside(&mut self) -> Option<Aside> {
        None
    }
    /// Takes data that came beside the dialogue.
    fn data(&mut self, _bytes: &[u8]) -> Flow {
        Flow::Close
    }
    /// What was to be done beside the dialogue has ended.
    fn moved(&mut self, _end: Moved) {}
}

/// A line for the record without the secret at its end, which is added to the others.
pub fn without_secret(line: &[u8], secret: &[u8], secrets: &mut Vec<Vec<u8>>) -> String {
    if secret.is_empty() {
        return text(line);
    }
    // A short word alone stands in many others: then the line is the secret.
    secrets.push(if secret.len() < SHORT { line.to_vec() } else { secret.to_vec() });
    let open = String::from_utf8_lossy(&line[..line.len() - secret.len()]).into_owned();
    format!("{open}{MASKED}")
}

/// A line for the record.
pub fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(KEPT)]).trim_end_matches('\r').to_owned()
}

/// All that a server says to a dialogue that comes in pieces of this size, with nothing between them: for tests.
pub fn play(server: &mut dyn Server, dialogue: &[u8], size: usize) -> Vec<u8> {
    let mut said = server.greeting().bytes;
    server.turns().answered();
    for piece in dialogue.chunks(size) {
        server.turns().receive(piece);
        while let Some(reply) = server.next_reply() {
            said.extend(reply.bytes);
            server.turns().answered();
        }
    }
    said
}
