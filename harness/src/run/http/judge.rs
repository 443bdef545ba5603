//! Judging a message: lenient in form unless asked to be strict, strict in substance.

use std::collections::BTreeMap;

use harness_judging::shown::counted;
use harness_judging::{
    closely::{self, Compared},
    shown,
};

use super::Stream;
use super::body::{Body, Framing};
use super::message::{self, Head, Kind, Read, Start};
use super::xmlrpc;
use crate::run::event::Difference;
use harness_language::scenario::bytes::Payload;
use harness_language::scenario::http::{Text, status_of, usual_reason};
use harness_language::scenario::model::{ExpectedRequest, ExpectedResponse};

/// What a peer wants, with all bytes made.
pub struct Wanted<'s> {
    /// Request or response.
    pub message: Message<'s>,
    /// Values of fields that must be there.
    pub headers: BTreeMap<String, Vec<u8>>,
    /// Values of fields where they are there.
    pub headers_if_any: BTreeMap<String, Vec<u8>>,
    /// The body, one stray line end let pass.
    pub body: Option<Vec<u8>>,
    /// The body, exactly.
    pub exact_body: Option<Vec<u8>>,
    /// Something in the body.
    pub body_contains: Option<Vec<u8>>,
    /// The request target.
    pub target: Option<Vec<u8>>,
}

/// Which message, and what the step says of it.
#[derive(Clone, Copy)]
pub enum Message<'s> {
    /// A request.
    Request(&'s ExpectedRequest),
    /// A response.
    Response(&'s ExpectedResponse),
}

/// What can be said so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is as wanted, and took so many bytes of the stream.
    Right {
        /// Bytes of the stream.
        taken: usize,
        /// The body, its transfer coding removed.
        body: Vec<u8>,
        /// What was let pass, in words.
        findings: Vec<String>,
    },
    /// More must come; fewer bytes than this in all cannot be enough.
    More(usize),
    /// It is wrong.
    Wrong {
        /// What came, in words.
        came: String,
        /// Why it is wrong: a sentence without a subject, such as "its status is 200".
        why: String,
    },
}

/// A message that is there, with its body as far as it has come.
struct Arrived {
    head: Head,
    body: Vec<u8>,
    framing: Framing,
    taken: usize,
    findings: Vec<String>,
}

/// Judges what has come.
pub fn judge(wanted: &Wanted<'_>, bytes: &[u8], stream: Stream) -> Judged {
    match &wanted.message {
        Message::Response(step) if step.or_closed && bytes.is_empty() && stream != Stream::Open => match stream {
            Stream::Silent => wrong("nothing", "nothing comes, and the connection stays open"),
            _ => Judged::Right { taken: 0, body: Vec::new(), findings: Vec::new() },
        },
        _ => match arrive(wanted, bytes, stream, wanted.however_it_ends()) {
            Ok(arrived) => compare(wanted, bytes, arrived, stream),
            Err(judged) => judged,
        },
    }
}

/// Where the body of a message that is right so far departs from the one that is wanted.
pub fn difference(wanted: &Wanted<'_>, bytes: &[u8], stream: Stream) -> Option<Difference> {
    let expected = wanted.exact_body.as_ref().or(wanted.body.as_ref())?;
    let Arrived { head, body, .. } = arrive(wanted, bytes, stream, true).ok()?;
    start_line(wanted, &head, &mut Vec::new()).and_then(|()| fields(wanted, &head)).ok()?;
    Difference::between(expected, &body)
}

fn wrong(came: impl Into<String>, why: impl Into<String>) -> Judged {
    Judged::Wrong { came: came.into(), why: why.into() }
}

/// Makes the bytes of a payload.
pub type Make<'m, E> = &'m dyn Fn(&Payload) -> Result<Vec<u8>, E>;

fn texts<E>(texts: &BTreeMap<String, Text>, bytes: Make<'_, E>) -> Result<BTreeMap<String, Vec<u8>>, E> {
    texts.iter().map(|(name, text)| Ok((name.clone(), bytes(&text.0)?))).collect()
}

