//! One connection: whose turn it is, which packet means what (MySQL client/server protocol, "Command Phase").

use std::collections::BTreeMap;

use harness_peers::database::{Nonce, Turn};

use super::engine::Client;
use super::lex::Piece;
use super::login::{self, can};
use super::packet::{Incoming, Outgoing, Reader};
use super::result::{self, Column, Form, Refusal, Value};
use super::server::Server;

/// Statements that a client may keep prepared.
const PREPARED: usize = 1_000;

/// Where the connection is.
#[derive(Debug)]
enum State {
    /// The client's first packet is due.
    Greeted,
    /// The digest that was asked for anew is due.
    Switched(login::Response),
    /// Commands are due.
    Open(Client),
    /// Over.
    Ended,
}

/// A statement that was prepared.
#[derive(Debug, Clone)]
struct Prepared {
    pieces: Vec<Piece>,
    source: String,
    count: usize,
    types: Vec<(u8, bool)>,
    long: BTreeMap<usize, Vec<u8>>,
}

/// A connection with a client.
#[derive(Debug)]
pub struct Session {
    id: u32,
    nonce: Nonce,
    state: State,
    incoming: Incoming,
    prepared: BTreeMap<u32, Prepared>,
    next: u32,
}

impl Session {
    /// A connection with this number, and bytes to digest that no other has.
    pub fn new(id: u32, nonce: Nonce) -> Self {
        Self { id, nonce, state: State::Greeted, incoming: Incoming::default(), prepared: BTreeMap::new(), next: 1 }
    }

    /// What the server says first.
    pub fn greeting(&self) -> Vec<u8> {
        let mut out = Outgoing::from(0);
        out.packet(&login::greeting(self.id, &self.nonce));
        out.bytes
    }

