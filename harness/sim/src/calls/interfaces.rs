//! Interfaces for who asks by `ioctl` (netdevice(7)) or opens a file of `/proc/net`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use harness_os::trap::{Memory, file_of};

use super::{Reply, memory};
use crate::interfaces::{Interface, file, mask, of_host};
use crate::process::{Held, ThreadKey};
use crate::world::World;

const NAME: u64 = 0x8910;
const LIST: u64 = 0x8912;
const FLAGS: u64 = 0x8913;
const ADDRESS: u64 = 0x8915;
const FAR_ADDRESS: u64 = 0x8917;
const BROADCAST: u64 = 0x8919;
const MASK: u64 = 0x891b;
const METRIC: u64 = 0x891d;
const MTU: u64 = 0x8921;
const HARDWARE: u64 = 0x8927;
const INDEX: u64 = 0x8933;
const QUEUE: u64 = 0x8942;
const MAP: u64 = 0x8970;

/// `struct ifreq`: a name, and a union.
const NAME_LENGTH: usize = 16;
const REQUEST_LENGTH: usize = 40;

/// Longest path that is looked at: the files in question have short ones.
const PATH: usize = 32;

/// Size of a page of memory, beyond which a path may not be readable.
const PAGE: u64 = 4096;

impl World {
    /// The interfaces of the host that a call comes from.
    pub(super) fn interfaces_of(&self, held: &Held) -> Vec<Interface> {
        let config = &self.net.config;
        let host = self.programs.get(held.record.program.0).and_then(|program| self.net.hosts.get(program.host));
        host.map_or_else(Vec::new, |host| of_host(host, config.mtu, config.ipv6))
    }

    /// A question about interfaces on a descriptor; nothing when it is another request. `inet` says that it is a
    /// simulated IPv4 socket: others know no addresses.
    pub(super) fn ask_interfaces(&mut self, key: ThreadKey, held: &Held, inet: Option<bool>) -> Option<Reply> {
        let request = held.note.args[1] & 0xffff_ffff;
        if !(NAME..=MAP).contains(&request) {
            return None;
        }
        let process = self.process_of(key);
        let socket = || self.processes.get(&process)?.descriptors.as_ref()?.socket(held.note.args[0] as i32);
        if inet.is_none() && socket().is_none() {
            return None;
        }
        let of_addresses = matches!(request, ADDRESS | FAR_ADDRESS | BROADCAST | MASK);
        if of_addresses && inet != Some(true) {
            return Some(Reply::Errno(libc::ENOTTY));
        }
        let interfaces = self.interfaces_of(held);
        let (memory, at) = (memory(held), held.note.args[2]);
        let result =
            if request == LIST { list(memory, at, &interfaces) } else { tell(memory, at, request, &interfaces) };
        Some(result.map(|()| 0).into())
    }

    /// A file that is opened to be read: one that tells of the machine's interfaces is another one here.
    pub(super) fn start_open(&mut self, held: &Held, path_at: u64, flags: u64) -> Reply {
        let Some(path) = short_text(memory(held), path_at) else { return Reply::Native };
        let name = ["/proc/net/", "/proc/self/net/"].iter().find_map(|folder| path.strip_prefix(folder));
        let Some(text) = name.and_then(|name| file(name, &self.interfaces_of(held))) else { return Reply::Native };
        if !self.net.config.ipv6 && text.is_empty() {
            // A kernel without IPv6 has no such file.
            return Reply::Errno(libc::ENOENT);
        }
        match file_of(text.as_bytes()) {
            Ok(descriptor) => Reply::Descriptor { descriptor, close_on_exec: flags as i32 & libc::O_CLOEXEC != 0 },
            Err(_) => Reply::Errno(libc::EMFILE),
        }
    }
}

