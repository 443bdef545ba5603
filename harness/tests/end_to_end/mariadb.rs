//! The embedded database server beside a real one: the same statements, through the same client, come to the same
//! results, and the same programs print the same. Where MariaDB is not installed, this is skipped, and said.

#![cfg(feature = "mysql")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use crate::common::{HARNESS, fixture, folder, installed, skipped, wait_until};
use harness_peers::database::{Account, Server};

const USER: &str = "anna";
const PASSWORD: &str = "Walnut-Desk-58";

/// What both servers are asked, in order; errors are told apart by their numbers.
const STATEMENTS: &str = r#"
CREATE DATABASE btech;
CREATE DATABASE btech;
CREATE DATABASE IF NOT EXISTS btech;
USE nowhere;
SELECT * FROM students;
USE btech;
CREATE TABLE students (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL, roll CHAR(6) UNIQUE, born DATE, mark DECIMAL(4,1) DEFAULT 5.0, active BOOLEAN DEFAULT TRUE) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE students (id INT);
CREATE TABLE IF NOT EXISTS students (id INT);
CREATE TABLE wrong (id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE wrong (id INT AUTO_INCREMENT);
SHOW TABLES;
INSERT INTO students (name, roll, born) VALUES ('Asha Rao', 'BT8001', '2004-02-29'), ("Bilal Khan", "BT8002", NULL);
INSERT INTO students SET name = 'Chitra Nair', roll = 'BT8003', mark = 8.5;
INSERT INTO students (name, roll) VALUES ('Somebody', 'bt8001');
INSERT IGNORE INTO students (name, roll) VALUES ('Somebody', 'BT8001'), ('Dara Quill', 'BT8004');
INSERT INTO students (name, roll) VALUES ('Asha R.', 'BT8001') ON DUPLICATE KEY UPDATE name = VALUES(name);
INSERT INTO students (name) VALUES (NULL);
INSERT INTO students (name) VALUES ('one', 'two');
INSERT INTO students (nam) VALUES ('one');
INSERT INTO students (name, roll) VALUES ('Long', 'BT80000001');
INSERT INTO students (name, mark) VALUES ('Wordy', 'very good');
INSERT INTO pupils (name) VALUES ('one');
INSERT INTO students (name) VALUES ('Sean O''Connor'), ('Sean O\'Casey'), ("Ann \"Al\" \\o/ Lee");
SELECT name, roll, born, mark, active FROM students ORDER BY name;
SELECT COUNT(*), COUNT(born), MAX(mark) FROM students;
SELECT COUNT(*) AS n FROM btech.students WHERE name LIKE 'sean%';
SELECT UPPER(name), LEFT(roll, 2), CHAR_LENGTH(name), IF(born IS NULL, 'no', 'yes') FROM students WHERE roll IS NOT NULL ORDER BY roll LIMIT 1, 2;
SELECT CONCAT(name, ' ', roll) who, IFNULL(born, 'unknown') FROM students WHERE mark > 5 OR name = 'dara quill' ORDER BY 1;
SELECT DATABASE(), 'text', 1 + 1, NULL;
SELECT students.name FROM students WHERE id IN (SELECT MIN(id) FROM students);
UPDATE students SET mark = 9 WHERE roll = 'BT8002';
DELETE FROM students WHERE name LIKE 'Sean%';
SELECT roll, mark FROM students WHERE roll > 'BT8001' ORDER BY roll DESC;
REPLACE INTO students (name, roll, mark) VALUES ('Bilal K.', 'BT8002', 7);
SELECT name, mark FROM students WHERE roll = 'BT8002';
START TRANSACTION;
DELETE FROM students;
ROLLBACK;
SELECT COUNT(*) FROM students;
ALTER TABLE students ADD COLUMN city VARCHAR(20) DEFAULT 'Pune';
SELECT DISTINCT city FROM students;
SELECT name FROM students GROUP BY name HAVING COUNT(*) > 1;
SELECT s.name, t.name FROM students s JOIN students t ON s.id = t.id AND s.id < 2;
SELECT table_name FROM information_schema.tables WHERE table_schema = 'btech';
TRUNCATE TABLE students;
INSERT INTO students (name) VALUES ('First');
SELECT id, LAST_INSERT_ID() FROM students;
SELEC 1;
SELECT FROM students;
DROP TABLE students;
DROP TABLE students;
DROP TABLE IF EXISTS students;
DROP DATABASE btech;
DROP DATABASE btech;
"#;

/// A server to connect to.
trait Database {
    fn port(&self) -> u16;
}

/// MariaDB with a folder of its own, stopped in the end.
struct Real {
    server: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Database for Real {
    fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Starts MariaDB; nothing where it is not installed.
fn real() -> Option<Real> {
    let found = |name: &str| {
        ["/usr/sbin", "/usr/local/sbin"]
            .iter()
            .map(|folder| format!("{folder}/{name}"))
            .find(|path| Path::new(path).exists())
    };
    let Some(daemon) = found("mariadbd") else {
        skipped("mariadbd is not installed");
        return None;
    };
    if !installed("mariadb") || !installed("mariadb-install-db") {
        return None;
    }
    let folder = folder();
    let data = folder.path().join("data");
    let me =
        nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten().map_or("root".to_owned(), |user| user.name);
    let install = Command::new("mariadb-install-db")
        .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-name-resolve"])
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--user={me}"))
        .output()
        .expect("mariadb-install-db starts");
    assert!(install.status.success(), "{}", String::from_utf8_lossy(&install.stdout));
    let first = folder.path().join("first.sql");
    let user = format!("CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\nGRANT ALL ON *.* TO '{USER}'@'%';\n");
    std::fs::write(&first, user).expect("a file");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let log = std::fs::File::create(folder.path().join("log")).expect("a log");
    let server = Command::new(daemon)
        .args([
            "--no-defaults",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--innodb-flush-log-at-trx-commit=0",
            "--default-time-zone=+00:00",
        ])
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--socket={}", folder.path().join("socket").display()))
        .arg(format!("--pid-file={}", folder.path().join("pid").display()))
        .arg(format!("--init-file={}", first.display()))
        .arg(format!("--port={port}"))
        .arg(format!("--user={me}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("mariadbd starts");
    let real = Real { server, port, _folder: folder };
    wait_until("MariaDB lets anna in", || client(&real, "SELECT 1;").status.success());
    Some(real)
}

/// The embedded server, on a socket of its own.
struct Embedded(u16);

impl Database for Embedded {
    fn port(&self) -> u16 {
        self.0
    }
}

fn embedded() -> Embedded {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let account = Account { user: Some(USER.to_owned()), password: Some(PASSWORD.to_owned()) };
    let server = Arc::new(Mutex::new(harness_peer_mysql::open(account, &[], None).expect("a server")));
    std::thread::spawn(move || {
        for (id, connection) in listener.incoming().flatten().enumerate() {
            let server = Arc::clone(&server);
            std::thread::spawn(move || serve(connection, &server, id as u32 + 1));
        }
    });
    Embedded(port)
}

fn serve(mut connection: TcpStream, server: &Mutex<Box<dyn Server>>, id: u32) {
    let server = || server.lock().expect("a server");
    let greeting = server().meet(id, *b"twenty bytes of nois");
    let mut buffer = [0; 4096];
    if connection.write_all(&greeting).is_ok() {
        while let Ok(count @ 1..) = connection.read(&mut buffer) {
            let turn = server().receive(id, &buffer[..count]);
            if connection.write_all(&turn.bytes).is_err() || turn.close {
                break;
            }
        }
    }
    server().gone(id);
}

/// What MariaDB's client makes of some statements.
fn client(server: &dyn Database, statements: &str) -> Output {
    let mut child = Command::new("mariadb")
        .args([
            "--no-defaults",
            "--protocol=tcp",
            "--skip-ssl",
            "--host=127.0.0.1",
            "--force",
            "--batch",
            "--default-character-set=utf8mb4",
        ])
        .arg(format!("--port={}", server.port()))
        .arg(format!("--user={USER}"))
        .arg(format!("--password={PASSWORD}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("mariadb starts");
    // Where no server listens yet it may have ended before it reads anything: its status says so.
    let _ = child.stdin.take().expect("its input").write_all(statements.as_bytes());
    child.wait_with_output().expect("it ends")
}

/// What it prints, and the numbers of the errors.
fn result(server: &dyn Database, statement: &str) -> String {
    let output = client(server, &format!("{statement}\n"));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let numbers =
        errors.lines().filter_map(|line| line.strip_prefix("ERROR ")).filter_map(|line| line.split(' ').next());
    let numbers: Vec<&str> = numbers.collect();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), numbers.join(" "))
}

/// One real server for all: it takes seconds to come up.
#[test]
fn the_embedded_server_is_like_a_real_one() {
    let Some(real) = real() else { return };
    the_same_statements_come_to_the_same_results(&real);
    both_look_at_the_password(&real);
    the_same_programs_print_the_same(&real);
}

fn the_same_statements_come_to_the_same_results(real: &dyn Database) {
    let embedded = embedded();
    // Each statement in a connection of its own would lose transactions: all in one, with marks between them.
    let mut marked = String::new();
    for statement in STATEMENTS.trim().lines() {
        marked.push_str(&format!("{statement}\nSELECT '--- {}' AS mark;\n", statement.replace(['\'', '\\'], "")));
    }
    let both = [real, &embedded].map(|server| {
        let output = client(server, &marked);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let numbers = errors.lines().filter_map(|line| line.strip_prefix("ERROR "));
        let numbers: Vec<String> = numbers
            .filter_map(|line| {
                let (number, rest) = line.split_once(' ')?;
                let at = rest.split_once("at line ")?.1.split(':').next()?;
                Some(format!("line {at}: {number}"))
            })
            .collect();
        (String::from_utf8_lossy(&output.stdout).into_owned(), numbers)
    });
    similar_lines(&both[0].0, &both[1].0);
    assert_eq!(both[0].1, both[1].1, "the errors of the real server, and of the embedded one");
    // What the embedded one cannot, it says it cannot.
    assert_eq!(result(&embedded, "SELECT 7 DIV 2;"), "1235");
}

/// Equal line by line; the first difference with the statement before it.
fn similar_lines(real: &str, embedded: &str) {
    let mut statement = "";
    for (one, other) in real.lines().zip(embedded.lines()) {
        assert_eq!(one, other, "after {statement}: the real server, and the embedded one");
        if one.starts_with("---") {
            statement = one;
        }
    }
    assert_eq!(real.lines().count(), embedded.lines().count());
}

fn both_look_at_the_password(real: &dyn Database) {
    let embedded = embedded();
    let each = [(PASSWORD, "1\n1\n"), ("Wrong-Gate-31", "1045")];
    for (server, (password, said)) in
        each.into_iter().flat_map(|case| [(real, case), (&embedded as &dyn Database, case)])
    {
        let output = Command::new("mariadb")
            .args(["--no-defaults", "--protocol=tcp", "--skip-ssl", "--host=127.0.0.1", "--batch", "-e", "SELECT 1"])
            .args([format!("--port={}", server.port()), format!("--user={USER}"), format!("--password={password}")])
            .output()
            .expect("mariadb starts");
        let all = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(all.contains(said), "{all}");
    }
}

const NAMES: &str = "Asha Rao\nSean O'Connor\nRobert'); DROP TABLE students;#\nAnn \"Al\" \\o/ Lee\n";

/// Runs a program with the address of a server, twice, and gives what it prints.
fn twice(server: &dyn Database, command: &[&str]) -> String {
    let port = server.port().to_string();
    let run = |_| {
        let mut child = Command::new(command[0])
            .args(&command[1..])
            .args(["127.0.0.1", &port, USER, PASSWORD])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        child.stdin.take().expect("its input").write_all(NAMES.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    [0, 1].map(run).join("--- again\n")
}

fn the_same_programs_print_the_same(real: &dyn Database) {
    let embedded = embedded();
    let program = fixture("submissions/mysql-students/good/python/students.py");
    let pymysql =
        Command::new("/usr/bin/python3").args(["-c", "import pymysql"]).output().is_ok_and(|it| it.status.success());
    let mut commands = vec![vec![HARNESS, "reference", "mysql-students", "students"]];
    match program.to_str() {
        Some(program) if pymysql => commands.push(vec!["/usr/bin/python3", program]),
        _ => skipped("PyMySQL is not installed"),
    }
    for command in commands {
        assert!(result(real, "DROP DATABASE IF EXISTS btech;").is_empty());
        assert!(result(&embedded, "DROP DATABASE IF EXISTS btech;").is_empty());
        let (one, other) = (twice(real, &command), twice(&embedded, &command));
        // Numbers that were given to those who were not inserted differ between engines.
        let without_numbers = |text: &str| {
            let line =
                |line: &str| line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim().to_owned();
            text.lines().map(line).collect::<Vec<_>>()
        };
        assert_eq!(without_numbers(&one), without_numbers(&other));
        assert!(NAMES.lines().all(|name| one.contains(name)), "{one}");
    }
}
