//! Servers that crash, wait for ever or answer something else, as students write them: the report names the line. In every program the line is
//! marked by `HERE`. Some are played with every test; all of them with `HARNESS_CRASHES=all cargo test -p harness --test
//! end_to_end crashes`, which takes some minutes: an endless loop is not one before it has gone on for a while.

use serde_json::Value;

use crate::common::{folder, harness, installed, runs, write};

/// A program: its name, its language, what is done with the connection (or the whole text, if it has a `MAIN`), and
/// whether it is played with every test.
type Program = (&'static str, &'static str, &'static str, bool);

#[rustfmt::skip]
const PROGRAMS: &[Program] = &[
    ("bytes and str", "py", "data = connection.recv(100)\n    connection.sendall(data.upper() + '!')  # HERE", true),
    ("index", "py", "words = connection.recv(100).split()\n    connection.sendall(words[3])  # HERE", false),
    ("None", "py", "found = dict().get(connection.recv(100))\n    connection.sendall(found.upper())  # HERE", false),
    ("division by zero", "py", "data = connection.recv(100)\n    half = len(data) // (len(data) - len(data))  # HERE", false),
    ("missing file", "py", "connection.recv(100)\n    open('words.txt')  # HERE", false),
    ("a name that is not there", "py", "connection.sendall(conection.recv(100))  # HERE", false),
    ("decoding", "py", "data = connection.recv(100) + bytes([255])\n    connection.sendall(data.decode().upper().encode())  # HERE", false),
    ("import error", "py", "MAIN\nimport sockets  # HERE\n", true),
    ("wrong Python", "py", "MAIN\nimport socket\nprint 'ready'  # HERE\n", false),
    ("endless recursion", "py", "def again(n):\n        return again(n + 1)  # HERE\n    again(1)", false),
    ("uncaught reset", "py", "import os\n    connection.recv(100)\n    connection.close()\n    os.write(connection.fileno(), b'A')  # HERE", false),
    ("exception in a thread", "py", "import threading\n    def work():\n        {}[connection.recv(100)]  # HERE\n    one = threading.Thread(target=work)\n    one.start()\n    one.join()", true),
    ("recv for ever", "py", "data = b''\n    while len(data) < 4096:\n        data += connection.recv(4096 - len(data))  # HERE", true),
    ("accept in the wrong place", "py", "other, _ = listener.accept()  # HERE\n    connection.sendall(other.recv(100))", false),
    ("a lock taken twice", "py", "import threading\n    lock = threading.Lock()\n    lock.acquire()\n    lock.acquire()  # HERE", false),
    ("reads the keyboard", "py", "connection.recv(100)\n    answer = input('answer: ')  # HERE", false),
    ("busy loop", "py", "connection.recv(100)\n    while True: pass  # HERE", false),
    ("NULL", "c", "char *end = strchr(line, '!'); recv(fd, line, 80, 0);\n    *end = 0; // HERE", true),
    ("use after free", "c", "char **all = malloc(64); all[0] = line; recv(fd, line, 80, 0); free(all);\n    all[0][0] = 'A'; // HERE", false),
    ("double free", "c", "char *copy = malloc(80); recv(fd, copy, 80, 0); free(copy);\n    free(copy); // HERE", true),
    ("division by zero", "c", "int got = recv(fd, line, 80, 0);\n    line[0] = 100 / (got - 26); // HERE", false),
    ("assertion", "c", "recv(fd, line, 80, 0);\n    assert(line[0] == 'A'); // HERE", false),
    ("endless recursion", "c", "MAIN\nstatic int deep(volatile char *at) {\n    volatile char more[4096]; more[0] = at[0] + 1; return deep(more) + more[0]; // HERE\n}\nC_SERVER(deep(line))", false),
    ("recv for ever", "c", "int got = 0;\n    while (got < 4096) {\n        got += recv(fd, line + got % 40, 40, 0); // HERE\n    }", true),
    ("accept in the wrong place", "c", "recv(fd, line, 80, 0);\n    fd = accept(listener, NULL, NULL); // HERE", false),
    ("busy loop", "c", "volatile int going = 1; recv(fd, line, 80, 0);\n    while (going) {} // HERE", false),
    ("deadlock of two threads", "c", "MAIN\nstatic pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, two = PTHREAD_MUTEX_INITIALIZER;\nstatic void *work(void *first) {\n    pthread_mutex_lock(first); usleep(10000);\n    pthread_mutex_lock(first == &one ? &two : &one); // HERE\n    return NULL;\n}\nC_SERVER({ pthread_t a, b; pthread_create(&a, NULL, work, &one); pthread_create(&b, NULL, work, &two); pthread_join(a, NULL); })", false),
    ("out of range", "cpp", "std::vector<char> all(3); recv(fd, line, 80, 0);\n    all.at(5) = 'A'; // HERE", false),
    ("null object", "cpp", "std::string *said = count > 1000 ? new std::string(line) : nullptr; recv(fd, line, 80, 0);\n    said->push_back('A'); // HERE", false),
    ("index", "java", "byte[] few = new byte[3]; connection.getInputStream().read(few);\n        few[5] = 1; // HERE", true),
    ("null", "java", "String name = System.getenv(\"NOBODY_SETS_THIS\");\n        connection.getOutputStream().write(name.getBytes()); // HERE", false),
    ("exception in a thread", "java", "Thread one = new Thread(() -> {\n            Integer.parseInt(\"twelve\"); // HERE\n        });\n        one.start(); one.join();", false),
    ("reads for ever", "java", "byte[] all = connection.getInputStream().readAllBytes(); // HERE", true),
    ("index", "go", "line := make([]byte, 3)\n\tconnection.Read(line)\n\tline[len(line)+2] = 1 // HERE", true),
    ("nil map", "go", "var names map[string]int\n\tnames[\"anna\"] = 1 // HERE", false),
    ("panic in a goroutine", "go", "done := make(chan int)\n\tgo func() {\n\t\tvar none *net.TCPConn\n\t\t_ = *none // HERE\n\t\tdone <- 1\n\t}()\n\t<-done", false),
    ("waits for a channel", "go", "done := make(chan int)\n\t<-done // HERE", false),
    ("unwrap", "rs", "let mut line = [0; 80];\n    let count = connection.read(&mut line).unwrap();\n    let said = line[..count].iter().position(|byte| *byte == b'!').unwrap(); // HERE\n    let _ = connection.write(&line[..said]);", true),
    ("index", "rs", "let mut line = [0; 80];\n    let count = connection.read(&mut line).unwrap();\n    line[count + 100] = 1; // HERE", false),
    ("reads for ever", "rs", "let mut line = [0; 4096];\n    connection.read_exact(&mut line).unwrap(); // HERE", false),
    ("no function", "js", "connection.on('data', (data) => {\n    connection.write(data.toUpperCase()); // HERE\n  });", true),
    ("unhandled rejection", "js", "connection.on('data', async (data) => {\n    connection.write(JSON.parse(data)); // HERE\n  });", false),
    ("other letters", "py", "data = connection.recv(100)\n    connection.sendall(data.capitalize())  # HERE", true),
    ("other letters from a thread", "py", "import threading\n    def work():\n        data = connection.recv(100)\n        connection.sendall(data[::-1])  # HERE\n    one = threading.Thread(target=work)\n    one.start()\n    one.join()", true),
    ("reads ten letters", "py", "data = connection.recv(10)  # HERE\n    connection.sendall(data.upper())", false),
    ("other letters", "c", "int got = recv(fd, line, 80, 0);\n    send(fd, line, got, 0); // HERE", true),
    ("other letters", "cpp", "std::string said(line, recv(fd, line, 80, 0));\n    send(fd, said.data(), said.size(), 0); // HERE", false),
    ("other letters", "java", "byte[] line = new byte[80];\n        int count = connection.getInputStream().read(line);\n        connection.getOutputStream().write(line, 0, count); // HERE", true),
    ("other letters", "go", "line := make([]byte, 80)\n\tcount, _ := connection.Read(line)\n\tconnection.Write(line[:count]) // HERE", false),
    ("other letters", "rs", "let mut line = [0; 80];\n    let count = connection.read(&mut line).unwrap();\n    connection.write_all(&line[..count]).unwrap(); // HERE", false),
    ("missing file", "js", "connection.on('data', () => {\n    connection.end(require('fs').readFileSync('words.txt')); // HERE\n  });", false),
];

const PYTHON: &str = "import socket, sys
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('', int(sys.argv[1])))
listener.listen(5)
def serve(connection):
    BODY
