//! `harness class` and `harness merge`, end to end: a small class with everything that comes in.

use std::path::{Path, PathBuf};

use crate::common::classes::{WANTED, content, is_repeatable, read, same, zip};
use crate::common::{fixture, folder, harness, run, stderr, stdout, write};
use assert_cmd::Command;
use tempfile::TempDir;

fn program(name: &str) -> Vec<u8> {
    std::fs::read(fixture("submissions/uppercase-tcp").join(name)).expect("a fixture")
}

/// A class: right and wrong Python, C that does not compile, nothing at all, an archive with a folder around
/// everything, a hostile one, a broken one, the same files twice.
fn class() -> TempDir {
    let class = folder();
    let at = |name: &str| class.path().join(name);
    for (student, program_folder) in [("ada", "good/python"), ("bob", "bad/first-letter-only")] {
        std::fs::create_dir(at(student)).expect("a folder");
        let source = fixture(&format!("submissions/uppercase-tcp/{program_folder}"));
        for entry in std::fs::read_dir(source).expect("a fixture").flatten() {
            if entry.file_name() != "expected.toml" {
                std::fs::copy(entry.path(), at(student).join(entry.file_name())).expect("a copy");
            }
        }
    }
    write(class.path(), "carl/server.c", "int main(void) { retrun 0; }\n");
    std::fs::create_dir(at("dora")).expect("a folder");
    let names: Vec<String> = std::fs::read_dir(at("ada"))
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let contents: Vec<(String, Vec<u8>)> =
        names.iter().map(|name| (format!("My Lab/{name}"), program(&format!("good/python/{name}")))).collect();
    let entries: Vec<(&str, &[u8])> = contents.iter().map(|(name, content)| (name.as_str(), &**content)).collect();
    zip(&at("Eve Long_70012_assignsubmission_file_lab.zip"), &entries);
    zip(&at("mallory.zip"), &[("server.py", b"print()"), ("../../evil.py", b"print()")]);
    write(class.path(), "nina.zip", "not an archive");
    write(class.path(), "notes.txt", "who is ill\n");
    class
}

fn grade(class: &Path, out: &Path) -> Command {
    let mut command = harness(class.parent().expect("a folder above"));
    // Some programs are played, on a machine that may be busy.
    command.timeout(crate::common::BOUND * 5).arg("class").arg(class).arg("--out").arg(out).args(WANTED);
    command
}

/// The instructor sees who plays what before anything is graded, mends it, and grades by it.
#[test]
fn a_class_is_cast_together_and_graded_by_what_was_edited() {
    if !is_repeatable() {
        return;
    }
    let (class, home) = (folder(), folder());
    let at = |name: &str| class.path().join(name);
    let files = |student: &str, files: &[(&str, &str)]| {
        std::fs::create_dir(at(student)).expect("a folder");
        for (from, to) in files {
            // No two are the same byte for byte.
            let text = [program(&format!("good/python/{from}")), format!("# {to}\n").into_bytes()].concat();
            std::fs::write(at(student).join(to), text).expect("a copy");
        }
    };
    for student in ["ada", "bob", "carl"] {
        files(student, &[("server.py", "main.py"), ("client.py", "client.py")]);
    }
    // Two servers that nothing tells apart: what the others of the class call theirs does.
    for student in ["dora", "eve"] {
        files(student, &[("server.py", "copy.py"), ("server.py", "main.py"), ("client.py", "client.py")]);
    }
    files("finn", &[("server.py", "a.py"), ("server.py", "b.py"), ("client.py", "c.py")]);
    let casts = home.path().join("casts.toml");
    let propose = |status: i32| {
        let mut command = harness(home.path());
        command
            .timeout(crate::common::BOUND * 5)
            .arg("class")
            .arg(class.path())
            .args(WANTED)
            .arg("--propose")
            .arg(&casts);
        run(&mut command, status)
    };
    let shown = stdout(&propose(0)).replace(&home.path().display().to_string(), "HOME");
    insta::assert_snapshot!("proposed", shown.replace(&class.path().display().to_string(), "CLASS"));
    let text = read(casts.clone());
    insta::assert_snapshot!(
        "casts",
        text.replace(&class.path().display().to_string(), "CLASS").replace(&home.path().display().to_string(), "HOME")
    );
    let again = propose(2);
    assert!(stderr(&again).contains("answers that stand in it would be lost"), "{}", stderr(&again));

    let graded = |out: &str, status: i32| {
        let out = home.path().join(out);
        run(grade(class.path(), &out).arg("--cast").arg(&casts), status)
    };
    let open = stdout(&graded("open", 0));
    assert!(open.contains("1 failed, 5 passed"), "{open}");
    let page = read(home.path().join("open/class.md"));
    assert!(page.contains("- `finn` (failed): `no server of uppercase-tcp`"), "{page}");
    std::fs::write(&casts, text.replacen("# server = \"python3 a.py", "server = \"python3 a.py", 1)).expect("a file");
    let answered = stdout(&graded("open", 0));
    assert!(answered.contains("6 passed"), "{answered}");
    let page = read(home.path().join("open/class.md"));
    assert!(!page.contains("To look at by hand"), "{page}");
    std::fs::write(&casts, text.replacen("\"bob\"", "\"bobb\"", 1)).expect("a file");
    let wrong = graded("open", 2);
    assert!(stderr(&wrong).contains("did you mean `bob`?"), "{}", stderr(&wrong));
}

