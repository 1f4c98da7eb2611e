//! What is to be said about one workload.
//!
//! Goes in: what the index knows, the record, the verdict, and what could not be
//! read ([`Facts`]). Comes out: a [`WorkloadReport`]. Pure.

use std::collections::{BTreeMap, BTreeSet};

use tidings_core::compare::{KeyRow, KeyState, rows};
use tidings_core::decide::Verdict;
use tidings_core::few::Few;
use tidings_core::index::{Content, Index, Known};
use tidings_core::ladder::{is_begun, waited_for};
use tidings_core::needs::{Demand, Need, needs_of};
use tidings_core::object::{Group, Pod, Progress};
use tidings_core::reason::{ON_THEIR_WAY, Problem, Reason};
use tidings_core::refs::SourceRef;
use tidings_core::stale::{StaleUse, with_pods};
use tidings_core::standing::{self as core, Word};
use tidings_core::state::{Entry, Seen, SeenSource};
use tidings_core::time::show;
use tidings_core::uses::{Use, Via};

use super::report::{
    LastRoll, OF_THE_RECORD, OlderReport, Pods, ProblemReport, Standing, UseReport, WorkloadReport,
};
use super::waits::WaitsReport;

/// What is known of one workload.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The workload.
    pub known: &'a Known,
    /// What it may use.
    pub index: &'a Index,
    /// Its record, or why it cannot be read, such as `get on secret x in y`.
    pub record: Result<Option<&'a Entry>, &'a str>,
    /// The decision; none where it could not be made.
    pub verdict: Option<&'a Verdict>,
    /// Sources that could not be read, and why, as above.
    pub refused: &'a BTreeMap<SourceRef, String>,
    /// What some of its pods have that is older than what is recorded of all.
    pub older: &'a [StaleUse],
    /// Which one it is of those who wait for their turn, and how many these are.
    pub place: Option<(usize, usize)>,
}

impl WorkloadReport {
    /// The report on one workload.
    pub fn new(facts: &Facts<'_>) -> Self {
        let key = &facts.known.workload.key;
        let entry = facts.record.ok().flatten();
        let needs = needs_of(facts.known, facts.index, entry).needs;
        let unknown = unknown(facts, &needs);
        let told = facts.verdict.filter(|verdict| holds(facts, verdict));
        let reason = told.map(|verdict| verdict.reason);
        let problems = facts.verdict.map(problems).unwrap_or_default();
        let decided = standing(facts.verdict, &unknown);
        let standing = decided.as_ref();
        let standing = standing.map(|standing| with_pods(standing, facts.older));
        // What was decided is why it stands so, unless its pods tell otherwise.
        let row = if standing == decided {
            reason
        } else {
            Some(Reason::InDoubt)
        }
        .map(Reason::row);
        let due = standing.as_ref().is_some_and(|standing| standing.due);
        let pods = standing.as_ref().and_then(|standing| standing.pods);
        let until = standing.as_ref().and_then(|standing| standing.until);
        Self {
            namespace: key.namespace.clone(),
            kind: key.kind.word,
            name: key.name.clone(),
            standing: Standing(standing.map(|standing| standing.word)),
            due,
            pods: pods
                .or_else(|| acted_on(facts))
                .map(|(updated, desired)| Pods { updated, desired }),
            in_step: in_step(facts),
            until: until.and_then(|until| jiff::Timestamp::from_second(until).ok()),
            roll: entry.map(|entry| entry.n),
            number: entry.map(|entry| entry.number().to_string()),
            last: entry.and_then(last_roll),
            pending: entry.is_some_and(|entry| is_pending(entry, facts)),
            by_restart: entry.is_some_and(|entry| entry.restart.is_some()),
            reason: row.map(|row| row.word),
            meaning: row.map(|row| row.doc),
            text: told.map(|v| text(facts, v)).unwrap_or_default(),
            waits: waits(entry, told, facts.place),
            uses: uses(facts, &needs),
            older: facts.older.iter().map(OlderReport::new).collect(),
            problems,
            unknown,
        }
    }
}

