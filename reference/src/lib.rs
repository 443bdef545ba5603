//! Model answers to the lab tasks, written to be read after the deadline.
//!
//! One folder per task, one file per role. Start with a task's `mod.rs`: it says what the lab asks for and what to
//! look at. The rest of the crate is what the answers share: the ways to serve many clients ([`threads`],
//! [`readiness`]) and to speak while listening ([`dialogue`]), the [`calculator`] behind three servers, [`lines`],
//! [`sentence`], [`http`], [`browser`] and [`xml`], [`arguments`] and [`failure`], and [`network`], the seam through which the asynchronous answers meet
//! either real sockets or a simulated network.
//!
//! This file owns the list of programs and how each is started; it never contains a task's protocol.

use std::future::Future;
use std::io::Write;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::task::LocalSet;

use failure::Failure;
use network::{Tokio, Turmoil};

pub mod arguments;
pub mod browser;
pub mod calc_select;
pub mod calc_single;
pub mod calc_threads;
pub mod calculator;
pub mod chat_direct;
pub mod chat_room;
pub mod descriptors;
pub mod dialogue;
pub mod dual_stack;
pub mod echo_commands;
pub mod echo_select;
pub mod failure;
pub mod ftp_upload;
pub mod http;
pub mod lines;
pub mod list_interfaces;
pub mod mail_archive;
pub mod mail_attach;
pub mod mail_client;
pub mod mail_read_imap;
pub mod mail_read_pop3;
pub mod mail_server;
pub mod mail_tls;
pub mod message;
pub mod mx_lookup;
pub mod mysql_students;
pub mod network;
pub mod password;
pub mod port_forward;
pub mod readiness;
pub mod sentence;
pub mod ssh_stats;
pub mod threads;
pub mod udp_pinger;
pub mod uppercase_tcp;
pub mod uppercase_udp;
pub mod wait_for_service;
pub mod web_proxy;
pub mod web_server;
pub mod web_text;
pub mod xml;
pub mod xmlrpc_auth;
pub mod xmlrpc_server;

/// Stands in every binary that has the model answers in it, so that nobody gives one out without knowing.
pub static MARK: &str = "HARNESS HAS MODEL ANSWERS";

/// One model answer: a role in a task.
#[derive(Debug)]
pub struct Program {
    /// The task's id, such as `uppercase-tcp`.
    pub task: &'static str,
    /// The role's id: the first word of the task's command, such as `server`.
    pub role: &'static str,
    /// The command line, as the usage line prints it.
    pub usage: &'static str,
    body: Body,
}

impl Program {
    /// Whether it can run inside another process: programs that block need one of their own.
    pub fn runs_in_process(&self) -> bool {
        matches!(self.body, Body::Async { .. })
    }
}

/// The standard streams of a program that runs inside another process.
pub struct Io {
    /// Read where a program of its own would read standard input.
    pub stdin: Pin<Box<dyn AsyncRead>>,
    /// Gets the program's results and nothing else.
    pub stdout: Pin<Box<dyn AsyncWrite>>,
    /// Gets usage and error messages.
    pub stderr: Pin<Box<dyn AsyncWrite>>,
}

type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
type AsyncBody = for<'a> fn(&'a [String], &'a mut Io) -> LocalFuture<'a, Result<(), Failure>>;

/// How a program is written decides where it can run.
#[derive(Debug)]
enum Body {
    /// Blocking calls on the real network and the process's own streams.
    Blocking(fn(&[String]) -> Result<(), Failure>),
    /// One text, compiled once for each network.
    Async { tokio: AsyncBody, turmoil: AsyncBody },
}

/// An asynchronous program for every network: `$run` is generic over [`network::Network`].
macro_rules! on_any_network {
    ($run:path) => {
        Body::Async {
            tokio: |arguments, io| Box::pin($run(Tokio, arguments, io)),
            turmoil: |arguments, io| Box::pin($run(Turmoil, arguments, io)),
        }
    };
}

