//! The program that sends a mail with files.

use std::io::{self, Read};
use std::path::Path;

use mail_builder::MessageBuilder;

use crate::arguments::{BadArguments, host_and_port};
use crate::failure::Failure;
use crate::mail_client::mail::{Order, is_address, send};

/// What the mail is about.
const SUBJECT: &str = "Files from the lab";

/// What is to be sent to whom.
#[derive(Debug, PartialEq, Eq)]
pub struct Parcel<'a> {
    /// Where to, and from whom; the recipient in it is the first.
    pub order: Order<'a>,
    /// All recipients.
    pub recipients: Vec<&'a str>,
    /// The paths of the files.
    pub files: &'a [String],
}

/// Runs `mail HOST PORT FROM TO[,TO...] FILE... < TEXT`. The status is 0 only if the server has taken the mail.
///
/// # Errors
/// Bad arguments, a file that cannot be read, no server, a refusal, or a connection that breaks.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let parcel = read(arguments)?;
    // Files first: a mail with one of them missing is worse than none.
    let files = parcel.files.iter().map(|path| load(path)).collect::<Result<Vec<_>, _>>()?;
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text).map_err(Failure::Input)?;
    let mail = compose(&parcel.order, &parcel.recipients, &String::from_utf8_lossy(&text), &files);
    send(&parcel.order, &parcel.recipients, &mail)
}

/// Reads the command line.
///
/// # Errors
/// Anything but a host, a port, the sender's address, addresses with commas between them, and one file at least.
pub fn read(arguments: &[String]) -> Result<Parcel<'_>, BadArguments> {
    let [_, _, from, to, files @ ..] = arguments else {
        return Err(BadArguments::Count { expected: 5, found: arguments.len() });
    };
    if files.is_empty() {
        return Err(BadArguments::Count { expected: 5, found: arguments.len() });
    }
    let (host, port) = host_and_port(&arguments[..2])?;
    let recipients: Vec<&str> = to.split(',').map(str::trim).collect();
    if !is_address(from) || !recipients.iter().all(|to| is_address(to)) {
        return Err(BadArguments::Unfit("FROM and TO are mail addresses, such as anna@example.org"));
    }
    let order = Order { host, port, from, to: recipients[0], subject: SUBJECT };
    Ok(Parcel { order, recipients, files })
}

/// A file's own name, without the folders that it is in, and its bytes.
fn load(path: &str) -> Result<(String, Vec<u8>), Failure> {
    let content = std::fs::read(path).map_err(|source| Failure::File { name: path.to_owned(), source })?;
    let name = Path::new(path).file_name().map_or_else(|| path.into(), |name| name.to_string_lossy());
    Ok((name.into_owned(), content))
}

/// The mail as bytes: header, text, and the files behind it.
pub fn compose(order: &Order<'_>, recipients: &[&str], text: &str, files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut mail =
        MessageBuilder::new().from(order.from).to(recipients.to_vec()).subject(order.subject).text_body(text);
    for (name, content) in files {
        // "Some bytes": whoever opens them knows better than we do what they are, and nobody converts them on the way.
        mail = mail.attachment("application/octet-stream", name.as_str(), content.as_slice());
    }
    // Writing into memory does not fail.
    mail.write_to_vec().unwrap_or_default()
}
