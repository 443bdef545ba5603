//! The task `password`: the client sends a password, the server answers `access granted` or `access denied`.
//!
//! What to look at: how the server knows that it has all of the password. The sheet says "after receiving data from a
//! client", but data arrives in pieces, and the pieces mean nothing. Whoever judges the first piece denies a `secret`
//! that came as `sec` and `ret`. What else could it do?
//!
//! - **Judge when enough bytes for the password are there.** Then `secretary` is granted, or at least judged before it
//!   is whole.
//! - **Judge after a pause.** A slow network makes pauses wherever it likes, and everybody waits for every verdict.
//! - **Agree on an end.** A password is a line. It ends at the first newline, or when the client closes its side; both
//!   can be told from "there is more to come" without guessing.
//!
//! The last is what is done here. Its price: a client that sends the bare word and then waits for the verdict gets
//! none, because the server cannot know that it is done. That client has to end its line. One line feed, or a carriage
//! return and a line feed, is the end and no part of the password; every other byte is, blanks included.
//!
//! There is one verdict for each connection, so that guessing costs a connection per guess. Both programs make blocking
//! calls. The server has a thread for each client: with only one, a client that connects and says nothing would lock
//! out everybody else.
//!
//! A password on the command line can be seen by everyone who calls `ps`, and one that is sent in the clear by everyone
//! on the way. Both are the sheet's wish, and fit for a lab only.

pub mod client;
pub mod server;

/// The two verdicts. Which of them it is, and nothing else, is what a stranger may learn.
const GRANTED: &str = "access granted\n";
const DENIED: &str = "access denied\n";
