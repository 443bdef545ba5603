//! What a capture shows, for people and as JSON.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

use super::conversation::{Conversation, Way};
use super::exchange::{Finding, Shown, excerpt};
use super::read::Contents;
use super::{conversation, exchange};
use harness_language::catalogue::Task;
use harness_language::catalogue::model::Evidence;
use harness_language::scenario::model::TransportName;

/// Conversations that are described one by one.
const DESCRIBED: usize = 20;

/// Everything that is said about one capture.
#[derive(Debug, Serialize)]
pub struct Showing {
    /// Version of this format.
    pub schema: u32,
    /// The file, as it was named.
    pub file: String,
    /// The task.
    pub task: String,
    /// What the task's sheet asks for, in one sentence.
    pub asks: String,
    /// Packets in the file.
    pub packets: usize,
    /// Packets that are neither TCP nor UDP.
    pub other_packets: usize,
    /// What is wrong with the file behind its last packet.
    pub damage: Option<String>,
    /// The conversations, in the order in which they began.
    pub conversations: Vec<Dialogue>,
    /// Whether the exchange is there.
    pub finding: Finding,
}

/// One conversation.
#[derive(Debug, Serialize)]
pub struct Dialogue {
    /// `tcp` or `udp`.
    pub transport: TransportName,
    /// Address of the side that began.
    pub client: String,
    /// Address of the other side.
    pub server: String,
    /// Time of the first packet, in microseconds since the first of the file.
    pub began_us: u64,
    /// Time of the last packet, likewise.
    pub ended_us: u64,
    /// TCP: whether SYN, SYN-ACK and ACK are there.
    pub handshake: Option<bool>,
    /// TCP: whether the connection was refused.
    pub refused: bool,
    /// ICMP messages "port unreachable" about the client's datagrams.
    pub unreachable: usize,
    /// From the client.
    pub to_server: Direction,
    /// From the server.
    pub to_client: Direction,
}

/// One direction of a conversation.
#[derive(Debug, Serialize)]
pub struct Direction {
    /// Bytes that were sent.
    pub bytes: u64,
    /// Bytes of them that are not in the capture.
    pub missing: u64,
    /// Segments or datagrams with data.
    pub pieces: usize,
    /// Segments sent again.
    pub retransmitted: usize,
    /// Segments that came before one that belongs in front of them.
    pub out_of_order: usize,
    /// Whether it was ended with FIN.
    pub fin: bool,
    /// Whether it was aborted with RST.
    pub rst: bool,
    /// The beginning of the bytes.
    #[serde(skip)]
    beginning: String,
}

impl Direction {
    fn of(way: &Way) -> Self {
        Self {
            bytes: way.length(),
            missing: way.missing(),
            pieces: way.pieces(),
            retransmitted: way.stream.repeated,
            out_of_order: way.stream.early,
            fin: way.fin,
            rst: way.reset,
            beginning: excerpt(&way.bytes()),
        }
    }
}

