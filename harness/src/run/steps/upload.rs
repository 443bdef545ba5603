//! A peer that takes files, and what is expected of what it was handed.

use std::rc::Rc;

use harness_judging::shown;
use harness_judging::shown::counted;

use super::super::actors::Peer;
use super::super::event::What;
use super::super::{Director, Done, Failure, Halt};
use super::dialogue::Manner;
use harness_language::scenario::model::{ExpectUpload, FileMoment, ServeFiles};
use harness_peers::aside::{Door, Moved};
use harness_peers::dialogue::Refusal;
use harness_peers::ftp::{Exchange, Record, Server, Site, Transfer};

/// Exchanges that are shown of a session.
const SHOWN: usize = 14;

/// A session with a file server.
#[derive(Debug, Default)]
pub struct Depot {
    record: Record,
}

impl Depot {
    /// The refusal that was planned, if it came to that.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.record.refusal()
    }

    /// The session in one line.
    pub(super) fn course(&self) -> String {
        let words = |exchange: &Exchange| match exchange.asked {
            Some(FileMoment::Connection) => format!("greeting → {}", exchange.code()),
            Some(FileMoment::Stored) => format!("{} → {}", exchange.said, exchange.code()),
            _ => {
                let said = shown::quote(shown::beginning(exchange.said.as_bytes(), 60));
                format!("{said} → {}", exchange.code())
            }
        };
        let all: Vec<String> = self.record.exchanges.iter().take(SHOWN).map(words).collect();
        let more = if self.record.exchanges.len() > SHOWN { ", …" } else { "" };
        let end = self.record.conduct.gave_up.as_ref().map(|why| format!("; then {why}")).unwrap_or_default();
        format!("{}{more}{end}", all.join(", "))
    }

    /// Every line that the server has said.
    pub(super) fn replies(&self) -> Vec<String> {
        self.record.exchanges.iter().flat_map(|it| it.reply.lines().map(str::to_owned)).collect()
    }
}

impl Director {
    pub(super) async fn serve_files(&mut self, step: &ServeFiles) -> Done {
        let listener = self.stage.listen(0, None).await;
        let listener = listener.map_err(|error| Halt::Harness(format!("cannot open a port for data: {error}")))?;
        let port = listener.port();
        self.ports.own(port, "the port for data");
        let peer = self.actors.peer(&step.peer);
        peer.borrow_mut().data_listener = Some(Rc::from(listener));
        let ends = peer.borrow().connection.as_ref().map(|connection| (connection.local(), connection.remote()));
        let Some((own, client)) = ends else { return Err(Halt::Harness(format!("{} has no connection", step.peer))) };
        // PASV knows IPv4 only; to the same address as the program has come to, it comes again.
        let home = own.map(|address| address.ip().to_canonical()).filter(|address| address.is_ipv4());
        let site = Site {
            data: (home.unwrap_or_else(|| self.stage.home(&step.peer)), port).into(),
            client: client.ip(),
            user: self.told("user"),
            password: self.told("password"),
        };
        let mut server = Server::new(site, step.replies.clone(), step.cut_off.clone());
        let manner = Manner {
            peer: &step.peer,
            every: step.every,
            line_by_line: step.line_by_line,
            hold: step.hold,
            within: step.within,
        };
        self.dialogue(&manner, &mut server).await?;
        let record = server.into_record();
        for secret in &record.secrets {
            self.log.hide("password", secret);
        }
        for finding in findings(&record, self.told("file").as_deref()) {
            self.note("harness", What::Finding(finding));
        }
        let mut actor = peer.borrow_mut();
        // Who waits at the door still is sent away.
        actor.data_listener = None;
        actor.depot = Some(Depot { record });
        Ok(())
    }

    pub(super) fn expect_upload(&mut self, step: &ExpectUpload) -> Done {
        let content = step.content.as_ref().map(|content| self.bytes(content, 0)).transpose()?;
        let peer: Option<&Peer> = self.actors.peers.get(&step.peer);
        let peer = peer.map(|peer| peer.borrow());
        let Some(depot) = peer.as_ref().and_then(|peer| peer.depot.as_ref()) else {
            return Err(Halt::Harness(format!("{} takes no files: `serve-files` comes first", step.peer)));
        };
        if let Some(content) = &content
            && let Some((came, failure)) = not_stored(depot, content)
        {
            if let Some(came) = came {
                self.differed(content, came);
            }
            return Err(failure.into());
        }
        let checks = [(step.data_connection, no_data_connection(depot)), (step.quit, no_quit(depot))];
        match checks.into_iter().filter(|(asked, _)| *asked).find_map(|(_, failure)| failure) {
            Some(failure) => Err(failure.into()),
            None => Ok(()),
        }
    }
}

