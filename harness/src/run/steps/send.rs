//! What peers do with their connections: send in segments, end in various ways, pause.

use std::time::Duration;

use harness_judging::loosely;
use harness_judging::shown::counted;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::actors::Peer;
use super::super::event::{Excerpt, What};
use super::super::patience::{GaveUp, Patience};
use super::super::stage::Connection;
use super::super::{Director, Done, Failure, Halt};
use super::peers::is_the_machines;
use super::receive::Came;
use crate::submission::Framing;
use harness_language::scenario::bytes::Cut;
use harness_language::scenario::model::{AwaitRead, MessageEnd, PeerRef, Send, Stall};

const USUAL: Duration = Duration::from_secs(5);

/// Reads from a connection; from none, nothing ever comes.
async fn read_if_any(from: &mut Option<Box<dyn Connection>>, buffer: &mut [u8]) -> std::io::Result<usize> {
    match from {
        Some(connection) => connection.read(buffer).await,
        None => std::future::pending().await,
    }
}

impl Director {
    pub(super) async fn send(&mut self, step: &Send) -> Done {
        let cut = match (&step.segments, step.every, &step.random) {
            (Some(sizes), _, _) => Cut::List(sizes.clone()),
            (_, Some(size), _) => Cut::Every(size),
            (_, _, Some(random)) => Cut::Random { max: random.max, seed: self.seed },
            _ => Cut::Whole,
        };
        let framing = match step.end {
            MessageEnd::AsIs => Framing::Bare,
            MessageEnd::AsLearned => self.cast.framing(&self.scenario.role),
        };
        let peers = self.actors.peers_named(&step.peer);
        let together = peers.len() > 1;
        let mut outgoing = Vec::new();
        for (index, (name, peer)) in peers.into_iter().enumerate() {
            if let Some(answer) = &step.unless_received
                && self.has_come(&name, &peer, &self.bytes(answer, index as u64)?).await
            {
                continue;
            }
            let mut bytes = self.bytes(&step.data, index as u64)?;
            if framing == Framing::Line && !bytes.ends_with(b"\n") {
                bytes.push(b'\n');
            }
            let lengths = cut.lengths(bytes.len());
            outgoing.push((name, peer, bytes, lengths));
        }
        let rounds = outgoing.iter().map(|(_, _, _, lengths)| lengths.len()).max().unwrap_or(0);
        let mut offsets = vec![0; outgoing.len()];
        for round in 0..rounds {
            for (at, (name, peer, bytes, lengths)) in outgoing.iter().enumerate() {
                let Some(length) = lengths.get(round) else { continue };
                let segment = &bytes[offsets[at]..offsets[at] + length];
                offsets[at] += length;
                self.send_segment(name, peer, segment, step).await?;
                if step.when_read && round + 1 < lengths.len() && !self.was_read(peer, USUAL).await {
                    // It reads no more: what that means is for the next steps.
                    break;
                }
            }
            if together && rounds > 1 && round + 1 < rounds {
                // Interleaving is only shown if everybody has had the time to do it.
                self.quiet_down(Duration::from_millis(150)).await;
            }
        }
        for (name, peer, bytes, _) in &outgoing {
            self.note(name, What::Sent(Excerpt::of(bytes)));
            let mut peer = peer.borrow_mut();
            peer.sent.extend_from_slice(bytes);
            peer.said_last.clone_from(bytes);
        }
        if framing == Framing::End {
            for (name, peer, _, _) in &outgoing {
                self.end_direction(name, peer).await;
            }
        }
        Ok(())
    }

    /// Whether something is there already, or comes before the programs are still. What comes is kept for the next steps.
    async fn has_come(&self, name: &str, peer: &Peer, wanted: &[u8]) -> bool {
        let mut patience = Patience::for_stillness(&*self.stage, Duration::from_millis(300));
        loop {
            if loosely::contains(&peer.borrow().received, wanted, true) {
                return true;
            }
            match self.read_some(peer, &mut patience, None, 0).await {
                Came::Bytes(bytes) => {
                    self.note(name, What::Received(Excerpt::of(&bytes)));
                    peer.borrow_mut().received.extend(bytes);
                }
                Came::End => {
                    self.note(name, What::EndReceived);
                    peer.borrow_mut().end_seen = true;
                    return false;
                }
                Came::Reset => {
                    self.note(name, What::ResetReceived);
                    peer.borrow_mut().reset_seen = true;
                    return false;
                }
                Came::Nothing(_) => return false,
            }
        }
    }

