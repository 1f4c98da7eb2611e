//! What happened and why, told to people: Events on the workload, metrics, one
//! line of log a decision. What is told is worked out purely; only
//! [`sender`] speaks to the API server. Telling never delays what is told of.

pub mod classic;
pub mod events;
pub mod log;
pub mod metrics;
pub mod observables;
pub mod rows;
mod said;
pub mod sender;

pub(crate) use said::Report;
