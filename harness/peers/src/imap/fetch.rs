//! What FETCH hands out of a message (RFC 3501, sections 6.4.5 and 7.4.2).

use imap_codec::imap_types::core::{Literal, NString};
use imap_codec::imap_types::datetime::DateTime;
use imap_codec::imap_types::fetch::{MacroOrMessageDataItemNames, MessageDataItem, MessageDataItemName};
use imap_codec::imap_types::flag::FlagFetch;

use super::message::{Message, section, split};
use super::structure::{envelope, structure};

/// The names that were asked for, without short names for several.
pub fn names<'n>(asked: &'n MacroOrMessageDataItemNames<'n>, uid: bool) -> Vec<MessageDataItemName<'n>> {
    let mut names = match asked {
        MacroOrMessageDataItemNames::Macro(short) => short.expand(),
        MacroOrMessageDataItemNames::MessageDataItemNames(names) => names.clone(),
    };
    // Section 6.4.8: the reply to `UID FETCH` has it in any case.
    if uid && !names.contains(&MessageDataItemName::Uid) {
        names.insert(0, MessageDataItemName::Uid);
    }
    names
}

/// Whether a message counts as seen after this was handed out.
pub fn shows(name: &MessageDataItemName<'_>) -> bool {
    use MessageDataItemName::{BodyExt, Rfc822, Rfc822Text};
    matches!(name, BodyExt { peek: false, .. } | Rfc822 | Rfc822Text)
}

/// Text goes out as a literal, as servers do that have not looked at it.
fn text(bytes: Option<&[u8]>) -> NString<'static> {
    NString(bytes.and_then(|bytes| Literal::try_from(bytes.to_vec()).ok()).map(Into::into))
}

pub fn flags(message: &Message) -> MessageDataItem<'static> {
    let flags = message.flags.iter().cloned().map(FlagFetch::Flag);
    MessageDataItem::Flags(flags.chain([FlagFetch::Recent]).collect())
}

/// What was asked for; nothing if this mailbox has no such thing.
pub fn item(message: &Message, name: &MessageDataItemName<'_>) -> Option<MessageDataItem<'static>> {
    let bytes = message.bytes.as_slice();
    Some(match name {
        MessageDataItemName::Flags => flags(message),
        MessageDataItemName::Uid => MessageDataItem::Uid(message.uid()),
        MessageDataItemName::InternalDate => MessageDataItem::InternalDate(DateTime::try_from(message.date).ok()?),
        MessageDataItemName::Rfc822Size => MessageDataItem::Rfc822Size(u32::try_from(bytes.len()).unwrap_or(u32::MAX)),
        MessageDataItemName::Rfc822 => MessageDataItem::Rfc822(text(Some(bytes))),
        MessageDataItemName::Rfc822Header => MessageDataItem::Rfc822Header(text(Some(split(bytes).0))),
        MessageDataItemName::Rfc822Text => MessageDataItem::Rfc822Text(text(Some(split(bytes).1))),
        MessageDataItemName::Envelope => MessageDataItem::Envelope(envelope(bytes)),
        MessageDataItemName::Body => MessageDataItem::Body(structure(bytes, false)?),
        MessageDataItemName::BodyStructure => MessageDataItem::BodyStructure(structure(bytes, true)?),
        MessageDataItemName::BodyExt { section: asked, partial, .. } => {
            let whole = section(bytes, asked.as_ref());
            let data = whole.as_deref().map(|whole| match partial {
                Some((origin, count)) => {
                    let from = whole.len().min(*origin as usize);
                    &whole[from..whole.len().min(from.saturating_add(count.get() as usize))]
                }
                None => whole,
            });
            let origin = partial.map(|(origin, _)| origin);
            let section = asked.clone().map(imap_codec::imap_types::IntoStatic::into_static);
            MessageDataItem::BodyExt { section, origin, data: text(data) }
        }
        _ => return None,
    })
}
