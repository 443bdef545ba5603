//! A peer that is a name server: it answers beside the steps, over UDP and TCP.

use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::event::{Excerpt, Log, Socket, What, With};
use super::super::services::Services;
use super::super::stage::{Connection, DatagramEnd, Datagrams, Listener, Stage};
use super::super::{Director, Done, Halt};
use harness_language::scenario::model::ServeNames;
use harness_peers::dns::{self, Carrier, PORT, Zone};

/// What every part of the name server has.
#[derive(Clone)]
struct Serving {
    peer: String,
    zone: Rc<Zone>,
    stage: Rc<dyn Stage>,
    log: Log,
    services: Services,
}

impl Director {
    pub(super) async fn serve_names(&mut self, step: &ServeNames) -> Done {
        self.stage.leads_names().map_err(|error| Halt::skipped(error.to_string()))?;
        let taken = |error| Halt::Harness(format!("cannot open port {PORT} for {}: {error}", step.peer));
        let socket = self.stage.datagrams(DatagramEnd::Bound(PORT)).await.map_err(taken)?;
        let listener = self.stage.listen(PORT, None).await.map_err(taken)?;
        self.note(&step.peer, What::Opened(Socket::ForNames(PORT)));
        self.actors.peer(&step.peer);
        let serving = Serving {
            peer: step.peer.clone(),
            zone: Rc::new(step.zone.clone()),
            stage: Rc::clone(&self.stage),
            log: self.log.clone(),
            services: self.services.clone(),
        };
        self.services.begin(Box::pin(serving.clone().by_datagrams(socket)));
        self.services.begin(Box::pin(serving.by_connections(listener)));
        Ok(())
    }
}

impl Serving {
    fn note(&self, what: What) {
        self.log.add(self.stage.now(), &self.peer, what);
    }

    fn answer(&self, message: &[u8], carrier: Carrier) -> Option<Vec<u8>> {
        self.note(What::Received(Excerpt::of(message)));
        let answer = dns::answer(&self.zone, message, carrier)?;
        let over = match carrier {
            Carrier::Udp => "UDP",
            Carrier::Tcp => "TCP",
        };
        self.note(What::Network(format!("answers over {over}: {}", answer.summary)));
        if answer.without_recursion {
            let text = "a question to the name server does not say that recursion is desired (RD), and many name \
                        servers refuse such a question";
            self.note(What::Finding(text.to_owned()));
        }
        self.note(What::Sent(Excerpt::of(&answer.bytes)));
        Some(answer.bytes)
    }

    async fn by_datagrams(self, socket: Box<dyn Datagrams>) {
        while let Ok((message, from)) = socket.receive().await {
            if let Some(answer) = self.answer(&message, Carrier::Udp) {
                // Who has gone meanwhile gets nothing.
                let _ = socket.send_to(&answer, from).await;
            }
        }
    }

    async fn by_connections(self, listener: Box<dyn Listener>) {
        while let Ok(connection) = listener.accept().await {
            self.note(What::Connected(With::Resolver));
            self.services.begin(Box::pin(self.clone().on_connection(connection)));
        }
    }

    /// Answers until the other side ends the connection or breaks it.
    async fn on_connection(self, mut connection: Box<dyn Connection>) {
        loop {
            let Ok(length) = connection.read_u16().await else { return };
            let mut message = vec![0; usize::from(length)];
            if connection.read_exact(&mut message).await.is_err() {
                return;
            }
            let Some(answer) = self.answer(&message, Carrier::Tcp) else { return };
            let mut whole = (answer.len() as u16).to_be_bytes().to_vec();
            whole.extend(answer);
            if connection.write_all(&whole).await.is_err() {
                return;
            }
        }
    }
}
