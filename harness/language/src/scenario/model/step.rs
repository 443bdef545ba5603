//! The steps: one verb each.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Accept, AnswerPings, AwaitRead, Connect, ExpectAddress, ExpectCallSizes, ExpectClosed, ExpectComplaint, ExpectExit,
    ExpectFile, ExpectGrowth, ExpectIdle, ExpectIoModel, ExpectLinear, ExpectNoFile, ExpectNotListening, ExpectOutput,
    ExpectPace, ExpectRoundTrips, ExpectRunning, ExpectSilence, ExpectStatistics, ExpectToldApart, ExpectTurnedAway,
    Link, Listen, Measure, PeerRef, Ping, ProgramRef, Receive, Restart, Send, Settle, SignalStep, Stall, Start, Type,
};
use super::{ExpectArchive, ExpectAttachments, ExpectRecipients};
use super::{
    ExpectDatabase, ExpectDialogue, ExpectInOrder, ExpectLine, ExpectMail, ExpectRefusalTold, ExpectSaysNo,
    ExpectSession, ExpectText, ExpectTls, ExpectUpload, LearnFunctions, ServeDatabase, ServeFiles, ServeMail,
    ServeMailbox, ServeNames,
};
use super::{ExpectFigures, ExpectLogin, ServeRemote};

/// One step: exactly one key, the verb.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    // Programs
    /// Starts a program of the submission.
    Start(Start),
    /// Types bytes on a program's standard input.
    Type(Type),
    /// Ends a program's standard input.
    EndInput(ProgramRef),
    /// Sends a program a signal.
    Signal(SignalStep),
    /// Kills a program as a power cut would, and waits until it is gone.
    Crash(ProgramRef),
    /// Starts a crashed program again with the same command.
    Restart(Restart),
    /// Waits until a program has nothing left to do but wait for the network or its input.
    Settle(Settle),
    // Peers
    /// Opens a listening socket (TCP) or a bound socket (UDP) of a peer.
    Listen(Listen),
    /// Takes the next connection of a listening peer.
    Accept(Accept),
    /// Connects a peer, or a group of `count` peers, to a program.
    Connect(Connect),
    /// Sends bytes: a stream in segments, or one datagram.
    Send(Send),
    /// Receives bytes and judges them.
    Receive(Receive),
    /// Ends a peer's sending direction (FIN) and keeps receiving.
    HalfClose(PeerRef),
    /// Closes a peer's connection in the ordinary way.
    Close(PeerRef),
    /// Aborts a peer's connection (RST).
    Reset(PeerRef),
    /// Stops listening.
    StopListening(PeerRef),
    /// A peer does nothing for a while: neither reads nor writes.
    Stall(Stall),
    /// Waits until everything that a peer has sent was read by the program.
    AwaitRead(AwaitRead),
    /// A peer answers pings by a plan.
    AnswerPings(AnswerPings),
    /// Peers ping a server and judge who gets the replies.
    Ping(Ping),
    /// A peer with a connection takes mail.
    ServeMail(ServeMail),
    /// A peer with a connection keeps a mailbox that can be read.
    ServeMailbox(ServeMailbox),
    /// A peer with a connection takes files.
    ServeFiles(ServeFiles),
    /// A peer is the name server of the run.
    ServeNames(ServeNames),
    /// A listening peer is a machine that serves SSH.
    ServeRemote(ServeRemote),
    /// A listening peer is a database server.
    ServeDatabase(ServeDatabase),
    /// Finds out what a server calls its functions.
    LearnFunctions(LearnFunctions),
    // Expectations
    /// The program ends.
    ExpectExit(ExpectExit),
    /// The program is still running (and, where it is a server, still listening).
    ExpectRunning(ExpectRunning),
    /// The program has printed something.
    ExpectOutput(ExpectOutput),
    /// The program has said that something went wrong.
    ExpectComplaint(ExpectComplaint),
    /// The ends of two programs can be told apart.
    ExpectToldApart(ExpectToldApart),
    /// The program has closed a peer's connection.
    ExpectClosed(ExpectClosed),
    /// Nothing, or nothing of a kind, comes to a peer.
    ExpectSilence(ExpectSilence),
    /// A peer is turned away: refused, closed, or told so.
    ExpectTurnedAway(ExpectTurnedAway),
    /// A file appears in the program's working directory.
    ExpectFile(ExpectFile),
    /// No such file is in the program's working directory.
    ExpectNoFile(ExpectNoFile),
    /// The program has printed the round-trip times of its pings.
    ExpectRoundTrips(ExpectRoundTrips),
    /// The program has summed up its pings.
    ExpectStatistics(ExpectStatistics),
    /// The program waits about as long as it should for an answer.
    ExpectPace(ExpectPace),
    /// The program uses no processor time while it waits.
    ExpectIdle(ExpectIdle),
    /// The program does not listen.
    ExpectNotListening(ExpectNotListening),
    /// The program keeps to the address that it was given on the command line.
    ExpectAddress(ExpectAddress),
    /// Remembers what a program holds now: memory, descriptors, threads, processor time.
    Measure(Measure),
    /// What a program holds has not grown between two measurements.
    ExpectGrowth(ExpectGrowth),
    /// Processor time has grown in proportion to the work.
    ExpectLinear(ExpectLinear),
    /// No read or write on a socket asks for more than so many bytes (`sim` only).
    ExpectCallSizes(ExpectCallSizes),
    /// The program waits for its sockets in a certain way (`sim` only).
    ExpectIoModel(ExpectIoModel),
    /// The dialogue with a peer that took mail was as it should be.
    ExpectDialogue(ExpectDialogue),
    /// The message that a peer took is as it should be.
    ExpectMail(ExpectMail),
    /// Everybody who was to get the message has got it.
    ExpectRecipients(ExpectRecipients),
    /// The message that a peer took has the files with it that were to be attached.
    ExpectAttachments(ExpectAttachments),
    /// The message that a peer took has an archive with it.
    ExpectArchive(ExpectArchive),
    /// The session with a peer that keeps a mailbox was as it should be.
    ExpectSession(ExpectSession),
    /// What a peer that takes files was handed is as it should be.
    ExpectUpload(ExpectUpload),
    /// What is in the database, and was shown of it, is as it should be.
    ExpectDatabase(ExpectDatabase),
    /// The program says that the peer has refused: a mail, a login, or a file.
    ExpectRefusalTold(ExpectRefusalTold),
    /// The program speaks TLS.
    ExpectTls(ExpectTls),
    /// The program has shown a text of several lines.
    ExpectText(ExpectText),
    /// The program has printed a line with a certain end.
    ExpectLine(ExpectLine),
    /// The program has printed some texts in order.
    ExpectInOrder(ExpectInOrder),
    /// The program says that there is none, or that it does not work.
    ExpectSaysNo(ExpectSaysNo),
    /// The program has printed figures of a machine that serves SSH.
    ExpectFigures(ExpectFigures),
    /// The program was let in, was refused, or did not trust the machine.
    ExpectLogin(ExpectLogin),
    // Network
    /// Packets between two actors are lost.
    Partition(Link),
    /// Ends a partition.
    Repair(Link),
    /// Packets between two actors are held back.
    Hold(Link),
    /// Delivers what was held.
    Release(Link),
    // Structure
    /// Plays a shared opening.
    Perform(Perform),
    /// Plays steps several times.
    Repeat(Repeat),
}

