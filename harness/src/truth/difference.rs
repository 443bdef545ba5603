//! A program that is kept as its difference from another one: a header in TOML, then a unified diff that `git apply`
//! takes in the folder of the base. Nothing is searched for: a hunk fits at its own line, or the file is wrong.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};
use diffy::{Hunk, Line};

use super::programs::Expected;
use crate::submission::manifest::FILE as MANIFEST;
use harness_language::scenario::load;
use harness_language::scenario::problem::{Problem, Source, nearest};

/// Longer differences of a wrong program say why they are long (`long-because`).
const SHORT: usize = 15;

/// What is to be changed in a copy of the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The folder of the base.
    pub base: PathBuf,
    /// The new content of each file that differs.
    pub files: BTreeMap<PathBuf, String>,
}

/// A difference and what its program must come to, from its file.
///
/// # Errors
/// The place of the first mistake: in the header, in a hunk that does not fit, in a difference that changes nothing.
pub fn read(source: &Arc<Source>, task: &Path, is_bad: bool) -> Result<(Difference, Expected), Problem> {
    let begin = begin_of_diff(&source.text);
    let header = Source::new(source.name.clone(), &source.text[..begin]);
    let expected: Expected = load::typed(&header)?;
    let at_key = |key: &str| key_in(&header.text, key);
    let Some(name) = &expected.base else {
        return Err(
            Problem::new(source, 0..0, "a difference needs a base").help(Some("write `base = \"good/…\"`".into()))
        );
    };
    let base = task.join(name);
    if !base.join(super::programs::EXPECTED).is_file() {
        let known = super::programs::folders_below(task);
        let near = nearest(name, known.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
        return Err(
            Problem::new(source, at_key("base"), format!("there is no program `{name}` kept as a folder")).help(near)
        );
    }
    if is_bad && expected.why.as_ref().is_none_or(String::is_empty) {
        return Err(Problem::new(source, at_key("title"), "a wrong program says why it is wrong")
            .help(Some("write `why = \"…\"`: what the mistake costs somebody, in one sentence".into())));
    }
    let mut files = manifest(source, &base, &expected, &at_key)?;
    let changed = apply(source, begin, &base, &mut files)?;
    if changed == 0 && expected.build.is_none() {
        return Err(Problem::new(source, begin..begin, "this difference changes nothing")
            .help(Some("behind the header stands a unified diff: `--- a/FILE`, `+++ b/FILE`, `@@ … @@`".into())));
    }
    if is_bad && changed > SHORT && expected.long_because.as_ref().is_none_or(String::is_empty) {
        let title = format!("{changed} lines differ from {name}; more than {SHORT} need a reason");
        return Err(Problem::new(source, at_key("base"), title)
            .help(Some("write `long-because = \"…\"`, or make the difference smaller".into())));
    }
    Ok((Difference { base, files }, expected))
}

/// The manifest of the base without the roles that are left out, with another build.
fn manifest(
    source: &Arc<Source>,
    base: &Path,
    expected: &Expected,
    at_key: &dyn Fn(&str) -> Range<usize>,
) -> Result<BTreeMap<PathBuf, String>, Problem> {
    if expected.roles.is_empty() && expected.build.is_none() {
        return Ok(BTreeMap::new());
    }
    let read = || std::fs::read_to_string(base.join(MANIFEST)).ok()?.parse::<toml::Table>().ok();
    let Some(mut table) = read() else {
        return Err(Problem::new(
            source,
            at_key("base"),
            format!("the base has no {MANIFEST} to take roles or a build from"),
        ));
    };
    if let Some(build) = &expected.build {
        table.insert("build".to_owned(), build.clone());
    }
    if !expected.roles.is_empty() {
        let programs = table.iter_mut().filter_map(|(_, value)| value.as_table_mut()).next();
        let Some(programs) = programs else {
            return Err(Problem::new(source, at_key("base"), format!("the base's {MANIFEST} names no programs")));
        };
        if let Some(unknown) = expected.roles.iter().find(|role| !programs.contains_key(role.as_str())) {
            return Err(Problem::new(
                source,
                at_key("roles"),
                format!("the base's {MANIFEST} has no role `{unknown}`"),
            ));
        }
        programs.retain(|key, _| expected.roles.iter().any(|role| role == key));
    }
    Ok(BTreeMap::from([(PathBuf::from(MANIFEST), table.to_string())]))
}

/// Applies every hunk at its own line; the number of lines that differ.
fn apply(
    source: &Arc<Source>,
    begin: usize,
    base: &Path,
    files: &mut BTreeMap<PathBuf, String>,
) -> Result<usize, Problem> {
    let mut places = hunks(&source.text, begin);
    let mut changed = 0;
    if begin == source.text.len() {
        return Ok(0);
    }
    for patch in PatchSet::parse(&source.text[begin..], ParseOptions::unidiff()) {
        let patch = patch.map_err(|error| {
            Problem::new(source, begin..source.text.len(), format!("this is no unified diff: {error}"))
        })?;
        let operation = patch.operation().strip_prefix(1);
        let (name, old) = match &operation {
            FileOperation::Create(name) => (name, String::new()),
            FileOperation::Modify { modified: name, .. } => {
                let path = base.join(&**name);
                let old = std::fs::read_to_string(&path).map_err(|error| {
                    let place = places.first().cloned().unwrap_or(begin..begin);
                    Problem::new(source, place, format!("`{name}` of {} cannot be read: {error}", base_name(base)))
                })?;
                (name, old)
            }
            _ => {
                let place = places.first().cloned().unwrap_or(begin..begin);
                return Err(Problem::new(source, place, "a difference changes or adds files, nothing else"));
            }
        };
        let Some(text) = patch.patch().as_text() else { continue };
        let mut lines: Vec<&str> = old.split_inclusive('\n').collect();
        let mut shift = 0_isize;
        for hunk in text.hunks() {
            let place = if places.is_empty() { begin..begin } else { places.remove(0) };
            changed +=
                replace(&mut lines, &mut shift, hunk).map_err(|misfit| misfit.problem(source, place, name, base))?;
        }
        files.insert(PathBuf::from(&**name), lines.concat());
    }
    Ok(changed)
}

/// Why a hunk does not fit.
enum Misfit {
    /// The base has another line there, or none.
    Line { number: usize, there: Option<String>, here: String, elsewhere: Option<usize> },
    /// It takes away what it puts back.
    Nothing,
}

impl Misfit {
    fn problem(self, source: &Arc<Source>, place: Range<usize>, name: &str, base: &Path) -> Problem {
        let base = base_name(base);
        match self {
            Self::Nothing => Problem::new(source, place, format!("this hunk changes nothing in `{name}`")),
            Self::Line { number, there, here, elsewhere } => {
                let there = there.map_or("no line".to_owned(), |line| format!("`{line}`"));
                let title =
                    format!("this hunk does not fit `{name}` of {base}: line {number} there is {there}, here `{here}`");
                let help = match elsewhere {
                    Some(line) => {
                        format!("the lines of the hunk stand at line {line} of {base}/{name}: correct its `@@`")
                    }
                    None => format!("{base} has changed, or the hunk: make the difference again with `diff -U1`"),
                };
                Problem::new(source, place, title).help(Some(help))
            }
        }
    }
}

/// Puts the new lines of a hunk in place of its old ones; how many lines differ.
fn replace<'t>(lines: &mut Vec<&'t str>, shift: &mut isize, hunk: &Hunk<'t, str>) -> Result<usize, Misfit> {
    let (mut old, mut new, mut changed) = (Vec::new(), Vec::new(), 0);
    for line in hunk.lines() {
        match line {
            Line::Context(text) => {
                old.push(*text);
                new.push(*text);
            }
            Line::Delete(text) => old.push(*text),
            Line::Insert(text) => new.push(*text),
        }
        changed += usize::from(!matches!(line, Line::Context(_)));
    }
    if old == new {
        return Err(Misfit::Nothing);
    }
    // A hunk of new lines only names the line before them.
    let first = hunk.old_range().start().saturating_sub(usize::from(!old.is_empty()));
    let at = first.checked_add_signed(*shift).unwrap_or(0);
    if let Some(index) = (0..old.len()).find(|index| lines.get(at + index) != Some(&old[*index])) {
        let elsewhere = lines.windows(old.len()).position(|window| window == old);
        return Err(Misfit::Line {
            number: first + index + 1,
            there: lines.get(at + index).map(|line| line.trim_end().to_owned()),
            here: old[index].trim_end().to_owned(),
            elsewhere: elsewhere.and_then(|at| at.checked_add_signed(-*shift)).map(|at| at + 1),
        });
    }
    *shift += new.len() as isize - old.len() as isize;
    lines.splice(at.min(lines.len())..(at + old.len()).min(lines.len()), new);
    Ok(changed)
}

