//! Workloads whose pod template somebody else keeps as he wants it.
//!
//! Operators put back what others write on the templates of what they made, but
//! for the time that `kubectl rollout restart` writes. So what has a controlling
//! owner is rolled by that time alone, and so is what had a roll taken back once.
//! The record keeps the time, so that it is known from the template whether the
//! roll is there, was taken back, or is followed by somebody's own restart.

use std::collections::BTreeSet;

use crate::kinds::Renewal;
use crate::refs::Name;
use crate::state::{Back, Entry, Restart};

use super::Case;
use crate::time::show;

impl Case<'_> {
    /// The restart that a roll now is, where it is one: at a time that is not on
    /// the template yet, nor was in the last roll.
    pub(super) fn next_restart(&self) -> Option<Box<Restart>> {
        if !self.is_by_restart() {
            return None;
        }
        let workload = &self.known.workload;
        let last = self.last().and_then(|entry| entry.restart.as_deref());
        let last = last.map(|restart| restart.at.clone());
        let before: BTreeSet<_> = workload.restarted.clone().into_iter().chain(last).collect();
        let mut times = (0..).map(|more| Name::from(show(self.moment.now + more)));
        let at = times.find(|at| !before.contains(at))?;
        let restart = Restart {
            at,
            before,
            bare: workload.bare,
            generation: self.generation(),
        };
        Some(restart.into())
    }

    fn is_by_restart(&self) -> bool {
        let workload = &self.known.workload;
        let by_template = match workload.key.kind.renewal {
            Renewal::Template => true,
            Renewal::TemplateOrRestartAt => !self.known.policy.restart_at,
            Renewal::Run | Renewal::Recreate => false,
        };
        by_template && self.rules.writes && (workload.controlled || self.is_kept())
    }

    /// Whether somebody took a roll off its template, now or earlier.
    pub(super) fn is_kept(&self) -> bool {
        let taken = |entry: &Entry| entry.kept || self.was_taken_back(entry);
        self.last().is_some_and(taken)
    }

    /// How far the last roll had come when it was taken back, if it was. Pods that it
    /// had not reached are stale until others have replaced them.
    pub(super) fn back(&self) -> Option<Back> {
        let entry = self.entry?;
        if self.was_taken_back(entry) {
            let old = self.known.pods.old;
            let now = if old { Back::Partly } else { Back::Whole };
            return Some(entry.back.unwrap_or(now));
        }
        let progress = self.known.workload.progress;
        let left = progress.told && !progress.alone;
        entry.back.filter(|back| *back == Back::Partly && left)
    }

    /// Whether our last roll was a restart, and its time is on the template.
    pub(super) fn is_restarted(&self) -> bool {
        let last = self.entry.and_then(|entry| entry.restart.as_deref());
        last.is_some_and(|restart| self.known.workload.restarted.as_ref() == Some(&restart.at))
    }

    fn was_taken_back(&self, entry: &Entry) -> bool {
        if let Some(restart) = &entry.restart {
            // Its own write and that of who took it back, or it is not told of yet.
            let written_twice = self.generation() >= restart.generation + 2;
            let was_there = (entry.done && written_twice) || self.was_seen(restart);
            return was_there && restart.was(self.known.workload.template);
        }
        let back = self.known.reverted.as_ref();
        let ours = back.filter(|mark| mark.instance == self.rules.instance);
        ours.is_some_and(|mark| mark.n >= entry.n) || self.stays_taken_back(entry)
    }

    /// What an earlier process saw taken back, and nobody has edited since.
    fn stays_taken_back(&self, entry: &Entry) -> bool {
        let marked = self.own_mark().is_some_and(|n| n >= entry.n);
        entry.back.is_some() && !marked && entry.template == self.known.workload.template
    }

    /// Whether the time of this roll is, or was, on the template. Another one proves
    /// nothing by itself: it may be older than what the roll was to bring.
    pub(super) fn has_restarted(&self, restart: &Restart) -> bool {
        self.known.workload.restarted.as_ref() == Some(&restart.at) || self.was_seen(restart)
    }

    /// Whether its time was on the template and is not any more.
    fn was_seen(&self, restart: &Restart) -> bool {
        self.known.unrestarted.as_ref() == Some(&restart.at)
    }

    /// That of the object which has the template.
    fn generation(&self) -> i64 {
        let workload = &self.known.workload;
        let lent = workload.lent.as_ref();
        lent.map_or(workload.generation, |lent| lent.generation)
    }
}
