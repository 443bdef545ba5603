//! HTTP messages that peers send, built from what a scenario says of them (RFC 9112).
//!
//! Well-formed messages are written as tables; what must be malformed is written as text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::bytes::{Payload, PayloadError};

/// Bytes in a place where they are mostly text: `"close"` is short for `{ text = "close" }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Text(pub Payload);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Value;
        impl<'de> Visitor<'de> for Value {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or bytes such as { address-of = \"origin\" }")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(Payload::Text(text.to_owned())))
            }
            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Text, M::Error> {
                Payload::deserialize(MapAccessDeserializer::new(map)).map(Text)
            }
        }
        deserializer.deserialize_any(Value)
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let payload = generator.subschema_for::<Payload>();
        schemars::json_schema!({
            "description": "A text, or bytes written as a payload.",
            "anyOf": [{ "type": "string" }, payload]
        })
    }
}

/// A request as an HTTP client sends it (RFC 9112, section 3). Only the headers that are named are
/// sent, `Host` first, and what `framing` adds.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Request {
    /// Default `GET`.
    #[serde(default = "get")]
    pub method: String,
    /// The request target: `/page.html`, or `http://host:port/page.html` for a proxy.
    pub target: Text,
    /// `1.0` or `1.1` (default).
    #[serde(default)]
    pub version: Version,
    /// Header fields.
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
    /// The body; with none, nothing is said of its length.
    #[serde(default)]
    pub body: Option<Box<Payload>>,
    /// How the end of the body is told.
    #[serde(default)]
    pub framing: Framing,
}

/// A response as an HTTP server sends it (RFC 9112, section 4).
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Response {
    /// The status code. Default 200.
    #[serde(default = "ok")]
    pub status: u16,
    /// The reason phrase; default: the usual one.
    #[serde(default)]
    pub reason: Option<String>,
    /// `1.0` or `1.1` (default).
    #[serde(default)]
    pub version: Version,
    /// Header fields.
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
    /// The body. Left out: empty.
    #[serde(default)]
    pub body: Option<Box<Payload>>,
    /// How the end of the body is told.
    #[serde(default)]
    pub framing: Framing,
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Version {
    /// HTTP/1.0.
    #[serde(rename = "1.0")]
    Http10,
    /// HTTP/1.1.
    #[default]
    #[serde(rename = "1.1")]
    Http11,
}

impl Version {
    fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}

/// How a message tells where its body ends (RFC 9112, section 6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// By its `Content-Length`.
    #[default]
    Length,
    /// By a `Content-Length` that says this many bytes, whatever the body has.
    LyingLength(usize),
    /// Chunked, in chunks of so many bytes.
    Chunked(usize),
    /// Not at all: the sender closes the connection behind it (`close` or `half-close`).
    Close,
}

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> u16 {
    200
}

