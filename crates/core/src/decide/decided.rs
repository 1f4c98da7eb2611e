//! What is counted of decisions.

use crate::kinds::Kind;
use crate::reason::Reason;
use crate::settle::Millis;

/// A decision, for the metrics. Those that only ask for more are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The kind of the workload.
    pub kind: &'static Kind,
    /// Why.
    pub reason: Reason,
    /// Whether to roll it.
    pub rolls: bool,
    /// For how long it had been due.
    pub waited: Millis,
}
