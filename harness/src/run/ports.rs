//! Ports that the kernel chose during a run: they differ from run to run and mean nothing to a reader, so that
//! verdicts and findings name their owners instead. Transcripts keep the numbers.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use harness_judging::shown::without_folder;

/// From here on a port may be one that the kernel chose (the usual `ip_local_port_range`).
pub const CHOSEN: u16 = 32_768;

/// Owners of ports, by number.
#[derive(Debug, Default)]
pub struct Ports {
    owners: RefCell<BTreeMap<u16, String>>,
    built_in: BTreeSet<u16>,
}

impl Ports {
    /// Nobody's ports; those that are built into the programs stay numbers.
    pub fn new(built_in: BTreeSet<u16>) -> Self {
        Self { owners: RefCell::default(), built_in }
    }

    /// Notes whose a port is; one that somebody has chosen is left alone.
    pub fn own(&self, port: u16, owner: &str) {
        if port >= CHOSEN && !self.built_in.contains(&port) {
            self.owners.borrow_mut().insert(port, owner.to_owned());
        }
    }

    /// The text with owners for numbers, and without the run's own folder in paths.
    pub fn named(&self, text: &str) -> String {
        let text = without_folder(text);
        let owners = self.owners.borrow();
        let mut named = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
            let length = rest[at..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - at);
            let (before, number, after) = (&rest[..at], &rest[at..at + length], &rest[at + length..]);
            // A count of bytes may happen to be the same number.
            let counts = after.starts_with(" byte");
            let within_a_word = before.ends_with(|c: char| c.is_alphabetic());
            let owner = number.parse().ok().filter(|_| !counts && !within_a_word).and_then(|port| owners.get(&port));
            named.push_str(before);
            match owner {
                Some(owner) => named.push_str(&format!("({owner})")),
                None => named.push_str(number),
            }
            rest = after;
        }
        named.push_str(rest);
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("got \"Connected by ('127.0.0.1', 38508)\"", "got \"Connected by ('127.0.0.1', (alice's port))\"")]
    #[case("127.0.0.1:38508", "127.0.0.1:(alice's port)")]
    #[case("38508 bytes came of 385081", "38508 bytes came of 385081")]
    #[case("b38508 and 138508 are others", "b38508 and 138508 are others")]
    #[case("port 5000 was chosen", "port 5000 was chosen")]
    #[case("50002 is built in", "50002 is built in")]
    #[case("ünf 38508", "ünf (alice's port)")]
    fn names_the_owner(#[case] text: &str, #[case] named: &str) {
        let ports = Ports::new(BTreeSet::from([50_002]));
        ports.own(50_002, "its own port");
        ports.own(38_508, "alice's port");
        ports.own(5_000, "bob's port");
        assert_eq!(ports.named(text), named);
    }

    #[test]
    fn leaves_out_the_folder_of_the_run() {
        let folder = std::env::temp_dir().join("run-aB3dE9");
        let said = format!("File \"{}\", line 3", folder.join("work/server.py").display());
        assert_eq!(Ports::default().named(&said), "File \"server.py\", line 3");
        let said = format!("cannot write in {}", folder.join("work").display());
        assert_eq!(Ports::default().named(&said), "cannot write in .");
    }
}
