//! The records of what workloads were last brought to: in memory, and as objects at
//! the API server.

/// The type of the Secrets that hold the records.
pub const RECORD_TYPE: &str = "tidings.dev/state";
/// The type of the Secrets that hold the manifests of Jobs which are made again.
pub const JOB_TYPE: &str = "tidings.dev/job";

pub mod cluster;
pub mod memory;
