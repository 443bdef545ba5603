//! Where the data connection is to go, as the server's replies say it.
//!
//! Only the port is taken from them: the machine is the one that we speak with already. A server behind a router does not know
//! the address under which we see it, and one that sends us to a third machine wants no good.

/// The port in a reply to `EPSV`: `Entering Extended Passive Mode (|||5282|)` (RFC 2428, section 3). Any character may stand for
/// the bars.
pub fn extended_port(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once('(')?;
    let (inside, _) = rest.rsplit_once(')')?;
    let bar = inside.chars().next()?;
    let parts: Vec<&str> = inside.split(bar).collect();
    match parts.as_slice() {
        ["", _, _, port, ""] => port.parse().ok().filter(|port| *port != 0),
        _ => None,
    }
}

/// The port in a reply to `PASV`: `Entering Passive Mode (127,0,0,1,20,162)`, where the last two numbers are its two bytes (RFC 959,
/// section 4.1.2). The brackets are a custom and no rule, so six numbers in a row are looked for.
pub fn passive_port(text: &str) -> Option<u16> {
    let is_part = |c: char| c.is_ascii_digit() || c == ',';
    text.split(|c| !is_part(c)).find_map(|word| {
        let numbers: Vec<u8> = word.split(',').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        let [_, _, _, _, high, low] = numbers.try_into().ok()?;
        Some(u16::from(high) * 256 + u16::from(low)).filter(|port| *port != 0)
    })
}
