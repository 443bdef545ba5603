//! The beginning of a connection: the server greets with twenty random bytes, and the client answers with a digest that
//! only somebody with the password can make of them. The password itself never crosses the wire.
//!
//! MySQL client/server protocol, "Connection Phase": HandshakeV10, HandshakeResponse41, AuthSwitchRequest.

use harness_peers::database::Nonce;
use sha2::{Digest, Sha256};

use super::packet::Reader;

/// The way of old, which every client still speaks.
pub const NATIVE: &str = "mysql_native_password";

/// The way of MySQL 8. Without encryption it is taken only where the digest alone is enough, which it is here.
pub const CACHING: &str = "caching_sha2_password";

/// What the server says it is. Clients read the number.
pub const VERSION: &str = "8.0.40-embedded";

/// What a client can do and asks for, as bits.
pub mod can {
    /// Affected rows of an update are those that matched.
    pub const FOUND_ROWS: u32 = 1 << 1;
    /// A database is named with the login.
    pub const CONNECT_WITH_DB: u32 = 1 << 3;
    /// The protocol of MySQL 4.1 and later.
    pub const PROTOCOL_41: u32 = 1 << 9;
    /// Everything from here on is encrypted.
    pub const TLS: u32 = 1 << 11;
    /// The digest has a length of one byte.
    pub const SECURE_CONNECTION: u32 = 1 << 15;
    /// Several statements may come in one text.
    pub const MULTI_STATEMENTS: u32 = 1 << 16;
    /// The way to log in is named.
    pub const PLUGIN_AUTH: u32 = 1 << 19;
    /// The digest has a length-encoded length.
    pub const LONG_AUTH: u32 = 1 << 21;
    /// Everything that the server offers; attributes of the connection are taken and not looked at.
    pub const OFFERED: u32 = 1
        | FOUND_ROWS
        | 1 << 2
        | CONNECT_WITH_DB
        | PROTOCOL_41
        | 1 << 13
        | SECURE_CONNECTION
        | MULTI_STATEMENTS
        | 1 << 17
        | 1 << 18
        | PLUGIN_AUTH
        | 1 << 20
        | LONG_AUTH;
}

/// utf8mb4_general_ci.
pub const UTF8: u8 = 45;

/// Autocommit is on.
pub const AUTOCOMMIT: u16 = 2;

/// The server's first packet.
pub fn greeting(connection: u32, nonce: &Nonce) -> Vec<u8> {
    let capabilities = can::OFFERED.to_le_bytes();
    let mut out = vec![10];
    out.extend_from_slice(VERSION.as_bytes());
    out.push(0);
    out.extend_from_slice(&connection.to_le_bytes());
    out.extend_from_slice(&nonce[..8]);
    out.push(0);
    out.extend_from_slice(&capabilities[..2]);
    out.push(UTF8);
    out.extend_from_slice(&AUTOCOMMIT.to_le_bytes());
    out.extend_from_slice(&capabilities[2..]);
    out.push(nonce.len() as u8 + 1);
    out.extend_from_slice(&[0; 10]);
    out.extend_from_slice(&nonce[8..]);
    out.push(0);
    out.extend_from_slice(NATIVE.as_bytes());
    out.push(0);
    out
}

/// The server asks for the other way to log in.
pub fn switch(nonce: &Nonce) -> Vec<u8> {
    let mut out = vec![0xfe];
    out.extend_from_slice(NATIVE.as_bytes());
    out.push(0);
    out.extend_from_slice(nonce);
    out.push(0);
    out
}

/// What a client says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// What it can do.
    pub capabilities: u32,
    /// The user.
    pub user: String,
    /// The digest of the password; empty for none.
    pub digest: Vec<u8>,
    /// The database, if it names one.
    pub database: Option<String>,
    /// The way in which the digest was made.
    pub way: String,
}

