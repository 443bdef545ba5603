//! Packets and the numbers and strings in them (MySQL client/server protocol, "MySQL Packets" and "Basic Data Types").

/// The longest packet, in bytes: longer ones would go on in the next, and none of a lab does.
pub const LONGEST: usize = (1 << 24) - 1;

/// Bytes that have come and are not a whole packet yet.
#[derive(Debug, Default)]
pub struct Incoming(Vec<u8>);

/// A packet that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

impl Incoming {
    /// Takes what came.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next packet, and its number; nothing if it is not there whole.
    ///
    /// # Errors
    /// If it goes on in another packet.
    pub fn next_packet(&mut self) -> Result<Option<(u8, Vec<u8>)>, TooLong> {
        let [a, b, c, number, ..] = self.0[..] else { return Ok(None) };
        let length = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
        if length == LONGEST {
            return Err(TooLong);
        }
        if self.0.len() < 4 + length {
            return Ok(None);
        }
        let rest = self.0.split_off(4 + length);
        let packet = std::mem::replace(&mut self.0, rest).split_off(4);
        Ok(Some((number, packet)))
    }
}

/// Packets on their way out, numbered on.
#[derive(Debug)]
pub struct Outgoing {
    next: u8,
    /// All of them.
    pub bytes: Vec<u8>,
}

impl Outgoing {
    /// The first has this number.
    pub fn from(next: u8) -> Self {
        Self { next, bytes: Vec::new() }
    }

    /// Adds one. What does not fit into a packet goes on in the next.
    pub fn packet(&mut self, content: &[u8]) {
        let mut rest = content;
        loop {
            let (now, later) = rest.split_at(rest.len().min(LONGEST));
            self.bytes.extend_from_slice(&(now.len() as u32).to_le_bytes()[..3]);
            self.bytes.push(self.next);
            self.next = self.next.wrapping_add(1);
            self.bytes.extend_from_slice(now);
            if now.len() < LONGEST {
                return;
            }
            rest = later;
        }
    }
}

/// Writes a length-encoded integer.
pub fn put_number(out: &mut Vec<u8>, number: u64) {
    match number {
        0..=250 => out.push(number as u8),
        251..=0xffff => {
            out.push(0xfc);
            out.extend_from_slice(&(number as u16).to_le_bytes());
        }
        0x1_0000..=0xff_ffff => {
            out.push(0xfd);
            out.extend_from_slice(&(number as u32).to_le_bytes()[..3]);
        }
        _ => {
            out.push(0xfe);
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// Writes a length-encoded string.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what stands in a packet, one thing after another; nothing where it is too short.
#[derive(Debug)]
pub struct Reader<'p>(pub &'p [u8]);

impl<'p> Reader<'p> {
    /// So many bytes.
    pub fn take(&mut self, count: usize) -> Option<&'p [u8]> {
        let (now, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(now)
    }

    /// A number of this many bytes, at most eight, the lowest first.
    pub fn fixed(&mut self, count: usize) -> Option<u64> {
        Some(self.take(count)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A length-encoded integer.
    pub fn number(&mut self) -> Option<u64> {
        match self.fixed(1)? {
            small @ 0..=250 => Some(small),
            0xfc => self.fixed(2),
            0xfd => self.fixed(3),
            0xfe => self.fixed(8),
            _ => None,
        }
    }

    /// A length-encoded string.
    pub fn bytes(&mut self) -> Option<&'p [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }

    /// A string that ends in a zero byte, or with the packet.
    pub fn text(&mut self) -> String {
        let end = memchr::memchr(0, self.0);
        let text = String::from_utf8_lossy(&self.0[..end.unwrap_or(self.0.len())]).into_owned();
        self.0 = end.map_or(&[], |end| &self.0[end + 1..]);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(number: u64) {
            let mut out = Vec::new();
            put_number(&mut out, number);
            prop_assert_eq!(Reader(&out).number(), Some(number));
        }

        #[test]
        fn packets_come_back_however_they_are_cut(
            contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..6),
            size in 1usize..50,
        ) {
            let mut out = Outgoing::from(3);
            contents.iter().for_each(|content| out.packet(content));
            let mut incoming = Incoming::default();
            let mut came = Vec::new();
            for piece in out.bytes.chunks(size) {
                incoming.receive(piece);
                while let Some((number, packet)) = incoming.next_packet().unwrap() {
                    prop_assert_eq!(usize::from(number), came.len() + 3);
                    came.push(packet);
                }
            }
            prop_assert_eq!(came, contents);
        }
    }
}
