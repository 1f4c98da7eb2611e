//! When what a watch tells is not enough to go by.
//!
//! Only what goes forward shows that a watch is alive: an event, or a bookmark, which the
//! API server sends about once a minute. One that is silent for longer than two of those
//! is doubted, whatever its connection looks like, and one that ends at once each time
//! sooner: then the stream is listed anew. That is dear where there is much, so as long
//! as nothing goes forward it is done less and less often. Pure, but for the clock.

use std::time::Duration;

use tokio::time::Instant;

/// Two bookmarks, and room.
const SILENT: Duration = Duration::from_secs(140);
/// The same where the watch is known to fail, though it opens.
const HOLLOW: Duration = Duration::from_secs(20);
/// Between two lists for the same doubt, of the one kind and of the other.
const MOST_SILENT: Duration = Duration::from_secs(290);
const MOST_HOLLOW: Duration = Duration::from_mins(1);

/// Whether a stream is doubted.
pub(super) struct Doubt {
    /// When it last went forward, or was listed for a doubt.
    since: Instant,
    /// Lists since it went forward.
    lists: u32,
    hollow: bool,
}

impl Default for Doubt {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            lists: 0,
            hollow: false,
        }
    }
}

impl Doubt {
    /// It went forward. Returns whether it was said to be doubted.
    pub(super) fn overcome(&mut self) -> bool {
        let former = std::mem::take(self);
        former.lists > 0 && !former.hollow
    }

    /// It is listed for the doubt.
    pub(super) fn listed(&mut self) {
        self.since = Instant::now();
        self.lists = self.lists.saturating_add(1);
    }

    /// It opens, and ends without having told anything.
    pub(super) fn is_hollow(&mut self) {
        self.hollow = true;
    }

    /// Whether that is known of it.
    pub(super) fn hollow(&self) -> bool {
        self.hollow
    }

    /// Whether it was silent, and is doubted for the first time for that.
    pub(super) fn is_new(&self) -> bool {
        self.lists == 0 && !self.hollow
    }

    /// When it is to be listed, unless it goes forward before.
    pub(super) fn due(&self) -> Instant {
        let (first, most) = if self.hollow {
            (HOLLOW, MOST_HOLLOW)
        } else {
            (SILENT, MOST_SILENT)
        };
        let doubled = first.saturating_mul(1 << self.lists.min(8));
        self.since + doubled.min(most)
    }
}
