//! Folders as they are handed in, without a manifest: who is graded, who is not, and what is said about it.

use std::path::Path;

use crate::common::{fixture, folder, harness, installed, report, run, stderr, stdout, write};
use rstest::rstest;
use serde_json::Value;

/// The good Python programs of these tasks in one folder, under names that say nothing.
fn neutral(folder: &Path, programs: &[&str]) {
    for (index, program) in programs.iter().enumerate() {
        let (task, file) = program.split_once('/').expect("task/file");
        let from = fixture(&format!("submissions/{task}/good/python")).join(file);
        std::fs::copy(from, folder.join(format!("q{:02}.py", index + 1))).expect("a copy");
    }
}

fn cast(json: &Value) -> Vec<String> {
    let chosen = json["cast"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    chosen.iter().map(|it| format!("{} {} {}", text(&it["task"]), text(&it["role"]), text(&it["file"]))).collect()
}

#[rstest]
#[case::a_pair("message.twenty-kb", &["message client q01.py", "message server q03.py"], &["q02.py", "q04.py", "q05.py"])]
// It goes nowhere before it has read all of its input.
#[case::a_mail_client(
    "mail-client.delivered",
    &["mail-client mail q05.py"],
    &["q01.py", "q02.py", "q03.py", "q04.py"]
)]
fn names_that_say_nothing_are_told_apart_by_what_the_programs_do(
    #[case] requirement: &str,
    #[case] says: &[&str],
    #[case] others: &[&str],
) {
    let folder = folder();
    let home = folder.path().join("lab");
    std::fs::create_dir(&home).unwrap();
    let servers = ["uppercase-udp/server.py", "message/server.py", "calc-single/server.py"];
    neutral(&home, &["message/client.py", servers[0], servers[1], servers[2], "mail-client/mail.py"]);
    let mut command = harness(folder.path());
    let task = requirement.split_once('.').expect("task.requirement").0;
    command.args(["--target", "lab", "--task", task, "--requirement", requirement, "--format", "json"]);
    let json = report(&mut command, 0);
    assert_eq!(cast(&json), says);
    let unused: Vec<&str> = json["unused"].as_array().unwrap().iter().filter_map(|it| it["file"].as_str()).collect();
    assert_eq!(unused, others);
}

#[test]
fn what_stands_alike_is_asked_and_the_lines_work() {
    let folder = folder();
    let home = folder.path().join("lab");
    for part in ["one", "two"] {
        std::fs::create_dir_all(home.join(part)).unwrap();
        std::fs::copy(fixture("submissions/web-text/good/python/server.py"), home.join(part).join("server.py"))
            .unwrap();
    }
    let mut command = harness(folder.path());
    command.args(["--target", "lab", "--task", "web-text", "--requirement", "web-text.one-line"]);
    let said = stderr(&run(&mut command, 4));
    assert!(said.contains("which program is the server of web-text?"), "{said}");
    assert!(said.contains("one/server.py: ") && said.contains("two/server.py: "), "{said}");
    let (_, lines) = said.split_once("say so in submission.toml:\n").expect("lines to paste");
    let lines: Vec<&str> = lines.lines().take_while(|line| line.starts_with("  ")).collect();
    write(&home, "submission.toml", &lines.join("\n"));
    run(&mut command, 0);
}

#[test]
fn a_server_is_graded_though_its_client_does_not_compile() {
    if !installed("cc") {
        return;
    }
    let folder = folder();
    let home = folder.path().join("lab");
    std::fs::create_dir(&home).unwrap();
    std::fs::copy(fixture("submissions/message/good/c/server.c"), home.join("server.c")).unwrap();
    write(&home, "client.c", "int main(void) {\n    return missing;\n}\n");
    // What lies there is older than the source, and does nothing.
    write(&home, "server", "#!/bin/sh\nexit 3\n");
    let mut command = harness(folder.path());
    command.args(["--target", "lab", "--task", "message", "--requirement", "message.twenty-kb"]);
    let output = run(&mut command, 0);
    let page = crate::common::stdout(&output);
    let first = page.lines().next().unwrap_or_default();
    assert!(first.contains("half a submission: no client of message"), "{page}");
    assert!(page.contains("client.c does not compile: client.c:2:12: error:"), "{page}");
    // And by itself.
    let mut lone = harness(folder.path());
    lone.args(["--target", "lab/server.c", "--task", "message", "--requirement", "message.twenty-kb"]);
    run(&mut lone, 0);
}

