//! The sequence of a run as a diagram has it: who takes part, and who sent what to whom, when.
//!
//! A fold over the events of the run, as the transcript is. Peers say what they sent and received; whom
//! with follows from whom they are connected with. Where two programs talk to each other and no peer is
//! between them, the record of their calls says it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use harness_judging::shown::counted;

use crate::calls::{self, Call};
use crate::crash::{Crash, Stop, words};
use crate::report::escape;
use crate::run::event::{Event, Excerpt, Socket, What, With};
use harness_language::scenario::duration::human;
use harness_language::scenario::model::Stream;

/// Lanes that fit side by side.
const LANES: usize = 5;
/// Rows at the beginning and at the end of a long run that are drawn.
const ROWS: (usize, usize) = (16, 32);
/// Arrows of one kind and direction in a row that are drawn one by one.
const ALIKE: usize = 6;
/// A silence that is worth a row of its own.
const SILENCE: Duration = Duration::from_secs(1);
/// Characters of a label that tells of data; a drawing cuts it to its room.
const DATA: usize = 110;
/// Calls of programs that are drawn, or none are.
const OWN_CALLS: usize = 24;
/// Calls beyond which a record is not read.
const CALLS: usize = 20_000;
/// Stands for a program that runs elsewhere and was never started.
const SOMEBODY: &str = "the program";

/// Who takes part, and what happened between them.
#[derive(Debug, PartialEq, Eq)]
pub struct Sequence {
    /// From left to right.
    pub lanes: Vec<Lane>,
    /// From top to bottom.
    pub rows: Vec<Row>,
    /// Peers for which there was no room.
    pub absent: usize,
    /// Whether the marked arrow is where it parts from a model's run, and not what a verdict is about.
    pub parts: bool,
}

/// A program or a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// Whether it is a program that is graded.
    pub program: bool,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// When, on the run's clock.
    pub at: Duration,
    /// In a few words.
    pub label: String,
    /// How it is drawn.
    pub mark: Mark,
    /// Whether a verdict is about it.
    pub guilty: bool,
}

/// How a row is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// From one lane to another.
    Arrow {
        /// Where it begins.
        from: usize,
        /// Where it points.
        to: usize,
        /// What it carries.
        kind: Kind,
    },
    /// Beside a lane.
    Note(usize),
    /// Where a program stopped, on its lane.
    End(usize),
    /// Across all lanes.
    Across,
    /// Across all lanes: an expectation that did not hold.
    Wrong,
}

/// What an arrow carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Bytes.
    Data,
    /// The beginning or the end of a connection.
    Control,
    /// An abort, or a connection that was refused.
    Broken,
}

/// Folds a run in which a program stopped somewhere, if that is known; nothing if nobody took part.
pub fn of(events: &[Event], record: &str, stop: Option<Stop<'_>>) -> Option<Sequence> {
    drawn_with(&[], events, record, stop)
}

/// Folds a model's run, with the lanes of the one that it stands beside as long as there is room.
pub fn of_model(events: &[Event], beside: Option<&Sequence>) -> Option<Sequence> {
    drawn_with(beside.map_or(&[], |beside| &beside.lanes), events, "", None)
}

fn drawn_with(beside: &[Lane], events: &[Event], record: &str, stop: Option<Stop<'_>>) -> Option<Sequence> {
    let mut fold = Fold::default();
    let its_own = |event: &Event| stop.is_some_and(|stop| stop.program() == event.who);
    let end = events.iter().rposition(|event| matches!(event.what, What::Ended(_)) && its_own(event));
    for (index, event) in events.iter().enumerate() {
        match stop {
            Some(stop @ Stop::Crash(Crash { ended: true, .. })) if end == Some(index) => fold.stops(stop, event.at),
            _ => fold.event(event),
        }
    }
    fold.between_programs(events, record);
    fold.own_calls(events, record);
    fold.rows = ended_at_the_verdict(fold.rows);
    if let Some(stop) = stop.filter(|_| !fold.rows.iter().any(|row| matches!(row.mark, Mark::End(_)))) {
        // It stands above the verdict.
        let verdict = fold.rows.pop_if(|row| row.mark == Mark::Wrong);
        let at = verdict.as_ref().or(fold.rows.last()).map_or(Duration::ZERO, |row| row.at);
        fold.stops(stop, at);
        fold.rows.extend(verdict);
    }
    let Fold { lanes, rows, .. } = fold;
    if lanes.is_empty() {
        return None;
    }
    let (lanes, rows, absent) = fitting(lanes.clone(), without_onlookers(&lanes, rows), beside);
    Some(Sequence { lanes, rows: shortened(silences(joined(rows))), absent, parts: false })
}