/// Whether a decision is the one that the controller would make. Without its
/// record a workload looks as if it were seen for the first time.
fn holds(facts: &Facts<'_>, verdict: &Verdict) -> bool {
    facts.record.is_ok() || verdict.reason == Reason::NotOptedIn
}

/// Where the kind's controller tells of pods that stay. Those of another template have what
/// is newest, too, where it is in step; where there are none, not all may be there yet.
fn in_step(facts: &Facts<'_>) -> Option<Pods> {
    let workload = &facts.known.workload;
    let Progress {
        told,
        alone,
        updated,
        desired,
        ..
    } = workload.progress;
    let there = if alone { updated.min(desired) } else { desired };
    (told && !workload.key.kind.ends()).then_some(Pods {
        updated: there,
        desired,
    })
}

fn last_roll(entry: &Entry) -> Option<LastRoll> {
    let roll = entry.rolls.iter().next()?;
    Some(LastRoll {
        at: jiff::Timestamp::from_second(roll.at).ok(),
        method: roll.method.word(),
        because: roll.cause.to_owned(),
    })
}

/// What people may have a word about, with the number that it has on record.
fn waits(
    entry: Option<&Entry>,
    verdict: Option<&Verdict>,
    place: Option<(usize, usize)>,
) -> Option<WaitsReport> {
    let pending = verdict?.waits.as_deref()?;
    let number = entry?.number_of(pending).to_string();
    Some(WaitsReport::new(pending, number, place))
}

/// What was decided, and which pods a method that goes pod by pod waits for.
fn text(facts: &Facts<'_>, verdict: &Verdict) -> String {
    let out = out_of_reach(facts, verdict);
    format!("{out}{}", budget(facts).unwrap_or_default())
}

/// That no further pod is restarted while as many are down as may be.
fn budget(facts: &Facts<'_>) -> Option<String> {
    let (pods, entry) = (pods_under_way(facts)?, facts.record.ok().flatten()?);
    let most = facts.known.workload.unavailable;
    let down = waited_for(entry, most, &pods);
    let (first, others) = down.split_first()?;
    let others = match others.len() {
        0 => String::new(),
        1 => " and one more".to_owned(),
        more => format!(" and {more} more"),
    };
    let since = show(first.unready_since?);
    Some(format!(
        "; the next pod of {} waits for {}{others}, not Ready since {since}: no more than {most} may be at once",
        entry.number(),
        first.name
    ))
}

/// What was decided, and which pods it waits for that do not run.
fn out_of_reach(facts: &Facts<'_>, verdict: &Verdict) -> String {
    let runs = |pod: &Pod| pod.containers.iter().any(|container| !container.ended);
    let out = pods_under_way(facts).into_iter().flatten();
    let out: Vec<_> = out.filter(|pod| !runs(pod)).map(|pod| &*pod.name).collect();
    match out[..] {
        [] => verdict.text.clone(),
        [one] => format!("{}; waits for {one}, which does not run", verdict.text),
        [one, ..] => format!(
            "{}; waits for {one} and {} more pods, which do not run",
            verdict.text,
            out.len() - 1
        ),
    }
}

/// Its pods that are known, where they are gone through one by one.
fn pods_under_way<'a>(facts: &Facts<'a>) -> Option<Vec<&'a Pod>> {
    let verdict = facts.verdict?;
    let group = Group::of(&facts.known.workload.key);
    let pods = facts.index.pods().filter(|pod| pod.group == group);
    ON_THEIR_WAY
        .contains(&verdict.reason)
        .then(|| pods.collect())
}

/// How many of its pods were acted on for what is under way, or made since where they are
/// evicted, of all that are known.
fn acted_on(facts: &Facts<'_>) -> Option<(u32, u32)> {
    let pods = pods_under_way(facts).filter(|pods| !pods.is_empty())?;
    let entry = facts.record.ok().flatten()?;
    let begun = pods.iter().filter(|pod| is_begun(entry, pod));
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Some((count(begun.count()), count(pods.len())))
}

