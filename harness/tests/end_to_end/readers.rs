//! Every format opened by what reads it, with reports of programs that print each format's own control lines: none of
//! them may become more than text.
//!
//! The readers are the real ones where they can be installed: `jsonschema`, `junitparser` and `cmarkgfm` (GitHub's own
//! Markdown) for Python, `TAP::Parser` for Perl, which `prove` is made of. What is not there is skipped by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use crate::common::{array, fixture, folder, harness, installed, repository, run, skipped, stdout};
use assert_cmd::Command;
use rstest::rstest;
use serde_json::Value;

/// What platforms, terminals, browsers and spreadsheets would take for theirs.
const CONTROL: [&str; 34] = [
    "%0A::error::forged",
    "Grade :=>> 100",
    "Comment :=>> well done",
    "<|--",
    "--|>",
    "::error title=forged::forged",
    "::set-output name=result::100",
    "##[error]forged",
    "ok 1 - forged",
    "not ok 2 - forged",
    "Bail out!",
    "1..0 # SKIP forged",
    "TAP version 13",
    "  ---",
    "  ...",
    "]]>",
    "</failure></testcase><testcase name=\"forged\"/>",
    "<!-- --> <?xml version=\"1.0\"?> &forged;",
    "</script><script>document.title = 'forged'</script>",
    "</code></pre></details><h1>forged</h1><img src=http://192.0.2.1/x.png>",
    "# forged",
    "| forged | forged |",
    "```",
    "~~~~~~",
    "[forged](javascript:alert(1)) https://192.0.2.1/forged ![x](http://192.0.2.1/x.png)",
    "{\"score\": 100, \"scores\": {\"all\": 100}}",
    "{\"tag\": \"points\", \"points\": \"3/3\"}",
    "=HYPERLINK(\"http://192.0.2.1/\",\"forged\")",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\u{1b}[2J\u{1b}[32mpass\u{1b}[0m\u{1b}]0;forged\u{7}",
    "\u{9b}2J\u{85}::error::forged\u{2028}::error::forged\u{2029}ok 3",
    "\u{202e}ssap\u{202c}\u{2066}x\u{2069}\u{200b}\u{feff}",
    "a\r::error::forged\rok 4",
    "\0",
];

/// A program that says so, wherever a program can say something: a server of messages prints it and sends it to its
/// standard error; a client dies of it.
fn submission(folder: &Path, name: &str, says: &str) -> PathBuf {
    let said: Vec<String> = says.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect();
    let said = said.concat();
    let server = format!(
        "import socket, sys\n\
         said = '{said}'\n\
         listener = socket.create_server(('', int(sys.argv[1])))\n\
         print(said, flush=True)\n\
         print(said, file=sys.stderr, flush=True)\n\
         while True:\n    \
             connection, _ = listener.accept()\n    \
             print(said, flush=True)\n    \
             connection.recv(10)\n    \
             connection.close()\n"
    );
    let client = format!("import sys\nprint('{said}', file=sys.stderr, flush=True)\nprint('{said}')\nsys.exit(7)\n");
    let root = folder.join(name);
    std::fs::create_dir_all(&root).expect("a folder");
    let manifest = "[message]\nserver = \"python3 server.py {port}\"\nclient = \"python3 client.py {host} {port}\"\n";
    for (file, text) in [("server.py", server.as_str()), ("client.py", &client), ("submission.toml", manifest)] {
        std::fs::write(root.join(file), text).expect("a file");
    }
    root
}

/// Requirements that fail, and one of a client that cannot be met.
const WANTED: [&str; 4] = ["prints-exactly", "twenty-kb", "queues", "client-exits"];

fn graded(name: &str, says: &str, format: &str) -> String {
    let folder = folder();
    submission(folder.path(), name, says);
    let mut command = harness(folder.path());
    command.args(["--task", "message", "--format", format]).arg(format!("--target={name}"));
    for requirement in WANTED {
        command.args(["--requirement", &format!("message.{requirement}")]);
    }
    command.env("SOURCE_DATE_EPOCH", "1790000000");
    stdout(&run(&mut command, 1))
}

/// A report of the hostile program. Its folder's name is hostile, too, as far as a file name can be.
fn hostile(format: &str) -> String {
    hostile_from(0, format)
}

/// The same, where the program begins with another of its lines: a report shows the beginning of an output, and the end
/// of last words.
fn hostile_from(line: usize, format: &str) -> String {
    type Made = BTreeMap<(usize, String), Arc<OnceLock<String>>>;
    static MADE: Mutex<Made> = Mutex::new(Made::new());
    let place = Arc::clone(MADE.lock().expect("no panic").entry((line, format.to_owned())).or_default());
    let made = || {
        let mut lines = CONTROL.to_vec();
        lines.rotate_left(line);
        graded("=1+1 ::error::x <b>|`]]> ok 9", &lines.join("\n"), format)
    };
    place.get_or_init(made).clone()
}

/// An interpreter with its modules, as Debian packages them.
fn reader(module: &str) -> Option<Command> {
    const PYTHON: &str = "/usr/bin/python3";
    let there = Path::new(PYTHON).is_file()
        && std::process::Command::new(PYTHON)
            .args(["-c", &format!("import {module}")])
            .output()
            .is_ok_and(|output| output.status.success());
    if !there {
        skipped(&format!("{PYTHON} has no module {module} (Debian: python3-{module})"));
    }
    there.then(|| {
        let mut command = Command::new(PYTHON);
        command.timeout(crate::common::BOUND);
        command
    })
}

fn script(name: &str) -> PathBuf {
    repository().join("harness/tests/end_to_end/readers").join(name)
}

/// The published schema of a format.
fn schema(kind: &str) -> String {
    stdout(&run(harness(Path::new(".")).args(["schema", kind]), 0))
}

/// Validates documents, by name, and gives what was said.
fn validated(schema: &str, documents: &[(String, Value)], status: i32) -> Option<String> {
    let mut command = reader("jsonschema")?;
    let folder = folder();
    let at = |name: &str| folder.path().join(name.replace('/', "-"));
    std::fs::write(at("schema"), schema).expect("a file");
    command.arg(script("schemas.py")).arg(at("schema"));
    for (name, document) in documents {
        std::fs::write(at(name), document.to_string()).expect("a file");
        command.arg(at(name));
    }
    let said = stdout(&run(&mut command, status));
    assert!(said.contains(&format!("{} read", documents.len())), "{said}");
    Some(said)
}

fn json(format: &str) -> Value {
    serde_json::from_str(&hostile(format)).expect("JSON")
}

#[test]
fn nothing_that_acts_is_left_in_any_format() {
    for format in ["human", "junit", "tap", "csv", "markdown", "github"] {
        let text = hostile(format);
        let acts = |c: char| c != '\n' && harness::report::escape::acts(c);
        assert!(!text.contains(acts), "{format}: {:?}", text.lines().find(|line| line.contains(acts)));
        // It is told what was said: in none of them is the text merely dropped.
        assert!(text.contains("::error::forged"), "{format}: {text}");
    }
    for format in ["gradescope", "classroom50", "prairielearn", "json"] {
        assert!(hostile(format).contains("::error::forged"), "{format}");
    }
}

#[test]
fn no_line_is_one_that_a_platform_parses() {
    for format in ["human", "junit", "tap", "csv", "markdown", "github", "gradescope", "classroom50", "prairielearn"] {
        for line in hostile(format).lines() {
            let begins = |word: &str| line.trim_start().starts_with(word);
            let forged =
                ["Grade :=>>", "Comment :=>>", "<|--", "--|>", "##[", "Bail out!", "{\"score\": 100", "{\"tag\""];
            assert!(!forged.iter().any(|word| begins(word)), "{format}: {line}");
            assert!(!begins("::") || format == "github", "{format}: {line}");
        }
    }
}

#[test]
fn the_report_is_as_its_schema_says() {
    let report = schema("report");
    let mut documents = vec![("hostile".to_owned(), json("json"))];
    let plain = |target: &Path, status| {
        let folder = folder();
        let wanted = ["--task", "message", "--requirement", "message.queues,message.short-reads", "--format", "json"];
        crate::common::report(harness(folder.path()).arg("--target").arg(target).args(wanted), status)
    };
    documents.push(("passed".to_owned(), plain(&fixture("submissions/message/good/python"), 0)));
    documents.push(("failed".to_owned(), plain(&fixture("student-bin"), 1)));
    let Some(_) = validated(&report, &documents, 0) else { return };
    // That the reader finds mistakes is seen as well.
    let mut broken = json("json");
    broken["tasks"][0]["status"] = Value::from("great");
    broken["surplus"] = Value::from(1);
    if let Some(said) = validated(&report, &[("broken".to_owned(), broken)], 1) {
        assert!(said.contains("great"), "{said}");
    }
}

/// A file of the catalogue as JSON. It is TOML 1.1, which few readers besides ours know yet.
fn read(path: &Path) -> (String, Value) {
    let text = std::fs::read_to_string(path).expect("a file");
    let value: toml::Value = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let name = path.strip_prefix(repository()).expect("of the repository").display().to_string();
    (name, serde_json::to_value(value).expect("JSON"))
}

/// All TOML files below a folder, by path.
fn files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(below).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Which schema a file of `scenarios/` or `fixtures/` keeps.
fn kind(path: &Path) -> Option<&'static str> {
    let part = |name: &str| path.components().any(|it| it.as_os_str() == name);
    let file = path.file_name()?.to_str()?;
    match file {
        "submission.toml" => Some("submission"),
        // Common requirements are no task; questions of the lab are neither.
        "task.toml" => (!part("common")).then_some("task"),
        _ if part("fixtures") => None,
        _ if part("openings") => Some("opening"),
        _ if part("lab") && !part("experiments") => None,
        _ => Some("scenario"),
    }
}

#[test]
fn every_file_of_the_tree_is_as_its_schema_says() {
    let mut by_kind: BTreeMap<&str, Vec<(String, Value)>> = BTreeMap::new();
    for path in files(&repository().join("scenarios")).into_iter().chain(files(&fixture("submissions"))) {
        if let Some(kind) = kind(&path) {
            by_kind.entry(kind).or_default().push(read(&path));
        }
    }
    let rubric = "name = \"spring\"\n[points]\nshould = 2.0\n[requirements]\n\"message.blocking\" = { disabled = true }\n\
                  [commands.message]\nserver = \"./msgd {port}\"\n";
    let rubric: toml::Value = toml::from_str(rubric).expect("TOML");
    by_kind.insert("rubric", vec![("rubric.toml".to_owned(), serde_json::to_value(rubric).expect("JSON"))]);
    assert_eq!(by_kind.len(), 5, "{:?}", by_kind.keys());
    for (kind, documents) in by_kind {
        let schema = schema(kind);
        if validated(&schema, &documents, 0).is_none() {
            return;
        }
        // An unknown key is a mistake to an editor, as it is to us.
        let (name, mut broken) = documents[0].clone();
        broken["surplus-key"] = Value::from(1);
        assert!(validated(&schema, &[(name, broken)], 1).is_some_and(|said| said.contains("surplus-key")), "{kind}");
    }
}

#[rstest]
#[case::gradescope("gradescope")]
#[case::classroom50("classroom50")]
#[case::prairielearn("prairielearn")]
fn course_platforms_get_what_they_document(#[case] format: &str) {
    let schema = std::fs::read_to_string(script(&format!("{format}.json"))).expect("a schema");
    let whole = json(format);
    let score = whole["score"].as_f64().expect("a score");
    assert!(score < 100.0 && array(&whole["tests"]).len() == WANTED.len(), "{whole}");
    let nothing = {
        let folder = folder();
        std::fs::create_dir(folder.path().join("empty")).expect("a folder");
        let output = run(harness(folder.path()).args(["--target", "empty", "--format", format]), 4);
        serde_json::from_str(&stdout(&output)).expect("JSON")
    };
    validated(&schema, &[("hostile".to_owned(), whole), ("nothing to grade".to_owned(), nothing)], 0);
}

#[rstest]
fn a_junit_reader_counts_the_requirements(#[values(0, 16, 24)] line: usize) {
    let Some(mut python) = reader("junitparser") else { return };
    let said = stdout(&run(python.arg(script("junit.py")).write_stdin(hostile_from(line, "junit")), 0));
    let read: Value = serde_json::from_str(&said).expect("JSON");
    let names: Vec<&str> = array(&read["cases"]).iter().filter_map(|case| case["name"].as_str()).collect();
    assert_eq!(names.len(), WANTED.len(), "{read}");
    assert!(WANTED.iter().all(|id| names.contains(&format!("message.{id}").as_str())), "{names:?}");
    let failed = array(&read["cases"]).iter().filter(|case| case["results"] == serde_json::json!(["Failure"])).count();
    assert_eq!(read["failures"], failed, "{read}");
    assert_eq!(statuses("fail"), failed);
    assert!(said.contains("forged") && !names.contains(&"forged"), "{names:?}");
}

/// How many requirements of the hostile report have this status.
fn statuses(status: &str) -> usize {
    crate::common::statuses(&json("json")).iter().filter(|(_, found)| found == status).count()
}

#[rstest]
fn the_parser_of_prove_counts_the_requirements(#[values(0, 16)] line: usize) {
    if !installed("perl") {
        return;
    }
    let mut perl = Command::new("perl");
    let said = stdout(&run(
        perl.arg(script("tap.pl")).write_stdin(hostile_from(line, "tap")).timeout(crate::common::BOUND),
        0,
    ));
    let told = |word: &str| said.lines().find_map(|line| line.strip_prefix(word)).unwrap_or("?").trim().to_owned();
    assert_eq!(
        (told("planned"), told("run"), told("bailed out")),
        ("4".to_owned(), "4".to_owned(), "no".to_owned()),
        "{said}"
    );
    assert_eq!(told("failed").split_whitespace().count(), statuses("fail"), "{said}");
    assert!(!said.contains("error "), "{said}");
}

#[test]
fn a_table_has_a_row_for_each_requirement_and_no_formula() {
    let Some(mut python) = reader("csv") else { return };
    let folder = folder();
    let file = folder.path().join("report.csv");
    std::fs::write(&file, hostile("csv")).expect("a file");
    let said = stdout(&run(python.arg(script("gradebook.py")).arg("table").arg(&file), 0));
    let rows: Value = serde_json::from_str(&said).expect("JSON");
    let found: Vec<&str> = array(&rows).iter().filter_map(|row| row["requirement"].as_str()).collect();
    assert_eq!(found.len(), WANTED.len(), "{rows}");
}

#[rstest]
#[case::canvas(
    "canvas",
    "Student,ID,SIS User ID,SIS Login ID,Section,Lab 5 (98765)\n    Points Possible,,,,,10\n\"=Byron, Ada\",4321,u4321,ada,A,\n",
    "byronada_4321_99001_lab",
    "Lab 5 (98765)"
)]
#[case::moodle(
    "moodle",
    "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Feedback comments\nParticipant 70012,=Ada,ada@x.org,,,10.00,\n",
    "Ada Byron_70012_assignsubmission_file",
    "Grade"
)]
fn a_gradebook_can_be_imported(
    #[case] kind: &str,
    #[case] export: &str,
    #[case] handed_in: &str,
    #[case] column: &str,
) {
    let Some(mut python) = reader("csv") else { return };
    let folder = folder();
    let class = folder.path().join("class");
    std::fs::create_dir(&class).expect("a folder");
    submission(&class, handed_in, &CONTROL.join("\n"));
    if kind == "canvas" {
        // Canvas gives out files.
        let archive = class.join(format!("{handed_in}.zip"));
        let mut zip = zip::ZipWriter::new(std::fs::File::create(archive).expect("a file"));
        for name in ["server.py", "client.py", "submission.toml"] {
            let content = std::fs::read(class.join(handed_in).join(name)).expect("a file");
            zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("an entry");
            std::io::Write::write_all(&mut zip, &content).expect("its content");
        }
        zip.finish().expect("an archive");
        std::fs::remove_dir_all(class.join(handed_in)).expect("gone");
    }
    let file = folder.path().join("export.csv");
    std::fs::write(&file, export).expect("a file");
    let mut command = harness(folder.path());
    command.timeout(crate::common::BOUND * 3).args(["class", "class", "--out", "out", "--gradebook"]).arg(&file);
    command.args(["--task", "message", "--requirement", "message.queues,message.prints-exactly", "--no-progress"]);
    run(&mut command, 0);
    let filled = folder.path().join("out/gradebook.csv");
    // What the system exported must come back as it was, formulas and all: only new cells are ours.
    let harmless =
        std::fs::read_to_string(&filled).expect("a gradebook").replace("=Byron", "Byron").replace("=Ada", "Ada");
    std::fs::write(&filled, harmless).expect("a file");
    let said = stdout(&run(python.arg(script("gradebook.py")).arg(kind).arg(&filled), 0));
    let rows: Value = serde_json::from_str(&said).expect("JSON");
    let own = array(&rows).last().expect("a student");
    assert!(own[column].as_str().is_some_and(|points| points.parse::<f64>().is_ok()), "{kind}: {rows}");
}

