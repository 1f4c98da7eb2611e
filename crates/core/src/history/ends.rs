//! How rolls and other changes of the pod template ended, where the record leaves it open:
//! what the workload's own status tells of the newest, and what was gone back behind.

use super::{Manner, PastFacts, PastStep, RESTART_AHEAD, RollEnd, RolloutEnd, TemplateRevision};
use crate::kinds::Revision as Keeps;
use crate::object::{Strategy, Workload, seconds};
use crate::state::{Back, Entry};

/// How the steps ended that the record leaves open.
pub(super) fn end(facts: &PastFacts<'_>, steps: &mut [PastStep]) {
    let newest = steps.iter().filter_map(|step| step.revision).max();
    let last = steps.iter().filter_map(|step| step.roll).max();
    for step in steps.iter_mut().filter(|step| step.outcome.is_none()) {
        let is_last = step.roll.is_some() && step.roll == last;
        step.outcome = recorded(facts.record, step, facts.workload);
        if step.outcome.is_none() && is_present(facts.workload, step, newest, is_last) {
            let ended = facts.ended.filter(|ended| is_of(facts, ended, step));
            let ended = ended.map(|ended| ended.at);
            step.outcome = if is_known_with(facts.workload, step) {
                present(facts.workload, ended.is_some())
            } else {
                // It began after the workload was read.
                Some(RollEnd::Rolling)
            };
            step.waits_for = waits_for(facts.workload).filter(|_| step.is(RollEnd::Waiting));
            let is_over = step.is(RollEnd::Done) || step.is(RollEnd::Failed);
            let ended = ended.filter(|_| is_over);
            step.took = ended.zip(step.at).map(|(ended, at)| ended - at);
        }
    }
    take_back(facts, steps);
}

/// Whether it is the end of this one: a status may tell of the rollout before for a while,
/// which may have ended in the second in which this one began.
fn is_of(facts: &PastFacts<'_>, ended: &RolloutEnd, step: &PastStep) -> bool {
    let is_its = |revision: &&TemplateRevision| Some(revision.number) == step.revision;
    let revision = facts.revisions.iter().find(is_its);
    let of = ended.of.as_ref().zip(revision);
    Some(ended.at) >= step.at && of.is_none_or(|(of, revision)| *of == revision.name)
}

/// Notes what was gone back behind after it was through.
fn take_back(facts: &PastFacts<'_>, steps: &mut [PastStep]) {
    let back = facts.record.filter(|entry| entry.back.is_some());
    let back = back.map(|entry| entry.n);
    let mut next = None;
    for step in steps.iter_mut().rev() {
        let is_behind = next == Some(Manner::Undo) || (step.roll.is_some() && step.roll == back);
        step.undone =
            step.roll.is_some() && step.how.is_by_template() && step.is(RollEnd::Done) && is_behind;
        next = Some(step.how);
    }
}

/// What the record says of the last roll beside its list of them.
fn recorded(record: Option<&Entry>, step: &PastStep, workload: &Workload) -> Option<RollEnd> {
    let entry = record.filter(|entry| step.roll == Some(entry.n))?;
    if !step.how.is_by_template() {
        return Some(without_rollout(entry));
    }
    match entry.back {
        Some(Back::Partly) => return Some(RollEnd::Reverted),
        Some(Back::Whole) => return Some(RollEnd::Done),
        None => {}
    }
    let reached = entry.done || step.revision.is_some() || is_on_template(workload, entry);
    (!reached).then_some(RollEnd::Pending)
}

/// How the last roll stands where it is no rollout: the record alone tells.
fn without_rollout(entry: &Entry) -> RollEnd {
    match () {
        () if entry.done => RollEnd::Done,
        () if entry.refused().is_some() => RollEnd::Failed,
        () if entry.method().is_pod_wise() => RollEnd::Rolling,
        () => RollEnd::Pending,
    }
}

fn is_on_template(workload: &Workload, entry: &Entry) -> bool {
    let marked = workload.mark.as_ref().is_some_and(|mark| mark.n == entry.n);
    let restart = entry.restart.as_ref();
    marked || restart.is_some_and(|restart| workload.restarted.as_ref() == Some(&restart.at))
}

/// Whether the pod template is still as this left it: then the workload's status tells.
fn is_present(workload: &Workload, step: &PastStep, newest: Option<u64>, is_last: bool) -> bool {
    match newest {
        Some(newest) => step.revision == Some(newest),
        None => is_last && (workload.key.kind.ends() || is_marked(workload, step)),
    }
}

/// Whether the workload was read when it had this already: its revisions are read later.
fn is_known_with(workload: &Workload, step: &PastStep) -> bool {
    match (step.roll.and(step.revision), &step.restarted) {
        (None, _) => true,
        (Some(_), Some(at)) => workload.restarted.as_ref() == Some(at),
        (Some(_), None) => is_marked(workload, step),
    }
}

fn is_marked(workload: &Workload, step: &PastStep) -> bool {
    let mark = workload.mark.as_ref().map(|mark| mark.n);
    let by_restart = || {
        let at = workload.restarted.as_deref().and_then(seconds);
        at.zip(step.at)
            .is_some_and(|(at, decided)| (0..=RESTART_AHEAD).contains(&(at - decided)))
    };
    (mark.is_some() && mark == step.roll) || by_restart()
}

/// How the rollout of the present template is.
fn present(workload: &Workload, ended: bool) -> Option<RollEnd> {
    let (kind, progress) = (workload.key.kind, workload.progress);
    // Of other kinds a status may lack it. A pod that is unready after a rollout has ended
    // begins none.
    let tells_ready = kind.revision != Keeps::Untold && !ended;
    let unready = tells_ready && progress.ready < progress.desired;
    match () {
        () if kind.ends() => Some(RollEnd::Done),
        () if progress.failed => Some(RollEnd::Failed),
        () if !progress.told => None,
        () if !progress.alone || progress.updated < progress.desired => {
            Some(waits_for(workload).map_or(RollEnd::Rolling, |_| RollEnd::Waiting))
        }
        () if unready => Some(RollEnd::Rolling),
        () => Some(RollEnd::Done),
    }
}

/// What keeps a rollout from replacing more pods, and how far it is.
fn waits_for(workload: &Workload) -> Option<String> {
    let progress = workload.progress;
    let (updated, desired) = (progress.updated, progress.desired);
    let what = match workload.strategy {
        _ if workload.paused => "it is paused".to_owned(),
        Strategy::OnDelete => "OnDelete".to_owned(),
        Strategy::Partition(from) if updated >= workload.replaced_by_itself() => {
            format!("partition {from}")
        }
        Strategy::Partition(_) | Strategy::Rolling => return None,
    };
    Some(format!("{what}, {updated} of {desired} pods"))
}
