//! The task `web-text`: whoever comes with a browser, and whatever it asks for, is shown a few lines of text.
//!
//! It looks like a server that needs no protocol: accept, send the text, close. Browsers are less easy to please.
//!
//! - **They speak first.** A browser sends its request and then expects the answer to it. A server that sends at once and
//!   closes leaves the request unread; the system then resets the connection, and whether the text was seen before that
//!   is luck. So the request is read to its empty line, though nothing in it matters here.
//! - **They want HTTP.** A status line, header fields, an empty line, the text. Bytes without a status line are shown by
//!   some programs and refused by most.
//! - **They believe what they are told.** Lines that are called `text/html` run together into one, because there a line
//!   end is a blank. Called `text/plain`, they are shown as they are.
//! - **They ask more than once.** For `/`, and then for `/favicon.ico`, on a second connection.
//!
//! The server is asynchronous: a browser that connects and is silent, which browsers do to save time later, is a task
//! that waits, and nobody else does.

pub mod server;
