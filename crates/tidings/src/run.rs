//! The running controller: put together, turning, and at its end.

mod alloc;
pub(crate) mod chance;
mod effects;
mod ending;
pub mod start;
mod turning;

pub(crate) use ending::stop_signal;