/// Marks the first arrow in which a run parts from a model's, in both: unless a verdict has marked one of its own, or it
/// is seen where a program stopped.
pub fn part(own: &mut Sequence, model: &mut Sequence) {
    fn arrows(sequence: &Sequence) -> Vec<(usize, (&str, &str, &str))> {
        let name = |lane: usize| sequence.lanes[lane].name.as_str();
        let rows = sequence.rows.iter().enumerate();
        rows.filter_map(|(at, row)| match row.mark {
            Mark::Arrow { from, to, .. } => Some((at, (name(from), name(to), row.label.as_str()))),
            _ => None,
        })
        .collect()
    }
    let (ours, theirs) = (arrows(own), arrows(model));
    let alike = ours.iter().zip(&theirs).take_while(|((_, one), (_, other))| one == other).count();
    let (here, there) = (ours.get(alike).map(|(at, _)| *at), theirs.get(alike).map(|(at, _)| *at));
    if let Some(row) = there.and_then(|at| model.rows.get_mut(at)) {
        row.guilty = true;
    }
    if !own.rows.iter().any(|row| row.guilty || matches!(row.mark, Mark::End(_)))
        && let Some(row) = here.and_then(|at| own.rows.get_mut(at))
    {
        row.guilty = true;
        own.parts = true;
    }
}

#[derive(Default)]
struct Fold {
    lanes: Vec<Lane>,
    rows: Vec<Row>,
    /// With whom a peer talks.
    partner: BTreeMap<String, usize>,
    /// Bytes so far from a peer, and to it.
    moved: BTreeMap<(String, bool), usize>,
    /// Peers that have a stream; with the others every message is a datagram of its own.
    streams: BTreeSet<String>,
    /// What a program had printed when that was last noted.
    printed: BTreeMap<(String, bool), usize>,
    talked: bool,
    /// The last that a program sent a peer, and whether something was found to differ since the last verdict.
    last: Option<usize>,
    differed: bool,
}

impl Fold {
    fn lane(&mut self, name: &str, program: bool) -> usize {
        if let Some(found) = self.lanes.iter().position(|lane| lane.name == name) {
            return found;
        }
        self.lanes.push(Lane { name: name.to_owned(), program });
        self.lanes.len() - 1
    }

    /// The lane at the other end of a peer's connection.
    fn partner(&mut self, peer: &str) -> usize {
        if let Some(known) = self.partner.get(peer) {
            return *known;
        }
        let found = self.lanes.iter().position(|lane| lane.program);
        let found = found.unwrap_or_else(|| self.lane(SOMEBODY, true));
        self.partner.insert(peer.to_owned(), found);
        found
    }

    fn row(&mut self, at: Duration, label: impl Into<String>, mark: Mark) {
        self.rows.push(Row { at, label: label.into(), mark, guilty: false });
    }

    fn note(&mut self, event: &Event, label: impl Into<String>, program: bool) {
        let lane = self.lane(&event.who, program);
        self.row(event.at, label, Mark::Note(lane));
    }

    /// A program that took part gets no further.
    fn stops(&mut self, stop: Stop<'_>, at: Duration) {
        if let Some(lane) = self.lanes.iter().position(|lane| lane.name == stop.program()) {
            self.row(at, format!("✗ {}", words::end(stop)), Mark::End(lane));
        }
    }

    /// An arrow from a peer, or to it.
    fn arrow(&mut self, event: &Event, label: impl Into<String>, outwards: bool, kind: Kind) {
        let (peer, partner) = (self.lane(&event.who, false), self.partner(&event.who));
        let (from, to) = if outwards { (peer, partner) } else { (partner, peer) };
        self.row(event.at, label, Mark::Arrow { from, to, kind });
    }

