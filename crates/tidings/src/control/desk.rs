//! The desk of a workload: all that goes on about it in a term, in one place. Whoever
//! is gone takes it with them, and so does the term.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tidings_core::evidence::Evidence;
use tidings_core::ladder::STANDS;
use tidings_core::object::Version;
use tidings_core::refs::{Name, SourceRef, WorkloadRef};
use tidings_core::settle::Millis;

use super::announce::Announced;
use super::backoff::Backoff;
use super::climbing::Climbing;
use super::{Patch, Roll};

/// All that goes on about one workload.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// What is under way. Until it has been answered nothing is decided. Only
    /// [`Desks`] changes it, which counts.
    task: Option<UnderWay>,
    /// What was decided to be done, and is not through.
    pub(super) roll: Option<Arc<Roll>>,
    /// The sources that are read for the next decision; the last is looked for first.
    awaits: Vec<SourceRef>,
    /// What was found out for the next decision.
    pub(super) evidence: Option<Box<Evidence>>,
    /// When something that it uses changed, first and last.
    pub(super) changed: Option<(Millis, Millis)>,
    /// What has been said of it.
    pub(super) announced: Announced,
    /// Of what it needs from the API server.
    pub(super) backoff: Backoff,
    /// Of what a pod has refused: how often, and when next, it is looked whether that stands.
    pub(super) refusal: Option<Box<RefusalLooks>>,
}

/// How often it was looked whether a refusal stands, and when it is next.
#[derive(Debug)]
pub(super) struct RefusalLooks {
    looks: u32,
    next: Millis,
}

/// Something about a workload that is under way.
#[derive(Debug)]
pub(super) enum UnderWay {
    /// Something is found out.
    Asking,
    /// An intent is written, to be carried out if the workload, and the one whose pod
    /// template it uses, are still of the versions that were decided about.
    Recording((Version, Version)),
    /// It is brought to its record.
    Rolling,
    /// It is brought to its record pod by pod. Another term finds on the pods how far
    /// they are: nobody waits for it, and decisions go on meanwhile.
    Climbing(Box<Climbing>),
    /// Its pause is ended.
    Unpausing,
    /// A Job is deleted to be made again. It may take as long as its pods need to end,
    /// and another term can do the rest: nobody waits for it.
    Recreating(Box<Remaking>),
}

/// A Job that is being made again.
#[derive(Debug)]
pub(super) struct Remaking {
    /// The uid of the one that is deleted.
    former: Name,
    /// How far that is.
    stage: Stage,
}

/// How far a Job is on its way to be made again.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A step of it is under way.
    Step,
    /// It is deleted: when it is gone, it goes on with this.
    Leaving(Box<Patch>),
    /// It is there again, though the watch may not have shown it yet.
    Made,
}

impl UnderWay {
    /// A Job is made again that was of this uid.
    pub(super) fn recreating(former: Name) -> Self {
        Self::Recreating(Box::new(Remaking {
            former,
            stage: Stage::Step,
        }))
    }
}

impl Desk {
    /// What was decided is there, or not wanted any more.
    pub(super) fn settled(&mut self) {
        (self.changed, self.roll) = (None, None);
        self.backoff = Backoff::default();
    }

    /// Something that it uses changed at these times.
    pub(super) fn notes_change(&mut self, first: Millis, last: Millis) {
        let since = self.changed.map_or(first, |(since, _)| since);
        self.changed = Some((since, last));
    }

    /// Since when something that it uses is another.
    pub(super) fn changed_at(&self) -> Option<Millis> {
        self.changed.map(|(first, _)| first)
    }

    /// Whether it is to be looked now whether a refusal stands; the first time is a while
    /// after it was heard of. If not, when.
    pub(super) fn looks_at_refusal(&mut self, now: Millis) -> Result<(), Millis> {
        let (looks, due) = match self.refusal.as_deref() {
            Some(refusal) if refusal.next > now => return Err(refusal.next),
            Some(refusal) => (refusal.looks + 1, true),
            None => (0, false),
        };
        let pause = STANDS.after(looks).as_millis();
        let next = now.saturating_add(Millis::try_from(pause).unwrap_or(Millis::MAX));
        self.refusal = Some(RefusalLooks { looks, next }.into());
        if due { Ok(()) } else { Err(next) }
    }

    /// What is under way.
    pub(super) fn task(&self) -> Option<&UnderWay> {
        self.task.as_ref()
    }

    /// These are read for the next decision.
    pub(super) fn awaits(&mut self, sources: Vec<SourceRef>) {
        self.awaits = sources;
    }

