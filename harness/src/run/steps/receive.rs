//! Receiving: reading until what is expected has come, or can come no more.

use std::collections::BTreeSet;
use std::time::Duration;

use harness_judging::shown::counted;
use harness_judging::{
    closely::{self, Compared},
    loosely, shown,
};
use tokio::io::AsyncReadExt;

use super::super::actors::Peer;
use super::super::event::{Excerpt, What};
use super::super::patience::{GaveUp, Patience};
use super::super::{Director, Done, Failure, Halt};
use harness_language::scenario::model::{ExpectClosed, ExpectSilence, ExpectTurnedAway, Receive};

const USUAL: Duration = Duration::from_secs(5);

/// Payloads beyond this are judged when they are complete, in bytes.
const LARGE: usize = 256 * 1024;

/// What a peer has so far, judged against what a step asks for.
enum Wanted<'s> {
    Bytes {
        expected: Vec<u8>,
        step: &'s Receive,
    },
    Contained {
        expected: Vec<u8>,
        step: &'s Receive,
    },
    Number(f64),
    OnlyNumber(f64),
    /// Words besides these.
    Complaint(BTreeSet<String>),
    /// Messages, form taken off, each to be there once.
    Each(Vec<Vec<u8>>),
    AtLeast(usize),
    Anything,
}

/// Whether the program has ended the connection, or never took it.
fn is_closed(peer: &Peer) -> bool {
    let peer = peer.borrow();
    peer.end_seen || peer.reset_seen || peer.connection.is_none()
}

/// What must not come.
enum Unwanted {
    Anything,
    Text(Vec<u8>, bool),
    Number(f64),
}

impl Unwanted {
    fn is_in(&self, received: &[u8]) -> bool {
        match self {
            Self::Anything => !loosely::loosen(received).is_empty(),
            Self::Text(text, ignoring_case) => loosely::contains(received, text, *ignoring_case),
            Self::Number(number) => loosely::says_number(received, *number, true),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Anything => "nothing".to_owned(),
            Self::Text(text, _) => format!("nothing with {} in it", shown::describe(text)),
            Self::Number(number) => format!("no answer that says {number}"),
        }
    }
}

/// For how long it is watched that something does not come, where the programs are not still before.
const AFTERWARDS: Duration = Duration::from_secs(2);

enum Progress {
    Enough(Option<&'static str>),
    More,
    Wrong,
}

/// More bytes than any scenario asks for in one step.
const FAR_TOO_MUCH: usize = 4 << 20;

impl Wanted<'_> {
    /// Fewer bytes than this cannot be enough.
    fn least(&self) -> usize {
        match self {
            Self::Bytes { expected, .. } | Self::Contained { expected, .. } => expected.len().saturating_sub(1),
            Self::AtLeast(count) => *count,
            Self::Each(messages) => messages.iter().map(Vec::len).sum(),
            Self::Number(_) | Self::OnlyNumber(_) | Self::Complaint(_) | Self::Anything => 0,
        }
    }

