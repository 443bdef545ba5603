//! The chat server: passes messages on to the users they are addressed to.
//!
//! Protocol: see the module's page. This file shows a table that threads share, and the two locks that keep a user who
//! does not read from stopping the others.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::arguments::Options;
use crate::failure::Failure;
use crate::lines::{Line, LineReader};
use crate::threads::{Clients, listen};

use super::{LONGEST_LINE, SERVER, address};

/// How long a user may take nothing at all when all buffers on the way are full. Then the connection is closed: half of a
/// line may be sent, and nobody could tell where the next one begins.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a newcomer waits for a name that is taken. Whoever loses the connection and comes back at once would
/// otherwise be refused, if we have not yet noticed that the old connection is gone.
const NAME_PATIENCE: Duration = Duration::from_secs(1);

/// Runs `server --ip HOST --port PORT` until it is stopped from outside.
///
/// # Errors
/// Bad arguments, or an address that cannot be had.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let options = Options::read(arguments, &["ip", "port"])?;
    serve(&listen(options.host()?, options.port()?)?, PATIENCE)
}

/// Serves all users; whoever takes nothing for as long as `patience` is closed.
///
/// # Errors
/// If the listener is of no more use; never because of a user.
pub fn serve(listener: &TcpListener, patience: Duration) -> Result<(), Failure> {
    let users = Arc::new(Users::default());
    Clients::default().serve(listener, move |socket| {
        socket.set_write_timeout(Some(patience))?;
        converse(socket, &users)
    })
}

/// A user's socket, as those see it who send something to this user.
#[derive(Debug)]
struct User {
    /// Locked for one whole line, so that lines of several senders do not mix.
    socket: Mutex<TcpStream>,
}

impl User {
    /// Sends `sender|message` as one line.
    fn tell(&self, sender: &[u8], message: &[u8]) -> io::Result<()> {
        let line = [sender, b"|", message, b"\n"].concat();
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        socket.write_all(&line).inspect_err(|_| {
            // Its own thread is waiting for its next line, and learns this way that there will be none.
            let _ = socket.shutdown(Shutdown::Both);
        })
    }
}

/// Who is here, by name.
#[derive(Debug, Default)]
struct Users {
    table: Mutex<BTreeMap<Vec<u8>, Arc<User>>>,
    one_left: Condvar,
}

impl Users {
    fn table(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Arc<User>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a user, unless the name stays taken.
    fn enter<'a>(&'a self, name: &'a [u8], user: &Arc<User>) -> Option<Stay<'a>> {
        // The lock is given back while this waits.
        let (mut table, _) = self
            .one_left
            .wait_timeout_while(self.table(), NAME_PATIENCE, |table| table.contains_key(name))
            .unwrap_or_else(PoisonError::into_inner);
        if table.contains_key(name) {
            return None;
        }
        table.insert(name.to_vec(), Arc::clone(user));
        Some(Stay { users: self, name })
    }

    /// The user of that name. The lock on the table ends here: what is sent to the user is sent without it.
    fn find(&self, name: &[u8]) -> Option<Arc<User>> {
        self.table().get(name).cloned()
    }
}

/// A user's place in the table. It ends with the user's thread, whatever ends that: a name that stays taken after its
/// user has left could never be used again.
struct Stay<'a> {
    users: &'a Users,
    name: &'a [u8],
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        self.users.table().remove(self.name);
        self.users.one_left.notify_all();
    }
}

/// One user, from the name to the last line.
fn converse(socket: TcpStream, users: &Users) -> io::Result<()> {
    let user = Arc::new(User { socket: Mutex::new(socket.try_clone()?) });
    let notice = |text: &str| user.tell(SERVER.as_bytes(), text.as_bytes());

    let mut lines = LineReader::new(&socket, LONGEST_LINE);
    // Whoever connects and says nothing waits here, in a thread of its own, and keeps nobody out.
    let name = match lines.next_line()? {
        Some(Line::Whole(line)) => line.trim_ascii().to_vec(),
        Some(Line::TooLong) => Vec::new(),
        None => return Ok(()),
    };
    if name.is_empty() || name.contains(&b'|') || name == SERVER.as_bytes() {
        return notice("that cannot be a name; the first line is yours");
    }
    let Some(_stay) = users.enter(&name, &user) else {
        return notice(&format!("the name {} is taken", String::from_utf8_lossy(&name)));
    };

    while let Some(line) = lines.next_line()? {
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong => {
                notice("that line is too long")?;
                continue;
            }
        };
        let Some((message, recipient)) = address(&line) else {
            // An empty line is a slip of the finger.
            if !line.trim_ascii().is_empty() {
                notice("nobody is addressed; write <message>|<recipient>")?;
            }
            continue;
        };
        // The recipient may leave between the two steps. Then the message cannot be sent, and that is the same to us.
        let sent = users.find(recipient).is_some_and(|recipient| recipient.tell(&name, message).is_ok());
        if !sent {
            notice(&format!("there is no {} here", String::from_utf8_lossy(recipient)))?;
        }
    }
    Ok(())
}
