//! The simulation's record of calls in the words of a run, and what a program's file says of its runtime.

use std::path::Path;

use harness_sim::{CallRecord, Outcome, Sys};

use crate::run::calls::{Kind, Runtime, SocketCall};

/// A call on a simulated socket or a wait for some; nothing for any other.
pub(super) fn of_record(record: &CallRecord) -> Option<SocketCall> {
    let kind = match record.call {
        Sys::Poll | Sys::Ppoll | Sys::Select | Sys::Pselect6 | Sys::EpollWait | Sys::EpollPwait | Sys::EpollPwait2 => {
            Kind::Wait(record.sockets)
        }
        _ if record.socket.is_none() => return None,
        Sys::Accept | Sys::Accept4 => Kind::Accept,
        Sys::Connect => Kind::Connect,
        Sys::Read | Sys::Readv | Sys::Recvfrom | Sys::Recvmsg | Sys::Recvmmsg => Kind::Read,
        Sys::Write | Sys::Writev | Sys::Sendto | Sys::Sendmsg | Sys::Sendmmsg => Kind::Write,
        Sys::Sendfile | Sys::Splice => Kind::SendFile,
        _ => return None,
    };
    let socket = record.socket.map(|label| (label.host as u64) << 32 | u64::from(label.number));
    let moved = match record.outcome {
        Outcome::Value(value) => u64::try_from(value).ok(),
        Outcome::Errno(_) | Outcome::Native | Outcome::Unknown => None,
    };
    Some(SocketCall {
        kind,
        name: record.call.name().unwrap_or("a call").to_owned(),
        worker: (record.process, record.thread),
        socket,
        // Of several messages at once only their number is known.
        asked: if matches!(record.call, Sys::Recvmmsg | Sys::Sendmmsg) { 0 } else { record.asked },
        moved,
        nonblocking: record.nonblocking,
        at: record.at.since_start(),
        answered: record.answered.since_start(),
    })
}

/// The runtime behind an executable: by its name, or by what Go's linker leaves in it.
pub(crate) fn runtime_of(program: &Path) -> Option<Runtime> {
    let real = std::fs::canonicalize(program).ok()?;
    let names = [program, &real].map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()));
    for name in names.into_iter().flatten() {
        match name.as_str() {
            "node" | "nodejs" | "deno" | "bun" => return Some(Runtime::Node),
            "java" => return Some(Runtime::Java),
            _ => {}
        }
    }
    let bytes = std::fs::read(real).ok()?;
    // The magic number of the build information (package debug/buildinfo).
    let go = bytes.starts_with(b"\x7fELF") && memchr::memmem::find(&bytes, b"\xff Go buildinf:").is_some();
    go.then_some(Runtime::Go)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_known_by_name_or_by_what_is_in_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).expect("written");
            runtime_of(&path)
        };
        assert_eq!(file("node", b""), Some(Runtime::Node));
        assert_eq!(file("java", b""), Some(Runtime::Java));
        assert_eq!(file("server", b"\x7fELF and so on \xff Go buildinf:\x08"), Some(Runtime::Go));
        assert_eq!(file("client", b"\x7fELF and nothing more"), None);
        assert_eq!(file("server.py", b"print('\xff Go buildinf:')"), None);
        assert_eq!(runtime_of(&folder.path().join("missing")), None);
    }
}
