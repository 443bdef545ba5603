//! The proxy: a thread for each browser, one request on each connection.
//!
//! Protocol: see the module's page. This file shows one request's way there and back, and what the browser is told at each
//! place where that can fail.

use std::io::{self, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::body::{self, Extent};
use super::head::Head;
use super::url::{self, Wanted};
use crate::arguments;
use crate::browser::{Came, read_head, refuse, take_leave};
use crate::failure::Failure;
use crate::http::{self, RequestLine, Status};
use crate::threads::Clients;

const BAD_GATEWAY: Status = Status(502, "Bad Gateway");
const GATEWAY_TIMEOUT: Status = Status(504, "Gateway Timeout");
const LOOP_DETECTED: Status = Status(508, "Loop Detected");

/// How long an origin server may take to accept us, and then to begin its answer.
const TO_CONNECT: Duration = Duration::from_secs(20);
const TO_ANSWER: Duration = Duration::from_secs(60);

/// Why a browser does not get what it asked for.
enum Trouble {
    /// It can be told so: nothing of an answer has been sent yet.
    Tell(Status),
    /// It cannot: it is gone itself, or has half of an answer.
    Broken(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Runs `proxy PORT` until it is stopped from outside.
///
/// # Errors
/// Bad arguments, or a port that cannot be had.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let port = arguments::port(arguments)?;
    let listener =
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map_err(|source| Failure::Listen { port, source })?;
    serve(&listener)
}

/// Gives each browser's connection a thread and one answer.
///
/// # Errors
/// If the listener is of no more use; never because of a browser or a site.
pub fn serve(listener: &TcpListener) -> Result<(), Failure> {
    Clients::default().serve(listener, |browser| {
        match serve_one(&browser) {
            Ok(()) => {}
            Err(Trouble::Tell(status)) => refuse(&mut &browser, status, true)?,
            Err(Trouble::Broken(error)) => {
                // An ordinary close could be taken for the end of the page. A reset cannot.
                let _ = SockRef::from(&browser).set_linger(Some(Duration::ZERO));
                return Err(error);
            }
        }
        take_leave(&browser)
    })
}

fn serve_one(browser: &TcpStream) -> Result<(), Trouble> {
    // What is read too much with the head stays in this reader, for the body.
    let mut from_browser = BufReader::new(browser);
    let head = match read_head(&mut from_browser)? {
        Came::Head(head) => head,
        Came::TooLong => return Err(Trouble::Tell(http::HEAD_TOO_LARGE)),
        Came::Left => return Ok(()),
    };
    let bad = || Trouble::Tell(http::BAD_REQUEST);
    let line = RequestLine::of(&head).ok_or_else(bad)?;
    let mut head = Head::of(&head).ok_or_else(bad)?;
    // The name under which we sign: where this browser has found us.
    let own_name = browser.local_addr()?.to_string();
    if head.words("via").iter().any(|signed| signed.split(' ').nth(1) == Some(own_name.as_str())) {
        return Err(Trouble::Tell(LOOP_DETECTED));
    }
    if line.method == "CONNECT" {
        return tunnel(browser, from_browser, &line.target);
    }
    let wanted = url::take_apart(&line.target).ok_or_else(bad)?;
    head.keep_end_to_end();
    let extent = Extent::of_request(&head).ok_or_else(bad)?;
    let origin = connect(&wanted.host, wanted.port)?;
    // A site that hangs up early has perhaps said why: its answer is worth reading, whatever became of our request.
    let asked = ask(&origin, &line, &head, &wanted, &own_name);
    let sent = asked.and_then(|()| body::pass_on(&mut from_browser, &mut &origin, extent));
    match (sent, answer(&origin, browser, &line.method)) {
        (Err(error), Err(Trouble::Broken(_))) => Err(error.into()),
        (_, answered) => answered,
    }
}

/// Connects to a site, at one address after the other.
fn connect(host: &str, port: u16) -> Result<TcpStream, Trouble> {
    let Ok(addresses) = (host, port).to_socket_addrs() else {
        return Err(Trouble::Tell(BAD_GATEWAY));
    };
    let mut trouble = BAD_GATEWAY;
    for address in addresses {
        match TcpStream::connect_timeout(&address, TO_CONNECT) {
            Ok(origin) => return Ok(origin),
            Err(error) if error.kind() == ErrorKind::TimedOut => trouble = GATEWAY_TIMEOUT,
            Err(_) => trouble = BAD_GATEWAY,
        }
    }
    Err(Trouble::Tell(trouble))
}

/// Sends the head of the request as the origin server is to see it.
fn ask(mut origin: &TcpStream, line: &RequestLine, head: &Head, wanted: &Wanted, own_name: &str) -> io::Result<()> {
    let mut head = head.clone();
    // The URL decides, not the Host that the browser has sent: in the textbook's form that is our own.
    head.remove("host");
    // In the version of the browser: whoever asks in HTTP/1.0 gets no chunks, which it could not read.
    let first = format!("{} {} {}", line.method, wanted.path, line.version);
    let version = line.version.trim_start_matches("HTTP/");
    let own =
        [format!("Host: {}", wanted.authority), format!("Via: {version} {own_name}"), "Connection: close".to_owned()];
    origin.write_all(&head.bytes(&first, &own))
}

/// Passes the answer on.
fn answer(origin: &TcpStream, mut browser: &TcpStream, method: &str) -> Result<(), Trouble> {
    let mut from_origin = BufReader::new(origin);
    origin.set_read_timeout(Some(TO_ANSWER))?;
    loop {
        let head = match read_head(&mut from_origin) {
            Ok(Came::Head(head)) => head,
            Ok(Came::Left | Came::TooLong) => return Err(Trouble::Tell(BAD_GATEWAY)),
            // This is how a read timeout shows.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(Trouble::Tell(GATEWAY_TIMEOUT));
            }
            Err(_) => return Err(Trouble::Tell(BAD_GATEWAY)),
        };
        let nonsense = || Trouble::Tell(BAD_GATEWAY);
        let mut head = Head::of(&head).ok_or_else(nonsense)?;
        let status = status(&head.first).ok_or_else(nonsense)?;
        head.keep_end_to_end();
        let extent = Extent::of_response(&head, status, method).ok_or_else(nonsense)?;
        // "100 Continue" and its like come before the answer that counts.
        let is_interim = matches!(status, 100..=199);
        let own = if is_interim { vec![] } else { vec!["Connection: close".to_owned()] };
        browser.write_all(&head.bytes(&head.first, &own))?;
        if is_interim {
            continue;
        }
        // From here on it may take as long as it takes: a film, or a page that grows while something happens.
        origin.set_read_timeout(None)?;
        return Ok(body::pass_on(&mut from_origin, &mut browser, extent)?);
    }
}

/// The code in a status line. `None` if it is none.
fn status(line: &str) -> Option<u16> {
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let version = words.next()?;
    let code = words.next()?;
    let sound = version.starts_with("HTTP/") && code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    sound.then(|| code.parse().ok()).flatten()
}

/// CONNECT: bytes in both directions, unread. A browser asks for this where what it has to say is encrypted.
fn tunnel(browser: &TcpStream, mut from_browser: BufReader<&TcpStream>, target: &str) -> Result<(), Trouble> {
    let (host, port) = url::host_and_port(target, None).ok_or(Trouble::Tell(http::BAD_REQUEST))?;
    let origin = connect(&host, port)?;
    (&mut &*browser).write_all(b"HTTP/1.1 200 Connection Established\r\n\r\n")?;
    thread::scope(|scope| {
        // Each direction has its own end, which is passed on as an end. A break ends both.
        let there = scope.spawn(|| {
            let outcome = io::copy(&mut from_browser, &mut &origin);
            let _ = origin.shutdown(if outcome.is_ok() { Shutdown::Write } else { Shutdown::Both });
            outcome
        });
        let back = io::copy(&mut &origin, &mut &*browser);
        let _ = browser.shutdown(if back.is_ok() { Shutdown::Write } else { Shutdown::Both });
        let there = there.join().unwrap_or_else(|_| Err(ErrorKind::Other.into()));
        back.and(there).map(drop)
    })?;
    Ok(())
}
