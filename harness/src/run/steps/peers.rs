//! What peers do: connect, send in segments, close in various ways, pause.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::actors::Peer;
use super::super::event::{Excerpt, What};
use super::super::patience::{GaveUp, Patience};
use super::super::stage::{Connection, DatagramEnd};
use super::super::{Director, Done, Failure, Halt};
use crate::diagnose::counted;
use crate::run::judge;
use crate::scenario::bytes::Cut;
use crate::scenario::model::{
    Accept, AwaitRead, Connect, Family, Listen, MessageEnd, PeerRef, Send, Stall, TransportName,
};
use crate::submission::Framing;

const USUAL: Duration = Duration::from_secs(5);

/// For how long a port may be in use that a peer is to listen on.
const GIVEN_UP: Duration = Duration::from_secs(2);

/// For how long a client that a person starts is awaited.
const BY_HAND: Duration = Duration::from_secs(300);

/// Reads from a connection; from none, nothing ever comes.
async fn read_if_any(from: &mut Option<Box<dyn Connection>>, buffer: &mut [u8]) -> std::io::Result<usize> {
    match from {
        Some(connection) => connection.read(buffer).await,
        None => std::future::pending().await,
    }
}

impl Director {
    pub(super) async fn listen(&mut self, step: &Listen) -> Done {
        let transport = step.transport.unwrap_or_else(|| self.cast.transport(&self.scenario.role));
        // A client that goes to a port of its own is met there; a server's port may be taken on purpose.
        let judged = &self.scenario.role;
        let fixed = match &step.in_the_way_of {
            Some(role) => self.cast.fixed_port(role),
            None if self.cast.listens(judged) => None,
            None => self.cast.fixed_port(judged),
        };
        let mut taken = self.actors.peers.values().filter(|peer| peer.borrow().listener.is_some()).count() as u16;
        // The first port is the judged program's own, where it listens itself.
        if step.in_the_way_of.is_none() && self.cast.listens(judged) {
            taken += 1;
        }
        let port = fixed.unwrap_or_else(|| self.stage.port() + taken);
        let peer = self.actors.peer(&step.peer);
        let machine =
            |error: std::io::Error| Halt::Harness(format!("cannot open port {port} for {}: {error}", step.peer));
        match transport {
            TransportName::Tcp => {
                // A listener that was just given up is still open in a child of ours that has not become its program yet.
                let mut patience = Patience::to_the_end(&*self.stage, GIVEN_UP);
                let listener = loop {
                    match self.stage.listen(port, step.family).await {
                        Err(error) if error.kind() == ErrorKind::AddrInUse => {
                            if patience.moment(&*self.stage).await.is_err() {
                                return Err(machine(error));
                            }
                        }
                        other => break other.map_err(machine)?,
                    }
                };
                peer.borrow_mut().listened = Some(listener.port());
                peer.borrow_mut().listener = Some(Rc::from(listener));
            }
            TransportName::Udp => {
                let socket = self.stage.datagrams(DatagramEnd::Bound(port)).await.map_err(machine)?;
                peer.borrow_mut().datagrams = Some(Rc::from(socket));
            }
        }
        self.note(&step.peer, What::Opened(format!("port {port}")));
        if step.in_the_way_of.is_none() {
            self.actors.listening = Some(step.peer.clone());
        }
        Ok(())
    }

    pub(super) async fn accept(&mut self, step: &Accept) -> Done {
        let name = step.name.clone().unwrap_or_else(|| step.peer.clone());
        let Some(count) = step.count else { return self.accept_one(step, &name).await };
        let names: Vec<String> = (1..=count).map(|index| format!("{name}-{index}")).collect();
        for name in &names {
            self.accept_one(step, name).await?;
        }
        self.actors.groups.insert(name, names);
        Ok(())
    }

