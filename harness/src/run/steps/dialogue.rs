//! A peer that is spoken to line by line and replies in turn: how a server of [`harness_peers`] gets its input and output.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::event::{Excerpt, What};
use super::super::patience::Patience;
use super::super::stage::Connection;
use super::super::{Director, Done, Encryption, Halt};
use harness_language::scenario::duration::Limit;
use harness_language::scenario::model::Afterwards;
use harness_peers::dialogue::{Reply, Server};

const USUAL: Duration = Duration::from_secs(10);

/// For how long a reply is held back at most.
const HOLD: Duration = Duration::from_millis(200);

/// Bound for a segment to be read.
const SEGMENT: Duration = Duration::from_secs(5);

/// How a peer speaks.
pub(super) struct Manner<'s> {
    /// The peer.
    pub peer: &'s str,
    /// Replies leave in segments of this size, in bytes.
    pub every: Option<usize>,
    /// Replies leave line by line.
    pub line_by_line: bool,
    /// For how long a reply is held back at most.
    pub hold: Option<Limit>,
    /// Bound for each command to come.
    pub within: Option<Limit>,
}

/// How a part of a dialogue ended.
enum Next {
    /// It is over.
    Over,
    /// It goes on in TLS.
    Encrypt,
}

/// What came of a read.
enum Came {
    Something,
    End,
    Nothing,
}

impl Director {
    /// A peer with a connection speaks as this server until one side ends it, in TLS where that was begun or when the
    /// server says so.
    pub(super) async fn dialogue(&mut self, manner: &Manner<'_>, server: &mut dyn Server) -> Done {
        let peer = self.actors.peer(manner.peer);
        let Some(mut connection) = peer.borrow_mut().connection.take() else {
            return Err(Halt::Harness(format!("{} has no connection", manner.peer)));
        };
        let encryption = peer.borrow().encryption.clone();
        let mut usable = !encryption.as_ref().is_some_and(Encryption::has_failed);
        if encryption.as_ref().is_some_and(Encryption::is_on) {
            server.encrypted();
        }
        let early = std::mem::take(&mut peer.borrow_mut().received);
        server.turns().receive(&early);
        let mut due = usable.then(|| server.greeting());
        while usable {
            match self.take_turns(manner, server, &mut *connection, due.take()).await {
                Next::Over => break,
                Next::Encrypt => {
                    let early = server.turns().rest();
                    connection = self.encrypt(manner.peer, connection, &early).await?;
                    usable = peer.borrow().encryption.as_ref().is_some_and(Encryption::is_on);
                    if usable {
                        server.encrypted();
                    }
                }
            }
        }
        peer.borrow_mut().connection = Some(connection);
        Ok(())
    }

    /// Replies and reads in turn, until one side ends it. `due` is what the server says first.
    async fn take_turns(
        &self,
        manner: &Manner<'_>,
        server: &mut dyn Server,
        connection: &mut dyn Connection,
        mut due: Option<Reply>,
    ) -> Next {
        let limit = manner.within.map_or(USUAL, |limit| limit.0);
        loop {
            while let Some(reply) = due.take().or_else(|| server.next_reply()) {
                let left = !self.hold(manner, server, connection).await;
                server.turns().look_for_early();
                if left && server.turns().conduct.left_before_reply_to.is_none() {
                    server.turns().conduct.left_before_reply_to = server.turns().open().map(str::to_owned);
                }
                let sent = self.reply(manner, server, connection, &reply.bytes).await;
                server.turns().answered();
                match reply.then {
                    Afterwards::GoOn => {}
                    Afterwards::Encrypt if sent => return Next::Encrypt,
                    Afterwards::Encrypt => return Next::Over,
                    Afterwards::Close => {
                        self.part(manner, server, connection).await;
                        return Next::Over;
                    }
                }
                if !sent {
                    break;
                }
                if let Some(aside) = server.aside() {
                    self.beside(manner, server, aside).await;
                }
            }
            let mut patience = Patience::new(&*self.stage, limit);
            loop {
                match self.read_more(manner, server, connection, &mut patience).await {
                    Came::Something => break,
                    Came::End => return Next::Over,
                    Came::Nothing => {}
                }
                if let Err(why) = patience.moment(&*self.stage).await {
                    server.turns().conduct.gave_up = Some(self.explain(&why));
                    return Next::Over;
                }
            }
        }
    }

