//! Peers that serve: mail, mailboxes, files, names, web pages. Each with a client of a few lines.

use std::cell::OnceCell;

use rstest::rstest;

use super::*;

const DOOR: &str = "{ listen = { peer = \"origin\" } }, { start = { program = \"client\", to = \"origin\" } }, \
                    { accept = { peer = \"origin\" } },";

/// A client that says one of these lines for each line that it hears, waits for one more, prints something and ends.
fn saying(lines: &'static [&'static str], prints: &'static str) -> Script {
    Script::new(move |act| async move {
        let mut connection = act.connect();
        converse(&mut connection, lines).await;
        line_of(&mut connection).await;
        act.print(prints);
        Ended::Status(0)
    })
}

const LETTER: &[&str] = &[
    "HELO here\r\n",
    "MAIL FROM:<anna@example.org>\r\n",
    "RCPT TO:<bert@example.net>\r\n",
    "DATA\r\n",
    "Subject: x\r\n\r\nDear Bert\r\n.\r\n",
    "QUIT\r\n",
];

const SHORT_OF_QUIT: &[&str] =
    &["HELO here\r\n", "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<c@d.example>\r\n", "DATA\r\n", "x\r\n.\r\n"];

const HASTY: &[&str] = &[
    "HELO here\r\nMAIL FROM:<a@b.example>\r\n",
    "RCPT TO:<c@d.example>\r\n",
    "",
    "DATA\r\n",
    "x\r\n.\r\n",
    "QUIT\r\n",
];

const BARE: &[&str] =
    &["HELO here\n", "MAIL FROM:<a@b.example>\n", "RCPT TO:<c@d.example>\n", "DATA\n", "x\n.\n", "QUIT\n"];

#[rstest]
#[case::complete(
    LETTER,
    "expect-dialogue = { peer = \"origin\", complete = true, waited = true, crlf = true }",
    "held"
)]
#[case::closed(LETTER, "expect-dialogue = { peer = \"origin\", closed = true }", "held")]
#[case::without_an_end(
    SHORT_OF_QUIT,
    "expect-dialogue = { peer = \"origin\", complete = true }",
    "QUIT did not come, or not in its turn"
)]
#[case::in_haste(HASTY, "expect-dialogue = { peer = \"origin\", waited = true }", "the program did not wait")]
#[case::with_bare_line_ends(
    BARE,
    "expect-dialogue = { peer = \"origin\", crlf = true }",
    "the line \"HELO here\" does not end in CR LF, or has a CR of its own"
)]
#[case::with_the_text(LETTER, "expect-mail = { peer = \"origin\", text = { text = \"Dear Bert\\n\" } }", "held")]
#[case::without_the_text(
    SHORT_OF_QUIT,
    "expect-mail = { peer = \"origin\", header = true, text = { text = \"x\\nand more\\n\" } }",
    "the text did not arrive whole"
)]
fn a_letter_is_handed_in(#[case] lines: &'static [&'static str], #[case] step: &str, #[case] said: &str) {
    let record = played_as(
        Judged::Client,
        saying(lines, ""),
        &format!("{DOOR} {{ serve-mail = {{ peer = \"origin\" }} }}, {{ {step} }}"),
    );
    assert_eq!(reason(&record).split(": ").next().unwrap(), said);
}

const REFUSED: &str = "{ serve-mail = { peer = \"origin\", \
                       replies = [{ to = \"recipient\", say = \"550 no such box\" }] } },";

#[rstest]
#[case::tells("The server refused the recipient.\n", "held")]
#[case::says_nothing("\n", "the server refused with \"550 no such box\", and the client does not say so")]
#[case::claims_success(
    "The mail was sent successfully.\n",
    "the server refused with \"550 no such box\", and the client says \"The mail was sent successfully.\""
)]
fn a_refusal_is_to_be_told(#[case] prints: &'static str, #[case] said: &str) {
    let lines = &["HELO here\r\n", "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<c@d.example>\r\n", "QUIT\r\n"];
    let step = "{ expect-refusal-told = { program = \"client\", peer = \"origin\" } }";
    let record = played_as(Judged::Client, saying(lines, prints), &format!("{DOOR} {REFUSED} {step}"));
    assert_eq!(reason(&record), said);
}

