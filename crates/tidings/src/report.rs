//! What happened and why, told to people: Events on the workload, one line of log a
//! decision, alerts. What is told is worked out purely; only [`sender`] speaks to the
//! API server. Telling never delays what is told of, and what is told of one namespace
//! costs no other.

pub(crate) mod allowance;
pub mod events;
pub mod lines;
pub mod log;
pub(crate) mod outage;
mod said;
pub mod sender;
mod waiting;

pub(crate) use said::Report;
