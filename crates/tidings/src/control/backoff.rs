//! Pauses between attempts: doubling, per thing, up to [`LONGEST`].

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tidings_core::settle::Millis;

/// The first pause.
const SHORTEST: Millis = 50;
/// The longest pause.
pub(super) const LONGEST: Millis = 60_000;

/// How often something has failed in a row, and when to try again.
#[derive(Debug)]
pub(super) struct Backoff<K> {
    failed: HashMap<K, (u32, Millis)>,
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
        let (times, again) = self.failed.entry(key.clone()).or_insert((0, 0));
        let pause = SHORTEST.saturating_mul(1 << (*times).min(20)).min(LONGEST);
        let asked = asked.map_or(0, |d| Millis::try_from(d.as_millis()).unwrap_or(LONGEST));
        *times += 1;
        *again = now + pause.max(asked);
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
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..13)
            .map(|_| backoff.failed(&"w", 1_000, None) - 1_000)
            .collect();
        assert_eq!(pauses[..4], [50, 100, 200, 400]);
        assert_eq!(pauses[12], LONGEST);
        assert_eq!(backoff.again(&"w"), 61_000);
        backoff.clear(&"w");
        assert_eq!(backoff.again(&"w"), 0);
    }

    #[test]
    fn the_servers_wish_is_obeyed() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.failed(&"w", 0, Some(Duration::from_secs(3))), 3_000);
    }
}
