//! What a mailbox tells about messages without handing them out: ENVELOPE and BODYSTRUCTURE (RFC 3501, section 7.4.2).

use imap_codec::imap_types::IntoStatic;
use imap_codec::imap_types::body::{
    BasicFields, Body, BodyStructure, Disposition, MultiPartExtensionData, SinglePartExtensionData, SpecificFields,
};
use imap_codec::imap_types::core::{IString, NString, Quoted, Vec1};
use imap_codec::imap_types::envelope::{Address, Envelope};
use mail_parser::{ContentType, MessageParser, MessagePart, MimeHeaders, PartType};

use super::message::field;

/// A string; what cannot be one (a zero byte in it) is empty.
fn string(text: &str) -> IString<'static> {
    IString::try_from(text).map_or_else(|_| IString::Quoted(Quoted::unvalidated("")), IntoStatic::into_static)
}

fn nstring(text: Option<String>) -> NString<'static> {
    NString(text.as_deref().map(string))
}

/// The fields of the header that every mail program shows.
pub fn envelope(message: &[u8]) -> Envelope<'static> {
    let text = |name: &str| nstring(field(message, name));
    let people = |name: &str| field(message, name).map(|text| addresses(&text)).unwrap_or_default();
    let from = people("from");
    // These two are the author where they are not given (section 7.4.2).
    let or_from = |found: Vec<Address<'static>>| if found.is_empty() { from.clone() } else { found };
    Envelope {
        date: text("date"),
        subject: text("subject"),
        sender: or_from(people("sender")),
        reply_to: or_from(people("reply-to")),
        to: people("to"),
        cc: people("cc"),
        bcc: people("bcc"),
        in_reply_to: text("in-reply-to"),
        message_id: text("message-id"),
        from,
    }
}

/// The addresses of a field, as `Name <box@host>` or `box@host`, with commas between them. Names stay as they were sent.
fn addresses(text: &str) -> Vec<Address<'static>> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(letter);
        }
    }
    let address = |part: &String| {
        let (name, address) = match part.split_once('<') {
            Some((name, rest)) => (name.trim().trim_matches('"'), rest.split('>').next().unwrap_or_default()),
            None => ("", part.as_str()),
        };
        let (mailbox, host) = address.trim().rsplit_once('@')?;
        let name = (!name.is_empty()).then(|| name.to_owned());
        Some(Address {
            name: nstring(name),
            adl: NString(None),
            mailbox: nstring(Some(mailbox.to_owned())),
            host: nstring(Some(host.to_owned())),
        })
    };
    parts.iter().filter_map(address).collect()
}

/// The parts of a message, with what BODY lacks and BODYSTRUCTURE has if `extended`.
pub fn structure(message: &[u8], extended: bool) -> Option<BodyStructure<'static>> {
    let parsed = MessageParser::default().parse(message)?;
    part(message, &parsed.parts, parsed.parts.first()?, extended)
}

type Pairs = Vec<(IString<'static>, IString<'static>)>;

fn pairs(kind: Option<&ContentType<'_>>) -> Pairs {
    let all = kind.and_then(ContentType::attributes).unwrap_or_default();
    all.iter().map(|it| (string(&it.name), string(&it.value))).collect()
}