impl Step {
    /// The requirements that a step decides by itself, where it can.
    pub fn decides(&self) -> &[String] {
        match self {
            Self::Restart(Restart { decides, .. })
            | Self::Accept(Accept { decides, .. })
            | Self::Connect(Connect { decides, .. })
            | Self::Receive(Receive { decides, .. })
            | Self::AwaitRead(AwaitRead { decides, .. })
            | Self::ExpectExit(ExpectExit { decides, .. })
            | Self::ExpectRunning(ExpectRunning { decides, .. })
            | Self::ExpectOutput(ExpectOutput { decides, .. })
            | Self::ExpectComplaint(ExpectComplaint { decides, .. })
            | Self::ExpectClosed(ExpectClosed { decides, .. })
            | Self::ExpectIdle(ExpectIdle { decides, .. })
            | Self::ExpectNotListening(ExpectNotListening { decides, .. })
            | Self::ExpectAddress(ExpectAddress { decides, .. })
            | Self::ExpectGrowth(ExpectGrowth { decides, .. })
            | Self::Ping(Ping { decides, .. })
            | Self::AnswerPings(AnswerPings { decides, .. })
            | Self::ExpectSilence(ExpectSilence { decides, .. })
            | Self::ExpectTurnedAway(ExpectTurnedAway { decides, .. })
            | Self::ExpectFile(ExpectFile { decides, .. })
            | Self::ExpectNoFile(ExpectNoFile { decides, .. })
            | Self::ExpectRoundTrips(ExpectRoundTrips { decides, .. })
            | Self::ExpectStatistics(ExpectStatistics { decides, .. })
            | Self::ExpectPace(ExpectPace { decides, .. })
            | Self::ExpectToldApart(ExpectToldApart { decides, .. })
            | Self::ExpectCallSizes(ExpectCallSizes { decides, .. })
            | Self::ExpectIoModel(ExpectIoModel { decides, .. })
            | Self::ExpectDialogue(ExpectDialogue { decides, .. })
            | Self::ExpectMail(ExpectMail { decides, .. })
            | Self::ExpectRecipients(ExpectRecipients { decides, .. })
            | Self::ExpectAttachments(ExpectAttachments { decides, .. })
            | Self::ExpectArchive(ExpectArchive { decides, .. })
            | Self::ExpectSession(ExpectSession { decides, .. })
            | Self::ExpectUpload(ExpectUpload { decides, .. })
            | Self::ExpectDatabase(ExpectDatabase { decides, .. })
            | Self::ExpectText(ExpectText { decides, .. })
            | Self::ExpectTls(ExpectTls { decides, .. })
            | Self::ExpectRefusalTold(ExpectRefusalTold { decides, .. })
            | Self::ExpectInOrder(ExpectInOrder { decides, .. })
            | Self::ExpectLine(ExpectLine { decides, .. })
            | Self::ExpectSaysNo(ExpectSaysNo { decides, .. })
            | Self::ExpectFigures(ExpectFigures { decides, .. })
            | Self::ExpectLogin(ExpectLogin { decides, .. })
            | Self::ExpectLinear(ExpectLinear { decides, .. }) => decides,
            _ => &[],
        }
    }

