//! Why no further pod is begun by a method that restarts programs, as the pods tell.

use crate::method::Method;
use crate::object::Pod;
use crate::state::Entry;

/// The pods that are not Ready, where another one waits for them: as many are down as may
/// be at once.
pub fn waited_for<'a>(entry: &Entry, unavailable: u32, pods: &[&'a Pod]) -> Vec<&'a Pod> {
    let method = entry.method();
    let restarts = method.row().restarts || (entry.restarting && method == Method::Hot);
    if !restarts || !method.is_pod_wise() {
        return Vec::new();
    }
    let is_down = |pod: &Pod| pod.unready_since.is_some();
    let waits = |pod: &&Pod| !is_down(pod) && !is_begun(entry, pod);
    let down: Vec<_> = pods.iter().copied().filter(|pod| is_down(pod)).collect();
    let most = usize::try_from(unavailable).unwrap_or(usize::MAX);
    if down.len() >= most && pods.iter().any(waits) {
        down
    } else {
        Vec::new()
    }
}

/// Whether a pod was acted on for an intent; where pods are evicted, whether it was made
/// since.
pub fn is_begun(entry: &Entry, pod: &Pod) -> bool {
    match entry.method() {
        Method::Evict => entry.at.is_some_and(|at| pod.created > at),
        _ => pod.acted_on.as_deref() == Some(&*entry.number().to_string()),
    }
}
