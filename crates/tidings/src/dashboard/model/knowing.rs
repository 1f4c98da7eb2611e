//! Keeps knowing how workloads stand.
//!
//! Goes in: what the watches tell. Comes out: the next board. One snapshot is kept: facts
//! come into it by its own door, which says whom they concern, and only those are decided
//! again, as `status` decides. So a change costs what it concerns, whatever else there is.
//!
//! While the API server is away nothing is decided: what was known stays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tidings_core::index::Fact;
use tidings_core::refs::{Name, SourceRef, WorkloadRef};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::board::Board;
use super::feed::{Feed, Heard};
use super::stale::Dirty;
use crate::cli::snapshot::Snapshot;
use crate::cli::status::look;
use crate::cli::status::report::{PausedReport, StatusRow};
use crate::cli::why::report::{Standing, Summary, WorkloadReport};
use crate::dashboard::site::Site;

/// So many are decided before they are shown: each may have to be read for.
const AT_ONCE: usize = 256;
/// The same of what is told.
const HEARD: usize = 4_096;
/// Between two boards; what comes meanwhile is one.
const GAP: Duration = Duration::from_millis(100);
/// First lists that do not end are not waited for any longer.
const FIRST: Duration = Duration::from_secs(30);
/// What could not be read is asked for again after so long.
const AGAIN: Duration = Duration::from_secs(30);

/// What is known, and what is to be looked at again.
pub(super) struct Knowing<'a> {
    tell: &'a watch::Sender<Arc<Board>>,
    dirty: &'a Dirty,
    snapshot: Snapshot,
    feed: Feed,
    began: Instant,
    /// All workloads; none: nothing asks Tidings to care.
    rows: BTreeMap<WorkloadRef, Option<Arc<StatusRow>>>,
    /// Those that may stand otherwise.
    due: BTreeSet<WorkloadRef>,
    touched: BTreeSet<Name>,
    retry: Instant,
    has_records: Option<bool>,
    is_first: bool,
}

impl<'a> Knowing<'a> {
    /// Of nothing so far.
    pub(super) fn new(
        site: &'a Site,
        tell: &'a watch::Sender<Arc<Board>>,
        dirty: &'a Dirty,
    ) -> Self {
        let snapshot = site.snapshot();
        let feed = Feed::start(site, &snapshot);
        Self {
            tell,
            dirty,
            snapshot,
            feed,
            began: Instant::now(),
            rows: BTreeMap::new(),
            due: BTreeSet::new(),
            touched: BTreeSet::new(),
            retry: Instant::now() + AGAIN,
            has_records: None,
            is_first: true,
        }
    }

    /// Goes on until what was told is of another time.
    pub(super) async fn go_on(mut self) {
        loop {
            if self.hear().await.is_none() {
                return;
            }
            if !self.is_ready() {
                self.publish();
                continue;
            }
            self.look().await;
            self.publish();
            if self.due.is_empty() {
                sleep(GAP).await;
            }
        }
    }

    /// Whether there is any use in deciding.
    fn is_ready(&self) -> bool {
        let fares = self.feed.fares();
        let is_listed = fares.is_complete() || self.began.elapsed() >= FIRST;
        is_listed && fares.blind().is_none()
    }

    /// Takes in what is told; waits for it where nothing else is to be done. None: all
    /// begins anew.
    async fn hear(&mut self) -> Option<()> {
        let waits = self.due.is_empty() || !self.is_ready();
        let first = if waits {
            let until = sleep_until(self.wakes());
            tokio::select! {
                told = self.feed.next(&mut self.snapshot) => told,
                () = until => None,
            }
        } else {
            None
        };
        self.wake();
        if let Some(told) = first {
            self.take_in(told).await?;
        }
        for _ in 0..HEARD {
            match self.feed.at_hand(&mut self.snapshot).await {
                Some(Some(told)) => self.take_in(told).await?,
                Some(None) => {}
                None => break,
            }
        }
        Some(())
    }

    async fn take_in(&mut self, told: Heard) -> Option<()> {
        match told {
            Heard::Anew => return None,
            Heard::Fact(fact) => {
                match &fact {
                    Fact::Source(meta) => self.changed(&meta.key),
                    Fact::SourceGone(source, _) => self.changed(source),
                    // Its pods may be others, opted in or not.
                    Fact::Workload(workload, _) => {
                        self.dirty.add([workload.key.namespace.clone()]);
                    }
                    _ => {}
                }
                self.due.extend(self.snapshot.hear(fact));
            }
            Heard::Record(shard) => {
                self.has_records = Some(true);
                let concerned = self.snapshot.read_record_again(&shard).await;
                self.due.extend(concerned);
            }
        }
        Some(())
    }

