//! What people see: log, metrics, state.
//!
//! In: what the rooms tell the [`journal`]. Out: lines of the log, and the pages of
//! the agent's own port.

pub(crate) mod journal;
pub(crate) mod metrics;
pub(crate) mod port;
pub(crate) mod serving;