    async fn accept_one(&mut self, step: &Accept, name: &str) -> Done {
        let listening = self.actors.peer(&step.peer);
        let Some(listener) = listening.borrow().listener.clone() else {
            return Err(Halt::Harness(format!("{} does not listen", step.peer)));
        };
        let limit = step.within.map_or(Duration::from_secs(10), |limit| limit.0);
        // A person who starts a program by hand needs time.
        let by_hand = self.actors.programs.values().any(|actor| actor.program.is_elsewhere());
        let limit = if by_hand { limit.max(BY_HAND) } else { limit };
        let mut patience = Patience::new(&*self.stage, limit);
        let mut ended_before = false;
        loop {
            let came = tokio::select! {
                biased;
                came = listener.accept() => Some(came),
                over = patience.moment(&*self.stage) => match over {
                    Ok(()) => None,
                    Err(why) => return Err(self.nobody_came(&step.peer, &why)),
                },
            };
            match came {
                Some(Ok(connection)) => {
                    self.note(name, What::Connected("a client".to_owned()));
                    self.ports.own(connection.remote().port(), "its own port");
                    {
                        let peer = self.actors.peer(name);
                        let mut peer = peer.borrow_mut();
                        peer.encryption = None;
                        peer.received.clear();
                        peer.sent.clear();
                        peer.end_seen = false;
                        peer.reset_seen = false;
                    }
                    let connection = match step.tls {
                        Some(certificate) => self.meet_with_tls(name, connection, certificate).await?,
                        None => connection,
                    };
                    self.actors.peer(name).borrow_mut().connection = Some(connection);
                    return Ok(());
                }
                Some(Err(error)) => return Err(Halt::Harness(format!("cannot accept a connection: {error}"))),
                None => {
                    let all_ended = self.actors.programs.values().all(|actor| actor.program.ended().is_some());
                    // Its connection may have come in the same moment in which it ended.
                    if all_ended && ended_before && !self.actors.programs.is_empty() {
                        return Err(self.nobody_came(&step.peer, &GaveUp::Still));
                    }
                    ended_before = all_ended;
                }
            }
        }
    }

    fn nobody_came(&self, peer: &str, why: &GaveUp) -> Halt {
        let words: Vec<String> = self
            .actors
            .programs
            .iter()
            .filter(|(_, actor)| actor.program.ended().is_some() && !actor.program.stderr().borrow().bytes.is_empty())
            .map(|(name, actor)| format!("{name} said {}", judge::describe(&actor.program.stderr().borrow().bytes)))
            .collect();
        let words = if words.is_empty() { String::new() } else { format!("; {}", words.join("; ")) };
        Failure {
            expected: format!("a connection to {peer}"),
            actual: format!("nobody connected{words}"),
            reason: format!("no client connected to {peer}: {}", self.explain(why)),
        }
        .into()
    }

    pub(super) async fn connect(&mut self, step: &Connect) -> Done {
        let names: Vec<String> = match step.count {
            Some(count) => (1..=count).map(|index| format!("{}-{index}", step.peer)).collect(),
            None => vec![step.peer.clone()],
        };
        let transport = step.transport.unwrap_or_else(|| self.transport_of(&step.to));
        for name in &names {
            let candidates = match step.family {
                None => self.addresses_of(&step.to, transport),
                Some(family) => self.addresses_of_family(&step.to, transport, family).await,
            };
            let peer = self.actors.peer(name);
            *peer.borrow_mut() = Default::default();
            match transport {
                TransportName::Tcp => self.connect_tcp(name, &peer, step, &candidates).await?,
                TransportName::Udp => {
                    let to = candidates[0];
                    let socket = self
                        .stage
                        .datagrams(DatagramEnd::To(to))
                        .await
                        .map_err(|error| Halt::Harness(format!("cannot open a UDP socket: {error}")))?;
                    self.ports.own(socket.port(), &format!("{name}'s port"));
                    let mut peer = peer.borrow_mut();
                    peer.datagrams = Some(Rc::from(socket));
                    peer.correspondent = Some(to);
                    self.note(name, What::Opened(format!("a UDP socket, to talk to {}", step.to)));
                }
            }
        }
        if step.count.is_some() {
            self.actors.groups.insert(step.peer.clone(), names);
        }
        Ok(())
    }

    fn transport_of(&self, target: &str) -> TransportName {
        match self.actors.programs.get(target) {
            Some(actor) => self.cast.transport(&actor.role),
            None => TransportName::Tcp,
        }
    }

