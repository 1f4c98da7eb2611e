//! Sources that do not come to rest.
//!
//! Goes in: which source changed, and when. Comes out: whether it is restless, and
//! until when. One that has changed for [`UNREST`] without [`QUIET`] is restless
//! until it has been quiet for [`REST`]. The three are what people may rely on, so
//! nothing that somebody sets (`settle`) moves them.
//!
//! What changes is content: a source whose annotations are written every second is
//! told of as often, and is quiet all the same. Only a reading tells, so until then
//! whatever is told counts.

use std::collections::BTreeMap;

use crate::object::Seconds;
use crate::refs::SourceRef;
use crate::settle::Millis;

/// Changes that are further apart than this are changes by themselves.
pub const QUIET: Millis = 2_000;
/// Changes that have gone on for so long make a source restless.
pub const UNREST: Millis = 10_000;
/// After so long without a change it has come to rest.
pub const REST: Millis = 60_000;

/// Below this many, nothing is worth clearing away.
const FEW: usize = 64;

/// The sources that changed lately.
#[derive(Clone, Debug, Default)]
pub struct Restless {
    /// The time when `now` was 0.
    started: Seconds,
    now: Millis,
    sources: BTreeMap<SourceRef, Pace>,
    /// With so many, those at rest are cleared away.
    many: usize,
}

/// How a source changes.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Since when it changes without quiet in between.
    first: Millis,
    /// When it changed last.
    last: Millis,
    /// When what is held of it was read first.
    read: Option<Millis>,
    restless: bool,
}

impl Pace {
    fn new(now: Millis) -> Self {
        Self {
            first: now,
            last: now,
            read: None,
            restless: false,
        }
    }

    /// Takes in that time has passed.
    fn at(mut self, now: Millis) -> Self {
        let unrest = self.first + UNREST;
        self.restless |= now >= unrest && self.last + QUIET > unrest;
        self.restless &= now < self.last + REST;
        self
    }

    fn changed(self, now: Millis) -> Self {
        let before = self.at(now);
        let goes_on = before.restless || now < before.last + QUIET;
        Self {
            first: if goes_on { before.first } else { now },
            last: now,
            ..before
        }
    }
}

impl Restless {
    /// None yet, where the clock shows 0 at this time.
    pub fn new(started: Seconds) -> Self {
        Self {
            started,
            ..Self::default()
        }
    }

    /// It is so late now.
    pub fn pass(&mut self, now: Millis) {
        self.now = self.now.max(now);
    }

    /// Something was told of a source that may be a change.
    pub fn changed(&mut self, source: &SourceRef) {
        self.clear();
        let now = self.now;
        let pace = self.sources.entry(source.clone());
        let pace = pace.or_insert_with(|| Pace::new(now));
        *pace = pace.changed(now);
    }

    /// A source was read: whether that showed what an earlier reading had shown. If
    /// so, nothing of what was told since that one was a change.
    pub fn read(&mut self, source: &SourceRef, same: bool) {
        let now = self.now;
        let Some(pace) = self.sources.get_mut(source) else {
            return;
        };
        *pace = pace.at(now);
        match pace.read {
            _ if !same => pace.read = Some(now),
            Some(read) => pace.last = pace.last.min(read),
            None => drop(self.sources.remove(source)),
        }
    }

    /// It was restless when somebody looked last: its quiet begins anew, unless it
    /// is known better.
    pub fn resume(&mut self, source: &SourceRef) {
        let resumed = Pace {
            restless: true,
            read: Some(self.now),
            ..Pace::new(self.now)
        };
        self.sources.entry(source.clone()).or_insert(resumed);
    }

    /// When a source will have come to rest if it does not change again; `None`
    /// where it is not restless.
    pub fn until(&self, source: &SourceRef) -> Option<Seconds> {
        let pace = self.sources.get(source)?.at(self.now);
        let until = (pace.last + REST).div_ceil(1_000);
        let until = self.started + Seconds::try_from(until).unwrap_or(Seconds::MAX);
        pace.restless.then_some(until)
    }

