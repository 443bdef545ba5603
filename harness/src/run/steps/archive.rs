//! What is expected of an archive that came with a message.

use std::collections::BTreeSet;

use harness_judging::shown;

use super::super::{Director, Done, Failure, Halt};
use super::attached::is_same;
use crate::submission::archive as packed;
use harness_language::scenario::model::ExpectArchive;
use harness_peers::archive::{self, Entry, Unreadable, What, kind_of};
use harness_peers::attachment::{self, Piece};

/// Entries that are shown.
const SHOWN: usize = 12;

/// How often a file may stand in an archive: by itself, and once more where a link was followed.
const OFTEN: usize = 2;

/// What came.
struct Packed {
    entries: Vec<Entry>,
    /// Names of the parts that it was in.
    names: BTreeSet<String>,
    /// A folder around everything, with its `/`.
    around: String,
}

impl Packed {
    /// The archive in one line.
    fn described(&self) -> String {
        let shown: Vec<String> =
            self.entries.iter().take(SHOWN).map(|entry| shown::quote(entry.path.as_bytes())).collect();
        let more = if self.entries.len() > SHOWN { ", …" } else { "" };
        match shown.as_slice() {
            [] => "an archive with nothing in it".to_owned(),
            _ => format!("an archive with {}{more}", shown.join(", ")),
        }
    }

    /// The entry's path below the folder around everything.
    fn below<'e>(&self, entry: &'e Entry) -> Option<&'e str> {
        entry.path.strip_prefix(&self.around)
    }
}

impl Director {
    pub(super) fn expect_archive(&mut self, step: &ExpectArchive) -> Done {
        self.knows_its_files()?;
        let packed = self.packed(&step.peer)?;
        for name in &step.holds {
            self.holds(&packed, name)?;
        }
        for name in &step.folders {
            let inside = format!("{name}/");
            let is_there = |path: &str, what: &What| path == name && *what == What::Folder || path.starts_with(&inside);
            if !packed.entries.iter().any(|entry| packed.below(entry).is_some_and(|path| is_there(path, &entry.what))) {
                return Err(Failure {
                    expected: format!("the folder {name} in the archive, though nothing is in it"),
                    actual: packed.described(),
                    reason: format!("the folder {name} is not in the archive: {}", packed.described()),
                    ..Failure::default()
                }
                .into());
            }
        }
        if step.not_itself { self.is_not_in_itself(&packed) } else { Ok(()) }
    }

    /// Reads the archives of the first message.
    fn packed(&self, peer: &str) -> Result<Packed, Halt> {
        let mails = self.mails_of(peer)?;
        let pieces = attachment::pieces(&mails[0].content);
        let (mut entries, mut names, mut unreadable) = (Vec::new(), BTreeSet::new(), Unreadable::None);
        for piece in &pieces {
            match archive::read(&piece.content) {
                Ok(found) => {
                    entries.extend(found);
                    names.extend(piece.name.clone());
                }
                Err(Unreadable::None) => {}
                Err(why) => unreadable = why,
            }
        }
        if !entries.is_empty() {
            let around = around(&entries, self.scenario.files.keys());
            return Ok(Packed { entries, names, around });
        }
        let parts = pieces.iter().map(Piece::described).collect::<Vec<_>>().join(", ");
        let reason = match unreadable {
            Unreadable::Foreign(_) | Unreadable::TooMuch => {
                return Err(Halt::NotGradable(format!("what is attached cannot be judged: {unreadable}")));
            }
            Unreadable::None => format!("no part of the message is a zip or tar archive with something in it: {parts}"),
            _ => format!("what is attached cannot be read: {unreadable}"),
        };
        Err(Failure {
            expected: "a zip or tar archive that opens".to_owned(),
            actual: parts,
            reason,
            ..Failure::default()
        }
        .into())
    }

