//! What types cannot say about a scenario: who is there when a step names them, which keys
//! go together. Every message points at the value it is about.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::bytes::Payload;
use super::model::{Protocol, ScenarioFile, Step};
use super::problem::{Problem, Source, nearest, suggestion};

/// A place in a parsed file: a table whose entries can be asked for their span.
pub struct Place<'a, 't> {
    table: Option<&'a DeTable<'t>>,
    span: Range<usize>,
}

impl<'a, 't> Place<'a, 't> {
    /// The whole file.
    pub fn top(tree: &'a Spanned<DeTable<'t>>) -> Self {
        Self { table: Some(tree.get_ref()), span: tree.span() }
    }

    fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'t>>> {
        self.table?.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// The body of the `index`-th step: what stands behind its verb.
    pub fn step(&self, index: usize) -> Place<'a, 't> {
        let found = self.value("steps").and_then(|steps| steps.get_ref().as_array()).and_then(|steps| steps.get(index));
        let Some(entry) = found else {
            return Place { table: None, span: self.span.clone() };
        };
        match entry.get_ref().as_table().and_then(|table| table.values().next()) {
            Some(body) => Place { table: body.get_ref().as_table(), span: body.span() },
            None => Place { table: None, span: entry.span() },
        }
    }

    /// The span of the last of these nested keys, else of the whole place.
    pub fn key(&self, path: &[&str]) -> Range<usize> {
        let mut table = self.table;
        let mut span = self.span.clone();
        for name in path {
            let Some((key, value)) = table.and_then(|table| table.iter().find(|(key, _)| key.get_ref() == name)) else {
                break;
            };
            span = key.span();
            table = value.get_ref().as_table();
        }
        span
    }

    /// The span of the value of `key`, else of the whole place.
    pub fn span(&self, key: &str) -> Range<usize> {
        self.value(key).map_or_else(|| self.span.clone(), Spanned::span)
    }
}