/// What only a run knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked<'a> {
    /// Where a peer or a program is met: `host:port`.
    Address(&'a str),
    /// The same as the beginning of a URL, in the form that the judged proxy takes.
    Url(&'a str),
    /// The same as the `Host` that a browser sends with that URL.
    Host(&'a str),
    /// What a placeholder of the judged program stands for.
    Value(&'a str),
    /// What stands before the name of a document in a URL at the judged program.
    Prefix,
}

/// Finds out what only a run knows.
pub type Known<'a> = &'a dyn Fn(Asked<'_>) -> Result<Vec<u8>, PayloadError>;

impl Request {
    /// The bytes.
    ///
    /// # Errors
    /// If a part of it cannot be made.
    pub fn bytes(&self, index: u64, known: Known<'_>) -> Result<Vec<u8>, PayloadError> {
        let mut all = format!("{} ", self.method).into_bytes();
        let target = self.target.0.made(index, known)?;
        if target.starts_with(b"/") {
            all.extend(known(Asked::Prefix)?);
        }
        all.extend(target);
        all.extend(format!(" {}\r\n", self.version.as_str()).bytes());
        let body = self.body.as_ref().map(|body| body.made(index, known)).transpose()?;
        finish(all, &self.headers, body, self.framing, index, known)
    }

    /// Everything in it that is made of bytes.
    pub fn parts(&self) -> impl Iterator<Item = &Payload> {
        let headers = self.headers.values().map(|text| &text.0);
        std::iter::once(&self.target.0).chain(headers).chain(self.body.as_deref())
    }
}

impl Response {
    /// The bytes.
    ///
    /// # Errors
    /// If a part of it cannot be made.
    pub fn bytes(&self, index: u64, known: Known<'_>) -> Result<Vec<u8>, PayloadError> {
        let reason = self.reason.as_deref().unwrap_or_else(|| usual_reason(self.status));
        let start = format!("{} {} {reason}\r\n", self.version.as_str(), self.status).into_bytes();
        let body = self.body.as_ref().map_or(Ok(Vec::new()), |body| body.made(index, known))?;
        // These have no body and say nothing of one (RFC 9112, section 6.3).
        let bodiless = matches!(self.status, 100..=199 | 204 | 304);
        finish(start, &self.headers, Some(body).filter(|_| !bodiless), self.framing, index, known)
    }

    /// Everything in it that is made of bytes.
    pub fn parts(&self) -> impl Iterator<Item = &Payload> {
        self.headers.values().map(|text| &text.0).chain(self.body.as_deref())
    }
}

fn finish(
    mut all: Vec<u8>,
    headers: &BTreeMap<String, Text>,
    body: Option<Vec<u8>>,
    framing: Framing,
    index: u64,
    known: Known<'_>,
) -> Result<Vec<u8>, PayloadError> {
    let is_host = |name: &String| name.eq_ignore_ascii_case("host");
    let host_first = headers.iter().filter(|(name, _)| is_host(name));
    for (name, value) in host_first.chain(headers.iter().filter(|(name, _)| !is_host(name))) {
        all.extend(format!("{name}: ").bytes());
        all.extend(value.0.made(index, known)?);
        all.extend(b"\r\n");
    }
    let Some(body) = body else {
        all.extend(b"\r\n");
        return Ok(all);
    };
    match framing {
        Framing::Length => all.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes()),
        Framing::LyingLength(length) => all.extend(format!("Content-Length: {length}\r\n\r\n").bytes()),
        Framing::Close => all.extend(b"\r\n"),
        Framing::Chunked(size) => {
            all.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            for chunk in body.chunks(size.max(1)) {
                all.extend(format!("{:x}\r\n", chunk.len()).bytes());
                all.extend_from_slice(chunk);
                all.extend(b"\r\n");
            }
            all.extend(b"0\r\n\r\n");
            return Ok(all);
        }
    }
    all.extend(body);
    Ok(all)
}

/// The reason phrases of RFC 9110, section 15, that servers and proxies use.
const REASONS: &[(u16, &str)] = &[
    (100, "Continue"),
    (200, "OK"),
    (201, "Created"),
    (204, "No Content"),
    (206, "Partial Content"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (304, "Not Modified"),
    (400, "Bad Request"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (408, "Request Timeout"),
    (413, "Content Too Large"),
    (414, "URI Too Long"),
    (431, "Request Header Fields Too Large"),
    (500, "Internal Server Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Gateway Timeout"),
    (505, "HTTP Version Not Supported"),
];

/// The usual reason phrase of a status code; empty for one that is not in use here.
pub fn usual_reason(status: u16) -> &'static str {
    REASONS.iter().find(|(code, _)| *code == status).map_or("", |(_, reason)| reason)
}

/// The status code that a reason phrase belongs to.
pub fn status_of(reason: &str) -> Option<u16> {
    REASONS.iter().find(|(_, known)| known.eq_ignore_ascii_case(reason)).map(|(code, _)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn payload(text: &str) -> Payload {
        #[derive(Deserialize)]
        struct File {
            data: Payload,
        }
        toml::from_str::<File>(&format!("data = {text}")).unwrap().data
    }

    #[rstest]
    #[case(
        r#"{ request = { target = "/a", headers = { Accept = "*/*", Host = "b" } } }"#,
        "GET /a HTTP/1.1\r\nHost: b\r\nAccept: */*\r\n\r\n"
    )]
    #[case(r#"{ request = { method = "POST", target = { join = [{ text = "/" }, { text = "x" }] }, version = "1.0", body = { text = "ab" } } }"#, "POST /x HTTP/1.0\r\nContent-Length: 2\r\n\r\nab")]
    #[case(
        r#"{ response = { body = { text = "abc" }, framing = { chunked = 2 } } }"#,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    )]
    #[case(
        r#"{ response = { status = 404, reason = "Nope", body = { text = "abc" }, framing = { lying-length = 9 } } }"#,
        "HTTP/1.1 404 Nope\r\nContent-Length: 9\r\n\r\nabc"
    )]
    #[case(
        r#"{ response = { version = "1.0", body = { text = "abc" }, framing = "close" } }"#,
        "HTTP/1.0 200 OK\r\n\r\nabc"
    )]
    #[case(r#"{ response = { status = 304 } }"#, "HTTP/1.1 304 Not Modified\r\n\r\n")]
    #[case(r#"{ response = {} }"#, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]
    fn builds(#[case] written: &str, #[case] bytes: &str) {
        assert_eq!(String::from_utf8(payload(written).bytes(0).unwrap()).unwrap(), bytes);
    }

    #[test]
    fn knows_who_is_named_in_it() {
        let named = payload(r#"{ request = { target = "/", headers = { Host = { address-of = "origin" } } } }"#);
        assert_eq!(named.actors(), ["origin"]);
        assert_eq!(named.bytes(0), Err(PayloadError::Address("origin".to_owned())));
    }

    #[test]
    fn a_url_is_filled_in_where_it_is_known() {
        let asked = payload(
            r#"{ request = { target = { join = [{ url-of = "site" }, { text = "/a?b" }] }, headers = { Host = { host-for = "site" }, X = { address-of = "other" } } } }"#,
        );
        assert_eq!(asked.actors(), ["site", "site", "other"]);
        let known = |asked: Asked<'_>| {
            Ok(match asked {
                Asked::Url(actor) => format!("/{actor}:80").into_bytes(),
                Asked::Host(_) => b"proxy:1".to_vec(),
                Asked::Address(actor) => format!("{actor}:2").into_bytes(),
                Asked::Value(name) => return Err(PayloadError::Value(name.to_owned())),
                Asked::Prefix => Vec::new(),
            })
        };
        let bytes = String::from_utf8(asked.made(0, &known).unwrap()).unwrap();
        assert_eq!(bytes, "GET /site:80/a?b HTTP/1.1\r\nHost: proxy:1\r\nX: other:2\r\n\r\n");
    }
}
