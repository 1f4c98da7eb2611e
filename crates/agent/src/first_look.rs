//! The start of a life: what does the process have?
//!
//! In: what an earlier life kept, what the files contain now, and the process, if
//! it can be asked. Out: what the state machine is told. What is not known is taken
//! for a change that was missed, never for none.

use crate::act::{Actor, Holds};
use crate::journal::log;
use crate::memory::{Kept, Mark, Memory};
use tidings_core::supervise::{Event, Known, Version};

/// A question to the process, for the worker.
#[derive(Debug, Clone)]
pub(crate) struct FirstLook {
    pub(crate) baseline: Version,
    /// When the newest of the files was put there (wall clock, since 1970).
    pub(crate) changed_at: (i64, i64),
    /// An earlier life left word of another state, or of none that is known; or
    /// this is the first and the files came after the pod.
    pub(crate) may_differ: bool,
}

/// What the memory alone says.
pub(crate) fn known(kept: &Kept, now: &Mark) -> Known {
    match kept {
        Kept::Taken(mark) if mark == now => Known::Current,
        _ => Known::NotYet,
    }
}

impl FirstLook {
    /// Asks the process.
    pub(crate) fn event(&self, actor: &Actor) -> Event {
        let has_it = match actor.holds(self.changed_at) {
            Holds::Yes => true,
            Holds::No => false,
            // It will read the files when it starts, if it has not begun to.
            Holds::NobodyThere { may_be_starting } => !(may_be_starting && self.may_differ),
            Holds::Unknown { acting_ends_us } => {
                // Without a memory every life would end with the first look.
                acting_ends_us && !self.may_differ
            }
        };
        if has_it {
            Event::IsCurrent(self.baseline)
        } else {
            Event::MayBeOld
        }
    }
}

/// Whether what an earlier life left says that something was missed. `changed_at`:
/// when the newest of the files was put there.
pub(crate) fn may_differ(kept: &Kept, memory: Option<&Memory>, changed_at: (i64, i64)) -> bool {
    match kept {
        Kept::Nowhere => false,
        Kept::Nothing => memory.is_some_and(|memory| memory.is_older_than(changed_at)),
        Kept::Taken(_) | Kept::Doubt => true,
    }
}

/// A memory that fails is no reason to stop: the next life will act once more.
pub(crate) fn say_if_not_kept(result: std::io::Result<()>) {
    if let Err(error) = result {
        log(&format!(
            "what was taken cannot be kept ({error}): after a restart the agent acts once more"
        ));
    }
}
