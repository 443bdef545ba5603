//! A mail as bytes: header and text (RFC 5322, RFC 2045), made fit for SMTP.
//!
//! Owns forms; never sends anything.

use std::time::{SystemTime, UNIX_EPOCH};

/// Longest line of a mail, without its end (RFC 5322, section 2.1.1).
const LONGEST_LINE: usize = 998;

/// Longest line of encoded text, without its end (RFC 2045, section 6.7).
const LONGEST_ENCODED: usize = 76;

/// A mail with these addresses, this subject and this text, written at this time. Lines end in CR LF.
pub fn compose(from: &str, to: &str, subject: &str, text: &[u8], now: SystemTime) -> Vec<u8> {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let lines = lines(text);
    let is_plain = lines.iter().all(|line| line.is_ascii() && line.len() <= LONGEST_LINE);
    // Only ASCII gets everywhere as it is. For the rest there is a name, and an encoding that leaves ASCII readable.
    let (charset, encoding) = if is_plain { ("us-ascii", "7bit") } else { ("utf-8", "quoted-printable") };
    let mut mail = format!(
        "From: <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: {}\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n",
        date(seconds)
    )
    .into_bytes();
    for line in lines {
        if is_plain {
            mail.extend(line);
        } else {
            mail.extend(quoted_printable(line).bytes());
        }
        mail.extend(b"\r\n");
    }
    mail
}

/// The lines of a text, whatever they end in.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    if body.is_empty() && text.is_empty() {
        return Vec::new();
    }
    body.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect()
}

/// One line in the encoding quoted-printable: `=` and two digits for each byte that is not printable ASCII, and `=` at the
/// end of a line that goes on in the next.
fn quoted_printable(line: &[u8]) -> String {
    let mut encoded = String::new();
    let mut column = 0;
    for (index, &byte) in line.iter().enumerate() {
        let is_last = index + 1 == line.len();
        // A blank at the end of a line may get lost on the way.
        let is_safe = matches!(byte, b'!'..=b'<' | b'>'..=b'~') || matches!(byte, b' ' | b'\t') && !is_last;
        let piece = if is_safe { char::from(byte).to_string() } else { format!("={byte:02X}") };
        if column + piece.len() >= LONGEST_ENCODED {
            encoded.push_str("=\r\n");
            column = 0;
        }
        column += piece.len();
        encoded.push_str(&piece);
    }
    encoded
}

/// A mail as it follows `DATA`: each line that begins with a dot gets one more, so that none is the one that ends the mail;
/// and then that one (RFC 5321, section 4.5.2).
pub fn with_dots(mail: &[u8]) -> Vec<u8> {
    let mut sent = Vec::with_capacity(mail.len() + 16);
    for line in mail.split_inclusive(|&byte| byte == b'\n') {
        if line.starts_with(b".") {
            sent.push(b'.');
        }
        sent.extend(line);
    }
    sent.extend(b".\r\n");
    sent
}

/// A time as the header has it: `Thu, 01 Jan 1970 00:00:00 +0000` (RFC 5322, section 3.3).
pub fn date(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (day, time) = (seconds / 86_400, seconds % 86_400);
    let weekday = DAYS[(day % 7) as usize];
    let is_leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let (mut left, mut year) = (day, 1970);
    while left >= 365 + u64::from(is_leap(year)) {
        left -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{weekday}, {:02} {} {year} {hour:02}:{minute:02}:{second:02} +0000", left + 1, MONTHS[month])
}
