//! The program that stores a file.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use super::control::Control;
use super::place::{extended_port, passive_port};
use crate::arguments::{BadArguments, host_and_port};
use crate::failure::Failure;

/// How long a server may keep us waiting for a reply: it may have a large file to write first.
const PATIENCE: Duration = Duration::from_secs(300);

/// Bytes of the file that are in memory at a time.
const BLOCK: usize = 16 * 1024;

/// The command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Order<'a> {
    /// The server.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// The name of the account.
    pub user: &'a str,
    /// Its password. On a command line everybody on the machine can see it (`ps`): good for a lab, and for nothing else.
    pub password: &'a str,
    /// The file's path here.
    pub file: &'a str,
    /// Its name over there.
    pub name: &'a str,
}

/// Runs `upload HOST PORT USER PASSWORD FILE`. The status is 0 only if the server has confirmed the file.
///
/// # Errors
/// Bad arguments, no such file, no server, a refusal, or a connection that breaks.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let order = read(arguments)?;
    // Before anybody is bothered: is there something to store?
    let mut file = File::open(order.file).map_err(|source| Failure::File { name: order.file.to_owned(), source })?;
    let no_server = |source| Failure::NoServer { host: order.host.to_owned(), port: order.port, source };
    let connection = TcpStream::connect((order.host, order.port)).map_err(no_server)?;
    connection.set_read_timeout(Some(PATIENCE)).map_err(no_server)?;
    let reader = connection.try_clone().map_err(no_server)?;
    let mut control = Control::new(reader, connection.try_clone().map_err(no_server)?);
    let stored = log_in(&mut control, &order).and_then(|()| store(&mut control, &connection, &order, &mut file));
    // Also after a refusal: the server then knows that we have gone on purpose. What it answers changes nothing any more.
    if !matches!(stored, Err(Failure::Connection { .. })) {
        let _ = control.command("QUIT");
    }
    let count = stored?;
    writeln!(io::stdout(), "{} is stored: {count} bytes", order.name).map_err(Failure::Output)
}

/// Reads the command line.
///
/// # Errors
/// Anything but a host, a port, a name, a password and a file.
pub fn read(arguments: &[String]) -> Result<Order<'_>, BadArguments> {
    let [_, _, user, password, file] = arguments else {
        return Err(BadArguments::Count { expected: 5, found: arguments.len() });
    };
    let (host, port) = host_and_port(&arguments[..2])?;
    // A line end in a name would be a command of its own, given by whoever wrote the name.
    let is_word = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
    if !is_word(user) || !is_word(password) {
        return Err(BadArguments::Unfit("USER and PASSWORD are not empty and have no line ends"));
    }
    let name = Path::new(file).file_name().and_then(|name| name.to_str()).filter(|name| is_word(name));
    let name = name.ok_or(BadArguments::Unfit("FILE is the path of a file"))?;
    Ok(Order { host, port, user, password, file, name })
}

/// From the greeting to the moment in which we may do something.
///
/// # Errors
/// If the connection breaks, or the server refuses.
pub fn log_in<R: Read, W: Write>(control: &mut Control<R, W>, order: &Order<'_>) -> Result<(), Failure> {
    control.reply()?.agreed("the connection")?;
    let reply = control.command(&format!("USER {}", order.user))?.agreed("the name")?;
    // Some accounts need no password: 230 says so, 331 asks for it.
    if reply.code != 230 {
        // What is said about it never has the password in it: what a program prints ends up in logs.
        control.command(&format!("PASS {}", order.password))?.done("the login")?;
    }
    Ok(())
}

/// Stores the file, and returns its length in bytes.
fn store(
    control: &mut Control<TcpStream, TcpStream>,
    connection: &TcpStream,
    order: &Order<'_>,
    file: &mut File,
) -> Result<u64, Failure> {
    control.command("TYPE I")?.done("the binary mode")?;
    let port = data_port(control)?;
    let opening = |source| Failure::Connection { doing: "opening the connection for the data", source };
    let server = connection.peer_addr().map_err(opening)?.ip();
    let mut data = TcpStream::connect((server, port)).map_err(opening)?;
    control.command(&format!("STOR {}", order.name))?.agreed("the file")?;
    let sent = send(file, &mut data, order.file);
    // This is the end of the file, as far as the server can tell.
    drop(data);
    let reply = control.reply()?;
    // Where the server refuses, its words say more than ours: "disk full" explains the broken connection.
    let reply = reply.done("the file");
    match (reply, sent) {
        (Ok(_), sent) => sent,
        (Err(refusal), _) => Err(refusal),
    }
}

/// Asks where the server waits for the data: in the new way, which knows IPv6, else in the old one.
///
/// # Errors
/// If the server waits nowhere.
pub fn data_port<R: Read, W: Write>(control: &mut Control<R, W>) -> Result<u16, Failure> {
    let reply = control.command("EPSV")?;
    let (port, said) = match reply.code {
        229 => (extended_port(&reply.text), reply.text),
        _ => {
            let reply = control.command("PASV")?.done("a connection for the data")?;
            (passive_port(&reply.text), reply.text)
        }
    };
    port.ok_or_else(|| Failure::Protocol(format!("the server said {said:?}, and that is no port")))
}

/// Sends all of the file, block by block, and returns how many bytes that were.
///
/// # Errors
/// If the file cannot be read, or the connection breaks.
pub fn send(file: &mut impl Read, data: &mut impl Write, name: &str) -> Result<u64, Failure> {
    let mut block = vec![0; BLOCK];
    let mut count = 0;
    loop {
        let length = match file.read(&mut block) {
            Ok(0) => return Ok(count),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(source) => return Err(Failure::File { name: name.to_owned(), source }),
        };
        // A single write may take less than it is given: `write_all` goes on until the block is gone.
        data.write_all(&block[..length]).map_err(|source| Failure::Connection { doing: "sending the file", source })?;
        count += length as u64;
    }
}
