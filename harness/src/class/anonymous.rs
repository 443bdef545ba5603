//! A class without names: everything that is written speaks of pseudonyms.
//!
//! A pseudonym is a keyed hash of the name (HMAC, RFC 2104, with SHA-256): the same key gives the same name always the
//! same pseudonym, on every machine and in every term, and without the key nobody can tell whose it is. The key stands
//! in a file of its own beside the way back, and never in the folder of results.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::roster::{Roster, Seen};
use super::scrub::Scrubber;
use super::{ClassError, at};
use crate::report::json;

/// Bytes of a key, and of a block of SHA-256.
const KEY: usize = 32;
const BLOCK: usize = 64;

/// The file of the key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    /// Version of this format.
    format: u32,
    /// The key, hexadecimal.
    key: String,
    /// The way back: names by pseudonym.
    names: BTreeMap<String, String>,
}

/// A key, and the names that it has been used for.
#[derive(Debug, Clone)]
pub struct Anonymity {
    path: PathBuf,
    file: KeyFile,
    key: Vec<u8>,
}

impl Anonymity {
    /// Reads the key, or draws one and writes it, readable for its owner only.
    ///
    /// # Errors
    /// If the file cannot be read or written, or is none of a key.
    pub fn open(path: &Path) -> Result<Self, ClassError> {
        if !path.exists() {
            let mut key = [0; KEY];
            let random = Path::new("/dev/urandom");
            std::fs::File::open(random).and_then(|mut file| file.read_exact(&mut key)).map_err(at(random))?;
            let file = KeyFile { format: 1, key: hexadecimal(&key), names: BTreeMap::new() };
            // Of several shares that begin at once, the first one draws it.
            let written = prepared(path, &file)?.persist_noclobber(path);
            if let Err(error) = written
                && error.error.kind() != std::io::ErrorKind::AlreadyExists
            {
                return Err(at(path)(error.error));
            }
        }
        let text = std::fs::read_to_string(path).map_err(at(path))?;
        let foreign = |why: String| ClassError::Foreign { path: path.to_owned(), why };
        let file: KeyFile = serde_json::from_str(&text)
            .map_err(|error| foreign(format!("it is no file of a key for pseudonyms ({error})")))?;
        let key = bytes(&file.key).filter(|key| key.len() == KEY && file.format == 1);
        let key = key.ok_or_else(|| foreign("its key is damaged".to_owned()))?;
        Ok(Self { path: path.to_owned(), file, key })
    }

    /// Tells keys apart, and nothing about them.
    pub fn fingerprint(&self) -> String {
        self.mac("harness: which key")[..16].to_owned()
    }

    /// The pseudonym of a name.
    pub fn pseudonym(&self, name: &str) -> String {
        format!("p{}", &self.mac(name)[..10])
    }

    fn mac(&self, text: &str) -> String {
        let padded = |sign: u8| {
            let mut block = [sign; BLOCK];
            block.iter_mut().zip(&self.key).for_each(|(byte, key)| *byte ^= key);
            block
        };
        let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
        hexadecimal(&Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize())
    }

    /// Calls every submission by its pseudonym, and notes the way back. The files stay known: they are still to be
    /// graded.
    ///
    /// # Errors
    /// If the way back cannot be written.
    pub fn rename(&mut self, roster: &mut Roster) -> Result<(), ClassError> {
        let named = std::mem::take(&mut roster.submissions);
        for (name, submission) in named {
            let pseudonym = self.pseudonym(&name);
            let whole = match submission.person == name || submission.person.is_empty() {
                true => name,
                false => format!("{name} ({})", submission.person),
            };
            self.file.names.insert(pseudonym.clone(), whole);
            roster.submissions.insert(pseudonym, submission);
        }
        let passed_over = std::mem::take(&mut roster.passed_over);
        for name in passed_over {
            let pseudonym = self.pseudonym(&name);
            self.file.names.insert(pseudonym.clone(), name);
            roster.passed_over.insert(pseudonym);
        }
        prepared(&self.path, &self.file)?.persist(&self.path).map_err(|error| at(&self.path)(error.error))?;
        Ok(())
    }

