//! The bytes that a scenario sends or expects, and the sizes they are cut into.

use std::borrow::Cow;
use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::http::{self, Asked, Known};
use super::xmlrpc;

/// Bytes, written so that a scenario file stays small and readable.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Payload {
    /// This text, as UTF-8.
    Text(String),
    /// These bytes, two hexadecimal digits each; blanks are ignored.
    Hex(String),
    /// A file of the kit's own (`fixtures/files/NAME`).
    File(String),
    /// Made-up bytes, the same in every run.
    Random(RandomBytes),
    /// A text many times over.
    Repeat(RepeatText),
    /// All 256 byte values in order, over and over, up to this many bytes.
    EveryByte(usize),
    /// This text with the number of the peer in its group behind it, counted from 1: `guest7`.
    Nth(String),
    /// The address, `host:port`, at which a peer or a program is met in this run.
    AddressOf(String),
    /// The beginning of a URL at a peer or a program, in the form in which the judged proxy was found to take it:
    /// `http://host:port`, or `/host:port`. A path goes behind it.
    UrlOf(String),
    /// What a browser's `Host` says beside such a URL: `host:port` of that peer or program in the first form, of the proxy
    /// in the second, where the browser believes that it talks to a web server.
    HostFor(String),
    /// What a placeholder such as `user` stands for in this run: what the judged program was told, or has built in.
    Value(String),
    /// One after the other.
    Join(Vec<Payload>),
    /// The same letters in the other case: `sWORD` for `Sword`. Where there are none, the scenario says nothing.
    OtherCase(Box<Payload>),
    /// The first half, rounded down.
    FirstHalf(Box<Payload>),
    /// The last half, rounded down.
    LastHalf(Box<Payload>),
    /// A part of something that is sent in several steps.
    Part(Box<Part>),
    /// In base64.
    Base64(Box<Payload>),
    /// An HTTP request.
    Request(Box<http::Request>),
    /// An HTTP response.
    Response(Box<http::Response>),
    /// The body of an XML-RPC request.
    XmlrpcCall(xmlrpc::Call),
    /// The body of an XML-RPC request that makes several calls (`system.multicall`).
    XmlrpcMulticall(Vec<xmlrpc::Call>),
}

/// A part of some bytes.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Part {
    /// All of them.
    pub of: Payload,
    /// How many are left out at the beginning.
    #[serde(default)]
    pub from: usize,
    /// How many there are at most. Left out: all the others.
    #[serde(default)]
    pub bytes: Option<usize>,
}

/// Made-up bytes. In a group of peers, every peer gets its own.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RandomBytes {
    /// How many bytes.
    pub bytes: usize,
    /// Of which kind.
    #[serde(default)]
    pub of: Alphabet,
    /// Tells two payloads of one scenario apart.
    #[serde(default)]
    pub seed: u64,
}

/// Kinds of made-up bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Alphabet {
    /// Lines of made-up words, ending in a line end.
    #[default]
    Prose,
    /// Letters `a` to `z`, digits, blanks and punctuation; no line ends.
    Sentence,
    /// Any byte.
    Binary,
}

/// A text many times over.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RepeatText {
    /// The text.
    pub text: String,
    /// How often.
    pub times: usize,
}

/// Why a payload cannot be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PayloadError {
    /// Not pairs of hexadecimal digits.
    #[error("`{0}` is not a row of hexadecimal digit pairs, such as \"0d 0a\"")]
    Hex(String),
    /// An address, which only a run knows.
    #[error("the address of `{0}` is not known here")]
    Address(String),
    /// What a placeholder stands for, which only a run knows.
    #[error("what `{0}` stands for is not known here")]
    Value(String),
    /// The program has no such function.
    #[error("the program has no function for `{0}`")]
    Lacking(String),
    /// There is no letter in it.
    #[error("there is no letter in it, and so no other case")]
    Caseless,
    /// A call without a method, or with two.
    #[error("a call has either a `method` or a `function`")]
    Nameless,
    /// No such file in the kit.
    #[error("there is no file `{name}` in fixtures/files; there is: {known}")]
    NoFile {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
}

impl Payload {
    /// The bytes, for the `index`-th peer of a group (0 for a lone one).
    ///
    /// # Errors
    /// If the payload names a file that the kit does not have, or is not hexadecimal.
    pub fn bytes(&self, index: u64) -> Result<Vec<u8>, PayloadError> {
        self.made(index, &|asked| {
            Err(match asked {
                Asked::Prefix => return Ok(Vec::new()),
                Asked::Address(actor) | Asked::Url(actor) | Asked::Host(actor) => {
                    PayloadError::Address(actor.to_owned())
                }
                Asked::Value(name) => PayloadError::Value(name.to_owned()),
            })
        })
    }

