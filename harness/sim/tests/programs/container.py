"""Runs a command where less is allowed: container.py RULE… -- COMMAND…

  user        gives up root
  namespace   enters a user namespace of its own
  docker      the rules of Docker's default seccomp profile, as far as a program without further capabilities meets
              them here (profiles/seccomp/default.json of moby: everything that is not listed fails with EPERM)
"""
import ctypes, os, platform, struct, sys

libc = ctypes.CDLL(None, use_errno=True)
EPERM, ENOSYS = 1, 38
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, FAIL = 0x7FFF0000, 0x00050000
ARCHITECTURE_X86_64 = 0xC000003E

# Listed only for SYS_PTRACE, SYS_ADMIN and others, or not at all: numbers of x86-64.
REFUSED = {
    "kcmp": 312, "pidfd_getfd": 438, "unshare": 272, "setns": 308, "mount": 165, "umount2": 166, "pivot_root": 155,
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "bpf": 321,
    "perf_event_open": 298, "userfaultfd": 323, "keyctl": 250, "add_key": 248, "request_key": 249,
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "chroot": 161, "acct": 163,
    "process_madvise": 440, "quotactl": 179, "reboot": 169, "settimeofday": 164, "clock_settime": 227,
}
CLONE, CLONE3, PERSONALITY, SOCKET = 56, 435, 135, 41
NAMESPACE_FLAGS = 0x7E020000
PERSONALITIES = [0, 8, 0x20000, 0x20008, 0xFFFFFFFF]
AF_VSOCK = 40


def step(code, k, if_true=0, if_false=0):
    return struct.pack("HBBI", code, if_true, if_false, k)


def profile():
    rules = [step(LOAD, 4), step(EQUAL, ARCHITECTURE_X86_64, 1), step(RETURN, FAIL | EPERM), step(LOAD, 0)]
    for number in REFUSED.values():
        rules += [step(EQUAL, number, 0, 1), step(RETURN, FAIL | EPERM)]
    rules += [step(EQUAL, CLONE3, 0, 1), step(RETURN, FAIL | ENOSYS)]
    first_argument = step(LOAD, 16)
    rules += [step(EQUAL, CLONE, 0, 4), first_argument, step(ANY_BIT, NAMESPACE_FLAGS, 0, 1),
              step(RETURN, FAIL | EPERM), step(RETURN, ALLOW)]
    rules += [step(EQUAL, SOCKET, 0, 4), first_argument, step(EQUAL, AF_VSOCK, 0, 1),
              step(RETURN, FAIL | EPERM), step(RETURN, ALLOW)]
    rules += [step(EQUAL, PERSONALITY, 0, 3 + len(PERSONALITIES)), first_argument]
    for position, value in enumerate(PERSONALITIES):
        rules.append(step(EQUAL, value, len(PERSONALITIES) - position))
    rules += [step(RETURN, FAIL | EPERM), step(RETURN, ALLOW), step(RETURN, ALLOW)]
    return rules


def install(rules):
    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("rules", ctypes.c_void_p)]

    code = ctypes.create_string_buffer(b"".join(rules))
    program = Program(len(rules), ctypes.addressof(code))
    no_new_privs, set_seccomp, filter_mode = 38, 22, 2
    if libc.prctl(no_new_privs, 1, 0, 0, 0) or libc.prctl(set_seccomp, filter_mode, ctypes.byref(program), 0, 0):
        sys.exit(f"container.py: {os.strerror(ctypes.get_errno())}")


def enter_namespace():
    user, group = os.getuid(), os.getgid()
    if libc.unshare(0x10000000):
        print("container.py: no user namespace:", os.strerror(ctypes.get_errno()), flush=True)
        sys.exit(77)
    for name, text in [("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")]:
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def drop_root():
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    # Giving up root took the right to look at itself; a program that an ordinary user starts has it.
    libc.prctl(4, 1, 0, 0, 0)


split = sys.argv.index("--")
wanted, command = sys.argv[1:split], sys.argv[split + 1:]
if "user" in wanted:
    drop_root()
if "namespace" in wanted:
    enter_namespace()
if "docker" in wanted:
    if platform.machine() != "x86_64":
        sys.exit(77)
    install(profile())
os.execv(command[0], command)
