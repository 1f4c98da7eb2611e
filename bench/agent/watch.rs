//! The agent's room that reads volumes, to be read from while they are swapped.

#![allow(
    dead_code,
    unused_imports,
    reason = "only reading is measured here, and its own tests run elsewhere"
)]

#[path = "../../crates/agent/src/watch/digest.rs"]
mod digest;
#[path = "../../crates/agent/src/watch/foreign.rs"]
mod foreign;
#[path = "../../crates/agent/src/watch/glob.rs"]
pub(crate) mod glob;
#[path = "../../crates/agent/src/watch/mounted.rs"]
mod mounted;
#[path = "../../crates/agent/src/watch/place.rs"]
pub(crate) mod place;
#[path = "../../crates/agent/src/watch/reading.rs"]
mod reading;
#[path = "../../crates/agent/src/watch/route.rs"]
mod route;
#[path = "../../crates/agent/src/watch/snapshot.rs"]
mod snapshot;
#[path = "../../crates/agent/src/watch/tree.rs"]
mod tree;
