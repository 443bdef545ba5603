//! Who may call: HTTP's Basic scheme (RFC 7617).

/// The user and the password that are right.
#[derive(Clone)]
pub struct Credentials {
    /// `user:password`, as it stands in a header once the base64 is taken off.
    pair: Vec<u8>,
}

impl Credentials {
    /// `None` if the name has a colon in it: the first colon is where the password begins, so nobody could ever call.
    pub fn new(user: &str, password: &str) -> Option<Self> {
        let sound = !user.is_empty() && !user.contains(':') && !password.is_empty();
        sound.then(|| Self { pair: format!("{user}:{password}").into_bytes() })
    }

    /// Whether the value of an `Authorization` header shows them.
    pub fn shown_by(&self, header: &str) -> bool {
        // The scheme's name is written with capitals or without (RFC 9110, section 11.1).
        let Some((scheme, token)) = header.trim().split_once(' ') else { return false };
        let pair = if scheme.eq_ignore_ascii_case("basic") { decode(token.trim()) } else { None };
        pair.is_some_and(|pair| same(&pair, &self.pair))
    }
}

/// Whether two texts are the same, in a time that depends on their lengths only: no early end at the first difference.
fn same(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b));
    a.len() == b.len() && differences == 0
}

/// The bytes behind a text in base64 (RFC 4648, section 4). `None` if it is none.
///
/// Four digits of six bits each are three bytes; what is missing at the end is written `=`.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(digits.len());
    let (mut bits, mut count) = (0u32, 0);
    for digit in digits.bytes() {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        // What was handed on already falls out at the top.
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}
