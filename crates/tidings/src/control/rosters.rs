//! What ladders have found out about where the pods of their workloads are: the next one of
//! the same workload need not ask for it again.
//!
//! It is forgotten when the workload, or the one whose pod template it uses, is another or
//! has another spec (uid, generation), when so many others have come since, and with the
//! term.

use std::collections::VecDeque;

use tidings_core::object::Workload;
use tidings_core::refs::{Name, WorkloadRef};

use crate::fetch::Whereabouts;

/// Of so many workloads it is kept, the latest: some 100 KB.
const MOST: usize = 256;

/// What it holds for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Basis {
    key: WorkloadRef,
    /// Uid and generation.
    own: (Name, i64),
    /// The same of the workload that lends it its pod template.
    lent: Option<(Name, i64)>,
}

impl Basis {
    /// Whose it is.
    pub(super) fn key(&self) -> &WorkloadRef {
        &self.key
    }

    /// A workload as it is.
    pub(super) fn of(workload: &Workload) -> Self {
        let lent = workload.lent.as_deref();
        Self {
            key: workload.key.clone(),
            own: (workload.uid.clone(), workload.generation),
            lent: lent.map(|lent| (lent.uid.clone(), lent.generation)),
        }
    }
}

/// What is kept, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct Rosters(VecDeque<(Basis, Whereabouts)>);

impl Rosters {
    /// What was found out for a workload that is still as it was then.
    pub(super) fn take(&mut self, basis: &Basis) -> Whereabouts {
        let mut all = self.0.iter();
        let at = all.position(|(kept, _)| kept.key == basis.key);
        let found = at.and_then(|at| self.0.remove(at));
        let found = found.filter(|(kept, _)| kept == basis);
        found.map(|(_, found)| found).unwrap_or_default()
    }

    /// Keeps it for the next one.
    pub(super) fn keep(&mut self, basis: Basis, found: Whereabouts) {
        self.take(&basis);
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back((basis, found));
    }
}

#[cfg(test)]
mod tests {
    use tidings_core::kinds::KINDS;

    use super::*;

    fn basis(name: &str, generation: i64, lent: Option<i64>) -> Basis {
        Basis {
            key: WorkloadRef::new(&KINDS[0], "ns", name),
            own: (name.into(), generation),
            lent: lent.map(|generation| ("lender".into(), generation)),
        }
    }

    fn found(selector: &str) -> Whereabouts {
        Whereabouts {
            selector: Some(selector.to_owned()),
            ..Whereabouts::default()
        }
    }

    #[test]
    fn another_spec_is_asked_for_anew() {
        let mut rosters = Rosters::default();
        let first = basis("web", 1, Some(1));
        for other in [basis("web", 2, Some(1)), basis("web", 1, Some(2))] {
            rosters.keep(first.clone(), found("app=web"));
            assert_eq!(rosters.take(&first), found("app=web"));
            rosters.keep(first.clone(), found("app=web"));
            assert_eq!(rosters.take(&other), Whereabouts::default());
            assert_eq!(rosters.take(&first), Whereabouts::default());
        }
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let mut rosters = Rosters::default();
        for n in 0..=MOST {
            rosters.keep(basis(&n.to_string(), 1, None), found("app=web"));
        }
        assert_eq!(rosters.0.len(), MOST);
        assert_eq!(rosters.take(&basis("0", 1, None)), Whereabouts::default());
        assert_eq!(rosters.take(&basis("1", 1, None)), found("app=web"));
    }
}
