//! The program that displays a remote machine's figures.

use std::io::{self, IsTerminal, Write};

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

use crate::arguments::{BadArguments, host_port_and_name};
use crate::failure::Failure;

/// The command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Order<'a> {
    /// The machine.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// The user's name there.
    pub user: &'a str,
}

/// Runs `sshstats HOST PORT USER`.
///
/// # Errors
/// Bad arguments, no server, a machine that is not the known one, a refused login, or an output that is none.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let (host, port, user) = host_port_and_name(arguments)?;
    if user.contains(char::is_whitespace) {
        return Err(BadArguments::Unfit("USER is one word").into());
    }
    display(&Order { host, port, user })
}

#[cfg(feature = "ssh")]
fn display(order: &Order<'_>) -> Result<(), Failure> {
    use super::figures::{COMMAND, Figures};

    // The library is asynchronous; one thread is enough for one session.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Serve)?;
    let text = runtime.block_on(super::session::ask(order, COMMAND))?;
    let figures = Figures::read(&text)
        .ok_or_else(|| Failure::Protocol(format!("{} does not answer as a Linux machine does", order.host)))?;
    let mut out = io::stdout().lock();
    write!(out, "{figures}").and_then(|()| out.flush()).map_err(Failure::Output)
}

#[cfg(not(feature = "ssh"))]
fn display(order: &Order<'_>) -> Result<(), Failure> {
    // Whether anybody is there can be told without SSH.
    let no_server = |source| Failure::NoServer { host: order.host.to_owned(), port: order.port, source };
    std::net::TcpStream::connect((order.host, order.port)).map_err(no_server)?;
    let why = format!("cannot ask {}: this build has no SSH; build it with `--features remote`", order.host);
    Err(Failure::Protocol(why))
}

/// Asks for a password: at a terminal without showing it.
///
/// # Errors
/// If standard input cannot be read.
pub fn password() -> Result<String, Failure> {
    let input = io::stdin();
    let _ = write!(io::stderr(), "password: ");
    let shown = if input.is_terminal() { tcgetattr(&input).ok() } else { None };
    if let Some(modes) = &shown {
        let mut hidden = modes.clone();
        hidden.local_flags &= !LocalFlags::ECHO;
        let _ = tcsetattr(&input, SetArg::TCSAFLUSH, &hidden);
    }
    let mut line = String::new();
    let read = input.read_line(&mut line);
    if let Some(modes) = &shown {
        let _ = tcsetattr(&input, SetArg::TCSAFLUSH, modes);
        let _ = writeln!(io::stderr());
    }
    read.map_err(Failure::Input)?;
    // The line end was typed, and is no part of it.
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}
