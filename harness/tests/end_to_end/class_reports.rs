//! What an instructor makes of a class: points off for lateness, what students are not shown, pseudonyms, what changed
//! between two gradings, a class that was stopped.

use std::path::Path;
use std::process::{Command as Program, Stdio};

use crate::common::browser::Browser;
use crate::common::classes::{WANTED, content, hand_in, is_repeatable, read, same, zip};
use crate::common::{BOUND, HARNESS, folder, harness, installed, repository, run, stderr, stdout, wait_until, write};
use assert_cmd::Command;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;

/// Grades `class` into `out`, both in a folder.
fn grade(home: &Path, out: &str) -> Command {
    let mut command = harness(home);
    command.timeout(BOUND * 5).args(["class", "class", "--out", out]).args(WANTED);
    command
}

const COURSE: &str = r#"name = "winter term"

[late]
due = 2026-11-20T23:59:00+01:00
grace = "15m"
off = "10%"
at-most = "50%"
cut-off = 2026-11-30T23:59:00+01:00

[held-back]
requirements = ["uppercase-tcp.cli-address"]
seeds = [7]
"#;

const TIMES: &str = "name,submitted\nada,2026-11-20 23:10\nbob,2026-11-22 12:00\n";

#[test]
fn lateness_costs_points_and_held_back_requirements_are_not_shown() {
    if !is_repeatable() {
        return;
    }
    let home = folder();
    let at = |name: &str| home.path().join(name);
    hand_in(&at("class/ada"), "good/python");
    hand_in(&at("class/bob"), "bad/first-letter-only");
    hand_in(&at("class/carl"), "good/python");
    write(home.path(), "class/carl/mine.txt", "other files\n");
    write(home.path(), "course.toml", COURSE);
    write(home.path(), "times.csv", TIMES);

    let course = ["--rubric", "course.toml", "--times", "times.csv", "--hide"];
    let output = run(grade(home.path(), "out").args(course), 0);
    assert!(stdout(&output).contains("not known when 1 submission was handed in"), "{}", stdout(&output));
    insta::assert_snapshot!("late_gradebook", read(at("out/gradebook.csv")));
    insta::assert_snapshot!("late_class_page", read(at("out/class.md")));
    insta::assert_snapshot!("late_student", read(at("out/students/bob/report.txt")));

    // Nothing of it in what students get; all of it in what the instructor gets.
    for (name, bytes) in content(&at("out/students")) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("cli-address") && !text.contains("@7"), "{}", name.display());
    }
    assert!(read(at("out/class.html")).contains("uppercase-tcp"));
    let whole = run(grade(home.path(), "whole").args(["--rubric", "course.toml", "--times", "times.csv"]), 0);
    assert!(stdout(&whole).starts_with("3 submissions: "), "{}", stdout(&whole));
    assert_eq!(read(at("whole/gradebook.csv")), read(at("out/gradebook.csv")));
    assert!(read(at("whole/students/ada/report.json")).contains("cli-address"));
    assert!(read(at("whole/students/ada/report.json")).contains("#server@7"));

    // What is put together is shown likewise, and what is shown otherwise is not put together.
    run(harness(home.path()).args(["merge", "out", "--out", "again"]), 0);
    same(&at("out"), &at("again"));
    let refused = run(harness(home.path()).args(["merge", "out", "whole", "--out", "mixed"]), 2);
    assert!(stderr(&refused).contains("what students are shown differs"), "{}", stderr(&refused));

    // A later date moves no result: nothing is graded again.
    write(home.path(), "course.toml", &COURSE.replace("2026-11-20", "2026-11-25"));
    let output = run(grade(home.path(), "out").args(course), 0);
    assert!(stderr(&output).contains("3 results there already, 0 to be graded"), "{}", stderr(&output));
    let moved = run(harness(home.path()).args(["diff", "whole", "out"]), 1);
    insta::assert_snapshot!("diff_of_a_later_date", stdout(&moved));
    run(harness(home.path()).args(["diff", "out", "out"]), 0);
    run(harness(home.path()).args(["diff", "out", "out/students/ada"]), 2);
    run(harness(home.path()).args(["diff", "out", "nowhere"]), 2);
    let reports = ["diff", "whole/students/ada", "whole/students/bob/report.json", "--format", "json"];
    let changed: serde_json::Value =
        serde_json::from_slice(&run(harness(home.path()).args(reports), 1).stdout).expect("JSON");
    assert_eq!((&changed["same"], &changed["requirements"][0]["direction"]), (&false.into(), &"lost".into()));
}

