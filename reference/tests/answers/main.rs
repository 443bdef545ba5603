//! The model answers, run as the harness runs them: on real loopback sockets and on a simulated network.

#![allow(clippy::unwrap_used)]

mod calculator;
mod chat_direct;
mod chat_room;
mod command_line;
mod dual_stack;
mod echo_commands;
mod echo_select;
mod ftp_upload;
mod http;
mod lines;
mod list_interfaces;
mod mail_attach;
mod mail_client;
mod mail_read_imap;
mod mail_read_pop3;
mod mail_server;
mod mail_tls;
mod message;
mod mx_lookup;
mod mysql_students;
mod password;
mod port_forward;
mod ssh_stats;
mod support;
mod udp_pinger;
mod uppercase_tcp;
mod uppercase_udp;
mod wait_for_service;
mod web_proxy;
mod web_server;
mod web_text;
mod xmlrpc;
