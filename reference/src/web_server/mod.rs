//! The task `web-server`: a browser asks for a file by its path, and gets the file or `404 Not Found`.
//!
//! ```text
//! GET /page.html HTTP/1.1        HTTP/1.1 200 OK
//! Host: localhost:6789           Content-Type: text/html; charset=utf-8
//!                                Content-Length: 1234
//!                                Connection: close
//!
//!                                <!doctype html> …
//! ```
//!
//! The sheet's program handles one request. What makes it a server that one can leave running is in three places:
//!
//! - **Ends.** The request ends at an empty line, not where one `recv` ends: [`crate::http`] collects. The response ends
//!   after `Content-Length` bytes, and they are the bytes of the file as they are: a picture that is read as text is
//!   either an error or another picture.
//! - **The path.** A stranger writes it. `/../../etc/passwd`, `/%2e%2e/…`, `//etc/passwd` and a symbolic link that points
//!   elsewhere are all ways out of the folder. To look for `..` in the text finds some of them. [`files`] asks the system
//!   where the path really leads, and then whether that is inside.
//! - **The close.** A connection that is closed while bytes of the client are still unread is reset, and a reset may
//!   destroy what we have sent last. So [`server`] says that it has no more to send, and listens to the end.
//!
//! A thread serves each connection. Browsers open several at once, and some that they never use; a server that waits for
//! one of these serves nobody meanwhile.

pub mod files;
pub mod server;
