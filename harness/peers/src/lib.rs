//! What the harness's peers speak, one file or folder per protocol. No input or output: bytes go in and come out, and the
//! steps of a run carry them.

pub mod archive;
pub mod aside;
pub mod attachment;
pub mod database;
pub mod dialogue;
pub mod dns;
pub mod ftp;
pub mod imap;
pub mod mailbox;
pub mod message;
pub mod pop3;
pub mod remote;
pub mod sasl;
pub mod smtp;
pub mod xmlrpc;