    /// The same, to be rewritten.
    pub fn decides_mut(&mut self) -> Option<&mut Vec<String>> {
        match self {
            Self::Restart(Restart { decides, .. })
            | Self::Accept(Accept { decides, .. })
            | Self::Connect(Connect { decides, .. })
            | Self::Receive(Receive { decides, .. })
            | Self::AwaitRead(AwaitRead { decides, .. })
            | Self::ExpectExit(ExpectExit { decides, .. })
            | Self::ExpectRunning(ExpectRunning { decides, .. })
            | Self::ExpectOutput(ExpectOutput { decides, .. })
            | Self::ExpectComplaint(ExpectComplaint { decides, .. })
            | Self::ExpectClosed(ExpectClosed { decides, .. })
            | Self::ExpectIdle(ExpectIdle { decides, .. })
            | Self::ExpectNotListening(ExpectNotListening { decides, .. })
            | Self::ExpectAddress(ExpectAddress { decides, .. })
            | Self::ExpectGrowth(ExpectGrowth { decides, .. })
            | Self::Ping(Ping { decides, .. })
            | Self::AnswerPings(AnswerPings { decides, .. })
            | Self::ExpectSilence(ExpectSilence { decides, .. })
            | Self::ExpectTurnedAway(ExpectTurnedAway { decides, .. })
            | Self::ExpectFile(ExpectFile { decides, .. })
            | Self::ExpectNoFile(ExpectNoFile { decides, .. })
            | Self::ExpectRoundTrips(ExpectRoundTrips { decides, .. })
            | Self::ExpectStatistics(ExpectStatistics { decides, .. })
            | Self::ExpectPace(ExpectPace { decides, .. })
            | Self::ExpectToldApart(ExpectToldApart { decides, .. })
            | Self::ExpectCallSizes(ExpectCallSizes { decides, .. })
            | Self::ExpectIoModel(ExpectIoModel { decides, .. })
            | Self::ExpectDialogue(ExpectDialogue { decides, .. })
            | Self::ExpectMail(ExpectMail { decides, .. })
            | Self::ExpectRecipients(ExpectRecipients { decides, .. })
            | Self::ExpectAttachments(ExpectAttachments { decides, .. })
            | Self::ExpectArchive(ExpectArchive { decides, .. })
            | Self::ExpectSession(ExpectSession { decides, .. })
            | Self::ExpectUpload(ExpectUpload { decides, .. })
            | Self::ExpectDatabase(ExpectDatabase { decides, .. })
            | Self::ExpectText(ExpectText { decides, .. })
            | Self::ExpectTls(ExpectTls { decides, .. })
            | Self::ExpectRefusalTold(ExpectRefusalTold { decides, .. })
            | Self::ExpectInOrder(ExpectInOrder { decides, .. })
            | Self::ExpectLine(ExpectLine { decides, .. })
            | Self::ExpectSaysNo(ExpectSaysNo { decides, .. })
            | Self::ExpectFigures(ExpectFigures { decides, .. })
            | Self::ExpectLogin(ExpectLogin { decides, .. })
            | Self::ExpectLinear(ExpectLinear { decides, .. }) => Some(decides),
            _ => None,
        }
    }

    /// Why the run is skipped instead of failed where this step does not come out.
    pub fn or_skip(&self) -> Option<&str> {
        match self {
            Self::Accept(Accept { or_skip, .. })
            | Self::Receive(Receive { or_skip, .. })
            | Self::ExpectTls(ExpectTls { or_skip, .. })
            | Self::ExpectExit(ExpectExit { or_skip, .. })
            | Self::ExpectOutput(ExpectOutput { or_skip, .. }) => or_skip.as_deref(),
            _ => None,
        }
    }

