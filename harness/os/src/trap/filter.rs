//! The seccomp filter: which calls stop and ask the supervisor, which fail, which pass.
//!
//! Owns the rules and their assembly into BPF. A call that no rule names passes at full speed (the kernel
//! remembers such calls in a bitmap), except numbers beyond the newest that is known here: those ask, so that
//! a call of a later kernel is reported and never silently wrong.

use libc::{BPF_ABS, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter};

use super::number::Sys;

/// The sixth argument by which the supervisor's own start-up code passes its own filter. The kernel ignores
/// that argument for the three calls concerned.
pub(super) const PASSPORT: u32 = 0x5ca1_ab1e;

const NOTIFY: u32 = 0x7fc0_0000;
const ALLOW: u32 = 0x7fff_0000;
const FAIL: u32 = 0x0005_0000;

/// Newest call number known to this file (Linux 6.18, the table shared by all architectures).
const NEWEST: u32 = 471;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

const ARCH_SET_FS: u32 = 0x1002;
/// FIONREAD, FIONBIO and SIOCOUTQ, and the requests that tell of network interfaces (netdevice(7)): SIOCGIFNAME, -CONF, -FLAGS,
/// -ADDR, -DSTADDR, -BRDADDR, -NETMASK, -METRIC, -MTU, -HWADDR, -INDEX, -TXQLEN, -MAP.
const REQUESTS: [u32; 16] = [
    0x541b, 0x5421, 0x5411, 0x8910, 0x8912, 0x8913, 0x8915, 0x8917, 0x8919, 0x891b, 0x891d, 0x8921, 0x8927, 0x8933,
    0x8942, 0x8970,
];

/// Flags by which a file is opened to be read and nothing else, with and without O_CLOEXEC and, of a C library that
/// still says it, O_LARGEFILE.
const READING: [u32; 4] = [0, 0x8_0000, 0x8000, 0x8_8000];

/// Flags by which `close_range` copies the table of descriptors first: CLOSE_RANGE_UNSHARE, with and without
/// CLOSE_RANGE_CLOEXEC.
const UNSHARING: [u32; 2] = [2, 6];

enum Rule {
    /// Ask for every such call.
    Ask(Sys),
    /// Ask when the low half of an argument is one of these values.
    AskWhen(Sys, usize, &'static [u32]),
    /// Ask unless the low half of an argument is one of these values.
    AskUnless(Sys, usize, &'static [u32]),
    /// Refuse without asking.
    Fail(Sys, i32),
    /// Let pass what carries the passport, ask for the rest.
    Passport(Sys),
}

/// A filter ready to be installed.
#[derive(Clone)]
pub struct Filter {
    program: Vec<sock_filter>,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Filter({} instructions)", self.program.len())
    }
}

impl Filter {
    /// The filter of the simulation: network, readiness, time, futexes, processes and signals ask.
    pub fn simulation() -> Self {
        Self { program: assemble(&rules()) }
    }

