//! When a place that is being changed is ready to be read: not before the
//! writer is done, and not long after.
//!
//! In: what inotify tells about one place. Out: when to look. Pure.
//!
//! The kubelet's writer renames `..data`, then links new keys, then removes
//! dropped ones, and as its very last step deletes the directory of the old
//! generation (Kubernetes, pkg/volume/util/atomic_writer.go, `Write`). So that
//! deletion is the mark; where there is no old directory, a short quiet is.

use std::time::Duration;

/// Time since the agent started.
type Time = Duration;

/// Quiet after which a writer is taken to be done, where nothing marks the end.
pub(crate) const QUIET: Duration = Duration::from_millis(50);
/// A file that is being written and not closed is looked at after this.
const OPEN: Duration = Duration::from_secs(1);
/// A writer that never pauses is looked at all the same after this.
const LONGEST: Duration = Duration::from_secs(2);

/// What inotify told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// `..data` was moved into place.
    Swapped,
    /// The directory of an old generation was deleted.
    OldGone,
    /// A file was written and closed, moved, made or deleted.
    Written,
    /// A file is being written.
    Writing,
}

/// What has been seen since the last look.
#[derive(Debug, Clone, Default)]
pub(crate) struct SwapTracker {
    swaps: u32,
    olds_gone: u32,
    signs: u64,
    since: Option<Time>,
    due: Option<Time>,
}

impl SwapTracker {
    /// Takes one sign in.
    pub(crate) fn saw(&mut self, now: Time, sign: Sign) {
        let latest = *self.since.get_or_insert(now) + LONGEST;
        self.signs += 1;
        match sign {
            Sign::Swapped => self.swaps += 1,
            Sign::OldGone => self.olds_gone += 1,
            Sign::Written | Sign::Writing => {}
        }
        let wait = match sign {
            Sign::Writing => OPEN,
            Sign::OldGone if self.swaps > 0 && self.olds_gone >= self.swaps => Duration::ZERO,
            _ => QUIET,
        };
        self.due = Some((now + wait).min(latest));
    }

    /// Look as soon as a writer that is just at work will be done.
    pub(crate) fn suspect(&mut self, now: Time) {
        self.since.get_or_insert(now);
        self.due = Some(self.due.map_or(now + QUIET, |due| due.min(now + QUIET)));
    }

    /// The writer is known to be still at work: give it more time, within reason.
    pub(crate) fn put_off(&mut self, now: Time) {
        let latest = *self.since.get_or_insert(now) + LONGEST;
        self.due = Some((now + QUIET).min(latest));
    }

    /// What was read is of no use: all patience anew.
    pub(crate) fn start_over(&mut self, now: Time) {
        self.since = Some(now);
        self.due = Some(now + QUIET);
    }

    /// When to look, if there is a reason to.
    pub(crate) fn due(&self) -> Option<Time> {
        self.due
    }

    /// When to look at the latest, whatever else happens.
    pub(crate) fn latest(&self) -> Option<Time> {
        self.since.map(|since| since + LONGEST)
    }

    /// A volume was swapped more than once between two looks, so that what was
    /// there in between is unknown.
    pub(crate) fn flickered(&self) -> bool {
        self.swaps > 1
    }

    /// Messages were lost: anything may have happened in between.
    pub(crate) fn lost(&mut self, now: Time) {
        self.swaps += 2;
        self.suspect(now);
    }

    /// Grows with every sign: tells whether one came during a look.
    pub(crate) fn signs(&self) -> u64 {
        self.signs
    }

    /// Whether waiting any longer for the writer to pause is unreasonable.
    pub(crate) fn is_exhausted(&self, now: Time) -> bool {
        self.since.is_some_and(|since| now >= since + LONGEST)
    }

    /// The look is taken: start afresh.
    pub(crate) fn looked(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Time {
        Duration::from_millis(millis)
    }

    fn due_after(signs: &[(u64, Sign)]) -> Option<Time> {
        let mut tracker = SwapTracker::default();
        for (at, sign) in signs {
            tracker.saw(ms(*at), *sign);
        }
        tracker.due()
    }

    #[test]
    fn an_update_is_ready_when_the_old_generation_is_gone() {
        let trace = [
            (0, Sign::Swapped),
            (1, Sign::Written),
            (8, Sign::Written),
            (11, Sign::OldGone),
        ];
        assert_eq!(due_after(&trace), Some(ms(11)));
    }

    #[test]
    fn the_first_generation_is_ready_after_a_quiet() {
        assert_eq!(
            due_after(&[(0, Sign::Swapped), (3, Sign::Written)]),
            Some(ms(53))
        );
    }

    #[test]
    fn an_update_that_overtakes_another_is_waited_for() {
        let trace = [(0, Sign::Swapped), (1, Sign::Swapped), (2, Sign::OldGone)];
        assert_eq!(due_after(&trace), Some(ms(52)));
    }

    #[test]
    fn a_file_that_is_still_open_is_given_time() {
        let trace = [(0, Sign::Writing), (10, Sign::Writing)];
        assert_eq!(due_after(&trace), Some(ms(1010)));
        let closed = [(0, Sign::Writing), (10, Sign::Written)];
        assert_eq!(due_after(&closed), Some(ms(60)));
    }

    #[test]
    fn a_writer_that_never_pauses_is_looked_at_all_the_same() {
        let trace: Vec<_> = (0..400).map(|n| (n * 10, Sign::Written)).collect();
        assert_eq!(due_after(&trace), Some(ms(2000)));
    }

    #[test]
    fn two_changes_between_two_looks_flicker() {
        let mut tracker = SwapTracker::default();
        tracker.saw(ms(0), Sign::Swapped);
        assert!(!tracker.flickered());
        tracker.saw(ms(1), Sign::Swapped);
        assert!(tracker.flickered());
        tracker.looked();
        assert!(!tracker.flickered() && tracker.due().is_none());
    }
}
