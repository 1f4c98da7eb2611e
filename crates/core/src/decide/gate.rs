//! Gates: what makes a roll wait though it is due.
//!
//! Two of them look at earlier rolls: the least interval that somebody asked for,
//! and the fuse.

use crate::object::Seconds;
use crate::reason::Reason;

use super::Case;

impl Case<'_> {
    /// What holds the next roll, and until when. A last roll in the future tells
    /// that the clock was put back, and holds nothing.
    pub(super) fn too_soon(&self) -> Option<(Reason, Seconds)> {
        let interval = self.interval_ends().map(|until| (until, Reason::TooSoon));
        let fuse = self.fuse_holds().map(|until| (until, Reason::Fused));
        let (until, reason) = [interval, fuse]
            .into_iter()
            .flatten()
            .max_by_key(|(until, _)| *until)?;
        Some((reason, until))
    }

    /// When the interval is over that somebody asked for, if it is not yet.
    fn interval_ends(&self) -> Option<Seconds> {
        let now = self.moment.now;
        let at = self.last()?.at.filter(|at| *at <= now)?;
        let own = self
            .known
            .policy
            .min_interval
            .map(|millis| Seconds::try_from(millis.div_ceil(1_000)).unwrap_or(Seconds::MAX));
        let until = at.saturating_add(own.unwrap_or(self.rules.min_interval));
        Some(until).filter(|until| *until > now)
    }

    fn fuse_holds(&self) -> Option<Seconds> {
        let last = self.last().filter(|_| self.rules.fuse)?;
        last.restarts.held_until(self.moment.now)
    }
}

/// A time as people read it.
pub(super) fn show(time: Seconds) -> String {
    jiff::Timestamp::from_second(time).map_or_else(|_| time.to_string(), |time| time.to_string())
}
