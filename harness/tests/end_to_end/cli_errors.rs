//! What the command line says when something is wrong, and with which exit status: what is wrong,
//! where, and what to write instead.

use crate::common::{fixture, folder, harness, run, script, small_catalogue, stderr, stdout, write};
use predicates::prelude::{PredicateBooleanExt, predicate};
use proptest::prelude::{ProptestConfig, prop_assert, proptest};
use rstest::{Context, rstest};

#[test]
fn a_path_that_does_not_exist_is_a_usage_error() {
    let folder = folder();
    harness(folder.path())
        .args(["--target", "nowhere"])
        .assert()
        .code(2)
        .stdout("")
        .stderr("harness: nowhere: there is no such file or folder\n");
}

#[test]
fn an_empty_folder_is_not_gradable_and_shows_a_manifest() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let output = run(harness(folder.path()).args(["--target", "empty"]), 4);
    insta::assert_snapshot!("empty_folder", stderr(&output));
}

#[test]
fn a_project_that_nobody_here_can_build_is_named_in_the_line_to_paste() {
    let folder = folder();
    for file in ["Program.cs", "Client.csproj"] {
        write(folder.path(), &format!("theirs/My Files/{file}"), "");
    }
    let output = run(harness(folder.path()).args(["--target", "theirs", "--task", "ftp-upload"]), 4);
    let line = "upload = \"dotnet run --project 'My Files/Client.csproj' -- {host} {port} {user} {password} {file}\"";
    assert!(stderr(&output).contains(line), "{}", stderr(&output));
}

#[rstest]
#[case::not_executable(0o644)]
#[case::executable(0o755)]
fn a_binary_blob_is_not_gradable(#[case] mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let blob = folder.path().join("blob");
    std::fs::write(&blob, (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>())
        .unwrap();
    std::fs::set_permissions(&blob, PermissionsExt::from_mode(mode)).unwrap();
    harness(folder.path())
        .args(["--target", "blob"])
        .assert()
        .code(4)
        .stdout("")
        .stderr(predicate::str::contains("harness: blob: ").and(predicate::str::contains("neither a program")));
}

#[test]
fn without_a_target_it_says_what_is_missing() {
    let folder = folder();
    harness(folder.path()).assert().code(2).stderr(predicate::str::contains("--target PATH"));
}

#[rstest]
#[case::unknown_role("[message]\nserver = \"python3 server.py {port}\"\nclinet = \"python3 client.py\"\n")]
#[case::unknown_task("[mesage]\nserver = \"python3 server.py {port}\"\n")]
#[case::unknown_key("[message]\nserver = { run = \"python3 server.py {port}\", cwdd = \"src\" }\n")]
#[case::wrong_type("[message]\nserver = 5000\n")]
#[case::of_somebody_else("[message]\nserver = \"python3 ../ada/server.py {port}\"\n")]
#[case::cut_off("[message\nserver = \"python3 server.py {port}\"\n")]
fn a_broken_manifest_is_shown_with_its_place(#[context] context: Context, #[case] manifest: &str) {
    let folder = folder();
    write(folder.path(), "late/submission.toml", manifest);
    let output = run(harness(folder.path()).args(["--target", "late"]), 2);
    assert_eq!(stdout(&output), "");
    let name = context.description.unwrap_or_default();
    insta::assert_snapshot!(format!("manifest_{name}"), stderr(&output));
    // `check` sees the same.
    let checked = run(harness(folder.path()).args(["check", "late"]), 2);
    assert!(stderr(&checked).starts_with(&stderr(&output)), "{}", stderr(&checked));
}

#[test]
fn a_build_that_fails_is_not_gradable() {
    let folder = folder();
    let build = "python3 -c 'import sys; sys.exit(\"no rule for the server\")'";
    let manifest = format!("build = \"\"\"{build}\"\"\"\n[message]\nserver = \"python3 server.py {{port}}\"\n");
    write(folder.path(), "late/submission.toml", &manifest);
    harness(folder.path())
        .args(["--target", "late", "--requirement", "message.twenty-kb"])
        .assert()
        .code(4)
        .stderr(predicate::str::contains("no rule for the server"));
}

#[test]
fn a_missing_interpreter_is_not_gradable() {
    let folder = folder();
    write(folder.path(), "late/submission.toml", "[message]\nserver = \"no-such-interpreter server.ni {port}\"\n");
    let output = harness(folder.path())
        .args(["--target", "late", "--requirement", "message.twenty-kb"])
        .assert()
        .code(4)
        .get_output()
        .clone();
    let said = stdout(&output) + &stderr(&output);
    assert!(said.contains("no-such-interpreter"), "{said}");
}

#[rstest]
#[case::task(&["--task", "mesage"], "there is no task `mesage`: did you mean `message`?")]
#[case::requirement(
    &["--requirement", "message.twenty-k"],
    "there is no requirement `message.twenty-k`: did you mean `message.twenty-kb`?"
)]
#[case::scenario(
    &["--scenario", "message/twentykb"],
    "there is no scenario `message/twentykb`: did you mean `message/twenty-kb`?"
)]
#[case::format(&["--format", "jsn"], "there is no report format `jsn`")]
#[case::flag(&["--fromat", "json"], "a similar argument exists: '--format'")]
#[case::backend(&["--backend", "wired"], "a similar value exists: 'wire'")]
#[case::turmoil(&["--backend", "turmoil"], "--target reference")]
#[case::part(&["--requirement", "twenty-kb"], "did you mean `message.twenty-kb`?")]
#[case::role(
    &["--role", "sever"],
    "there is no role `sever`: did you mean `server`? the roles of all tasks: client, forward"
)]
#[case::role_of_a_task(
    &["--task", "message", "--role", "proxy"],
    "there is no role `proxy`: the roles of message: client, server"
)]
#[case::rubric(&["--rubric", "nowhere.toml"], "cannot read the rubric nowhere.toml: No such file or directory")]
#[case::scenarios(&["--scenarios", "nowhere"], "cannot read nowhere")]
#[case::command(&["--cmd", "python3 server.py"], "write --cmd server='python3 server.py {port}'")]
#[case::attached(&["--attach", "server=5000"], "--attach server=HOST:PORT")]
fn an_unknown_word_on_the_command_line_gets_a_suggestion(#[case] arguments: &[&str], #[case] says: &str) {
    let folder = folder();
    harness(folder.path())
        .arg("--target")
        .arg(fixture("student-bin"))
        .args(arguments)
        .assert()
        .code(2)
        .stdout("")
        .stderr(predicate::str::contains(says));
}

