//! An outage in few words: a line when it begins, one a minute, one when it is over.
//!
//! Goes in: since when something is not known, if anything is not, each time that somebody
//! looks. Comes out: what is to be said. One that comes back within ten seconds is the
//! same. Pure; it knows no time but what it is told.

use std::time::{Duration, Instant};

/// How often it is said that it goes on.
const EVERY: Duration = Duration::from_mins(1);
/// After this long without it, it is over.
const OVER: Duration = Duration::from_secs(10);

/// What is to be said of an outage, with how long it has lasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    Begun(Duration),
    GoesOn(Duration),
    Over(Duration),
}

/// An outage, or none.
#[derive(Debug, Default)]
pub(crate) struct Outage(Option<Lasting>);

#[derive(Clone, Copy, Debug)]
struct Lasting {
    since: Instant,
    said: Instant,
    /// Since when it is over, as it seems.
    well: Option<Instant>,
}

impl Outage {
    /// Somebody looks, and something is not known since then.
    pub(super) fn look(&mut self, now: Instant, blind: Option<Instant>) -> Option<Say> {
        let Some(lasting) = &mut self.0 else {
            let since = blind?;
            let well = None;
            self.0 = Some(Lasting {
                since,
                said: now,
                well,
            });
            return Some(Say::Begun(now.saturating_duration_since(since)));
        };
        if blind.is_some() {
            lasting.well = None;
            let is_due = now.saturating_duration_since(lasting.said) >= EVERY;
            return is_due.then(|| {
                lasting.said = now;
                Say::GoesOn(now.saturating_duration_since(lasting.since))
            });
        }
        let well = *lasting.well.get_or_insert(now);
        if now.saturating_duration_since(well) < OVER {
            return None;
        }
        let lasted = well.saturating_duration_since(lasting.since);
        self.0 = None;
        Some(Say::Over(lasted))
    }

    /// Whether there is one, so that the log need not say of each request that it failed.
    pub(super) fn lasts(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What is said of the seconds in which something is not known, looking each second.
    fn said(blind: impl Fn(u64) -> bool, until: u64) -> Vec<Say> {
        let (mut outage, begin) = (Outage::default(), Instant::now());
        let mut since = None;
        let mut all = Vec::new();
        for second in 0..until {
            let now = begin + secs(second);
            since = blind(second).then(|| since.unwrap_or(now));
            all.extend(outage.look(now, since));
        }
        all
    }

    #[test]
    fn a_line_at_its_beginning_one_a_minute_and_one_at_its_end() {
        let minutes = |n: u64| Say::GoesOn(secs(60 * n));
        assert_eq!(
            said(|second| (5..204).contains(&second), 1_000),
            [
                Say::Begun(secs(0)),
                minutes(1),
                minutes(2),
                minutes(3),
                Say::Over(secs(199))
            ]
        );
        assert_eq!(said(|_| false, 1_000), []);
    }

    #[test]
    fn what_comes_back_at_once_is_the_same() {
        let lines = said(|second| second < 100 && second % 8 != 7, 1_000);
        assert_eq!(lines.len(), 3, "{lines:?}");
    }
}
