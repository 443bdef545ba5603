//! Finding mail servers, with a name server on loopback.

use std::net::{Ipv4Addr, UdpSocket};
use std::thread;

use proptest::prelude::*;
use reference::mx_lookup::message::{self, Answer, Data, Kind};
use reference::mx_lookup::mxinfo::{Destination, MailHost, domain, find};
use reference::mx_lookup::resolver::{Resolver, servers};
use rstest::rstest;

use crate::support::words;

/// The answer to a question, with these records as bytes, each with its pointer to the question's name.
fn answer(question: &[u8], code: u8, records: &[(Kind, &[u8])]) -> Vec<u8> {
    let mut message = question.to_vec();
    message[2] |= 0x80;
    message[3] = 0x80 | code;
    message[7] = records.len() as u8;
    for (kind, data) in records {
        message.extend([0xc0, 12]);
        message.extend((*kind as u16).to_be_bytes());
        message.extend([0, 1, 0, 0, 0, 60]);
        message.extend((data.len() as u16).to_be_bytes());
        message.extend(*data);
    }
    message
}

#[test]
fn a_question_is_thirty_bytes() {
    let question = message::question(0xabcd, "example.org", Kind::Mx);
    assert_eq!(question, b"\xab\xcd\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x0f\x00\x01");
}

#[test]
fn follows_pointers() {
    let question = message::question(7, "example.org", Kind::Mx);
    let reply = answer(&question, 0, &[(Kind::Mx, b"\x00\x0a\x04mail\xc0\x0c"), (Kind::A, &[192, 0, 2, 1])]);
    let host = Data::Mx { preference: 10, host: "mail.example.org".to_owned() };
    let data = vec![host, Data::Address([192, 0, 2, 1].into())];
    assert_eq!(message::answer(&reply, &question), Some(Answer { code: 0, truncated: false, data }));
}

#[rstest]
#[case::to_itself(b"\x00\x0a\xc0\x2b")]
#[case::forward(b"\x00\x0a\xc0\x50\x00")]
#[case::cut_off(b"\x00\x0a\x09mail")]
fn does_not_go_round_in_circles(#[case] data: &[u8]) {
    let question = message::question(7, "example.org", Kind::Mx);
    assert_eq!(message::answer(&answer(&question, 0, &[(Kind::Mx, data)]), &question), None);
}

#[test]
fn takes_no_answer_to_another_question() {
    let (ours, theirs) = (message::question(7, "example.org", Kind::Mx), message::question(7, "example.com", Kind::Mx));
    assert_eq!(message::answer(&answer(&theirs, 0, &[]), &ours), None);
    assert_eq!(message::answer(&ours, &ours), None);
}

proptest! {
    #[test]
    fn survives_what_comes(tail in proptest::collection::vec(any::<u8>(), 0..60), count in 0u8..9) {
        let question = message::question(7, "example.org", Kind::Mx);
        let mut reply = answer(&question, 0, &[]);
        reply[7] = count;
        reply.extend(tail);
        let _ = message::answer(&reply, &question);
    }
}

#[rstest]
#[case("nameserver 192.0.2.53\nsearch example\nnameserver\t2001:db8::53\n", &["192.0.2.53", "2001:db8::53"])]
#[case("# nothing\n", &["127.0.0.1"])]
fn finds_the_name_servers(#[case] configuration: &str, #[case] found: &[&str]) {
    let found: Vec<std::net::IpAddr> = found.iter().map(|ip| ip.parse().unwrap()).collect();
    assert_eq!(servers(configuration), found);
}

#[rstest]
#[case("anna@example.org", Some("example.org"))]
#[case("\"a@b\"@example.org", Some("example.org"))]
#[case("example.org", None)]
#[case("anna@", None)]
#[case("@example.org", None)]
#[case("anna@example..org", None)]
fn takes_an_address_apart(#[case] address: &str, #[case] found: Option<&str>) {
    let address = vec![address.to_owned()];
    assert_eq!(domain(&address).ok(), found);
    assert!(domain(&words(&["a@b.example", "c@d.example"])).is_err());
}

/// A name server that answers so many questions.
fn name_server(questions: usize) -> Resolver {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 512];
        for _ in 0..questions {
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            let question = &buffer[..length];
            let is = |name: &str, kind: Kind| question[12..] == message::question(0, name, kind)[12..];
            let reply = if is("example.org", Kind::Mx) {
                let hosts: [(Kind, &[u8]); 2] =
                    [(Kind::Mx, b"\x00\x64\x01b\xc0\x0c"), (Kind::Mx, b"\x00\x05\x01a\xc0\x0c")];
                answer(question, 0, &hosts)
            } else if is("a.example.org", Kind::A) || is("small.example", Kind::A) {
                answer(question, 0, &[(Kind::A, &[192, 0, 2, 1])])
            } else if is("silent.example", Kind::Mx) {
                answer(question, 0, &[(Kind::Mx, b"\x00\x00\x00")])
            } else {
                answer(question, if is("nowhere.example", Kind::Mx) { 3 } else { 0 }, &[])
            };
            // A stray answer first: it must be left alone.
            let mut stray = reply.clone();
            stray[0] ^= 0xff;
            socket.send_to(&stray, from).unwrap();
            socket.send_to(&reply, from).unwrap();
        }
    });
    Resolver::new(vec![address])
}

#[test]
fn finds_hosts_by_preference() {
    let host = |preference, name: &str, addresses: &[[u8; 4]]| MailHost {
        preference,
        name: name.to_owned(),
        addresses: addresses.iter().map(|&ip| ip.into()).collect(),
    };
    let hosts = vec![host(5, "a.example.org", &[[192, 0, 2, 1]]), host(100, "b.example.org", &[])];
    assert_eq!(find(&name_server(5), "example.org").unwrap(), Destination::Hosts(hosts));
}

#[test]
fn tells_the_ways_of_having_none_apart() {
    let itself = Destination::Itself(vec![[192, 0, 2, 1].into()]);
    assert_eq!(find(&name_server(3), "small.example").unwrap(), itself);
    assert!(matches!(find(&name_server(1), "silent.example").unwrap(), Destination::Nowhere(_)));
    assert!(matches!(find(&name_server(3), "bare.example").unwrap(), Destination::Nowhere(_)));
    assert_eq!(find(&name_server(1), "nowhere.example").unwrap(), Destination::NoDomain);
}
