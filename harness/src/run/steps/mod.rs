//! The steps, one file per family.

mod archive;
mod aside;
mod attached;
mod calls;
mod database;
mod dialogue;
mod expect;
mod folder;
mod http;
mod mail;
mod mailbox;
mod names;
mod peers;
mod pings;
mod programs;
mod receive;
mod refusal;
mod remote;
mod resources;
mod said;
mod send;
mod tls;
mod upload;
mod xmlrpc;

pub use database::Database;
pub use mail::Mailbox;
pub use mailbox::Session;
pub(super) use peers::HTTP;
pub use tls::Encryption;
pub use upload::Depot;

use super::{Director, Done, Halt};
use crate::run::event::{Difference, What};
use crate::run::stage::LinkChange;
use harness_language::scenario::model::{Link, Step};

impl Director {
    pub(super) async fn play_step(&mut self, step: &Step) -> Done {
        if let Some(name) = step.program()
            && !matches!(step, Step::Settle(_) | Step::ExpectAddress(_))
            && self.actors.programs_named(name).iter().any(|(_, actor)| actor.program.is_elsewhere())
        {
            return Err(Halt::skipped(format!("the {name} runs elsewhere: only its side of the network can be seen")));
        }
        match step {
            Step::Start(step) => self.start(step).await,
            Step::Type(step) => self.type_in(step).await,
            Step::EndInput(step) => self.end_input(step),
            Step::Signal(step) => self.signal(step),
            Step::Crash(step) => self.crash(step).await,
            Step::Restart(step) => self.restart(step).await,
            Step::Settle(step) => self.settle(step).await,
            Step::Listen(step) => self.listen(step).await,
            Step::Accept(step) => self.accept(step).await,
            Step::Connect(step) => self.connect(step).await,
            Step::Send(step) => self.send(step).await,
            Step::Receive(step) => self.receive(step).await,
            Step::HalfClose(step) => self.half_close(step).await,
            Step::Close(step) => self.close(step).await,
            Step::Reset(step) => self.reset(step),
            Step::StopListening(step) => self.stop_listening(step),
            Step::Stall(step) => self.stall(step).await,
            Step::AwaitRead(step) => self.await_read(step).await,
            Step::ExpectExit(step) => self.expect_exit(step).await,
            Step::ExpectRunning(step) => self.expect_running(step).await,
            Step::ExpectOutput(step) => self.expect_output(step).await,
            Step::ExpectComplaint(step) => self.expect_complaint(step).await,
            Step::ExpectClosed(step) => self.expect_closed(step).await,
            Step::ExpectToldApart(step) => self.expect_told_apart(step),
            Step::ExpectSilence(step) => self.expect_silence(step).await,
            Step::ExpectTurnedAway(step) => self.expect_turned_away(step).await,
            Step::ExpectFile(step) => self.expect_file(step).await,
            Step::ExpectNoFile(step) => self.expect_no_file(step).await,
            Step::AnswerPings(step) => self.answer_pings(step).await,
            Step::Ping(step) => self.ping(step).await,
            Step::ServeMail(step) => self.serve_mail(step).await,
            Step::ExpectDialogue(step) => self.expect_dialogue(step),
            Step::ExpectMail(step) => self.expect_mail(step),
            Step::ExpectRecipients(step) => self.expect_recipients(step),
            Step::ExpectAttachments(step) => self.expect_attachments(step),
            Step::ExpectArchive(step) => self.expect_archive(step),
            Step::ServeMailbox(step) => self.serve_mailbox(step).await,
            Step::ExpectSession(step) => self.expect_session(step),
            Step::ExpectTls(step) => self.expect_tls(step),
            Step::ServeFiles(step) => self.serve_files(step).await,
            Step::ExpectUpload(step) => self.expect_upload(step),
            Step::ExpectText(step) => self.expect_text(step).await,
            Step::ExpectRefusalTold(step) => self.expect_refusal_told(step).await,
            Step::ServeDatabase(step) => self.serve_database(step),
            Step::ExpectDatabase(step) => self.expect_database(step).await,
            Step::ServeNames(step) => self.serve_names(step).await,
            Step::ServeRemote(step) => self.serve_remote(step).await,
            Step::ExpectFigures(step) => self.expect_figures(step).await,
            Step::ExpectLogin(step) => self.expect_login(step).await,
            Step::LearnFunctions(step) => self.learn_functions(step).await,
            Step::ExpectInOrder(step) => self.expect_in_order(step).await,
            Step::ExpectLine(step) => self.expect_line(step).await,
            Step::ExpectSaysNo(step) => self.expect_says_no(step).await,
            Step::ExpectRoundTrips(step) => self.expect_round_trips(step).await,
            Step::ExpectStatistics(step) => self.expect_statistics(step).await,
            Step::ExpectPace(step) => self.expect_pace(step),
            Step::ExpectIdle(step) => self.expect_idle(step).await,
            Step::ExpectNotListening(step) => self.expect_not_listening(step).await,
            Step::ExpectAddress(step) => self.expect_address(step),
            Step::Measure(step) => self.measure(step).await,
            Step::ExpectGrowth(step) => self.expect_growth(step),
            Step::ExpectLinear(step) => self.expect_linear(step),
            Step::ExpectCallSizes(step) => self.expect_call_sizes(step),
            Step::ExpectIoModel(step) => self.expect_io_model(step),
            Step::Partition(link) => self.link(LinkChange::Partition, link),
            Step::Repair(link) => self.link(LinkChange::Repair, link),
            Step::Hold(link) => self.link(LinkChange::Hold, link),
            Step::Release(link) => self.link(LinkChange::Release, link),
            Step::Repeat(_) | Step::Perform(_) => {
                Err(Halt::Harness("a step that only holds other steps was played as one".to_owned()))
            }
        }
    }

    /// Notes where what came departs from what was expected, for whoever explains the failure.
    fn differed(&self, expected: &[u8], came: &[u8]) {
        if let Some(difference) = Difference::between(expected, came) {
            self.note("harness", What::Differed(difference));
        }
    }

    /// What the judged program was told for a placeholder. Who has it built in cannot be asked for another.
    fn told(&self, name: &str) -> Option<String> {
        self.value(name).ok().filter(|_| self.cast.takes(&self.scenario.role, name))
    }

    fn link(&mut self, change: LinkChange, link: &Link) -> Done {
        let [a, b] = &link.between;
        self.stage.link(change, &link.between).map_err(|error| Halt::skipped(error.to_string()))?;
        let text = match change {
            LinkChange::Partition => "packets are lost between",
            LinkChange::Repair => "packets pass again between",
            LinkChange::Hold => "packets are held between",
            LinkChange::Release => "held packets are delivered between",
        };
        self.note("network", What::Network(format!("{text} {a} and {b}")));
        Ok(())
    }
}
