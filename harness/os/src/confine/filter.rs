//! System calls that no socket program needs and that lead out of a run: refused, as where the kernel lacks the right.
//!
//! Owns the list. A user namespace is what gives an ordinary user the means of an administrator, inside it: mounts, and
//! networks to hide processes in.

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter, sock_fprog,
};
use nix::errno::Errno;

const ALLOW: u32 = 0x7fff_0000;
const FAIL: u32 = 0x0005_0000;

/// What a call must be like to be let through.
#[derive(Clone, Copy)]
enum Only {
    /// None is.
    Never(libc::c_int),
    /// About the caller: this argument, a process, is 0.
    Itself(usize),
    /// About the caller: of these two arguments, the kind of "whom" is none of these, and the whom is 0.
    ItselfOfKind(&'static [u32]),
    /// About the caller, or a question: the first argument is 0, or the third, a pointer, is null.
    ItselfOrQuestion,
    /// Without these bits in the first argument.
    Without(u32),
    /// The first argument is not this.
    Not(u32),
    /// The first argument is one of these; else the family is not supported.
    Families(&'static [u32]),
    /// The first argument is not [`MARK`], which gets [`MARKED`] for an answer.
    Unmarked,
}

/// Whom setpriority(2) and ioprio_set(2) mean by their first argument, where it is more than the caller can answer for:
/// PRIO_USER; IOPRIO_WHO_PGRP and IOPRIO_WHO_USER.
const PRIORITY_OF_OTHERS: &[u32] = &[2];
const IO_PRIORITY_OF_OTHERS: &[u32] = &[2, 3];

/// Sockets of the programs that a course writes: local ones, the internet's, those that tell of interfaces, and packets.
/// What else there is leads to the machine's host (AF_VSOCK) or to drivers.
const FAMILIES: &[u32] = &[
    libc::AF_UNSPEC as u32,
    libc::AF_UNIX as u32,
    libc::AF_INET as u32,
    libc::AF_INET6 as u32,
    libc::AF_NETLINK as u32,
    libc::AF_PACKET as u32,
];

/// An option of prctl(2) that no kernel has: it asks for the mark of a run.
const MARK: u32 = 0x4841_524e;

/// The answer, an error that no call gives.
const MARKED: i32 = 3_911;

/// The numbers of one architecture.
struct Numbers {
    architecture: u32,
    rules: &'static [(libc::c_long, Only)],
    prctl: libc::c_long,
}

const EPERM: Only = Only::Never(libc::EPERM);
const ENOSYS: Only = Only::Never(libc::ENOSYS);
const SAME_NAMESPACES: Only = Only::Without(libc::CLONE_NEWUSER as u32);

const NATIVE: Numbers = Numbers {
    #[cfg(target_arch = "x86_64")]
    architecture: 0xc000_003e,
    #[cfg(target_arch = "aarch64")]
    architecture: 0xc000_00b7,
    rules: &[
        (libc::SYS_setns, EPERM),
        (libc::SYS_mount, EPERM),
        (libc::SYS_umount2, EPERM),
        (libc::SYS_pivot_root, EPERM),
        (libc::SYS_chroot, EPERM),
        (libc::SYS_bpf, EPERM),
        (libc::SYS_perf_event_open, EPERM),
        (libc::SYS_userfaultfd, EPERM),
        (libc::SYS_keyctl, EPERM),
        (libc::SYS_add_key, EPERM),
        (libc::SYS_request_key, EPERM),
        (libc::SYS_open_by_handle_at, EPERM),
        (libc::SYS_reboot, EPERM),
        (libc::SYS_kexec_load, EPERM),
        // Every runtime falls back to what it does without.
        (libc::SYS_io_uring_setup, ENOSYS),
        (libc::SYS_unshare, SAME_NAMESPACES),
        (libc::SYS_clone, SAME_NAMESPACES),
        // Its flags stand in memory, where a filter cannot look; every library goes back to the older call.
        (libc::SYS_clone3, ENOSYS),
        // To everybody that may be signalled: what Landlock does not keep inside would reach the whole session.
        (libc::SYS_kill, Only::Not(u32::MAX)),
        // A traced program stops at every signal and goes on when its tracer says so: it is its own, and nobody else's.
        (libc::SYS_ptrace, Only::Not(TRACE_ME)),
        // The same user's other processes would obey.
        (libc::SYS_prlimit64, Only::ItselfOrQuestion),
        (libc::SYS_setpriority, Only::ItselfOfKind(PRIORITY_OF_OTHERS)),
        (libc::SYS_ioprio_set, Only::ItselfOfKind(IO_PRIORITY_OF_OTHERS)),
        (libc::SYS_sched_setaffinity, Only::Itself(0)),
        (libc::SYS_sched_setscheduler, Only::Itself(0)),
        (libc::SYS_sched_setparam, Only::Itself(0)),
        (libc::SYS_sched_setattr, Only::Itself(0)),
        (libc::SYS_migrate_pages, Only::Itself(0)),
        (libc::SYS_move_pages, Only::Itself(0)),
        (libc::SYS_socket, Only::Families(FAMILIES)),
        (libc::SYS_socketpair, Only::Families(FAMILIES)),
    ],
    prctl: libc::SYS_prctl,
};

/// PTRACE_TRACEME.
const TRACE_ME: u32 = 0;

/// 32-bit programs on x86-64, in the same order; umount has a number of its own here. Their libraries make sockets with
/// `socketcall`, whose arguments stand in memory: what family those have is not seen.
const OF_32_BITS: Numbers = Numbers {
    architecture: 0x4000_0003,
    rules: &[
        (346, EPERM),
        (21, EPERM),
        (22, EPERM),
        (52, EPERM),
        (217, EPERM),
        (61, EPERM),
        (357, EPERM),
        (336, EPERM),
        (374, EPERM),
        (288, EPERM),
        (286, EPERM),
        (287, EPERM),
        (342, EPERM),
        (88, EPERM),
        (283, EPERM),
        (425, ENOSYS),
        (310, SAME_NAMESPACES),
        (120, SAME_NAMESPACES),
        (435, ENOSYS),
        (37, Only::Not(u32::MAX)),
        (26, Only::Not(TRACE_ME)),
        (340, Only::ItselfOrQuestion),
        (97, Only::ItselfOfKind(PRIORITY_OF_OTHERS)),
        (289, Only::ItselfOfKind(IO_PRIORITY_OF_OTHERS)),
        (241, Only::Itself(0)),
        (156, Only::Itself(0)),
        (154, Only::Itself(0)),
        (351, Only::Itself(0)),
        (294, Only::Itself(0)),
        (317, Only::Itself(0)),
        (359, Only::Families(FAMILIES)),
        (360, Only::Families(FAMILIES)),
    ],
    prctl: 172,
};

/// Numbers from here on are x86-64's calls once more, for programs with short pointers.
const SHORT_POINTERS: u32 = 0x4000_0000;

/// The list as the kernel takes it.
#[derive(Debug)]
pub(super) struct Refusals {
    program: Vec<sock_filter>,
}

impl Refusals {
    /// With or without the mark of a run.
    pub(super) fn new(marked: bool) -> Self {
        let mut program = vec![load(4)];
        let architectures: &[Numbers] = if cfg!(target_arch = "x86_64") { &[NATIVE, OF_32_BITS] } else { &[NATIVE] };
        for numbers in architectures {
            let rules = numbers.program(marked);
            program.push(skip_unless_equal(numbers.architecture, rules.len() as u8));
            program.extend(rules);
        }
        program.push(ret(FAIL | libc::ENOSYS as u32));
        Self { program }
    }

    /// For the calling process, which must have given up gaining privileges.
    pub(super) fn install(&self) -> Result<(), Errno> {
        let program = sock_fprog { len: self.program.len() as u16, filter: self.program.as_ptr().cast_mut() };
        // SAFETY: reads the program, which lives as long as `self`.
        let installed = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
        Errno::result(installed).map(drop)
    }
}

/// Whether this process was started, by whomever, from a program of a run: a filter cannot be shed.
#[must_use]
pub fn is_marked() -> bool {
    // SAFETY: takes numbers only, and no kernel knows the option.
    let answer = unsafe { libc::prctl(MARK as libc::c_int, 0, 0, 0, 0) };
    Errno::result(answer).is_err() && std::io::Error::last_os_error().raw_os_error() == Some(MARKED)
}

impl Numbers {
    fn program(&self, marked: bool) -> Vec<sock_filter> {
        let mut program = vec![load(0), skip_unless_at_least(SHORT_POINTERS, 1), ret(FAIL | libc::ENOSYS as u32)];
        let mark = marked.then_some((self.prctl, Only::Unmarked));
        for (number, only) in self.rules.iter().copied().chain(mark) {
            let body = only.program();
            program.push(skip_unless_equal(number as u32, body.len() as u8));
            program.extend(body);
        }
        program.push(ret(ALLOW));
        program
    }
}

impl Only {
    /// Decides in any case.
    fn program(self) -> Vec<sock_filter> {
        let (allow, refuse) = (ret(ALLOW), ret(FAIL | libc::EPERM as u32));
        match self {
            Self::Never(errno) => vec![ret(FAIL | errno as u32)],
            Self::Itself(index) => vec![load(argument(index)), skip_if_equal(0, 1), refuse, allow],
            Self::ItselfOfKind(others) => {
                let mut program = vec![load(argument(0))];
                for other in others {
                    program.extend([skip_unless_equal(*other, 1), refuse]);
                }
                program.extend([load(argument(1)), skip_if_equal(0, 1), refuse, allow]);
                program
            }
            Self::ItselfOrQuestion => vec![
                load(argument(0)),
                skip_if_equal(0, 5),
                load(argument(2)),
                skip_unless_equal(0, 2),
                load(argument(2) + 4),
                skip_if_equal(0, 1),
                refuse,
                allow,
            ],
            Self::Without(bits) => vec![load(argument(0)), keep(bits), skip_if_equal(0, 1), refuse, allow],
            Self::Not(value) => vec![load(argument(0)), skip_unless_equal(value, 1), refuse, allow],
            Self::Families(known) => {
                let mut program = vec![load(argument(0))];
                for (left, family) in (0..known.len()).rev().zip(known) {
                    program.push(skip_if_equal(*family, left as u8 + 1));
                }
                program.extend([ret(FAIL | libc::EAFNOSUPPORT as u32), allow]);
                program
            }
            Self::Unmarked => {
                vec![load(argument(0)), skip_unless_equal(MARK, 1), ret(FAIL | MARKED as u32), allow]
            }
        }
    }
}

/// Offset of the low half of an argument in `struct seccomp_data` (little-endian machines).
fn argument(index: usize) -> u32 {
    16 + 8 * index as u32
}

fn load(offset: u32) -> sock_filter {
    sock_filter { code: (BPF_LD | BPF_W | BPF_ABS) as u16, jt: 0, jf: 0, k: offset }
}

fn keep(bits: u32) -> sock_filter {
    sock_filter { code: (BPF_ALU | BPF_AND | BPF_K) as u16, jt: 0, jf: 0, k: bits }
}

fn ret(verdict: u32) -> sock_filter {
    sock_filter { code: (BPF_RET | BPF_K) as u16, jt: 0, jf: 0, k: verdict }
}

fn skip_unless_equal(value: u32, skip: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JEQ | BPF_K) as u16, jt: 0, jf: skip, k: value }
}

