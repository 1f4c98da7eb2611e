//! The same lives where workloads are rolled in turn: never more are under way with one
//! source than may be, whatever fails and whoever dies, and in the end nobody is forgotten.

use std::num::NonZeroU32;

use proptest::prelude::*;
use tidings_core::policy::Defaults;
use tidings_core::state::{Entry, Seen};

use super::world::{SOURCES, source};
use super::{Simulation, lives, same_unless_asked};

impl Simulation {
    /// By what is on record, never more are under way than may be.
    pub(super) fn judge_turns(&self) {
        let Some(at_once) = self.defaults.at_once else {
            return;
        };
        let store = &self.leading().store;
        for of in (0..SOURCES).map(|i| Seen::of(&source(i))) {
            let entries = store.workloads().filter_map(|key| store.get(key));
            let open = entries.filter(|entry| is_under_way(entry, &of)).count();
            assert!(open <= at_once.get() as usize, "{open} with {of:?}");
        }
    }
}

/// Who was not well before takes no place.
fn is_under_way(entry: &Entry, of: &Seen) -> bool {
    let ride = entry.ride.as_ref().filter(|ride| !ride.apart);
    let leg = ride.and_then(|ride| ride.on.get(of));
    leg.is_some_and(|leg| leg.end.is_none())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        rng_seed: same_unless_asked(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nobody_is_forgotten_who_waits_for_his_turn(seed: u64, at_once in 1..4_u32) {
        let defaults = Defaults {
            at_once: NonZeroU32::new(at_once),
            ..Defaults::default()
        };
        lives(Simulation::told(defaults, seed));
    }
}
