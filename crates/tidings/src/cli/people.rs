//! `tidings approve`, `reject`, `resume`, `pause` and `unpause`: words of people, written
//! where the controller reads them.
//!
//! What is said is worked out by [`tidings_core::word`]; what it is about is what `why`
//! knows. [`sheet`] and [`report`] say it, for eyes and for programs: both are pure.
//! [`word`] and [`pause`] speak to the API server, [`consent`] to whoever sits before it.

mod consent;
pub mod pause;
pub mod report;
mod sheet;
pub mod word;
mod write;

#[cfg(test)]
mod tests;
