//! The system call a thread is blocked in, and whether its wait can end by itself.
//!
//! Owns the reading of `/proc/PID/task/TID/syscall`; never touches the thread's memory.

use super::calls::{Bound, by_number};

/// `op` of futex(2) without its flags.
const FUTEX_COMMAND: u64 = 0x7f;
/// The operations of futex(2) that wait: `WAIT`, `LOCK_PI`, `WAIT_BITSET`, `WAIT_REQUEUE_PI`, `LOCK_PI2`.
const FUTEX_WAITS: [u64; 5] = [0, 6, 9, 11, 13];

/// Whether a blocked call ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// Only an event can end it. `SO_RCVTIMEO` and `SO_SNDTIMEO` are invisible in the registers: a `recvfrom`
    /// with such a limit is `Forever` here too, see [`socket_timeouts`](super::socket_timeouts).
    Forever,
    /// It ends after some time at the latest.
    Timed,
    /// Not one of the calls programs wait in.
    NotAWait,
}

/// A system call with the registers it was entered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockedCall {
    /// The number on this architecture.
    pub number: i64,
    /// The name in its manual page, `"?"` for calls that are not waits.
    pub name: &'static str,
    /// The six argument registers.
    pub args: [u64; 6],
}

impl BlockedCall {
    /// A call by its number and registers.
    pub fn new(number: i64, args: [u64; 6]) -> Self {
        let name = by_number(number).map_or("?", |call| call.name);
        Self { number, name, args }
    }