#[rstest]
#[case::logs_in_and_out(&["USER anna\r\n", "PASS x\r\n", "QUIT\r\n"], "quit = true, kept = true", "held")]
#[case::does_not_say_goodbye(&["USER anna\r\n", "PASS x\r\n"], "quit = true", "QUIT did not come")]
#[case::does_not_log_in(&["QUIT\r\n"], "logged-in = true", "nobody has logged in")]
#[case::deletes(
    &["USER anna\r\n", "PASS x\r\n", "DELE 1\r\n", "QUIT\r\n"], "kept = true",
    "message 1 was deleted (DELE, and QUIT after it), which nobody has asked for"
)]
#[case::deletes_and_thinks_again(
    &["USER anna\r\n", "PASS x\r\n", "DELE 1\r\n", "RSET\r\n", "QUIT\r\n"], "kept = true", "held"
)]
fn a_mailbox_is_read(#[case] lines: &'static [&'static str], #[case] how: &str, #[case] said: &str) {
    let record = played_as(
        Judged::Client,
        saying(lines, ""),
        &format!(
            "{DOOR} {{ serve-mailbox = {{ peer = \"origin\", messages = [{{ text = \"Subject: x\\r\\n\\r\\nhello\\r\\n\" }}] }} }}, \
             {{ expect-session = {{ peer = \"origin\", {how} }} }}"
        ),
    );
    assert_eq!(reason(&record).split(": ").next().unwrap(), said);
}

/// A client that stores this by passive FTP; on a data connection, if it makes one.
fn storing(content: &'static str, connects: bool, says_goodbye: bool) -> Script {
    Script::new(move |act| async move {
        let mut connection = act.connect();
        converse(&mut connection, &["USER anna\r\n", "PASS x\r\n", "TYPE I\r\n", "PASV\r\n"]).await;
        let passive = line_of(&mut connection).await;
        let numbers: Vec<u16> =
            passive.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
        let port = OnceCell::new();
        if let [.., high, low] = numbers.as_slice() {
            let _ = port.set(high * 256 + low);
        }
        let _ = connection.write_all(b"STOR letter.txt\r\n").await;
        if connects && let Some(port) = port.get() {
            let mut data = act.network.connect(super::super::network::at(*port)).unwrap();
            let _ = data.write_all(content.as_bytes()).await;
        }
        line_of(&mut connection).await;
        line_of(&mut connection).await;
        if says_goodbye {
            let _ = connection.write_all(b"QUIT\r\n").await;
            line_of(&mut connection).await;
        }
        Ended::Status(0)
    })
}

#[rstest]
#[case::whole("hello", true, true, "held")]
#[case::in_part("hell", true, true, "the file is stored, but is another one")]
#[case::without_a_connection("hello", false, true, "nothing is stored")]
#[case::without_a_goodbye("hello", true, false, "QUIT did not come")]
fn a_file_is_stored(
    #[case] content: &'static str,
    #[case] connects: bool,
    #[case] says_goodbye: bool,
    #[case] said: &str,
) {
    let step = "{ expect-upload = { peer = \"origin\", content = { text = \"hello\" }, quit = true, data-connection = true } }";
    let record = played_as(
        Judged::Client,
        storing(content, connects, says_goodbye),
        &format!("{DOOR} {{ serve-files = {{ peer = \"origin\" }} }}, {step}"),
    );
    assert_eq!(reason(&record).split(": ").next().unwrap(), said);
}

