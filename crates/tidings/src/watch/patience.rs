//! How long to wait before the next try.
//!
//! What was good and ended is taken up again at once; what goes on failing is
//! tried less and less often, at most ten seconds apart, with jitter so that
//! many do not come back in step.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use tidings_core::pauses::Pauses;
use tokio::time::Instant;

use super::task::End;
use crate::api::{ApiError, Refusal};

/// The wait after the first failure.
const FIRST: Duration = Duration::from_millis(500);
/// The wait after a watch that told something and ended soon, where that is not the first.
const BRIEF: Duration = Duration::from_secs(2);
/// The longest wait that is not the server's wish. What changed during an outage
/// is rolled this long after it at the latest.
const LONGEST: Duration = Duration::from_secs(10);
/// The wait until a grant is looked for again.
const REFUSED: Duration = Duration::from_secs(15);
/// The wait until it is looked again whether something is served.
const NOT_SERVED: Duration = Duration::from_secs(30);

/// So many failures in a row are more than a connection that was renewed.
const TROUBLE: u32 = 3;
/// So long it may take until a stream tells what it should.
pub(super) const LONG: Duration = Duration::from_secs(10);

/// What has been endured so far.
#[derive(Default)]
pub(super) struct Patience {
    /// Failures since something went well; none where the last was the first.
    pauses: Option<Pauses>,
    /// Failures since the stream was well.
    closed: u32,
    /// When it was not well any more.
    since: Option<Instant>,
    /// Whether that was told.
    told: bool,
    /// The refusal that was told last.
    refused: Option<Refusal>,
}

impl Patience {
    /// Something went well.
    pub(super) fn restore(&mut self) {
        self.pauses = None;
    }

    /// Something went well, and was over soon. If that goes on it must not be a storm.
    pub(super) fn was_brief(&mut self) {
        if self.pauses.is_some() {
            self.pauses = Some(Pauses::new(BRIEF, LONGEST));
        }
    }

    /// Takes note of a refusal; says whether it is another than before.
    pub(super) fn is_news(&mut self, refusal: &Refusal) -> bool {
        self.refused.replace(refusal.clone()).as_ref() != Some(refusal)
    }

    /// Takes note of a failure that is no refusal, and of when what failed began; it is
    /// tried again after so long. Says whether it is to be told now, and since when it
    /// goes on.
    pub(super) fn is_trouble(&mut self, began: Instant, pause: Duration) -> Option<Instant> {
        self.closed = self.closed.saturating_add(1);
        let since = *self.since.get_or_insert(began);
        let is_long = since.elapsed() + pause >= LONG;
        self.tell_since(since, is_long || self.closed >= TROUBLE)
    }

    /// Takes note that what began then goes on without an answer; says the same.
    pub(super) fn is_late(&mut self, began: Instant) -> Option<Instant> {
        let since = *self.since.get_or_insert(began);
        self.tell_since(since, true)
    }

    fn tell_since(&mut self, since: Instant, is_trouble: bool) -> Option<Instant> {
        let is_news = is_trouble && !self.told;
        self.told |= is_trouble;
        is_news.then_some(since)
    }

    /// Takes note that it is permitted; says whether it was told not to be.
    pub(super) fn is_permitted(&mut self) -> bool {
        self.refused.take().is_some()
    }

    /// Whether such failures were told.
    pub(super) fn is_troubled(&self) -> bool {
        self.told
    }

    /// Whether there is something to get over.
    pub(super) fn is_tried(&self) -> bool {
        self.refused.is_some() || self.since.is_some()
    }

    /// Takes note that the stream is well; says whether it was told not to be.
    pub(super) fn is_over(&mut self) -> bool {
        (self.closed, self.since) = (0, None);
        self.refused.take().is_some() | std::mem::take(&mut self.told)
    }

    /// How long to wait after this.
    pub(super) fn pause(&mut self, end: &End) -> Duration {
        match end {
            End::GoOn | End::Unending | End::Doubted => Duration::ZERO,
            End::PutBack(_) => LONGEST,
            End::NotServed => NOT_SERVED,
            End::Closed | End::Failed(ApiError::Expired) if self.pauses.is_none() => {
                self.pauses = Some(Pauses::new(FIRST, LONGEST));
                Duration::ZERO
            }
            End::Closed => self.grow(),
            End::Failed(error) if error.refusal().is_some() => jitter(REFUSED),
            End::Failed(error) => self.grow().max(error.retry_after().unwrap_or_default()),
        }
    }

    fn grow(&mut self) -> Duration {
        let first = || Pauses::new(FIRST, LONGEST);
        jitter(self.pauses.get_or_insert_with(first).grow())
    }
}

/// Between half of it and all of it.
fn jitter(longest: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 1024;
    let half = longest / 2;
    half + half * u32::try_from(random).unwrap_or(0) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> End {
        End::Failed(ApiError::Unreachable(String::new()))
    }

    #[test]
    fn a_good_watch_is_taken_up_at_once_a_bad_one_later() {
        let mut patience = Patience::default();
        assert_eq!(patience.pause(&End::Closed), Duration::ZERO);
        assert!(patience.pause(&End::Closed) >= FIRST / 2);
        patience.restore();
        assert_eq!(
            patience.pause(&End::Failed(ApiError::Expired)),
            Duration::ZERO
        );
        assert!(patience.pause(&End::Failed(ApiError::Expired)) >= FIRST / 2);
    }

    #[test]
    fn waits_grow_to_the_longest() {
        let mut patience = Patience::default();
        let waits: Vec<_> = (0..100).map(|_| patience.pause(&failed())).collect();
        assert!(waits[0] <= FIRST && waits[0] >= FIRST / 2);
        assert!(waits[4] >= Duration::from_secs(2));
        assert!(waits.iter().all(|wait| *wait <= LONGEST));
        assert!(waits[99] >= LONGEST / 2);
    }

    #[test]
    fn what_the_server_asks_for_is_the_least() {
        let slow = End::Failed(ApiError::Slow {
            code: 429,
            retry_after: Some(Duration::from_secs(45)),
            message: String::new(),
        });
        assert_eq!(Patience::default().pause(&slow), Duration::from_secs(45));
    }
}
