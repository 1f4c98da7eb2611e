//! Asks the API server what `impact` needs to know, once.
//!
//! Goes in: settings. Comes out: what to say. The controller's own index is filled with
//! what is there, and decide is asked; then what is supposed comes in by the same door, and
//! decide is asked again. Nothing is written.
//!
//! Error policy: what may not be read is named, and the rest is said. Sources that nobody
//! asks about and that may not be read are taken to be as they were.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use jiff::Timestamp;
use tidings_core::annotations::RELOAD;
use tidings_core::decide::{Act, Verdict};
use tidings_core::impact::{
    self, Hypothesis, Outcome, Touch, TrainTurn, first_record, judge, opt_in, stand_in, touches,
};
use tidings_core::index::Known;
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::standing::Word;
use tidings_core::state::Entry;

use super::plan::Manifests;
use super::report::{ImpactReport, ImpactRow};
use super::sources::suppose;
use super::turns::{TurnRow, mark_firsts};
use super::{frozen, merge, table};
use crate::api::{ApiClient, Place};
use crate::cli::exit::Printed;
use crate::cli::input::files::{self, Text};
use crate::cli::screen::Screen;
use crate::cli::snapshot::Snapshot;
use crate::settings::{ImpactSettings, Supposed, SupposedSource};

/// Says what applying this would do.
pub async fn ask(api: ApiClient, settings: ImpactSettings) -> Result<Printed> {
    let snapshot = Snapshot::new(api, settings.installation);
    let namespace = snapshot.namespace_or_own(settings.namespace.as_ref());
    let report = match &settings.supposed {
        Supposed::Files(paths) => of_texts(snapshot, &files::read(paths), &namespace).await?,
        Supposed::Sources(sources) => of_sources(snapshot, sources, &namespace).await?,
    };
    table::said(&report, settings.output, &Screen::of_stdout())
}

/// The report on what is in these texts. What names no namespace is in this one.
pub(crate) async fn of_texts(
    snapshot: Snapshot,
    texts: &[Text],
    namespace: &Name,
) -> Result<ImpactReport> {
    let plan = Manifests::of_texts(texts, namespace, &snapshot.installation.kinds);
    report(snapshot, plan).await
}

/// The report on other content of these sources.
pub(crate) async fn of_sources(
    snapshot: Snapshot,
    sources: &[SupposedSource],
    namespace: &Name,
) -> Result<ImpactReport> {
    snapshot.is_covered(namespace)?;
    report(snapshot, Manifests::of_sources(sources, namespace)).await
}

async fn report(mut snapshot: Snapshot, mut plan: Manifests) -> Result<ImpactReport> {
    let supposed = suppose(&mut snapshot, &plan).await?;
    plan.unread.extend(supposed.unread);
    snapshot.refused.extend(supposed.refused);
    let mut asking = Asking {
        snapshot,
        hypothesis: supposed.hypothesis,
        now: BTreeMap::new(),
        unrecorded: BTreeSet::new(),
        refused: Vec::new(),
        turns: BTreeMap::new(),
        turns_unknown: false,
    };
    asking.look(&plan).await?;
    let mut rows = asking.rows().await;
    mark_firsts(&mut rows, &asking.turns);
    let mut report = ImpactReport::new(rows, supposed.rows);
    report.turns_unknown = asking.turns_unknown;
    report.unread = plan.unread;
    report.unknown = asking.snapshot.gaps;
    report.rights = asking.snapshot.rights;
    report.kinds = plan.kinds;
    report.refused = asking.refused;
    report.notes = asking.unrecorded.into_iter().collect();
    Ok(report)
}

struct Asking {
    snapshot: Snapshot,
    hypothesis: Hypothesis,
    /// How each workload that may be touched stands before anything happens.
    now: BTreeMap<WorkloadRef, Now>,
    /// What reading records needs that may not be read.
    unrecorded: BTreeSet<String>,
    /// What the API server would refuse to do to workloads.
    refused: Vec<String>,
    /// Who is rolled in turn with others.
    turns: BTreeMap<WorkloadRef, TrainTurn>,
    /// Whether somebody would be rolled of whom that is not known.
    turns_unknown: bool,
}

