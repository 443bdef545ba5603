//! The task `ftp-upload`: store a local file on a server, speaking FTP (RFC 959) by hand over two connections.
//!
//! ```text
//! S: 220 depot.example takes files
//! C: USER anna                  who we are
//! S: 331 And the password?
//! C: PASS …                     and that it is us
//! S: 230 You are in.
//! C: TYPE I                     leave every byte as it is
//! S: 200 Binary mode.
//! C: EPSV                       where do you wait for the data?
//! S: 229 Entering Extended Passive Mode (|||5282|)
//!                               here we open the second connection, to port 5282
//! C: STOR letter.txt            this is what comes on it
//! S: 150 Send it.
//!                               the file, and then the end of the second connection
//! S: 226 It is stored.          only now is it there
//! C: QUIT
//! S: 221 Goodbye.
//! ```
//!
//! What to look at:
//!
//! - **Two connections.** Commands and replies stay on the first ([`control`]); the file is alone on the second, without a
//!   length before it or a mark behind it. So closing the second is not tidying up: it is the message that the file is whole.
//! - **`TYPE I` before `STOR`.** Otherwise the server takes the file for text and replaces line ends, also those that a picture
//!   has by accident.
//! - **The reply after the data decides.** That all of it went into a socket says little: the disk may be full over there. And
//!   if sending fails, the server's words are the better explanation, so they are read even then.
//! - **Replies of many lines.** `230-` begins one, and it ends with a line that begins with `230` and a blank; what is between may
//!   begin with anything.

pub mod control;
pub mod place;
pub mod upload;