/// What is not known of it outweighs what is.
fn standing(verdict: Option<&Verdict>, unknown: &[String]) -> Option<core::Standing> {
    let not_known = core::Standing {
        word: Word::Unknown,
        pods: None,
        until: None,
        due: false,
    };
    match verdict {
        Some(Verdict { standing: None, .. }) => None,
        Some(Verdict { standing, .. }) if unknown.is_empty() => standing.clone(),
        _ => Some(not_known),
    }
}

fn problems(verdict: &Verdict) -> Vec<ProblemReport> {
    let report = |problem: &Problem| ProblemReport {
        reason: problem.reason.word(),
        text: problem.text.clone(),
    };
    verdict.problems.iter().map(report).collect()
}

fn unknown(facts: &Facts<'_>, needs: &[Need]) -> Vec<String> {
    let record = facts.record.err();
    let record = record.map(|needs| format!("{OF_THE_RECORD}{needs}"));
    let refused = needs.iter().filter_map(|need| {
        let why = facts.refused.get(&need.source)?;
        Some(format!("{}: needs {why}", need.source))
    });
    record.into_iter().chain(refused).collect()
}

fn is_immutable(index: &Index, source: &SourceRef) -> bool {
    let content = index.view(source).current();
    content.is_some_and(Content::is_immutable)
}

fn is_ignored(index: &Index, source: &SourceRef) -> bool {
    let present = index.view(source).present();
    present.is_some_and(|present| present.marks.ignore)
}

/// What counts, then what does not.
fn uses(facts: &Facts<'_>, needs: &[Need]) -> Vec<UseReport> {
    let counting = needs.iter().map(|need| counting(facts, need));
    counting.chain(not_counting(facts, needs)).collect()
}

fn is_pending(entry: &Entry, facts: &Facts<'_>) -> bool {
    entry.unreached(facts.known.workload.whole).is_some()
}

/// What the pods have: a roll that is not there yet has brought them nothing.
fn of_pods<'a>(entry: &'a Entry, facts: &Facts<'_>) -> &'a Few<Seen, SeenSource> {
    let before = entry.unreached(facts.known.workload.whole);
    before.map_or(&entry.seen, |before| &before.seen)
}

fn counting(facts: &Facts<'_>, need: &Need) -> UseReport {
    UseReport {
        source: need.source.to_string(),
        via: need.via.iter().map(|via| via.word()).collect(),
        optional: need.demand == Demand::Optional,
        immutable: is_immutable(facts.index, &need.source),
        counts: true,
        note: None,
        keys: keys(facts, need),
    }
}

fn keys(facts: &Facts<'_>, need: &Need) -> Vec<KeyRow> {
    let source = facts.index.view(&need.source);
    if let Ok(entry) = facts.record {
        let seen = entry.and_then(|entry| of_pods(entry, facts).get(&Seen::of(&need.source)));
        return rows(need, seen, source);
    }
    let unknown = |row| KeyRow {
        state: KeyState::Unknown,
        ..row
    };
    rows(need, None, source).into_iter().map(unknown).collect()
}

fn not_counting(facts: &Facts<'_>, needs: &[Need]) -> Vec<UseReport> {
    let workload = &facts.known.workload;
    let counted: BTreeSet<_> = needs.iter().map(|need| &need.source).collect();
    let mut by_source: BTreeMap<(SourceRef, bool), Vec<&Use>> = BTreeMap::new();
    for used in &workload.uses {
        let source = used.source(&workload.key.namespace);
        let pull = used.via == Via::ImagePullSecret;
        if pull || !counted.contains(&source) {
            by_source.entry((source, pull)).or_default().push(used);
        }
    }
    let report = |((source, pull), uses): ((SourceRef, bool), Vec<&Use>)| UseReport {
        source: source.to_string(),
        via: uses
            .iter()
            .map(|u| u.via.word())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        optional: uses.iter().all(|u| u.optional),
        immutable: is_immutable(facts.index, &source),
        counts: false,
        note: Some(match () {
            () if pull => "read at each pull",
            () if is_ignored(facts.index, &source) => "marked to roll nothing",
            () => "not selected",
        }),
        keys: Vec::new(),
    };
    by_source.into_iter().map(report).collect()
}