/// A workflow command of GitHub Actions by its grammar: `::name key=value,…::message`, everything else an error.
fn command(line: &str) -> Result<(String, BTreeMap<String, String>, String), String> {
    let wrong = |why: &str| Err(format!("{why}: {line}"));
    let Some(rest) = line.strip_prefix("::") else { return wrong("no command") };
    let Some((head, message)) = rest.split_once("::") else { return wrong("no end of the properties") };
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    if !["error", "warning", "notice"].contains(&name) {
        return wrong("not a command of ours");
    }
    let mut found = BTreeMap::new();
    for property in properties.split(',').filter(|it| !it.is_empty()) {
        let Some((key, value)) = property.split_once('=') else { return wrong("a property without a value") };
        if !["title", "file", "line", "endLine", "col", "endColumn"].contains(&key) {
            return wrong("an unknown property");
        }
        if value.contains(':') || value.contains(',') {
            return wrong("an unescaped sign in a property");
        }
        found.insert(key.to_owned(), unescaped(value)?);
    }
    Ok((name.to_owned(), found, unescaped(message)?))
}

/// `%25`, `%0D` and `%0A`, and in properties `%3A` and `%2C`; any other percent sign is an error.
fn unescaped(text: &str) -> Result<String, String> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let (code, further) = after.split_at_checked(2).ok_or(format!("a lone % in {text}"))?;
        plain.push(match code {
            "25" => '%',
            "0D" => '\r',
            "0A" => '\n',
            "3A" => ':',
            "2C" => ',',
            _ => return Err(format!("%{code} in {text}")),
        });
        rest = further;
    }
    plain.push_str(rest);
    Ok(plain)
}