impl Dialogue {
    fn of(conversation: &Conversation) -> Self {
        let tcp = conversation.transport == TransportName::Tcp;
        Self {
            transport: conversation.transport,
            client: conversation.client.to_string(),
            server: conversation.server.to_string(),
            began_us: micros(conversation.began),
            ended_us: micros(conversation.ended),
            handshake: tcp.then(|| conversation.handshake == [true; 3]),
            refused: tcp && conversation.is_refused(),
            unreachable: conversation.unreachable,
            to_server: Direction::of(&conversation.there),
            to_client: Direction::of(&conversation.back),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Showing {
    /// Looks at a capture with a task's eyes.
    pub fn of(file: &str, contents: &Contents, task: &Task, wanted: &Evidence) -> Self {
        let (packets, other_packets) = conversation::packets(&contents.packets);
        let conversations = conversation::conversations(&packets);
        Self {
            schema: 1,
            file: file.to_owned(),
            task: task.id().to_owned(),
            asks: wanted.shows.clone(),
            packets: contents.packets.len() + contents.foreign,
            other_packets: other_packets + contents.foreign,
            damage: contents.damage.clone(),
            conversations: conversations.iter().map(Dialogue::of).collect(),
            finding: exchange::judge(&conversations, wanted),
        }
    }

    /// As JSON.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// For people.
    pub fn human(&self) -> String {
        let mut text = String::new();
        let mut line = |words: String| {
            let _ = writeln!(text, "{words}");
        };
        let others = match self.other_packets {
            0 => String::new(),
            count => format!(", {count} of them neither TCP nor UDP"),
        };
        line(format!(
            "{}: {}{others}, {}",
            self.file,
            counted(self.packets, "packet"),
            counted(self.conversations.len(), "conversation")
        ));
        if let Some(damage) = &self.damage {
            line(format!("note: {damage}; what came before it was read"));
        }
        for (index, dialogue) in self.conversations.iter().enumerate().take(DESCRIBED) {
            line(String::new());
            for words in dialogue.lines(index + 1) {
                line(words);
            }
        }
        if self.conversations.len() > DESCRIBED {
            line(format!("\n… and {} more conversations", self.conversations.len() - DESCRIBED));
        }
        line(format!("\n{}: {}", self.finding.id, self.finding.verdict.as_str()));
        line(format!("  the sheet of {} asks for: {}", self.task, self.asks));
        if let Some(index) = self.finding.conversation.filter(|_| self.conversations.len() > 1) {
            line(format!("  conversation {index} shows most of it:"));
        }
        for reason in &self.finding.reasons {
            line(format!("  - {reason}"));
        }
        text
    }

    /// Whether all of the exchange is there.
    pub fn is_shown(&self) -> bool {
        self.finding.verdict == Shown::Yes
    }
}

impl Dialogue {
    fn lines(&self, number: usize) -> Vec<String> {
        let seconds = |micros: u64| format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        let name = if self.transport == TransportName::Tcp { "TCP" } else { "UDP" };
        let mut lines = vec![format!(
            "{number}. {name}  {} > {}  from {} s to {} s",
            self.client,
            self.server,
            seconds(self.began_us),
            seconds(self.ended_us)
        )];
        if let Some(whole) = self.handshake {
            let handshake = match (self.refused, whole) {
                (true, _) => "refused: the SYN was answered with RST",
                (false, true) => "SYN, SYN-ACK, ACK",
                (false, false) => "not whole",
            };
            lines.push(format!("   handshake  {handshake}"));
        }
        lines.push(format!("   to server  {}", self.to_server.line(self.transport)));
        lines.push(format!("   to client  {}", self.to_client.line(self.transport)));
        if self.unreachable > 0 {
            lines.push(format!("   ICMP       port unreachable, {}", times(self.unreachable)));
        }
        if self.transport == TransportName::Tcp && !self.refused {
            lines.push(format!("   end        {}", self.end()));
        }
        lines
    }

    fn end(&self) -> &'static str {
        let (there, back) = (&self.to_server, &self.to_client);
        match (there.rst, back.rst, there.fin, back.fin) {
            (true, ..) => "the client aborted it (RST)",
            (_, true, ..) => "the server aborted it (RST)",
            (_, _, true, true) => "FIN from both sides",
            (_, _, true, false) => "FIN from the client only",
            (_, _, false, true) => "FIN from the server only",
            (_, _, false, false) => "not in the capture",
        }
    }
}

impl Direction {
    fn line(&self, transport: TransportName) -> String {
        if self.bytes == 0 && self.pieces == 0 {
            return "no data".to_owned();
        }
        let piece = if transport == TransportName::Tcp { "segment" } else { "datagram" };
        let bytes = counted(usize::try_from(self.bytes).unwrap_or(usize::MAX), "byte");
        let mut text = format!("{bytes} in {}: {}", counted(self.pieces, piece), self.beginning);
        for (count, what) in [(self.retransmitted, "sent again"), (self.out_of_order, "out of order")] {
            if count > 0 {
                let _ = write!(text, "; {} {what}", counted(count, piece));
            }
        }
        if self.missing > 0 {
            let _ = write!(text, "; {} bytes of it not captured", self.missing);
        }
        text
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}
