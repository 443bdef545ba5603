//! Receiving HTTP messages: reading until one is complete, or can become complete no more.

use std::time::Duration;

use super::super::actors::Peer;
use super::super::event::{Excerpt, What};
use super::super::http::{self, Judged, Stream, Wanted};
use super::super::patience::{GaveUp, Patience};
use super::super::{Director, Done, Failure, Halt};
use super::receive::Came;
use harness_language::scenario::bytes::Payload;
use harness_language::scenario::model::Receive;

const USUAL: Duration = Duration::from_secs(10);

impl Director {
    pub(super) async fn receive_http(&mut self, step: &Receive) -> Done {
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        for (index, (name, peer)) in self.actors.peers_named(&step.peer).into_iter().enumerate() {
            let bytes = |payload: &Payload| self.bytes(payload, index as u64);
            let wanted = match (&step.response, &step.request) {
                (Some(response), _) => Wanted::response(response, &bytes)?,
                (None, Some(request)) => Wanted::request(request, &bytes)?,
                (None, None) => {
                    return Err(Halt::Harness("a step without an HTTP message was played as one".to_owned()));
                }
            };
            self.receive_message(&name, &peer, &wanted, limit).await?;
        }
        Ok(())
    }

    /// Receives a message that is as wanted, and gives its body.
    pub(super) async fn receive_message(
        &self,
        name: &str,
        peer: &Peer,
        wanted: &Wanted<'_>,
        limit: Duration,
    ) -> Result<Vec<u8>, Halt> {
        let mut patience = Patience::new(&*self.stage, limit);
        let mut over: Option<GaveUp> = None;
        let mut least = 0;
        loop {
            let stream = {
                let peer = peer.borrow();
                match (peer.end_seen, peer.reset_seen, &over) {
                    (true, ..) => Stream::Ended,
                    (_, true, _) => Stream::Aborted,
                    (_, _, Some(_)) => Stream::Silent,
                    _ => Stream::Open,
                }
            };
            // Reading megabytes anew after every segment would take quadratic time.
            let judged = match peer.borrow().received.len() {
                count if count < least && stream == Stream::Open => Judged::More(least),
                _ => http::judge(wanted, &peer.borrow().received, stream),
            };
            match judged {
                Judged::Right { taken, body, findings } => {
                    for finding in findings {
                        self.note("harness", What::Finding(format!("the message to {name}: {finding}")));
                    }
                    // What is behind it may be the next message.
                    peer.borrow_mut().received.drain(..taken);
                    return Ok(body);
                }
                Judged::Wrong { came, why } => {
                    let difference = http::difference(wanted, &peer.borrow().received, stream);
                    difference.into_iter().for_each(|it| self.note("harness", What::Differed(it)));
                    return Err(self.wrong_message(name, peer, wanted, (came, why), over.as_ref()));
                }
                Judged::More(_) if stream.is_over() => {
                    return Err(Halt::Harness(format!("no verdict on what came to {name}")));
                }
                Judged::More(count) => least = count,
            }
            match self.read_some(peer, &mut patience, None, 0).await {
                Came::Bytes(bytes) => {
                    self.note(name, What::Received(Excerpt::of(&bytes)));
                    peer.borrow_mut().received.extend_from_slice(&bytes);
                    patience.renew(&*self.stage);
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
        }
    }

    fn wrong_message(
        &self,
        name: &str,
        peer: &Peer,
        wanted: &Wanted<'_>,
        (came, why): (String, String),
        over: Option<&GaveUp>,
    ) -> Halt {
        let peer = peer.borrow();
        let (who, how) = (peer.noun(name), peer.how_it_ended());
        let state = over.filter(|_| how.is_empty()).map(|over| self.explain(over)).unwrap_or_default();
        let reason = match peer.received.len() {
            0 => format!("{who} received nothing{how}"),
            _ => format!("what {who} received is not what was expected: {why}{how}"),
        };
        let failure = Failure { expected: wanted.describe(), actual: came, reason, state };
        Halt::of_received(failure, &peer.received)
    }
}