    /// Addresses at which an actor can be met, the likeliest first.
    fn addresses_of(&self, target: &str, transport: TransportName) -> Vec<SocketAddr> {
        let mut found = Vec::new();
        if let Some(actor) = self.actors.programs.get(target) {
            // A program that stops listening refuses: no need to look each time whether it still does.
            let known = actor.found.borrow().clone();
            let listening = if known.is_empty() { actor.program.listening(transport) } else { known };
            for address in listening {
                let port = address.port();
                match address.ip() {
                    IpAddr::V4(ip) if ip.is_unspecified() => found.push(SocketAddr::new(self.stage.home(target), port)),
                    IpAddr::V6(ip) if ip.is_unspecified() => {
                        found.push(SocketAddr::new(self.stage.home(target), port));
                        found.push(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port));
                    }
                    ip => found.push(SocketAddr::new(ip, port)),
                }
            }
            if found.is_empty() {
                // It listens no more: that it refuses is then seen at its old address.
                let port = self.cast.fixed_port(&actor.role).unwrap_or(actor.given.port());
                found.push(SocketAddr::new(actor.given.ip(), port));
            }
        } else if let Some(peer) = self.actors.peers.get(target) {
            let peer = peer.borrow();
            let port = peer.listened.or_else(|| peer.datagrams.as_ref().map(|it| it.port()));
            found.push(SocketAddr::new(self.stage.home(target), port.unwrap_or(self.stage.port())));
        }
        found.sort_by_key(|address| !address.is_ipv4());
        found.dedup();
        if found.is_empty() {
            found.push(self.usual_address(target));
        }
        found
    }

    /// The likeliest address at which an actor can be met.
    pub(in super::super) fn address_of(&self, actor: &str) -> SocketAddr {
        let transport = self.transport_of(actor);
        self.addresses_of(actor, transport).first().copied().unwrap_or_else(|| self.usual_address(actor))
    }

    /// Addresses of one family at which an actor can be met; where it shows none, the usual one,
    /// which then refuses. A program may open its second socket a little after the first.
    async fn addresses_of_family(&self, target: &str, transport: TransportName, family: Family) -> Vec<SocketAddr> {
        if let Some(actor) = self.actors.programs.get(target) {
            self.quiet_down(Duration::from_millis(300)).await;
            actor.found.replace(actor.program.listening(transport));
        }
        let candidates = self.addresses_of(target, transport);
        let port = candidates.first().map_or(self.stage.port(), SocketAddr::port);
        let v6 = family == Family::Ipv6;
        let mut found: Vec<SocketAddr> = candidates.into_iter().filter(|address| address.is_ipv6() == v6).collect();
        if found.is_empty() {
            let local: IpAddr = if v6 { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
            found.push(SocketAddr::new(local, port));
        }
        found
    }

    async fn connect_tcp(&mut self, name: &str, peer: &Peer, step: &Connect, candidates: &[SocketAddr]) -> Done {
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        let mut last = None;
        for address in candidates {
            let mut patience = Patience::to_the_end(&*self.stage, limit);
            let mut attempt = self.stage.connect(*address);
            let outcome = loop {
                tokio::select! {
                    biased;
                    outcome = &mut attempt => break Some(outcome),
                    over = patience.moment(&*self.stage) => if over.is_err() { break None },
                }
            };
            drop(attempt);
            match outcome {
                Some(Ok(connection)) => {
                    self.note(name, What::Connected(step.to.clone()));
                    if let Some(local) = connection.local() {
                        self.ports.own(local.port(), &format!("{name}'s port"));
                    }
                    peer.borrow_mut().connection = Some(connection);
                    return Ok(());
                }
                Some(Err(error)) if is_the_machines(&error) => {
                    return Err(Halt::Harness(format!("cannot open a connection: {error}")));
                }
                Some(Err(error)) => last = Some(error.to_string()),
                None => last = Some(format!("no answer within {} s", limit.as_secs())),
            }
        }
        let why = last.unwrap_or_default();
        self.note(name, What::Refused(why.clone()));
        if step.may_fail {
            return Ok(());
        }
        Err(Failure {
            expected: format!("{} takes a connection from {name}", step.to),
            actual: format!("the connection failed: {why}"),
            reason: format!(
                "{name} could not connect to {}: {}",
                step.to,
                self.explain(&GaveUp::Still).replacen(&format!("{}; ", GaveUp::Still), &format!("{why}; "), 1)
            ),
        }
        .into())
    }

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
                            reason: format!("{name} could not send all it had: {}", self.explain(&why)),
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
            if !self.was_read(&peer, limit).await {
                return Err(Failure {
                    expected: format!("everything that {name} sent is read"),
                    actual: "part of it was not read".to_owned(),
                    reason: format!(
                        "the program does not read what {name} sent: {}",
                        self.explain(&GaveUp::Bound(limit))
                    ),
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
        let real = self.stage.backend() == crate::scenario::model::BackendName::Wire;
        let duration = match (real, step.on_wire) {
            (true, Some(limit)) => limit.0,
            _ => step.duration.0,
        };
        self.note(&step.peer, What::Stalled(duration));
        self.stage.pass(duration).await;
        Ok(())
    }
}

/// Whether an error of a socket call says something about this machine and nothing about the
/// program on the other side.
fn is_the_machines(error: &std::io::Error) -> bool {
    // EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL (out of local ports).
    matches!(error.raw_os_error(), Some(24 | 23 | 105 | 12 | 99)) || error.kind() == ErrorKind::OutOfMemory
}