    pub(super) fn instructions(&self) -> &[sock_filter] {
        &self.program
    }
}

fn rules() -> Vec<Rule> {
    use Rule::{Ask, AskUnless, AskWhen, Fail, Passport};
    let mut rules: Vec<Rule> = [
        Sys::Read,
        Sys::Write,
        Sys::Recvfrom,
        Sys::Sendto,
        Sys::Futex,
        Sys::ClockGettime,
        Sys::EpollPwait,
        Sys::Ppoll,
        Sys::Readv,
        Sys::Writev,
        Sys::Recvmsg,
        Sys::Pselect6,
        Sys::EpollCtl,
        Sys::Accept,
        Sys::Accept4,
        Sys::ClockNanosleep,
        Sys::Nanosleep,
        Sys::SchedYield,
        Sys::Sendmmsg,
        Sys::Recvmmsg,
        Sys::Sendfile,
        Sys::Splice,
        Sys::Bind,
        Sys::Listen,
        Sys::Connect,
        Sys::Getsockname,
        Sys::Getpeername,
        Sys::Setsockopt,
        Sys::Getsockopt,
        Sys::Shutdown,
        Sys::EpollCreate1,
        Sys::EpollPwait2,
        Sys::Gettimeofday,
        Sys::Setitimer,
        Sys::Getitimer,
        Sys::TimerCreate,
        Sys::TimerSettime,
        Sys::TimerGettime,
        Sys::TimerGetoverrun,
        Sys::TimerDelete,
        Sys::TimerfdCreate,
        Sys::TimerfdSettime,
        Sys::TimerfdGettime,
        Sys::RtSigtimedwait,
        Sys::FutexWaitv,
        Sys::Getrandom,
        Sys::Execveat,
        Sys::Clone,
        Sys::Clone3,
        // A thread's first calls (glibc and Go): it waits there until the one that made it is at rest.
        Sys::SetRobustList,
        Sys::Sigaltstack,
        Sys::ExitGroup,
        Sys::Wait4,
        Sys::Waitid,
        Sys::Kill,
        Sys::Tkill,
        Sys::Tgkill,
        Sys::RtSigqueueinfo,
        Sys::RtTgsigqueueinfo,
        Sys::PidfdSendSignal,
        Sys::Semtimedop,
        Sys::MqTimedreceive,
        Sys::MqTimedsend,
        Sys::Dup,
        Sys::Dup3,
        Sys::PidfdGetfd,
        Sys::Unshare,
    ]
    .into_iter()
    .map(Ask)
    .collect();
    #[cfg(target_arch = "x86_64")]
    rules.push(AskWhen(Sys::Open, 1, &READING));
    #[cfg(target_arch = "x86_64")]
    rules.extend(
        [
            Sys::Poll,
            Sys::Select,
            Sys::EpollWait,
            Sys::EpollCreate,
            Sys::Time,
            Sys::Alarm,
            Sys::Fork,
            Sys::Vfork,
            Sys::Dup2,
        ]
        .map(Ask),
    );
    rules.extend([
        Passport(Sys::Sendmsg),
        Passport(Sys::Execve),
        Passport(Sys::Exit),
        // io_uring would move bytes behind the simulation's back; every runtime falls back to epoll.
        Fail(Sys::IoUringSetup, libc::ENOSYS),
        // What is not local would reach the real network, or tell of it.
        AskUnless(Sys::Socket, 0, &[libc::AF_UNIX as u32]),
        AskWhen(Sys::ArchPrctl, 0, &[ARCH_SET_FS]),
        AskWhen(Sys::Ioctl, 1, &REQUESTS),
        AskWhen(Sys::CloseRange, 2, &UNSHARING),
        // Some files of /proc/net tell of the machine's network.
        AskWhen(Sys::Openat, 2, &READING),
        AskUnless(
            Sys::Fcntl,
            1,
            &[
                libc::F_GETFD as u32,
                libc::F_SETFD as u32,
                libc::F_GETFL as u32,
                libc::F_GETLK as u32,
                libc::F_SETLK as u32,
                libc::F_SETLKW as u32,
            ],
        ),
    ]);
    rules
}

fn load(offset: u32) -> sock_filter {
    sock_filter { code: (BPF_LD | BPF_W | BPF_ABS) as u16, jt: 0, jf: 0, k: offset }
}

fn ret(verdict: u32) -> sock_filter {
    sock_filter { code: (BPF_RET | BPF_K) as u16, jt: 0, jf: 0, k: verdict }
}

fn skip_unless_equal(value: u32, skip: usize) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JEQ | BPF_K) as u16, jt: 0, jf: skip as u8, k: value }
}

fn skip_if_equal(value: u32, skip: usize) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JEQ | BPF_K) as u16, jt: skip as u8, jf: 0, k: value }
}

fn skip_unless_at_least(value: u32, skip: usize) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JGE | BPF_K) as u16, jt: 0, jf: skip as u8, k: value }
}

/// Offset of the low half of an argument in `struct seccomp_data` (little-endian machines).
fn argument(index: usize) -> u32 {
    16 + 8 * index as u32
}

fn assemble(rules: &[Rule]) -> Vec<sock_filter> {
    let mut program = vec![
        load(4),
        skip_if_equal(ARCHITECTURE, 1),
        // A 32-bit call would be read with the wrong table.
        ret(FAIL | libc::ENOSYS as u32),
        load(0),
    ];
    for rule in rules {
        let (sys, body) = match rule {
            Rule::Ask(sys) => (sys, vec![ret(NOTIFY)]),
            Rule::Fail(sys, errno) => (sys, vec![ret(FAIL | *errno as u32)]),
            Rule::AskWhen(sys, index, values) => (sys, choose(*index, values, ALLOW, NOTIFY)),
            Rule::AskUnless(sys, index, values) => (sys, choose(*index, values, NOTIFY, ALLOW)),
            Rule::Passport(sys) => (sys, choose(5, &[PASSPORT], NOTIFY, ALLOW)),
        };
        program.push(skip_unless_equal(sys.number() as u32, body.len()));
        program.extend(body);
    }
    program.extend([skip_unless_at_least(NEWEST + 1, 1), ret(NOTIFY), ret(ALLOW)]);
    program
}

fn choose(index: usize, values: &[u32], otherwise: u32, listed: u32) -> Vec<sock_filter> {
    let mut body = vec![load(argument(index))];
    for (position, value) in values.iter().enumerate() {
        // Over the values that follow and over the answer for "none of them".
        body.push(skip_if_equal(*value, values.len() - position));
    }
    body.push(ret(otherwise));
    body.push(ret(listed));
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_the_kernels_limit_and_ends_in_a_verdict() {
        let filter = Filter::simulation();
        assert!(filter.program.len() < 4096);
        let last = filter.program.last().expect("not empty");
        assert_eq!(u32::from(last.code), BPF_RET | BPF_K);
    }

    #[test]
    fn jumps_stay_inside() {
        let filter = Filter::simulation();
        for (at, step) in filter.program.iter().enumerate() {
            assert!(at + 1 + usize::from(step.jt.max(step.jf)) < filter.program.len() + 1);
        }
    }
}
