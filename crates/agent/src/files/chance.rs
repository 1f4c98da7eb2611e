//! Numbers that nobody can foresee: for names that others must not lay down first, and
//! for marks. In: nothing. Out: a number, another one each time.

use std::hash::{BuildHasher, Hasher, RandomState};

/// By the keys that the standard library draws for each of its hashers.
pub(crate) fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}
