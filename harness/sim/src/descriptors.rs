//! What is known of a program's descriptors without looking at each call.
//!
//! Which socket a number stands for is seen in `/proc`, which costs a sixth of a trap. What was seen holds until the
//! number is closed, and of that the simulation learns only by the hang-up of the socket's last descriptor. So it is
//! remembered as long as every socket of a program has one descriptor: until the program makes a copy of one
//! (`dup`, `fork`, a message over a local socket, …). From then on there is nothing for it but to look.

use std::collections::BTreeMap;

use harness_os::trap::Sys;

use crate::calls::Reply;
use crate::handle::ProgramId;
use crate::process::{Held, ThreadKey};
use crate::sockets::SocketId;
use crate::world::World;

/// The numbers of one process that have been looked at: the socket, or that it is none of the simulation's.
pub(crate) type Numbers = BTreeMap<i32, Option<SocketId>>;

/// Whether all that a call does is to copy descriptors, as far as it is stopped for. `fcntl` does more.
pub(crate) fn copies_descriptors(sys: Sys) -> bool {
    match sys {
        #[cfg(target_arch = "x86_64")]
        Sys::Dup2 => true,
        Sys::Dup | Sys::Dup3 | Sys::PidfdGetfd | Sys::Unshare | Sys::CloseRange => true,
        _ => false,
    }
}

impl World {
    /// The simulated socket behind a descriptor.
    pub(crate) fn socket_at(&mut self, key: ThreadKey, descriptor: i32) -> Option<SocketId> {
        let process = self.process_of(key);
        let entry = self.processes.get_mut(&process)?;
        if !entry.networked || descriptor < 0 {
            return None;
        }
        if let Some(known) = entry.numbers.get(&descriptor) {
            return *known;
        }
        let identity = entry.descriptors.as_ref()?.socket(descriptor);
        let socket = identity.and_then(|identity| self.placeholders.get(&identity).copied());
        if !self.programs.get(entry.program.0)?.copies_sockets {
            entry.numbers.insert(descriptor, socket);
        }
        socket
    }

    /// A number has been given to a process: to all that may have the same table of descriptors.
    pub(crate) fn forget_number(&mut self, program: ProgramId, number: i32) {
        for process in self.processes.values_mut().filter(|process| process.program == program) {
            process.numbers.remove(&number);
        }
    }

    /// The last descriptor of a socket is closed.
    pub(crate) fn forget_socket(&mut self, socket: SocketId) {
        for process in self.processes.values_mut() {
            process.numbers.retain(|_, known| *known != Some(socket));
        }
    }

    /// A socket of this program may have a second descriptor from now on.
    pub(crate) fn expect_copies(&mut self, program: ProgramId) {
        if let Some(entry) = self.programs.get_mut(program.0)
            && !std::mem::replace(&mut entry.copies_sockets, true)
        {
            for process in self.processes.values_mut().filter(|process| process.program == program) {
                process.numbers.clear();
            }
        }
    }

    /// A call whose whole work is to copy descriptors, which is the kernel's.
    pub(crate) fn start_copy(&mut self, key: ThreadKey, held: &Held) -> Reply {
        self.note_copies(key, held.note.sys, held.note.args);
        Reply::Native
    }

    /// Before the kernel copies descriptors for a program, in one of the ways that there are.
    pub(crate) fn note_copies(&mut self, key: ThreadKey, sys: Sys, args: [u64; 6]) {
        let Some(thread) = self.threads.get(&key) else { return };
        let (program, process) = (thread.program, thread.process);
        let is_networked = self.processes.get(&process).is_some_and(|entry| entry.networked);
        let copies = match sys {
            Sys::Dup | Sys::Dup3 | Sys::Fcntl => self.socket_at(key, args[0] as i32).is_some(),
            #[cfg(target_arch = "x86_64")]
            Sys::Dup2 => self.socket_at(key, args[0] as i32).is_some(),
            // From a process that may belong to another program.
            Sys::PidfdGetfd => {
                return (0..self.programs.len()).for_each(|number| self.expect_copies(ProgramId(number)));
            }
            _ => is_networked,
        };
        if copies {
            self.expect_copies(program);
        }
    }
}
