//! The XML-RPC server behind a password.

use super::credentials::Credentials;
use crate::arguments::{self, BadArguments};
use crate::failure::Failure;
use crate::http;
use crate::xmlrpc_server::server::{listen, serve};

/// Runs `server PORT USER PASSWORD` until it is stopped from outside.
///
/// # Errors
/// Bad arguments, or a port that cannot be had.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let (port, credentials) = read(arguments)?;
    serve(&listen(port)?, move |head| {
        // No header, no call. What came on this connection or from this address before makes no difference.
        http::field(head, "authorization").is_some_and(|header| credentials.shown_by(header))
    })
}

fn read(arguments: &[String]) -> Result<(u16, Credentials), BadArguments> {
    let [port, user, password] = arguments else {
        return Err(BadArguments::Count { expected: 3, found: arguments.len() });
    };
    let credentials = Credentials::new(user, password)
        .ok_or(BadArguments::Unfit("USER and PASSWORD are not empty, and USER has no colon"))?;
    Ok((arguments::parse_port(port)?, credentials))
}
