//! `tidings why`: what a workload uses, whether it is in step, and why.
//!
//! [`explain`] works it out, key by key with [`tidings_core::compare`]; [`report`]
//! is what it says, the same for eyes and for programs; [`table`] draws it: all of
//! that is pure. [`ask`] alone speaks to the API server. No content is in it, only digests.

pub mod ask;
pub mod explain;
pub mod leader;
pub mod report;
pub mod table;
pub mod waits;

#[cfg(test)]
pub(in crate::cli) mod tests;
