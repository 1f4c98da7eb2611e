//! `tidings status`: how all workloads stand that are opted in, and how that changes.
//!
//! [`look`] alone asks about them, for `why` without a name too; [`report`] is what is
//! said, for programs; [`table`] draws it; [`frames`] makes of one look after the other
//! what is shown with `-w`: all of that is pure. [`follow`] goes on asking.

pub mod ask;
pub mod follow;
pub mod frames;
pub mod look;
pub mod report;
pub mod table;

#[cfg(test)]
mod tests;
