//! What the agent knows about itself, for people: log, metrics, state.
//!
//! In: what the rooms tell. Out: lines on stderr, and a copy of the [`Facts`]
//! for the port. Names of files, generations and outcomes only; never content.

use crate::log::log;
use crate::memory::{Kept, Mark, Stamp};
use crate::render::Unset;
use crate::watch::{Mount, Observation, shown};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tidings_supervise::action::Outcome;
use tidings_supervise::{Note, Version};

/// More changed names are not logged one by one.
pub(crate) const SHOWN: usize = 20;

/// Whose metric names are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum MetricNames {
    /// `tidings_agent_…` alone.
    #[default]
    Own,
    /// Those of configmap-reload too.
    ConfigmapReload,
    /// Those of prometheus-config-reloader too.
    Prometheus,
}

/// One called address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Called {
    pub(crate) failed: bool,
    pub(crate) seconds: f64,
    pub(crate) successes: u64,
    /// By status; 0: no answer.
    pub(crate) statuses: BTreeMap<u16, u64>,
}

/// The end of the last attempt.
#[derive(Debug, Clone)]
pub(crate) struct Last {
    pub(crate) outcome: Outcome,
    /// One line; what a command printed is for the log only.
    pub(crate) why: String,
    /// By directory: the generation that was tried.
    pub(crate) tried: BTreeMap<String, String>,
    /// Seconds since 1970.
    pub(crate) at: f64,
}

/// The process that is meant, and by what it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) pid: i32,
    /// `child`, `executable`, `argv0`, `name`, or `pid file` and its path.
    pub(crate) by: String,
    pub(crate) program: Option<String>,
    pub(crate) user: Option<u32>,
}

/// Everything that is served.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) mounts: Vec<Mount>,
    pub(crate) seen: Option<Version>,
    /// By directory: the generation that was last taken, as far as that is known.
    pub(crate) taken: BTreeMap<String, String>,
    pub(crate) changes: u64,
    pub(crate) changed_at: f64,
    pub(crate) attempts: BTreeMap<Outcome, u64>,
    pub(crate) last: Option<Last>,
    pub(crate) applied_at: f64,
    pub(crate) owed: bool,
    pub(crate) waiting: Option<String>,
    /// Places that are mounted by subPath: they never follow a change.
    pub(crate) frozen: Vec<String>,
    /// What makes it impossible to act here.
    pub(crate) hindered: Option<String>,
    /// Outputs whose directory has left its place, a sentence each.
    pub(crate) astray: Vec<String>,
    pub(crate) process: Option<Chosen>,
    pub(crate) calls: BTreeMap<String, Called>,
    /// How many variables a rendering named and nobody set, by output file.
    pub(crate) unset: BTreeMap<String, u64>,
    pub(crate) watch_problems: u64,
}

/// The facts, shared.
#[derive(Default)]
pub(crate) struct Journal {
    facts: Mutex<Facts>,
    /// As they were when nothing was under way: what is answered with.
    shown: Mutex<Facts>,
}

impl Journal {
    /// The facts as they are now.
    pub(crate) fn facts(&self) -> Facts {
        lock(&self.shown).clone()
    }

    /// All that belongs to one event has been told.
    pub(crate) fn show(&self) {
        // Held until they are shown: what another thread shows meanwhile is newer.
        let facts = self.lock();
        lock(&self.shown).clone_from(&facts);
    }

    /// The first look was taken.
    pub(crate) fn began(&self, look: &Observation) {
        let mut facts = self.lock();
        facts.mounts.clone_from(&look.mounts);
        facts.seen = Some(look.version);
    }

    /// From here on a change is seen, and acted on.
    pub(crate) fn watching(&self) {
        for mount in &self.lock().mounts {
            log(&format!("watching {} ({})", mount.dir, described(mount)));
        }
    }

    /// These places are mounted by subPath.
    pub(crate) fn frozen(&self, places: &[String]) {
        for place in places {
            log(&format!(
                "{place} is mounted by subPath and never follows a change; mount the whole volume at a directory instead"
            ));
        }
        self.lock().frozen = places.to_vec();
    }

