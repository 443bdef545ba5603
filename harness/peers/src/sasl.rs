//! Logins as SMTP carries them: `AUTH` with the mechanisms PLAIN (RFC 4616) and LOGIN (of no standard, and used by
//! everybody). Base64 hides nothing: whoever sees it has the password.

use harness_language::base64;
use harness_language::scenario::model::Mechanism;

/// What stands in a record for what belongs to a login.
pub const MASKED: &str = "[masked: password]";

/// A name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// How they came.
    pub mechanism: Mechanism,
    /// The name.
    pub user: String,
    /// The password.
    pub password: Vec<u8>,
}

/// What a server waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// Name and password in one.
    Both,
    /// The name.
    Name,
    /// The password.
    Password,
}

/// What a client has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing that makes sense, or that it has changed its mind (`*`).
    Nothing,
    /// The name.
    Name(Vec<u8>),
    /// All of it.
    Login(Login),
}

/// A mechanism as the wire names it.
pub fn name(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::Plain => "PLAIN",
        Mechanism::Login => "LOGIN",
    }
}

impl Asking {
    /// With what a mechanism begins.
    pub fn first(mechanism: Mechanism) -> Self {
        match mechanism {
            Mechanism::Plain => Self::Both,
            Mechanism::Login => Self::Name,
        }
    }

    /// What the server says: `Username:` and `Password:` in base64 for LOGIN, and nothing for PLAIN.
    pub fn challenge(self) -> String {
        match self {
            Self::Both => String::new(),
            Self::Name => base64::encode(b"Username:"),
            Self::Password => base64::encode(b"Password:"),
        }
    }

    /// Whether the answer is nobody's business.
    pub fn is_secret(self) -> bool {
        self != Self::Name
    }

    /// Reads an answer; `name` is what came before.
    pub fn read(self, came: &str, name: &[u8]) -> Answer {
        let Some(bytes) = base64::decode(came).filter(|_| came != "*") else { return Answer::Nothing };
        let login = |mechanism, user: &[u8], password: &[u8]| {
            let user = String::from_utf8_lossy(user).into_owned();
            Answer::Login(Login { mechanism, user, password: password.to_vec() })
        };
        match self {
            Self::Name => Answer::Name(bytes),
            Self::Password => login(Mechanism::Login, name, &bytes),
            // Whom to act for, which is mostly left empty; who one is; the password.
            Self::Both => match bytes.split(|byte| *byte == 0).collect::<Vec<_>>().as_slice() {
                [_, user, password] => login(Mechanism::Plain, user, password),
                _ => Answer::Nothing,
            },
        }
    }
}

/// How a name and a password look on the wire in base64: alone, and as PLAIN has them.
pub fn spellings(user: &str, password: &str) -> Vec<Vec<u8>> {
    let all = [password.to_owned(), format!("\0{user}\0{password}"), format!("{user}\0{user}\0{password}")];
    all.iter().map(|text| base64::encode(text.as_bytes()).into_bytes()).collect()
}