    /// The same, in a run, which knows addresses and values.
    ///
    /// # Errors
    /// As [`Payload::bytes`], and what `known` gives.
    pub fn made(&self, index: u64, known: Known<'_>) -> Result<Vec<u8>, PayloadError> {
        Ok(match self {
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Hex(text) => hex(text).ok_or_else(|| PayloadError::Hex(text.clone()))?,
            Self::File(name) => crate::catalogue::files::content(name)
                .ok_or_else(|| PayloadError::NoFile {
                    name: name.clone(),
                    known: crate::catalogue::files::names().join(", "),
                })?
                .to_vec(),
            Self::Random(random) => random.make(index),
            Self::Repeat(repeat) => repeat.text.repeat(repeat.times).into_bytes(),
            Self::EveryByte(length) => (0..=255u8).cycle().take(*length).collect(),
            Self::Nth(text) => format!("{text}{}", index + 1).into_bytes(),
            Self::AddressOf(actor) => known(Asked::Address(actor))?,
            Self::UrlOf(actor) => known(Asked::Url(actor))?,
            Self::HostFor(actor) => known(Asked::Host(actor))?,
            Self::Value(name) => known(Asked::Value(name))?,
            Self::Part(part) => {
                let all = part.of.made(index, known)?;
                all.into_iter().skip(part.from).take(part.bytes.unwrap_or(usize::MAX)).collect()
            }
            Self::Base64(inner) => crate::base64::encode(&inner.made(index, known)?).into_bytes(),
            Self::OtherCase(inner) => {
                let bytes = inner.made(index, known)?;
                let other = |byte: &u8| match byte.is_ascii_lowercase() {
                    true => byte.to_ascii_uppercase(),
                    false => byte.to_ascii_lowercase(),
                };
                let swapped: Vec<u8> = bytes.iter().map(other).collect();
                if swapped == bytes {
                    return Err(PayloadError::Caseless);
                }
                swapped
            }
            Self::FirstHalf(inner) => {
                let bytes = inner.made(index, known)?;
                bytes[..bytes.len() / 2].to_vec()
            }
            Self::LastHalf(inner) => {
                let bytes = inner.made(index, known)?;
                bytes[bytes.len().div_ceil(2)..].to_vec()
            }
            Self::Request(request) => request.bytes(index, known)?,
            Self::Response(response) => response.bytes(index, known)?,
            Self::XmlrpcCall(call) => call.bytes(known)?,
            Self::XmlrpcMulticall(calls) => xmlrpc::multicall(calls, known)?,
            Self::Join(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(part.made(index, known)?);
                }
                all
            }
        })
    }
}

impl Payload {
    /// Whether the bytes can be made, without making them.
    ///
    /// # Errors
    /// As [`Payload::bytes`].
    pub fn check(&self) -> Result<(), PayloadError> {
        match self {
            Self::Hex(_) | Self::File(_) => self.bytes(0).map(drop),
            Self::Join(parts) => parts.iter().try_for_each(Self::check),
            Self::Request(request) => request.parts().try_for_each(Self::check),
            Self::Response(response) => response.parts().try_for_each(Self::check),
            Self::Part(part) => part.of.check(),
            Self::Base64(inner) | Self::OtherCase(inner) | Self::FirstHalf(inner) | Self::LastHalf(inner) => {
                inner.check()
            }
            Self::XmlrpcCall(call) => call.check(),
            Self::XmlrpcMulticall(calls) => calls.iter().try_for_each(xmlrpc::Call::check),
            _ => Ok(()),
        }
    }

    /// Programs and peers whose addresses stand in the payload.
    pub fn actors(&self) -> Vec<&str> {
        match self {
            Self::AddressOf(actor) | Self::UrlOf(actor) | Self::HostFor(actor) => vec![actor],
            Self::Join(parts) => parts.iter().flat_map(Self::actors).collect(),
            Self::Request(request) => request.parts().flat_map(Self::actors).collect(),
            Self::Response(response) => response.parts().flat_map(Self::actors).collect(),
            Self::Part(part) => part.of.actors(),
            Self::Base64(inner) | Self::OtherCase(inner) | Self::FirstHalf(inner) | Self::LastHalf(inner) => {
                inner.actors()
            }
            _ => Vec::new(),
        }
    }