    fn progress(&self, received: &[u8], count: usize, over: bool) -> Progress {
        match self {
            Self::Bytes { expected, step } if step.exactly.is_some() => match (received == expected, over) {
                (true, _) => Progress::Enough(None),
                (false, false) if expected.starts_with(received) => Progress::More,
                _ => Progress::Wrong,
            },
            Self::Bytes { expected, step } => match closely::compare(received, expected, step.ignoring_case) {
                // The last line end may be on its way.
                Compared::Equal(Some(_)) if !over && received.len() < expected.len() => Progress::More,
                Compared::Equal(finding) => Progress::Enough(finding),
                Compared::Beginning if !over => Progress::More,
                Compared::Beginning | Compared::Different => Progress::Wrong,
            },
            Self::Contained { expected, step } => {
                let found = match step.loosely {
                    true => loosely::contains(received, expected, step.ignoring_case),
                    false => closely::contains(received, expected, step.ignoring_case),
                };
                // That it does not come again is sure only when nothing more comes.
                if found && step.once {
                    return match (over, loosely::count(received, expected, step.ignoring_case)) {
                        (false, _) => Progress::More,
                        (true, 1) => Progress::Enough(None),
                        (true, _) => Progress::Wrong,
                    };
                }
                if found {
                    Progress::Enough(None)
                } else if over {
                    Progress::Wrong
                } else {
                    Progress::More
                }
            }
            Self::Number(number) if loosely::says_number(received, *number, over) => Progress::Enough(None),
            // A second line may follow.
            Self::OnlyNumber(number) if over && loosely::is_only_number(received, *number) => Progress::Enough(None),
            // Only when all is said can it be told that something is said in words.
            Self::Complaint(usual) if over && loosely::words(received).any(|word| !usual.contains(&word)) => {
                Progress::Enough(None)
            }
            Self::Each(messages) => match (each_once(received, messages), over) {
                (Ok(()), _) => Progress::Enough(None),
                (Err(Uneven::Missing(_)), false) => Progress::More,
                (Err(_), _) => Progress::Wrong,
            },
            Self::Number(_) | Self::OnlyNumber(_) | Self::Complaint(_) if over => Progress::Wrong,
            Self::Number(_) | Self::OnlyNumber(_) | Self::Complaint(_) => Progress::More,
            Self::AtLeast(least) if count >= *least => Progress::Enough(None),
            Self::AtLeast(_) if over => Progress::Wrong,
            Self::AtLeast(_) => Progress::More,
            Self::Anything if over || !received.is_empty() => Progress::Enough(None),
            Self::Anything => Progress::More,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Bytes { expected, .. } => shown::describe(expected),
            Self::Contained { expected, step } => {
                let once = if step.once { ", once" } else { "" };
                format!("bytes with {} in them{once}", shown::describe(expected))
            }
            Self::Number(number) => format!("an answer that says {number}"),
            Self::OnlyNumber(number) => format!("one line that is {number} and nothing else"),
            Self::Complaint(_) => "an answer that says in words that something is wrong".to_owned(),
            Self::Each(messages) => format!("{}, each once", counted(messages.len(), "message")),
            Self::AtLeast(count) => format!("at least {}", counted(*count, "byte")),
            Self::Anything => "any bytes".to_owned(),
        }
    }

    /// What can be laid beside all that came. Something may stand before what was only to be
    /// contained, so that it must begin alike.
    fn whole(&self, received: &[u8]) -> Option<&[u8]> {
        match self {
            Self::Bytes { expected, .. } => Some(expected),
            Self::Contained { expected, .. } => {
                Some(expected.as_slice()).filter(|expected| closely::begins_alike(expected, received))
            }
            _ => None,
        }
    }

    fn difference(&self, received: &[u8]) -> String {
        match self {
            Self::Bytes { expected, .. } => shown::first_difference(received, expected),
            Self::Each(messages) => match each_once(received, messages) {
                Ok(()) => String::new(),
                Err(Uneven::Missing(text)) => format!("{} is not there", shown::quote(&text)),
                Err(Uneven::Repeated(text, times)) => format!("{} is there {times} times", shown::quote(&text)),
            },
            Self::Complaint(usual) if loosely::is_error_line(received) => {
                let usual: Vec<String> = usual.iter().map(|word| shown::quote(word.as_bytes())).collect();
                format!("no word but those of a right answer: {}", usual.join(", "))
            }
            _ => String::new(),
        }
    }
}

/// What keeps messages from being there once each.
enum Uneven {
    Missing(Vec<u8>),
    Repeated(Vec<u8>, usize),
}

fn each_once(received: &[u8], messages: &[Vec<u8>]) -> Result<(), Uneven> {
    let hay = loosely::loosen(received);
    for message in messages {
        match memchr::memmem::find_iter(&hay, message).count() {
            0 => return Err(Uneven::Missing(message.clone())),
            1 => {}
            times => return Err(Uneven::Repeated(message.clone(), times)),
        }
    }
    Ok(())
}

pub(super) enum Came {
    Bytes(Vec<u8>),
    End,
    Reset,
    Nothing(GaveUp),
}