    /// Whether any of what is read for the next decision is still under way: then it
    /// would only find that out.
    pub(super) fn is_read_for(&mut self, is_under_way: impl Fn(&SourceRef) -> bool) -> bool {
        while let Some(source) = self.awaits.last() {
            if is_under_way(source) {
                return true;
            }
            self.awaits.pop();
        }
        self.awaits = Vec::new();
        false
    }

    /// Whether a Job is deleted to be made again, by us.
    pub(super) fn is_recreating(&self) -> bool {
        self.remaking().is_some()
    }

    /// Whether it must be waited for before the program ends.
    fn is_waited_for(&self) -> bool {
        self.task.is_some() && !self.is_recreating() && self.climbing().is_none()
    }

    /// The ladder of the workload, where its pods are gone through.
    pub(super) fn climbing(&self) -> Option<&Climbing> {
        match &self.task {
            Some(UnderWay::Climbing(climbing)) => Some(climbing),
            _ => None,
        }
    }

    /// Whether nothing is to be decided before what is under way has been answered.
    pub(super) fn is_busy(&self) -> bool {
        self.task.is_some() && self.climbing().is_none_or(Climbing::asks)
    }

    /// Whether a Job that was of this uid is not there again, as far as we know.
    pub(super) fn is_remaking(&self, uid: &Name) -> bool {
        let remaking = self.remaking();
        remaking.is_some_and(|job| job.former == *uid && job.stage != Stage::Made)
    }

    /// The uid that a Job had which is there again.
    fn made(&self) -> Option<&Name> {
        let made = self.remaking().filter(|job| job.stage == Stage::Made);
        made.map(|job| &job.former)
    }

    fn is_leaving(&self) -> bool {
        let remaking = self.remaking();
        remaking.is_some_and(|job| matches!(job.stage, Stage::Leaving(_)))
    }

    fn remaking(&self) -> Option<&Remaking> {
        match &self.task {
            Some(UnderWay::Recreating(remaking)) => Some(remaking),
            _ => None,
        }
    }

    fn stage(&mut self) -> Option<&mut Stage> {
        match &mut self.task {
            Some(UnderWay::Recreating(remaking)) => Some(&mut remaking.stage),
            _ => None,
        }
    }
}

/// The desks, by workload.
#[derive(Debug, Default)]
pub(super) struct Desks {
    /// In boxes: the map may be half empty.
    by_key: HashMap<WorkloadRef, Box<Desk>>,
    /// At how many something is under way that must be waited for.
    waited_for: usize,
    /// Jobs that are being made again, in each namespace.
    recreating: HashMap<Name, usize>,
    /// Jobs that wait until fewer are.
    put_off: HashMap<Name, BTreeSet<WorkloadRef>>,
}

impl Desks {
    /// The desk of a workload, if it has one.
    pub(super) fn get(&self, key: &WorkloadRef) -> Option<&Desk> {
        self.by_key.get(key).map(Box::as_ref)
    }

    pub(super) fn get_mut(&mut self, key: &WorkloadRef) -> Option<&mut Desk> {
        self.by_key.get_mut(key).map(Box::as_mut)
    }

    /// The desk of a workload.
    pub(super) fn of(&mut self, key: &WorkloadRef) -> &mut Desk {
        self.by_key.entry(key.clone()).or_default()
    }

