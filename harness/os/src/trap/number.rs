//! System call numbers as names. Owns the list of calls that the simulation tells apart; a number outside it
//! is kept as a number, so that it can be reported.

macro_rules! calls {
    ($($(#[$gate:meta])* $name:ident = $number:ident;)*) => {
        /// A system call, by name where the simulation knows it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum Sys {
            $($(#[$gate])* $name,)*
            /// A call that has no name here.
            Other(i32),
        }

        impl Sys {
            /// The call with this number on the machine's architecture.
            pub fn from_number(number: i32) -> Self {
                match i64::from(number) {
                    $($(#[$gate])* libc::$number => Self::$name,)*
                    _ => Self::Other(number),
                }
            }

            /// The number on the machine's architecture.
            pub fn number(self) -> i32 {
                match self {
                    $($(#[$gate])* Self::$name => libc::$number as i32,)*
                    Self::Other(number) => number,
                }
            }

            /// The name as `man 2` has it; `None` for a call without a name here.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $($(#[$gate])* Self::$name => Some(&stringify!($number)[4..]),)*
                    Self::Other(_) => None,
                }
            }
        }
    };
}

calls! {
    Read = SYS_read;
    Readv = SYS_readv;
    #[cfg(target_arch = "x86_64")]
    Open = SYS_open;
    Openat = SYS_openat;
    Write = SYS_write;
    Writev = SYS_writev;
    Sendto = SYS_sendto;
    Recvfrom = SYS_recvfrom;
    Sendmsg = SYS_sendmsg;
    Recvmsg = SYS_recvmsg;
    Sendmmsg = SYS_sendmmsg;
    Recvmmsg = SYS_recvmmsg;
    Sendfile = SYS_sendfile;
    Splice = SYS_splice;
    Socket = SYS_socket;
    Bind = SYS_bind;
    Listen = SYS_listen;
    Accept = SYS_accept;
    Accept4 = SYS_accept4;
    Connect = SYS_connect;
    Getsockname = SYS_getsockname;
    Getpeername = SYS_getpeername;
    Setsockopt = SYS_setsockopt;
    Getsockopt = SYS_getsockopt;
    Shutdown = SYS_shutdown;
    Ioctl = SYS_ioctl;
    Dup = SYS_dup;
    #[cfg(target_arch = "x86_64")]
    Dup2 = SYS_dup2;
    Dup3 = SYS_dup3;
    PidfdGetfd = SYS_pidfd_getfd;
    Unshare = SYS_unshare;
    CloseRange = SYS_close_range;
    Fcntl = SYS_fcntl;
    #[cfg(target_arch = "x86_64")]
    Poll = SYS_poll;
    Ppoll = SYS_ppoll;
    #[cfg(target_arch = "x86_64")]
    Select = SYS_select;
    Pselect6 = SYS_pselect6;
    #[cfg(target_arch = "x86_64")]
    EpollCreate = SYS_epoll_create;
    EpollCreate1 = SYS_epoll_create1;
    EpollCtl = SYS_epoll_ctl;
    #[cfg(target_arch = "x86_64")]
    EpollWait = SYS_epoll_wait;
    EpollPwait = SYS_epoll_pwait;
    EpollPwait2 = SYS_epoll_pwait2;
    Nanosleep = SYS_nanosleep;
    ClockNanosleep = SYS_clock_nanosleep;
    ClockGettime = SYS_clock_gettime;
    Gettimeofday = SYS_gettimeofday;
    #[cfg(target_arch = "x86_64")]
    Time = SYS_time;
    #[cfg(target_arch = "x86_64")]
    Alarm = SYS_alarm;
    Setitimer = SYS_setitimer;
    Getitimer = SYS_getitimer;
    TimerCreate = SYS_timer_create;
    TimerSettime = SYS_timer_settime;
    TimerGettime = SYS_timer_gettime;
    TimerGetoverrun = SYS_timer_getoverrun;
    TimerDelete = SYS_timer_delete;
    TimerfdCreate = SYS_timerfd_create;
    TimerfdSettime = SYS_timerfd_settime;
    TimerfdGettime = SYS_timerfd_gettime;
    RtSigtimedwait = SYS_rt_sigtimedwait;
    Futex = SYS_futex;
    FutexWaitv = SYS_futex_waitv;
    SchedYield = SYS_sched_yield;
    Getrandom = SYS_getrandom;
    ArchPrctl = SYS_arch_prctl;
    Execve = SYS_execve;
    Execveat = SYS_execveat;
    Clone = SYS_clone;
    Clone3 = SYS_clone3;
    #[cfg(target_arch = "x86_64")]
    Fork = SYS_fork;
    #[cfg(target_arch = "x86_64")]
    Vfork = SYS_vfork;
    SetRobustList = SYS_set_robust_list;
    Sigaltstack = SYS_sigaltstack;
    Exit = SYS_exit;
    ExitGroup = SYS_exit_group;
    Wait4 = SYS_wait4;
    Waitid = SYS_waitid;
    Kill = SYS_kill;
    Tkill = SYS_tkill;
    Tgkill = SYS_tgkill;
    RtSigqueueinfo = SYS_rt_sigqueueinfo;
    RtTgsigqueueinfo = SYS_rt_tgsigqueueinfo;
    PidfdSendSignal = SYS_pidfd_send_signal;
    IoUringSetup = SYS_io_uring_setup;
    Semtimedop = SYS_semtimedop;
    MqTimedreceive = SYS_mq_timedreceive;
    MqTimedsend = SYS_mq_timedsend;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        assert_eq!(Sys::from_number(Sys::Recvfrom.number()), Sys::Recvfrom);
        assert_eq!(Sys::Recvfrom.name(), Some("recvfrom"));
        assert_eq!(Sys::from_number(100_000), Sys::Other(100_000));
    }
}
