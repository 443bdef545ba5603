//! What is expected of what a message has with it: whom it goes to, and the files that are attached.

use harness_judging::{closely, shown};

use super::super::event::What;
use super::super::{Director, Done, Failure, Halt};
use super::mail::{Mailbox, insists};
use crate::submission::parts_of;
use harness_language::scenario::model::{ExpectAttachments, ExpectRecipients};
use harness_peers::attachment::{self, LONGEST_LINE, Piece};
use harness_peers::dialogue::LARGEST;
use harness_peers::smtp::Mail;

impl Director {
    /// The parts of a value that is a list, as the judged program has it.
    fn told_list(&self, name: &str, what: &str) -> Result<Vec<String>, Halt> {
        let role = &self.scenario.role;
        let takes = self.cast.takes(role, name);
        let part = self.cast.parts.get(role);
        let says = part.and_then(|part| part.command.values.get(name));
        let otherwise = self.actors.programs.get(role).is_some_and(|actor| actor.with.contains_key(name));
        let value = match says {
            _ if takes => self.value(name).map_err(|error| Halt::Harness(error.to_string()))?,
            Some(value) if !otherwise => value.clone(),
            Some(_) => {
                let why = format!("{what} is built into the program and cannot be another one");
                return Err(Halt::not_applicable(why));
            }
            None => {
                let hint = format!("{role} = {{ run = \"…\", values = {{ {name} = \"…\" }} }}");
                let why = format!("{what} is built into the program, and submission.toml does not say which: {hint}");
                return Err(Halt::skipped(why));
            }
        };
        Ok(parts_of(&value).map(str::to_owned).collect())
    }

    /// The messages that came, one at least.
    pub(super) fn mails_of(&self, peer: &str) -> Result<Vec<Mail>, Halt> {
        let (mails, course) =
            self.with_mailbox(peer, |mailbox: &Mailbox| (mailbox.record().mails.clone(), mailbox.course()))?;
        if mails.iter().any(|mail| mail.content.len() >= LARGEST) {
            let size = LARGEST >> 20;
            return Err(Halt::skipped(format!("the message has {size} MiB or more, and the peer keeps no more of it")));
        }
        if !mails.is_empty() {
            return Ok(mails);
        }
        let said: String = self.actors.programs.values().map(|actor| super::expect::last_words(actor)).collect();
        if let Some(wants) = ["STARTTLS", "AUTH extension"].into_iter().find(|word| said.contains(word)) {
            return Err(insists(&format!("its library says {wants}")));
        }
        let reason = format!("no message came: {course}{said}");
        Err(Failure { expected: "a message".to_owned(), actual: "none".to_owned(), reason, ..Failure::default() }
            .into())
    }

    pub(super) fn expect_recipients(&mut self, step: &ExpectRecipients) -> Done {
        let mails = self.mails_of(&step.peer)?;
        let told = self.told_list("to", "who gets the message")?;
        let named: Vec<&String> = mails.iter().flat_map(|mail| &mail.to).collect();
        let has_got = |wanted: &String| named.iter().any(|it| it.eq_ignore_ascii_case(wanted));
        let without: Vec<&str> = told.iter().filter(|wanted| !has_got(wanted)).map(String::as_str).collect();
        let list = |addresses: &[&str]| {
            let lines: Vec<String> = addresses.iter().map(|address| format!("RCPT TO:<{address}>")).collect();
            lines.join(", ")
        };
        if without.is_empty() {
            return Ok(());
        }
        let named: Vec<&str> = named.into_iter().map(String::as_str).collect();
        let all: Vec<&str> = told.iter().map(String::as_str).collect();
        let reason = format!(
            "{} did not get the message: the server was told {}; what stands in the field To moves no mail",
            without.join(", "),
            list(&named)
        );
        Err(Failure { expected: list(&all), actual: list(&named), reason, ..Failure::default() }.into())
    }

    pub(super) fn expect_attachments(&mut self, step: &ExpectAttachments) -> Done {
        let mails = self.mails_of(&step.peer)?;
        if step.mime {
            mails.iter().try_for_each(|mail| parses(&mail.content))?;
            if mails.iter().any(|mail| !attachment::has_version(&mail.content)) {
                let finding =
                    "the message has no field MIME-Version: 1.0, which readers may ask for before they look for parts";
                self.note("harness", What::Finding(finding.to_owned()));
            }
        }
        if step.exact || step.names {
            self.knows_its_files()?;
            let names = self.told_list("file", "which file is attached")?;
            for mail in &mails {
                let pieces = attachment::pieces(&mail.content);
                for name in &names {
                    let wanted = self.content_of(name)?;
                    self.attached(step, &pieces, name, &wanted)?;
                }
            }
        }
        if step.lines {
            mails.iter().try_for_each(|mail| short_lines(&mail.content))?;
        }
        Ok(())
    }