while True:
    connection, _ = listener.accept()
    serve(connection)
    connection.close()
";

const C_TOP: &str = "#include <assert.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
";

const C_SERVER: &str = "
static void serve(int fd, int listener, int count) {
    char line[100] = \"\"; (void)listener; (void)count;
    BODY
    send(fd, line, 1, 0);
}
int main(int count, char **arguments) {
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(atoi(arguments[1])) };
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bind(listener, (struct sockaddr *)&at, sizeof at);
    listen(listener, 5);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        serve(fd, listener, count);
        close(fd);
    }
}
";

const JAVA: &str = "import java.net.*;
public class Server {
    static void serve(Socket connection) throws Exception {
        BODY
    }
    public static void main(String[] arguments) throws Exception {
        ServerSocket listener = new ServerSocket(Integer.parseInt(arguments[0]));
        while (true) {
            serve(listener.accept());
        }
    }
}
";

const GO: &str = "package main

import (
	\"net\"
	\"os\"
)

func serve(connection net.Conn) {
	BODY
}

func main() {
	listener, _ := net.Listen(\"tcp\", \":\"+os.Args[1])
	for {
		connection, _ := listener.Accept()
		serve(connection)
	}
}
";

const RUST: &str = "#[allow(unused_imports)]
use std::io::{Read, Write};
fn serve(mut connection: std::net::TcpStream) {
    BODY
}
fn main() {
    let port = std::env::args().nth(1).unwrap();
    let listener = std::net::TcpListener::bind(format!(\"0.0.0.0:{port}\")).unwrap();
    for connection in listener.incoming() {
        serve(connection.unwrap());
    }
}
";

const NODE: &str = "const net = require('net');
net.createServer((connection) => {
  BODY
}).listen(Number(process.argv[2]));
";

/// The text of a program, the name of its file, and its manifest.
fn written(language: &str, body: &str) -> (String, &'static str, String) {
    let c_server = C_SERVER.replace("NULL, NULL", "0, 0");
    let (file, frame, build, run) = match language {
        "py" => ("server.py", PYTHON.to_owned(), "", "python3 server.py {port}"),
        "c" => ("server.c", format!("{C_TOP}{c_server}"), "cc -O1 -pthread -o server server.c", "./server {port}"),
        "cpp" => (
            "server.cpp",
            format!("#include <string>\n#include <vector>\n{C_TOP}{c_server}"),
            "g++ -std=c++20 -o server server.cpp",
            "./server {port}",
        ),
        "java" => ("Server.java", JAVA.to_owned(), "javac Server.java", "java Server {port}"),
        "go" => ("server.go", GO.to_owned(), "go build -o server server.go", "./server {port}"),
        "rs" => ("server.rs", RUST.to_owned(), "rustc -O -o server server.rs", "./server {port}"),
        _ => ("server.js", NODE.to_owned(), "", "node server.js {port}"),
    };
    let text = match (body.strip_prefix("MAIN\n"), language) {
        (Some(whole), "c") => {
            let (before, call) = whole.split_once("C_SERVER(").expect("a server");
            let call = call.strip_suffix(')').expect("its end");
            format!("{C_TOP}{before}{}", c_server.replace("BODY", &format!("recv(fd, line, 80, 0); {call};")))
        }
        (Some(whole), _) => whole.to_owned(),
        (None, _) => frame.replace("BODY", body),
    };
    let build = if build.is_empty() { String::new() } else { format!("build = \"{build}\"\n") };
    (text, file, format!("{build}[uppercase-tcp]\nserver = \"{run}\"\n"))
}

/// The places that a report names for a failed run of this requirement: of the crash, else of the call that shows what is
/// wrong, else of what runs on.
fn places(report: &Value) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for run in runs(report).filter(|run| run["status"] != "pass") {
        let wait = run["waits"].as_array().and_then(|waits| waits.first()).map(|wait| &wait["place"]);
        let crash = Some(&run["crash"]["place"]).filter(|place| !place.is_null());
        let first = crash.or(Some(&run["deed"]["at"]["place"]).filter(|place| !place.is_null()));
        found.extend(
            first.or(wait).and_then(|place| Some((place["file"].as_str()?.to_owned(), place["line"].as_u64()?))),
        );
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn what_goes_wrong_is_told_by_its_line() {
    let all = std::env::var("HARNESS_CRASHES").is_ok_and(|which| which == "all");
    let mut wrong = Vec::new();
    let mut told = 0;
    for (name, language, body, _) in PROGRAMS.iter().filter(|(.., usual)| all || *usual) {
        let tool = match *language {
            "py" => "python3",
            "c" => "cc",
            "cpp" => "g++",
            "java" => "javac",
            "go" => "go",
            "rs" => "rustc",
            _ => "node",
        };
        if !installed(tool) {
            continue;
        }
        let (text, file, manifest) = written(language, body);
        let line = text.lines().position(|line| line.contains("HERE")).expect("a mark") as u64 + 1;
        let place = folder();
        write(place.path(), file, &text);
        write(place.path(), "submission.toml", &manifest);
        let mut command = harness(place.path());
        command.timeout(std::time::Duration::from_secs(300));
        command.args(["--target", ".", "--task", "uppercase-tcp", "--scenario", "uppercase-tcp/letters"]);
        command.args(["--backend", "sim", "--format", "json", "--quiet"]);
        let output = command.output().expect("the harness starts");
        let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let found = if json.is_null() { Vec::new() } else { places(&json) };
        if found == [(file.to_owned(), line)] {
            told += 1;
        } else {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let kept: Vec<&Value> = runs_or_none(&json);
            wrong.push(format!("{language}: {name}: {found:?} instead of {file}:{line}\n{said}{kept:#?}"));
        }
    }
    println!("{told} told by their line, {} not", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn runs_or_none(json: &Value) -> Vec<&Value> {
    if json.is_null() { Vec::new() } else { runs(json).collect() }
}