    /// How many bytes there are, without making them.
    pub fn length(&self) -> u64 {
        let length = match self {
            Self::Text(text) => text.len(),
            Self::Hex(text) => text.len() / 2,
            Self::File(name) => crate::catalogue::files::content(name).map_or(0, <[u8]>::len),
            Self::Random(random) => random.bytes,
            Self::Repeat(repeat) => repeat.text.len() * repeat.times,
            Self::EveryByte(length) => *length,
            Self::Nth(text) => text.len() + 1,
            Self::AddressOf(_) | Self::UrlOf(_) | Self::HostFor(_) | Self::Value(_) => 0,
            Self::Request(_)
            | Self::Response(_)
            | Self::Part(_)
            | Self::Base64(_)
            | Self::FirstHalf(_)
            | Self::LastHalf(_)
            | Self::XmlrpcCall(_)
            | Self::XmlrpcMulticall(_) => self.made(0, &|_| Ok(Vec::new())).map_or(0, |bytes| bytes.len()),
            Self::OtherCase(inner) => return inner.length(),
            Self::Join(parts) => return parts.iter().map(Self::length).sum(),
        };
        length as u64
    }
}

impl RandomBytes {
    fn make(&self, index: u64) -> Vec<u8> {
        let mut draw = ChaCha8Rng::seed_from_u64(self.seed.wrapping_mul(1_000_003).wrapping_add(index));
        match self.of {
            Alphabet::Binary => {
                let mut bytes = vec![0; self.bytes];
                draw.fill_bytes(&mut bytes);
                bytes
            }
            Alphabet::Sentence => {
                const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789 ,.;!?&*-";
                let mut bytes: Vec<u8> =
                    (0..self.bytes).map(|_| LETTERS[draw.next_u32() as usize % LETTERS.len()]).collect();
                // No program may be failed for trimming blanks at the ends.
                for end in [0, self.bytes.saturating_sub(1)] {
                    if let Some(byte @ b' ') = bytes.get_mut(end) {
                        *byte = b'x';
                    }
                }
                bytes
            }
            Alphabet::Prose => {
                let mut bytes = Vec::with_capacity(self.bytes + 16);
                let mut column = 0;
                while bytes.len() < self.bytes {
                    let length = 2 + draw.next_u32() as usize % 8;
                    bytes.extend((0..length).map(|_| b'a' + (draw.next_u32() % 26) as u8));
                    column += length + 1;
                    bytes.push(if column > 60 { b'\n' } else { b' ' });
                    if column > 60 {
                        column = 0;
                    }
                }
                bytes.truncate(self.bytes);
                if let Some(last) = bytes.last_mut() {
                    *last = b'\n';
                }
                bytes
            }
        }
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    Some(digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

/// One entry of `segments = [1, 1, 3, "rest"]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentSize {
    /// So many bytes.
    Bytes(usize),
    /// All that is left.
    Rest,
}

impl<'de> Deserialize<'de> for SegmentSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entry;
        impl Visitor<'_> for Entry {
            type Value = SegmentSize;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of bytes (at least 1) or \"rest\"")
            }
            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<SegmentSize, E> {
                match usize::try_from(bytes) {
                    Ok(bytes) if bytes > 0 => Ok(SegmentSize::Bytes(bytes)),
                    _ => Err(E::invalid_value(de::Unexpected::Signed(bytes), &self)),
                }
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<SegmentSize, E> {
                match text {
                    "rest" => Ok(SegmentSize::Rest),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Entry)
    }
}

impl JsonSchema for SegmentSize {
    fn schema_name() -> Cow<'static, str> {
        "SegmentSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of bytes, or \"rest\" for all that is left.",
            "oneOf": [{ "type": "integer", "minimum": 1 }, { "const": "rest" }]
        })
    }
}

/// How a message is cut into segments.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Cut {
    /// Not at all.
    #[default]
    Whole,
    /// Into these sizes; what they leave over is one more segment.
    List(Vec<SegmentSize>),
    /// Into pieces of this size.
    Every(usize),
    /// Into random pieces of 1 to `max` bytes.
    Random {
        /// Largest piece, in bytes.
        max: usize,
        /// Seed of the run.
        seed: u64,
    },
}

