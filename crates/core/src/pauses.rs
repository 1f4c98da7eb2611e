//! Pauses between attempts, each twice as long as the one before.

use std::time::Duration;

/// What has failed so often in a row waits so long for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Pauses {
    /// From this pause on, up to that.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// It failed again: the pause before the next attempt.
    pub fn grow(&mut self) -> Duration {
        let pause = self.after(self.failures);
        self.failures = self.failures.saturating_add(1);
        pause
    }

    /// The pause after a failure, where there were so many before.
    pub fn after(&self, failures: u32) -> Duration {
        let factor = 2_u32.saturating_pow(failures);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_twice_the_last_up_to_the_longest() {
        let mut pauses = Pauses::new(Duration::from_millis(50), Duration::from_mins(1));
        let all: Vec<_> = (0..100).map(|_| pauses.grow().as_millis()).collect();
        assert_eq!(all[..4], [50, 100, 200, 400]);
        assert!(all[11..].iter().all(|pause| *pause == 60_000), "{all:?}");
    }
}