    /// Nothing can be done here, for this reason.
    pub(crate) fn hindered(&self, why: &str) {
        log(why);
        self.lock().hindered = Some(why.to_owned());
    }

    /// These outputs, and no others, are not where they were.
    pub(crate) fn astray(&self, sentences: Vec<String>) {
        let mut facts = self.lock();
        let is_new = |sentence: &&String| !facts.astray.contains(*sentence);
        sentences
            .iter()
            .filter(is_new)
            .for_each(|sentence| log(sentence));
        if sentences.is_empty() && !facts.astray.is_empty() {
            log("what is rendered lies again where it did");
        }
        facts.astray.clone_from(&sentences);
        lock(&self.shown).astray = sentences;
    }

    /// An earlier life of the agent left this.
    pub(crate) fn had(&self, kept: &Kept) {
        if let Kept::Taken(mark, _) = kept {
            self.lock().taken.clone_from(&mark.stamp.generations);
        }
    }

    /// The process has this version.
    pub(crate) fn has(&self, mark: &Mark) {
        self.lock().taken.clone_from(&mark.stamp.generations);
    }

    /// The files are other ones, or newly written.
    pub(crate) fn saw(&self, look: &Observation) {
        let mut facts = self.lock();
        let changed = facts.seen != Some(look.version);
        facts.mounts.clone_from(&look.mounts);
        facts.seen = Some(look.version);
        if changed {
            facts.changes += 1;
            facts.changed_at = now();
            facts.owed = true;
            log(&format!("changed: {}", listed(&look.names)));
        }
    }

    /// The state machine said this.
    pub(crate) fn note(&self, note: &Note, tried: &Stamp, now_running: Duration) {
        match note {
            Note::Waiting(why) => self.waiting(why),
            Note::Ended {
                version: _,
                outcome,
                why,
                again,
            } => {
                let first = why.lines().next().unwrap_or_default().to_owned();
                let pause = again.map(|again| again.saturating_sub(now_running));
                log(&sentence(*outcome, why, pause));
                self.ended(Last {
                    outcome: *outcome,
                    why: first,
                    tried: tried.generations.clone(),
                    at: now(),
                });
            }
        }
    }

    /// Whether something is still to be taken.
    pub(crate) fn owes(&self, owed: bool) {
        self.lock().owed = owed;
    }

    /// Sentences of the watch.
    pub(crate) fn watch_said(&self, sentences: &[String]) {
        let count = sentences.len() as u64;
        let mut facts = self.lock();
        facts.watch_problems += count;
        lock(&self.shown).watch_problems += count;
        for sentence in sentences {
            log(sentence);
        }
    }

    /// This process is meant; `None`: it is not there.
    pub(crate) fn chose(&self, pid: Option<i32>, describe: impl FnOnce() -> Option<Chosen>) {
        let mut facts = self.lock();
        if facts.process.as_ref().map(|known| known.pid) == pid {
            return;
        }
        facts.process = describe();
        if let Some(chosen) = facts.process.as_ref().filter(|chosen| chosen.by != "child") {
            log(&chosen.sentence());
        }
    }

    /// An address was called; `None`: it did not answer.
    pub(crate) fn called(&self, url: &str, status: Option<u16>, accepted: bool, took: Duration) {
        let mut facts = self.lock();
        let called = facts.calls.entry(url.to_owned()).or_default();
        called.seconds = took.as_secs_f64();
        *called.statuses.entry(status.unwrap_or(0)).or_default() += 1;
        called.failed = !accepted;
        called.successes += u64::from(!called.failed);
    }

    /// A rendering left these variables as they stand.
    pub(crate) fn unset_variables(&self, output: &Path, unset: &Unset) {
        let output = output.display().to_string();
        let count = unset.count();
        if count > 0 {
            let first: Vec<&str> = unset.names.iter().take(SHOWN).map(String::as_str).collect();
            log(&format!(
                "{output}: not set, left as they stand: {}{}",
                first.join(", "),
                and_more(count - first.len() as u64)
            ));
        }
        self.lock().unset.insert(output, count);
    }