fn skip_unless_at_least(value: u32, skip: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JGE | BPF_K) as u16, jt: 0, jf: skip, k: value }
}

fn skip_if_equal(value: u32, skip: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JEQ | BPF_K) as u16, jt: skip, jf: 0, k: value }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const X86_64: u32 = 0xc000_003e;
    const I386: u32 = 0x4000_0003;
    const ANSWERED: u32 = FAIL | MARKED as u32;
    const REFUSED: u32 = FAIL | libc::EPERM as u32;
    const UNKNOWN: u32 = FAIL | libc::ENOSYS as u32;
    const NO_FAMILY: u32 = FAIL | libc::EAFNOSUPPORT as u32;

    /// What the kernel would answer: an interpreter of the few instructions that are used here.
    fn verdict(filter: &Refusals, architecture: u32, number: u32, arguments: &[u64]) -> u32 {
        let word = |offset: u32| match offset {
            0 => number,
            4 => architecture,
            _ => {
                let (index, half) = ((offset as usize - 16) / 8, offset % 8);
                let argument = arguments.get(index).copied().unwrap_or_default();
                if half == 0 { argument as u32 } else { (argument >> 32) as u32 }
            }
        };
        let (mut at, mut held) = (0, 0);
        loop {
            let step = filter.program[at];
            let jump = |taken: bool| 1 + usize::from(if taken { step.jt } else { step.jf });
            match u32::from(step.code) {
                code if code == BPF_LD | BPF_W | BPF_ABS => (held, at) = (word(step.k), at + 1),
                code if code == BPF_ALU | BPF_AND | BPF_K => (held, at) = (held & step.k, at + 1),
                code if code == BPF_JMP | BPF_JEQ | BPF_K => at += jump(held == step.k),
                code if code == BPF_JMP | BPF_JGE | BPF_K => at += jump(held >= step.k),
                code if code == BPF_RET | BPF_K => return step.k,
                code => panic!("instruction {code:#x}"),
            }
        }
    }

    const OTHER: u64 = 4242;
    const POINTER: u64 = 0x7fff_0000_0000;

    #[rstest]
    #[case::read(X86_64, 0, &[0], ALLOW)]
    #[case::own_limits(X86_64, 302, &[0, 7, POINTER], ALLOW)]
    #[case::limits_of_another(X86_64, 302, &[OTHER, 7, POINTER], REFUSED)]
    #[case::limits_of_another_low_pointer(X86_64, 302, &[OTHER, 7, 0x1000], REFUSED)]
    #[case::question_about_another(X86_64, 302, &[OTHER, 7, 0, POINTER], ALLOW)]
    #[case::limits_32(I386, 340, &[OTHER, 7, 0x1000], REFUSED)]
    #[case::own_limits_32(I386, 340, &[0, 7, 0x1000], ALLOW)]
    #[case::own_priority(X86_64, 141, &[0, 0, 10], ALLOW)]
    #[case::own_groups_priority(X86_64, 141, &[1, 0, 10], ALLOW)]
    #[case::priority_of_another(X86_64, 141, &[0, OTHER, 10], REFUSED)]
    #[case::priority_of_the_user(X86_64, 141, &[2, 0, 10], REFUSED)]
    #[case::priority_32(I386, 97, &[0, OTHER, 10], REFUSED)]
    #[case::own_io_priority(X86_64, 251, &[1, 0, 0], ALLOW)]
    #[case::io_priority_of_the_user(X86_64, 251, &[3, 0, 0], REFUSED)]
    #[case::io_priority_of_another(X86_64, 251, &[1, OTHER, 0], REFUSED)]
    #[case::io_priority_32(I386, 289, &[3, 0, 0], REFUSED)]
    #[case::own_processors(X86_64, 203, &[0, 8, POINTER], ALLOW)]
    #[case::processors_of_another(X86_64, 203, &[OTHER, 8, POINTER], REFUSED)]
    #[case::scheduler_of_another(X86_64, 144, &[OTHER, 0, POINTER], REFUSED)]
    #[case::parameters_of_another(X86_64, 142, &[OTHER, POINTER], REFUSED)]
    #[case::attributes_of_another(X86_64, 314, &[OTHER, POINTER, 0], REFUSED)]
    #[case::attributes_32(I386, 351, &[OTHER, POINTER, 0], REFUSED)]
    #[case::processors_32(I386, 241, &[OTHER, 8, POINTER], REFUSED)]
    #[case::tcp(X86_64, 41, &[libc::AF_INET as u64, 1], ALLOW)]
    #[case::local(X86_64, 41, &[libc::AF_UNIX as u64, 1], ALLOW)]
    #[case::packets(X86_64, 41, &[libc::AF_PACKET as u64, 3], ALLOW)]
    #[case::of_the_host(X86_64, 41, &[libc::AF_VSOCK as u64, 1], NO_FAMILY)]
    #[case::of_the_host_32(I386, 359, &[libc::AF_VSOCK as u64, 1], NO_FAMILY)]
    #[case::ring(X86_64, 425, &[8, POINTER], UNKNOWN)]
    #[case::ring_32(I386, 425, &[8, POINTER], UNKNOWN)]
    #[case::thread(X86_64, 56, &[libc::CLONE_VM as u64], ALLOW)]
    #[case::administrator(X86_64, 56, &[libc::CLONE_NEWUSER as u64], REFUSED)]
    #[case::everybody(X86_64, 62, &[u64::MAX, 9], REFUSED)]
    #[case::everybody_as_32_bits(X86_64, 62, &[0xffff_ffff, 9], REFUSED)]
    #[case::one(X86_64, 62, &[OTHER, 9], ALLOW)]
    #[case::to_be_traced(X86_64, 101, &[0], REFUSED)]
    #[case::to_trace(X86_64, 101, &[16, OTHER], ALLOW)]
    #[case::mount(X86_64, 165, &[], REFUSED)]
    #[case::mount_32(I386, 21, &[], REFUSED)]
    #[case::short_pointers(X86_64, 0x4000_0000, &[], UNKNOWN)]
    #[case::another_architecture(0xc000_00b7, 0, &[], UNKNOWN)]
    #[case::a_threads_name(X86_64, 157, &[15, POINTER], ALLOW)]
    #[case::mark(X86_64, 157, &[MARK as u64], ANSWERED)]
    #[case::mark_32(I386, 172, &[MARK as u64], ANSWERED)]
    #[cfg(target_arch = "x86_64")]
    fn calls(#[case] architecture: u32, #[case] number: u32, #[case] arguments: &[u64], #[case] answer: u32) {
        assert_eq!(verdict(&Refusals::new(true), architecture, number, arguments), answer);
        let unmarked = if answer == ANSWERED { ALLOW } else { answer };
        assert_eq!(verdict(&Refusals::new(false), architecture, number, arguments), unmarked);
    }

    #[test]
    fn both_tables_have_the_same_rules() {
        // Of 32 bits: umount, which has a number of its own there.
        assert_eq!(NATIVE.rules.len() + 1, OF_32_BITS.rules.len());
    }

    #[test]
    fn every_jump_fits_and_nobody_is_marked_by_chance() {
        for numbers in [NATIVE, OF_32_BITS] {
            assert!(numbers.program(true).len() <= usize::from(u8::MAX));
        }
        assert!(!is_marked());
    }
}
