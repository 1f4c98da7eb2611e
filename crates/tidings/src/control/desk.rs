//! The desk of a workload: all that goes on about it in a term, in one place. Whoever
//! is gone takes it with them, and so does the term.

use std::collections::HashMap;
use std::sync::Arc;

use tidings_core::evidence::Evidence;
use tidings_core::object::Version;
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::settle::Millis;

use super::Roll;
use super::announce::Announced;
use super::backoff::Backoff;

/// All that goes on about one workload.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// What is under way. Until it has been answered nothing is decided. Only
    /// [`Desks`] changes it, which counts.
    task: Option<UnderWay>,
    /// What was decided to be done, and is not through.
    pub(super) roll: Option<Arc<Roll>>,
    /// What was found out for the next decision.
    pub(super) evidence: Option<Box<Evidence>>,
    /// Since when something that it uses is another.
    pub(super) changed_at: Option<Millis>,
    /// What has been said of it.
    pub(super) announced: Announced,
    /// Of what it needs from the API server.
    pub(super) backoff: Backoff,
    /// Of its record, where that is refused.
    pub(super) record_backoff: Backoff,
}

/// Something about a workload that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UnderWay {
    /// Something is found out.
    Asking,
    /// An intent is written, to be carried out if the workload is still of the version
    /// that was decided about.
    Recording(Version),
    /// It is brought to its record.
    Rolling,
    /// Its pause is ended.
    Unpausing,
    /// A Job is deleted to be made again. It may take as long as its pods need to end,
    /// and another term can do the rest: nobody waits for it.
    Recreating {
        /// The uid of the one that is deleted.
        former: Name,
        /// Whether it is there again, though the watch may not have shown it yet.
        made: bool,
    },
}

impl UnderWay {
    /// A Job is made again that was of this uid.
    pub(super) fn recreating(former: Name) -> Self {
        Self::Recreating {
            former,
            made: false,
        }
    }
}

impl Desk {
    /// What was decided is there, or not wanted any more.
    pub(super) fn settled(&mut self) {
        (self.changed_at, self.roll) = (None, None);
        self.backoff = Backoff::default();
    }

    /// What is under way.
    pub(super) fn task(&self) -> Option<&UnderWay> {
        self.task.as_ref()
    }

    /// Whether a Job is deleted to be made again, by us.
    pub(super) fn is_recreating(&self) -> bool {
        matches!(self.task, Some(UnderWay::Recreating { .. }))
    }

    /// Whether it must be waited for before the program ends.
    fn is_waited_for(&self) -> bool {
        self.task.is_some() && !self.is_recreating()
    }

    /// A workload of this uid is there: perhaps a Job that was made again.
    fn shown(&mut self, uid: &Name) {
        if let Some(UnderWay::Recreating { former, made: true }) = &self.task
            && former != uid
        {
            self.task = None;
        }
    }
}

/// The desks, by workload.
#[derive(Debug, Default)]
pub(super) struct Desks {
    desks: HashMap<WorkloadRef, Desk>,
    /// At how many something is under way that must be waited for.
    waited_for: usize,
}

impl Desks {
    /// The desk of a workload, if it has one.
    pub(super) fn get(&self, key: &WorkloadRef) -> Option<&Desk> {
        self.desks.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &WorkloadRef) -> Option<&mut Desk> {
        self.desks.get_mut(key)
    }

    /// The desk of a workload.
    pub(super) fn of(&mut self, key: &WorkloadRef) -> &mut Desk {
        self.desks.entry(key.clone()).or_default()
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Desk> {
        self.desks.values()
    }

    /// At how many something is under way that must be waited for.
    pub(super) fn waited_for(&self) -> usize {
        self.waited_for
    }

    /// Something about a workload is under way from now on.
    pub(super) fn begin(&mut self, key: &WorkloadRef, task: UnderWay) {
        self.change(key, |desk| desk.task = Some(task));
    }

    /// Nothing is, but for a Job that is being made again.
    pub(super) fn end(&mut self, key: &WorkloadRef) {
        self.change(key, |desk| {
            if !desk.is_recreating() {
                desk.task = None;
            }
        });
    }

    /// Nothing is at all.
    pub(super) fn end_all_of(&mut self, key: &WorkloadRef) {
        self.change(key, |desk| desk.task = None);
    }

    /// A workload of this uid is there: perhaps a Job that was made again.
    pub(super) fn shown(&mut self, key: &WorkloadRef, uid: &Name) {
        if let Some(desk) = self.desks.get_mut(key) {
            desk.shown(uid);
        }
    }

    /// A Job is there again. Until the watch shows it too, `shown` is the former one,
    /// or none.
    pub(super) fn made_again(&mut self, key: &WorkloadRef, shown: Option<&Name>) {
        self.change(key, |desk| match &mut desk.task {
            Some(UnderWay::Recreating { former, made })
                if shown.is_none_or(|uid| uid == former) =>
            {
                *made = true;
            }
            task => *task = None,
        });
    }

    /// Jobs that were made again and were gone before the watch could show them.
    pub(super) fn forget_remade(&mut self, is_gone: impl Fn(&WorkloadRef) -> bool) {
        let is_made =
            |desk: &Desk| matches!(desk.task, Some(UnderWay::Recreating { made: true, .. }));
        for (key, desk) in &mut self.desks {
            if is_made(desk) && is_gone(key) {
                desk.task = None;
            }
        }
    }

    /// A workload is gone. The answer to what is under way is still waited for.
    pub(super) fn clear(&mut self, key: &WorkloadRef) {
        if let Some(desk) = self.desks.remove(key)
            && let Some(task) = desk.task
        {
            let rest = Desk {
                task: Some(task),
                ..Desk::default()
            };
            self.desks.insert(key.clone(), rest);
        }
    }

    fn change(&mut self, key: &WorkloadRef, change: impl FnOnce(&mut Desk)) {
        let desk = self.desks.entry(key.clone()).or_default();
        let before = desk.is_waited_for();
        change(desk);
        let now = desk.is_waited_for();
        self.waited_for = self.waited_for + usize::from(now) - usize::from(before);
    }
}