/// The Python programs of these tasks in one folder, where the sheet wants them.
fn as_the_sheet_wants(folder: &Path, programs: &[(&str, &str)]) {
    for (program, place) in programs {
        let (task, file) = program.split_once('/').expect("task/file");
        let to = folder.join(place);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        std::fs::copy(fixture(&format!("submissions/{task}/good/python")).join(file), to).expect("a copy");
    }
}

/// One folder for all exercises of a sheet: two of them are the same dialogue, of which one asks more.
#[rstest]
#[case::sheet_002(
    &[
        ("echo-commands/server.py", "Q1/server.py"),
        ("echo-commands/client.py", "Q1/client.py"),
        ("dual-stack/server.py", "Q3/server.py"),
        ("dual-stack/client.py", "Q3/client.py"),
    ],
    "echo-commands.run",
    &["echo-commands client Q1/client.py", "echo-commands server Q1/server.py"]
)]
#[case::sheet_004(
    &[
        ("calc-single/server.py", "server1.py"),
        ("calc-threads/server.py", "server2.py"),
        ("echo-select/server.py", "server4.py"),
        ("calc-single/client.py", "client.py"),
    ],
    "echo-select.echo",
    &["echo-select client client.py", "echo-select server server4.py"]
)]
fn a_sheets_exercises_are_told_apart(
    #[case] programs: &[(&str, &str)],
    #[case] requirement: &str,
    #[case] says: &[&str],
) {
    let folder = folder();
    let home = folder.path().join("lab");
    as_the_sheet_wants(&home, programs);
    let task = requirement.split_once('.').expect("task.requirement").0;
    let mut command = harness(folder.path());
    command.args(["--target", "lab", "--task", task, "--requirement", requirement, "--format", "json"]);
    assert_eq!(cast(&report(&mut command, 0)), says);
}

/// A length before each text: nobody else understands these two, and two others lie beside them.
#[test]
fn a_pair_with_a_language_of_its_own_is_found_by_its_conversation() {
    let folder = folder();
    let home = folder.path().join("lab");
    let read = "import socket, struct\n\ndef get(s):\n    n = struct.unpack('>I', s.recv(4, socket.MSG_WAITALL))[0]\n    \
                return s.recv(n, socket.MSG_WAITALL)\n\ndef put(s, text):\n    s.sendall(struct.pack('>I', len(text)) + text)\n\n";
    let serve = "l = socket.create_server(('', 7222))\nwhile True:\n    s, _ = l.accept()\n    put(s, get(s).upper())\n    s.close()\n";
    let ask = "text = input('Text: ')\ns = socket.create_connection(('127.0.0.1', 7222))\nput(s, text.encode())\n\
               print(get(s).decode())\n";
    write(&home, "aserver.py", &format!("{read}{serve}"));
    write(&home, "aclient.py", &format!("{read}{ask}"));
    write(
        &home,
        "bserver.py",
        &format!("{read}{}", serve.replace("7222", "7333").replace("get(s).upper()", "b'noon'")),
    );
    write(&home, "bclient.py", &format!("{read}{}", ask.replace("7222", "7333")));
    let mut command = harness(folder.path());
    command.args(["--target", "lab", "--task", "uppercase-tcp", "--requirement", "uppercase-tcp.letters"]);
    command.args(["--format", "json"]);
    let json = report(&mut command, 0);
    assert_eq!(cast(&json), ["uppercase-tcp client aclient.py", "uppercase-tcp server aserver.py"]);
}

