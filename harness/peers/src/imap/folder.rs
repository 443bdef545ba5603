//! The folder and what can be done with it (RFC 3501, sections 6.3 and 6.4).

use std::num::NonZeroU32;

use imap_codec::imap_types::IntoStatic;
use imap_codec::imap_types::command::CommandBody;
use imap_codec::imap_types::core::QuotedChar;
use imap_codec::imap_types::fetch::{MacroOrMessageDataItemNames, MessageDataItem};
use imap_codec::imap_types::flag::{Flag, StoreResponse, StoreType};
use imap_codec::imap_types::mailbox::{ListMailbox, Mailbox};
use imap_codec::imap_types::response::Data;
use imap_codec::imap_types::search::SearchKey;
use imap_codec::imap_types::sequence::SequenceSet;
use imap_codec::imap_types::status::{StatusDataItem, StatusDataItemName};

use super::super::dialogue::Reply;
use super::fetch::{flags, item, names, shows};
use super::search::{Place, holds, reaches_beyond};
use super::{Call, Server, State, encoded};

/// Uid numbers are valid for the folder with this number, which never changes.
const UID_VALIDITY: NonZeroU32 = NonZeroU32::new(1_772_000_000).expect("not zero");

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Server {
    /// What somebody who is logged in may ask for.
    pub(super) fn serve_folder(&mut self, call: Call, body: CommandBody<'_>) -> Reply {
        match (body, self.state) {
            (CommandBody::Select { mailbox, .. }, _) => self.open(call, &mailbox, false),
            (CommandBody::Examine { mailbox, .. }, _) => self.open(call, &mailbox, true),
            (CommandBody::List { reference, mailbox_wildcard }, _) => {
                self.list(call, &reference, &mailbox_wildcard, false)
            }
            (CommandBody::Lsub { reference, mailbox_wildcard }, _) => {
                self.list(call, &reference, &mailbox_wildcard, true)
            }
            (CommandBody::Status { mailbox, item_names }, _) => self.status(call, &mailbox, &item_names),
            (
                CommandBody::Fetch { .. }
                | CommandBody::Search { .. }
                | CommandBody::Store { .. }
                | CommandBody::Check
                | CommandBody::Close
                | CommandBody::Unselect
                | CommandBody::Expunge,
                State::Inside,
            ) => self.refuse(call, "BAD select a mailbox first"),
            (CommandBody::Fetch { sequence_set, macro_or_item_names, uid, .. }, _) => {
                self.fetch(call, &sequence_set, &macro_or_item_names, uid)
            }
            (CommandBody::Search { criteria, uid, .. }, _) => self.search(call, &SearchKey::And(criteria), uid),
            (CommandBody::Store { sequence_set, kind, response, flags, uid, .. }, _) => {
                let flags: Vec<Flag<'static>> = flags.into_iter().map(IntoStatic::into_static).collect();
                self.store(call, &sequence_set, &kind, &flags, response == StoreResponse::Answer, uid)
            }
            (CommandBody::Check, _) => self.reply(call, "OK", |_| Vec::new()),
            (CommandBody::Close, state) => self.reply(call, "OK closed", |server| {
                if state == (State::Open { read_only: false }) {
                    server.expunge();
                }
                server.state = State::Inside;
                Vec::new()
            }),
            (CommandBody::Unselect, _) => self.reply(call, "OK closed", |server| {
                server.state = State::Inside;
                Vec::new()
            }),
            (CommandBody::Expunge, State::Open { read_only: true }) => {
                self.refuse(call, "NO this can only be looked at")
            }
            (CommandBody::Expunge, _) => self.reply(call, "OK gone", Self::expunge),
            _ => {
                self.not_served(&call.said);
                self.refuse(call, "NO this mailbox cannot do that")
            }
        }
    }

    fn count(&self) -> u32 {
        small(self.messages.len())
    }

    fn last_uid(&self) -> u32 {
        self.messages.last().map_or(0, |message| message.uid().get())
    }

    fn unseen(&self) -> impl Iterator<Item = usize> + '_ {
        self.messages.iter().zip(1..).filter(|(it, _)| !it.flags.contains(&Flag::Seen)).map(|(_, number)| number)
    }

    fn next_uid(&self) -> u32 {
        self.last_uid().max(super::message::UID_OFFSET) + 1
    }

    /// Whether this is the folder that there is.
    fn is_there(&mut self, call: &Call, mailbox: &Mailbox<'_>) -> bool {
        // Google's server has folders of its own, in the language of their owner.
        if let Mailbox::Other(other) = mailbox
            && other.inner().as_ref().to_ascii_lowercase().starts_with(b"[g")
        {
            self.not_served(&call.said);
        }
        *mailbox == Mailbox::Inbox
    }

    fn open(&mut self, call: Call, mailbox: &Mailbox<'_>, read_only: bool) -> Reply {
        if !self.is_there(&call, mailbox) {
            // Section 6.3.1: whoever had a folder open has none now.
            self.state = State::Inside;
            return self.refuse(call, "NO [NONEXISTENT] there is no such mailbox; there is INBOX");
        }
        let usual = if read_only { "OK [READ-ONLY] open" } else { "OK [READ-WRITE] open" };
        self.reply(call, usual, |server| {
            server.state = State::Open { read_only };
            let flags = [Flag::Answered, Flag::Flagged, Flag::Deleted, Flag::Seen, Flag::Draft];
            let mut data = encoded(Data::Flags(flags.to_vec()));
            data.extend(encoded(Data::Exists(server.count())));
            data.extend(encoded(Data::Recent(server.count())));
            let first = server.unseen().next().map(|number| format!("* OK [UNSEEN {number}] the first unseen\r\n"));
            data.extend(first.unwrap_or_default().into_bytes());
            let kept = if read_only { "" } else { r"\Answered \Flagged \Deleted \Seen \Draft" };
            let more = format!(
                "* OK [PERMANENTFLAGS ({kept})] these are kept\r\n* OK [UIDVALIDITY {UID_VALIDITY}] UIDs are valid\r\n\
                 * OK [UIDNEXT {}] the next UID\r\n",
                server.next_uid()
            );
            data.extend(more.into_bytes());
            data
        })
    }

    fn list(&mut self, call: Call, reference: &Mailbox<'_>, pattern: &ListMailbox<'_>, subscribed: bool) -> Reply {
        let pattern = match pattern {
            ListMailbox::Token(token) => token.as_ref(),
            ListMailbox::String(string) => string.as_ref(),
        };
        let reference: &[u8] = match reference {
            Mailbox::Inbox => b"INBOX",
            Mailbox::Other(other) => other.inner().as_ref(),
        };
        let wanted = [reference, pattern].concat().to_ascii_uppercase();
        let data = if pattern.is_empty() {
            // Section 6.3.8: who gives no name wants to know what stands between names.
            b"* LIST (\\Noselect) \"/\" \"\"\r\n".to_vec()
        } else if fits(b"INBOX", &wanted) {
            let (items, delimiter, mailbox) = (Vec::new(), QuotedChar::try_from('/').ok(), Mailbox::Inbox);
            encoded(match subscribed {
                true => Data::Lsub { items, delimiter, mailbox },
                false => Data::List { items, delimiter, mailbox },
            })
        } else {
            Vec::new()
        };
        self.reply(call, "OK these are all", |_| data)
    }

    fn status(&mut self, call: Call, mailbox: &Mailbox<'_>, asked: &[StatusDataItemName]) -> Reply {
        if !self.is_there(&call, mailbox) {
            return self.refuse(call, "NO [NONEXISTENT] there is no such mailbox; there is INBOX");
        }
        let next = NonZeroU32::MIN.saturating_add(self.next_uid() - 1);
        let item = |name: &StatusDataItemName| {
            Some(match name {
                StatusDataItemName::Messages => StatusDataItem::Messages(self.count()),
                StatusDataItemName::Recent => StatusDataItem::Recent(self.count()),
                StatusDataItemName::UidNext => StatusDataItem::UidNext(next),
                StatusDataItemName::UidValidity => StatusDataItem::UidValidity(UID_VALIDITY),
                StatusDataItemName::Unseen => StatusDataItem::Unseen(small(self.unseen().count())),
                _ => return None,
            })
        };
        let Some(items) = asked.iter().map(item).collect::<Option<Vec<_>>>() else {
            self.not_served(&call.said);
            return self.refuse(call, "BAD that is not known here");
        };
        let data = encoded(Data::Status { mailbox: Mailbox::Inbox, items: items.into() });
        self.reply(call, "OK", |_| data)
    }

    /// The places of the messages that are meant; or that the set names messages that are not there.
    fn meant(&self, set: &SequenceSet, uid: bool) -> Option<Vec<usize>> {
        // Section 6.4.8: UIDs that are nobody's are passed over, numbers are not.
        if !uid && reaches_beyond(set, self.count()) {
            return None;
        }
        let (largest, all) = (if uid { self.last_uid() } else { self.count() }, self.messages.iter().enumerate());
        let number = |index: usize| if uid { self.messages[index].uid().get() } else { small(index) + 1 };
        Some(all.map(|(index, _)| index).filter(|index| holds(set, number(*index), largest)).collect())
    }

    fn nobodys(&mut self, call: Call) -> Reply {
        let why = format!("BAD there are {} messages, numbered from 1", self.count());
        self.refuse(call, &why)
    }

    fn fetch(&mut self, call: Call, set: &SequenceSet, asked: &MacroOrMessageDataItemNames<'_>, uid: bool) -> Reply {
        let Some(meant) = self.meant(set, uid) else { return self.nobodys(call) };
        let names = names(asked, uid);
        let is_known = |index: &usize| names.iter().all(|name| item(&self.messages[*index], name).is_some());
        if !meant.iter().all(is_known) {
            self.not_served(&call.said);
            return self.refuse(call, "NO that is not kept here");
        }
        let seen = names.iter().any(shows) && self.state == (State::Open { read_only: false });
        self.reply(call, "OK that was all", |server| {
            let mut data = Vec::new();
            for index in meant {
                data.extend(server.interjection());
                let message = &mut server.messages[index];
                let is_news = seen && message.note(Flag::Seen);
                let mut items: Vec<MessageDataItem<'_>> = names.iter().filter_map(|name| item(message, name)).collect();
                // The new flags are sent, too (section 6.4.5); some servers leave that for later.
                if is_news && server.manners.unasked {
                    items.push(flags(message));
                }
                data.extend(Data::fetch(small(index) + 1, items).map(encoded).unwrap_or_default());
            }
            data.extend(server.interjection());
            data
        })
    }

    fn search(&mut self, call: Call, key: &SearchKey<'_>, uid: bool) -> Reply {
        let (count, last_uid) = (self.count(), self.last_uid());
        let mut found = Vec::new();
        for (message, number) in self.messages.iter().zip(1..) {
            match (Place { message, number, count, last_uid }).fits(key) {
                Some(true) if uid => found.push(message.uid()),
                Some(true) => found.extend(NonZeroU32::new(number)),
                Some(false) => {}
                None => {
                    self.not_served(&call.said);
                    return self.refuse(call, "NO that cannot be searched for here");
                }
            }
        }
        self.reply(call, "OK that was all", |server| [server.interjection(), encoded(Data::Search(found))].concat())
    }

    fn store(
        &mut self,
        call: Call,
        set: &SequenceSet,
        kind: &StoreType,
        changed: &[Flag<'static>],
        answer: bool,
        uid: bool,
    ) -> Reply {
        if self.state == (State::Open { read_only: true }) {
            return self.refuse(call, "NO this can only be looked at");
        }
        let Some(meant) = self.meant(set, uid) else { return self.nobodys(call) };
        self.reply(call, "OK noted", |server| {
            let mut data = Vec::new();
            for index in meant {
                let message = &mut server.messages[index];
                if *kind != StoreType::Add {
                    message.flags.retain(|flag| *kind == StoreType::Remove && !changed.contains(flag));
                }
                if *kind != StoreType::Remove {
                    changed.iter().for_each(|flag| {
                        message.note(flag.clone());
                    });
                }
                let mut items = vec![flags(message)];
                if uid {
                    items.push(MessageDataItem::Uid(message.uid()));
                }
                if answer {
                    data.extend(Data::fetch(small(index) + 1, items).map(encoded).unwrap_or_default());
                }
            }
            data
        })
    }

    /// Deletes for good what is marked so, and says so: each number as it is after those before it are gone.
    fn expunge(&mut self) -> Vec<u8> {
        let mut data = Vec::new();
        let mut index = 0;
        while let Some(message) = self.messages.get(index) {
            if message.flags.contains(&Flag::Deleted) {
                self.record.deleted.insert(message.number);
                self.messages.remove(index);
                data.extend(Data::expunge(small(index) + 1).map(encoded).unwrap_or_default());
            } else {
                index += 1;
            }
        }
        data
    }

    /// What nobody has asked for, where the scenario wants it.
    fn interjection(&self) -> Vec<u8> {
        if !self.manners.unasked {
            return Vec::new();
        }
        [b"* OK still here\r\n".to_vec(), encoded(Data::Exists(self.count()))].concat()
    }
}

/// Whether a name fits a pattern with `*` and `%` in it (section 6.3.8). Names here have no levels, so both are the same.
fn fits(name: &[u8], pattern: &[u8]) -> bool {
    const LONGEST: usize = 100;
    match pattern.split_first() {
        _ if pattern.len() > LONGEST => false,
        None => name.is_empty(),
        Some((b'*' | b'%', rest)) => (0..=name.len()).any(|from| fits(&name[from..], rest)),
        Some((letter, rest)) => name.first() == Some(letter) && fits(&name[1..], rest),
    }
}
