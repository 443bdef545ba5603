//! The program that sends a mail.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use super::dialogue::{Dialogue, Reply};
use super::text::{compose, with_dots};
use crate::arguments::{BadArguments, host_and_port};
use crate::failure::Failure;

/// What the mail is about, if nobody says.
const SUBJECT: &str = "A mail from the lab";

/// How long a server may take for a reply: five minutes is the least that the standard asks for (RFC 5321, section
/// 4.5.3.2), because it may have to look up names before it agrees.
const PATIENCE: Duration = Duration::from_secs(300);

/// The command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Order<'a> {
    /// The mail server.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// The sender's address.
    pub from: &'a str,
    /// The recipient's address.
    pub to: &'a str,
    /// What the mail is about.
    pub subject: &'a str,
}

/// Runs `mail HOST PORT FROM TO [SUBJECT] < FILE`. The status is 0 only if the server has taken the mail.
///
/// # Errors
/// Bad arguments, no server, a refusal, or a connection that breaks.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let order = read(arguments)?;
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text).map_err(Failure::Input)?;
    let mail = compose(order.from, order.to, order.subject, &text, SystemTime::now());
    let no_server = |source| Failure::NoServer { host: order.host.to_owned(), port: order.port, source };
    let connection = TcpStream::connect((order.host, order.port)).map_err(no_server)?;
    connection.set_read_timeout(Some(PATIENCE)).map_err(no_server)?;
    let mut dialogue = Dialogue::new(connection);
    let sent = hand_over(&mut dialogue, &order, &mail);
    // Also after a refusal: the server then knows that we have gone on purpose. What it answers changes nothing any more.
    if !matches!(sent, Err(Failure::Connection { .. })) {
        let _ = dialogue.command("QUIT");
    }
    sent
}

/// Reads the command line.
///
/// # Errors
/// Anything but a host, a port, two addresses and perhaps a subject.
pub fn read(arguments: &[String]) -> Result<Order<'_>, BadArguments> {
    let (rest, subject) = match arguments {
        [rest @ .., subject] if rest.len() == 4 => (rest, subject.as_str()),
        _ => (arguments, SUBJECT),
    };
    let [host, port, from, to] = rest else {
        return Err(BadArguments::Count { expected: 4, found: arguments.len() });
    };
    let (host, port) = host_and_port(&rest[..2]).map(|_| (host.as_str(), port))?;
    let port = crate::arguments::parse_port(port)?;
    if !is_address(from) || !is_address(to) {
        return Err(BadArguments::Unfit("FROM and TO are mail addresses, such as anna@example.org"));
    }
    if subject.bytes().any(|byte| !matches!(byte, b' '..=b'~')) {
        return Err(BadArguments::Unfit("SUBJECT is one line of ASCII"));
    }
    Ok(Order { host, port, from, to, subject })
}

/// Whether this is a mail address: somebody at some place. A line end in it would be a command of its own, given by whoever
/// wrote the address.
pub fn is_address(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>".contains(&byte));
    plain && text.split_once('@').is_some_and(|(user, domain)| !user.is_empty() && !domain.is_empty())
}

/// The dialogue from the greeting to the server's word that it has taken the mail.
fn hand_over<S: Read + Write>(dialogue: &mut Dialogue<S>, order: &Order<'_>, mail: &[u8]) -> Result<(), Failure> {
    agreed("the connection", dialogue.reply()?)?;
    let extended = dialogue.command("EHLO localhost")?;
    if !extended.is_positive() {
        // A server from before 1995 knows HELO only.
        agreed("HELO", dialogue.command("HELO localhost")?)?;
    }
    deliver(dialogue, order.from, order.to, mail)
}

/// The part of a dialogue that is about one mail. `mail` is as [`compose`] makes it.
///
/// # Errors
/// If the connection breaks, or the server refuses.
pub fn deliver<S: Read + Write>(dialogue: &mut Dialogue<S>, from: &str, to: &str, mail: &[u8]) -> Result<(), Failure> {
    for command in [format!("MAIL FROM:<{from}>"), format!("RCPT TO:<{to}>"), "DATA".to_owned()] {
        agreed(&command, dialogue.command(&command)?)?;
    }
    dialogue.say(&with_dots(mail))?;
    agreed("the mail", dialogue.reply()?)
}

/// Goes on only if the server agrees; `what` is what it was asked, as the user is told.
///
/// # Errors
/// If it does not.
pub fn agreed(what: &str, reply: Reply) -> Result<(), Failure> {
    if reply.is_positive() {
        return Ok(());
    }
    Err(Failure::Protocol(format!("the mail was not sent: to {what} the server said {} {}", reply.code, reply.text)))
}