    /// The running program that a step is about (`start` brings a new one and is about none).
    pub fn program(&self) -> Option<&str> {
        match self {
            Self::Type(Type { program, .. })
            | Self::EndInput(ProgramRef { program })
            | Self::Crash(ProgramRef { program })
            | Self::Signal(SignalStep { program, .. })
            | Self::Restart(Restart { program, .. })
            | Self::Settle(Settle { program, .. })
            | Self::ExpectExit(ExpectExit { program, .. })
            | Self::ExpectRunning(ExpectRunning { program, .. })
            | Self::ExpectOutput(ExpectOutput { program, .. })
            | Self::ExpectComplaint(ExpectComplaint { program, .. })
            | Self::ExpectIdle(ExpectIdle { program, .. })
            | Self::ExpectNotListening(ExpectNotListening { program, .. })
            | Self::ExpectAddress(ExpectAddress { program, .. })
            | Self::ExpectFile(ExpectFile { program, .. })
            | Self::ExpectNoFile(ExpectNoFile { program, .. })
            | Self::ExpectRoundTrips(ExpectRoundTrips { program, .. })
            | Self::ExpectStatistics(ExpectStatistics { program, .. })
            | Self::ExpectCallSizes(ExpectCallSizes { program, .. })
            | Self::ExpectIoModel(ExpectIoModel { program, .. })
            | Self::ExpectInOrder(ExpectInOrder { program, .. })
            | Self::ExpectText(ExpectText { program, .. })
            | Self::ExpectLine(ExpectLine { program, .. })
            | Self::ExpectRefusalTold(ExpectRefusalTold { program, .. })
            | Self::ExpectSaysNo(ExpectSaysNo { program, .. })
            | Self::ExpectFigures(ExpectFigures { program, .. })
            | Self::ExpectLogin(ExpectLogin { program, .. })
            | Self::ExpectDatabase(ExpectDatabase { program, .. })
            | Self::LearnFunctions(LearnFunctions { program, .. })
            | Self::Measure(Measure { program, .. }) => Some(program),
            _ => None,
        }
    }

    /// The peer that a step is about (`listen`, `accept` and `connect` bring new ones).
    pub fn peer(&self) -> Option<&str> {
        match self {
            Self::Send(Send { peer, .. })
            | Self::Receive(Receive { peer, .. })
            | Self::HalfClose(PeerRef { peer })
            | Self::Close(PeerRef { peer })
            | Self::Reset(PeerRef { peer })
            | Self::StopListening(PeerRef { peer })
            | Self::Stall(Stall { peer, .. })
            | Self::AwaitRead(AwaitRead { peer, .. })
            | Self::AnswerPings(AnswerPings { peer, .. })
            | Self::Ping(Ping { peer, .. })
            | Self::ExpectSilence(ExpectSilence { peer, .. })
            | Self::ExpectTurnedAway(ExpectTurnedAway { peer, .. })
            | Self::ExpectRoundTrips(ExpectRoundTrips { peer, .. })
            | Self::ExpectStatistics(ExpectStatistics { peer, .. })
            | Self::ExpectPace(ExpectPace { peer, .. })
            | Self::ServeMail(ServeMail { peer, .. })
            | Self::ServeMailbox(ServeMailbox { peer, .. })
            | Self::ServeRemote(ServeRemote { peer, .. })
            | Self::ExpectFigures(ExpectFigures { peer, .. })
            | Self::ExpectLogin(ExpectLogin { peer, .. })
            | Self::ExpectSession(ExpectSession { peer, .. })
            | Self::ExpectTls(ExpectTls { peer, .. })
            | Self::ServeFiles(ServeFiles { peer, .. })
            | Self::ExpectUpload(ExpectUpload { peer, .. })
            | Self::ServeDatabase(ServeDatabase { peer, .. })
            | Self::ExpectDatabase(ExpectDatabase { peer, .. })
            | Self::ExpectDialogue(ExpectDialogue { peer, .. })
            | Self::ExpectMail(ExpectMail { peer, .. })
            | Self::ExpectRecipients(ExpectRecipients { peer, .. })
            | Self::ExpectAttachments(ExpectAttachments { peer, .. })
            | Self::ExpectArchive(ExpectArchive { peer, .. })
            | Self::ExpectRefusalTold(ExpectRefusalTold { peer, .. })
            | Self::ExpectClosed(ExpectClosed { peer, .. }) => Some(peer),
            _ => None,
        }
    }
}

/// Plays an opening.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Perform {
    /// The opening: `openings/NAME.toml` of the task, else of `common`.
    pub opening: String,
    /// Values of its parameters.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub with: BTreeMap<String, toml::Value>,
}

/// Plays steps several times.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Repeat {
    /// How often.
    pub times: u32,
    /// The steps.
    pub steps: Vec<Step>,
}
