//! `tidings why` for eyes.
//!
//! Goes in: a [`WorkloadReport`] and the screen. Comes out: text, without wrapping, so that
//! it can be searched and cut; off a terminal without colours, and with all words whole.

use std::fmt::Write;

use tidings_core::compare::{KeyRow, KeyState};
use tidings_core::decide::show_digest;
use tidings_core::digest::Digest;
use tidings_core::reason::{ON_THEIR_WAY, Reason};
use tidings_core::state::KeyDigest;
use tidings_shared::plain::plain;

use super::leader::LeaderReport;
use super::report::{LastRoll, Pods, UseReport, WhyReport, WorkloadReport};
use super::waits::PlaceReport;
use crate::cli::columns::{Cell, listing_on};
use crate::cli::screen::{Screen, Tone};

/// Keys named in one cell before the rest is only counted.
const KEYS_NAMED: usize = 3;
/// Columns that they may take side by side; the table should fit a terminal.
const KEYS_WIDTH: usize = 20;

/// How it came, where its owner keeps the pod template as he wants it.
pub(crate) const BY_RESTART: &str =
    ", by the time of a restart: its owner keeps the rest of its template";

/// Where a method goes pod by pod, and is not through.
const UNDER_WAY: &str = ", which is under way";

/// Where it is not brought any further.
const LEFT: &str = ", which not all of its pods have";

/// Where it has not reached the workload.
const PENDING: &str = ", which has not reached the workload yet";

/// One workload, in full.
pub fn workload(report: &WorkloadReport, screen: &Screen) -> String {
    let WorkloadReport {
        namespace,
        kind,
        name,
        ..
    } = report;
    let (standing, far) = (standing(report), how_far(report));
    let standing = standing.shown(report.standing_text(), screen);
    let mut text = format!("{kind}/{name} in {namespace}: {standing}{far}\n");
    if !report.uses.is_empty() {
        let rows = report.uses.iter().flat_map(rows);
        let header = ["SOURCE", "HOW", "KEYS", "RECORDED", "NOW", "STATE"];
        let rows = rows.map(|row| row.map(Cell::from));
        let table = listing_on(screen, Some(header.into()), rows);
        let _ = write!(text, "\n{table}\n");
    }
    text + &decision(report)
        + &last_roll(report)
        + &older(report)
        + &notes(report)
        + &events(report)
}

fn standing(report: &WorkloadReport) -> Tone {
    report.standing.0.map_or(Tone::Plain, Tone::from)
}

fn decision(report: &WorkloadReport) -> String {
    let (Some(reason), Some(meaning)) = (report.reason, report.meaning) else {
        return String::new();
    };
    let particulars = match report.text.as_str() {
        "" => String::new(),
        text => format!(": {}", plain(text)),
    };
    let place = place(report);
    format!("\n{reason}{particulars}\n  {meaning}\n{place}")
}

/// Which one it is of those who wait for their turn.
fn place(report: &WorkloadReport) -> String {
    let place = report.waits.as_ref().and_then(|waits| waits.place);
    place.map_or_else(String::new, |PlaceReport { nth, of }| {
        format!("  Its place: {nth} of {of} that wait for this source\n")
    })
}

fn last_roll(report: &WorkloadReport) -> String {
    let was = report.roll.is_some_and(|roll| roll > 0);
    let Some(number) = report.number.as_deref().filter(|_| was) else {
        return String::new();
    };
    let when = report.last.as_ref().map(|last| {
        let at = last.at.map(|at| format!(" at {at}")).unwrap_or_default();
        format!("{at} for {}", plain(&last.because))
    });
    let when = when.unwrap_or_default();
    let how = if report.by_restart { BY_RESTART } else { "" };
    let by = report.last.as_ref().and_then(LastRoll::by);
    let by = by.map(|by| format!(", {by}")).unwrap_or_default();
    let far = reach(report);
    format!("  Last roll: {number}{when}{by}{how}{far}\n")
}

/// Whether it has reached the workload, in words that follow.
pub(crate) fn reach(report: &WorkloadReport) -> &'static str {
    match report.reason {
        Some(reason) if ON_THEIR_WAY.map(Reason::word).contains(&reason) => UNDER_WAY,
        _ if report.is_left() => LEFT,
        _ if report.pending => PENDING,
        _ => "",
    }
}

/// What some pods have instead.
fn older(report: &WorkloadReport) -> String {
    let mut text = String::new();
    for older in &report.older {
        let _ = writeln!(text, "  But {}", plain(&older.text()));
    }
    text
}

/// What is wrong, and what could not be found out.
fn notes(report: &WorkloadReport) -> String {
    let problems = report.problems.iter();
    let problems = problems.map(|p| format!("problem: {}: {}\n", p.reason, plain(&p.text)));
    let unknown = report.unknown.iter();
    let unknown = unknown.map(|u| format!("unknown: {}\n", plain(u)));
    let notes: String = problems.chain(unknown).collect();
    if notes.is_empty() {
        return notes;
    }
    format!("\n{notes}")
}

