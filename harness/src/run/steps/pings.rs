//! Echo over datagrams: answering pings by a plan, pinging a server, and what is printed of it.

use std::time::Duration;

use harness_judging::closely;
use harness_judging::round_trips::{self, Summary};
use harness_judging::shown::{self, counted};

use super::super::actors::{Peer, Pinged};
use super::super::event::{Excerpt, What};
use super::super::patience::{GaveUp, Patience};
use super::super::{Director, Done, Failure, Halt};
use harness_language::scenario::model::{AnswerPings, ExpectPace, ExpectRoundTrips, ExpectStatistics, Ping};

/// How long a pinger waits for an answer (lab sheet 003, "UDP Pinger").
const WAITS: Duration = Duration::from_secs(1);

/// Pings that leave within this time of each other were not waited for.
const TOGETHER: Duration = Duration::from_millis(5);

/// A reply that is to leave.
struct Pending {
    due: Duration,
    bytes: Vec<u8>,
    to: std::net::SocketAddr,
}

impl Director {
    fn socket_of(&self, name: &str) -> Result<(Peer, std::rc::Rc<dyn super::super::stage::Datagrams>), Halt> {
        let peer = self.actors.peers.get(name).cloned();
        let socket = peer.as_ref().and_then(|peer| peer.borrow().datagrams.clone());
        match (peer, socket) {
            (Some(peer), Some(socket)) => Ok((peer, socket)),
            _ => Err(Halt::Harness(format!("{name} has no UDP socket"))),
        }
    }

    pub(super) async fn answer_pings(&mut self, step: &AnswerPings) -> Done {
        let (peer, socket) = self.socket_of(&step.peer)?;
        let limit = step.within.map_or(Duration::from_secs(5), |limit| limit.0);
        let mut plan = step.replies.iter();
        let mut pending: Vec<Pending> = Vec::new();
        let mut patience = Patience::to_the_end(&*self.stage, limit);
        let mut came = 0;
        while came < step.replies.len() || !pending.is_empty() {
            let ended = self.actors.programs.values().all(|actor| actor.program.ended().is_some());
            if patience.nothing_more(&*self.stage, ended) && pending.is_empty() {
                break;
            }
            let now = self.stage.now();
            let next = pending.iter().map(|reply| reply.due).min();
            tokio::select! {
                biased;
                got = socket.receive() => {
                    let Ok((bytes, from)) = got else { continue };
                    self.note(&step.peer, What::Received(Excerpt::of(&bytes)));
                    let reply = plan.next();
                    came += 1;
                    let now = self.stage.now();
                    let after = reply.and_then(|reply| reply.after).map(|limit| limit.0);
                    peer.borrow_mut().pings.push(Pinged { at: now, answered: after });
                    if let (Some(after), Some(reply)) = (after, reply) {
                        let one = || Pending { due: now + after, bytes: bytes.clone(), to: from };
                        pending.extend((0..reply.copies).map(|_| one()));
                    }
                    patience = Patience::to_the_end(&*self.stage, limit);
                }
                () = self.stage.pass(next.map_or(limit, |due| due.saturating_sub(now))), if next.is_some() => {}
                over = patience.moment(&*self.stage), if next.is_none() => {
                    if let Err(why) = over {
                        return Err(self.no_ping(step, came, &why));
                    }
                }
            }
            let now = self.stage.now();
            // In the order in which they are due; pings keep theirs among equals.
            pending.sort_by_key(|reply| reply.due);
            while pending.first().is_some_and(|reply| reply.due <= now) {
                let reply = pending.remove(0);
                // A program that has ended refuses; the next steps judge what it made of the rest.
                let _ = socket.send_to(&reply.bytes, reply.to).await;
                self.note(&step.peer, What::Sent(Excerpt::of(&reply.bytes)));
            }
        }
        if came < step.replies.len() {
            return Err(self.no_ping(step, came, &GaveUp::Still));
        }
        Ok(())
    }

    fn no_ping(&self, step: &AnswerPings, came: usize, why: &GaveUp) -> Halt {
        // Those of the steps before count.
        let all = self.actors.peers.get(&step.peer).map_or(came, |peer| peer.borrow().pings.len());
        let wanted = all + step.replies.len() - came;
        Failure {
            expected: counted(wanted, "ping"),
            actual: counted(all, "ping"),
            reason: match all {
                0 => format!("no ping came to {}", step.peer),
                _ => format!("{} came to {}, and then no more", counted(all, "ping"), step.peer),
            },
            state: self.explain(why),
        }
        .into()
    }

