//! The task `xmlrpc-auth`: the server of `xmlrpc-server`, for those only who know the password.
//!
//! ```text
//! POST /RPC2 HTTP/1.1                    HTTP/1.1 401 Unauthorized
//! Content-Length: 181                    WWW-Authenticate: Basic realm="calls"
//!
//! POST /RPC2 HTTP/1.1                    HTTP/1.1 200 OK
//! Authorization: Basic YWRhOmJ5cm9u      <methodResponse> …
//! ```
//!
//! HTTP brings the scheme (RFC 7617), and every client library knows it: `http://ada:byron@host:8000` is all that a
//! caller writes. [`server`] asks [`credentials`] before it looks at anything else of a request.
//!
//! - **Each request is asked anew.** HTTP has no memory: what an earlier request has shown is worth nothing to the next,
//!   and an address may be shared by a whole school.
//! - **All of it is compared.** A comparison that stops at the shorter of two texts takes `b` for `byron`.
//! - **It takes the same time for every wrong password**, as far as it is up to us. A comparison that stops at the first
//!   wrong letter tells by its time how many were right.
//! - **It stays out of what we print.** Logs are kept for years and read by many.
//!
//! Basic is no encryption: base64 can be read by anybody on the way. Outside of a lab it goes inside TLS and nowhere
//! else, and the password comes from a file, because a command line can be read by everybody on the machine.

pub mod credentials;
pub mod server;
