//! The lab questions: "what happens if the client is started before the server, and why?",
//! answered by experiment.
//!
//! A question is data (`scenarios/lab/`): the scenarios that are played, the facts that are looked
//! for in what was seen, and what follows from which facts. Code only plays ([`play`]), reads what
//! each side saw ([`crate::calls`], [`packets`]), decides which facts hold ([`facts`]) and says it
//! ([`show`]). A conclusion is never printed because it is known, only because it was seen.

pub mod facts;
pub mod load;
pub mod model;
pub mod packets;
pub mod play;
pub mod programs;
pub mod show;

#[cfg(test)]
mod tests;

pub use load::Lab;
