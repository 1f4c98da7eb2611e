//! Workloads: what is known of each, and the facts that tell of them.

use std::sync::Arc;

use crate::annotations::PAUSED_AT;
use crate::object::{Mark, Strategy, Version, Workload};
use crate::policy::{self, Policy};
use crate::reason::Problem;
use crate::refs::{Name, WorkloadRef};

use super::links::Mentions;
use super::pods::Pods;
use super::room::Crowded;
use super::{Concerned, Index};

/// How a workload came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It was in a list: it may have been edited unseen.
    Listed,
    /// An event showed it made.
    Made,
    /// An event told of it, or it was read by itself: the last reading before was the
    /// one that we have, if we have one. Else a list has left it out, and it may have
    /// been edited unseen.
    Event,
}

/// How a workload, as one that is to be rolled, began: what its pods may have that
/// is not there any more follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// It was there when we first looked.
    Found,
    /// It was made after that, while the watch was broken.
    InGap,
    /// An event showed it made, at this version.
    Made(Version),
    /// An event showed it, or its namespace, opted in, at this version.
    OptedIn(Version),
}

/// A workload, with what follows from it.
#[derive(Clone, Debug)]
pub struct Known {
    /// As it was read last.
    pub workload: Workload,
    /// What its owners asked for.
    pub policy: Arc<Policy>,
    /// What is wrong with what they wrote.
    pub problems: Vec<Problem>,
    /// How it began.
    pub beginning: Beginning,
    /// What its readings tell of its pods.
    pub pods: Pods,
    /// Every edit of its template after this version is seen as an event.
    pub since: Version,
    /// The mark of a roll that somebody took back.
    pub reverted: Option<Box<Mark>>,
    /// The time of a restart that somebody took back.
    pub unrestarted: Option<Name>,
    /// Its namespace had no room for what is written on it: then neither that nor its
    /// policy is known.
    pub crowded: Option<Crowded>,
    pub(super) epoch: u32,
}

impl Index {
    /// A workload was read. It may have to be decided again, and so may who uses its pod
    /// template.
    pub(super) fn apply_workload(&mut self, mut workload: Workload, how: How) -> Concerned {
        let before = self.get(&workload.key);
        // Also of another of its name: all versions of a kind are of one order.
        if how != How::Listed && before.is_some_and(|b| b.workload.version > workload.version) {
            return Concerned::default();
        }
        let lender = before.and_then(|before| before.workload.lender.clone());
        self.note_borrower(lender, &workload);
        self.borrow(&mut workload);
        self.share_names(&mut workload);
        self.share_annotations(&mut workload);
        let key = workload.key.clone();
        let before = self.get(&workload.key);
        // Patterns are costly to compile, and most events are of the status.
        let (policy, problems) = match before.filter(|b| b.says_the_same(&workload)) {
            Some(before) => (before.policy.clone(), before.problems.clone()),
            None => self.policy_of(&workload),
        };
        self.keep_layout(&mut workload, &policy);
        let opted_in = policy.opted_in();
        let again = self.was_complete(&key);
        let known = Known {
            policy,
            problems,
            epoch: self.epoch,
            beginning: Known::beginning(before, &workload, how, opted_in, again),
            ..Known::after(before, workload, how)
        };
        let same = before.is_some_and(|before| before.lends_the_same(&known));
        let lent = self.as_lender(&key).filter(|_| !same);
        let dirty = self.replace(known).then_some(key);
        let mut look: Vec<_> = dirty.iter().filter_map(|key| self.maker_of(key)).collect();
        look.extend(dirty);
        Concerned {
            look,
            lent: lent.into_iter().collect(),
            ..Concerned::default()
        }
    }

    /// A workload is gone. Who used its pod template is concerned, or waits for its run.
    pub(super) fn delete_workload(&mut self, key: &WorkloadRef) -> Concerned {
        let maker = self.maker_of(key);
        self.give_room(key);
        if let Some(known) = self.workloads.remove(key) {
            self.relink(key, &Mentions::of(&known), &Mentions::default());
            if let Some(lender) = &known.workload.lender {
                self.forget_borrower(lender, key);
            }
        }
        Concerned {
            look: maker.into_iter().collect(),
            lent: self.as_lender(key).into_iter().collect(),
            ..Concerned::default()
        }
    }

