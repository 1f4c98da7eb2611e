//! What happened and why, told to people: Events on the workload, one line of log a
//! decision, alerts. What is told is worked out purely; only [`sender`] speaks to the
//! API server. Telling never delays what is told of.

pub mod events;
pub mod log;
mod said;
pub mod sender;

pub(crate) use said::Report;
