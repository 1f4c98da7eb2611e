//! What the readings of a workload, one after the other, tell of its pods: how old they
//! are, of which templates there may be some, and since when no container has started.
//!
//! Only an event shows what happened between two readings; after a list it is unknown.

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::object::{Version, Workload};

use super::How;

/// What is known of the pods of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and all combinations happen"
)]
pub struct Pods {
    /// The version at which an event showed the pod template edited, or the workload
    /// made. Pods made from it are younger than this.
    pub edited: Option<Version>,
    /// The version at which an event showed the present pod template, though there
    /// may be older pods of it.
    pub turned: Option<Version>,
    /// Whether, at that moment, there were still as many pods of other templates as
    /// there should be: one that came back then made none anew.
    pub kept: bool,
    /// Whether, at that moment, there may have been pods of it already.
    pub old: bool,
    /// Whether, at that moment, it is known that there were.
    pub back: bool,
    /// The earlier templates, whole, that there may be pods of; `None` where it is
    /// not known which.
    pub others: Option<BTreeSet<Digest>>,
    /// All pods have been ready since this version, as far as the status tells: no
    /// container has started after it.
    pub steady: Option<Version>,
    /// As many pods have been ready as there should be since this version, whatever
    /// their template: none that was ready then has been made anew.
    pub full: Option<Version>,
    /// Whether the template may have been edited since the workload was paused: pods of
    /// it are made when it is resumed.
    held: bool,
}

impl Pods {
    /// What one reading alone tells.
    fn unknown() -> Self {
        Self {
            edited: None,
            turned: None,
            kept: false,
            old: true,
            back: false,
            others: None,
            steady: None,
            full: None,
            held: true,
        }
    }

    /// The same where the pods are those of another workload: only since when they are
    /// ready is known of them.
    pub(super) fn of_another(&self) -> Self {
        Self {
            steady: self.steady,
            full: self.full,
            ..Self::unknown()
        }
    }

    /// What a reading of a workload tells that was not there before.
    pub(super) fn first(now: &Workload, how: How) -> Self {
        let unknown = Self::unknown();
        let pods = match how {
            How::Listed | How::Event => unknown,
            How::Made => Self {
                edited: Some(now.version),
                turned: Some(now.version),
                old: false,
                others: Some(BTreeSet::new()),
                ..unknown
            },
        };
        pods.read_with(now)
    }

    /// What a reading tells after another one of the same workload.
    pub(super) fn after(&self, was: &Workload, now: &Workload, how: How) -> Self {
        let edit = self.edit(was, now, how);
        let told = how != How::Listed || was.version == now.version;
        let calm = told && !self.makes_pods(was, now);
        let pods = Self {
            steady: self.steady.filter(|_| calm),
            full: self.full.filter(|_| told),
            held: self.held || was.whole != now.whole,
            ..edit
        };
        pods.read_with(now)
    }

    /// What the status tells by itself. What a list left out may have been a pod less;
    /// but then the workload was written, and has another version.
    fn read_with(self, now: &Workload) -> Self {
        let progress = now.progress;
        let since = |since: Option<Version>| Some(since.unwrap_or(now.version));
        let others = if progress.alone {
            Some(BTreeSet::new())
        } else {
            self.others
        };
        Self {
            others,
            steady: since(self.steady)
                .filter(|_| now.is_calm())
                .or(self.steady.filter(|_| now.progress.lags_calmly())),
            full: since(self.full).filter(|_| progress.is_full()),
            held: self.held && now.paused && !progress.alone,
            ..self
        }
    }

    /// When the template was edited, and which others there may be pods of. A template
    /// whose text alone differs, with the spec's generation as it was, is one that a
    /// newer API server fills in differently. And one that is back, or may be, while its
    /// old pods still run proves nothing.
    fn edit(&self, was: &Workload, now: &Workload, how: How) -> Self {
        if was.whole == now.whole {
            let edited = self.begins(was, now, how).or(self.edited);
            return Self {
                edited,
                ..self.clone()
            };
        }
        if how == How::Listed {
            return Self::unknown();
        }
        let known = self.others.clone();
        let old = known.as_ref().is_none_or(|o| o.contains(&now.whole));
        let made_pods = !old && was.generation != now.generation;
        Self {
            edited: made_pods.then_some(now.version),
            turned: Some(now.version),
            kept: was.progress.older() >= now.progress.desired,
            old,
            back: old && known.is_some(),
            others: known.map(|others| others.into_iter().chain([was.whole]).collect()),
            ..self.clone()
        }
    }

    /// Whether pods are made of what is written now.
    fn makes_pods(&self, was: &Workload, now: &Workload) -> bool {
        was.whole != now.whole
            || was.restart_at != now.restart_at
            || (self.held && !now.paused)
            || was.progress.desired < now.progress.desired
    }

    /// The version at which an event shows that all pods of the template are yet to be
    /// made: the workload is scaled up from none, or resumed with what was edited
    /// meanwhile.
    fn begins(&self, was: &Workload, now: &Workload, how: How) -> Option<Version> {
        let before = was.progress;
        let scaled_up = before.desired == 0 && now.progress.desired > 0;
        let from_none = before.pods == Some(0) && scaled_up && now.progress.asked;
        let resumed = self.edited.is_some() && self.held && !now.paused;
        (how != How::Listed && (from_none || resumed)).then_some(now.version)
    }
}