#[rstest]
#[case::late("[late]\ndue = 2026-11-20T23:59:00+01:00\noff = 1\n", &["--times", "times.csv"], "row 2: `soon` is no time")]
#[case::no_policy("name = \"x\"\n", &["--times", "files"], "[late]")]
fn times_that_cannot_be_read(#[case] course: &str, #[case] arguments: &[&str], #[case] why: &str) {
    let home = folder();
    std::fs::create_dir_all(home.path().join("class/ada")).expect("a folder");
    write(home.path(), "course.toml", course);
    write(home.path(), "times.csv", "name,submitted\nada,soon\n");
    let output = run(grade(home.path(), "out").args(["--rubric", "course.toml"]).args(arguments), 2);
    assert!(stderr(&output).contains(why), "{}", stderr(&output));
}

#[rstest]
#[case::without_offset("due", "[late]\ndue = 2026-11-20T23:59:00\noff = \"10%\"\n")]
#[case::no_part("off", "[late]\ndue = 2026-11-20T23:59:00Z\noff = \"a lot\"\n")]
#[case::too_much("much", "[late]\ndue = 2026-11-20T23:59:00Z\noff = \"10%\"\nat-most = \"120%\"\n")]
#[case::cut_off("cut_off", "[late]\ndue = 2026-11-20T23:59:00Z\noff = 1\ncut-off = 2026-11-20T23:59:00Z\n")]
#[case::unit("unit", "[late]\ndue = 2026-11-20T23:59:00Z\noff = 1\nper = \"week\"\n")]
#[case::held_back("held_back", "[held-back]\nrequirements = [\"message.twenty-kb\", \"mesage.*\"]\n")]
#[case::points("points", "[points]\nmay = -1\n")]
fn mistakes_in_a_rubric_are_shown_where_they_are(#[case] name: &str, #[case] course: &str) {
    let home = folder();
    write(home.path(), "course.toml", course);
    let output = run(harness(home.path()).args(["check", "course.toml"]), 2);
    insta::assert_snapshot!(format!("rubric_{name}"), stderr(&output));
}

#[test]
fn one_submission_under_a_course_s_rules() {
    let home = folder();
    hand_in(&home.path().join("lab"), "good/python");
    write(home.path(), "course.toml", COURSE);
    let grade = |more: &[&str], status: i32| {
        let mut command = harness(home.path());
        command.timeout(BOUND * 5).args(["--target", "lab", "--rubric", "course.toml"]).args(WANTED);
        run(command.args(more), status)
    };
    let late = ["--submitted", "2026-11-21T12:00:00+01:00"];
    let json = |more: &[&str]| -> serde_json::Value {
        serde_json::from_slice(&grade(&[more, &["--format", "json"]].concat(), 0).stdout).expect("JSON")
    };
    let whole = json(&late);
    assert_eq!((&whole["score"], &whole["late"]["points_off"]), (&5.4.into(), &0.6.into()), "{whole}");
    let shown = json(&["--hide"]);
    assert_eq!((&shown["score"], &shown["max_score"], shown.get("late")), (&3.0.into(), &3.0.into(), None));
    // The platform that can keep something from students is told the points, and no name.
    let gradescope = stdout(&grade(&["--hide", "--format", "gradescope"], 0));
    let results: serde_json::Value = serde_json::from_str(&gradescope).expect("JSON");
    assert_eq!((&results["score"], gradescope.contains("cli-address")), (&6.0.into(), false));
    assert_eq!(results["tests"].as_array().and_then(|tests| tests.last()).expect("a test")["visibility"], "hidden");
    // Nor does the evidence tell.
    grade(&["--hide", "--out", "evidence"], 0);
    for (name, bytes) in content(&home.path().join("evidence")) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("cli-address") && !name.to_string_lossy().contains(".7."), "{}", name.display());
    }
    let output = run(harness(home.path()).args(["--target", "lab", "--submitted", "2026-11-21"]), 2);
    assert!(stderr(&output).contains("write it like 2026-11-20T23:59:00+01:00"), "{}", stderr(&output));
}

