//! What pods tell beside a record by which all of them are in step.
//!
//! A record says what a workload was brought to, and not what a container has read that
//! was started again since, while its source was another for a while.

use super::{Certainty, Reads, Recorded, StaleUse};
use crate::index::Index;
use crate::object::Seconds;
use crate::standing::{Standing, Word};

/// Of what was written earlier nobody remembers what was there before (etcd forgets after
/// five to ten minutes by default), so nothing is certain.
const REMEMBERED: Seconds = 900;

/// Whether something that is recorded was written since, or lately, so that the pods are
/// worth a look: what is the same again is recorded with its new version.
pub fn is_written_since(recorded: &Recorded, index: &Index, now: Seconds) -> bool {
    recorded.iter().any(|(source, brought)| {
        let present = index.view(source).present();
        present.is_some_and(|present| {
            let lately = present.written.is_some_and(|at| now - at < REMEMBERED);
            present.version != brought.version || (present.rewritten && lately)
        })
    })
}

/// How a workload stands whose pods were looked at, too: what some of them have for certain,
/// and will not read again, outweighs what is recorded of all.
#[must_use]
pub fn with_pods(standing: &Standing, rows: &[StaleUse]) -> Standing {
    let is_behind = |row: &StaleUse| row.certainty == Certainty::Surely && row.reads == Reads::Once;
    let word = match standing.word {
        Word::InStep if rows.iter().any(is_behind) => Word::Stale,
        word => word,
    };
    Standing {
        word,
        ..standing.clone()
    }
}
