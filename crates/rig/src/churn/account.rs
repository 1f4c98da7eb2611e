//! What changed and what was rolled, in the API server's own order.

use std::collections::BTreeMap;
use std::time::Instant;

/// What happened, by the name of the workload.
#[derive(Clone, Debug, Default)]
pub struct Account(BTreeMap<String, Vec<Moment>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    version: u64,
    what: What,
    at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// A source of the workload has another content.
    Change,
    /// The roll of this number.
    Roll(i64),
    /// Somebody edited the pod template. Its new pods have what changed before,
    /// so that a roll for it may come or not.
    Edit,
}

impl Account {
    /// How many workloads are known.
    pub fn workloads(&self) -> usize {
        self.0.len()
    }

    /// How many changes there were.
    pub fn changes(&self) -> usize {
        self.count(|moment| moment.what == What::Change)
    }

    /// How many rolls there were.
    pub fn rolls(&self) -> usize {
        self.count(Moment::is_roll)
    }

    /// Workloads whose last change no roll came after.
    pub fn lost(&self) -> Vec<&str> {
        self.those(|moments| {
            let last = moments.iter().max();
            last.is_some_and(|last| last.what == What::Change)
        })
    }

    /// Workloads that at some time were rolled more often than their source had
    /// changed.
    pub fn twice(&self) -> Vec<&str> {
        self.those(|moments| {
            let mut sorted = moments.clone();
            sorted.sort();
            let mut open = 0_i64;
            sorted.iter().any(|moment| {
                open += match moment.what {
                    What::Change => 1,
                    What::Roll(_) => -1,
                    What::Edit => 0,
                };
                open < 0
            })
        })
    }

    /// When the longest pause between two rolls after this moment was over.
    pub fn went_on(&self, after: Instant) -> Option<Instant> {
        let all = self.0.values().flatten();
        let rolls = all.filter(|moment| moment.is_roll()).map(|m| m.at);
        let mut rolls: Vec<_> = rolls.filter(|at| *at > after).collect();
        rolls.push(after);
        rolls.sort();
        let pauses = rolls.windows(2);
        let longest = pauses.max_by_key(|pair| pair[1] - pair[0])?;
        Some(longest[1])
    }

    /// What happened to a workload, to be read.
    pub fn story(&self, workload: &str) -> String {
        let mut moments = self.0.get(workload).cloned().unwrap_or_default();
        moments.sort();
        let told = moments
            .iter()
            .map(|m| format!("{} {:?}", m.version, m.what));
        told.collect::<Vec<_>>().join(", ")
    }

    /// A workload was seen at this version, with the number of its last roll, if there
    /// was one.
    pub fn seen(&mut self, workload: &str, version: u64, roll: Option<i64>) {
        let moments = self.0.entry(workload.to_owned()).or_default();
        let Some(what) = roll.map(What::Roll) else {
            return;
        };
        if !moments.iter().any(|moment| moment.what == what) {
            moments.push(Moment::now(version, what));
        }
    }

    /// A source of the workload was changed, at this version.
    pub fn changed(&mut self, workload: &str, version: u64) {
        self.happened(workload, Moment::now(version, What::Change));
    }

    /// The workload's pod template was edited, at this version.
    pub fn edited(&mut self, workload: &str, version: u64) {
        self.happened(workload, Moment::now(version, What::Edit));
    }

    fn happened(&mut self, workload: &str, moment: Moment) {
        self.0.entry(workload.to_owned()).or_default().push(moment);
    }

    fn count(&self, which: impl Fn(&Moment) -> bool) -> usize {
        self.0.values().flatten().filter(|m| which(m)).count()
    }

    fn those(&self, which: impl Fn(&Vec<Moment>) -> bool) -> Vec<&str> {
        let found = self.0.iter().filter(|(_, moments)| which(moments));
        found.map(|(name, _)| name.as_str()).collect()
    }
}

impl Moment {
    fn now(version: u64, what: What) -> Self {
        let at = Instant::now();
        Self { version, what, at }
    }

    fn is_roll(&self) -> bool {
        matches!(self.what, What::Roll(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::secs;

    fn account(order: &str) -> Account {
        let at = Instant::now();
        let moments = (1_u64..).zip(order.chars()).map(|(version, what)| Moment {
            version,
            what: match what {
                'r' => What::Roll(version.cast_signed()),
                'e' => What::Edit,
                _ => What::Change,
            },
            at: at + secs(version),
        });
        Account([("web-0".to_owned(), moments.collect())].into())
    }

    #[test]
    fn a_change_without_a_roll_after_it_is_lost() {
        assert!(account("crccr").lost().is_empty());
        assert_eq!(account("crc").lost(), ["web-0"]);
    }

    #[test]
    fn a_roll_without_a_change_of_its_own_is_one_too_many() {
        assert!(account("ccrr").twice().is_empty());
        assert_eq!(account("crrc").twice(), ["web-0"]);
    }

    #[test]
    fn an_edit_brings_what_changed_and_is_no_roll() {
        assert!(account("ce").lost().is_empty());
        assert_eq!(account("cec").lost(), ["web-0"]);
        assert!(account("cer").twice().is_empty());
        assert_eq!(account("er").twice(), ["web-0"]);
    }

    #[test]
    fn it_went_on_when_the_longest_pause_was_over() {
        let account = account("crccccrcr");
        let moments = &account.0["web-0"];
        assert_eq!(account.went_on(moments[0].at), Some(moments[6].at));
    }
}
