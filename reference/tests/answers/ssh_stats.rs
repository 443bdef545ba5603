//! What the files of a remote kernel say, as text.

use reference::ssh_stats::figures::Figures;
use rstest::rstest;

use crate::support::words;

const BEFORE: &str =
    "cpu  100 0 50 850 0 0 0 0 0 0\ncpu0 50 0 25 425 0 0 0 0 0 0\ncpu1 50 0 25 425 0 0 0 0 0 0\nbtime 1\n";
const AFTER: &str =
    "cpu  150 0 75 920 5 0 0 0 0 0\ncpu0 75 0 37 460 3 0 0 0 0 0\ncpu1 75 0 38 460 2 0 0 0 0 0\nbtime 1\n";
const MEMORY: &str = "MemTotal:        4194304 kB\nMemFree:          100000 kB\nMemAvailable:    1048576 kB\n";

#[test]
fn reads_two_looks_and_the_memory() {
    let figures = Figures::read(&format!("{BEFORE}{AFTER}{MEMORY}")).unwrap();
    assert_eq!((figures.processors, figures.total, figures.available), (2, 4_194_304, 1_048_576));
    // Of 150 ticks 75 were spent waiting.
    assert!((figures.busy - 0.5).abs() < 1e-9, "{}", figures.busy);
    assert_eq!(figures.to_string(), "cpu      50.0 % in use, 2 processors\nmemory   3.0 GiB in use of 4.0 GiB\n");
}

#[rstest]
#[case::nothing("")]
#[case::one_look(&format!("{BEFORE}{MEMORY}"))]
#[case::no_time_between(&format!("{BEFORE}{BEFORE}{MEMORY}"))]
#[case::no_memory(&format!("{BEFORE}{AFTER}"))]
#[case::no_numbers("cpu  a b\ncpu  c d\nMemTotal: x kB\n")]
#[case::too_few("cpu  1 2\ncpu  3 4\nMemTotal: 1 kB\nMemAvailable: 1 kB\n")]
#[case::another_system("Mem: 12 34")]
fn what_is_no_linux_has_no_figures(#[case] text: &str) {
    assert_eq!(Figures::read(text), None);
}

#[rstest]
#[case::none(&[])]
#[case::no_user(&["localhost", "22"])]
#[case::no_port(&["localhost", "ssh", "anna"])]
#[case::out_of_range(&["localhost", "65536", "anna"])]
#[case::two_words(&["localhost", "22", "anna bert"])]
#[case::empty(&["localhost", "22", ""])]
#[case::too_many(&["localhost", "22", "anna", "secret"])]
fn bad_arguments_are_refused(#[case] arguments: &[&str]) {
    assert_eq!(reference::run("ssh-stats", "sshstats", &words(arguments)), Some(2));
}