impl<'s> Wanted<'s> {
    /// A response as a step says it; `bytes` makes the bytes of a payload.
    ///
    /// # Errors
    /// If a payload cannot be made.
    pub fn response<E>(step: &'s ExpectedResponse, bytes: Make<'_, E>) -> Result<Self, E> {
        let payload = |payload: &Option<Payload>| payload.as_ref().map(bytes).transpose();
        Ok(Self {
            message: Message::Response(step),
            headers: texts(&step.headers, bytes)?,
            headers_if_any: texts(&step.headers_if_any, bytes)?,
            body: payload(&step.body)?,
            exact_body: payload(&step.exact_body)?,
            body_contains: payload(&step.body_contains)?,
            target: None,
        })
    }

    /// A request as a step says it.
    ///
    /// # Errors
    /// If a payload cannot be made.
    pub fn request<E>(step: &'s ExpectedRequest, bytes: Make<'_, E>) -> Result<Self, E> {
        Ok(Self {
            message: Message::Request(step),
            headers: texts(&step.headers, bytes)?,
            headers_if_any: texts(&step.headers_if_any, bytes)?,
            body: None,
            exact_body: step.body.as_ref().map(bytes).transpose()?,
            body_contains: None,
            target: step.target.as_ref().map(|target| bytes(&target.0)).transpose()?,
        })
    }

    fn kind(&self) -> Kind {
        match &self.message {
            Message::Request(_) => Kind::Request,
            Message::Response(step) => Kind::Response { to_head: step.to_head },
        }
    }

    fn however_it_ends(&self) -> bool {
        matches!(&self.message, Message::Response(step) if step.however_it_ends)
    }

    /// Whether a page without a status line will do.
    fn or_bare(&self) -> bool {
        matches!(&self.message, Message::Response(step) if step.or_closed && !step.with_status_line)
    }

    fn strictly(&self) -> bool {
        matches!(&self.message, Message::Response(step) if step.strictly)
    }

    /// Whether nothing but the status is looked at.
    fn only_status(&self) -> bool {
        match &self.message {
            Message::Request(_) => false,
            Message::Response(step) => {
                let headers =
                    self.headers.is_empty() && self.headers_if_any.is_empty() && step.headers_begin.is_empty();
                !step.strictly && !step.judges_body() && headers
            }
        }
    }

    /// In words.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        let mut text = match &self.message {
            Message::Request(step) => {
                let method = step.method.as_deref().unwrap_or("any method");
                let target =
                    self.target.as_ref().map(|target| format!(" {}", shown::quote(target))).unwrap_or_default();
                format!("a request ({method}{target})")
            }
            Message::Response(step) => {
                let codes: Vec<String> = step.status.iter().map(ToString::to_string).collect();
                let strictly = if step.strictly { ", in the exact form" } else { "" };
                match codes.as_slice() {
                    [] => format!("an HTTP response{strictly}"),
                    codes => format!("an HTTP response with status {}{strictly}", codes.join(" or ")),
                }
            }
        };
        if let Message::Response(step) = &self.message {
            if step.or_closed {
                text.push_str(", or the end of the connection");
            }
            parts.extend(step.headers_begin.iter().map(|(name, word)| format!("{name}: {word} …")));
            parts.extend(step.xmlrpc.as_ref().map(xmlrpc::describe));
            parts.extend(step.shows_lines.map(|least| format!("at least {} to be seen", counted(least, "line"))));
        }
        let value = |(name, value): (&String, &Vec<u8>)| format!("{name}: {}", String::from_utf8_lossy(value));
        parts.extend(self.headers.iter().map(value));
        parts.extend(self.headers_if_any.iter().map(|field| format!("{} if any", value(field))));
        if let Some(body) = self.body.as_ref().or(self.exact_body.as_ref()) {
            parts.push(match body.len() {
                0 => "an empty body".to_owned(),
                _ => format!("the body {}", shown::describe(body)),
            });
        }
        parts.extend(self.body_contains.as_ref().map(|part| format!("a body with {} in it", shown::describe(part))));
        if !parts.is_empty() {
            text.push_str(", with ");
            text.push_str(&parts.join(", "));
        }
        text
    }
}

