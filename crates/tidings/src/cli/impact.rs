//! `tidings impact`: which workloads would be rolled by applying this, and which use it
//! and would not be.
//!
//! [`plan`] takes out of manifests what concerns that, [`merge`] works out what a workload
//! would be when its manifest is applied, [`frozen`] what may not be changed, and [`tidings_core::impact`] what follows from
//! all of it: that is pure. [`ask`] alone speaks to the API server; [`report`] is what is
//! said, for programs, [`turns`] of it in which order they go; [`table`] and [`markdown`] draw it. No content is in it. Neither
//! an installation nor an opt-in is needed.

pub mod ask;
mod frozen;
mod markdown;
mod merge;
mod plan;
pub mod report;
mod sources;
pub mod table;
pub mod turns;

#[cfg(test)]
mod tests;
