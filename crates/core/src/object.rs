//! Kubernetes objects, cut down to what decisions rest on.
//!
//! Goes in: JSON of the API server. Comes out: [`Workload`] and [`SourceMeta`].
//! The only error is JSON that is not such an object, and it never quotes its
//! input, which may hold secrets.

use std::sync::Arc;

use serde::Deserialize;

use crate::annotations::Annotations;
use crate::digest::Digest;
use crate::reason::Problem;
use crate::refs::{Name, SourceRef, WorkloadRef};
use crate::reloader::traces::Trace;
use crate::uses::{Layout, Use};

mod meta;
mod pod;
mod status;
mod unavailable;
mod workload;

pub use meta::Meta;
pub use pod::{Group, Pod, PodContainer, read_pod};
pub use status::{PodStatus, read_status};
pub use workload::{read_workload, template_with};

pub use crate::time::Seconds;

/// The object could not be read. It says no more, for its text may be secret.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable;

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the API server sent an object of an unexpected shape")
    }
}

impl std::error::Error for Unreadable {}

/// A resourceVersion. They grow with every write to one etcd and can be compared
/// (KEP-5504).
pub type Version = u64;

/// Two timestamps of Kubernetes are only told apart if they differ by more than
/// the second to which they are cut, on both sides.
pub const CLEARLY_LATER: Seconds = 2;

/// What the template of a workload carries of an installation's last roll:
/// `tidings.dev/config: "<instance>/<n>"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The installation.
    pub instance: Name,
    /// Its number of the roll.
    pub n: u64,
}

impl Mark {
    /// No installation rolls as often as this. Who writes such a number by hand
    /// must not leave it without a next one.
    pub(crate) const END: u64 = 1 << 53;

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (instance, n) = text.rsplit_once('/')?;
        let n = n.parse().ok().filter(|n| *n < Self::END)?;
        Some(Self {
            instance: instance.into(),
            n,
        })
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.instance, self.n)
    }
}

/// How the workload brings a new template to its pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// At once, some at a time.
    #[default]
    Rolling,
    /// Only when somebody deletes a pod.
    OnDelete,
    /// Only the pods from this ordinal on.
    Partition(u32),
}

/// How far the pods have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and all combinations happen"
)]
pub struct Progress {
    /// Pods made from the current template.
    pub updated: u32,
    /// Pods that there should be.
    pub desired: u32,
    /// Whether the spec says how many, and not, for a DaemonSet, the status, which comes
    /// after the pods.
    pub asked: bool,
    /// Whether no pod is made from another template.
    pub alone: bool,
    /// All pods, where the kind's controller has seen this generation.
    pub pods: Option<u32>,
    /// Pods that are ready, as it said last.
    pub ready: u32,
    /// Whether the kind's controller tells how far it is, for this generation.
    pub told: bool,
    /// Whether it says that the rollout has missed its deadline.
    pub failed: bool,
}

impl Workload {
    /// How many pods a roll of it replaces by itself: those that its strategy keeps wait
    /// for somebody.
    pub fn replaced_by_itself(&self) -> u32 {
        match self.strategy {
            Strategy::Rolling => self.progress.desired,
            Strategy::Partition(from) => self.progress.desired.saturating_sub(from),
            Strategy::OnDelete => 0,
        }
    }

    /// Whether nothing is wrong with its pods, as far as its status tells. What becomes of one
    /// that is not well says nothing of a content.
    pub fn is_well(&self) -> bool {
        let progress = self.progress;
        let ends = self.key.kind.ends();
        ends || !progress.told || (progress.is_ready() && !progress.failed)
    }

    /// Whether no container is about to start, as far as its status tells.
    pub fn is_calm(&self) -> bool {
        let run = self.runs.as_ref().is_some_and(|runs| runs.steady);
        run || self.progress.is_calm()
    }
}

impl Progress {
    /// Pods made from other templates, as far as that is told.
    pub fn older(self) -> u32 {
        self.pods
            .map_or(0, |pods| pods.saturating_sub(self.updated))
    }

    /// Whether all pods that there should be are there and ready, and no others: no
    /// container is about to start.
    pub fn is_calm(self) -> bool {
        self.told && self.pods == Some(self.desired) && self.ready >= self.desired
    }

    /// Whether its status is of before the last change of the spec, and all pods were ready
    /// then: a change that makes none leaves it at that.
    pub fn lags_calmly(self) -> bool {
        self.told && self.pods.is_none() && self.ready >= self.desired
    }

    /// Whether as many pods are ready as there should be, whatever their template: as
    /// long as that is so none of them is made anew.
    pub fn is_full(self) -> bool {
        self.told && self.ready == self.desired
    }

    /// Whether as many pods are ready as there should be, or more, as was said last.
    pub fn is_ready(self) -> bool {
        self.ready >= self.desired
    }

    /// Where the rollout is, apart from numbers.
    pub(crate) fn phase(self) -> (bool, bool, bool) {
        (self.told, self.alone, self.failed)
    }
}