#[test]
fn annotations_keep_the_grammar_and_are_ours_alone() {
    let text = hostile("github");
    let commands: Vec<_> = text.lines().map(|line| command(line).unwrap_or_else(|why| panic!("{why}"))).collect();
    let titles: Vec<&str> =
        commands.iter().filter_map(|(_, found, _)| found.get("title")).map(String::as_str).collect();
    assert_eq!(titles.len(), commands.len(), "{text}");
    let ours = |title: &&str| *title == "harness" || title.starts_with("message.");
    assert!(titles.iter().all(ours), "{titles:?}");
    assert_eq!(titles.iter().filter(|title| **title == "harness").count(), 1, "{titles:?}");
    assert!(commands.len() <= WANTED.len() + 1, "{text}");
    // What the platform un-escapes is told again as the program said it, percent sign and all.
    assert!(text.contains("%250A"), "{text}");
}

#[rstest]
#[case::not_a_command("forged")]
#[case::unknown("::set-output name=x::y")]
#[case::raw_colon("::error title=a:b::c")]
#[case::lone_percent("::error title=a::100%")]
fn the_grammar_refuses(#[case] line: &str) {
    assert!(command(line).is_err());
}

/// Tags and headings of Markdown, as GitHub renders it; nothing if its reader is not here.
fn rendered(markdown: String) -> Option<Value> {
    let mut python = reader("cmarkgfm")?;
    let said = stdout(&run(python.arg(script("markdown.py")).write_stdin(markdown), 0));
    Some(serde_json::from_str(&said).expect("JSON"))
}