    pub(super) async fn ping(&mut self, step: &Ping) -> Done {
        let limit = step.within.map_or(WAITS, |limit| limit.0);
        let peers = self.actors.peers_named(&step.peer);
        let mut answered = vec![0; peers.len()];
        for number in 1..=step.times {
            let payload = |name: &str| format!("Ping {number} {name}").into_bytes();
            // Everybody asks before anybody is answered: a server that mixes them up shows it.
            for (name, _) in &peers {
                let (peer, socket) = self.socket_of(name)?;
                let Some(to) = peer.borrow().correspondent else { continue };
                let bytes = payload(name);
                let _ = socket.send_to(&bytes, to).await;
                self.note(name, What::Sent(Excerpt::of(&bytes)));
            }
            for (index, (name, _)) in peers.iter().enumerate() {
                let (_, socket) = self.socket_of(name)?;
                let mut patience = Patience::new(&*self.stage, limit);
                let came = loop {
                    tokio::select! {
                        biased;
                        got = socket.receive() => if let Ok((bytes, _)) = got { break Some(bytes) },
                        over = patience.moment(&*self.stage) => if over.is_err() { break None },
                    }
                };
                let Some(bytes) = came else { continue };
                self.note(name, What::Received(Excerpt::of(&bytes)));
                let stranger = peers.iter().find(|(other, _)| {
                    other != name
                        && closely::contains(&bytes, other.as_bytes(), true)
                        && !closely::contains(&bytes, name.as_bytes(), true)
                });
                if let Some((other, _)) = stranger {
                    return Err(Failure {
                        expected: format!("the pong of {name}'s ping"),
                        actual: shown::describe(&bytes),
                        reason: format!("the client \"{name}\" received the pong of {other}'s ping"),
                        ..Failure::default()
                    }
                    .into());
                }
                answered[index] += 1;
            }
        }
        for ((name, _), count) in peers.iter().zip(&answered) {
            if *count == 0 {
                return Err(Failure {
                    expected: format!("a pong for at least one of {name}'s {} pings", step.times),
                    actual: "none came".to_owned(),
                    reason: format!("the client \"{name}\" pinged {} times and received nothing", step.times),
                    ..Failure::default()
                }
                .into());
            }
        }
        let (sent, got) = (step.times as usize * peers.len(), answered.iter().sum::<usize>());
        if got < sent {
            self.note(
                "harness",
                What::Finding("the server leaves some pings unanswered, as the textbook's does on purpose".to_owned()),
            );
        }
        Ok(())
    }

    /// Round-trip times as the program should have seen them: nothing for a ping that was not
    /// answered within a second.
    fn trips(&self, peer: &str) -> Vec<Option<Duration>> {
        let path = self.scenario.network.latency.map_or(Duration::ZERO, |limit| limit.0) * 2;
        let Some(peer) = self.actors.peers.get(peer) else { return Vec::new() };
        let pings = peer.borrow();
        pings.pings.iter().map(|ping| ping.answered.map(|after| after + path).filter(|trip| *trip < WAITS)).collect()
    }

    fn trips_as_they_came(&self, peer: &str, trips: &[Option<Duration>]) -> Vec<Option<Duration>> {
        let Some(peer) = self.actors.peers.get(peer) else { return Vec::new() };
        let came = |ping: &Pinged| ping.answered.map(|after| ping.at + after);
        let mut order: Vec<(Option<Duration>, Option<Duration>)> =
            peer.borrow().pings.iter().map(came).zip(trips.iter().copied()).collect();
        order.sort_by_key(|(came, _)| *came);
        order.into_iter().map(|(_, trip)| trip).collect()
    }

    /// What a program has printed once it has ended or waits.
    async fn all_printed(&self, program: &str) -> Vec<u8> {
        let Some((_, actor)) = self.actors.programs_named(program).into_iter().next() else { return Vec::new() };
        let patience = Patience::new(&*self.stage, Duration::from_secs(5));
        let _ = self.until(patience, || actor.program.ended().filter(|_| actor.program.stdout().borrow().ended)).await;
        let mut all = actor.program.stdout().borrow().bytes.clone();
        all.extend_from_slice(&actor.program.stderr().borrow().bytes);
        all
    }

    pub(super) async fn expect_round_trips(&mut self, step: &ExpectRoundTrips) -> Done {
        let trips = self.trips(&step.peer);
        let printed = self.all_printed(&step.program).await;
        // Who sends a ping before the last one was answered may print answers as they come.
        let as_they_came = self.trips_as_they_came(&step.peer, &trips);
        match round_trips::judge(&printed, &trips) {
            Err(_) if round_trips::judge(&printed, &as_they_came).is_ok() => Ok(()),
            judged => judged.map_err(Halt::from),
        }
    }

    pub(super) async fn expect_statistics(&mut self, step: &ExpectStatistics) -> Done {
        let trips = self.trips(&step.peer);
        let printed = self.all_printed(&step.program).await;
        Summary::of(&trips).judge(&printed).map_err(Halt::from)
    }

    pub(super) fn expect_pace(&mut self, step: &ExpectPace) -> Done {
        let Some(peer) = self.actors.peers.get(&step.peer) else { return Ok(()) };
        let pings = peer.borrow().pings.clone();
        // No sheet says that the pings leave one by one: who sends all of them first waits for each later.
        if pings.len() > 2 && pings.windows(2).all(|pair| pair[1].at.saturating_sub(pair[0].at) < TOGETHER) {
            return Err(Halt::not_applicable("the program sends its pings together, and waits for the answers later"));
        }
        for (number, pair) in pings.windows(2).enumerate() {
            let [lost, next] = pair else { continue };
            if lost.answered.is_some_and(|after| after < WAITS) {
                continue;
            }
            let pause = next.at.saturating_sub(lost.at);
            if pause < step.at_least.0 || pause > step.at_most.0 {
                let seconds = |duration: Duration| format!("{:.1} s", duration.as_secs_f64());
                let (least, most) = (seconds(step.at_least.0), seconds(step.at_most.0));
                let late = pings[..number].iter().position(|ping| {
                    let pong = ping.answered.map(|after| ping.at + after);
                    pong.is_some_and(|pong| pong > lost.at && pong <= next.at && next.at - pong < TOGETHER)
                });
                let when = late.map(|late| format!(", when the pong of ping {} came", late + 1)).unwrap_or_default();
                return Err(Failure {
                    expected: format!("the next ping {least} to {most} after one that is not answered"),
                    actual: format!("it came after {}", seconds(pause)),
                    reason: format!(
                        "ping {} was not answered, and the next came {} later{when}: the sheet asks for one second of waiting",
                        number + 1,
                        seconds(pause)
                    ),
                    ..Failure::default()
                }
                .into());
            }
        }
        Ok(())
    }
}
