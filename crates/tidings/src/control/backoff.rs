//! Pauses between attempts: doubling, per thing, up to [`LONGEST`].

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tidings_core::pauses::Pauses;
use tidings_core::settle::Millis;

/// The first pause.
const SHORTEST: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST: Duration = Duration::from_mins(1);

/// How often something has failed in a row, and when to try again.
#[derive(Debug)]
pub(super) struct Backoff<K> {
    failed: HashMap<K, (Pauses, Millis)>,
}

impl<K> Default for Backoff<K> {
    fn default() -> Self {
        Self {
            failed: HashMap::new(),
        }
    }
}

impl<K: Hash + Eq + Clone> Backoff<K> {
    /// It failed again. Returns when to try again: later than the API server
    /// asked for, if it did.
    pub(super) fn failed(&mut self, key: &K, now: Millis, asked: Option<Duration>) -> Millis {
        let none = (Pauses::new(SHORTEST, LONGEST), 0);
        let (pauses, again) = self.failed.entry(key.clone()).or_insert(none);
        let pause = pauses.grow().max(asked.unwrap_or_default());
        *again = now.saturating_add(Millis::try_from(pause.as_millis()).unwrap_or(Millis::MAX));
        *again
    }

    /// When to try again; long ago where nothing has failed.
    pub(super) fn again(&self, key: &K) -> Millis {
        self.failed.get(key).map_or(0, |(_, again)| *again)
    }

    /// It worked, or does not matter any more.
    pub(super) fn clear(&mut self, key: &K) {
        self.failed.remove(key);
    }

    /// Nothing has failed.
    pub(super) fn clear_all(&mut self) {
        self.failed.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_tried_again_later_and_later() {
        let mut backoff = Backoff::default();
        let mut failed = || backoff.failed(&"w", 1_000, None) - 1_000;
        assert_eq!([failed(), failed(), failed()], [50, 100, 200]);
        assert_eq!(backoff.again(&"w"), 1_200);
        backoff.clear(&"w");
        assert_eq!(backoff.again(&"w"), 0);
    }

    #[test]
    fn the_servers_wish_is_obeyed() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.failed(&"w", 0, Some(Duration::from_secs(3))), 3_000);
    }
}
