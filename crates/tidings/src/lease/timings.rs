//! How long things last in an election, also where the API server answers slowly.
//!
//! Goes in: what was asked for, and how long answers take. Comes out: how long an answer
//! is waited for, how long a Lease is claimed, and how long one of another is believed.
//! Pure.

use std::time::Duration;

/// Of another's Lease no more than so many of our own durations is believed without its
/// being renewed; none is claimed for longer. What such a holder may still have under way
/// is refused by the versions of the records.
const BELIEVED: u32 = 4;
/// A Lease is claimed for so many times as an answer takes: it is read and written for
/// each renewal, and the next one must be through before this one ends.
const ANSWERS: u32 = 6;
/// An answer is waited for so many times as the last one took.
const PATIENCE: u32 = 3;

/// Durations of an election: `duration` > `renew` > `retry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// How long others leave an unrenewed Lease alone; whole seconds.
    pub duration: Duration,
    /// How long a term lasts after the request that last renewed it was sent. The
    /// difference to `duration` is for writes that are under way.
    pub renew: Duration,
    /// How often it is renewed, and looked at by those who wait.
    pub retry: Duration,
}

impl Timings {
    /// Where answers take so long, a Lease is claimed for longer, or no term would last.
    pub(super) fn in_weather(self, answer: Duration) -> Self {
        let needed = answer * ANSWERS + Duration::from_millis(999);
        let duration = Duration::from_secs(needed.as_secs());
        let duration = duration.clamp(self.duration, self.duration * BELIEVED);
        Self {
            duration,
            renew: duration.saturating_sub(self.duration.saturating_sub(self.renew)),
            ..self
        }
    }

    /// How long an answer is waited for, where the last one took so long. A term outlives
    /// one that is lost; and where all are slow, they are waited for.
    pub(super) fn patience(self, answer: Duration) -> Duration {
        (answer * PATIENCE).clamp(self.renew / 2, self.duration)
    }

    /// How long another's Lease holds that says this of itself.
    pub(super) fn believed(self, said: Option<Duration>) -> Duration {
        said.unwrap_or(self.duration).min(self.duration * BELIEVED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Timings = Timings {
        duration: Duration::from_secs(15),
        renew: Duration::from_secs(10),
        retry: Duration::from_secs(2),
    };

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_term_outlives_slow_answers() {
        assert_eq!(DEFAULT.in_weather(Duration::from_millis(40)), DEFAULT);
        for latency in [3, 5, 7, 9] {
            let latency = secs(latency);
            let claimed = DEFAULT.in_weather(latency);
            let until_the_next = latency * 3 + DEFAULT.retry;
            assert!(claimed.renew > until_the_next, "{latency:?}: {claimed:?}");
            assert_eq!(claimed.renew + secs(5), claimed.duration);
            assert!(DEFAULT.patience(latency) > latency);
        }
    }

    #[test]
    fn nobody_is_believed_for_ever_and_nobody_claims_more_than_is_believed() {
        assert_eq!(DEFAULT.believed(Some(secs(15))), secs(15));
        assert_eq!(DEFAULT.believed(Some(secs(1))), secs(1));
        assert_eq!(DEFAULT.believed(Some(secs(2_147_483_647))), secs(60));
        assert_eq!(DEFAULT.believed(None), secs(15));
        assert_eq!(DEFAULT.in_weather(secs(3_600)).duration, secs(60));
    }

    #[test]
    fn an_answer_that_is_lost_costs_no_term() {
        let lost = DEFAULT.patience(Duration::ZERO);
        assert!(lost + DEFAULT.retry < DEFAULT.renew);
        assert_eq!(DEFAULT.patience(secs(3_600)), DEFAULT.duration);
    }
}
