//! Workloads that are not there while their pods may be: what those have is remembered
//! for an hour, for a workload may be made again around them.
//!
//! A list that does not show a workload is no proof that it is gone: a cache may have
//! answered that lags behind, or its kind is not served for a moment. So it is asked for
//! by a GET, one workload of a namespace at a time, and nothing is forgotten of who may
//! be there.

use std::collections::{BTreeMap, HashMap};

use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::settle::Millis;

use super::backoff::Backoff;
use crate::api::ApiError;

/// So long what the pods of a workload have is remembered.
pub(super) const KEPT_FOR_PODS: Millis = 3_600_000;

/// All of them.
#[derive(Default)]
pub(super) struct Departed {
    all: HashMap<WorkloadRef, Absence>,
    doubted: BTreeMap<Name, Doubted>,
}

#[derive(Clone, Copy)]
struct Absence {
    /// Until then it is remembered.
    until: Millis,
    /// Whether more than a list says that it is gone.
    is_certain: bool,
}

/// Those of a namespace of which only a list says that they are gone.
#[derive(Default)]
struct Doubted {
    waiting: Vec<WorkloadRef>,
    asked: Option<WorkloadRef>,
    backoff: Backoff,
}

impl Departed {
    /// It is gone, as its watch told.
    pub(super) fn gone(&mut self, key: WorkloadRef, now: Millis) {
        let absence = Absence {
            until: now + KEPT_FOR_PODS,
            is_certain: true,
        };
        self.all.insert(key, absence);
    }

    /// A list did not show it; if it is gone, it is remembered until then.
    pub(super) fn not_listed(&mut self, key: WorkloadRef, until: Millis) {
        if self.all.contains_key(&key) {
            return;
        }
        let doubted = self.doubted.entry(key.namespace.clone()).or_default();
        doubted.waiting.push(key.clone());
        let absence = Absence {
            until,
            is_certain: false,
        };
        self.all.insert(key, absence);
    }

    /// It is there.
    pub(super) fn came(&mut self, key: &WorkloadRef) {
        self.all.remove(key);
    }

    /// Whom to ask for, and not before when.
    pub(super) fn ask(&mut self) -> Vec<(WorkloadRef, Millis)> {
        let all = &self.all;
        let is_doubted = |key: &WorkloadRef| all.get(key).is_some_and(|known| !known.is_certain);
        let mut questions = Vec::new();
        self.doubted.retain(|_, doubted| {
            if doubted.asked.is_none() {
                let mut waiting = std::iter::from_fn(|| doubted.waiting.pop());
                doubted.asked = waiting.find(is_doubted);
                let question = doubted.asked.clone().into_iter();
                questions.extend(question.map(|key| (key, doubted.backoff.again())));
            }
            doubted.asked.is_some()
        });
        questions
    }

    /// It was asked for, and is not there.
    pub(super) fn not_found(&mut self, key: &WorkloadRef) {
        self.answered(key).backoff = Backoff::default();
        if let Some(absence) = self.all.get_mut(key) {
            absence.is_certain = true;
        }
    }

    /// It was asked for, and is there. Returns whether nothing told since that it is gone.
    pub(super) fn found(&mut self, key: &WorkloadRef) -> bool {
        self.answered(key).backoff = Backoff::default();
        let absence = self.all.get(key);
        absence.is_some_and(|absence| !absence.is_certain)
    }

    /// It was asked for, and there was no answer.
    pub(super) fn not_answered(&mut self, key: WorkloadRef, now: Millis, error: &ApiError) {
        self.answered(&key).backoff.failed(now, error.retry_after());
        // A kind that has not been served for so long takes its workloads with it.
        let is_long = |absence: &&mut Absence| absence.until + KEPT_FOR_PODS <= now;
        match self.all.get_mut(&key).filter(is_long) {
            Some(absence) if matches!(error, ApiError::NotServed(_)) => absence.is_certain = true,
            _ => self.answered(&key).waiting.push(key),
        }
    }

