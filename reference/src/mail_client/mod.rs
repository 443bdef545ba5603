//! The task `mail-client`: hand a mail over to a mail server, speaking SMTP (RFC 5321) by hand.
//!
//! ```text
//! S: 220 postbox.example ready
//! C: EHLO localhost            who we are
//! S: 250 postbox.example
//! C: MAIL FROM:<anna@example.org>
//! S: 250 ok
//! C: RCPT TO:<bert@example.net>
//! S: 250 ok
//! C: DATA                      the server agrees with 354, and the mail follows
//! S: 354 go on
//! C: (header, an empty line, the text, and a line with a single dot)
//! S: 250 taken                 only now is the mail the server's
//! C: QUIT
//! S: 221 goodbye
//! ```
//!
//! The two speak in turn, and the server begins. What to look at:
//!
//! - **A reply is read whole before anything else is sent**: by lines, up to the one with a blank behind its code (`250-`
//!   means that more follows). [`dialogue`] has that, and nothing of mail.
//! - **Every code is looked at.** 2xx and 3xx go on; 4xx and 5xx mean no, and then nothing was sent. The user is told,
//!   and the server is told `QUIT` all the same.
//! - **The text is made fit for the journey** in [`text`]: lines end in CR LF, a line that begins with a dot gets one
//!   more, and what is not ASCII is encoded and declared.
//! - **The envelope and the header are two things.** `MAIL` and `RCPT` say where the mail goes; `From` and `To` in the
//!   header are for the reader, and the server does not look at them.

pub mod dialogue;
pub mod mail;
pub mod text;
