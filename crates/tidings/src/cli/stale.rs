//! `tidings stale`: which pods run with older data than what is there now.
//!
//! What is stale is [`tidings_core::stale`]'s to say; [`ask`] alone speaks to the API
//! server; [`report`] is what is said, for programs; [`table`] draws it. No content is in
//! it. Neither an installation nor an opt-in is needed.

pub mod ask;
pub mod report;
pub mod table;

#[cfg(test)]
mod tests;
