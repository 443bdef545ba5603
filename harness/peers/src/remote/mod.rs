//! A machine that exists only for a run, without input or output: its figures, the files and programs that tell them,
//! and whether somebody has shown them.
//!
//! One thing has to hold: whichever way a program takes to the figures, it comes to the same. What `top` prints is what
//! two looks at `/proc/stat` give, and what `free` prints is in `/proc/meminfo`.

pub mod figures;
pub mod files;
pub mod recognise;
pub mod tools;