/// Every program, in the order of the catalogue. A new task adds its rows here and nowhere else.
static PROGRAMS: &[Program] = &[
    Program { task: "message", role: "server", usage: "server PORT", body: Body::Blocking(message::server::run) },
    Program {
        task: "message",
        role: "client",
        usage: "client HOST PORT < FILE",
        body: Body::Blocking(message::client::run),
    },
    Program {
        task: "uppercase-tcp",
        role: "server",
        usage: "server PORT",
        body: on_any_network!(uppercase_tcp::server::run),
    },
    Program {
        task: "uppercase-tcp",
        role: "client",
        usage: "client HOST PORT",
        body: on_any_network!(uppercase_tcp::client::run),
    },
    Program {
        task: "uppercase-udp",
        role: "server",
        usage: "server PORT",
        body: on_any_network!(uppercase_udp::server::run),
    },
    Program {
        task: "uppercase-udp",
        role: "client",
        usage: "client HOST PORT",
        body: on_any_network!(uppercase_udp::client::run),
    },
    Program {
        task: "echo-commands",
        role: "server",
        usage: "server --port PORT",
        body: Body::Blocking(echo_commands::server::run),
    },
    Program {
        task: "echo-commands",
        role: "client",
        usage: "client --ip HOST --port PORT",
        body: Body::Blocking(echo_commands::client::run),
    },
    Program {
        task: "dual-stack",
        role: "server",
        usage: "server --port PORT",
        body: Body::Blocking(dual_stack::server::run),
    },
    Program {
        task: "dual-stack",
        role: "client",
        usage: "client --ip HOST --port PORT",
        body: Body::Blocking(dual_stack::client::run),
    },
    Program {
        task: "password",
        role: "server",
        usage: "server PORT PASSWORD",
        body: Body::Blocking(password::server::run),
    },
    Program {
        task: "password",
        role: "client",
        usage: "client HOST PORT",
        body: Body::Blocking(password::client::run),
    },
    Program {
        task: "calc-single",
        role: "server",
        usage: "server HOST PORT",
        body: Body::Blocking(calc_single::server::run),
    },
    Program {
        task: "calc-single",
        role: "client",
        usage: "client HOST PORT",
        body: Body::Blocking(calculator::client::run),
    },
    Program {
        task: "calc-threads",
        role: "server",
        usage: "server HOST PORT",
        body: Body::Blocking(calc_threads::server::run),
    },
    Program {
        task: "calc-threads",
        role: "client",
        usage: "client HOST PORT",
        body: Body::Blocking(calculator::client::run),
    },
    Program {
        task: "calc-select",
        role: "server",
        usage: "server HOST PORT",
        body: Body::Blocking(calc_select::server::run),
    },
    Program {
        task: "calc-select",
        role: "client",
        usage: "client HOST PORT",
        body: Body::Blocking(calculator::client::run),
    },
    Program {
        task: "echo-select",
        role: "server",
        usage: "server HOST PORT",
        body: Body::Blocking(echo_select::server::run),
    },
    Program {
        task: "echo-select",
        role: "client",
        usage: "client HOST PORT",
        body: Body::Blocking(echo_select::client::run),
    },
    Program {
        task: "chat-direct",
        role: "server",
        usage: "server --ip HOST --port PORT",
        body: Body::Blocking(chat_direct::server::run),
    },
    Program {
        task: "chat-direct",
        role: "client",
        usage: "client --ip HOST --port PORT --username NAME",
        body: Body::Blocking(chat_direct::client::run),
    },
    Program { task: "chat-room", role: "server", usage: "server PORT", body: on_any_network!(chat_room::server::run) },
    Program {
        task: "chat-room",
        role: "client",
        usage: "client HOST PORT NAME",
        body: on_any_network!(chat_room::client::run),
    },
    Program {
        task: "udp-pinger",
        role: "server",
        usage: "server PORT",
        body: on_any_network!(udp_pinger::server::run),
    },
    Program {
        task: "udp-pinger",
        role: "client",
        usage: "client HOST PORT",
        body: on_any_network!(udp_pinger::client::run),
    },
    Program { task: "web-server", role: "server", usage: "server PORT", body: Body::Blocking(web_server::server::run) },
    Program { task: "web-proxy", role: "proxy", usage: "proxy PORT", body: Body::Blocking(web_proxy::proxy::run) },
    Program { task: "web-text", role: "server", usage: "server PORT", body: on_any_network!(web_text::server::run) },
    Program {
        task: "port-forward",
        role: "forward",
        usage: "forward LOCAL-PORT HOST PORT",
        body: on_any_network!(port_forward::forward::run),
    },
    Program {
        task: "wait-for-service",
        role: "wait",
        usage: "wait HOST PORT [SECONDS]",
        body: Body::Blocking(wait_for_service::wait::run),
    },
    Program {
        task: "list-interfaces",
        role: "interfaces",
        usage: "interfaces",
        body: Body::Blocking(list_interfaces::interfaces::run),
    },
    Program {
        task: "mx-lookup",
        role: "mxinfo",
        usage: "mxinfo ADDRESS",
        body: Body::Blocking(mx_lookup::mxinfo::run),
    },
    Program {
        task: "ftp-upload",
        role: "upload",
        usage: "upload HOST PORT USER PASSWORD FILE",
        body: Body::Blocking(ftp_upload::upload::run),
    },
    Program {
        task: "ssh-stats",
        role: "sshstats",
        usage: "sshstats HOST PORT USER",
        body: Body::Blocking(ssh_stats::sshstats::run),
    },
    Program {
        task: "mysql-students",
        role: "students",
        usage: "students HOST PORT USER PASSWORD < NAMES",
        body: Body::Blocking(mysql_students::students::run),
    },
    Program {
        task: "xmlrpc-server",
        role: "server",
        usage: "server PORT",
        body: Body::Blocking(xmlrpc_server::server::run),
    },
    Program {
        task: "xmlrpc-auth",
        role: "server",
        usage: "server PORT USER PASSWORD",
        body: Body::Blocking(xmlrpc_auth::server::run),
    },
    Program {
        task: "mail-client",
        role: "mail",
        usage: "mail HOST PORT FROM TO [SUBJECT] < FILE",
        body: Body::Blocking(mail_client::mail::run),
    },
    Program {
        task: "mail-tls",
        role: "mail",
        usage: "mail HOST PORT FROM TO USER PASSWORD < FILE",
        body: Body::Blocking(mail_tls::mail::run),
    },
    Program {
        task: "mail-attach",
        role: "mail",
        usage: "mail HOST PORT FROM TO[,TO...] FILE... < TEXT",
        body: Body::Blocking(mail_attach::mail::run),
    },
    Program {
        task: "mail-archive",
        role: "mail",
        usage: "mail HOST PORT FROM TO",
        body: Body::Blocking(mail_archive::mail::run),
    },
    Program {
        task: "mail-server",
        role: "server",
        usage: "server PORT",
        body: Body::Blocking(mail_server::server::run),
    },
    Program {
        task: "mail-read-imap",
        role: "read",
        usage: "read HOST PORT USER PASSWORD",
        body: Body::Blocking(mail_read_imap::read::run),
    },
    Program {
        task: "mail-read-pop3",
        role: "read",
        usage: "read HOST PORT USER PASSWORD",
        body: Body::Blocking(mail_read_pop3::read::run),
    },
];

