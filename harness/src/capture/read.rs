//! Packets out of a capture file: pcap in both byte orders and resolutions, pcapng with any number
//! of sections and interfaces.
//!
//! A file from elsewhere may be anything. Whatever is wrong with it is said with the number of the
//! packet; what came before stays readable, because an interrupted capture still shows something.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pcap_file::pcap::PcapParser;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::{PcapNgParser, RawBlock};
use pcap_file::{Endianness, PcapError, TsResolution};

use super::Link;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 512 << 20;

/// Largest packet that is believed, in bytes.
const LARGEST_PACKET: u32 = 256 * 1024;

/// A packet as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// When it passed, since the first packet of the file.
    pub at: Duration,
    /// What it begins with.
    pub link: Link,
    /// Its bytes, as many as were kept.
    pub bytes: Vec<u8>,
    /// Whether fewer bytes were kept than there were (a snap length).
    pub cut: bool,
}

/// What a file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The packets, in the order of the file.
    pub packets: Vec<Captured>,
    /// What is wrong with the file behind the last packet, if anything is.
    pub damage: Option<String>,
    /// Packets on kinds of links that cannot be read.
    pub foreign: usize,
}

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file system refuses.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// More than is read.
    #[error("{}: {size} bytes are more than the {LARGEST} that are read: capture one exchange only", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// Not a capture.
    #[error("{}: {why}", path.display())]
    NoCapture {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// Reads a capture file.
///
/// # Errors
/// If it cannot be read or is no capture. Damage behind the first packet is no error.
pub fn file(path: &Path) -> Result<Contents, ReadError> {
    let unreadable = |error| ReadError::Unreadable { path: path.to_owned(), error };
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if about.is_dir() {
        let why = "this is a folder; name one capture file".to_owned();
        return Err(ReadError::NoCapture { path: path.to_owned(), why });
    }
    if about.len() > LARGEST {
        return Err(ReadError::TooLarge { path: path.to_owned(), size: about.len() });
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    contents(&bytes).map_err(|why| ReadError::NoCapture { path: path.to_owned(), why })
}

/// Takes the packets out of a file's bytes.
///
/// # Errors
/// What is wrong, if there is not even one packet.
pub fn contents(bytes: &[u8]) -> Result<Contents, String> {
    let mut found = match bytes.get(..4) {
        Some([0x0a, 0x0d, 0x0d, 0x0a]) => pcapng(bytes),
        Some(
            [0xa1, 0xb2, 0xc3, 0xd4] | [0xd4, 0xc3, 0xb2, 0xa1] | [0xa1, 0xb2, 0x3c, 0x4d] | [0x4d, 0x3c, 0xb2, 0xa1],
        ) => pcap(bytes),
        Some([0x1f, 0x8b, ..]) => Err("this file is compressed: unpack it with gunzip first".to_owned()),
        _ if bytes.is_empty() => Err("the file is empty".to_owned()),
        _ => {
            Err("this is no pcap or pcapng file: save the capture in Wireshark, or write it with tcpdump -w".to_owned())
        }
    }?;
    if found.packets.is_empty() {
        if let Some(damage) = found.damage {
            return Err(damage);
        }
        if found.foreign > 0 {
            return Err(format!(
                "none of its {} packets is on a link that can be read: {}",
                found.foreign,
                Link::KNOWN
            ));
        }
    }
    let first = found.packets.iter().map(|packet| packet.at).min().unwrap_or_default();
    for packet in &mut found.packets {
        packet.at = packet.at.saturating_sub(first);
    }
    Ok(found)
}

fn damaged(number: usize, error: &PcapError) -> String {
    match error {
        PcapError::IncompleteBuffer => format!("the file is cut off in the middle of packet {number}"),
        other => format!("packet {number} is damaged: {other}"),
    }
}

fn pcap(bytes: &[u8]) -> Result<Contents, String> {
    let (mut rest, parser) =
        PcapParser::new(bytes).map_err(|_| "the file is cut off in the middle of its header".to_owned())?;
    let header = parser.header();
    let Some(link) = Link::of(header.datalink) else {
        return Err(format!(
            "its link type, {}, cannot be read; these can: {}",
            u32::from(header.datalink),
            Link::KNOWN
        ));
    };
    let mut found = Contents::default();
    while !rest.is_empty() {
        let number = found.packets.len() + 1;
        let packet = match parser.next_raw_packet(rest) {
            Ok((left, packet)) => {
                rest = left;
                packet
            }
            Err(error) => {
                found.damage = Some(damaged(number, &error));
                break;
            }
        };
        if packet.incl_len > LARGEST_PACKET {
            found.damage = Some(format!("packet {number} is damaged: it claims {} bytes", packet.incl_len));
            break;
        }
        let fraction = match header.ts_resolution {
            TsResolution::MicroSecond => u64::from(packet.ts_frac) * 1_000,
            TsResolution::NanoSecond => u64::from(packet.ts_frac),
        };
        found.packets.push(Captured {
            at: Duration::from_secs(u64::from(packet.ts_sec)) + Duration::from_nanos(fraction),
            link,
            cut: packet.incl_len < packet.orig_len,
            bytes: packet.data.into_owned(),
        });
    }
    Ok(found)
}

/// Numbers of the blocks of a pcapng file that hold packets.
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

fn pcapng(bytes: &[u8]) -> Result<Contents, String> {
    let (mut rest, mut parser) = PcapNgParser::new(bytes).map_err(|error| match error {
        PcapError::IncompleteBuffer => "the file is cut off in the middle of its header".to_owned(),
        other => format!("its header is damaged: {other}"),
    })?;
    let mut found = Contents::default();
    while !rest.is_empty() {
        let number = found.packets.len() + found.foreign + 1;
        match parser.next_raw_block(rest) {
            Ok((left, block)) => {
                rest = left;
                match block_packet(&parser, &block) {
                    Some(Ok(Some(packet))) => found.packets.push(packet),
                    Some(Ok(None)) => found.foreign += 1,
                    Some(Err(why)) => {
                        found.damage = Some(format!("packet {number} is damaged: {why}"));
                        break;
                    }
                    None => {}
                }
            }
            Err(error) => {
                found.damage = Some(damaged(number, &error));
                break;
            }
        }
    }
    Ok(found)
}

/// The packet in a block: nothing if it holds none, `Ok(None)` for one on a link that cannot be read.
fn block_packet(parser: &PcapNgParser, block: &RawBlock<'_>) -> Option<Result<Option<Captured>, String>> {
    let little = parser.section().endianness == Endianness::Little;
    let word = |at: usize| -> Option<u32> {
        let four: [u8; 4] = block.body.get(at..at + 4)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    };
    let half = |at: usize| -> Option<u32> {
        let two: [u8; 2] = block.body.get(at..at + 2)?.try_into().ok()?;
        Some(u32::from(if little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) }))
    };
    // Interface, where the time is, length kept, length there was, where the bytes begin.
    let fields = match block.type_ {
        ENHANCED_PACKET => (|| Some((word(0)?, Some(4), word(12)?, word(16)?, 20)))(),
        OBSOLETE_PACKET => (|| Some((half(0)?, Some(4), word(12)?, word(16)?, 20)))(),
        SIMPLE_PACKET => (|| {
            let whole = word(0)?;
            let room = u32::try_from(block.body.len().saturating_sub(4)).ok()?;
            Some((0, None, whole.min(room), whole, 4))
        })(),
        _ => return None,
    };
    let Some((interface, time_at, kept, whole, start)) = fields else {
        return Some(Err("its block is too short".to_owned()));
    };
    let Some(interface) = parser.interfaces().get(interface as usize) else {
        return Some(Err(format!("it names interface {interface}, which the file does not describe")));
    };
    let Some(bytes) = block.body.get(start..start + kept as usize).filter(|_| kept <= LARGEST_PACKET) else {
        return Some(Err(format!("it claims {kept} bytes")));
    };
    let Some(link) = Link::of(interface.linktype) else { return Some(Ok(None)) };
    let resolution = interface.options.iter().find_map(|option| match option {
        InterfaceDescriptionOption::IfTsResol(resolution) => Some(*resolution),
        _ => None,
    });
    let units = time_at.and_then(|at| Some(u64::from(word(at)?) << 32 | u64::from(word(at + 4)?))).unwrap_or(0);
    Some(Ok(Some(Captured {
        at: time(units, resolution.unwrap_or(6)),
        link,
        bytes: bytes.to_vec(),
        cut: kept < whole,
    })))
}

