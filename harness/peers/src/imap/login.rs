//! How somebody gets in: `LOGIN`, or `AUTHENTICATE PLAIN` with or without an initial response (RFC 3501, section 6.2;
//! RFC 4959; RFC 4616).

use imap_codec::AuthenticateDataCodec;
use imap_codec::decode::Decoder;
use imap_codec::imap_types::auth::{AuthMechanism, AuthenticateData};

use super::super::dialogue::Reply;
use super::super::mailbox::MASKED;
use super::{Call, Next, Server, State};
use harness_language::scenario::model::Asked;

impl Server {
    pub(super) fn log_in(&mut self, call: Call, user: &[u8], password: Vec<u8>) -> Reply {
        let user = String::from_utf8_lossy(user).into_owned();
        self.reply(call, "OK you are in", |server| {
            server.state = State::Inside;
            server.record.login = Some((user, password));
            Vec::new()
        })
    }

    pub(super) fn authenticate(
        &mut self,
        mut call: Call,
        mechanism: &AuthMechanism<'_>,
        response: Option<Vec<u8>>,
    ) -> Reply {
        if *mechanism != AuthMechanism::Plain {
            call.asked = None;
            self.not_served(&call.said);
            return self.refuse(call, "NO I know PLAIN only");
        }
        match response {
            Some(response) => self.check(call, &response),
            None => {
                self.next = Next::Credentials(call.tag);
                self.go_on(&call.said, "")
            }
        }
    }

    /// What came after `AUTHENTICATE`.
    pub(super) fn credentials(&mut self, tag: String, line: &[u8]) -> Reply {
        let said = format!("AUTHENTICATE PLAIN {MASKED}");
        self.turns.owe(&said);
        let call = Call { tag, asked: Some(Asked::Password), said };
        match AuthenticateDataCodec::default().decode(&[line, b"\r\n"].concat()) {
            Ok((_, AuthenticateData::Continue(response))) => {
                let response = response.declassify().to_vec();
                self.keep_credentials(line, &response);
                self.check(call, &response)
            }
            Ok((_, AuthenticateData::Cancel)) => self.refuse(call, "BAD given up"),
            Err(_) => {
                self.record.keep_secret(line, line);
                self.refuse(call, "BAD that is not base64")
            }
        }
    }

    /// In clear text: on whose behalf, who, and the password, with zero bytes between them.
    fn check(&mut self, call: Call, response: &[u8]) -> Reply {
        let parts: Vec<&[u8]> = response.split(|byte| *byte == 0).collect();
        match parts.as_slice() {
            [_, user, password] => self.log_in(call, user, password.to_vec()),
            _ => self.refuse(call, "BAD name and password are not in it"),
        }
    }

    /// Hides a password that came with its name, in both spellings.
    pub(super) fn keep_credentials(&mut self, spelt: &[u8], response: &[u8]) {
        self.record.keep_secret(spelt, spelt);
        if let Some(password) = response.split(|byte| *byte == 0).nth(2) {
            self.record.keep_secret(password, response);
        }
    }
}
