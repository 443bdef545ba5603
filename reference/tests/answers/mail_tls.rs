//! The program that sends a mail in TLS: its command line, and how it logs in. The rest of it is judged by scenarios.

use proptest::prelude::*;
use reference::mail_client::dialogue::Reply;
use reference::mail_tls::login::{Way, base64, offered};
use reference::mail_tls::mail::read;
use reference::xmlrpc_auth::credentials::decode;
use rstest::rstest;

use crate::support::words;

#[rstest]
#[case::whole("127.0.0.1 465 anna@example.org bert@example.net anna secret", true)]
#[case::no_login("127.0.0.1 465 anna@example.org bert@example.net", false)]
#[case::no_port("127.0.0.1 smtp anna@example.org bert@example.net anna secret", false)]
#[case::no_address("127.0.0.1 465 anna bert@example.net anna secret", false)]
fn reads_the_command_line(#[case] line: &str, #[case] works: bool) {
    let arguments: Vec<&str> = line.split(' ').collect();
    assert_eq!(read(&words(&arguments)).is_ok(), works);
}

#[rstest]
#[case::both(&["postbox.example", "AUTH LOGIN PLAIN"], Some(Way::Plain))]
#[case::one(&["postbox.example", "SIZE 9", "auth login cram-md5"], Some(Way::Login))]
#[case::of_old(&["postbox.example", "AUTH=LOGIN"], Some(Way::Login))]
#[case::another(&["postbox.example", "AUTH CRAM-MD5"], None)]
#[case::none(&["postbox.example"], None)]
#[case::a_name_is_no_offer(&["AUTH PLAIN"], None)]
fn takes_a_way_that_is_offered(#[case] lines: &[&str], #[case] way: Option<Way>) {
    let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    assert_eq!(offered(&Reply { code: 250, text: lines.join(" / "), lines }), way);
}

proptest! {
    #[test]
    fn base64_can_be_read_back(bytes: Vec<u8>) {
        prop_assert_eq!(decode(&base64(&bytes)), Some(bytes));
    }
}