    /// Parses `/proc/PID/task/TID/syscall`: `running`, `-1 SP PC`, or `NUMBER` with six registers, SP and PC.
    /// `None` for the first two: a thread on a processor, or stopped outside of any call.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split_ascii_whitespace();
        let number = fields.next()?.parse().ok()?;
        if number < 0 {
            return None;
        }
        let mut args = [0; 6];
        for arg in &mut args {
            *arg = u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok()?;
        }
        Some(Self::new(number, args))
    }

    /// Whether the call ends by itself, judged by its registers alone: a NULL timeout pointer or a negative
    /// timeout is [`Wait::Forever`]. `restart_syscall` (a wait that went on after a stop) is counted as
    /// [`Wait::Timed`], because its original registers are not known.
    pub fn wait(&self) -> Wait {
        let Some(call) = by_number(self.number) else {
            return Wait::NotAWait;
        };
        let by_pointer = |index: usize| if self.args[index] == 0 { Wait::Forever } else { Wait::Timed };
        match call.bound {
            Bound::None => Wait::Forever,
            Bound::Always => Wait::Timed,
            // The kernel takes an `int`: the upper half of the register is not part of the timeout.
            Bound::Milliseconds(index) if (self.args[index] as i32) < 0 => Wait::Forever,
            Bound::Milliseconds(_) => Wait::Timed,
            Bound::Pointer(index) => by_pointer(index),
            Bound::Futex if FUTEX_WAITS.contains(&(self.args[1] & FUTEX_COMMAND)) => by_pointer(3),
            Bound::Futex => Wait::NotAWait,
        }
    }

    /// The descriptor in register 0, for calls that have one there (an epoll set's own descriptor included).
    pub fn descriptor(&self) -> Option<i32> {
        let call = by_number(self.number)?;
        call.on_descriptor.then_some(self.args[0] as i32)
    }

    /// What the thread does, for reports, such as `waits in recv() for data`.
    pub fn describe(&self) -> String {
        let Some(call) = by_number(self.number) else {
            return format!("is in system call {}", self.number);
        };
        let name = self.as_written();
        match self.descriptor() {
            Some(0) if call.name.starts_with("read") => format!("waits in {name}() for its standard input"),
            None if self.wait() == Wait::NotAWait => format!("is in {name}()"),
            // No program calls these by name.
            _ if ["futex", "restart_syscall"].contains(&name) => format!("waits {}", call.purpose),
            _ => format!("waits in {name}() {}", call.purpose),
        }
    }

    /// The call as programs have it in their source: libraries make other system calls of some.
    pub fn as_written(&self) -> &'static str {
        let without_address = self.args[4] == 0;
        match self.name {
            "accept4" => "accept",
            "recvfrom" if without_address => "recv",
            "sendto" if without_address => "send",
            "pselect6" => "select",
            "ppoll" => "poll",
            "clock_nanosleep" | "nanosleep" => "sleep",
            "wait4" => "wait",
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::calls::{CALLS, number};
    use super::*;
    use rstest::rstest;

    fn named(name: &str, args: [u64; 6]) -> Option<BlockedCall> {
        let call = CALLS.iter().find(|call| call.name == name).unwrap();
        Some(BlockedCall::new(number(call)?, args))
    }

    #[rstest]
    #[case("recvfrom", [4, 0, 0, 0, 0, 0], Wait::Forever, Some(4))]
    #[case("accept4", [3, 0, 0, 0, 0, 0], Wait::Forever, Some(3))]
    #[case("poll", [0x7000, 1, 0xffff_ffff, 0, 0, 0], Wait::Forever, None)]
    #[case("poll", [0x7000, 1, u64::MAX, 0, 0, 0], Wait::Forever, None)]
    #[case("poll", [0x7000, 1, 5000, 0, 0, 0], Wait::Timed, None)]
    #[case("ppoll", [0x7000, 1, 0, 0, 0, 0], Wait::Forever, None)]
    #[case("ppoll", [0x7000, 1, 0x7100, 0, 0, 0], Wait::Timed, None)]
    #[case("select", [5, 1, 1, 1, 0, 9], Wait::Forever, None)]
    #[case("pselect6", [5, 1, 1, 1, 7, 0], Wait::Timed, None)]
    #[case("epoll_wait", [6, 1, 1, 0xffff_ffff, 0, 0], Wait::Forever, Some(6))]
    #[case("epoll_pwait", [6, 1, 1, 100, 0, 0], Wait::Timed, Some(6))]
    #[case("epoll_pwait2", [6, 1, 1, 0, 0, 0], Wait::Forever, Some(6))]
    #[case("futex", [1, 0x80, 0, 0, 0, 0], Wait::Forever, None)]
    #[case("futex", [1, 0x189, 0, 0, 0, 0], Wait::Forever, None)]
    #[case("futex", [1, 0x189, 0, 0x7000, 0, 0], Wait::Timed, None)]
    #[case("futex", [1, 0x81, 0, 0, 0, 0], Wait::NotAWait, None)]
    #[case("clock_nanosleep", [0; 6], Wait::Timed, None)]
    #[case("wait4", [0; 6], Wait::Forever, None)]
    fn waits(#[case] name: &str, #[case] args: [u64; 6], #[case] wait: Wait, #[case] descriptor: Option<i32>) {
        // AArch64 lacks poll, select and epoll_wait.
        if let Some(call) = named(name, args) {
            assert_eq!((call.wait(), call.descriptor()), (wait, descriptor));
        }
    }

    #[test]
    fn unknown_calls_are_no_waits() {
        let call = BlockedCall::new(9_999, [0; 6]);
        assert_eq!((call.name, call.wait(), call.descriptor()), ("?", Wait::NotAWait, None));
        assert_eq!(call.describe(), "is in system call 9999");
    }

    #[test]
    fn descriptions() {
        let text = |name, args| named(name, args).unwrap().describe();
        assert_eq!(text("recvfrom", [4, 0, 0, 0, 0, 0]), "waits in recv() for data");
        assert_eq!(text("recvfrom", [4, 0, 0, 0, 9, 0]), "waits in recvfrom() for data");
        assert_eq!(text("accept4", [3, 0, 0, 0, 0, 0]), "waits in accept() for a connection");
        assert_eq!(text("epoll_pwait", [6, 0, 0, 0, 0, 0]), "waits in epoll_pwait() for data or a connection");
        assert_eq!(text("read", [0; 6]), "waits in read() for its standard input");
        assert_eq!(text("read", [5, 0, 0, 0, 0, 0]), "waits in read() for data");
        assert_eq!(text("futex", [1, 0x80, 0, 0, 0, 0]), "waits for another thread (a lock, a join or a condition)");
        assert_eq!(text("futex", [1, 0x81, 0, 0, 0, 0]), "is in futex()");
        assert_eq!(text("wait4", [0; 6]), "waits in wait() for a child to end");
    }

    #[rstest]
    #[case("running\n", None)]
    #[case("-1 0x7ffc 0x7f00\n", None)]
    #[case("", None)]
    #[case("0 0x3 zz", None)]
    fn nothing_to_see(#[case] text: &str, #[case] expected: Option<BlockedCall>) {
        assert_eq!(BlockedCall::parse(text), expected);
    }

    #[test]
    fn a_syscall_line() {
        let call = BlockedCall::parse("202 0x1 0x80 0x2 0x0 0xffffffff 0x6 0x7fff 0x7f58\n").unwrap();
        assert_eq!((call.number, call.args), (202, [1, 0x80, 2, 0, 0xffff_ffff, 6]));
    }
}
