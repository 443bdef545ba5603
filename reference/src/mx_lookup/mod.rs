//! The task `mx-lookup`: which hosts take the mail of an address.
//!
//! ```text
//! mxinfo postmaster@example.org
//! mail for example.org goes to, in this order:
//!    10  mail.example.org    192.0.2.25 2001:db8::25
//!    20  backup.example.org  198.51.100.7
//! ```
//!
//! The hosts stand in the MX records of the address's domain. `getaddrinfo` knows addresses only, so a question of this
//! kind must be put to a name server by hand. Start with [`message`], which is the whole format: a header, a question,
//! and records; then [`resolver`], which carries it over UDP and, if it must, TCP. What to look at:
//!
//! - **Names are lengths and labels**, and in an answer their ends are mostly *pointers* to where the same end stands
//!   already. A name can be followed only within the whole message.
//! - **The lower preference comes first**, as a number: 5 before 10 before 100.
//! - **No MX is an answer, too.** Mail then goes to the domain itself, if it has an address (RFC 5321, section 5.1). A
//!   single MX of preference 0 with the root as its host says the contrary: no mail at all (RFC 7505). And a domain that
//!   does not exist (the response code 3) is neither.
//! - **A datagram may be lost, or come from somebody else**: a time-out, a second try, the same number and the same
//!   question in the answer as in the question.

pub mod message;
pub mod mxinfo;
pub mod resolver;