    fn data(&mut self, event: &Event, bytes: &Excerpt, outwards: bool) {
        self.talked = true;
        let so_far = self.moved.entry((event.who.clone(), outwards)).or_default();
        let first = *so_far + 1;
        *so_far += bytes.length;
        let places = match (self.streams.contains(&event.who), bytes.length) {
            (false, length) => counted(length, "byte"),
            (true, 0) => "no bytes".to_owned(),
            (true, 1) => format!("byte {first}"),
            (true, length) => format!("bytes {first}–{}", first + length - 1),
        };
        self.arrow(event, with_data(&places, bytes), outwards, Kind::Data);
        if !outwards {
            self.last = self.rows.len().checked_sub(1);
        }
    }

    /// A new connection is a new stream.
    fn new_stream(&mut self, peer: &str) {
        self.moved.retain(|(name, _), _| name != peer);
        self.streams.insert(peer.to_owned());
    }

    fn event(&mut self, event: &Event) {
        match &event.what {
            What::Started(_) => self.note(event, "is started", true),
            What::Listening(address) => self.note(event, format!("listens on {address}"), true),
            What::Printed(stream, bytes) => self.printed(event, *stream, bytes),
            What::Typed(bytes) => self.note(event, with_data("is typed", bytes), true),
            What::InputEnded => self.note(event, "standard input ends", true),
            What::Signalled(signal) => self.note(event, format!("is sent {signal}"), true),
            What::Ended(how) => self.note(event, format!("ends: {how}"), true),
            What::Opened(what) => {
                let what = match what {
                    Socket::Listening(port) => format!("opens port {port}"),
                    Socket::ForNames(port) => format!("opens port {port}, UDP and TCP"),
                    Socket::Datagrams(to) => {
                        self.meets(&event.who, to);
                        "opens a UDP socket".to_owned()
                    }
                };
                self.note(event, what, false);
            }
            What::Connected(with) => {
                self.new_stream(&event.who);
                if let With::Actor(name) = with {
                    self.meets(&event.who, name);
                }
                self.arrow(event, "connects", !with.came(), Kind::Control);
            }
            What::Refused(why) => self.arrow(event, format!("✗ {why}"), true, Kind::Broken),
            What::Tls(what) => self.note(event, what.clone(), false),
            What::Sent(bytes) => self.data(event, bytes, true),
            What::Received(bytes) => self.data(event, bytes, false),
            What::EndSent => self.arrow(event, "end of its data (FIN)", true, Kind::Control),
            What::EndReceived => self.arrow(event, "end of the data (FIN)", false, Kind::Control),
            What::Closed => self.note(event, "closes", false),
            What::ResetSent => self.arrow(event, "abort (RST)", true, Kind::Broken),
            What::ResetReceived => self.arrow(event, "abort (RST)", false, Kind::Broken),
            What::Stalled(pause) => self.note(event, format!("does nothing for {}", human(*pause)), false),
            What::Network(change) => self.row(event.at, change.clone(), Mark::Across),
            What::Differed(_) => self.differed = true,
            What::Judged(judgement) if !judgement.held => {
                // What differs came last.
                if let Some(row) = self.last.filter(|_| self.differed).and_then(|last| self.rows.get_mut(last)) {
                    row.guilty = true;
                }
                self.differed = false;
                self.row(event.at, judgement.why(), Mark::Wrong);
            }
            What::Still | What::Measured(_) | What::Finding(_) | What::Learned(..) | What::Judged(_) => {}
        }
    }

    fn meets(&mut self, peer: &str, other: &str) {
        // Programs come before those who talk to them; whoever is new here runs elsewhere.
        let other = self.lane(other, true);
        self.partner.insert(peer.to_owned(), other);
    }

    /// Events hold all that was printed so far: what is new is shown.
    fn printed(&mut self, event: &Event, stream: Stream, bytes: &Excerpt) {
        let error = stream == Stream::Stderr;
        let known = self.printed.insert((event.who.clone(), error), bytes.length).unwrap_or(0);
        let fresh = Excerpt {
            shown: bytes.shown.get(known..).unwrap_or_default().to_vec(),
            length: bytes.length.saturating_sub(known),
            rest: bytes.rest,
        };
        if fresh.length > 0 {
            self.note(event, with_data(if error { "prints an error" } else { "prints" }, &fresh), true);
        }
    }

