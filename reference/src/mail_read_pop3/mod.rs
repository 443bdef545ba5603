//! The task `mail-read-pop3`: fetch mail from a mailbox, speaking POP3 (RFC 1939) by hand.
//!
//! ```text
//! S: +OK letterbox.example ready
//! C: USER anna                 who we are
//! S: +OK and the password?
//! C: PASS …                    and that it is us
//! S: +OK 2 messages
//! C: STAT                      how many are there, and how many bytes
//! S: +OK 2 1320
//! C: RETR 1
//! S: +OK 640 octets            a line, and after it the message:
//! S: (header, an empty line, the text, and a line with a single dot)
//! C: RETR 2                    and so on
//! C: QUIT                      only now is anything deleted that was marked so; we mark nothing
//! S: +OK goodbye
//! ```
//!
//! The two speak in turn, and the server begins. What to look at:
//!
//! - **A reply is one line or many, and only the command tells which.** Nothing in `+OK` says whether more follows, so
//!   [`session`] has two ways of asking: for a line, and for lines up to the one that is a dot.
//! - **A line with a dot more.** So that a text can have a line that is a single dot, the server puts a dot before every
//!   line that begins with one, and we take it off again.
//! - **Every reply is looked at.** After `-ERR` to the password there is no mailbox to read; the user is told, and the
//!   server is told `QUIT` all the same.
//! - **Looking is not taking.** `RETR` leaves a message where it is. Programs that say `DELE` after it belong to times in
//!   which the server's disk was small.

pub mod read;
pub mod session;
