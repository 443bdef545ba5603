//! What an HTTP message that comes to a peer must be.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::ExpectedReply;
use crate::scenario::bytes::Payload;
use crate::scenario::http::Text;

/// A response. Lenient unless it says `strictly`: HTTP/1.0 or 1.1, any reason phrase, LF for CRLF, blanks before
/// the status line, and bytes behind the end of the body are let pass. Interim responses (1xx) are passed over.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedResponse {
    /// Status codes, one of which it must have: `[200]`, `["4xx", 501]`. Left out: any.
    #[serde(default)]
    pub status: Vec<StatusCode>,
    /// Header fields that must be there with these values; letter case and what stands behind a `;` do not count.
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
    /// Header fields that must have these values if they are there.
    #[serde(default)]
    pub headers_if_any: BTreeMap<String, Text>,
    /// Header fields that must not be there.
    #[serde(default)]
    pub lacks_headers: Vec<String>,
    /// The body, its transfer coding removed, must be this; one stray line end at its end is let pass.
    #[serde(default)]
    pub body: Option<Payload>,
    /// The body must be this and nothing else.
    #[serde(default)]
    pub exact_body: Option<Payload>,
    /// The body must have this in it.
    #[serde(default)]
    pub body_contains: Option<Payload>,
    /// At least so many lines of text are to be seen when a browser shows the body.
    #[serde(default)]
    pub shows_lines: Option<usize>,
    /// Header fields that must be there and begin with this word; letter case does not count.
    #[serde(default)]
    pub headers_begin: BTreeMap<String, String>,
    /// The body is an XML-RPC reply that says this.
    #[serde(default)]
    pub xmlrpc: Option<ExpectedReply>,
    /// It answers a HEAD request: no body belongs to it, whatever its headers say.
    #[serde(default)]
    pub to_head: bool,
    /// Whether the end of the body can be told is not judged here: what has come when nothing more comes is the body.
    #[serde(default)]
    pub however_it_ends: bool,
    /// The connection may also be ended without a response.
    #[serde(default)]
    pub or_closed: bool,
    /// With `or-closed`: what comes before the end must have a status line, because the request was one of HTTP/1.1.
    #[serde(default)]
    pub with_status_line: bool,
    /// Form counts: status line, line ends, reason phrase, header lines, a length that is right, nothing behind
    /// the body.
    #[serde(default)]
    pub strictly: bool,
}

/// A request, as an origin server gets it from a proxy or a client.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedRequest {
    /// The method. Left out: any.
    #[serde(default)]
    pub method: Option<String>,
    /// The path with its query; `http://host` before it is let pass.
    #[serde(default)]
    pub target: Option<Text>,
    /// Header fields that must be there with these values; letter case and what stands behind a `;` do not count.
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
    /// Header fields that must have these values if they are there.
    #[serde(default)]
    pub headers_if_any: BTreeMap<String, Text>,
    /// Header fields that must not be there.
    #[serde(default)]
    pub lacks_headers: Vec<String>,
    /// The body, its transfer coding removed, must be this and nothing else.
    #[serde(default)]
    pub body: Option<Payload>,
}

impl ExpectedResponse {
    /// Everything in it that is made of bytes.
    pub fn parts(&self) -> impl Iterator<Item = &Payload> {
        let texts = self.headers.values().chain(self.headers_if_any.values()).map(|text| &text.0);
        texts.chain(self.body.as_ref()).chain(self.exact_body.as_ref()).chain(self.body_contains.as_ref())
    }

    /// Whether it says anything about the body.
    pub fn judges_body(&self) -> bool {
        self.body.is_some()
            || self.exact_body.is_some()
            || self.body_contains.is_some()
            || self.shows_lines.is_some()
            || self.xmlrpc.is_some()
    }
}

impl ExpectedRequest {
    /// Everything in it that is made of bytes.
    pub fn parts(&self) -> impl Iterator<Item = &Payload> {
        let texts = self.headers.values().chain(self.headers_if_any.values()).chain(self.target.as_ref());
        texts.map(|text| &text.0).chain(self.body.as_ref())
    }
}

/// A status code, or all of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusCode {
    /// This code.
    Exactly(u16),
    /// `"4xx"`: all whose first digit is this.
    Class(u16),
}

impl StatusCode {
    /// Whether a status is meant.
    pub fn is(self, status: u16) -> bool {
        match self {
            Self::Exactly(code) => code == status,
            Self::Class(digit) => status / 100 == digit,
        }
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(code) => write!(f, "{code}"),
            Self::Class(digit) => write!(f, "{digit}xx"),
        }
    }
}

impl<'de> Deserialize<'de> for StatusCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Code;
        impl Visitor<'_> for Code {
            type Value = StatusCode;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status code (100 to 599) or a class of them such as \"4xx\"")
            }
            fn visit_i64<E: de::Error>(self, code: i64) -> Result<StatusCode, E> {
                match u16::try_from(code) {
                    Ok(code @ 100..=599) => Ok(StatusCode::Exactly(code)),
                    _ => Err(E::invalid_value(de::Unexpected::Signed(code), &self)),
                }
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<StatusCode, E> {
                match text.as_bytes() {
                    [digit @ b'1'..=b'5', b'x', b'x'] => Ok(StatusCode::Class(u16::from(digit - b'0'))),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Code)
    }
}

impl JsonSchema for StatusCode {
    fn schema_name() -> Cow<'static, str> {
        "StatusCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A status code, or all of a class: \"4xx\".",
            "oneOf": [{ "type": "integer", "minimum": 100, "maximum": 599 }, { "type": "string", "pattern": "^[1-5]xx$" }]
        })
    }
}
