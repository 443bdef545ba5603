//! The task `dual-stack`: the server of `echo-commands`, for clients of IPv4 and of IPv6.
//!
//! What to look at: two sockets on the same port, one for each family, and a thread that accepts at each. One socket on
//! `::` can serve both on some systems, where IPv4 clients then appear with addresses such as `::ffff:192.0.2.7`; on
//! others it cannot, and which it is depends on a setting of the machine. With IPV6_V6ONLY the IPv6 socket takes IPv6
//! clients and nothing else, and then both can have the port, everywhere.
//!
//! A machine may have no IPv6 at all, and then the IPv6 socket cannot be made. That is no reason not to serve IPv4, and
//! the server says what it does without. A port that is taken is another matter: half a server, which some clients
//! reach and others do not, is worse than none.
//!
//! The client needs nothing of all this. `connect` takes a name or an address, asks for all addresses of a name, and
//! tries one after another until somebody answers. A program that picks the first, or that writes AF_INET somewhere, is
//! bound to one family.

pub mod client;
pub mod server;
