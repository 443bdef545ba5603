//! Programs that nobody wrote for these labs, where they are installed: `nc` and `socat` play the
//! roles of `message`, Python's `http.server` and nginx that of `web-server`, and the harness meets
//! them as they are. The other way round, `curl` and a browser are served by the model answers, one of which is a proxy.

mod remote;

use crate::common::browser::Browser;
use crate::common::serving::Serving;
use crate::common::{folder, harness, installed, report, runs, statuses, write};
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
        crate::common::skipped("this nc is not OpenBSD's");
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

/// Everything that it writes stays in its folder; `types` as in its own mime.types. Started by root it would give its
/// folders to another user, which no program of a run can do.
const NGINX: &str = r#"printf 'user root root; daemon off; pid nginx.pid; error_log stderr; events {} http { access_log off;
types { text/html html; text/plain txt; text/css css; image/png png; }
client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
server { listen %s; root %s; } }' {port} "$PWD" > nginx.conf
exec nginx -p "$PWD" -c nginx.conf -e stderr"#;

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
    note_parts(folder.path());
    let (seen, _) = browser.photograph(&server.url("/noting.html"), "web-server", &[]);
    assert!(seen.contains(PARTS_ARE_THERE.0) && seen.contains(PARTS_ARE_THERE.1), "{seen}");
    let text = Serving::start("web-text", "server", folder.path());
    assert!(browser.look(&text.url("/"), &[]).contains("this is the second line"));
}