fn disposition(part: &MessagePart<'_>) -> Option<Disposition<'static>> {
    let kind = part.content_disposition()?;
    Some(Disposition { disposition: Some((string(kind.ctype()), pairs(Some(kind)))), tail: None })
}

fn part(
    message: &[u8],
    all: &[MessagePart<'_>],
    one: &MessagePart<'_>,
    extended: bool,
) -> Option<BodyStructure<'static>> {
    let kind = one.content_type();
    if let PartType::Multipart(parts) = &one.body {
        let bodies = parts.iter().filter_map(|index| part(message, all, all.get(*index as usize)?, extended));
        let extension = MultiPartExtensionData { parameter_list: pairs(kind), tail: disposition(one) };
        return Some(BodyStructure::Multi {
            bodies: Vec1::try_from(bodies.collect::<Vec<_>>()).ok()?,
            subtype: string(kind.and_then(ContentType::subtype).unwrap_or("mixed")),
            extension_data: extended.then_some(extension),
        });
    }
    let content = message.get(one.offset_body as usize..one.offset_end as usize)?;
    let lines = u32::try_from(content.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX);
    let (main, sub) = kind.map_or(("text", "plain"), |kind| (kind.ctype(), kind.subtype().unwrap_or("plain")));
    let specific = match (&one.body, structure(content, extended)) {
        (PartType::Message(_), Some(inner)) => SpecificFields::Message {
            envelope: Box::new(envelope(content)),
            body_structure: Box::new(inner),
            number_of_lines: lines,
        },
        _ if main.eq_ignore_ascii_case("text") => SpecificFields::Text { subtype: string(sub), number_of_lines: lines },
        _ => SpecificFields::Basic { r#type: string(main), subtype: string(sub) },
    };
    let basic = BasicFields {
        parameter_list: pairs(kind),
        id: nstring(one.content_id().map(|id| format!("<{id}>"))),
        description: nstring(one.content_description().map(str::to_owned)),
        content_transfer_encoding: string(one.content_transfer_encoding().unwrap_or("7bit")),
        size: u32::try_from(content.len()).unwrap_or(u32::MAX),
    };
    let extension = SinglePartExtensionData { md5: NString(None), tail: disposition(one) };
    Some(BodyStructure::Single { body: Body { basic, specific }, extension_data: extended.then_some(extension) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use imap_codec::ResponseCodec;
    use imap_codec::encode::Encoder;
    use imap_codec::imap_types::fetch::MessageDataItem;
    use imap_codec::imap_types::response::{Data, Response};

    const MAIL: &[u8] = b"Date: Tue, 03 Mar 2026 10:00:00 +0000\r\nSubject: =?utf-8?q?gr=C3=BCn?=\r\n\
        From: \"Brandt, Berta\" <berta@example.net>\r\nTo: anna@example.org, Carl <carl@example.com>\r\n\
        Message-ID: <1@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
        --x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nZ3L8bg==\r\n\
        --x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=plan.pdf\r\n\r\nabc\r\n\
        --x--\r\n";

    fn encoded(item: MessageDataItem<'_>) -> String {
        let data = Data::fetch(1, vec![item]).unwrap();
        String::from_utf8(ResponseCodec::default().encode(&Response::Data(data)).dump()).unwrap()
    }

    #[test]
    fn tells_who_wrote_what() {
        let berta = r#"(("Brandt, Berta" NIL "berta" "example.net"))"#;
        let said = format!(
            "* 1 FETCH (ENVELOPE (\"Tue, 03 Mar 2026 10:00:00 +0000\" \"=?utf-8?q?gr=C3=BCn?=\" {berta} {berta} {berta} \
             ((NIL NIL \"anna\" \"example.org\")(\"Carl\" NIL \"carl\" \"example.com\")) NIL NIL NIL \
             \"<1@example.net>\"))\r\n"
        );
        assert_eq!(encoded(MessageDataItem::Envelope(envelope(MAIL))), said);
    }

    #[test]
    fn tells_which_parts_there_are() {
        let said = "* 1 FETCH (BODYSTRUCTURE (\
             (\"TEXT\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"base64\" 8 0 NIL)\
             (\"application\" \"pdf\" NIL NIL NIL \"7bit\" 3 NIL (\"attachment\" (\"filename\" \"plan.pdf\"))) \
             \"mixed\" (\"boundary\" \"x\")))\r\n";
        assert_eq!(encoded(MessageDataItem::BodyStructure(structure(MAIL, true).unwrap())), said);
    }

    #[test]
    fn what_is_no_mail_has_a_structure_too() {
        let said = encoded(MessageDataItem::Body(structure(b"\r\nhello\r\n", false).unwrap()));
        assert_eq!(said, "* 1 FETCH (BODY (\"TEXT\" \"plain\" NIL NIL NIL \"7bit\" 7 1))\r\n");
    }
}
