//! The task `mail-attach`: send a mail with attached files to one recipient or several.
//!
//! ```text
//! MIME-Version: 1.0
//! Content-Type: multipart/mixed; boundary="b7"      the mail has parts, and this stands between them
//!
//! --b7
//! Content-Type: text/plain; charset=utf-8           what the reader reads first
//!
//! Dear Bert, …
//! --b7
//! Content-Type: application/octet-stream            bytes; what they mean is the reader's business
//! Content-Disposition: attachment; filename="plan.png"
//! Content-Transfer-Encoding: base64                 in letters that get through everywhere
//!
//! iVBORw0KGgo…
//! --b7--                                            and no part follows
//! ```
//!
//! SMTP is spoken by hand, as in [`crate::mail_client`], whose dialogue is used here; how a mail with parts is written down
//! (RFC 2045, RFC 2046) is left to a library, as any program would. What to look at:
//!
//! - **Each recipient is a `RCPT` of its own**, and one mail goes to all of them. `To` in the header only says to the reader
//!   who else has got it.
//! - **Files are bytes.** They are read as bytes and never become text on the way: no line end is turned into another, and no
//!   character set is guessed. Base64 makes letters of them, in lines of 76.
//! - **A name is not bytes.** `filename` may have letters that no header can hold, and then it is written as
//!   `filename*=utf-8''Gr%C3%BC%C3%9Fe.txt` (RFC 2231).

pub mod mail;