    async fn send_segment(&self, name: &str, peer: &Peer, segment: &[u8], step: &Send) -> Done {
        let socket = peer.borrow().datagrams.clone();
        if let Some(socket) = socket {
            let Some(to) = peer.borrow().correspondent else {
                return Err(Halt::Harness(format!("{name} has nobody to send to")));
            };
            return match socket.send_to(segment, to).await {
                Err(error) if is_the_machines(&error) => Err(Halt::Harness(format!("cannot send a datagram: {error}"))),
                // A refusal (ICMP) of an earlier datagram shows here; the next steps judge silence.
                _ => Ok(()),
            };
        }
        let Some(mut connection) = peer.borrow_mut().connection.take() else {
            return Ok(());
        };
        let limit = step.within.map_or(Duration::from_secs(20), |limit| limit.0);
        let mut patience = Patience::new(&*self.stage, limit);
        let mut left = segment;
        let mut outcome = Ok(());
        let reader = step.taken_in_by.as_ref().and_then(|reader| self.actors.peers.get(reader).cloned());
        let mut taking_in = reader.as_ref().and_then(|reader| reader.borrow_mut().connection.take());
        let mut buffer = vec![0; if taking_in.is_some() { 64 * 1024 } else { 0 }];
        let mut over_there = false;
        while !left.is_empty() {
            let written = tokio::select! {
                biased;
                written = connection.write(left) => written,
                came = read_if_any(&mut taking_in, &mut buffer), if !over_there => {
                    patience.renew(&*self.stage);
                    if let Some(reader) = &reader {
                        over_there = self.keep(step, reader, came.map(|count| &buffer[..count]));
                    }
                    continue;
                }
                over = patience.moment(&*self.stage) => match over {
                    Ok(()) => continue,
                    Err(_) if step.in_background => break,
                    Err(why) => {
                        outcome = Err(Failure {
                            expected: format!("the program reads what {name} sends"),
                            actual: format!("it stopped reading with {} left to send", counted(left.len(), "byte")),
                            reason: format!("{} could not send all it had", peer.borrow().noun(name)),
                            state: self.explain(&why),
                        }
                        .into());
                        break;
                    }
                },
            };
            match written {
                Ok(count) => {
                    left = &left[count..];
                    patience.renew(&*self.stage);
                }
                Err(error) if is_the_machines(&error) => {
                    outcome = Err(Halt::Harness(format!("cannot send: {error}")));
                    break;
                }
                // What came before the reset can still be read: whoever reads it sees the reset, too.
                Err(_) => {
                    self.note(name, What::ResetReceived);
                    peer.borrow_mut().cut_off = true;
                    break;
                }
            }
        }
        let _ = connection.flush().await;
        peer.borrow_mut().connection = Some(connection);
        if let Some(reader) = reader {
            reader.borrow_mut().connection = taking_in;
        }
        outcome
    }

    /// Keeps for later steps what has come to the peer that reads while another sends; whether nothing more will come.
    fn keep(&self, step: &Send, reader: &Peer, came: std::io::Result<&[u8]>) -> bool {
        let name = step.taken_in_by.as_deref().unwrap_or_default();
        let (what, over) = match came {
            Ok([]) => {
                reader.borrow_mut().end_seen = true;
                (What::EndReceived, true)
            }
            Ok(bytes) => {
                reader.borrow_mut().received.extend_from_slice(bytes);
                (What::Received(Excerpt::of(bytes)), false)
            }
            Err(_) => {
                reader.borrow_mut().reset_seen = true;
                (What::ResetReceived, true)
            }
        };
        self.note(name, what);
        over
    }

