//! The program that reads a mailbox.

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::session::Session;
use crate::arguments::{BadArguments, host_and_port};
use crate::failure::Failure;

/// How long a server may keep us waiting: it closes an idle session after ten minutes at the earliest (RFC 1939, section
/// 3), and so long it may well be busy itself.
const PATIENCE: Duration = Duration::from_secs(600);

/// The command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Order<'a> {
    /// The server.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// The name of the mailbox.
    pub user: &'a str,
    /// Its password. On a command line everybody on the machine can see it (`ps`): good for a lab, and for nothing else.
    pub password: &'a str,
}

/// Runs `read HOST PORT USER PASSWORD`: shows every message, and leaves the mailbox as it is.
///
/// # Errors
/// Bad arguments, no server, a refusal, or a connection that breaks.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let order = read(arguments)?;
    let no_server = |source| Failure::NoServer { host: order.host.to_owned(), port: order.port, source };
    let connection = TcpStream::connect((order.host, order.port)).map_err(no_server)?;
    connection.set_read_timeout(Some(PATIENCE)).map_err(no_server)?;
    let reader = connection.try_clone().map_err(no_server)?;
    let mut session = Session::begin(reader, connection)?;
    let shown = show(&mut session, &order, &mut io::stdout().lock());
    // Also after a refusal: the server then knows that we have gone on purpose.
    if !matches!(shown, Err(Failure::Connection { .. })) {
        session.quit();
    }
    shown
}

/// Reads the command line.
///
/// # Errors
/// Anything but a host, a port, a name and a password.
pub fn read(arguments: &[String]) -> Result<Order<'_>, BadArguments> {
    let [_, _, user, password] = arguments else {
        return Err(BadArguments::Count { expected: 4, found: arguments.len() });
    };
    let (host, port) = host_and_port(&arguments[..2])?;
    // A line end in a name would be a command of its own, given by whoever wrote the name.
    let is_word = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
    if !is_word(user) || user.contains(' ') || !is_word(password) {
        return Err(BadArguments::Unfit("USER is one word, and PASSWORD is not empty"));
    }
    Ok(Order { host, port, user, password })
}

/// Logs in and writes every message out.
fn show<R: io::Read, W: Write>(
    session: &mut Session<R, W>,
    order: &Order<'_>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    session.log_in(order.user, order.password)?;
    let count = session.count()?;
    if count == 0 {
        writeln!(out, "no messages").map_err(Failure::Output)?;
    }
    for number in 1..=count {
        // Fetched whole before it is shown: if the reader of our output is slow, the server does not wait for him.
        let message = session.message(number)?;
        writeln!(out, "--- message {number} of {count}").map_err(Failure::Output)?;
        out.write_all(&message).map_err(Failure::Output)?;
        writeln!(out).map_err(Failure::Output)?;
    }
    out.flush().map_err(Failure::Output)
}
