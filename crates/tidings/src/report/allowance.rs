//! How much may be said of one workload, and of a namespace's together.
//!
//! Goes in: who would be spoken of, and when. Comes out: whether he is, and now and
//! then how much was left out. Pure; it knows no time but what it is told. Nothing here
//! fails, and what is remembered is bounded by what was said lately.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tidings_core::refs::Name;

/// So much at once, then one more every so often.
#[derive(Clone, Copy, Debug)]
struct Rate {
    burst: u32,
    every: Duration,
}

/// More of one workload is no news to anybody.
const WORKLOAD: Rate = Rate {
    burst: 25,
    every: Duration::from_secs(30),
};
/// As much as somebody may read of one namespace.
const NAMESPACE: Rate = Rate {
    burst: 200,
    every: Duration::from_secs(1),
};
/// What is left out is summed up this long after the first of it.
const SUM_UP: Duration = Duration::from_mins(1);

/// Who may be spoken of, and what was left out, of which `T` is remembered.
#[derive(Debug)]
pub(crate) struct Allowance<T> {
    namespaces: BTreeMap<Name, SpokenOf<T>>,
}

/// What one namespace has had.
#[derive(Debug)]
struct SpokenOf<T> {
    all: Bucket,
    /// Workloads that were spoken of lately.
    workloads: BTreeMap<String, Bucket>,
    left_out: Option<LeftOut<T>>,
}

/// What was not said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeftOut<T> {
    since: Instant,
    /// How many times.
    pub(super) count: u64,
    /// What the last of it was about.
    pub(super) last: T,
}

/// The time at which all that it holds is there again.
#[derive(Clone, Copy, Debug)]
struct Bucket(Instant);

impl Bucket {
    fn has_one(self, rate: Rate, now: Instant) -> bool {
        let lacking = self.0.saturating_duration_since(now);
        lacking + rate.every <= rate.every * rate.burst
    }

    fn take_one(&mut self, rate: Rate, now: Instant) {
        self.0 = self.0.max(now) + rate.every;
    }

    fn is_full(self, now: Instant) -> bool {
        self.0 <= now
    }
}

impl<T> Default for Allowance<T> {
    fn default() -> Self {
        Self {
            namespaces: BTreeMap::new(),
        }
    }
}

impl<T> Allowance<T> {
    /// Whether a namespace, and perhaps a workload of it, may be spoken of once more. If
    /// not, that is remembered with what it was about.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        namespace: &str,
        workload: Option<&str>,
        about: impl FnOnce() -> T,
    ) -> bool {
        let share = match self.namespaces.get_mut(namespace) {
            Some(share) => share,
            None => self.namespaces.entry(namespace.into()).or_insert(SpokenOf {
                all: Bucket(now),
                workloads: BTreeMap::new(),
                left_out: None,
            }),
        };
        let may = share.take(now, workload);
        if !may {
            share.leave_out(now, about());
        }
        may
    }

    /// What was left out, where it is time to sum it up.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(Name, LeftOut<T>)> {
        let due = self.summed_up(|left_out| left_out.since + SUM_UP <= now);
        self.namespaces.retain(|_, share| !share.is_idle(now));
        due
    }

    /// All that was left out and is not summed up yet.
    pub(super) fn rest(&mut self) -> Vec<(Name, LeftOut<T>)> {
        self.summed_up(|_| true)
    }

    fn summed_up(&mut self, which: impl Fn(&LeftOut<T>) -> bool) -> Vec<(Name, LeftOut<T>)> {
        let taken = |(name, share): (&Name, &mut SpokenOf<T>)| {
            let left_out = share.left_out.take_if(|left_out| which(left_out))?;
            Some((name.clone(), left_out))
        };
        self.namespaces.iter_mut().filter_map(taken).collect()
    }
}

impl<T> SpokenOf<T> {
    /// Takes one for the namespace and one for the workload, if there are both.
    fn take(&mut self, now: Instant, workload: Option<&str>) -> bool {
        if !self.all.has_one(NAMESPACE, now) {
            return false;
        }
        if let Some(name) = workload {
            let mut bucket = self.workloads.get(name).copied().unwrap_or(Bucket(now));
            if !bucket.has_one(WORKLOAD, now) {
                return false;
            }
            bucket.take_one(WORKLOAD, now);
            self.workloads.insert(name.to_owned(), bucket);
        }
        self.all.take_one(NAMESPACE, now);
        true
    }

