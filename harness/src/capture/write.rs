//! Captures that Wireshark opens: Ethernet frames or raw IP packets, microseconds, little-endian.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use harness_os::sniff::Frame;
use pcap_file::Endianness;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};

use super::{Link, offload};
use crate::run::secrets::Secrets;

/// Longest frame: loopback carries segments of up to 64 KiB with their headers.
const SNAP_LENGTH: u32 = 262_144;

/// Writes frames as a capture file, with asterisks over the secrets that stand whole in a packet. Times count from the
/// beginning of the run.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, link: Link, frames: &[Frame], secrets: &Secrets) -> io::Result<()> {
    let header = PcapHeader {
        snaplen: SNAP_LENGTH,
        datalink: link.number(),
        endianness: Endianness::Little,
        ..PcapHeader::default()
    };
    let file = BufWriter::new(File::create(path)?);
    let mut writer = PcapWriter::with_header(file, header).map_err(io::Error::other)?;
    for frame in frames {
        let mut frame = frame.clone();
        if secrets.blot(&mut frame.bytes) {
            offload::renew(link, &mut frame.bytes);
        }
        match link {
            Link::RawIp => super::show_as_loopback(&mut frame.bytes),
            Link::Ethernet => super::complete(&mut frame.bytes),
            Link::Cooked | Link::Cooked2 | Link::Family => {}
        }
        let length = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        writer.write_packet(&PcapPacket::new(frame.at, length, &frame.bytes)).map_err(io::Error::other)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pcap_file::pcap::PcapReader;

    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pcap");
        let frames = [
            Frame { at: Duration::from_micros(5), bytes: vec![1; 60] },
            Frame { at: Duration::from_millis(3), bytes: vec![2; 70_000] },
        ];
        write(&path, Link::Ethernet, &frames, &Secrets::default()).unwrap();
        let mut reader = PcapReader::new(File::open(&path).unwrap()).unwrap();
        for frame in &frames {
            let packet = reader.next_packet().unwrap().unwrap();
            assert_eq!((packet.timestamp, packet.data.as_ref()), (frame.at, frame.bytes.as_slice()));
        }
        assert!(reader.next_packet().is_none());
    }
}
