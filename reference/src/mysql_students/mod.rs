//! The task `mysql-students`: make a table on a remote MySQL server, bring students to it, and show who is in it.
//!
//! ```text
//! we:      (a digest of the password)          the password itself never leaves this machine
//! server:  OK
//! we:      CREATE DATABASE IF NOT EXISTS btech
//! we:      CREATE TABLE IF NOT EXISTS …
//! we:      START TRANSACTION
//! we:      prepare: INSERT INTO … VALUES (?)    the statement, read once
//! we:      execute: "Asha Rao"                 the values, as often as there are students
//! we:      COMMIT                              now others see them
//! we:      SELECT id, name FROM …
//! server:  (what is there, which may be more than we have sent)
//! ```
//!
//! The protocol is the library's, `mysql_async`. What to look at:
//!
//! - **Names are data.** The statement goes to the server with a `?` in it; a name follows in a packet of its own and is
//!   never read as SQL, whatever is in it.
//! - **All or nobody.** The students come in one transaction: if the third is refused, the first two are not there either.
//! - **What is shown has been asked for.** The list that we have read is forgotten after it was sent.
//! - **It can be run twice.** Nothing that is there is made again, and nobody is there twice.
//!
//! [`students`] is the program, and `table` (in builds with the feature `mysql`) what it does on the server.

pub mod students;
#[cfg(feature = "mysql")]
pub mod table;
