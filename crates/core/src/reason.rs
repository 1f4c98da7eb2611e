//! Why Tidings did what it did: one closed list of words.
//!
//! A reason is an Event's reason, a metric's label, a field of the log and the
//! first word of `tidings why`. The reference page follows from the table.

use std::collections::BTreeMap;

use crate::bounds;

/// One row for each reason.
#[derive(Debug)]
pub struct ReasonRow {
    /// The reason.
    pub reason: Reason,
    /// Its word.
    pub word: &'static str,
    /// Whether it asks for a person's attention.
    pub warning: bool,
    /// Whether people want to see it on the workload, as an Event.
    pub event: bool,
    /// Whether nothing follows from it, so that the log has it at debug level only.
    pub quiet: bool,
    /// What it means and what to do.
    pub doc: &'static str,
}

macro_rules! reasons {
    ($($reason:ident $kind:ident $doc:literal)*) => {
        /// Why a decision was what it was, or what is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $doc] $reason,)*
        }

        /// All reasons, in their order.
        pub static REASONS: &[ReasonRow] = &[$(ReasonRow {
            reason: Reason::$reason,
            word: stringify!($reason),
            warning: matches!(Loudness::$kind, Loudness::Warning),
            event: matches!(Loudness::$kind, Loudness::Warning | Loudness::Shown),
            quiet: matches!(Loudness::$kind, Loudness::Quiet),
            doc: $doc,
        }),*];
    };
}

/// How loud a reason is.
enum Loudness {
    /// In the log at debug level.
    Quiet,
    /// In the log.
    Normal,
    /// And as an Event.
    Shown,
    /// As a Warning.
    Warning,
}

