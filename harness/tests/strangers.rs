//! Programs that nobody wrote for these labs, where they are installed: `nc` and `socat` play the
//! roles of `message`, Python's `http.server` and nginx that of `web-server`, and the harness meets
//! them as they are. The other way round, `curl` and a browser are served by the model answers, one of which is a proxy,
//! and what the harness says of programs that use SSH is compared with what they do at a real server.

mod common;

use common::browser::Browser;
use common::sshd::{self, Situation};
use common::{folder, harness, installed, report, runs, statuses, write};
use rstest::rstest;

/// What a stranger that copies a connection to its output, or its input to a connection, must pass.
const WANTED: &str = "message.twenty-kb,message.prints-exactly,message.binary-safe,message.empty-file";

/// Grades a stranger by its manifest; everything that was wanted and fits its role passes.
fn passes(manifest: &str, wanted: &str, judged: &[&str]) {
    passes_task("message", manifest, wanted, judged);
}

fn passes_task(task: &str, manifest: &str, wanted: &str, judged: &[&str]) {
    let folder = folder();
    write(folder.path(), "stranger/submission.toml", &format!("[{task}]\n{manifest}\n"));
    let json = report(
        harness(folder.path()).args([
            "--target",
            "stranger",
            "--backend",
            "wire",
            "--requirement",
            wanted,
            "--format",
            "json",
        ]),
        0,
    );
    let passed: Vec<String> = judged.iter().map(|short| format!("{task}.{short} pass")).collect();
    let said: Vec<String> = statuses(&json).into_iter().map(|(id, status)| format!("{id} {status}")).collect();
    let reasons: Vec<String> = runs(&json).map(|run| format!("{}: {}", run["id"], run["reason"])).collect();
    let mut sorted = (said, passed);
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1, "{}", reasons.join("\n"));
}

const SERVER: [&str; 4] = ["twenty-kb", "prints-exactly", "binary-safe", "empty-file"];
const CLIENT: [&str; 3] = ["twenty-kb", "binary-safe", "empty-file"];