/// How a workload stands before anything happens.
#[derive(Default)]
struct Now {
    /// The record with which it meets what is applied.
    base: Option<Entry>,
    /// Whether a roll of it is due.
    due: bool,
}

impl Asking {
    /// What is there, and then happens.
    async fn look(&mut self, plan: &Manifests) -> Result<()> {
        let namespaces: BTreeSet<Name> = self.hypothesis.namespaces().cloned().collect();
        for namespace in &namespaces {
            self.snapshot.workloads_within(namespace).await?;
            self.is_there(namespace, plan).await?;
            self.snapshot.read_records(namespace).await;
        }
        self.settings(plan, &namespaces).await;
        self.edits(plan).await;
        for key in self.candidates() {
            let now = self.now(&key).await;
            self.now.insert(key, now);
        }
        self.hypothesis.happen(&mut self.snapshot.index);
        Ok(())
    }

    /// A namespace that is neither there nor made by what is applied is a mistake.
    async fn is_there(&self, namespace: &Name, plan: &Manifests) -> Result<()> {
        let mut workloads = self.snapshot.index.workloads();
        if workloads.any(|(key, _)| key.namespace == *namespace)
            || plan.namespaces.contains_key(namespace)
        {
            return Ok(());
        }
        self.snapshot.is_there(namespace).await
    }

    /// What namespaces would set that are applied, too, and are there.
    async fn settings(&mut self, plan: &Manifests, namespaces: &BTreeSet<Name>) {
        let applied = plan.namespaces.iter();
        for (name, (manifest, order)) in applied.filter(|(name, _)| namespaces.contains(*name)) {
            let Some(live) = self
                .snapshot
                .manifest(Place::core("namespaces").named(name.clone()))
                .await
            else {
                continue;
            };
            let after = merge::applied(&live, manifest);
            let (annotations, left_out) = self.snapshot.as_namespace(&after);
            let turn = plan.turn_of_namespace(name, *order);
            self.hypothesis
                .namespace(name.clone(), annotations, left_out, turn);
        }
    }

    /// The workloads that are applied, too, and are there.
    async fn edits(&mut self, plan: &Manifests) {
        for (key, (manifest, order)) in &plan.workloads {
            if self.snapshot.index.get(key).is_none() {
                continue;
            }
            let Some(live) = self.snapshot.manifest(Place::workload(key)).await else {
                continue;
            };
            let after = merge::applied(&live, manifest);
            if let Some(why) = frozen::refusal(key.kind, &live, &after) {
                self.refused.push(frozen::told(key, &why));
                continue;
            }
            let workloads = self.snapshot.as_workload(key.kind, &live);
            let after = self.snapshot.as_workload(key.kind, &after);
            if let Some((before, after)) = workloads.zip(after)
                && before != after
            {
                let turn = plan.turn_of_workload(&after, *order);
                self.hypothesis.workload(&before, after, turn);
            }
        }
    }

    fn candidates(&self) -> Vec<WorkloadRef> {
        let all = self.snapshot.index.workloads();
        let may = |key: &WorkloadRef, known: &Known| {
            self.hypothesis.edits(key) || self.hypothesis.may_touch(known)
        };
        let some = all.filter(|(key, known)| may(key, known));
        some.map(|(key, _)| key.clone()).collect()
    }