/// Takes the message out of the stream. `however_it_ends` takes what there is of a body that is not complete.
fn arrive(wanted: &Wanted<'_>, bytes: &[u8], stream: Stream, however_it_ends: bool) -> Result<Arrived, Judged> {
    let kind = wanted.kind();
    let mut start = 0;
    let head = loop {
        match message::read(&bytes[start..], kind) {
            // Interim responses come before the one that counts (RFC 9110, section 15.2).
            Read::Whole(Head { start: Start::Response { status: 100..=199, .. }, length, .. }) => start += length,
            Read::Whole(head) => break head,
            Read::More if !stream.is_over() => return Err(Judged::More(bytes.len() + 1)),
            Read::Malformed(_) if wanted.only_status() && !stream.is_over() => {
                return Err(Judged::More(bytes.len() + 1));
            }
            other => return broken_off(wanted, bytes, start, other, stream),
        }
    };
    let framing = head.framing(kind).map_err(|why| wrong(shown::describe(&bytes[start..]), why))?;
    let behind = start + head.length;
    let rest = &bytes[behind..];
    let mut findings = Vec::new();
    let (body, took) = match framing.body(rest, stream == Stream::Ended) {
        Body::Whole(body, took) => (body, took),
        Body::Malformed(why) => return Err(wrong(shown::describe(&bytes[start..]), why)),
        Body::More(least) if !stream.is_over() => return Err(Judged::More(behind.saturating_add(least))),
        Body::More(_) if however_it_ends => {
            findings.push(unfinished(framing, rest.len(), stream));
            (framing.so_far(rest), rest.len())
        }
        Body::More(_) => {
            return Err(wrong(summary(&head, &framing.so_far(rest)), unfinished(framing, rest.len(), stream)));
        }
    };
    Ok(Arrived { head, body, framing, taken: behind + took, findings })
}

/// What follows when the head has no end, or is none.
fn broken_off(wanted: &Wanted<'_>, bytes: &[u8], start: usize, read: Read, stream: Stream) -> Result<Arrived, Judged> {
    let rest = &bytes[start..];
    if wanted.only_status()
        && let Some((status, reason)) = message::status_alone(rest)
    {
        let start = Start::Response { status, reason };
        let head = Head { start, fields: Vec::new(), length: rest.len(), slop: 0 };
        let findings = vec!["no blank line ends the headers of the response".to_owned()];
        return Ok(Arrived { head, body: Vec::new(), framing: Framing::Close, taken: bytes.len(), findings });
    }
    // What is no request may be answered as before there were status lines (HTTP/0.9), and then closed.
    if wanted.only_status() && wanted.or_bare() && matches!(stream, Stream::Ended | Stream::Aborted) {
        let start = Start::Response { status: 400, reason: String::new() };
        let head = Head { start, fields: Vec::new(), length: rest.len(), slop: 0 };
        let findings = vec!["it answers with something that has no status line".to_owned()];
        return Ok(Arrived { head, body: Vec::new(), framing: Framing::Close, taken: bytes.len(), findings });
    }
    Err(match read {
        Read::Malformed(why) => wrong(shown::describe(rest), why),
        _ if rest.is_empty() => wrong("nothing", ""),
        _ => wrong(shown::describe(rest), "no blank line says that the headers are at their end"),
    })
}

/// Why a body is not complete.
fn unfinished(framing: Framing, came: usize, stream: Stream) -> String {
    match (framing, stream) {
        (Framing::Length(length), _) => {
            format!("Content-Length says {}, and {came} came", counted(length, "byte"))
        }
        (Framing::Chunked, _) => "the last chunk, of size 0, did not come".to_owned(),
        (_, Stream::Aborted) => {
            "the connection was aborted, and without a Content-Length nobody can tell whether the body is complete"
                .to_owned()
        }
        _ => "the client cannot tell where the body ends: there is no Content-Length, and the connection stays open"
            .to_owned(),
    }
}

fn summary(head: &Head, body: &[u8]) -> String {
    let start = match &head.start {
        Start::Request { method, target } => format!("{method} {}", shown::quote(target)),
        Start::Response { status, reason } => format!("status {status} {reason}").trim_end().to_owned(),
    };
    let fields: Vec<String> =
        head.fields.iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value))).collect();
    let fields = match fields.join("; ") {
        all if all.is_empty() => "no headers".to_owned(),
        all => shown::quote(shown::beginning(all.as_bytes(), 300)),
    };
    format!("{start}, {fields}, body: {}", shown::describe(body))
}