#[rstest]
#[case::verb(&["lits"], "a similar subcommand exists: 'list'")]
#[case::list(&["list", "mesage"], "did you mean `message`?")]
#[case::explain(&["explain", "message.twnty-kb"], "did you mean `message.twenty-kb`?")]
#[case::explain_task(&["explain", "mesage"], "there is no task `mesage`: did you mean `message`?")]
#[case::explain_part(&["explain", "shrt-reads"], "there is no task `shrt-reads`")]
#[case::handout(&["handout", "mesage"], "there is no task `mesage`: did you mean `message`?")]
#[case::section(&["handout", "message", "Short cuts"], "the handout of message has no section `Short cuts`")]
#[case::schema(&["schema", "reprot"], "a similar value exists: 'report'")]
#[case::check(&["check", "nowhere"], "nowhere: there is no such file or folder")]
#[case::replay(&["replay", "nowhere.json", "message/twenty-kb#server"], "nowhere.json: ")]
#[case::reference(&["reference", "message", "sever"], "did you mean `message server`?; there are: message server, message client")]
#[case::peer(&["peer", "message", "sever"], "did you mean `server`? its roles: server, client")]
#[case::peer_task(&["peer", "mesage", "server"], "did you mean `message`?")]
#[case::peer_scenario(
    &["peer", "message", "client", "--to", "127.0.0.1:1", "--scenario", "twentykb"],
    "did you mean `twenty-kb`?"
)]
#[case::peer_address(&["peer", "message", "client"], "--to HOST:PORT")]
#[case::no_task(
    &["--cmd", "server=python3 server.py {port}"],
    "--task message or --task uppercase-tcp or --task uppercase-udp"
)]
#[case::role(&["--task", "message", "--cmd", "servr=python3 server.py {port}"], "did you mean `server`? its roles: server, client")]
#[case::role_of_no_task(&["--cmd", "servr=python3 server.py {port}"], "no task has a role `servr`: did you mean `server`?")]
#[case::attached_role(&["--task", "message", "--attach", "servr=127.0.0.1:5000"], "did you mean `server`?")]
fn a_wrong_command_is_a_usage_error(#[case] arguments: &[&str], #[case] says: &str) {
    let folder = folder();
    harness(folder.path()).args(arguments).assert().code(2).stdout("").stderr(predicate::str::contains(says));
}

