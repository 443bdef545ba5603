//! The program that brings students to a database.

use std::io::{self, BufRead};

use crate::arguments::{BadArguments, host_and_port};
use crate::failure::Failure;

/// The command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Order<'a> {
    /// The server.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// Who we are there.
    pub user: &'a str,
    /// The password. On a command line everybody on the machine can see it (`ps`): good for a lab, and for nothing else.
    pub password: &'a str,
}

/// Runs `students HOST PORT USER PASSWORD < NAMES`: brings a student for each line to the table, and shows the table.
///
/// # Errors
/// Bad arguments, no server, a refusal, or a connection that breaks.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let order = read(arguments)?;
    // All of them before the first is sent: while somebody types, no transaction keeps others waiting.
    let names = names(io::stdin().lock())?;
    bring(&order, &names)
}

#[cfg(feature = "mysql")]
fn bring(order: &Order<'_>, names: &[String]) -> Result<(), Failure> {
    super::table::bring(order, names, &mut io::stdout().lock())
}

#[cfg(not(feature = "mysql"))]
fn bring(_: &Order<'_>, _: &[String]) -> Result<(), Failure> {
    Err(Failure::Protocol("this build has no MySQL client: build it with `--features remote`".to_owned()))
}

/// Reads the command line.
///
/// # Errors
/// Anything but a host, a port, a user and a password.
pub fn read(arguments: &[String]) -> Result<Order<'_>, BadArguments> {
    let [_, _, user, password] = arguments else {
        return Err(BadArguments::Count { expected: 4, found: arguments.len() });
    };
    let (host, port) = host_and_port(&arguments[..2])?;
    if user.is_empty() {
        return Err(BadArguments::Unfit("USER is empty"));
    }
    Ok(Order { host, port, user, password })
}

/// The names, one a line, without the blanks around them; empty lines are nobody.
///
/// # Errors
/// If the input breaks, or is no text.
pub fn names(input: impl BufRead) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for line in input.lines() {
        let line = line.map_err(Failure::Input)?;
        let name = line.trim();
        if !name.is_empty() {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