#[rstest]
fn words_of_a_program_make_no_markdown(#[values(0, 24)] line: usize) {
    let text = hostile_from(line, "markdown");
    let Some(read) = rendered(text.clone()) else { return };
    let ours = "p strong em code pre ul ol li table thead tbody tr th td h1 h2 h3 h4 br hr blockquote details summary";
    let ours: Vec<&str> = ours.split(' ').collect();
    for tag in array(&read["tags"]).iter().filter_map(Value::as_str) {
        assert!(ours.contains(&tag.trim_start_matches('/')), "<{tag}> in\n{text}");
    }
    assert!(!read["headings"].to_string().contains("forged"), "{}", read["headings"]);
    // The same lines with an x for every sign: what they are made of changes nothing.
    let harmless: Vec<String> = CONTROL.iter().map(|line| "x".repeat(line.chars().count())).collect();
    let other = rendered(graded("plain", &harmless.join("\n"), "markdown")).expect("the reader was there");
    let count = |read: &Value, tags: &[&str]| {
        array(&read["tags"]).iter().filter(|tag| tag.as_str().is_some_and(|tag| tags.contains(&tag))).count()
    };
    for tags in [&["h1", "h2", "h3", "h4"][..], &["details"], &["summary"], &["table"], &["tr"], &["td"], &["pre"]] {
        assert_eq!(count(&read, tags), count(&other, tags), "{tags:?}\n{text}");
    }
}

/// TOML 1.0, which editors and other programs read, and not what the harness's own reader takes besides.
#[test]
fn python_reads_every_scenario_task_and_manifest() {
    if !installed("python3") {
        return;
    }
    let program = "import pathlib, sys, tomllib
files = [path for folder in sys.argv[1:] for path in sorted(pathlib.Path(folder).rglob('*.toml'))]
for path in files:
    try:
        tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        sys.exit(f'{path}: {error}')
print(len(files))";
    let folders = ["scenarios", "fixtures"].map(|name| repository().join(name));
    let output = run(Command::new("python3").args(["-c", program]).args(folders), 0);
    let files: usize = stdout(&output).trim().parse().expect("a number of files");
    assert!(files > 900, "{files}");
}