/// Checks what stands outside the steps.
pub fn file(
    source: &Arc<Source>,
    tree: &Spanned<DeTable<'_>>,
    file: &ScenarioFile,
    roles: &[&str],
    problems: &mut Vec<Problem>,
) {
    let top = Place::top(tree);
    if !roles.contains(&file.judges.as_str()) {
        let help = nearest(&file.judges, roles.iter().copied()).map_or_else(
            || format!("the task's roles: {}", roles.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        problems.push(
            Problem::new(source, top.span("judges"), format!("the task has no role `{}`", file.judges))
                .help(Some(help)),
        );
    }
    if file.decides.is_empty() {
        problems.push(Problem::new(source, top.span("decides"), "the scenario decides nothing"));
    }
    if file.steps.is_empty() {
        problems.push(Problem::new(source, top.span("steps"), "the scenario has no steps"));
    }
    for (name, interface) in &file.interfaces {
        let mut wrong = |title: String| problems.push(Problem::new(source, top.span("interfaces"), title));
        if name.is_empty() || name.len() > LONGEST_INTERFACE {
            wrong(format!("`{name}` is no name for an interface: 1 to {LONGEST_INTERFACE} bytes"));
        }
        if let Err(text) = interface.parsed() {
            wrong(format!("`{text}` is no address with the length of its prefix, such as \"192.0.2.7/24\""));
        }
    }
    for (name, key) in
        file.files.keys().map(|name| (name, "files")).chain(file.links.keys().map(|name| (name, "links")))
    {
        if leaves_the_folder(name) {
            problems.push(Problem::new(source, top.key(&[key, name]), LEAVES));
        }
    }
    if file.folders.iter().any(|name| leaves_the_folder(name)) {
        problems.push(Problem::new(source, top.span("folders"), LEAVES));
    }
    for name in file.files_above.keys().filter(|name| leaves_the_folder(name)) {
        problems.push(Problem::new(source, top.key(&["files-above", name]), "the path must stay below the folder"));
    }
    if file.count.len() > 1 || !file.count.is_empty() && !file.rows.is_empty() {
        problems.push(Problem::new(source, top.span("count"), "give one name that counts, and no `rows` beside it"));
    }
    for payload in file.files.values().chain(file.files_above.values()) {
        if let Err(error) = payload.check() {
            problems.push(Problem::new(source, top.span("files"), error.to_string()));
        }
    }
}

/// Longest name of an interface on Linux (IFNAMSIZ less the zero byte).
const LONGEST_INTERFACE: usize = 15;

const LEAVES: &str = "the path must stay below the program's working directory";

/// Whether a path leads, or may lead, out of the folder in which it begins.
pub fn leaves_the_folder(path: &str) -> bool {
    let path = std::path::Path::new(path);
    !path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// Checks one step by itself.
pub fn step(source: &Arc<Source>, here: &Place<'_, '_>, step: &Step, problems: &mut Vec<Problem>) {
    let mut wrong = |key: &str, title: &str| problems.push(Problem::new(source, here.span(key), title));
    match step {
        Step::Send(send) => {
            let cuts = [send.segments.is_some(), send.every.is_some(), send.random.is_some()];
            if cuts.iter().filter(|given| **given).count() > 1 {
                wrong("segments", "give one of `segments`, `every` and `random`");
            }
            if send.every == Some(0) {
                wrong("every", "a segment has at least 1 byte");
            }
            if send.random.as_ref().is_some_and(|random| random.max == 0) {
                wrong("random", "a segment has at least 1 byte");
            }
        }
        Step::Receive(receive) => {
            let criteria = [
                receive.equals.is_some(),
                receive.contains.is_some(),
                receive.exactly.is_some(),
                receive.sent_by.is_some(),
                receive.at_least.is_some() || receive.at_most.is_some(),
                receive.number.is_some() || receive.only_number.is_some(),
                receive.complaint,
                receive.heard_from.is_some(),
                receive.response.is_some(),
                receive.request.is_some(),
            ];
            if receive.number.is_some() && receive.only_number.is_some() {
                wrong("number", "give one of `number` and `only-number`");
            }
            if receive.unlike_answer.is_some() && !receive.complaint {
                wrong("unlike-answer", "`unlike-answer` goes with `complaint`");
            }
            if receive.once && receive.contains.is_none() {
                wrong("once", "`once` goes with `contains`");
            }
            let http = receive.response.is_some() || receive.request.is_some();
            let bytes_only = receive.until_end || receive.loosely || receive.ignoring_case || receive.or_closed;
            if http && (receive.lacks.is_some() || bytes_only) {
                wrong(
                    "peer",
                    "`lacks`, `until-end`, `loosely`, `ignoring-case` and `or-closed` do not go with an HTTP message",
                );
            }
            if receive.response.as_ref().is_some_and(|it| it.body.is_some() && it.exact_body.is_some()) {
                wrong("response", "give one of `body` and `exact-body`");
            }
            if criteria.iter().filter(|given| **given).count() > 1 {
                wrong(
                    "peer",
                    "give one of `equals`, `contains`, `exactly`, `sent-by`, `number`, `complaint`, `heard-from`, `response`, `request` and `at-least`/`at-most`",
                );
            }
        }
        Step::ExpectOutput(output) => {
            let criteria = [
                output.contains.is_some(),
                output.equals.is_some(),
                output.one_line.is_some(),
                output.messages_from.is_some(),
                output.number.is_some(),
                output.lacks.is_some(),
            ];
            if criteria.iter().filter(|given| **given).count() != 1 {
                wrong(
                    "program",
                    "give exactly one of `contains`, `equals`, `one-line`, `messages-from`, `number` and `lacks`",
                );
            }
            if !output.of.is_empty() && output.contains.is_none() {
                wrong("of", "`of` goes with `contains`");
            }
            if output.nothing_else && output.messages_from.is_none() {
                wrong("nothing-else", "`nothing-else` goes with `messages-from`");
            }
        }
        Step::ExpectSilence(silence) if silence.lacks.is_some() && silence.number.is_some() => {
            wrong("lacks", "give one of `lacks` and `number`");
        }
        Step::ExpectFile(file) if leaves_the_folder(&file.path) => wrong("path", LEAVES),
        Step::ExpectNoFile(file) if leaves_the_folder(&file.path) => wrong("path", LEAVES),
        Step::AnswerPings(answer) if answer.replies.is_empty() => wrong("replies", "the plan is empty"),
        Step::Ping(ping) if ping.times == 0 => wrong("times", "0 times is never"),
        Step::ServeMail(serve) => mail(serve, &mut wrong),
        Step::ServeMailbox(serve) => mailbox(serve, &mut wrong),
        Step::ExpectSession(session)
            if ![session.logged_in, session.quit, session.kept, session.guarded].contains(&true) =>
        {
            wrong("peer", "give one of `logged-in`, `quit`, `kept` and `guarded` at least");
        }
        Step::ExpectAttachments(it) if !(it.mime || it.exact || it.names || it.lines) => {
            wrong("peer", "give one of `mime`, `exact`, `names` and `lines` at least");
        }
        Step::ExpectArchive(it) if it.holds.is_empty() && it.folders.is_empty() && !it.not_itself => {
            wrong("peer", "give one of `holds`, `folders` and `not-itself` at least");
        }
        Step::ServeFiles(serve) => files(serve, &mut wrong),
        Step::ExpectUpload(upload) if !(upload.content.is_some() || upload.data_connection || upload.quit) => {
            wrong("peer", "give one of `content`, `data-connection` and `quit` at least");
        }
        Step::ExpectDatabase(it) if !(it.made || it.nobody) && it.has.is_empty() && it.shown.is_empty() => {
            wrong("peer", "give one of `made`, `has`, `shown` and `nobody` at least");
        }
        Step::ExpectMail(mail) if mail.charset && mail.text.is_none() => wrong("charset", "`charset` goes with `text`"),
        Step::ExpectDialogue(dialogue) if dialogue.is_empty() => {
            wrong("peer", "give one thing at least that is expected, such as `complete` or `encrypted`");
        }
        Step::ExpectInOrder(order) if order.texts.len() < 2 => wrong("texts", "an order has two texts at least"),
        Step::Repeat(repeat) if repeat.times == 0 => wrong("times", "0 times is never"),
        Step::Start(start) if start.count == Some(0) => wrong("count", "0 copies are none"),
        Step::Connect(connect) if connect.count == Some(0) => wrong("count", "0 peers are none"),
        Step::Accept(accept) if accept.count == Some(0) => wrong("count", "0 connections are none"),
        Step::Accept(accept) if accept.count.is_some() && accept.name.is_none() => {
            wrong("count", "name the connections with `as`: one peer cannot have several");
        }
        _ => {}
    }
    for (key, payload) in payloads(step) {
        if let Err(error) = payload.check() {
            problems.push(Problem::new(source, here.span(key), error.to_string()));
        }
    }
}

/// Checks how a server's replies are cut.
fn pieces(every: Option<usize>, line_by_line: bool, wrong: &mut impl FnMut(&str, &str)) {
    if every == Some(0) {
        wrong("every", "a segment has at least 1 byte");
    }
    if every.is_some() && line_by_line {
        wrong("line-by-line", "give one of `every` and `line-by-line`");
    }
}

/// Checks the replies of a mailbox.
fn mailbox(serve: &super::model::ServeMailbox, wrong: &mut impl FnMut(&str, &str)) {
    pieces(serve.every, serve.line_by_line, wrong);
    let (words, form) = match serve.protocol {
        Protocol::Pop3 => (&["+OK", "-ERR"][..], "a reply is one line: `+OK words` or `-ERR words`"),
        Protocol::Imap => (&["OK", "NO", "BAD"][..], "a reply is one line: `OK words`, `NO words` or `BAD words`"),
    };
    let is_reply = |say: &str| {
        let mut begins = words.iter().filter_map(|word| say.strip_prefix(word));
        begins.any(|rest| rest.is_empty() || rest.starts_with(' ')) && !say.contains(['\r', '\n'])
    };
    if serve.replies.iter().any(|reply| !is_reply(&reply.say)) {
        wrong("replies", form);
    }
    if serve.unasked && serve.protocol != Protocol::Imap {
        wrong("unasked", "in POP3 nothing comes that nobody has asked for");
    }
}

/// Checks the replies of a file server (RFC 959, section 4.2).
fn files(serve: &super::model::ServeFiles, wrong: &mut impl FnMut(&str, &str)) {
    pieces(serve.every, serve.line_by_line, wrong);
    let is_reply = |say: &str| {
        let Some((last, before)) =
            say.lines().collect::<Vec<_>>().split_last().map(|(last, all)| (*last, all.to_vec()))
        else {
            return false;
        };
        let Some(code) = last.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit())) else {
            return false;
        };
        let ends = |line: &str| line.strip_prefix(code).is_some_and(|rest| rest.starts_with(' '));
        let begins = before.first().is_none_or(|first| first.strip_prefix(code).is_some_and(|it| it.starts_with('-')));
        ends(last) && begins && !before.iter().any(|line| ends(line))
    };
    if serve.replies.iter().any(|reply| !is_reply(&reply.say)) {
        wrong(
            "replies",
            "a reply is `250 words`; one of several lines begins with `250-words` and ends with `250 words`",
        );
    }
    if let Some(cut_off) = &serve.cut_off
        && !(is_reply(&cut_off.say) && cut_off.say.starts_with(['4', '5']))
    {
        wrong("cut-off", "`say` is a reply that begins with 4 or 5: the file is not kept");
    }
}

/// Checks the replies of a mail server.
fn mail(serve: &super::model::ServeMail, wrong: &mut impl FnMut(&str, &str)) {
    pieces(serve.every, serve.line_by_line, wrong);
    let is_reply = |say: &str| {
        let lines: Vec<&str> = say.lines().collect();
        let (last, first) = match lines.split_last() {
            Some(split) => split,
            None => return false,
        };
        let coded = |line: &str, mark: char| {
            line.len() > 3
                && line.is_char_boundary(3)
                && line[..3].parse::<u16>().is_ok()
                && line[3..].starts_with(mark)
        };
        coded(last, ' ') && first.iter().all(|line| coded(line, '-'))
    };
    if serve.replies.iter().any(|reply| !is_reply(&reply.say)) {
        wrong("replies", "a reply is `250 words`, and every line before the last is `250-words`");
    }
}

fn payloads(step: &Step) -> Vec<(&'static str, &Payload)> {
    match step {
        Step::Send(send) => vec![("data", &send.data)],
        Step::Type(typed) => vec![("data", &typed.data)],
        Step::Start(start) => start.input_file.iter().map(|payload| ("input-file", payload)).collect(),
        Step::Receive(receive) => {
            let response = receive.response.iter().flat_map(|it| it.parts()).map(|part| ("response", part));
            let request = receive.request.iter().flat_map(|it| it.parts()).map(|part| ("request", part));
            let exact = [("equals", &receive.equals), ("exactly", &receive.exactly)];
            exact
                .into_iter()
                .chain([("contains", &receive.contains), ("lacks", &receive.lacks)])
                .filter_map(|(key, payload)| payload.as_ref().map(|payload| (key, payload)))
                .chain(response)
                .chain(request)
                .collect()
        }
        Step::ExpectOutput(output) => {
            let whole = [("equals", &output.equals), ("one-line", &output.one_line)];
            whole
                .into_iter()
                .chain([("contains", &output.contains), ("lacks", &output.lacks)])
                .filter_map(|(key, payload)| payload.as_ref().map(|payload| (key, payload)))
                .collect()
        }
        Step::ExpectSilence(silence) => silence.lacks.iter().map(|payload| ("lacks", payload)).collect(),
        Step::ExpectFile(file) => vec![("equals", &file.equals)],
        Step::ExpectLine(line) => vec![("ends-in", &line.ends_in)],
        Step::ExpectMail(mail) => mail.text.iter().map(|payload| ("text", payload)).collect(),
        Step::ServeMailbox(serve) => serve.messages.iter().map(|payload| ("messages", payload)).collect(),
        Step::ExpectUpload(upload) => upload.content.iter().map(|payload| ("content", payload)).collect(),
        Step::ExpectText(text) => vec![("text", &text.text)],
        Step::ExpectInOrder(order) => order.texts.iter().map(|payload| ("texts", payload)).collect(),
        Step::LearnFunctions(learn) => {
            let headers = learn.headers.values().map(|text| ("headers", &text.0));
            headers.chain([("target", &learn.target.0)]).collect()
        }
        _ => Vec::new(),
    }
}

/// Who has come on stage so far.
pub struct Actors {
    roles: BTreeSet<String>,
    programs: BTreeSet<String>,
    peers: BTreeSet<String>,
    measurements: BTreeSet<String>,
    /// Whether steps that could not be read may have brought others.
    lost_count: bool,
}

impl Actors {
    /// Nobody yet.
    pub fn new(roles: &[&str]) -> Self {
        Self {
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            programs: BTreeSet::new(),
            peers: BTreeSet::new(),
            measurements: BTreeSet::new(),
            lost_count: false,
        }
    }

    /// Steps are missing: from here on anybody may be there.
    pub fn lose_count(&mut self) {
        self.lost_count = true;
    }

    /// Checks that everybody whom a step names is there, and notes who comes with it.
    pub fn step(&mut self, source: &Arc<Source>, here: &Place<'_, '_>, step: &Step, problems: &mut Vec<Problem>) {
        let mut lacking = Vec::new();
        let mut needed = |key: &'static str, kind: Kind, name: &str| {
            if let Some(problem) = self.missing(source, here.span(key), kind, name) {
                lacking.push((kind, name.to_owned()));
                problems.push(problem);
            }
        };
        if let Some(name) = step.program() {
            needed("program", Kind::Program, name);
        }
        if let Some(name) = step.peer() {
            needed("peer", Kind::Peer, name);
        }
        for (key, payload) in payloads(step) {
            payload.actors().into_iter().for_each(|name| needed(key, Kind::Either, name));
        }
        match step {
            Step::Start(start) => {
                needed("program", Kind::Role, &start.program);
                if let Some(to) = &start.to {
                    needed("to", Kind::Either, to);
                }
            }
            Step::Listen(listen) => {
                if let Some(role) = &listen.in_the_way_of {
                    needed("in-the-way-of", Kind::Role, role);
                }
            }
            Step::Accept(accept) => needed("peer", Kind::Peer, &accept.peer),
            Step::Connect(connect) => needed("to", Kind::Either, &connect.to),
            Step::Send(send) => {
                if let Some(peer) = &send.taken_in_by {
                    needed("taken-in-by", Kind::Peer, peer);
                }
            }
            Step::Receive(receive) => {
                if let Some(peer) = &receive.sent_by {
                    needed("sent-by", Kind::Peer, peer);
                }
                for peer in receive.heard_from.iter().flatten() {
                    needed("heard-from", Kind::Peer, peer);
                }
            }
            Step::ExpectTurnedAway(turned) => {
                if let Some(peer) = &turned.unlike {
                    needed("unlike", Kind::Peer, peer);
                }
            }
            Step::ExpectOutput(output) => {
                for peer in output.messages_from.iter().flatten() {
                    needed("messages-from", Kind::Peer, peer);
                }
            }
            Step::ExpectToldApart(apart) => {
                for program in &apart.programs {
                    needed("programs", Kind::Program, program);
                }
            }
            Step::ExpectGrowth(growth) => {
                needed("from", Kind::Measurement, &growth.from);
                needed("to", Kind::Measurement, &growth.to);
            }
            Step::ExpectLinear(linear) => {
                needed("before", Kind::Measurement, &linear.before);
                needed("small", Kind::Measurement, &linear.small);
                needed("large", Kind::Measurement, &linear.large);
            }
            _ => {}
        }
        // Said once: later steps that name the same are the same mistake.
        for (kind, name) in lacking {
            self.pretend(kind, &name);
        }
        self.enter(step);
    }

    fn known(&self, kind: Kind) -> BTreeSet<String> {
        match kind {
            Kind::Role => self.roles.clone(),
            Kind::Program => self.programs.clone(),
            Kind::Peer => self.peers.clone(),
            Kind::Either => self.programs.union(&self.peers).cloned().collect(),
            Kind::Measurement => self.measurements.clone(),
        }
    }

    fn missing(&self, source: &Arc<Source>, span: Range<usize>, kind: Kind, name: &str) -> Option<Problem> {
        let known = self.known(kind);
        // Roles are the task's: no step brings one.
        if known.contains(name) || self.lost_count && kind != Kind::Role {
            return None;
        }
        let what = kind.as_str();
        let help = suggestion(name, known.iter().map(String::as_str), || match known.is_empty() {
            true => format!("no {what} is there yet at this step"),
            false => format!("there at this step: {}", known.iter().cloned().collect::<Vec<_>>().join(", ")),
        });
        Some(Problem::new(source, span, format!("there is no {what} `{name}` at this step")).help(Some(help)))
    }

    fn pretend(&mut self, kind: Kind, name: &str) {
        let meant = nearest(name, self.roles.iter().map(String::as_str)).map(str::to_owned);
        match kind {
            Kind::Role => {
                // Who starts a mistyped role goes on with the right one.
                self.programs.extend(meant);
            }
            Kind::Program => drop(self.programs.insert(name.to_owned())),
            Kind::Peer => drop(self.peers.insert(name.to_owned())),
            Kind::Either => {
                self.programs.insert(name.to_owned());
                self.peers.insert(name.to_owned());
            }
            Kind::Measurement => drop(self.measurements.insert(name.to_owned())),
        }
    }

    /// Notes who comes on stage with a step.
    fn enter(&mut self, step: &Step) {
        match step {
            Step::Start(start) => {
                let name = start.name.clone().unwrap_or_else(|| start.program.clone());
                self.programs.extend((1..=start.count.unwrap_or(0)).map(|index| format!("{name}-{index}")));
                self.programs.insert(name);
            }
            Step::Listen(listen) => {
                self.peers.insert(listen.peer.clone());
            }
            Step::Accept(accept) => {
                let name = accept.name.as_ref().unwrap_or(&accept.peer);
                self.peers.extend((1..=accept.count.unwrap_or(0)).map(|index| format!("{name}-{index}")));
                self.peers.insert(name.clone());
            }
            Step::Connect(connect) => {
                let peer = &connect.peer;
                self.peers.extend((1..=connect.count.unwrap_or(0)).map(|index| format!("{peer}-{index}")));
                self.peers.insert(peer.clone());
            }
            Step::ServeNames(serve) => {
                self.peers.insert(serve.peer.clone());
            }
            Step::Measure(measure) => {
                self.measurements.insert(measure.name.clone());
            }
            _ => {}
        }
    }
}

/// What a step may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Role,
    Program,
    Peer,
    Either,
    Measurement,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Program => "program",
            Self::Peer => "peer",
            Self::Either => "program or peer",
            Self::Measurement => "measurement",
        }
    }
}
