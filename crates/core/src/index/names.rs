//! One allocation for each name.
//!
//! Goes in: names as they were read, each with an allocation of its own. Comes
//! out: the one that is known already. Thousands of sources have the same few
//! keys, and a source that many workloads use is mentioned by each.

use std::collections::HashSet;
use std::sync::Arc;

use crate::refs::Name;
use crate::uses::{Keys, Use};

/// The names in use.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashSet<Name>,
    /// At how many names those that nothing mentions any more are dropped.
    limit: usize,
}

/// Fewer names are not worth looking through.
const FEW: usize = 1_024;

impl Names {
    /// The shared form of a name.
    pub(super) fn share(&mut self, name: &Name) -> Name {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        if self.known.len() >= self.limit.max(FEW) {
            self.known.retain(|name| Arc::strong_count(name) > 1);
            self.limit = 2 * self.known.len();
        }
        self.known.insert(name.clone());
        name.clone()
    }

    /// Replaces the names of a use by their shared forms.
    pub(super) fn share_use(&mut self, used: &mut Use) {
        used.name = self.share(&used.name);
        match &mut used.keys {
            Keys::All => {}
            Keys::Except(keys) | Keys::Some(keys) | Keys::Present(keys) => {
                for key in keys {
                    *key = self.share(key);
                }
            }
        }
        for under in &mut used.under {
            under.name = self.share(&under.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_one() {
        let mut names = Names::default();
        let first = names.share(&Name::from("k"));
        assert!(Arc::ptr_eq(&first, &names.share(&Name::from("k"))));
    }

    #[test]
    fn names_that_nothing_mentions_are_dropped() {
        let mut names = Names::default();
        let kept = names.share(&Name::from("kept"));
        for i in 0..10 * FEW {
            names.share(&Name::from(format!("n{i}")));
        }
        assert!(names.known.len() <= FEW, "{}", names.known.len());
        assert!(Arc::ptr_eq(&kept, &names.share(&Name::from("kept"))));
    }
}
