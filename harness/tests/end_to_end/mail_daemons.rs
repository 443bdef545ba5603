//! The mail servers of a distribution, Postfix and Dovecot, take and give the mail of the model answers and of programs
//! that are right; `swaks` meets the mail server that is a model answer. Each daemon runs with a
//! configuration, ports and folders of its own, which takes root; where one is absent, that is said.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::serving::Serving;
use crate::common::{HARNESS, fixture, folder, installed, skipped, wait_until, write};
use rstest::rstest;
use tempfile::TempDir;

const PASSWORD: &str = "Walnut-Desk-58";

/// Who owns the mailboxes: nobody.
const NOBODY: u32 = 65_534;

/// A daemon with children, which must be asked to end.
struct Daemon {
    serving: Serving,
    stop: Command,
    folder: TempDir,
}

impl Daemon {
    fn port(&self) -> u16 {
        self.serving.port
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.stop.status();
        let process = &mut self.serving.process;
        wait_until("the daemon has ended", || process.try_wait().is_ok_and(|ended| ended.is_some()));
    }
}

/// The folder of a daemon, if this machine has the daemon and lets it be started.
fn place(daemon: &str) -> Option<TempDir> {
    if !installed(daemon) && !Path::new("/usr/sbin").join(daemon).exists() {
        return None;
    }
    if !nix::unistd::geteuid().is_root() {
        skipped(&format!("{daemon} can be started by root only"));
        return None;
    }
    let folder = folder();
    // Its processes have users of their own.
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("an open folder");
    Some(folder)
}

/// Dovecot with one mailbox, read over IMAP or POP3.
fn dovecot(protocol: &str, letter: &str) -> Option<Daemon> {
    let folder = place("dovecot")?;
    let at = folder.path().display().to_string();
    for part in ["new", "cur", "tmp"] {
        let path = folder.path().join("mail/anna").join(part);
        fs::create_dir_all(&path).expect("a maildir");
        chown(&path, Some(NOBODY), Some(NOBODY)).expect("nobody's");
    }
    for path in ["mail", "mail/anna"] {
        chown(folder.path().join(path), Some(NOBODY), Some(NOBODY)).expect("nobody's");
    }
    let file = folder.path().join("mail/anna/new/1.letter");
    fs::write(&file, letter).expect("a letter");
    chown(&file, Some(NOBODY), Some(NOBODY)).expect("nobody's");
    let stop = format!("kill -TERM \"$(cat {at}/run/master.pid)\"");
    let serving = Serving::of(|port| {
        let listeners: String = [("imap", 143), ("pop3", 110)]
            .iter()
            .map(|(name, _)| {
                let port = if *name == protocol { port } else { 0 };
                let plain = format!("inet_listener {name} {{\nport = {port}\n}}");
                format!("service {name}-login {{\n{plain}\ninet_listener {name}s {{\nport = 0\n}}\n}}\n")
            })
            .collect();
        let settings = format!(
            "protocols = {protocol}\nbase_dir = {at}/run\nstate_dir = {at}/state\nlog_path = {at}/log\n\
             listen = 127.0.0.1\nssl = no\ndisable_plaintext_auth = no\nmail_location = maildir:{at}/mail/%n\n\
             first_valid_uid = 1\nauth_failure_delay = 0\n\
             passdb {{\ndriver = static\nargs = user=anna password={PASSWORD}\n}}\n\
             userdb {{\ndriver = static\nargs = uid={NOBODY} gid={NOBODY} home={at}/mail/%n\n}}\n{listeners}"
        );
        write(folder.path(), "dovecot.conf", &settings);
        let mut command = Command::new("/usr/sbin/dovecot");
        command.args(["-F", "-c"]).arg(folder.path().join("dovecot.conf"));
        command
    });
    let mut command = Command::new("sh");
    command.args(["-c", &stop]);
    Some(Daemon { serving, stop: command, folder })
}