impl Director {
    pub(super) async fn receive(&mut self, step: &Receive) -> Done {
        if step.response.is_some() || step.request.is_some() {
            return self.receive_http(step).await;
        }
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        for (index, (name, peer)) in self.actors.peers_named(&step.peer).into_iter().enumerate() {
            let payload = |payload: &Option<harness_language::scenario::bytes::Payload>| {
                payload.as_ref().map(|it| self.bytes(it, index as u64)).transpose()
            };
            let sent_by =
                step.sent_by.as_ref().and_then(|other| self.actors.peers.get(other)).map(|it| it.borrow().sent.clone());
            if let Some(wanted) = self.wanted_loosely(&name, step) {
                self.receive_by(&name, &peer, step, &wanted, limit).await?;
                continue;
            }
            let whole = payload(&step.equals)?.or(payload(&step.exactly)?).or(sent_by);
            let wanted = match (whole, payload(&step.contains)?) {
                (Some(expected), _) => Wanted::Bytes { expected, step },
                (None, Some(expected)) => Wanted::Contained { expected, step },
                (None, None) => match step.at_least.or(step.at_most) {
                    Some(count) => Wanted::AtLeast(count),
                    None => Wanted::Anything,
                },
            };
            self.receive_by(&name, &peer, step, &wanted, limit).await?;
        }
        Ok(())
    }