/// Reads a client's first packet; nothing if it is none.
pub fn response(packet: &[u8]) -> Option<Response> {
    let mut reader = Reader(packet);
    let capabilities = reader.fixed(4)? as u32;
    if capabilities & can::PROTOCOL_41 == 0 {
        return None;
    }
    reader.take(4 + 1 + 23)?;
    let user = reader.text();
    let digest = if capabilities & can::LONG_AUTH != 0 {
        reader.bytes()?.to_vec()
    } else if capabilities & can::SECURE_CONNECTION != 0 {
        let length = reader.fixed(1)? as usize;
        reader.take(length)?.to_vec()
    } else {
        reader.text().into_bytes()
    };
    let database = if capabilities & can::CONNECT_WITH_DB != 0 { Some(reader.text()) } else { None };
    let way = if capabilities & can::PLUGIN_AUTH != 0 { reader.text() } else { NATIVE.to_owned() };
    Some(Response { capabilities, user, digest, database: database.filter(|name| !name.is_empty()), way })
}

/// Whether a digest was made of this password.
pub fn fits(way: &str, password: &str, nonce: &Nonce, digest: &[u8]) -> bool {
    if password.is_empty() || digest.is_empty() {
        return password.is_empty() && digest.is_empty();
    }
    let expected = if way == CACHING {
        let once = Sha256::digest(password);
        let twice = Sha256::digest(once);
        let with = Sha256::digest([twice.as_slice(), nonce].concat());
        mixed(&once, &with)
    } else {
        let once = sha1(password.as_bytes());
        let with = sha1(&[nonce.as_slice(), &sha1(&once)].concat());
        mixed(&once, &with)
    };
    expected == digest
}

fn mixed(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

/// SHA-1 (FIPS 180-4, section 6.1). Broken as a signature; here it is what the protocol of 2004 asks for.
pub fn sha1(message: &[u8]) -> [u8; 20] {
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(64), 0);
    if padded.len() - message.len() < 9 {
        padded.resize(padded.len() + 64, 0);
    }
    let end = padded.len() - 8;
    padded[end..].copy_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        let mut words = [0u32; 80];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        for index in 16..80 {
            words[index] = (words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (index, word) in words.iter().enumerate() {
            let (choice, constant) = match index {
                0..=19 => ((b & c) | (!b & d), 0x5a82_7999),
                20..=39 => (b ^ c ^ d, 0x6ed9_eba1),
                40..=59 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a.rotate_left(5).wrapping_add(choice).wrapping_add(e).wrapping_add(constant).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (sum, part) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut digest = [0; 20];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The examples of FIPS 180.
    #[rstest]
    #[case("", "da39a3ee5e6b4b0d3255bfef95601890afd80709")]
    #[case("abc", "a9993e364706816aba3e25717850c26c9cd0d89d")]
    #[case("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1")]
    fn digests(#[case] message: &str, #[case] digest: &str) {
        assert_eq!(hex(&sha1(message.as_bytes())), digest);
    }

    #[test]
    fn digests_around_the_end_of_a_block() {
        let lengths = 50..70;
        let all: std::collections::BTreeSet<String> = lengths.clone().map(|n| hex(&sha1(&vec![b'a'; n]))).collect();
        assert_eq!(all.len(), lengths.len());
        assert_eq!(hex(&sha1(&[b'a'; 64])), "0098ba824b5c16427bd7a1122a5a442a25ec644d");
    }

    #[rstest]
    #[case(NATIVE)]
    #[case(CACHING)]
    fn knows_the_password(#[case] way: &str) {
        let nonce = *b"abcdefghijklmnopqrst";
        let digest = if way == CACHING {
            let once = Sha256::digest("Elm");
            mixed(&once, &Sha256::digest([Sha256::digest(once).as_slice(), &nonce].concat()))
        } else {
            mixed(&sha1(b"Elm"), &sha1(&[nonce.as_slice(), &sha1(&sha1(b"Elm"))].concat()))
        };
        assert!(fits(way, "Elm", &nonce, &digest));
        assert!(!fits(way, "Oak", &nonce, &digest));
        assert!(!fits(way, "Elm", &nonce, b""));
        assert!(!fits(way, "", &nonce, &digest));
        assert!(fits(way, "", &nonce, b""));
    }
}
