//! Those who come to a made machine, on the run's side: their connections are carried to the protocol, and everything
//! that it tells is written down.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use russh::MethodKind;
use russh::keys::PrivateKey;
use russh::server::{Config, run_stream};
use tokio::sync::mpsc::unbounded_channel;

use super::super::event::{Excerpt, Log, What, With};
use super::super::services::Services;
use super::super::stage::{Connection, Listener, Stage};
use super::Remote;
use super::door::{Door, Notice, Order, Policy};
use super::place::Place;
use super::session;
use harness_language::scenario::model::Login;

/// Room between the run's connection and the protocol, in bytes.
const ROOM: usize = 64 * 1_024;

/// Everything that serving takes.
#[derive(Clone)]
pub struct Serving {
    peer: String,
    remote: Rc<Remote>,
    place: Rc<Place>,
    config: Arc<Config>,
    policy: Arc<Policy>,
    stage: Rc<dyn Stage>,
    log: Log,
    services: Services,
}

/// Who serves, and by which keys.
pub struct Identity {
    /// The peer.
    pub peer: String,
    /// The machine's key.
    pub host: PrivateKey,
    /// The user's key.
    pub user: PrivateKey,
    /// The password that the program was told.
    pub told: Option<String>,
}

impl Serving {
    /// A machine that is ready to serve.
    pub fn new(
        identity: Identity,
        remote: &Rc<Remote>,
        place: Place,
        stage: &Rc<dyn Stage>,
        log: &Log,
        services: &Services,
    ) -> Self {
        let mut methods: Vec<MethodKind> = remote
            .logins
            .iter()
            .map(|login| match login {
                Login::Password => MethodKind::Password,
                Login::Key => MethodKind::PublicKey,
            })
            .collect();
        if methods.is_empty() {
            // Something has to be offered that can be refused.
            methods = vec![MethodKind::PublicKey, MethodKind::Password];
        }
        let config = Config {
            methods: methods.as_slice().into(),
            // Nobody guesses passwords here.
            auth_rejection_time: Duration::ZERO,
            keys: vec![identity.host],
            inactivity_timeout: None,
            ..Config::default()
        };
        let policy =
            Policy { logins: remote.logins.clone(), key: identity.user.public_key().clone(), told: identity.told };
        Self {
            peer: identity.peer,
            remote: Rc::clone(remote),
            place: Rc::new(place),
            config: Arc::new(config),
            policy: Arc::new(policy),
            stage: Rc::clone(stage),
            log: log.clone(),
            services: services.clone(),
        }
    }

    /// Serves whoever comes, as long as the run lasts.
    pub async fn serve(self, listener: Rc<dyn Listener>) {
        while let Ok(connection) = listener.accept().await {
            self.remote.visits.borrow_mut().connections += 1;
            self.note(What::Connected(With::Client));
            self.services.begin(Box::pin(self.clone().on_connection(connection)));
        }
    }

    fn note(&self, what: What) {
        self.log.add(self.stage.now(), &self.peer, what);
    }

    async fn on_connection(self, mut connection: Box<dyn Connection>) {
        let (mut near, far) = tokio::io::duplex(ROOM);
        let (notices, mut noticed) = unbounded_channel();
        let door = Door::new(Arc::clone(&self.policy), notices);
        let carried = async {
            // How the other side ends its connection is its own affair.
            let _ = tokio::io::copy_bidirectional(&mut connection, &mut near).await;
        };
        let spoken = async {
            let ended = match run_stream(Arc::clone(&self.config), far, door).await {
                Ok(session) => session.await,
                Err(error) => Err(error),
            };
            if let Err(error) = ended {
                self.note(What::Network(format!("the SSH session ended: {error}")));
            }
        };
        let told = async {
            while let Some(notice) = noticed.recv().await {
                self.heed(notice);
            }
        };
        tokio::join!(carried, spoken, told);
        self.note(What::Closed);
    }

    fn heed(&self, notice: Notice) {
        let mut visits = self.remote.visits.borrow_mut();
        match notice {
            Notice::Tried { login, user, password, taken } => {
                visits.tried.push((login, taken));
                if let Some(password) = password {
                    self.log.hide("password", password.as_bytes());
                }
                let what = match login {
                    Login::Password => "password",
                    Login::Key => "key",
                };
                let outcome = if taken { "is let in" } else { "is refused" };
                self.note(What::Network(format!("{user} {outcome} by {what}")));
            }
            Notice::Denied(what) => {
                self.note(What::Network(what.clone()));
                visits.remarks.push(what);
            }
            Notice::Order(order) => {
                visits.ran.push(order.command.clone().unwrap_or_default());
                self.services.begin(Box::pin(self.clone().run(order)));
            }
        }
    }

    async fn run(self, order: Order) {
        match &order.command {
            Some(command) => self.note(What::Received(Excerpt::of(command.as_bytes()))),
            None => self.note(What::Network("opens a shell".to_owned())),
        }
        match session::run(&self.place, order).await {
            Ok(outcome) => {
                if !outcome.typed.is_empty() {
                    self.note(What::Received(Excerpt::of(&outcome.typed)));
                }
                self.note(What::Sent(Excerpt::of(&outcome.printed)));
                if let Some(status) = outcome.status {
                    self.note(What::Network(format!("what was run ended with status {status}")));
                }
            }
            Err(why) => {
                self.note(What::Network(format!("cannot run it: {why}")));
                self.remote.visits.borrow_mut().faults.push(format!("cannot run a shell: {why}"));
            }
        }
    }
}
