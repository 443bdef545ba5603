//! What is asked for, as data: tasks, their requirements, and the scenarios that decide them. Nothing here starts a
//! program or knows a verdict.
//!
//! | question | answered in |
//! |---|---|
//! | Which tasks are there, and what do they ask for? | [`catalogue`] |
//! | What is played with a program, and which bytes are said? | [`scenario`] |
//! | Where is a file wrong, and what was probably meant? | [`scenario::problem`] |
//!
//! ```
//! use harness_language::catalogue::Catalogue;
//!
//! let catalogue = Catalogue::built_in().expect("the tasks that come with the harness are right");
//! let task = catalogue.task("message").expect("it is one of them");
//! assert!(task.scenarios().iter().any(|scenario| scenario.role == "server"));
//! ```

pub mod base64;
pub mod catalogue;
pub mod scenario;