/// What was noticed and costs nothing.
fn findings(record: &Record, file: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some((line, open)) = &record.conduct.early {
        let (line, open) = (shown::quote(line.as_bytes()), shown::quote(open.as_bytes()));
        found.push(format!("{line} came before the server had replied to {open}"));
    }
    if record.strange_address {
        let text = "the program asks for data at another address than the one it comes from, which most servers refuse";
        found.push(text.to_owned());
    }
    let base = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let others = record.files.keys().map(|path| base(path)).filter(|name| file.is_some_and(|file| base(file) != *name));
    found
        .extend(others.map(|name| format!("the file is stored under another name: {}", shown::quote(name.as_bytes()))));
    if record.transfers.iter().any(|transfer| transfer.ascii) {
        found.push("a file came in ASCII mode, in which line ends are translated on the way".to_owned());
    }
    found
}

/// Why the content is in no file of the server, with what is there instead.
fn not_stored<'d>(depot: &'d Depot, content: &[u8]) -> Option<(Option<&'d Vec<u8>>, Failure)> {
    let record = &depot.record;
    if record.files.values().any(|kept| kept == content) {
        return None;
    }
    let expected = format!("a file with {}", shown::describe(content));
    let course = depot.course();
    let Some(transfer) = record.transfers.iter().rfind(|transfer| record.files.contains_key(&transfer.name)) else {
        let reason = match record.transfers.last() {
            _ if !record.admitted => format!("nothing is stored, because nobody has logged in: {course}"),
            Some(Transfer { end: Moved::Whole, .. }) => format!("the file did not stay on the server: {course}"),
            Some(transfer) => format!("nothing is stored: {}: {course}", trouble(transfer)),
            None => format!("nothing is stored, because no file was announced (STOR): {course}"),
        };
        return Some((None, Failure { expected, actual: course, reason, ..Failure::default() }));
    };
    let came = record.files.get(&transfer.name)?;
    let difference = shown::first_difference(came, content);
    let mode = match transfer.ascii {
        true => "; it came in ASCII mode (no TYPE I), in which CR LF is the end of a line and is kept as LF",
        false => "",
    };
    let reason = format!("the file is stored, but is another one: {difference}{mode}");
    Some((Some(came), Failure { expected, actual: shown::describe(came), reason, ..Failure::default() }))
}

/// What was wrong with the connection for data.
fn trouble(transfer: &Transfer) -> String {
    let came = counted(usize::try_from(transfer.came).unwrap_or(usize::MAX), "byte");
    match &transfer.end {
        Moved::Whole | Moved::Cut => "the connection for data ended as it should".to_owned(),
        Moved::NotOpened(why) => format!("there was no connection for data ({why})"),
        Moved::Reset => format!("the program aborted the connection for data after {came}"),
        Moved::GaveUp(why) => format!(
            "the connection for data was still open after {came}, and only its end tells the server that the file is whole ({why})"
        ),
    }
}

fn no_data_connection(depot: &Depot) -> Option<Failure> {
    let record = &depot.record;
    if record.transfers.iter().any(|transfer| matches!(transfer.end, Moved::Whole | Moved::Cut)) {
        return None;
    }
    let course = depot.course();
    let refused = |moment: FileMoment| {
        record.exchanges.iter().any(|exchange| exchange.asked == Some(moment) && exchange.is_refusal())
    };
    let reason = match record.transfers.last() {
        _ if !record.admitted => format!("there was no connection for data, because nobody has logged in: {course}"),
        Some(transfer) => {
            let door = match transfer.door {
                Door::Passive => "the program was to connect",
                Door::Active(_) => "the server was to connect",
            };
            format!("{}; {door}: {course}", trouble(transfer))
        }
        None if refused(FileMoment::Store) => {
            format!(
                "STOR was refused, because no connection for data had been agreed upon (PASV, EPSV, PORT or EPRT): {course}"
            )
        }
        None => format!("no file was announced (STOR): {course}"),
    };
    let expected = "STOR, and the file on a connection of its own, which ends where the file ends".to_owned();
    Some(Failure { expected, actual: course, reason, ..Failure::default() })
}

fn no_quit(depot: &Depot) -> Option<Failure> {
    if depot.record.quit {
        return None;
    }
    let course = depot.course();
    let expected = "QUIT at the end of the session".to_owned();
    Some(Failure { expected, reason: format!("QUIT did not come: {course}"), actual: course, ..Failure::default() })
}