/// Postfix with the mailboxes of Bert and Carla; to nobody else does it deliver.
fn postfix() -> Option<Daemon> {
    let folder = place("postfix")?;
    let at = folder.path().display().to_string();
    for name in ["conf", "queue", "data", "box"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    chown(folder.path().join("box"), Some(NOBODY), Some(NOBODY)).expect("nobody's");
    let owner = nix::unistd::User::from_name("postfix").ok().flatten().expect("Postfix's own user").uid;
    chown(folder.path().join("data"), Some(owner.as_raw()), None).expect("Postfix's");
    let settings = format!(
        "compatibility_level = 3.6\nqueue_directory = {at}/queue\ndata_directory = {at}/data\n\
         command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
         mail_owner = postfix\nsetgid_group = postdrop\nmyhostname = mail.example.net\nmydestination =\n\
         inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n\
         maillog_file = {at}/log\nmaillog_file_prefixes = {at}\nvirtual_mailbox_domains = example.net\n\
         virtual_mailbox_base = {at}/box\n\
         virtual_mailbox_maps = inline:{{ bert@example.net=bert/ , carla@example.net=carla/ }}\n\
         virtual_uid_maps = static:{NOBODY}\nvirtual_gid_maps = static:{NOBODY}\nvirtual_alias_maps =\nalias_maps =\n\
         smtpd_recipient_restrictions = permit_mynetworks, reject\n"
    );
    write(&folder.path().join("conf"), "main.cf", &settings);
    let serving = Serving::of(|port| {
        let services = format!(
            "127.0.0.1:{port} inet n - n - - smtpd\npickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\n\
             qmgr unix n - n 300 1 qmgr\nrewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\n\
             defer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\nerror unix - - n - - error\n\
             virtual unix - n n - - virtual\nproxymap unix - - n - - proxymap\nanvil unix - - n - 1 anvil\n\
             postlog unix-dgram n - n - 1 postlogd\n"
        );
        write(&folder.path().join("conf"), "master.cf", &services);
        let mut command = Command::new("/usr/sbin/postfix");
        command.arg("-c").arg(folder.path().join("conf")).arg("start-fg");
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        command
    });
    let mut stop = Command::new("/usr/sbin/postfix");
    stop.arg("-c").arg(folder.path().join("conf")).arg("stop");
    stop.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    Some(Daemon { serving, stop, folder })
}

/// Runs a program in a folder with this on its standard input.
fn run(words: &[String], folder: &Path, input: &str) -> Output {
    let mut command = assert_cmd::Command::new(&words[0]);
    command.timeout(crate::common::BOUND).args(&words[1..]).current_dir(folder).write_stdin(input);
    command.output().expect("the program starts")
}

fn model(task: &str, role: &str) -> Vec<String> {
    [HARNESS, "reference", task, role].map(str::to_owned).to_vec()
}

/// A good program of the truth table, which is one file of Python.
fn good(path: &str) -> Vec<String> {
    vec!["python3".to_owned(), fixture("submissions").join(path).join("mail.py").display().to_string()]
}

const LETTER: &str = "From: Bert <bert@example.net>\r\nTo: Anna <anna@example.org>\r\n\
    Date: Tue, 03 Mar 2026 10:00:00 +0000\r\nSubject: the meeting\r\n\r\n\
    Dear Anna,\r\n\r\n.the meeting is on Tuesday at ten.\r\nBert\r\n";

#[rstest]
#[case::pop3("pop3", model("mail-read-pop3", "read"))]
#[case::imap("imap", model("mail-read-imap", "read"))]
#[case::poplib("pop3", good("mail-read-pop3/good/poplib"))]
#[case::imaplib("imap", good("mail-read-imap/good/imaplib"))]
#[case::imap_by_hand("imap", good("mail-read-imap/good/python"))]
fn dovecot_gives_a_mailbox_to_be_read(#[case] protocol: &str, #[case] program: Vec<String>) {
    let Some(daemon) = dovecot(protocol, LETTER) else { return };
    let ask = |password: &str| {
        let told = ["127.0.0.1", &daemon.port().to_string(), "anna", password].map(str::to_owned);
        run(&[program.as_slice(), &told].concat(), daemon.folder.path(), "")
    };
    let shown = ask(PASSWORD);
    let text = crate::common::stdout(&shown);
    assert!(shown.status.success(), "{}", crate::common::stderr(&shown));
    assert!(text.contains("the meeting is on Tuesday at ten.") && text.contains("Bert"), "{text}");
    assert!(!text.contains("..the meeting"), "{text}");
    let refused = ask("Walnut-Desk-59");
    assert!(!refused.status.success() && !crate::common::stdout(&refused).contains("Tuesday"));
}

/// What has been delivered to somebody; Postfix puts it there a moment after it has taken it.
fn delivered(daemon: &Daemon, name: &str) -> String {
    let folder: PathBuf = daemon.folder.path().join("box").join(name).join("new");
    let file = || fs::read_dir(&folder).ok()?.next()?.ok();
    wait_until("a mail is delivered", || file().is_some());
    fs::read_to_string(file().expect("it is there").path()).expect("a mail")
}

#[rstest]
#[case::model(model("mail-client", "mail"))]
#[case::smtplib(good("mail-client/good/email-package"))]
#[case::by_hand(good("mail-client/good/python"))]
fn postfix_takes_a_mail(#[case] program: Vec<String>) {
    let Some(daemon) = postfix() else { return };
    let port = daemon.port().to_string();
    let send = |to: &str| {
        let told = ["127.0.0.1", &port, "anna@example.org", to].map(str::to_owned);
        run(&[program.as_slice(), &told].concat(), daemon.folder.path(), "Dear Bert,\n\n.a dot\n.\nBye\n")
    };
    let sent = send("bert@example.net");
    assert!(sent.status.success(), "{}", crate::common::stderr(&sent));
    let mail = delivered(&daemon, "bert");
    assert!(mail.contains("Dear Bert,\n\n.a dot\n.\nBye\n"), "{mail}");
    let refused = send("nobody@example.net");
    assert!(!refused.status.success(), "there is no such mailbox, and the server has said so");
}

#[test]
fn postfix_takes_files_for_several() {
    let Some(daemon) = postfix() else { return };
    let port = daemon.port().to_string();
    let place = daemon.folder.path().join("sent");
    fs::create_dir(&place).expect("a folder");
    write(&place, "notes.txt", "one\ntwo\n");
    let told = ["127.0.0.1", &port, "anna@example.org", "bert@example.net,carla@example.net", "notes.txt"];
    let sent = run(&[model("mail-attach", "mail"), told.map(str::to_owned).to_vec()].concat(), &place, "Two files\n");
    assert!(sent.status.success(), "{}", crate::common::stderr(&sent));
    for name in ["bert", "carla"] {
        let mail = delivered(&daemon, name);
        assert!(mail.contains("notes.txt") && mail.contains("multipart/mixed"), "{mail}");
    }
    let told = ["127.0.0.1", &port, "anna@example.org", "bert@example.net"].map(str::to_owned);
    let sent = run(&[model("mail-archive", "mail"), told.to_vec()].concat(), &place, "");
    assert!(sent.status.success(), "{}", crate::common::stderr(&sent));
}

#[test]
fn swaks_hands_a_mail_to_the_model_answer() {
    if !installed("swaks") {
        return;
    }
    let folder = folder();
    let server = Serving::start("mail-server", "server", folder.path());
    let at = format!("127.0.0.1:{}", server.port);
    let words = ["swaks", "--server", &at, "--from", "anna@example.org", "--to", "bert@example.net,carla@example.net"];
    let sent = run(&words.map(str::to_owned), folder.path(), "");
    assert!(sent.status.success(), "{}", crate::common::stdout(&sent));
}
