//! The line before a reply that says what follows. Server and client share it, so that they cannot disagree.

use std::fmt;

/// What a command's reply begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Header {
    /// So many bytes of a file follow.
    File(u64),
    /// So many bytes of output follow, of a command that ended with this status.
    Output(u64, i32),
    /// Nothing follows: it could not be done, and why.
    Error(String),
}

impl fmt::Display for Header {
    /// Without the newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(length) => write!(f, "file {length}"),
            Self::Output(length, status) => write!(f, "output {length}, status {status}"),
            Self::Error(reason) => write!(f, "error: {reason}"),
        }
    }
}

impl Header {
    /// Reads a line without its newline; `None` if it is no header.
    pub fn read(line: &str) -> Option<Self> {
        if let Some(length) = line.strip_prefix("file ") {
            length.parse().ok().map(Self::File)
        } else if let Some(rest) = line.strip_prefix("output ") {
            let (length, status) = rest.split_once(", status ")?;
            Some(Self::Output(length.parse().ok()?, status.parse().ok()?))
        } else {
            line.strip_prefix("error: ").map(|reason| Self::Error(reason.to_owned()))
        }
    }
}