/// A text that ends within [`PATH`] bytes.
fn short_text(memory: Memory, at: u64) -> Option<String> {
    let mut bytes = [0u8; PATH];
    // What follows the page may not be there.
    let first = (PAGE - at % PAGE).min(PATH as u64) as usize;
    if !memory.read(at, &mut bytes[..first]) {
        return None;
    }
    if !bytes[..first].contains(&0) && first < PATH && !memory.read(at + first as u64, &mut bytes[first..]) {
        return None;
    }
    let length = bytes.iter().position(|byte| *byte == 0)?;
    String::from_utf8(bytes[..length].to_vec()).ok()
}

fn address_bytes(address: Ipv4Addr) -> Vec<u8> {
    crate::address::encode(SocketAddr::new(IpAddr::V4(address), 0), false)
}

/// `SIOCGIFCONF`: as many as there is room for, each IPv4 address with its interface's name.
fn list(memory: Memory, at: u64, interfaces: &[Interface]) -> Result<(), i32> {
    let room = memory.word32(at).ok_or(libc::EFAULT)? as usize;
    let buffer = memory.word64(at + 8).ok_or(libc::EFAULT)?;
    let mut bytes = Vec::new();
    for one in interfaces {
        for assigned in &one.addresses {
            let IpAddr::V4(address) = assigned.address else { continue };
            if buffer != 0 && bytes.len() + REQUEST_LENGTH > room {
                break;
            }
            let start = bytes.len();
            bytes.extend(one.name.as_bytes());
            bytes.resize(start + NAME_LENGTH, 0);
            bytes.extend(address_bytes(address));
            bytes.resize(start + REQUEST_LENGTH, 0);
        }
    }
    if buffer != 0 && !memory.write(buffer, &bytes) {
        return Err(libc::EFAULT);
    }
    let written = memory.write(at, &(bytes.len() as u32).to_le_bytes());
    if written { Ok(()) } else { Err(libc::EFAULT) }
}

/// Every other question: the name, or for `SIOCGIFNAME` the index, says which interface it is about.
fn tell(memory: Memory, at: u64, request: u64, interfaces: &[Interface]) -> Result<(), i32> {
    let asked: [u8; REQUEST_LENGTH] = memory.array(at).ok_or(libc::EFAULT)?;
    let (name, value) = asked.split_at(NAME_LENGTH);
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let index = value.get(..4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap_or([0; 4])));
    let found = interfaces.iter().find(|one| match request {
        NAME => Some(one.index) == index,
        _ => one.name.as_bytes() == name,
    });
    let one = found.ok_or(libc::ENODEV)?;
    let addressed = || one.first_v4().ok_or(libc::EADDRNOTAVAIL);
    let word = |number: u32| number.to_le_bytes().to_vec();
    let answer = match request {
        NAME => {
            let mut bytes = one.name.as_bytes().to_vec();
            bytes.resize(NAME_LENGTH, 0);
            return if memory.write(at, &bytes) { Ok(()) } else { Err(libc::EFAULT) };
        }
        // Sixteen bits are all that fits.
        FLAGS => (one.flags() as u16).to_le_bytes().to_vec(),
        ADDRESS | FAR_ADDRESS => address_bytes(addressed()?.0),
        BROADCAST => {
            let (address, prefix) = addressed()?;
            address_bytes(one.broadcast(address, prefix).unwrap_or(Ipv4Addr::UNSPECIFIED))
        }
        MASK => address_bytes(mask(addressed()?.1)),
        METRIC => word(0),
        MTU => word(one.mtu),
        HARDWARE => {
            let mut bytes = one.hardware_kind().to_le_bytes().to_vec();
            bytes.extend(one.hardware);
            bytes.resize(16, 0);
            bytes
        }
        INDEX => word(one.index),
        QUEUE => word(1000),
        MAP => vec![0; 24],
        _ => return Err(libc::ENOTTY),
    };
    if memory.write(at + NAME_LENGTH as u64, &answer) { Ok(()) } else { Err(libc::EFAULT) }
}