    /// What a step wants of what was said, not of its bytes.
    fn wanted_loosely(&self, name: &str, step: &Receive) -> Option<Wanted<'static>> {
        if let Some(number) = step.number {
            return Some(Wanted::Number(number));
        }
        if let Some(number) = step.only_number {
            return Some(Wanted::OnlyNumber(number));
        }
        if step.complaint {
            let beside = |answer| {
                let pieces = self.log.received_by(name);
                loosely::words_beside(pieces.iter().map(Vec::as_slice), answer)
            };
            return Some(Wanted::Complaint(step.unlike_answer.map(beside).unwrap_or_default()));
        }
        let names = step.heard_from.as_ref()?;
        let others = names.iter().flat_map(|other| self.actors.peers_named(other)).filter(|(other, _)| other != name);
        let messages = others.map(|(_, peer)| {
            let said = loosely::loosen(&peer.borrow().said_last);
            said.strip_suffix(b"\n").map(<[u8]>::to_vec).unwrap_or(said)
        });
        Some(Wanted::Each(messages.filter(|message| !message.is_empty()).collect()))
    }

    async fn receive_by(&self, name: &str, peer: &Peer, step: &Receive, wanted: &Wanted<'_>, limit: Duration) -> Done {
        let mut patience = Patience::new(&*self.stage, limit);
        let datagrams = peer.borrow().datagrams.is_some() && peer.borrow().connection.is_none();
        let mut over = None;
        let mut count = peer.borrow().received.len();
        let mut next_look = FAR_TOO_MUCH.max(2 * wanted.least());
        loop {
            let progress = {
                let peer = peer.borrow();
                let ended = (peer.end_seen || peer.reset_seen) || over.is_some();
                // Comparing megabytes anew after every segment would take quadratic time.
                let early = !ended && wanted.least() > LARGE && count < wanted.least();
                // Nor what is far more than is wanted: it is looked at each time that it has grown by a quarter.
                let late = !ended && count > FAR_TOO_MUCH.max(2 * wanted.least()) && count < next_look;
                if early || late {
                    Progress::More
                } else {
                    next_look = next_look.max(count + count / 4);
                    wanted.progress(&peer.received, count, ended)
                }
            };
            match progress {
                Progress::Enough(finding)
                    if !step.until_end || peer.borrow().end_seen || peer.borrow().reset_seen || over.is_some() =>
                {
                    if let Some(finding) = finding {
                        self.note("harness", What::Finding(format!("the reply: {finding}")));
                    }
                    return self.received(name, peer, step).await;
                }
                Progress::Wrong if step.or_closed && is_closed(peer) => return self.received(name, peer, step).await,
                Progress::Wrong => return Err(self.not_received(name, peer, wanted, over.as_ref())),
                Progress::Enough(_) | Progress::More => {}
            }
            if let Some(why) = &over {
                return Err(self.not_received(name, peer, wanted, Some(why)));
            }
            match self.read_some(peer, &mut patience, step.at_most, count).await {
                Came::Bytes(bytes) => {
                    self.note(name, What::Received(Excerpt::of(&bytes)));
                    let mut peer = peer.borrow_mut();
                    if datagrams {
                        peer.received.clear();
                    }
                    count += bytes.len();
                    // What is only counted need not be kept.
                    if !matches!(wanted, Wanted::AtLeast(_)) || peer.received.len() < LARGE {
                        peer.received.extend_from_slice(&bytes);
                    }
                    drop(peer);
                    patience.renew(&*self.stage);
                    if datagrams {
                        over = Some(GaveUp::Still);
                    }
                }
                Came::End => {
                    self.note(name, What::EndReceived);
                    peer.borrow_mut().end_seen = true;
                }
                Came::Reset => {
                    self.note(name, What::ResetReceived);
                    peer.borrow_mut().reset_seen = true;
                }
                Came::Nothing(why) => over = Some(why),
            }
            let peer = peer.borrow();
            if (peer.end_seen || peer.reset_seen) && over.is_none() && peer.connection.is_none() {
                over = Some(GaveUp::Still);
            }
        }
    }

    /// What was wanted has come; of what is not wanted nothing may.
    async fn received(&self, name: &str, peer: &Peer, step: &Receive) -> Done {
        if let Some(lacks) = &step.lacks {
            let unwanted = self.bytes(lacks, 0)?;
            self.nothing_of(name, peer, Unwanted::Text(unwanted, step.ignoring_case), AFTERWARDS).await?;
        }
        peer.borrow_mut().received.clear();
        Ok(())
    }

    fn not_received(&self, name: &str, peer: &Peer, wanted: &Wanted<'_>, why: Option<&GaveUp>) -> Halt {
        let peer = peer.borrow();
        let (who, how) = (peer.noun(name), peer.how_it_ended());
        let waited = why.filter(|_| how.is_empty() && (peer.datagrams.is_none() || peer.received.is_empty()));
        if let Some(expected) = wanted.whole(&peer.received) {
            self.differed(expected, &peer.received);
        }
        let difference = wanted.difference(&peer.received);
        let difference = if difference.is_empty() { String::new() } else { format!(" ({difference})") };
        let failure = Failure {
            expected: wanted.describe(),
            actual: shown::describe(&peer.received),
            reason: match peer.received.len() {
                0 => format!("{who} received nothing{how}"),
                count => {
                    format!("{who} received {}, and not what was expected{difference}{how}", counted(count, "byte"))
                }
            },
            state: waited.map(|why| self.explain(why)).unwrap_or_default(),
        };
        Halt::of_received(failure, &peer.received)
    }

    /// Reads what comes next.
    pub(super) async fn read_some(
        &self,
        peer: &Peer,
        patience: &mut Patience,
        at_most: Option<usize>,
        had: usize,
    ) -> Came {
        let socket = peer.borrow().datagrams.clone();
        if let Some(socket) = socket {
            loop {
                tokio::select! {
                    biased;
                    came = socket.receive() => {
                        let Ok((bytes, from)) = came else { continue };
                        self.ports.own(from.port(), "its own port");
                        peer.borrow_mut().correspondent = Some(from);
                        return Came::Bytes(bytes);
                    }
                    over = patience.moment(&*self.stage) => if let Err(why) = over { return Came::Nothing(why) },
                }
            }
        }
        let Some(mut connection) = peer.borrow_mut().connection.take() else {
            return Came::Nothing(GaveUp::Still);
        };
        let room = at_most.map_or(64 * 1024, |most| most.saturating_sub(had).clamp(1, 64 * 1024));
        let mut buffer = vec![0; room];
        let came = loop {
            tokio::select! {
                biased;
                came = connection.read(&mut buffer) => break match came {
                    Ok(0) => Came::End,
                    Ok(count) => {
                        buffer.truncate(count);
                        Came::Bytes(buffer)
                    }
                    Err(_) => Came::Reset,
                },
                over = patience.moment(&*self.stage) => if let Err(why) = over { break Came::Nothing(why) },
            }
        };
        peer.borrow_mut().connection = Some(connection);
        came
    }

    pub(super) async fn expect_silence(&mut self, step: &ExpectSilence) -> Done {
        let limit = step.within.map_or(AFTERWARDS, |limit| limit.0);
        for (index, (name, peer)) in self.actors.peers_named(&step.peer).into_iter().enumerate() {
            let unwanted = match (&step.lacks, step.number) {
                (Some(payload), _) => Unwanted::Text(self.bytes(payload, index as u64)?, step.ignoring_case),
                (None, Some(number)) => Unwanted::Number(number),
                (None, None) => Unwanted::Anything,
            };
            self.nothing_of(&name, &peer, unwanted, limit).await?;
            peer.borrow_mut().received.clear();
        }
        Ok(())
    }

    /// Reads until the programs are still; what is not wanted must not have come by then.
    async fn nothing_of(&self, name: &str, peer: &Peer, unwanted: Unwanted, limit: Duration) -> Done {
        let mut patience = Patience::new(&*self.stage, limit);
        loop {
            let came = unwanted.is_in(&peer.borrow().received);
            if came {
                let came = shown::describe(&peer.borrow().received);
                let unasked = peer.borrow().sent.is_empty() && matches!(unwanted, Unwanted::Anything);
                let (when, which) = match unasked {
                    true => (" before it has sent anything", "before it had sent anything"),
                    false => ("", "which it must not get"),
                };
                let failure = Failure {
                    expected: format!("{name} gets {}{when}", unwanted.describe()),
                    reason: format!(
                        "{} received {}, {which}",
                        peer.borrow().noun(name),
                        counted(peer.borrow().received.len(), "byte")
                    ),
                    actual: came,
                    ..Failure::default()
                };
                return Err(Halt::of_received(failure, &peer.borrow().received));
            }
            if !self.take_in(name, peer, &mut patience).await {
                return Ok(());
            }
        }
    }

    /// Takes in what comes next; false when nothing will.
    async fn take_in(&self, name: &str, peer: &Peer, patience: &mut Patience) -> bool {
        if peer.borrow().end_seen || peer.borrow().reset_seen {
            return false;
        }
        match self.read_some(peer, patience, None, 0).await {
            Came::Bytes(bytes) => {
                self.note(name, What::Received(Excerpt::of(&bytes)));
                peer.borrow_mut().received.extend_from_slice(&bytes);
                true
            }
            Came::End => {
                self.note(name, What::EndReceived);
                peer.borrow_mut().end_seen = true;
                false
            }
            Came::Reset => {
                self.note(name, What::ResetReceived);
                peer.borrow_mut().reset_seen = true;
                false
            }
            Came::Nothing(_) => false,
        }
    }

    pub(super) async fn expect_turned_away(&mut self, step: &ExpectTurnedAway) -> Done {
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        for (name, peer) in self.actors.peers_named(&step.peer) {
            let mut patience = Patience::new(&*self.stage, limit);
            while peer.borrow().connection.is_some() && self.take_in(&name, &peer, &mut patience).await {}
            let peer = peer.borrow();
            if peer.connection.is_none() || peer.end_seen || peer.reset_seen {
                continue;
            }
            let told = step.unlike.as_ref().map(|other| (other, self.log.received_by(other).concat()));
            let welcome = told.filter(|(_, told)| !loosely::tells_more(&peer.received, told));
            let who = peer.noun(&name);
            let reason = match welcome {
                _ if !loosely::is_error_line(&peer.received) => {
                    format!("{who} is neither served nor turned away: it waits without a word")
                }
                Some((other, _)) => format!("{who} was told what \"{other}\" was told, and is not turned away"),
                None => continue,
            };
            return Err(Failure {
                expected: format!("{name} is refused, or its connection is closed, or it is told why it has to wait"),
                actual: format!("the connection stays open and {name} received {}", shown::describe(&peer.received)),
                reason,
                ..Failure::default()
            }
            .into());
        }
        Ok(())
    }

    pub(super) async fn expect_closed(&mut self, step: &ExpectClosed) -> Done {
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        for (name, peer) in self.actors.peers_named(&step.peer) {
            let mut patience = Patience::new(&*self.stage, limit);
            while !(peer.borrow().end_seen || peer.borrow().reset_seen) {
                match self.read_some(&peer, &mut patience, None, 0).await {
                    Came::Bytes(bytes) => {
                        self.note(&name, What::Received(Excerpt::of(&bytes)));
                        peer.borrow_mut().received.extend_from_slice(&bytes);
                        patience.renew(&*self.stage);
                    }
                    Came::End => {
                        self.note(&name, What::EndReceived);
                        peer.borrow_mut().end_seen = true;
                    }
                    Came::Reset => {
                        self.note(&name, What::ResetReceived);
                        peer.borrow_mut().reset_seen = true;
                    }
                    Came::Nothing(why) => {
                        return Err(Failure {
                            expected: format!("the program closes its connection with {name}"),
                            actual: "the connection stays open".to_owned(),
                            reason: format!("the connection with {} stays open", peer.borrow().noun(&name)),
                            state: self.explain(&why),
                        }
                        .into());
                    }
                }
            }
        }
        Ok(())
    }
}
