//! `evict`: a pod is evicted, and looked at until it is gone; the one that its owner makes
//! in its place, until that is Ready. Whatever is made later has started with what is there.

use crate::method::Method;

use super::visit::{Errand, FIRST_QUESTION, Next, Renewed, Rung};

pub(super) static RUNG: Rung = Rung {
    method: Method::Evict,
    // No budget guards pods that are pending, and those start with what is there. One whose
    // containers crash is begun: another one waits for no back-off.
    reaches: |pod| !pod.pending && !pod.going && pod.node_ready,
    late: |pod| pod.started && !pod.going && pod.node_ready,
    // Nothing is noted on a pod: one that was evicted is going.
    carries: |_, _| false,
    renewed: Renewed::Proves,
    begin: |visit, _, now| {
        let errand = if visit.is_new {
            Errand::Look
        } else {
            Errand::Act
        };
        Next::At(now, errand)
    },
    acted: |_, now| Next::At(now + FIRST_QUESTION, Errand::Look),
    answered: |visit, now, _| visit.look_again(now),
    looked: |visit, _, now| {
        if visit.is_renewed() {
            Next::Through
        } else {
            visit.look_again(now)
        }
    },
};

/// The place of a pod in an order that its name tells, as a StatefulSet numbers its own.
pub(super) fn ordinal(name: &str) -> Option<u64> {
    let (_, last) = name.rsplit_once('-')?;
    last.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_at_the_end_is_an_ordinal() {
        assert_eq!(ordinal("web-10"), Some(10));
        assert_eq!(ordinal("web-749d765bc8-2dtc4"), None);
        assert_eq!(ordinal("web"), None);
    }
}
