//! How peers meet programs: they listen and accept, or connect.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use harness_judging::shown;

use super::super::actors::Peer;
use super::super::event::{Socket, What, With};
use super::super::patience::{GaveUp, Patience};
use super::super::stage::{Connection, DatagramEnd, Listener};
use super::super::{Director, Done, Failure, Halt};
use harness_language::scenario::model::{Accept, Connect, Family, Listen, TransportName};

const USUAL: Duration = Duration::from_secs(5);

/// For how long a port may be in use that a peer is to listen on.
const GIVEN_UP: Duration = Duration::from_secs(2);

/// For how long a client that a person starts is awaited.
const BY_HAND: Duration = Duration::from_secs(300);

/// Where a URL of `http` leads that names no port (RFC 9110, section 4.2.1).
pub(in super::super) const HTTP: u16 = 80;

impl Director {
    pub(super) async fn listen(&mut self, step: &Listen) -> Done {
        let transport = step.transport.unwrap_or_else(|| self.cast.transport(&self.scenario.role));
        // A client that goes to a port of its own is met there; a server's port may be taken on purpose.
        let judged = &self.scenario.role;
        let fixed = match &step.in_the_way_of {
            Some(role) => self.cast.fixed_port(role),
            None if self.cast.listens(judged) => self.cast.target_port(judged),
            None => self.cast.fixed_port(judged),
        };
        let mut taken = self.actors.peers.values().filter(|peer| peer.borrow().listener.is_some()).count() as u16;
        // The first port is the judged program's own, where it listens itself.
        if step.in_the_way_of.is_none() && self.cast.listens(judged) {
            taken += 1;
        }
        let goes_there = step.in_the_way_of.is_none() && self.cast.goes_to_port_80(judged);
        let web = step.port_80.unwrap_or(goes_there);
        let port = if web { HTTP } else { fixed.unwrap_or_else(|| self.stage.port() + taken) };
        let is_there = |peer: &Peer| {
            let peer = peer.borrow();
            peer.listener.is_some() && peer.listened == Some(port)
        };
        if transport == TransportName::Tcp && self.actors.peers.values().any(is_there) {
            let why =
                format!("the {judged} goes to port {port} whatever it is told, and two peers cannot both be there");
            return Err(Halt::not_applicable(why));
        }
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
                        Err(error) if web && error.kind() == ErrorKind::PermissionDenied => {
                            let why = "a site at port 80 is needed, and only root may open it outside of a network of its own";
                            return Err(Halt::skipped(why.to_owned()));
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
        self.note(&step.peer, What::Opened(Socket::Listening(port)));
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
        match self.await_connection(&*listener, limit).await? {
            Ok(connection) => {
                self.connected(name, connection.remote());
                let connection = match step.tls {
                    Some(certificate) => self.meet_with_tls(name, connection, certificate).await?,
                    None => connection,
                };
                self.actors.peer(name).borrow_mut().connection = Some(connection);
                Ok(())
            }
            Err(why) => Err(self.nobody_came(&step.peer, &why)),
        }
    }

    /// The next connection, or why none comes.
    async fn await_connection(
        &self,
        listener: &dyn Listener,
        limit: Duration,
    ) -> Result<Result<Box<dyn Connection>, GaveUp>, Halt> {
        let mut patience = Patience::new(&*self.stage, limit);
        loop {
            let came = tokio::select! {
                biased;
                came = listener.accept() => Some(came),
                over = patience.moment(&*self.stage) => match over {
                    Ok(()) => None,
                    Err(why) => return Ok(Err(why)),
                },
            };
            match came {
                Some(Ok(connection)) => return Ok(Ok(connection)),
                Some(Err(error)) => return Err(Halt::Harness(format!("cannot accept a connection: {error}"))),
                None => {
                    let all_ended = self.actors.programs.values().all(|actor| actor.program.ended().is_some());
                    let nobody_left = all_ended && !self.actors.programs.is_empty();
                    if patience.nothing_more(&*self.stage, nobody_left) {
                        return Ok(Err(GaveUp::Still));
                    }
                }
            }
        }
    }

    /// Notes that a client has come to a peer.
    fn connected(&mut self, name: &str, from: SocketAddr) {
        self.note(name, What::Connected(With::Client));
        self.ports.own(from.port(), "its own port");
        let peer = self.actors.peer(name);
        let mut peer = peer.borrow_mut();
        peer.encryption = None;
        peer.received.clear();
        peer.sent.clear();
        peer.end_seen = false;
        peer.reset_seen = false;
        peer.cut_off = false;
    }

    /// Whether somebody connects to a peer once more, where it is not known whether anybody will. What it had to the end of
    /// the connection before is over.
    pub(super) async fn comes_again(&mut self, name: &str, limit: Duration) -> Result<bool, Halt> {
        let Some(listener) = self.actors.peer(name).borrow().listener.clone() else { return Ok(false) };
        match self.await_connection(&*listener, limit).await? {
            Ok(connection) => {
                self.connected(name, connection.remote());
                self.actors.peer(name).borrow_mut().connection = Some(connection);
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }

    fn nobody_came(&self, peer: &str, why: &GaveUp) -> Halt {
        let words: Vec<String> = self
            .actors
            .programs
            .iter()
            .filter(|(_, actor)| actor.program.ended().is_some() && !actor.program.stderr().borrow().bytes.is_empty())
            .map(|(name, actor)| format!("{name} said {}", shown::describe(&actor.program.stderr().borrow().bytes)))
            .collect();
        let words = if words.is_empty() { String::new() } else { format!("; {}", words.join("; ")) };
        Failure {
            expected: format!("a connection to {peer}"),
            actual: format!("nobody connected{words}"),
            reason: format!("no client connected to {peer}"),
            state: self.explain(why),
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
                    self.note(name, What::Opened(Socket::Datagrams(step.to.clone())));
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
                    self.note(name, What::Connected(With::Actor(step.to.clone())));
                    if let Some(local) = connection.local() {
                        self.ports.own(local.port(), &format!("{name}'s port"));
                    }
                    peer.borrow_mut().connection = Some(connection);
                    return Ok(());
                }
                Some(Err(error)) if is_the_machines(&error) => {
                    return Err(Halt::Harness(format!("cannot open a connection: {error}")));
                }
                // Without the number that the system gives it.
                Some(Err(error)) => last = Some(error.kind().to_string()),
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
            reason: format!("the client \"{name}\" could not connect to {}: {why}", step.to),
            state: self.explain(&GaveUp::Still),
        }
        .into())
    }
}

/// Whether an error of a socket call says something about this machine and nothing about the
/// program on the other side.
pub(super) fn is_the_machines(error: &std::io::Error) -> bool {
    // EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL (out of local ports).
    matches!(error.raw_os_error(), Some(24 | 23 | 105 | 12 | 99)) || error.kind() == ErrorKind::OutOfMemory
}