    async fn now(&mut self, key: &WorkloadRef) -> Now {
        self.hypothesis.begin(&mut self.snapshot.index);
        self.snapshot.read_sources(key).await;
        self.stand_in();
        let record = match self.snapshot.record(key) {
            Ok(record) => record.cloned(),
            Err(needs) => {
                self.unrecorded.insert(needs.to_owned());
                None
            }
        };
        let record = record.and_then(|record| {
            let known = self.snapshot.index.get(key)?;
            let refused = self.snapshot.refused.keys();
            Some(impact::as_recorded(
                record,
                known,
                &self.snapshot.index,
                refused,
            ))
        });
        let nothing = Hypothesis::default();
        let verdict = self
            .snapshot
            .decided(key, record.as_ref(), Some(&nothing))
            .await;
        let Some(verdict) = verdict else {
            return Now::default();
        };
        Now {
            base: impact::base(record.as_ref(), &verdict),
            due: is_due(&verdict),
        }
    }

    /// For all that may not be read, so that the rest can be told.
    fn stand_in(&mut self) {
        let refused: Vec<_> = self.snapshot.refused.keys().cloned().collect();
        for source in refused {
            stand_in(&mut self.snapshot.index, &source);
        }
    }

    async fn rows(&mut self) -> Vec<ImpactRow> {
        let mut rows = Vec::new();
        for (key, now) in std::mem::take(&mut self.now) {
            rows.extend(self.row(&key, &now).await);
        }
        rows
    }

    async fn row(&mut self, key: &WorkloadRef, now: &Now) -> Option<ImpactRow> {
        self.snapshot.read_sources(key).await;
        self.stand_in();
        let (base, verdict) = self.verdict(key, now.base.as_ref()).await;
        let (base, hypothesis) = (base.as_ref(), &self.hypothesis);
        let index = &mut self.snapshot.index;
        let known = index.get(key)?;
        let touched = touches(known, index, base, hypothesis);
        if touched.is_empty() || concerns_nobody(known, &touched) {
            return None;
        }
        let judged = judge(known, &touched, verdict.as_ref(), hypothesis);
        let mut row = ImpactRow::new(known, &touched, &judged);
        let turn = impact::turn(known, &touched, &judged);
        row.train = turn.as_ref().map(TurnRow::new);
        let is_rolled = judged.outcome == Outcome::Rolls;
        self.turns_unknown |= is_rolled && turn.is_none() && self.snapshot.installation.is_guessed;
        self.turns.extend(turn.map(|turn| (key.clone(), turn)));
        row.say_what_ignores(&self.snapshot.installation.vocabulary);
        row.already = now.due && matches!(judged.outcome, Outcome::Rolls | Outcome::Waits);
        // Reloader reads no line of ours.
        let is_read = self.snapshot.installation.vocabulary.reads(RELOAD);
        if judged.outcome == Outcome::Stays && is_read {
            row.opt_in = opt_in(index, key, &touched, hypothesis);
        }
        Some(row)
    }
}

impl Asking {
    /// What is decided on what has happened, with what is on record then.
    async fn verdict(
        &mut self,
        key: &WorkloadRef,
        base: Option<&Entry>,
    ) -> (Option<Entry>, Option<Verdict>) {
        let supposed = Some(&self.hypothesis);
        let verdict = self.snapshot.decided(key, base, supposed).await;
        let now = Timestamp::now().as_second();
        let Some(first) = verdict.as_ref().and_then(|first| first_record(first, now)) else {
            return (base.cloned(), verdict);
        };
        let verdict = self.snapshot.decided(key, Some(&first), supposed).await;
        (Some(first), verdict)
    }
}

/// Whether a roll is due already, whatever holds it.
fn is_due(verdict: &Verdict) -> bool {
    let standing = verdict.standing.as_ref().map(|standing| standing.word);
    matches!(verdict.act, Act::Roll(..) | Act::Resume(_)) || standing == Some(Word::Waiting)
}

/// A run that has ended, or that is left to what made it, and that nobody wants rolled.
fn concerns_nobody(known: &Known, touched: &[Touch]) -> bool {
    let runs = known.workload.runs.as_ref();
    let over = runs.is_some_and(|runs| runs.ended || runs.controller.is_some());
    over && !touched.iter().any(|touch| touch.counts)
}
