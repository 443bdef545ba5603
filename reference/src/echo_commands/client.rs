//! The echo client, which stores what it downloads.
//!
//! Protocol: see the module's page. One line from the user, one reply from the server, in turn. What the server says goes
//! to standard output, and what this program has to say about itself to standard error.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use crate::arguments::Options;
use crate::dialogue::connect;
use crate::failure::Failure;
use crate::lines::without_return;

use super::reply::Header;
use super::{LONGEST_LINE, Request};

/// Runs `client --ip HOST --port PORT` with lines on standard input.
///
/// # Errors
/// Bad arguments, no server, a server that leaves in the middle, or a file that cannot be stored.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let options = Options::read(arguments, &["ip", "port"])?;
    let server = connect(options.host()?, options.port()?)?;
    converse(server, &mut io::stdin().lock(), &mut io::stdout().lock(), Path::new("."))
}

/// Sends each line of `input` and prints its reply, until the input ends. Downloads go to `folder`.
///
/// # Errors
/// If the server leaves, or does not speak this protocol; or a stream or file of ours fails.
pub fn converse(
    server: TcpStream,
    input: &mut impl BufRead,
    output: &mut impl Write,
    folder: &Path,
) -> Result<(), Failure> {
    let mut server = Server(BufReader::new(server));
    let mut line = Vec::new();
    loop {
        line.clear();
        input.take(LONGEST_LINE as u64).read_until(b'\n', &mut line).map_err(Failure::Input)?;
        if line.is_empty() {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        server.send(&line)?;
        // The same reading of the line as the server's, so that both know what kind of reply comes.
        match Request::read(&line[..line.len() - 1]) {
            Request::Echo(_) => {
                let echo = server.line()?;
                output.write_all(&echo).and_then(|()| output.write_all(b"\n")).map_err(Failure::Output)?;
            }
            Request::Download(name) => server.download(name, output, folder)?,
            Request::Run(_) => server.command(output)?,
        }
        output.flush().map_err(Failure::Output)?;
    }
}

struct Server(BufReader<TcpStream>);

fn broken(source: io::Error) -> Failure {
    Failure::Connection { doing: "waiting for the reply", source }
}

fn closed() -> Failure {
    Failure::Protocol("the server closed the connection".to_owned())
}

impl Server {
    fn send(&mut self, line: &[u8]) -> Result<(), Failure> {
        let sending = |source| Failure::Connection { doing: "sending a line", source };
        self.0.get_mut().write_all(line).map_err(sending)
    }

    /// One line of the reply, without its newline.
    fn line(&mut self) -> Result<Vec<u8>, Failure> {
        let mut line = Vec::new();
        // A little more than we send, for a server with more to say than the echo.
        self.0.by_ref().take(2 * LONGEST_LINE as u64).read_until(b'\n', &mut line).map_err(broken)?;
        match line.pop() {
            Some(b'\n') => Ok(line),
            Some(_) | None => Err(closed()),
        }
    }

    fn header(&mut self) -> Result<Header, Failure> {
        let line = self.line()?;
        let text = String::from_utf8_lossy(without_return(&line));
        Header::read(&text).ok_or_else(|| {
            Failure::Protocol("the server's reply does not say how long it is: it speaks another protocol".to_owned())
        })
    }

    /// Copies exactly so many bytes. A reply that is cut short is an error, not a short file.
    fn copy(&mut self, length: u64, to: &mut impl Write, failure: fn(io::Error) -> Failure) -> Result<(), Failure> {
        let mut left = length;
        while left > 0 {
            let arrived = self.0.fill_buf().map_err(broken)?;
            if arrived.is_empty() {
                return Err(closed());
            }
            let count = arrived.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            to.write_all(&arrived[..count]).map_err(failure)?;
            self.0.consume(count);
            left -= count as u64;
        }
        Ok(())
    }

    fn command(&mut self, output: &mut impl Write) -> Result<(), Failure> {
        match self.header()? {
            Header::Output(length, status) => {
                self.copy(length, output, Failure::Output)?;
                if status != 0 {
                    writeln!(output, "(the command ended with status {status})").map_err(Failure::Output)?;
                }
                Ok(())
            }
            Header::Error(reason) => writeln!(output, "error: {reason}").map_err(Failure::Output),
            Header::File(_) => Err(Failure::Protocol("the server sent a file for a command".to_owned())),
        }
    }

    fn download(&mut self, name: &[u8], output: &mut impl Write, folder: &Path) -> Result<(), Failure> {
        match self.header()? {
            Header::File(length) => {
                let path = self.store(length, name, folder)?;
                writeln!(output, "{}: {length} bytes", path.display()).map_err(Failure::Output)
            }
            // Said, not stored: no file is made before it is known that there is one.
            Header::Error(reason) => writeln!(output, "error: {reason}").map_err(Failure::Output),
            Header::Output(..) => Err(Failure::Protocol("the server sent an output for a file".to_owned())),
        }
    }

    /// Stores a file under a name that is only its own when all of it is there.
    fn store(&mut self, length: u64, name: &[u8], folder: &Path) -> Result<PathBuf, Failure> {
        let cannot = |error: io::Error| Failure::Protocol(format!("cannot store the file: {error}"));
        let stored = stored_name(name);
        let partial = folder.join(with_ending(&stored, ".part"));
        let path = folder.join(&stored);
        let mut file = File::create(&partial).map_err(cannot)?;
        let whole = self
            .copy(length, &mut file, |error| Failure::Protocol(format!("cannot store the file: {error}")))
            .and_then(|()| fs::rename(&partial, &path).map_err(cannot));
        if let Err(failure) = whole {
            let _ = fs::remove_file(&partial);
            return Err(failure);
        }
        Ok(PathBuf::from(stored))
    }
}

/// `client_` and the last part of the name: a file of a folder over there is stored here, not in a folder that this
/// machine may not have.
fn stored_name(name: &[u8]) -> OsString {
    let name = String::from_utf8_lossy(name);
    let last = Path::new(&*name).file_name().unwrap_or(OsStr::new("file"));
    let mut stored = OsString::from("client_");
    stored.push(last);
    stored
}

fn with_ending(name: &OsStr, ending: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(ending);
    name
}
