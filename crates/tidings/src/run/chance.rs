//! Chance, for what must only differ from one time to the next.

use std::hash::{BuildHasher, RandomState};

/// A number that nobody foresees by accident; no secret.
pub(crate) fn chance() -> u64 {
    RandomState::new().hash_one(())
}
