//! The names of files that changed: as many as are bearable, whoever invents them
//! while nothing is taken. Pure.

use std::collections::BTreeSet;
use std::ffi::OsString;

/// No more are remembered: no place has as many that count.
pub(crate) const MOST_NAMES: usize = 20_000;
/// Nor longer ones, all together.
pub(crate) const MOST_OF_ALL_NAMES: usize = 1 << 20;

/// Each of them once.
#[derive(Debug, Default)]
pub(crate) struct ChangedNames {
    all: BTreeSet<OsString>,
    bytes: usize,
}

impl ChangedNames {
    /// What comes when there is no more room is left out.
    pub(crate) fn extend(&mut self, names: impl IntoIterator<Item = OsString>) {
        for name in names {
            let bytes = self.bytes + name.len();
            let has_room = self.all.len() < MOST_NAMES && bytes <= MOST_OF_ALL_NAMES;
            if has_room && self.all.insert(name) {
                self.bytes = bytes;
            }
        }
    }

    /// They are now of these too; those, none.
    pub(crate) fn move_to(&mut self, others: &mut Self) {
        others.extend(std::mem::take(self).all);
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Those of both, in order.
    pub(crate) fn with(&self, others: &Self) -> Vec<OsString> {
        self.all.union(&others.all).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_invented_for_ever_are_left_out() {
        let (mut new, mut acted_on) = (ChangedNames::default(), ChangedNames::default());
        for number in 0..2 * MOST_NAMES {
            new.extend([format!("{number}").into()]);
            new.move_to(&mut acted_on);
        }
        assert_eq!(acted_on.all.len(), MOST_NAMES);
        assert_eq!(new.with(&acted_on).len(), MOST_NAMES);
        acted_on.clear();
        let long = |number| format!("{number:0255}").into();
        acted_on.extend((0..MOST_NAMES).map(long));
        assert!(acted_on.bytes <= MOST_OF_ALL_NAMES);
        assert_eq!(acted_on.all.len(), MOST_OF_ALL_NAMES / 255);
        // The same one takes no more room.
        let mut again = ChangedNames::default();
        again.extend((0..3).map(|_| long(1)));
        assert_eq!(again.bytes, 255);
    }
}