    /// Takes bytes, and answers every packet that is whole.
    pub fn receive(&mut self, server: &mut Server, bytes: &[u8]) -> Turn {
        self.incoming.receive(bytes);
        let mut turn = Turn::default();
        while !turn.close {
            let (number, packet) = match self.incoming.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(_) => {
                    let mut out = Outgoing::from(1);
                    let why = "Got a packet bigger than 'max_allowed_packet' bytes";
                    result::put_refusal(&mut out, &Refusal::new(1153, why));
                    turn.bytes.extend(out.bytes);
                    turn.close = true;
                    break;
                }
            };
            let mut out = Outgoing::from(number.wrapping_add(1));
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Greeted => self.log_in(server, &packet, &mut out),
                State::Switched(response) => {
                    let response = login::Response { digest: packet, way: login::NATIVE.to_owned(), ..response };
                    self.decide(server, response, &mut out);
                }
                State::Open(mut client) => {
                    let goes_on = self.command(server, &mut client, &packet, &mut out);
                    if goes_on {
                        self.state = State::Open(client);
                    } else {
                        server.leave(&mut client);
                    }
                }
                State::Ended => {}
            }
            turn.bytes.extend(out.bytes);
            turn.close = matches!(self.state, State::Ended);
        }
        turn
    }

    /// The client has gone.
    pub fn gone(&mut self, server: &mut Server) {
        if let State::Open(client) = &mut self.state {
            server.leave(client);
        }
        self.state = State::Ended;
    }

    fn log_in(&mut self, server: &mut Server, packet: &[u8], out: &mut Outgoing) {
        let Some(response) = login::response(packet) else {
            let wants_tls = Reader(packet).fixed(4).is_some_and(|bits| bits as u32 & can::TLS != 0);
            let why = if wants_tls { "Encryption was not offered" } else { "Bad handshake" };
            return result::put_refusal(out, &Refusal::new(1043, why));
        };
        let knows_switching = response.capabilities & can::PLUGIN_AUTH != 0;
        if knows_switching && !matches!(response.way.as_str(), login::NATIVE | login::CACHING) {
            out.packet(&login::switch(&self.nonce));
            self.state = State::Switched(response);
            return;
        }
        self.decide(server, response, out);
    }

    /// Lets the client in, or not.
    fn decide(&mut self, server: &mut Server, response: login::Response, out: &mut Outgoing) {
        let login::Response { capabilities, user, digest, database, way } = response;
        if let Err(refusal) = server.admit(&user, &way, &self.nonce, &digest) {
            return result::put_refusal(out, &refusal);
        }
        let mut client = Client::new(self.id, &user, capabilities & can::MULTI_STATEMENTS != 0);
        if let Some(name) = database
            && let Err(refusal) = server.use_database(&mut client, &name)
        {
            return result::put_refusal(out, &refusal);
        }
        if way == login::CACHING && !digest.is_empty() {
            // The digest was enough.
            out.packet(&[1, 3]);
        }
        result::put_done(out, 0, 0, client.status());
        self.state = State::Open(client);
    }

    /// Answers a command. False if it was the last.
    fn command(&mut self, server: &mut Server, client: &mut Client, packet: &[u8], out: &mut Outgoing) -> bool {
        let Some((command, rest)) = packet.split_first() else { return false };
        match command {
            0x01 => return false,
            0x02 => {
                let name = String::from_utf8_lossy(rest).into_owned();
                match server.use_database(client, &name) {
                    Ok(()) => result::put_done(out, 0, 0, client.status()),
                    Err(refusal) => result::put_refusal(out, &refusal),
                }
            }
            0x03 => Self::query(server, client, &String::from_utf8_lossy(rest), out),
            0x04 => {
                // Columns of a table, for whoever completes names.
                let table = Reader(rest).text();
                let columns = server.columns_of(client, &table);
                if columns.is_empty() {
                    result::put_refusal(out, &Refusal::new(1146, format!("Table '{table}' doesn't exist")));
                } else {
                    for column in &columns {
                        // Each with its default value, which is none.
                        out.packet(&[result::definition(column), vec![0xfb]].concat());
                    }
                    out.packet(&result::end(client.status()));
                }
            }
            0x09 => out.packet(b"Uptime: 1  Threads: 1"),
            0x0e => result::put_done(out, 0, 0, client.status()),
            0x16 => self.prepare(server, client, &String::from_utf8_lossy(rest), out),
            0x17 => self.execute(server, client, rest, out),
            0x18 => self.long_data(rest),
            0x19 => {
                if let Some(id) = Reader(rest).fixed(4) {
                    self.prepared.remove(&(id as u32));
                }
            }
            0x1a => {
                let id = Reader(rest).fixed(4).unwrap_or_default() as u32;
                if let Some(prepared) = self.prepared.get_mut(&id) {
                    prepared.long.clear();
                }
                result::put_done(out, 0, 0, client.status());
            }
            0x1b => {
                client.several = rest.first() == Some(&0);
                out.packet(&result::end(client.status()));
            }
            0x1f => {
                server.leave(client);
                let database = client.database.take();
                *client = Client::new(client.id, &client.user, client.several);
                client.database = database;
                self.prepared.clear();
                result::put_done(out, 0, 0, client.status());
            }
            _ => result::put_refusal(out, &Refusal::new(1047, "Unknown command")),
        }
        true
    }

    fn query(server: &mut Server, client: &mut Client, source: &str, out: &mut Outgoing) {
        let statements = match server.read(source) {
            Ok(statements) => statements,
            Err(refusal) => return result::put_refusal(out, &refusal),
        };
        if statements.is_empty() {
            return result::put_refusal(out, &Refusal::new(1065, "Query was empty"));
        }
        if statements.len() > 1 && !client.several {
            return result::put_refusal(out, &server.too_many(&statements, source));
        }
        for (index, statement) in statements.iter().enumerate() {
            match server.run(client, statement, source, &[]) {
                Ok(outcome) => {
                    result::put_outcome(out, &outcome, Form::Text, client.status(), index + 1 < statements.len())
                }
                Err(refusal) => return result::put_refusal(out, &refusal),
            }
        }
    }

    fn prepare(&mut self, server: &mut Server, client: &mut Client, source: &str, out: &mut Outgoing) {
        let mut statements = match server.read(source) {
            Ok(statements) => statements,
            Err(refusal) => return result::put_refusal(out, &refusal),
        };
        if statements.len() > 1 || self.prepared.len() >= PREPARED {
            return result::put_refusal(out, &server.too_many(&statements, source));
        }
        let Some(pieces) = statements.pop() else {
            return result::put_refusal(out, &Refusal::new(1065, "Query was empty"));
        };
        let columns = server.columns(client, &pieces, source);
        let count = pieces.iter().filter(|piece| piece.is_mark("?")).count();
        let id = self.next;
        self.next += 1;
        let mut packet = vec![0];
        packet.extend_from_slice(&id.to_le_bytes());
        packet.extend_from_slice(&(columns.len() as u16).to_le_bytes());
        packet.extend_from_slice(&(count as u16).to_le_bytes());
        packet.extend_from_slice(&[0, 0, 0]);
        out.packet(&packet);
        let unknown = vec![Column { name: "?".to_owned(), holds: result::Type::Text }; count];
        result::put_columns(out, &unknown, client.status());
        result::put_columns(out, &columns, client.status());
        let prepared = Prepared { pieces, source: source.to_owned(), count, types: Vec::new(), long: BTreeMap::new() };
        self.prepared.insert(id, prepared);
    }

    fn execute(&mut self, server: &mut Server, client: &mut Client, rest: &[u8], out: &mut Outgoing) {
        let id = Reader(rest).fixed(4).unwrap_or_default() as u32;
        let Some(prepared) = self.prepared.get_mut(&id) else {
            return result::put_refusal(
                out,
                &Refusal::new(1243, "Unknown prepared statement handler given to EXECUTE"),
            );
        };
        let Some(values) = values(prepared, rest.get(9..).unwrap_or_default()) else {
            return result::put_refusal(out, &Refusal::new(1210, "Incorrect arguments to mysqld_stmt_execute"));
        };
        prepared.long.clear();
        match server.run(client, &prepared.pieces, &prepared.source, &values) {
            Ok(outcome) => result::put_outcome(out, &outcome, Form::Binary, client.status(), false),
            Err(refusal) => result::put_refusal(out, &refusal),
        }
    }

    /// A piece of a long value. There is no answer.
    fn long_data(&mut self, rest: &[u8]) {
        let mut reader = Reader(rest);
        let (Some(id), Some(index)) = (reader.fixed(4), reader.fixed(2)) else { return };
        let Some(prepared) = self.prepared.get_mut(&(id as u32)) else { return };
        let kept = prepared.long.entry(index as usize).or_default();
        if kept.len() < 1 << 20 {
            kept.extend_from_slice(reader.0);
        }
    }
}

