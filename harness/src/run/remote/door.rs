//! One connection to a made machine, on the protocol's side: who is let in, and what they may ask for. It runs wherever
//! the library has it run, and tells everything to the run.

use std::collections::BTreeMap;
use std::sync::Arc;

use russh::keys::PublicKey;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, Pty};
use tokio::sync::mpsc::UnboundedSender;

use harness_language::scenario::model::Login;

/// Who is let in.
#[derive(Debug)]
pub struct Policy {
    /// In which ways.
    pub logins: Vec<Login>,
    /// The user's key.
    pub key: PublicKey,
    /// The password that the program was told.
    pub told: Option<String>,
}

/// What the run is told.
pub enum Notice {
    /// A login was tried.
    Tried {
        /// In which way.
        login: Login,
        /// By whom.
        user: String,
        /// The password, if it was one.
        password: Option<String>,
        /// Whether it was taken.
        taken: bool,
    },
    /// Something is to be run.
    Order(Order),
    /// Something else was asked for, and denied.
    Denied(String),
}

/// Something to be run: a command, or a shell that reads its input.
pub struct Order {
    /// What carries its streams.
    pub channel: Channel<Msg>,
    /// The command.
    pub command: Option<String>,
    /// Whether a terminal was asked for.
    pub terminal: bool,
    /// By whom.
    pub user: String,
}

/// The server's side of a connection.
pub struct Door {
    policy: Arc<Policy>,
    notices: UnboundedSender<Notice>,
    channels: BTreeMap<u32, (Channel<Msg>, bool)>,
    user: String,
}

impl Door {
    /// A door with nobody in it.
    pub fn new(policy: Arc<Policy>, notices: UnboundedSender<Notice>) -> Self {
        Self { policy, notices, channels: BTreeMap::new(), user: String::new() }
    }

    fn tell(&self, notice: Notice) {
        // A run that has ended does not want to know.
        let _ = self.notices.send(notice);
    }

    fn tried(&mut self, login: Login, user: &str, password: Option<&str>, taken: bool) -> Auth {
        let password = password.map(str::to_owned);
        self.tell(Notice::Tried { login, user: user.to_owned(), password, taken });
        if taken {
            self.user = user.to_owned();
            Auth::Accept
        } else {
            Auth::reject()
        }
    }

    fn order(&mut self, id: ChannelId, command: Option<String>, session: &mut Session) -> Result<(), russh::Error> {
        let Some((channel, terminal)) = self.channels.remove(&id.into()) else { return session.channel_failure(id) };
        session.channel_success(id)?;
        self.tell(Notice::Order(Order { channel, command, terminal, user: self.user.clone() }));
        Ok(())
    }
}

/// Whether this is the right password with blanks or line ends about it that do not belong to it. One that is entirely
/// different may be one that a program has built in.
fn is_nearly(password: &str, told: &str) -> bool {
    password != told && password.trim() == told.trim()
}

impl Handler for Door {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        // Clients that have no password to give may send an empty one.
        if password.is_empty() {
            return Ok(Auth::reject());
        }
        let nearly = self.policy.told.as_ref().is_some_and(|told| is_nearly(password, told));
        let taken = self.policy.logins.contains(&Login::Password) && !nearly;
        if nearly {
            self.tell(Notice::Denied("the password that came has blanks or a line end too many or too few".to_owned()));
        }
        Ok(self.tried(Login::Password, user, Some(password), taken))
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        let known =
            self.policy.logins.contains(&Login::Key) && offer.public_key.key_data() == self.policy.key.key_data();
        // Whether it is really theirs shows when they sign with it.
        if known { Ok(Auth::Accept) } else { Ok(self.tried(Login::Key, user, None, false)) }
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        let known = self.policy.logins.contains(&Login::Key) && key.public_key.key_data() == self.policy.key.key_data();
        Ok(self.tried(Login::Key, user, None, known))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.channels.insert(channel.id().into(), (channel, false));
        reply.accept().await;
        Ok(())
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match self.channels.get_mut(&id.into()) {
            Some((_, terminal)) => {
                *terminal = true;
                session.channel_success(id)
            }
            None => session.channel_failure(id),
        }
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        // As servers do that are not told otherwise.
        session.channel_failure(id)
    }

    async fn exec_request(&mut self, id: ChannelId, data: &[u8], session: &mut Session) -> Result<(), russh::Error> {
        self.order(id, Some(String::from_utf8_lossy(data).into_owned()), session)
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        self.order(id, None, session)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.tell(Notice::Denied(format!("the subsystem {name} was asked for, which this machine has not")));
        session.channel_failure(id)
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.channels.remove(&id.into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("Walnut\n", true)]
    #[case(" Walnut", true)]
    #[case("Walnut", false)]
    #[case("another", false)]
    fn a_line_end_is_no_part_of_a_password(#[case] came: &str, #[case] nearly: bool) {
        assert_eq!(is_nearly(came, "Walnut"), nearly);
    }
}