    fn answered(&mut self, key: &WorkloadRef) -> &mut Doubted {
        let doubted = self.doubted.entry(key.namespace.clone()).or_default();
        doubted.asked = None;
        doubted
    }

    /// Takes those whose time is over.
    pub(super) fn take_due(&mut self, now: Millis) -> Vec<WorkloadRef> {
        self.take(|_, absence| absence.until <= now)
    }

    /// Takes those of a namespace, before their time.
    pub(super) fn take_of(&mut self, namespace: &Name) -> Vec<WorkloadRef> {
        self.take(|key, _| key.namespace == *namespace)
    }

    fn take(&mut self, is_due: impl Fn(&WorkloadRef, Absence) -> bool) -> Vec<WorkloadRef> {
        let is_due =
            |key: &WorkloadRef, absence: &mut Absence| absence.is_certain && is_due(key, *absence);
        let taken = self.all.extract_if(is_due);
        taken.map(|(key, _)| key).collect()
    }

    /// When the first one's time is over.
    pub(super) fn next(&self) -> Option<Millis> {
        let certain = self.all.values().filter(|absence| absence.is_certain);
        certain.map(|absence| absence.until).min()
    }
}

#[cfg(test)]
mod tests {
    use tidings_core::kinds::KINDS;

    use super::*;

    fn web(name: &str) -> WorkloadRef {
        WorkloadRef::new(&KINDS[0], "shop", name)
    }

    fn asked(departed: &mut Departed) -> Vec<(String, Millis)> {
        let asked = departed.ask().into_iter();
        asked.map(|(key, at)| (key.name.to_string(), at)).collect()
    }

    fn lost() -> ApiError {
        ApiError::Unreachable("gone".to_owned())
    }

    #[test]
    fn what_a_list_does_not_show_is_forgotten_only_when_it_is_not_found_either() {
        let mut departed = Departed::default();
        departed.not_listed(web("a"), 100);
        assert_eq!(departed.next(), None);
        assert_eq!(departed.take_due(200), []);
        assert_eq!(asked(&mut departed), [("a".to_owned(), 0)]);
        assert_eq!(asked(&mut departed), [], "it is asked once");
        departed.not_answered(web("a"), 200, &lost());
        assert_eq!(departed.take_due(200), []);
        assert_eq!(asked(&mut departed), [("a".to_owned(), 250)]);
        departed.not_found(&web("a"));
        assert_eq!(departed.next(), Some(100));
        assert_eq!(departed.take_due(250), [web("a")]);
        assert_eq!(asked(&mut departed), []);
    }

    #[test]
    fn a_kind_that_is_not_served_says_nothing_for_an_hour() {
        let mut departed = Departed::default();
        let unserved = ApiError::NotServed("404 page not found".to_owned());
        departed.not_listed(web("a"), 100);
        for (now, next) in [(200, None), (100 + KEPT_FOR_PODS, Some(100))] {
            assert_eq!(asked(&mut departed).len(), 1);
            departed.not_answered(web("a"), now, &unserved);
            assert_eq!(departed.next(), next);
        }
    }

    #[test]
    fn those_of_a_namespace_are_asked_for_one_by_one() {
        let mut departed = Departed::default();
        departed.not_listed(web("a"), 100);
        departed.not_listed(web("b"), 100);
        assert_eq!(asked(&mut departed), [("b".to_owned(), 0)]);
        assert!(departed.found(&web("b")));
        departed.came(&web("b"));
        assert_eq!(asked(&mut departed), [("a".to_owned(), 0)]);
        departed.came(&web("a"));
        departed.not_found(&web("a"));
        assert_eq!(departed.take_due(200), []);
    }

    #[test]
    fn what_a_watch_told_meanwhile_counts() {
        let mut departed = Departed::default();
        departed.not_listed(web("a"), 100);
        departed.ask();
        departed.gone(web("a"), 50);
        assert!(!departed.found(&web("a")), "the answer is from before");
        assert_eq!(departed.next(), Some(50 + KEPT_FOR_PODS));
        assert_eq!(departed.take_of(&"other".into()), []);
        assert_eq!(departed.take_of(&"shop".into()), [web("a")]);
    }
}
