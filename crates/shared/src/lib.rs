//! What the controller and the agent have in common, so that people learn it once.
//!
//! Pure, and without a dependency: neither program links what only the other needs.

pub mod glob;
pub mod plain;
pub mod preset;
pub mod sidecars;
pub mod time;