/// A question for the addresses of host.example, with recursion desired.
fn question() -> Vec<u8> {
    let mut bytes = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in ["host", "example"] {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

#[rstest]
#[case::over_udp(false)]
#[case::over_tcp(true)]
fn a_name_is_looked_up(#[case] over_tcp: bool) {
    use crate::run::stage::Datagrams;
    let script = Script::new(move |act| async move {
        let server = super::super::network::at(53);
        let answer = if over_tcp {
            let mut connection = act.network.connect(server).unwrap();
            let whole = [&(question().len() as u16).to_be_bytes()[..], &question()].concat();
            let _ = connection.write_all(&whole).await;
            let length = connection.read_u16().await.unwrap();
            let mut answer = vec![0; length.into()];
            let _ = connection.read_exact(&mut answer).await;
            answer
        } else {
            let socket = act.datagrams(0);
            let _ = socket.send_to(&question(), server).await;
            socket.receive().await.unwrap().0
        };
        // The address stands at the end of the one record.
        act.print(format!("{:?}\n", &answer[answer.len() - 4..]));
        Ended::Status(0)
    });
    let steps = "{ serve-names = { peer = \"resolver\", zone = { \"host.example\" = [\"A 192.0.2.7\"] } } }, \
                 { start = { program = \"client\" } }, \
                 { expect-output = { program = \"client\", contains = { text = \"[192, 0, 2, 7]\" } } }";
    assert_eq!(reason(&played_as(Judged::Client, script, steps)), "held");
}

#[rstest]
#[case::right("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "held")]
#[case::right_to_the_end("HTTP/1.0 200 OK\r\n\r\nhello", "held")]
#[case::another_status("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello", "failed")]
#[case::another_body("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhallo", "failed")]
#[case::cut("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", "failed")]
#[case::no_http("hello", "failed")]
fn a_page_is_fetched(#[case] response: &'static str, #[case] said: &str) {
    let script = super::serving(move |_, mut connection| async move {
        while line_of(&mut connection).await.trim_end() != "" {}
        let _ = connection.write_all(response.as_bytes()).await;
    });
    let record = played(
        script,
        &format!(
            "{CONNECT} {{ send = {{ peer = \"p\", data = {{ request = {{ target = \"/\", headers = {{ Host = \"here\" }} }} }} }} }}, \
             {{ receive = {{ peer = \"p\", response = {{ status = [200], body = {{ text = \"hello\" }} }} }} }}"
        ),
    );
    assert_eq!(word(&record), said, "{:?}", record.end);
}

#[rstest]
#[case::right("GET / HTTP/1.1\r\nHost: here\r\n\r\n", "held")]
#[case::another_target("GET /x HTTP/1.1\r\nHost: here\r\n\r\n", "failed")]
#[case::no_end("GET / HTTP/1.1\r\nHost: here\r\n", "failed")]
fn a_request_is_looked_at(#[case] request: &'static str, #[case] said: &str) {
    let script = Script::new(move |act| async move {
        let mut connection = act.connect();
        let _ = connection.write_all(request.as_bytes()).await;
        line_of(&mut connection).await;
        Ended::Status(0)
    });
    let step = "{ receive = { peer = \"origin\", request = { target = { text = \"/\" } } } }";
    let record = played_as(Judged::Client, script, &format!("{DOOR} {step}"));
    assert_eq!(word(&record), said, "{:?}", record.end);
}

/// A server of XML-RPC whose functions are asked for one after the other.
fn calculating(functions: fn(&str, &[i64]) -> Option<String>) -> Script {
    super::serving(move |_, mut connection| async move {
        let mut length = 0;
        loop {
            let line = line_of(&mut connection).await.to_ascii_lowercase();
            if let Some(count) = line.strip_prefix("content-length:") {
                length = count.trim().parse().unwrap();
            }
            if line.trim_end().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        if connection.read_exact(&mut body).await.is_err() {
            return;
        }
        let body = String::from_utf8(body).unwrap();
        let between = |text: &str, open: &str, close: &str| -> Vec<String> {
            let rest = text.split(open).skip(1);
            rest.filter_map(|rest| rest.split(close).next()).map(str::to_owned).collect()
        };
        let name = between(&body, "<methodName>", "<").concat();
        let numbers: Vec<i64> = body.split(['<', '>']).filter_map(|word| word.parse().ok()).collect();
        let answer = match functions(&name, &numbers) {
            Some(value) => format!("<params><param><value>{value}</value></param></params>"),
            None => "<fault><value><struct><member><name>faultCode</name><value><int>1</int></value></member><member>\
                     <name>faultString</name><value><string>no such function</string></value></member></struct></value></fault>"
                .to_owned(),
        };
        let answer = format!("<?xml version=\"1.0\"?><methodResponse>{answer}</methodResponse>");
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n", answer.len());
        let _ = connection.write_all(format!("{head}{answer}").as_bytes()).await;
    })
}

/// The function that adds, by its usual name, by another that the server lists, and by none.
#[rstest]
#[case::usual(
    |name: &str, numbers: &[i64]| (name == "add").then(|| format!("<int>{}</int>", numbers.iter().sum::<i64>())),
    "add is add"
)]
#[case::listed(
    |name: &str, numbers: &[i64]| match name {
        "system.listMethods" => Some("<array><data><value>times</value><value>addiere</value></data></array>".to_owned()),
        "addiere" => Some(format!("<int>{}</int>", numbers.iter().sum::<i64>())),
        "times" => Some(format!("<int>{}</int>", numbers.iter().product::<i64>())),
        _ => None,
    },
    "add is addiere"
)]
#[case::usual_and_wrong(|name: &str, _: &[i64]| (name == "sum").then(|| "<int>7</int>".to_owned()), "add is sum")]
#[case::hidden(|name: &str, _: &[i64]| (name == "addiere").then(|| "<int>333</int>".to_owned()), "there is no add")]
fn functions_are_found_by_what_they_return(
    #[case] functions: fn(&str, &[i64]) -> Option<String>,
    #[case] learned: &str,
) {
    let step = "{ learn-functions = { program = \"server\", target = { text = \"/\" }, headers = { Host = \"here\" }, \
                functions = { add = { names = [\"add\", \"sum\"], params = [300, 33], value = 333 } } } }";
    let record = played(calculating(functions), &format!("{START} {step}"));
    assert_eq!(reason(&record), "held");
    let found: Vec<String> = record
        .events
        .iter()
        .filter_map(|event| match &event.what {
            What::Learned(name, Some(value)) => Some(format!("{name} is {value}")),
            What::Learned(name, None) => Some(format!("there is no {name}")),
            _ => None,
        })
        .collect();
    assert_eq!(found, [learned]);
}

