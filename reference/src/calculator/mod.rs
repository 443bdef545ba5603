//! The calculator that three tasks share: one expression a line, one answer a line.
//!
//! The sheet's own server hands each line to Python's `eval`, which "is capable of solving any type of equation". It is
//! also capable of `__import__('os').system('rm -rf ~')`: whoever reaches the port can run any program on the machine.
//! A language for sums has five signs and two brackets, so [`expression`] reads just that, and everything else is an
//! error. An error is an answer, too: one line that begins with `error: `, and the session goes on.
//!
//! Nothing here touches a socket. [`Session`] takes bytes as they arrive and returns bytes to send, and so the same
//! calculator works behind one blocking client, a thread per client, or a loop over many.

pub mod client;
pub mod expression;
pub mod number;

use std::fmt::Write;

use crate::lines::{Line, LineBuffer, without_return};

use self::number::Trouble;

/// The longest expression, in bytes.
const LONGEST: usize = 1 << 20;

/// One client's conversation.
#[derive(Debug)]
pub struct Session {
    lines: LineBuffer,
}

impl Default for Session {
    fn default() -> Self {
        Self { lines: LineBuffer::new(LONGEST) }
    }
}

impl Session {
    /// Takes what has arrived, and appends the answers to all lines that are now complete.
    pub fn receive(&mut self, piece: &[u8], answers: &mut Vec<u8>) {
        self.lines.push(piece);
        while let Some(line) = self.lines.next_line() {
            respond(line, answers);
        }
    }

    /// The client sends no more. A last line without its newline is answered like any other.
    pub fn end(&mut self, answers: &mut Vec<u8>) {
        if let Some(line) = self.lines.last_line() {
            respond(line, answers);
        }
    }
}

fn respond(line: Line, answers: &mut Vec<u8>) {
    let answer = match line {
        Line::Whole(line) => answer(without_return(&line)),
        Line::TooLong => complaint(Trouble::TooLong),
    };
    answers.extend_from_slice(answer.as_bytes());
    answers.push(b'\n');
}

/// What a line is worth, as a number or as an error; without a newline. Never panics, whatever the bytes.
pub fn answer(line: &[u8]) -> String {
    match expression::evaluate(line) {
        Ok(number) => number.to_string(),
        Err(trouble) => complaint(trouble),
    }
}

/// An error line says what is wrong and does not repeat what came: it may hold anything, and somebody's terminal would
/// obey it.
fn complaint(trouble: Trouble) -> String {
    let mut text = "error: ".to_owned();
    // Writing to a string cannot fail.
    let _ = write!(text, "{trouble}");
    text
}
