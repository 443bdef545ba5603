//! `submission_metadata.yml` of a Gradescope export: whose a submission is, and when it was handed in.
//!
//! Only what is needed is read of it, line by line, as Gradescope writes it: a key for each submission, its submitters
//! below it. What is not understood is passed over: it is about names and times, never about points.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::FixedOffset;

use super::{ClassError, at};
use crate::grade::late::Moment;

/// The file in the export.
pub const FILE: &str = "submission_metadata.yml";

/// What is known of a submission.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Its students' names.
    pub names: Vec<String>,
    /// Their numbers and addresses.
    pub ids: Vec<String>,
    /// When it was handed in (RFC 3339).
    pub submitted: Option<String>,
}

/// What an export says of its submissions; nothing where it is none.
///
/// # Errors
/// If the file is there and cannot be read.
pub fn read(folder: &Path) -> Result<BTreeMap<String, About>, ClassError> {
    let file = folder.join(FILE);
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok(parse(&text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(at(&file)(error)),
    }
}

fn parse(text: &str) -> BTreeMap<String, About> {
    let mut known: BTreeMap<String, About> = BTreeMap::new();
    let mut current: Option<String> = None;
    let mut among_submitters = false;
    for line in text.lines() {
        let depth = line.len() - line.trim_start().len();
        let entry = line.trim_start().trim_start_matches("- ");
        let Some((key, value)) = entry.trim_start_matches(':').split_once(':') else { continue };
        let value = plain(value.trim());
        if depth == 0 && !line.starts_with('-') {
            current = Some(plain(key));
            among_submitters = false;
            continue;
        }
        let Some(name) = &current else { continue };
        let about = known.entry(name.clone()).or_default();
        match (depth, key) {
            (2, "submitters") => among_submitters = true,
            // A list may begin as deep as its key.
            (2, _) if !line.trim_start().starts_with("- ") => {
                among_submitters = false;
                if key == "created_at" {
                    let utc = FixedOffset::east_opt(0);
                    about.submitted = utc.and_then(|utc| Moment::read(&value, utc)).map(|time| time.to_string());
                }
            }
            (_, "name") if among_submitters && !value.is_empty() => about.names.push(value),
            (_, "sid" | "email") if among_submitters && !value.is_empty() => about.ids.push(value),
            _ => {}
        }
    }
    known.retain(|_, about| !about.names.is_empty());
    known
}

/// A scalar without its quotes.
fn plain(text: &str) -> String {
    let quoted = |sign: char| text.strip_prefix(sign).and_then(|text| text.strip_suffix(sign));
    if let Some(text) = quoted('\'') {
        return text.replace("''", "'");
    }
    match quoted('"') {
        Some(text) => text.replace("\\\"", "\""),
        None if matches!(text, "~" | "null") => String::new(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORT: &str = "---
submission_271001:
  :submitters:
  - :name: Ada Byron
    :sid: '40213'
    :email: ada@example.org
  - :name: Bob O'Neil
    :sid:
    :email: \"bob@example.org\"
  :created_at: 2026-11-20 22:10:05.123456000 Z
  :score: 7.0
  :results:
    tests:
    - name: not a student
submission_271002:
  :submitters:
  - :name: 'Chloé d''Arc'
    :sid: \"40214\"
  :created_at: 2026-11-21 08:00:00 +01:00
";

    #[test]
    fn names_and_times_of_an_export() {
        let known = parse(EXPORT);
        let one = &known["submission_271001"];
        assert_eq!(one.names, ["Ada Byron", "Bob O'Neil"]);
        assert_eq!(one.ids, ["40213", "ada@example.org", "bob@example.org"]);
        assert_eq!(one.submitted.as_deref(), Some("2026-11-20T22:10:05Z"));
        let other = &known["submission_271002"];
        assert_eq!(
            (other.names.as_slice(), other.ids.as_slice()),
            (&["Chloé d'Arc".to_owned()][..], &["40214".to_owned()][..])
        );
        assert_eq!(other.submitted.as_deref(), Some("2026-11-21T08:00:00+01:00"));
    }

    #[test]
    fn what_is_no_export_says_nothing() {
        assert!(parse("").is_empty());
        assert!(parse("a: b\n- c\n  :name: d\n").is_empty());
    }
}
