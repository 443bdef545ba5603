//! The task `mail-archive`: pack the working directory and send it by mail.
//!
//! The mail is that of [`crate::mail_attach`], and what is new is the archive: a tar, in which files with their names stand one
//! after another, inside a gzip, which makes them smaller. What to look at in [`pack`]:
//!
//! - **A folder is a tree**, so it is walked as one: what is in a folder is packed by the same function as the folder itself.
//!   Files whose names begin with a dot belong to it, and so do folders with nothing in them.
//! - **Links are packed as links.** Who follows them walks in circles sooner or later: `up -> ..` is enough. That is why it is
//!   asked what a name *is* (`symlink_metadata`), and not what it leads to.
//! - **The archive is not in the folder.** It grows in memory while the folder is read. A file in the folder would find itself
//!   there, half written, and pack itself.
//! - **Only what is packed is kept**: files pass through a small buffer, whatever their size. That the mail itself is held in
//!   memory is bearable, because servers take some 25 MB and no more.

pub mod mail;
pub mod pack;