    fn waiting(&self, why: &str) {
        let mut facts = self.lock();
        if facts.waiting.as_deref() != Some(why) {
            log(&format!("waiting: {why}"));
        }
        facts.waiting = Some(why.to_owned());
    }

    fn ended(&self, last: Last) {
        let mut facts = self.lock();
        facts.waiting = None;
        *facts.attempts.entry(last.outcome).or_default() += 1;
        if last.outcome == Outcome::Applied {
            facts.applied_at = last.at;
        }
        facts.last = Some(last);
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        lock(&self.facts)
    }
}

impl Chosen {
    fn sentence(&self) -> String {
        let (pid, by) = (self.pid, &self.by);
        let program = self
            .program
            .as_deref()
            .unwrap_or("of a program that is hidden");
        let user = self.user.map(|user| format!(", user {user}"));
        format!(
            "process {pid} is meant: chosen by its {by} ({program}{})",
            user.unwrap_or_default()
        )
    }
}

fn lock(facts: &Mutex<Facts>) -> MutexGuard<'_, Facts> {
    facts.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sentence(outcome: Outcome, why: &str, pause: Option<Duration>) -> String {
    let mut text = outcome.word().to_owned();
    if !why.is_empty() {
        let lines: Vec<&str> = why
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        text = format!("{text}: {}", lines.join(" | "));
    }
    if let Some(pause) = pause {
        text = format!("{text} (again in {})", in_words(pause));
    }
    text
}

/// `300 ms`, `1.5 s`, `30 s`: never less than it is.
fn in_words(pause: Duration) -> String {
    let millis = pause.as_micros().div_ceil(10_000) * 10;
    let tenths = millis.div_ceil(100);
    match (millis, tenths) {
        (..1000, _) => format!("{millis} ms"),
        (_, ..100) if !tenths.is_multiple_of(10) => format!("{}.{} s", tenths / 10, tenths % 10),
        _ => format!("{} s", tenths.div_ceil(10)),
    }
}

fn described(mount: &Mount) -> String {
    if mount.watched_by == "missing" {
        return "not there yet".into();
    }
    format!(
        "{}, {}",
        counted(mount.file_count, "file"),
        mount.watched_by
    )
}

/// `1 file`, `2 files`.
fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// The first names, and how many more there are.
fn listed(names: &[OsString]) -> String {
    let first: Vec<String> = names.iter().take(SHOWN).map(|name| shown(name)).collect();
    let more = and_more((names.len() - first.len()) as u64);
    format!("{}{more}", first.join(", "))
}

fn and_more(count: u64) -> String {
    match count {
        0 => String::new(),
        count => format!(" and {count} more"),
    }
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_lists_read_well() {
        assert_eq!(counted(0, "file"), "0 files");
        assert_eq!(counted(1, "file"), "1 file");
        assert_eq!(counted(2, "file"), "2 files");
        let names = |count: usize| vec![OsString::from("a\nb"); count];
        assert_eq!(listed(&names(2)), "a\\nb, a\\nb");
        assert!(listed(&names(SHOWN + 1)).ends_with(" and 1 more"));
    }

    #[test]
    fn pauses_are_told_as_they_are() {
        for (millis, words) in [
            (0, "0 ms"),
            (300, "300 ms"),
            (299, "300 ms"),
            (999, "1 s"),
            (1000, "1 s"),
            (1450, "1.5 s"),
            (9_999, "10 s"),
            (29_950, "30 s"),
        ] {
            assert_eq!(in_words(Duration::from_millis(millis)), words);
        }
    }

    #[test]
    fn what_a_command_printed_is_logged_in_one_line() {
        let why = "the check failed with exit code 1\nnginx: [emerg] x\n  test failed\n";
        assert_eq!(
            sentence(Outcome::Rejected, why, Some(Duration::from_millis(900))),
            "rejected: the check failed with exit code 1 | nginx: [emerg] x | test failed (again in 900 ms)"
        );
        assert_eq!(sentence(Outcome::Applied, "", None), "applied");
    }
}
