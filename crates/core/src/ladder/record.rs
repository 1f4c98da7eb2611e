//! What is recorded of a ladder: the rungs that are left, and how it ended.
//!
//! Goes in: the intent as it is stored, and what the ladder wants or how it ended. Comes
//! out: the record to write.

use tidings_shared::plain::plain;

use crate::method::Methods;
use crate::object::{Seconds, Workload};
use crate::state::{Climb, Entry, Refusal, Refused, Restarts, cause_of, tell_method};

use super::messages::Finish;

/// Characters of what a budget says that are kept.
const HELD_KEPT: usize = 200;

/// The intent, where these rungs are left of it: what is to be stored before the first of
/// them is taken. A method that restarts counts for the fuse from now on.
pub fn climbed(entry: &Entry, rungs: Methods, why: &str, now: Seconds) -> Entry {
    let method = rungs.first();
    let restarts = method.is_some_and(|method| method.row().restarts);
    let climb = Climb {
        rungs,
        tried: tried(entry) | entry.method().into(),
        why: why.into(),
        held: "".into(),
        begun: true,
        due: entry
            .climb
            .as_deref()
            .map(|climb| climb.due.clone())
            .unwrap_or_default(),
        passed: entry.climb.as_deref().and_then(|climb| climb.passed),
        refused: None,
    };
    let rolls = method.map(|method| entry.rolls.by(entry.n, method));
    let (word, before) = (method.map_or("no method", |m| m.word()), entry.method());
    let because = tell_method(cause_of(&entry.because), word, &format!("{before}: {why}"));
    Entry {
        climb: Some(climb.into()),
        because,
        restarts: counted(entry, restarts, now),
        rolls: rolls.unwrap_or_else(|| entry.rolls.clone()),
        ..entry.clone()
    }
}

/// The intent, with what a budget says that holds it; with an empty text, where none does.
pub fn held(entry: &Entry, said: &str) -> Entry {
    let climb = entry.climb.as_deref().cloned().unwrap_or_default();
    let held = plain(said).chars().take(HELD_KEPT).collect::<String>();
    Entry {
        climb: Some(
            Climb {
                held: held.into(),
                ..climb
            }
            .into(),
        ),
        ..entry.clone()
    }
}

/// The record when a ladder has ended so, with the workload as it was listed last; none
/// where the end is another's to carry out.
pub fn ended(entry: &Entry, end: &Finish, workload: &Workload, now: Seconds) -> Option<Entry> {
    let refused = |by, pod, text| {
        let mut climb = entry.climb.as_deref().cloned().unwrap_or_default();
        climb.tried = tried(entry) | entry.method().into();
        climb.held = "".into();
        let refused = Refused::new(by, &entry.seen, pod, text);
        climb.refused = Some(match by {
            Refusal::NotTaken => refused,
            Refusal::Rejected | Refusal::Died => refused.of_due(&climb.due, &entry.seen),
        });
        let restarts = match by {
            // A check that refuses has restarted nothing: what mends it is not held.
            Refusal::Rejected => entry.restarts.without(Some(now)).without(entry.at),
            Refusal::Died | Refusal::NotTaken => entry.restarts.clone(),
        };
        Some(Entry {
            climb: Some(climb.into()),
            rolls: entry.rolls.told(entry.n, now),
            restarts,
            ..entry.clone()
        })
    };
    match end {
        Finish::InStep { restarted, .. } => Some(in_step(entry, *restarted, workload, now)),
        Finish::Rejected { pod, text } => refused(Refusal::Rejected, pod, text),
        Finish::Died { pod } => refused(Refusal::Died, pod, ""),
        Finish::NotTaken { why } => refused(Refusal::NotTaken, "", why),
        Finish::To(_) | Finish::Overtaken | Finish::Stands => None,
    }
}

/// The intent, where agents have said whether taking it restarts their programs. What was
/// not known to is counted now; what was, when it was written down.
pub fn heard_of_restarts(entry: &Entry, restarting: bool, now: Seconds) -> Entry {
    let restarts = match (entry.restarting, restarting) {
        (false, true) => entry.restarts.with(now),
        (true, false) => entry.restarts.without(entry.at),
        _ => entry.restarts.clone(),
    };
    Entry {
        restarts,
        restarting,
        ..entry.clone()
    }
}

/// All pods have it, and their template stays as it was. Where that is edited meanwhile
/// its new pods tell.
fn in_step(entry: &Entry, restarted: bool, workload: &Workload, now: Seconds) -> Entry {
    let same = entry.template == workload.template;
    let mut older = entry.older.clone();
    older.retain(|older| !same || older.whole != workload.whole);
    Entry {
        done: true,
        whole: same.then_some(workload.whole),
        older,
        doubt: false,
        rolls: entry.rolls.told(entry.n, now),
        because: String::new(),
        restart: None,
        climb: None,
        ..heard_of_restarts(entry, restarted, now)
    }
}

/// The methods that did not end well.
fn tried(entry: &Entry) -> Methods {
    let climb = entry.climb.as_deref();
    climb.map(|climb| climb.tried).unwrap_or_default()
}

fn counted(entry: &Entry, restarts: bool, now: Seconds) -> Restarts {
    if restarts {
        entry.restarts.with(now)
    } else {
        entry.restarts.clone()
    }
}
