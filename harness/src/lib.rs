//! The harness: grades socket programs in any language against the lab sheets.
//!
//! Data flows one way: files → [`harness_language`] → [`submission`] → [`run`] on a
//! stage ([`wire`], [`simulated`], [`in_process`]) → events → [`harness_verdict`] → [`report`]; [`grade`] leads through all of it.

// `println!` and `eprintln!` panic where nobody can read them: `cli::term` writes instead.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod answers;
pub mod calls;
pub mod capture;
pub mod class;
pub mod cli;
pub mod compare;
pub mod crash;
pub mod diagnose;
pub mod grade;
#[cfg(feature = "answers")]
pub mod in_process;
pub mod interop;
pub mod lab;
pub mod machine;
pub mod package;
pub mod report;
mod resolver;
pub mod run;
pub mod sandbox;
pub mod simulated;
pub mod starter;
pub mod strangers;
pub mod submission;
pub mod tls;
pub mod truth;
pub mod wire;