    /// What programs that talk to peers do on their own side, from the record of their calls: all of it, or nothing
    /// where it would be too much.
    fn own_calls(&mut self, events: &[Event], record: &str) {
        if !self.talked || record.lines().count() > CALLS {
            return;
        }
        let started = events.iter().filter(|event| matches!(event.what, What::Started(_)));
        let named: Vec<&str> = started.map(|event| event.who.as_str()).collect();
        let calls = calls::read(record);
        let told: Vec<(Duration, &str, String)> = calls
            .iter()
            .filter_map(|call| {
                Some((time(&call.at) + taken(&call.took), *named.get(call.program)?, on_its_side(call)?))
            })
            .collect();
        if told.len() > OWN_CALLS {
            return;
        }
        for (at, name, label) in told {
            let lane = self.lane(name, true);
            self.row(at, label, Mark::Note(lane));
        }
        self.rows.sort_by_key(|row| row.at);
    }

    /// What programs send each other, from the record of their calls.
    fn between_programs(&mut self, events: &[Event], record: &str) {
        let named: Vec<&str> = events
            .iter()
            .filter(|event| matches!(event.what, What::Started(_)))
            .map(|event| event.who.as_str())
            .collect();
        let listens = events.iter().find(|event| matches!(event.what, What::Listening(_))).map(|event| &event.who);
        if self.talked || named.len() < 2 || record.lines().count() > CALLS {
            return;
        }
        for call in calls::read(record) {
            let Some(name) = named.get(call.program) else { continue };
            // Of several clients each talks to the server; of two programs each to the other.
            let other = match listens {
                Some(server) if server != name => Some(server.as_str()),
                _ if named.len() == 2 => named.iter().copied().find(|other| other != name),
                _ => None,
            };
            let Some((other, (label, kind))) = other.zip(in_words(&call)) else { continue };
            let (from, to) = (self.lane(name, true), self.lane(other, true));
            self.row(time(&call.at), label, Mark::Arrow { from, to, kind });
        }
        self.rows.sort_by_key(|row| (row.mark == Mark::Wrong, row.at));
    }
}

/// What a program does on its own side, where others send to it.
fn on_its_side(call: &Call) -> Option<String> {
    call.socket.as_ref()?;
    match call.result {
        Ok(_) if call.name.starts_with("accept") => Some("accept() returns".to_owned()),
        Ok(0) if call.is_receive() => Some(format!("{}() = 0: the end", call.name)),
        Ok(count) if call.is_receive() => {
            Some(format!("{}() takes {}", call.name, counted(u64::try_from(count).unwrap_or(0), "byte")))
        }
        Ok(_) if call.name == "close" => Some("close()".to_owned()),
        _ => None,
    }
}

/// What a call puts on its way to the other side.
fn in_words(call: &Call) -> Option<(String, Kind)> {
    match call.result {
        Ok(count) if call.is_send() && count > 0 => {
            let forced = call.cut_from.map(|all| format!(" of {all}, cut short")).unwrap_or_default();
            Some((format!("sends {}{forced}", counted(u64::try_from(count).unwrap_or(0), "byte")), Kind::Data))
        }
        Err(_) if call.is_send() => Some((format!("✗ send fails: {}", call.error()?), Kind::Broken)),
        Ok(_) if call.name == "connect" => Some(("connects".to_owned(), Kind::Control)),
        // A connection that is under way is no failure.
        Err(errno) if call.name == "connect" && errno != nix::errno::Errno::EINPROGRESS => {
            Some((format!("✗ connect fails: {}", call.error()?), Kind::Broken))
        }
        Ok(_) if call.name == "shutdown" => Some(("end of its data (FIN)".to_owned(), Kind::Control)),
        _ => None,
    }
}

/// The record writes seconds with six decimals.
fn time(text: &str) -> Duration {
    let (seconds, micros) = text.split_once('.').unwrap_or((text, "0"));
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    Duration::from_secs(number(seconds)) + Duration::from_micros(number(micros))
}