fn compare(wanted: &Wanted<'_>, bytes: &[u8], arrived: Arrived, stream: Stream) -> Judged {
    let Arrived { head, body, framing, taken, mut findings } = arrived;
    let said = || summary(&head, &body);
    if let Err(why) = start_line(wanted, &head, &mut findings) {
        return wrong(said(), why);
    }
    if let Err(why) = fields(wanted, &head) {
        return wrong(said(), why);
    }
    if let Err(why) = content(wanted, &head, &body, &mut findings) {
        let beyond = match (framing, bytes.len().saturating_sub(taken)) {
            (Framing::Length(length), more) if more > 0 => {
                format!("; Content-Length says {}, and {more} more came behind them", counted(length, "byte"))
            }
            _ => String::new(),
        };
        return wrong(said(), why + &beyond);
    }
    if answers_head(wanted) {
        // Whether a body follows shows only when nothing more comes.
        if !stream.is_over() {
            return Judged::More(bytes.len() + 1);
        }
        let refused = matches!(head.start, Start::Response { status: 400.., .. });
        // A server without HEAD may say so as it says everything else.
        if bytes.len() > taken && !refused {
            let more = counted(bytes.len() - taken, "byte");
            return wrong(said(), format!("it answers HEAD, and {more} of a body came behind its headers"));
        }
        return Judged::Right { taken: bytes.len(), body, findings };
    }
    if wanted.strictly() {
        // Something behind the body shows only when nothing more comes.
        if !stream.is_over() {
            return Judged::More(bytes.len() + 1);
        }
        if let Some(why) = slip(bytes, &head, taken) {
            return wrong(said(), why);
        }
        return Judged::Right { taken: bytes.len(), body, findings };
    }
    Judged::Right { taken, body, findings }
}

fn answers_head(wanted: &Wanted<'_>) -> bool {
    matches!(wanted.kind(), Kind::Response { to_head: true })
}

fn start_line(wanted: &Wanted<'_>, head: &Head, findings: &mut Vec<String>) -> Result<(), String> {
    match (&wanted.message, &head.start) {
        (Message::Response(step), Start::Response { status, reason })
            if !step.status.is_empty() && !step.status.iter().any(|code| code.is(*status)) =>
        {
            let phrase = if reason.is_empty() { usual_reason(*status) } else { reason };
            return Err(format!("its status is {status} {phrase}").trim_end().to_owned());
        }
        (Message::Request(step), Start::Request { method, target }) => {
            if step.method.as_ref().is_some_and(|wanted| wanted != method) {
                return Err(format!("its method is {method}"));
            }
            let Some(path) = &wanted.target else { return Ok(()) };
            let asked = origin_form(target);
            if asked.len() != target.len() {
                findings.push("asks an origin server with the whole URL in the request line".to_owned());
            }
            if asked != path.as_slice() {
                return Err(format!("it asks for {}, not for {}", shown::quote(asked), shown::quote(path)));
            }
        }
        _ => {}
    }
    Ok(())
}

/// A target without scheme and authority, which an origin server accepts too (RFC 9112, section 3.2.2).
fn origin_form(target: &[u8]) -> &[u8] {
    let Some(rest) = target.strip_prefix(b"http://") else { return target };
    rest.iter().position(|byte| *byte == b'/').map_or(b"/", |at| &rest[at..])
}

fn fields(wanted: &Wanted<'_>, head: &Head) -> Result<(), String> {
    for (name, value) in &wanted.headers {
        if head.values(name).next().is_none() {
            return Err(format!("it has no header {name}"));
        }
        one_field(head, name, value)?;
    }
    for (name, value) in &wanted.headers_if_any {
        let is_type = name.eq_ignore_ascii_case("Content-Type");
        // A browser that is told no type looks at the content; what is no type tells none (MIME Sniffing, section 4.4).
        let tells = |value: &[u8]| value.contains(&b'/') && !value.trim_ascii_start().starts_with(b"*/*");
        if is_type && !head.values(name).any(tells) {
            continue;
        }
        one_field(head, name, value)?;
    }
    let beginnings = match &wanted.message {
        Message::Request(_) => None,
        Message::Response(step) => Some(&step.headers_begin),
    };
    for (name, word) in beginnings.into_iter().flatten() {
        let begins = |value: &[u8]| {
            let value = String::from_utf8_lossy(value);
            value.split_ascii_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(word))
        };
        let said: Vec<&[u8]> = head.values(name).collect();
        match said.as_slice() {
            [] => return Err(format!("it has no header {name}")),
            // A field may be there several times, once for each scheme.
            values if values.iter().any(|value| begins(value)) => {}
            [value, ..] => {
                let said = String::from_utf8_lossy(value);
                return Err(format!("its header {name} says {said}, which does not begin with {word}"));
            }
        }
    }
    let unwanted = match &wanted.message {
        Message::Request(step) => &step.lacks_headers,
        Message::Response(step) => &step.lacks_headers,
    };
    match unwanted.iter().find(|name| head.values(name).next().is_some()) {
        Some(name) => Err(format!("it has a header {name}, which has no place there")),
        None => Ok(()),
    }
}