    /// A roster under pseudonyms as it may be written.
    pub fn written(roster: &Roster, scrubber: &Scrubber) -> Roster {
        let mut written = roster.clone();
        for (pseudonym, submission) in &mut written.submissions {
            submission.person.clone_from(pseudonym);
            submission.ids.clear();
            submission.sources.clear();
            if let Some(Seen::Refused(why)) = &mut submission.seen {
                *why = scrubber.text(why);
            }
        }
        written
    }
}

/// The file, complete, under a name that is not yet its own.
fn prepared(path: &Path, file: &KeyFile) -> Result<tempfile::NamedTempFile, ClassError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Temporary files are readable for their owner only.
    let mut temporary = tempfile::Builder::new().prefix(".writing-").tempfile_in(folder).map_err(at(path))?;
    temporary.write_all(json::visible(file).as_bytes()).map_err(at(path))?;
    Ok(temporary)
}

/// Everything by which a class's texts could tell who somebody is, with what stands for it.
pub fn terms(roster: &Roster, anonymity: &Anonymity) -> BTreeMap<String, BTreeSet<String>> {
    let mut terms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, submission) in &roster.submissions {
        let pseudonym = anonymity.pseudonym(name);
        let mut add = |term: &str| {
            terms.entry(term.to_lowercase()).or_default().insert(pseudonym.clone());
        };
        for whole in [name, &submission.person].into_iter().chain(&submission.ids) {
            let is_number = whole.bytes().all(|byte| byte.is_ascii_digit());
            // A short number may be anything.
            if whole.chars().count() >= if is_number { 5 } else { 3 } {
                add(whole);
            }
            let words = whole.split(|c: char| !c.is_alphanumeric());
            words.filter(|word| is_telling(word)).for_each(&mut add);
        }
    }
    terms
}

/// Whether a part of a name can stand for it.
fn is_telling(word: &str) -> bool {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    word.chars().count() >= if is_number { 5 } else { 3 }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(hexadecimal.get(at..at + 2)?, 16).ok();
    (0..hexadecimal.len()).step_by(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::super::settings;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn anonymity(key: u8) -> Anonymity {
        let key = vec![key; KEY];
        let file = KeyFile { format: 1, key: hexadecimal(&key), names: BTreeMap::new() };
        Anonymity { path: PathBuf::new(), file, key }
    }

    // RFC 4231, test case 2, with the key filled up by zeros, which is the same key.
    #[test]
    fn it_is_hmac() {
        let mut key = b"Jefe".to_vec();
        key.resize(KEY, 0);
        let mac = Anonymity { key, ..anonymity(0) }.mac("what do ya want for nothing?");
        assert_eq!(mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn the_same_key_gives_the_same_names() {
        assert_eq!(anonymity(1).pseudonym("ada"), anonymity(1).pseudonym("ada"));
        assert_ne!(anonymity(1).pseudonym("ada"), anonymity(2).pseudonym("ada"));
        assert_ne!(anonymity(1).pseudonym("ada"), anonymity(1).pseudonym("bob"));
        assert_ne!(anonymity(1).fingerprint(), anonymity(2).fingerprint());
    }

    #[test]
    fn a_key_is_drawn_once_and_kept_with_the_way_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.json");
        let mut first = Anonymity::open(&path).unwrap();
        let mut roster = Roster::new(settings::sample());
        roster.passed_over.insert("notes of ada.txt".to_owned());
        first.rename(&mut roster).unwrap();
        let second = Anonymity::open(&path).unwrap();
        assert_eq!(first.key, second.key);
        assert_eq!(second.file.names.values().collect::<Vec<_>>(), ["notes of ada.txt"]);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "{}").unwrap();
        assert!(Anonymity::open(&path).unwrap_err().to_string().contains("no file of a key"));
    }
}
