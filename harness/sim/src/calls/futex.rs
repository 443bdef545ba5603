//! Private futexes: locks and condition variables between the threads of one process.
//!
//! They are answered here because their time-outs are virtual: a runtime whose locks ran on another clock than
//! its sockets would hang. Shared ones go to the kernel.

use harness_os::trap::Memory;

use super::{Op, Reply, memory};
use crate::process::{Held, ThreadKey};
use crate::world::World;

const PRIVATE: u64 = 128;
const REALTIME: u64 = 256;
const COMMAND: u64 = 127;

const WAIT: u64 = 0;
const WAKE: u64 = 1;
const REQUEUE: u64 = 3;
const CMP_REQUEUE: u64 = 4;
const WAKE_OP: u64 = 5;
const WAIT_BITSET: u64 = 9;
const WAKE_BITSET: u64 = 10;

impl World {
    pub(super) fn start_futex(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let args = held.note.args;
        if args[1] & PRIVATE == 0 {
            return Some(Reply::Native);
        }
        let memory = memory(held);
        let process = self.process_of(key);
        match args[1] & COMMAND {
            command @ (WAIT | WAIT_BITSET) => {
                if memory.word32(args[0]) != Some(args[2] as u32) {
                    return Some(Reply::Errno(libc::EAGAIN));
                }
                if args[3] != 0 {
                    let Some(time) = super::time::read_timespec(memory, args[3]) else {
                        return Some(Reply::Errno(libc::EFAULT));
                    };
                    held.deadline = Some(if command == WAIT {
                        self.net.now + time
                    } else {
                        let clock = if args[1] & REALTIME != 0 { libc::CLOCK_REALTIME } else { libc::CLOCK_MONOTONIC };
                        self.moment(clock, time)
                    });
                }
                let bits = if command == WAIT { u32::MAX } else { args[5] as u32 };
                held.op = Op::Futex { process, address: args[0], bits, woken: false };
                None
            }
            command @ (WAKE | WAKE_BITSET) => {
                let bits = if command == WAKE { u32::MAX } else { args[5] as u32 };
                Some(Reply::Value(self.wake_futex(process, args[0], args[2] as u32, bits)))
            }
            command @ (REQUEUE | CMP_REQUEUE) => {
                if command == CMP_REQUEUE && memory.word32(args[0]) != Some(args[5] as u32) {
                    return Some(Reply::Errno(libc::EAGAIN));
                }
                let woken = self.wake_futex(process, args[0], args[2] as u32, u32::MAX);
                let moved = self.move_waiters(process, args[0], args[4], args[3] as u32);
                Some(Reply::Value(woken + moved))
            }
            WAKE_OP => {
                let Some(second) = change_word(memory, args[4], args[5] as u32) else {
                    return Some(Reply::Errno(libc::EFAULT));
                };
                let mut woken = self.wake_futex(process, args[0], args[2] as u32, u32::MAX);
                if second {
                    woken += self.wake_futex(process, args[4], args[3] as u32, u32::MAX);
                }
                Some(Reply::Value(woken))
            }
            // Locks with priority inheritance are the kernel's: their waiters have no time-out in practice.
            _ => Some(Reply::Unknown),
        }
    }

    fn wake_futex(&mut self, owner: i32, at: u64, limit: u32, mask: u32) -> i64 {
        let mut woken = 0;
        for (key, held) in &mut self.held {
            if woken >= i64::from(limit) {
                break;
            }
            if let Op::Futex { process, address, bits, woken: done } = &mut held.op
                && *process == owner
                && *address == at
                && *bits & mask != 0
                && !*done
            {
                *done = true;
                woken += 1;
                self.retry.insert(*key);
            }
        }
        woken
    }

    fn move_waiters(&mut self, owner: i32, from: u64, to: u64, limit: u32) -> i64 {
        let mut moved = 0;
        for held in self.held.values_mut() {
            if moved >= i64::from(limit) {
                break;
            }
            if let Op::Futex { process, address, woken: false, .. } = &mut held.op
                && *process == owner
                && *address == from
            {
                *address = to;
                moved += 1;
            }
        }
        moved
    }
}

/// Performs the operation that FUTEX_WAKE_OP encodes (futex(2)) and tells whether its comparison holds.
fn change_word(memory: Memory, at: u64, code: u32) -> Option<bool> {
    let old = memory.word32(at)?;
    let (operation, comparison) = ((code >> 28) & 7, (code >> 24) & 15);
    // Twelve bits with a sign.
    let signed = |bits: u32| ((bits << 20) as i32) >> 20;
    let (mut operand, against) = (signed(code >> 12) as u32, signed(code));
    if code >> 31 != 0 {
        operand = 1 << (operand & 31);
    }
    let new = match operation {
        0 => operand,
        1 => old.wrapping_add(operand),
        2 => old | operand,
        3 => old & !operand,
        _ => old ^ operand,
    };
    if !memory.write(at, &new.to_le_bytes()) {
        return None;
    }
    let old = old as i32;
    Some(match comparison {
        0 => old == against,
        1 => old != against,
        2 => old < against,
        3 => old <= against,
        4 => old > against,
        _ => old >= against,
    })
}
