//! The line that would opt a workload in.

use std::sync::Arc;

use crate::annotations::RELOAD;
use crate::index::{Fact, How, Index, Known};
use crate::object::{Version, Workload};
use crate::refs::WorkloadRef;

use super::{Hypothesis, Touch, touches};

/// The value of `tidings.dev/reload` with which all that touches a workload would count,
/// as the index itself reads it; `None` where none would do: a source that is marked to be
/// ignored, say. What touches it is what counts for nobody now. The index is as before
/// when this returns.
pub fn opt_in(
    index: &mut Index,
    key: &WorkloadRef,
    touched: &[Touch],
    hypothesis: &Hypothesis,
) -> Option<String> {
    if touched.iter().all(|touch| touch.counts) {
        return None;
    }
    let now = index.get(key)?.clone();
    let values = candidates(&now, touched).into_iter();
    let mut values = values.filter(|value| {
        put(index, with(&now.workload, value));
        index.work_out(key);
        hypothesis.hold(index);
        let known = index.get(key);
        let all = |known: &Known| {
            let touches = touches(known, index, None, hypothesis);
            !touches.is_empty() && touches.iter().all(|touch| touch.counts)
        };
        known.is_some_and(all)
    });
    let found = values.next();
    put(index, now.workload.clone());
    found
}

/// What is there with what is missing, else everything that it uses.
fn candidates(known: &Known, touched: &[Touch]) -> Vec<String> {
    let workload = &known.workload;
    let places = [&workload.annotations, &workload.template_annotations];
    let own = places.iter().find_map(|place| place.get(RELOAD));
    let own = own.filter(|_| known.policy.opted_in());
    let missing = touched.iter().filter(|touch| !touch.counts);
    let missing: Vec<_> = missing.map(|touch| touch.source.to_string()).collect();
    let longer = own.map(|own| format!("{}, {}", own.trim(), missing.join(", ")));
    longer.into_iter().chain(["auto".to_owned()]).collect()
}

fn with(workload: &Workload, value: &str) -> Workload {
    let mut workload = workload.clone();
    Arc::make_mut(&mut workload.annotations).insert(RELOAD.into(), value.into());
    workload
}

/// In the place of any other of its name.
fn put(index: &mut Index, workload: Workload) {
    let gone = Fact::WorkloadGone(workload.key.clone(), Version::MAX);
    index.apply(gone);
    index.apply(Fact::Workload(Box::new(workload), How::Listed));
}