#[test]
fn a_class_is_graded_stopped_resumed_and_put_together() {
    if !is_repeatable() {
        return;
    }
    let (class, home) = (class(), folder());
    let out = |name: &str| home.path().join(name);

    // Whole.
    let output = run(&mut grade(class.path(), &out("whole")), 0);
    let shown = stdout(&output).replace(&out("whole").display().to_string(), "OUT");
    insta::assert_snapshot!("summary", shown);
    insta::assert_snapshot!("gradebook", read(out("whole/gradebook.csv")));
    insta::assert_snapshot!("class_page", read(out("whole/class.md")));
    assert!(!class.path().join("../evil.py").exists() && !home.path().join("evil.py").exists());
    let eve = read(out("whole/students").join(student_folder(&out("whole"), "Eve")).join("report.md"));
    assert!(eve.starts_with("**`uppercase-tcp`: ") || eve.starts_with("**uppercase-tcp"), "{eve}");
    let bob: serde_json::Value = serde_json::from_str(&read(out("whole/students/bob/report.json"))).expect("JSON");
    assert_eq!((&bob["target"], &bob["passed"]), (&"bob".into(), &false.into()));
    let carl = read(out("whole/students/carl/report.txt"));
    assert!(carl.contains("the build failed") && carl.contains("retrun") && !carl.contains("/tmp"), "{carl}");

    // Stopped half-way: some results are there, one half-written, and no roster.
    let results = out("stopped/results");
    std::fs::create_dir_all(&results).expect("a folder");
    for (index, entry) in std::fs::read_dir(out("whole/results")).expect("results").flatten().enumerate() {
        let bytes = std::fs::read(entry.path()).expect("a result");
        match index % 3 {
            0 => std::fs::write(results.join(entry.file_name()), bytes).expect("a copy"),
            1 => std::fs::write(results.join(entry.file_name()), &bytes[..bytes.len() / 2]).expect("half a copy"),
            _ => {}
        }
    }
    let output = run(&mut grade(class.path(), &out("stopped")), 0);
    assert!(stderr(&output).contains("there already"), "{}", stderr(&output));
    same(&out("whole"), &out("stopped"));

    // In two shares; put together in either order, also in two steps, also twice.
    for index in [1, 2] {
        run(grade(class.path(), &out(&format!("share{index}"))).args(["--shard", &format!("{index}/2")]), 0);
    }
    let merge = |parts: &[&str], into: &str, status: i32| {
        let mut command = harness(home.path());
        run(command.arg("merge").args(parts).args(["--out", into]), status)
    };
    merge(&["share1", "share2"], "forth", 0);
    same(&out("whole"), &out("forth"));
    merge(&["share2", "share1"], "back", 0);
    same(&out("whole"), &out("back"));

    // One share alone: what is missing is named, and where it would come from.
    let output = merge(&["share1"], "half", 1);
    let (missing, page) = (stderr(&output), read(out("half/class.md")));
    let whole = content(&out("whole"));
    assert!(missing.contains("without a result:") && missing.contains("sbatch --array=2 "), "{missing}");
    assert!(page.contains("not graded yet"), "{page}");
    assert_ne!(content(&out("half")), whole);
    merge(&["half", "share2"], "half", 0);
    same(&out("whole"), &out("half"));
    run(harness(home.path()).args(["class", "merge", "half"]), 0);
    same(&out("whole"), &out("half"));

    // Graded otherwise, it does not fit.
    let output = run(grade(class.path(), &out("other")).args(["--shard", "1/40", "--seed", "2"]), 0);
    assert!(stdout(&output).starts_with("share 1/40: "), "{}", stdout(&output));
    let output = run(harness(home.path()).args(["merge", "share1", "other", "--out", "mixed"]), 2);
    assert!(stderr(&output).contains("the seed differs"), "{}", stderr(&output));

    // The learning system's own gradebook.
    let export = "Identifier,Full name,Email address,Grade,Maximum grade,Feedback comments\r\n\
                  Participant 70012,Eve Long,eve@example.edu,,20.00,\r\nParticipant 3,ADA,ada@example.edu,,20.00,\r\n\
                  Participant 4,Someone Else,else@example.edu,7,20.00,ill\r\n";
    write(home.path(), "export.csv", export);
    let output = run(harness(home.path()).args(["merge", "whole", "--out", "filled", "--gradebook", "export.csv"]), 0);
    insta::assert_snapshot!("filled", read(out("filled/gradebook.csv")).replace("\r\n", "\\r\\n\n"));
    assert!(stdout(&output).contains("column `Grade` is filled in for 2 students"), "{}", stdout(&output));
}

