//! Whether a capture shows the exchange that a task's sheet asks for (`[evidence]` of `task.toml`).

use harness_judging::closely::contains;
use harness_judging::shown::quote;
use serde::Serialize;

use super::conversation::Conversation;
use harness_language::catalogue::model::{Evidence, Reply};
use harness_language::scenario::model::TransportName;

/// The finding's id in every output.
pub const ID: &str = "evidence.shows-exchange";

/// How much of the exchange is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// Nothing of it.
    No,
    /// A part.
    Partly,
    /// All of it.
    Yes,
}

impl Shown {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Partly => "partly",
            Self::Yes => "yes",
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Always [`ID`].
    pub id: &'static str,
    /// How much is shown.
    pub verdict: Shown,
    /// The conversation that shows most of it, counted from 1.
    pub conversation: Option<usize>,
    /// Why, a sentence each.
    pub reasons: Vec<String>,
}

/// Compares every conversation with the exchange and keeps the best.
pub fn judge(conversations: &[Conversation], wanted: &Evidence) -> Finding {
    let mut best: Option<(Shown, usize, Vec<String>)> = None;
    for (index, conversation) in conversations.iter().enumerate() {
        if conversation.transport != wanted.transport {
            continue;
        }
        let (shown, reasons) = one(conversation, wanted);
        if best.as_ref().is_none_or(|(so_far, ..)| shown > *so_far) {
            best = Some((shown, index, reasons));
        }
    }
    match best {
        Some((verdict, index, reasons)) => Finding { id: ID, verdict, conversation: Some(index + 1), reasons },
        None => {
            let reason = match wanted.transport {
                TransportName::Tcp => "there is no TCP connection in the capture",
                TransportName::Udp => "there is no UDP datagram in the capture",
            };
            let reason = match conversations.is_empty() {
                true => format!("{reason}, nor any other conversation"),
                false => format!("{reason}: what is there uses the other transport"),
            };
            Finding { id: ID, verdict: Shown::No, conversation: None, reasons: vec![reason] }
        }
    }
}

/// What is being found out about one conversation.
struct Verdict {
    shown: Shown,
    reasons: Vec<String>,
}

impl Verdict {
    /// A reason that is none against it.
    fn and(&mut self, reason: String) {
        self.reasons.push(reason);
    }

    fn at_most(&mut self, shown: Shown, reason: String) {
        self.shown = self.shown.min(shown);
        self.reasons.push(reason);
    }
}

fn one(conversation: &Conversation, wanted: &Evidence) -> (Shown, Vec<String>) {
    let mut verdict = Verdict { shown: Shown::Yes, reasons: Vec::new() };
    let sent = conversation.there.length();
    if conversation.is_refused() {
        return (Shown::No, vec!["the server's machine refused the connection (RST): nobody listened".to_owned()]);
    }
    if sent == 0 && conversation.back.length() == 0 {
        return (Shown::No, vec!["neither side sent any data".to_owned()]);
    }
    if sent == 0 {
        return (Shown::No, vec!["the client sent no data".to_owned()]);
    }
    let request = format!("the client sent {}", bytes(sent));
    match wanted.whole.filter(|whole| sent < *whole) {
        Some(whole) => verdict.at_most(Shown::Partly, format!("{request}, and the sheet asks for {whole} or more")),
        None => verdict.and(request),
    }
    if conversation.transport == TransportName::Tcp {
        handshake(conversation, &mut verdict);
    }
    let missing = conversation.there.missing() + conversation.back.missing();
    if missing > 0 {
        verdict.at_most(
            Shown::Partly,
            format!("{} were sent and are not in the capture (record whole packets: no snap length)", bytes(missing)),
        );
    }
    reply(conversation, &wanted.reply, missing > 0, &mut verdict);
    (verdict.shown, verdict.reasons)
}

