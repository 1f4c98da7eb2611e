//! What a ladder begins with: worked out of the intent and of what is known, with no more
//! needed than whoever comes after a crash has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidings_core::index::{Known, Presence};
use tidings_core::ladder::{
    Agent, Conditions, FileContent, OwnRollout, Plan, Refuser, Wanted, agents, changes_of,
    restarted,
};
use tidings_core::object::{Strategy, Workload};
use tidings_core::refs::{Name, SourceKind, SourceRef, WorkloadRef};
use tidings_core::state::{Entry, Refusal, SeenKeys, SeenSource};
use tidings_core::uses::Layout;

use super::Roll;
use super::ground::Ground;
use crate::fetch::Roster;

/// Of each key what it must hold.
type KeysWanted = BTreeMap<Name, Wanted>;

/// What a ladder begins with.
pub(super) struct Scene {
    pub(super) plan: Plan,
    pub(super) conditions: Conditions,
    pub(super) roster: Roster,
    /// The agents in each of its pods; or why they cannot be asked.
    pub(super) agents: Result<Arc<[Agent]>, String>,
    /// The containers that use what is to be brought; or why they cannot be started again
    /// in place.
    pub(super) restarted: Result<Arc<[Name]>, String>,
}

/// Why a ladder cannot begin.
pub(super) enum NotYet {
    /// These are to be read before.
    Unread(Vec<SourceRef>),
    /// How its pods see what they use is not known.
    Unseen,
}

impl Scene {
    /// Of the intent of a roll.
    pub(super) fn of(
        ground: &Ground,
        known: &Known,
        entry: &Entry,
        roll: &Roll,
    ) -> Result<Self, NotYet> {
        let (workload, policy) = (&known.workload, &known.policy);
        let layout = workload.layout.as_deref().ok_or(NotYet::Unseen)?;
        let content = content(ground, &workload.key, entry)?;
        let agents = agents(layout, policy.own.agent.as_deref(), &content);
        let lender = workload.lender.as_deref();
        let climb = entry.climb.as_deref().cloned().unwrap_or_default();
        let due = changes_of(&climb.due, &workload.key.namespace);
        let selects = lender.unwrap_or(&workload.key).clone();
        let refused = entry.refused().filter(|of| of.by != Refusal::NotTaken);
        Ok(Self {
            plan: Plan {
                number: entry.number(),
                // What was refused is asked about by no further method.
                rungs: match refused {
                    Some(_) => entry.method().into(),
                    None => climb.rungs,
                },
                since: entry.at,
                timeout: policy.method_timeout(),
                refuser: refused.map(|refused| Refuser {
                    pod: (&*refused.pod).into(),
                    died: refused.by == Refusal::Died,
                }),
            },
            conditions: conditions(ground, known, false),
            roster: Roster::new(workload.uid.clone(), selects, users(layout, roll)),
            agents: agents.map(Arc::from),
            restarted: restarted(layout, policy.own.agent.as_deref(), &due).map(Arc::from),
        })
    }
}

/// What holds around a ladder.
pub(super) fn conditions(ground: &Ground, known: &Known, held: bool) -> Conditions {
    Conditions {
        allowed: known.policy.methods & ground.rules.enabled,
        held,
        rollout: own_rollout(&known.workload),
        unavailable: known.workload.unavailable as usize,
        desired: known.workload.progress.desired as usize,
    }
}

/// Pods that are left as they are on purpose, or of which nothing is told, are not waited
/// for.
fn own_rollout(workload: &Workload) -> OwnRollout {
    let progress = workload.progress;
    if workload.strategy != Strategy::Rolling || !progress.told {
        OwnRollout::Through
    } else if progress.failed {
        OwnRollout::Hangs
    } else if progress.alone {
        OwnRollout::Through
    } else {
        OwnRollout::Running
    }
}

/// The containers that use what changed.
fn users(layout: &Layout, roll: &Roll) -> Arc<[Name]> {
    let changed = roll.changed();
    let is_changed =
        |kind, name: &Name| changed.iter().any(|of| of.kind == kind && of.name == *name);
    let containers = layout.containers.iter().filter(|seeing| !seeing.ends);
    let using = containers.filter(|seeing| {
        seeing
            .uses
            .iter()
            .any(|used| is_changed(used.kind, &used.name))
    });
    using.map(|seeing| seeing.name.clone()).collect()
}

/// What the files of the sources that count must hold.
fn content(ground: &Ground, key: &WorkloadRef, entry: &Entry) -> Result<FileContent, NotYet> {
    let (mut content, mut unread) = (FileContent::new(), Vec::new());
    for (seen, of) in entry.seen.iter() {
        if seen.kind == SourceKind::SecretProviderClass {
            continue;
        }
        let source = seen.source(&key.namespace);
        match keys(ground, &source, of) {
            Some(keys) => drop(content.insert((seen.kind, seen.name.clone()), keys)),
            None => unread.push(source),
        }
    }
    if !unread.is_empty() {
        return Err(NotYet::Unread(unread));
    }
    for (seen, had) in entry.had() {
        let source = seen.source(&key.namespace);
        let gone = matches!(ground.index.view(&source).presence, Presence::Absent);
        let of = (seen.kind, seen.name.clone());
        // Of one that does not count any more nothing is known but that it is gone.
        if gone {
            content.entry(of.clone()).or_default();
        }
        if let Some(keys) = content.get_mut(&of) {
            add_gone(keys, had);
        }
    }
    Ok(content)
}

/// What pods may have and is not there: it has to be gone.
fn add_gone(keys: &mut KeysWanted, had: BTreeSet<&Name>) {
    for key in had {
        keys.entry(key.clone()).or_insert(Wanted::Absent);
    }
}

/// By the record; and of keys that are there and do not count, whatever they hold. None
/// where it has one digest for all keys, and these are not known.
fn keys(ground: &Ground, source: &SourceRef, seen: &SeenSource) -> Option<KeysWanted> {
    let held = ground.index.view(source);
    let there = held.current().map(|content| content.keys.iter());
    match &seen.keys {
        SeenKeys::Together(_) if matches!(held.presence, Presence::Absent) => {
            Some(KeysWanted::new())
        }
        SeenKeys::Together(_) => {
            let keys = there?.map(|(key, digest)| (key.clone(), Wanted::Value(*digest)));
            Some(keys.collect())
        }
        SeenKeys::Apart(counted) => {
            let uncounted = there.into_iter().flatten();
            let mut keys: KeysWanted = uncounted
                .map(|(key, _)| (key.clone(), Wanted::Any))
                .collect();
            keys.extend(counted.iter().map(|(key, digest)| {
                let wanted = digest.0.map_or(Wanted::Absent, Wanted::Value);
                (key.clone(), wanted)
            }));
            Some(keys)
        }
    }
}
