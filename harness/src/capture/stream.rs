//! One direction of a TCP connection, put together again from its segments.

use std::collections::BTreeMap;

use super::packet::Segment;

/// Bytes in the order of their sequence numbers, whatever order they came in and however often.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// Sequence number of the first byte.
    start: Option<u32>,
    /// Pieces by their offset; none overlaps another.
    pieces: BTreeMap<u64, Vec<u8>>,
    /// Where the highest byte ends that was announced.
    end: u64,
    /// Segments with data.
    pub segments: usize,
    /// Segments that brought nothing new.
    pub repeated: usize,
    /// Segments that came before one that belongs in front of them.
    pub early: usize,
}

impl Stream {
    /// Takes a segment.
    pub fn take(&mut self, segment: &Segment) {
        // SYN takes a number of its own, in front of the first byte (RFC 9293 section 3.4).
        let first = segment.sequence.wrapping_add(u32::from(segment.syn));
        if segment.syn {
            self.start = Some(first);
        }
        if segment.data.length == 0 {
            return;
        }
        let start = *self.start.get_or_insert(first);
        self.segments += 1;
        // Numbers wrap around: the distance to what came last is the shorter way round.
        let expected = start.wrapping_add(self.end as u32);
        let place = self.end as i64 + i64::from(first.wrapping_sub(expected) as i32);
        let whole_end = place + segment.data.length as i64;
        if place as i128 > self.end as i128 {
            self.early += 1;
        }
        let before = self.known();
        let skip = usize::try_from(-place).unwrap_or(0);
        if let Some(bytes) = segment.data.bytes.get(skip..) {
            self.insert(place.max(0) as u64, bytes);
        }
        if self.known() == before && whole_end <= self.end as i64 {
            self.repeated += 1;
        }
        self.end = self.end.max(whole_end.max(0) as u64);
    }

    /// Adds what is not there yet; what came first stays.
    fn insert(&mut self, mut at: u64, mut bytes: &[u8]) {
        if let Some((before, piece)) = self.pieces.range(..=at).next_back() {
            let over = (before + piece.len() as u64).saturating_sub(at).min(bytes.len() as u64);
            at += over;
            bytes = &bytes[over as usize..];
        }
        while !bytes.is_empty() {
            let next = self.pieces.range(at..).next().map(|(next, piece)| (*next, piece.len() as u64));
            let Some((next, length)) = next.filter(|(next, _)| *next < at + bytes.len() as u64) else {
                self.pieces.insert(at, bytes.to_vec());
                return;
            };
            let gap = (next - at) as usize;
            if gap > 0 {
                self.pieces.insert(at, bytes[..gap].to_vec());
            }
            let skip = (gap as u64 + length).min(bytes.len() as u64);
            at += skip;
            bytes = &bytes[skip as usize..];
        }
    }

    /// Bytes that are there.
    pub fn known(&self) -> u64 {
        self.pieces.values().map(|piece| piece.len() as u64).sum()
    }

    /// Bytes that were sent and are not in the capture.
    pub fn missing(&self) -> u64 {
        self.end.saturating_sub(self.known())
    }

    /// The bytes from the beginning to the first that is missing.
    pub fn bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for (at, piece) in &self.pieces {
            if *at != all.len() as u64 {
                break;
            }
            all.extend_from_slice(piece);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::packet::Data;
    use proptest::prelude::*;

    fn segment(sequence: u32, bytes: &[u8]) -> Segment {
        Segment {
            syn: false,
            ack: true,
            fin: false,
            rst: false,
            sequence,
            acknowledgment: 0,
            data: Data { length: bytes.len(), bytes: bytes.to_vec() },
        }
    }

    fn opened(at: u32) -> Stream {
        let mut stream = Stream::default();
        stream.take(&Segment { syn: true, ..segment(at, b"") });
        stream
    }

    #[test]
    fn repeated_and_early_segments_are_counted() {
        let mut stream = opened(99);
        for (sequence, bytes) in [(100, &b"ab"[..]), (104, b"ef"), (102, b"cd"), (100, b"ab")] {
            stream.take(&segment(sequence, bytes));
        }
        assert_eq!(stream.bytes(), b"abcdef");
        assert_eq!((stream.segments, stream.early, stream.repeated, stream.missing()), (4, 1, 1, 0));
    }

    #[test]
    fn a_hole_is_seen() {
        let mut stream = opened(99);
        stream.take(&segment(100, b"ab"));
        stream.take(&segment(104, b"ef"));
        assert_eq!((stream.bytes(), stream.missing()), (b"ab".to_vec(), 2));
    }

    #[test]
    fn a_snap_length_leaves_holes() {
        let mut stream = opened(99);
        let mut cut = segment(100, b"abcd");
        cut.data.length = 1000;
        stream.take(&cut);
        assert_eq!((stream.known(), stream.missing()), (4, 996));
    }

    #[test]
    fn without_a_syn_the_first_segment_begins() {
        let mut stream = Stream::default();
        stream.take(&segment(5000, b"xy"));
        stream.take(&segment(4990, b"too old"));
        assert_eq!((stream.bytes(), stream.missing()), (b"xy".to_vec(), 0));
    }

    proptest! {
        #[test]
        fn any_order_and_any_overlap_give_the_same_bytes(
            bytes in proptest::collection::vec(any::<u8>(), 1..300),
            start: u32,
            pieces in proptest::collection::vec((0usize..300, 1usize..60), 0..40),
        ) {
            let mut stream = opened(start.wrapping_sub(1));
            for (at, length) in pieces {
                let at = at.min(bytes.len() - 1);
                let end = (at + length).min(bytes.len());
                stream.take(&segment(start.wrapping_add(at as u32), &bytes[at..end]));
            }
            stream.take(&segment(start, &bytes));
            prop_assert_eq!(stream.bytes(), bytes);
            prop_assert_eq!(stream.missing(), 0);
        }
    }
}
