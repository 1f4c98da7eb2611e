//! Room: how much of what is written on workloads is held of each namespace.
//!
//! Those that are opted in and the others have room each, so that a thousand Jobs that
//! ask for nothing take none from a Deployment that does. What there is no room for is
//! not held, and is read again when there is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::annotations::Annotations;
use crate::bounds;
use crate::object::Workload;
use crate::refs::{Name, WorkloadRef};

use super::{Index, Known};

/// What the workloads of one namespace take, in bytes.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Those that are opted in.
    asking: usize,
    /// The others.
    others: usize,
    /// Those there was no room for, and what they would take.
    crowded: BTreeMap<WorkloadRef, Size>,
    /// Those of which it was not kept how their pods see what they use, and is needed now.
    unseen: BTreeSet<WorkloadRef>,
}

/// What one takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    asks: bool,
    bytes: usize,
}

impl Held {
    fn fits(&self, size: Size) -> bool {
        let (held, all) = if size.asks {
            (self.asking, bounds::HELD_OF_ASKING)
        } else {
            (self.others, bounds::HELD_OF_OTHERS)
        };
        size.bytes == 0 || held + size.bytes <= all
    }

    fn held(&mut self, asks: bool) -> &mut usize {
        if asks {
            &mut self.asking
        } else {
            &mut self.others
        }
    }

    /// The first of those there is room for now, or of which more is needed.
    fn returns(&self) -> Option<&WorkloadRef> {
        let mut crowded = self.crowded.iter();
        let fitting = crowded.find(|(_, size)| self.fits(**size));
        fitting.map(|(key, _)| key).or_else(|| self.unseen.first())
    }

    fn is_empty(&self) -> bool {
        self.asking == 0 && self.others == 0 && self.crowded.is_empty() && self.unseen.is_empty()
    }
}

impl Index {
    /// Holds what is written on a workload only if its namespace has room for it.
    pub(super) fn make_room(&mut self, known: Known) -> Known {
        let key = known.workload.key.clone();
        self.give_room(&key);
        let size = known.size();
        let room = self.rooms.entry(key.namespace.clone()).or_default();
        if room.fits(size) {
            *room.held(size.asks) += size.bytes;
            return known;
        }
        room.crowded.insert(key, size);
        known.without_room()
    }

    /// A workload, as it is known, takes no room any more.
    pub(super) fn give_room(&mut self, key: &WorkloadRef) {
        let size = self.get(key).map(Known::size).unwrap_or_default();
        let Some(room) = self.rooms.get_mut(&key.namespace) else {
            return;
        };
        room.unseen.remove(key);
        let was_crowded = room.crowded.remove(key).is_some();
        if !was_crowded {
            let held = room.held(size.asks);
            *held = held.saturating_sub(size.bytes);
        }
        if !room.crowded.is_empty() {
            self.roomy.insert(key.namespace.clone());
        }
        if room.is_empty() {
            self.rooms.remove(&key.namespace);
        }
    }

    /// Nobody knows whether one that is crowded is opted in now.
    pub(super) fn may_ask(&mut self, key: &WorkloadRef) {
        let room = self.rooms.get_mut(&key.namespace);
        if let Some(size) = room.and_then(|room| room.crowded.get_mut(key)) {
            size.asks = true;
            self.roomy.insert(key.namespace.clone());
        }
        if let Some(known) = self.workloads.get_mut(key) {
            known.crowded = Some(Crowded::Asking);
        }
    }

    /// One has to be read again to know how its pods see what they use.
    pub(super) fn must_be_seen_anew(&mut self, key: &WorkloadRef) {
        let room = self.rooms.entry(key.namespace.clone()).or_default();
        room.unseen.insert(key.clone());
        self.roomy.insert(key.namespace.clone());
    }

    /// Workloads that are to be read again since there is room for them, or more of them
    /// is needed: one of each namespace at a time, and the next when this one [has been](Self::looked_for_room).
    pub fn take_returning(&mut self) -> Vec<WorkloadRef> {
        let roomy = std::mem::take(&mut self.roomy);
        let rooms = roomy.iter().filter_map(|name| self.rooms.get(name));
        rooms.filter_map(Held::returns).cloned().collect()
    }

    /// One was read again, or could not be.
    pub fn looked_for_room(&mut self, namespace: &Name) {
        self.roomy.insert(namespace.clone());
    }
}

/// What there was no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowded {
    /// It is opted in, or may be.
    Asking,
    /// It is not.
    Other,
}

impl Known {
    /// How many bytes it takes in memory, about, of what can be left out. With it goes
    /// what is held of the sources that it uses, of its record and of whoever waits.
    fn size(&self) -> Size {
        let written = |annotations: &Annotations| {
            let texts = annotations.iter();
            texts
                .map(|(key, value)| key.len() + value.len())
                .sum::<usize>()
        };
        let Workload {
            annotations,
            template_annotations,
            uses,
            layout,
            ..
        } = &self.workload;
        let asks = self.may_be_opted_in();
        let beside = if asks { bounds::BESIDE_A_USE } else { 0 };
        let used = uses.iter().map(|used| used.size() + beside).sum::<usize>();
        let written = written(annotations) + written(template_annotations);
        let seen = layout.as_ref().map_or(0, |layout| layout.size());
        Size {
            asks,
            bytes: written + used + seen + self.policy.size(),
        }
    }

    fn may_be_opted_in(&self) -> bool {
        self.policy.opted_in() || self.policy.too_long.is_some()
    }

    /// The same without what it takes so many bytes for.
    fn without_room(self) -> Self {
        let crowded = if self.may_be_opted_in() {
            Crowded::Asking
        } else {
            Crowded::Other
        };
        Self {
            crowded: Some(crowded),
            policy: Arc::default(),
            problems: Vec::new(),
            workload: Workload {
                annotations: Arc::default(),
                template_annotations: Arc::default(),
                uses: Box::default(),
                uses_more: false,
                layout: None,
                ..self.workload
            },
            ..self
        }
    }
}