    fn leave_out(&mut self, now: Instant, about: T) {
        let (since, count) = match &self.left_out {
            Some(before) => (before.since, before.count),
            None => (now, 0),
        };
        self.left_out = Some(LeftOut {
            since,
            count: count + 1,
            last: about,
        });
    }

    /// Whether it is as if nothing had been said; forgets those of which that is so.
    fn is_idle(&mut self, now: Instant) -> bool {
        self.workloads.retain(|_, bucket| !bucket.is_full(now));
        self.workloads.is_empty() && self.left_out.is_none() && self.all.is_full(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// How many of so many are said at once.
    fn said(allowance: &mut Allowance<u64>, now: Instant, of: &str, times: u64) -> usize {
        let (namespace, _) = of.split_once('/').unwrap();
        let asked = (0..times).filter(|n| allowance.ask(now, namespace, Some(of), || *n));
        asked.count()
    }

    #[test]
    fn a_workload_that_says_much_costs_the_others_nothing() {
        let (mut allowance, now) = (Allowance::default(), Instant::now());
        assert_eq!(
            said(&mut allowance, now, "stage/deployment/loud", 1_000),
            25
        );
        assert_eq!(said(&mut allowance, now, "stage/deployment/web", 3), 3);
        let later = now + secs(60);
        assert_eq!(said(&mut allowance, later, "stage/deployment/loud", 9), 2);
    }

    #[test]
    fn a_namespace_that_says_much_costs_the_others_nothing() {
        let (mut allowance, now) = (Allowance::default(), Instant::now());
        let loud = (0..1_000).map(|n| format!("loud/deployment/web-{n}"));
        let heard: usize = loud.map(|of| said(&mut allowance, now, &of, 1)).sum();
        assert_eq!(heard, 200);
        assert_eq!(said(&mut allowance, now, "quiet/deployment/web", 3), 3);
        assert!(allowance.ask(now, "quiet", None, || 0));
        // Who was not heard has used nothing up.
        assert_eq!(allowance.namespaces["loud"].workloads.len(), 200);
    }

    #[test]
    fn what_is_left_out_is_summed_up_once() {
        let (mut allowance, now) = (Allowance::default(), Instant::now());
        said(&mut allowance, now, "stage/deployment/loud", 505);
        assert_eq!(allowance.due(now + secs(59)), []);
        let summed = allowance.due(now + secs(60));
        let (name, left_out) = summed.first().unwrap();
        assert_eq!(
            (&**name, left_out.count, left_out.last),
            ("stage", 480, 504)
        );
        assert_eq!(allowance.due(now + secs(120)), []);
        assert_eq!(allowance.rest(), []);
    }

    proptest! {
        /// Whoever speaks when: no more than the burst and the rate, and nothing is
        /// remembered when all has been quiet for long enough.
        #[test]
        fn no_more_than_the_rate(
            asked in prop::collection::vec((0_u64..3_000, 0_usize..2, 0_usize..40), 0..2_000),
        ) {
            let (mut allowance, begin) = (Allowance::default(), Instant::now());
            let mut asked = asked;
            asked.sort_unstable();
            let (mut said, mut left_out) = ([0, 0], 0);
            for (at, namespace, workload) in &asked {
                let now = begin + Duration::from_millis(*at);
                let of = workload.to_string();
                let name = ["a", "b"][*namespace];
                said[*namespace] += u32::from(allowance.ask(now, name, Some(&of), || ()));
                left_out += allowance.due(now).iter().map(|(_, l)| l.count).sum::<u64>();
            }
            prop_assert!(said.iter().all(|n| *n <= NAMESPACE.burst + 3));
            left_out += allowance.rest().iter().map(|(_, l)| l.count).sum::<u64>();
            let all = u64::from(said[0] + said[1]) + left_out;
            prop_assert_eq!(all, asked.len() as u64);
            allowance.due(begin + secs(3_600));
            prop_assert!(allowance.namespaces.is_empty());
        }
    }
}
