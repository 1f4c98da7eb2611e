//! Pauses between attempts at one thing: doubling, up to [`LONGEST`].

use std::time::Duration;

use tidings_core::pauses::Pauses;
use tidings_core::settle::Millis;

/// The first pause.
const SHORTEST: Duration = Duration::from_millis(50);
/// So many failures in a row, of some seconds, are no coincidence.
const LASTING: u32 = 6;
/// The longest pause.
const LONGEST: Duration = Duration::from_mins(1);

/// How often something has failed in a row, and when to try again. What works, or does
/// not matter any more, is given a new one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    again: Millis,
}

impl Backoff {
    /// It failed again. Returns when to try again: later than the API server
    /// asked for, if it did.
    pub(super) fn failed(&mut self, now: Millis, asked: Option<Duration>) -> Millis {
        let pause = Pauses::new(SHORTEST, LONGEST).after(self.failures);
        let pause = pause.max(asked.unwrap_or_default());
        self.failures = self.failures.saturating_add(1);
        self.again = now.saturating_add(Millis::try_from(pause.as_millis()).unwrap_or(Millis::MAX));
        self.again
    }

    /// Nothing has failed, and not before this time.
    pub(super) fn until(again: Millis) -> Self {
        Self { failures: 0, again }
    }

    /// Whether it has failed so often that it will not come right by itself soon.
    pub(super) fn is_lasting(&self) -> bool {
        self.failures >= LASTING
    }

    /// When to try again; long ago where nothing has failed.
    pub(super) fn again(&self) -> Millis {
        self.again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_tried_again_later_and_later() {
        let mut backoff = Backoff::default();
        let mut failed = || backoff.failed(1_000, None) - 1_000;
        assert_eq!([failed(), failed(), failed()], [50, 100, 200]);
        assert_eq!(backoff.again(), 1_200);
        assert_eq!(Backoff::default().again(), 0);
    }

    #[test]
    fn the_servers_wish_is_obeyed() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.failed(0, Some(Duration::from_secs(3))), 3_000);
    }
}
