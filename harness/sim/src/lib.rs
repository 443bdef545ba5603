//! Unmodified programs on a deterministic simulated network, in virtual time.
//!
//! A [`Simulation`] starts real programs under a system call filter and answers their network, readiness, time
//! and futex calls itself. Its clock moves only when every thread of every program waits and no peer can run, so
//! a time-out of a second costs no second and the same seed gives the same run. Peers are async Rust over the
//! types of [`net`], with tokio's timers on the same clock.
//!
//! # What makes such a simulation go wrong, and the test that shows how it is handled
//!
//! In `tests/traps.rs` unless another file is named.
//!
//! | trap | test |
//! |---|---|
//! | asleep in the real kernel is not idle: a full pipe, a helper, a disk | `asleep_is_not_idle_…` (3), `helpers_run_and_sleep_in_virtual_time` (pairs) |
//! | a program that computes | `computing_costs_no_virtual_time`, `a_program_that_computes_for_ever_is_ended_by_its_budget` |
//! | a loop that gets nowhere | `a_loop_over_a_call_that_gets_nowhere_costs_virtual_time`, `a_loop_that_polls_the_clock_ends` (pairs) |
//! | descriptors for `select` and for thousands | `descriptors_of_900_sockets_fit_into_a_set_of_select`, `descriptors_of_2000_connections` |
//! | programs that ask who they are: interfaces by netlink, `ioctl`, `/proc/net` | every test of `tests/interfaces.rs`, compared with a network namespace that has the same |
//! | a descriptor by other roads | `a_descriptor_means_the_same_after_dup_fork_and_exec`, `local_sockets_pass` (passed over a local socket) |
//! | localhost: one's own listener first, then the peer | `localhost_is_a_programs_own_listener_first_and_then_its_peer` |
//! | built-in addresses and names | `a_built_in_address_leads_to_the_peer`, `names_of_hosts_are_found`, `resolvers_find_the_names_of_a_run`, `dig_finds_…` (pairs) |
//! | nothing may reach the real network | `nothing_reaches_the_real_network` |
//! | reads short at will | `curl_fetches_a_file_from_pythons_server_with_every_read_short` (pairs) |
//! | clocks of peers, and of locks beside sockets | `a_peers_timers_are_on_the_runs_clock`, `time_outs_of_a_lock_are_in_the_same_time_as_those_of_a_socket` |
//! | certificates are valid at a date | `the_date_is_fixed` |
//! | a terminal is one, and EIO its end | `a_terminal_is_one_and_its_end_is_an_end` |
//! | helpers are not the program's own processes | `helpers_are_told_from_the_program_itself` |
//! | memory is the program's, not its parent's | `memory_is_the_programs_own` |
//! | a signal is pending before it is taken | `a_signal_is_taken_before_time_goes_on`, `a_childs_end_breaks_off_its_parents_wait`, `alarms_fire_on_time` (pairs) |
//! | a thread says that it sleeps before it does; a process outlives its first thread | `a_shell_that_waits_for_children_with_threads_gets_to_its_end`, `a_process_is_dead_when_its_last_thread_has_ended` |
//! | io_uring, and calls that nobody knows | `io_uring_is_refused_and_unknown_calls_are_reported` |
//! | the model deviates from Linux | `corner_cases_look_as_they_do_natively` (pairs), every test of `tests/parity.rs`: the same program natively and simulated |
//! | a wait that names its own signals, and the time that is left of one | `masks_of_a_wait_are_in_force_during_it`, `timers_and_times_that_are_left` (parity) |
//! | a broken connection's error and signal come together | `writes_into_a_broken_connection` (parity) |
//! | a port that several have, or that a connection has left | `ports_that_are_shared_and_left` (parity) |
//! | an address that is everybody's, and one that is nobody's | `datagrams_to_everybody`, `connections_to_where_nobody_answers` (parity) |
//! | loss, duplicates, other orders, small packets, a crash | every test of `tests/faults.rs` |
//! | threads and processes race with who made them | `who_makes_a_thread_or_a_process_comes_to_rest_before_that_begins` |
//! | machine load reaches the run | every test of `tests/languages.rs`, `one_seed_is_one_trace_under_load` (pairs) |
//! | less is allowed: no root, a user namespace, Docker's rules | every test of `tests/places.rs` |
//!
//! Not simulated: `/sys/class/net` and the files of `/proc/net` that list no interfaces (a program that reads the table of
//! connections sees the machine's), raw `rdtsc`, and a mask of `ppoll`, `pselect` or `epoll_pwait` that blocks
//! more than outside: a signal comes early then.
//!
//! Owns the simulation. It never touches the kernel interface directly: that is `harness_os::trap`.

#![forbid(unsafe_code)]

mod address;
mod calls;
mod config;
mod datagrams;
mod delivery;
mod descriptors;
mod driver;
mod error;
mod handle;
mod hosts;
mod insight;
mod interfaces;
mod launch;
mod names;
pub mod net;
mod netlink;
mod network;
mod opening;
mod packet;
mod ports;
mod process;
mod quiescence;
mod random;
mod record;
mod schedule;
mod signals;
mod simulation;
mod sockets;
mod streams;
mod time;
mod trace;
mod turmoil;
mod wire;
mod world;

pub use config::{Config, DatagramFaults};
pub use error::{Blocked, SimError};
pub use handle::{Exit, Handle, HostId, ProgramId, Stream};
pub use harness_os::trap::Sys;
pub use insight::Outlook;
pub use launch::{Launch, Stdio};
pub use network::{Arrival, ConnectionId, ListenerId, Received, Stage, TcpModel};
pub use packet::{Datagram, Flags, Packet, Payload, Segment};
pub use record::{CallRecord, Fate, Outcome, PacketRecord, SocketLabel};
pub use schedule::Schedule;
pub use simulation::Simulation;
pub use time::{EPOCH_SECONDS, UPTIME_SECONDS, VirtualTime};
