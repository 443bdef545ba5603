//! Names of mail providers in a submission's files. Where nothing keeps a program from the real network it must not be
//! started then: it would write to real servers.

use std::path::Path;
use std::sync::LazyLock;

use regex::bytes::Regex;

/// Files beyond this are not looked into, in bytes: no student writes that much, and a library's own list of providers
/// says nothing.
const LARGEST: u64 = 16 << 20;

/// A host by whose name one can see that it handles mail (`smtp.gmail.com`), or one of the large providers', which is
/// no part of an address. Ends that are country codes of two letters and file name extensions as well are left out.
static HOST: LazyLock<Regex> = LazyLock::new(|| {
    let ends = "(?:com|net|org|edu|gov|info|eu|de|fr|it|es|ru|cn|uk|nl|pl|br|jp|kr|ch|at|ca|se|no|fi|dk|tr|ua|cz)";
    let speaking = format!(r"(?:smtp|imap|pop3?|e?mail|outgoing|mx)[a-z0-9-]*(?:\.[a-z0-9-]+)+\.{ends}");
    let large = r"(?:gmail|googlemail|outlook|hotmail|yahoo|gmx|163|126|qq|yandex|icloud|aol)\.(?:com|net|de|ru)";
    Regex::new(&format!(r"(?i)(?:^|[^@a-z0-9._-])((?:{speaking})|(?:{large}))\b")).expect("a pattern of our own")
});

/// The first file of a folder, in the order of names, in which a provider is named, and how.
pub fn named_in(folder: &Path) -> Option<(String, String)> {
    let mut entries: Vec<_> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries.into_iter().find_map(|path| {
        let about = path.symlink_metadata().ok()?;
        if about.is_dir() {
            return named_in(&path);
        }
        if !about.is_file() || about.len() > LARGEST {
            return None;
        }
        let host = host_in(&std::fs::read(&path).ok()?)?;
        Some((path.file_name()?.to_string_lossy().into_owned(), host))
    })
}

fn host_in(content: &[u8]) -> Option<String> {
    let host = HOST.captures_iter(content).filter_map(|found| found.get(1)).map(|found| found.as_bytes());
    // Names that nobody can have (RFC 2606, section 3).
    let mut real = host.filter(|host| !String::from_utf8_lossy(host).to_ascii_lowercase().contains("example."));
    real.next().map(|host| String::from_utf8_lossy(host).into_owned())
}

/// Why a submission in this folder is not started outside of a network of its own.
pub fn kept_back(folder: &Path) -> Option<String> {
    let (file, host) = named_in(folder)?;
    Some(format!(
        "{file} names {host}, and this machine cannot keep a program from the real network, so it was not started; where \
         network namespaces are allowed, the name leads to the harness's peers (see `harness doctor`)"
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rstest::rstest;

    use super::*;
    use crate::run::End;
    use crate::submission::open::{OpenError, Opened, Request, open};
    use crate::wire::Setup;
    use harness_language::catalogue::Catalogue;

    #[rstest]
    #[case("server = smtplib.SMTP('smtp.gmail.com', 587)", Some("smtp.gmail.com"))]
    #[case("HOST = \"SMTP-MAIL.outlook.com\"", Some("SMTP-MAIL.outlook.com"))]
    #[case("connect((\"mail.uni-somewhere.edu\", 25))", Some("mail.uni-somewhere.edu"))]
    #[case("imap4.yandex.ru", Some("imap4.yandex.ru"))]
    #[case("host = 'gmail.com'", Some("gmail.com"))]
    #[case("\x7fELF\0\0smtp.163.com\0", Some("smtp.163.com"))]
    #[case("me = 'anna@gmail.com'", None)]
    #[case("smtplib.SMTP(host, port); import email.mime.text; mail.py", None)]
    #[case("smtp.example.com and mail.example.org", None)]
    #[case("poplib.POP3(host)", None)]
    fn finds_hosts_and_nothing_else(#[case] content: &str, #[case] host: Option<&str>) {
        assert_eq!(host_in(content.as_bytes()).as_deref(), host);
    }

    /// Opens a submission on a machine without network namespaces.
    fn opened(target: &Path, task: &str) -> Result<Opened, OpenError> {
        let setup = Setup { private_network: false, private_files: false, sniff: false };
        let catalogue = Catalogue::built_in().expect("the built-in catalogue");
        let request = Request { target: Some(target.to_owned()), tasks: vec![task.to_owned()], ..Request::default() };
        open(&request, &catalogue, &setup)
    }

    #[test]
    fn a_program_with_a_provider_built_in_is_not_started_uncontained() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = "import pathlib, sys\npathlib.Path(sys.argv[1]).touch()\nHOST = 'smtp.gmail.com'\n";
        std::fs::write(folder.path().join("mail.py"), program).expect("a program");
        let trace = folder.path().join("started");
        let manifest = format!("[mail-client]\nmail = \"python3 mail.py {}\"\n", trace.display());
        std::fs::write(folder.path().join("submission.toml"), manifest).expect("a manifest");
        let opened = opened(folder.path(), "mail-client").expect("it is opened");
        let why = opened.unmet.get(&("mail-client".to_owned(), "mail".to_owned()));
        assert!(
            matches!(why, Some(End::Skipped(skip)) if skip.why.contains("mail.py names smtp.gmail.com")),
            "{why:?}"
        );
        assert!(!trace.exists(), "it was started");
    }

    #[test]
    fn nor_is_it_to_find_out_what_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let trace = folder.path().join("started");
        let program = format!("#!/bin/sh\ntouch {}\n# smtp.gmail.com\n", trace.display());
        let path = folder.path().join("student-bin");
        std::fs::write(&path, program).expect("a program");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it may be run");
        let refused = opened(&path, "mail-client").err().map(|error| error.to_string());
        assert!(refused.as_ref().is_some_and(|why| why.contains("names smtp.gmail.com")), "{refused:?}");
        assert!(!trace.exists(), "it was started");
    }

    #[test]
    fn names_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("client")).expect("a folder in it");
        std::fs::write(folder.path().join("a.py"), "print()").expect("a file");
        std::fs::write(folder.path().join("client/mail.py"), "HOST = 'smtp.gmail.com'").expect("a file");
        let found = named_in(folder.path()).map(|(file, host)| format!("{file} {host}"));
        assert_eq!(found.as_deref(), Some("mail.py smtp.gmail.com"));
    }
}
