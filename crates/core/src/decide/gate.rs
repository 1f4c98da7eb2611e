//! Gates: what makes a roll wait though it is due.
//!
//! Two of them look at the last roll: the least interval that somebody asked
//! for, and the fuse. The fuse lets a few rolls in a row pass at once; while the
//! workload does not come to rest each further one waits twice as long as the one
//! before, so a source that flaps cannot roll it more than a few times, and its
//! newest content is brought in the end.

use crate::object::Seconds;
use crate::reason::Reason;

use super::Case;

/// Rolls in a row that pass the fuse at once.
const FREE: u32 = 2;
/// The first pause that the fuse makes.
const FIRST: Seconds = 60;
/// The longest.
const LONGEST: Seconds = 3_600;
/// After this long without a roll, or twice the last pause, a row is over.
const CALM: Seconds = 600;

/// How long the fuse holds the next roll after so many in a row.
pub(super) fn pause(row: u32) -> Seconds {
    match row.checked_sub(FREE) {
        None => 0,
        Some(more) => FIRST.saturating_mul(1 << more.min(20)).min(LONGEST),
    }
}

impl Case<'_> {
    /// What holds the next roll, and until when. A last roll in the future tells
    /// that the clock was put back, and holds nothing.
    pub(super) fn too_soon(&self) -> Option<(Reason, Seconds)> {
        let now = self.moment.now;
        let at = self.last()?.at.filter(|at| *at <= now)?;
        let own = self
            .known
            .policy
            .min_interval
            .map(|millis| Seconds::try_from(millis.div_ceil(1_000)).unwrap_or(Seconds::MAX));
        let interval = at.saturating_add(own.unwrap_or(self.rules.min_interval));
        let fused = at
            + if self.rules.fuse {
                pause(self.row())
            } else {
                0
            };
        match interval.max(fused) {
            until if until <= now => None,
            until if until == fused => Some((Reason::Fused, until)),
            until => Some((Reason::TooSoon, until)),
        }
    }

    /// The row that a roll now would add to.
    fn row(&self) -> u32 {
        let Some(last) = self.last() else { return 0 };
        let calm = CALM.max(2 * pause(last.row));
        let over = |at| self.moment.now - at >= calm;
        if last.at.is_none_or(over) {
            0
        } else {
            last.row
        }
    }

    pub(super) fn next_in_row(&self) -> u32 {
        self.row().saturating_add(1)
    }
}

/// A time as people read it.
pub(super) fn show(time: Seconds) -> String {
    jiff::Timestamp::from_second(time).map_or_else(|_| time.to_string(), |time| time.to_string())
}