/// Where more is told.
fn events(report: &WorkloadReport) -> String {
    let WorkloadReport {
        namespace,
        kind,
        name,
        ..
    } = report;
    let is_refused = reach(report) == PENDING;
    if !is_refused && !report.lacks_record() {
        return String::new();
    }
    let what = if is_refused {
        "what refuses it"
    } else {
        "what was decided"
    };
    format!("Its Events tell {what}: kubectl describe {kind}/{name} -n {namespace}\n")
}

/// What could not be listed.
pub fn gaps(report: &WhyReport) -> String {
    let mut text = String::new();
    for gap in &report.unknown {
        let _ = writeln!(text, "unknown: needs {}", plain(gap));
    }
    text
}

/// That nobody leads, where that is so: then nothing is rolled.
pub fn without_leader(leader: &LeaderReport) -> String {
    let trouble = leader.trouble();
    let apart = if trouble.is_empty() { "" } else { "\n" };
    format!("{apart}{trouble}")
}

/// Of a rollout, how many pods it has reached; of what waits, until when.
pub fn how_far(report: &WorkloadReport) -> String {
    let pods = report
        .pods
        .map(|Pods { updated, desired }| format!(", {updated} of {desired} pods"));
    let until = report.until.map(|until| format!(" until {until}"));
    until.into_iter().chain(pods).collect()
}

/// What is not in step: a line a key. What is: one line for all.
fn rows(used: &UseReport) -> Vec<[String; 6]> {
    let (in_step, others): (Vec<_>, Vec<_>) = used
        .keys
        .iter()
        .partition(|key| key.state == KeyState::InStep);
    let mut lines: Vec<_> = others.into_iter().map(one).collect();
    match in_step.as_slice() {
        [] => {}
        [key] => lines.push(one(key)),
        keys => lines.extend(many(keys)),
    }
    if lines.is_empty() {
        let note = used.note.unwrap_or_default().to_owned();
        lines.push([String::new(), String::new(), String::new(), note]);
    }
    let immutable = used.immutable.then_some("immutable");
    let how: Vec<_> = used.via.iter().copied().chain(immutable).collect();
    let head = [used.source.clone(), how.join(", ")];
    let first = |n: usize| {
        if n == 0 {
            head.clone()
        } else {
            Default::default()
        }
    };
    let row = |(n, [keys, recorded, now, state]): (usize, [String; 4])| {
        let [source, how] = first(n);
        [source, how, keys, recorded, now, state]
    };
    lines.into_iter().enumerate().map(row).collect()
}

fn one(key: &KeyRow) -> [String; 4] {
    let name = key.key.as_deref().unwrap_or("(all)").to_owned();
    let shown = |digest: Option<KeyDigest>| digest.map_or_else(String::new, show_digest);
    [
        name,
        shown(key.recorded),
        shown(key.present),
        key.state.word().to_owned(),
    ]
}

/// The digests stand beside the first line of names.
fn many(keys: &[&KeyRow]) -> impl Iterator<Item = [String; 4]> {
    let names: Vec<_> = keys.iter().filter_map(|key| key.key.as_deref()).collect();
    let (named, rest) = names.split_at(names.len().min(KEYS_NAMED));
    let more = (!rest.is_empty()).then(|| format!("and {} more", rest.len()));
    let combined = |digest: fn(&KeyRow) -> Option<KeyDigest>| {
        let all = keys.iter().map(|key| {
            let name = key.key.as_deref().unwrap_or_default();
            (name, digest(key).and_then(|digest| digest.0))
        });
        show_digest(KeyDigest(Some(Digest::of_keys(all))))
    };
    let state = KeyState::InStep.word().to_owned();
    let beside = [
        combined(|key| key.recorded),
        combined(|key| key.present),
        state,
    ];
    let lines = fold(named).into_iter().chain(more);
    lines.enumerate().map(move |(at, names)| {
        let beside = if at == 0 {
            beside.clone()
        } else {
            Default::default()
        };
        let [recorded, now, state] = beside;
        [names, recorded, now, state]
    })
}

/// Side by side where that is short enough, else one below the other.
fn fold(names: &[&str]) -> Vec<String> {
    let line = names.join(", ");
    if line.len() > KEYS_WIDTH {
        names.iter().map(|name| (*name).to_owned()).collect()
    } else {
        vec![line]
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn long_names_stand_one_below_the_other() {
        assert_eq!(fold(&["a", "b"]), ["a, b"]);
        let long = ["conf.d__default.conf", "b"];
        assert_eq!(fold(&long), long);
    }
}
