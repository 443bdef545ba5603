//! Data beside a dialogue: how a server of [`harness_peers`] gets the connections on which they move.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::Director;
use super::super::event::{Excerpt, What, With};
use super::super::patience::Patience;
use super::super::stage::Connection;
use super::dialogue::Manner;
use harness_peers::aside::{Aside, Door, Flow, Moved};
use harness_peers::dialogue::Server;

/// Bound for a connection, or for data, to come.
const USUAL: Duration = Duration::from_secs(10);

/// The most of what was received that is kept to be shown, in bytes.
const SHOWN: usize = 1024;

impl Director {
    /// Does what the server wants done beside the dialogue, and tells it what came of that.
    pub(super) async fn beside(&self, manner: &Manner<'_>, server: &mut dyn Server, aside: Aside) {
        let end = match aside {
            Aside::Nothing => return self.send_away(manner.peer),
            Aside::Take(door) => match self.open(manner, door).await {
                Ok(connection) => self.take_data(manner, server, connection).await,
                Err(why) => Moved::NotOpened(why),
            },
            Aside::Give(door, bytes) => match self.open(manner, door).await {
                Ok(connection) => self.give_data(manner, connection, &bytes).await,
                Err(why) => Moved::NotOpened(why),
            },
        };
        server.moved(end);
    }

    /// Who is seen on the connection for data.
    fn data_of(peer: &str) -> String {
        format!("{peer}-data")
    }

    async fn open(&self, manner: &Manner<'_>, door: Door) -> Result<Box<dyn Connection>, String> {
        let limit = manner.within.map_or(USUAL, |limit| limit.0);
        match door {
            Door::Passive => self.awaited(manner.peer, limit).await,
            Door::Active(to) => self.called(manner.peer, to, limit).await,
        }
    }

    /// The program's connection to the peer.
    async fn awaited(&self, peer: &str, limit: Duration) -> Result<Box<dyn Connection>, String> {
        let listener = self.actors.peers.get(peer).and_then(|peer| peer.borrow().data_listener.clone());
        let Some(listener) = listener else { return Err("the peer does not listen for data".to_owned()) };
        let mut patience = Patience::new(&*self.stage, limit);
        loop {
            tokio::select! {
                biased;
                came = listener.accept() => {
                    let connection = came.map_err(|error| error.to_string())?;
                    self.ports.own(connection.remote().port(), "its own port");
                    self.note(&Self::data_of(peer), What::Connected(With::DataFromProgram));
                    return Ok(connection);
                }
                over = patience.moment(&*self.stage) => {
                    over.map_err(|why| format!("nobody connected to the port that was named: {}", self.explain(&why)))?;
                }
            }
        }
    }

    /// The peer's connection to the program.
    async fn called(&self, peer: &str, to: SocketAddr, limit: Duration) -> Result<Box<dyn Connection>, String> {
        self.ports.own(to.port(), "its own port");
        let mut patience = Patience::to_the_end(&*self.stage, limit);
        let mut attempt = self.stage.connect(to);
        let came = loop {
            tokio::select! {
                biased;
                came = &mut attempt => break came.map_err(|error| error.to_string()),
                over = patience.moment(&*self.stage) => {
                    if over.is_err() {
                        break Err(format!("no answer within {} s", limit.as_secs()));
                    }
                }
            }
        };
        drop(attempt);
        let name = Self::data_of(peer);
        match came {
            Ok(connection) => {
                self.note(&name, What::Connected(With::DataToProgram));
                Ok(connection)
            }
            Err(why) => {
                self.note(&name, What::Refused(why.clone()));
                Err(format!("the program does not listen at the address that it named: {why}"))
            }
        }
    }

    /// Closes connections for data that have come already and that nobody wants.
    fn send_away(&self, peer: &str) {
        use std::task::{Context, Poll, Waker};
        let listener = self.actors.peers.get(peer).and_then(|peer| peer.borrow().data_listener.clone());
        let Some(listener) = listener else { return };
        let mut now = Context::from_waker(Waker::noop());
        while let Poll::Ready(Ok(_)) = listener.accept().as_mut().poll(&mut now) {
            self.note(&Self::data_of(peer), What::Closed);
        }
    }

    async fn take_data(
        &self,
        manner: &Manner<'_>,
        server: &mut dyn Server,
        mut connection: Box<dyn Connection>,
    ) -> Moved {
        let name = Self::data_of(manner.peer);
        let mut patience = Patience::new(&*self.stage, manner.within.map_or(USUAL, |limit| limit.0));
        let mut buffer = vec![0; 64 * 1024];
        // One event for all of them: a large file comes in thousands of pieces.
        let (mut shown, mut count) = (Vec::new(), 0);
        let (end, what) = loop {
            let came = tokio::select! {
                biased;
                came = connection.read(&mut buffer) => came,
                over = patience.moment(&*self.stage) => match over {
                    Ok(()) => continue,
                    Err(why) => break (Moved::GaveUp(self.explain(&why)), What::Closed),
                },
            };
            let bytes = match came {
                Ok(0) => break (Moved::Whole, What::EndReceived),
                Ok(length) => &buffer[..length],
                Err(_) => break (Moved::Reset, What::ResetReceived),
            };
            patience.renew(&*self.stage);
            shown.extend(bytes.iter().take(SHOWN.saturating_sub(shown.len())));
            count += bytes.len();
            match server.data(bytes) {
                Flow::GoOn => {}
                Flow::Close => break (Moved::Cut, What::Closed),
                Flow::Reset => break (Moved::Cut, What::ResetSent),
            }
        };
        let excerpt = Excerpt::of(&shown);
        self.note(&name, What::Received(Excerpt { length: count, rest: count - excerpt.shown.len(), ..excerpt }));
        if what == What::ResetSent {
            connection.reset();
        } else {
            let _ = connection.shutdown().await;
        }
        self.note(&name, what);
        end
    }

    async fn give_data(&self, manner: &Manner<'_>, mut connection: Box<dyn Connection>, bytes: &[u8]) -> Moved {
        let name = Self::data_of(manner.peer);
        let mut patience = Patience::new(&*self.stage, manner.within.map_or(USUAL, |limit| limit.0));
        let mut left = bytes;
        while !left.is_empty() {
            let written = tokio::select! {
                biased;
                written = connection.write(left) => written,
                over = patience.moment(&*self.stage) => match over {
                    Ok(()) => continue,
                    Err(why) => return Moved::GaveUp(self.explain(&why)),
                },
            };
            let Ok(count) = written else {
                self.note(&name, What::ResetReceived);
                return Moved::Reset;
            };
            left = &left[count..];
            patience.renew(&*self.stage);
        }
        let _ = connection.shutdown().await;
        self.note(&name, What::Sent(Excerpt::of(bytes)));
        self.note(&name, What::EndSent);
        Moved::Whole
    }
}
