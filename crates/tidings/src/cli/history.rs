//! `tidings history`: what has become of a workload, roll by roll.
//!
//! Which rolls there were, and how they ended, is [`tidings_core::history`]'s to say;
//! [`ask`] alone speaks to the API server; [`report`] is what is said, for programs;
//! [`table`] draws it. No content is in it. Without an installation it says what the
//! revisions of the pod template tell.

pub mod ask;
pub mod report;
pub mod table;

#[cfg(test)]
mod tests;
