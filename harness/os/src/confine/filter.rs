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

/// The numbers of one architecture.
struct Numbers {
    architecture: u32,
    /// Refused whatever the arguments.
    refused: &'static [libc::c_long],
    /// Calls that make new namespaces, by flags in their first argument.
    namespaces: [libc::c_long; 2],
    clone3: libc::c_long,
    kill: libc::c_long,
}

const NATIVE: Numbers = Numbers {
    #[cfg(target_arch = "x86_64")]
    architecture: 0xc000_003e,
    #[cfg(target_arch = "aarch64")]
    architecture: 0xc000_00b7,
    refused: &[
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_open_by_handle_at,
        libc::SYS_reboot,
        libc::SYS_kexec_load,
    ],
    namespaces: [libc::SYS_unshare, libc::SYS_clone],
    clone3: libc::SYS_clone3,
    kill: libc::SYS_kill,
};

/// 32-bit programs on x86-64: setns, mount, umount, umount2, pivot_root, chroot, and so on.
const OF_32_BITS: Numbers = Numbers {
    architecture: 0x4000_0003,
    refused: &[346, 21, 22, 52, 217, 61, 357, 336, 374, 288, 286, 287, 342, 88, 283],
    namespaces: [310, 120],
    clone3: 435,
    kill: 37,
};

/// Numbers from here on are x86-64's calls once more, for programs with short pointers.
const SHORT_POINTERS: u32 = 0x4000_0000;

/// The list as the kernel takes it.
#[derive(Debug)]
pub(super) struct Refusals {
    program: Vec<sock_filter>,
}

impl Refusals {
    pub(super) fn new() -> Self {
        let mut program = vec![load(4)];
        let architectures: &[Numbers] = if cfg!(target_arch = "x86_64") { &[NATIVE, OF_32_BITS] } else { &[NATIVE] };
        for numbers in architectures {
            let rules = numbers.rules();
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

impl Numbers {
    fn rules(&self) -> Vec<sock_filter> {
        let refuse = ret(FAIL | libc::EPERM as u32);
        let unknown = ret(FAIL | libc::ENOSYS as u32);
        let mut rules = vec![load(0), skip_unless_at_least(SHORT_POINTERS, 1), unknown];
        for number in self.refused {
            rules.extend([skip_unless_equal(*number as u32, 1), refuse]);
        }
        for number in self.namespaces {
            rules.extend([
                skip_unless_equal(number as u32, 5),
                load(16),
                keep(libc::CLONE_NEWUSER as u32),
                skip_if_equal(0, 1),
                refuse,
                ret(ALLOW),
            ]);
        }
        // Its flags stand in memory, where a filter cannot look; every library goes back to the older call.
        rules.extend([skip_unless_equal(self.clone3 as u32, 1), unknown]);
        // To everybody that may be signalled: what Landlock does not keep inside would reach the whole session.
        rules.extend([
            skip_unless_equal(self.kill as u32, 4),
            load(16),
            skip_unless_equal(u32::MAX, 1),
            refuse,
            ret(ALLOW),
            ret(ALLOW),
        ]);
        rules
    }
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