    /// Reads the policy of a workload again, whose namespace is another than it was, since
    /// this version where that is known.
    pub(super) fn read_policy(&mut self, key: &WorkloadRef, since: Option<Version>) {
        let Some(known) = self.get(key) else {
            return;
        };
        if known.crowded.is_some() {
            self.may_ask(key);
        } else {
            let (policy, problems) = self.policy_of(&known.workload);
            let began = policy.opted_in() && !known.policy.opted_in();
            let began = since.filter(|_| began).map(Beginning::OptedIn);
            let mut known = Known {
                beginning: began.unwrap_or(known.beginning),
                policy,
                problems,
                ..known.clone()
            };
            self.keep_layout(&mut known.workload, &known.policy);
            let unseen = known.policy.goes_pod_by_pod() && known.workload.layout.is_none();
            self.replace(known);
            if unseen {
                self.must_be_seen_anew(key);
            }
        }
    }

    /// Keeps how its pods see what they use only where a change may go pod by pod, or as
    /// long as nobody knows what its namespace sets.
    fn keep_layout(&self, workload: &mut Workload, policy: &Policy) {
        if !policy.goes_pod_by_pod() && self.knows(&workload.key.namespace) {
            workload.layout = None;
        }
    }

    fn replace(&mut self, known: Known) -> bool {
        let mut known = self.make_room(known);
        share(&mut self.last_policy, &mut known.policy);
        let key = known.workload.key.clone();
        let before = self.get(&key);
        let dirty = before.is_none_or(|before| before.differs(&known));
        let links = (!before.is_some_and(|before| before.mentions_the_same(&known))).then(|| {
            let mentioned = before.map(Mentions::of).unwrap_or_default();
            (mentioned, Mentions::of(&known))
        });
        self.workloads.insert(key.clone(), known.into());
        if let Some((before, now)) = links {
            self.relink(&key, &before, &now);
        }
        dirty
    }

    /// Where its namespace is not ours, or not known yet, nothing is asked for: neither
    /// are annotations read nor sources held.
    fn policy_of(&self, workload: &Workload) -> (Arc<Policy>, Vec<Problem>) {
        let Some(defaults) = self.defaults_of(&workload.key.namespace) else {
            return Default::default();
        };
        let (policy, problems) = policy::read(workload, defaults, self.defaults);
        (policy.into(), problems)
    }

    fn share_annotations(&mut self, workload: &mut Workload) {
        let [on_workload, on_template] = &mut self.last_annotations;
        share(on_workload, &mut workload.annotations);
        share(on_template, &mut workload.template_annotations);
    }

    fn share_names(&mut self, workload: &mut Workload) {
        workload.key.namespace = self.names.share(&workload.key.namespace);
        for used in &mut workload.uses {
            self.names.share_use(used);
        }
    }
}

/// One and the same where it is what the last one was: most workloads ask for the same.
fn share<T: PartialEq>(last: &mut Arc<T>, now: &mut Arc<T>) {
    if last == now {
        *now = last.clone();
    } else {
        *last = now.clone();
    }
}

impl Known {
    /// What a reading and the one before it tell together. The policy is still to
    /// be read.
    fn after(before: Option<&Self>, now: Workload, how: How) -> Self {
        // A list that is older than an event was: the whole cluster was put back
        // to an earlier state, and versions count from there.
        let put_back = |b: &&Self| how == How::Listed && b.is_after(&now);
        let same = |b: &&Self| b.workload.uid == now.uid;
        let before = before.filter(same).filter(|b| !put_back(b));
        let pods = match before {
            Some(before) => before.pods.after(&before.workload, &now, how),
            None => Pods::first(&now, how),
        };
        let since = match (before, how) {
            (Some(before), How::Made | How::Event) => before.since,
            _ => now.version,
        };
        Self {
            beginning: Beginning::Found,
            pods,
            since,
            reverted: before.and_then(|before| before.taken_back(&now).map(Box::new)),
            unrestarted: before.and_then(|before| before.unrestarted_by(&now)),
            policy: Arc::default(),
            problems: Vec::new(),
            crowded: None,
            epoch: 0,
            workload: now,
        }
    }