    /// Waits until the program has read all that the peer has sent.
    async fn was_read(&self, peer: &Peer, limit: Duration) -> bool {
        let unread = |peer: &Peer| peer.borrow().connection.as_ref().and_then(|connection| connection.unread());
        if unread(peer).is_none() {
            self.stage.tick().await;
            return true;
        }
        let patience = Patience::new(&*self.stage, limit);
        self.until(patience, || (unread(peer).unwrap_or(0) == 0).then_some(())).await.is_ok()
    }

    pub(super) async fn await_read(&mut self, step: &AwaitRead) -> Done {
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        for (name, peer) in self.actors.peers_named(&step.peer) {
            // A connection that was closed has nothing unread either: what the kernel threw away was not read.
            if peer.borrow().cut_off {
                return Err(Failure {
                    expected: format!("everything that {name} sent is read"),
                    actual: "the connection was closed while part of it was unread".to_owned(),
                    reason: format!("the program closed the connection before it had read all that {name} sent"),
                    ..Failure::default()
                }
                .into());
            }
            if !self.was_read(&peer, limit).await {
                return Err(Failure {
                    expected: format!("everything that {name} sent is read"),
                    actual: "part of it was not read".to_owned(),
                    reason: format!("the program does not read what {name} sent"),
                    state: self.explain(&GaveUp::Bound(limit)),
                }
                .into());
            }
        }
        Ok(())
    }

    pub(super) async fn half_close(&mut self, step: &PeerRef) -> Done {
        for (name, peer) in self.actors.peers_named(&step.peer) {
            self.end_direction(&name, &peer).await;
        }
        Ok(())
    }

    async fn end_direction(&self, name: &str, peer: &Peer) {
        let Some(mut connection) = peer.borrow_mut().connection.take() else { return };
        let _ = connection.shutdown().await;
        self.note(name, What::EndSent);
        peer.borrow_mut().connection = Some(connection);
    }

    pub(super) async fn close(&mut self, step: &PeerRef) -> Done {
        for (name, peer) in self.actors.peers_named(&step.peer) {
            let connection = peer.borrow_mut().connection.take();
            if let Some(mut connection) = connection {
                // Bytes that nobody has read would turn the close into a reset: take them first.
                self.drain_ready(&peer, &mut *connection).await;
                let _ = connection.shutdown().await;
            }
            self.note(&name, What::Closed);
        }
        Ok(())
    }

    async fn drain_ready(&self, peer: &Peer, connection: &mut dyn super::super::stage::Connection) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let came = tokio::select! {
                biased;
                came = tokio::io::AsyncReadExt::read(connection, &mut buffer) => came,
                () = std::future::ready(()) => return,
            };
            match came {
                Ok(count) if count > 0 => peer.borrow_mut().received.extend_from_slice(&buffer[..count]),
                _ => return,
            }
        }
    }

    pub(super) fn reset(&mut self, step: &PeerRef) -> Done {
        for (name, peer) in self.actors.peers_named(&step.peer) {
            if let Some(connection) = peer.borrow_mut().connection.take() {
                connection.reset();
            }
            self.note(&name, What::ResetSent);
        }
        Ok(())
    }

    pub(super) fn stop_listening(&mut self, step: &PeerRef) -> Done {
        let peer = self.actors.peer(&step.peer);
        peer.borrow_mut().listener = None;
        if peer.borrow().connection.is_none() {
            peer.borrow_mut().datagrams = None;
        }
        self.note(&step.peer, What::Closed);
        if self.actors.listening.as_ref() == Some(&step.peer) {
            self.actors.listening = None;
        }
        Ok(())
    }

    pub(super) async fn stall(&mut self, step: &Stall) -> Done {
        let real = self.stage.backend() == harness_language::scenario::model::BackendName::Wire;
        let duration = match (real, step.on_wire) {
            (true, Some(limit)) => limit.0,
            _ => step.duration.0,
        };
        self.note(&step.peer, What::Stalled(duration));
        self.stage.pass(duration).await;
        Ok(())
    }
}
