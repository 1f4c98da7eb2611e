//! Random numbers for names, ports and tokens, from the standard library's own
//! randomly keyed hasher.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A random number.
pub(crate) fn number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Eight random letters and digits, as a name of Kubernetes may have them.
pub(crate) fn word() -> String {
    format!("{:08x}", number() >> 32)
}