/// A time in units of 10^-n seconds, or of 2^-n if the highest bit of the resolution is set.
fn time(units: u64, resolution: u8) -> Duration {
    let exponent = u32::from(resolution & 0x7f);
    let per_second = match resolution & 0x80 {
        0 => 10_u128.checked_pow(exponent),
        _ => 2_u128.checked_pow(exponent),
    };
    let Some(per_second) = per_second else { return Duration::ZERO };
    let units = u128::from(units);
    let nanos = (units % per_second).checked_mul(1_000_000_000).map_or(0, |nanos| nanos / per_second);
    Duration::new(u64::try_from(units / per_second).unwrap_or(u64::MAX), u32::try_from(nanos).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(1_500_000, 6, 1_500)]
    #[case(1_500, 3, 1_500)]
    #[case(3 << 9, 0x80 | 10, 1_500)]
    #[case(9, 0x7f, 0)]
    fn times_have_a_resolution(#[case] units: u64, #[case] resolution: u8, #[case] milliseconds: u64) {
        assert_eq!(time(units, resolution), Duration::from_millis(milliseconds));
    }

    #[rstest]
    #[case(b"", "the file is empty")]
    #[case(b"hello, world", "this is no pcap or pcapng file")]
    #[case(&[0x1f, 0x8b, 8, 0, 0], "compressed")]
    #[case(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0], "cut off in the middle of its header")]
    #[case(&[0x0a, 0x0d, 0x0d, 0x0a, 0, 0], "cut off in the middle of its header")]
    fn says_what_is_no_capture(#[case] bytes: &[u8], #[case] why: &str) {
        let said = contents(bytes).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}
