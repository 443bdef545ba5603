//! Reports: one result model, one file per format. Nothing here runs or judges anything.

pub mod aside;
pub mod causes;
pub mod csv;
pub mod difference;
pub mod escape;
pub mod explain;
pub mod failure;
pub mod format;
pub mod github;
pub mod graders;
pub mod html;
pub mod human;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod model;
pub mod prose;
pub mod settle;
pub mod short;
pub mod style;
pub mod summary;
pub mod tap;

#[cfg(test)]
pub(crate) mod sample;
