//! The program that mails its working directory.

use std::path::Path;

use super::pack::pack;
use crate::arguments::{BadArguments, host_and_port};
use crate::failure::Failure;
use crate::mail_attach::mail::compose;
use crate::mail_client::mail::{Order, is_address, send};

/// What the mail is about.
const SUBJECT: &str = "A folder from the lab";

/// Runs `mail HOST PORT FROM TO`. The status is 0 only if the server has taken the mail.
///
/// # Errors
/// Bad arguments, a folder that cannot be read, no server, a refusal, or a connection that breaks.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let order = read(arguments)?;
    let archive = pack(Path::new(".")).map_err(Failure::Folder)?;
    let name = std::env::current_dir().ok().and_then(|folder| Some(folder.file_name()?.to_string_lossy().into_owned()));
    let name = format!("{}.tar.gz", name.unwrap_or_else(|| "folder".to_owned()));
    let mail = compose(&order, &[order.to], "The folder is in the archive.\r\n", &[(name, archive)]);
    send(&order, &[order.to], &mail)
}

/// Reads the command line.
///
/// # Errors
/// Anything but a host, a port and two addresses.
pub fn read(arguments: &[String]) -> Result<Order<'_>, BadArguments> {
    let [_, _, from, to] = arguments else {
        return Err(BadArguments::Count { expected: 4, found: arguments.len() });
    };
    let (host, port) = host_and_port(&arguments[..2])?;
    if !is_address(from) || !is_address(to) {
        return Err(BadArguments::Unfit("FROM and TO are mail addresses, such as anna@example.org"));
    }
    Ok(Order { host, port, from, to, subject: SUBJECT })
}
