//! The task `mail-read-imap`: look into a mailbox with IMAP (RFC 3501), which leaves the mail where it is.
//!
//! ```text
//! S: * OK letterbox.example ready
//! C: a1 LOGIN anna "…"           every command has a tag, and its reply bears it
//! S: a1 OK you are in
//! C: a2 EXAMINE INBOX            open a folder, to look at it only
//! S: * 2 EXISTS                  untagged: data; how many messages there are
//! S: a2 OK [READ-ONLY] open
//! C: a3 FETCH 1 (BODY.PEEK[])    all of message 1, and do not note that it was seen
//! S: * 1 FETCH (BODY[] {640}     a literal: 640 bytes follow, whatever they look like
//! S: (640 bytes))
//! S: a3 OK that was all
//! C: a4 LOGOUT
//! S: * BYE I am closing
//! S: a4 OK goodbye
//! ```
//!
//! What to look at:
//!
//! - **A literal is counted, not searched.** In [`session`] a response is a line; if the line ends in `{640}`, 640 bytes
//!   and the rest of the line belong to it. Nothing in the bytes can end them: no `)`, no `a3 OK`. This is the place
//!   where programs break that read line by line.
//! - **The reply is over when its tag comes**, and not before. Between there may be data that we have asked for and data
//!   that we have not, in any order, because other programs look into the same mailbox. So what comes is sorted by what
//!   it is.
//! - **Grammar is work for a library.** Once a response is cut out of the stream, `imap-codec` tells its parts: quoted
//!   strings, lists in lists, flags. The same library writes the commands, so that a password with a quotation mark in
//!   it is still one word.
//! - **What comes is not what is shown.** A mail is ASCII on the way: subjects have encoded words (RFC 2047), texts are
//!   in base64 or quoted-printable, and several parts stand in one message (RFC 2045, 2046). [`letter`] makes it readable.

pub mod letter;
pub mod read;
pub mod session;
