//! Lines out of pieces, whatever the pieces are.

use proptest::prelude::*;
use reference::lines::{Line, LineBuffer, LineReader, without_return};

/// Cuts `stream` after each of `lengths`, over and over.
fn pieces<'a>(stream: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = stream;
    let mut lengths = lengths.iter().cycle();
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(*lengths.next().unwrap()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn lines_of(stream: &[u8], lengths: &[usize], limit: usize) -> Vec<Line> {
    let mut buffer = LineBuffer::new(limit);
    let mut lines = Vec::new();
    for piece in pieces(stream, lengths) {
        buffer.push(piece);
        while let Some(line) = buffer.next_line() {
            lines.push(line);
        }
    }
    lines.extend(buffer.last_line());
    lines
}

proptest! {
    #[test]
    fn the_cuts_do_not_matter(
        stream in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..400),
        lengths in prop::collection::vec(1..50_usize, 1..10),
        limit in 0..30_usize,
    ) {
        let mut expected: Vec<_> = stream
            .split(|&byte| byte == b'\n')
            .map(|line| if line.len() > limit { Line::TooLong } else { Line::Whole(line.to_vec()) })
            .collect();
        expected.pop_if(|last| *last == Line::Whole(Vec::new()));
        prop_assert_eq!(lines_of(&stream, &lengths, limit), expected);
    }

    #[test]
    fn a_reader_finds_the_same_lines(stream in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..400)) {
        let mut reader = LineReader::new(&*stream, 30);
        let mut lines = Vec::new();
        while let Some(line) = reader.next_line().unwrap() {
            lines.push(line);
        }
        prop_assert_eq!(lines, lines_of(&stream, &[400], 30));
    }
}

#[test]
fn a_line_that_never_ends_is_said_once_and_takes_no_memory() {
    let mut buffer = LineBuffer::new(10);
    let mut found = Vec::new();
    for _ in 0..1_000 {
        buffer.push(&[b'x'; 100]);
        found.extend(buffer.next_line());
    }
    assert_eq!(found, [Line::TooLong]);
    buffer.push(b"x\nnext\n");
    assert_eq!(buffer.next_line(), Some(Line::Whole(b"next".to_vec())));
    assert_eq!((buffer.next_line(), buffer.last_line()), (None, None));
}

#[test]
fn one_return_goes() {
    assert_eq!(without_return(b"a\r"), b"a");
    assert_eq!(without_return(b"a\r\r"), b"a\r");
    assert_eq!(without_return(b"\ra"), b"\ra");
}