#[test]
fn socat_as_the_server() {
    if installed("socat") {
        passes(r#"server = "socat -u TCP-LISTEN:{port},fork,reuseaddr -""#, WANTED, &SERVER);
    }
}

#[test]
fn socat_as_the_client() {
    if installed("socat") {
        passes(r#"client = "socat -u - TCP:{host}:{port}""#, WANTED, &CLIENT);
    }
}

/// Whether `nc` is the one of OpenBSD: the others do not know `-k`, or `-N`.
fn openbsd_nc() -> bool {
    if !installed("nc") {
        return false;
    }
    let help = std::process::Command::new("nc").arg("-h").output().expect("nc starts");
    let said = String::from_utf8_lossy(&help.stderr).into_owned() + &String::from_utf8_lossy(&help.stdout);
    let known = said.contains("OpenBSD");
    if !known {
        common::skipped("this nc is not OpenBSD's");
    }
    known
}

#[test]
fn nc_as_the_server() {
    if openbsd_nc() {
        passes(r#"server = "nc -lk {port}""#, WANTED, &SERVER);
    }
}

#[test]
fn nc_as_the_client() {
    if openbsd_nc() {
        passes(r#"client = "nc -N {host} {port}""#, WANTED, &CLIENT);
    }
}

#[test]
fn strangers_meet_each_other() {
    if installed("socat") && openbsd_nc() {
        let manifest = "server = \"socat -u TCP-LISTEN:{port},fork,reuseaddr -\"\nclient = \"nc -N {host} {port}\"";
        passes(manifest, "message.twenty-kb", &["twenty-kb"]);
    }
}

/// Every `must` of the web server, and what a grown-up server does besides.
const WEB: [&str; 10] = [
    "page",
    "not-found",
    "ends-response",
    "browser",
    "binary",
    "empty",
    "large",
    "form",
    "page-with-parts",
    "common-bind-error",
];

fn web() -> String {
    WEB.map(|short| format!("web-server.{short}")).join(",")
}

#[test]
fn pythons_http_server() {
    if installed("python3") {
        passes_task("web-server", r#"server = "python3 -m http.server {port}""#, &web(), &WEB);
    }
}

#[test]
fn nginx() {
    if installed("nginx") {
        let server = format!("server = {{ sh = \"\"\"\n{NGINX}\"\"\" }}");
        passes_task("web-server", &server, &web(), &WEB);
    }
}

/// Everything that it writes stays in its folder; `types` as in its own mime.types.
const NGINX: &str = r#"printf 'daemon off; pid nginx.pid; error_log stderr; events {} http { access_log off;
types { text/html html; text/plain txt; text/css css; image/png png; }
client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
server { listen %s; root %s; } }' {port} "$PWD" > nginx.conf
exec nginx -p "$PWD" -c nginx.conf -e stderr"#;

/// The model answer of a task, serving this folder (or, as a proxy, any site).
struct Serving {
    process: std::process::Child,
    port: u16,
}

impl Serving {
    fn start(task: &str, role: &str, folder: &std::path::Path) -> Self {
        Self::start_with(task, role, folder, &[])
    }

    /// With further arguments behind the port.
    fn start_with(task: &str, role: &str, folder: &std::path::Path, more: &[&str]) -> Self {
        Self::of(|port| {
            let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("harness"));
            command.args(["reference", task, role, &port.to_string()]).args(more).current_dir(folder);
            command
        })
    }

    /// A server started with a port that it is to listen on.
    fn of(command: impl FnOnce(u16) -> std::process::Command) -> Self {
        // A port that was just free; a stranger who takes it meanwhile makes the server end, and the test fail.
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).map(|at| at.port());
        let port = port.expect("a free port");
        let mut serving = Self { process: command(port).spawn().expect("the server starts"), port };
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(serving.process.try_wait().is_ok_and(|ended| ended.is_none()), "the server ended");
            assert!(std::time::Instant::now() < deadline, "nobody listens on {port}");
            std::thread::yield_now();
        }
        serving
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const PARTS: [&str; 3] = ["page.html", "style.css", "picture.png"];

/// A folder with the page, its stylesheet and its picture.
fn pages() -> tempfile::TempDir {
    let folder = folder();
    let files = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/files");
    for name in PARTS {
        std::fs::copy(files.join(name), folder.path().join(name)).expect("the page's files");
    }
    folder
}

#[test]
fn curl_gets_the_page_and_its_parts() {
    if !installed("curl") {
        return;
    }
    let folder = pages();
    let server = Serving::start("web-server", "server", folder.path());
    for name in PARTS {
        let mut curl = std::process::Command::new("curl");
        let came = curl.args(["-sS", "--fail", "--noproxy", "*", &server.url(&format!("/{name}"))]).output();
        let came = came.expect("curl starts");
        assert!(came.status.success(), "{}", String::from_utf8_lossy(&came.stderr));
        assert!(came.stdout == std::fs::read(folder.path().join(name)).expect("its content"), "{name} differs");
    }
}

#[test]
fn a_browser_shows_the_page_and_the_text() {
    let Some(browser) = Browser::installed() else { return };
    let folder = pages();
    let server = Serving::start("web-server", "server", folder.path());
    assert!(browser.look(&server.url("/page.html"), &[]).contains("<h1>A page with parts</h1>"));
    let picture = folder.path().join("seen.png");
    browser.look(&server.url("/page.html"), &[&format!("--screenshot={}", picture.display())]);
    assert!(std::fs::read(&picture).expect("a screenshot").starts_with(b"\x89PNG"));
    let text = Serving::start("web-text", "server", folder.path());
    assert!(browser.look(&text.url("/"), &[]).contains("this is the second line"));
}

#[test]
fn curl_gets_the_page_and_its_parts_through_the_proxy() {
    if !installed("curl") {
        return;
    }
    let folder = pages();
    let site = Serving::start("web-server", "server", folder.path());
    let proxy = Serving::start("web-proxy", "proxy", folder.path());
    let curl = |arguments: &[&str]| {
        let came = std::process::Command::new("curl").args(["-sS", "--noproxy", ""]).args(arguments).output();
        let came = came.expect("curl starts");
        assert!(came.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&came.stderr));
        came.stdout
    };
    let status = |arguments: &[&str]| {
        let through = proxy.url("");
        let asked = [&["-o", "/dev/null", "-w", "%{http_code}", "-x", &through], arguments].concat();
        String::from_utf8(curl(&asked)).expect("a number")
    };
    for name in PARTS {
        let content = std::fs::read(folder.path().join(name)).expect("its content");
        let url = site.url(&format!("/{name}"));
        assert!(curl(&["-x", &proxy.url(""), &url]) == content, "{name} differs");
        // As a tunnel, and in the textbook's form.
        assert!(curl(&["-p", "-x", &proxy.url(""), &url]) == content, "{name} differs through a tunnel");
        assert!(curl(&[&proxy.url(&url.replacen("http:/", "", 1))]) == content, "{name} differs in the path form");
    }
    assert_eq!(status(&[&site.url("/no-such-page.html")]), "404");
    assert_eq!(status(&["-d", "name=Ada", &site.url("/page.html")]), "405");
    assert_eq!(status(&["--head", &site.url("/page.html")]), "200");
    let gone = site.url("/page.html");
    drop(site);
    assert_eq!(status(&[&gone]), "502");
    assert_eq!(status(&[&proxy.url("/")]), "508");
}

#[test]
fn a_browser_loads_a_page_with_its_picture_and_its_stylesheet_through_the_proxy() {
    let Some(browser) = Browser::installed() else { return };
    let folder = pages();
    // A page that notes what has become of its parts.
    let page = r#"<!doctype html><link rel="stylesheet" href="colour.css"><h1>Parts</h1><img id="picture" src="picture.png">
<script>addEventListener("load", () => {
  document.body.dataset.picture = picture.naturalWidth > 0 ? "shown" : "broken";
  document.body.dataset.colour = getComputedStyle(document.body).color;
});</script>"#;
    write(folder.path(), "noting.html", page);
    write(folder.path(), "colour.css", "body { color: rgb(1, 2, 3) }");
    let site = Serving::start("web-server", "server", folder.path());
    let proxy = Serving::start("web-proxy", "proxy", folder.path());
    // Left to itself a browser asks no proxy for pages of its own machine.
    let through = format!("--proxy-server={}", proxy.url(""));
    let told = [through.as_str(), "--proxy-bypass-list=<-loopback>"];
    let seen = browser.look(&site.url("/noting.html"), &told);
    assert!(seen.contains(r#"data-picture="shown""#) && seen.contains(r#"data-colour="rgb(1, 2, 3)""#), "{seen}");
    // Without the proxy the same browser shows nothing of it: it was the proxy that fetched them.
    drop(proxy);
    assert!(!browser.look(&site.url("/noting.html"), &told).contains("data-picture"));
}

/// What a stranger that reads a mailbox must pass.
const MAILBOX: [&str; 6] = ["login", "shows", "quit", "byte-stuffing", "keeps", "split"];

fn mailbox() -> String {
    MAILBOX.map(|short| format!("mail-read-pop3.{short}")).join(",")
}

#[test]
fn curl_reads_a_mailbox() {
    if installed("curl") {
        let manifest = r#"read = "curl -sS --noproxy * pop3://{user}:{password}@{host}:{port}/1""#;
        passes_task("mail-read-pop3", manifest, &mailbox(), &MAILBOX);
    }
}

#[test]
fn pythons_poplib_reads_a_mailbox() {
    if installed("python3") {
        let code = "import poplib, sys; host, port, user, password = sys.argv[1:]; box = poplib.POP3(host, int(port)); \
                    box.user(user); box.pass_(password); print(box.retr(1)[1]); box.quit()";
        let manifest = format!(r#"read = "python3 -c '{code}' {{host}} {{port}} {{user}} {{password}}""#);
        passes_task("mail-read-pop3", &manifest, &mailbox(), &MAILBOX);
    }
}

/// Runs a Python program with the address of a server, and gives what it prints.
fn python(program: &str, address: &str) -> String {
    let came = std::process::Command::new("python3").args(["-c", program, address]).output().expect("Python starts");
    assert!(came.status.success(), "{}", String::from_utf8_lossy(&came.stderr));
    String::from_utf8_lossy(&came.stdout).into_owned()
}

#[test]
fn pythons_xmlrpc_client_calls_the_server() {
    if !installed("python3") {
        return;
    }
    let folder = folder();
    let server = Serving::start("xmlrpc-server", "server", folder.path());
    let program = r#"
import datetime, sys
from xmlrpc.client import Binary, DateTime, Fault, MultiCall, ServerProxy
server = ServerProxy(sys.argv[1])
print(server.add(7, 5), server.divide(1, 4), "add" in server.system.listMethods())
value = {"list": [1, -2.5, True, "a < b & c", "你好", ""], "more": {"time": DateTime("20260131T12:30:00")}}
print(server.echo(value) == value, server.echo(Binary(bytes([0, 255]))).data)
try:
    server.no_such_function()
except Fault as fault:
    print(fault.faultCode)
calls = MultiCall(server)
calls.add(1, 2)
calls.no_such_function()
calls.add(30, 40)
results = calls()
print(results[0], results[2], len(results.results))
try:
    results[1]
except Fault as fault:
    print(fault.faultCode)
"#;
    let said = python(program, &server.url("/RPC2"));
    let expected = "12 0.25 True\nTrue b'\\x00\\xff'\n-32601\n3 70 3\n-32601\n";
    assert_eq!(said, expected);
}

#[test]
fn pythons_xmlrpc_client_shows_its_password() {
    if !installed("python3") {
        return;
    }
    let folder = folder();
    let server = Serving::start_with("xmlrpc-auth", "server", folder.path(), &["ada", "by:ron"]);
    let program = r#"
import sys
from xmlrpc.client import ProtocolError, ServerProxy
for who in ("ada:by%3Aron@", "ada:by%3Aro@", "", "ada:by%3Aron@"):
    try:
        print(ServerProxy(sys.argv[1].replace("//", "//" + who)).add(7, 5))
    except ProtocolError as error:
        print(error.errcode, error.headers["WWW-Authenticate"].split()[0])
"#;
    assert_eq!(python(program, &server.url("/RPC2")), "12\n401 Basic\n401 Basic\n12\n");
}

/// The page and its parts come through the proxy and through the port forwarder from this origin.
fn comes_through(site: &Serving, folder: &std::path::Path) {
    let relay = Serving::of(|port| {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("harness"));
        let (port, origin) = (port.to_string(), site.port.to_string());
        command.args(["reference", "port-forward", "forward", &port, "127.0.0.1", &origin]);
        command
    });
    let proxy = Serving::start("web-proxy", "proxy", folder);
    for name in PARTS {
        let content = std::fs::read(folder.join(name)).expect("its content");
        let path = format!("/{name}");
        for words in [["-x", &proxy.url(""), &site.url(&path)], ["--noproxy", "*", &relay.url(&path)]] {
            let came = std::process::Command::new("curl").args(["-sS", "--fail"]).args(words).output();
            let came = came.expect("curl starts");
            assert!(came.status.success(), "{words:?}: {}", String::from_utf8_lossy(&came.stderr));
            assert!(came.stdout == content, "{name} differs: {words:?}");
        }
    }
}

#[test]
fn pythons_web_server_is_an_origin() {
    if !installed("python3") || !installed("curl") {
        return;
    }
    let folder = pages();
    let site = Serving::of(|port| {
        let mut command = std::process::Command::new("python3");
        command.args(["-m", "http.server", &port.to_string(), "--bind", "127.0.0.1"]).current_dir(folder.path());
        command.stderr(std::process::Stdio::null());
        command
    });
    comes_through(&site, folder.path());
}

#[test]
fn nginx_is_an_origin() {
    if !installed("nginx") || !installed("curl") {
        return;
    }
    let folder = pages();
    let site = Serving::of(|port| {
        let mut command = std::process::Command::new("sh");
        let line = NGINX.replace("{port}", &port.to_string()).replace("daemon off;", "daemon off; master_process off;");
        command.args(["-c", &line]).current_dir(folder.path());
        command
    });
    comes_through(&site, folder.path());
}

#[test]
fn every_page_comes_under_load() {
    if !installed("ab") {
        return;
    }
    let folder = pages();
    let site = Serving::start("web-server", "server", folder.path());
    let load = ["-q", "-n", "600", "-c", "32"];
    let came = std::process::Command::new("ab").args(load).arg(site.url("/picture.png")).output().expect("ab starts");
    let said = String::from_utf8_lossy(&came.stdout).into_owned();
    let count = |key: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(key));
        line.map_or(-1, |rest| rest.trim().parse::<i64>().unwrap_or(-1))
    };
    assert!(came.status.success(), "{said}{}", String::from_utf8_lossy(&came.stderr));
    assert_eq!((count("Complete requests:"), count("Failed requests:")), (600, 0), "{said}");
    assert!(!said.contains("Non-2xx responses:"), "{said}");
}

#[test]
fn dig_looks_up_mail_servers() {
    if !installed("dig") {
        return;
    }
    let script = "address={address}; domain=${address##*@}\n\
                  dig +short $domain MX | sort -n | while read -r preference host; do\n\
                  echo $preference $host $(dig +short $host A) $(dig +short $host AAAA)\n\
                  done\n";
    let wanted = ["hosts", "order", "addresses"];
    let requirements = wanted.map(|short| format!("mx-lookup.{short}")).join(",");
    passes_task("mx-lookup", &format!("mxinfo = {{ sh = \"\"\"\n{script}\"\"\" }}"), &requirements, &wanted);
}

/// What a program does at a real SSH server is what the harness says of it, where there is one of its own.
#[rstest]
#[case::model_answer("reference", &[], [true, true, true])]
#[case::paramiko("good/paramiko-proc", &["/usr/bin/python3", "stats.py"], [true, true, true])]
#[case::never_by_key("bad/never-by-key", &["/usr/bin/python3", "stats.py"], [false, true, true])]
#[case::trusts_everybody("bad/trusts-everybody", &["/usr/bin/python3", "stats.py"], [true, false, true])]
#[case::swallows("bad/swallows-the-refusal", &["/usr/bin/python3", "stats.py"], [true, true, false])]
fn a_real_ssh_server_says_the_same(#[case] program: &str, #[case] command: &[&str], #[case] does: [bool; 3]) {
    const PARAMIKO: &str = "/usr/lib/python3/dist-packages/paramiko";
    if !sshd::is_there() {
        return;
    }
    if !command.is_empty() && !std::path::Path::new(PARAMIKO).exists() {
        return common::skipped("Paramiko is not installed");
    }
    let root = common::fixture("submissions/ssh-stats").join(program);
    let situations = [
        (Situation::Key, "key-login"),
        (Situation::ChangedHostKey, "changed-host-key"),
        (Situation::WrongKey, "wrong-password"),
    ];
    for ((situation, _), right) in situations.into_iter().zip(does) {
        let place = folder();
        let server = Serving::of(|port| sshd::server(place.path(), port, situation));
        let mut asking = match command {
            [first, rest @ ..] => {
                let mut asking = std::process::Command::new(first);
                asking.args(rest).current_dir(&root);
                asking
            }
            [] => {
                let mut asking = std::process::Command::new(common::HARNESS);
                asking.args(["reference", "ssh-stats", "sshstats"]);
                asking
            }
        };
        asking.args(["127.0.0.1", &server.port.to_string(), &sshd::user()]);
        // The model answer asks for it instead, and finds the end of its input.
        asking.args((!command.is_empty()).then_some("no such password"));
        asking.env("HOME", place.path().join("home")).env_remove("SSH_AUTH_SOCK").stdin(std::process::Stdio::null());
        let came = asking.output().expect("the program starts");
        let said = String::from_utf8_lossy(&came.stdout).to_lowercase();
        let shown = came.status.success() && said.contains("memory") && said.contains("cpu");
        let complained = !came.status.success() && !said.contains("memory") && !came.stderr.is_empty();
        let did = if situation == Situation::Key { shown } else { complained };
        assert_eq!(did, right, "{situation:?}: {came:?}");
    }
    let wanted = situations.map(|(_, id)| format!("ssh-stats.{id}"));
    let target = if command.is_empty() { "reference".into() } else { root };
    let here = folder();
    let mut grading = harness(here.path());
    grading.arg("--target").arg(&target).args(["--backend", "wire", "--format", "json"]);
    let json = report(grading.args(["--requirement", &wanted.join(",")]), 0);
    let expected = |(id, right): (&String, bool)| (id.clone(), if right { "pass" } else { "fail" }.to_owned());
    let said: std::collections::BTreeMap<String, String> = statuses(&json).into_iter().collect();
    if said.values().any(|status| status == "skip") {
        return common::skipped("this machine gives runs no files of their own");
    }
    assert_eq!(said, wanted.iter().zip(does).map(expected).collect(), "{json}");
}
