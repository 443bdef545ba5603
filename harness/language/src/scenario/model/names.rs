//! A peer that answers for names, as a name server does, and the records that it knows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// A peer answers questions for names from now on, over UDP and TCP at port 53, in place of the run's own
/// name server. What is not in its zone does not exist.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServeNames {
    /// The peer.
    pub peer: String,
    /// Records by domain name: `"example.org" = ["MX 10 mail.example.org", "A 192.0.2.1"]`. A name with an empty list
    /// exists and has nothing.
    pub zone: BTreeMap<DomainName, Vec<Record>>,
}

/// A domain name (RFC 1035, section 2.3.1), in small letters and without the dot at its end. Empty: the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DomainName(String);

/// Longest label, in bytes (RFC 1035, section 2.3.4).
const LONGEST_LABEL: usize = 63;

/// Longest name as text, in bytes: 255 on the wire, with a length before each label and a zero at the end.
const LONGEST_NAME: usize = 253;

impl DomainName {
    /// The name as text; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no domain name or no record.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadRecord {
    /// Not a name.
    #[error(
        "`{0}` is no domain name: labels of 1 to 63 letters, digits, `-` or `_` with dots between, 253 bytes in all"
    )]
    Name(String),
    /// Not a record.
    #[error(
        "`{0}` is no record: write \"MX 10 mail.example.org\", \"MX 0 .\", \"A 192.0.2.1\" or \"AAAA 2001:db8::1\""
    )]
    Record(String),
}

impl FromStr for DomainName {
    type Err = BadRecord;

    fn from_str(text: &str) -> Result<Self, BadRecord> {
        let bad = || BadRecord::Name(text.to_owned());
        if text == "." {
            return Ok(Self(String::new()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_label = |label: &str| {
            (1..=LONGEST_LABEL).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let fits = name.len() <= LONGEST_NAME && name.split('.').all(is_label);
        if fits { Ok(Self(name.to_ascii_lowercase())) } else { Err(bad()) }
    }
}

/// A record, written as in a master file (RFC 1035, section 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// An address (RFC 1035, section 3.4.1).
    A(Ipv4Addr),
    /// An IPv6 address (RFC 3596).
    Aaaa(Ipv6Addr),
    /// A host that takes mail (RFC 1035, section 3.3.9); the root as host says that none does (RFC 7505).
    Mx {
        /// The lower, the sooner tried.
        preference: u16,
        /// The host.
        exchange: DomainName,
    },
}

impl FromStr for Record {
    type Err = BadRecord;

    fn from_str(text: &str) -> Result<Self, BadRecord> {
        let bad = || BadRecord::Record(text.to_owned());
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        match words.as_slice() {
            ["A", address] => address.parse().map(Self::A).map_err(|_| bad()),
            ["AAAA", address] => address.parse().map(Self::Aaaa).map_err(|_| bad()),
            ["MX", preference, exchange] => {
                Ok(Self::Mx { preference: preference.parse().map_err(|_| bad())?, exchange: exchange.parse()? })
            }
            _ => Err(bad()),
        }
    }
}

/// Reads what is written as text; an error keeps the text's place in the file.
fn from_text<'de, D: Deserializer<'de>, T: FromStr<Err = BadRecord>>(
    deserializer: D,
    expecting: &'static str,
) -> Result<T, D::Error> {
    struct Text<T>(&'static str, std::marker::PhantomData<T>);
    impl<T: FromStr<Err = BadRecord>> Visitor<'_> for Text<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Text(expecting, std::marker::PhantomData))
}

impl<'de> Deserialize<'de> for DomainName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "a domain name such as \"mail.example.org\"")
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "a record such as \"MX 10 mail.example.org\" or \"A 192.0.2.1\"")
    }
}

impl JsonSchema for DomainName {
    fn schema_name() -> Cow<'static, str> {
        "DomainName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "A domain name; `.` is the root." })
    }
}

impl JsonSchema for Record {
    fn schema_name() -> Cow<'static, str> {
        "Record".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(A [0-9.]+|AAAA [0-9A-Fa-f:.]+|MX [0-9]+ [A-Za-z0-9._-]+)$",
            "description": "A record: `A ADDRESS`, `AAAA ADDRESS` or `MX PREFERENCE HOST`; `MX 0 .` for no mail."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("A 192.0.2.1", Some(Record::A(Ipv4Addr::new(192, 0, 2, 1))))]
    #[case("AAAA 2001:db8::1", Some(Record::Aaaa("2001:db8::1".parse().unwrap())))]
    #[case("MX 10 Mail.Example.ORG.", Some(Record::Mx { preference: 10, exchange: DomainName("mail.example.org".to_owned()) }))]
    #[case("MX 0 .", Some(Record::Mx { preference: 0, exchange: DomainName(String::new()) }))]
    #[case("MX mail.example.org", None)]
    #[case("MX 65536 mail.example.org", None)]
    #[case("MX 10 mail..example.org", None)]
    #[case("A 2001:db8::1", None)]
    #[case("TXT hello", None)]
    fn reads_records(#[case] text: &str, #[case] record: Option<Record>) {
        assert_eq!(text.parse().ok(), record);
    }

    #[rstest]
    #[case("", false)]
    #[case(".", true)]
    #[case("example.org", true)]
    #[case("under_score.example", true)]
    #[case("with space.example", false)]
    fn reads_names(#[case] text: &str, #[case] good: bool) {
        assert_eq!(text.parse::<DomainName>().is_ok(), good);
        assert!("a".repeat(64).parse::<DomainName>().is_err());
    }
}