/// Values for the placeholders of a statement; nothing if the packet does not hold them.
fn values(prepared: &mut Prepared, rest: &[u8]) -> Option<Vec<Value>> {
    if prepared.count == 0 {
        return Some(Vec::new());
    }
    let mut reader = Reader(rest);
    let nulls = reader.take(prepared.count.div_ceil(8))?;
    if reader.fixed(1)? == 1 {
        let mut types = Vec::new();
        for _ in 0..prepared.count {
            types.push((reader.fixed(1)? as u8, reader.fixed(1)? & 0x80 != 0));
        }
        prepared.types = types;
    }
    let mut all = Vec::with_capacity(prepared.count);
    for index in 0..prepared.count {
        if let Some(bytes) = prepared.long.get(&index) {
            all.push(text_or_bytes(bytes));
            continue;
        }
        if nulls[index / 8] & 1 << (index % 8) != 0 {
            all.push(Value::Null);
            continue;
        }
        let (of_type, unsigned) = *prepared.types.get(index)?;
        all.push(value(of_type, unsigned, &mut reader)?);
    }
    Some(all)
}

fn text_or_bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::Text(text.to_owned()),
        Err(_) => Value::Bytes(bytes.to_vec()),
    }
}

/// A value in the binary protocol.
fn value(of_type: u8, unsigned: bool, reader: &mut Reader<'_>) -> Option<Value> {
    let mut whole = |bytes: usize| {
        let number = reader.fixed(bytes)?;
        let unused = 64 - 8 * bytes as u32;
        // The highest bit is the sign, unless there is none.
        let signed = ((number << unused) as i64) >> unused;
        Some(Value::Integer(if unsigned { number as i64 } else { signed }))
    };
    match of_type {
        6 => Some(Value::Null),
        1 => whole(1),
        2 | 13 => whole(2),
        3 | 9 => whole(4),
        8 => whole(8),
        4 => reader.fixed(4).map(|bits| Value::Double(f64::from(f32::from_bits(bits as u32)))),
        5 => reader.fixed(8).map(|bits| Value::Double(f64::from_bits(bits))),
        7 | 10 | 12 => {
            let mut parts = Reader(reader.bytes()?);
            let date = (parts.fixed(2).unwrap_or(0), parts.fixed(1).unwrap_or(0), parts.fixed(1).unwrap_or(0));
            let mut text = format!("{:04}-{:02}-{:02}", date.0, date.1, date.2);
            if of_type != 10 {
                let time = (parts.fixed(1).unwrap_or(0), parts.fixed(1).unwrap_or(0), parts.fixed(1).unwrap_or(0));
                text.push_str(&format!(" {:02}:{:02}:{:02}", time.0, time.1, time.2));
            }
            Some(Value::Text(text))
        }
        11 => {
            let mut parts = Reader(reader.bytes()?);
            let minus = if parts.fixed(1).unwrap_or(0) == 1 { "-" } else { "" };
            let hours = parts.fixed(4).unwrap_or(0) * 24 + parts.fixed(1).unwrap_or(0);
            Some(Value::Text(format!(
                "{minus}{hours:02}:{:02}:{:02}",
                parts.fixed(1).unwrap_or(0),
                parts.fixed(1).unwrap_or(0)
            )))
        }
        _ => reader.bytes().map(text_or_bytes),
    }
}