    /// Pods may have started with it since they were looked at. (At first all workloads are
    /// decided, which has all of them looked at.)
    fn changed(&self, source: &SourceRef) {
        if self.dirty.is_used(source) || !self.is_first && self.is_used(source) {
            self.dirty.add([source.namespace.clone()]);
        }
    }

    fn is_used(&self, source: &SourceRef) -> bool {
        let mut workloads = self.snapshot.index.workloads();
        workloads.any(|(key, known)| {
            let mut uses = known.workload.uses.iter();
            key.namespace == source.namespace && uses.any(|it| it.source(&key.namespace) == *source)
        })
    }

    /// When something is to be looked at that nothing tells of.
    fn wakes(&self) -> Instant {
        let now = Timestamp::now();
        let rows = self.rows.values().flatten();
        let ends = rows
            .filter_map(|row| row.until)
            .filter(|until| *until > now);
        let left = ends.min().map(|until| until.duration_since(now));
        let next = left.map(|left| Instant::now() + left.unsigned_abs());
        next.map_or(self.retry, |next| next.min(self.retry))
    }

    fn wake(&mut self) {
        let now = Timestamp::now();
        let again = self.retry <= Instant::now();
        if again {
            self.retry = Instant::now() + AGAIN;
        }
        let is_due = |row: &StatusRow| {
            row.until.is_some_and(|until| until <= now) || again && !row.unknown.is_empty()
        };
        let rows = self.rows.iter();
        let due = rows.filter(|(_, row)| row.as_deref().is_some_and(is_due));
        self.due.extend(due.map(|(key, _)| key.clone()));
    }

    /// Decides again, of some that are due.
    async fn look(&mut self) {
        let some: Vec<_> = self.due.iter().take(AT_ONCE).cloned().collect();
        if some.is_empty() {
            self.is_first = false;
            return;
        }
        self.snapshot.try_again();
        let is_there = |key: &&WorkloadRef| self.snapshot.index.get(key).is_some();
        let there: Vec<_> = some.iter().filter(is_there).cloned().collect();
        self.snapshot.see(&there).await;
        let followed = look::followed(&self.snapshot, &there);
        let has_records = self.snapshot.read_records_of(&followed).await;
        self.has_records = has_records.or(self.has_records);
        self.snapshot.prepare(&followed).await;
        for key in some {
            self.touched.insert(key.namespace.clone());
            let report = self.report(&key).await;
            self.due.remove(&key);
            match report {
                Some(report) => drop(self.rows.insert(key, row(report))),
                None => drop(self.rows.remove(&key)),
            }
        }
        self.is_first &= !self.due.is_empty();
    }

    /// By its record: which of its pods are stale is looked for at a pace of its own.
    async fn report(&mut self, key: &WorkloadRef) -> Option<WorkloadReport> {
        self.snapshot.index.get(key)?;
        let verdict = self.snapshot.decision(key).await;
        look::report(&self.snapshot, key, verdict.as_ref())
    }

    /// Shows what is known, if it is another than before.
    fn publish(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        self.dirty.add(touched.iter().cloned());
        let before = self.tell.borrow().clone();
        let fares = self.feed.fares();
        let (blind, gaps) = (fares.blind(), fares.gaps());
        let is_read = !self.is_first && before.at.is_none();
        let paused = PausedReport::of(&self.snapshot.index, Timestamp::now());
        let is_other = blind.is_some() != before.blind.is_some()
            || gaps != before.gaps
            || paused != before.paused;
        if touched.is_empty() && !is_other && !is_read {
            return;
        }
        let mut board = (*before).clone();
        board.turn += 1;
        for namespace in touched {
            board.touched.insert(namespace, board.turn);
        }
        board.rows = self.rows.values().flatten().cloned().collect();
        board.summary = summary(&self.rows);
        board.records = self.has_records;
        // Since when it is so stays.
        board.blind = blind.map(|blind| before.blind.clone().unwrap_or(blind));
        board.gaps = gaps;
        board.paused = paused;
        board.at = before.at.or_else(|| (!self.is_first).then(Timestamp::now));
        self.tell.send_replace(Arc::new(board));
    }
}

/// What is shown of it: nothing where nobody asks Tidings to care. Somebody may mean it to
/// be opted in, and has misspelt that.
fn row(report: WorkloadReport) -> Option<Arc<StatusRow>> {
    let is_shown = report.standing.0.is_some() || !report.problems.is_empty();
    is_shown.then(|| Arc::new(StatusRow::new(report)))
}

fn summary(rows: &BTreeMap<WorkloadRef, Option<Arc<StatusRow>>>) -> Summary {
    let mut summary = Summary::default();
    for row in rows.values() {
        let standing = row.as_ref().map_or(Standing(None), |row| row.standing);
        summary.count(standing);
    }
    summary
}
