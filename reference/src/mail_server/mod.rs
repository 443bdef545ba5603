//! The task `mail-server`: take mail over SMTP (RFC 5321), and print both sides of the dialogue.
//!
//! The other side of `mail-client`, whose start page shows a dialogue. What to look at:
//!
//! - **A session has a state** ([`session`]): which commands are in place depends on those before. What is out of place
//!   gets 503 and changes nothing.
//! - **Within the text there are no commands.** A line that says `QUIT` is a line of the mail. Only a line that is one dot
//!   ends it, and a dot that was put before a line is taken off.
//! - **Replies go by lines, not by reads.** Five commands in one segment get five replies, and half a command none yet.
//! - **250 after the dot is a promise.** From then on the mail is ours to deliver. A client that leaves before it has
//!   handed over nothing.
//!
//! [`session`] has no socket: lines go in, and replies come out. So it can be tried without any network.

pub mod server;
pub mod session;
