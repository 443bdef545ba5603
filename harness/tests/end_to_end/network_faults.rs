//! What a scenario's `network` does to single datagrams: on the simulated network it does, elsewhere the run is skipped.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::common::{TASK, folder, harness, report, runs, small_catalogue, write};
use rstest::rstest;

/// Prints each datagram on a line.
const SERVER: &str = "import socket, sys\n\
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
    one.bind(('', int(sys.argv[1])))\n\
    while True: print(one.recv(99).decode(), flush=True)\n";

#[rstest]
#[case("{}", "1 2 3 4")]
#[case("{ lose = [2] }", "1 3 4")]
#[case("{ duplicate = [2] }", "1 2 2 3 4")]
#[case("{ reorder = [1, 3] }", "2 1 4 3")]
#[case("{ lose = [1], duplicate = [4], reorder = [2, 3] }", "4 4 2 3")]
fn single_datagrams(#[case] network: &str, #[case] printed: &str) {
    let here = folder();
    small_catalogue(here.path());
    write(here.path(), "greeting/task.toml", &TASK.replace("\"tcp\"", "\"udp\""));
    write(here.path(), "server.py", SERVER);
    let scenario = format!(
        r#"title = "Four datagrams"
decides = ["prints-hello"]
judges = "server"
network = {network}
steps = [
  {{ start = {{ program = "server" }} }},
  {{ connect = {{ peer = "alice", to = "server" }} }},
  {{ send = {{ peer = "alice", data = {{ text = "1" }} }} }},
  {{ send = {{ peer = "alice", data = {{ text = "2" }} }} }},
  {{ send = {{ peer = "alice", data = {{ text = "3" }} }} }},
  {{ send = {{ peer = "alice", data = {{ text = "4" }} }} }},
  {{ expect-output = {{ program = "server", contains = {{ text = "{}" }} }} }},
]
"#,
        printed.replace(' ', "\\n") + "\\n"
    );
    write(here.path(), "greeting/hello.toml", &scenario);
    let grade = |backend: &str, status: i32| {
        let mut command = harness(here.path());
        command.args(["--scenarios", ".", "--task", "greeting", "--cmd", "server=python3 server.py {port}"]);
        let graded = report(command.args(["--backend", backend, "--format", "json"]), status);
        runs(&graded).next().unwrap().clone()
    };
    if let Err(why) = harness::simulated::possible() {
        println!("skipped: programs cannot be simulated here: {why}");
    } else {
        let played = grade("sim", 0);
        assert_eq!(played["status"], "pass", "{played:#}");
    }
    if network != "{}" {
        let skipped = grade("wire", 4);
        assert_eq!(skipped["status"], "skip", "{skipped:#}");
        assert!(skipped["skip_reason"].as_str().unwrap().contains("this needs sim"), "{skipped:#}");
    }
}