fn handshake(conversation: &Conversation, verdict: &mut Verdict) {
    match conversation.handshake {
        [true, true, true] => verdict.and("the handshake is there: SYN, SYN-ACK, ACK".to_owned()),
        _ => verdict
            .at_most(Shown::Partly, "the handshake is not whole: start the capture before the programs".to_owned()),
    }
    let (there, back) = (&conversation.there, &conversation.back);
    match (there.fin, back.fin, there.reset || back.reset) {
        (true, true, false) => verdict.and("both sides end it with FIN".to_owned()),
        (_, _, true) => verdict.and("the connection was aborted (RST)".to_owned()),
        (true, false, _) => verdict.and("only the client's FIN is in the capture".to_owned()),
        (false, true, _) => verdict.and("only the server's FIN is in the capture".to_owned()),
        (false, false, _) => verdict.and("the end of the connection is not in the capture".to_owned()),
    }
}

fn reply(conversation: &Conversation, wanted: &Reply, holes: bool, verdict: &mut Verdict) {
    let (sent, back) = (conversation.there.length(), conversation.back.length());
    match wanted {
        Reply::Nothing if back == 0 => verdict.and("the server sent no data, as it should be".to_owned()),
        Reply::Nothing => {
            verdict.at_most(Shown::Partly, format!("the server sent {}: the sheet has it print only", bytes(back)));
        }
        _ if back == 0 && conversation.unreachable > 0 => {
            verdict.at_most(Shown::No, "the answer was ICMP: port unreachable; nobody was bound to it".to_owned());
        }
        _ if back == 0 => verdict.at_most(Shown::Partly, "no reply is in the capture".to_owned()),
        // What cannot be seen cannot be compared; that it is missing was said.
        _ if holes => verdict.and(format!("the server sent {}", bytes(back))),
        Reply::Uppercase => uppercase(conversation, sent, back, verdict),
        Reply::Contains(payload) => match payload.bytes(0) {
            Ok(payload) if contains(&conversation.back.bytes(), &payload, false) => {
                verdict.and(format!("the reply, {}, holds {}", bytes(back), quote(&payload)));
            }
            Ok(payload) => {
                verdict
                    .at_most(Shown::Partly, format!("the reply, {}, does not hold {}", bytes(back), quote(&payload)));
            }
            Err(error) => verdict.at_most(Shown::No, error.to_string()),
        },
    }
}

/// Capitals of what was sent: the whole stream, or a datagram for a datagram.
fn uppercase(conversation: &Conversation, sent: u64, back: u64, verdict: &mut Verdict) {
    let core = |bytes: &[u8]| bytes.trim_ascii_end().to_vec();
    let pairs: Vec<(Vec<u8>, Vec<u8>)> = match conversation.transport {
        TransportName::Tcp => vec![(core(&conversation.there.bytes()), core(&conversation.back.bytes()))],
        TransportName::Udp => {
            let replies = &conversation.back.datagrams;
            let asked = conversation.there.datagrams.iter();
            // A reply belongs to the last question before it that it can belong to.
            asked
                .flat_map(|(at, question)| {
                    let later = replies.iter().filter(move |(then, _)| then >= at);
                    later.map(|(_, reply)| (core(&question.bytes), core(&reply.bytes)))
                })
                .collect()
        }
    };
    let capitals =
        |(question, reply): &&(Vec<u8>, Vec<u8>)| !question.is_empty() && question.to_ascii_uppercase() == *reply;
    match pairs.iter().find(capitals) {
        Some((question, reply)) if question == reply => verdict.at_most(
            Shown::Partly,
            format!("the reply equals the request, {}: a sentence without small letters shows nothing", excerpt(reply)),
        ),
        Some((question, reply)) => {
            verdict.and(format!("{} came back as {}", excerpt(question), excerpt(reply)));
        }
        None if pairs.is_empty() => verdict.at_most(Shown::Partly, "no reply comes after the request".to_owned()),
        None => {
            let (question, reply) = &pairs[0];
            let why = match question.len() == reply.len() {
                true => "it has the same length and is not its capitals".to_owned(),
                false => format!("{} went there and {} came back", bytes(sent), bytes(back)),
            };
            verdict.at_most(
                Shown::Partly,
                format!("the reply, {}, is not the request, {}, in capitals: {why}", excerpt(reply), excerpt(question)),
            );
        }
    }
}

fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

/// The beginning of some bytes, quoted.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 40;
    match bytes.len() {
        0..=SHOWN => quote(bytes),
        more => format!("{} and {} more", quote(&bytes[..SHOWN]), more - SHOWN),
    }
}