    /// All of them, with their workloads.
    pub(super) fn each(&self) -> impl Iterator<Item = (&WorkloadRef, &Desk)> {
        self.by_key.iter().map(|(key, desk)| (key, desk.as_ref()))
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Desk> {
        self.by_key.values().map(Box::as_ref)
    }

    /// At how many something is under way that must be waited for.
    pub(super) fn waited_for(&self) -> usize {
        self.waited_for
    }

    /// Something about a workload is under way from now on.
    pub(super) fn begin(&mut self, key: &WorkloadRef, task: UnderWay) {
        self.change(key, |desk| desk.task = Some(task));
    }

    /// Nothing is, but for a Job that is being made again, and for a ladder: for that
    /// nothing is asked any more.
    pub(super) fn end(&mut self, key: &WorkloadRef) {
        self.change(key, |desk| match &mut desk.task {
            Some(UnderWay::Recreating(_)) => {}
            Some(UnderWay::Climbing(climbing)) => climbing.has_asked(),
            task => *task = None,
        });
    }

    /// The ladder of a workload, where its pods are gone through.
    pub(super) fn climbing(&mut self, key: &WorkloadRef) -> Option<&mut Climbing> {
        match &mut self.get_mut(key)?.task {
            Some(UnderWay::Climbing(climbing)) => Some(climbing),
            _ => None,
        }
    }

    /// No pods are gone through any more, and what becomes of what is under way means
    /// nothing.
    pub(super) fn end_climbs(&mut self) {
        for desk in self.by_key.values_mut() {
            desk.task
                .take_if(|task| matches!(task, UnderWay::Climbing(_)));
        }
    }

    /// Nothing is at all.
    pub(super) fn end_all_of(&mut self, key: &WorkloadRef) {
        self.change(key, |desk| desk.task = None);
    }

    /// A workload of this uid is there: perhaps a Job that was made again.
    pub(super) fn shown(&mut self, key: &WorkloadRef, uid: &Name) {
        let made = self.get(key).and_then(Desk::made);
        if made.is_some_and(|former| former != uid) {
            self.end_all_of(key);
        }
    }

    /// A Job is deleted, and what to go on with when it is gone. Returns whether that was
    /// known before.
    pub(super) fn leaves(&mut self, patch: &Patch) -> bool {
        let desk = self.get_mut(&patch.roll.key);
        let Some(stage) = desk.and_then(Desk::stage) else {
            return false;
        };
        let before = std::mem::replace(stage, Stage::Leaving(Box::new(patch.clone())));
        matches!(before, Stage::Leaving(_))
    }

    /// A Job is gone that was deleted to be made again: what to go on with.
    pub(super) fn take_up(&mut self, key: &WorkloadRef) -> Option<Box<Patch>> {
        let stage = self.by_key.get_mut(key)?.stage()?;
        match std::mem::replace(stage, Stage::Step) {
            Stage::Leaving(patch) => Some(patch),
            other => {
                *stage = other;
                None
            }
        }
    }

    /// Jobs that are deleted to be made again, and of which nothing is under way.
    pub(super) fn leaving(&self) -> Vec<WorkloadRef> {
        let leaving = self.by_key.iter().filter(|(_, desk)| desk.is_leaving());
        leaving.map(|(key, _)| key.clone()).collect()
    }

    /// How many Jobs of a namespace are being made again.
    pub(super) fn recreating_in(&self, namespace: &Name) -> usize {
        self.recreating.get(namespace).copied().unwrap_or_default()
    }

    /// A Job waits until fewer of its namespace are being made again.
    pub(super) fn put_off(&mut self, key: &WorkloadRef) {
        let beside = self.put_off.entry(key.namespace.clone());
        beside.or_default().insert(key.clone());
    }

    /// A Job of a namespace that was put off.
    pub(super) fn take_put_off(&mut self, namespace: &Name) -> Option<WorkloadRef> {
        let beside = self.put_off.get_mut(namespace)?;
        let first = beside.pop_first();
        if beside.is_empty() {
            self.put_off.remove(namespace);
        }
        first
    }

    /// A Job is there again. Until the watch shows it too, `shown` is the former one,
    /// or none.
    pub(super) fn made_again(&mut self, key: &WorkloadRef, shown: Option<&Name>) {
        self.change(key, |desk| match &mut desk.task {
            Some(UnderWay::Recreating(remaking))
                if shown.is_none_or(|uid| *uid == remaking.former) =>
            {
                remaking.stage = Stage::Made;
            }
            task => *task = None,
        });
    }

    /// Jobs that were made again and were gone before the watch could show them.
    pub(super) fn forget_remade(&mut self, is_gone: impl Fn(&WorkloadRef) -> bool) {
        let made = self.by_key.iter().filter(|(_, desk)| desk.made().is_some());
        let gone = made.map(|(key, _)| key).filter(|key| is_gone(key));
        for key in gone.cloned().collect::<Vec<_>>() {
            self.end_all_of(&key);
        }
    }

    /// A workload is gone. The answer to what is under way is still waited for, but for a
    /// ladder's.
    pub(super) fn clear(&mut self, key: &WorkloadRef) {
        if let Some(desk) = self.by_key.remove(key)
            && let Some(task) = desk.task
            && !matches!(task, UnderWay::Climbing(_))
        {
            let rest = Desk {
                task: Some(task),
                ..Desk::default()
            };
            self.by_key.insert(key.clone(), rest.into());
        }
    }

    fn change(&mut self, key: &WorkloadRef, change: impl FnOnce(&mut Desk)) {
        let desk = self.by_key.entry(key.clone()).or_default();
        let before = (desk.is_waited_for(), desk.is_recreating());
        change(desk);
        let now = (desk.is_waited_for(), desk.is_recreating());
        self.waited_for = self.waited_for + usize::from(now.0) - usize::from(before.0);
        if now.1 != before.1 {
            let all = self.recreating.remove(&key.namespace).unwrap_or_default();
            let all = all + usize::from(now.1) - usize::from(before.1);
            if all > 0 {
                self.recreating.insert(key.namespace.clone(), all);
            }
        }
    }
}