/// A workload, as far as decisions rest on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and all combinations happen"
)]
pub struct Workload {
    /// Which.
    pub key: WorkloadRef,
    /// Told apart from an earlier one of the same name.
    pub uid: Name,
    /// Of this reading.
    pub version: Version,
    /// Counts changes of the spec.
    pub generation: i64,
    /// When it was created.
    pub created: Seconds,
    /// Its annotations and its template's, those that are read only.
    pub annotations: Arc<Annotations>,
    /// See `annotations`.
    pub template_annotations: Arc<Annotations>,
    /// What its containers use.
    pub uses: Box<[Use]>,
    /// Whether they use more sources than are followed.
    pub uses_more: bool,
    /// Whether its spec has another shape than its kind's, so that what it uses is
    /// not known. A custom resource may.
    pub unread: bool,
    /// Whether that is because it is larger than what is looked into.
    pub too_large: bool,
    /// Digest of the pod template without what Tidings writes there.
    pub template: Digest,
    /// Digest of all of it: pods with another one are made from another template.
    pub whole: Digest,
    /// Digest of the pod template without the time of a restart either.
    pub bare: Digest,
    /// What Tidings wrote there.
    pub mark: Option<Mark>,
    /// The time of the last restart that is written there, by `kubectl rollout
    /// restart` or by us.
    pub restarted: Option<Name>,
    /// Whether something else made it and cares for it, such as an operator.
    pub controlled: bool,
    /// Whether it is being deleted.
    pub going: bool,
    /// Whether it is being deleted, and its pods are to stay.
    pub orphans: bool,
    /// `spec.paused`
    pub paused: bool,
    /// How new pods come.
    pub strategy: Strategy,
    /// How many of its pods may be down at once: its `maxUnavailable`, one at least.
    pub unavailable: u32,
    /// How far they are.
    pub progress: Progress,
    /// Of a kind whose runs end: how they stand.
    pub runs: Option<Box<Runs>>,
    /// `spec.restartAt` of an Argo Rollout.
    pub restart_at: Option<Seconds>,
    /// The workload whose pod template it uses: `spec.workloadRef` of an Argo
    /// Rollout.
    pub lender: Option<Box<WorkloadRef>>,
    /// What is known of that one.
    pub lent: Option<Box<Lent>>,
    /// What Reloader recorded on its template.
    pub reloaded: Box<[Trace]>,
    /// How its pods see what they use, where a change may go pod by pod.
    pub layout: Option<Box<Layout>>,
}

/// A pod template that another workload uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lent {
    /// The uid of the workload that has it.
    pub uid: Name,
    /// Its version.
    pub version: Version,
    /// Its generation.
    pub generation: i64,
    /// Whether it is rolled for itself.
    pub opted_in: bool,
    /// Whether what its template uses is not held, for want of room.
    pub crowded: bool,
}

impl Workload {
    /// Whether Reloader rolled it last, as far as its template tells.
    pub fn is_reloaders(&self) -> bool {
        self.mark.is_none() && !self.reloaded.is_empty()
    }
}

/// How the runs of a CronJob, or the one of a Job, stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and all combinations happen"
)]
pub struct Runs {
    /// Of a Job: whether all pods that it has are ready.
    pub steady: bool,
    /// `spec.suspend`
    pub suspended: bool,
    /// What a CronJob does while a run is active.
    pub overlap: Overlap,
    /// A CronJob's Jobs that are not finished: name and uid.
    pub active: Vec<(Name, Name)>,
    /// Whether a Job has completed or failed.
    pub ended: bool,
    /// Whether a Job has begun, and has had no pod yet.
    pub none: bool,
    /// The uid of what made the Job, such as a CronJob.
    pub controller: Option<Name>,
    /// What keeps a Job there while it is being deleted.
    pub held_by: Option<Box<str>>,
}

/// `spec.concurrencyPolicy` of a CronJob.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Overlap {
    /// Another one starts beside it.
    #[default]
    Allow,
    /// No other starts.
    Forbid,
    /// Another one takes its place.
    Replace,
}

/// A source's metadata, as far as decisions rest on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceMeta {
    /// Which.
    pub key: SourceRef,
    /// Of this reading.
    pub version: Version,
    /// What its owners wrote on it; `None` where this does not tell.
    pub marks: Option<SourceFlags>,
    /// The newest time at which a field manager wrote its data.
    pub written: Option<Seconds>,
    /// Whether its data was written again after it was created.
    pub rewritten: bool,
    /// The field manager that wrote its data last.
    pub by: Option<Name>,
    /// Whether that manager writes nothing else of it, so that the time is that of a write
    /// of data, and not of a label.
    pub only_data: bool,
    /// What is wrong with its annotations. Hardly ever there, so it is small.
    pub problem: Option<Box<Problem>>,
}

/// What the owners of a source wrote on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceFlags {
    /// Never a reason to roll.
    pub ignore: bool,
    /// No window holds it, but for a namespace's that does not let it pass.
    pub urgent: bool,
    /// For workloads that search (`reloader.stakater.com/search`).
    pub matched: bool,
}

impl SourceFlags {
    /// Of a source whose marks have not been read: any that lets it count.
    pub const ANY: Self = Self {
        ignore: false,
        urgent: false,
        matched: true,
    };
}

pub(crate) fn seconds(text: &str) -> Option<Seconds> {
    text.parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_second)
}
