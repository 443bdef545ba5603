//! The command lines of the programs that mail files and folders, and what the mail is like.

use proptest::prelude::*;
use reference::arguments::BadArguments;
use reference::mail_attach::mail::{Parcel, compose, read};
use reference::mail_client::mail::Order;
use rstest::rstest;

use crate::support::words;

fn line_of(text: &str) -> Vec<String> {
    words(&text.split(' ').collect::<Vec<_>>())
}

fn order() -> Order<'static> {
    Order { host: "h", port: 25, from: "a@b.example", to: "c@d.example", subject: "x" }
}

#[test]
fn reads_a_parcel() {
    let words = line_of("h 25 a@b.example c@d.example,e@f.example one two");
    let Parcel { order, recipients, files } = read(&words).unwrap();
    assert_eq!((order.port, order.from, order.to), (25, "a@b.example", "c@d.example"));
    assert_eq!((recipients, files), (vec!["c@d.example", "e@f.example"], &words[4..]));
}

#[rstest]
#[case("h 25 a@b c@d", BadArguments::Count { expected: 5, found: 4 })]
#[case("h 0 a@b c@d file", BadArguments::Port("0".to_owned()))]
#[case("h 25 a@b c@d,nobody file", BadArguments::Unfit("FROM and TO are mail addresses, such as anna@example.org"))]
#[case("h 25 a@b c@d, file", BadArguments::Unfit("FROM and TO are mail addresses, such as anna@example.org"))]
fn refuses_what_makes_no_sense(#[case] line: &str, #[case] why: BadArguments) {
    assert_eq!(read(&line_of(line)).unwrap_err(), why);
}

#[rstest]
#[case("h 25 a@b c@d", None)]
#[case("h 25 a@b", Some(BadArguments::Count { expected: 4, found: 3 }))]
#[case("h twelve a@b c@d", Some(BadArguments::Port("twelve".to_owned())))]
fn reads_where_the_folder_goes(#[case] line: &str, #[case] why: Option<BadArguments>) {
    assert_eq!(reference::mail_archive::mail::read(&line_of(line)).err(), why);
}

proptest! {
    #[test]
    fn a_mail_is_lines_of_ascii_whatever_is_attached(content: Vec<u8>, name in "\\PC{1,20}") {
        let mail = compose(&order(), &["c@d.example"], "Grüße\n", &[(name, content)]);
        prop_assert!(mail.is_ascii());
        prop_assert!(mail.ends_with(b"--\r\n"));
        prop_assert!(mail.split(|byte| *byte == b'\n').all(|line| line.len() < 998));
        let bare = mail.windows(2).any(|pair| pair[0] != b'\r' && pair[1] == b'\n');
        prop_assert!(!bare);
    }
}