#[test]
fn an_unrecognisable_program_shows_commands_that_work() {
    let folder = folder();
    script(folder.path(), "mystery.py", "#!/usr/bin/env python3\nprint('forty-two')\n");
    let output = run(harness(folder.path()).args(["--target", "mystery.py"]), 2);
    let said = stderr(&output);
    insta::assert_snapshot!("unrecognisable", said);
    // Pasted as they stand, they are understood: the program is tried, and found wanting.
    let pasted = said.lines().find(|line| line.contains("--task message --cmd server=")).expect("a command");
    let words = words(pasted);
    assert_eq!(words[0], "harness");
    let output = harness(folder.path())
        .args(&words[1..])
        .args(["--backend", "wire", "--requirement", "message.twenty-kb"])
        .output()
        .unwrap();
    assert!(matches!(output.status.code(), Some(1 | 4)), "{output:?}");
}

/// A program that waits for its user is asked in every form, and none of them takes long: nothing but
/// stillness is waited for. Before it is given up its input ends.
#[rstest]
#[case::reads_to_the_end("import sys\nprint(len(sys.stdin.read()))\n", "ends (exit status 0)")]
#[case::asks_for_ever(
    "while True:\n    name = input('name? ')\n    print('hello', name)\n",
    "neither listens nor connects"
)]
fn a_program_that_waits_for_input_is_soon_given_up(#[case] text: &str, #[case] did: &str) {
    let folder = folder();
    script(folder.path(), "mystery.py", &format!("#!/usr/bin/env python3\n{text}"));
    let mut command = harness(folder.path());
    let said = stderr(&run(command.args(["--target", "mystery.py"]).timeout(PATIENT), 2));
    assert!(said.contains(&format!("with no arguments: {did}")), "{said}");
    // Stillness ended every trial: had the first few run into their bounds, the others would be left out.
    assert!(said.matches(did).count() >= 13 && !said.contains("not tried"), "{said}");
}

/// For programs that are started many times, on a machine that may be busy.
const PATIENT: std::time::Duration = std::time::Duration::from_secs(300);

/// One that is never still is given up after a few forms; each of them would take its whole bound.
#[test]
fn a_program_that_is_never_still_is_given_up() {
    let folder = folder();
    script(folder.path(), "clock.py", "#!/usr/bin/env python3\nimport time\nwhile True:\n    time.sleep(0.05)\n");
    let said = stderr(&run(harness(folder.path()).args(["--target", "clock.py"]).timeout(PATIENT), 2));
    assert!(said.contains(" further forms not tried: "), "{said}");
    assert!(said.contains("with no arguments: neither listens nor connects"), "{said}");
}

/// Words as a shell reads them; the commands quote with '…' only.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in line.trim().chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().expect("a word").push(other),
        }
    }
    words
}

#[rstest]
#[case::unknown_requirement("[requirements.\"message.twenty-k\"]\npoints = 3\n")]
#[case::unknown_key("[requirements.\"message.twenty-kb\"]\npionts = 3\n")]
#[case::unknown_level("[requirements.\"message.twenty-kb\"]\nlevel = \"musst\"\n")]
#[case::points("[requirements.\"message.twenty-kb\"]\npoints = -1\n")]
#[case::unknown_task("[requirements.\"mesage.*\"]\ndisabled = true\n")]
#[case::commands("name = \"sever\"\n[commands.message]\nsever = \"./server {port}\"\n")]
#[case::commands_task("name = \"mesage\"\n[commands.mesage]\nserver = \"./server {port}\"\n")]
fn a_wrong_rubric_is_shown_with_its_place(#[context] context: Context, #[case] rubric: &str) {
    let folder = folder();
    write(folder.path(), "course.toml", rubric);
    let output = run(harness(folder.path()).args(["--target", "reference", "--rubric", "course.toml"]), 2);
    assert_eq!(stdout(&output), "");
    let name = context.description.unwrap_or_default();
    insta::assert_snapshot!(format!("rubric_{name}"), stderr(&output));
    run(harness(folder.path()).args(["check", "course.toml"]), 2);
}

