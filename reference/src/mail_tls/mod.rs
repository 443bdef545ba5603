//! The task `mail-tls`: hand a mail over to a server of today, which wants TLS and a login.
//!
//! ```text
//! S: 220 postbox.example ready
//! C: EHLO localhost
//! S: 250-postbox.example
//! S: 250 STARTTLS
//! C: STARTTLS                          the last word in clear
//! S: 220 go ahead
//!    (the handshake: from here on everything is encrypted, and the server has shown who it is)
//! C: EHLO localhost                    once more: what was said before may have come from anybody
//! S: 250-postbox.example
//! S: 250 AUTH PLAIN LOGIN
//! C: AUTH PLAIN AGFubmEAV2FsbnV0LURlc2stNTg=
//! S: 235 welcome
//!    (the mail, as in `mail-client`)
//! ```
//!
//! At port 465 TLS begins with the first byte, and the server greets in it (RFC 8314, section 3.3). What to look at:
//!
//! - **Encryption without a certificate that was checked protects from nobody** who can get in between: one is then
//!   safely connected with the wrong server. [`secure`] checks three things, or rather lets the library check them: that
//!   an authority which this machine trusts has signed, that the name is the one we wanted, and that the time is right.
//! - **No TLS, no password.** Who can change what the server says can take `STARTTLS` out of its list. A client that then
//!   goes on in clear does what that somebody wants, so [`mail`] ends instead.
//! - **What was read before the handshake is not believed after it.** Whoever sits in between may have sent lines along
//!   with `220`, to be taken for replies that came in TLS.
//! - **Base64 is a spelling.** [`login`] writes name and password in it, because commands are lines of text; everybody
//!   can read it back.

pub mod login;
pub mod mail;
pub mod secure;
