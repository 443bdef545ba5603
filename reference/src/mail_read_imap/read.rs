//! The program that looks into a mailbox.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::letter::Letter;
use super::session::Session;
use crate::arguments::BadArguments;
use crate::failure::Failure;
use crate::mail_read_pop3::read::{Order, read};
use crate::mail_tls::secure::{secured, trusted};

/// How long a server may keep us waiting: it closes an idle session after half an hour at the earliest (RFC 3501,
/// section 5.4), and so long it may well be busy itself.
const PATIENCE: Duration = Duration::from_secs(1800);

/// The port at which TLS begins with the first byte ("imaps", RFC 8314, section 7.2).
const TLS_AT_ONCE: u16 = 993;

/// Runs `read HOST PORT USER PASSWORD`: shows every message, and leaves the mailbox as it is.
///
/// # Errors
/// Bad arguments, no server or one that is not who it should be, a refusal, or a connection that breaks.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let order = read(arguments)?;
    if !order.user.is_ascii() || !order.password.is_ascii() {
        return Err(BadArguments::Unfit("USER and PASSWORD have ASCII letters only").into());
    }
    let no_server = |source| Failure::NoServer { host: order.host.to_owned(), port: order.port, source };
    let connection = TcpStream::connect((order.host, order.port)).map_err(no_server)?;
    connection.set_read_timeout(Some(PATIENCE)).map_err(no_server)?;
    match order.port {
        TLS_AT_ONCE => look(secured(connection, order.host, trusted()?)?, &order),
        // Everybody on the way can read this: good for a lab on one machine.
        _ => look(connection, &order),
    }
}

/// Logs in, shows everything, and logs out.
fn look<S: Read + Write>(connection: S, order: &Order<'_>) -> Result<(), Failure> {
    let mut session = Session::begin(connection)?;
    let shown = session.log_in(order.user, order.password).and_then(|()| show(&mut session, &mut io::stdout().lock()));
    // Also after a refusal: the server then knows that we have gone on purpose.
    if !matches!(shown, Err(Failure::Connection { .. })) {
        session.log_out();
    }
    shown
}

/// Writes every message out.
fn show<S: Read + Write>(session: &mut Session<S>, out: &mut impl Write) -> Result<(), Failure> {
    let count = session.examine()?;
    if count == 0 {
        writeln!(out, "no messages").map_err(Failure::Output)?;
    }
    for number in 1..=count {
        let letter = Letter::read(&session.message(number)?);
        writeln!(out, "--- message {number} of {count}\n{letter}").map_err(Failure::Output)?;
    }
    out.flush().map_err(Failure::Output)
}