/// Where the header ends: at the first line that names an old file.
fn begin_of_diff(text: &str) -> usize {
    if text.starts_with("--- ") { 0 } else { text.find("\n--- ").map_or(text.len(), |at| at + 1) }
}

/// The lines that begin a hunk, in their order.
fn hunks(text: &str, begin: usize) -> Vec<Range<usize>> {
    let mut at = begin;
    let mut found = Vec::new();
    for line in text[begin..].split_inclusive('\n') {
        if line.starts_with("@@ ") {
            found.push(at..at + line.trim_end().len());
        }
        at += line.len();
    }
    found
}

/// The line of a key of the header.
fn key_in(header: &str, key: &str) -> Range<usize> {
    let mut at = 0;
    for line in header.split_inclusive('\n') {
        if line.split('=').next().is_some_and(|word| word.trim() == key) {
            return at..at + line.trim_end().len();
        }
        at += line.len();
    }
    0..0
}

/// `good/c`.
fn base_name(base: &Path) -> String {
    let parts: Vec<_> = base.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SERVER: &str = "bind\nlisten\naccept\nrecv\nsend\nclose\n";
    const NAMES: &str = "build = \"make\"\n\n[greeting]\nserver = \"./server {port}\"\nclient = \"./client {port}\"\n";

    /// A task with one right program, `good/c`.
    fn task() -> tempfile::TempDir {
        let task = tempfile::tempdir().unwrap();
        let base = task.path().join("good/c");
        std::fs::create_dir_all(&base).unwrap();
        for (name, text) in [
            ("server.c", SERVER),
            (MANIFEST, NAMES),
            ("expected.toml", "title = \"right\"\nlanguage = \"c\"\nneeds = [\"cc\"]\n"),
        ] {
            std::fs::write(base.join(name), text).unwrap();
        }
        task
    }

    fn of(header: &str, diff: &str) -> Result<BTreeMap<PathBuf, String>, String> {
        let task = task();
        let why = if header.starts_with("why") { "" } else { "why = \"It is.\"\n" };
        let text = format!("title = \"wrong\"\n{why}{header}\n\n{diff}");
        let source = Source::new("bad/one.diff", text);
        read(&source, task.path(), true).map(|(difference, _)| difference.files).map_err(|problem| {
            let help = problem.help.clone().map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{}{help}", problem.one_line())
        })
    }

    const BASE: &str = "base = \"good/c\"";

    fn diff(hunks: &str) -> String {
        format!("--- a/server.c\n+++ b/server.c\n{hunks}")
    }

    #[rstest]
    #[case::a_line_changed("@@ -4 +4 @@\n-recv\n+recv once\n", "bind\nlisten\naccept\nrecv once\nsend\nclose\n")]
    #[case::a_line_dropped("@@ -3,3 +3,2 @@\n accept\n-recv\n send\n", "bind\nlisten\naccept\nsend\nclose\n")]
    #[case::a_line_added(
        "@@ -5,2 +5,3 @@\n send\n+sleep\n close\n",
        "bind\nlisten\naccept\nrecv\nsend\nsleep\nclose\n"
    )]
    #[case::added_without_context("@@ -5,0 +6 @@\n+sleep\n", "bind\nlisten\naccept\nrecv\nsend\nsleep\nclose\n")]
    #[case::a_later_hunk_counts_from_the_old_file(
        "@@ -1 +1,2 @@\n+socket\n bind\n@@ -6 +7 @@\n-close\n+end\n",
        "socket\nbind\nlisten\naccept\nrecv\nsend\nend\n"
    )]
    fn a_difference_makes_a_file(#[case] hunks: &str, #[case] file: &str) {
        assert_eq!(of(BASE, &diff(hunks)).unwrap()[Path::new("server.c")], file);
    }

    #[rstest]
    #[case::does_not_fit(
        BASE,
        diff("@@ -4 +4 @@\n-read\n+recv once\n"),
        "bad/one.diff:7:1: this hunk does not fit `server.c` of good/c: line 4 there is `recv`, here `read` (good/c has changed"
    )]
    #[case::fits_elsewhere(
        BASE,
        diff("@@ -2 +2 @@\n-recv\n+recv once\n"),
        "bad/one.diff:7:1: this hunk does not fit `server.c` of good/c: line 2 there is `listen`, here `recv` (the lines of \
         the hunk stand at line 4 of good/c/server.c"
    )]
    #[case::the_second_hunk(
        BASE,
        diff("@@ -1 +1,2 @@\n+socket\n bind\n@@ -7 +8 @@\n-end\n+stop\n"),
        "bad/one.diff:10:1: this hunk does not fit `server.c` of good/c: line 7 there is no line, here `end`"
    )]
    #[case::puts_back_what_it_takes(
        BASE,
        diff("@@ -4 +4 @@\n-recv\n+recv\n"),
        "bad/one.diff:7:1: this hunk changes nothing in `server.c`"
    )]
    #[case::no_diff(BASE, String::new(), "this difference changes nothing")]
    #[case::no_such_file(BASE, diff("@@ -1 +1 @@\n-a\n+b\n").replace("server", "proxy"), "`proxy.c` of good/c cannot be read")]
    #[case::no_base("", diff("@@ -4 +4 @@\n-recv\n+read\n"), "a difference needs a base")]
    #[case::no_such_base(
        "base = \"good/cc\"",
        diff("@@ -4 +4 @@\n-recv\n+read\n"),
        "bad/one.diff:3:1: there is no program `good/cc` kept as a folder (did you mean `good/c`?)"
    )]
    #[case::no_reason(
        "why = \"\"\nbase = \"good/c\"",
        diff("@@ -4 +4 @@\n-recv\n+read\n"),
        "bad/one.diff:1:1: a wrong program says why it is wrong (write `why = "
    )]
    #[case::no_such_role(
        "base = \"good/c\"\nroles = [\"proxy\"]",
        diff("@@ -4 +4 @@\n-recv\n+read\n"),
        "bad/one.diff:4:1: the base's submission.toml has no role `proxy`"
    )]
    #[case::a_key_that_there_is_not("base = \"good/c\"\nrole = 1", diff(""), "role")]
    #[case::broken(BASE, diff("@@ -4 +4 @@\n-recv\n"), "this is no unified diff")]
    fn what_is_wrong_is_named_with_its_place(#[case] header: &str, #[case] diff: String, #[case] said: &str) {
        let problem = of(header, &diff).unwrap_err();
        assert!(problem.contains(said), "{problem}");
    }

    #[test]
    fn a_long_difference_needs_a_reason() {
        let lines: String = (0..16).map(|number| format!("+line {number}\n")).collect();
        let long = diff(&format!("@@ -1 +1,17 @@\n{lines} bind\n"));
        let refused = of(BASE, &long).unwrap_err();
        assert!(refused.contains("16 lines differ from good/c; more than 15 need a reason"), "{refused}");
        assert!(of(&format!("{BASE}\nlong-because = \"It is a table.\""), &long).is_ok());
    }

    #[test]
    fn roles_and_build_make_another_manifest() {
        let header = format!("{BASE}\nroles = [\"server\"]\nbuild = \"cc server.c\"");
        let files = of(&header, &diff("@@ -4 +4 @@\n-recv\n+read\n")).unwrap();
        let manifest: toml::Table = files[Path::new(MANIFEST)].parse().unwrap();
        assert_eq!(manifest, "build = \"cc server.c\"\n[greeting]\nserver = \"./server {port}\"\n".parse().unwrap());
    }

    /// Every difference of the checkout fits, says why its program is wrong.
    #[test]
    fn the_kits_own_differences_fit() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/submissions");
        let programs = super::super::Programs::open(Some(&root)).unwrap_or_else(|error| panic!("{error}"));
        assert!(programs.entries.len() > 1000);
    }
}
