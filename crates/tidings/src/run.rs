//! The running controller: put together, turning, and at its end.

mod alloc;
pub(crate) mod chance;
mod effects;
pub mod start;
mod turning;