/// What [`note_parts`]'s page says when its picture and its stylesheet have come.
const PARTS_ARE_THERE: (&str, &str) = (r#"data-picture="shown""#, r#"data-colour="rgb(1, 2, 3)""#);

/// A page, `noting.html`, that notes what has become of its parts.
fn note_parts(folder: &std::path::Path) {
    let page = r#"<!doctype html><link rel="stylesheet" href="colour.css"><h1>Parts</h1><img id="picture" src="picture.png">
<script>addEventListener("load", () => {
  document.body.dataset.picture = picture.naturalWidth > 0 ? "shown" : "broken";
  document.body.dataset.colour = getComputedStyle(document.body).color;
});</script>"#;
    write(folder, "noting.html", page);
    write(folder, "colour.css", "body { color: rgb(1, 2, 3) }");
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
    note_parts(folder.path());
    let site = Serving::start("web-server", "server", folder.path());
    let proxy = Serving::start("web-proxy", "proxy", folder.path());
    // Left to itself a browser asks no proxy for pages of its own machine.
    let through = format!("--proxy-server={}", proxy.url(""));
    let told = [through.as_str(), "--proxy-bypass-list=<-loopback>"];
    let (seen, _) = browser.photograph(&site.url("/noting.html"), "web-proxy", &told);
    assert!(seen.contains(PARTS_ARE_THERE.0) && seen.contains(PARTS_ARE_THERE.1), "{seen}");
    // Without the proxy the same browser shows nothing of it: it was the proxy that fetched them.
    drop(proxy);
    assert!(!browser.look(&site.url("/noting.html"), &told).contains("data-picture"));
}

/// What a stranger that reads a mailbox must pass.
const MAILBOX: [&str; 6] = ["login", "shows", "quit", "byte-stuffing", "keeps", "split"];

/// The same where it looks into one; neither of the two decodes what it shows.
const LOOKED_INTO: [&str; 5] = ["login", "shows", "literals", "unasked", "keeps"];

fn reads(task: &str, manifest: &str, wanted: &[&str]) {
    let all = wanted.iter().map(|short| format!("{task}.{short}")).collect::<Vec<_>>().join(",");
    passes_task(task, manifest, &all, wanted);
}

#[rstest]
#[case::in_clear("mail-client", "", &["dialogue", "waits", "delivered", "multi-line", "split-replies", "closes"])]
#[case::with_tls("mail-tls", " --tls --tls-verify --auth PLAIN,LOGIN --auth-user {user} --auth-password {password}", &["encrypted", "auth-after"])]
fn swaks_hands_over_a_mail(#[case] task: &str, #[case] more: &str, #[case] wanted: &[&str]) {
    let knows_tls = std::process::Command::new("perl").args(["-MNet::SSLeay", "-e1"]).status();
    if task == "mail-tls" && !knows_tls.is_ok_and(|status| status.success()) {
        return crate::common::skipped("swaks has no TLS without Net::SSLeay");
    }
    if installed("swaks") {
        let command = format!("swaks --server {{host}} --port {{port}} --from {{from}} --to {{to}} --body -{more}");
        reads(task, &format!("mail = {command:?}"), wanted);
    }
}

#[test]
fn curl_reads_a_mailbox() {
    if installed("curl") {
        let manifest = r#"read = "curl -sS --noproxy * pop3://{user}:{password}@{host}:{port}/1""#;
        reads("mail-read-pop3", manifest, &MAILBOX);
    }
}

#[test]
fn curl_looks_into_a_mailbox() {
    if installed("curl") {
        let manifest = r#"read = "curl -sS --noproxy * imap://{user}:{password}@{host}:{port}/INBOX;MAILINDEX=1""#;
        reads("mail-read-imap", manifest, &LOOKED_INTO);
    }
}

#[test]
fn pythons_poplib_reads_a_mailbox() {
    if installed("python3") {
        let code = "import poplib, sys; host, port, user, password = sys.argv[1:]; box = poplib.POP3(host, int(port)); \
                    box.user(user); box.pass_(password); print(box.retr(1)[1]); box.quit()";
        let manifest = format!(r#"read = "python3 -c '{code}' {{host}} {{port}} {{user}} {{password}}""#);
        reads("mail-read-pop3", &manifest, &MAILBOX);
    }
}

/// What a stranger that mails files must pass.
const ATTACHED: [&str; 7] = ["recipients", "attachment", "mime", "binary", "several", "names", "large"];

#[test]
fn curl_mails_files() {
    if installed("curl") {
        let manifest = r#"mail = { sh = "curl -sS --noproxy '*' --url smtp://{host}:{port} --mail-from {from} \
            $(printf -- '--mail-rcpt %s ' {each-to}) -H 'Subject: files' -F 'text=<-' -F \"file=@{file};encoder=base64\"" }"#;
        let manifest = manifest.replace("\\\n", "");
        let wanted = ATTACHED.map(|short| format!("mail-attach.{short}")).join(",");
        passes_task("mail-attach", &manifest, &wanted, &ATTACHED);
    }
}

#[test]
fn pythons_imaplib_looks_into_a_mailbox() {
    if installed("python3") {
        // `authenticate` waits for the server's word before it sends name and password.
        let code = "import imaplib, sys; host, port, user, password = sys.argv[1:]; box = imaplib.IMAP4(host, int(port)); \
                    box.authenticate('PLAIN', lambda _: chr(0).join(['', user, password]).encode()); box.select(); \
                    print(box.fetch('1', '(RFC822)')[1][0][1].decode()); box.logout()";
        let manifest = format!("read = '''python3 -c \"{code}\" {{host}} {{port}} {{user}} {{password}}'''");
        reads("mail-read-imap", &manifest, &LOOKED_INTO);
    }
}

#[test]
fn nobody_is_blamed_for_what_the_mailbox_has_not() {
    if !installed("python3") {
        return;
    }
    let folder = folder();
    let program = "import imaplib, sys\nbox = imaplib.IMAP4(sys.argv[1], int(sys.argv[2]))\n\
                   box.login(sys.argv[3], sys.argv[4])\nbox.select()\n\
                   numbers = box.search(None, 'X-GM-RAW', '\"category:primary\"')\nprint(numbers)\n";
    write(folder.path(), "mine/read.py", program);
    let manifest = "[mail-read-imap]\nread = \"python3 read.py {host} {port} {user} {password}\"\n";
    write(folder.path(), "mine/submission.toml", manifest);
    let wanted = "mail-read-imap.login,mail-read-imap.shows";
    let json =
        report(harness(folder.path()).args(["--target", "mine", "--requirement", wanted, "--format", "json"]), 0);
    let said: Vec<String> = statuses(&json).into_iter().map(|(id, status)| format!("{id} {status}")).collect();
    assert_eq!(said, ["mail-read-imap.login pass", "mail-read-imap.shows skip"], "{json}");
    assert!(json.to_string().contains("which other servers have and this one has not"), "{json}");
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
