//! The command lines that most tasks share: `PORT` for a server, `HOST PORT` for a client, and for some sheets options
//! such as `--ip HOST --port PORT`.
//!
//! Everything that comes from outside is checked before the first socket is made: a program that starts with half of
//! its arguments fails later, and further away from the mistake. Never prints; the caller does.

use std::collections::BTreeMap;

use thiserror::Error;

/// What is wrong with a command line.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadArguments {
    /// Too few or too many words.
    #[error("arguments needed: {expected}, given: {found}")]
    Count {
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Not a port.
    #[error("PORT is a number from 1 to 65535, not {0:?}")]
    Port(String),
    /// The host is an empty word.
    #[error("HOST is empty")]
    Host,
    /// An option that must be there is not.
    #[error("--{0} is missing")]
    Missing(&'static str),
    /// An option without its value.
    #[error("--{0} needs a value")]
    NoValue(&'static str),
    /// An option that is there twice, so that nobody knows which one is meant.
    #[error("--{0} is given twice")]
    Twice(&'static str),
    /// A word that no option begins with.
    #[error("what is {0:?}?")]
    Unknown(String),
    /// A word that the task has its own rules for.
    #[error("{0}")]
    Unfit(&'static str),
}

/// Reads `PORT`.
///
/// # Errors
/// Anything but exactly one valid port.
pub fn port(arguments: &[String]) -> Result<u16, BadArguments> {
    match arguments {
        [port] => parse_port(port),
        _ => Err(BadArguments::Count { expected: 1, found: arguments.len() }),
    }
}

/// Reads `HOST PORT`. The host is a name, an IPv4 address, or an IPv6 address without brackets.
///
/// # Errors
/// Anything but exactly one host and one valid port. Whether the host exists is found out later, by asking for it.
pub fn host_and_port(arguments: &[String]) -> Result<(&str, u16), BadArguments> {
    match arguments {
        [host, _] if host.is_empty() => Err(BadArguments::Host),
        [host, port] => Ok((host, parse_port(port)?)),
        _ => Err(BadArguments::Count { expected: 2, found: arguments.len() }),
    }
}

/// Reads `HOST PORT NAME`.
///
/// # Errors
/// Anything but exactly these three, or a name that is blank or no single line.
pub fn host_port_and_name(arguments: &[String]) -> Result<(&str, u16, &str), BadArguments> {
    match arguments {
        [_, _, name] if name.trim().is_empty() || name.contains(['\n', '\r']) => {
            Err(BadArguments::Unfit("NAME is one line and not blank"))
        }
        [address @ .., name] if address.len() == 2 => {
            let (host, port) = host_and_port(address)?;
            Ok((host, port, name))
        }
        _ => Err(BadArguments::Count { expected: 3, found: arguments.len() }),
    }
}

/// Reads `LOCAL-PORT HOST PORT`.
///
/// # Errors
/// Anything but exactly these three.
pub fn port_host_and_port(arguments: &[String]) -> Result<(u16, &str, u16), BadArguments> {
    match arguments {
        [local_port, address @ ..] if address.len() == 2 => {
            let local_port = parse_port(local_port)?;
            let (host, port) = host_and_port(address)?;
            Ok((local_port, host, port))
        }
        _ => Err(BadArguments::Count { expected: 3, found: arguments.len() }),
    }
}

/// Options of the form `--name VALUE` or `--name=VALUE`, in any order.
#[derive(Debug)]
pub struct Options<'a>(BTreeMap<&'static str, &'a str>);

impl<'a> Options<'a> {
    /// Reads a command line that has each of `names` (without their dashes) exactly once, and nothing else.
    ///
    /// # Errors
    /// An option that is unknown, missing, doubled or without a value.
    pub fn read(arguments: &'a [String], names: &[&'static str]) -> Result<Self, BadArguments> {
        let mut values = BTreeMap::new();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let (option, attached) = match word.split_once('=') {
                Some((option, value)) => (option, Some(value)),
                None => (word.as_str(), None),
            };
            let name = option.strip_prefix("--").and_then(|option| names.iter().find(|&&name| name == option));
            let Some(&name) = name else { return Err(BadArguments::Unknown(word.clone())) };
            let value = attached.or_else(|| words.next().map(String::as_str)).ok_or(BadArguments::NoValue(name))?;
            if values.insert(name, value).is_some() {
                return Err(BadArguments::Twice(name));
            }
        }
        match names.iter().find(|&&name| !values.contains_key(name)) {
            Some(&missing) => Err(BadArguments::Missing(missing)),
            None => Ok(Self(values)),
        }
    }

    /// The value of an option that was asked for.
    ///
    /// # Errors
    /// If it was not asked for.
    pub fn text(&self, name: &'static str) -> Result<&'a str, BadArguments> {
        self.0.get(name).copied().ok_or(BadArguments::Missing(name))
    }

    /// The value of `--ip`: a name, an IPv4 address, or an IPv6 address with or without brackets. The brackets belong
    /// to the notation `[::1]:80`, in which they tell the address's colons from the port's; people type them here too.
    ///
    /// # Errors
    /// If it is empty.
    pub fn host(&self) -> Result<&'a str, BadArguments> {
        let host = self.text("ip")?;
        match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host) {
            "" => Err(BadArguments::Host),
            host => Ok(host),
        }
    }

    /// The value of `--port`.
    ///
    /// # Errors
    /// If it is no port.
    pub fn port(&self) -> Result<u16, BadArguments> {
        parse_port(self.text("port")?)
    }
}

/// Port 0 is no address: to `bind` it means "any free port", which no client could know.
pub(crate) fn parse_port(text: &str) -> Result<u16, BadArguments> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port != 0 => Ok(port),
        _ => Err(BadArguments::Port(text.to_owned())),
    }
}