#[rstest]
#[case::unknown_key("within", "widthin")]
#[case::unknown_verb("{ close =", "{ clsoe =")]
#[case::wrong_type("within = \"10s\"", "within = 10")]
#[case::bad_duration("10s", "10 parsecs")]
#[case::unknown_peer("close = { peer = \"alice\"", "close = { peer = \"alcie\"")]
#[case::unknown_opening("\"meet\"", "\"meat\"")]
#[case::no_value("$greeting", "$greetng")]
#[case::no_value_in_the_opening("with = { peer =", "with = { pere =")]
#[case::unknown_requirement("[\"prints-hello\"]", "[\"prints-helo\"]")]
#[case::unknown_role("judges = \"server\"", "judges = \"sever\"")]
#[case::not_toml("title = ", "title == ")]
fn a_broken_scenario_is_shown_with_its_place(#[context] context: Context, #[case] right: &str, #[case] wrong: &str) {
    let folder = folder();
    small_catalogue(&folder.path().join("lab"));
    assert!(crate::common::SCENARIO.contains(right));
    write(folder.path(), "lab/greeting/hello.toml", &crate::common::SCENARIO.replacen(right, wrong, 1));
    let checked = run(harness(folder.path()).args(["check", "lab"]), 2);
    let name = context.description.unwrap_or_default();
    insta::assert_snapshot!(format!("scenario_{name}"), stderr(&checked));
    // Grading with it says the same.
    let graded = run(harness(folder.path()).args(["--scenarios", "lab", "--target", "reference"]), 2);
    assert!(stderr(&checked).starts_with(stderr(&graded).trim_end()), "{}", stderr(&graded));
}

#[test]
fn a_must_may_need_musts_only() {
    let folder = folder();
    small_catalogue(&folder.path().join("lab"));
    let (_, must) = crate::common::TASK.split_once("[[requirements]]").unwrap();
    let should = must.replace("prints-hello", "polite").replace("\"must\"", "\"should\"");
    write(folder.path(), "lab/greeting/task.toml", &format!("{}[[requirements]]{should}", crate::common::TASK));
    let needy = crate::common::SCENARIO.replacen("judges =", "needs = [\"polite\"]\njudges =", 1);
    write(folder.path(), "lab/greeting/hello.toml", &needy);
    let checked = run(harness(folder.path()).args(["check", "lab"]), 2);
    insta::assert_snapshot!("a_must_needs_a_should", stderr(&checked));
}

/// Where both fail, each would be excused by the other, and nothing would have failed.
#[test]
fn requirements_that_need_each_other_are_refused() {
    let folder = folder();
    let lab = folder.path().join("lab");
    small_catalogue(&lab);
    let polite = crate::common::TASK.split("\n[[requirements]]").nth(1).unwrap().replace("prints-hello", "polite");
    write(&lab, "greeting/task.toml", &format!("{}\n[[requirements]]{polite}", crate::common::TASK));
    let of = |decides: &str, needs: &str| {
        let needs = format!("decides = [\"{decides}\"]\nneeds = [\"{needs}\"]");
        crate::common::SCENARIO.replacen("decides = [\"prints-hello\"]", &needs, 1)
    };
    write(&lab, "greeting/hello.toml", &of("prints-hello", "polite"));
    write(&lab, "greeting/polite.toml", &of("polite", "prints-hello"));
    let said = stderr(&run(harness(folder.path()).args(["check", "lab"]), 2));
    assert!(said.contains("error: `polite` needs `prints-hello`, which needs `polite`\n"), "{said}");
    assert!(said.contains("lab/greeting/task.toml:") && said.ends_with("harness: 1 problem found\n"), "{said}");
}

/// A mistake that many steps or files meet is said once.
#[rstest]
#[case::opening_twice(&[("greeting/openings/meet.toml", "program =", "progam =")], 1)]
#[case::name_in_an_opening(&[("greeting/openings/meet.toml", "to = \"server\"", "to = \"sever\"")], 1)]
#[case::unknown_opening(&[("greeting/hello.toml", "\"meet\"", "\"meat\"")], 1)]
#[case::value_of_an_opening(&[("greeting/hello.toml", "with = { peer =", "with = { pere =")], 1)]
#[case::started_role(&[("greeting/openings/meet.toml", "program = \"server\"", "program = \"sever\"")], 1)]
#[case::requirement(&[("greeting/task.toml", "prints-hello", "prints-helo")], 1)]
#[case::role(&[("greeting/task.toml", "name = \"server\"", "name = \"sever\"")], 1)]
#[case::peer(&[("greeting/hello.toml", "peer = \"alice\" }", "peer = \"alcie\" }")], 2)]
fn one_mistake_is_one_problem(#[case] mistakes: &[(&str, &str, &str)], #[case] files: usize) {
    let folder = folder();
    let lab = folder.path().join("lab");
    small_catalogue(&lab);
    for (file, right, wrong) in mistakes {
        let text = std::fs::read_to_string(lab.join(file)).unwrap();
        assert!(text.contains(right), "{text}");
        write(&lab, file, &text.replacen(right, wrong, 1));
    }
    // A second scenario that plays the same opening.
    let scenario = std::fs::read_to_string(lab.join("greeting/hello.toml")).unwrap();
    if files == 1 && !mistakes.iter().any(|(file, ..)| file.ends_with("hello.toml")) {
        write(&lab, "greeting/again.toml", &scenario);
    }
    let said = stderr(&run(harness(folder.path()).args(["check", "lab"]), 2));
    assert!(said.ends_with("harness: 1 problem found\n"), "{said}");
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
}

