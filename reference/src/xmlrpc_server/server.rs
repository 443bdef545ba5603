//! The XML-RPC server: a thread for each client, one call on each connection.
//!
//! Protocol: see the module's page. This file shows a request with a body, read to the length that its head names.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use super::message::{self, Call};
use super::methods;
use crate::arguments;
use crate::browser::take_leave;
use crate::failure::Failure;
use crate::http::{self, HeadBuffer, RequestLine, Status};
use crate::threads::Clients;

/// The longest call, in bytes. It is held in memory as a whole.
const LONGEST_CALL: usize = 4 << 20;

/// Runs `server PORT` until it is stopped from outside.
///
/// # Errors
/// Bad arguments, or a port that cannot be had.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let port = arguments::port(arguments)?;
    // Everybody may call.
    serve(&listen(port)?, |_| true)
}

/// Listens on all addresses of this machine.
///
/// # Errors
/// If the port cannot be had.
pub fn listen(port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map_err(|source| Failure::Listen { port, source })
}

/// Gives each client's connection a thread and one reply. `admits` looks at the head of a request and says whether the
/// caller may call anything.
///
/// # Errors
/// If the listener is of no more use; never because of a client.
pub fn serve(listener: &TcpListener, admits: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Result<(), Failure> {
    Clients::default().serve(listener, move |mut client| {
        match read_call(&mut client, &admits)? {
            Request::Left => return Ok(()),
            Request::Refused(status) => refuse(&mut client, status)?,
            Request::Call(body) => {
                let outcome = Call::read(&body).and_then(|call| methods::dispatch(&call));
                let reply = message::reply(&outcome);
                // Always 200: the call has arrived and was answered. Whether it worked is in the reply.
                let head = http::response_head(http::OK, "text/xml", reply.len() as u64);
                client.write_all((head + &reply).as_bytes())?;
            }
        }
        take_leave(&client)
    })
}

/// What came of waiting for a request.
enum Request {
    /// Its body.
    Call(Vec<u8>),
    /// It is none that could be carried out.
    Refused(Status),
    /// The client closed its side before the request was complete.
    Left,
}

fn read_call(client: &mut TcpStream, admits: impl Fn(&[u8]) -> bool) -> io::Result<Request> {
    let mut collected = HeadBuffer::default();
    let mut piece = [0; 4096];
    let head = loop {
        match read_some(client, &mut piece)? {
            0 => return Ok(Request::Left),
            count => match collected.push(&piece[..count]) {
                Ok(Some(head)) => break head,
                Ok(None) => {}
                Err(http::TooLong) => return Ok(Request::Refused(http::HEAD_TOO_LARGE)),
            },
        }
    };
    let Some(line) = RequestLine::of(&head) else { return Ok(Request::Refused(http::BAD_REQUEST)) };
    // Before anything else is looked at: strangers learn nothing here.
    if !admits(&head) {
        return Ok(Request::Refused(http::UNAUTHORIZED));
    }
    if line.method != "POST" {
        return Ok(Request::Refused(http::METHOD_NOT_ALLOWED));
    }
    // XML-RPC demands a Content-Length. Without it there is no telling where the call ends: the client keeps its side
    // open to hear the reply.
    let length = match http::field(&head, "content-length").map(str::parse::<usize>) {
        None => return Ok(Request::Refused(http::LENGTH_REQUIRED)),
        Some(Err(_)) => return Ok(Request::Refused(http::BAD_REQUEST)),
        Some(Ok(length)) if length > LONGEST_CALL => return Ok(Request::Refused(http::BODY_TOO_LARGE)),
        Some(Ok(length)) => length,
    };
    // The beginning of the body may have come with the head, and its end may be a long time coming.
    let mut body = collected.behind();
    while body.len() < length {
        match read_some(client, &mut piece)? {
            0 => return Ok(Request::Left),
            count => body.extend_from_slice(&piece[..count]),
        }
    }
    body.truncate(length);
    Ok(Request::Call(body))
}

fn read_some(client: &mut TcpStream, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        match client.read(piece) {
            // A signal came while we waited; nothing was read and nothing lost.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Sends an error page: the request has not got as far as XML-RPC.
fn refuse(client: &mut impl Write, status: Status) -> io::Result<()> {
    let Status(code, phrase) = status;
    // Two statuses have to say what would be right (RFC 9110, sections 15.5.2 and 15.5.6).
    let more = match status {
        http::UNAUTHORIZED => "WWW-Authenticate: Basic realm=\"calls\", charset=\"UTF-8\"\r\n",
        http::METHOD_NOT_ALLOWED => "Allow: POST\r\n",
        _ => "",
    };
    let page = format!("{code} {phrase}\n");
    let head = http::response_head_with(status, "text/plain", page.len() as u64, more);
    client.write_all((head + &page).as_bytes())
}