/// It hands back what it is told, from the end to the beginning: what it says about two forms of one sum, read as one text,
/// is not the result.
#[test]
fn a_server_that_reverses_lines_is_no_calculator() {
    let folder = folder();
    let serve = "import socket\n\nl = socket.create_server(('', 7222))\nwhile True:\n    s, _ = l.accept()\n    \
                 while data := s.recv(1024):\n        s.sendall(data[::-1])\n    s.close()\n";
    write(&folder.path().join("lab"), "server.py", serve);
    let mut command = harness(folder.path());
    command.args(["--target", "lab", "--task", "calc-single", "--requirement", "calc-single.one-at-a-time"]);
    let told = stderr(&run(&mut command, 4));
    assert!(told.contains("which program is the server of calc-single?"), "{told}");
}

/// What it answers without its documents is no verdict; with them it would be right.
#[test]
fn a_server_whose_documents_lie_elsewhere_is_not_judged_without_them() {
    let serve = "import os, socket, sys\n\nROOT = '/srv/of-nobody/www'\nl = socket.create_server(('', int(sys.argv[1])))\n\
                 while True:\n    s, _ = l.accept()\n    with s:\n        words = s.recv(4096).decode().split()\n        \
                 path = ROOT + words[1] if len(words) > 1 else ''\n        if os.path.isfile(path):\n            \
                 body = open(path, 'rb').read()\n            \
                 s.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(body) + body)\n        else:\n            \
                 s.sendall(b'HTTP/1.1 404 Not Found\\r\\nContent-Length: 0\\r\\n\\r\\n')\n";
    let graded = |text: &str, status: i32| {
        let folder = folder();
        write(&folder.path().join("lab"), "server.py", text);
        let mut command = harness(folder.path());
        command.args(["--target", "lab", "--task", "web-server", "--requirement", "web-server.page", "--all"]);
        stdout(&run(&mut command, status))
    };
    let told = graded(serve, 4);
    assert!(told.contains("looks for its documents in /srv/of-nobody/www"), "{told}");
    graded(&serve.replace("/srv/of-nobody/www", "."), 0);
}

/// A prompt that is written out to a terminal only is not seen: a number is read from whatever is typed.
#[test]
fn a_c_program_that_asks_for_its_port_is_told_it() {
    if !installed("cc") {
        return;
    }
    let folder = folder();
    let serve = "#include <arpa/inet.h>\n#include <ctype.h>\n#include <stdio.h>\n#include <sys/socket.h>\n#include <unistd.h>\n\
                 int main(void) {\n    int port, l = socket(AF_INET, SOCK_STREAM, 0);\n    char line[2000];\n    \
                 printf(\"Enter port number: \");\n    if (scanf(\"%d\", &port) != 1) return 1;\n    \
                 struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };\n    \
                 if (bind(l, (struct sockaddr *)&at, sizeof at) || listen(l, 5)) return 1;\n    for (;;) {\n        \
                 int s = accept(l, NULL, NULL), n;\n        while ((n = recv(s, line, sizeof line, 0)) > 0) {\n            \
                 for (int i = 0; i < n; i++) line[i] = toupper(line[i]);\n            send(s, line, n, 0);\n        }\n        \
                 close(s);\n    }\n}\n";
    write(&folder.path().join("lab"), "first.c", serve);
    let mut command = harness(folder.path());
    command.args(["--target", "lab", "--task", "uppercase-tcp", "--requirement", "uppercase-tcp.letters"]);
    let json = report(command.args(["--format", "json"]), 0);
    assert_eq!(cast(&json), ["uppercase-tcp server first.c"]);
    assert!(!json["cast"][0].to_string().contains("127"), "{}", json["cast"][0]);
}
