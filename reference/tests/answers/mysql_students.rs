//! What the program that brings students to a database reads.

use reference::mysql_students::students::{names, read};
use rstest::rstest;

use crate::support::words;

#[rstest]
#[case("host 3306 anna secret", true)]
#[case("host 3306 anna", false)]
#[case("host 3306 anna secret more", false)]
#[case("host 0 anna secret", false)]
#[case("host x anna secret", false)]
fn looks_at_its_arguments(#[case] line: &str, #[case] fits: bool) {
    let arguments: Vec<&str> = line.split(' ').collect();
    assert_eq!(read(&words(&arguments)).is_ok(), fits);
}

#[rstest]
#[case("Asha Rao\nSean O'Connor\r\n\n  Robert'); DROP TABLE students;#", &["Asha Rao", "Sean O'Connor", "Robert'); DROP TABLE students;#"])]
#[case("\n \n", &[])]
#[case("", &[])]
fn reads_names(#[case] input: &str, #[case] wanted: &[&str]) {
    assert_eq!(names(input.as_bytes()).unwrap(), wanted);
}

#[test]
fn wants_text() {
    assert!(names(&b"Asha\n\xff\n"[..]).is_err());
}