    fn holds(&self, packed: &Packed, name: &str) -> Done {
        let wanted = self.content_of(name)?;
        let expected = format!("{name} in the archive, with {}", shown::describe(&wanted));
        let files = packed.entries.iter().filter_map(|entry| match &entry.what {
            What::File(content) => Some((entry, content)),
            _ => None,
        });
        let there: Vec<&Vec<u8>> =
            files.clone().filter(|(entry, _)| packed.below(entry) == Some(name)).map(|(_, content)| content).collect();
        let Some(first) = there.first() else {
            let reason = format!("{name} is not in the archive: {}", packed.described());
            return Err(Failure { expected, actual: packed.described(), reason, ..Failure::default() }.into());
        };
        if !there.iter().any(|content| is_same(content, &wanted)) {
            self.differed(&wanted, first);
            let difference = shown::first_difference(first, &wanted);
            let reason = format!("{name} is in the archive with another content: {difference}");
            return Err(Failure { expected, actual: shown::describe(first), reason, ..Failure::default() }.into());
        }
        let times = files.filter(|(entry, content)| is_called(&entry.path, name) && is_same(content, &wanted)).count();
        if times > OFTEN {
            return Err(Failure {
                expected: format!("{name} once in the archive"),
                actual: packed.described(),
                reason: format!(
                    "{name} stands {times} times in the archive: a link was followed that leads back to where it is"
                ),
                ..Failure::default()
            }
            .into());
        }
        Ok(())
    }

    /// What the program has made and packed is the archive itself, or a piece of it.
    fn is_not_in_itself(&self, packed: &Packed) -> Done {
        let part = self.cast.parts.get(&self.scenario.role);
        let before = self.cast.root.join(part.map(|part| part.command.cwd.clone()).unwrap_or_default());
        let was_there = |path: &str| self.scenario.files.contains_key(path) || before.join(path).exists();
        let itself = packed.entries.iter().find_map(|entry| {
            let What::File(content) = &entry.what else { return None };
            let path = packed.below(entry).unwrap_or(&entry.path);
            let name = path.rsplit('/').next().unwrap_or(path);
            let is_packed = packed.names.contains(name) || packed::stem(name).is_some() || kind_of(content).is_some();
            (is_packed && !was_there(path)).then_some((path, content))
        });
        let Some((path, content)) = itself else { return Ok(()) };
        Err(Failure {
            expected: "what was in the folder before, and nothing else".to_owned(),
            actual: format!("{path} in the archive, with {}", shown::describe(content)),
            reason: format!(
                "the archive has {path} in it ({} bytes), which was not there before the program was started: that is the \
                 archive itself, as far as it was written",
                content.len()
            ),
            ..Failure::default()
        }
        .into())
    }
}

/// Whether a path ends in this one.
fn is_called(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

/// The folder, with its `/`, below which most of these files are; the shortest of equals.
fn around<'n>(entries: &[Entry], files: impl Iterator<Item = &'n String> + Clone) -> String {
    let paths: BTreeSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    let candidates: BTreeSet<&str> = files
        .clone()
        .flat_map(|name| paths.iter().filter(|path| is_called(path, name)).map(|path| &path[..path.len() - name.len()]))
        .collect();
    let found = |around: &str| files.clone().filter(|name| paths.contains(format!("{around}{name}").as_str())).count();
    let best = candidates.into_iter().max_by_key(|around| (found(around), std::cmp::Reverse(around.len())));
    best.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::none(&["a.txt", "in/b.txt"], "")]
    #[case::one(&["work/a.txt", "work/in/b.txt", "work"], "work/")]
    #[case::deep(&["tmp/run/work/a.txt", "tmp/run/work/in/b.txt"], "tmp/run/work/")]
    #[case::copies(&["in/up/a.txt", "in/up/in/b.txt", "a.txt", "in/b.txt"], "")]
    #[case::lost(&["work/a.txt", "b.txt"], "work/")]
    #[case::empty(&[], "")]
    fn finds_the_folder_around(#[case] paths: &[&str], #[case] expected: &str) {
        let entry = |path: &&str| Entry { path: (*path).to_owned(), what: What::Other };
        let entries: Vec<Entry> = paths.iter().map(entry).collect();
        let files = ["a.txt".to_owned(), "in/b.txt".to_owned()];
        assert_eq!(around(&entries, files.iter()), expected);
    }

    #[rstest]
    #[case("a.txt", true)]
    #[case("in/a.txt", true)]
    #[case("data.txt", false)]
    fn knows_a_name(#[case] path: &str, #[case] is: bool) {
        assert_eq!(is_called(path, "a.txt"), is);
    }
}
