//! When a workload was restarted last, for as long as that counts.

use serde::{Deserialize, Serialize};

use crate::object::Seconds;

/// A workload is restarted at most so often within such a time, whatever the
/// cause.
pub const LIMITS: [(usize, Seconds); 2] = [(5, 600), (24, 3_600)];

/// The times of the last restarts, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Restarts(Box<[Seconds]>);

impl Restarts {
    /// So many at one time.
    pub(super) fn at_once(count: usize, at: Seconds) -> Self {
        Self(vec![at; count].into())
    }

    /// Whether none counts.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those before `now` that count then. A time that lies ahead tells that the
    /// clock was put back, and holds nothing.
    fn counting(&self, now: Seconds) -> impl DoubleEndedIterator<Item = Seconds> {
        let (_, longest) = LIMITS[LIMITS.len() - 1];
        let counts = move |at: &Seconds| *at <= now && now - *at <= longest;
        self.0.iter().copied().filter(counts)
    }

    /// Without one that did not come about.
    #[must_use]
    pub fn without(&self, at: Option<Seconds>) -> Self {
        let (Some(last), true) = (self.0.last(), at.is_some()) else {
            return self.clone();
        };
        let left = self.0.len() - usize::from(Some(*last) == at);
        Self(self.0[..left].into())
    }

    /// With one more.
    #[must_use]
    pub fn with(&self, now: Seconds) -> Self {
        let (most, _) = LIMITS[LIMITS.len() - 1];
        let times: Vec<_> = self.counting(now).chain([now]).collect();
        let surplus = times.len().saturating_sub(most);
        Self(times[surplus..].into())
    }

    /// When the limits allow the next one, if they do not now. Of each time the
    /// second is known, so a second more is waited.
    pub fn held_until(&self, now: Seconds) -> Option<Seconds> {
        let until = |(most, within): (usize, Seconds)| {
            let at = self.counting(now).nth_back(most - 1)?;
            Some(at + within + 1)
        };
        let latest = LIMITS.into_iter().filter_map(until).max();
        latest.filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restarted(times: impl IntoIterator<Item = Seconds>) -> Restarts {
        let none = Restarts::default();
        times.into_iter().fold(none, |all, at| all.with(at))
    }

    #[test]
    fn five_in_ten_minutes_and_no_more() {
        let five = restarted([0, 8, 16, 24, 32]);
        assert_eq!(restarted([0, 8, 16, 24]).held_until(32), None);
        assert_eq!(five.held_until(40), Some(601));
        assert_eq!(five.held_until(600), Some(601));
        assert_eq!(five.held_until(601), None);
        assert_eq!(five.with(601).held_until(602), Some(609));
    }

    #[test]
    fn twenty_four_in_an_hour_and_no_more() {
        let all = restarted((0..24).map(|i| i * 140));
        assert_eq!(all.held_until(3_400), Some(3_601));
        assert_eq!(all.held_until(3_601), None);
    }

    #[test]
    fn one_every_three_minutes_never_waits() {
        let mut all = Restarts::default();
        for now in (0..36_000).step_by(180) {
            assert_eq!(all.held_until(now), None, "{now}");
            all = all.with(now);
        }
        assert!(all.0.len() <= 24);
    }

    #[test]
    fn a_clock_that_was_put_back_holds_nothing() {
        let ahead = Restarts::at_once(24, 99_000);
        assert_eq!(ahead.held_until(1_000), None);
        assert_eq!(ahead.with(1_000), restarted([1_000]));
    }
}