    /// Takes what is there now, without waiting.
    async fn read_more(
        &self,
        manner: &Manner<'_>,
        server: &mut dyn Server,
        connection: &mut dyn Connection,
        patience: &mut Patience,
    ) -> Came {
        let mut buffer = vec![0; 64 * 1024];
        let came = tokio::select! {
            biased;
            came = connection.read(&mut buffer) => came,
            () = std::future::ready(()) => return Came::Nothing,
        };
        match came {
            Ok(0) => {
                self.note(manner.peer, What::EndReceived);
                Came::End
            }
            Ok(count) => {
                self.note(manner.peer, What::Received(Excerpt::of(&buffer[..count])));
                server.turns().receive(&buffer[..count]);
                patience.renew(&*self.stage);
                Came::Something
            }
            Err(_) => {
                self.note(manner.peer, What::ResetReceived);
                Came::End
            }
        }
    }

    /// Waits until the programs wait, and takes what they say meanwhile. False if they have ended the connection.
    async fn hold(&self, manner: &Manner<'_>, server: &mut dyn Server, connection: &mut dyn Connection) -> bool {
        let mut patience = Patience::for_stillness(&*self.stage, manner.hold.map_or(HOLD, |limit| limit.0));
        loop {
            match self.read_more(manner, server, connection, &mut patience).await {
                Came::Something => continue,
                Came::End => return false,
                Came::Nothing => {}
            }
            if patience.moment(&*self.stage).await.is_err() {
                return true;
            }
        }
    }

    /// Sends a reply, in pieces where the scenario wants it. False if nobody takes it.
    async fn reply(
        &self,
        manner: &Manner<'_>,
        server: &mut dyn Server,
        connection: &mut dyn Connection,
        bytes: &[u8],
    ) -> bool {
        let pieces: Vec<&[u8]> = match manner.every {
            Some(size) => bytes.chunks(size.max(1)).collect(),
            None if manner.line_by_line => bytes.split_inclusive(|byte| *byte == b'\n').collect(),
            None => vec![bytes],
        };
        let count = pieces.len();
        for (index, piece) in pieces.into_iter().enumerate() {
            if connection.write_all(piece).await.is_err() || connection.flush().await.is_err() {
                self.note(manner.peer, What::ResetReceived);
                return false;
            }
            self.note(manner.peer, What::Sent(Excerpt::of(piece)));
            if index + 1 == count {
                break;
            }
            let patience = Patience::new(&*self.stage, SEGMENT);
            // A program that reads no more is seen by what it does next.
            let _ = self.until(patience, || (connection.unread().unwrap_or(0) == 0).then_some(())).await;
            if manner.line_by_line {
                // Who takes the first line for all of it speaks now.
                self.hold(manner, server, connection).await;
                server.turns().look_for_early();
            }
        }
        true
    }

    /// Closes, and waits for the program to do so as well.
    async fn part(&self, manner: &Manner<'_>, server: &mut dyn Server, connection: &mut dyn Connection) {
        let _ = connection.shutdown().await;
        self.note(manner.peer, What::EndSent);
        let mut patience = Patience::new(&*self.stage, manner.within.map_or(USUAL, |limit| limit.0));
        loop {
            match self.read_more(manner, server, connection, &mut patience).await {
                Came::Something => continue,
                Came::End => {
                    server.turns().conduct.closed = true;
                    return;
                }
                Came::Nothing => {}
            }
            if let Err(why) = patience.moment(&*self.stage).await {
                server.turns().conduct.gave_up = Some(self.explain(&why));
                return;
            }
        }
    }
}
