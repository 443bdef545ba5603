//! The table of system calls a program can be found waiting in, for x86-64 and AArch64.
//!
//! Owns names, numbers and what bounds the wait; never reads a process.

/// What bounds the wait of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// Nothing in the registers bounds it.
    None,
    /// The call itself is a pause of given length.
    Always,
    /// A timeout in milliseconds is in this register, negative for none.
    Milliseconds(usize),
    /// A pointer to a timeout is in this register, NULL for none.
    Pointer(usize),
    /// `futex`: depends on the operation, and on the pointer in register 3.
    Futex,
}

/// One system call.
#[derive(Debug)]
pub(super) struct Call {
    /// The name in its manual page.
    pub name: &'static str,
    /// The number on x86-64.
    pub x86_64: Option<i64>,
    /// The number on AArch64, which has only the newer calls.
    pub aarch64: Option<i64>,
    /// What bounds the wait.
    pub bound: Bound,
    /// True if register 0 holds a descriptor.
    pub on_descriptor: bool,
    /// What the thread waits for, after "waits in read() …"; in plain words, for whoever wrote the program.
    pub purpose: &'static str,
}

const fn call(
    name: &'static str,
    x86_64: i64,
    aarch64: i64,
    bound: Bound,
    on_descriptor: bool,
    purpose: &'static str,
) -> Call {
    const fn number(value: i64) -> Option<i64> {
        if value < 0 { None } else { Some(value) }
    }
    Call { name, x86_64: number(x86_64), aarch64: number(aarch64), bound, on_descriptor, purpose }
}

/// All calls known here; −1 where an architecture lacks one.
#[rustfmt::skip]
pub(super) static CALLS: &[Call] = &[
    call("read",              0,  63, Bound::None,            true,  "for data"),
    call("write",             1,  64, Bound::None,            true,  "until somebody reads what it writes"),
    call("readv",            19,  65, Bound::None,            true,  "for data"),
    call("writev",           20,  66, Bound::None,            true,  "until somebody reads what it writes"),
    call("sendfile",         40,  71, Bound::None,            true,  "until somebody reads what it sends"),
    call("accept",           43, 202, Bound::None,            true,  "for a connection"),
    call("accept4",         288, 242, Bound::None,            true,  "for a connection"),
    call("connect",          42, 203, Bound::None,            true,  "for an answer"),
    call("recvfrom",         45, 207, Bound::None,            true,  "for data"),
    call("recvmsg",          47, 212, Bound::None,            true,  "for data"),
    call("recvmmsg",        299, 243, Bound::Pointer(4),      true,  "for data"),
    call("sendto",           44, 206, Bound::None,            true,  "until somebody reads what it sends"),
    call("sendmsg",          46, 211, Bound::None,            true,  "until somebody reads what it sends"),
    call("sendmmsg",        307, 269, Bound::None,            true,  "until somebody reads what it sends"),
    call("poll",              7,  -1, Bound::Milliseconds(2), false, "for data or a connection"),
    call("ppoll",           271,  73, Bound::Pointer(2),      false, "for data or a connection"),
    call("select",           23,  -1, Bound::Pointer(4),      false, "for data or a connection"),
    call("pselect6",        270,  72, Bound::Pointer(4),      false, "for data or a connection"),
    call("epoll_wait",      232,  -1, Bound::Milliseconds(3), true,  "for data or a connection"),
    call("epoll_pwait",     281,  22, Bound::Milliseconds(3), true,  "for data or a connection"),
    call("epoll_pwait2",    441, 441, Bound::Pointer(3),      true,  "for data or a connection"),
    call("futex",           202,  98, Bound::Futex,           false, "for another thread (a lock, a join or a condition)"),
    call("wait4",            61, 260, Bound::None,            false, "for a child to end"),
    call("waitid",          247,  95, Bound::None,            false, "for a child to end"),
    call("pause",            34,  -1, Bound::None,            false, "for a signal"),
    call("rt_sigsuspend",   130, 133, Bound::None,            false, "for a signal"),
    call("rt_sigtimedwait", 128, 137, Bound::Pointer(2),      false, "for a signal"),
    call("nanosleep",        35, 101, Bound::Always,          false, "for time to pass"),
    call("clock_nanosleep", 230, 115, Bound::Always,          false, "for time to pass"),
    // A wait that a stop signal interrupted goes on under this name; its registers cannot be told apart.
    call("restart_syscall", 219, 128, Bound::Always,          false, "for what it waited for before it was stopped"),
];

/// The number of a call on the architecture this crate is built for.
pub(super) fn number(call: &Call) -> Option<i64> {
    if cfg!(target_arch = "aarch64") { call.aarch64 } else { call.x86_64 }
}

/// The call with this number.
pub(super) fn by_number(wanted: i64) -> Option<&'static Call> {
    CALLS.iter().find(|call| number(call) == Some(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_and_names_are_unique() {
        let names: BTreeSet<_> = CALLS.iter().map(|call| call.name).collect();
        assert_eq!(names.len(), CALLS.len());
        for numbers in [
            CALLS.iter().filter_map(|call| call.x86_64).collect::<Vec<_>>(),
            CALLS.iter().filter_map(|call| call.aarch64).collect(),
        ] {
            assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len());
        }
    }

    #[test]
    fn numbers_agree_with_the_kernel_headers() {
        let mut expected = vec![
            ("read", libc::SYS_read),
            ("write", libc::SYS_write),
            ("readv", libc::SYS_readv),
            ("writev", libc::SYS_writev),
            ("sendfile", libc::SYS_sendfile),
            ("accept", libc::SYS_accept),
            ("accept4", libc::SYS_accept4),
            ("connect", libc::SYS_connect),
            ("recvfrom", libc::SYS_recvfrom),
            ("recvmsg", libc::SYS_recvmsg),
            ("recvmmsg", libc::SYS_recvmmsg),
            ("sendto", libc::SYS_sendto),
            ("sendmsg", libc::SYS_sendmsg),
            ("sendmmsg", libc::SYS_sendmmsg),
            ("ppoll", libc::SYS_ppoll),
            ("pselect6", libc::SYS_pselect6),
            ("epoll_pwait", libc::SYS_epoll_pwait),
            ("epoll_pwait2", libc::SYS_epoll_pwait2),
            ("futex", libc::SYS_futex),
            ("wait4", libc::SYS_wait4),
            ("waitid", libc::SYS_waitid),
            ("rt_sigsuspend", libc::SYS_rt_sigsuspend),
            ("rt_sigtimedwait", libc::SYS_rt_sigtimedwait),
            ("nanosleep", libc::SYS_nanosleep),
            ("clock_nanosleep", libc::SYS_clock_nanosleep),
            ("restart_syscall", libc::SYS_restart_syscall),
        ];
        #[cfg(target_arch = "x86_64")]
        expected.extend([
            ("poll", libc::SYS_poll),
            ("select", libc::SYS_select),
            ("epoll_wait", libc::SYS_epoll_wait),
            ("pause", libc::SYS_pause),
        ]);
        let table: BTreeSet<_> = CALLS.iter().filter_map(|call| Some((call.name, number(call)?))).collect();
        assert_eq!(table, expected.into_iter().collect());
    }
}
