//! Keeps knowing which pods are stale.
//!
//! Goes in: the namespaces in which something happened. Comes out: what `stale` says of
//! them. Pods are many and not watched, so a namespace is looked at again when something
//! of its workloads or sources is another, and at a pace that leaves the API server alone
//! ([`pause`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tidings_core::index::Index;
use tidings_core::object::Group;
use tidings_core::refs::{Name, SourceRef};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::board::{Board, PodRow, StaleBoard};
use crate::cli::stale::ask;
use crate::cli::stale::report::StaleReport;
use crate::cli::status::follow::pause;
use crate::dashboard::site::Site;
use crate::settings::Target;

/// Between two looks there is at least this pause.
const PAUSE: Duration = Duration::from_secs(1);
/// Where nothing happens all is looked at again after so long: a bare pod tells nothing.
const WHOLE: Duration = Duration::from_mins(5);
/// Above so many namespaces all are looked at together.
const FEW: usize = 16;

/// The namespaces in which something happened since they were looked at.
#[derive(Default)]
pub(super) struct Dirty {
    names: Mutex<BTreeSet<Name>>,
    told: Notify,
    /// What pods used when they were looked at: other sources may change all the time.
    used: Mutex<BTreeSet<SourceRef>>,
}

impl Dirty {
    /// Something happened in these.
    pub(super) fn add(&self, names: impl IntoIterator<Item = Name>) {
        let mut known = lock(&self.names);
        let before = known.len();
        known.extend(names);
        if known.len() > before {
            self.told.notify_one();
        }
    }

    /// Whether pods used this when they were looked at.
    pub(super) fn is_used(&self, source: &SourceRef) -> bool {
        lock(&self.used).contains(source)
    }

    fn take(&self) -> BTreeSet<Name> {
        std::mem::take(&mut lock(&self.names))
    }

    /// Pods use these, in one namespace or in all.
    fn use_these(&self, index: &Index, within: Option<&Name>) {
        let mut used = lock(&self.used);
        used.retain(|source| within.is_some_and(|name| source.namespace != *name));
        for pod in index.pods() {
            let uses = pod.containers.iter().flat_map(|container| &*container.uses);
            used.extend(uses.map(|it| it.source(&pod.group.namespace)));
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks again and again.
pub(super) async fn keep(site: &Site, tell: &watch::Sender<Arc<Board>>, dirty: &Dirty) {
    let mut next = Instant::now();
    loop {
        let names = dirty.take();
        let began = Instant::now();
        let is_whole = next <= began;
        let is_known = if is_whole || names.len() > FEW || site.namespace().is_some() {
            whole(site, tell, dirty).await
        } else {
            some(site, tell, dirty, &names).await
        };
        sleep(pause(PAUSE, began.elapsed())).await;
        next = match (is_known, is_whole) {
            (false, _) => Instant::now(),
            (true, true) => began + WHOLE,
            (true, false) => next,
        };
        // What happens all the time keeps nobody from looking at all of it.
        let _ = timeout_at(next, dirty.told.notified()).await;
    }
}

/// Whether all could be looked at.
async fn whole(site: &Site, tell: &watch::Sender<Arc<Board>>, dirty: &Dirty) -> bool {
    let mut snapshot = site.snapshot();
    let found = ask::report(&mut snapshot, &site.target, "").await;
    let is_known = found.is_ok();
    if is_known {
        dirty.use_these(&snapshot.index, None);
    }
    change(tell, |stale| match found {
        Ok(report) => *stale = StaleBoard::of(report, &snapshot.index),
        Err(error) => stale.lacking = vec![format!("{error:#}")],
    });
    is_known
}

/// The rest stays as it was.
async fn some(
    site: &Site,
    tell: &watch::Sender<Arc<Board>>,
    dirty: &Dirty,
    names: &BTreeSet<Name>,
) -> bool {
    for name in names {
        let target = Target::Within(Some(name.clone()));
        let mut snapshot = site.snapshot();
        let Ok(report) = ask::report(&mut snapshot, &target, "").await else {
            return false;
        };
        dirty.use_these(&snapshot.index, Some(name));
        let found = StaleBoard::of(report, &snapshot.index);
        change(tell, |stale| stale.replace(name, found));
    }
    true
}

fn change(tell: &watch::Sender<Arc<Board>>, change: impl FnOnce(&mut StaleBoard)) {
    tell.send_if_modified(|board| {
        let mut stale = (*board.stale).clone();
        change(&mut stale);
        if stale == *board.stale {
            return false;
        }
        let mut next = (**board).clone();
        next.turn += 1;
        for row in stale.rows.iter().chain(&board.stale.rows) {
            next.touched.insert(row.namespace.clone(), next.turn);
        }
        next.stale = Arc::new(stale);
        *board = Arc::new(next);
        true
    });
}

impl StaleBoard {
    fn of(report: StaleReport, index: &Index) -> Self {
        Self {
            is_read: true,
            rows: report.stale,
            pods: pods(index),
            lacking: report.unknown,
        }
    }

    /// Those of one namespace are these now.
    fn replace(&mut self, name: &Name, found: Self) {
        self.rows.retain(|row| row.namespace != *name);
        self.rows.extend(found.rows);
        self.rows.sort_by_cached_key(|row| {
            let (kind, name) = (row.kind.clone(), row.name.clone());
            (row.namespace.clone(), kind, name, row.source.clone())
        });
        self.pods.retain(|group, _| group.namespace != *name);
        self.pods.extend(found.pods);
    }
}

fn pods(index: &Index) -> BTreeMap<Group, Vec<PodRow>> {
    let mut pods: BTreeMap<Group, Vec<PodRow>> = BTreeMap::new();
    for pod in index.pods() {
        let running = pod.containers.iter().filter(|container| !container.ended);
        let started = running.map(|container| container.started).min();
        let time = |at| Timestamp::from_second(at).ok();
        let row = PodRow {
            name: pod.name.clone(),
            created: time(pod.created),
            started: started.and_then(time),
        };
        pods.entry(pod.group.clone()).or_default().push(row);
    }
    pods
}
