//! The program that waits for a service.
//!
//! Protocol: none; it connects and closes. This file shows a deadline that everything keeps to.

use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::arguments::{BadArguments, host_and_port};
use crate::failure::Failure;

/// The pause after a try that failed.
const PAUSE: Duration = Duration::from_millis(250);

/// The longest look-up, and the longest try. A SYN is repeated after a second for the first time, so that the loss of one
/// costs no try.
const LONGEST_TRY: Duration = Duration::from_secs(2);

/// Runs `wait HOST PORT [SECONDS]`. The status is 0 if the service was reached and 1 if not: scripts look at nothing else.
///
/// # Errors
/// Bad arguments, or the time is over.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let (host, port, limit) = read(arguments)?;
    let mut is_first = true;
    let waited = wait_for(host, port, limit, |reason| {
        // Said once, because nothing else would tell a service that is slow from a host that is misspelt.
        if std::mem::take(&mut is_first) {
            let _ = writeln!(io::stderr(), "wait: {host} port {port} cannot be reached yet: {reason}");
        }
    })?;
    writeln!(io::stdout(), "{host} port {port} was reached after {:.1} s", waited.as_secs_f64())
        .map_err(Failure::Output)
}

/// Reads the command line. No limit means for ever.
///
/// # Errors
/// Anything but a host, a port and, if there is a third word, whole seconds or `forever`.
pub fn read(arguments: &[String]) -> Result<(&str, u16, Option<Duration>), BadArguments> {
    let (address, limit) = match arguments {
        [address @ .., limit] if address.len() == 2 => (address, limit.as_str()),
        [_, _] => (arguments, "forever"),
        _ => return Err(BadArguments::Count { expected: 3, found: arguments.len() }),
    };
    let (host, port) = host_and_port(address)?;
    // `parse` alone would take a sign, too. 32 bits of seconds are more than a century.
    let is_number = limit.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = match limit.parse::<u32>() {
        Ok(seconds) if is_number => seconds,
        _ if limit.eq_ignore_ascii_case("forever") => 0,
        _ => return Err(BadArguments::Unfit("SECONDS is a whole number, or 0 or the word forever to wait for ever")),
    };
    Ok((host, port, (seconds > 0).then(|| Duration::from_secs(seconds.into()))))
}

/// Tries until the service is reached, and returns how long that took. `not_yet` is told why a try failed.
///
/// # Errors
/// If `limit` is over. Without one it never is.
pub fn wait_for(
    host: &str,
    port: u16,
    limit: Option<Duration>,
    mut not_yet: impl FnMut(&io::Error),
) -> Result<Duration, Failure> {
    let began = Instant::now();
    // How much of `longest` may be used before the time is over.
    let within = |longest: Duration| match limit {
        Some(limit) => longest.min(limit.saturating_sub(began.elapsed())),
        None => longest,
    };
    loop {
        let source = match attempt(host, port, || within(LONGEST_TRY)) {
            Ok(()) => return Ok(began.elapsed()),
            Err(error) => error,
        };
        not_yet(&source);
        // Nothing to be woken by: that a service begins to listen is told to nobody. So one has to ask again.
        thread::sleep(within(PAUSE));
        if within(PAUSE).is_zero() {
            let (host, limit) = (host.to_owned(), limit.unwrap_or_default());
            return Err(Failure::TimeOver { host, port, limit, source });
        }
    }
}

/// One try: all addresses of the host, in order. Each step takes no longer than `left` says.
fn attempt(host: &str, port: u16, left: impl Fn() -> Duration) -> io::Result<()> {
    let mut reason = ErrorKind::NotFound.into();
    // Looked up again for each try: the name may be made, or get another address, while we wait.
    for address in look_up(host, port, left())? {
        let time = left();
        // For `connect_timeout` a time of zero is a mistake.
        if time.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(&address, time).and_then(refuse_ourselves) {
            Ok(()) => return Ok(()),
            Err(error) => reason = error,
        }
    }
    Err(reason)
}

/// Closes a connection, and says if it led to ourselves.
///
/// Each try gets some free port for its own end, from the same range from which a service may have its port. One time in
/// some ten thousand it is the very port that it connects to, and then the SYN arrives at the socket that has sent it.
/// TCP allows that (a simultaneous open), `connect` succeeds, and nobody is there but us.
///
/// # Errors
/// The refusal that it ought to have been.
pub fn refuse_ourselves(connection: TcpStream) -> io::Result<()> {
    if connection.local_addr()? != connection.peer_addr()? {
        return Ok(());
    }
    // A close would leave the port in TIME_WAIT, and keep the service that we wait for from having it. A reset does not.
    socket2::SockRef::from(&connection).set_linger(Some(Duration::ZERO))?;
    Err(ErrorKind::ConnectionRefused.into())
}

/// The addresses of a host, if they are found within `time`.
fn look_up(host: &str, port: u16, time: Duration) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![(ip, port).into()]);
    }
    // The look-up of a name blocks for as long as the name servers let it wait, and takes no time-out. So it is left to a
    // thread, which ends by itself when nobody waits for it any more.
    let (tell, told) = channel();
    let host = host.to_owned();
    thread::Builder::new().spawn(move || {
        let addresses = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        let _ = tell.send(addresses);
    })?;
    told.recv_timeout(time).unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}
