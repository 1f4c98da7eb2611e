//! How full the objects of each namespace are: which of them takes another entry, and
//! how much a namespace's records take, without a look at each object.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use tidings_core::refs::Name;

use super::{FULL, Shard};

/// How full the objects of each namespace are.
#[derive(Debug, Default)]
pub(super) struct Rooms(HashMap<Name, Room>);

#[derive(Debug, Default)]
struct Room {
    /// Bytes of all.
    total: usize,
    /// Bytes and number of each; of equal ones the first comes last.
    by_size: BTreeSet<(usize, Reverse<u32>)>,
}

impl Rooms {
    /// An object has so many bytes now, and had so many before; `None`: it is not there.
    pub(super) fn resized(&mut self, shard: &Shard, before: Option<usize>, now: Option<usize>) {
        if before == now {
            return;
        }
        let of = self.0.entry(shard.namespace.clone()).or_default();
        if let Some(before) = before {
            of.by_size.remove(&(before, Reverse(shard.number)));
            of.total -= before;
        }
        if let Some(now) = now {
            of.by_size.insert((now, Reverse(shard.number)));
            of.total += now;
        }
        if of.by_size.is_empty() {
            self.0.remove(&shard.namespace);
        }
    }

    /// Bytes of all objects of a namespace.
    pub(super) fn total(&self, namespace: &Name) -> usize {
        self.0.get(namespace).map_or(0, |of| of.total)
    }

    /// The fullest object that takes so many further bytes without growing beyond
    /// [`FULL`]; for more than that, one that is empty.
    pub(super) fn fullest_for(&self, namespace: &Name, bytes: usize) -> Option<u32> {
        let most = (FULL.saturating_sub(bytes), Reverse(0));
        let fits = self.0.get(namespace)?.by_size.range(..=most).next_back();
        fits.map(|(_, number)| number.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_with_room_takes_the_next() {
        let mut rooms = Rooms::default();
        let namespace = Name::from("stage");
        for (number, bytes) in [(0, FULL), (1, 0), (2, FULL - 10), (3, 0)] {
            let namespace = namespace.clone();
            rooms.resized(&Shard { namespace, number }, None, Some(bytes));
        }
        assert_eq!(rooms.fullest_for(&namespace, 10), Some(2));
        assert_eq!(rooms.fullest_for(&namespace, 11), Some(1));
        assert_eq!(rooms.fullest_for(&namespace, 2 * FULL), Some(1));
        assert_eq!(rooms.total(&namespace), 2 * FULL - 10);
        assert_eq!(rooms.fullest_for(&Name::from("prod"), 1), None);
    }
}