/// A letter to those whom the program was told, in a field, and in commands.
#[rstest]
#[case::to_both(&["bert@example.net", "carla@example.com"], "held")]
#[case::to_the_first(
    &["bert@example.net"],
    "carla@example.com did not get the message: the server was told RCPT TO:<bert@example.net>; what stands in the field \
     To moves no mail"
)]
fn everybody_gets_the_letter(#[case] to: &'static [&'static str], #[case] said: &str) {
    let script = Script::new(move |act| async move {
        let mut connection = act.connect();
        let mut lines = vec!["HELO here\r\n".to_owned(), "MAIL FROM:<anna@example.org>\r\n".to_owned()];
        lines.extend(to.iter().map(|to| format!("RCPT TO:<{to}>\r\n")));
        let text = "To: bert@example.net, carla@example.com\r\n\r\nDear both\r\n.\r\n".to_owned();
        lines.extend(["DATA\r\n".to_owned(), text, "QUIT\r\n".to_owned()]);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        converse(&mut connection, &lines).await;
        line_of(&mut connection).await;
        Ended::Status(0)
    });
    let start = "{ listen = { peer = \"origin\" } }, { start = { program = \"client\", to = \"origin\", \
                 with = { to = \"bert@example.net,carla@example.com\" } } }, { accept = { peer = \"origin\" } }, \
                 { serve-mail = { peer = \"origin\" } },";
    let record =
        played_as(Judged::Mailer, script, &format!("{start} {{ expect-recipients = {{ peer = \"origin\" }} }}"));
    assert_eq!(reason(&record), said);
}