    /// Clears those away that have come to rest, whenever they have become twice
    /// as many.
    fn clear(&mut self) {
        if self.sources.len() >= self.many.max(FEW) {
            let now = self.now;
            self.sources.retain(|_, pace| now < pace.last + REST);
            self.many = self.sources.len() * 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refs::SourceKind;

    fn source() -> SourceRef {
        SourceRef::new(SourceKind::ConfigMap, "ns", "c")
    }

    fn changed(restless: &mut Restless, times: impl IntoIterator<Item = Millis>) {
        for now in times {
            restless.pass(now);
            restless.changed(&source());
        }
    }

    fn until(restless: &mut Restless, now: Millis) -> Option<Seconds> {
        restless.pass(now);
        restless.until(&source())
    }

    #[test]
    fn ten_seconds_without_quiet_and_until_a_minute_of_it() {
        let mut restless = Restless::new(100);
        changed(&mut restless, (500..=11_500).step_by(1_000));
        assert_eq!(until(&mut restless, 11_500), Some(172));
        assert_eq!(until(&mut restless, 71_499), Some(172));
        assert_eq!(until(&mut restless, 71_500), None);
    }

    #[test]
    fn it_is_so_at_the_tenth_second_and_not_before() {
        let mut restless = Restless::new(0);
        changed(&mut restless, (0..=9_900).step_by(100));
        assert_eq!(until(&mut restless, 9_999), None);
        assert_eq!(until(&mut restless, 10_000), Some(70));
    }

    #[test]
    fn changes_by_themselves_are_none() {
        for apart in [QUIET, 3_000, 8_000, 180_000] {
            let mut restless = Restless::new(0);
            let times = (0..20).map(|i| i * apart);
            for now in times {
                changed(&mut restless, [now]);
                assert_eq!(restless.until(&source()), None, "{apart}");
            }
        }
    }

    #[test]
    fn eight_seconds_of_changes_and_then_quiet_are_none() {
        let mut restless = Restless::new(0);
        changed(&mut restless, (0..=8_000).step_by(100));
        assert_eq!(until(&mut restless, 10_000), None);
        assert_eq!(until(&mut restless, 30_000), None);
    }

    #[test]
    fn what_is_restless_stays_so_through_short_quiet() {
        let mut restless = Restless::new(0);
        changed(&mut restless, (0..=10_000).step_by(100));
        changed(&mut restless, [40_000, 90_000]);
        assert_eq!(until(&mut restless, 149_000), Some(150));
        assert_eq!(until(&mut restless, 150_000), None);
        changed(&mut restless, [151_000]);
        assert_eq!(restless.until(&source()), None);
    }

    /// Somebody's lock, renewed each second in an annotation.
    #[test]
    fn what_turns_out_to_be_as_it_was_is_no_change() {
        let mut restless = Restless::new(0);
        for round in 0..20 {
            let begin = round * 10_000;
            changed(&mut restless, (begin..begin + 10_000).step_by(1_000));
            restless.pass(begin + 10_000);
            restless.read(&source(), true);
            assert_eq!(restless.until(&source()), None);
        }
    }

    #[test]
    fn quiet_is_counted_from_the_last_reading_that_differed() {
        let mut restless = Restless::new(0);
        changed(&mut restless, (0..=10_000).step_by(100));
        restless.read(&source(), false);
        changed(&mut restless, (10_000..=40_000).step_by(100));
        assert_eq!(restless.until(&source()), Some(100));
        restless.read(&source(), true);
        assert_eq!(restless.until(&source()), Some(70));
    }

    #[test]
    fn after_a_restart_the_quiet_minute_begins_anew() {
        let mut restless = Restless::new(1_000);
        restless.pass(5_000);
        restless.resume(&source());
        assert_eq!(restless.until(&source()), Some(1_065));
        changed(&mut restless, [20_000]);
        restless.resume(&source());
        assert_eq!(restless.until(&source()), Some(1_080));
        assert_eq!(until(&mut restless, 80_000), None);
    }

    #[test]
    fn what_has_come_to_rest_is_cleared_away() {
        let mut restless = Restless::new(0);
        for i in 0..10_000 {
            restless.pass(i * 100);
            restless.changed(&SourceRef::new(
                SourceKind::ConfigMap,
                "ns",
                format!("c{i}"),
            ));
        }
        assert!(
            restless.sources.len() <= 1_300,
            "{}",
            restless.sources.len()
        );
    }
}
