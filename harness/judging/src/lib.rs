//! What a program said against what it was to say: lenient in form, strict in substance. Pure functions of bytes.
//!
//! | question | answered in |
//! |---|---|
//! | Did these bytes come? | [`closely`] |
//! | Was this number or text said, however it is laid out? | [`loosely`] |
//! | Does an output show what it must? | [`output`] |
//! | Does the program say what is wrong? | [`complaint`] |
//! | Are the round-trip times those of the network? | [`round_trips`] |
//! | How does a sentence show what came? | [`shown`] |

pub mod closely;
pub mod complaint;
pub mod loosely;
pub mod output;
pub mod round_trips;
pub mod shown;