    /// The program's folder is known.
    pub(super) fn knows_its_files(&self) -> Done {
        let role = &self.scenario.role;
        match self.actors.programs.get(role) {
            Some(actor) if actor.program.is_elsewhere() => {
                Err(Halt::skipped(format!("the {role} runs elsewhere: what is in its folder is not known")))
            }
            _ => Ok(()),
        }
    }

    /// What a file in the program's working directory held when it was started.
    pub(super) fn content_of(&self, name: &str) -> Result<Vec<u8>, Halt> {
        if let Some(payload) = self.scenario.files.get(name) {
            return self.bytes(payload, 0);
        }
        let part = self.cast.parts.get(&self.scenario.role);
        let path = self.cast.root.join(part.map(|part| part.command.cwd.clone()).unwrap_or_default()).join(name);
        std::fs::read(&path).map_err(|error| {
            Halt::skipped(format!("submission.toml says that {name} is attached, and it cannot be read: {error}"))
        })
    }

    fn attached(&self, step: &ExpectAttachments, pieces: &[Piece], name: &str, wanted: &[u8]) -> Done {
        let same = |piece: &&Piece| is_same(&piece.content, wanted);
        let is_named = |piece: &&Piece| piece.name.as_deref() == Some(name);
        // Two files may have the same content.
        let there = pieces.iter().filter(same).find(is_named).or_else(|| pieces.iter().find(same));
        let parts = || pieces.iter().map(Piece::described).collect::<Vec<_>>().join(", ");
        let expected = format!("{name} attached, with {}", shown::describe(wanted));
        let Some(piece) = there else {
            // The part that was meant.
            let meant = pieces.iter().find(is_named).or_else(|| pieces.iter().find(|piece| piece.is_attached));
            let Some(meant) = meant else {
                let reason = format!("{name} is not attached; the message has these parts: {}", parts());
                return Err(Failure { expected, actual: parts(), reason, ..Failure::default() }.into());
            };
            self.differed(wanted, &meant.content);
            let difference = shown::first_difference(&meant.content, wanted);
            let reason = format!("what is attached ({}) is not what {name} holds: {difference}", meant.described());
            return Err(
                Failure { expected, actual: shown::describe(&meant.content), reason, ..Failure::default() }.into()
            );
        };
        if step.exact && !piece.is_attached {
            let reason = format!(
                "the content of {name} came as a text of the message and not as an attached file: its part has neither \
                 Content-Disposition: attachment nor a name"
            );
            return Err(Failure { expected, actual: parts(), reason, ..Failure::default() }.into());
        }
        if step.names && !is_named(&piece) {
            let actual = piece
                .name
                .as_ref()
                .map_or_else(|| "no name".to_owned(), |name| format!("the name {}", shown::quote(name.as_bytes())));
            let expected = format!("the name {} at the part with the file", shown::quote(name.as_bytes()));
            let reason = format!("the file {name} came, and its part has {actual}");
            return Err(Failure { expected, actual, reason, ..Failure::default() }.into());
        }
        Ok(())
    }
}

/// Whether a file came as it was. A text may have got other line ends, and one more or less at its end.
pub(super) fn is_same(came: &[u8], wanted: &[u8]) -> bool {
    let is_text = !wanted.contains(&0) && std::str::from_utf8(wanted).is_ok();
    came == wanted || is_text && matches!(closely::compare(came, wanted, false), closely::Compared::Equal(_))
}

fn parses(content: &[u8]) -> Done {
    let Some(fault) = attachment::mime_fault(content) else { return Ok(()) };
    Err(Failure {
        expected: "a message that can be taken apart (MIME)".to_owned(),
        actual: shown::describe(content),
        reason: format!("the message cannot be taken apart as MIME: {fault}"),
        ..Failure::default()
    }
    .into())
}

fn short_lines(content: &[u8]) -> Done {
    let longest = attachment::longest_line(content);
    if longest <= LONGEST_LINE {
        return Ok(());
    }
    Err(Failure {
        expected: format!("lines of {LONGEST_LINE} bytes at most"),
        actual: format!("a line of {longest} bytes"),
        reason: format!(
            "the message has a line of {longest} bytes: servers may refuse or cut what is longer than {LONGEST_LINE}"
        ),
        ..Failure::default()
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::equal(b"one\ntwo\n", b"one\ntwo\n", true)]
    #[case::other_line_ends(b"one\r\ntwo\r\n", b"one\ntwo\n", true)]
    #[case::no_last_line_end(b"one\ntwo", b"one\ntwo\n", true)]
    #[case::cut(b"one\n", b"one\ntwo\n", false)]
    #[case::binary(b"\0\r\n", b"\0\n", false)]
    #[case::not_a_text(b"\xff\r\n", b"\xff\n", false)]
    fn texts_may_change_their_form(#[case] came: &[u8], #[case] wanted: &[u8], #[case] same: bool) {
        assert_eq!(is_same(came, wanted), same);
    }
}