/// How long a call took, as the record writes it: `1.03ms`.
fn taken(text: &str) -> Duration {
    let units = [("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let seconds = units.iter().find_map(|(unit, worth)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * worth));
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default()
}

/// Some words and as much of the bytes as there is room for.
fn with_data(words: &str, bytes: &Excerpt) -> String {
    let text = String::from_utf8_lossy(&bytes.shown);
    let shown: String = text.chars().take(DATA.saturating_sub(words.len())).collect();
    let more = if bytes.length > shown.len() { "…" } else { "" };
    format!("{words} “{}{more}”", escape::line(&shown))
}

/// What the harness does after the last failure tells nothing.
fn ended_at_the_verdict(mut rows: Vec<Row>) -> Vec<Row> {
    if let Some(last) = rows.iter().rposition(|row| row.mark == Mark::Wrong) {
        rows.truncate(last + 1);
    }
    rows
}

/// Peers that only open a port, and leave the talking to those whom they let in, need no lane.
fn without_onlookers(lanes: &[Lane], rows: Vec<Row>) -> Vec<Row> {
    let mut talks = vec![false; lanes.len()];
    for row in &rows {
        if let Mark::Arrow { from, to, .. } = row.mark {
            (talks[from], talks[to]) = (true, true);
        }
    }
    let told = |row: Row| match row.mark {
        Mark::Note(lane) if !talks[lane] && !lanes[lane].program => {
            Row { label: format!("{} {}", lanes[lane].name, row.label), mark: Mark::Across, ..row }
        }
        _ => row,
    };
    rows.into_iter().map(told).collect()
}

/// The programs and as many peers as there is room for: those whom a failure names, then those who are drawn beside, then
/// those who came last into play.
fn fitting(lanes: Vec<Lane>, rows: Vec<Row>, beside: &[Lane]) -> (Vec<Lane>, Vec<Row>, usize) {
    let last = |lane: usize| {
        rows.iter().rposition(|row| match row.mark {
            Mark::Arrow { from, to, .. } => from == lane || to == lane,
            Mark::Note(at) | Mark::End(at) => at == lane,
            Mark::Across | Mark::Wrong => false,
        })
    };
    // Whom a failure is about is seen.
    let reasons: BTreeSet<&str> = rows
        .iter()
        .filter(|row| row.mark == Mark::Wrong)
        .flat_map(|row| row.label.split(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_')))
        .collect();
    let named = |lane: usize| reasons.contains(lanes[lane].name.as_str());
    let takes_part = |lane: &usize| lanes[*lane].program || last(*lane).is_some();
    let mut wanted: Vec<usize> = (0..lanes.len()).filter(takes_part).collect();
    let absent = wanted.len().saturating_sub(LANES);
    wanted.sort_by_key(|lane| {
        (!lanes[*lane].program, !named(*lane), !beside.contains(&lanes[*lane]), std::cmp::Reverse(last(*lane)), *lane)
    });
    wanted.truncate(LANES);
    // Peers stand beside the programs: half of them on the left where there are several.
    wanted.sort_by_key(|lane| (!lanes[*lane].program, *lane));
    let programs = wanted.iter().filter(|lane| lanes[**lane].program).count();
    if programs == 1 && wanted.len() > 2 {
        let middle = (wanted.len() - 1) / 2;
        let program = wanted.remove(0);
        wanted.insert(middle, program);
    }
    let place = |lane: usize| wanted.iter().position(|it| *it == lane);
    let kept = rows.iter().filter_map(|row| {
        let mark = match row.mark {
            Mark::Arrow { from, to, kind } => Mark::Arrow { from: place(from)?, to: place(to)?, kind },
            Mark::Note(lane) => Mark::Note(place(lane)?),
            Mark::End(lane) => Mark::End(place(lane)?),
            Mark::Across => Mark::Across,
            Mark::Wrong => Mark::Wrong,
        };
        Some(Row { mark, ..row.clone() })
    });
    let kept = kept.collect();
    (wanted.iter().map(|lane| lanes[*lane].clone()).collect(), kept, absent)
}

/// Many arrows of one kind and direction become a few and a count.
fn joined(rows: Vec<Row>) -> Vec<Row> {
    let mut joined = Vec::new();
    let alike = |a: &Row, b: &Row| {
        a.mark == b.mark && a.guilty == b.guilty && matches!(a.mark, Mark::Arrow { kind: Kind::Data, .. })
    };
    for group in rows.chunk_by(alike) {
        if group.len() <= ALIKE {
            joined.extend_from_slice(group);
            continue;
        }
        let (first, rest) = group.split_at(2);
        joined.extend_from_slice(first);
        joined.push(Row { label: format!("… {} more arrows like these …", rest.len() - 1), ..rest[0].clone() });
        joined.extend(rest.last().cloned());
    }
    joined
}

/// A row for every long silence.
fn silences(rows: Vec<Row>) -> Vec<Row> {
    let mut spread: Vec<Row> = Vec::new();
    for row in rows {
        let silence = spread.last().map_or(Duration::ZERO, |before| row.at.saturating_sub(before.at));
        if silence >= SILENCE {
            let label = format!("{} pass", human(Duration::from_millis(silence.as_millis() as u64)));
            spread.push(Row { at: row.at, label, mark: Mark::Across, guilty: false });
        }
        spread.push(row);
    }
    spread
}

/// The beginning and the end of what is too long.
fn shortened(mut rows: Vec<Row>) -> Vec<Row> {
    let hidden = rows.len().saturating_sub(ROWS.0 + ROWS.1);
    if hidden > 1 {
        let label = format!("{} left out; the transcript has them", counted(hidden, "row"));
        let at = rows[ROWS.0].at;
        rows.splice(ROWS.0..ROWS.0 + hidden, [Row { at, label, mark: Mark::Across, guilty: false }]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::sample::{event, events};
    use super::*;
    use crate::run::event::{About, Judgement};
    use rstest::rstest;

    /// A line for each row, as the diagram has it.
    fn sketch(sequence: &Sequence) -> String {
        let name = |lane: usize| sequence.lanes[lane].name.as_str();
        let rows = sequence.rows.iter().map(|row| {
            let mark = match row.mark {
                Mark::Arrow { from, to, kind } => format!("{} -> {} ({kind:?})", name(from), name(to)),
                Mark::Note(lane) => format!("at {}", name(lane)),
                Mark::End(lane) => format!("end of {}", name(lane)),
                Mark::Across => "across".to_owned(),
                Mark::Wrong => "wrong".to_owned(),
            };
            format!("{:?} {mark}: {}", row.at, row.label)
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    fn wrong(reason: &str) -> Judgement {
        Judgement {
            decides: vec!["x.y".to_owned()],
            held: false,
            about: About::Conduct,
            expected: String::new(),
            actual: String::new(),
            reason: reason.to_owned(),
            state: String::new(),
        }
    }

    #[test]
    fn a_peer_and_a_program() {
        insta::assert_snapshot!(sketch(&of(&events(), "", None).unwrap()));
    }

    #[rstest]
    #[case::before_the_verdict(Some(3), true, "3ms end of server: ✗ KeyError, line 9")]
    #[case::after_the_verdict(Some(6), true, "5ms end of server: ✗ KeyError, line 9")]
    #[case::of_a_thread(None, false, "5ms end of server: ✗ KeyError, line 9")]
    fn the_end_of_a_program(#[case] ends: Option<u64>, #[case] ended: bool, #[case] drawn: &str) {
        let report = crate::report::sample::stopped();
        let crash = Crash { ended, ..report.tasks[0].requirements[0].runs[0].crash.clone().unwrap() };
        let mut events = vec![
            event(0, "server", What::Started("python3 server.py".to_owned())),
            event(1, "alice", What::Connected(With::Actor("server".to_owned()))),
            event(4, "alice", What::EndReceived),
            event(5, "harness", What::Judged(wrong("alice received nothing"))),
        ];
        let end = ends.map(|at| event(at, "server", What::Ended("exit status 1".to_owned())));
        events.extend(end);
        events.sort_by_key(|event| event.at);
        let sketch = sketch(&of(&events, "", Some(Stop::Crash(&crash))).unwrap());
        assert_eq!(sketch.lines().filter(|line| line.contains("server: ✗")).collect::<Vec<_>>(), [drawn], "{sketch}");
        assert!(sketch.ends_with("wrong: alice received nothing"), "{sketch}");
    }

    #[test]
    fn two_programs_by_their_calls() {
        let events = [
            event(0, "server", What::Started("./server 5000".to_owned())),
            event(1, "server", What::Listening("0.0.0.0:5000".to_owned())),
            event(2, "client", What::Started("./client 127.0.0.1 5000".to_owned())),
        ];
        let record = "0.002000 s p1.0.0 connect fd 3 h0s5 127.0.0.1:5000 asked 0 = 0 after 20µs\n\
            0.002010 s p1.0.0 sendto fd 3 h0s5 asked 4096 = 1024 (cut from 4096)\n\
            0.002020 s p0.0.0 sendto fd 4 h0s4 asked 2 = errno 32\n";
        insta::assert_snapshot!(sketch(&of(&events, record, None).unwrap()), @"
        0ns at server: is started
        1ms at server: listens on 0.0.0.0:5000
        2ms at client: is started
        2ms client -> server (Control): connects
        2.01ms client -> server (Data): sends 1024 bytes of 4096, cut short
        2.02ms server -> client (Broken): ✗ send fails: EPIPE
        ");
    }

    #[test]
    fn long_runs_are_shortened() {
        let mut events = vec![event(0, "server", What::Started("./server".to_owned()))];
        let sent = |n: u64| event(n, "alice", What::Sent(Excerpt::of(b"x")));
        let typed = |n: u64| event(n, "server", What::Typed(Excerpt::of(b"y")));
        events.extend((1..500).flat_map(|n| [sent(n), typed(n)]));
        let sequence = of(&events, "", None).unwrap();
        assert_eq!(sequence.rows.len(), ROWS.0 + ROWS.1 + 1);
        assert!(sequence.rows[ROWS.0].label.contains("951 rows left out"), "{}", sequence.rows[ROWS.0].label);
        events.truncate(1);
        events.extend((1..500).map(sent));
        assert_eq!(of(&events, "", None).unwrap().rows.len(), 5);
    }

    #[test]
    fn a_crowd_is_thinned_out() {
        let mut events = vec![event(0, "server", What::Started("./server".to_owned()))];
        for n in 1..=20 {
            let who = format!("guest-{n}");
            events.push(event(n, &who, What::Connected(With::Actor("server".to_owned()))));
        }
        let wrong = wrong("guest-2's line did not come");
        events.push(event(21, "harness", What::Judged(wrong)));
        events.push(event(22, "guest-1", What::Closed));
        let sequence = of(&events, "", None).unwrap();
        let names: Vec<&str> = sequence.lanes.iter().map(|lane| lane.name.as_str()).collect();
        assert_eq!(names, ["guest-2", "guest-18", "server", "guest-19", "guest-20"]);
        assert_eq!(sequence.absent, 16);
        assert_eq!(sequence.rows.last().map(|row| &row.mark), Some(&Mark::Wrong));
    }

    #[test]
    fn where_a_run_parts_from_the_model() {
        let run = |reply: &str| {
            let received = event(3, "alice", What::Received(Excerpt::of(reply.as_bytes())));
            let events = [
                event(0, "server", What::Started("./server".to_owned())),
                event(1, "alice", What::Connected(With::Actor("server".to_owned()))),
                event(2, "alice", What::Sent(Excerpt::of(b"hi"))),
                received,
            ];
            of(&events, "", None).unwrap()
        };
        let (mut own, mut model) = (run("Hi"), run("HI"));
        part(&mut own, &mut model);
        let marked = |sequence: &Sequence| sequence.rows.iter().position(|row| row.guilty);
        assert_eq!((marked(&own), marked(&model), own.parts), (Some(3), Some(3), true));
        let (mut own, mut model) = (run("HI"), run("HI"));
        part(&mut own, &mut model);
        assert_eq!((marked(&own), marked(&model)), (None, None));
    }

    #[test]
    fn a_model_has_the_lanes_of_the_run_beside_it() {
        let run = |guests: std::ops::RangeInclusive<u64>| {
            let mut events = vec![event(0, "server", What::Started("./server".to_owned()))];
            events.extend(
                guests.map(|it| event(it, &format!("guest-{it}"), What::Connected(With::Actor("server".to_owned())))),
            );
            events
        };
        let own = of(&run(1..=4), "", None).unwrap();
        let model = of_model(&run(1..=9), Some(&own)).unwrap();
        assert_eq!(model.lanes, own.lanes);
    }

    #[test]
    fn nobody_took_part() {
        assert_eq!(of(&[], "", None), None);
    }
}
