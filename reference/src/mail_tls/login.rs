//! Logging in to a mail server (RFC 4954): which ways it offers, and how name and password are written.

use std::io::{Read, Write};

use crate::failure::Failure;
use crate::mail_client::dialogue::{Dialogue, Reply};

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `AUTH PLAIN`: name and password in one (RFC 4616).
    Plain,
    /// `AUTH LOGIN`: the server asks for the name, and then for the password. No standard, and all that some servers know.
    Login,
}

/// The way to take of those in the reply to `EHLO`; nothing if there is none that we know.
pub fn offered(hello: &Reply) -> Option<Way> {
    let line = hello.lines.iter().skip(1).find_map(|line| {
        // Some servers of old wrote `AUTH=`.
        let (word, ways) = line.split_once([' ', '='])?;
        word.eq_ignore_ascii_case("AUTH").then_some(ways)
    })?;
    let has = |name: &str| line.split_ascii_whitespace().any(|way| way.eq_ignore_ascii_case(name));
    if has("PLAIN") { Some(Way::Plain) } else { has("LOGIN").then_some(Way::Login) }
}

/// Logs in.
///
/// # Errors
/// If the connection breaks, or the server refuses. What is said about it has neither name nor password in it.
pub fn log_in<S: Read + Write>(
    dialogue: &mut Dialogue<S>,
    way: Way,
    user: &str,
    password: &str,
) -> Result<(), Failure> {
    let reply = match way {
        // Before the first zero byte stands for whom one wants to act: nobody else.
        Way::Plain => {
            dialogue.command(&format!("AUTH PLAIN {}", base64(format!("\0{user}\0{password}").as_bytes())))?
        }
        Way::Login => {
            let mut reply = dialogue.command("AUTH LOGIN")?;
            for part in [user, password] {
                // 334 means "go on"; what the server asks in base64 is always the same two questions.
                if reply.code != 334 {
                    break;
                }
                reply = dialogue.command(&base64(part.as_bytes()))?;
            }
            reply
        }
    };
    match reply.code {
        235 => Ok(()),
        code => Err(Failure::Protocol(format!("the login was refused: {code} {}", reply.text))),
    }
}

/// Bytes as text (RFC 4648, section 4): three bytes are four digits of six bits each, and `=` fills up the last four.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            // One byte reaches into two digits, two into three.
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}