/// The folder of the student whose name begins like this.
fn student_folder(out: &Path, begins: &str) -> PathBuf {
    let entries = std::fs::read_dir(out.join("students")).expect("students").flatten();
    let mut names = entries.map(|entry| entry.file_name()).filter(|name| name.to_string_lossy().starts_with(begins));
    PathBuf::from(names.next().expect("a student"))
}

#[test]
fn a_job_script_is_written_and_nothing_graded() {
    let (class, home) = (class(), folder());
    let out = home.path().join("out");
    let output = run(grade(class.path(), &out).args(["--slurm=3", "--seed", "7"]), 0);
    assert!(stdout(&output).starts_with("7 submissions in 3 shares: sbatch "), "{}", stdout(&output));
    let script = read(out.join("class.sbatch"));
    assert!(script.contains("#SBATCH --array=1-3\n") && script.contains(" --seed 7 "), "{script}");
    assert!(script.trim_end().ends_with("--shard \"$SLURM_ARRAY_TASK_ID/3\""), "{script}");
    assert!(!out.join("class.json").exists());
}

#[test]
fn the_archive_of_a_whole_class_is_opened() {
    let home = folder();
    let hello: &[u8] = b"int main(void) { retrun 0; }\n";
    zip(
        &home.path().join("export.zip"),
        &[
            ("Lab 5/ada_1_2_server.c", hello),
            ("Lab 5/bob_3_4_server.c", hello),
            ("Lab 5/carl/server.c", hello),
            ("Lab 5/dora/server.c", hello),
        ],
    );
    run(&mut grade(&home.path().join("export.zip"), &home.path().join("out")), 0);
    let gradebook = read(home.path().join("out/gradebook.csv"));
    let names: Vec<&str> = gradebook.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(names, ["ada_1", "bob_3", "carl", "dora"]);
}

#[test]
fn what_cannot_be_graded_at_all_is_said() {
    let home = folder();
    let said = |arguments: &[&str], status: i32| stderr(&run(harness(home.path()).args(arguments), status));
    std::fs::create_dir(home.path().join("empty")).expect("a folder");
    assert!(said(&["class", "nowhere", "--out", "out"], 2).contains("nowhere: "));
    assert!(said(&["class", "empty", "--out", "out"], 4).contains("there is no submission"));
    assert!(said(&["class", "empty"], 2).contains("--out"));
    assert!(said(&["class", "empty", "--out", "out", "--shard", "3/2"], 2).contains("I/N"));
    assert!(said(&["class", "empty", "--out", "out", "--task", "mesage"], 2).contains("did you mean `message`?"));
    assert!(said(&["merge", "empty"], 2).contains("no class was graded here"));
    write(home.path(), "class.zip", "not an archive");
    assert!(said(&["class", "class.zip", "--out", "out"], 4).contains("cannot be read as a zip or tar archive"));
}