#[test]
fn pseudonyms_stand_for_names_in_everything_that_is_written() {
    if !is_repeatable() {
        return;
    }
    let home = folder();
    let at = |name: &str| home.path().join(name);
    // Names in folders, in file names, in what programs print and what a compiler says.
    let student = at("class/Grace Hopper_70012345_assignsubmission_file");
    hand_in(&student, "good/python");
    let server = read(student.join("server.py"));
    std::fs::write(student.join("hopper_server.py"), server.replace("import", "# by Grace\nimport")).expect("a file");
    std::fs::remove_file(student.join("server.py")).expect("a file");
    let manifest = std::fs::read_to_string(student.join("submission.toml")).unwrap_or_default();
    std::fs::write(student.join("submission.toml"), manifest.replace("server.py", "hopper_server.py")).expect("a file");
    write(home.path(), "class/Turing/turing.c", "int main(void) { retrun 0; } /* Alan Turing */\n");
    zip(&at("class/Lovelace.zip"), &[("../../lovelace.py", b"print()")]);
    write(home.path(), "class/minutes of Lovelace.txt", "no submission\n");

    let output = run(grade(home.path(), "out").args(["--anonymous", "key.json"]), 0);
    assert!(stdout(&output).contains("key.json: whose the pseudonyms are"), "{}", stdout(&output));
    let names = ["hopper", "grace", "70012345", "turing", "lovelace"];
    for (name, bytes) in content(&at("out")) {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let path = name.to_string_lossy().to_lowercase();
        for word in names {
            assert!(!text.contains(word) && !path.contains(word), "{word} in {}", name.display());
        }
    }
    let said = (stdout(&output) + &stderr(&output)).to_lowercase();
    assert!(!names.iter().any(|word| said.contains(word)), "{said}");

    // The way back, and the same names again.
    let key: serde_json::Value = serde_json::from_str(&read(at("key.json"))).expect("JSON");
    let back: Vec<&str> = key["names"].as_object().expect("names").values().filter_map(|it| it.as_str()).collect();
    assert!(back.contains(&"Turing") && back.iter().any(|name| name.contains("Grace Hopper")), "{back:?}");
    run(grade(home.path(), "again").args(["--anonymous", "key.json"]), 0);
    same(&at("out"), &at("again"));
    for index in ["1/2", "2/2"] {
        run(grade(home.path(), "shares").args(["--anonymous", "key.json", "--shard", index]), 0);
    }
    run(harness(home.path()).args(["merge", "shares"]), 0);
    same(&at("out"), &at("shares"));
    for file in ["out/durations.csv", "shares/shards/1-of-2.json", "shares/shards/2-of-2.json"] {
        let text = read(at(file)).to_lowercase();
        assert!(!names.iter().any(|word| text.contains(word)), "{file}: {text}");
    }
    let output = run(grade(home.path(), "out").args(["--anonymous", "out/key.json"]), 2);
    assert!(stderr(&output).contains("put the key elsewhere"), "{}", stderr(&output));
}

/// A made class of every kind, stopped when some results are there.
#[test]
fn a_class_that_was_stopped_goes_on_and_comes_to_the_same() {
    if !is_repeatable() || !installed("python3") {
        return;
    }
    let home = folder();
    let at = |name: &str| home.path().join(name);
    let made = Program::new("python3")
        .arg(repository().join("benches/programs/made_class.py"))
        .args(["--everything", "10"])
        .env("HARNESS", crate::common::HARNESS)
        .arg(at("class"))
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    run(&mut grade(home.path(), "whole"), 0);

    let mut stopped = Program::new(HARNESS);
    stopped.current_dir(home.path()).args(["class", "class", "--out", "stopped", "--jobs", "1"]).args(WANTED);
    let mut stopped = stopped.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the harness starts");
    let results = || std::fs::read_dir(at("stopped/results")).map_or(0, |entries| entries.flatten().count());
    wait_until("three results", || results() >= 3 || stopped.try_wait().is_ok_and(|ended| ended.is_some()));
    let pid = Pid::from_raw(i32::try_from(stopped.id()).expect("a process"));
    // It may have ended by itself: then there is nothing to go on with, and the result must be the same.
    let _ = kill(pid, Signal::SIGTERM);
    stopped.wait().expect("an end");
    run(&mut grade(home.path(), "stopped"), 0);
    same(&at("whole"), &at("stopped"));

    for index in ["1/2", "2/2"] {
        run(grade(home.path(), "shares").args(["--shard", index]), 0);
    }
    run(harness(home.path()).args(["merge", "shares"]), 0);
    same(&at("whole"), &at("shares"));

    // A browser takes the page for what it is.
    let Some(browser) = Browser::installed() else { return };
    let page = format!("file://{}", at("whole/class.html").display());
    let (document, _) = browser.photograph(&page, "class", &["--window-size=1000,1600"]);
    assert!(document.contains("<h1>10 submissions</h1>"), "{document}");
    let (_, _) = browser.photograph(&page, "class-phone", &["--window-size=500,1400"]);
    let report = format!("file://{}", at("whole/students/s0001/report.html").display());
    let (document, _) = browser.photograph(&report, "class-student", &["--window-size=1000,1600"]);
    assert!(document.contains("What failed") && document.contains("<svg"), "{document}");
}