/// What is common to all tasks is wrong once, not once for each task.
#[rstest]
#[case("common/task.toml", "[[requirements]]", "[[requirement]]")]
#[case("common/openings/server.toml", "settle", "setle")]
#[case("common/survives-abort.toml", "breaker\", to", "braker\", to")]
fn a_mistake_in_what_is_common_is_one_problem(#[case] file: &str, #[case] right: &str, #[case] wrong: &str) {
    let folder = folder();
    let lab = folder.path().join("lab");
    ::harness::wire::copy_tree(&crate::common::repository().join("scenarios"), &lab).unwrap();
    let text = std::fs::read_to_string(lab.join(file)).unwrap();
    assert!(text.contains(right), "{text}");
    write(&lab, file, &text.replacen(right, wrong, 1));
    let said = stderr(&run(harness(folder.path()).args(["check", "lab"]), 2));
    assert!(said.ends_with("harness: 1 problem found\n"), "{said}");
}

/// Connections taken together are named one by one, and there is at least one.
#[rstest]
#[case("as = \"seat\", count = 2", None)]
#[case("as = \"seat\", count = 0", Some("0 connections are none"))]
#[case("count = 2", Some("name the connections with `as`"))]
fn connections_are_taken_by_their_number(#[case] keys: &str, #[case] mistake: Option<&str>) {
    let folder = folder();
    let lab = folder.path().join("lab");
    small_catalogue(&lab);
    let peer = if mistake.is_none() { "seat-2" } else { "door" };
    let text = format!(
        "title = \"Two come\"\ndecides = [\"prints-hello\"]\njudges = \"server\"\nsteps = [\n  {{ start = {{ program = \"server\" }} }},\n  {{ listen = {{ peer = \"door\" }} }},\n  {{ accept = {{ peer = \"door\", {keys} }} }},\n  {{ close = {{ peer = \"{peer}\" }} }},\n]\n"
    );
    write(&lab, "greeting/two.toml", &text);
    let said = stderr(&run(harness(folder.path()).args(["check", "lab"]), if mistake.is_none() { 0 } else { 2 }));
    assert!(mistake.is_none_or(|mistake| said.contains(mistake) && said.contains("two.toml:7")), "{said}");
}

#[test]
fn a_task_without_a_handout_is_a_mistake() {
    let folder = folder();
    let lab = folder.path().join("lab");
    small_catalogue(&lab);
    std::fs::remove_file(lab.join("greeting/handout.md")).unwrap();
    let said = stderr(&run(harness(folder.path()).args(["check", "lab"]), 2));
    assert!(said.contains("there is no handout.md") && said.contains("lab/greeting/task.toml"), "{said}");
    // A heading that a requirement names must be there.
    write(&lab, "greeting/handout.md", "# A greeting\n\n## Farewell\n");
    let said = stderr(&run(harness(folder.path()).args(["check", "lab"]), 2));
    assert!(said.contains("handout.md has no section `Greeting`") && said.contains("task.toml:20:11"), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    /// Whatever stands in a manifest, the answer is a verdict about it and never an accident.
    #[test]
    fn any_text_as_a_manifest_is_accepted_or_refused(text in "(\\[message\\]\n)?[ -~\n\u{e4}\"'={}\\[\\]]{0,80}") {
        let folder = folder();
        write(folder.path(), "submission.toml", &text);
        let output = harness(folder.path()).args(["check", "submission.toml"]).output().unwrap();
        let said = stderr(&output);
        match output.status.code() {
            Some(0) => prop_assert!(said.is_empty(), "{said}"),
            Some(2) => prop_assert!(said.contains("--> submission.toml:"), "{said}"),
            other => prop_assert!(false, "{other:?}: {said}"),
        }
    }
}