impl Cut {
    /// The lengths of the segments of a message of `length` bytes: each at least 1, together
    /// exactly `length`.
    pub fn lengths(&self, length: usize) -> Vec<usize> {
        let mut left = length;
        let mut lengths = Vec::new();
        let mut take = |size: usize, left: &mut usize| {
            let size = size.clamp(1, *left);
            lengths.push(size);
            *left -= size;
        };
        match self {
            Self::Whole => {}
            Self::List(sizes) => {
                for size in sizes {
                    if left == 0 {
                        break;
                    }
                    match size {
                        SegmentSize::Bytes(bytes) => take(*bytes, &mut left),
                        SegmentSize::Rest => {
                            let all = left;
                            take(all, &mut left);
                        }
                    }
                }
            }
            Self::Every(size) => {
                while left > 0 {
                    take(*size, &mut left);
                }
            }
            Self::Random { max, seed } => {
                let mut draw = ChaCha8Rng::seed_from_u64(*seed);
                while left > 0 {
                    let size = 1 + draw.next_u32() as usize % (*max).max(1);
                    take(size, &mut left);
                }
            }
        }
        if left > 0 {
            lengths.push(left);
        }
        lengths
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case(Cut::Whole, 5, &[5])]
    #[case(Cut::Whole, 0, &[])]
    #[case(Cut::List(vec![SegmentSize::Bytes(1), SegmentSize::Bytes(1), SegmentSize::Bytes(3), SegmentSize::Rest]), 9, &[1, 1, 3, 4])]
    #[case(Cut::List(vec![SegmentSize::Bytes(4)]), 9, &[4, 5])]
    #[case(Cut::List(vec![SegmentSize::Bytes(40)]), 9, &[9])]
    #[case(Cut::Every(4), 9, &[4, 4, 1])]
    fn cuts(#[case] cut: Cut, #[case] length: usize, #[case] expected: &[usize]) {
        assert_eq!(cut.lengths(length), expected);
    }

    #[rstest]
    #[case(Payload::OtherCase, "Sword 9", Ok("sWORD 9"))]
    #[case(Payload::OtherCase, "1234", Err(PayloadError::Caseless))]
    #[case(Payload::FirstHalf, "swordfish", Ok("swor"))]
    #[case(Payload::LastHalf, "swordfish", Ok("fish"))]
    #[case(Payload::FirstHalf, "x", Ok(""))]
    #[case(Payload::LastHalf, "", Ok(""))]
    fn makes_another_of(
        #[case] how: fn(Box<Payload>) -> Payload,
        #[case] text: &str,
        #[case] expected: Result<&str, PayloadError>,
    ) {
        let made = how(Box::new(Payload::Text(text.to_owned()))).bytes(0);
        assert_eq!(made, expected.map(|text| text.as_bytes().to_vec()));
    }

    #[rstest]
    #[case("0d 0A", Some(vec![13, 10]))]
    #[case("", Some(vec![]))]
    #[case("0", None)]
    #[case("xy", None)]
    fn reads_hexadecimal(#[case] text: &str, #[case] expected: Option<Vec<u8>>) {
        assert_eq!(hex(text), expected);
    }

    #[rstest]
    #[case(0, Some(2), "ab")]
    #[case(2, None, "cd")]
    #[case(3, Some(9), "d")]
    #[case(9, None, "")]
    fn takes_a_part(#[case] from: usize, #[case] bytes: Option<usize>, #[case] expected: &str) {
        let part = Payload::Part(Box::new(Part { of: Payload::Text("abcd".to_owned()), from, bytes }));
        assert_eq!(part.bytes(0), Ok(expected.as_bytes().to_vec()));
        assert_eq!(part.length(), expected.len() as u64);
    }

    #[test]
    fn a_group_gets_different_bytes_and_the_same_each_time() {
        let payload = Payload::Random(RandomBytes { bytes: 64, of: Alphabet::Prose, seed: 1 });
        assert_eq!(payload.bytes(3), payload.bytes(3));
        assert_ne!(payload.bytes(3), payload.bytes(4));
    }

    proptest! {
        #[test]
        fn segments_are_a_partition(length in 0usize..5_000, max in 1usize..200, seed: u64) {
            for cut in [Cut::Random { max, seed }, Cut::Every(max)] {
                let lengths = cut.lengths(length);
                prop_assert_eq!(lengths.iter().sum::<usize>(), length);
                prop_assert!(lengths.iter().all(|size| (1..=max).contains(size)));
            }
        }

        #[test]
        fn made_up_bytes_have_the_length_asked_for(bytes in 0usize..3_000, seed: u64) {
            for of in [Alphabet::Prose, Alphabet::Sentence, Alphabet::Binary] {
                prop_assert_eq!(RandomBytes { bytes, of, seed }.make(0).len(), bytes);
            }
        }

        #[test]
        fn sentences_have_no_line_ends_and_no_blanks_at_the_ends(bytes in 1usize..300, seed: u64) {
            let made = RandomBytes { bytes, of: Alphabet::Sentence, seed }.make(0);
            prop_assert!(!made.contains(&b'\n'));
            prop_assert!(made[0] != b' ' && made[bytes - 1] != b' ');
        }
    }
}
