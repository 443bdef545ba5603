//! The mail server: a thread for each client, and everything printed.

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use super::session::{Outcome, Session};
use crate::arguments;
use crate::failure::Failure;
use crate::lines::{Line, LineReader, without_return};
use crate::threads::Clients;

/// Longest line. A command has 512 bytes at most and a line of a mail 1000 (RFC 5321, section 4.5.3.1); some programs send
/// longer ones, and there is no harm in that.
const LONGEST: usize = 1 << 20;

/// Runs `server PORT` until it is stopped from outside.
///
/// # Errors
/// Bad arguments, or a port that cannot be had.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let port = arguments::port(arguments)?;
    let listener =
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map_err(|source| Failure::Listen { port, source })?;
    serve(&listener)
}

/// Gives each client a thread and a session.
///
/// # Errors
/// If the listener is of no more use; never because of a client.
pub fn serve(listener: &TcpListener) -> Result<(), Failure> {
    Clients::default().serve(listener, converse)
}

/// One session, from the greeting to QUIT or to the end of the stream.
///
/// # Errors
/// If the connection breaks. What was not taken until then is not kept.
fn converse(mut client: TcpStream) -> io::Result<()> {
    let mut lines = LineReader::new(client.try_clone()?, LONGEST);
    let mut session = Session::default();
    say(&mut client, Session::GREETING)?;
    while let Some(line) = lines.next_line()? {
        let outcome = match line {
            Line::Whole(line) => {
                let line = without_return(&line);
                show("C", line);
                session.line(line)
            }
            // A part of it cannot be taken for the whole, in a mail neither.
            Line::TooLong if session.is_in_text() => return say(&mut client, "554 a line of the mail is too long"),
            Line::TooLong => Outcome::Reply(Session::TOO_LONG),
        };
        match outcome {
            Outcome::Nothing => {}
            Outcome::Reply(reply) => say(&mut client, reply)?,
            Outcome::Taken(mail, reply) => {
                // Printed before the promise: who reads the reply may look for the mail at once.
                let mut whole = format!("--- mail from {} to {}\n", mail.from, mail.to.join(", ")).into_bytes();
                whole.extend(mail.text);
                whole.extend(b"---\n");
                print(&whole);
                say(&mut client, reply)?;
            }
            Outcome::Goodbye(reply) => return say(&mut client, reply),
        }
    }
    Ok(())
}

/// Says and shows a line.
fn say(client: &mut TcpStream, line: &str) -> io::Result<()> {
    show("S", line.as_bytes());
    client.write_all(format!("{line}\r\n").as_bytes())
}

fn show(who: &str, line: &[u8]) {
    print(&[who.as_bytes(), b": ", line, b"\n"].concat());
}

/// Prints in one piece, so that the dialogues of two clients do not mix within a line.
fn print(bytes: &[u8]) {
    let mut output = io::stdout().lock();
    // A server goes on when nobody reads what it prints any more.
    let _ = output.write_all(bytes).and_then(|()| output.flush());
}
