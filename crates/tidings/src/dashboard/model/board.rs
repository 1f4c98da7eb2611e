//! What is known of all workloads now, as the pages are drawn from. Values only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use tidings_core::object::Group;
use tidings_core::refs::Name;
use tidings_core::standing::Word;

use crate::cli::stale::report::StaleRow;
use crate::cli::status::report::{PausedReport, StatusRow};
use crate::cli::why::leader::LeaderReport;
use crate::cli::why::report::Summary;

/// What is known now.
#[derive(Clone, Debug, Default)]
pub(in crate::dashboard) struct Board {
    /// The workloads that are opted in, in order of namespace, kind and name.
    pub(in crate::dashboard) rows: Vec<Arc<StatusRow>>,
    /// How many stand how.
    pub(in crate::dashboard) summary: Summary,
    /// Who leads.
    pub(in crate::dashboard) leader: LeaderReport,
    /// Whether there are records of any workload; none where that may not be asked.
    pub(in crate::dashboard) records: Option<bool>,
    /// Whether somebody wants nothing at all to be rolled.
    pub(in crate::dashboard) paused: Option<PausedReport>,
    /// What cannot be known for want of a right, or otherwise.
    pub(in crate::dashboard) gaps: Vec<String>,
    /// Since when the API server is not heard, and why.
    pub(in crate::dashboard) blind: Option<Blindness>,
    /// The context of the kubeconfig; none: that of a pod.
    pub(in crate::dashboard) of: Option<Arc<str>>,
    /// The one namespace that is shown; none: all.
    pub(in crate::dashboard) only: Option<Name>,
    /// Since when nothing was answered to who asks all the time, and why.
    pub(in crate::dashboard) silent: Option<Blindness>,
    /// Since when this is known; none: it is still being read.
    pub(in crate::dashboard) at: Option<Timestamp>,
    /// Which pods are stale.
    pub(in crate::dashboard) stale: Arc<StaleBoard>,
    /// Grows with each change.
    pub(in crate::dashboard) turn: u64,
    /// The turn at which something of a namespace was another, the last time.
    pub(in crate::dashboard) touched: BTreeMap<Name, u64>,
}

/// Which pods are stale, as far as they were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::dashboard) struct StaleBoard {
    /// Whether they were looked at at all.
    pub(in crate::dashboard) is_read: bool,
    /// In order of namespace, workload and source.
    pub(in crate::dashboard) rows: Vec<StaleRow>,
    /// All pods, by the workload that they belong to.
    pub(in crate::dashboard) pods: BTreeMap<Group, Vec<PodRow>>,
    /// What could not be read, or why nothing could.
    pub(in crate::dashboard) lacking: Vec<String>,
}

/// One pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dashboard) struct PodRow {
    /// Its name.
    pub(in crate::dashboard) name: Name,
    /// When it was made.
    pub(in crate::dashboard) created: Option<Timestamp>,
    /// When the first of its containers that run was started last.
    pub(in crate::dashboard) started: Option<Timestamp>,
}

impl StaleBoard {
    /// The rows of a workload.
    pub(in crate::dashboard) fn of_workload(
        &self,
        (namespace, kind, name): (&str, &str, &str),
    ) -> impl Iterator<Item = &StaleRow> {
        let from = self.rows.partition_point(|row| {
            (&*row.namespace, &*row.kind, &*row.name) < (namespace, kind, name)
        });
        self.rows[from..].iter().take_while(move |row| {
            (&*row.namespace, &*row.kind, &*row.name) == (namespace, kind, name)
        })
    }
}

/// What is not known while the API server is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dashboard) struct Blindness {
    /// Since when.
    pub(in crate::dashboard) since: Timestamp,
    /// Why.
    pub(in crate::dashboard) why: String,
}

impl Board {
    /// Whether the API server does not answer, however that was found out.
    pub(in crate::dashboard) fn is_away(&self) -> bool {
        self.blind.is_some() || self.silent.is_some()
    }

    /// That the API server is silent, where nothing else tells that it is away.
    pub(in crate::dashboard) fn silence(&self) -> Option<&Blindness> {
        self.silent.as_ref().filter(|_| self.blind.is_none())
    }

    /// Whether this namespace is looked at.
    pub(in crate::dashboard) fn shows(&self, namespace: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == namespace)
    }

    /// The namespaces that have workloads.
    pub(in crate::dashboard) fn namespaces(&self) -> BTreeSet<Name> {
        let names = self.rows.iter().map(|row| row.namespace.clone());
        names.collect()
    }
}

/// What a person should look at first comes first.
pub(in crate::dashboard) fn urgency(word: Option<Word>) -> usize {
    const ORDER: [Word; 6] = [
        Word::Failed,
        Word::Stale,
        Word::Unknown,
        Word::Waiting,
        Word::Rolling,
        Word::InStep,
    ];
    let at = word.and_then(|word| ORDER.iter().position(|it| *it == word));
    at.unwrap_or(ORDER.len())
}

/// How many stand so.
pub(in crate::dashboard) fn count(summary: &Summary, word: Word) -> usize {
    match word {
        Word::InStep => summary.in_step,
        Word::Stale => summary.stale,
        Word::Waiting => summary.waiting,
        Word::Rolling => summary.rolling,
        Word::Failed => summary.failed,
        Word::Unknown => summary.unknown,
    }
}