/// All model answers, in the order of the catalogue.
pub fn programs() -> &'static [Program] {
    PROGRAMS
}

fn find(task: &str, role: &str) -> Option<&'static Program> {
    PROGRAMS.iter().find(|program| program.task == task && program.role == role)
}

/// Runs a program on the real network and on this process's standard streams, and returns its exit status:
/// 0 success, 1 it could not do its work, 2 bad arguments. `None` if there is no such program.
///
/// Blocks until the program ends, and most servers never do. Must not be called from asynchronous code, because the
/// asynchronous programs get a runtime of their own here.
pub fn run(task: &str, role: &str, args: &[String]) -> Option<u8> {
    // Said to be used, so that it is linked.
    std::hint::black_box(MARK);
    let program = find(task, role)?;
    descriptors::allow_many();
    let body = match program.body {
        Body::Blocking(body) => {
            let outcome = body(args);
            if let Some(message) = program.complaint(&outcome) {
                // Nobody is left to tell when standard error is closed too.
                let _ = std::io::stderr().write_all(message.as_bytes());
            }
            return Some(status(&outcome));
        }
        Body::Async { tokio, .. } => tokio,
    };
    // One thread is plenty: these programs wait nearly all the time, and tasks that take turns on one thread need no
    // locks.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}: cannot start: {error}", program.role);
            return Some(1);
        }
    };
    let io = Io {
        stdin: Box::pin(tokio::io::stdin()),
        stdout: Box::pin(tokio::io::stdout()),
        stderr: Box::pin(tokio::io::stderr()),
    };
    let status = LocalSet::new().block_on(&runtime, program.run_async(body, args.to_vec(), io));
    // Standard input is read by a helper thread that may be waiting for a line nobody will type: do not wait for it.
    runtime.shutdown_background();
    Some(status)
}

/// A program as a future, to be awaited on a host of a [`turmoil::Sim`]; it ends with the exit status. `None` if there
/// is no such program, or if the program makes blocking calls and so cannot share a thread with its peers.
///
/// The simulation must use IPv4, which is turmoil's default: see [`Turmoil`]. Dropping the future stops the program.
pub fn run_on_turmoil(task: &str, role: &str, args: Vec<String>, io: Io) -> Option<Pin<Box<dyn Future<Output = u8>>>> {
    let program = find(task, role)?;
    match program.body {
        Body::Blocking(_) => None,
        Body::Async { turmoil, .. } => Some(Box::pin(program.run_async(turmoil, args, io))),
    }
}

impl Program {
    async fn run_async(&self, body: AsyncBody, args: Vec<String>, mut io: Io) -> u8 {
        let outcome = body(&args, &mut io).await;
        if let Some(message) = self.complaint(&outcome) {
            let _ = io.stderr.write_all(message.as_bytes()).await;
            let _ = io.stderr.flush().await;
        }
        status(&outcome)
    }

    /// The one line that standard error gets, if the outcome deserves one.
    fn complaint(&self, outcome: &Result<(), Failure>) -> Option<String> {
        match outcome {
            Err(failure) if failure.is_quiet() => None,
            Err(Failure::Arguments(wrong)) => Some(format!("usage: {} ({wrong})\n", self.usage)),
            Err(failure) => Some(format!("{}: {failure}\n", self.role)),
            Ok(()) => None,
        }
    }
}

fn status(outcome: &Result<(), Failure>) -> u8 {
    outcome.as_ref().map_or_else(Failure::status, |()| 0)
}
