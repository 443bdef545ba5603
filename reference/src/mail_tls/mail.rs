//! The program that sends a mail by way of a server that wants TLS and a login.

use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::login::{log_in, offered};
use super::secure::{secured, trusted};
use crate::arguments::{BadArguments, host_and_port, parse_port};
use crate::failure::Failure;
use crate::mail_client::dialogue::{Dialogue, Reply};
use crate::mail_client::mail::{agreed, deliver, is_address};
use crate::mail_client::text::compose;

/// What the mail is about.
const SUBJECT: &str = "A mail from the lab";

/// How long a server may take for a reply (RFC 5321, section 4.5.3.2).
const PATIENCE: Duration = Duration::from_secs(300);

/// The port at which TLS begins with the first byte ("submissions", RFC 8314, section 7.3).
const TLS_AT_ONCE: u16 = 465;

/// A connection with TLS in it.
type Secured = StreamOwned<ClientConnection, TcpStream>;

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
    /// Who logs in.
    pub user: &'a str,
    /// With which password. On a command line everybody on the machine can see it: good for a lab, and for nothing else.
    pub password: &'a str,
}

/// Runs `mail HOST PORT FROM TO USER PASSWORD < FILE`. The status is 0 only if the server has taken the mail.
///
/// # Errors
/// Bad arguments, no server, one that is not who it should be or speaks no TLS, a refusal, or a connection that breaks.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let order = read(arguments)?;
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text).map_err(Failure::Input)?;
    let mail = compose(order.from, order.to, SUBJECT, &text, SystemTime::now());
    let trusted = trusted()?;
    let no_server = |source| Failure::NoServer { host: order.host.to_owned(), port: order.port, source };
    let connection = TcpStream::connect((order.host, order.port)).map_err(no_server)?;
    connection.set_read_timeout(Some(PATIENCE)).map_err(no_server)?;
    let (mut dialogue, hello) = if order.port == TLS_AT_ONCE {
        let mut dialogue = Dialogue::new(secured(connection, order.host, trusted)?);
        agreed("the connection", dialogue.reply()?)?;
        said_hello(dialogue)?
    } else {
        said_hello(Dialogue::new(start_tls(connection, order.host, trusted)?))?
    };
    let sent = send(&mut dialogue, &hello, &order, &mail);
    // Also after a refusal: the server then knows that we have gone on purpose.
    if !matches!(sent, Err(Failure::Connection { .. })) {
        let _ = dialogue.command("QUIT");
    }
    let (mut connection, _) = dialogue.into_parts();
    // TLS has a goodbye of its own, by which an end is told from a line that was cut (RFC 8446, section 6.1).
    connection.conn.send_close_notify();
    let _ = connection.conn.complete_io(&mut connection.sock);
    sent
}

/// Reads the command line.
///
/// # Errors
/// Anything but a host, a port, two addresses, a name and a password.
pub fn read(arguments: &[String]) -> Result<Order<'_>, BadArguments> {
    let [host, port, from, to, user, password] = arguments else {
        return Err(BadArguments::Count { expected: 6, found: arguments.len() });
    };
    host_and_port(&arguments[..2])?;
    if !is_address(from) || !is_address(to) {
        return Err(BadArguments::Unfit("FROM and TO are mail addresses, such as anna@example.org"));
    }
    Ok(Order { host, port: parse_port(port)?, from, to, user, password })
}

/// The dialogue in clear, which is as short as can be, and the handshake that ends it.
fn start_tls(connection: TcpStream, host: &str, trusted: Arc<ClientConfig>) -> Result<Secured, Failure> {
    let mut dialogue = Dialogue::new(connection);
    agreed("the connection", dialogue.reply()?)?;
    let hello = dialogue.command("EHLO localhost")?;
    let offers = hello.lines.iter().any(|line| line.trim().eq_ignore_ascii_case("STARTTLS"));
    // Whether the server cannot, or somebody on the way has taken the line out: the password is not for them.
    let without = |why: &str| Failure::Protocol(format!("nothing was sent, because {host} offers no TLS: {why}"));
    let refused = match offers {
        true => {
            let reply = dialogue.command("STARTTLS")?;
            (reply.code != 220).then(|| format!("{} {}", reply.code, reply.text))
        }
        false => Some("STARTTLS is not in its reply to EHLO".to_owned()),
    };
    if let Some(why) = refused {
        let _ = dialogue.command("QUIT");
        return Err(without(&why));
    }
    let (connection, early) = dialogue.into_parts();
    if !early.is_empty() {
        return Err(without("something came with its reply that would be taken for encrypted"));
    }
    secured(connection, host, trusted)
}

/// Greets in TLS, and hands back what the server can do there.
fn said_hello(mut dialogue: Dialogue<Secured>) -> Result<(Dialogue<Secured>, Reply), Failure> {
    let hello = dialogue.command("EHLO localhost")?;
    agreed("EHLO", hello.clone())?;
    Ok((dialogue, hello))
}

/// Login and mail.
fn send(dialogue: &mut Dialogue<Secured>, hello: &Reply, order: &Order<'_>, mail: &[u8]) -> Result<(), Failure> {
    let way = offered(hello).ok_or_else(|| {
        Failure::Protocol(format!("{} offers no way to log in that this program knows (PLAIN, LOGIN)", order.host))
    })?;
    log_in(dialogue, way, order.user, order.password)?;
    deliver(dialogue, order.from, order.to, mail)
}
