//! The messages that are transferred: text of any length, the same in every run.

use std::io::Write;

/// The sheet's typical file, in bytes.
pub const TWENTY_KB: usize = 20_480;

/// A file that fits no socket buffer, in bytes.
pub const ONE_MIB: usize = 1 << 20;

/// A file that shows whether a program holds it in memory, in bytes.
pub const SIXTY_FOUR_MIB: usize = 64 << 20;

/// A text of exactly `bytes` bytes. Every line carries its number, so that a lost or doubled piece shows.
pub fn text(bytes: usize) -> Vec<u8> {
    const LINE: usize = 96;
    let mut text = Vec::with_capacity(bytes + LINE);
    for number in 0_u32.. {
        if text.len() >= bytes {
            break;
        }
        // Writing to a vector cannot fail.
        let _ =
            writeln!(text, "{number:08} the quick brown fox writes one more line of a letter that somebody may read");
    }
    text.truncate(bytes);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_length_asked_for() {
        for bytes in [0, 1, 95, TWENTY_KB, ONE_MIB] {
            assert_eq!(text(bytes).len(), bytes);
        }
    }

    #[test]
    fn no_line_comes_twice() {
        let text = text(TWENTY_KB);
        let lines: std::collections::BTreeSet<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        assert_eq!(lines.len(), text.iter().filter(|byte| **byte == b'\n').count() + 1);
    }
}