reasons! {
    UpToDate Quiet "What the workload uses is what it was last brought to."
    InDoubt Quiet "What the workload uses is what is recorded, but some of its pods may have started with something else: it is stale until they are replaced. Roll it once."
    NotOptedIn Quiet "No annotation asks for rolls; see `tidings.dev/reload`."
    UsesNothing Quiet "Opted in, but its containers use no ConfigMap or Secret, and none is named."
    NotRead Quiet "A source that it uses is being read; the decision follows."
    Unreadable Warning "Its spec has not the shape of its kind, so what it uses is not known and nothing is rolled; what was recorded of it stays. Compare `kubectl explain`, or the kind's row in --custom-workloads."
    Adopted Normal "Seen for the first time: what it uses now is recorded, nothing is rolled."
    MaybeStale Warning "Adopted, but a source was written after its pods' template: they may run with older content. Roll it once, or start the controller with --catch-up."
    Missed Warning "Taken over from Reloader, which recorded on the template that it last rolled it for other content: it missed a change. Roll it once, or start the controller with --catch-up."
    StateLost Warning "Its record had vanished, though it was rolled before: adopted again. Changes since the loss may be unseen; what was written after its pods' template is named. Roll it once, or start the controller with --catch-up."
    Absorbed Normal "Its pods were made after the change and have read it: recorded, not rolled."
    Recorded Normal "A source or key is new to it and needs no roll: recorded."
    Withdrawn Normal "A roll that had not reached the workload, such as one that was refused, is not needed any more: what its pods have is there again. Taken back."
    Changed Normal "A key that it uses has other content: rolled."
    Created Normal "An optional or named source appeared, and reload-on-create is on: rolled."
    Deleted Normal "A source or key was deleted, and reload-on-delete is on: rolled."
    CaughtUp Normal "A source was newer than its pods at first sight, and --catch-up is on: rolled."
    UnderWay Quiet "A change is being brought to its pods, one after another, by the method that the text names; each has to prove that it has it."
    BudgetHolds Shown "A PodDisruptionBudget does not let the next pod be evicted now; what it says is in the text. It is tried again until the budget lets it. One that never does (`maxUnavailable: 0`, as many `minAvailable` as there are pods, two budgets for one pod) has to be changed, or another method be listed."
    Resumed Normal "A roll that is written down and has not reached the workload is carried out: after an interruption, or while it is refused (an Event on the workload says why) or waits for the end of a Job."
    Notified Warning "What it uses has changed, and its methods allow nothing but to tell so: bring it yourself, or list a method that does (`tidings.dev/method`)."
    Rejected Warning "The check of a pod's agent refuses the new content, so it is not brought by any other means: the processes go on with what they have. New pods start with what is there; mend the source."
    Died Warning "A container that uses the new content ended by itself when it had come, so it is brought to no other pod. New pods start with what is there; mend the source."
    NotTaken Warning "No method that is listed and enabled has brought the change, so its pods are stale; why is in the text. List another one (`tidings.dev/method`), or roll it once."
    Paused Shown "The workload is paused, or its `tidings.dev/pause` holds: the roll waits until it is resumed, or until the time that is named there."
    NeedsApproval Shown "Somebody has to approve it (`tidings.dev/approval`): the roll waits under the number that is told. Annotate the workload with `tidings.dev/approve` and that number; what changes meanwhile is another number."
    Approved Normal "Somebody approved what waits: what it brings is read once more, and rolled when the other gates let it pass."
    Declined Shown "Somebody rejected it (`tidings.dev/reject`): the pods keep what they have until there is other content."
    WindowClosed Shown "It is outside of the time in which rolls may begin (`tidings.dev/window`): the roll waits, and brings what is there when it opens. `tidings.dev/approve` with the number and `!` lets it pass at once."
    TrainWaits Normal "Only so many workloads are brought to a source's content at once (`--at-once`, `tidings.dev/at-once`), and it is not its turn: the first goes alone, those of a lower `tidings.dev/wave` go before it. The text says for which it waits."
    TrainStopped Warning "A workload that went before it is not well with the same content, so no further one is brought to it. Mend the source: its next content begins anew. Or let the train go on, once: annotate the workload with `tidings.dev/resume` and the number that is told."
    NotWaiting Warning "What `tidings.dev/approve`, `tidings.dev/reject` or `tidings.dev/resume` names does not wait, so nothing follows from it. The text says which number does."
    PausePeriod Normal "Rolled and paused, as its pause-period says; it is resumed when that is over."
    PauseOver Normal "Its pause-period is over: resumed."
    TooSoon Normal "Its last roll is too short a time ago (`tidings.dev/min-interval`, --min-interval): the roll waits, and brings what is there then."
    Fused Warning "A source does not come to rest, or the workload was restarted five times in ten minutes or 24 times in an hour: the next roll waits, and brings what is there then. Find out who keeps changing the source."
    Running Normal "A run of the CronJob is active and its concurrencyPolicy forbids another: the next one waits until it has ended."
    Ended Normal "The Job has ended, so it is not run again: recorded."
    Suspended Normal "It is suspended, and reads what is there when it is resumed: recorded."
    LeftToOwner Normal "It is left to what it belongs to: a Job to the CronJob or to whatever else controls it, a Rollout to the Deployment whose template it uses."
    BeingDeleted Normal "It is being deleted, so nothing is rolled, and no run begun."
    BeingRemade Warning "The Job is deleted to be made again, and is still there: its pods have not ended, or somebody's finalizer keeps it. It is made again when it is gone; nothing else waits for it. Or so many Jobs of its namespace are on that way that it waits for one of them. Let the pods end, or take the finalizer away."
    Missing Warning "A source or key that its containers cannot start without is not there: new pods would hang, so the roll waits until it is."
    WaitsForDelete Shown "Rolled, but its update strategy is OnDelete: pods take the change when somebody deletes them."
    PartlyRolled Shown "Rolled, but its partition keeps the pods below it as they are."
    OwnedByOther Warning "Its template carries another installation's mark, so this one keeps its hands off. Uninstall the other one, or say which is right with `tidings take-over`."
    Reverted Warning "Somebody put the pod template back before the last roll had reached all pods: those that it had not are stale. Not tried again before the next change, which is brought as `kubectl rollout restart` does it."
    BadAnnotation Warning "An annotation cannot be read; the rest of the policy holds."
    UnknownAnnotation Warning "There is no such annotation."
    ConflictingAnnotations Warning "`tidings.dev/reload` and Reloader's annotations are on one workload: the first one counts."
    NothingMatches Warning "A name or pattern of an annotation finds no source in the namespace."
    LimitExceeded Warning "It asks for more than one workload, or all of one namespace, may have followed: what is over the limit, which the text names, is not. Name fewer sources, or write shorter and simpler patterns; `auto` follows what the pods use, whatever its name."
    NotWatched Warning "The source is outside what this installation watches, so its changes are not seen."
    MadeAnew Warning "An immutable source was made anew under its name with other content: nodes may still give pods the old content, for a kubelet does not look again at what is immutable. Give it a new name, and use that in the pod template."
    Failed Warning "The API server refused a read or a write; it is tried again, more and more slowly."
    NoEffect Warning "The API server accepted the roll without changing the workload: an admission webhook or an older API takes it away."
}

/// With these what is due is told, and nothing more is done for it before there is
/// something else.
pub const LEFT_DUE: [Reason; 5] = [
    Reason::Notified,
    Reason::NotTaken,
    Reason::Rejected,
    Reason::Died,
    Reason::Declined,
];

/// With these a method goes pod by pod.
pub const ON_THEIR_WAY: [Reason; 2] = [Reason::UnderWay, Reason::BudgetHolds];

impl Reason {
    /// Its row.
    pub fn row(self) -> &'static ReasonRow {
        &REASONS[self as usize]
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        self.row().word
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// Something that a person should mend. It is shown on the object itself, in
/// `tidings why` and in a metric; it stops nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Problem {
    /// What kind of problem.
    pub reason: Reason,
    /// What is wrong, and where.
    pub text: String,
}

/// The same problems, of each kind a few: each is a line of the log and an Event. How
/// many more there are is told beside them.
pub fn few(problems: Vec<Problem>) -> Vec<Problem> {
    let mut told: BTreeMap<Reason, usize> = BTreeMap::new();
    let mut few: Vec<_> = problems
        .into_iter()
        .filter(|problem| {
            let told = told.entry(problem.reason).or_default();
            *told += 1;
            *told <= bounds::TOLD
        })
        .collect();
    let more = told.into_iter().filter(|(_, of)| *of > bounds::TOLD);
    few.extend(more.map(|(reason, of)| Problem {
        reason,
        text: format!("{} more of this kind", of - bounds::TOLD),
    }));
    few
}
