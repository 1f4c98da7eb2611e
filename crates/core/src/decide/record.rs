//! Records: what a workload is, or was, brought to.

use crate::compare::{Change, What, tells};
use crate::few::Few;
use crate::index::{Beginning, Presence};
use crate::kinds::Renewal;
use crate::method::Method;
use crate::needs::Need;
use crate::state::{
    Back, End, Entry, Epoch, KeyNames, Restart, Restarts, Rolls, Seen, SeenKeys, SeenSource,
};

use super::Case;
use super::proof::Newer;

impl Case<'_> {
    /// The record of how things are now.
    pub(super) fn entry_now(&self, n: u64, done: bool, because: String) -> Entry {
        let last = self.last();
        Entry {
            uid: self.known.workload.uid.clone(),
            n,
            epoch: self.epoch(),
            done,
            template: self.known.workload.template,
            whole: (done && !self.is_untold()).then_some(self.known.workload.whole),
            older: self.older(),
            mixed: self.is_mixed(),
            doubt: self.entry.is_some_and(|entry| entry.doubt),
            at: last.and_then(|entry| entry.at),
            restarts: last.map_or_else(Restarts::default, |entry| entry.restarts.clone()),
            restarting: last.is_some_and(|entry| entry.restarting),
            restless: self.still_restless(),
            rolls: last.map_or_else(Rolls::default, |entry| self.rolls_of(entry)),
            because,
            restart: self.last_restart(done),
            back: self.back(),
            kept: self.is_kept(),
            climb: last.filter(|_| !done).and_then(|entry| entry.climb.clone()),
            waits: None,
            ride: last.and_then(|entry| entry.ride.clone()),
            spent: self.spent(n),
            over: self.entry.and_then(|entry| entry.over.clone()),
            seen: self.all_seen_now(),
        }
    }

    /// How one ended that was taken back stays known when that is over, too.
    fn rolls_of(&self, last: &Entry) -> Rolls {
        match self.back() {
            Some(Back::Partly) => last.rolls.ended(last.n, End::Reverted),
            Some(Back::Whole) => last.rolls.ended(last.n, End::Done),
            None => last.rolls.clone(),
        }
    }

    /// The last record of this workload, or of the one that it was made from
    /// anew.
    pub(super) fn last(&self) -> Option<&Entry> {
        let anew = self.known.workload.key.kind.renewal == Renewal::Recreate;
        self.entry.or(self.former.filter(|_| anew))
    }

    /// The restart of the last roll. One that was to be only where gentler methods fail,
    /// and is not needed any more, never was.
    fn last_restart(&self, done: bool) -> Option<Box<Restart>> {
        let last = self.last();
        let was = last.filter(|entry| !done || entry.method() == Method::Rollout);
        was.and_then(|entry| entry.restart.clone())
    }

    /// That of the record; a new one where there is none.
    pub(super) fn epoch(&self) -> Epoch {
        let draw = || Epoch::draw(self.moment.seed, &self.known.workload.uid);
        self.last().map_or_else(draw, |entry| entry.epoch)
    }

    /// The highest number that was given to what waited, where it is above this one.
    fn spent(&self, n: u64) -> u64 {
        let given = self.last().map_or(0, Entry::last_given);
        if given > n { given } else { 0 }
    }

    pub(super) fn seen_now(&self, need: &Need) -> Option<(Seen, SeenSource)> {
        let source = self.source(need);
        if need.lapsed && source.presence == Presence::Absent {
            return None;
        }
        let before = self.seen(need);
        let now = if tells(need, before, source) {
            need.seen(source)
        } else {
            None
        };
        let now = now.map(|now| self.with_names(need, now));
        let seen = now.or_else(|| before.cloned())?;
        let left = self.misses(need).is_some() && self.is_left(before);
        Some((Seen::of(&need.source), SeenSource { left, ..seen }))
    }

    /// The same with the names of its keys, where they may be needed and are not there.
    fn with_names(&self, need: &Need, seen: SeenSource) -> SeenSource {
        let together = matches!(seen.keys, SeenKeys::Together(_));
        let content = self.source(need).current();
        let content = content.filter(|_| together && self.known.policy.goes_pod_by_pod());
        let names = content.and_then(|is| KeyNames::of(is.keys.iter().map(|(key, _)| key)));
        SeenSource { names, ..seen }
    }

    /// Whether pods run that started with something else, of a source that is missing.
    pub(super) fn is_left(&self, before: Option<&SeenSource>) -> bool {
        if let Some(before) = before {
            return before.left && self.same_template();
        }
        let workload = &self.known.workload;
        let found = self.known.beginning == Beginning::Found;
        let run = workload.progress.ready > 0 || (found && !workload.progress.told);
        self.entry.is_none_or(Entry::is_bare) && run && !workload.key.kind.ends()
    }

    /// The record without a roll: what is gone keeps its last digest, so that the
    /// same content coming back is nothing.
    pub(super) fn recorded(&self, entry: &Entry, changes: &[Change]) -> Entry {
        let newest = || matches!(self.pods_are_newest(), Newer::Yes);
        let done = entry.done || self.reached(entry) || newest();
        let because = if done {
            String::new()
        } else {
            entry.because.clone()
        };
        let n = if done { self.number() } else { entry.n };
        let mut now = self.entry_now(n, done, because);
        if done && self.is_pending(entry) && entry.method().is_pod_wise() {
            // An edit of the template has brought it, and not that method.
            let refused = entry.refused().is_some();
            let end = if refused { End::Failed } else { End::Overtaken };
            now.rolls = now.rolls.ended(entry.n, end);
        }
        if self.known.workload.paused {
            // No pods are made from what it is edited to until it is resumed.
            now.template = entry.template;
            now.whole = entry.whole;
            now.older.retain(|older| Some(older.whole) != entry.whole);
        }
        for change in changes.iter().filter(|c| matches!(c.what, What::Gone(_))) {
            self.keep(change, entry, &mut now.seen);
        }
        now
    }

    fn keep(&self, gone: &Change, entry: &Entry, seen: &mut Few<Seen, SeenSource>) {
        let key = Seen::of(&gone.source);
        let Some(before) = entry.seen.get(&key) else {
            return;
        };
        match seen.get_mut(&key) {
            Some(now) if gone.version.is_some() => keep_keys(gone, before, now),
            // Only a pattern brought it: the new pods do without.
            None if !self.same_template() => {}
            _ => {
                let awaited = before.awaited || !self.same_template();
                let kept = SeenSource {
                    awaited,
                    ..before.clone()
                };
                seen.insert(key, kept);
            }
        }
    }

    /// The record of one that nobody wants rolled: its number only.
    pub(super) fn bare(&self, entry: &Entry) -> Entry {
        Entry {
            n: self.number(),
            epoch: self.epoch(),
            done: true,
            because: String::new(),
            older: Vec::new(),
            doubt: false,
            restart: None,
            back: None,
            climb: None,
            waits: None,
            ride: None,
            spent: self.spent(self.number()),
            seen: Few::new(),
            ..entry.clone()
        }
    }
}

/// Keeps the last digests of keys that are gone, and the version at which they
/// were there: until they are back, the source is read to tell that they miss.
fn keep_keys(gone: &Change, before: &SeenSource, now: &mut SeenSource) {
    let (SeenKeys::Apart(before_keys), SeenKeys::Apart(keys)) = (&before.keys, &mut now.keys)
    else {
        return;
    };
    (now.rv, now.written, now.all) = (before.rv, before.written, before.all);
    for key in &gone.keys {
        if let Some(digest) = before_keys.get(key) {
            keys.insert(key.clone(), *digest);
        }
    }
}
