//! Questions to a name server and its answers, as bytes (RFC 1035, section 4).
//!
//! Owns the format; never sends anything.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is asked for (RFC 1035, section 3.2.2; RFC 3596, section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// IPv4 addresses.
    A = 1,
    /// Hosts that take mail.
    Mx = 15,
    /// IPv6 addresses.
    Aaaa = 28,
}

/// What one record of an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// An address of either kind.
    Address(IpAddr),
    /// A host that takes mail. An empty host is the root, which takes none.
    Mx {
        /// The lower, the sooner tried.
        preference: u16,
        /// The host.
        host: String,
    },
}

/// What a name server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The response code: 0 is no error, 3 is "no such name".
    pub code: u8,
    /// There is more than fits into a datagram.
    pub truncated: bool,
    /// Records of the kinds that we know.
    pub data: Vec<Data>,
}

/// The response code for a name that does not exist.
pub const NO_SUCH_NAME: u8 = 3;

const HEADER: usize = 12;

/// The class of everything on the Internet.
const INTERNET: u16 = 1;

/// A question with this number.
pub fn question(number: u16, name: &str, kind: Kind) -> Vec<u8> {
    let mut message = number.to_be_bytes().to_vec();
    // Only "recursion desired" is set: the server shall ask the others for us. One question, no records.
    message.extend([0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    // A label without a length ends the name.
    message.push(0);
    message.extend((kind as u16).to_be_bytes());
    message.extend(INTERNET.to_be_bytes());
    message
}

/// Reads the answer to a question; `None` if it is something else: an answer to somebody's other question, or damaged.
pub fn answer(message: &[u8], question: &[u8]) -> Option<Answer> {
    // The header of an answer is the question's, with the first bit of the third byte set, a code, and other counts.
    let is_answer = message.get(2)? & 0x80 != 0;
    let number_is_ours = message.get(..2)? == &question[..2];
    let asked = message.get(HEADER..question.len())?;
    // A server may give the letters of the name back in another case.
    if !is_answer || !number_is_ours || !asked.eq_ignore_ascii_case(&question[HEADER..]) {
        return None;
    }
    let truncated = message[2] & 0x02 != 0;
    let mut at = question.len();
    let mut data = Vec::new();
    for _ in 0..word(message, 6)? {
        // What was cut off is asked for again, and not guessed.
        let Some((found, next)) = record(message, at) else {
            if truncated {
                break;
            }
            return None;
        };
        data.extend(found);
        at = next;
    }
    Some(Answer { code: message[3] & 0x0f, truncated, data })
}

/// The record at `at`, if it is of a kind that we know, and where the next one begins.
fn record(message: &[u8], at: usize) -> Option<(Option<Data>, usize)> {
    // The name, to which a CNAME may have led, and then type, class, four bytes of lifetime, and the length of the rest.
    let (_, at) = name(message, at)?;
    let (kind, length) = (word(message, at)?, usize::from(word(message, at + 8)?));
    let start = at + 10;
    let content = message.get(start..start + length)?;
    let data = if kind == Kind::A as u16 {
        Some(Data::Address(Ipv4Addr::from(<[u8; 4]>::try_from(content).ok()?).into()))
    } else if kind == Kind::Aaaa as u16 {
        Some(Data::Address(Ipv6Addr::from(<[u8; 16]>::try_from(content).ok()?).into()))
    } else if kind == Kind::Mx as u16 {
        Some(Data::Mx { preference: word(message, start)?, host: name(message, start + 2)?.0 })
    } else {
        None
    };
    Some((data, start + length))
}

/// The name at `at`, and where what comes after it begins.
fn name(message: &[u8], at: usize) -> Option<(String, usize)> {
    let mut labels: Vec<String> = Vec::new();
    let mut here = at;
    // Where the text goes on in the place that we came from: behind the first pointer.
    let mut after = None;
    // Each pointer leads back to something before it. So there is an end, even if somebody means ill.
    let mut earliest = at;
    loop {
        let length = usize::from(*message.get(here)?);
        match length {
            0 => return Some((labels.join("."), after.unwrap_or(here + 1))),
            1..=63 => {
                let label = message.get(here + 1..here + 1 + length)?;
                labels.push(String::from_utf8_lossy(label).into_owned());
                here += 1 + length;
            }
            // The two highest bits say that the other fourteen are a place in the message.
            0xc0.. => {
                let target = usize::from(word(message, here)? & 0x3fff);
                after.get_or_insert(here + 2);
                if target >= earliest {
                    return None;
                }
                (here, earliest) = (target, target);
            }
            _ => return None,
        }
    }
}

/// Two bytes as a number, the higher byte first.
fn word(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?))
}