    /// The same where its pods are those of an earlier workload of its name.
    pub(crate) fn with_pods_of_another(&self) -> Self {
        Self {
            pods: self.pods.of_another(),
            beginning: Beginning::Found,
            ..self.clone()
        }
    }

    /// How a workload began that is now, or not, to be rolled. `again`: its kind was
    /// listed before.
    fn beginning(
        before: Option<&Self>,
        now: &Workload,
        how: How,
        opted_in: bool,
        again: bool,
    ) -> Beginning {
        let before = before.filter(|b| b.workload.uid == now.uid);
        match (before, how) {
            (None, How::Made) => Beginning::Made(now.version),
            (None, How::Listed) if again => Beginning::InGap,
            (None, How::Listed | How::Event) => Beginning::Found,
            (Some(before), How::Made | How::Event) if opted_in && !before.policy.opted_in() => {
                Beginning::OptedIn(now.version)
            }
            (Some(before), How::Listed) if opted_in && !before.policy.opted_in() => {
                Beginning::Found
            }
            (Some(before), _) => before.beginning,
        }
    }

    /// The same template with an older mark of the installation, or none, than we
    /// have seen on it.
    fn taken_back(&self, now: &Workload) -> Option<Mark> {
        let newest = self.reverted.as_deref().or(self.workload.mark.as_ref())?;
        let older = |mark: &Mark| mark.instance == newest.instance && mark.n < newest.n;
        let same = self.workload.template == now.template;
        (same && now.mark.as_ref().is_none_or(older)).then(|| newest.clone())
    }

    /// The same template without the time of a restart that we have seen on it.
    fn unrestarted_by(&self, now: &Workload) -> Option<Name> {
        let was = &self.workload;
        match &was.restarted {
            _ if was.bare != now.bare => None,
            _ if was.restarted == now.restarted => self.unrestarted.clone(),
            restarted => restarted.clone(),
        }
    }

    /// Whether this is a later reading of the same workload.
    fn is_after(&self, other: &Workload) -> bool {
        self.workload.uid == other.uid && self.workload.version > other.version
    }

    fn says_the_same(&self, other: &Workload) -> bool {
        self.workload.annotations == other.annotations
            && self.workload.template_annotations == other.template_annotations
    }

    fn mentions_the_same(&self, now: &Self) -> bool {
        self.workload.uses == now.workload.uses && self.policy == now.policy
    }

    /// Whether another decision may follow, or how it stands be another. The version
    /// alone changes nothing, and how many pods have come only where pods wait.
    fn differs(&self, now: &Self) -> bool {
        let (a, b) = (&self.workload, &now.workload);
        let waits = |w: &Workload| w.strategy != Strategy::Rolling;
        a.uid != b.uid
            || a.whole != b.whole
            || a.unread != b.unread
            || self.crowded != now.crowded
            || a.mark != b.mark
            || a.going != b.going
            || a.paused != b.paused
            || a.annotations.get(PAUSED_AT) != b.annotations.get(PAUSED_AT)
            || a.runs != b.runs
            || a.restart_at != b.restart_at
            || a.layout.is_some() != b.layout.is_some()
            || a.lent.as_ref().map(|l| l.opted_in) != b.lent.as_ref().map(|l| l.opted_in)
            || a.strategy != b.strategy
            || (waits(b) && a.progress != b.progress)
            || (now.policy.opted_in() && a.progress.phase() != b.progress.phase())
            || (now.policy.at_once.is_some() && a.progress.is_ready() != b.progress.is_ready())
            || self.policy != now.policy
            || self.problems != now.problems
    }
}