/// Every field of this name says this, or this with parameters behind it.
fn one_field(head: &Head, name: &str, wanted: &[u8]) -> Result<(), String> {
    for value in head.values(name) {
        // Behind the type stand its parameters; a folded line is no part of it.
        let ends = |byte: &u8| matches!(byte, b';' | b'\r' | b'\n');
        let bare = value.split(ends).next().unwrap_or_default();
        // The usual port may be named or not (RFC 9110, section 4.2.3).
        let site = value.strip_suffix(b":80").filter(|_| name.eq_ignore_ascii_case("Host")).unwrap_or(value);
        if ![value, bare, site].iter().any(|said| said.trim_ascii().eq_ignore_ascii_case(wanted.trim_ascii())) {
            let (said, wanted) = (String::from_utf8_lossy(value), String::from_utf8_lossy(wanted));
            return Err(format!("its header {name} says {said}, not {wanted}"));
        }
    }
    Ok(())
}

fn content(wanted: &Wanted<'_>, head: &Head, body: &[u8], findings: &mut Vec<String>) -> Result<(), String> {
    if let Some(expected) = &wanted.exact_body
        && expected != body
    {
        return Err(format!("its body differs: {}", shown::first_difference(body, expected)));
    }
    if let Some(expected) = &wanted.body {
        match closely::compare(body, expected, false) {
            Compared::Equal(finding) => findings.extend(finding.map(|text| format!("the body: {text}"))),
            Compared::Beginning | Compared::Different => {
                return Err(format!("its body differs: {}", shown::first_difference(body, expected)));
            }
        }
    }
    if let Some(part) = &wanted.body_contains
        && !closely::contains(body, part, false)
    {
        return Err(format!("its body has no {} in it", shown::quote(shown::beginning(part, 60))));
    }
    if let (Message::Response(step), Start::Response { status, .. }) = (&wanted.message, &head.start)
        && let Some(reply) = &step.xmlrpc
    {
        findings.extend(xmlrpc::judge(reply, *status, body)?);
    }
    if let Message::Response(step) = &wanted.message
        && let Some(least) = step.shows_lines
    {
        let kind = head.values("content-type").next().map(|value| String::from_utf8_lossy(value).to_ascii_lowercase());
        let lines = super::shown::lines(body, kind.as_deref());
        if lines.len() < least {
            let told =
                kind.map_or_else(|| "without a Content-Type".to_owned(), |kind| format!("told that it is {kind}"));
            let seen = counted(lines.len(), "line");
            return Err(format!("a browser, {told}, shows {seen} of its body"));
        }
    }
    Ok(())
}

/// What is not as the RFC writes it.
fn slip(bytes: &[u8], head: &Head, taken: usize) -> Option<String> {
    if let Some(why) = message::slips(bytes, head) {
        return Some(why);
    }
    if let Start::Response { status, reason } = &head.start
        && let Some(other) = status_of(reason)
        && other != *status
    {
        return Some(format!("its status line says {status} {reason}, and {reason} is the phrase of {other}"));
    }
    if head.values("content-length").next().is_some() && head.values("transfer-encoding").next().is_some() {
        return Some("it has both Content-Length and Transfer-Encoding".to_owned());
    }
    match bytes.get(taken..) {
        None | Some([]) => None,
        Some(more) => Some(format!(
            "behind the end of the body came {} more: {}",
            counted(more.len(), "byte"),
            shown::quote(shown::beginning(more, 40))
        )),
    }
}

#[cfg(test)]
mod tests;
